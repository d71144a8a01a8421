//! LLaVA-OneVision against transformers, number by number: a picture in tiles, the whole picture alone,
//! fewer and more tokens, two pictures (tests/goldens/make_onevision.py).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use shared::picture::PictureTokens;
use shared::{Cell, Definition, ErrorCode, Group, Medium, PictureUse, Quant, Resizing, RunOptions};

use crate::common::folder::Folder;
use crate::common::lab::{Lab, Seen};
use crate::common::{self, Close, Golden, Recording};
use engine::{DeviceChoice, LoadOptions, Model, Picture, PictureLimits};

/// Checkpoints, the pixels of all tiles of their largest arrangement, rows and columns of the map.
const NAMES: [(&str, u32, (u16, u16)); 2] =
    [("onevision", 9 * 28 * 28, (12, 4)), ("onevision-v4", 9 * 30 * 30, (4, 12))];
const NAME: &str = NAMES[0].0;

/// The question about the golden's picture, in tiles.
fn tiled(lab: &Lab, limit: u32) -> RunOptions {
    RunOptions { max_pixels: Some(limit), resize: Resizing::Pillow13, ..lab.options() }
}

fn whole(lab: &Lab) -> RunOptions {
    RunOptions { resize: Resizing::Pillow13, ..lab.options() }
}

fn seen(lab: &Lab, options: &RunOptions) -> Seen {
    lab.run_prepared(&lab.model.prepare(&lab.picture, options).unwrap())
}

#[test]
fn a_picture_in_tiles_equals_transformers() {
    for (name, limit, _) in NAMES {
        let lab = Lab::open(name);
        let golden = &lab.golden;
        let options = RunOptions { max_new_tokens: 20, ..tiled(&lab, limit) };
        let prepared = lab.model.prepare(&lab.picture, &options).unwrap();
        // Bit for bit.
        assert_eq!(prepared.pixels(), golden.f32("pixel_values"), "{name}");
        let mut run = Recording::default();
        lab.model.run(&prepared, &mut run).unwrap().unwrap();
        assert_eq!(run.ids(), golden.ids("input_ids"), "{name}");
        assert_eq!(run.generated(), golden.ids("generated_ids"), "{name}");
        assert_eq!(run.answer(), *golden.texts("generated_prefixes").last().unwrap(), "{name}");
        let (l, h) = (lab.model.info().layers as usize, lab.model.info().heads as usize);
        let (s, vocab) = (run.ids().len(), lab.model.info().vocab as usize);
        assert_eq!(s, prepared.prompt_tokens(), "as was reckoned before");
        let predicting =
            [&run.prefill_logits[run.prefill_logits.len() - vocab..], &run.decode_logits].concat();
        Close::relative(1e-4).check(&predicting, &golden.f32("logits_generated"), name);
        let (prefill, generated) = run.dense_maps(l, h, s, 20);
        let below = |map: &[f32]| -> Vec<f32> {
            map.chunks(s).enumerate().flat_map(|(i, row)| row[..=i].to_vec()).collect()
        };
        let prefill: Vec<f32> = prefill.chunks(s * s).flat_map(below).collect();
        let attention = Close::absolute(1e-5);
        attention.check(&prefill, &golden.f32("attention_prefill"), name);
        attention.check(&generated, &golden.f32("attention_generated"), name);
        let observation = run.observation();
        for layer in 0..l {
            let ours = observation.measure(layer, &Definition::default());
            let theirs = golden.paper(layer);
            let close = Close::relative(1e-6);
            close.check64(ours.mdi.unwrap(), theirs.mdi, &format!("{name}: MDI of {layer}"));
            close.check64(ours.aei_text.unwrap(), theirs.aei_text, &format!("{name}: AEI"));
        }
    }
}

