//! From what a person asks for to an experiment that can be started.

use std::path::Path;

use datasets::Paths;
use engine::LoadOptions;
use shared::experiment::{Condition, ExperimentSpec, ExperimentStatus, Grid};
use shared::sentence::{LabError, Message};
use shared::{ErrorCode, KnownModel, ModelInfo};

use super::book::{Experiment, NewExperiment, Progress};
use super::shelves::Shelves;
use crate::clock;
use crate::error::ApiError;
use crate::id::{OwnerToken, RunId};
use crate::models::catalog::Catalog;
use crate::workers::lab::Lab;
use crate::workers::memory;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Somebody at the machine: models and datasets may be named by their paths.
    Local,
    /// Somebody over the network: only what the lab knows by name.
    Remote,
}

/// Checks a spec, opens its dataset and draws its samples.
///
/// # Errors
/// A code and a sentence for the first thing that cannot be: an unknown model or dataset, a list
/// that is empty, a value out of its range, a dataset without rows.
pub fn plan(
    mut spec: ExperimentSpec,
    catalog: &Catalog,
    shelves: &Shelves,
    asker: Reach,
) -> Result<(NewExperiment, OwnerToken), ApiError> {
    let bad = |why: Message| ApiError::new(ErrorCode::BadOption, why);
    if spec.base.verify == Some(true) {
        return Err(bad(LabError::VerifyIsForRuns.into()));
    }
    if spec.base.repeat.is_some() {
        return Err(bad(LabError::RepeatIsForRuns.into()));
    }
    if spec.title.chars().count() > 200 || spec.title.chars().any(char::is_control) {
        return Err(bad(LabError::TitleTooLong { most: 200 }.into()));
    }
    catalog.look_again();
    let mut known: Vec<(String, KnownModel)> = Vec::new();
    for model in &mut spec.models {
        let found = match asker {
            Reach::Local => catalog.resolve(model),
            Reach::Remote => catalog.by_name(model),
        };
        let source = found.map_err(ApiError::from)?;
        // A name is spelled as it is known; a path is one that every worker finds.
        if catalog.by_name(model).is_ok() {
            model.clone_from(&source.name);
        } else if Path::new(model.as_str()).exists() || model.contains(".gguf,") {
            *model = source.folder.display().to_string();
        }
        known.push((model.clone(), catalog.known_model(&source)));
    }
    if asker == Reach::Local {
        spec.dataset = datasets::anywhere(&spec.dataset);
    }
    for (at, (model, _)) in known.iter().enumerate() {
        let mut before = known[..at].iter().map(|(model, _)| model);
        if let Some(other) = before.find(|m| *m != model && label(m) == label(model)) {
            let name = label(model).to_owned();
            let (one, other) = (other.clone(), model.clone());
            return Err(bad(LabError::TwoModels { name, one, other }.into()));
        }
    }
    let of_model = |name: &str| {
        let found = known.iter().find(|(model, _)| model == name);
        found.map(|(_, known)| known.clone()).unwrap_or_default()
    };
    // Before the dataset is read, which may take a while.
    Grid::new(&spec, spec.samples, of_model).map_err(bad)?;
    let mut places = shelves.places();
    if asker == Reach::Remote {
        places.paths = Paths::Nowhere;
    }
    let dataset = datasets::open(&spec.dataset, &places)
        .map_err(|error| ApiError::new(error.code(), error.said()))?;
    let info = dataset.info().clone();
    if info.rows == 0 {
        let empty = LabError::DatasetEmpty { name: info.name };
        return Err(ApiError::new(ErrorCode::DatasetUnusable, empty));
    }
    let rows = datasets::draw(info.rows, spec.samples, spec.seed);
    let samples = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let grid = Grid::new(&spec, samples, of_model).map_err(bad)?;
    let (id, token) = (RunId::random()?, OwnerToken::random()?);
    let title = match spec.title.trim() {
        "" => title(&grid, &datasets::label(&info.name)),
        given => given.to_owned(),
    };
    let owner = token.hash();
    let created = clock::now_rfc3339();
    Ok((NewExperiment { id, created, title, spec, dataset: info, grid, rows, owner }, token))
}

/// Whether the models of a grid could ever fit the machine's memory, one at a time.
///
/// # Errors
/// `out_of_memory` for the first that could not: what it needs and what there is.
pub fn could_fit(grid: &Grid, catalog: &Catalog, lab: &dyn Lab) -> Result<(), ApiError> {
    let mut asked = Vec::new();
    for condition in &grid.conditions {
        let one = (&condition.model, condition.quant);
        if asked.contains(&one) {
            continue;
        }
        asked.push(one);
        let Ok(source) = catalog.resolve(&condition.model) else { continue };
        let (name, quant) = (source.name.clone(), condition.quant);
        let load = LoadOptions { name, quant, ..LoadOptions::default() };
        match memory::could_fit(lab, &source.folder, &load) {
            Err(error) if error.code == ErrorCode::OutOfMemory => return Err(error.into()),
            // What is wrong with its files is said when it is loaded.
            _ => {}
        }
    }
    Ok(())
}

