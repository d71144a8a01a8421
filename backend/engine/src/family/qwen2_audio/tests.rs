//! What the encoder is given and what it makes of it, against transformers: the tiny checkpoint
//! (tests/goldens/qwen2-audio) and the demo model's own reference.

use std::path::{Path, PathBuf};

use candle_core::Device;
use safetensors::SafeTensors;
use shared::Quant;

use crate::family::{Parts, Reading, load};
use crate::prepare::Mel;
use crate::sound::{Sound, SoundLimits};

/// How far f32, in which transformers computes log-mel energies, is from f64.
const MEL: f32 = 4e-6;
/// The same for each factor by which a band's amplitude is below the loudest of its frame: rounding in a
/// Fourier transform is as large as the loudest amplitude makes it, whatever the others are.
const MEL_BELOW: f32 = 1e-7;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn parts(folder: &Path) -> Parts {
    let reading = Reading {
        quant: Quant::F32,
        device: &Device::Cpu,
        cache: None,
        weighing: None,
        progress: &mut |_, _| {},
    };
    load(&folder.into(), "it", reading).expect("loads").parts
}

/// A tensor of two dimensions or more, with its last one.
fn f32s(file: &SafeTensors, name: &str) -> (Vec<f32>, usize) {
    let view = file.tensor(name).expect("a tensor");
    let values = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (values, *view.shape().last().expect("a dimension"))
}

fn mel(parts: &Parts, file: &Path) -> Mel {
    let bytes = std::fs::read(file).expect("a sound");
    let sound = Sound::decode(&bytes, &SoundLimits::default()).expect("decodes");
    parts.pictures.sounds().expect("it hears").prepare(&sound.samples)
}

/// Energies in the reference's `[bands, width]`; those that are left out are silent, which is the least of all.
fn close(mel: &Mel, (want, width): &(Vec<f32>, usize), below: f32, what: &str) {
    let silence = want.iter().copied().fold(f32::INFINITY, f32::min);
    for frame in 0..*width {
        let band = || want.iter().skip(frame).step_by(*width).copied();
        let loudest = band().fold(silence, f32::max);
        for (band, want) in band().enumerate() {
            let got = match frame < mel.frames {
                true => mel.values[band * mel.frames + frame],
                false => silence,
            };
            // Energies are (log10 + 4) / 4, amplitudes their roots.
            let allowed = MEL + below * 10f32.powf(2.0 * (loudest - want));
            let off = (got - want).abs();
            assert!(off <= allowed, "{what}: band {band} of frame {frame} is off by {off:e}");
        }
    }
}

fn near(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0f32, |m, w| m.max(w.abs()));
    let off = got.iter().zip(want).fold(0f32, |m, (g, w)| m.max((g - w).abs()));
    assert!(off <= tolerance * largest, "{what}: off by {off:e} of {largest}");
}

#[test]
fn energies_and_features_equal_the_reference() {
    let folder = root().join("tests/goldens/qwen2-audio");
    let bytes = std::fs::read(folder.join("golden.safetensors")).expect("goldens");
    let golden = SafeTensors::deserialize(&bytes).expect("goldens");
    let parts = parts(&folder);
    let mel = mel(&parts, &folder.join("sound.wav"));
    assert_eq!((mel.heard, mel.frames, mel.length, mel.step), (137, 139, 1370, 40));
    close(&mel, &f32s(&golden, "input_features"), 0.0, "the tiny checkpoint");
    let heard = parts.encoder.hear(&mel, false).expect("runs");
    let rows: Vec<f32> = heard.rows.flatten_all().expect("rows").to_vec1().expect("rows");
    near(&rows, &f32s(&golden, "features").0, 1e-5, "features");
}

#[test]
fn energies_and_features_of_the_demo_model_equal_the_reference() {
    let folder = root().join("training/models/demo-audio");
    let bytes = std::fs::read(folder.join("reference.safetensors")).expect("it is there");
    let golden = SafeTensors::deserialize(&bytes).expect("tensors");
    let text = std::fs::read_to_string(folder.join("reference.json")).expect("it is there");
    let samples: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(samples.len(), 7);
    let parts = parts(&folder);
    for (i, sample) in samples.iter().enumerate() {
        let file = sample["file"].as_str().expect("a name");
        let mel = mel(&parts, &folder.join("samples").join(file));
        close(&mel, &f32s(&golden, &format!("{i}.log_mel")), MEL_BELOW, file);
        assert_eq!(Some(mel.heard as u64), sample["heard_mel_frames"].as_u64(), "{file}");
        let rows = parts.encoder.hear(&mel, false).expect("runs").rows;
        assert_eq!(Some(rows.dim(0).expect("rows") as u64), sample["audio_tokens"].as_u64());
        let rows: Vec<f32> = rows.flatten_all().expect("rows").to_vec1().expect("rows");
        near(&rows, &f32s(&golden, &format!("{i}.features")).0, 1e-5, file);
    }
}

/// Scores to prune by are a distribution over what is heard: each row of attention adds up to 1.
#[test]
fn scores_are_one_for_each_feature() {
    let folder = root().join("tests/goldens/qwen2-audio");
    let parts = parts(&folder);
    let mel = mel(&parts, &folder.join("sound.wav"));
    let scores = parts.encoder.hear(&mel, true).expect("runs").scores;
    assert_eq!(scores.len(), 34);
    // Pairs are averaged, and of 69 positions the last is in no pair.
    let all = 2.0 * scores.iter().sum::<f32>();
    assert!(all < 1.0 && all > 0.9, "{all}");
}
