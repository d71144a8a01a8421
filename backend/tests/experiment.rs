//! Experiments from the command line: killed, resumed, shared, and always the same numbers.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use langoverrule::experiments::{Book, End, Ended, Experiment, SqliteQueue};
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

fn last(queue: &dyn Book) -> Experiment {
    queue.list(1).unwrap().pop().expect("an experiment")
}

/// What each item left, without what may differ from one run to the next: the time it took.
fn left(queue: &dyn Book, experiment: &Experiment) -> BTreeMap<u32, End> {
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

/// What a worker writes once its experiment is there, when it begins an item, and when ends of items
/// are kept.
const STARTED: &str = " runs (";
const BEGUN: &str = "item begun";
const KEPT: &str = "ends handed in";

/// A program that tells what it does, line by line.
struct Told {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Told {
    fn start(mut command: Command) -> Told {
        command.env("RUST_LOG", "warn,langoverrule::experiments::bench=debug");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Told { child, lines }
    }

    /// Reads on until something was told so many times; not, where the program ended before.
    fn until(&mut self, what: &str, times: usize) -> bool {
        let told = self.lines.by_ref().map_while(Result::ok).filter(|line| line.contains(what));
        told.take(times).count() == times
    }

    /// Reads to the end, which must be a good one; how often something was told.
    fn wait(mut self, what: &str) -> usize {
        let told = self.lines.map_while(Result::ok).filter(|line| line.contains(what)).count();
        assert!(self.child.wait().unwrap().success());
        told
    }
}

#[test]
fn killed_twenty_times_and_resumed_nothing_is_lost_or_done_twice() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    wait(start(whole.path()).spawn().unwrap());

    // As soon as it is there, at the first item, and once something more is kept: whatever the
    // machine's speed, an item is begun by fewer workers that die than make the queue give it up.
    let mut worker = Told::start(start(cut.path()));
    let (mut ended, mut kills) = (Vec::new(), 0);
    let doomed = || -> bool {
        let file = rusqlite::Connection::open(cut.path().join("experiments.sqlite")).unwrap();
        file.busy_timeout(Duration::from_secs(20)).unwrap();
        let sql = "SELECT 1 FROM items WHERE state < 2 AND deaths > 1";
        file.prepare(sql).unwrap().exists([]).unwrap()
    };
    let moments = [(STARTED, 1), (BEGUN, 1), (KEPT, 1), (BEGUN, 2), (KEPT, 1)];
    for (what, times) in moments.into_iter().cycle().take(20) {
        if !worker.until(what, times) {
            break;
        }
        // An item at which three workers died is left out: one that two died at is let come to its end.
        while doomed() && worker.until(KEPT, 1) {}
        worker.child.kill().unwrap();
        worker.child.wait().unwrap();
        kills += 1;
        let queue = SqliteQueue::open(cut.path()).unwrap();
        let progress = queue.progress(&last(&queue).start.id).unwrap();
        ended.push(progress.done + progress.left_out);
        worker = Told::start(resume(cut.path()));
    }
    worker.wait(KEPT);
    // On a machine that runs all 48 items in no time there are fewer.
    assert!(kills >= 10, "it was over after {kills} kills: {ended:?}");
    assert!(ended.windows(2).all(|w| w[0] <= w[1]), "what was handed in stays: {ended:?}");

    let queue = SqliteQueue::open(cut.path()).unwrap();
    let (experiment, whole) = (last(&queue), SqliteQueue::open(whole.path()).unwrap());
    assert_eq!(experiment.state, ExperimentState::Done);
    assert_eq!(experiment.start.grid.items(), 48);
    let (left_here, left_there) = (left(&queue, &experiment), left(&whole, &last(&whole)));
    assert_eq!(left_here.len(), 48);
    assert!(left_here.values().all(|end| matches!(end, End::Done(_))));
    // Bit for bit what one undisturbed run leaves.
    assert_eq!(left_here, left_there);
    // Who is killed before it holds an item leaves an empty place, and four were killed as they began.
    assert!(std::fs::read_dir(cut.path().join("workers")).unwrap().count() <= 4);
}

#[test]
fn two_workers_share_an_experiment_and_leave_what_one_leaves() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    wait(start(one.path()).spawn().unwrap());
    let mut first = Told::start(start(two.path()));
    assert!(first.until(STARTED, 1));
    let second = Told::start(program(two.path(), &["worker", "--until-idle"]));
    let first = std::thread::spawn(|| first.wait(KEPT));
    let (second, first) = (second.wait(KEPT), first.join().unwrap());
    assert!(first > 0 && second > 0, "both were at it: {first} and {second} times");
    let one = SqliteQueue::open(one.path()).unwrap();
    let queue = SqliteQueue::open(two.path()).unwrap();
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
            for group in shared::Group::ALL.into_iter().take(shared::FEW_BINS) {
                let mass: f64 = layer.prompt[group.index()].iter().sum();
                assert!((mass - f64::from(extent.prompt.get(group))).abs() < 1e-3);
            }
        }
    }
    assert!(right > 24, "the demo model answers most questions: {right} of 48");
    assert_eq!(experiment.models.len(), 1);
}

/// What a command says on standard error, and whether it did what it was told.
fn says(mut command: Command) -> (bool, String) {
    let done = command.stderr(Stdio::piped()).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// The project's own folder.
fn home() -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize().unwrap()
}