/// A title made from what is varied, such as "demo-llava and demo-qwen · demo · prune".
fn title(grid: &Grid, dataset: &str) -> String {
    let c = &grid.conditions;
    // Every model has its own template and sizes: what counts is what differs for one of them.
    let varies = |differ: &dyn Fn(&Condition, &Condition) -> bool| {
        let first = |of: &Condition| c.iter().find(|c| c.model == of.model);
        c.iter().any(|c| first(c).is_some_and(|first| differ(c, first)))
    };
    let mut models: Vec<&str> = c.iter().map(|c| label(&c.model)).collect();
    models.dedup();
    let mut levers = Vec::new();
    for (name, varied) in [
        ("quantization", varies(&|a, b| a.quant != b.quant)),
        ("template", varies(&|a, b| a.template != b.template)),
        ("resolution", varies(&|a, b| a.max_pixels != b.max_pixels)),
        ("prune", varies(&|a, b| a.prune != b.prune)),
        ("replicate", varies(&|a, b| a.replicate != b.replicate)),
    ] {
        if varied {
            levers.push(name);
        }
    }
    let mut parts = vec![list(&models), dataset.to_owned()];
    if !levers.is_empty() {
        parts.push(list(&levers));
    }
    parts.join(" · ")
}

/// The name for people of a model that was given by its path: what its folder or its first file is
/// called, as [`crate::models::catalog::Source`] calls it. Links travel, machines' folders do not.
pub(super) fn label(model: &str) -> &str {
    if !Path::new(model).is_absolute() {
        return model;
    }
    let first = model.split_once(".gguf,").map_or(model, |(first, _)| first);
    let end = first.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(first);
    end.strip_suffix(".gguf").unwrap_or(end)
}

fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Names the templates that a model's runs used: of a loaded model only its own is known. Experiments
/// that were stored without them keep that.
fn name_templates(model: &mut ModelInfo, grid: &Grid) {
    let ran = grid.conditions.iter().filter(|c| c.model == model.name && c.quant == model.quant);
    let mut names: Vec<&str> = Vec::new();
    for name in ran.filter_map(|c| c.template.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if !names.is_empty() {
        model.template = names.join(", ");
    }
}

/// An experiment as the page, its files and the command line show it: models and datasets that
/// were given by their paths by the paths' ends.
pub fn status(experiment: &Experiment, progress: &Progress) -> ExperimentStatus {
    let start = &experiment.start;
    let left = start.grid.items().saturating_sub(progress.done + progress.left_out);
    let (mut spec, mut grid, mut dataset) =
        (start.spec.clone(), start.grid.clone(), start.dataset.clone());
    dataset.name = datasets::label(&dataset.name);
    spec.dataset = datasets::label(&spec.dataset);
    spec.models.iter_mut().for_each(|model| *model = label(model).to_owned());
    grid.conditions.iter_mut().for_each(|c| c.model = label(&c.model).to_owned());
    let mut models = experiment.models.clone();
    models.iter_mut().for_each(|model| name_templates(model, &grid));
    ExperimentStatus {
        id: start.id.to_string(),
        title: start.title.clone(),
        created: start.created.clone(),
        lab: experiment.lab.clone(),
        state: experiment.state,
        problem: experiment.problem(),
        problems: experiment.problems.clone(),
        spec,
        dataset,
        grid,
        models,
        done: progress.done,
        left_out: progress.left_out,
        running: progress.running,
        rate: progress.rate,
        seconds_left: progress.rate.map(|rate| f64::from(left) / rate),
        workers: progress.workers,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use shared::Quant;

    use super::*;

    #[test]
    fn a_title_says_what_is_varied() {
        let spec = ExperimentSpec {
            models: vec!["demo-llava".into(), "/somewhere/secret/demo-qwen/".into()],
            prune: vec![0.0, 0.75],
            replicate: vec![1, 5],
            ..ExperimentSpec::default()
        };
        let grid = Grid::new(&spec, 1, |m| if m == "demo-llava" { Quant::Q4k } else { Quant::F32 });
        let title = title(&grid.unwrap(), "demo");
        assert_eq!(title, "demo-llava and demo-qwen · demo · prune and replicate");
    }

    #[test]
    fn people_read_a_models_name_and_no_path() {
        for (model, read) in [
            ("demo-llava", "demo-llava"),
            ("llava-hf/llava-1.5-7b-hf", "llava-hf/llava-1.5-7b-hf"),
            ("/models/mine/", "mine"),
            ("/models/a.b.gguf,/models/mmproj-a.gguf", "a.b"),
            ("/models/a.gguf", "a"),
        ] {
            assert_eq!(label(model), read);
        }
    }
}
