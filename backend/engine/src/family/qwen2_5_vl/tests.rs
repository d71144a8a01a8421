//! What the tower makes of a film, against transformers (tests/goldens/qwen2.5-vl-film).

use std::path::Path;

use candle_core::Device;
use safetensors::SafeTensors;
use shared::{PreparedPicture, Quant};

use crate::family::{Reading, load};
use crate::picture::Picture;
use crate::prepare::Reel;

#[test]
fn features_of_a_film_equal_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/qwen2.5-vl-film");
    let bytes = std::fs::read(folder.join("golden.safetensors")).expect("goldens");
    let golden = SafeTensors::deserialize(&bytes).expect("goldens");
    let f32s = |name: &str| -> Vec<f32> {
        let view = golden.tensor(name).expect("a tensor");
        view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    let reading = Reading {
        quant: Quant::F32,
        device: &Device::Cpu,
        cache: None,
        weighing: None,
        progress: &mut |_, _| {},
    };
    let parts = load(&folder.as_path().into(), "it", reading).expect("loads").parts;
    let view = PreparedPicture {
        width: 140,
        height: 84,
        source_width: 160,
        source_height: 90,
        covers: [0.0, 0.0, 160.0, 90.0],
        rows: 3,
        cols: 5,
    };
    let reel = Reel {
        values: f32s("pixel_values_videos"),
        view,
        times: vec![0; 3],
        frames: vec![0; 6],
        of: 6,
        rate: 2.0,
        rule: shared::FilmSampling::All,
        strip: Picture { width: 1, height: 1, rgb: vec![0; 3] },
    };
    let seen = parts.encoder.watch(&reel, true).expect("runs");
    let (rows, want) = (seen.rows.flatten_all().expect("rows"), f32s("features"));
    let rows: Vec<f32> = rows.to_vec1().expect("rows");
    let largest = want.iter().fold(0f32, |m, w| m.max(w.abs()));
    let off = rows.iter().zip(&want).fold(0f32, |m, (g, w)| m.max((g - w).abs()));
    assert_eq!(rows.len(), want.len());
    assert!(off <= 1e-5 * largest, "off by {off:e} of {largest}");
    // Each step's scores are a distribution over its own tokens, of which a token has four patches.
    for step in seen.scores.chunks(15) {
        let all = 4.0 * step.iter().sum::<f32>();
        assert!((all - 1.0).abs() < 1e-4, "{all}");
    }
}
