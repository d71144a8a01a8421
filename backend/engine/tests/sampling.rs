//! Answers under a repetition penalty against transformers (tests/goldens/make_sampling.py), and drawn ones against
//! themselves.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::common::{Golden, Recording, device};
use engine::{LoadOptions, Model, Picture, PictureLimits, Prepared};
use serde_json::Value;
use shared::{Quant, RunOptions, Sampling};

fn prepare(golden: &Golden, model: &Model, sampling: Sampling) -> Prepared {
    let file = golden.folder.join("../images").join(golden.text("picture"));
    let shown = Picture::decode(&std::fs::read(file).unwrap(), &PictureLimits::default()).unwrap();
    let options = RunOptions {
        prompt: golden.text("text"),
        quant: Quant::F32,
        max_new_tokens: 20,
        ignore_eos: true,
        sampling,
        ..RunOptions::default()
    };
    let prepared = model.prepare(&shown, &options).unwrap();
    assert_eq!(prepared.options().sampling, sampling);
    prepared.with_pixels(golden.f32("pixel_values"))
}

fn answer(golden: &Golden, model: &Model, sampling: Sampling) -> Vec<u32> {
    let mut seen = Recording::without_maps();
    model.run(&prepare(golden, model, sampling), &mut seen).unwrap().unwrap();
    seen.generated()
}

fn load(golden: &Golden) -> Model {
    let options = LoadOptions { name: golden.name.clone(), quant: Quant::F32, device: device() };
    Model::load(&golden.folder, &options, &mut |_, _| {}).unwrap()
}

#[test]
fn penalised_answers_equal_transformers() {
    let file = Golden::open("llava-mha").folder.join("../sampling.json");
    let cases: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for (name, case) in cases.as_object().unwrap() {
        let golden = Golden::open(name);
        let model = load(&golden);
        for case in case["answers"].as_array().unwrap() {
            let repetition_penalty = case["repetition_penalty"].as_f64().unwrap();
            let sampling = Sampling { repetition_penalty, ..Sampling::default() };
            let want: Vec<u32> = serde_json::from_value(case["generated_ids"].clone()).unwrap();
            assert_eq!(answer(&golden, &model, sampling), want, "{name} at {repetition_penalty}");
        }
    }
}

#[test]
fn a_seed_draws_the_same_answer_and_watching_changes_nothing() {
    for name in ["llava-mha", "qwen-square"] {
        let golden = Golden::open(name);
        let model = load(&golden);
        let drawn = |seed| Sampling { temperature: 2.0, seed, ..Sampling::default() };
        let answers: Vec<Vec<u32>> =
            [1, 1, 2].map(|seed| answer(&golden, &model, drawn(seed))).into();
        assert_eq!(answers[0], answers[1], "{name}");
        assert_ne!(answers[0], answers[2], "{name}");
        assert_ne!(answers[0], golden.ids("generated_ids"), "{name}");
        let same = model.verify(&prepare(&golden, &model, drawn(1))).unwrap();
        assert_eq!((same.same_tokens, same.largest_logit_difference), (20, 0.0), "{name}");
    }
}
