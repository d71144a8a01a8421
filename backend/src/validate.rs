//! What a person asks for, checked before it costs anything.

use serde_json::Value;
use shared::{ErrorCode, RunOptions};

use crate::error::ApiError;

/// Most characters a prompt may have.
pub const MAX_PROMPT_CHARS: usize = 8192;

/// Reads options from JSON.
///
/// # Errors
/// `bad_request` for what is no JSON, `bad_option` for an option that does not exist or has no
/// such value.
pub fn parse_options(json: &[u8]) -> Result<RunOptions, ApiError> {
    let value: Value = serde_json::from_slice(json).map_err(|error| {
        ApiError::new(ErrorCode::BadRequest, format!("The options are not JSON: {error}."))
    })?;
    // Serde would take a list for an object's values in order.
    if !value.is_object() {
        let message = "The options are not usable: they must be a JSON object.";
        return Err(ApiError::new(ErrorCode::BadOption, message));
    }
    serde_json::from_value(value).map_err(|error| {
        ApiError::new(ErrorCode::BadOption, format!("The options are not usable: {error}."))
    })
}

/// Whether options in JSON name a quantization; where they do not, the model's own default holds.
pub fn names_quant(json: &[u8]) -> bool {
    serde_json::from_slice(json).is_ok_and(|json: serde_json::Value| !json["quant"].is_null())
}

/// Checks options and gives them as they will be understood: line ends in the prompt are `\n`.
///
/// # Errors
/// A code and a sentence for the first option that cannot be.
pub fn check_options(mut options: RunOptions) -> Result<RunOptions, ApiError> {
    options.prompt = check_prompt(&options.prompt)?;
    options.check_ranges().map_err(|message| ApiError::new(ErrorCode::BadOption, message))?;
    Ok(options)
}

fn check_prompt(prompt: &str) -> Result<String, ApiError> {
    if prompt.trim().is_empty() {
        return Err(ApiError::new(ErrorCode::PromptEmpty, "Type a question about the picture."));
    }
    let chars = prompt.chars().count();
    if chars > MAX_PROMPT_CHARS {
        let message =
            format!("The prompt has {chars} characters; at most {MAX_PROMPT_CHARS} are allowed.");
        return Err(ApiError::new(ErrorCode::PromptTooLong, message));
    }
    let prompt = prompt.replace("\r\n", "\n").replace('\r', "\n");
    // Refused rather than removed: what the model reads is what the person sees.
    let control = prompt.chars().enumerate().find(|(_, c)| c.is_control() && !"\n\t".contains(*c));
    if let Some((at, c)) = control {
        let message = format!(
            "The prompt contains the control character U+{:04X} (character {}); remove it.",
            u32::from(c),
            at + 1
        );
        return Err(ApiError::new(ErrorCode::BadOption, message));
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut RunOptions)) -> Result<RunOptions, ErrorCode> {
        let mut options = RunOptions { prompt: "What is it?".into(), ..RunOptions::default() };
        change(&mut options);
        check_options(options).map_err(|e| e.0.code)
    }

    #[test]
    fn a_quantization_is_named_or_left_to_the_model() {
        assert!(names_quant(br#"{"prompt": "?", "quant": "q8_0"}"#));
        for json in [r#"{"prompt": "?"}"#, r#"{"quant": null}"#, "[]", "1", "{", ""] {
            assert!(!names_quant(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn edges_of_every_range() {
        assert!(with(|_| ()).is_ok());
        for prune in [0.0, 0.75, 0.999] {
            assert!(with(|o| o.prune = prune).is_ok());
        }
        for prune in [1.0, -0.1, f32::NAN, f32::INFINITY] {
            assert_eq!(with(|o| o.prune = prune), Err(ErrorCode::BadOption));
        }
        for (replicate, ok) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(with(|o| o.replicate = replicate).is_ok(), ok);
        }
        for (tokens, ok) in [(0, false), (1, true), (512, true), (513, false)] {
            assert_eq!(with(|o| o.max_new_tokens = tokens).is_ok(), ok);
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
