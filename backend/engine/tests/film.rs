//! Qwen2.5-VL asked about films, against transformers, number by number: a tiny checkpoint
//! (tests/goldens/qwen2.5-vl-film) and the demo model with its own reference.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use shared::{
    AfterFilm, Definition, ErrorCode, FilmOptions, FilmSampling, FrameOrder, Group, Knockout,
    Medium, Moment, PictureUse, Place, Quant, RunOptions,
};

use crate::common::{Close, Golden, Recording, Tensors, device};
use engine::{Film, FilmLimits, Frames, LoadOptions, Model};

const NAME: &str = "qwen2.5-vl-film";

fn load(place: &Path, quant: Quant) -> Model {
    let options = LoadOptions { name: NAME.to_owned(), quant, device: device() };
    Model::load(place, &options, &mut |_, _| {}).unwrap()
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../training/models/demo-video")
}

fn film(bytes: &[u8]) -> Film {
    Film::decode(bytes, &FilmLimits::default()).unwrap()
}

fn asked(prompt: &str) -> RunOptions {
    RunOptions {
        prompt: prompt.to_owned(),
        quant: Quant::F32,
        max_new_tokens: 20,
        resize: shared::Resizing::Torchvision,
        ..RunOptions::default()
    }
}

/// The golden's frames, each a file.
fn frames(golden: &Golden) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(golden.folder.join("frames"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// The golden, its model in f32, its film and its question.
fn tiny() -> (Golden, Model, Film, RunOptions) {
    let golden = Golden::open(NAME);
    let model = load(&golden.folder, Quant::F32);
    let raw = &golden.json["raw"];
    let said = Frames {
        fps: None,
        source_fps: raw["source_fps"].as_f64(),
        source_frames: raw["source_frames"].as_u64().map(|n| n as u32),
        indices: serde_json::from_value(raw["frames_indices"].clone()).unwrap(),
    };
    let seen = film(&said.packed(&frames(&golden)));
    let options = RunOptions { ignore_eos: true, ..asked(raw["text"].as_str().unwrap()) };
    (golden, model, seen, options)
}

fn run(model: &Model, seen: &Film, options: &RunOptions) -> Recording {
    let prepared = model.prepare(seen, options).unwrap();
    let mut recording = Recording::default();
    model.run(&prepared, &mut recording).unwrap().unwrap();
    assert_eq!(recording.ids().len(), prepared.prompt_tokens(), "as was reckoned before");
    recording
}

#[test]
fn the_tiny_checkpoint_equals_transformers() {
    let (golden, model, seen, options) = tiny();
    assert_eq!(model.info().notes, Vec::<String>::new());
    let prepared = model.prepare(&seen, &options).unwrap();
    assert_eq!(prepared.pixels(), golden.f32("pixel_values_videos"), "pixels, bit by bit");
    let seen = run(&model, &seen, &options);
    assert_eq!(seen.ids(), golden.ids("input_ids"));
    assert_eq!(seen.generated(), golden.ids("generated_ids"));
    let vocab = model.info().vocab as usize;
    let last = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
    let logits = [last, &seen.decode_logits].concat();
    Close::relative(1e-4).check(&logits, &golden.f32("logits_generated"), "logits");
    let (l, h) = (model.info().layers as usize, model.info().heads as usize);
    let (s, n) = (seen.ids().len(), 20);
    let (prefill, generated) = seen.dense_maps(l, h, s, n);
    // Features are transformers' to 1e-5 of the largest (`family/qwen2_5_vl/tests.rs`), and this checkpoint's weights
    // are large: what rounding leaves of them grows from layer to layer, and comes to 6e-5. Positions are compared by
    // themselves (`family/positions.rs`).
    let attention = Close::absolute(1e-4);
    attention.check(&prefill, &golden.f32("prefill"), "attention");
    attention.check(&generated, &golden.f32("generated"), "attention while generating");
    let observation = seen.observation();
    for layer in 0..l {
        let ours = observation.measure(layer, &Definition::default());
        let want = |name: &str| golden.json[name][layer].as_f64().unwrap();
        let close = Close::relative(1e-4);
        close.check64(ours.mdi.unwrap(), want("mdi"), &format!("MDI of layer {layer}"));
        close.check64(ours.aei_text.unwrap(), want("aei_text"), &format!("AEI of layer {layer}"));
    }
}

#[test]
fn tokens_carry_their_groups_and_their_moments() {
    let (golden, model, seen, options) = tiny();
    let layout = run(&model, &seen, &options).layout.unwrap();
    let counts = layout.counts();
    assert_eq!(Some(u64::from(counts.get(Group::Video))), golden.number("n_media"));
    let [Medium::Video { view, times, frames, of, rate, .. }] = layout.media.as_slice() else {
        panic!("{:?}", layout.media)
    };
    assert_eq!((view.rows, view.cols, view.source_width, view.source_height), (3, 5, 160, 90));
    // The first of each pair, of a film of thirty frames a second.
    assert_eq!(times, &[0, 1200, 2367]);
    assert_eq!(frames, &[0, 18, 36, 53, 71, 89]);
    assert_eq!((*of, *rate), (90, 2.0));
    let places: Vec<Place> = layout.tokens.iter().filter_map(|t| t.place).collect();
    let moment = |i: u16| Moment { step: i / 15, row: i / 5 % 3, col: i % 5 };
    assert_eq!(places, (0..45).map(|i| Place::Moment(moment(i))).collect::<Vec<_>>());
    assert!(layout.tokens.iter().all(|t| (t.group == Group::Video) == (t.medium == Some(0))));
}

#[test]
fn the_demo_model_equals_its_reference() {
    let model = load(&demo(), Quant::F32);
    let reference = Tensors::open(&demo().join("reference.safetensors"));
    let text = std::fs::read_to_string(demo().join("reference.json")).unwrap();
    let samples: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(samples.len(), 8);
    for (i, sample) in samples.iter().enumerate() {
        let what = sample["title"].as_str().unwrap();
        let file = demo().join("samples").join(sample["file"].as_str().unwrap());
        let seen = film(&std::fs::read(file).unwrap());
        assert_eq!(Some(seen.extent().rate), sample["fps"].as_f64(), "{what}");
        let options =
            RunOptions { max_new_tokens: 48, ..asked(sample["prompt"].as_str().unwrap()) };
        let seen = run(&model, &seen, &options);
        assert_eq!(seen.ids(), reference.ids(&format!("{i}.input_ids")), "{what}");
        assert_eq!(seen.generated(), reference.ids(&format!("{i}.generated_ids")), "{what}");
        let vocab = model.info().vocab as usize;
        let last = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
        Close::relative(1e-5).check(last, &reference.f32(&format!("{i}.logits")), what);
        if i > 0 {
            continue;
        }
        let (l, h) = (model.info().layers as usize, model.info().heads as usize);
        let (s, n) = (seen.ids().len(), seen.generated().len());
        let (prefill, _) = seen.dense_maps(l, h, s, n.max(2));
        let rows: Vec<f32> =
            prefill.chunks(s * s).flat_map(|map| map[s * (s - 1)..].to_vec()).collect();
        Close::absolute(1e-5).check(&rows, &reference.f32("0.attention"), "attention");
    }
}

/// Frames behind each other in the tower see nothing of each other: a film of equal frames is a picture again and
/// again, and its steps differ in time alone.
#[test]
fn the_levers_hold_for_films() {
    let (_, model, seen, options) = tiny();
    let twice = run(&model, &seen, &RunOptions { replicate: 2, ..options.clone() });
    assert_eq!(twice.layout.unwrap().media_counts(), [90]);
    let pruned = run(&model, &seen, &RunOptions { prune: 0.5, ..options.clone() });
    let layout = pruned.layout.unwrap();
    assert_eq!(layout.media_counts(), [23]);
    let order = |place: &Place| match place {
        Place::Moment(Moment { step, row, col }) => (*step, *row, *col),
        _ => panic!("{place:?}"),
    };
    assert!(layout.tokens.iter().filter_map(|t| t.place).is_sorted_by_key(|p| order(&p)));
    let none = run(&model, &seen, &RunOptions { picture: PictureUse::None, ..options.clone() });
    assert!(none.layout.unwrap().media.is_empty());
    let own = model.prepare(&seen, &options).unwrap().pixels().to_vec();
    let blank = RunOptions { picture: PictureUse::Blank, ..options.clone() };
    let black = model.prepare(&seen, &blank).unwrap().pixels().to_vec();
    let channel = 2 * 14 * 14;
    assert!(black[..channel].iter().all(|v| *v == black[0]) && black[0] < -1.7, "{}", black[0]);
    assert_eq!(black.len(), own.len());
    let noise = RunOptions { picture: PictureUse::Noise(3), ..options.clone() };
    let noise = model.prepare(&seen, &noise).unwrap().pixels().to_vec();
    let step = own.len() / 3;
    assert_ne!(noise[..step], noise[step..2 * step], "every frame is noise of its own");
    let ordered = |order| RunOptions {
        film: FilmOptions { order, ..FilmOptions::default() },
        ..options.clone()
    };
    let reversed = model.prepare(&seen, &ordered(FrameOrder::Reversed)).unwrap();
    let (first, area) = (14 * 14, reversed.pixels());
    // The first frame of the first pair is the last of the last pair now.
    assert_eq!(area[..first], own[2 * step + first..][..first]);
    let knockout: Knockout = "text>video".parse().unwrap();
    let knocked = run(&model, &seen, &RunOptions { knockout: Some(knockout), ..options });
    let (video, instruction) = (4, 5);
    let bins = knocked.layout.as_ref().unwrap().bins.len();
    for head in knocked.flows[0].mass.0.chunks(bins * bins) {
        assert_eq!(head[instruction * bins + video], 0.0);
    }
}

/// Sixty steps of 3 × 5 tokens at two positions each reach far beyond the question behind them.
#[test]
fn a_long_film_overlaps_its_question_unless_it_is_told_not_to() {
    let (golden, model, _, options) = tiny();
    let many: Vec<Vec<u8>> = frames(&golden).into_iter().cycle().take(40).collect();
    let long = film(&Frames { fps: Some(2.0), ..Frames::default() }.packed(&many));
    let overlapping = run(&model, &long, &options);
    let film = FilmOptions { after: AfterFilm::MaxPlusOne, ..FilmOptions::default() };
    let behind = run(&model, &long, &RunOptions { film, ..options });
    assert_eq!(overlapping.layout.as_ref().unwrap().media_counts(), [300]);
    assert_ne!(overlapping.prefill_logits, behind.prefill_logits, "positions matter");
}

#[test]
fn rules_choose_other_frames_of_a_long_film() {
    let (_, model, _, options) = tiny();
    // Two seconds of ten gray frames, eight by eight, each brighter than the one before.
    let mut y4m = b"YUV4MPEG2 W32 H32 F10:1 Ip C444\n".to_vec();
    for frame in 0..20u8 {
        y4m.extend_from_slice(b"FRAME\n");
        y4m.extend(std::iter::repeat_n(20 + 10 * frame, 32 * 32));
        y4m.extend(std::iter::repeat_n(128, 2 * 32 * 32));
    }
    let seen = film(&y4m);
    assert_eq!((seen.extent().frames, seen.extent().rate), (20, 10.0));
    let frames = |sampling, fps| {
        let film = FilmOptions { sampling, fps, ..FilmOptions::default() };
        let run = run(&model, &seen, &RunOptions { film, ..options.clone() });
        match run.layout.unwrap().media.remove(0) {
            Medium::Video { frames, rate, .. } => (frames, rate),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(frames(FilmSampling::QwenVlUtils, None), (vec![0, 6, 13, 19], 2.0));
    assert_eq!(frames(FilmSampling::Transformers, Some(2.0)), (vec![0, 5, 10, 15], 2.0));
    assert_eq!(frames(FilmSampling::All, None).0.len(), 20);
    assert_eq!(frames(FilmSampling::Transformers, None).0.len(), 20, "it takes every frame");
}

#[test]
fn models_without_films_say_so() {
    let (_, _, seen, options) = tiny();
    let llava = load(&Golden::open("llava-mha").folder, Quant::F32);
    let refused = llava.prepare(&seen, &options).unwrap_err();
    assert_eq!(refused.code, ErrorCode::BadOption);
    assert_eq!(refused.sentence.unwrap().id, "model_sees_no_films");
}

#[test]
fn the_strip_has_all_frames_beside_each_other() {
    let (_, model, seen, options) = tiny();
    let png = model.prepare(&seen, &options).unwrap().picture_png().unwrap();
    let strip = engine::Picture::decode(&png, &engine::PictureLimits::default()).unwrap();
    assert_eq!((strip.width, strip.height), (6 * 140, 84));
}
