//! Sheets: tables as headings and cells of text, which Markdown and LaTeX lay out.

use shared::experiment::aggregate::Change;
use shared::experiment::paper::{PaperCell, PaperRow, PaperValue};
use shared::experiment::stats::Proportion;
use shared::experiment::tables::{
    AnswerTable, DefinitionTable, Lever, LeverRow, LeverTable, StageCells, StageTable, TableCell,
    Tables, decimals, marks, percent, short,
};
use shared::experiment::{Condition, ExperimentState};
use shared::{ModelInfo, PictureUse, RunOptions, Stage};

/// What no value is shown as.
pub const NOTHING: &str = "–";

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The lab's numbers.
    Measured,
    /// Something that belongs to the row above: intervals, differences.
    Below,
    /// The paper's numbers.
    Paper,
    /// A heading above the rows that follow: one cell.
    Heading,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub kind: Kind,
    /// Its cells: one for each column, or one alone for a heading.
    pub cells: Vec<String>,
}

/// A table of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// A short name, for labels.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Headings of its columns; the first column holds names, the others numbers.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// What is said below it.
    pub finding: String,
}

impl Sheet {
    fn new(name: &str, title: &str, columns: &[&str]) -> Self {
        Sheet {
            name: name.to_owned(),
            title: title.to_owned(),
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: Vec::new(),
            finding: String::new(),
        }
    }

    fn push(&mut self, kind: Kind, cells: Vec<String>) {
        debug_assert!(kind == Kind::Heading || cells.len() == self.columns.len());
        self.rows.push(Row { kind, cells });
    }
}

/// A number with a true minus sign.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |v| short(v).replace('-', "−"))
}

/// A text that is a number, with its sign.
fn signed(text: String) -> String {
    let positive = text.chars().any(|c| ('1'..='9').contains(&c)) && !text.starts_with('−');
    if positive { format!("+{text}") } else { text }
}

fn mean_sd(cell: &TableCell) -> String {
    let e = &cell.estimate;
    let (Some(mean), Some(sd)) = (e.mean, e.sd) else { return number(e.mean) };
    // As many digits as the mean has, unless nothing were left of the deviation.
    let alike = format!("{sd:.*}", decimals(mean));
    let left = alike.contains(|c| ('1'..='9').contains(&c));
    format!("{} ± {}", number(e.mean), if left { alike } else { short(sd) })
}

/// A mean number of tokens: whole where it is whole.
fn tokens(value: Option<f64>) -> String {
    match value {
        Some(v) if v.fract() == 0.0 => v.to_string(),
        other => number(other),
    }
}

/// A share in percents, to a tenth.
fn tenth(value: f64) -> String {
    let text = format!("{:.1}", value * 100.0).replace('-', "−");
    if text == "−0.0" { "0.0".to_owned() } else { text }
}

fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(_), Some(_)) => format!("[{}, {}]", number(low), number(high)),
        _ => NOTHING.to_owned(),
    }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |v| format!("{} %", tenth(v)))
}

fn share_interval(p: &Proportion) -> String {
    match (p.low, p.high) {
        (Some(low), Some(high)) => format!("{} [{}, {}]", share(p.share), tenth(low), tenth(high)),
        _ => share(p.share),
    }
}

fn change(change: Option<&Change>) -> String {
    match change {
        Some(c) if c.n > 0 => {
            format!("{} {}", signed(number(c.difference)), interval(c.low, c.high))
        }
        _ => NOTHING.to_owned(),
    }
}

/// A change of a share, in percentage points.
fn points(of: Option<&Change>) -> String {
    let text = |c: &Change| {
        let difference = signed(tenth(c.difference?));
        Some(match (c.low, c.high) {
            (Some(low), Some(high)) => format!("{difference} [{}, {}]", tenth(low), tenth(high)),
            _ => difference,
        })
    };
    of.and_then(text).unwrap_or_else(|| NOTHING.to_owned())
}

fn printed(value: &PaperValue) -> String {
    // The paper prints two digits after the point.
    format!("{:.2}{}", value.value, marks(value))
}

