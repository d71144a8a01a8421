//! The words that drawings write, in the page's language.

use plots::Words;
use shared::Language;

use crate::language::InForce;

/// The words that drawings write, in the language in force.
pub fn plot_words() -> Words {
    Words::of(Language::now())
}
