//! Prepared pictures beside transformers' image processors, to the last bit: those on torchvision,
//! which AutoProcessor takes, and those on Pillow (`tests/goldens/make_resize.py`).

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::{Resizing, RunOptions};

use super::resize::tests::picture;
use super::{AnySize, Normalise, Pictures};
use crate::family::llava::ClipPrepare;

fn hash(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn pixel_values_equal_those_of_auto_processor() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens");
    let json = std::fs::read_to_string(goldens.join("resize.json")).expect("goldens");
    let golden: Value = serde_json::from_str(&json).expect("goldens");
    // What the processors' files of these goldens say.
    let clip = ClipPrepare::standard(40, 8);
    let qwen = AnySize::of((256, 8192), (8, 2), Normalise::CLIP);
    let cases = golden["prepare"].as_array().expect("a list");
    assert!(cases.len() >= 28);
    let mut wrong = Vec::new();
    for case in cases {
        let edge = |i: usize| case["size"][i].as_u64().expect("an edge") as u32;
        let source = picture(edge(0), edge(1));
        let resize = case["resizing"].as_str().and_then(Resizing::from_name).expect("one of them");
        let options = RunOptions { resize, ..RunOptions::default() };
        let pixels = match case["model"].as_str() {
            Some("llava-gqa") => clip.prepare(&source, &options),
            _ => qwen.prepare(&source, &options),
        };
        let got = hash(&pixels.expect("prepares").values);
        if Some(got.as_str()) != case["sha256"].as_str() {
            wrong.push(case.to_string());
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
