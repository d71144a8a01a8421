//! `experiment`, `experiments` and `worker`: many samples from the command line.

mod list;
mod paper;
mod run;
mod stop;
mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use datasets::Paths;
use engine::DeviceChoice;
use shared::PruneBy;
use shared::experiment::ExperimentSpec;
use shared::options::MAX_REPLICATE;

use super::analyze::quant;
use super::asked::AskedArgs;
use super::values::{share, text, whole};
use super::{Failure, ModelFolders};
use crate::experiments::{Book, Experiment, Means, Shelves, SqliteQueue};
use crate::id::RunId;
use crate::workers::Devices;
use crate::workers::lab::KeepingLab;

pub(super) use list::experiments;
pub(super) use run::experiment;
pub(super) use work::worker;

/// The name of the experiment that was started last.
const LAST: &str = "last";

/// What is run, and where.
#[derive(Clone, Debug, Args)]
pub struct ExperimentArgs {
    /// Models, by name, folder or FILE.gguf[,MMPROJ.gguf]; say it again or separate them by commas
    /// [default: demo-llava].
    #[arg(long = "model", value_name = "NAME", value_delimiter = ',', value_parser = text())]
    models: Vec<String>,
    /// The paper's tables for its models of these families, with its prune rates and replications:
    /// the demo models stand in on the demo dataset, unless --real is given.
    #[arg(long, value_name = "FAMILY", conflicts_with = "models")]
    paper: Option<paper::Families>,
    /// With --paper: the paper's own models and dataset, where they are on this machine.
    #[arg(long, requires = "paper")]
    real: bool,
    /// Where samples come from: demo, mmmu-pro[:CONFIG|:PATH], folder:PATH, jsonl:PATH, parquet:PATH
    /// [default: demo].
    #[arg(long, value_parser = text())]
    dataset: Option<String>,
    /// Samples to draw; 0 for all there are [default: 100].
    #[arg(long, value_name = "N", value_parser = whole::<u32>(0, u32::MAX.into()))]
    samples: Option<u32>,
    /// Seed of the draw [default: 7].
    #[arg(long, value_name = "NUMBER", value_parser = whole::<u64>(0, u64::MAX))]
    seed: Option<u64>,
    /// Shares of the image tokens to drop, such as 0,0.75,0.9,0.95 [default: 0].
    #[arg(long, value_delimiter = ',', value_parser = share)]
    prune: Vec<f32>,
    /// Run every prune rate also with as many tokens drawn by chance, anew for each sample, from this
    /// seed; --paper does, with seed 7.
    #[arg(long, value_name = "SEED", conflicts_with = "prune_by",
        value_parser = whole::<u32>(0, u32::MAX.into()))]
    random_prune: Option<u32>,
    /// Run every model also with a blank picture, with noise and with the question alone: what it gets
    /// right without the picture. --paper does.
    #[arg(long, conflicts_with = "picture")]
    floors: bool,
    /// How many times the image tokens stand in the sequence, such as 1,5,10 [default: 1].
    #[arg(long, value_name = "N", value_delimiter = ',',
        value_parser = whole::<u32>(1, MAX_REPLICATE.into()))]
    replicate: Vec<u32>,
    /// Move prune and replicate one at a time, as the paper does and --paper too, instead of running
    /// every combination.
    #[arg(long)]
    one_at_a_time: bool,
    /// How weights are held, such as f32,q4k [default: each model's own].
    #[arg(long = "quant", value_delimiter = ',', value_parser = text())]
    quants: Vec<String>,
    /// Most pixels of the prepared picture, for models that read any size or cut it into tiles (others
    /// run once), such as 50176,200704,own: own is the model's own choice, its limit or one tile
    /// [default: own].
    #[arg(long, value_name = "PIXELS", value_delimiter = ',', value_parser = most_pixels)]
    max_pixels: Vec<MostPixels>,
    /// Prompt templates by name, for the models that have them (others run with their own)
    /// [default: each model's own].
    #[arg(long = "template", value_delimiter = ',', value_parser = text())]
    templates: Vec<String>,
    #[command(flatten)]
    asked: AskedArgs,
    /// What drawn tokens follow from, where a temperature is asked: the same seed gives the same
    /// answers [default: 0].
    #[arg(long, value_name = "NUMBER", value_parser = whole::<u32>(0, u32::MAX.into()))]
    answer_seed: Option<u32>,
    /// A name for the experiment.
    #[arg(long, default_value = "")]
    title: String,
    /// Go on with an experiment that was interrupted or paused: the one named, else the last one
    /// that asks for what this command line asks for (it is started where there is none), else,
    /// where it asks for nothing, the last one.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = LAST,
        value_parser = text())]
    resume: Option<String>,
    /// Folder for tables and plots [default: results/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The definition of the tables: paper, reimplementation, forward, or a definition as JSON.
    #[arg(long, default_value = "paper", value_parser = text())]
    definition: String,
    /// What the model runs on: auto, cpu or cuda:0.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    folders: ModelFolders,
}

