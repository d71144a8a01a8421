//! Workers that lack something: they leave it to others, and nobody's experiment stops for them.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::sync::Arc;

use datasets::Paths;
use engine::{EngineError, LoadOptions, Media};
use langoverrule::experiments::{
    Bench, End, Experiment, Means, Post, Reach, Shelves, SqliteQueue, Turn, plan,
};
use langoverrule::id::RunId;
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::{Lab, LoadedModel, PreparedRun, ScriptedLab};
use langoverrule::workers::{Stop, Worker};
use shared::experiment::{ExperimentSpec, ExperimentState};
use shared::{AskedOptions, ModelInfo, RunOptions};
use tempfile::TempDir;

/// Plays whatever model it is asked for, with this hash.
struct Hashed(&'static str);

struct HashedModel(Box<dyn LoadedModel>, ModelInfo);

impl Lab for Hashed {
    fn load(
        &self,
        folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError> {
        let model = ScriptedLab::default().load(folder, options, progress)?;
        let info = ModelInfo { hash: self.0.repeat(64), ..model.info().clone() };
        Ok(Box::new(HashedModel(model, info)))
    }
}

impl LoadedModel for HashedModel {
    fn info(&self) -> &ModelInfo {
        &self.1
    }

    fn prepare<'m>(
        &'m self,
        media: &Media<'_>,
        options: &RunOptions,
    ) -> Result<Box<dyn PreparedRun + 'm>, EngineError> {
        self.0.prepare(media, options)
    }
}

/// A catalog of these models of the project.
fn knows(data: &TempDir, models: &[&str]) -> Catalog {
    let folder = data.path().join(format!("models-{}", models.join("-")));
    std::fs::create_dir_all(&folder).unwrap();
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for model in models {
        let there = all.join(model).canonicalize().unwrap();
        let _ = std::os::unix::fs::symlink(there, folder.join(model));
    }
    Catalog::find(Some(&folder), data.path()).unwrap()
}

fn means(data: &TempDir, models: &[&str], hash: &'static str) -> Means {
    let queue = Arc::new(SqliteQueue::open(data.path()).unwrap());
    Means {
        book: queue.clone(),
        items: queue,
        lab: Arc::new(Hashed(hash)),
        catalog: Arc::new(knows(data, models)),
        shelves: Arc::new(Shelves::new(Paths::Anywhere, None)),
    }
}

/// A bench and its device's worker.
struct At(Bench, Worker);

impl At {
    fn new(means: &Means) -> At {
        let worker = Worker::start("one", means.lab.clone(), 1).unwrap();
        At(Bench::new(means.clone(), Post::Worker).unwrap(), worker)
    }

    fn turn(&mut self) -> Turn {
        let never: Stop = Arc::new(|| false);
        self.0.turn(&self.1, &never).unwrap()
    }

    /// Works until there is nothing more to do here.
    fn work(&mut self) {
        for _ in 0..1000 {
            if self.turn() == Turn::Idle {
                return;
            }
        }
        panic!("it goes on for ever");
    }
}

const BOTH: &[&str] = &["demo-llava", "demo-qwen"];

/// Starts an experiment of two samples with each of the two demo models.
fn start(means: &Means, change: impl FnOnce(&mut ExperimentSpec)) -> RunId {
    let mut spec = ExperimentSpec {
        models: BOTH.iter().map(|model| (*model).to_owned()).collect(),
        samples: 2,
        base: AskedOptions { max_new_tokens: Some(2), ..AskedOptions::default() },
        ..ExperimentSpec::default()
    };
    change(&mut spec);
    let (new, _) = plan(spec, &means.catalog, &means.shelves, Reach::Local).unwrap();
    means.book.create(&new).unwrap();
    new.id
}

fn kept(means: &Means, id: &RunId) -> Experiment {
    means.book.get(id).unwrap().unwrap()
}

fn ended(means: &Means, id: &RunId) -> usize {
    means.book.ends(id, 0, 1000).unwrap().len()
}

