//! `experiment`, `experiments` and `worker`: many samples from the command line.

mod list;
mod paper;
mod run;
mod stop;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use datasets::Paths;
use engine::DeviceChoice;
use shared::experiment::ExperimentSpec;
use shared::{ImageFit, Quant, RunOptions};

use super::{Failure, ModelFolders};
use crate::catalog::Catalog;
use crate::experiment::queue::Experiment;
use crate::experiment::{Means, Queue, Shelves, SqliteQueue};
use crate::id::RunId;
use crate::lab::KeepingLab;

pub(super) use list::experiments;
pub(super) use run::experiment;
pub(super) use work::worker;

/// What is run, and where.
#[derive(Clone, Debug, Args)]
pub struct ExperimentArgs {
    /// Models, by name or folder; say it again or separate them by commas [default: demo-llava].
    #[arg(long = "model", value_name = "NAME", value_delimiter = ',')]
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
    #[arg(long)]
    dataset: Option<String>,
    /// Samples to draw; 0 for all there are.
    #[arg(long, default_value_t = 100)]
    samples: u32,
    /// Seed of the draw, and of the confidence intervals.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Shares of the image tokens to drop, such as 0,0.75,0.9,0.95 [default: 0].
    #[arg(long, value_delimiter = ',')]
    prune: Vec<f32>,
    /// How many times the image tokens stand in the sequence, such as 1,5,10 [default: 1].
    #[arg(long, value_delimiter = ',')]
    replicate: Vec<u32>,
    /// Move prune and replicate one at a time, as the paper does and --paper too, instead of running
    /// every combination.
    #[arg(long)]
    one_at_a_time: bool,
    /// How weights are held, such as f32,q4k [default: each model's own].
    #[arg(long = "quant", value_delimiter = ',')]
    quants: Vec<String>,
    /// Most pixels of the prepared picture, for models that read any size, such as 50176,200704.
    #[arg(long, value_delimiter = ',')]
    max_pixels: Vec<u32>,
    /// Prompt templates by name [default: each model's own].
    #[arg(long = "template", value_delimiter = ',')]
    templates: Vec<String>,
    /// Most tokens to generate.
    #[arg(long, default_value_t = 20)]
    max_new_tokens: u32,
    /// Go on after the end-of-sequence token.
    #[arg(long)]
    ignore_eos: bool,
    /// How a picture that is not square meets a square model: crop or pad.
    #[arg(long, default_value = "crop")]
    fit: String,
    /// A name for the experiment.
    #[arg(long, default_value = "")]
    title: String,
    /// Go on with an experiment that was interrupted or paused: the one named, or the last one.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "last")]
    resume: Option<String>,
    /// Folder for tables and plots [default: results/ID].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The definition of the tables: a preset's name.
    #[arg(long, default_value = "paper")]
    definition: String,
    /// What the model runs on: auto, cpu or cuda:0.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    folders: ModelFolders,
}

impl ExperimentArgs {
    fn spec(&self, means: &Means) -> Result<ExperimentSpec, Failure> {
        let quant = |name: &String| {
            let names: Vec<_> = Quant::ALL.into_iter().map(Quant::name).collect();
            Quant::from_name(name).ok_or_else(|| {
                let names = names.join(", ");
                format!("bad_option: there is no quantization \"{name}\"; name one of {names}")
            })
        };
        let fit = [ImageFit::Crop, ImageFit::Pad].into_iter().find(|fit| fit.name() == self.fit);
        let or_own = |given: Vec<Option<u32>>| if given.is_empty() { vec![None] } else { given };
        let templates: Vec<Option<String>> = self.templates.iter().cloned().map(Some).collect();
        let standard = match self.paper {
            Some(families) => paper::standard(families, self.real, means),
            None => ExperimentSpec {
                models: vec![crate::catalog::DEMO_NAME.to_owned()],
                ..ExperimentSpec::default()
            },
        };
        Ok(ExperimentSpec {
            title: match self.title.as_str() {
                "" => standard.title,
                given => given.to_owned(),
            },
            models: if self.models.is_empty() { standard.models } else { self.models.clone() },
            quants: self.quants.iter().map(quant).collect::<Result<_, _>>()?,
            dataset: self.dataset.clone().unwrap_or(standard.dataset),
            samples: self.samples,
            seed: self.seed,
            prune: if self.prune.is_empty() { standard.prune } else { self.prune.clone() },
            replicate: match &self.replicate[..] {
                [] => standard.replicate,
                given => given.to_vec(),
            },
            one_at_a_time: self.one_at_a_time || standard.one_at_a_time,
            max_pixels: or_own(self.max_pixels.iter().copied().map(Some).collect()),
            templates: if templates.is_empty() { vec![None] } else { templates },
            base: RunOptions {
                max_new_tokens: self.max_new_tokens,
                ignore_eos: self.ignore_eos,
                fit: fit.ok_or_else(|| {
                    format!("bad_option: there is no fit \"{}\"; name crop or pad", self.fit)
                })?,
                ..RunOptions::default()
            },
        })
    }
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
        /// The definition of the tables: a preset's name.
        #[arg(long, default_value = "paper")]
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
    /// Models kept in memory.
    #[arg(long, default_value_t = 1)]
    models_kept: usize,
    /// What the model runs on: auto, cpu or cuda:0.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    folders: ModelFolders,
}

fn queue(folders: &ModelFolders) -> Result<SqliteQueue, Failure> {
    SqliteQueue::open(&folders.data)
        .map_err(|e| format!("the experiments in {} cannot be opened: {e}", folders.data.display()))
}

fn means(folders: &ModelFolders, device: DeviceChoice) -> Result<Means, Failure> {
    let catalog =
        Catalog::find(folders.models.as_deref(), &folders.data).map_err(|e| e.to_string())?;
    let shelves = Shelves::new(Paths::Anywhere, catalog.hub().cloned());
    Ok(Means {
        queue: Arc::new(queue(folders)?),
        lab: Arc::new(KeepingLab::in_data(device, &folders.data)),
        shelves: Arc::new(shelves),
        catalog: Arc::new(catalog),
    })
}

/// An experiment by its name, the beginning of it, or `last`.
fn find(queue: &dyn Queue, name: &str) -> Result<Experiment, Failure> {
    if let Some(id) = RunId::parse(name) {
        let found = queue.get(&id).map_err(|e| e.to_string())?;
        return found.ok_or_else(|| format!("there is no experiment {name} in this data folder"));
    }
    let all = queue.list(1000).map_err(|e| e.to_string())?;
    let mut fitting = all
        .into_iter()
        .filter(|e| name == "last" || (name.len() >= 4 && e.start.id.as_str().starts_with(name)));
    let none = || match name {
        "last" => "there is no experiment in this data folder".to_owned(),
        _ => {
            format!("there is no experiment \"{name}\"; `langoverrule experiments list` names them")
        }
    };
    let first = fitting.next().ok_or_else(none)?;
    if name != "last" && fitting.next().is_some() {
        return Err(format!("several experiments begin with \"{name}\"; give more of the name"));
    }
    Ok(first)
}
