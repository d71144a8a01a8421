//! The page's texts in other languages than English, which are no part of its program.

use super::http::bytes;
use crate::base::at;
use crate::language::{Language, is_known, learn};

/// Brings a language's catalogue, where it is not there yet. Where it cannot be had, texts stay in English.
pub async fn bring(language: Language) {
    if is_known(language) {
        return;
    }
    let file = bytes(&at(&format!("/{}.json", language.tag()))).await;
    if let Some(text) = file.ok().and_then(|file| String::from_utf8(file).ok()) {
        learn(&text);
    }
}
