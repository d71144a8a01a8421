//! The paper's printed numbers, which of them are in doubt, and why.
//!
//! The values are those of `paper.json`, beside this file, with their source. Doubt is computed
//! from the numbers themselves, since MDI and AEI of one sample are tied by `Q_T`
//! ([`token_shares_of`]); only what the abstract confirms is listed by hand.

use serde::{Deserialize, Serialize};

use crate::measure::token_shares_of;
use crate::stage::Stage;

/// Shares of the picture's tokens that the paper drops (tables 4 and 5 of arXiv 2508.10552).
pub const PRUNE: [f32; 4] = [0.0, 0.75, 0.9, 0.95];

/// How often the paper repeats the picture's tokens.
pub const REPLICATE: [u32; 3] = [1, 5, 10];

/// Half of the last digit printed.
pub const ROUNDING: f64 = 0.005;

/// How far the ratios of text to other tokens that two cells of one row imply may lie apart.
/// Averaging over samples moves them by some tens of percent; the cells that are off are off by
/// three times and more.
const APART: f64 = 2.0;

/// One printed row: MDI and AEI of text, early, middle, late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Printed {
    /// The row's name in `paper.json`.
    pub key: &'static str,
    /// The model, for people.
    pub model: &'static str,
    /// What it was asked about.
    pub data: &'static str,
    /// Share of the image tokens dropped.
    pub prune: f64,
    /// How many times the other modality's tokens stood in the sequence.
    pub replicate: u32,
    /// The pairs.
    pub cells: [(f64, f64); 3],
}

const fn row(
    key: &'static str,
    model: &'static str,
    data: &'static str,
    replicate: u32,
    cells: [(f64, f64); 3],
) -> Printed {
    Printed { key, model, data, prune: 0.0, replicate, cells }
}

const fn pruned(key: &'static str, prune: f64, cells: [(f64, f64); 3]) -> Printed {
    Printed { key, model: "LLaVA-1.5-7B", data: "MMMU-Pro", prune, replicate: 1, cells }
}

/// Table 1.
#[rustfmt::skip]
pub const TABLE_1: [Printed; 12] = [
    row("llava-1.5-7b", "LLaVA-1.5-7B", "MMMU-Pro", 1, [(1.58, 1.04), (10.23, 3.51), (17.37, 4.23)]),
    row("qwen2.5-vl-7b (aei order suspect)", "Qwen2.5-VL-7B", "MMMU-Pro", 1, [(2.26, 14.24), (21.12, 10.86), (33.1, 1.42)]),
    row("videollama3-7b", "VideoLLaMA3-7B", "MMBench-Video", 1, [(19.14, 17.9), (140.1, 73.75), (157.53, 76.26)]),
    row("qwen2-audio-7b x1", "Qwen2-Audio-7B", "IEMOCAP (audio)", 1, [(1.02, 1.32), (3.24, 1.99), (1.16, 1.08)]),
    row("qwen2-audio-7b x5", "Qwen2-Audio-7B", "IEMOCAP (audio)", 5, [(2.65, 2.56), (8.09, 5.17), (6.73, 4.31)]),
    row("qwen2-audio-7b x10", "Qwen2-Audio-7B", "IEMOCAP (audio)", 10, [(2.8, 2.5), (10.1, 5.46), (8.7, 5.09)]),
    row("chatts-14b x1", "ChatTS-14B", "time series", 1, [(1.52, 1.19), (4.37, 1.4), (3.52, 1.37)]),
    row("chatts-14b x5", "ChatTS-14B", "time series", 5, [(2.08, 1.95), (10.72, 3.15), (9.28, 3.03)]),
    row("chatts-14b x10", "ChatTS-14B", "time series", 10, [(2.36, 2.67), (20.7, 5.37), (16.25, 5.13)]),
    row("graphgpt-7b x1", "GraphGPT-7B", "graphs", 1, [(0.14, 0.84), (0.14, 0.84), (0.2, 0.9)]),
    row("graphgpt-7b x5", "GraphGPT-7B", "graphs", 5, [(0.2, 0.69), (0.35, 0.83), (0.69, 0.98)]),
    row("graphgpt-7b x10", "GraphGPT-7B", "graphs", 10, [(0.31, 0.71), (0.68, 0.97), (1.35, 1.14)]),
];

