//! Model configurations as transformers 4 and 5 write them.

mod llava;
mod qwen;

pub(crate) use llava::LlavaConfig;
pub(crate) use qwen::QwenConfig;

use std::path::Path;

use serde_json::Value;

use crate::error::EngineError;
use crate::rotary::RotaryConfig;
use crate::vision::Activation;

/// Reads a JSON file; `None` when there is no such file.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>, EngineError> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| EngineError::model(format!("{}: {e}", path.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(EngineError::model(format!("{}: cannot be read: {e}", path.display()))),
    }
}

/// Reading settings with defaults and clear errors.
pub(crate) trait Json {
    /// A member, or null.
    fn member(&self, name: &str) -> &Value;
    /// A whole number, or the default where it is left out or null.
    fn size(&self, name: &str, default: usize) -> Result<usize, EngineError>;
    /// A number, or the default.
    fn number(&self, name: &str, default: f64) -> Result<f64, EngineError>;
    /// A yes or no, or the default.
    fn flag(&self, name: &str, default: bool) -> bool;
}

impl Json for Value {
    fn member(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }

    fn size(&self, name: &str, default: usize) -> Result<usize, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            v => v.as_u64().map(|n| n as usize).filter(|n| (1..1 << 24).contains(n)).ok_or_else(
                || EngineError::model(format!("config.json: '{name}' is {v}, not a usable size")),
            ),
        }
    }

    fn number(&self, name: &str, default: f64) -> Result<f64, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            v => v.as_f64().ok_or_else(|| {
                EngineError::model(format!("config.json: '{name}' is {v}, not a number"))
            }),
        }
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        self.member(name).as_bool().unwrap_or(default)
    }
}

fn ids(value: &Value) -> Vec<u32> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_u64).map(|n| n as u32).collect(),
        other => other.as_u64().map(|n| n as u32).into_iter().collect(),
    }
}

fn activation(name: &str) -> Result<Activation, EngineError> {
    match name {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" => Ok(Activation::Gelu),
        other => {
            Err(EngineError::model(format!("config.json: activation '{other}' is not supported")))
        }
    }
}

/// Rotary settings, from transformers 5's `rope_parameters` or 4's `rope_theta` and `rope_scaling`.
fn rope(text: &Value, default_theta: f64) -> Result<RotaryConfig, EngineError> {
    let (parameters, theta) = match text.member("rope_parameters") {
        Value::Null => (text.member("rope_scaling"), text.number("rope_theta", default_theta)?),
        parameters => (parameters, parameters.number("rope_theta", default_theta)?),
    };
    let kind = ["rope_type", "type"].iter().find_map(|n| parameters.member(n).as_str());
    let factor = match kind {
        None | Some("default" | "mrope") => 1.0,
        Some("linear") => parameters.number("factor", 1.0)?,
        Some(other) => {
            return Err(EngineError::model(format!(
                "config.json: rotary scaling '{other}' is not supported"
            )));
        }
    };
    let partial = parameters.number("partial_rotary_factor", 1.0)?;
    if !(theta > 0.0 && factor > 0.0) || partial != 1.0 {
        return Err(EngineError::model("config.json: rotary settings out of range"));
    }
    let sections = match parameters.member("mrope_section") {
        Value::Null => Vec::new(),
        list => serde_json::from_value(list.clone()).map_err(|_| {
            EngineError::model(format!("config.json: mrope_section {list} is not understood"))
        })?,
    };
    Ok(RotaryConfig { theta, factor, sections })
}

/// The configuration's `model_type`.
pub(crate) fn family(folder: &Path) -> Result<String, EngineError> {
    let json = model_json(folder)?;
    Ok(json.member("model_type").as_str().unwrap_or("none").to_owned())
}

fn model_json(folder: &Path) -> Result<Value, EngineError> {
    read_json(&folder.join("config.json"))?.ok_or_else(|| {
        EngineError::model(format!(
            "{}: there is no config.json; a model folder in Hugging Face layout is needed",
            folder.display()
        ))
    })
}

/// `config.json` and, where it is there, `generation_config.json`.
fn both(folder: &Path) -> Result<(Value, Value), EngineError> {
    let generation = read_json(&folder.join("generation_config.json"))?;
    Ok((model_json(folder)?, generation.unwrap_or_default()))
}

/// Puts the folder's path into errors about `config.json`.
fn in_folder(folder: &Path) -> impl Fn(EngineError) -> EngineError {
    let path = folder.join("config.json").display().to_string();
    move |e| EngineError::model(e.message.replacen("config.json", &path, 1))
}

/// Ids that end an answer: the generation config's, else the model's, else `default`.
fn eos(places: &[&Value], default: u32) -> Vec<u32> {
    let found = places.iter().map(|j| ids(j.member("eos_token_id"))).find(|ids| !ids.is_empty());
    found.unwrap_or_else(|| vec![default])
}
