//! SmolVLM against transformers, number by number: a picture in tiles, and as one tile
//! (tests/goldens/make_smolvlm.py).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use serde_json::{Value, json};
use shared::picture::PictureTokens;
use shared::{
    Cell, Definition, Group, GroupSet, Knockout, PictureUse, Quant, Resizing, RunOptions,
};

use crate::common::folder::Folder;
use crate::common::{Close, Golden, Recording, device, same};
use engine::{DeviceChoice, LoadOptions, Model, Picture, PictureLimits, traits_of};

pub const NAME: &str = "smolvlm";
/// The limit of pixels that lets the picture have all its tiles: two by two of 32 × 32.
pub const TILED: u32 = 64 * 64;

pub fn load(place: &Path, quant: Quant, device: DeviceChoice) -> Model {
    let options = LoadOptions { name: NAME.to_owned(), quant, device };
    Model::load(place, &options, &mut |_, _| {}).unwrap()
}

fn model(quant: Quant) -> (Golden, Model) {
    let golden = Golden::open(NAME);
    let model = load(&golden.folder, quant, device());
    (golden, model)
}

pub fn picture() -> Picture {
    let file = Golden::open(NAME).folder.join("picture.png");
    Picture::decode(&std::fs::read(file).unwrap(), &PictureLimits::default()).unwrap()
}

/// The golden's question about its picture in tiles.
pub fn tiled(golden: &Golden) -> RunOptions {
    RunOptions {
        prompt: golden.text("text"),
        quant: Quant::F32,
        max_new_tokens: 20,
        ignore_eos: true,
        max_pixels: Some(TILED),
        ..RunOptions::default()
    }
}

pub fn run(model: &Model, options: &RunOptions) -> Recording {
    let prepared = model.prepare(&picture(), options).unwrap();
    let mut seen = Recording::default();
    model.run(&prepared, &mut seen).unwrap().unwrap();
    assert_eq!(seen.ids().len(), prepared.prompt_tokens(), "as was reckoned before");
    seen
}

/// Logits of the rows that predict the answer.
pub fn predicting(model: &Model, seen: &Recording) -> Vec<f32> {
    let vocab = model.info().vocab as usize;
    let last = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
    [last, &seen.decode_logits].concat()
}

fn groups(seen: &Recording) -> Vec<String> {
    let layout = seen.layout.as_ref().unwrap();
    layout.tokens.iter().map(|t| t.group.name().to_owned()).collect()
}

#[test]
fn a_picture_in_tiles_equals_transformers() {
    let (golden, model) = model(Quant::F32);
    let prepared = model.prepare(&picture(), &tiled(&golden)).unwrap();
    // Bit for bit.
    assert_eq!(prepared.pixels(), golden.f32("pixel_values"));
    let seen = run(&model, &tiled(&golden));
    assert_eq!(seen.ids(), golden.ids("input_ids"));
    assert_eq!(groups(&seen), golden.texts("groups"));
    assert_eq!(seen.generated(), golden.ids("generated_ids"));
    assert_eq!(seen.answer(), golden.text("generated_text"));
    let logits = Close::relative(1e-5).wider_on_gpu();
    logits.check(&predicting(&model, &seen), &golden.f32("logits_generated"), "logits");

    let (l, h) = (model.info().layers as usize, model.info().heads as usize);
    let (s, n) = (seen.ids().len(), 20);
    let (prefill, generated) = seen.dense_maps(l, h, s, n);
    let below = |map: &[f32]| -> Vec<f32> {
        map.chunks(s).enumerate().flat_map(|(i, row)| row[..=i].to_vec()).collect()
    };
    let prefill: Vec<f32> = prefill.chunks(s * s).flat_map(below).collect();
    // These rows are sharp (scores up to 37): the reference in f32 is 4e-5 from the same in f64.
    let attention = Close::absolute(2e-4);
    attention.check(&prefill, &golden.f32("attention_prefill"), "attention");
    let want = golden.f32("attention_generated");
    attention.check(&generated, &want, "attention while generating");

    let observation = seen.observation();
    for layer in 0..l {
        let (ours, theirs) =
            (observation.measure(layer, &Definition::default()), golden.paper(layer));
        // The reference summed in f32.
        let close = Close::relative(1e-4);
        close.check64(ours.mdi.unwrap(), theirs.mdi, &format!("MDI of layer {layer}"));
        close.check64(ours.aei_text.unwrap(), theirs.aei_text, &format!("AEI of layer {layer}"));
    }
}

