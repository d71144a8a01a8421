//! Reads the tables from an aggregate.

mod levers;

use std::cell::RefCell;

use super::super::aggregate::{Aggregate, Choice, Indices, Over, Summary};
use super::super::paper::{self, PaperRow, PaperValue};
use super::super::stats::{LEAST, LEVEL};
use super::super::{Condition, ExperimentStatus};
use super::labels::{self, as_typed, percent, short};
use super::{
    AnswerRow, AnswerTable, ChangeRow, ChangeTable, ChoiceCells, ConditionResult, DefinitionRow,
    DefinitionTable, KindVerdicts, LayerCells, Lever, Provenance, StageCells, StageRow, StageTable,
    TableCell, Tables, notes,
};
use crate::intervention::{PictureUse, PruneBy};
use crate::options::{AskedOptions, Quant};
use crate::sampling::Sampling;
use crate::sentence::{Message, Phrases, TableText};
use crate::stage::Stage;

impl Tables {
    /// The tables of an experiment under one of the aggregate's choices, by number; `None` where
    /// it holds no such choice.
    pub fn new(
        aggregate: &mut Aggregate,
        status: &ExperimentStatus,
        choice: usize,
    ) -> Option<Tables> {
        let choices: Vec<Choice> = aggregate.choices().cloned().collect();
        let named = choices.get(choice)?.clone();
        let mut phrases = Phrases::default();
        for choice in &choices {
            phrases.keep(choice.titled());
        }
        let phrases = RefCell::new(phrases);
        let mut build = Build { aggregate, status, choice, phrases: &phrases };
        let mut tables = Tables {
            title: status.title.clone(),
            notice: None,
            choice: named,
            choices,
            provenance: build.provenance(),
            stages: build.stages(),
            prune: build.lever(Lever::Prune),
            replicate: build.lever(Lever::Replicate),
            changes: build.changes(),
            answers: build.answers(),
            definitions: build.definitions(),
            conditions: build.conditions(),
            notes: Vec::new(),
            phrases: Phrases::default(),
        };
        tables.phrases = phrases.into_inner();
        let mut phrases = tables.phrases.clone();
        tables.notice = notes::notice(&tables, status).map(|said| phrases.keep(said));
        let reasons = |code| aggregate.reasons(code);
        tables.notes = notes::notes(&tables, status, reasons, &mut phrases);
        tables.phrases = phrases;
        Some(tables)
    }
}

struct Build<'a> {
    aggregate: &'a mut Aggregate,
    status: &'a ExperimentStatus,
    choice: usize,
    phrases: &'a RefCell<Phrases>,
}

fn cell(over: &Over) -> TableCell {
    TableCell {
        estimate: over.estimate,
        undefined: over.undefined.clone(),
        paper: None,
        relative_difference: None,
    }
}

fn beside(mut cell: TableCell, paper: &PaperValue) -> TableCell {
    let mean = cell.estimate.mean.filter(|_| paper.doubts.is_empty());
    cell.relative_difference = mean.map(|m| (m - paper.value) / paper.value);
    cell.paper = Some(paper.clone());
    cell
}

/// What the paper prints of this very condition: its own models, plain or pruned. Nothing where an experiment does
/// what the paper did not: another picture, tokens dropped by chance, attention knocked out, drawn answers.
fn printed(base: &AskedOptions, of: &Condition) -> Option<PaperRow> {
    let picture = of.picture.or(base.picture).unwrap_or_default();
    let by = of.prune_by.or(base.prune_by).unwrap_or_default();
    let dropped_by_chance = of.prune > 0.0 && by != PruneBy::Score;
    let sampling = base.sampling.unwrap_or_default();
    if picture != PictureUse::Own
        || dropped_by_chance
        || base.knockout.is_some()
        || sampling != Sampling::default()
    {
        return None;
    }
    if of.is_plain() {
        return paper::of_model(&of.model);
    }
    let rows = paper::pruned_of_model(&of.model).into_iter().filter(|_| of.replicate == 1);
    rows.into_iter().find(|row| row.prune == as_typed(of.prune))
}

