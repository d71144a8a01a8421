//! Rows of the head that is looked at, fetched when somebody looks at one: they are no part of the
//! events, which every viewer follows.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::{HeadRows, HeadRowsKept, Heads, Layout, Looks, ModelInfo, Observation, Rows, Target};

use super::kept::Kept;
use super::link::Scale;
use super::shown::Shown;
use super::{Facts, Run, ViewSignals};
use plots::map::{Scales, Tops};

/// What was fetched of one head of a run.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fetched {
    run: Option<String>,
    rows: HeadRows,
    /// The lab handed out less than it said to keep.
    failed: bool,
}

/// What the maps follow.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// What is known of the run.
    pub(super) facts: Facts,
    /// How it is looked at.
    pub(super) view: ViewSignals,
    /// The head that is looked at.
    pub(super) head: Kept<Option<u32>>,
    /// The token that is looked at.
    pub(super) token: Kept<Option<usize>>,
    /// What its looks are shown of.
    pub(super) target: Kept<Option<Target>>,
    /// Where absolute scales of the mean end.
    pub(super) mean: Kept<Scales>,
}

/// Whose attention the maps show, and who looked at the target.
#[derive(Clone, Copy)]
pub struct Maps {
    /// Whose: the mean of heads, or one head's.
    pub shown: Kept<Shown>,
    /// Where absolute scales end. A head has its own: it looks harder than the mean of all.
    pub scales: Kept<Scales>,
    /// How much each token of the answer looked at the target, by layer.
    pub looks: Kept<Option<Looks>>,
    /// Where the looks' scale ends.
    pub looks_end: Kept<f32>,
    fetched: RwSignal<Fetched>,
    busy: StoredValue<bool>,
}

impl Maps {
    /// The maps of one run.
    pub(super) fn new(seen: Seen) -> Self {
        let Seen { facts: Facts { model, observation, .. }, view, head, token, target, mean } =
            seen;
        let ViewSignals { scale, .. } = view;
        let fetched = RwSignal::new(Fetched::default());
        let shown = Kept::new(move || {
            let head = head.get();
            let token = token.get().unwrap_or(0);
            let prompt = observation.with(|o| o.layout.as_ref().map_or(0, Layout::len));
            model.with(|model: &Option<ModelInfo>| match model {
                Some(model) => {
                    fetched.with(|f| Shown::of(head, token, (model, prompt), &f.rows, f.failed))
                }
                None => Shown::Mean,
            })
        });
        let scales = Kept::new(move || match shown.get().is_head() {
            true => {
                let mut tops = Tops::default();
                observation.with(|o| fetched.with(|f| tops.take(o, Rows::Head(&f.rows))));
                tops.values()
            }
            false => mean.get(),
        });
        let looks = Kept::new(move || {
            let target = target.get()?;
            let head = shown.get().is_head();
            Some(observation.with(|o| match head {
                true => fetched.with(|f| o.looks(Rows::Head(&f.rows), target)),
                false => o.looks(o.mean_rows(), target),
            }))
        });
        let looks_end = Kept::new(move || match (scale.get(), target.get()) {
            (Scale::Relative, _) => {
                looks.with(|l| l.as_ref().and_then(Looks::most).map_or(0.01, |(_, _, share)| share))
            }
            (Scale::Absolute, Some(Target::Patch { .. })) => scales.get().patch,
            (Scale::Absolute, _) => scales.get().key,
        });
        Maps { shown, scales, looks, looks_end, fetched, busy: StoredValue::new(false) }
    }

    /// Lends the rows that maps show: the mean of heads, or one head's.
    pub(super) fn lend<T>(&self, o: &Observation, f: impl FnOnce(&Observation, Rows) -> T) -> T {
        match self.shown.get().is_head() {
            true => self.fetched.with(|fetched| f(o, Rows::Head(&fetched.rows))),
            false => f(o, o.mean_rows()),
        }
    }

    /// Forgets what was fetched.
    pub fn reset(&self) {
        self.fetched.set(Fetched::default());
    }
}

impl Run {
    /// Lends the rows that maps show: the mean of heads, or one head's.
    pub fn with_rows<T>(&self, f: impl FnOnce(&Observation, Rows) -> T) -> T {
        self.facts.observation.with(|o| self.derived.maps.lend(o, f))
    }
}

/// The head that is looked at.
pub fn head_of(heads: Heads) -> Option<u32> {
    match heads {
        Heads::One(head) => Some(head),
        Heads::MeanFirst | Heads::ShareThenMean => None,
    }
}

/// What is to be fetched next: run, head, and from which token on.
fn wanted(run: Run) -> Option<(String, u32, u32)> {
    let (id, head) = (run.facts.id.get()?, run.derived.head.get()?);
    let (prompt, tokens) =
        run.facts.observation.with(|o| (o.layout.as_ref().map_or(0, Layout::len), o.tokens.len()));
    let HeadRowsKept::First(kept) =
        run.facts.model.with(|m| Some(HeadRowsKept::of(m.as_ref()?, prompt)))?
    else {
        return None;
    };
    let end = run.derived.maps.fetched.with_untracked(|f| {
        let same = f.run.as_ref() == Some(&id) && f.rows.head == head;
        (!(same && f.failed)).then_some(if same { f.rows.end() } else { 0 })
    })?;
    (end < tokens.min(kept as usize)).then_some((id, head, end as u32))
}

/// Fetches rows of the head that is looked at, as far as the answer is there.
pub(super) fn follow(run: Run) {
    let again = RwSignal::new(0_u32);
    Effect::new(move |_| {
        again.track();
        let Some((id, head, from)) = wanted(run) else { return };
        if run.derived.maps.busy.get_value() {
            return;
        }
        run.derived.maps.busy.set_value(true);
        spawn_local(async move {
            let answer = run.facts.source.head_rows(&id, head, from).await;
            // The view may be gone by now, and another head or run may be looked at.
            if run.derived.maps.busy.try_set_value(false).is_some() {
                return;
            }
            let still = run.facts.id.get_untracked().as_ref() == Some(&id)
                && run.derived.head.get_untracked() == Some(head);
            if still {
                run.derived.maps.fetched.update(|f| {
                    if from == 0 {
                        let rows = HeadRows { head, ..HeadRows::default() };
                        *f = Fetched { run: Some(id), rows, failed: false };
                    }
                    match answer {
                        Ok(rows) if !rows.tokens.is_empty() => f.rows.extend(rows),
                        _ => f.failed = true,
                    }
                });
            }
            again.update(|n| *n += 1);
        });
    });
}
