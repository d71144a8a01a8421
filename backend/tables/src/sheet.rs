//! Sheets: tables as headings and cells of text, which Markdown and LaTeX lay out.

use shared::Stage;
use shared::experiment::aggregate::StageChange;
use shared::experiment::paper::PaperRow;
use shared::experiment::stats::PairedRatio;
use shared::experiment::tables::{
    AnswerTable, ChangeTable, DefinitionTable, Lever, LeverRow, LeverTable, StageTable, Tables,
    percent,
};

use crate::cells::{
    NOTHING, arithmetic, attention, attention_ends, centre, change, each, ends, nothing, number,
    paired, paper_cells, points, relative, share, share_interval, share_points, tokens,
};

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

/// What the rows of numbers are, for the notes.
pub const SUMMARY: &str = "MDI and AEI: geometric mean and, after ×/÷, the factor that one standard \
    deviation of their logarithms is. P_T, the words' share of the attention on words and picture: \
    mean ± standard deviation. Arithmetic means of MDI and AEI, as the paper gives them, stand below \
    where its values stand beside. n samples.";

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
