//! InternVL: pictures in tiles, and what its files say (tests/goldens/make_internvl.py; pictures of
//! one tile are held in `goldens`, `levers`, `interventions`, `several` and `gguf`).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use candle_core::quantized::gguf_file::Value as Meta;
use serde_json::{Value, json};
use shared::picture::PictureTokens;
use shared::{Cell, Definition, Group, Medium, PictureUse, Resizing, RunOptions};

use crate::common::folder::Folder;
use crate::common::gguf::{File, load};
use crate::common::lab::Lab;
use crate::common::{Close, Golden, Recording, Tensors};
use engine::{Model, traits_of};

const NAMES: [&str; 2] = ["internvl-qwen2", "internvl-qwen3"];

/// A tile's edge, the most tiles, tokens of a tile.
fn sizes(name: &str) -> (u32, u32, u32) {
    if name == "internvl-qwen2" { (48, 12, 9) } else { (40, 6, 16) }
}

/// The golden's question about its picture in as many tiles as there may be.
fn tiled(lab: &Lab) -> RunOptions {
    let (edge, most, _) = sizes(&lab.golden.name);
    let max_pixels = Some(edge * edge * most);
    RunOptions { max_pixels, resize: Resizing::Pillow13, max_new_tokens: 8, ..lab.options() }
}

/// What transformers made of it.
fn tiles(lab: &Lab) -> (Value, Tensors) {
    let json = std::fs::read(lab.golden.folder.join("tiles.json")).unwrap();
    let tensors = Tensors::open(&lab.golden.folder.join("tiles.safetensors"));
    (serde_json::from_slice(&json).unwrap(), tensors)
}

fn run(lab: &Lab, options: &RunOptions) -> Recording {
    let prepared = lab.model.prepare(&lab.picture, options).unwrap();
    let mut seen = Recording::default();
    lab.model.run(&prepared, &mut seen).unwrap().unwrap();
    assert_eq!(seen.ids().len(), prepared.prompt_tokens(), "as was reckoned before");
    seen
}

/// The reference prepared them on Pillow.
#[test]
fn pixels_equal_the_processors_to_the_last_bit() {
    for name in NAMES {
        let lab = Lab::open(name);
        lab.checks_pixels();
        let cut = lab.model.prepare(&lab.picture, &tiled(&lab)).unwrap();
        assert_eq!(cut.pixels(), tiles(&lab).1.f32("pixel_values"), "{name}");
    }
}

#[test]
fn a_picture_in_tiles_equals_transformers() {
    for name in NAMES {
        let lab = Lab::open(name);
        let (json, want) = tiles(&lab);
        let ids = |key: &str| -> Vec<u32> { serde_json::from_value(json[key].clone()).unwrap() };
        let seen = run(&lab, &tiled(&lab));
        assert_eq!(seen.ids(), ids("input_ids"), "{name}");
        assert_eq!(seen.generated(), ids("generated_ids"), "{name}");
        let vocab = lab.model.info().vocab as usize;
        let last = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
        let logits = [last, &seen.decode_logits].concat();
        Close::relative(1e-4).check(&logits, &want.f32("logits_generated"), "logits");

        let (l, h) = (lab.model.info().layers as usize, lab.model.info().heads as usize);
        let s = seen.ids().len();
        let (maps, _) = seen.dense_maps(l, h, s, 8);
        let heads = &maps[(l - 1) * h * s * s..];
        let mean = |row: usize, col: usize| -> f32 {
            heads.chunks(s * s).map(|map| map[row * s + col]).sum::<f32>() / h as f32
        };
        let below: Vec<f32> = (0..s)
            .flat_map(|row| (0..=row).map(move |col| (row, col)))
            .map(|(r, c)| mean(r, c))
            .collect();
        Close::absolute(1e-5).check(&below, &want.f32("attention_last"), "the last layer's map");
        let observation = seen.observation();
        for layer in 0..l {
            let ours = observation.measure(layer, &Definition::default()).mdi.unwrap();
            let theirs = json["paper"]["mdi"][layer].as_f64().unwrap();
            Close::relative(1e-5).check64(ours, theirs, &format!("{name}: MDI of layer {layer}"));
        }
    }
}