/// The tokens of each tile lie in its cells, and the whole picture is a map of its own behind them.
#[test]
fn tokens_carry_tile_and_cell() {
    let (golden, model) = model(Quant::F32);
    let seen = run(&model, &tiled(&golden));
    let layout = seen.layout.unwrap();
    let cells: Vec<Cell> = layout.tokens.iter().filter_map(|t| t.cell()).collect();
    let cell = |i: u16| Cell { tile: i / 16, row: i % 16 / 4, col: i % 4, copy: 0 };
    assert_eq!(cells, (0..5 * 16).map(cell).collect::<Vec<_>>());
    let shared::Medium::Image { views, .. } = &layout.media[0] else { panic!("a picture") };
    let covers: Vec<[f32; 4]> = views.iter().map(|view| view.covers).collect();
    let (w, h) = (78.5, 41.5);
    assert_eq!(covers[..4], [[0., 0., w, h], [w, 0., w, h], [0., h, w, h], [w, h, w, h]]);
    assert_eq!(covers[4], [0.0, 0.0, 157.0, 83.0]);
    assert!(views.iter().all(|v| (v.width, v.height, v.rows, v.cols) == (32, 32, 4, 4)));
}

/// Where nobody asks for tiles there is one, which is transformers' `do_image_splitting` false.
#[test]
fn a_picture_is_one_tile_where_nobody_asks_for_more() {
    let (golden, model) = model(Quant::F32);
    let options = RunOptions { max_pixels: None, ..tiled(&golden) };
    let prepared = model.prepare(&picture(), &options).unwrap();
    assert_eq!(prepared.options().max_pixels, Some(32 * 32));
    assert_eq!(prepared.image_tokens(), 16);
    let levels = golden.u8("one_tile").1;
    let value = |level: u8| ((f64::from(level) / 255.0) as f32 - 0.5) / 0.5;
    let plane = |c: usize| levels.iter().skip(c).step_by(3).map(|level| value(*level));
    assert_eq!(prepared.pixels(), (0..3).flat_map(plane).collect::<Vec<f32>>());
    // The prompt is the tiled one without its tiles.
    let (ids, seen) = (golden.ids("input_ids"), run(&model, &options));
    let tokens = golden.texts("tokens");
    let whole = tokens.iter().position(|t| t == "<global-img>").unwrap() - 1;
    assert_eq!(seen.ids(), [&ids[..3], &ids[whole..]].concat());
    let all = golden.texts("groups");
    assert_eq!(groups(&seen), [&all[..3], &all[whole..]].concat());
    assert_eq!(model.info().max_pixels, Some(32 * 32), "the limit where nobody asks");
}

#[test]
fn what_is_known_at_a_glance_is_what_the_model_says() {
    let (golden, model) = model(Quant::F32);
    let glance = traits_of(&golden.folder).unwrap();
    let mut known = model.traits().clone();
    known.quant = glance.quant;
    assert_eq!(known, glance);
    assert_eq!(glance.tokens, Some(PictureTokens::Tiles { edge: 32, longest: 64, tokens: 16 }));
    assert_eq!((glance.pixels, glance.one_size), (Some((1024, 4096)), false));
    assert_eq!(glance.resize, Resizing::Pillow13);
    assert_eq!(glance.templates.unwrap(), ["smolvlm"]);
    let notes = model.info().notes.join("\n");
    assert!(notes.contains("'do_image_splitting' true: the lab shows"), "{notes}");
    assert!(!notes.contains("does not know"), "{notes}");
    // The price of every limit is what a question takes.
    for limit in [1024, 4095, 4096] {
        let options = RunOptions { max_pixels: Some(limit), ..tiled(&golden) };
        let prepared = model.prepare(&picture(), &options).unwrap();
        let price = glance.tokens.unwrap().of((157, 83), Some(limit));
        assert_eq!(price, Some(prepared.image_tokens() as u32), "{limit}");
    }
    let more = RunOptions { max_pixels: Some(1 << 20), ..tiled(&golden) };
    let used = model.prepare(&picture(), &more).unwrap().options().clone();
    assert_eq!((used.max_pixels, used.changed.len()), (Some(4096), 1), "the model's own limit");
}

