//! `datasets`: which datasets there are by name, and bringing one from the hub to this machine.

use std::io::Write as _;

use clap::Subcommand;
use datasets::{Hub as _, PUBLISHED, Paths, Published};

use super::pull::fetch;
use super::values::text;
use super::{Failure, print};
use crate::experiments::Shelves;
use crate::models::hub::{Hub, published, size};

/// Where the terms of the demo dataset's drawings are told.
const DEMO_TERMS: &str = "models/demo-llava/ATTRIBUTION.md";

/// What to do with datasets.
#[derive(Debug, Subcommand)]
pub enum DatasetsCommand {
    /// Lists the datasets that are known by name.
    List,
    /// Fetches a dataset from the hub, into the cache that Python's huggingface_hub uses too.
    Pull {
        /// A name from the list: NAME or NAME:CONFIG, such as mmmu-pro:standard-10.
        #[arg(value_parser = text())]
        dataset: String,
    },
}

pub(super) fn datasets(command: &DatasetsCommand) -> Result<(), Failure> {
    let hub = Hub::from_env();
    match command {
        DatasetsCommand::List => list(hub),
        DatasetsCommand::Pull { dataset } => pull(hub, dataset),
    }
}

fn list(hub: Hub) -> Result<(), Failure> {
    let shelves = Shelves::new(Paths::Nowhere, Some(hub.clone()));
    let rows = |name: &str| match datasets::open(name, &shelves.places()) {
        Ok(dataset) => format!("here, {} rows", dataset.info().rows),
        Err(error) => format!("here, but: {error}"),
    };
    let demo = format!("{}, drawings under Apache-2.0, MIT and CC BY 4.0", rows("demo"));
    let mut lines = vec![("demo".to_owned(), demo)];
    let mut all_here = true;
    for dataset in &PUBLISHED {
        let Published { licence, .. } = dataset;
        let line = match hub.parquet(dataset.repository, dataset.folder) {
            Ok(pulled) => {
                let place = pulled.files.first().and_then(|file| file.parent());
                let place = place.map(|p| format!(": {}", p.display())).unwrap_or_default();
                format!("{}, {licence}{place}", rows(&dataset.name()))
            }
            Err(_) => {
                all_here = false;
                let (bytes, rows) = (size(dataset.bytes), dataset.rows);
                format!("not here, {bytes} to fetch, {rows} rows, {licence}")
            }
        };
        lines.push((dataset.name(), line));
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, line) in lines {
        out += &format!("{name:width$}  {line}\n");
    }
    out += &format!("\nTerms: {DEMO_TERMS} (demo)");
    for dataset in PUBLISHED.iter().filter(|d| d.is_default) {
        out += &format!(", {} ({})", dataset.terms, dataset.kind);
    }
    out += "\n";
    if !all_here {
        out += "`langoverrule datasets pull NAME` fetches one that is not here.\n";
    }
    out += "Files of your own are named folder:PATH, jsonl:PATH or parquet:PATH.\n";
    print(&out)
}

fn pull(hub: Hub, name: &str) -> Result<(), Failure> {
    if name == "demo" {
        return Err("demo ships with the lab; nothing to pull".to_owned());
    }
    let Some(dataset) = Published::find(name) else {
        let names: Vec<String> = PUBLISHED.iter().map(Published::name).collect();
        return Err(format!(
            "there is no dataset named \"{name}\" to pull; there is {}",
            names.join(", ")
        ));
    };
    let whole = dataset.name();
    let mut says = std::io::stderr();
    let _ = writeln!(says, "{whole} comes under the {} ({})", dataset.licence, dataset.terms);
    let (repository, wanted) = published(dataset).map_err(|e| e.in_full())?;
    let pulled = fetch(&hub, &repository, &wanted)?;
    // What came is right to the last byte; whether it is what the lab reads, only reading tells.
    let shelves = Shelves::new(Paths::Nowhere, Some(hub));
    let opened = datasets::open(&whole, &shelves.places()).map_err(|e| e.to_string())?;
    let _ = writeln!(says, "{whole}: {} rows", opened.info().rows);
    print(&format!("{}\n", pulled.folder.join(dataset.folder).display()))
}
