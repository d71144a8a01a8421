//! The page around the run: errors, and what the form holds for the next run.

use std::collections::BTreeSet;

use leptos::prelude::*;
use shared::AskedOptions;
use shared::api::{ModelEntry, Sample};
use shared::experiment::ExperimentSpec;
use shared::experiment::paper::PRUNE;

use crate::browser;
use crate::errors;
use crate::language::{InForce, Language};
use crate::listing::Listing;
use crate::run::Run;
use crate::run::phase::Phase;
use crate::source::{Failure, Following, Source, Told, samples};
use crate::tour::Step;
use crate::tried::Tried;
use crate::words::plot_words;
use plots::{Palette, Style};

/// Where the picture of the next run comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum PictureFrom {
    /// A picture that ships with the lab.
    Sample(String),
    /// A file of the person's own, and an address to show it by.
    File {
        /// The file.
        file: web_sys::File,
        /// Its object URL.
        url: String,
    },
    /// The picture of a run that is there.
    Run(String),
}

impl PictureFrom {
    /// Whether it is a sound of the person's own.
    pub fn is_sound(&self) -> bool {
        matches!(self, PictureFrom::File { file, .. } if file.type_().starts_with("audio/"))
    }

    /// The address to show the picture by.
    pub fn url(&self) -> String {
        match self {
            PictureFrom::Sample(file) => samples::url(file),
            PictureFrom::File { url, .. } => url.clone(),
            PictureFrom::Run(id) => Source::default().picture_url(id, 0),
        }
    }
}

/// What of a run's page a phone shows, one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Question, answer and picture.
    #[default]
    Answer,
    /// Numbers layer by layer.
    Layers,
    /// Heads beside the map that they change.
    Heads,
    /// Who looks at whom, word by word, and every token.
    Flow,
    /// The form.
    Ask,
}

impl Tab {
    /// All of them, in order.
    pub const ALL: [Tab; 5] = [Tab::Answer, Tab::Layers, Tab::Heads, Tab::Flow, Tab::Ask];

    /// The name that the style sheet knows it by.
    pub const fn name(self) -> &'static str {
        match self {
            Tab::Answer => "answer",
            Tab::Layers => "layers",
            Tab::Heads => "heads",
            Tab::Flow => "flow",
            Tab::Ask => "ask",
        }
    }
}

/// Errors on the screen at once.
const MOST_NOTES: usize = 3;

/// An error that stays until it is dismissed.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Tells notes apart.
    pub key: u32,
    /// The stable code, for reports; empty where none came.
    pub code: &'static str,
    /// What happened and what to do.
    pub message: String,
}

/// The page around the run.
#[derive(Clone, Copy)]
pub struct Lab {
    /// The run on the screen.
    pub run: Run,
    /// Errors not dismissed yet.
    pub notes: RwSignal<Vec<Note>>,
    /// The next run's picture.
    pub picture: RwSignal<Option<PictureFrom>, LocalStorage>,
    /// What the browser did to the next run's pictures, where the lab does not take them as they are.
    pub converted: RwSignal<Option<String>>,
    /// How many times files were taken, and whether the last of them are still being read.
    pub reading: RwSignal<(u32, bool)>,
    /// Further pictures of the next run, files of the person's own.
    pub more: RwSignal<Vec<web_sys::File>, LocalStorage>,
    /// The next run's prompt.
    pub prompt: RwSignal<String>,
    /// Whether the person typed or chose something: then nothing may overwrite it.
    pub touched: RwSignal<bool>,
    /// What the next run is asked with; what nobody chose is left to the model. Its prompt is ignored.
    pub options: RwSignal<AskedOptions>,
    /// Models on offer.
    pub models: RwSignal<Vec<ModelEntry>>,
    /// Pictures on offer.
    pub samples: RwSignal<Vec<Sample>>,
    /// The theme's colours.
    pub palette: RwSignal<Palette>,
    /// Size of a plot's type, in CSS pixels: follows the theme.
    pub type_size: RwSignal<f64>,
    /// Whether a new run's picture is on its way to the server.
    pub sending: RwSignal<bool>,
    /// The connection to a live run.
    pub live: StoredValue<Option<Following>, LocalStorage>,
    /// What the last action did, for the live region.
    pub said: RwSignal<String>,
    /// What the form of experiments holds.
    pub experiment: RwSignal<ExperimentSpec>,
    /// The language; a change draws everything below the router anew.
    pub language: RwSignal<Language>,
    /// Runs of one's own that are chosen to be compared.
    pub chosen_runs: RwSignal<BTreeSet<String>>,
    /// How runs of one's own are listed.
    pub listing: RwSignal<Listing>,
    /// The step of the tour, while it is on.
    pub tour: RwSignal<Option<Step>>,
    /// What a phone shows.
    pub tab: RwSignal<Tab>,
    /// Whether a picture was chosen that nobody asked about yet: it is shown instead of the run.
    pub drafting: RwSignal<bool>,
    /// What was claimed of pictures, and what came of it.
    pub claims: RwSignal<Tried>,
    /// The path of the page that is drawn anew as it stands, until that page asks.
    pub redrawn: StoredValue<Option<String>>,
}

