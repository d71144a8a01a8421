//! Qwen2-Audio's prompts.

use shared::Group;

use crate::family::grid;
use crate::prompt::{Part, Template};

/// The published chat template: Qwen's, with a line for each sound. Its number is the sound's own, so
/// it is a marker as the special tokens around the sound are.
pub(super) fn templates() -> Vec<Template> {
    let sound = vec![
        Part::text(Group::Marker, "Audio "),
        Part::Number(Group::Marker),
        Part::text(Group::Marker, ": "),
        Part::special("<|audio_bos|>"),
        Part::Image,
        Part::special("<|audio_eos|>"),
        Part::text(Group::Template, "\n"),
    ];
    vec![grid::chat_with("qwen2-audio", sound)]
}
