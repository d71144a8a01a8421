//! What the encoder makes of tiles, against transformers (tests/goldens/make_smolvlm.py).

use std::path::Path;

use candle_core::Device;
use safetensors::SafeTensors;
use shared::Quant;

use crate::family::{Reading, load};

#[test]
fn features_equal_transformers_tile_by_tile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/smolvlm");
    let reading = Reading {
        quant: Quant::F32,
        device: &Device::Cpu,
        cache: None,
        weighing: None,
        progress: &mut |_, _| {},
    };
    let encoder = load(&folder.as_path().into(), "smolvlm", reading).expect("loads").parts.encoder;
    let bytes = std::fs::read(folder.join("golden.safetensors")).expect("goldens");
    let golden = SafeTensors::deserialize(&bytes).expect("goldens");
    let f32s = |name: &str| -> Vec<f32> {
        let data = golden.tensor(name).expect("a tensor").data();
        data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    let (pixels, want) = (f32s("pixel_values"), f32s("image_features"));
    let close = |pixels: &[f32], want: &[f32]| {
        let seen = encoder.features(pixels, &[], true).expect("runs");
        let rows: Vec<f32> = seen.rows.flatten_all().and_then(|t| t.to_vec1()).expect("values");
        assert_eq!(rows.len(), want.len());
        let largest = want.iter().fold(0.0, |m: f32, w| m.max(w.abs()));
        for (got, want) in rows.iter().zip(want) {
            assert!((got - want).abs() <= 1e-5 * largest, "{got} is not {want}");
        }
        seen.scores
    };
    let scores = close(&pixels, &want);
    // Each patch of a tile gives its attention away once, and a token is the mean of four.
    for tile in scores.chunks(16) {
        let sum: f32 = tile.iter().sum();
        assert!((sum - 0.25).abs() < 1e-5, "{sum}");
    }
    // Tiles do not see each other: the whole picture alone has the same features.
    let alone = close(&pixels[4 * 3 * 32 * 32..], &want[4 * 16 * 48..]);
    let off = alone.iter().zip(&scores[64..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(alone.len() == 16 && off < 1e-7, "{off}");
}
