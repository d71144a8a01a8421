//! Whatever is in a model's files: a model, or one plain sentence that names the file. Never a
//! panic, never gigabytes. What damages one file of a model whole; `FUZZ_SECONDS` and `FUZZ_INPUTS`
//! (`tests/fuzz/mod.rs`) look longer.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::print_stdout, reason = "how much was tried")]

use std::time::{Duration, Instant};

use crate::common::folder::Folder;
use crate::fuzz::{self, Bounds};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use shared::ErrorCode;

/// What happens to a file.
#[derive(Clone, Debug)]
enum Damage {
    /// The n-th value anywhere in its JSON becomes another.
    Value(usize, Value),
    /// The n-th member anywhere in its JSON goes.
    Without(usize),
    /// The n-th value becomes the m-th.
    Copied(usize, usize),
    /// Bytes are written over it.
    Bytes(usize, Vec<u8>),
    /// It ends there.
    Cut(usize),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0u32..64).prop_map(|bits| json!(1u64 << bits)),
        (0u64..3000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(1e300)),
        Just(json!("")),
        Just(json!("gelu")),
        Just(json!("F16")),
        Just(json!("BF16")),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        proptest::collection::vec(0u64..5000, 0..5).prop_map(Value::from),
        proptest::collection::vec(any::<u64>(), 1..4).prop_map(Value::from),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        6 => (any::<usize>(), value()).prop_map(|(at, v)| Damage::Value(at, v)),
        2 => any::<usize>().prop_map(Damage::Without),
        2 => any::<(usize, usize)>().prop_map(|(a, b)| Damage::Copied(a, b)),
        2 => (any::<usize>(), proptest::collection::vec(any::<u8>(), 1..24))
            .prop_map(|(at, bytes)| Damage::Bytes(at, bytes)),
        1 => any::<usize>().prop_map(Damage::Cut),
    ]
}

/// Pointers to all values in a document, `without` those of a vocabulary's thousand entries.
fn pointers(json: &Value, at: String, found: &mut Vec<String>) {
    match json {
        Value::Object(map) => {
            for (key, value) in map.iter().take(60) {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (i, value) in list.iter().enumerate().take(10) {
                pointers(value, format!("{at}/{i}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

fn damage_json(json: &mut Value, damage: &Damage) {
    let mut places = Vec::new();
    pointers(json, String::new(), &mut places);
    let place = |n: &usize| places[n % places.len()].clone();
    match damage {
        Damage::Value(at, value) => *json.pointer_mut(&place(at)).unwrap() = value.clone(),
        Damage::Copied(from, to) => {
            let value = json.pointer(&place(from)).unwrap().clone();
            *json.pointer_mut(&place(to)).unwrap() = value;
        }
        Damage::Without(at) => {
            let place = place(at);
            let Some((parent, key)) = place.rsplit_once('/') else { return };
            match json.pointer_mut(parent) {
                Some(Value::Object(map)) => {
                    map.remove(&key.replace("~1", "/").replace("~0", "~"));
                }
                Some(Value::Array(list)) => {
                    list.remove(key.parse().unwrap());
                }
                _ => {}
            }
        }
        Damage::Bytes(..) | Damage::Cut(_) => {}
    }
}

fn damage_bytes(bytes: &mut Vec<u8>, damage: &Damage, within: usize) {
    match damage {
        Damage::Bytes(at, new) => {
            let at = at % within.min(bytes.len().max(1));
            let end = (at + new.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        }
        Damage::Cut(at) => bytes.truncate(at % within),
        _ => {}
    }
}

/// A safetensors file with a damaged header.
fn damage_weights(bytes: &mut Vec<u8>, damage: &Damage) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = length.saturating_add(8).min(bytes.len());
    if matches!(damage, Damage::Bytes(..) | Damage::Cut(_)) {
        return damage_bytes(bytes, damage, header + 400);
    }
    // What an earlier damage left may be no header any more.
    let Some(Ok(mut json)) = bytes.get(8..header).map(serde_json::from_slice::<Value>) else {
        return;
    };
    damage_json(&mut json, damage);
    let new = json.to_string().into_bytes();
    let length = (new.len() as u64).to_le_bytes();
    bytes.splice(..header, length.into_iter().chain(new));
}

fn fuzz(file: &'static str) {
    let (bounds, began) = (Bounds::asked(), Instant::now());
    let (mut tried, mut loaded, mut answered) = (0u64, 0u64, 0u64);
    let folders =
        [Folder::copy("llava-mha"), Folder::copy("qwen-square"), Folder::copy("llava-v4")];
    while tried < bounds.inputs && began.elapsed() < bounds.time {
        for folder in &folders {
            if !folder.file(file).exists() {
                continue;
            }
            let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
            let all = proptest::collection::vec(damage(), 1..3);
            let mut counts = (0, 0, 0);
            let counts_cell = std::cell::RefCell::new(&mut counts);
            let result = TestRunner::new(config).run(&all, |all| {
                let mut bytes = folder.read(file);
                for damage in &all {
                    match damage {
                        _ if file.ends_with(".safetensors") => damage_weights(&mut bytes, damage),
                        Damage::Bytes(..) | Damage::Cut(_) => {
                            let within = bytes.len().max(1);
                            damage_bytes(&mut bytes, damage, within);
                        }
                        _ => {
                            let Ok(mut json) = serde_json::from_slice(&bytes) else { break };
                            damage_json(&mut json, damage);
                            bytes = json.to_string().into_bytes();
                        }
                    }
                    if bytes.len() < 9 {
                        break;
                    }
                }
                folder.write(file, &bytes);
                let mut counts = counts_cell.borrow_mut();
                counts.0 += 1;
                match folder.load() {
                    Err(error) => folder.check(&error),
                    Ok(model) => {
                        counts.1 += 1;
                        match folder.ask(&model) {
                            Ok(()) => counts.2 += 1,
                            Err(error) => prop_assert!(
                                error.code != ErrorCode::Internal && !error.message.contains('\n'),
                                "{error:?}"
                            ),
                        }
                    }
                }
                Ok(())
            });
            folder.restore(file);
            if let Err(failure) = result {
                panic!("{file} of {}: {failure}", folder.path().display());
            }
            tried += counts.0;
            loaded += counts.1;
            answered += counts.2;
        }
    }
    println!("{file}: {loaded} of the damaged still loaded, {answered} of them answered");
    fuzz::report(file, tried, loaded, began.elapsed(), Duration::ZERO);
}

#[test]
fn config() {
    fuzz("config.json");
}

#[test]
fn generation_config() {
    fuzz("generation_config.json");
}

#[test]
fn processor_config() {
    fuzz("processor_config.json");
    fuzz("preprocessor_config.json");
}

#[test]
fn tokenizer() {
    fuzz("tokenizer.json");
}

#[test]
fn weights() {
    fuzz("model.safetensors");
}
