//! Sheets: tables as headings and cells of text, which Markdown and LaTeX lay out.

use shared::experiment::aggregate::{Change, StageChange};
use shared::experiment::paper::{PaperCell, PaperRow, PaperValue};
use shared::experiment::stats::{Estimate, PairedDifference, PairedRatio, Proportion, Spread};
use shared::experiment::tables::{
    AnswerTable, ChangeTable, DefinitionTable, Lever, LeverRow, LeverTable, StageCells, StageTable,
    TableCell, Tables, decimals, marks, percent, short,
};
use shared::experiment::{Condition, ExperimentState};
use shared::{ModelInfo, PictureUse, PruneBy, RunOptions, Sampling, Stage};

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

/// What the rows of numbers are, for the notes.
pub const SUMMARY: &str = "MDI and AEI: geometric mean and, after ×/÷, the factor that one standard \
    deviation of their logarithms is. P_T, the words' share of the attention on words and picture: \
    mean ± standard deviation. Arithmetic means of MDI and AEI, as the paper gives them, stand below \
    where its values stand beside. n samples.";

/// A deviation with as many digits as the number it belongs to, unless nothing were left of it.
fn alike(deviation: f64, of: f64) -> String {
    let alike = format!("{deviation:.*}", decimals(of));
    if alike.contains(|c| ('1'..='9').contains(&c)) { alike } else { short(deviation) }
}

/// What is shown first of a number: a ratio's geometric mean, anything else's mean.
fn centre(cell: &TableCell) -> String {
    let centre = cell.estimate.centre();
    match (centre.value, centre.spread) {
        (Some(value), Some(Spread::Factor(factor))) => {
            format!("{} ×/÷ {}", number(centre.value), alike(factor, value))
        }
        (Some(value), Some(Spread::Distance(sd))) => {
            format!("{} ± {}", number(centre.value), alike(sd, value))
        }
        _ => number(centre.value),
    }
}

fn arithmetic(cell: &TableCell) -> String {
    let e = &cell.estimate;
    let (Some(mean), Some(sd)) = (e.mean, e.sd) else { return number(e.mean) };
    format!("{} ± {}", number(e.mean), alike(sd, mean))
}

/// The interval of what is shown first.
fn ends(e: &Estimate) -> String {
    let ends = e.centre().interval;
    interval(ends.map(|i| i.0), ends.map(|i| i.1))
}

/// The words' share of the attention, in percents.
fn attention(cell: &TableCell) -> String {
    let e = &cell.estimate;
    match (e.mean, e.sd) {
        (Some(_), Some(sd)) => format!("{} ± {}", share(e.mean), tenth(sd)),
        _ => share(e.mean),
    }
}

fn attention_ends(cell: &TableCell) -> String {
    let e = &cell.estimate;
    match (e.low, e.high) {
        (Some(low), Some(high)) => format!("[{}, {}]", tenth(low), tenth(high)),
        _ => NOTHING.to_owned(),
    }
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

/// A share in percents, to a tenth.
pub fn share(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |v| format!("{} %", tenth(v)))
}

fn share_interval(p: &Proportion) -> String {
    match (p.low, p.high) {
        (Some(low), Some(high)) => format!("{} [{}, {}]", share(p.share), tenth(low), tenth(high)),
        _ => share(p.share),
    }
}

/// A factor with its interval: `× 0.86 [0.81, 0.92]`.
pub(crate) fn factor(ratio: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    match (ratio, low, high) {
        (None, ..) => NOTHING.to_owned(),
        (_, Some(_), Some(_)) => format!("× {} {}", number(ratio), interval(low, high)),
        _ => format!("× {}", number(ratio)),
    }
}

fn paired(r: &PairedRatio) -> String {
    factor(r.ratio, r.low, r.high)
}

/// By what factor a number moves: pair by pair where that exists, else of the means.
fn change(change: Option<&Change>) -> String {
    match change {
        Some(c) => {
            let paired = c.paired.as_ref();
            factor(c.factor(), paired.and_then(|p| p.low), paired.and_then(|p| p.high))
        }
        None => NOTHING.to_owned(),
    }
}

/// How far a share of the attention moves, in percentage points.
fn share_points(d: &PairedDifference) -> String {
    points_of(d.difference, d.low, d.high)
}

