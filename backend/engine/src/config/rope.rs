//! Rotary settings, read as transformers 5 reads them (`RotaryEmbeddingConfigMixin`).

use super::Section;
use super::known;
use crate::error::EngineError;
use crate::rotary::RotaryConfig;

/// Whose settings these are: what is left out, and what is understood, differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Llama: one axis, plain or linear.
    Llama,
    /// Qwen2.5-VL's decoder: three axes, plain or linear.
    Qwen,
    /// Qwen2.5-VL's vision tower: rows and columns, plain.
    Tower,
}

/// Qwen2.5-VL's shares of the three axes where the file says nothing.
const SECTIONS: [usize; 3] = [16, 24, 24];

/// What a section says of rotary positions.
///
/// `rope_scaling`, where it is there and not empty, replaces `rope_parameters` altogether; the base
/// is that object's own `rope_theta`, else the one beside it, else the default.
pub(super) fn rope(
    at: &Section,
    kind: Kind,
    notes: &mut Vec<String>,
) -> Result<RotaryConfig, EngineError> {
    let default = if kind == Kind::Qwen { 1e6 } else { 1e4 };
    let (old, new) = (at.section("rope_scaling")?, at.section("rope_parameters")?);
    let both = !old.is_empty() && !new.is_empty();
    let chosen = if old.is_empty() { &new } else { &old };
    if both && !old.equals(&new) {
        notes.push(format!(
            "{} has both '{}' and '{}', which differ: the first counts, as in transformers 5.",
            at.name(),
            at.key("rope_scaling"),
            at.key("rope_parameters")
        ));
    }
    let range = 1.0..=1e12;
    let beside = at.number("rope_theta", default, range.clone())?;
    let theta = chosen.number("rope_theta", beside, range)?;
    if !at.member("rope_theta").is_null() && theta.to_bits() != beside.to_bits() {
        notes.push(format!(
            "{} has both '{}' {beside} and '{}' {theta}: the second counts, as in transformers 5.",
            at.name(),
            at.key("rope_theta"),
            chosen.key("rope_theta"),
        ));
    }
    if let Some(by_layer) =
        ["full_attention", "sliding_attention"].iter().find(|name| chosen.has(name))
    {
        return Err(chosen.wrong(by_layer, "one setting for all layers"));
    }
    let name = if chosen.member("rope_type").is_null() { "type" } else { "rope_type" };
    let words = match kind {
        Kind::Llama => "\"default\" or \"linear\"",
        Kind::Qwen => "\"default\", \"linear\" or \"mrope\"",
        Kind::Tower => "\"axial\" or \"default\"",
    };
    let factor = match (chosen.text(name)?, kind) {
        (None | Some("default"), _)
        | (Some("mrope"), Kind::Qwen)
        | (Some("axial"), Kind::Tower) => 1.0,
        (Some("linear"), Kind::Llama | Kind::Qwen) => {
            if chosen.member("factor").is_null() {
                return Err(chosen.wrong("factor", "a number: linear scaling divides by it, it"));
            }
            // Linear scaling alone turns a part of a head where it is told to.
            for section in [at, chosen] {
                section.number("partial_rotary_factor", 1.0, 1.0..=1.0)?;
            }
            chosen.number("factor", 1.0, 1e-3..=1e6)?
        }
        (Some(_), _) => return Err(chosen.wrong(name, words)),
    };
    let sections = match (kind, chosen.whole("mrope_section")?) {
        (Kind::Qwen, list) if list.is_empty() => SECTIONS.to_vec(),
        (Kind::Qwen, list) => list.into_iter().map(|n| n as usize).collect(),
        _ => Vec::new(),
    };
    chosen.tell_unknown(&[&known::ROPE], notes);
    Ok(RotaryConfig { theta, factor, sections })
}
