//! Numbers as tables show them: rounded alike, with true minus signs.

use shared::experiment::aggregate::Change;
use shared::experiment::paper::{PaperCell, PaperValue};
use shared::experiment::stats::{Estimate, PairedDifference, PairedRatio, Proportion, Spread};
use shared::experiment::tables::{StageCells, TableCell, decimals, marks, short};

/// What no value is shown as.
pub const NOTHING: &str = "–";

/// A number with a true minus sign.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |v| short(v).replace('-', "−"))
}

/// A text that is a number, with its sign.
pub fn signed(text: String) -> String {
    let positive = text.chars().any(|c| ('1'..='9').contains(&c)) && !text.starts_with('−');
    if positive { format!("+{text}") } else { text }
}

/// A deviation with as many digits as the number it belongs to, unless nothing were left of it.
pub fn alike(deviation: f64, of: f64) -> String {
    let alike = format!("{deviation:.*}", decimals(of));
    if alike.contains(|c| ('1'..='9').contains(&c)) { alike } else { short(deviation) }
}

/// What is shown first of a number: a ratio's geometric mean, anything else's mean.
pub fn centre(cell: &TableCell) -> String {
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

pub fn arithmetic(cell: &TableCell) -> String {
    let e = &cell.estimate;
    let (Some(mean), Some(sd)) = (e.mean, e.sd) else { return number(e.mean) };
    format!("{} ± {}", number(e.mean), alike(sd, mean))
}

/// The interval of what is shown first.
pub fn ends(e: &Estimate) -> String {
    let ends = e.centre().interval;
    interval(ends.map(|i| i.0), ends.map(|i| i.1))
}

/// The words' share of the attention, in percents.
pub fn attention(cell: &TableCell) -> String {
    let e = &cell.estimate;
    match (e.mean, e.sd) {
        (Some(_), Some(sd)) => format!("{} ± {}", share(e.mean), tenth(sd)),
        _ => share(e.mean),
    }
}

pub fn attention_ends(cell: &TableCell) -> String {
    let e = &cell.estimate;
    match (e.low, e.high) {
        (Some(low), Some(high)) => format!("[{}, {}]", tenth(low), tenth(high)),
        _ => NOTHING.to_owned(),
    }
}

/// A mean number of tokens: whole where it is whole.
pub fn tokens(value: Option<f64>) -> String {
    match value {
        Some(v) if v.fract() == 0.0 => v.to_string(),
        other => number(other),
    }
}

/// A share in percents, to a tenth.
pub fn tenth(value: f64) -> String {
    let text = format!("{:.1}", value * 100.0).replace('-', "−");
    if text == "−0.0" { "0.0".to_owned() } else { text }
}

pub fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(_), Some(_)) => format!("[{}, {}]", number(low), number(high)),
        _ => NOTHING.to_owned(),
    }
}

/// A share in percents, to a tenth.
pub fn share(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |v| format!("{} %", tenth(v)))
}

pub fn share_interval(p: &Proportion) -> String {
    match (p.low, p.high) {
        (Some(low), Some(high)) => format!("{} [{}, {}]", share(p.share), tenth(low), tenth(high)),
        _ => share(p.share),
    }
}

/// A factor with its interval: `× 0.86 [0.81, 0.92]`.
pub fn factor(ratio: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    match (ratio, low, high) {
        (None, ..) => NOTHING.to_owned(),
        (_, Some(_), Some(_)) => format!("× {} {}", number(ratio), interval(low, high)),
        _ => format!("× {}", number(ratio)),
    }
}

pub fn paired(r: &PairedRatio) -> String {
    factor(r.ratio, r.low, r.high)
}

/// By what factor a number moves: pair by pair where that exists, else of the means.
pub fn change(change: Option<&Change>) -> String {
    match change {
        Some(c) => {
            let paired = c.paired.as_ref();
            factor(c.factor(), paired.and_then(|p| p.low), paired.and_then(|p| p.high))
        }
        None => NOTHING.to_owned(),
    }
}

/// How far a share of the attention moves, in percentage points.
pub fn share_points(d: &PairedDifference) -> String {
    points_of(d.difference, d.low, d.high)
}

pub fn points_of(difference: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    let Some(difference) = difference else { return NOTHING.to_owned() };
    let difference = signed(tenth(difference));
    match (low, high) {
        (Some(low), Some(high)) => format!("{difference} [{}, {}]", tenth(low), tenth(high)),
        _ => difference,
    }
}

/// A change of a share of answers, in percentage points.
pub fn points(of: Option<&Change>) -> String {
    of.map_or_else(|| NOTHING.to_owned(), |c| points_of(c.difference, c.low, c.high))
}

pub fn printed(value: &PaperValue) -> String {
    // The paper prints two digits after the point.
    format!("{:.2}{}", value.value, marks(value))
}

/// MDI, the words' share and AEI of the three stages.
pub fn each(
    stages: &[StageCells],
    ratio: impl Fn(&TableCell) -> String,
    share: impl Fn(&TableCell) -> String,
) -> Vec<String> {
    let of = |s: &StageCells| [ratio(&s.mdi), share(&s.share_text), ratio(&s.aei_text)];
    stages.iter().flat_map(of).collect()
}

pub fn nothing(_: &TableCell) -> String {
    String::new()
}

pub fn paper_cells(cells: &[PaperCell]) -> Vec<String> {
    let of = |c: &PaperCell| [printed(&c.mdi), NOTHING.to_owned(), printed(&c.aei_text)];
    cells.iter().flat_map(of).collect()
}

pub fn relative(cell: &TableCell) -> String {
    match cell.relative_difference {
        Some(r) => format!("{} %", signed(tenth(r))),
        None => NOTHING.to_owned(),
    }
}
