//! Qwen2-VL where it differs from the family after it (tests/goldens/make_qwen2.py; what they share
//! is held in `goldens`, `levers`, `interventions`, `several` and `gguf`).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use candle_core::quantized::gguf_file::Value as Meta;
use serde_json::{Value, json};
use shared::picture::PictureTokens;

use crate::common::Golden;
use crate::common::folder::Folder;
use crate::common::gguf::{File, load};
use crate::common::lab::{Lab, logits_of};

const NAMES: [&str; 2] = ["qwen2-tall", "qwen2-wide"];

/// The reference prepared them on Pillow.
#[test]
fn pixels_equal_the_processors_to_the_last_bit() {
    for name in NAMES {
        Lab::open(name).checks_pixels();
    }
}

#[test]
fn what_is_known_at_a_glance_is_what_the_model_says() {
    for (name, edge, least, most) in [("qwen2-tall", 8, 256, 768), ("qwen2-wide", 16, 1024, 4096)] {
        let lab = Lab::open(name);
        let glance = lab.glance();
        assert_eq!(glance.tokens, Some(PictureTokens::Any { edge, least, most }), "{name}");
        assert_eq!(glance.templates.unwrap(), ["qwen2-vl"], "{name}");
        let info = lab.model.info();
        assert_eq!((&*info.family, &*info.template), ("qwen2-vl", "qwen2-vl"));
        assert_eq!(info.prune_score, "attention-received-in-last-block");
        let notes = info.notes.join("\n");
        assert!(!notes.contains("does not know"), "{name}: {notes}");
    }
}

/// Logits of the prompt's rows under a configuration that is changed like this.
fn logits(name: &str, change: fn(&mut Value)) -> Vec<f32> {
    let folder = Folder::copy(name);
    folder.change("config.json", change);
    logits_of(&folder.load().unwrap(), &Golden::open(name))
}

#[test]
fn the_towers_activation_is_the_quick_one_unless_a_file_says_otherwise() {
    for name in NAMES {
        let plain = logits(name, |_| ());
        let set = |c: &mut Value| c["vision_config"]["hidden_act"] = json!("quick_gelu");
        assert_eq!(logits(name, set), plain, "{name}");
        let exact = logits(name, |c| c["vision_config"]["hidden_act"] = json!("gelu"));
        assert_ne!(exact, plain, "{name}");
    }
}

/// One flat file and the form with parts, which transformers 4.52 and later writes, are one model.
#[test]
fn a_flat_configuration_is_the_nested_one() {
    let nest = |c: &mut Value| {
        let all = c.as_object().unwrap().clone();
        let inside = all.into_iter().filter(|(name, _)| name != "vision_config");
        let mut inside: serde_json::Map<String, Value> = inside.collect();
        inside.insert("model_type".to_owned(), json!("qwen2_vl_text"));
        c["text_config"] = inside.into();
    };
    assert_eq!(logits("qwen2-wide", nest), logits("qwen2-wide", |_| ()));
}

#[test]
fn what_is_not_this_model_is_refused_by_name() {
    let folder = Folder::copy("qwen2-tall");
    type Change = fn(&mut Value);
    let changes: [(Change, &[&str]); 9] = [
        (|c| c["vision_config"]["hidden_act"] = json!("silu"), &["\"gelu\" or \"quick_gelu\""]),
        (|c| c["vision_config"]["num_heads"] = json!(16), &["embed_dim", "a multiple of 4"]),
        (|c| c["vision_config"]["hidden_size"] = json!(40), &["vision_config.hidden_size", "48"]),
        (|c| c["vision_config"]["mlp_ratio"] = json!(4), &["mlp.fc1", "[96]", "[128]"]),
        (|c| c["vision_config"]["mlp_ratio"] = json!(2.5), &["mlp_ratio", "a whole number"]),
        (|c| c["vision_config"]["depth"] = json!(2), &["depth", "weights have 3"]),
        (|c| c["vision_config"]["model_type"] = json!("qwen2_5_vl_vision"), &["qwen2_vl_vision"]),
        (|c| c["text_config"]["use_sliding_window"] = json!(true), &["use_sliding_window"]),
        (
            |c| c["text_config"]["rope_parameters"]["mrope_section"] = json!([2, 2, 1]),
            &["mrope_section", "half a head of 12"],
        ),
    ];
    for (change, words) in changes {
        folder.change("config.json", change);
        folder.refused(words);
    }
    folder.restore("config.json");
    folder.change("processor_config.json", |p| p["image_processor"]["patch_size"] = json!(14));
    folder.refused(&["patch_size", "the vision tower's 4"]);
}

/// The language models of this family and the next are of one architecture; the projector tells.
#[test]
fn files_say_which_of_the_two_families_they_are() {
    for name in NAMES {
        let (text, mmproj) = (|| File::open(name), || File::open(&format!("{name}-mmproj")));
        let model = load(&text(), &mmproj()).unwrap();
        assert_eq!(model.info().family, "qwen2-vl");
        let notes = &model.info().notes;
        assert!(notes.len() == 1 && notes[0].contains("no chat template"), "{name}: {notes:?}");
        let mut other = mmproj();
        other.set("clip.projector_type", Meta::String("qwen2.5vl_merger".to_owned()));
        assert!(load(&text(), &other).is_err(), "no gates, no windows");
        let mut silu = mmproj();
        silu.set("clip.use_silu", Meta::Bool(true));
        assert!(load(&text(), &silu).err().unwrap().contains("clip.use_silu"));
        let mut exact = mmproj();
        exact.set("clip.use_gelu", Meta::Bool(true));
        let golden = Golden::open(name);
        let exact = load(&text(), &exact).unwrap();
        assert_ne!(logits_of(&exact, &golden), logits_of(&model, &golden), "{name}");
    }
    let said = load(&File::open("qwen2-tall"), &File::open("qwen3-tall-mmproj")).err().unwrap();
    assert!(said.contains("belongs to a 'qwen3vl' one"), "{said}");
}
