//! `experiments`: the ones there are, and their tables.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use shared::Definition;
use shared::experiment::ExperimentState;

use super::{ExperimentsCommand, Failure, ModelFolders, find, queue};
use crate::cli::print;
use crate::cli::values::folder;
use crate::error::ApiError;
use crate::experiments::{Book, SqliteQueue, files, status};
use crate::export::parse_definition;
use crate::id::RunId;

pub(in crate::cli) fn experiments(command: &ExperimentsCommand) -> Result<(), Failure> {
    match command {
        ExperimentsCommand::List { folders } => list(folders),
        ExperimentsCommand::Export { id, out, definition, folders } => {
            let definition = self::definition(definition)?;
            if let Some(out) = out {
                folder("--out", out)?;
            }
            let queue = some(folders)?;
            let id = find(&queue, id)?.start.id;
            write_tables(&queue, &id, &definition, out.as_deref())
        }
        ExperimentsCommand::Pause { id, folders } => set(folders, id, ExperimentState::Paused),
        ExperimentsCommand::Resume { id, folders } => set(folders, id, ExperimentState::Running),
        ExperimentsCommand::Cancel { id, folders } => set(folders, id, ExperimentState::Cancelled),
        ExperimentsCommand::Delete { id, folders } => {
            let queue = some(folders)?;
            let id = find(&queue, id)?.start.id;
            queue.delete(&id).map_err(|e| e.to_string())?;
            print(&format!("{id} is deleted\n"))
        }
    }
}

const NONE: &str = "no experiment yet; `langoverrule experiment` starts one\n";

/// The experiments of a data folder; none where there is no such folder, which is not made for asking.
fn kept(folders: &ModelFolders) -> Result<Option<SqliteQueue>, Failure> {
    folders.data.exists().then(|| queue(folders)).transpose()
}

/// The same for what needs one.
fn some(folders: &ModelFolders) -> Result<SqliteQueue, Failure> {
    let none = || {
        format!(
            "there is no folder {}: name with --data where the experiment is kept",
            folders.data.display()
        )
    };
    kept(folders)?.ok_or_else(none)
}

fn set(folders: &ModelFolders, name: &str, wanted: ExperimentState) -> Result<(), Failure> {
    let queue = some(folders)?;
    let id = find(&queue, name)?.start.id;
    let state = queue.set_state(&id, wanted, None).map_err(|e| e.to_string())?;
    let state = state.ok_or_else(|| "the experiment was deleted".to_owned())?;
    match state == wanted {
        true => print(&format!("{id} is {}\n", word(state))),
        false => Err(format!("{id} is {} and stays so", word(state))),
    }
}

fn list(folders: &ModelFolders) -> Result<(), Failure> {
    let mut text = String::new();
    let Some(queue) = kept(folders)? else {
        return print(NONE);
    };
    for experiment in queue.list(1000).map_err(|e| e.to_string())? {
        let progress = queue.progress(&experiment.start.id).map_err(|e| e.to_string())?;
        let s = status(&experiment, &progress);
        let left_out = match s.left_out {
            0 => String::new(),
            n => format!(", {n} left out"),
        };
        let ended = s.done + s.left_out;
        let _ = writeln!(
            text,
            "{}  {:9}  {ended:>6}/{:<6}  {}  {}{left_out}",
            s.id,
            word(s.state),
            s.items(),
            s.created,
            s.title
        );
        if let Some(problem) = s.problem {
            let _ = writeln!(text, "    {problem}");
        }
    }
    for id in queue.damaged().map_err(|e| e.to_string())? {
        let _ = writeln!(
            text,
            "{id}  damaged: the disk does not hold what was written, so nothing of it is shown"
        );
    }
    if text.is_empty() {
        text.push_str(NONE);
    }
    print(&text)
}

fn word(state: ExperimentState) -> &'static str {
    match state {
        ExperimentState::Running => "running",
        ExperimentState::Paused => "paused",
        ExperimentState::Done => "done",
        ExperimentState::Cancelled => "cancelled",
    }
}

/// The definition of tables: a preset's name, or a whole one as JSON.
pub(super) fn definition(text: &str) -> Result<Definition, Failure> {
    parse_definition(text).map_err(|ApiError(body)| format!("{}: {}", body.code, body.message))
}

/// Writes an experiment's tables and plots to a folder and prints the tables.
pub(super) fn write_tables(
    queue: &dyn Book,
    id: &RunId,
    definition: &Definition,
    out: Option<&Path>,
) -> Result<(), Failure> {
    let usual = Path::new("results").join(id.as_str());
    let folder = out.unwrap_or(&usual);
    let made = files::write(queue, id, *definition, folder)?;
    print(&tables::markdown(&made))?;
    let _ = writeln!(std::io::stderr(), "tables and plots are in {}", folder.display());
    Ok(())
}
