//! The runs beside each other, read and kept up to date, and what is chosen in all of them.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::{Definition, ErrorCode, RunOptions};

use super::difference::named;
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
    /// Whether it has another picture than the first; known once both were read.
    pub(super) swapped: RwSignal<Option<bool>>,
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

    /// Looks whether this run's picture is the first one's, byte for byte.
    pub(super) fn compare_picture(self, first: Opened) {
        spawn_local(async move {
            let names = (self.id.try_get_value(), first.id.try_get_value());
            let (Some(own), Some(other)) = names else { return };
            let source = self.run.facts.source;
            let read = (source.picture_bytes(&own, 0).await, source.picture_bytes(&other, 0).await);
            if let (Ok(own), Ok(other)) = read {
                self.swapped.try_set(Some(own != other));
            }
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
        named(&first.options(), &options, self.swapped.get() == Some(true))
    }

    /// Whether its answer is complete.
    pub(super) fn answered(self) -> bool {
        self.run.facts.phase.with(|p| matches!(p, Phase::Done(_)))
    }
}
