//! Comma-separated values, tidy: a row for each number, ready for `pandas.read_csv(path)`.
//!
//! Provenance stands in columns rather than in comments: a file is read without options, several
//! files can be concatenated, and no row is ever without its definition and model.

use shared::experiment::aggregate::StageChange;
use shared::experiment::paper::PaperValue;
use shared::experiment::stats::{Estimate, PairedRatio, Proportion};
use shared::experiment::tables::{ConditionResult, TableCell, Tables};
use shared::{Group, ModelInfo};

use crate::neutral::cell;
use crate::provenance::options;

/// The columns. `place` is a stage's name, a layer's number or `all`; `measure` says what `mean`
/// is the mean of: `mdi`, `aei_text`, `share_text` (`P_T`), `text_tokens`, `image_tokens`, or a share of
/// answers: `right`, `claimed`, `wrong`, `unreadable`. `mean` and `sd` are arithmetic; `low` and `high`
/// are the ends of its 95 % interval, which ratios have around `geometric_mean` instead.
///
/// Rows of the kind `change` compare, sample by sample, with the condition in `against`: `mdi_ratio`,
/// of it `mdi_ratio_counts` (token counts alone, shares of the attention as they were) and
/// `mdi_ratio_beyond`, `mdi_null` (the MDI that counts alone would give), `share_text_difference` and
/// `right_difference`.
///
/// `status` is the experiment's: means of one that is not `done` are of the runs that are. Empty where a value does not exist.
pub const COLUMNS: [&str; 47] = [
    "condition",
    "model",
    "quant",
    "template",
    "max_pixels",
    "prune",
    "replicate",
    "choice",
    "kind",
    "place",
    "measure",
    "n",
    "mean",
    "sd",
    "low",
    "high",
    "undefined",
    "undefined_reasons",
    "paper",
    "paper_confirmed",
    "paper_doubts",
    "relative_difference",
    "left_out",
    "queries",
    "text_keys",
    "heads",
    "stages",
    "layers_average",
    "samples_average",
    "model_hash",
    "dtype",
    "device",
    "options",
    "dataset",
    "dataset_revision",
    "samples",
    "seed",
    "lab",
    "status",
    "runs_done",
    "geometric_mean",
    "sd_factor",
    "geometric_low",
    "geometric_high",
    "zeros",
    "against",
    "jpeg_decoder",
];

/// A name as JSON has it.
fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn number(value: Option<f64>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

/// What is the same in all rows of a condition.
struct Fixed {
    before: Vec<String>,
    after: Vec<String>,
    jpeg_decoder: String,
}

/// What a row says.
struct Row<'a> {
    choice: &'a str,
    kind: &'a str,
    place: String,
    measure: &'a str,
    cell: &'a TableCell,
    against: Option<u32>,
}

fn fixed(tables: &Tables, of: &ConditionResult) -> Fixed {
    let c = &of.condition;
    let mut models = tables.provenance.models.iter().filter(|m| m.name == c.model);
    let loaded = models.clone().find(|m| m.quant == c.quant).or_else(|| models.next());
    let unknown = ModelInfo::default();
    let model = loaded.unwrap_or(&unknown);
    let dataset = &tables.provenance.dataset;
    Fixed {
        before: vec![
            c.index.to_string(),
            c.model.clone(),
            c.quant.name().to_owned(),
            of.template.clone(),
            c.max_pixels.map(|p| p.to_string()).unwrap_or_default(),
            c.prune.to_string(),
            c.replicate.to_string(),
        ],
        after: vec![
            model.hash.clone(),
            model.dtype.clone(),
            model.device.clone(),
            options(tables),
            dataset.name.clone(),
            dataset.revision.clone(),
            tables.provenance.samples.to_string(),
            tables.provenance.seed.to_string(),
            tables.provenance.lab.clone(),
            tables.provenance.status.name().to_owned(),
            format!("{} of {}", tables.provenance.done, tables.provenance.items),
        ],
        jpeg_decoder: model.jpeg_decoder.clone(),
    }
}

fn record(tables: &Tables, of: &ConditionResult, fixed: &Fixed, row: &Row<'_>) -> Vec<String> {
    let e = &row.cell.estimate;
    let undefined = &row.cell.undefined;
    let paper = row.cell.paper.as_ref();
    let doubts = |p: &PaperValue| p.doubts.iter().map(name).collect::<Vec<_>>().join(" ");
    let choice = tables.choices.iter().find(|c| c.name == row.choice);
    let mut record = fixed.before.clone();
    record.extend([
        row.choice.to_owned(),
        row.kind.to_owned(),
        row.place.clone(),
        row.measure.to_owned(),
        e.n.to_string(),
        number(e.mean),
        number(e.sd),
        number(e.low),
        number(e.high),
        undefined.iter().map(|u| u.count).sum::<u32>().to_string(),
        undefined.iter().map(|u| name(&u.reason)).collect::<Vec<_>>().join(" "),
        number(paper.map(|p| p.value)),
        paper.map(|p| p.confirmed.to_string()).unwrap_or_default(),
        paper.map(doubts).unwrap_or_default(),
        number(row.cell.relative_difference),
        of.left_out.to_string(),
    ]);
    match choice {
        Some(choice) => {
            let d = &choice.definition;
            record.extend([
                name(&d.queries),
                d.text.iter().map(Group::name).collect::<Vec<_>>().join(" "),
                name(&d.heads),
                name(&d.stages),
                name(&d.layers),
                name(&choice.samples),
            ]);
        }
        None => record.extend(std::iter::repeat_n(String::new(), 6)),
    }
    record.extend(fixed.after.iter().cloned());
    record.extend([
        number(e.geometric_mean),
        number(e.sd_factor),
        number(e.geometric_low),
        number(e.geometric_high),
        e.zeros.to_string(),
        row.against.map(|c| c.to_string()).unwrap_or_default(),
        fixed.jpeg_decoder.clone(),
    ]);
    record
}