/// Table 2: LLaVA-1.5-7B with FasterVLM.
#[rustfmt::skip]
pub const TABLE_2: [Printed; 4] = [
    pruned("0", 0.0, [(1.58, 1.04), (10.23, 3.51), (17.37, 4.23)]),
    pruned("75", 0.75, [(0.57, 0.71), (1.81, 1.33), (3.39, 1.64)]),
    pruned("90", 0.9, [(0.57, 0.8), (1.1, 1.03), (1.84, 1.17)]),
    pruned("95", 0.95, [(0.48, 0.82), (0.86, 0.97), (3.39, 1.64)]),
];

/// A registry's model and the family whose other members are shown beside its row.
const MODELS: [(&str, &str, usize); 2] =
    [("llava-1.5-7b", "llava-1.5", 0), ("qwen2.5-vl-7b", "qwen2.5-vl", 1)];

/// Why a printed value is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// No samples whatever have this mean MDI and this mean AEI.
    Impossible,
    /// The same pair stands in another row, and does not fit this one.
    Copied,
    /// The row fits itself only if its AEI column is read from below.
    Reversed,
    /// The two other stages of the row imply another prompt length.
    OutOfLine,
    /// No samples of one share of text tokens have it: only samples whose prompts and MDI are very
    /// uneven could.
    Uneven,
}

/// One printed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaperValue {
    /// As printed.
    pub value: f64,
    /// Whether the paper's abstract names it; the others are known from a transcription alone.
    pub confirmed: bool,
    /// Why it is in doubt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
}

/// A printed pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaperCell {
    /// The stage.
    pub stage: Stage,
    /// Modality dominance index.
    pub mdi: PaperValue,
    /// Attention efficiency index of text.
    pub aei_text: PaperValue,
}

/// A printed row, as tables show it beside the lab's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaperRow {
    /// The model, for people.
    pub model: String,
    /// What it was asked about.
    pub data: String,
    /// Share of the image tokens dropped.
    pub prune: f64,
    /// How many times the other modality's tokens stood in the sequence.
    pub replicate: u32,
    /// Early, middle, late.
    pub cells: Vec<PaperCell>,
}

/// Whether no samples, of whatever prompts, have these means. `AEI − MDI` of one sample is
/// `m·Q(1 − m)/(1 − Q(1 − m))`, which is below `1 − m` for `m < 1` and not above 0 otherwise: below 1
/// for every sample and layer, and so on average.
fn impossible((mdi, aei): (f64, f64)) -> bool {
    (aei - ROUNDING) - (mdi + ROUNDING) >= 1.0
}

/// Whether no samples of one `Q_T` have these means. For a fixed `Q_T` AEI is concave in MDI, so its mean
/// is at most the AEI of the mean MDI, which lies between 1 and it.
fn uneven((mdi, aei): (f64, f64)) -> bool {
    aei - ROUNDING > (mdi + ROUNDING).max(1.0)
}

/// `n_T / n_O` that a pair implies, least and greatest; `None` where no one
/// sample has the pair.
fn odds((mdi, aei): (f64, f64)) -> Option<(f64, f64)> {
    let (low, high) = token_shares_of(mdi, aei, ROUNDING)?;
    Some((low / (1.0 - low), high / (1.0 - high)))
}

/// Whether two pairs may come from one prompt.
fn agree(a: (f64, f64), b: (f64, f64)) -> bool {
    matches!((odds(a), odds(b)), (Some(a), Some(b)) if a.0 <= b.1 * APART && b.0 <= a.1 * APART)
}

/// Whether the other two stages agree and this one disagrees with both.
fn out_of_line(cells: &[(f64, f64); 3], stage: usize) -> bool {
    let (a, b) = (cells[(stage + 1) % 3], cells[(stage + 2) % 3]);
    agree(a, b) && !agree(cells[stage], a) && !agree(cells[stage], b)
}

fn reversed(cells: &[(f64, f64); 3]) -> [(f64, f64); 3] {
    let [a, b, c] = *cells;
    [(a.0, c.1), (b.0, b.1), (c.0, a.1)]
}

