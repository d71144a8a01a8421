//! The runs beside each other, read and kept up to date, and what is chosen in all of them.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::{Definition, ErrorCode, Observation, PictureUse, RunOptions};

use super::difference::{Swapped, named};
use crate::lab::Lab;
use crate::language::t;
use crate::owner;
use crate::run::Run;
use crate::run::link::Curve;
use crate::run::phase::Phase;
use crate::source::{Following, Source};

/// What is chosen in all runs.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) definition: RwSignal<Definition>,
    pub(super) layer: RwSignal<Option<usize>>,
    pub(super) hover: RwSignal<Option<usize>>,
    pub(super) curve: RwSignal<Curve>,
}

/// One of the runs.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    /// Which of them it is, from 0.
    pub(super) place: usize,
    /// Its name in addresses.
    pub(super) id: StoredValue<String>,
    /// What is known of it.
    pub(super) run: Run,
    /// Why it cannot be shown.
    pub(super) missing: RwSignal<Option<String>>,
    /// Which of its pictures are not the first run's; known once all were read.
    pub(super) swapped: RwSignal<Option<Swapped>>,
}

impl Opened {
    /// Opens a run and follows it while it is live, for as long as its place on the page exists.
    pub(super) fn open(lab: Lab, id: String, place: usize, chosen: Chosen) -> Self {
        let run = Run::new(Source::default());
        // One definition and one layer for all.
        Effect::new(move |_| run.view.definition.set(chosen.definition.get()));
        Effect::new(move |_| run.view.layer.set(chosen.layer.get()));
        Effect::new(move |_| run.hover.set(chosen.hover.get()));
        run.facts.id.set(Some(id.clone()));
        owner::note_answer(run);
        let missing = RwSignal::new(None);
        let live = StoredValue::new_local(None::<Following>);
        on_cleanup(move || {
            live.try_update_value(|live| {
                if let Some(live) = live.take() {
                    live.stop();
                }
            });
        });
        let name = id.clone();
        spawn_local(async move {
            let record = run.facts.source.record(&name).await;
            // Meanwhile the page may have gone elsewhere.
            if missing.try_get_untracked().is_none() {
                return;
            }
            match record {
                Ok(record) => {
                    let cursor = run.facts.take(record);
                    if !cursor.ended {
                        live.set_value(Some(lab.follow(run, name, cursor.next)));
                    }
                }
                Err(failure) => {
                    if failure.code == Some(ErrorCode::NotFound) {
                        owner::unlist(&name);
                    }
                    missing.set(Some(failure.message));
                }
            }
        });
        let id = StoredValue::new(id);
        Opened { place, id, run, missing, swapped: RwSignal::new(None) }
    }

    /// How many pictures it has; `None` while that is not known.
    pub(super) fn pictures(self) -> Option<u8> {
        let media = |o: &Observation| o.layout.as_ref().map(|l| l.media.len() as u8);
        let laid_out = self.run.facts.observation.with(media);
        let over = self.run.facts.phase.with(|p| !p.is_live() && *p != Phase::Opening);
        // One was sent with every run, also where it ended before it was laid out or was shown none.
        laid_out.or(over.then_some(1)).map(|n| n.max(1))
    }

    /// How many pictures it was shown; none before that is known.
    pub(super) fn shown(self) -> u8 {
        let shown = self.run.facts.options.with(|o| o.picture != PictureUse::None);
        if shown { self.pictures().unwrap_or(1) } else { 0 }
    }

    /// Looks which of this run's pictures are the first run's, byte for byte.
    pub(super) fn compare_pictures(self, first: Opened) {
        let counts = Memo::new(move |_| Some((self.pictures()?, first.pictures()?)));
        Effect::new(move |_| {
            let Some((own, other)) = counts.get() else { return };
            let none = |run: Opened| {
                run.run.facts.options.with_untracked(|o| o.picture == PictureUse::None)
            };
            let shown_none = none(self) || none(first);
            spawn_local(async move {
                let names = (self.id.try_get_value(), first.id.try_get_value());
                let (Some(name), Some(first)) = names else { return };
                let (source, mut same) = (self.run.facts.source, Vec::new());
                for n in 0..own.min(other) {
                    let read = source.picture_bytes(&name, n).await;
                    match (read, source.picture_bytes(&first, n).await) {
                        (Ok(own), Ok(first)) => same.push(own == first),
                        _ => return,
                    }
                }
                self.swapped.try_set(Some(Swapped::new(&same, (own, other), shown_none)));
            });
        });
    }

    /// What was asked, with what a run of long ago left to the model filled in.
    pub(super) fn options(self) -> RunOptions {
        let mut options = self.run.facts.options.get();
        let own = self.run.facts.model.get().unwrap_or_default();
        options.template = options.template_on(&own).to_owned();
        options
    }

    /// What it is called: by its owner, or by what differs from the first.
    pub(super) fn name(self, first: Opened) -> String {
        if self.missing.with(Option::is_some) {
            return t("a run that is gone").into();
        }
        let label = self.run.facts.label.with(|l| l.name.clone());
        if !label.is_empty() {
            return label;
        }
        let options = self.options();
        // What is compared with nothing differs from nothing.
        if self.place == 0 || first.missing.with(Option::is_some) {
            let prompt = plots::text::short(&options.prompt, 60);
            return format!("“{prompt}” · {}", options.model);
        }
        named(&first.options(), &options, &self.swapped.get().unwrap_or_default())
    }

    /// Whether its answer is complete.
    pub(super) fn answered(self) -> bool {
        self.run.facts.phase.with(|p| matches!(p, Phase::Done(_)))
    }
}