/// MDI and AEI of the three stages.
fn both(stages: &[StageCells], text: impl Fn(&TableCell) -> String) -> Vec<String> {
    stages.iter().flat_map(|s| [text(&s.mdi), text(&s.aei_text)]).collect()
}

fn paper_cells(cells: &[PaperCell]) -> Vec<String> {
    cells.iter().flat_map(|c| [printed(&c.mdi), printed(&c.aei_text)]).collect()
}

fn relative(cell: &TableCell) -> String {
    match cell.relative_difference {
        Some(r) => format!("{} %", signed(tenth(r))),
        None => NOTHING.to_owned(),
    }
}

fn stage_columns(first: &[&str], last: &[&str]) -> Vec<String> {
    let stages = Stage::ALL
        .into_iter()
        .flat_map(|s| [format!("{} MDI", s.name()), format!("{} AEI", s.name())]);
    let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    own(first).into_iter().chain(stages).chain(own(last)).collect()
}

fn stages(table: &StageTable) -> Sheet {
    let mut sheet = Sheet::new("stages", &table.title, &[]);
    sheet.columns = stage_columns(&["model", "n_T", "n_O"], &["n"]);
    let around = |name: &str, sizes: [String; 2], cells: Vec<String>, n: String| {
        let mut all = vec![name.to_owned()];
        all.extend(sizes);
        all.extend(cells);
        all.push(n);
        all
    };
    let none = || [String::new(), String::new()];
    for row in &table.rows {
        let (n, sizes) = (row.n.to_string(), [tokens(row.text_tokens), tokens(row.image_tokens)]);
        sheet.push(Kind::Measured, around(&row.label, sizes, both(&row.stages, mean_sd), n));
        let ends = |c: &TableCell| interval(c.estimate.low, c.estimate.high);
        let cells = both(&row.stages, ends);
        sheet.push(Kind::Below, around("95 % interval", none(), cells, String::new()));
        let cells = || row.stages.iter().flat_map(|s| [&s.mdi, &s.aei_text]);
        if cells().any(|c| c.relative_difference.is_some()) {
            let cells = both(&row.stages, relative);
            let name = "relative to the paper";
            sheet.push(Kind::Below, around(name, none(), cells, String::new()));
        }
    }
    for row in &table.paper {
        let name = format!("paper · {}, {}", row.model, row.data);
        let sizes = [NOTHING, NOTHING].map(str::to_owned);
        let cells = paper_cells(&row.cells);
        sheet.push(Kind::Paper, around(&name, sizes, cells, NOTHING.to_owned()));
    }
    sheet
}

fn lever_row(row: &LeverRow) -> Vec<String> {
    let mut cells = vec![row.label.clone(), tokens(row.image_tokens)];
    cells.extend(both(&row.stages, mean_sd));
    cells.extend([
        change(row.late_change.as_ref()),
        row.verdicts.map_or_else(|| NOTHING.to_owned(), |v| share(v.right.share)),
        row.n.to_string(),
    ]);
    cells
}

fn lever_paper(lever: Lever, row: &PaperRow) -> Vec<String> {
    let label = match lever {
        Lever::Prune => percent(row.prune),
        Lever::Replicate => format!("×{}", row.replicate),
    };
    let mut cells = vec![label, NOTHING.to_owned()];
    cells.extend(paper_cells(&row.cells));
    cells.extend([NOTHING, NOTHING, NOTHING].map(str::to_owned));
    cells
}

fn lever(table: &LeverTable) -> Sheet {
    let (name, first) = match table.lever {
        Lever::Prune => ("prune", "dropped"),
        Lever::Replicate => ("replicate", "copies"),
    };
    let mut sheet = Sheet::new(name, &table.title, &[]);
    sheet.columns = stage_columns(&[first, "n_O"], &["late MDI moves by", "right", "n"]);
    for series in &table.series {
        sheet.push(Kind::Heading, vec![series.label.clone()]);
        for row in &series.rows {
            sheet.push(Kind::Measured, lever_row(row));
            let cells = || row.stages.iter().flat_map(|s| [&s.mdi, &s.aei_text]);
            if cells().any(|c| c.relative_difference.is_some()) {
                let mut below = vec!["relative to the paper".to_owned(), String::new()];
                below.extend(both(&row.stages, relative));
                below.extend([const { String::new() }; 3]);
                sheet.push(Kind::Below, below);
            }
        }
    }
    for same in table.paper.chunk_by(|a, b| (&a.model, &a.data) == (&b.model, &b.data)) {
        let heading = format!("paper · {}, {}", same[0].model, same[0].data);
        sheet.push(Kind::Heading, vec![heading]);
        for row in same {
            sheet.push(Kind::Paper, lever_paper(table.lever, row));
        }
    }
    sheet
}

