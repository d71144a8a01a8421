//! What the encoder makes of a picture, against transformers (tests/goldens/make_interleave.py).

use std::path::Path;

use candle_core::Device;
use safetensors::SafeTensors;
use shared::Quant;

use crate::family::{Reading, load};

/// The norm behind the blocks is not applied, and the last blocks not run where an earlier layer is asked.
#[test]
fn features_equal_transformers() {
    for name in ["interleave-full", "interleave-v4"] {
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
        let seen = encoder.features(&f32s("pixel_values"), &[], false).expect("runs");
        let rows: Vec<f32> = seen.rows.flatten_all().and_then(|t| t.to_vec1()).expect("values");
        let want = f32s("image_features");
        assert_eq!(rows.len(), want.len());
        let largest = want.iter().fold(0.0, |m: f32, w| m.max(w.abs()));
        for (got, want) in rows.iter().zip(&want) {
            assert!((got - want).abs() <= 1e-5 * largest, "{name}: {got} is not {want}");
        }
    }
}