fn of_share(p: &Proportion) -> TableCell {
    of(Estimate { n: p.n, mean: p.share, low: p.low, high: p.high, ..Estimate::default() })
}

fn of(estimate: Estimate) -> TableCell {
    TableCell { estimate, ..TableCell::default() }
}

fn of_ratio(r: &PairedRatio) -> TableCell {
    of(Estimate {
        n: r.n,
        geometric_mean: r.ratio,
        sd_factor: r.sd_factor,
        geometric_low: r.low,
        geometric_high: r.high,
        zeros: r.zeros,
        ..Estimate::default()
    })
}

fn of_difference(n: u32, mean: Option<f64>, low: Option<f64>, high: Option<f64>) -> TableCell {
    of(Estimate { n, mean, low, high, ..Estimate::default() })
}

/// What one stage's change says: measures and their values.
fn of_change(c: &StageChange) -> [(&'static str, TableCell); 5] {
    let d = &c.share_text;
    [
        ("mdi_ratio", of_ratio(&c.mdi)),
        ("mdi_ratio_counts", of_ratio(&c.counts)),
        ("mdi_ratio_beyond", of_ratio(&c.beyond)),
        ("mdi_null", of(c.null_mdi)),
        ("share_text_difference", of_difference(d.n, d.difference, d.low, d.high)),
    ]
}

fn of_mean(mean: Option<f64>, n: u32) -> TableCell {
    of(Estimate { n, mean, ..Estimate::default() })
}

/// Every number of the tables, a row each.
pub fn csv(tables: &Tables) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail, and every record has as many fields as there are columns.
    let mut write = |record: &[String]| {
        let cells = record.iter().map(|text| cell(text).into_owned());
        drop(writer.write_record(cells.map(String::into_bytes)));
    };
    write(&COLUMNS.map(str::to_owned));
    for result in &tables.conditions {
        let fixed = fixed(tables, result);
        let mut row = |row: Row<'_>| write(&record(tables, result, &fixed, &row));
        for cells in &result.choices {
            let choice = &cells.choice;
            for stage in &cells.stages {
                let place = stage.stage.name();
                for (measure, cell) in [
                    ("mdi", &stage.mdi),
                    ("aei_text", &stage.aei_text),
                    ("share_text", &stage.share_text),
                ] {
                    let place = place.to_owned();
                    row(Row { choice, kind: "stage", place, measure, cell, against: None });
                }
            }
            for layer in &cells.layers {
                for (measure, cell) in [
                    ("mdi", &layer.mdi),
                    ("aei_text", &layer.aei_text),
                    ("share_text", &layer.share_text),
                ] {
                    let place = layer.layer.to_string();
                    row(Row { choice, kind: "layer", place, measure, cell, against: None });
                }
            }
            for (measure, mean) in
                [("text_tokens", cells.text_tokens), ("image_tokens", cells.image_tokens)]
            {
                let cell = &of_mean(mean, result.n);
                let place = "all".to_owned();
                row(Row { choice, kind: "tokens", place, measure, cell, against: None });
            }
        }
        if let Some(v) = &result.verdicts {
            for (measure, share) in [
                ("right", &v.right),
                ("claimed", &v.claimed),
                ("wrong", &v.wrong),
                ("unreadable", &v.unreadable),
            ] {
                let cell = &of_share(share);
                let place = "all".to_owned();
                row(Row { choice: "", kind: "answers", place, measure, cell, against: None });
            }
        }
        let rows = tables.changes.iter().flat_map(|t| &t.rows);
        for change in rows.filter(|r| r.condition == result.condition.index) {
            let (choice, against) = (&tables.choice.name, Some(change.from));
            for stage in &change.stages {
                for (measure, cell) in of_change(stage) {
                    let place = stage.stage.name().to_owned();
                    row(Row { choice, kind: "change", place, measure, cell: &cell, against });
                }
            }
            if let Some(c) = &change.right {
                let cell = &of_difference(c.n, c.difference, c.low, c.high);
                let (place, measure) = ("all".to_owned(), "right_difference");
                row(Row { choice: "", kind: "answers", place, measure, cell, against });
            }
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}
