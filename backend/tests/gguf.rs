//! The program with models in llama.cpp's files.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens")
}

fn model(text: &str, mmproj: &str) -> String {
    let file = |name: &str| goldens().join(format!("gguf/{name}.gguf")).display().to_string();
    format!("{},{}", file(text), file(mmproj))
}

fn run(args: &[&str]) -> Output {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.args(args).arg("--data").arg(data.path()).output().unwrap()
}

fn printed(output: &Output) -> serde_json::Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn check_says_what_the_files_hold() {
    let place = model("qwen-wide", "qwen-wide-mmproj");
    let info = printed(&run(&["models", "check", &place, "--json"]));
    assert_eq!(info["name"], "qwen-wide");
    assert_eq!(info["family"], "qwen2.5-vl");
    assert_eq!(info["quant"], "stored");
    assert_eq!(info["held"], serde_json::json!({"bf16": 29}));
    assert_eq!(info["hash"].as_str().unwrap().len(), 64);
    let words = run(&["models", "check", &place]);
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(words.contains("the files' own types") && words.contains("29 in bf16"), "{words}");
    let info = printed(&run(&["models", "check", &place, "--quant", "q8_0", "--json"]));
    assert_eq!(info["held"], serde_json::json!({"f16": 4, "q8_0": 25}));
}

#[test]
fn check_says_the_first_thing_that_is_wrong() {
    for (place, words) in [
        (model("qwen-wide", "llava-mha-mmproj"), "belongs to a 'llama' or 'qwen2' one"),
        (model("qwen-wide", "nowhere"), "nowhere.gguf"),
        (
            goldens().join("gguf/types.gguf").display().to_string(),
            "general.architecture is 'types'",
        ),
    ] {
        let output = run(&["models", "check", &place]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(error.contains("model_unusable") && error.contains(words), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
}

#[test]
fn analyze_asks_a_model_in_two_files() {
    let place = model("llava-gqa", "llava-gqa-mmproj");
    let picture = goldens().join("images/wide.png").display().to_string();
    let args = ["analyze", "--model", &place, "--image", &picture, "--prompt", "Which colour?"];
    let report = printed(&run(&[&args[..], &["--json", "--verify"]].concat()));
    assert_eq!(report["model"]["family"], "llava-1.5");
    assert_eq!(report["model"]["quant"], "stored");
    assert_eq!(report["layers"].as_array().unwrap().len(), 4);
    assert_eq!(report["fidelity"]["observed"]["largest_logit_difference"], 0.0);
}
