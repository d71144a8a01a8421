//! The paper's experiment: its models, its prune rates, its replications.

use clap::ValueEnum;
use shared::experiment::ExperimentSpec;
use shared::{PictureUse, PruneBy};

use crate::experiments::Means;

/// Families of models in the paper's picture tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Families {
    /// LLaVA-1.5.
    Llava,
    /// Qwen2.5-VL.
    Qwen,
    /// One after the other.
    Both,
}

/// The paper's model of a family, and the demo model that stands in for it.
const LLAVA: (&str, &str) = ("llava-1.5-7b", "demo-llava");
const QWEN: (&str, &str) = ("qwen2.5-vl-7b", "demo-qwen");
/// The paper's dataset, and the one that stands in for it.
const DATASET: (&str, &str) = ("mmmu-pro", "demo");

/// Seed of noise and of tokens dropped by chance.
const SEED: u32 = 7;

/// The picture itself, then what stands in its place where right answers need no picture.
pub(super) fn floors() -> Vec<PictureUse> {
    vec![PictureUse::Own, PictureUse::Blank, PictureUse::Noise(SEED), PictureUse::None]
}

/// What the paper ran, and beside it what its claims are to be measured against: as many tokens dropped
/// by chance, and no picture. With `real`, its own models and dataset where this machine has all of them:
/// real models on toy pictures, or the other way round, would be neither.
pub(super) fn standard(families: Families, real: bool, means: &Means) -> ExperimentSpec {
    let pairs: &[(&str, &str)] = match families {
        Families::Llava => &[LLAVA],
        Families::Qwen => &[QWEN],
        Families::Both => &[LLAVA, QWEN],
    };
    let mut missing: Vec<String> = Vec::new();
    if real {
        let absent = |(model, _): &&(&str, &str)| means.catalog.by_name(model).is_err();
        missing = pairs.iter().filter(absent).map(|(model, _)| (*model).to_owned()).collect();
        if let Err(error) = datasets::open(DATASET.0, &means.shelves.places()) {
            tracing::debug!(%error, "the paper's dataset cannot be read");
            missing.push(DATASET.0.to_owned());
        }
    }
    let own = real && missing.is_empty();
    let pick =
        |(own_name, stand_in): (&str, &str)| if own { own_name } else { stand_in }.to_owned();
    let names: Vec<String> = pairs.iter().copied().map(pick).collect();
    let title = match (own, missing.is_empty()) {
        (true, _) => format!("The paper's tables: {}", names.join(", ")),
        (false, true) => format!("The paper's tables, on demo models: {}", names.join(", ")),
        (false, false) => format!(
            "The paper's tables, on demo models: {} (not on this machine: {})",
            names.join(", "),
            missing.join(", ")
        ),
    };
    ExperimentSpec {
        title,
        models: names,
        dataset: pick(DATASET),
        prune: vec![0.0, 0.75, 0.9, 0.95],
        replicate: vec![1, 5, 10],
        prune_by: vec![PruneBy::Score, PruneBy::Random(SEED)],
        pictures: floors(),
        one_at_a_time: true,
        ..ExperimentSpec::default()
    }
}
