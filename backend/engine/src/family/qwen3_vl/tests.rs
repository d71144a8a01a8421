//! What the tower makes of a picture, and of its early blocks, against transformers
//! (tests/goldens/make_qwen3.py).

use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use shared::{PreparedPicture, Quant};

use crate::family::{Reading, load};

#[test]
fn features_equal_transformers_level_by_level() {
    for (name, grid, levels) in [("qwen3-tall", (5, 2), 2), ("qwen3-wide", (2, 8), 3)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens").join(name);
        let reading = Reading {
            quant: Quant::F32,
            device: &Device::Cpu,
            cache: None,
            weighing: None,
            progress: &mut |_, _| {},
        };
        let encoder = load(&folder.as_path().into(), name, reading).expect("loads").parts.encoder;
        let bytes = std::fs::read(folder.join("golden.safetensors")).expect("goldens");
        let golden = SafeTensors::deserialize(&bytes).expect("goldens");
        let f32s = |name: &str| -> Vec<f32> {
            let data = golden.tensor(name).expect("a tensor").data();
            data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        };
        let (rows, cols) = grid;
        let (width, height) = (u32::from(cols), u32::from(rows));
        let view = PreparedPicture {
            width,
            height,
            source_width: width,
            source_height: height,
            covers: [0.0, 0.0, width as f32, height as f32],
            rows,
            cols,
        };
        let seen = encoder.features(&f32s("pixel_values"), &[view], true).expect("runs");
        assert_eq!((seen.deep.len(), encoder.deep()), (levels, levels), "{name}");
        let deep = Tensor::cat(&seen.deep, 0).expect("levels");
        for (got, want) in [(&seen.rows, "image_features"), (&deep, "deepstack")] {
            let got: Vec<f32> = got.flatten_all().and_then(|t| t.to_vec1()).expect("values");
            let all = f32s(want);
            assert_eq!(got.len(), all.len(), "{name}: {want}");
            let largest = all.iter().fold(0.0, |m: f32, w| m.max(w.abs()));
            for (got, one) in got.iter().zip(&all) {
                assert!((got - one).abs() <= 1e-5 * largest, "{name}, {want}: {got}, not {one}");
            }
        }
        // Each patch gives its attention away once, and a token is the mean of four.
        let sum: f32 = seen.scores.iter().sum();
        assert!((sum - 0.25).abs() < 1e-5, "{name}: {sum}");
    }
}