fn answers(table: &AnswerTable) -> Vec<Sheet> {
    let columns = [
        "condition",
        "late MDI",
        "right",
        "as claimed",
        "wrong",
        "unreadable",
        "right moves by",
        "n",
    ];
    let mut sheet = Sheet::new("answers", &table.title, &columns);
    for row in &table.rows {
        let v = &row.verdicts;
        sheet.push(
            Kind::Measured,
            vec![
                row.label.clone(),
                mean_sd(&row.late_mdi),
                share_interval(&v.right),
                share_interval(&v.claimed),
                share(v.wrong.share),
                share(v.unreadable.share),
                points(row.change.as_ref()),
                v.right.n.to_string(),
            ],
        );
    }
    let columns = ["kind", "right", "as claimed", "wrong", "unreadable", "n"];
    let title = format!("{}, by kind of question", table.title);
    let mut kinds = Sheet::new("kinds", &title, &columns);
    // Where nothing is done to the picture's tokens; the rest is in the JSON.
    for row in table.rows.iter().filter(|r| r.change.is_none() && !r.kinds.is_empty()) {
        kinds.push(Kind::Heading, vec![row.label.clone()]);
        for kind in &row.kinds {
            let v = &kind.verdicts;
            kinds.push(
                Kind::Measured,
                vec![
                    kind.kind.clone(),
                    share_interval(&v.right),
                    share_interval(&v.claimed),
                    share(v.wrong.share),
                    share(v.unreadable.share),
                    v.right.n.to_string(),
                ],
            );
        }
    }
    if kinds.rows.is_empty() { vec![sheet] } else { vec![sheet, kinds] }
}

fn definitions(table: &DefinitionTable) -> Sheet {
    let columns = [
        "definition",
        "n_T",
        "early MDI",
        "middle MDI",
        "late MDI",
        "late ×",
        "late moves by",
        "n",
    ];
    let mut sheet = Sheet::new(&format!("definitions-{}", table.condition), &table.title, &columns);
    for row in &table.rows {
        let mut cells = vec![row.title.clone(), tokens(row.text_tokens)];
        cells.extend(row.stages.iter().map(|s| mean_sd(&s.mdi)));
        let late = row.stages.last().map_or(0, |s| s.mdi.estimate.n);
        cells.extend([
            number(row.change.and_then(|c| c.ratio)),
            change(row.change.as_ref()),
            late.to_string(),
        ]);
        sheet.push(Kind::Measured, cells);
    }
    sheet.finding = table.finding.clone();
    sheet
}

/// Every table of an experiment.
pub fn sheets(tables: &Tables) -> Vec<Sheet> {
    let mut all = vec![stages(&tables.stages)];
    all.extend(tables.prune.as_ref().map(lever));
    all.extend(tables.replicate.as_ref().map(lever));
    all.extend(tables.answers.iter().flat_map(answers));
    all.extend(tables.definitions.iter().map(definitions));
    all
}

fn model(info: &ModelInfo) -> String {
    let held: Vec<String> = info.held.iter().map(|(kind, n)| format!("{n} × {kind}")).collect();
    let held =
        if held.is_empty() { String::new() } else { format!(", held as {}", held.join(", ")) };
    let fallbacks = if info.fallbacks.is_empty() {
        String::new()
    } else {
        format!(", held otherwise: {}", info.fallbacks.join("; "))
    };
    format!(
        "{} ({}), quantization {}{held}{fallbacks}, activations {}, device {}, template {}, \
         SHA-256 {}",
        info.name,
        info.family,
        info.quant.name(),
        info.dtype,
        info.device,
        info.template,
        info.hash
    )
}

