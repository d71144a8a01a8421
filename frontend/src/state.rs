//! The page's state: one [`RunView`] for each run on the screen, and the [`Lab`] around it.
//!
//! A run's events are folded into its [`Observation`]; what a person chose (definition, layer,
//! token) lies beside it; every number is a memo over both.

use leptos::prelude::*;
use shared::{
    Definition, Envelope, Event, Group, Measure, ModelInfo, Observation, RunOptions, Stage,
    Summary, api::ModelEntry, api::Sample, report::Fidelity,
};

use crate::api::live::Live;
use crate::colour::Palette;
use crate::link::{Curve, Pick, Scale, View};
use crate::overlay;
use crate::phase::Phase;

/// The address of the finished run that ships with the lab.
pub const SHIPPED: &str = "sample";

/// One run and how it is looked at.
#[derive(Clone, Copy)]
pub struct RunView {
    /// The run's name; `None` before there is one.
    pub id: RwSignal<Option<String>>,
    /// Where it stands.
    pub phase: RwSignal<Phase>,
    /// What was asked.
    pub options: RwSignal<RunOptions>,
    /// What answered.
    pub model: RwSignal<Option<ModelInfo>>,
    /// What was observed.
    pub observation: RwSignal<Observation>,
    /// What came out.
    pub summary: RwSignal<Option<Summary>>,
    /// How the run compares with one that nobody observed, where that was asked.
    pub fidelity: RwSignal<Option<Fidelity>>,
    /// Whether the connection to a live run is lost at the moment.
    pub lost: RwSignal<bool>,
    /// What counts as what.
    pub definition: RwSignal<Definition>,
    /// The layer that stays chosen.
    pub pinned: RwSignal<Option<usize>>,
    /// The layer under the pointer.
    pub hover: RwSignal<Option<usize>>,
    /// The chosen token.
    pub pick: RwSignal<Pick>,
    /// The chart's curve.
    pub curve: RwSignal<Curve>,
    /// The overlay's scale.
    pub scale: RwSignal<Scale>,
    /// The layer that is looked at: under the pointer, else pinned, else the middle.
    pub layer: Memo<Option<usize>>,
    /// The token that is looked at.
    pub token: Memo<Option<usize>>,
    /// Measures by layer.
    pub measures: Memo<Vec<Measure>>,
    /// Measures of the three stages.
    pub stages: Memo<[Measure; 3]>,
    /// Top of the overlay's absolute scale.
    pub top: Memo<f32>,
    tops: StoredValue<overlay::Top>,
}

impl RunView {
    /// An empty view.
    pub fn new() -> Self {
        let observation = RwSignal::new(Observation::default());
        // The page always begins by opening a run: the one in its address, or the shipped one.
        let phase = RwSignal::new(Phase::Opening);
        let definition = RwSignal::new(Definition::default());
        let pinned = RwSignal::new(None);
        let hover = RwSignal::new(None);
        let pick = RwSignal::new(Pick::Auto);

        let layers = Memo::new(move |_| observation.with(Observation::layers));
        let layer = Memo::new(move |_| {
            let layers = layers.get();
            let middle = Stage::Middle.layers(definition.get().stages, layers).last();
            hover.get().or(pinned.get()).filter(|l| *l < layers).or(middle)
        });
        let live = Memo::new(move |_| phase.with(Phase::is_live));
        let token = Memo::new(move |_| {
            observation.with(|o| match pick.get() {
                Pick::Nothing => None,
                Pick::Token(i) => (i < o.tokens.len()).then_some(i),
                Pick::Auto if live.get() => o.tokens.len().checked_sub(1),
                Pick::Auto => longest_word(o),
            })
        });
        let measures = Memo::new(move |_| {
            let definition = definition.get();
            observation
                .with(|o| (0..o.layers()).map(|l| o.measure(l, &definition)).collect::<Vec<_>>())
        });
        let stages = Memo::new(move |_| {
            let definition = definition.get();
            observation.with(|o| Stage::ALL.map(|s| o.stage(s, &definition)))
        });
        let tops = StoredValue::new(overlay::Top::default());
        let top = Memo::new(move |_| {
            observation.track();
            tops.with_value(overlay::Top::value)
        });
        RunView {
            id: RwSignal::new(None),
            phase,
            options: RwSignal::new(RunOptions::default()),
            model: RwSignal::new(None),
            observation,
            summary: RwSignal::new(None),
            fidelity: RwSignal::new(None),
            lost: RwSignal::new(false),
            definition,
            pinned,
            hover,
            pick,
            curve: RwSignal::new(Curve::Mdi),
            scale: RwSignal::new(Scale::Absolute),
            layer,
            token,
            measures,
            stages,
            top,
            tops,
        }
    }

    /// Empties the view for another run; the definition and how things are shown stay.
    pub fn reset(&self, id: Option<String>, phase: Phase) {
        self.id.set(id);
        self.phase.set(phase);
        self.model.set(None);
        self.tops.set_value(overlay::Top::default());
        self.observation.set(Observation::default());
        self.summary.set(None);
        self.fidelity.set(None);
        self.lost.set(false);
        self.pinned.set(None);
        self.hover.set(None);
        self.pick.set(Pick::Auto);
    }