/// Whether the row has a cell that no one sample has and no two stages that agree, and two that do when its
/// AEI column is read from below.
fn is_reversed(cells: &[(f64, f64); 3]) -> bool {
    let any_agree =
        |c: &[(f64, f64); 3]| agree(c[0], c[1]) || agree(c[1], c[2]) || agree(c[0], c[2]);
    cells.iter().any(|c| odds(*c).is_none()) && !any_agree(cells) && any_agree(&reversed(cells))
}

/// The doubts about one stage's MDI and AEI of a row of a table.
fn doubts(table: &[Printed], row: &Printed, stage: usize) -> (Vec<Doubt>, Vec<Doubt>) {
    let cell = row.cells[stage];
    let copied = table.iter().any(|other| other.key != row.key && other.cells[stage] == cell)
        && out_of_line(&row.cells, stage);
    if copied {
        return (vec![Doubt::Copied], vec![Doubt::Copied]);
    }
    let mut of_aei = Vec::new();
    if impossible(cell) {
        of_aei.push(Doubt::Impossible);
    } else if uneven(cell) {
        of_aei.push(Doubt::Uneven);
    }
    if is_reversed(&row.cells) {
        // Reading from below changes the ends of the column, not its middle.
        if stage != 1 {
            of_aei.push(Doubt::Reversed);
        }
    } else if of_aei.is_empty() && out_of_line(&row.cells, stage) {
        of_aei.push(Doubt::OutOfLine);
    }
    (Vec::new(), of_aei)
}

fn paper_row(table: &[Printed], row: &Printed) -> PaperRow {
    let confirmed = |stage: Stage, mdi: f64| {
        row.model == "LLaVA-1.5-7B"
            && stage == Stage::Middle
            && ((row.prune == 0.0 && mdi == 10.23) || (row.prune == 0.95 && mdi == 0.86))
    };
    let cells =
        Stage::ALL.into_iter().zip(row.cells).enumerate().map(|(i, (stage, (mdi, aei)))| {
            let (of_mdi, of_aei) = doubts(table, row, i);
            PaperCell {
                stage,
                mdi: PaperValue { value: mdi, confirmed: confirmed(stage, mdi), doubts: of_mdi },
                aei_text: PaperValue { value: aei, confirmed: false, doubts: of_aei },
            }
        });
    PaperRow {
        model: row.model.to_owned(),
        data: row.data.to_owned(),
        prune: row.prune,
        replicate: row.replicate,
        cells: cells.collect(),
    }
}

/// Table 1's row of a model, by registry name.
pub fn of_model(name: &str) -> Option<PaperRow> {
    let (.., at) = MODELS.iter().find(|(model, ..)| *model == name)?;
    Some(paper_row(&TABLE_1, &TABLE_1[*at]))
}

/// Table 1's row of a family's model, to be shown beside others of the family.
pub fn of_family(family: &str) -> Option<PaperRow> {
    let (.., at) = MODELS.iter().find(|(_, of, _)| *of == family)?;
    Some(paper_row(&TABLE_1, &TABLE_1[*at]))
}

/// Table 2's rows, for models of the family it is about.
pub fn pruned_of_family(family: &str) -> Vec<PaperRow> {
    if family != MODELS[0].1 {
        return Vec::new();
    }
    TABLE_2.iter().map(|row| paper_row(&TABLE_2, row)).collect()
}

/// Table 2's rows, for the very model it is about, by registry name.
pub fn pruned_of_model(name: &str) -> Vec<PaperRow> {
    if name == MODELS[0].0 { pruned_of_family(MODELS[0].1) } else { Vec::new() }
}

