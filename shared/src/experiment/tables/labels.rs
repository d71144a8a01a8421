//! Names for people: of conditions, of what an experiment is about.

use super::super::{Condition, ExperimentStatus, Grid};
use crate::intervention::PictureUse;
use crate::options::{
    AskedOptions, ModelDefaults, ModelInfo, ModelTraits, Resizing, RunOptions, resolve_settings,
};
use crate::sampling::Sampling;
use crate::sentence::{Message, TableText};

/// What is smaller than this is rounding, in everything that tables show.
const ROUNDING: f64 = 1e-9;

/// Digits after the point that show three significant digits.
pub fn decimals(value: f64) -> usize {
    // Rounded first, so that 9.999 is 10.0 and not 10.00.
    let scientific = format!("{value:.2e}");
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    (2 - exponent).clamp(0, 12) as usize
}

/// A number to three significant digits, without exponent: `0.0123`, `1.58`, `17.4`, `157`.
pub fn short(value: f64) -> String {
    if value.abs() < ROUNDING {
        return "0".to_owned();
    }
    format!("{value:.*}", decimals(value))
}

/// A share as percents, with no more digits than it has.
pub fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

/// An `f32` that a person typed, as they typed it: 0.9, not 0.8999999761581421.
pub(super) fn as_typed(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

/// The loaded model of a condition, once known.
pub(super) fn model<'s>(status: &'s ExperimentStatus, of: &Condition) -> Option<&'s ModelInfo> {
    let same = |m: &&ModelInfo| m.name == of.model;
    let mut by_name = status.models.iter().filter(same);
    by_name.clone().find(|m| m.quant == of.quant).or_else(|| by_name.next())
}

/// The options of an experiment's runs as far as they depend on no model.
pub(super) fn options(base: &AskedOptions, grid: &Grid) -> RunOptions {
    let mut base = base.clone();
    if grid.options.is_empty() {
        // Older than the choice: see `Grid::asked`.
        base.resize.get_or_insert(Resizing::UNSAID);
    }
    let of_none = resolve_settings(&base, &ModelDefaults::default(), &ModelTraits::default());
    // What is out of its range was refused when the experiment was planned.
    of_none.unwrap_or_default()
}

/// The template a condition's prompts were put in; empty while unknown.
pub(super) fn template(status: &ExperimentStatus, of: &Condition) -> String {
    let own = || model(status, of).map(|m| m.template.clone()).unwrap_or_default();
    of.template.clone().unwrap_or_else(own)
}

/// A condition without its levers: model, quantization, and template and size where they differ
/// within the experiment.
fn base(status: &ExperimentStatus, grid: &Grid, of: &Condition) -> Vec<Message> {
    let mut parts = vec![of.model.as_str().into(), of.quant.name().into()];
    // Every model has its own: what counts is what differs for this one.
    let differ = |same: fn(&Condition, &Condition) -> bool| {
        grid.conditions.iter().any(|c| c.model == of.model && !same(c, of))
    };
    if differ(|a, b| a.template == b.template) {
        let name = template(status, of);
        parts.push(if name.is_empty() { TableText::OwnTemplate.into() } else { name.into() });
    }
    if differ(|a, b| a.max_pixels == b.max_pixels) {
        parts.push(match of.max_pixels {
            Some(pixels) => format!("≤ {pixels} px").into(),
            None => TableText::FullSize.into(),
        });
    }
    parts
}

/// What is done to the picture's tokens; empty where nothing is.
fn levers(of: &Condition) -> Vec<Message> {
    let mut parts: Vec<Message> = Vec::new();
    if of.prune > 0.0 {
        parts.push(TableText::Dropped { share: percent(as_typed(of.prune)) }.into());
    }
    if of.is_random() {
        parts.push(TableText::AtRandom.into());
    }
    if of.replicate > 1 {
        parts.push(format!("×{}", of.replicate).into());
    }
    parts.extend(of.picture.map(|picture| self::picture(picture).into()));
    parts
}

/// What stands in the picture's place.
pub(super) fn picture(picture: PictureUse) -> TableText {
    match picture {
        PictureUse::Own => TableText::OwnPicture,
        PictureUse::Blank => TableText::BlankPicture,
        PictureUse::Noise(seed) => TableText::Noise { seed: seed.into() },
        PictureUse::None => TableText::QuestionAlone,
    }
}

/// A condition in full.
pub(super) fn full(status: &ExperimentStatus, grid: &Grid, of: &Condition) -> Message {
    TableText::row(base(status, grid, of).into_iter().chain(levers(of)).collect())
}

/// Whether a model ships with the lab, by name.
pub(super) fn is_demo(model: &str) -> bool {
    model.starts_with("demo-")
}

/// Whether the dataset is the paper's.
pub(super) fn is_papers_data(dataset: &str) -> bool {
    dataset == "mmmu-pro" || dataset.starts_with("mmmu-pro:") || dataset.starts_with("mmmu-pro?")
}

/// A subject with what is done in every run; itself where the models see what they are given.
fn done(subject: TableText, base: &AskedOptions) -> TableText {
    let mut said = match base.picture.unwrap_or_default() {
        PictureUse::Own => subject,
        PictureUse::Blank => TableText::ShownBlank { subject: subject.into() },
        PictureUse::Noise(seed) => {
            TableText::ShownNoise { subject: subject.into(), seed: seed.into() }
        }
        PictureUse::None => TableText::ShownNothing { subject: subject.into() },
    };
    if let Some(knockout) = &base.knockout {
        said = TableText::KnockedOut { subject: said.into(), knockout: knockout.to_string() };
    }
    if let Some(sampling) = base.sampling.filter(|sampling| *sampling != Sampling::default()) {
        said =
            TableText::TokensChosen { subject: said.into(), how: TableText::sampling(&sampling) };
    }
    said
}

/// What is measured on what, for titles: `demo models on the demo set`.
pub(super) fn subject(status: &ExperimentStatus, grid: &Grid) -> Message {
    let demo = grid.conditions.iter().filter(|c| is_demo(&c.model)).count();
    let dataset = match status.dataset.name.as_str() {
        "demo" => TableText::TheDemoSet.into(),
        name => name.into(),
    };
    let subject = match demo {
        0 => TableText::OnDataset { dataset },
        n if n == grid.conditions.len() => TableText::DemoModelsOn { dataset },
        _ => TableText::MixedModelsOn { dataset },
    };
    done(subject, &status.spec.base).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (1.58, "1.58"),
            (9.999, "10.0"),
            (17.371, "17.4"),
            (157.53, "158"),
            (1234.5, "1234"),
            (0.01234, "0.0123"),
            (-0.5, "-0.500"),
            (0.0, "0"),
            (-3e-16, "0"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(percent(as_typed(0.95)), "95 %");
        assert_eq!(percent(0.975), "97.5 %");
        assert_eq!(as_typed(0.9), 0.9);
    }
}
