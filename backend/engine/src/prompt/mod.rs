//! Prompts: templates, tokenizing, and the list of pieces that a prompt is.

mod chat;
mod gguf;
mod jinja;
mod settings;
mod spelling;
mod template;
mod templates;
mod tokenizer;
mod written;

use shared::sentence::{EngineRefusal, TemplateProblem, TokenizerFault};
use shared::{ErrorCode, Group, Shown, Token};

pub(crate) use chat::{Found, in_folder, in_gguf};
pub(crate) use settings::check_settings;
pub(crate) use spelling::TextStream;
pub(crate) use template::{Part, Template};
pub(crate) use templates::{Prompting, Templates, at_a_glance};
pub(crate) use tokenizer::{PromptTokenizer, token_name};

use crate::error::EngineError;
use crate::prepare::{Plan, Run};
use template::Stretch;

/// A part of a prompt.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Text, each token in its group.
    Text(Vec<Token>),
    /// A special token of the template.
    Special(Token),
    /// Features of a medium. How many of them are left depends on what is done to it.
    Medium(MediumRun),
}

/// Features of a medium that follow one another in a prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MediumRun {
    /// The medium's number.
    pub(crate) medium: usize,
    /// How many of its features come before these.
    pub(crate) first: usize,
    pub(crate) run: Run,
}

impl Piece {
    /// Its tokens; none of a medium.
    pub(crate) fn tokens(&self) -> &[Token] {
        match self {
            Piece::Text(tokens) => tokens,
            Piece::Special(token) => std::slice::from_ref(token),
            Piece::Medium(_) => &[],
        }
    }
}

/// A prompt as a list of pieces, in the template's order, tokenized around media that are not there
/// yet.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) pieces: Vec<Piece>,
}

impl Prompt {
    /// Tokenizes a template with a person's text in it, and pictures for which these plans hold.
    ///
    /// # Errors
    /// The text holds the model's image token, or a special token of the template is missing.
    pub(crate) fn new(
        tokenizer: &PromptTokenizer,
        template: &Template,
        (prompt, pictures): (&str, &[Plan]),
        image_token: u32,
    ) -> Result<Self, EngineError> {
        let special =
            |id: u32| Piece::Special(Token::text(0, id, tokenizer.display(id), Group::Marker));
        let mut pieces = Vec::new();
        if !template.begins() {
            pieces.extend(tokenizer.begin.iter().map(|id| special(*id)));
        }
        let stretches = template.fill(prompt, pictures.len(), tokenizer).map_err(|why| {
            let name = template.name.to_string();
            EngineError::new(ErrorCode::BadOption, TemplateProblem::OfTemplate { name, why })
        })?;
        let stretches = template::planned(stretches, pictures, tokenizer)?;
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
                Stretch::Run(run) => pieces.push(Piece::Medium(run)),
                // Each has its plan, which took its place.
                Stretch::Medium => {}
                Stretch::Special(text) => {
                    let id = tokenizer.special(&text).ok_or_else(|| {
                        let (token, template) = (text.to_string(), template.name.to_string());
                        EngineError::model(TokenizerFault::NoTokenOfTemplate { token, template })
                    })?;
                    pieces.push(special(id));
                }
                Stretch::Text(text) => {
                    let text = text.trimmed(left, right);
                    let found = tokenizer.encode(&text.text, at == 0)?;
                    let ids: Vec<u32> = found.iter().map(|piece| piece.id).collect();
                    let tokens = found.iter().zip(tokenizer.shown(&ids)).map(|(piece, shown)| {
                        let Shown { text: shown, parts } = shown;
                        let group = text.group(piece.start, piece.end);
                        Token { parts, ..Token::text(0, piece.id, shown, group) }
                    });
                    pieces.push(Piece::Text(tokens.collect()));
                }
            }
        }
        let prompt = Prompt { pieces };
        if prompt.pieces.iter().flat_map(Piece::tokens).any(|t| t.id == image_token) {
            let refusal = EngineRefusal::PromptHoldsImageToken;
            return Err(EngineError::new(ErrorCode::BadOption, refusal));
        }
        Ok(prompt)
    }

    /// Tokens of the text.
    pub(crate) fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.tokens().len()).sum()
    }
}