/// The stages' cells, beside the row of the paper that is about the same thing.
fn stage_cells(summary: &Summary, paper: Option<&PaperRow>) -> Vec<StageCells> {
    let stages = Stage::ALL.into_iter().zip(&summary.stages).enumerate();
    let cells = stages.map(|(i, (stage, indices))| {
        let printed = paper.and_then(|row| row.cells.get(i));
        let with = |over: &Over, value: Option<&PaperValue>| match value {
            Some(value) => beside(cell(over), value),
            None => cell(over),
        };
        StageCells {
            stage,
            mdi: with(&indices.mdi, printed.map(|p| &p.mdi)),
            aei_text: with(&indices.aei_text, printed.map(|p| &p.aei_text)),
            share_text: cell(&indices.share_text),
        }
    });
    cells.collect()
}

fn choice_cells(choice: &Choice, summary: &Summary, paper: Option<&PaperRow>) -> ChoiceCells {
    let layer = |(layer, indices): (usize, &Indices)| LayerCells {
        layer: layer as u32,
        mdi: cell(&indices.mdi),
        aei_text: cell(&indices.aei_text),
        share_text: cell(&indices.share_text),
    };
    ChoiceCells {
        choice: choice.name.clone(),
        text_tokens: summary.text_tokens,
        image_tokens: summary.image_tokens,
        stages: stage_cells(summary, paper),
        layers: summary.layers.iter().enumerate().map(layer).collect(),
    }
}