/// The options of the runs in words, those alone that decide something here.
pub fn options(tables: &Tables) -> String {
    let (o, models) = (&tables.provenance.options, &tables.provenance.models);
    let any = |moved: fn(&Condition) -> bool| tables.conditions.iter().any(|c| moved(&c.condition));
    let tokens = if o.max_new_tokens == 1 { "token" } else { "tokens" };
    let mut parts = vec![format!("at most {} {tokens} written", o.max_new_tokens)];
    if o.ignore_eos {
        parts.push("also after the end-of-sequence token".to_owned());
    }
    parts.push(format!("fit {}", o.fit.name()));
    if any(|c| c.prune > 0.0) {
        let stood = by_model(tables, |o| o.prune_positions.map(|at| at.name().to_owned()));
        let own = models.iter().filter_map(|m| Some((&m.name, m.prune_positions?)));
        let mut own: Vec<String> =
            own.map(|(name, at)| format!("{} of {name}", at.name())).collect();
        own.dedup();
        let positions = match o.prune_positions {
            Some(at) => at.name().to_owned(),
            None if !stood.is_empty() => stood,
            // Experiments that were stored without them.
            None if own.is_empty() => "the model's own".to_owned(),
            None => own.join(", "),
        };
        parts.push(format!("prune count {}, positions {positions}", o.prune_count.name()));
    }
    let pixels = by_model(tables, |o| o.max_pixels.map(|n| n.to_string()));
    if !pixels.is_empty() {
        parts.push(format!("pictures of at most {pixels} pixels"));
    }
    if any(|c| c.replicate > 1) {
        parts.push(format!("positions of copies {}", o.copies.name()));
    }
    if o.picture != PictureUse::Own {
        parts.push(format!("picture {}", o.picture));
    }
    if let Some(knockout) = &o.knockout {
        parts.push(format!("knockout {knockout}"));
    }
    parts.join("; ")
}

/// What the runs of each model used of one option: `kept of demo-qwen, repacked of demo-llava`.
fn by_model(tables: &Tables, read: impl Fn(&RunOptions) -> Option<String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for result in &tables.conditions {
        let Some(value) = result.options.as_ref().and_then(&read) else { continue };
        let said = format!("{value} of {}", result.condition.model);
        if !all.contains(&said) {
            all.push(said);
        }
    }
    all.join(", ")
}

/// What is said before anything else: that an experiment is not done, and what stands in for what.
pub fn notices(tables: &Tables) -> Vec<String> {
    let p = &tables.provenance;
    let status = match p.status {
        ExperimentState::Done => None,
        ExperimentState::Running => Some("still running"),
        ExperimentState::Paused => Some("paused"),
        ExperimentState::Cancelled => Some("cancelled"),
    };
    let unfinished = status.map(|status| {
        format!(
            "Not finished ({status}): {} of {} runs are done, and every mean is of those.",
            p.done, p.items
        )
    });
    unfinished.into_iter().chain(tables.notice.clone()).collect()
}

/// Where the numbers come from, as names and values.
pub fn provenance(tables: &Tables) -> Vec<(String, String)> {
    let p = &tables.provenance;
    let definition = serde_json::to_string(&tables.choice.definition).unwrap_or_default();
    let samples = serde_json::to_string(&tables.choice.samples).unwrap_or_default();
    let mut all: Vec<(&str, String)> = p.models.iter().map(|m| ("model", model(m))).collect();
    all.extend([
        (
            "definition",
            format!("{}: {definition}, samples {}", tables.choice.name, samples.trim_matches('"')),
        ),
        (
            "dataset",
            format!(
                "{} ({} rows), revision {}",
                p.dataset.name, p.dataset.rows, p.dataset.revision
            ),
        ),
        ("samples", format!("{} drawn with seed {}", p.samples, p.seed)),
        ("runs", format!("{} of {} done, experiment {}", p.done, p.items, p.status.name())),
        ("options", options(tables)),
        ("intervals", p.intervals.clone()),
        ("paper", p.paper.clone()),
        ("lab", format!("LangOverrule Lab {}, started {}", p.lab, p.created)),
    ]);
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