/// The tokens of each tile lie in its cells, and the whole picture is a map of its own behind them.
#[test]
fn tokens_carry_tile_and_cell() {
    for name in NAMES {
        let lab = Lab::open(name);
        let layout = run(&lab, &tiled(&lab)).layout.unwrap();
        let per = sizes(name).2 as u16;
        let side = per.isqrt();
        let cells: Vec<Cell> = layout.tokens.iter().filter_map(|t| t.cell()).collect();
        let cell = |i: u16| Cell { tile: i / per, row: i % per / side, col: i % side, copy: 0 };
        assert_eq!(cells, (0..4 * per).map(cell).collect::<Vec<_>>(), "{name}");
        let Medium::Image { views, .. } = &layout.media[0] else { panic!("a picture") };
        let covers: Vec<[f32; 4]> = views.iter().map(|view| view.covers).collect();
        let (w, h) = (views[0].source_width as f32, views[0].source_height as f32);
        let third = if w > h { [w / 3.0, 0.0, w / 3.0, h] } else { [0.0, h / 3.0, w, h / 3.0] };
        assert_eq!((covers.len(), covers[1], covers[3]), (4, third, [0.0, 0.0, w, h]), "{name}");
        // The marks of the processor, which the chat template does not write.
        let marks = layout.tokens.iter().filter(|t| t.group == Group::Marker).map(|t| &*t.text);
        let want = ["<img>", "</img>", "<|im_end|>", "<|im_start|>"];
        assert_eq!(marks.collect::<Vec<_>>(), want, "{name}");
        let end = layout.tokens.iter().position(|t| t.text == "</img>").unwrap();
        assert_eq!(layout.tokens[end + 1].group, Group::Template, "the break after a picture");
    }
}

#[test]
fn what_is_known_at_a_glance_is_what_the_model_says() {
    for name in NAMES {
        let lab = Lab::open(name);
        let (edge, most, tokens) = sizes(name);
        let glance = lab.glance();
        assert_eq!(glance.tokens, Some(PictureTokens::Canvas { edge, most, tokens }), "{name}");
        assert_eq!(glance.resize, Resizing::Torchvision);
        assert_eq!(glance.templates.unwrap(), ["internvl"], "{name}");
        let info = lab.model.info();
        assert_eq!((&*info.family, &*info.template), ("internvl", "internvl"));
        assert_eq!((&*info.prune_score, info.max_pixels), ("cls-attention", Some(edge * edge)));
        let notes = info.notes.join("\n");
        assert!(notes.contains(&format!("allows {most} tiles: the lab shows")), "{name}: {notes}");
        assert!(!notes.contains("does not know"), "{name}: {notes}");
        // The price of every limit is what a question takes.
        let size = (lab.picture.width, lab.picture.height);
        for tiles in 1..=most {
            let max_pixels = Some(edge * edge * tiles);
            let options = RunOptions { max_pixels, ..lab.options() };
            let prepared = lab.model.prepare(&lab.picture, &options).unwrap();
            let price = glance.tokens.unwrap().of(size, max_pixels);
            assert_eq!(price, Some(prepared.image_tokens() as u32), "{name}: {tiles}");
        }
    }
}

