//! What a person asks for, checked before it costs anything.

use serde_json::Value;
use shared::sentence::LabError;
use shared::{AskedOptions, ErrorCode};

use crate::error::ApiError;

/// Reads options from JSON.
///
/// # Errors
/// `bad_request` for what is no JSON, `bad_option` for an option that does not exist or has no
/// such value.
pub fn parse_options(json: &[u8]) -> Result<AskedOptions, ApiError> {
    let value: Value = serde_json::from_slice(json).map_err(|error| {
        ApiError::new(ErrorCode::BadRequest, LabError::OptionsNotJson { why: error.to_string() })
    })?;
    // Serde would take a list for an object's values in order.
    if !value.is_object() {
        return Err(ApiError::new(ErrorCode::BadOption, LabError::OptionsNoObject));
    }
    serde_json::from_value(value).map_err(|error| {
        ApiError::new(ErrorCode::BadOption, LabError::OptionsUnusable { why: error.to_string() })
    })
}

#[cfg(test)]
mod tests {
    use shared::options::resolve;
    use shared::{ModelDefaults, ModelTraits, Quant, RunOptions};

    use super::*;

    fn with(change: impl FnOnce(&mut AskedOptions)) -> Result<RunOptions, ErrorCode> {
        let mut asked = AskedOptions { prompt: "What is it?".into(), ..AskedOptions::default() };
        change(&mut asked);
        let (defaults, traits) = (ModelDefaults::default(), ModelTraits::default());
        resolve(&asked, &defaults, &traits).map_err(|e| e.code)
    }

    #[test]
    fn a_quantization_is_named_or_left_to_the_model() {
        let quant = |json: &str| parse_options(json.as_bytes()).expect("options").quant;
        assert_eq!(quant(r#"{"prompt": "?", "quant": "q8_0"}"#), Some(Quant::Q8_0));
        for json in [r#"{"prompt": "?"}"#, r#"{"quant": null}"#] {
            assert_eq!(quant(json), None, "{json}");
        }
    }

    #[test]
    fn edges_of_every_range() {
        assert!(with(|_| ()).is_ok());
        for prune in [0.0, 0.75, 0.999] {
            assert!(with(|o| o.prune = Some(prune)).is_ok());
        }
        for prune in [1.0, -0.1, f32::NAN, f32::INFINITY] {
            assert_eq!(with(|o| o.prune = Some(prune)), Err(ErrorCode::BadOption));
        }
        for (replicate, ok) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(with(|o| o.replicate = Some(replicate)).is_ok(), ok);
        }
        for (tokens, ok) in [(0, false), (1, true), (512, true), (513, false)] {
            assert_eq!(with(|o| o.max_new_tokens = Some(tokens)).is_ok(), ok);
        }
    }

    #[test]
    fn prompts() {
        assert_eq!(with(|o| o.prompt = " \n\t ".into()), Err(ErrorCode::PromptEmpty));
        assert_eq!(with(|o| o.prompt = "é".repeat(8193)), Err(ErrorCode::PromptTooLong));
        assert!(with(|o| o.prompt = "é".repeat(8192)).is_ok(), "characters count, not bytes");
        for bad in ["a\0b", "a\u{7}", "a\u{1b}[31m", "a\u{85}"] {
            assert_eq!(with(|o| o.prompt = bad.into()), Err(ErrorCode::BadOption), "{bad:?}");
        }
        let kept = with(|o| o.prompt = "a\tb\r\nc\rd <image> </s>".into()).expect("fine");
        assert_eq!(kept.prompt, "a\tb\nc\nd <image> </s>");
    }

    #[test]
    fn json_that_is_wrong_says_how() {
        let code = |json: &str| parse_options(json.as_bytes()).map(|_| ()).map_err(|e| e.0.code);
        assert_eq!(code("{}"), Ok(()));
        assert_eq!(code("{"), Err(ErrorCode::BadRequest));
        assert_eq!(code(r#"{"quant":"q3"}"#), Err(ErrorCode::BadOption));
        assert_eq!(code(r#"{"temperature":1}"#), Err(ErrorCode::BadOption));
        assert_eq!(code(r#"{"max_new_tokens":-1}"#), Err(ErrorCode::BadOption));
        for no_object in ["7", "[]", "null", r#"["demo-llava", "What is it?"]"#] {
            assert_eq!(code(no_object), Err(ErrorCode::BadOption), "{no_object}");
        }
    }
}
