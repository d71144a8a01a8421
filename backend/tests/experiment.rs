//! Experiments from the command line: killed, resumed, shared, and always the same numbers.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use langoverrule::experiment::queue::{End, Ended, Experiment};
use langoverrule::experiment::{Queue, SqliteQueue};
use shared::experiment::ExperimentState;
use shared::experiment::tables::Tables;

/// The program, at the root of the project, where models and datasets lie.
fn program(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .args(args)
        .arg("--data")
        .arg(data);
    command
}

/// A small experiment: 12 samples under four conditions.
fn start(data: &Path) -> Command {
    let mut command = program(data, &["experiment", "--samples", "12", "--max-new-tokens", "6"]);
    command.args(["--prune", "0,0.75", "--replicate", "1,2", "--quant", "q8_0"]);
    command.arg("--out").arg(data.join("out"));
    command
}

fn resume(data: &Path) -> Command {
    let mut command = program(data, &["experiment", "--resume"]);
    command.arg("--out").arg(data.join("out"));
    command
}

fn last(queue: &dyn Queue) -> Experiment {
    queue.list(1).unwrap().pop().expect("an experiment")
}

/// What each item left, without what may differ from one run to the next: the time it took.
fn left(queue: &dyn Queue, experiment: &Experiment) -> BTreeMap<u32, End> {
    let ends = queue.ends(&experiment.start.id, 0, 100_000).unwrap();
    let n = ends.len();
    let timeless = |Ended { item, end, .. }: Ended| {
        let end = match end {
            End::Done(mut outcome) => {
                outcome.model_ms = 0.0;
                End::Done(outcome)
            }
            other => other,
        };
        (item, end)
    };
    let by_item: BTreeMap<u32, End> = ends.into_iter().map(timeless).collect();
    assert_eq!(by_item.len(), n, "no item ended twice");
    by_item
}

fn wait(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

#[test]
fn killed_twenty_times_and_resumed_nothing_is_lost_or_done_twice() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    wait(start(whole.path()).spawn().unwrap());

    // Moments from a fixed seed: at the start, while models load, while items run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut child = start(cut.path()).spawn().unwrap();
    let queue = loop {
        std::thread::sleep(Duration::from_millis(20));
        // Killed before the experiment was there, there is nothing to resume.
        if let Ok(queue) = SqliteQueue::open(cut.path())
            && !queue.list(1).unwrap().is_empty()
        {
            break queue;
        }
    };
    let mut ended = Vec::new();
    for _ in 0..20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis(50 + (state >> 33) % 850));
        child.kill().unwrap();
        child.wait().unwrap();
        let progress = queue.progress(&last(&queue).start.id).unwrap();
        ended.push(progress.done + progress.left_out);
        child = resume(cut.path()).spawn().unwrap();
    }
    wait(child);
    assert!(ended.windows(2).all(|w| w[0] <= w[1]), "what was handed in stays: {ended:?}");

    let (experiment, whole) = (last(&queue), SqliteQueue::open(whole.path()).unwrap());
    assert_eq!(experiment.state, ExperimentState::Done);
    assert_eq!(experiment.start.grid.items(), 48);
    let (left_here, left_there) = (left(&queue, &experiment), left(&whole, &last(&whole)));
    assert_eq!(left_here.len(), 48);
    assert!(left_here.values().all(|end| matches!(end, End::Done(_))));
    // Bit for bit what one undisturbed run leaves.
    assert_eq!(left_here, left_there);
    assert_eq!(std::fs::read_dir(cut.path().join("workers")).unwrap().count(), 0);
}

#[test]
fn two_workers_share_an_experiment_and_leave_what_one_leaves() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    wait(start(one.path()).spawn().unwrap());
    let first = start(two.path()).spawn().unwrap();
    let queue = SqliteQueue::open(two.path()).unwrap();
    while queue.list(1).unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = program(two.path(), &["worker", "--until-idle"]).spawn().unwrap();
    let mut most = 0;
    while last(&queue).state == ExperimentState::Running {
        most = most.max(queue.progress(&last(&queue).start.id).unwrap().workers);
        std::thread::sleep(Duration::from_millis(5));
    }
    wait(first);
    wait(second);
    assert_eq!(most, 2, "both were at it");
    let one = SqliteQueue::open(one.path()).unwrap();
    assert_eq!(left(&queue, &last(&queue)), left(&one, &last(&one)));
}

#[test]
fn the_files_hold_the_same_tables_and_the_items_they_are_made_from() {
    let data = tempfile::tempdir().unwrap();
    wait(start(data.path()).spawn().unwrap());
    let file = |name: &str| std::fs::read(data.path().join("out").join(name)).expect(name);
    let made: Tables = serde_json::from_slice(&file("tables.json")).unwrap();
    let (mut aggregate, status) = tables::lines::read(&file("items.jsonl")[..]).unwrap();
    assert_eq!(aggregate.done(), 48);
    let again = Tables::new(&mut aggregate, &status, 0).unwrap();
    assert_eq!(tables::json(&again), tables::json(&made), "to the last bit");
    assert_eq!(tables::markdown(&made).as_bytes(), file("tables.md"));
    for plot in ["layers", "prune", "replicate"] {
        assert!(file(&format!("{plot}.svg")).starts_with(b"<svg"), "{plot}");
        assert!(file(&format!("{plot}.png")).starts_with(b"\x89PNG"), "{plot}");
    }
    for word in ["demo-llava", "q8_0", "seed", &status.models[0].hash] {
        for name in ["tables.md", "tables.csv", "tables.tex", "layers.svg"] {
            let text = String::from_utf8(file(name)).unwrap().replace('\\', "");
            assert!(text.contains(word), "{name} names {word}");
        }
    }
}

#[test]
fn what_the_model_answers_is_judged_and_what_it_saw_obeys_the_identities() {
    let data = tempfile::tempdir().unwrap();
    wait(start(data.path()).spawn().unwrap());
    let queue = SqliteQueue::open(data.path()).unwrap();
    let experiment = last(&queue);
    let mut right = 0;
    for (item, end) in left(&queue, &experiment) {
        let End::Done(outcome) = end else { panic!("{end:?}") };
        let (condition, _) = experiment.start.grid.item(item).unwrap();
        let extent = outcome.masses.extent;
        let kept = if condition.prune > 0.0 { 36 } else { 144 };
        assert_eq!(extent.prompt.get(shared::Group::Image), kept * condition.replicate);
        assert!(outcome.verdict.is_some());
        right += u32::from(outcome.verdict == Some(shared::experiment::Verdict::Right));
        for layer in outcome.masses.layers {
            let layer = layer.expect("every layer was observed");
            assert!((layer.last.iter().sum::<f64>() - 1.0).abs() < 1e-5);
            for group in shared::Group::ALL {
                let mass: f64 = layer.prompt[group.index()].iter().sum();
                assert!((mass - f64::from(extent.prompt.get(group))).abs() < 1e-3);
            }
        }
    }
    assert!(right > 24, "the demo model answers most questions: {right} of 48");
    assert_eq!(experiment.models.len(), 1);
}
