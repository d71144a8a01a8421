//! Prompts with several pictures, against transformers (tests/goldens/make_several.py), and what
//! levers and interventions do to each of them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::common::{Close, Recording, Tensors, device};
use engine::{LoadOptions, Model, NoObserver, Picture, PictureLimits};
use shared::{
    Definition, ErrorCode, Group, MOST_MEDIA, PictureUse, PruneBy, PruneCount, Quant, RunOptions,
};

#[derive(serde::Deserialize)]
struct Case {
    checkpoint: String,
    pictures: Vec<String>,
    text: String,
    input_ids: Vec<u32>,
    generated_ids: Vec<u32>,
    grids: Vec<[u16; 2]>,
    /// By definition as its text says it, a number a layer.
    mdi: BTreeMap<String, Vec<f64>>,
}

const CASES: [&str; 8] = [
    "llava-mha-2",
    "llava-gqa-3",
    "interleave-v4-2",
    "qwen-tall-2",
    "qwen-exact-3",
    "qwen2-wide-2",
    "qwen3-wide-2",
    "internvl-qwen3-2",
];

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens")
}

fn open(name: &str) -> (Case, Tensors) {
    let at = |end: &str| goldens().join("several").join(format!("{name}.{end}"));
    let text = std::fs::read_to_string(at("json")).unwrap();
    (serde_json::from_str(&text).unwrap(), Tensors::open(&at("safetensors")))
}

impl Case {
    fn model(&self) -> Model {
        let (name, quant) = (self.checkpoint.clone(), Quant::F32);
        let options = LoadOptions { name, quant, device: device() };
        Model::load(goldens().join(&self.checkpoint), &options, &mut |_, _| {}).unwrap()
    }

    fn pictures(&self) -> Vec<Picture> {
        let read = |name: &String| std::fs::read(goldens().join("images").join(name)).unwrap();
        let decode = |file: Vec<u8>| Picture::decode(&file, &PictureLimits::default()).unwrap();
        self.pictures.iter().map(read).map(decode).collect()
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            prompt: self.text.clone(),
            quant: Quant::F32,
            max_new_tokens: 8,
            ignore_eos: true,
            ..RunOptions::default()
        }
    }
}

#[test]
fn prompts_with_several_pictures_equal_transformers() {
    for name in CASES {
        let (case, golden) = open(name);
        let model = case.model();
        let prepared = model.prepare(&case.pictures(), &case.options()).unwrap();
        let prepared = prepared.with_pixels(golden.f32("pixel_values"));
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        assert_eq!(seen.ids(), case.input_ids, "{name}: prompt ids");
        assert_eq!(seen.generated(), case.generated_ids, "{name}: generated ids");
        let vocab = model.info().vocab as usize;
        let logits = Close::relative(1e-4);
        let last = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
        logits.check(last, &golden.f32("logits_last"), &format!("{name}: logits"));
        let steps = &golden.f32("logits_generated")[vocab..];
        logits.check(&seen.decode_logits, steps, &format!("{name}: decode logits"));

        let layout = seen.layout.clone().unwrap();
        assert_eq!(layout.media.len(), case.pictures.len());
        assert_eq!(layout.bins.len(), 6 + case.pictures.len());
        let grids: Vec<[u16; 2]> =
            layout.media.iter().map(|m| m.picture().unwrap()).map(|p| [p.rows, p.cols]).collect();
        assert_eq!(grids, case.grids, "{name}: grids");
        let tokens = case.grids.iter().map(|[rows, cols]| u32::from(rows * cols));
        assert_eq!(layout.media_counts(), tokens.collect::<Vec<_>>());
        for (at, token) in layout.tokens.iter().enumerate() {
            assert_eq!(token.index as usize, at);
            assert_eq!(token.medium.is_some(), token.group == Group::Image);
        }

        let observation = seen.observation();
        assert!(case.mdi.len() > 4, "{name}");
        for (text, want) in &case.mdi {
            let definition = Definition::from_text(text).unwrap();
            for (layer, want) in want.iter().enumerate() {
                let ours = observation.measure(layer, &definition);
                let at = format!("{name}: {text} of layer {layer}");
                Close::relative(2e-6).check64(ours.mdi.unwrap(), *want, &at);
                assert!(ours.identity_residual().unwrap() < 1e-12);
            }
        }
    }
}