#[test]
fn pictures_are_pruned_repeated_and_replaced_tile_by_tile() {
    for name in NAMES {
        let lab = Lab::open(name);
        let base = RunOptions { max_new_tokens: 3, ..tiled(&lab) };
        let all = 4 * sizes(name).2;
        let image = |seen: &Recording| seen.layout.as_ref().unwrap().counts().get(Group::Image);
        let half = run(&lab, &RunOptions { prune: 0.5, ..base.clone() });
        assert_eq!(image(&half), all / 2);
        // The tokens with the highest scores of all tiles together.
        let mut best: Vec<(usize, f32)> =
            tiles(&lab).1.f32("scores").into_iter().enumerate().collect();
        best.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let mut kept: Vec<usize> = best[..all as usize / 2].iter().map(|(at, _)| *at).collect();
        kept.sort_unstable();
        let per = sizes(name).2 as usize;
        let place = |cell: Cell| {
            usize::from(cell.tile) * per
                + usize::from(cell.row) * per.isqrt()
                + usize::from(cell.col)
        };
        let layout = half.layout.as_ref().unwrap();
        let got: Vec<usize> = layout.tokens.iter().filter_map(|t| t.cell()).map(place).collect();
        assert_eq!(got, kept, "{name}");
        let twice = run(&lab, &RunOptions { replicate: 2, ..base.clone() });
        assert_eq!(image(&twice), 2 * all);
        let whole = run(&lab, &base);
        let blank = RunOptions { picture: PictureUse::Blank, ..base.clone() };
        let prepared = lab.model.prepare(&lab.picture, &blank).unwrap();
        assert!(prepared.pixels().iter().all(|v| *v == 0.0));
        for other in [PictureUse::Blank, PictureUse::Noise(3)] {
            let seen = run(&lab, &RunOptions { picture: other, ..base.clone() });
            assert_eq!(seen.ids(), whole.ids());
            assert_ne!(seen.prefill_logits, whole.prefill_logits);
        }
    }
}

/// The names in memory and the hub's, tied or not by the settings or by what is stored.
#[test]
fn what_is_not_this_model_is_refused_by_name() {
    let folder = Folder::copy("internvl-qwen2");
    type Change = fn(&mut Value);
    let model: [(Change, &[&str]); 15] = [
        (|c| c["vision_feature_layer"] = json!(-2), &["vision_feature_layer", "-1"]),
        (|c| c["vision_feature_select_strategy"] = json!("full"), &["\"default\""]),
        (|c| c["downsample_ratio"] = json!(0.4), &["downsample_ratio", "the 6 patches"]),
        (|c| c["downsample_ratio"] = json!(0.25), &["downsample_ratio", "the 6 patches"]),
        (|c| c["text_config"]["model_type"] = json!("llama"), &["\"qwen2\" or \"qwen3\""]),
        (|c| c["text_config"]["use_sliding_window"] = json!(true), &["use_sliding_window"]),
        (|c| c["text_config"]["rope_parameters"]["rope_type"] = json!("yarn"), &["\"dynamic\""]),
        (
            |c| c["text_config"]["rope_parameters"]["factor"] = json!(null),
            &["factor", "longer prompts"],
        ),
        (|c| c["vision_config"]["use_mean_pooling"] = json!(false), &["use_mean_pooling"]),
        (
            |c| c["vision_config"]["use_absolute_position_embeddings"] = json!(false),
            &["use_absolute_position_embeddings"],
        ),
        (|c| c["vision_config"]["norm_type"] = json!("batch"), &["\"layer_norm\" or \"rms_norm\""]),
        (|c| c["vision_config"]["image_size"] = json!([48, 40]), &["image_size", "a square's"]),
        (|c| c["vision_config"]["num_attention_heads"] = json!(5), &["a divisor of the width 32"]),
        (|c| c["vision_config"]["use_qk_norm"] = json!(true), &["attention.q_norm.weight"]),
        (|c| c["vision_config"]["num_hidden_layers"] = json!(2), &["weights have 3"]),
    ];
    for (change, words) in model {
        folder.change("config.json", change);
        folder.refused(words);
    }
    folder.change("config.json", |c| c["model_type"] = json!("internvl_chat"));
    folder.refused(&["(internvl_chat)", "ends in -hf"]);
    folder.restore("config.json");
    let image: [(Change, &str); 5] = [
        (|p| p["size"] = json!({"height": 448, "width": 448}), "48 × 48"),
        (|p| p["min_patches"] = json!(2), "min_patches"),
        (|p| p["max_patches"] = json!(65), "from 1 to 64"),
        (|p| p["do_resize"] = json!(false), "do_resize"),
        (|p| p["image_processor_type"] = json!("CLIPImageProcessor"), "GotOcr2ImageProcessor"),
    ];
    for (change, word) in image {
        folder.change("processor_config.json", |p| change(&mut p["image_processor"]));
        folder.refused(&[word]);
    }
    folder.change("processor_config.json", |p| p["image_seq_length"] = json!(256));
    folder.refused(&["image_seq_length", "3 × 3 tokens"]);
}