#[test]
fn a_question_alone_is_the_chat_templates() {
    let (golden, model) = model(Quant::F32);
    let options = RunOptions { picture: PictureUse::None, ..tiled(&golden) };
    let seen = run(&model, &options);
    let text: String = seen.layout.unwrap().tokens.iter().map(|t| t.text.as_str()).collect();
    let want = "<|im_start|>User: What is in the picture?<end_of_utterance>\nAssistant:";
    assert_eq!(text, want);
}

/// As on the hub: the image processor in a file of its own, a configuration of transformers 4.
#[test]
fn both_layouts_of_files_are_the_same_model() {
    let folder = Folder::copy(NAME);
    let (golden, new) = model(Quant::F32);
    let processor: Value = serde_json::from_slice(&folder.read("processor_config.json")).unwrap();
    folder.write("preprocessor_config.json", processor["image_processor"].to_string());
    let around = json!({"image_seq_len": 16, "processor_class": "Idefics3Processor"});
    folder.write("processor_config.json", around.to_string());
    folder.change("config.json", |c| {
        let text = c["text_config"].as_object_mut().unwrap();
        text.remove("rope_parameters");
        text.insert("rope_theta".into(), json!(100_000.0));
        c["model_type"] = json!("idefics3");
        c["vision_config"]["model_type"] = json!("idefics3");
        c["transformers_version"] = json!("4.46.0");
    });
    let old = folder.load().unwrap();
    let (one, other) = (run(&new, &tiled(&golden)), run(&old, &tiled(&golden)));
    assert_eq!(one.ids(), other.ids());
    same(&one.decode_logits, &other.decode_logits, "logits");
}

/// Some tokenizers have no tokens for rows and columns: the marks are plain text then.
#[test]
fn marks_of_rows_and_columns_may_be_plain_text() {
    let folder = Folder::copy(NAME);
    folder.change("tokenizer.json", |t| {
        // Renamed, that those behind them keep their ids.
        for token in t["added_tokens"].as_array_mut().unwrap() {
            let name = token["content"].as_str().unwrap();
            if let Some(rest) = name.strip_prefix("<row_") {
                token["content"] = json!(format!("<unused_{rest}"));
            }
        }
    });
    let (golden, whole) = model(Quant::F32);
    let seen = run(&folder.load().unwrap(), &tiled(&golden));
    let of = |seen: &Recording| {
        let layout = seen.layout.clone().unwrap();
        let marks = layout.tokens.iter().filter(|t| t.group == Group::Marker);
        (marks.map(|t| t.text.as_str()).collect::<String>(), layout.counts())
    };
    let ((marks, counts), (before, all)) = (of(&seen), of(&run(&whole, &tiled(&golden))));
    assert_eq!(marks, before, "the same text in the same group");
    assert!(counts.get(Group::Marker) > all.get(Group::Marker), "in more tokens");
    assert_eq!(counts.get(Group::Image), 80);
}