/// The whole picture's tokens lie on a map of their own, those of the tiles on one together, and what ends
/// its rows on none.
#[test]
fn tokens_carry_cells_and_line_ends_do_not() {
    for (name, limit, (rows, cols)) in NAMES {
        let lab = Lab::open(name);
        let layout = seen(&lab, &tiled(&lab, limit)).run.layout.unwrap();
        let image: Vec<_> = layout.tokens.iter().filter(|t| t.group == Group::Image).collect();
        let edge = (lab.golden.number("whole").unwrap() as f64).sqrt() as u16;
        let of = |tile, rows: u16, cols: u16| -> Vec<Option<Cell>> {
            let cells = (0..rows).flat_map(move |row| (0..cols).map(move |col| (row, col)));
            cells.map(|(row, col)| Some(Cell { row, col, copy: 0, tile })).collect()
        };
        let mut want = of(1, edge, edge);
        for line in of(0, rows, cols).chunks(cols.into()) {
            want.extend_from_slice(line);
            want.push(None);
        }
        assert_eq!(image.iter().map(|t| t.cell()).collect::<Vec<_>>(), want, "{name}");
        assert_eq!(layout.line_ends(), u32::from(rows), "{name}");
        let view = layout.picture().unwrap();
        assert_eq!((view.rows, view.cols), (rows, cols), "{name}");
        assert_eq!(layout.media[0].picture_tokens() as usize, image.len(), "{name}");
        // Where the map lies: on all of the picture, but for parts of patches at its edges.
        let [x, y, width, height] = view.covers;
        let (w, h) = (lab.picture.width as f32, lab.picture.height as f32);
        let patch = (width / f32::from(cols), height / f32::from(rows));
        for (from, to, all, patch) in [(x, x + width, w, patch.0), (y, y + height, h, patch.1)] {
            assert!(from.abs() < patch && (to - all).abs() < patch, "{name}: {:?}", view.covers);
        }
        let Medium::Image { views, line_ends } = &layout.media[0] else { panic!("a picture") };
        assert_eq!((views.len(), *line_ends), (2, u32::from(rows)), "{name}");
        assert_eq!(views[1].covers, [0.0, 0.0, w, h], "{name}");
        // What is shown is what the map is of.
        let prepared = lab.model.prepare(&lab.picture, &tiled(&lab, limit)).unwrap();
        let png = prepared.picture_png().unwrap();
        let shown = Picture::decode(&png, &PictureLimits::default()).unwrap();
        assert_eq!((shown.width, shown.height), (view.width, view.height), "{name}");
    }
}

/// What transformers makes of such a run: its answer, logits and attention of the predicting rows, and the
/// last layer's map.
fn equals(lab: &Lab, seen: &Seen, run: &str) {
    let tensor = |part: &str| lab.golden.f32(&format!("{run}/{part}"));
    assert_eq!(seen.run.generated(), lab.golden.ids(&format!("{run}/generated_ids")), "{run}");
    let vocab = lab.model.info().vocab as usize;
    let mut logits = seen.run.prefill_logits[(seen.s - 1) * vocab..].to_vec();
    logits.extend_from_slice(&seen.run.decode_logits[(seen.new - 2) * vocab..]);
    Close::relative(1e-4).check(&logits, &tensor("logits"), run);
    let attention = Close::absolute(1e-5);
    attention.check(&seen.first_and_last_row(), &tensor("rows"), run);
    match run.contains('>') {
        true => attention.check(&seen.last_layer_mean(), &tensor("last_layer"), run),
        false => attention.check(&seen.last_layer(), &tensor("last_layer"), run),
    }
}

/// Where nobody asks for tiles the whole picture is seen alone, with one line end behind it.
#[test]
fn a_picture_is_seen_whole_where_nobody_asks_for_more() {
    let lab = Lab::open(NAME);
    let options = whole(&lab);
    let prepared = lab.model.prepare(&lab.picture, &options).unwrap();
    assert_eq!(prepared.options().max_pixels, Some(28 * 28));
    assert_eq!(prepared.image_tokens(), 17);
    assert_eq!(prepared.pixels(), &lab.golden.f32("pixel_values")[..3 * 28 * 28]);
    let alone = seen(&lab, &options);
    equals(&lab, &alone, "whole");
    let layout = alone.run.layout.as_ref().unwrap();
    assert_eq!((layout.line_ends(), layout.counts().get(Group::Image)), (1, 17));
    equals(&lab, &seen(&lab, &RunOptions { replicate: 2, ..options.clone() }), "whole twice");
    let pruned = seen(&lab, &RunOptions { prune: 0.5, ..options });
    equals(&lab, &pruned, "whole pruned");
    assert_eq!(pruned.run.layout.unwrap().line_ends(), 0, "it goes first");
}

