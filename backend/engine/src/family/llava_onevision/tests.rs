//! What the encoder makes of a picture in tiles, against transformers (tests/goldens/make_onevision.py).

use std::path::Path;

use candle_core::Device;
use safetensors::SafeTensors;
use shared::{PreparedPicture, Quant};

use crate::family::{Reading, load};

/// The map with what was padded left out, shrunk, and line ends; and what tokens are ranked by.
#[test]
fn features_and_scores_equal_transformers() {
    for (name, size) in [("onevision", (37, 101)), ("onevision-v4", (120, 40))] {
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
        let f32s = |name: &str| -> Option<Vec<f32>> {
            let data = golden.tensor(name).ok()?;
            Some(data.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        };
        let view = PreparedPicture {
            width: size.0,
            height: size.1,
            source_width: size.0,
            source_height: size.1,
            covers: [0.0, 0.0, size.0 as f32, size.1 as f32],
            rows: 1,
            cols: 1,
        };
        let pixels = f32s("pixel_values").expect("pixels");
        let seen = encoder.features(&pixels, &[view, view], true).expect("runs");
        let rows: Vec<f32> = seen.rows.flatten_all().and_then(|t| t.to_vec1()).expect("values");
        let want = f32s("image_features").expect("features");
        assert_eq!(rows.len(), want.len(), "{name}");
        let largest = want.iter().fold(0.0, |m: f32, w| m.max(w.abs()));
        for (got, want) in rows.iter().zip(&want) {
            assert!((got - want).abs() <= 1e-5 * largest, "{name}: {got} is not {want}");
        }
        let Some(want) = f32s("scores") else { continue };
        assert_eq!(seen.scores.len(), want.len(), "{name}");
        for (got, want) in seen.scores.iter().zip(&want) {
            assert!((got - want).abs() < 1e-6, "{name}: {got} is not {want}");
        }
    }
}