/// Table 1's rows of replicated tokens: other modalities, other models.
pub fn replicated() -> Vec<PaperRow> {
    let models: Vec<&str> = TABLE_1.iter().filter(|r| r.replicate > 1).map(|r| r.model).collect();
    let rows = TABLE_1.iter().filter(|r| models.contains(&r.model));
    rows.map(|row| paper_row(&TABLE_1, row)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn doubted(table: &[Printed]) -> Vec<(&str, Stage, &str, Doubt)> {
        let mut all = Vec::new();
        for row in table {
            for cell in paper_row(table, row).cells {
                for (name, value) in [("mdi", &cell.mdi), ("aei", &cell.aei_text)] {
                    all.extend(value.doubts.iter().map(|d| (row.key, cell.stage, name, *d)));
                }
            }
        }
        all
    }

    #[test]
    fn every_value_is_the_one_in_the_file() {
        let file: serde_json::Value = serde_json::from_str(include_str!("paper.json")).unwrap();
        for (name, table) in [("table1", &TABLE_1[..]), ("table2", &TABLE_2)] {
            let rows = file[name].as_object().unwrap();
            assert_eq!(rows.len(), table.len(), "{name}");
            for row in table {
                let cells = rows[row.key].as_array().unwrap();
                for ((cell, stage), (mdi, aei)) in cells.iter().zip(Stage::ALL).zip(row.cells) {
                    assert_eq!(cell["stage"], stage.name());
                    assert_eq!((&cell["mdi"], &cell["aei"]), (&mdi.into(), &aei.into()), "{row:?}");
                }
            }
        }
    }

    #[test]
    fn impossible_is_only_what_no_average_gives() {
        let found = |doubt: Doubt| -> Vec<_> {
            let all = doubted(&TABLE_1).into_iter().filter(|(.., d)| *d == doubt);
            all.map(|(row, stage, ..)| (row, stage)).collect()
        };
        assert_eq!(found(Doubt::Impossible), [("qwen2.5-vl-7b (aei order suspect)", Stage::Early)]);
        assert_eq!(
            found(Doubt::Uneven),
            [("qwen2-audio-7b x1", Stage::Early), ("chatts-14b x10", Stage::Early)]
        );
    }

    /// An average over uneven prompts that has the pair printed for Qwen2-Audio, which no prompt
    /// of one length has: it must not be called impossible.
    #[test]
    fn uneven_prompts_give_what_no_single_prompt_gives() {
        let aei = |m: f64, q: f64| crate::measure::aei_text_of(m, q);
        // Six of eleven samples with hardly a text token, five with hardly another and no attention on it.
        let (six, five) = ((1.87, 1e-9), (1e-9, 1.0 - 1e-10));
        let mean = |a: f64, b: f64| (6.0 * a + 5.0 * b) / 11.0;
        let mdi = mean(six.0, five.0);
        let average = mean(aei(six.0, six.1), aei(five.0, five.1));
        assert!((mdi - 1.02).abs() < 0.005 && average > 1.32, "{mdi} {average}");
        // And the largest lead that AEI can have over MDI, on a fine grid of samples.
        let grid = || (1..1000).map(|i| f64::from(i) / 1000.0);
        let leads = grid().flat_map(|q| grid().map(move |m| (4.0 * m, q)));
        assert!(leads.map(|(m, q)| aei(m, q) - m).all(|lead| lead < 1.0));
    }

    #[test]
    fn the_copy_at_95_percent_is_found_and_nothing_else_in_table_2_but_the_unpruned_early_aei() {
        assert_eq!(
            doubted(&TABLE_2),
            [
                ("0", Stage::Early, "aei", Doubt::OutOfLine),
                ("95", Stage::Late, "mdi", Doubt::Copied),
                ("95", Stage::Late, "aei", Doubt::Copied),
            ]
        );
    }

    #[test]
    fn qwens_column_is_reversed_and_no_other_models_is() {
        let found: Vec<_> = doubted(&TABLE_1)
            .into_iter()
            .filter(|(.., d)| *d == Doubt::Reversed)
            .map(|(row, stage, value, _)| (row.split(' ').next().unwrap(), stage, value))
            .collect();
        assert_eq!(
            found,
            [("qwen2.5-vl-7b", Stage::Early, "aei"), ("qwen2.5-vl-7b", Stage::Late, "aei")]
        );
    }

    #[test]
    fn two_values_are_confirmed() {
        let all = [paper_row(&TABLE_2, &TABLE_2[0]), paper_row(&TABLE_2, &TABLE_2[3])];
        let confirmed: Vec<f64> = all
            .iter()
            .flat_map(|r| &r.cells)
            .flat_map(|c| [&c.mdi, &c.aei_text])
            .filter(|v| v.confirmed)
            .map(|v| v.value)
            .collect();
        assert_eq!(confirmed, [10.23, 0.86]);
        assert!(of_model("llava-1.5-7b").unwrap().cells[1].mdi.confirmed);
        assert!(of_model("llava-1.5-13b").is_none());
        assert_eq!(of_family("llava-1.5"), of_model("llava-1.5-7b"));
        assert_eq!(of_family("qwen2.5-vl").unwrap().model, "Qwen2.5-VL-7B");
    }
}