#[test]
fn tokens_of_tiles_are_dropped_and_repeated_as_transformers_would() {
    let lab = Lab::open(NAME);
    let options = tiled(&lab, NAMES[0].1);
    for (rate, prune) in [("0.5", 0.5), ("0.75", 0.75)] {
        equals(
            &lab,
            &seen(&lab, &RunOptions { prune, ..options.clone() }),
            &format!("prune {rate}"),
        );
    }
    // The whole picture's tokens twice, then the map's.
    equals(&lab, &seen(&lab, &RunOptions { replicate: 2, ..options.clone() }), "replicate 2");
    for case in ["text>image", "image>image@1"] {
        let knockout = Some(case.parse().unwrap());
        equals(&lab, &seen(&lab, &RunOptions { knockout, ..options.clone() }), case);
    }
}

/// Each of several pictures is padded to a square and seen whole; tiles are for one alone.
#[test]
fn two_pictures_equal_transformers() {
    let lab = Lab::open(NAME);
    let pictures: Vec<Picture> = ["wide.png", "tall.png"]
        .iter()
        .map(|name| {
            let file = lab.golden.folder.join("../images").join(name);
            Picture::decode(&std::fs::read(file).unwrap(), &PictureLimits::default()).unwrap()
        })
        .collect();
    let options =
        RunOptions { prompt: "Which one is red?".to_owned(), max_new_tokens: 8, ..whole(&lab) };
    let prepared = lab.model.prepare(&pictures, &options).unwrap();
    let pixels = [prepared.pixels_of(0), prepared.pixels_of(1)].concat();
    assert_eq!(pixels, lab.golden.f32("several/pixel_values"));
    let seen = lab.run_prepared(&prepared);
    assert_eq!(seen.run.ids(), lab.golden.ids("several/input_ids"));
    assert_eq!(seen.run.generated(), lab.golden.ids("several/generated_ids"));
    let vocab = lab.model.info().vocab as usize;
    let logits = lab.golden.f32("several/logits");
    Close::relative(1e-4).check(&seen.run.decode_logits, &logits[vocab..], "logits");
    let observation = seen.run.observation();
    for (definition, want) in lab.golden.json["several"]["mdi"].as_object().unwrap() {
        let parsed = Definition::from_text(definition).unwrap();
        for (layer, want) in want.as_array().unwrap().iter().enumerate() {
            let mdi = observation.measure(layer, &parsed).mdi.unwrap();
            Close::relative(1e-6).check64(mdi, want.as_f64().unwrap(), definition);
        }
    }
    let tiles = RunOptions { max_pixels: Some(NAMES[0].1), ..options };
    let error = lab.model.prepare(&pictures, &tiles).unwrap_err();
    assert_eq!(error.code, ErrorCode::BadOption);
    assert!(error.message.contains("only one"), "{}", error.message);
}

