//! Qwen3-VL where it differs from the family before it (tests/goldens/make_qwen3.py; what they share
//! is held in `goldens`, `levers`, `interventions`, `several` and `gguf`).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use candle_core::quantized::gguf_file::Value as Meta;
use serde_json::{Value, json};
use shared::picture::PictureTokens;

use crate::common::Golden;
use crate::common::folder::Folder;
use crate::common::gguf::{File, folder as files, load};
use crate::common::lab::{Lab, logits_of};
use engine::Model;

const NAMES: [&str; 2] = ["qwen3-tall", "qwen3-wide"];

/// The reference prepared them on Pillow.
#[test]
fn pixels_equal_the_processors_to_the_last_bit() {
    for name in NAMES {
        Lab::open(name).checks_pixels();
    }
}

#[test]
fn what_is_known_at_a_glance_is_what_the_model_says() {
    for (name, edge, least, most) in [("qwen3-tall", 8, 256, 768), ("qwen3-wide", 16, 1024, 4096)] {
        let lab = Lab::open(name);
        let glance = lab.glance();
        assert_eq!(glance.tokens, Some(PictureTokens::Any { edge, least, most }), "{name}");
        assert_eq!(glance.templates.unwrap(), ["qwen3-vl"], "{name}");
        let info = lab.model.info();
        assert_eq!((&*info.family, &*info.template), ("qwen3-vl", "qwen3-vl"));
        assert_eq!(info.prune_score, "attention-received-in-last-block");
        let notes = info.notes.join("\n");
        assert!(notes.contains("top_p 0.8") && !notes.contains("does not know"), "{name}: {notes}");
    }
}

/// What is added after the first layers matters: without it the answer's logits are others.
#[test]
fn features_of_early_blocks_are_followed() {
    for name in NAMES {
        let golden = Golden::open(name);
        let folder = Folder::copy(name);
        let model = folder.load().unwrap();
        let logits = |model: &Model| logits_of(model, &golden);
        let whole = logits(&model);
        let blocks = |list: Value| {
            folder.change("config.json", |c| {
                c["vision_config"]["deepstack_visual_indexes"] = list;
            });
        };
        // The same mergers behind other blocks.
        blocks(if name == "qwen3-tall" { json!([1, 2]) } else { json!([0, 1, 3]) });
        assert_ne!(logits(&folder.load().unwrap()), whole, "{name}");
        blocks(json!([]));
        folder.refused(&["deepstack_visual_indexes", "deepstack"]);
    }
}

#[test]
fn what_is_not_this_model_is_refused_by_name() {
    let folder = Folder::copy("qwen3-tall");
    type Change = fn(&mut Value);
    let changes: [(Change, &[&str]); 12] = [
        (
            |c| c["vision_config"]["deepstack_visual_indexes"] = json!([0, 4]),
            &["blocks from 0 to 3"],
        ),
        (|c| c["vision_config"]["deepstack_visual_indexes"] = json!([2, 2]), &["different blocks"]),
        (|c| c["vision_config"]["deepstack_visual_indexes"] = json!([2]), &["weights have 2"]),
        (|c| c["vision_config"]["num_position_embeddings"] = json!(49), &["pos_embed", "[64, 32]"]),
        (|c| c["vision_config"]["hidden_act"] = json!("silu"), &["gelu_pytorch_tanh"]),
        (|c| c["vision_config"]["num_heads"] = json!(16), &["a multiple of 4"]),
        (|c| c["vision_config"]["out_hidden_size"] = json!(40), &["out_hidden_size", "48"]),
        (|c| c["vision_config"]["model_type"] = json!("qwen2_5_vl"), &["qwen3_vl_vision"]),
        (|c| c["text_config"]["model_type"] = json!("qwen3_vl_moe_text"), &["qwen3_vl_text"]),
        (|c| c["text_config"]["head_dim"] = json!(16), &["q_proj", "[72, 48]"]),
        (
            |c| c["text_config"]["rope_parameters"]["mrope_interleaved"] = json!(false),
            &["mrope_interleaved", "true"],
        ),
        (
            |c| c["text_config"]["rope_parameters"]["mrope_section"] = json!([3, 3]),
            &["mrope_section", "three parts"],
        ),
    ];
    for (change, words) in changes {
        folder.change("config.json", change);
        folder.refused(words);
    }
    folder.change("config.json", |c| c["model_type"] = json!("qwen3_vl_moe"));
    folder.refused(&["'qwen3_vl_moe' is not supported", "'qwen3_vl'"]);
    folder.restore("config.json");
    folder.change("processor_config.json", |p| p["image_processor"]["patch_size"] = json!(14));
    folder.refused(&["patch_size", "the vision tower's 4"]);
}

/// A tokenizer that was put together by hand is saved under a class that takes `tokenizer.json` as it
/// is, as ours does.
#[test]
fn tokenizers_of_no_family_are_taken_as_they_are() {
    let folder = Folder::copy("qwen3-tall");
    let class = |name: &str| {
        folder.change("tokenizer_config.json", |t| t["tokenizer_class"] = json!(name));
    };
    class("TokenizersBackend");
    assert!(folder.load().is_ok());
    class("LlamaTokenizerFast");
    folder.refused(&["tokenizer_class", "Qwen2Tokenizer"]);
}

#[test]
fn files_that_disagree_about_mergers_are_refused() {
    for name in NAMES {
        let (text, mmproj) = (|| File::open(name), || File::open(&format!("{name}-mmproj")));
        let model = load(&text(), &mmproj()).unwrap();
        let notes = &model.info().notes;
        assert!(notes.len() == 1 && notes[0].contains("no chat template"), "{name}: {notes:?}");
        let last = if name == "qwen3-tall" { 2 } else { 3 };
        let mut fewer = mmproj();
        fewer.remove(&format!("v.deepstack.{last}."));
        let said = load(&text(), &fewer).err().unwrap();
        assert!(said.contains("is_deepstack_layers"), "{said}");
        fewer.unset("clip.vision.is_deepstack_layers");
        let said = load(&text(), &fewer).err().unwrap();
        assert!(said.contains("qwen3vl.n_deepstack_layers"), "{said}");
        let mut short = text();
        short.unset("qwen3vl.n_deepstack_layers");
        assert!(load(&short, &fewer).is_ok(), "nobody says how many there are");
        let mut beyond = mmproj();
        beyond.rename(|n| n.replace(&format!("v.deepstack.{last}."), "v.deepstack.9."));
        let said = load(&text(), &beyond).err().unwrap();
        assert!(
            said.contains("v.deepstack.9.norm.weight") && said.contains("there are 4"),
            "{said}"
        );
        let mut tableless = mmproj();
        tableless.remove("v.position_embd.weight");
        let said = load(&text(), &tableless).err().unwrap();
        assert!(said.contains("v.position_embd.weight"), "{said}");
        let mut silu = mmproj();
        silu.set("clip.use_silu", Meta::Bool(true));
        assert!(load(&text(), &silu).err().unwrap().contains("clip.use_silu"));
    }
    // The family before it has the other projector.
    let said = load(&File::open("qwen-square"), &File::open("qwen3-tall-mmproj")).err().unwrap();
    assert!(said.contains("belongs to a 'qwen3vl' one"), "{said}");
    assert!(files().join("qwen3-tall.gguf").is_file());
}