impl Build<'_> {
    fn all(&self) -> Vec<Condition> {
        self.aggregate.grid().conditions.clone()
    }

    /// The conditions in which nothing is done to the picture's tokens; where there are none, all.
    fn plain(&self) -> Vec<Condition> {
        let (plain, touched): (Vec<_>, Vec<_>) =
            self.all().into_iter().partition(Condition::is_plain);
        if plain.is_empty() { touched } else { plain }
    }

    /// The English of what is said; which sentence it is goes with the tables.
    fn say(&self, said: impl Into<Message>) -> String {
        self.phrases.borrow_mut().keep(said)
    }

    fn full(&self, of: &Condition) -> String {
        self.say(self.label(of))
    }

    fn label(&self, of: &Condition) -> Message {
        labels::full(self.status, self.aggregate.grid(), of)
    }

    fn family(&self, of: &Condition) -> String {
        labels::model(self.status, of).map(|m| m.family.clone()).unwrap_or_default()
    }

    fn subject(&self) -> Message {
        labels::subject(self.status, self.aggregate.grid())
    }

    /// A numbered table's title, and the same without its number.
    fn numbered(&self, n: u64, what: TableText) -> (String, String) {
        let what = Message::from(what);
        (self.say(TableText::NumberedTable { n, what: what.clone() }), self.say(what))
    }

    fn provenance(&self) -> Provenance {
        let status = self.status;
        Provenance {
            lab: status.lab.clone(),
            created: status.created.clone(),
            status: status.state,
            dataset: status.dataset.clone(),
            samples: self.aggregate.grid().samples,
            seed: status.spec.seed,
            intervals: self
                .say(TableText::Intervals { level: percent(LEVEL), least: LEAST as u64 }),
            items: self.aggregate.grid().items(),
            done: self.aggregate.done(),
            left_out: self.aggregate.left_out(),
            models: status.models.clone(),
            options: labels::options(&status.spec.base, &status.grid),
            paper: self.say(TableText::PaperSource),
        }
    }

    fn stages(&mut self) -> StageTable {
        let (title, about) = self.numbered(1, TableText::ByStage { subject: self.subject() });
        let mut table = StageTable { title, about, ..Default::default() };
        for condition in self.plain() {
            let paper = printed(&self.status.spec.base, &condition);
            let summary = self.aggregate.summary(condition.index, self.choice);
            table.rows.push(StageRow {
                condition: condition.index,
                label: self.full(&condition),
                n: self.aggregate.outcomes(condition.index),
                text_tokens: summary.text_tokens,
                image_tokens: summary.image_tokens,
                stages: stage_cells(&summary, paper.as_ref()),
            });
            let row = paper.or_else(|| paper::of_family(&self.family(&condition)));
            table.paper.extend(row.filter(|r| !table.paper.contains(r)));
        }
        table
    }

    /// The condition that one is compared with: of those that differ in one thing, the one in which
    /// nothing is done to the picture's tokens; else the one with the most exact weights; else the
    /// first with another size or template. `None` for a baseline itself.
    fn baseline(&self, of: &Condition) -> Option<Condition> {
        let all = self.all();
        if !of.is_plain() {
            let plain = untouched(of);
            return all.into_iter().find(|c| c.same_as(&plain));
        }
        let exact = |c: &&Condition| {
            Quant::ALL.iter().position(|q| *q == c.quant).unwrap_or(Quant::ALL.len())
        };
        let others = |fits: &dyn Fn(&&Condition) -> bool| -> Vec<Condition> {
            all.iter()
                .filter(|c| c.is_plain() && c.model == of.model)
                .filter(fits)
                .cloned()
                .collect()
        };
        let quants = others(&|c| (&c.template, c.max_pixels) == (&of.template, of.max_pixels));
        let sizes = others(&|c| c.quant == of.quant);
        let most_exact = quants.iter().min_by_key(exact);
        let found = most_exact.filter(|c| c.index != of.index).or_else(|| sizes.first());
        found.filter(|c| c.index != of.index).cloned()
    }

    fn changes(&mut self) -> Option<ChangeTable> {
        let mut rows = Vec::new();
        let pairs = |this: &Self, condition: &Condition| {
            // A score is to be better than chance.
            let chance = this.all().into_iter().find(|c| {
                c.is_random() && Condition { prune_by: None, ..c.clone() }.same_as(condition)
            });
            [this.baseline(condition), chance]
        };
        let all = self.all().into_iter().map(|c| (pairs(self, &c), c)).collect::<Vec<_>>();
        for (from, condition) in
            all.iter().flat_map(|(from, c)| from.iter().flatten().map(move |from| (from, c)))
        {
            let judged = self.aggregate.verdicts(condition.index).is_some();
            rows.push(ChangeRow {
                from: from.index,
                from_label: self.full(from),
                condition: condition.index,
                label: self.full(condition),
                stages: self.aggregate.stage_changes(from.index, condition.index, self.choice),
                right: judged.then(|| self.aggregate.right_change(from.index, condition.index)),
            });
        }
        let subject = self.subject();
        let title = || self.say(TableText::Changes { subject });
        (!rows.is_empty()).then(|| ChangeTable { title: title(), rows })
    }

    fn answers(&mut self) -> Option<AnswerTable> {
        let mut rows = Vec::new();
        for condition in self.all() {
            let Some(verdicts) = self.aggregate.verdicts(condition.index) else { continue };
            let plain = untouched(&condition);
            let plain = self.all().into_iter().find(|c| c.same_as(&plain));
            let from = plain.filter(|plain| plain.index != condition.index);
            let kinds = self.aggregate.verdicts_by_kind(condition.index).into_iter();
            let summary = self.aggregate.summary(condition.index, self.choice);
            rows.push(AnswerRow {
                condition: condition.index,
                label: self.full(&condition),
                verdicts,
                late_mdi: cell(&summary.stages[2].mdi),
                late_share_text: cell(&summary.stages[2].share_text),
                change: from.map(|from| self.aggregate.right_change(from.index, condition.index)),
                kinds: kinds.map(|(kind, verdicts)| KindVerdicts { kind, verdicts }).collect(),
            });
        }
        if rows.is_empty() {
            return None;
        }
        let (title, about) = self.numbered(3, TableText::Answers { subject: self.subject() });
        Some(AnswerTable { title, about, rows })
    }

    fn definitions(&mut self) -> Vec<DefinitionTable> {
        let choices: Vec<Choice> = self.aggregate.choices().cloned().collect();
        let mut tables = Vec::new();
        for condition in self.plain() {
            let index = condition.index;
            let mut rows = Vec::new();
            for (number, choice) in choices.iter().enumerate() {
                let summary = self.aggregate.summary(index, number);
                rows.push(DefinitionRow {
                    choice: choice.name.clone(),
                    title: choice.title.clone(),
                    text_tokens: summary.text_tokens,
                    stages: stage_cells(&summary, None),
                    change: (number > 0)
                        .then(|| self.aggregate.late_change((index, 0), (index, number))),
                });
            }
            let (label, subject) = (self.label(&condition), self.subject());
            let finding = finding(&choices, &rows).map(|said| self.say(said));
            tables.push(DefinitionTable {
                label: self.say(label.clone()),
                title: self.say(TableText::UnderDefinitions { label, subject }),
                condition: index,
                finding: finding.unwrap_or_default(),
                rows,
            });
        }
        tables
    }

    fn conditions(&mut self) -> Vec<ConditionResult> {
        let choices: Vec<Choice> = self.aggregate.choices().cloned().collect();
        let left_out = self.aggregate.left_out();
        let plain: Vec<u32> = self.plain().iter().map(|c| c.index).collect();
        let mut all = Vec::new();
        for condition in self.all() {
            let index = condition.index;
            let mut shown = vec![self.choice];
            if plain.contains(&index) {
                shown.extend((0..choices.len()).filter(|c| *c != self.choice));
            }
            let paper = printed(&self.status.spec.base, &condition);
            let cells = shown.into_iter().map(|number| {
                let paper = paper.as_ref().filter(|_| number == self.choice);
                choice_cells(&choices[number], &self.aggregate.summary(index, number), paper)
            });
            let cells = cells.collect();
            all.push(ConditionResult {
                label: self.full(&condition),
                template: labels::template(self.status, &condition),
                options: self.aggregate.grid().options.get(index as usize).cloned(),
                n: self.aggregate.outcomes(index),
                left_out: left_out.iter().filter(|l| l.condition == index).map(|l| l.count).sum(),
                verdicts: self.aggregate.verdicts(index),
                choices: cells,
                condition,
            });
        }
        all
    }
}

