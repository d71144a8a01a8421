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

/// A file beside what it should be; with `UPDATE` set it becomes that, which suffices where only the
/// layout of the same numbers changed.
fn is(name: &str, wanted: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(root().join(name), wanted).unwrap();
    }
    let same = file(name) == wanted;
    assert!(
        same,
        "{name} is not of docs/experiments/tables.json: run ./run.sh readme, or, where only \
                   the layout changed, UPDATE=1 cargo test -p tables --test readme"
    );
}

fn stored() -> Tables {
    serde_json::from_str(&file("docs/experiments/tables.json")).unwrap()
}

#[test]
fn the_readmes_figures_are_those_of_the_stored_tables() {
    let text = file("README.md");
    let (begin, end) =
        ("<!-- made by ./run.sh readme -->\n", "<!-- end of what ./run.sh readme makes -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    is("README.md", &format!("{before}{begin}{}{end}{after}", readme(&stored())));
}

#[test]
fn the_stored_tables_and_plots_are_of_the_same_experiment() {
    let tables = stored();
    is("docs/experiments/tables.md", &markdown(&tables));
    for plot in Plot::ALL {
        let name = format!("docs/experiments/{}.svg", plot.name());
        is(&name, &svg(&tables, plot).unwrap());
    }
    assert_eq!(tables.provenance.done, tables.provenance.items, "every run is done");
    assert!(tables.provenance.left_out.is_empty());
}