impl Lab {
    /// A lab without a run.
    pub fn new() -> Self {
        Lab {
            run: Run::new(Source::default()),
            notes: RwSignal::new(Vec::new()),
            picture: RwSignal::new_local(None),
            converted: RwSignal::new(None),
            reading: RwSignal::new((0, false)),
            more: RwSignal::new_local(Vec::new()),
            prompt: RwSignal::new(String::new()),
            touched: RwSignal::new(false),
            options: RwSignal::new(AskedOptions::default()),
            models: RwSignal::new(Vec::new()),
            samples: RwSignal::new(Vec::new()),
            palette: RwSignal::new(Palette::default()),
            type_size: RwSignal::new(12.0),
            sending: RwSignal::new(false),
            live: StoredValue::new_local(None),
            said: RwSignal::new(String::new()),
            experiment: RwSignal::new(ExperimentSpec {
                prune: PRUNE.to_vec(),
                ..ExperimentSpec::default()
            }),
            language: RwSignal::new(Language::now()),
            chosen_runs: RwSignal::new(BTreeSet::new()),
            listing: RwSignal::new(Listing::default()),
            tour: RwSignal::new(None),
            claims: RwSignal::new(Tried::default()),
            drafting: RwSignal::new(false),
            tab: RwSignal::new(Tab::default()),
            redrawn: StoredValue::new(None),
        }
    }

    /// What drawings are drawn in: the theme's colours and the language's words.
    pub fn style(&self) -> Style {
        Style { palette: self.palette.get(), words: plot_words() }
    }

    /// Every page is about to be drawn anew as it stands.
    pub fn redraw(&self) {
        self.redrawn.set_value(Some(browser::pathname()));
    }

    /// Whether the page of this path is drawn anew, and not opened; said once. What it was opened
    /// with is what it shows already: the router knows no later query than that.
    pub fn is_redrawn(&self, pathname: &str) -> bool {
        let redrawn = self.redrawn.try_update_value(Option::take).flatten();
        redrawn.is_some_and(|path| path == pathname)
    }

    /// Shows an error until it is dismissed; the same one is not shown twice, and of many the
    /// last ones.
    pub fn complain(&self, code: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.notes.update(|notes| {
            if notes.iter().all(|n| n.message != message) {
                let key = notes.iter().map(|n| n.key + 1).max().unwrap_or(0);
                notes.push(Note { key, code, message });
                let old = notes.len().saturating_sub(MOST_NOTES);
                notes.drain(..old);
            }
        });
    }

    /// Follows a run's events from a number on, into the view that shows it.
    pub fn follow(&self, run: Run, id: String, from: u64) -> Following {
        let lab = *self;
        run.facts.source.follow(id, from, move |told| lab.take_told(run, told))
    }

    fn take_told(&self, run: Run, told: Told) {
        match told {
            Told::Events(events) => run.facts.fold(&events),
            Told::Again(record) => {
                let view = untrack(|| run.view.get());
                run.reset(Some(record.id), Phase::Queued(0));
                run.view.set(view);
                run.facts.label.set(record.label);
                run.facts.created.set(record.created);
            }
            Told::Lost => run.facts.lost.set(true),
            Told::Serves => run.facts.lost.set(false),
            Told::Refused(failure) => self.complain(failure.code_name(), failure.message),
            Told::Gone(body) => {
                self.complain(body.code.name(), errors::of(&body));
                run.facts.lost.set(false);
                run.facts.phase.set(Phase::Failed(body));
            }
        }
    }

    /// Says why something was not taken and waits for when it may be, where that is soon; `false` where
    /// it is not to be asked for again.
    pub async fn waited(&self, failure: &Failure, tries: u32) -> bool {
        let Some(wait) = failure.wait(tries) else { return false };
        self.complain(failure.code_name(), failure.message.clone());
        browser::sleep(wait).await;
        // Said once more where it is refused once more.
        self.notes.try_update(|notes| notes.retain(|note| note.code != failure.code_name()));
        true
    }

    /// Chooses a picture; the address of one that is replaced is given back, and complaints about
    /// pictures, which are about another one now, go.
    pub fn choose(&self, source: Option<PictureFrom>) {
        let before = self.picture.get_untracked();
        let of_pictures = |note: &Note| note.code.starts_with("picture_");
        if source.is_some() && self.notes.with_untracked(|notes| notes.iter().any(of_pictures)) {
            self.notes.update(|notes| notes.retain(|note| !of_pictures(note)));
        }
        if let Some(PictureFrom::File { url, .. }) = &before
            && before != source
        {
            crate::browser::forget_url(url);
        }
        self.more.set(Vec::new());
        self.converted.set(None);
        let new = matches!(source, Some(PictureFrom::File { .. } | PictureFrom::Sample(_)));
        self.drafting.set(new);
        self.picture.set(source);
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// The lab of the current page.
pub fn use_lab() -> Lab {
    expect_context()
}