impl ExperimentArgs {
    /// Whether the command line says which experiment is meant.
    fn asks_for_something(&self) -> bool {
        // Every option by its name, so that a new one is thought of here.
        let ExperimentArgs {
            models,
            paper,
            real,
            dataset,
            samples,
            seed,
            prune,
            random_prune,
            floors,
            replicate,
            one_at_a_time,
            quants,
            max_pixels,
            templates,
            asked,
            answer_seed,
            title,
            resume: _,
            out: _,
            definition: _,
            device: _,
            folders: _,
        } = self;
        paper.is_some()
            || dataset.is_some()
            || samples.is_some()
            || seed.is_some()
            || random_prune.is_some()
            || answer_seed.is_some()
            || *real
            || *floors
            || *one_at_a_time
            || [models, quants, templates].into_iter().any(|list| !list.is_empty())
            || !(prune.is_empty() && replicate.is_empty() && max_pixels.is_empty())
            || !title.is_empty()
            || *asked != AskedArgs::default()
    }

    fn spec(&self, means: &Means) -> Result<ExperimentSpec, Failure> {
        let or_own = |given: Vec<Option<u32>>| if given.is_empty() { vec![None] } else { given };
        let templates: Vec<Option<String>> = self.templates.iter().cloned().map(Some).collect();
        let standard = match self.paper {
            Some(families) => paper::standard(families, self.real, means),
            None => ExperimentSpec {
                models: vec![crate::models::catalog::DEMO_NAME.to_owned()],
                ..ExperimentSpec::default()
            },
        };
        let base = self.asked.options(self.answer_seed)?;
        Ok(ExperimentSpec {
            title: match self.title.as_str() {
                "" => standard.title,
                given => given.to_owned(),
            },
            models: if self.models.is_empty() { standard.models } else { pairs(&self.models) },
            quants: self.quants.iter().map(|name| quant(name)).collect::<Result<_, _>>()?,
            dataset: self.dataset.clone().unwrap_or(standard.dataset),
            samples: self.samples.unwrap_or(100),
            seed: self.seed.unwrap_or(7),
            prune: if self.prune.is_empty() { standard.prune } else { self.prune.clone() },
            replicate: match &self.replicate[..] {
                [] => standard.replicate,
                given => given.to_vec(),
            },
            prune_by: match self.random_prune {
                Some(seed) => vec![PruneBy::Score, PruneBy::Random(seed)],
                // What is asked for all runs is not asked otherwise by the standard.
                None if base.prune_by.is_some() => Vec::new(),
                None => standard.prune_by,
            },
            pictures: match base.picture {
                _ if self.floors => paper::floors(),
                Some(_) => Vec::new(),
                None => standard.pictures,
            },
            one_at_a_time: self.one_at_a_time || standard.one_at_a_time,
            max_pixels: or_own(self.max_pixels.iter().map(|most| most.0).collect()),
            templates: if templates.is_empty() { vec![None] } else { templates },
            base,
        })
    }
}

/// A limit of pixels, or the model's own.
#[derive(Clone, Copy, Debug)]
struct MostPixels(Option<u32>);

fn most_pixels(text: &str) -> Result<MostPixels, String> {
    if text == "own" {
        return Ok(MostPixels(None));
    }
    let pixels = text.parse().ok().filter(|pixels| *pixels > 0);
    let pixels = pixels.ok_or_else(|| "name a whole number of pixels from 1 on, or own".to_owned());
    pixels.map(|pixels| MostPixels(Some(pixels)))
}

/// Models with the two files of one of llama.cpp's together again: a comma parts those, too.
fn pairs(models: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for model in models {
        let file =
            Path::new(model).file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let second = file.contains("mmproj") && file.ends_with(".gguf");
        match all.last_mut().filter(|first| second && first.ends_with(".gguf")) {
            Some(first) => *first = format!("{first},{model}"),
            None => all.push(model.clone()),
        }
    }
    all
}