#[test]
fn what_is_known_at_a_glance_is_what_the_model_says() {
    for (name, most, _) in NAMES {
        let lab = Lab::open(name);
        let glance = lab.glance();
        let one = most / 9;
        assert_eq!((glance.pixels, glance.one_size), (Some((one, most)), false));
        let tokens = glance.tokens.unwrap();
        assert_eq!((tokens.usual(), tokens.tiled()), (Some(one), Some(most)));
        assert!(matches!(tokens, PictureTokens::AnyRes(_)));
        let info = lab.model.info();
        assert_eq!(info.family, "llava-onevision");
        assert_eq!(info.prune_score, "attention-received-in-last-block");
        assert_eq!(info.max_pixels, Some(one), "the limit where nobody asks");
        // The price of every limit is what a question takes.
        for limit in [one, 2 * one - 1, 2 * one, 3 * one, 5 * one, most] {
            let prepared = lab.model.prepare(&lab.picture, &tiled(&lab, limit)).unwrap();
            let price = tokens.of((lab.picture.width, lab.picture.height), Some(limit));
            assert_eq!(price, Some(prepared.image_tokens() as u32), "{name} {limit}");
            let mut run = Recording::default();
            lab.model.run(&prepared, &mut run).unwrap().unwrap();
            assert_eq!(run.ids().len(), prepared.prompt_tokens(), "{name} {limit}");
        }
        // Today's template is built in; the older one is the folder's own.
        let notes = info.notes.join("\n");
        match name {
            NAME => assert_eq!((&*info.template, &*notes), ("llava-onevision", "")),
            _ => {
                assert!(info.template.starts_with("folder:"), "{}", info.template);
                assert!(info.notes.len() == 1 && notes.contains("own chat template"), "{notes}");
            }
        }
    }
}

#[test]
fn what_a_person_types_stays_text() {
    for (name, limit, _) in NAMES {
        let lab = Lab::open(name);
        for case in lab.golden.text_cases() {
            let prompt = case.text.clone();
            let options = RunOptions { prompt, max_new_tokens: 1, ..tiled(&lab, limit) };
            let prepared = lab.model.prepare(&lab.picture, &options).unwrap();
            let mut run = Recording::without_maps();
            lab.model.run(&prepared, &mut run).unwrap().unwrap();
            assert_eq!(run.ids(), case.ids, "{name}: {:?}", case.text);
            let counts = run.layout.unwrap().counts();
            assert_eq!((counts.get(Group::Begin), counts.get(Group::Marker)), (1, 2), "{name}");
            assert_eq!(counts.get(Group::Instruction) == 0, case.text.is_empty(), "{name}");
        }
    }
}

#[test]
fn other_pictures_are_as_large_and_a_question_may_have_none() {
    let lab = Lab::open(NAME);
    for limit in [28 * 28, NAMES[0].1] {
        let own = seen(&lab, &tiled(&lab, limit));
        let of = |picture| RunOptions { picture, ..tiled(&lab, limit) };
        let blank = lab.model.prepare(&lab.picture, &of(PictureUse::Blank)).unwrap();
        assert!(blank.pixels().iter().all(|v| *v == 0.0));
        for picture in [PictureUse::Blank, PictureUse::Noise(3)] {
            let other = seen(&lab, &of(picture));
            assert_eq!(other.run.layout, own.run.layout);
            assert_ne!(other.run.prefill_logits, own.run.prefill_logits);
        }
    }
    let none = seen(&lab, &RunOptions { picture: PictureUse::None, ..whole(&lab) });
    let text: String = none.run.layout.unwrap().tokens.iter().map(|t| t.text.as_str()).collect();
    let want = "<|im_start|>user\nWhat is in the picture?<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(text.replace('⏎', "\n"), want);
}

/// Names as transformers 4 and 5 have them in memory and in files.
#[test]
fn every_spelling_of_names_is_the_same_model() {
    let in_files = |name: &str| {
        name.replace("model.language_model.", "language_model.model.")
            .trim_start_matches("model.")
            .to_owned()
    };
    let inner = |name: &str| name.replace("vision_tower.", "vision_tower.vision_model.");
    let lab = Lab::open(NAME);
    let own = seen(&lab, &tiled(&lab, NAMES[0].1)).run.prefill_logits;
    let file = lab.golden.folder.join("model.safetensors");
    let weights = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    let spellings: [&dyn Fn(&str) -> String; 3] =
        [&in_files, &inner, &|name| in_files(&inner(name))];
    for spelling in spellings {
        let folder = Folder::copy(NAME);
        let renamed: std::collections::HashMap<String, Tensor> =
            weights.iter().map(|(name, tensor)| (spelling(name), tensor.clone())).collect();
        candle_core::safetensors::save(&renamed, folder.file("model.safetensors")).unwrap();
        let other = Lab { model: folder.load().unwrap(), ..Lab::open(NAME) };
        assert_eq!(other.model.info().notes, Vec::<String>::new());
        let logits = seen(&other, &tiled(&other, NAMES[0].1)).run.prefill_logits;
        common::same(&logits, &own, "logits");
    }
}