/// A condition as it is where nothing is done to the picture or its tokens.
fn untouched(of: &Condition) -> Condition {
    Condition { prune: 0.0, prune_by: None, replicate: 1, picture: None, ..of.clone() }
}

/// How many single choices two choices differ in.
fn apart(a: &Choice, b: &Choice) -> usize {
    let (x, y) = (&a.definition, &b.definition);
    let groups = crate::Group::ALL.into_iter();
    groups.filter(|g| x.text.contains(*g) != y.text.contains(*g)).count()
        + usize::from(x.queries != y.queries)
        + usize::from(x.heads != y.heads)
        + usize::from(x.stages != y.stages)
        + usize::from(x.layers != y.layers)
        + usize::from(x.other != y.other)
        + usize::from(x.instead != y.instead)
        + usize::from(a.samples != b.samples)
}

/// Which single choice moves the late MDI most.
fn finding(choices: &[Choice], rows: &[DefinitionRow]) -> Option<TableText> {
    let moved = rows.iter().zip(choices).filter(|(_, c)| apart(&choices[0], c) == 1);
    let moved = moved.filter_map(|(row, choice)| {
        let change = row.change?;
        let ratio = change.factor().filter(|r| *r > 0.0)?;
        Some((ratio.max(1.0 / ratio), ratio, row, change, choice))
    });
    let (_, ratio, row, change, choice) = moved.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let late = |row: &DefinitionRow| row.stages.last()?.mdi.estimate.centre().value;
    let number = |v: Option<f64>| v.map(short).unwrap_or_default();
    Some(TableText::MovesMost {
        choice: choice.titled(),
        from: number(rows.first().and_then(late)),
        to: number(late(row)),
        ratio: short(ratio),
        n: change.n.into(),
    })
}