#[test]
fn rows_sum_to_one_in_every_bin() {
    for name in CASES {
        let (case, _) = open(name);
        let model = case.model();
        let prepared = model.prepare(&case.pictures(), &case.options()).unwrap();
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        let layout = seen.layout.clone().unwrap();
        let bins = layout.bins.len();
        for flow in &seen.flows {
            for head in 0..flow.heads as usize {
                for query in 0..bins {
                    let rows = layout.tokens.iter().filter(|t| layout.bin(t) == query).count();
                    let sum: f32 = (0..bins).map(|key| flow.mass(head, query, key)).sum();
                    assert!((sum - rows as f32).abs() < 1e-4, "{name}: {sum} leaves {rows}");
                }
            }
        }
        assert!(model.verify(&prepared).unwrap().agrees(), "{name}: watching changes nothing");
    }
}

/// Each picture is pruned and repeated by itself; what is done to pictures is done to all.
#[test]
fn levers_and_interventions_are_each_pictures_own() {
    for name in [
        "llava-mha-2",
        "interleave-v4-2",
        "qwen-tall-2",
        "qwen2-wide-2",
        "qwen3-wide-2",
        "internvl-qwen3-2",
    ] {
        let (case, _) = open(name);
        let model = case.model();
        let pictures = case.pictures();
        let layout = |options: &RunOptions| {
            let mut seen = Recording::default();
            let prepared = model.prepare(&pictures, options).unwrap();
            model.run(&prepared, &mut seen).unwrap().unwrap();
            let layout = seen.layout.unwrap();
            assert_eq!(prepared.prompt_tokens(), layout.len());
            (layout, seen.flows)
        };
        let all: Vec<u32> = layout(&case.options()).0.media_counts();
        for prune_by in [PruneBy::Score, PruneBy::Random(3)] {
            let options = RunOptions { prune: 0.5, prune_by, replicate: 2, ..case.options() };
            let kept = |n: &u32| 2 * PruneCount::default().kept(*n as usize, 0.5) as u32;
            let counts: Vec<u32> = all.iter().map(kept).collect();
            assert_eq!(layout(&options).0.media_counts(), counts, "{name}");
        }
        let none = RunOptions { picture: PictureUse::None, ..case.options() };
        let (without, _) = layout(&none);
        assert!(without.media.is_empty() && without.bins.is_one_picture());
        let blank = RunOptions { picture: PictureUse::Blank, ..case.options() };
        let prepared = model.prepare(&pictures, &blank).unwrap();
        let zeros = |m| prepared.pixels_of(m).iter().all(|v| *v == 0.0);
        assert!(zeros(0) && zeros(1) && prepared.picture_png_of(1).is_some(), "{name}");

        let knockout = Some("instruction>image".parse().unwrap());
        let (layout, flows) = layout(&RunOptions { knockout, ..case.options() });
        let words = layout.bins.find(Group::Instruction, None).unwrap();
        for medium in 0..2 {
            let picture = layout.bins.find(Group::Image, Some(medium)).unwrap();
            let on = |query: usize| flows.iter().map(move |f| f.mass(0, query, picture));
            assert!(on(words).all(|mass| mass == 0.0), "{name}: picture {medium} is hidden");
            assert!(on(picture).all(|mass| mass > 0.0));
        }
    }
}

#[test]
fn too_many_pictures_are_refused() {
    let (case, _) = open("llava-mha-2");
    let model = case.model();
    let many = vec![case.pictures().remove(0); MOST_MEDIA + 1];
    let error = model.prepare(&many, &case.options()).unwrap_err();
    assert_eq!(error.code, ErrorCode::BadOption);
    assert!(error.message.contains("There are 10 pictures; a prompt has at most 9"), "{error}");
    let most = model.prepare(&many[1..], &case.options()).unwrap();
    model.run(&most, &mut NoObserver).unwrap().unwrap();
}
