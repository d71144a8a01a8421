//! `man`: the manual, made from the command line's own description.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Cli, Failure, print};

/// Where to.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Folder for one page for each command.
    folder: PathBuf,
}

/// Writes a page for the program and one for each of its commands.
pub(super) fn man(args: &ManArgs) -> Result<(), Failure> {
    let folder = args.folder.display();
    std::fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder))
        .map_err(|e| format!("the manual cannot be written to {folder}: {e}"))?;
    print(&format!("{folder} holds the manual; read it with: man {folder}/langoverrule.1\n"))
}
