//! `experiment`: starts or resumes one and works at it until it is done.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::experiment::{ExperimentSpec, ExperimentState, ExperimentStatus};

use super::stop::Asked;
use super::work::LOOK_EVERY;
use super::{ExperimentArgs, Failure, LAST, find, list, means};
use crate::cli::values::folder;
use crate::experiments::{
    Bench, End, Experiment, Means, Post, Reach, Turn, could_fit, plan, status,
};
use crate::id::RunId;
use crate::workers::Worker;

/// The progress is shown this often; a log gets a line every [`LINE_EVERY`].
const SHOW_EVERY: Duration = Duration::from_millis(250);
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(in crate::cli) fn experiment(args: &ExperimentArgs) -> Result<(), Failure> {
    let definition = list::definition(&args.definition)?;
    if let Some(out) = &args.out {
        folder("--out", out)?;
    }
    if let Some(name) = args.resume.as_ref().filter(|name| *name != LAST)
        && args.asks_for_something()
    {
        return Err(format!(
            "--resume {name} goes on with what that experiment asks for: leave out what is asked for beside it, \
             or leave out its name to go on with the last one that asks for that"
        ));
    }
    args.device.describe().map_err(|e| e.message)?;
    let asked = Asked::on_signals()?;
    let stop = asked.stop();
    let means = means(&args.folders, args.device)?;
    let experiment = match &args.resume {
        Some(name) if name == LAST && args.asks_for_something() => again(args, &means)?,
        Some(name) => resume(&means, name)?,
        None => start(args, &means)?,
    };
    let id = experiment.start.id.clone();
    let items = experiment.start.grid.items();
    say(&format!("{}: {items} runs ({id})", experiment.start.title));
    let note = &experiment.start.dataset.note;
    if !note.is_empty() {
        say(&format!("{}: {note}", experiment.start.dataset.name));
    }
    let shown = Shown::new(items);
    let worker = Worker::start(args.device.to_string(), means.lab.clone(), 1)
        .map_err(|e| format!("the model's thread cannot start: {e}"))?;
    let mut bench = Bench::new(means.clone(), Post::Worker).map_err(|e| e.to_string())?;
    let mut looked: Option<Instant> = None;
    let last = loop {
        let turn = bench.turn(&worker, &stop).map_err(|e| e.to_string())?;
        let due = looked.is_none_or(|at| at.elapsed() >= SHOW_EVERY);
        if due || turn == Turn::Idle || stop() {
            looked = Some(Instant::now());
            let now = look(&means, &experiment)?;
            shown.tell(&now);
            // Another worker may still be at the last items, or somebody may have paused it.
            if now.state != ExperimentState::Running || stop() {
                break now;
            }
        }
        if turn == Turn::Idle {
            std::thread::sleep(LOOK_EVERY);
        }
    };
    bench.rest().map_err(|e| e.to_string())?;
    drop(bench);
    drop(worker);
    shown.finish();
    let ended = last.done + last.left_out;
    let goes_on = format!("`langoverrule experiment --resume {id}` goes on");
    match (last.state, &last.problem) {
        // No tables, so that nobody takes them for the whole; and no success, for scripts.
        (ExperimentState::Running, _) => {
            return Err(format!("stopped after {ended} of {items}; {goes_on}"));
        }
        (ExperimentState::Paused, Some(problem)) => {
            return Err(format!(
                "paused after {ended} of {items}: {problem} Mend that and resume with \
                 `langoverrule experiment --resume {id}`"
            ));
        }
        (ExperimentState::Paused, None) => {
            return Err(format!("paused by somebody after {ended} of {items}; {goes_on}"));
        }
        (ExperimentState::Cancelled, _) => {
            say(&format!("cancelled by somebody after {ended} of {items}; the tables hold those"));
        }
        (ExperimentState::Done, _) => {}
    }
    list::write_tables(&*means.book, &id, &definition, args.out.as_deref())?;
    match last.done {
        0 => Err(nothing_ran(&means, &id, items)),
        _ => Ok(()),
    }
}

/// What is said where every run was left out: for scripts, that is a failure.
fn nothing_ran(means: &Means, id: &RunId, items: u32) -> Failure {
    let first = means.book.ends(id, 0, 1).ok().and_then(|ends| ends.into_iter().next());
    let why = match first.map(|ended| ended.end) {
        Some(End::LeftOut(left_out)) => format!("; the first: {}", left_out.message),
        _ => ".".to_owned(),
    };
    format!("none of {items} runs could be done, so the tables hold no numbers{why}")
}