fn points_of(difference: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    let Some(difference) = difference else { return NOTHING.to_owned() };
    let difference = signed(tenth(difference));
    match (low, high) {
        (Some(low), Some(high)) => format!("{difference} [{}, {}]", tenth(low), tenth(high)),
        _ => difference,
    }
}

/// A change of a share of answers, in percentage points.
fn points(of: Option<&Change>) -> String {
    of.map_or_else(|| NOTHING.to_owned(), |c| points_of(c.difference, c.low, c.high))
}

fn printed(value: &PaperValue) -> String {
    // The paper prints two digits after the point.
    format!("{:.2}{}", value.value, marks(value))
}

/// MDI, the words' share and AEI of the three stages.
fn each(
    stages: &[StageCells],
    ratio: impl Fn(&TableCell) -> String,
    share: impl Fn(&TableCell) -> String,
) -> Vec<String> {
    let of = |s: &StageCells| [ratio(&s.mdi), share(&s.share_text), ratio(&s.aei_text)];
    stages.iter().flat_map(of).collect()
}

fn nothing(_: &TableCell) -> String {
    String::new()
}

fn paper_cells(cells: &[PaperCell]) -> Vec<String> {
    let of = |c: &PaperCell| [printed(&c.mdi), NOTHING.to_owned(), printed(&c.aei_text)];
    cells.iter().flat_map(of).collect()
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
        .flat_map(|s| ["MDI", "P_T", "AEI"].map(|what| format!("{} {what}", s.name())));
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
        sheet.push(
            Kind::Measured,
            around(&row.label, sizes, each(&row.stages, centre, attention), n),
        );
        let mut below = |name: &str, cells: Vec<String>| {
            sheet.push(Kind::Below, around(name, none(), cells, String::new()));
        };
        below("95 % interval", each(&row.stages, |c| ends(&c.estimate), attention_ends));
        if !table.paper.is_empty() {
            below("arithmetic mean ± sd", each(&row.stages, arithmetic, nothing));
        }
        let cells = || row.stages.iter().flat_map(|s| [&s.mdi, &s.aei_text]);
        if cells().any(|c| c.relative_difference.is_some()) {
            below("arithmetic mean relative to the paper", each(&row.stages, relative, nothing));
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
    cells.extend(each(&row.stages, centre, attention));
    cells.extend([
        change(row.late_change.as_ref()),
        row.verdicts.map_or_else(|| NOTHING.to_owned(), |v| share(v.right.share)),
        row.n.to_string(),
    ]);
    cells
}

/// What token counts alone would give: the words' shares of the series' first row, at these counts.
fn unmoved(changes: &[StageChange]) -> Vec<String> {
    let of = |c: &StageChange| {
        [number(c.null_mdi.centre().value), share(c.share_text.from), String::new()]
    };
    changes.iter().flat_map(of).collect()
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
        for floor in &series.floors {
            let mut cells = vec![format!("floor: {}", floor.label)];
            cells.resize(sheet.columns.len() - 2, String::new());
            cells.extend([share(floor.right.share), floor.right.n.to_string()]);
            sheet.push(Kind::Below, cells);
        }
        for row in &series.rows {
            sheet.push(Kind::Measured, lever_row(row));
            let mut below = |name: &str, cells: Vec<String>, moves: String| {
                let mut all = vec![name.to_owned(), String::new()];
                all.extend(cells);
                all.extend([moves, String::new(), String::new()]);
                sheet.push(Kind::Below, all);
            };
            if let Some(late) = row.changes.last() {
                let alone = paired(&PairedRatio { low: None, high: None, ..late.counts });
                below("if shares had stayed", unmoved(&row.changes), alone);
            }
            if !table.paper.is_empty() {
                let cells = each(&row.stages, arithmetic, nothing);
                below("arithmetic mean ± sd", cells, String::new());
            }
            let cells = || row.stages.iter().flat_map(|s| [&s.mdi, &s.aei_text]);
            if cells().any(|c| c.relative_difference.is_some()) {
                let cells = each(&row.stages, relative, nothing);
                below("arithmetic mean relative to the paper", cells, String::new());
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
        "late P_T",
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
                centre(&row.late_mdi),
                attention(&row.late_share_text),
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
        "late P_T",
        "late MDI moves by",
        "n",
    ];
    let mut sheet = Sheet::new(&format!("definitions-{}", table.condition), &table.title, &columns);
    for row in &table.rows {
        let mut cells = vec![row.title.clone(), tokens(row.text_tokens)];
        cells.extend(row.stages.iter().map(|s| centre(&s.mdi)));
        let late = row.stages.last().map_or(0, |s| s.mdi.estimate.n);
        cells.extend([
            row.stages.last().map(|s| attention(&s.share_text)).unwrap_or_default(),
            change(row.change.as_ref()),
            late.to_string(),
        ]);
        sheet.push(Kind::Measured, cells);
    }
    sheet.finding = table.finding.clone();
    sheet
}

fn changes(table: &ChangeTable) -> Sheet {
    let columns = [
        "condition",
        "beside",
        "early MDI",
        "middle MDI",
        "late MDI",
        "counts alone",
        "beyond counts",
        "late P_T, points",
        "right, points",
        "pairs",
    ];
    let mut sheet = Sheet::new("changes", &table.title, &columns);
    for row in &table.rows {
        let Some(late) = row.stages.last() else { continue };
        let mut cells = vec![row.label.clone(), row.from_label.clone()];
        cells.extend(row.stages.iter().map(|s| paired(&s.mdi)));
        cells.extend([
            paired(&PairedRatio { low: None, high: None, ..late.counts }),
            paired(&late.beyond),
            share_points(&late.share_text),
            points(row.right.as_ref()),
            late.mdi.n.to_string(),
        ]);
        sheet.push(Kind::Measured, cells);
    }
    sheet.finding = "Factors are geometric means over pairs of the same samples, with 95 % intervals. \
        \"Counts alone\" is by what factor the late MDI would move if words and picture kept their \
        shares of the attention and their numbers of tokens alone changed; \"beyond counts\" is what \
        is left."
        .to_owned();
    sheet
}

/// Every table of an experiment.
pub fn sheets(tables: &Tables) -> Vec<Sheet> {
    let mut all = vec![stages(&tables.stages)];
    all.extend(tables.prune.as_ref().map(lever));
    all.extend(tables.replicate.as_ref().map(lever));
    all.extend(tables.changes.as_ref().map(changes));
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
    let notes: String = info.notes.iter().map(|note| format!(". {note}")).collect();
    format!(
        "{} ({}), quantization {}{held}{fallbacks}, activations {}, device {}, template {}, \
         SHA-256 {}{notes}",
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
    let fitted = by_model(tables, |o| Some(o.fit.name().to_owned()));
    parts.push(match fitted.as_str() {
        // Experiments that were stored without what their runs used.
        "" => format!("fit {}", o.fit.name()),
        fitted => format!("fit {fitted}"),
    });
    let resized = by_model(tables, |o| Some(o.resize.name().to_owned()));
    if !resized.is_empty() {
        parts.push(format!("pictures resized as {resized}"));
    }
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
        let by = if o.prune_by == PruneBy::Score { "" } else { ", by chance" };
        parts.push(format!("prune count {}, positions {positions}{by}", o.prune_count.name()));
    }
    let pixels = by_model(tables, |o| o.max_pixels.map(|n| n.to_string()));
    if !pixels.is_empty() {
        parts.push(format!("most pixels of a picture {pixels}"));
    }
    if any(|c| c.replicate > 1) {
        parts.push(format!("positions of copies {}", o.copies.name()));
    }
    if o.sampling != Sampling::default() {
        parts.push(format!("tokens chosen: {}", o.sampling));
    }
    if o.picture != PictureUse::Own {
        parts.push(format!("picture {}", o.picture));
    }
    if let Some(knockout) = &o.knockout {
        parts.push(format!("knockout {knockout}"));
    }
    parts.join("; ")
}

/// What the runs of each model used of one option: `kept of demo-qwen, repacked of demo-llava`, or the value alone
/// where all used the same.
fn by_model(tables: &Tables, read: impl Fn(&RunOptions) -> Option<String>) -> String {
    let values: Vec<Option<String>> =
        tables.conditions.iter().map(|c| c.options.as_ref().and_then(&read)).collect();
    if let Some(Some(first)) = values.first()
        && values.iter().all(|value| value.as_ref() == Some(first))
    {
        return first.clone();
    }
    let mut all: Vec<String> = Vec::new();
    for (result, value) in tables.conditions.iter().zip(values) {
        let Some(value) = value else { continue };
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
                "{} ({} rows), revision {}{}",
                p.dataset.name,
                p.dataset.rows,
                p.dataset.revision,
                if p.dataset.note.is_empty() {
                    String::new()
                } else {
                    format!("; {}", p.dataset.note)
                }
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
