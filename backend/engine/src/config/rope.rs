//! Rotary settings, read as transformers 5 reads them (`RotaryEmbeddingConfigMixin`).

use shared::sentence::{ModelNote, SettingNeed};

use super::Section;
use super::known;
use crate::error::EngineError;
use crate::rotary::RotaryConfig;

/// What of rotary settings a model understands, and what it takes where they are left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RopeRules {
    /// Base of the frequencies.
    pub(crate) theta: f64,
    /// Names of plain rotation besides `default`.
    pub(crate) plain: &'static [&'static str],
    /// Whether positions may be scaled linearly.
    pub(crate) linear: bool,
    /// What of it is understood, as an error says it.
    pub(crate) words: &'static [&'static str],
    /// Shares of the three axes, where there are three.
    pub(crate) sections: Option<[usize; 3]>,
    /// Whether the three take turns, frequency by frequency.
    pub(crate) interleaved: bool,
}

impl RopeRules {
    /// Llama's: one axis, plain or linear.
    pub(crate) const LLAMA: RopeRules = RopeRules {
        theta: 1e4,
        plain: &[],
        linear: true,
        words: &["default", "linear"],
        sections: None,
        interleaved: false,
    };
    /// Those of a vision tower's rows and columns, plain.
    pub(crate) const AXIAL: RopeRules = RopeRules {
        theta: 1e4,
        plain: &["axial"],
        linear: false,
        words: &["axial", "default"],
        sections: None,
        interleaved: false,
    };
}

/// What a section says of rotary positions.
///
/// `rope_scaling`, where it is there and not empty, replaces `rope_parameters` altogether; the base
/// is that object's own `rope_theta`, else the one beside it, else the default.
pub(crate) fn rope(
    at: &Section,
    rules: &RopeRules,
    notes: &mut Vec<ModelNote>,
) -> Result<RotaryConfig, EngineError> {
    let (old, new) = (at.section("rope_scaling")?, at.section("rope_parameters")?);
    let both = !old.is_empty() && !new.is_empty();
    let chosen = if old.is_empty() { &new } else { &old };
    if both && !old.equals(&new) {
        notes.push(ModelNote::FirstCounts {
            file: at.name().to_owned(),
            one: format!("'{}'", at.key("rope_scaling")),
            other: format!("'{}'", at.key("rope_parameters")),
        });
    }
    let range = 1.0..=1e12;
    let beside = at.number("rope_theta", rules.theta, range.clone())?;
    let theta = chosen.number("rope_theta", beside, range)?;
    if !at.member("rope_theta").is_null() && theta.to_bits() != beside.to_bits() {
        notes.push(ModelNote::SecondCounts {
            file: at.name().to_owned(),
            one: format!("'{}' {beside}", at.key("rope_theta")),
            other: format!("'{}' {theta}", chosen.key("rope_theta")),
        });
    }
    if let Some(by_layer) =
        ["full_attention", "sliding_attention"].iter().find(|name| chosen.has(name))
    {
        return Err(chosen.wrong(by_layer, SettingNeed::OneForAllLayers));
    }
    let name = if chosen.member("rope_type").is_null() { "type" } else { "rope_type" };
    let factor = match chosen.text(name)? {
        None | Some("default") => 1.0,
        // As far as the model's positions reach, where the base is not changed.
        Some("dynamic") if rules.plain.contains(&"dynamic") => {
            if chosen.member("factor").is_null() {
                return Err(chosen.wrong("factor", SettingNeed::LongFactor));
            }
            chosen.number("factor", 1.0, 1.0..=1e6)?;
            1.0
        }
        Some(plain) if rules.plain.contains(&plain) => 1.0,
        Some("linear") if rules.linear => {
            if chosen.member("factor").is_null() {
                return Err(chosen.wrong("factor", SettingNeed::LinearFactor));
            }
            // Linear scaling alone turns a part of a head where it is told to.
            for section in [at, chosen] {
                section.number("partial_rotary_factor", 1.0, 1.0..=1.0)?;
            }
            chosen.number("factor", 1.0, 1e-3..=1e6)?
        }
        Some(_) => return Err(chosen.wrong_word(name, rules.words)),
    };
    let said = chosen.whole("mrope_section")?;
    let sections = match rules.sections {
        Some(usual) if said.is_empty() => usual.to_vec(),
        Some(_) => said.into_iter().map(|n| n as usize).collect(),
        None => Vec::new(),
    };
    // transformers does not ask: these models' axes always take turns.
    if rules.interleaved && !chosen.flag("mrope_interleaved", true)? {
        return Err(chosen.wrong_value("mrope_interleaved", true));
    }
    chosen.tell_unknown(&[&known::ROPE], notes);
    Ok(RotaryConfig { theta, factor, sections, interleaved: rules.interleaved })
}