/// The maps to queries, keys and values have biases where the settings say so alone.
#[test]
fn settings_of_one_model_are_followed() {
    let folder = Folder::copy("internvl-qwen2");
    let logits = |model: &Model| {
        let lab = Lab::open("internvl-qwen2");
        let prepared = model.prepare(&lab.picture, &lab.options()).unwrap();
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap();
        seen.prefill_logits
    };
    let whole = logits(&folder.load().unwrap());
    folder.change("config.json", |c| c["vision_config"]["attention_bias"] = json!(false));
    let model = folder.load().unwrap();
    assert!(model.info().notes.join("\n").contains("left out, as in transformers 5"));
    assert_ne!(logits(&model), whole);
    folder.change("config.json", |c| c["vision_config"]["hidden_act"] = json!("gelu_pytorch_tanh"));
    assert_ne!(logits(&folder.load().unwrap()), whole);
    // Sizes may stand once, the decoder's kind and what is tied may be left out.
    folder.change("config.json", |c| {
        c["vision_config"]["image_size"] = json!(48);
        c["vision_config"]["patch_size"] = json!(8);
        c.as_object_mut().unwrap().remove("tie_word_embeddings");
        let text = c["text_config"].as_object_mut().unwrap();
        text.remove("model_type");
        text.remove("tie_word_embeddings");
    });
    assert_eq!(logits(&folder.load().unwrap()), whole);
    // One tile alone: nothing is cut, and nothing is offered.
    folder.restore("config.json");
    folder.change("processor_config.json", |p| p["image_processor"]["max_patches"] = json!(1));
    let traits = traits_of(folder.path()).unwrap();
    assert_eq!(traits.tokens, Some(PictureTokens::One { tokens: 9 }));
}

#[test]
fn files_of_llama_cpp_say_how_many_tiles_there_may_be() {
    for (name, most) in [("internvl-qwen2", 12), ("internvl-qwen3", 6)] {
        let (text, mmproj) = (|| File::open(name), || File::open(&format!("{name}-mmproj")));
        let model = load(&text(), &mmproj()).unwrap();
        let (edge, _, tokens) = sizes(name);
        let want = PictureTokens::Canvas { edge, most, tokens };
        assert_eq!(model.traits().tokens, Some(want), "{name}");
        let notes = &model.info().notes;
        assert!(notes.len() == 1 && notes[0].contains("no chat template"), "{name}: {notes:?}");
        for (key, value, word) in [
            ("clip.use_silu", Meta::Bool(true), "use_silu"),
            ("clip.vision.preproc_max_tiles", Meta::U32(65), "from 1 to 64"),
            ("clip.vision.preproc_min_tiles", Meta::U32(2), "preproc_min_tiles"),
            ("clip.vision.projector.scale_factor", Meta::U32(5), "patches along a tile's edge"),
        ] {
            let mut other = mmproj();
            other.set(key, value);
            assert!(load(&text(), &other).err().unwrap().contains(word), "{name}: {key}");
        }
    }
    let said =
        load(&File::open("qwen-square"), &File::open("internvl-qwen2-mmproj")).err().unwrap();
    assert!(said.contains("belongs to a 'qwen2' or 'qwen3' one"), "{said}");
}

/// All of a folder's text cases are held in `goldens`; here is what the family adds to a question.
#[test]
fn a_question_alone_has_no_marks_of_pictures() {
    let lab = Lab::open("internvl-qwen3");
    let seen = run(&lab, &RunOptions { picture: PictureUse::None, ..lab.options() });
    let text: String = seen.layout.unwrap().tokens.iter().map(|t| t.text.as_str()).collect();
    let golden = Golden::open("internvl-qwen3");
    assert!(text.starts_with("<|im_start|>user\n그림") && !text.contains("img>"), "{text}");
    assert!(golden.text("prompt").contains("<IMG_CONTEXT>\n그림"));
}