#[test]
fn every_quantization_answers_close_to_the_reference() {
    let exact = Lab::open(NAME);
    let options = tiled(&exact, NAMES[0].1);
    let reference = exact.model.prepare(&exact.picture, &options).unwrap();
    for quant in [Quant::Stored, Quant::F16, Quant::Q8_0, Quant::Q5k, Quant::Q4k] {
        let asked = LoadOptions { name: NAME.to_owned(), quant, device: DeviceChoice::Cpu };
        let model = Model::load(&exact.golden.folder, &asked, &mut |_, _| {}).unwrap();
        let prepared = model.prepare(&exact.picture, &options).unwrap();
        let off = model.compare(&prepared, &exact.model, &reference).unwrap();
        let drift = off.largest_logit_difference / off.largest_logit;
        assert!(drift <= if quant == Quant::Stored { 1e-5 } else { 3e-2 }, "{quant:?}: {drift}");
    }
}

#[test]
fn what_is_not_this_model_is_refused_by_name() {
    let folder = Folder::copy(NAME);
    type Change = fn(&mut Value);
    let model: [(Change, &str); 8] = [
        (|c| c["image_grid_pinpoints"] = json!([[28, 30]]), "multiples of the vision tower's 28"),
        (|c| c["image_grid_pinpoints"] = json!([[448, 28]]), "up to 15"),
        (|c| c["image_grid_pinpoints"] = json!([]), "image_grid_pinpoints"),
        (|c| c["image_grid_pinpoints"] = json!(null), "image_grid_pinpoints"),
        (|c| c["vision_aspect_ratio"] = json!("anyres"), "anyres_max_"),
        (|c| c["vision_feature_select_strategy"] = json!("default"), "\"full\""),
        (|c| c["vision_config"]["model_type"] = json!("clip_vision_model"), "siglip_vision_model"),
        (|c| c["text_config"]["model_type"] = json!("llama"), "qwen2"),
    ];
    for (change, word) in model {
        folder.change("config.json", change);
        folder.refused(&[word]);
    }
    folder.restore("config.json");
    let pictures: [(Change, &str); 8] = [
        (|p| p["image_processor"]["size"] = json!({"height": 30, "width": 28}), "size"),
        (|p| p["image_processor"]["image_grid_pinpoints"] = json!([[28, 28]]), "as in config.json"),
        (|p| p["image_processor"]["do_center_crop"] = json!(true), "do_center_crop"),
        (|p| p["image_processor"]["crop_size"] = json!({"height": 28, "width": 28}), "crop_size"),
        (
            |p| p["image_processor"]["image_processor_type"] = json!("SiglipImageProcessor"),
            "LlavaOnevisionImageProcessor",
        ),
        (|p| p["num_image_tokens"] = json!(17), "4 × 4 tokens"),
        (|p| p["vision_aspect_ratio"] = json!("anyres_max_4"), "anyres_max_9"),
        (|p| p["vision_feature_select_strategy"] = json!("default"), "\"full\""),
    ];
    for (change, word) in pictures {
        folder.change("processor_config.json", change);
        folder.refused(&[word]);
    }
    folder.restore("processor_config.json");
    let (golden, model) = (Golden::open(NAME), folder.load().unwrap());
    let narrow = Picture { width: 1, height: 600, rgb: vec![7; 1800] };
    let options = RunOptions { prompt: golden.text("text"), ..RunOptions::default() };
    assert_eq!(model.prepare(&narrow, &options).unwrap().image_tokens(), 17);
    let tiles = RunOptions { max_pixels: Some(NAMES[0].1), ..options };
    let error = model.prepare(&narrow, &tiles).unwrap_err();
    assert!(error.message.contains("too narrow to be cut into tiles"), "{}", error.message);
}