    /// Folds events in, which must be the next ones in order; one change of the page for all.
    pub fn fold(&self, envelopes: &[Envelope]) {
        if envelopes.is_empty() {
            return;
        }
        let mut phase = self.phase.get_untracked();
        for Envelope { event, .. } in envelopes {
            if let Event::Layout { model, options, .. } = event {
                self.model.set(Some(model.clone()));
                self.options.set(options.clone());
            }
            if let Event::Done { summary } = event {
                self.summary.set(Some(summary.clone()));
            }
            if let Event::Verified { fidelity } = event {
                self.fidelity.set(Some(*fidelity));
            }
            phase = self.options.with_untracked(|o| phase.after(event, o));
        }
        let observed = |e: &&Envelope| {
            matches!(
                e.event,
                Event::Layout { .. } | Event::PrefillLayer { .. } | Event::Token { .. }
            )
        };
        if envelopes.iter().any(|e| observed(&e)) {
            self.observation.update(|o| {
                envelopes.iter().for_each(|e| o.apply(&e.event));
                self.tops.update_value(|tops| tops.take(o));
            });
        }
        self.phase.set(phase);
    }

    /// How the run is looked at now.
    pub fn view(&self) -> View {
        View {
            definition: self.definition.get(),
            layer: self.pinned.get(),
            token: self.pick.get(),
            curve: self.curve.get(),
            scale: self.scale.get(),
        }
    }

    /// Looks at the run as a link says.
    pub fn look(&self, view: View) {
        self.definition.set(view.definition);
        self.pinned.set(view.layer);
        self.pick.set(view.token);
        self.curve.set(view.curve);
        self.scale.set(view.scale);
    }

    /// Moves the pinned layer by `by`, staying inside the model.
    pub fn step_layer(&self, by: isize) {
        let layers = self.observation.with_untracked(Observation::layers);
        if let (Some(now), Some(last)) = (self.layer.get_untracked(), layers.checked_sub(1)) {
            self.hover.set(None);
            self.pinned.set(Some(now.saturating_add_signed(by).min(last)));
        }
    }

    /// Moves the chosen token by `by`, staying inside the answer.
    pub fn step_token(&self, by: isize) {
        let last = self.observation.with_untracked(|o| o.tokens.len()).checked_sub(1);
        if let Some(last) = last {
            let next = match self.token.get_untracked() {
                Some(now) => now.saturating_add_signed(by).min(last),
                None => 0,
            };
            self.pick.set(Pick::Token(next));
        }
    }
}

impl Default for RunView {
    fn default() -> Self {
        Self::new()
    }
}

/// The answer's longest word: the one worth looking at first in a finished run.
fn longest_word(observation: &Observation) -> Option<usize> {
    let length = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let tokens = observation.tokens.iter().enumerate();
    // max_by_key takes the last of equals; the answer's content tends to stand at its end.
    tokens.max_by_key(|(_, t)| length(&t.text)).map(|(i, _)| i)
}

/// The definition with the sink taken out of the text, or put in where it is out.
pub fn sink_toggled(definition: &Definition) -> Definition {
    let text = definition.text;
    let text = if text.contains(Group::Begin) {
        text.without(Group::Begin)
    } else {
        text.with(Group::Begin)
    };
    Definition { text, ..*definition }
}

/// Where the picture of the next run comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
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

impl Source {
    /// The address to show the picture by.
    pub fn url(&self) -> String {
        match self {
            Source::Sample(file) => format!("/api/samples/{file}"),
            Source::File { url, .. } => url.clone(),
            Source::Run(id) => format!("/api/runs/{id}/picture"),
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
    pub run: RunView,
    /// Errors not dismissed yet.
    pub notes: RwSignal<Vec<Note>>,
    /// The next run's picture.
    pub source: RwSignal<Option<Source>, LocalStorage>,
    /// The next run's prompt.
    pub prompt: RwSignal<String>,
    /// Whether the person typed or chose something: then nothing may overwrite it.
    pub touched: RwSignal<bool>,
    /// The next run's options; its prompt is ignored.
    pub options: RwSignal<RunOptions>,
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
    pub live: StoredValue<Option<Live>, LocalStorage>,
    /// What the last action did, for the live region.
    pub said: RwSignal<String>,
}

impl Lab {
    /// A lab without a run.
    pub fn new() -> Self {
        Lab {
            run: RunView::new(),
            notes: RwSignal::new(Vec::new()),
            source: RwSignal::new_local(None),
            prompt: RwSignal::new(String::new()),
            touched: RwSignal::new(false),
            options: RwSignal::new(RunOptions::default()),
            models: RwSignal::new(Vec::new()),
            samples: RwSignal::new(Vec::new()),
            palette: RwSignal::new(Palette::default()),
            type_size: RwSignal::new(12.0),
            sending: RwSignal::new(false),
            live: StoredValue::new_local(None),
            said: RwSignal::new(String::new()),
        }
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

    /// Chooses a picture; the address of one that is replaced is given back.
    pub fn choose(&self, source: Option<Source>) {
        let before = self.source.get_untracked();
        if let Some(Source::File { url, .. }) = &before
            && before != source
        {
            crate::browser::forget_url(url);
        }
        self.source.set(source);
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
