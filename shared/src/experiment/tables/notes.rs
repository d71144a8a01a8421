//! What is said beside the numbers: stand-ins, doubts, what is missing.

use super::super::ExperimentStatus;
use super::super::paper::{Doubt, PaperRow, PaperValue, of_family, of_model};
use super::labels::{is_demo, is_papers_data};
use super::{Note, Tables};
use crate::ErrorCode;
use crate::definition::Ratio;

/// The marks of doubts, in the order in which they are given out.
const MARKS: [(Doubt, &str); 5] = [
    (Doubt::Impossible, "†"),
    (Doubt::Reversed, "‡"),
    (Doubt::Copied, "§"),
    (Doubt::OutOfLine, "¶"),
    (Doubt::Uneven, "††"),
];

/// The marks that stand at a printed value.
pub fn marks(value: &PaperValue) -> String {
    let all = MARKS.iter().filter(|(doubt, _)| value.doubts.contains(doubt));
    all.map(|(_, mark)| *mark).collect()
}

/// Parameters in words: `8.3 M`, `7.1 B`.
fn parameters(count: u64) -> String {
    match count {
        0..1_000_000_000 => format!("{:.1} M", count as f64 / 1e6),
        _ => format!("{:.1} B", count as f64 / 1e9),
    }
}

/// Demo models and demo data that stand in for the paper's.
pub(super) fn notice(tables: &Tables, status: &ExperimentStatus) -> Option<String> {
    let mut stand_ins = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for result in &tables.conditions {
        let name = result.condition.model.as_str();
        if !is_demo(name) || names.contains(&name) {
            continue;
        }
        names.push(name);
        let info = status.models.iter().find(|m| m.name == name);
        let size = info
            .filter(|m| m.parameters > 0)
            .map(|m| format!(" ({} parameters)", parameters(m.parameters)));
        let for_what = info.and_then(|m| of_family(&m.family));
        let for_what = for_what.map_or_else(|| "a full-size model".to_owned(), |row| row.model);
        stand_ins.push(format!("{name}{} for {for_what}", size.unwrap_or_default()));
    }
    if status.dataset.name == "demo" {
        stand_ins.push("the demo set for MMMU-Pro".to_owned());
    }
    (!stand_ins.is_empty()).then(|| {
        format!("Stand-ins: {}. Compare shapes with the paper, not sizes.", stand_ins.join(", "))
    })
}

/// The paper's rows that some table shows.
fn shown(tables: &Tables) -> Vec<&PaperRow> {
    let levers = [&tables.prune, &tables.replicate].into_iter().flatten();
    tables.stages.paper.iter().chain(levers.flat_map(|t| &t.paper)).collect()
}