#[test]
fn a_worker_without_a_model_leaves_its_items_to_others() {
    let data = TempDir::new().unwrap();
    let (one, both) = (means(&data, &["demo-llava"], "a"), means(&data, BOTH, "a"));
    let id = start(&both, |_| ());
    let (mut small, mut large) = (At::new(&one), At::new(&both));
    small.work();
    let now = kept(&one, &id);
    assert_eq!((now.state, now.problem()), (ExperimentState::Running, None), "others may");
    assert_eq!(ended(&one, &id), 2, "what it can run it has run");
    assert_eq!(one.book.progress(&id).unwrap().running, 0, "and it holds nothing");
    large.work();
    assert_eq!(kept(&one, &id).state, ExperimentState::Done);
    // Every item says what it was made with.
    for end in both.book.ends(&id, 0, 10).unwrap() {
        let End::Done(outcome) = end.end else { panic!("{end:?}") };
        let made = outcome.made_with.unwrap();
        assert_eq!((made.device.as_str(), made.model_hash), ("none", "a".repeat(64)));
        assert_eq!(made.lab, env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn an_experiment_pauses_when_nobody_is_left_who_can_run_the_rest() {
    let data = TempDir::new().unwrap();
    let (one, both) = (means(&data, &["demo-llava"], "a"), means(&data, BOTH, "a"));
    let id = start(&both, |_| ());
    let mut small = At::new(&one);
    let large = At::new(&both);
    small.work();
    assert_eq!(kept(&one, &id).state, ExperimentState::Running);
    drop(large);
    small.work();
    let paused = kept(&one, &id);
    assert_eq!(paused.state, ExperimentState::Paused);
    let problem = paused.problem().unwrap();
    assert!(problem.starts_with("The model demo-qwen is missing: "), "{problem}");
    // Resumed, it is tried again, and somebody who has the model is found.
    one.book.set_state(&id, ExperimentState::Running, None).unwrap();
    let mut large = At::new(&both);
    small.work();
    assert_eq!(kept(&one, &id).state, ExperimentState::Running);
    large.work();
    assert_eq!(kept(&one, &id).state, ExperimentState::Done);
}

#[test]
fn what_is_missing_is_listed_whole() {
    let data = TempDir::new().unwrap();
    let (none, both) = (means(&data, &[], "a"), means(&data, BOTH, "a"));
    let path = data.path().join("mine");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
    std::fs::create_dir(&path).unwrap();
    for entry in std::fs::read_dir(model).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
        }
    }
    let id = start(&both, |spec| {
        spec.models = vec!["demo-qwen".into(), path.display().to_string()];
    });
    std::fs::remove_dir_all(&path).unwrap();
    At::new(&none).work();
    let problem = kept(&none, &id).problem().unwrap();
    for part in ["The model demo-qwen is missing: ", "The model mine is missing: it is not where"] {
        assert!(problem.contains(part), "{problem}");
    }
    assert!(
        !problem.contains(&*path.display().to_string()),
        "no folder of this machine: {problem}"
    );
    assert_eq!(ended(&none, &id), 0);
}

#[test]
fn a_worker_without_the_dataset_leaves_the_experiment_to_others() {
    let data = TempDir::new().unwrap();
    let list = data.path().join("rows.jsonl");
    std::fs::write(data.path().join("a.png"), crate::common::png(8, 8)).unwrap();
    let row = r#"{"image":"a.png","prompt":"What is it?"}"#;
    std::fs::write(&list, row).unwrap();
    let there = means(&data, BOTH, "a");
    let id = start(&there, |spec| spec.dataset = format!("jsonl:{}", list.display()));
    let elsewhere =
        Means { shelves: Arc::new(Shelves::new(Paths::Nowhere, None)), ..there.clone() };
    let (mut without, mut with) = (At::new(&elsewhere), At::new(&there));
    without.work();
    assert_eq!(kept(&there, &id).state, ExperimentState::Running);
    with.work();
    assert_eq!((kept(&there, &id).state, ended(&there, &id)), (ExperimentState::Done, 2));
}

#[test]
fn a_worker_whose_model_differs_takes_no_items() {
    let data = TempDir::new().unwrap();
    let (first, other) = (means(&data, BOTH, "a"), means(&data, BOTH, "b"));
    let id = start(&first, |spec| spec.models = vec!["demo-llava".into()]);
    let (mut one, mut another) = (At::new(&first), At::new(&other));
    assert_eq!(one.turn(), Turn::Worked);
    one.0.rest().unwrap();
    assert_eq!(ended(&first, &id), 1);
    another.work();
    assert_eq!((kept(&first, &id).state, ended(&first, &id)), (ExperimentState::Running, 1));
    let models = kept(&first, &id).models;
    assert_eq!(models.len(), 1, "nothing was made with the other");
    drop(one);
    another.work();
    let paused = kept(&first, &id);
    let problem = paused.problem().unwrap();
    assert_eq!(paused.state, ExperimentState::Paused);
    assert!(problem.contains("its hash is bbbbbbbbbbbb, not aaaaaaaaaaaa"), "{problem}");
    // The model is put back.
    first.book.set_state(&id, ExperimentState::Running, None).unwrap();
    At::new(&first).work();
    assert_eq!((kept(&first, &id).state, ended(&first, &id)), (ExperimentState::Done, 2));
}
