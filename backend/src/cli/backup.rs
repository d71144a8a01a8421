//! `backup` and `restore`: a consistent copy of a lab that is at work, and back.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, print};
use crate::backup::{self, Backup};

/// What to copy, and where to.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// The folder that the copy is made as; it must not be there yet.
    to: PathBuf,
    /// Folder of the lab that is copied; the lab may be at work.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

/// What to bring back, and where to.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// A folder that `backup` made.
    from: PathBuf,
    /// Folder that the lab is to keep everything in; there must be no lab in it.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

pub(super) fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let made = backup::backup(&args.data, &args.to).map_err(|e| e.to_string())?;
    print(&format!("{} holds {}\n", args.to.display(), words(&made)))?;
    match made.damaged.len() {
        0 => Ok(()),
        n => Err(format!(
            "{n} {} damaged in {} already, and so in the copy: {}",
            if n == 1 { "thing was" } else { "things were" },
            args.data.display(),
            made.damaged.join("; ")
        )),
    }
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let restored = backup::restore(&args.from, &args.data).map_err(|e| e.to_string())?;
    let data = args.data.display();
    print(&format!("{data} holds {}\n", words(&restored)))
}

fn words(backup: &Backup) -> String {
    let some = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    format!(
        "{} and {} of {}, {:.1} MiB, as they were at {}",
        some(backup.runs, "run", "runs"),
        some(backup.experiments, "experiment", "experiments"),
        format_args!("LangOverrule Lab {}", backup.lab),
        backup.bytes() as f64 / f64::from(1 << 20),
        backup.made
    )
}