#[test]
fn what_is_named_by_a_path_is_found_from_anywhere_and_shown_by_its_end() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("pictures")).unwrap();
    let samples = home().join("models/demo-llava/samples");
    std::fs::copy(samples.join("cat-far.png"), data.path().join("pictures/a.png")).unwrap();
    std::fs::write(data.path().join("pictures/b.png"), b"no picture").unwrap();
    let asked = ["experiment", "--model", "mine", "--dataset", "folder:pictures"];
    let mut first = program(data.path(), &asked);
    std::fs::create_dir(data.path().join("mine")).unwrap();
    for file in std::fs::read_dir(home().join("models/demo-llava")).unwrap().flatten() {
        if file.path().is_file() {
            std::fs::copy(file.path(), data.path().join("mine").join(file.file_name())).unwrap();
        }
    }
    first.args(["--max-new-tokens", "3"]).current_dir(data.path());
    let (done, said) = says(first);
    assert!(done, "{said}");
    // From another folder the same experiment is found and its tables are written again.
    let out = data.path().join("out");
    let mut again = program(data.path(), &["experiment", "--resume"]);
    again.arg("--out").arg(&out).current_dir("/");
    assert!(says(again).0);
    let queue = SqliteQueue::open(data.path()).unwrap();
    assert_eq!(queue.list(10).unwrap().len(), 1);
    let progress = queue.progress(&last(&queue).start.id).unwrap();
    assert_eq!((progress.done, progress.left_out), (1, 1));
    let here = data.path().to_str().unwrap();
    for file in
        ["tables.md", "tables.csv", "tables.json", "tables.tex", "items.jsonl", "layers.svg"]
    {
        let text = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(text.contains("folder:pictures"), "{file}");
        assert!(!text.contains(here), "{file} names a folder of this machine");
    }
    // A number without the hash of its model says nothing.
    let csv = std::fs::read_to_string(out.join("tables.csv")).unwrap();
    let mut csv = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = csv.next().unwrap();
    let column = |name: &str| header.iter().position(|c| *c == name).unwrap();
    let row = csv.next().unwrap();
    assert_eq!((row[column("model")], row[column("model_hash")].len()), ("mine", 64));
}

#[test]
fn an_experiment_that_was_stopped_is_no_success_and_goes_on_where_it_was() {
    let data = tempfile::tempdir().unwrap();
    let small = ["experiment", "--dataset", "demo", "--samples", "300", "--max-new-tokens", "4"];
    let mut worker = Told::start(program(data.path(), &small));
    assert!(worker.until(KEPT, 2));
    let asked = Command::new("kill").args(["-INT", &worker.child.id().to_string()]).status();
    assert!(asked.unwrap().success());
    let said = worker.lines.map_while(Result::ok).collect::<Vec<_>>().join("\n");
    assert!(!worker.child.wait().unwrap().success() && said.contains("goes on"), "{said}");
    let queue = SqliteQueue::open(data.path()).unwrap();

    // Another was started meanwhile; asked for by what it asks for, the first goes on.
    let mut other =
        program(data.path(), &["experiment", "--samples", "2", "--max-new-tokens", "3"]);
    assert!(other.status().unwrap().success());
    let mut again = program(data.path(), &small);
    again.arg("--resume");
    let (done, said) = says(again);
    assert!(done, "{said}");
    let all = queue.list(10).unwrap();
    assert_eq!(all.len(), 2, "none was started anew");
    assert!(all.iter().all(|e| e.state == ExperimentState::Done));
    assert_eq!(queue.progress(&all[1].start.id).unwrap().done, 300);
    // Where none asks for that, one is started.
    let mut new = program(data.path(), &["experiment", "--dataset", "demo", "--samples", "3"]);
    new.args(["--max-new-tokens", "3", "--resume"]);
    let (done, said) = says(new);
    assert!(done && said.contains("it is started"), "{said}");
    assert_eq!(queue.list(10).unwrap().len(), 3);
}

#[test]
fn levers_are_meant_as_they_are_asked_for_and_every_file_says_so() {
    let data = tempfile::tempdir().unwrap();
    let mut floor = program(data.path(), &["experiment", "--samples", "2", "--prune", "0,0.95"]);
    floor.args(["--replicate", "1,2", "--one-at-a-time", "--prune-count", "floor"]);
    floor.args(["--prune-positions", "kept", "--copies", "shared", "--max-new-tokens", "3"]);
    floor.args(["--picture", "noise:5"]).arg("--out").arg(data.path().join("out"));
    let (done, said) = says(floor);
    assert!(done, "{said}");
    let text = |file: &str| std::fs::read_to_string(data.path().join("out").join(file)).unwrap();
    for words in [
        "prune count floor, positions kept",
        "positions of copies shared",
        "picture noise:5",
        "demo models on the demo set, shown noise (seed 5)",
    ] {
        assert!(text("tables.md").contains(words), "{words}");
    }
    assert!(text("tables.csv").contains("prune count floor"));
    let queue = SqliteQueue::open(data.path()).unwrap();
    let experiment = last(&queue);
    for (item, end) in left(&queue, &experiment) {
        let End::Done(outcome) = end else { panic!("{end:?}") };
        let (condition, _) = experiment.start.grid.item(item).unwrap();
        // A twentieth of 144 is 7.2; of the copies each counts.
        let expected = if condition.prune > 0.0 { 7 } else { 144 } * condition.replicate;
        assert_eq!(outcome.masses.extent.prompt.get(shared::Group::Image), expected);
    }
}
