//! Which items of an experiment are worth a look.

use shared::Definition;
use shared::experiment::{ItemRecord, Verdict};

use super::{Kept, Live, no_experiment};
use crate::error::ApiError;
use crate::experiments::{End, Ended, Means};
use crate::id::RunId;

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The most text-leaning answers.
    #[default]
    Highest,
    /// The most picture-leaning answers.
    Lowest,
    /// Items that could not be run, by number.
    LeftOut,
    /// Answers that say what the prompt falsely claims, the most text-leaning first.
    Claimed,
}

/// Which items are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Of this condition; of all where none is named.
    pub condition: Option<u32>,
    /// In this order.
    pub order: Order,
    /// At most so many.
    pub limit: usize,
    /// MDI under this definition.
    pub definition: Definition,
}

impl Live {
    /// Items of an experiment, with what they left.
    ///
    /// # Errors
    /// `not_found`, or the book cannot be read.
    pub async fn items(
        &self,
        means: &Means,
        id: &RunId,
        asked: Asked,
    ) -> Result<Vec<ItemRecord>, ApiError> {
        let chosen = self.with(means, id, asked.definition, move |kept, choice| {
            Ok(chosen(kept, choice, &asked))
        });
        let chosen = chosen.await?;
        let (means, id) = (means.clone(), id.clone());
        let read = move || {
            let experiment = means.book.get(&id)?.ok_or_else(no_experiment)?;
            let mut records = Vec::with_capacity(chosen.len());
            for (item, mdi) in chosen {
                let condition = experiment.start.grid.item(item).map_or(0, |(c, _)| c.index);
                if let Some(ended) = means.book.end(&id, item)? {
                    records.push(record(ended, condition, mdi));
                }
            }
            Ok(records)
        };
        tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)?
    }
}

/// The items' numbers and late MDIs, in the order asked for.
fn chosen(kept: &Kept, choice: usize, asked: &Asked) -> Vec<(u32, Option<f64>)> {
    let aggregate = &kept.folded.aggregate;
    let grid = aggregate.grid();
    let conditions = grid.conditions.iter().map(|c| c.index);
    let conditions = conditions.filter(|c| asked.condition.is_none_or(|wanted| wanted == *c));
    let mut found: Vec<(u32, Option<f64>)> = Vec::new();
    for condition in conditions {
        let item = |sample: u32| condition * grid.samples + sample;
        if asked.order == Order::LeftOut {
            let samples = aggregate.samples_left_out(condition);
            found.extend(samples.into_iter().map(|sample| (item(sample), None)));
            continue;
        }
        for sample in aggregate.samples(condition) {
            let claimed = || aggregate.verdict_of(condition, sample) == Some(Verdict::Claimed);
            if asked.order != Order::Claimed || claimed() {
                let mdi = aggregate.late_mdi_of(condition, sample, choice).ok();
                found.push((item(sample), mdi));
            }
        }
    }
    match asked.order {
        Order::LeftOut => {}
        Order::Lowest => found.sort_by(|a, b| rising(a.1, b.1)),
        Order::Highest | Order::Claimed => {
            found.sort_by(|a, b| rising(a.1.map(|v| -v), b.1.map(|v| -v)));
        }
    }
    found.truncate(asked.limit);
    found
}

/// Those without a value come last, whichever end is asked for.
fn rising(a: Option<f64>, b: Option<f64>) -> std::cmp::Ordering {
    let key = |v: Option<f64>| v.unwrap_or(f64::INFINITY);
    key(a).total_cmp(&key(b))
}

/// An item as lists show it.
pub fn record(ended: Ended, condition: u32, mdi: Option<f64>) -> ItemRecord {
    let Ended { item, end, run, .. } = ended;
    match end {
        End::Done(outcome) => ItemRecord {
            item,
            condition,
            sample: outcome.sample,
            answer: Some(outcome.answer),
            verdict: outcome.verdict,
            mdi,
            left_out: None,
            run,
            made_with: outcome.made_with,
        },
        End::LeftOut(left_out) => ItemRecord {
            item,
            condition,
            sample: left_out.sample.clone(),
            answer: None,
            verdict: None,
            mdi: None,
            left_out: Some(left_out),
            run,
            made_with: None,
        },
    }
}