/// What to do with experiments.
#[derive(Debug, Subcommand)]
pub enum ExperimentsCommand {
    /// Lists the experiments there are, the newest first.
    List {
        #[command(flatten)]
        folders: ModelFolders,
    },
    /// Writes an experiment's tables and plots, finished or not.
    Export {
        /// The experiment: its name, the beginning of it, or `last`.
        id: String,
        /// Folder to write to [default: results/ID].
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// The definition of the tables: paper, reimplementation, forward, or a definition as JSON.
        #[arg(long, default_value = "paper", value_parser = text())]
        definition: String,
        #[command(flatten)]
        folders: ModelFolders,
    },
    /// Lets no worker take its items until it is resumed.
    Pause {
        /// The experiment.
        id: String,
        #[command(flatten)]
        folders: ModelFolders,
    },
    /// Lets workers take its items again: a lab that is open, `worker`, or `experiment --resume`.
    Resume {
        /// The experiment.
        id: String,
        #[command(flatten)]
        folders: ModelFolders,
    },
    /// Stops it for good; what was measured is kept.
    Cancel {
        /// The experiment.
        id: String,
        #[command(flatten)]
        folders: ModelFolders,
    },
    /// Removes it with all it left.
    Delete {
        /// The experiment.
        id: String,
        #[command(flatten)]
        folders: ModelFolders,
    },
}

/// How a worker works.
#[derive(Clone, Debug, Args)]
pub struct WorkerArgs {
    /// End when nothing is left to do, rather than wait for more.
    #[arg(long)]
    until_idle: bool,
    /// Models that each device keeps in memory.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>(1, 100))]
    models_kept: usize,
    /// What models run on: auto, cpu or cuda:0; several as cuda:0,cuda:1, or all. Each works at an
    /// item of its own.
    #[arg(long, value_name = "DEVICES", default_value_t)]
    device: Devices,
    #[command(flatten)]
    folders: ModelFolders,
}

fn queue(folders: &ModelFolders) -> Result<SqliteQueue, Failure> {
    SqliteQueue::open(&folders.data)
        .map_err(|e| format!("the experiments in {} cannot be opened: {e}", folders.data.display()))
}

fn means(folders: &ModelFolders, device: DeviceChoice) -> Result<Means, Failure> {
    let catalog = folders.catalog()?;
    let shelves = Shelves::new(Paths::Anywhere, catalog.hub().cloned());
    let queue = Arc::new(queue(folders)?);
    Ok(Means {
        book: queue.clone(),
        items: queue,
        lab: Arc::new(KeepingLab::in_data(device, &folders.data)),
        shelves: Arc::new(shelves),
        catalog: Arc::new(catalog),
    })
}

/// An experiment by its name, the beginning of it, or `last`.
fn find(queue: &dyn Book, name: &str) -> Result<Experiment, Failure> {
    if let Some(id) = RunId::parse(name) {
        let found = queue.get(&id).map_err(|e| e.to_string())?;
        return found.ok_or_else(|| format!("there is no experiment {name} in this data folder"));
    }
    let all = queue.list(1000).map_err(|e| e.to_string())?;
    let mut fitting = all
        .into_iter()
        .filter(|e| name == LAST || (name.len() >= 4 && e.start.id.as_str().starts_with(name)));
    let none = || match name {
        LAST => "there is no experiment in this data folder".to_owned(),
        _ => {
            format!("there is no experiment \"{name}\"; `langoverrule experiments list` names them")
        }
    };
    let first = fitting.next().ok_or_else(none)?;
    if name != LAST && fitting.next().is_some() {
        return Err(format!("several experiments begin with \"{name}\"; give more of the name"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_of_llama_cpp_are_one_model() {
        let split = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            pairs(&split("demo-llava,a/x.gguf,a/mmproj-x.gguf,y.gguf,demo-qwen")),
            ["demo-llava", "a/x.gguf,a/mmproj-x.gguf", "y.gguf", "demo-qwen"]
        );
    }

    #[test]
    fn a_limit_of_pixels_is_a_number_or_the_models_own() {
        assert_eq!(most_pixels("50176").map(|m| m.0), Ok(Some(50_176)));
        assert_eq!(most_pixels("own").map(|m| m.0), Ok(None));
        for wrong in ["many", "0", "-1", ""] {
            assert!(most_pixels(wrong).is_err_and(|why| why.contains("or own")), "{wrong}");
        }
    }
}
