//! What is wrong with a model's files, as a page in Korean says it: no English is left but names.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use engine::{DeviceChoice, EngineError, LoadOptions, Model, variant_of};
use serde_json::json;
use shared::{Language, Quant};

use crate::common::folder::{Folder, in_korean};
use crate::common::gguf::{self, File};

fn refused(place: &Path) -> EngineError {
    let options =
        LoadOptions { name: "broken".to_owned(), quant: Quant::Stored, device: DeviceChoice::Cpu };
    Model::load(place, &options, &mut |_, _| {}).err().expect("it is broken")
}

/// What is said of a folder's model, without the folder.
fn said_of(folder: &Folder) -> String {
    let korean = in_korean(&refused(folder.path()));
    korean.replace(&*folder.path().to_string_lossy(), "…")
}

#[test]
fn a_broken_configuration() {
    let folder = Folder::copy("llava-mha");
    folder.write("config.json", "{\"a\": [1,");
    assert_eq!(said_of(&folder), "…/config.json: 잘렸습니다. 1번째 줄 9번째 칸에서 끝납니다");
    folder.change("config.json", |c| c["text_config"]["hidden_act"] = json!("relu"));
    let said = "…/config.json: 'text_config.hidden_act'의 값이 \"relu\"입니다. 필요한 값: \"silu\"";
    assert_eq!(said_of(&folder), said);
    folder.change("config.json", |c| c["text_config"]["num_hidden_layers"] = json!(900));
    let said = "…/config.json: 'num_hidden_layers'에 따르면 디코더 레이어가 900개인데 가중치에는";
    assert!(said_of(&folder).starts_with(said), "{}", said_of(&folder));
    folder.change("config.json", |c| c["model_type"] = json!("llama"));
    let said = said_of(&folder);
    assert!(said.contains("model_type 'llama'은(는) 지원되지 않습니다"), "{said}");
    assert!(said.contains("'llava'") && said.contains(" 및 "), "{said}");
}

#[test]
fn a_missing_tensor() {
    let folder = Folder::copy("llava-mha");
    let bytes = folder.read("model.safetensors");
    let (old, new) = (b"self_attn.o_proj.weight", b"self_attn.x_proj.weight");
    let at = bytes.windows(old.len()).position(|part| part == old).unwrap();
    let mut bytes = bytes;
    bytes[at..at + new.len()].copy_from_slice(new);
    folder.write("model.safetensors", bytes);
    let said = said_of(&folder);
    assert!(said.starts_with("…/model.safetensors: 텐서 '"), "{said}");
    assert!(
        said.ends_with("out_proj.weight': 없습니다") || said.ends_with("o_proj.weight': 없습니다")
    );
    folder.write("model.safetensors", b"short");
    let said = said_of(&folder);
    assert_eq!(said, "…/model.safetensors: safetensors 파일이라기에는 너무 짧습니다");
    std::fs::remove_file(folder.file("model.safetensors")).unwrap();
    assert_eq!(said_of(&folder), "…: 이 폴더에 safetensors 파일이 없습니다");
}

#[test]
fn a_broken_gguf_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.gguf"));
    let (text, mmproj) = (path("llava-gqa"), path("llava-gqa-mmproj"));
    let copied = |name: &str| std::fs::copy(gguf::folder().join(name), folder.path().join(name));
    copied("llava-gqa-mmproj.gguf").unwrap();
    let said = |at: &Path| {
        let korean = in_korean(&refused(&gguf::pair(&text, &mmproj)));
        korean.strip_prefix(&format!("{}: ", at.display())).map(str::to_owned).unwrap_or(korean)
    };
    std::fs::write(&text, b"GGML, and more bytes than a header has").unwrap();
    assert_eq!(said(&text), "GGUF 파일이 아닙니다");
    let mut file = File::open("llava-gqa");
    file.remove("blk.1.attn_q.weight");
    file.save(&text);
    assert_eq!(said(&text), "텐서 'blk.1.attn_q.weight': 없습니다");
    let mut file = File::open("llava-gqa");
    file.unset("llama.block_count");
    file.save(&text);
    assert_eq!(said(&text), "'llama.block_count': 없습니다");
}

#[test]
fn a_broken_tokenizer() {
    let folder = Folder::copy("llava-mha");
    folder.change("tokenizer.json", |t| t["pre_tokenizer"] = json!({"type": "Oracle"}));
    let said = "…/tokenizer.json: 종류가 'Oracle'인 'pre_tokenizer'을(를) 쓸 수 없습니다";
    assert_eq!(said_of(&folder), said);
    std::fs::remove_file(folder.file("tokenizer.json")).unwrap();
    assert_eq!(said_of(&folder), "…/tokenizer.json: 그런 파일이 없습니다");
}

#[test]
fn another_kind_of_model() {
    let folder = Folder::copy("llava-mha");
    folder.change("config.json", |c| c["quantization_config"] = json!({"quant_method": "awq"}));
    let variant = variant_of(folder.path()).expect("a variant").text(Language::Korean);
    assert!(variant.starts_with("가중치가 AWQ(으)로 양자화되어 있습니다. 원래 모델"), "{variant}");
    assert_eq!(said_of(&folder), format!("…: {variant}"));
}
