//! Qwen2-VL's prompts.

use crate::family::grid;
use crate::prompt::Template;

/// The templates, the published models' first.
pub(super) fn templates() -> Vec<Template> {
    vec![grid::chat("qwen2-vl")]
}
