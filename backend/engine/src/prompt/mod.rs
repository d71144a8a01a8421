//! Prompts: templates, tokenizing, and the sequence around the picture.

mod chat;
mod gguf;
mod jinja;
mod settings;
mod spelling;
mod template;
mod templates;
mod tokenizer;
mod written;

use shared::{ErrorCode, Group, Shown, Token};

pub(crate) use chat::{Found, in_folder, in_gguf};
pub(crate) use settings::check_settings;
pub(crate) use spelling::TextStream;
pub(crate) use template::Template;
pub(crate) use templates::{Kind, Templates, at_a_glance};
pub(crate) use tokenizer::{PromptTokenizer, token_name};

use crate::error::EngineError;
use template::Stretch;

/// A prompt tokenized around a picture that is not there yet: which image tokens there are
/// depends on the picture when some are pruned.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Tokens before the picture.
    pub(crate) before: Vec<Token>,
    /// Tokens after the picture; none where there is no picture.
    pub(crate) after: Vec<Token>,
}

impl Frame {
    /// Tokenizes a template with a person's text in it, and a picture or none.
    ///
    /// # Errors
    /// The text holds the model's image token, or a special token of the template is missing.
    pub(crate) fn new(
        tokenizer: &PromptTokenizer,
        template: &Template,
        (prompt, picture): (&str, bool),
        image_token: u32,
    ) -> Result<Self, EngineError> {
        let token = |id: u32, group: Group| Token {
            index: 0,
            id,
            text: tokenizer.display(id),
            parts: Vec::new(),
            group,
            cell: None,
        };
        let mut sides = [Vec::new(), Vec::new()];
        if !template.begins() {
            sides[0].extend(tokenizer.begin.iter().map(|id| token(*id, Group::Marker)));
        }
        let mut side = 0;
        let stretches = template.fill(prompt, picture).map_err(|why| {
            EngineError::new(
                ErrorCode::BadOption,
                format!("The template '{}' {why}. Choose another one.", template.name),
            )
        })?;
        // Some special tokens take the space beside them away.
        let takes_space = |stretch: Option<&Stretch>| match stretch {
            Some(Stretch::Special(text)) => tokenizer.takes_space(text),
            _ => (false, false),
        };
        let around: Vec<(bool, bool)> = (0..stretches.len())
            .map(|at| {
                let before = at.checked_sub(1).and_then(|at| stretches.get(at));
                (takes_space(before).1, takes_space(stretches.get(at + 1)).0)
            })
            .collect();
        for (at, (stretch, (left, right))) in stretches.into_iter().zip(around).enumerate() {
            match stretch {
                Stretch::Image => side = 1,
                Stretch::Special(text) => {
                    let id = tokenizer.special(&text).ok_or_else(|| {
                        EngineError::model(format!(
                            "the tokenizer has no token '{text}', which template '{}' needs",
                            template.name
                        ))
                    })?;
                    sides[side].push(token(id, Group::Marker));
                }
                Stretch::Text(text) => {
                    let text = text.trimmed(left, right);
                    let pieces = tokenizer.encode(&text.text, at == 0)?;
                    let ids: Vec<u32> = pieces.iter().map(|piece| piece.id).collect();
                    for (piece, shown) in pieces.iter().zip(tokenizer.shown(&ids)) {
                        let group = text.group(piece.start, piece.end);
                        let Shown { text, parts } = shown;
                        sides[side].push(Token {
                            index: 0,
                            id: piece.id,
                            text,
                            parts,
                            group,
                            cell: None,
                        });
                    }
                }
            }
        }
        let [before, after] = sides;
        if before.iter().chain(&after).any(|t| t.id == image_token) {
            return Err(EngineError::new(
                ErrorCode::BadOption,
                "The prompt holds a token that this model reserves for pictures.",
            ));
        }
        Ok(Frame { before, after })
    }

    /// Tokens of the text.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }
}