fn start(args: &ExperimentArgs, means: &Means) -> Result<Experiment, Failure> {
    let says = |e: crate::error::ApiError| format!("{}: {}", e.0.code, e.0.message);
    let (new, _owner) =
        plan(args.spec(means)?, &means.catalog, &means.shelves, Reach::Local).map_err(says)?;
    could_fit(&new.grid, &means.catalog, &*means.lab).map_err(says)?;
    let kept = means.book.create(&new).and_then(|()| means.items.offer(&new.id));
    kept.map_err(|e| format!("the experiment cannot be kept: {e}"))?;
    find(&*means.book, new.id.as_str())
}

fn resume(means: &Means, name: &str) -> Result<Experiment, Failure> {
    let found = find(&*means.book, name)?;
    let id = &found.start.id;
    let state = means.book.set_state(id, ExperimentState::Running, None);
    means.items.offer(id).map_err(|e| e.to_string())?;
    match state.map_err(|e| e.to_string())? {
        Some(ExperimentState::Cancelled) => Err(format!("the experiment {id} was cancelled")),
        // One that is done gets its tables written again.
        _ => find(&*means.book, id.as_str()),
    }
}

/// Goes on with the last experiment that asks for the same, or starts it.
fn again(args: &ExperimentArgs, means: &Means) -> Result<Experiment, Failure> {
    let wanted = args.spec(means)?;
    let says = |e: crate::error::ApiError| format!("{}: {}", e.0.code, e.0.message);
    let (new, _) = plan(wanted, &means.catalog, &means.shelves, Reach::Local).map_err(says)?;
    let same = |e: &Experiment| {
        let untitled =
            |spec: &ExperimentSpec| ExperimentSpec { title: String::new(), ..spec.clone() };
        e.state != ExperimentState::Cancelled
            && untitled(&e.start.spec) == untitled(&new.spec)
            && e.start.dataset.revision == new.dataset.revision
    };
    let all = means.book.list(1000).map_err(|e| e.to_string())?;
    match all.into_iter().find(same) {
        Some(found) => resume(means, found.start.id.as_str()),
        None => {
            say("no experiment here asks for that: it is started");
            start(args, means)
        }
    }
}

fn look(means: &Means, experiment: &Experiment) -> Result<ExperimentStatus, Failure> {
    let id = &experiment.start.id;
    let gone = || "the experiment was deleted".to_owned();
    let found = means.book.get(id).map_err(|e| e.to_string())?.ok_or_else(gone)?;
    let progress = means.book.progress(id).map_err(|e| e.to_string())?;
    Ok(status(&found, &progress))
}

fn say(line: &str) {
    // Nobody reads standard error: the work goes on all the same.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A bar on a terminal, lines in a log.
struct Shown {
    bar: ProgressBar,
    lines: bool,
    last_line: std::cell::Cell<Option<Instant>>,
}

impl Shown {
    fn new(items: u32) -> Shown {
        let bar = ProgressBar::with_draw_target(Some(items.into()), ProgressDrawTarget::stderr());
        let style = "{bar:40} {pos}/{len} {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        let lines = !std::io::stderr().is_terminal();
        Shown { bar, lines, last_line: std::cell::Cell::new(None) }
    }

    fn tell(&self, now: &ExperimentStatus) {
        let mut message = Vec::new();
        if let Some(rate) = now.rate {
            message.push(format!("{rate:.1}/s"));
        }
        if let Some(left) = now.seconds_left.filter(|s| s.is_finite() && *s < 1e9) {
            message.push(format!(
                "{} left",
                humantime::format_duration(Duration::from_secs(left as u64))
            ));
        }
        if now.left_out > 0 {
            message.push(format!("{} left out", now.left_out));
        }
        let (message, ended) = (message.join(" · "), now.done + now.left_out);
        let due = self.last_line.get().is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if self.lines && due {
            self.last_line.set(Some(Instant::now()));
            say(&format!("{ended}/{} {message}", now.items()));
        }
        self.bar.set_position(ended.into());
        self.bar.set_message(message);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
