//! An experiment's tables and plots as files in a folder.

use std::io::Write as _;
use std::path::Path;

use shared::Definition;
use shared::experiment::tables::Tables;
use tables::Plot;

use super::book::End;
use super::live::Folded;
use super::{Book, status};
use crate::id::RunId;

/// Ends read from the book at once.
const AT_ONCE: u32 = 200;

/// Writes an experiment's tables (Markdown, CSV, JSON, LaTeX), what of them a README tells, its plots (SVG, PNG) and the items
/// they are made from (JSON lines) into a folder, which is made where missing. Gives the tables.
///
/// # Errors
/// One sentence: there is no such experiment, or a file that cannot be written.
pub fn write(
    book: &dyn Book,
    id: &RunId,
    definition: Definition,
    folder: &Path,
) -> Result<Tables, String> {
    let says = |e: crate::store::StoreError| format!("the experiment cannot be read: {e}");
    let found = book.get(id).map_err(says)?;
    let experiment = found.ok_or_else(|| format!("there is no experiment {id}"))?;
    let status = status(&experiment, &book.progress(id).map_err(says)?);
    let mut folded = Folded::new(status.grid.clone(), definition);
    folded.advance(book, id).map_err(says)?;
    let choices: Vec<_> = folded.aggregate.choices().cloned().collect();
    // The definition asked for is always the first choice around itself.
    let made = Tables::new(&mut folded.aggregate, &status, 0)
        .ok_or_else(|| "internal: there is no first choice".to_owned())?;

    let cannot =
        |path: &Path, e: std::io::Error| format!("{} cannot be written: {e}", path.display());
    std::fs::create_dir_all(folder).map_err(|e| cannot(folder, e))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| cannot(&path, e))
    };
    put("tables.md", tables::markdown(&made).as_bytes())?;
    put("readme.md", tables::readme(&made).as_bytes())?;
    put("tables.csv", tables::csv(&made).as_bytes())?;
    put("tables.json", tables::json(&made).as_bytes())?;
    put("tables.tex", tables::latex(&made).as_bytes())?;
    for plot in Plot::ALL {
        let name = plot.name();
        if let Some(svg) = tables::svg(&made, plot) {
            put(&format!("{name}.svg"), svg.as_bytes())?;
        }
        if let Some(png) = tables::png(&made, plot) {
            put(&format!("{name}.png"), &png)?;
        }
    }
    let path = folder.join("items.jsonl");
    let cannot = |e| cannot(&path, e);
    let mut lines = std::io::BufWriter::new(std::fs::File::create(&path).map_err(cannot)?);
    let mut line = |text: String| lines.write_all(text.as_bytes()).map_err(cannot);
    line(tables::lines::header(&status, &choices))?;
    let mut after = 0;
    loop {
        let ends = book.ends(id, after, AT_ONCE).map_err(says)?;
        let Some(last) = ends.last() else { break };
        after = last.seq;
        for ended in &ends {
            let end = match &ended.end {
                End::Done(outcome) => Ok(&**outcome),
                End::LeftOut(left_out) => Err(left_out),
            };
            line(tables::lines::item(ended.item, end))?;
        }
    }
    lines.flush().map_err(cannot)?;
    Ok(made)
}
