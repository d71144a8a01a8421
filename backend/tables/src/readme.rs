//! The part of the README that tells what an experiment found: a table and a sentence for each lever's
//! end, from the same tables as everything else. `./run.sh readme` puts it there, and a test holds it.

use std::fmt::Write as _;

use shared::experiment::tables::{Lever, LeverRow, LeverSeries, LeverTable, Tables, percent};

use crate::cells::{NOTHING, factor, number, share};

/// A row's name: what stays first, then what was moved.
fn name(series: &LeverSeries, row: &LeverRow, table: &LeverTable) -> String {
    let random = if row.random { ", drawn by chance" } else { "" };
    match (row.changes.is_empty(), table.lever) {
        (true, _) => series.model.clone(),
        (_, Lever::Prune) => {
            format!("· {} of the picture's tokens dropped{random}", percent(row.value))
        }
        (_, Lever::Replicate) => format!("· picture tokens ×{}", row.value),
    }
}

fn line(series: &LeverSeries, row: &LeverRow, table: &LeverTable) -> String {
    let centre = |stage: usize| row.stages.get(stage).and_then(|s| s.mdi.estimate.centre().value);
    let late = row.stages.last();
    let null = row.changes.last().and_then(|c| c.null_mdi.centre().value);
    let right = row.verdicts.map_or_else(|| NOTHING.to_owned(), |v| share(v.right.share));
    format!(
        "| {} | {} | {} | {} | {} | {} | {right} |\n",
        name(series, row, table),
        number(centre(0)),
        number(centre(1)),
        number(centre(2)),
        number(null),
        share(late.and_then(|s| s.share_text.estimate.mean)),
    )
}

/// What the strongest pruning did to one model, in a sentence.
fn sentence(series: &LeverSeries) -> Option<String> {
    let (first, last) = (series.rows.first()?, series.rows.iter().rfind(|r| !r.random)?);
    let late = last.changes.last()?;
    let (moved, d) = (&late.mdi, &late.share_text);
    let right = |row: &LeverRow| row.verdicts.map(|v| share(v.right.share));
    let mut text = format!(
        "- **{}, {} dropped**: the late MDI moves by {}; with the attention as it was, the \
         numbers of tokens alone would move it by × {}. The words' share of the late attention goes \
         from {} to {}",
        series.model,
        last.label,
        factor(moved.ratio, moved.low, moved.high),
        number(late.counts.ratio),
        share(d.from),
        share(d.to),
    );
    if let (Some(from), Some(to)) = (right(first), right(last)) {
        let _ = write!(text, ", right answers from {from} to {to}");
    }
    let chance = series.rows.iter().rfind(|r| r.random && r.value == last.value);
    if let Some(chance) = chance.and_then(right) {
        let _ = write!(text, " ({chance} where as many tokens are dropped by chance)");
    }
    text.push('.');
    if !series.floors.is_empty() {
        let floors: Vec<String> =
            series.floors.iter().map(|f| format!("{} {}", f.label, share(f.right.share))).collect();
        let _ = write!(text, " Right without the picture: {}.", floors.join(", "));
    }
    Some(text + "\n")
}

/// The table and the sentences, as Markdown.
pub fn readme(tables: &Tables) -> String {
    let mut out = String::from(
        "| geometric means | early MDI | middle MDI | late MDI | late, if shares had stayed | words' share, \
         late | right answers |\n| :-- | --: | --: | --: | --: | --: | --: |\n",
    );
    let levers: Vec<&LeverTable> =
        [&tables.prune, &tables.replicate].into_iter().flatten().collect();
    let mut models: Vec<&str> = Vec::new();
    for series in levers.iter().flat_map(|t| &t.series) {
        if !models.contains(&series.model.as_str()) {
            models.push(&series.model);
        }
    }
    for model in models {
        let mut plain = false;
        for table in &levers {
            for series in table.series.iter().filter(|s| s.model == model) {
                // The row in which nothing is moved stands in every lever's series.
                let rows = series.rows.iter().filter(|r| !(r.changes.is_empty() && plain));
                rows.for_each(|row| out.push_str(&line(series, row, table)));
                plain = true;
            }
        }
    }
    out.push('\n');
    let pruned = tables.prune.iter().flat_map(|t| &t.series);
    out.extend(pruned.filter_map(sentence));
    for table in &tables.definitions {
        if !table.finding.is_empty() {
            let _ = writeln!(out, "- **{}**: {}", table.label, table.finding);
        }
    }
    let samples = tables.provenance.samples;
    let _ = write!(
        out,
        "\nn = {samples} samples of {}, drawn with seed {}; {} of {} runs done. Intervals are 95 %, of changes \
         paired by sample.\n",
        tables.provenance.dataset.name,
        tables.provenance.seed,
        tables.provenance.done,
        tables.provenance.items,
    );
    out
}
