//! Tables of what dropping and repeating picture tokens does.

use super::super::labels::{self, as_typed, percent};
use super::super::{Floor, Lever, LeverRow, LeverSeries, LeverTable};
use super::{Build, printed, stage_cells, untouched};
use crate::experiment::{Condition, paper};
use crate::sentence::TableText;

impl Build<'_> {
    pub(super) fn lever(&mut self, lever: Lever) -> Option<LeverTable> {
        let value = |c: &Condition| match lever {
            Lever::Prune => as_typed(c.prune),
            Lever::Replicate => f64::from(c.replicate),
        };
        let fixed = |c: &Condition| match lever {
            Lever::Prune => Condition { index: 0, prune: 0.0, prune_by: None, ..c.clone() },
            Lever::Replicate => Condition { index: 0, replicate: 1, ..c.clone() },
        };
        let mut groups: Vec<Vec<Condition>> = Vec::new();
        for condition in self.all() {
            match groups.iter_mut().find(|g| fixed(&g[0]) == fixed(&condition)) {
                Some(group) => group.push(condition),
                None => groups.push(vec![condition]),
            }
        }
        groups.retain(|group| group.len() > 1);
        if groups.is_empty() {
            return None;
        }
        let subject = self.subject();
        let (title, about) = match lever {
            Lever::Prune => self.numbered(2, TableText::AsDropped { subject }),
            Lever::Replicate => (self.say(TableText::AsRepeated { subject }), String::new()),
        };
        let mut table = LeverTable { title, about, lever, series: Vec::new(), paper: Vec::new() };
        for mut group in groups {
            group.sort_by(|a, b| value(a).total_cmp(&value(b)).then(a.index.cmp(&b.index)));
            let label = self.full(&fixed(&group[0]));
            let papers = match lever {
                Lever::Prune => paper::pruned_of_family(&self.family(&group[0])),
                Lever::Replicate => paper::replicated(),
            };
            let rows = group
                .iter()
                .map(|condition| self.lever_row(lever, condition, &group[0], value(condition)))
                .collect();
            table.paper.extend(
                papers.into_iter().filter(|p| !table.paper.contains(p)).collect::<Vec<_>>(),
            );
            let (model, floors) = (group[0].model.clone(), self.floors(&group[0]));
            table.series.push(LeverSeries { label, model, rows, floors });
        }
        Some(table)
    }

    /// What the model of a condition gets right without the picture.
    fn floors(&self, of: &Condition) -> Vec<Floor> {
        let all = self.all().into_iter().filter(Condition::is_floor);
        let floors = all.filter(|c| untouched(c).same_as(&untouched(of)) && c.prune == 0.0);
        let floor = |c: Condition| {
            let right = self.aggregate.verdicts(c.index)?.right;
            Some(Floor { condition: c.index, label: self.say(labels::picture(c.picture?)), right })
        };
        floors.filter(|c| c.replicate == 1).filter_map(floor).collect()
    }

    fn lever_row(
        &mut self,
        lever: Lever,
        condition: &Condition,
        first: &Condition,
        value: f64,
    ) -> LeverRow {
        let (index, choice) = (condition.index, self.choice);
        let summary = self.aggregate.summary(index, choice);
        let moved = index != first.index;
        let verdicts = self.aggregate.verdicts(index);
        LeverRow {
            condition: index,
            value,
            label: match lever {
                Lever::Prune if condition.is_random() => self
                    .say(TableText::row(vec![percent(value).into(), TableText::AtRandom.into()])),
                Lever::Prune => percent(value),
                Lever::Replicate => format!("×{value}"),
            },
            random: condition.is_random(),
            n: self.aggregate.outcomes(index),
            text_tokens: summary.text_tokens,
            image_tokens: summary.image_tokens,
            stages: stage_cells(&summary, printed(&self.status.spec.base, condition).as_ref()),
            late_change: moved
                .then(|| self.aggregate.late_change((first.index, choice), (index, choice))),
            changes: match moved {
                true => self.aggregate.stage_changes(first.index, index, choice),
                false => Vec::new(),
            },
            right_change: verdicts
                .filter(|_| moved)
                .map(|_| self.aggregate.right_change(first.index, index)),
            verdicts,
        }
    }
}
