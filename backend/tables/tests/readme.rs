//! The README's figures are those of docs/experiments: `./run.sh readme` makes both anew.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use shared::experiment::tables::Tables;
use tables::{Plot, markdown, readme, svg};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

fn stored() -> Tables {
    serde_json::from_str(&file("docs/experiments/tables.json")).unwrap()
}

#[test]
fn the_readmes_figures_are_those_of_the_stored_tables() {
    let text = file("README.md");
    let (_, rest) = text.split_once("<!-- made by ./run.sh readme -->\n").unwrap();
    let (block, _) = rest.split_once("<!-- end of what ./run.sh readme makes -->").unwrap();
    assert_eq!(block, readme(&stored()), "run ./run.sh readme");
}

#[test]
fn the_stored_tables_and_plots_are_of_the_same_experiment() {
    let tables = stored();
    assert_eq!(file("docs/experiments/tables.md"), markdown(&tables), "run ./run.sh readme");
    for plot in Plot::ALL {
        let name = format!("docs/experiments/{}.svg", plot.name());
        assert_eq!(file(&name), svg(&tables, plot).unwrap(), "run ./run.sh readme");
    }
    assert_eq!(tables.provenance.done, tables.provenance.items, "every run is done");
    assert!(tables.provenance.left_out.is_empty());
}
