//! What is said beside the numbers: stand-ins, doubts, what is missing.

use super::super::ExperimentStatus;
use super::super::paper::{Doubt, PaperRow, PaperValue, of_family, of_model};
use super::labels::{is_demo, is_papers_data};
use super::{Note, Tables};
use crate::ErrorCode;
use crate::definition::Ratio;
use crate::options::{Changed, ModelInfo, WhyChanged};
use crate::sentence::{Message, Phrases, TableText};

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
pub(super) fn notice(tables: &Tables, status: &ExperimentStatus) -> Option<TableText> {
    let mut all: Vec<Message> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for result in &tables.conditions {
        let name = result.condition.model.as_str();
        if !is_demo(name) || names.contains(&name) {
            continue;
        }
        names.push(name);
        let info = status.models.iter().find(|m| m.name == name);
        let paper = info.and_then(|m| of_family(&m.family));
        let paper = paper.map_or_else(|| TableText::FullSizeModel.into(), |row| row.model.into());
        let name = name.to_owned();
        let stand_in = match info.filter(|m| m.parameters > 0) {
            Some(m) => TableText::StandInOfSize { name, n: parameters(m.parameters), paper },
            None => TableText::StandIn { name, paper },
        };
        all.push(stand_in.into());
    }
    if status.dataset.name == "demo" {
        all.push(TableText::DemoSetStandsIn.into());
    }
    (!all.is_empty()).then_some(TableText::StandIns { all })
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
    phrases: &mut Phrases,
) -> Vec<Note> {
    let rows = shown(tables);
    let values: Vec<&PaperValue> =
        rows.iter().flat_map(|r| &r.cells).flat_map(|c| [&c.mdi, &c.aei_text]).collect();
    let doubts = MARKS.iter().filter(|(doubt, _)| values.iter().any(|v| v.doubts.contains(doubt)));
    let mut notes: Vec<Note> = doubts
        .map(|(doubt, mark)| Note {
            doubt: Some(*doubt),
            mark: (*mark).to_owned(),
            text: phrases.keep(TableText::Doubtful { why: TableText::from(*doubt).into() }),
        })
        .collect();
    let all = whole(tables, status).into_iter();
    let all = all.chain(undefined(tables)).chain(left_out(tables, reasons));
    notes.extend(all.map(|said| Note {
        doubt: None,
        mark: String::new(),
        text: phrases.keep(said),
    }));
    notes
}

/// Notes to the whole.
fn whole(tables: &Tables, status: &ExperimentStatus) -> Vec<TableText> {
    let rows = shown(tables);
    let mut all = Vec::new();
    let models = || tables.conditions.iter().map(|c| c.condition.model.as_str());
    if !rows.is_empty() {
        all.push(TableText::PaperTranscribed);
    }
    if !rows.is_empty() && models().any(|m| of_model(m).is_none()) {
        all.push(TableText::PapersOwnModels);
    }
    if models().any(|m| of_model(m).is_some()) && !is_papers_data(&status.dataset.name) {
        all.push(TableText::OtherData { dataset: status.dataset.name.clone() });
    }
    if tables.replicate.is_some() {
        all.push(TableText::OtherModalities);
    }
    if tables.prune.is_some() {
        let ranked = |m: &&ModelInfo| !m.prune_score.is_empty() && m.prune_score != "cls-attention";
        all.extend(status.models.iter().filter(ranked).map(|m| TableText::NoClsToken {
            model: m.name.clone(),
            score: m.prune_score.clone(),
        }));
    }
    if tables.choice.samples == Ratio::RatioOfMeans {
        all.push(TableText::NoDeviation);
    }
    if tables.answers.is_some() {
        all.push(TableText::AsClaimed);
    }
    for result in &tables.conditions {
        let changed = result.options.iter().flat_map(|o| &o.changed);
        all.extend(changed.map(|changed| of_changed(tables.said(&result.label), changed)));
    }
    let floors = tables.conditions.iter().any(|c| c.condition.is_floor());
    let random = tables.conditions.iter().any(|c| c.condition.is_random());
    if floors {
        all.push(TableText::FloorsExplained);
    } else if tables.answers.is_some() {
        all.push(match tables.prune.is_some() && !random {
            true => TableText::NoFloorsNoChance,
            false => TableText::NoFloors,
        });
    }
    if random {
        all.push(TableText::AtRandomExplained);
    }
    if tables.changes.is_some() {
        all.push(TableText::SharesStayedExplained);
    }
    all
}

fn of_changed(label: Message, changed: &Changed) -> TableText {
    let Changed { option, asked, used, why } = changed.clone();
    match why {
        WhyChanged::AboveModelLimit => TableText::AboveModelLimit { label, option, asked, used },
        WhyChanged::ReadsAnySize => TableText::ReadsAnySize { label, option, asked },
    }
}

fn undefined(tables: &Tables) -> Vec<TableText> {
    let mut all = Vec::new();
    for result in &tables.conditions {
        let Some(cells) = result.choices.first() else { continue };
        for stage in &cells.stages {
            all.extend(stage.mdi.undefined.iter().map(|undefined| TableText::MdiUndefined {
                condition: tables.said(&result.label),
                stage: TableText::from(stage.stage).into(),
                n: undefined.count.into(),
                all: result.n.into(),
                why: TableText::from(undefined.reason).into(),
            }));
        }
    }
    all
}

fn left_out(tables: &Tables, reasons: impl Fn(ErrorCode) -> usize) -> Vec<TableText> {
    let mut codes: Vec<(ErrorCode, u32, Message)> = Vec::new();
    for left_out in &tables.provenance.left_out {
        match codes.iter_mut().find(|(code, ..)| *code == left_out.code) {
            Some((_, count, _)) => *count += left_out.count,
            None => codes.push((left_out.code, left_out.count, left_out.said())),
        }
    }
    let said = |(code, count, example): (ErrorCode, u32, Message)| {
        let (n, all) = (count.into(), tables.provenance.items.into());
        let (reasons, code) = (reasons(code), code.name().to_owned());
        match reasons {
            0 | 1 if count == 1 => TableText::LeftOutOne { n, all, code, example },
            0 | 1 => TableText::LeftOutAlike { n, all, code, example },
            reasons => {
                let reasons = reasons as u64;
                TableText::LeftOutForReasons { n, all, code, reasons, example }
            }
        }
    };
    codes.into_iter().map(said).collect()
}