#[test]
fn pictures_are_pruned_repeated_and_replaced_tile_by_tile() {
    let (golden, model) = model(Quant::F32);
    assert_eq!(model.info().prune_score, "attention-received-in-last-block");
    let base = RunOptions { max_new_tokens: 3, ..tiled(&golden) };
    let image = |seen: &Recording| seen.layout.as_ref().unwrap().counts().get(Group::Image);
    let half = run(&model, &RunOptions { prune: 0.5, ..base.clone() });
    assert_eq!(image(&half), 40);
    let twice = run(&model, &RunOptions { replicate: 2, ..base.clone() });
    assert_eq!(image(&twice), 160);
    let whole = run(&model, &base);
    let blank = RunOptions { picture: PictureUse::Blank, ..base.clone() };
    let prepared = model.prepare(&picture(), &blank).unwrap();
    assert!(prepared.pixels().iter().all(|v| *v == 0.0) && prepared.pixels().len() == 15_360);
    for other in [PictureUse::Blank, PictureUse::Noise(3)] {
        let seen = run(&model, &RunOptions { picture: other, ..base.clone() });
        assert_eq!(seen.ids(), whole.ids());
        assert_ne!(seen.prefill_logits, whole.prefill_logits);
    }
    let rows = GroupSet::of(&[Group::Instruction, Group::Template, Group::Marker]);
    let knockout =
        Knockout { from: rows, to: GroupSet::of(&[Group::Image]), layers: None, heads: Vec::new() };
    let blind = run(&model, &RunOptions { knockout: Some(knockout), ..base });
    for flow in &blind.flows {
        let bins = &blind.layout.as_ref().unwrap().bins;
        let seen: f32 = (0..6).map(|h| flow.get(bins, h, Group::Instruction, Group::Image)).sum();
        assert!(seen == 0.0, "{seen}");
    }
}

#[test]
fn every_quantization_answers_close_to_the_reference() {
    let (golden, exact) = model(Quant::F32);
    let reference = exact.prepare(&picture(), &tiled(&golden)).unwrap();
    let mut drifts = Vec::new();
    for (quant, most) in [
        (Quant::Stored, 1e-5),
        // Rows of 48 and 80 values hold no blocks of 32: all of these fall back to f16.
        (Quant::F16, 3e-2),
        (Quant::Bf16, 0.1),
        (Quant::Q8_0, 3e-2),
        (Quant::Q6k, 3e-2),
        (Quant::Q5k, 3e-2),
        (Quant::Q4k, 3e-2),
    ] {
        let (_, model) = model(quant);
        let prepared = model.prepare(&picture(), &tiled(&golden)).unwrap();
        let off = model.compare(&prepared, &exact, &reference).unwrap();
        let drift = off.largest_logit_difference / off.largest_logit;
        drifts.push((quant.name(), drift, drift <= most));
    }
    assert!(drifts.iter().all(|(.., fits)| *fits), "{drifts:?}");
}

#[test]
fn what_is_not_this_preparation_is_refused_by_name() {
    let folder = Folder::copy(NAME);
    type Change = fn(&mut Value);
    let image: [(Change, &str); 6] = [
        (|p| p["resample"] = json!(3), "1 (Lanczos)"),
        (|p| p["do_resize"] = json!(false), "do_resize"),
        (|p| p["max_image_size"]["longest_edge"] = json!(64), "max_image_size"),
        (|p| p["size"] = json!({"height": 3, "width": 3}), "longest_edge"),
        (|p| p["size"] = json!({"longest_edge": 5000}), "from 1 to 4096"),
        (|p| p["image_processor_type"] = json!("CLIPImageProcessor"), "SmolVLMImageProcessor"),
    ];
    for (change, word) in image {
        folder.change("processor_config.json", |p| change(&mut p["image_processor"]));
        folder.refused(&[word]);
    }
    folder.change("processor_config.json", |p| p["image_seq_len"] = json!(64));
    folder.refused(&["image_seq_len", "4 × 4 tokens"]);
    folder.restore("processor_config.json");
    let model: [(Change, &str); 5] = [
        (|c| c["scale_factor"] = json!(3), "a divisor of the 8 patches"),
        (|c| c["vision_config"]["patch_size"] = json!(8), "positions are known to be in order"),
        (|c| c["vision_config"]["hidden_act"] = json!("relu"), "gelu_pytorch_tanh"),
        (|c| c["text_config"]["model_type"] = json!("mistral"), "llama"),
        (|c| c["text_config"]["rope_interleaved"] = json!(true), "rope_interleaved"),
    ];
    for (change, word) in model {
        folder.change("config.json", change);
        folder.refused(&[word]);
    }
}