/// `reasons` tells how many different reasons there are under a code of what was left out.
pub(super) fn notes(
    tables: &Tables,
    status: &ExperimentStatus,
    reasons: impl Fn(ErrorCode) -> usize,
) -> Vec<Note> {
    let rows = shown(tables);
    let values: Vec<&PaperValue> =
        rows.iter().flat_map(|r| &r.cells).flat_map(|c| [&c.mdi, &c.aei_text]).collect();
    let doubts = MARKS.iter().filter(|(doubt, _)| values.iter().any(|v| v.doubts.contains(doubt)));
    let mut notes: Vec<Note> = doubts
        .map(|(doubt, mark)| Note {
            doubt: Some(*doubt),
            mark: (*mark).to_owned(),
            text: format!("Doubtful in the source: {}.", doubt.sentence()),
        })
        .collect();
    let mut say = |text: String| notes.push(Note { doubt: None, mark: String::new(), text });
    if !rows.is_empty() {
        say("The paper's values are known from a transcription of its tables 1 and 2; its abstract \
             confirms only 10.23 and 0.86 (LLaVA-1.5-7B, middle layers)."
            .to_owned());
    }
    let models = || tables.conditions.iter().map(|c| c.condition.model.as_str());
    if !rows.is_empty() && models().any(|m| of_model(m).is_none()) {
        say("The paper's rows are of its own models; beside other models they show a shape to \
             compare with, not a size, and no relative difference is given."
            .to_owned());
    }
    if models().any(|m| of_model(m).is_some()) && !is_papers_data(&status.dataset.name) {
        say(format!(
            "The paper measured on MMMU-Pro and this is {}: a relative difference here is one of \
             data, too.",
            status.dataset.name
        ));
    }
    if tables.replicate.is_some() {
        say("The paper repeats tokens of other modalities only (audio, time series, graphs): its \
             rows are other models on other data."
            .to_owned());
    }
    if tables.prune.is_some() {
        for model in &status.models {
            if !model.prune_score.is_empty() && model.prune_score != "cls-attention" {
                say(format!(
                    "{} has no [CLS] token: its picture tokens are ranked by {}, a substitute for \
                     FasterVLM's score.",
                    model.name, model.prune_score
                ));
            }
        }
    }
    if tables.choice.samples == Ratio::RatioOfMeans {
        say("A ratio of means has no standard deviation, for no single sample has it, and no interval."
            .to_owned());
    }
    if tables.answers.is_some() {
        say("\"As claimed\" is out of all judged answers; only questions that make a false claim \
             can be answered so."
            .to_owned());
    }
    for result in &tables.conditions {
        for changed in result.options.iter().flat_map(|o| &o.changed) {
            say(format!("{}: {changed}.", result.label));
        }
    }
    if tables.conditions.iter().any(|c| c.condition.is_floor()) {
        say("Conditions with a blank picture, noise or the question alone are floors: what the model \
             gets right without the picture. A share of right answers says something of seeing only \
             where it lies above them."
            .to_owned());
    }
    let floors = tables.conditions.iter().any(|c| c.condition.is_floor());
    let random = tables.conditions.iter().any(|c| c.condition.is_random());
    if tables.answers.is_some() && !floors {
        let random = match tables.prune.is_some() && !random {
            true => ", or with as many tokens dropped by chance (--random-prune),",
            false => "",
        };
        say(format!(
            "No floors were run: how many answers are right without the picture (blank, noise, \
             question alone: --floors){random} is not known here."
        ));
    }
    if tables.conditions.iter().any(|c| c.condition.is_random()) {
        say(
            "\"At random\" drops as many picture tokens, drawn evenly for each sample: a score is \
             worth what it does better than that."
                .to_owned(),
        );
    }
    if tables.changes.is_some() {
        say("\"If shares had stayed\" is the MDI that the first row's shares of the attention give at \
             this row's numbers of tokens: MDI = (P_T/(1 − P_T)) · (n_O/n_T), so fewer picture tokens \
             lower it while the attention does not move."
            .to_owned());
    }
    undefined(tables, &mut say);
    left_out(tables, reasons, &mut say);
    notes
}

fn undefined(tables: &Tables, say: &mut impl FnMut(String)) {
    for result in &tables.conditions {
        let Some(cells) = result.choices.first() else { continue };
        for stage in &cells.stages {
            for undefined in &stage.mdi.undefined {
                say(format!(
                    "{}: the {} MDI of {} of {} samples is undefined ({}); they count nowhere in it.",
                    result.label,
                    stage.stage.name(),
                    undefined.count,
                    result.n,
                    undefined.reason
                ));
            }
        }
    }
}

fn left_out(tables: &Tables, reasons: impl Fn(ErrorCode) -> usize, say: &mut impl FnMut(String)) {
    let mut codes: Vec<(ErrorCode, u32, &str)> = Vec::new();
    for left_out in &tables.provenance.left_out {
        match codes.iter_mut().find(|(code, ..)| *code == left_out.code) {
            Some((_, count, _)) => *count += left_out.count,
            None => codes.push((left_out.code, left_out.count, &left_out.example)),
        }
    }
    for (code, count, example) in codes {
        let and = match reasons(code) {
            0 | 1 if count == 1 => ".".to_owned(),
            0 | 1 => ". For example:".to_owned(),
            several => format!(", for {several} different reasons. For example:"),
        };
        let items = tables.provenance.items;
        say(format!("{count} of {items} runs left out: {}{and} {example}", code.name()));
    }
}
