//! The report: one run's numbers under one definition, as `analyze --json` and exports give them.

use serde::{Deserialize, Serialize};

use crate::api::RunState;
use crate::bins::Bins;
use crate::definition::Definition;
use crate::event::{Summary, Timing};
use crate::flow::LayerFlow;
use crate::group::{Counts, Group};
use crate::label::Label;
use crate::layout::Token;
use crate::measure::{Measure, Undefined, Value};
use crate::media::{Medium, PreparedPicture};
use crate::moved::Moved;
use crate::observation::Observation;
use crate::options::{ModelInfo, RunOptions};
use crate::repeat::{RepeatTable, Sampled};
use crate::sentence::{Message, Sentence};
use crate::stage::Stage;

/// MDI, AEI and their parts; a number, or null with the reason in `undefined`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Numbers {
    /// Modality dominance index.
    pub mdi: Option<f64>,
    /// Attention efficiency index of text.
    pub aei_text: Option<f64>,
    /// Attention efficiency index of the picture.
    pub aei_image: Option<f64>,
    /// `A_T`, summed over the definition's queries.
    pub attention_text: Option<f64>,
    /// `A_O`, summed over the definition's queries.
    pub attention_image: Option<f64>,
    /// `n_T`.
    pub text_tokens: Option<u32>,
    /// `n_O`.
    pub image_tokens: Option<u32>,
    /// `P_T`.
    pub share_text: Option<f64>,
    /// `Q_T`.
    pub share_tokens_text: Option<f64>,
    /// `|Q_T·AEI_T + Q_O·AEI_O − 1|`.
    pub identity_residual: Option<f64>,
    /// Why values are null.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undefined: Option<Undefined>,
}

impl From<&Measure> for Numbers {
    fn from(m: &Measure) -> Self {
        let mut undefined = None;
        let mut number = |value: Value| match value {
            Ok(v) => Some(v),
            Err(reason) => {
                undefined.get_or_insert(reason);
                None
            }
        };
        let (mdi, aei_text, aei_image) = (number(m.mdi), number(m.aei_text), number(m.aei_image));
        let (share_text, share_tokens_text) = (number(m.share_text), number(m.share_tokens_text));
        let identity_residual = number(m.identity_residual());
        let attention = m.attention.ok();
        Numbers {
            mdi,
            aei_text,
            aei_image,
            attention_text: attention.map(|a| a.text),
            attention_image: attention.map(|a| a.image),
            text_tokens: attention.map(|a| a.text_tokens),
            image_tokens: attention.map(|a| a.image_tokens),
            share_text,
            share_tokens_text,
            identity_residual,
            undefined,
        }
    }
}

/// One layer's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayerReport {
    /// The layer, from 0.
    pub index: u32,
    /// Its numbers, heads combined as the definition says.
    #[serde(flatten)]
    pub numbers: Numbers,
    /// Each head's own numbers.
    pub heads: Vec<Numbers>,
}

/// The numbers of the three stages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageReport {
    /// The first layers.
    pub early: Numbers,
    /// The middle layers.
    pub middle: Numbers,
    /// The last layers.
    pub late: Numbers,
}

/// What the model wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GeneratedReport {
    /// Generated ids, the end-of-sequence token included.
    pub ids: Vec<u32>,
    /// Each id's text, so that the texts concatenated are the answer: a character that several tokens
    /// share comes with the last of them.
    pub tokens: Vec<String>,
    /// How each id reads in a list: a character that several tokens share stands in each with its
    /// part, as `어 1/3`; bytes that are no character are named, as `byte FF`.
    #[serde(default)]
    pub shown: Vec<String>,
    /// Each id's natural log-probability.
    pub logprobs: Vec<f32>,
    /// The answer.
    pub text: String,
}

/// The prompt in the report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayoutReport {
    /// Every position, in order.
    pub tokens: Vec<Token>,
    /// Tokens in each group, by group name, in group order.
    pub counts: Vec<(Group, u32)>,
    /// The first picture's geometry.
    pub picture: Option<PreparedPicture>,
    /// The prompt's media, in its order.
    #[serde(default)]
    pub media: Vec<Medium>,
    /// What each bin of the flows is.
    #[serde(default)]
    pub bins: Bins,
}

/// How two runs of the same prompt compare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// Tokens that are the same from the beginning on.
    pub same_tokens: u32,
    /// Tokens of the longer answer.
    pub tokens: u32,
    /// Largest absolute difference of two logits, over the compared positions.
    pub largest_logit_difference: f32,
    /// Largest absolute logit, to read the difference by.
    pub largest_logit: f32,
    /// Positions whose logits were compared: all, or the last of a prompt too long to keep.
    #[serde(default)]
    pub rows: u32,
}

impl Comparison {
    /// Whether the two runs gave the same tokens.
    pub fn agrees(&self) -> bool {
        self.same_tokens == self.tokens
    }
}

/// Whether the numbers are those of the model: does observing change what it says, and how far is
/// the quantized model from the exact one?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fidelity {
    /// Everything observed, against nothing observed.
    pub observed: Comparison,
    /// The quantized weights, against f32; absent for f32 itself and where f32 does not fit the memory
    /// that is free.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quantized: Option<Comparison>,
    /// How far the paper's numbers moved from those of f32, where that was run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved: Option<Moved>,
    /// Why `quantized` is absent, in a sentence. Runs of earlier labs do not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uncompared: Option<String>,
    /// The same as a sentence; runs of earlier labs have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uncompared_sentence: Option<Sentence>,
}

impl Fidelity {
    /// Everything observed against nothing observed, and no other comparison.
    pub fn of(observed: Comparison) -> Self {
        Fidelity {
            observed,
            quantized: None,
            moved: None,
            uncompared: None,
            uncompared_sentence: None,
        }
    }

    /// The same, with the reason why f32 was not compared with.
    pub fn without(observed: Comparison, why: Message) -> Self {
        let Message { text, sentence } = why;
        Fidelity { uncompared: Some(text), uncompared_sentence: sentence, ..Fidelity::of(observed) }
    }

    /// Why f32 was not compared with, where it was not.
    pub fn uncompared_said(&self) -> Option<Message> {
        let text = self.uncompared.clone()?;
        Some(Message { text, sentence: self.uncompared_sentence.clone() })
    }
}

/// One run's numbers under one definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// Version of the lab that wrote the report.
    pub version: String,
    /// Where the run stood; reports of earlier labs do not say, and count as done.
    #[serde(default = "done")]
    pub status: RunState,
    /// Whether numbers of a run that had not finished were asked for: then they are of the part that
    /// was seen, and without this they are null.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The model.
    pub model: ModelInfo,
    /// The options.
    pub options: RunOptions,
    /// Name of the definition: a preset's, or `custom`.
    pub definition_name: String,
    /// The definition.
    pub definition: Definition,
    /// The prompt.
    pub layout: LayoutReport,
    /// Numbers by layer.
    pub layers: Vec<LayerReport>,
    /// Numbers by stage.
    pub stages: StageReport,
    /// Prefill flows by layer, from which every other definition can be computed; null for a layer
    /// that was not observed, and for every layer where the numbers are.
    pub flows: Vec<Option<LayerFlow>>,
    /// What the model wrote.
    pub generated: GeneratedReport,
    /// Where the time went; null of a run that did not finish, for it is told at the end.
    #[serde(default)]
    pub timing: Option<Timing>,
    /// The capture's fidelity, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fidelity: Option<Fidelity>,
    /// What came of asking several times, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub repeat: Option<RepeatTable>,
    /// What the run's owner calls it.
    #[serde(skip_serializing_if = "Label::is_empty", default)]
    pub label: Label,
}

/// Counts by group: of media other than pictures those that there are.
fn listed(counts: &Counts) -> Vec<(Group, u32)> {
    let all = Group::ALL.into_iter().map(|g| (g, counts.get(g)));
    all.filter(|(g, n)| *n > 0 || !g.is_medium() || *g == Group::Image).collect()
}

fn done() -> RunState {
    RunState::Done
}

impl Report {
    /// The same report of a run that stands there. Of one that is not done no number of attention is
    /// given, for it would change with what is missing, unless `partial` ones were asked for; how long
    /// it took is not known either way.
    #[must_use]
    pub fn at(mut self, status: RunState, partial: bool) -> Self {
        let unfinished = status != RunState::Done;
        self.status = status;
        self.partial = partial && unfinished;
        self.timing = self.timing.filter(|_| !unfinished);
        if unfinished && !partial {
            let none = Numbers::from(&Measure::undefined(Undefined::Unfinished));
            for layer in &mut self.layers {
                layer.numbers = none.clone();
                layer.heads.fill(none.clone());
            }
            self.flows.fill(None);
            let [early, middle, late] = [none.clone(), none.clone(), none];
            self.stages = StageReport { early, middle, late };
            self.repeat = None;
        }
        self
    }

    /// The same report with what was answered each time, of a run that is asked several times.
    #[must_use]
    pub fn repeated(self, sampled: &[Sampled]) -> Self {
        let repeat = RepeatTable::new(&self.options, sampled, &self.definition);
        Report { repeat, ..self }
    }

    /// The report of an observation under a definition; of a run that is done, until [`Report::at`]
    /// says otherwise.
    pub fn new(
        observation: &Observation,
        definition: &Definition,
        model: ModelInfo,
        options: RunOptions,
        summary: &Summary,
    ) -> Self {
        let heads = observation.heads() as u32;
        let layers = (0..observation.layers())
            .map(|l| LayerReport {
                index: l as u32,
                numbers: (&observation.measure(l, definition)).into(),
                heads: (0..heads)
                    .map(|h| (&observation.measure_head(l, h, definition)).into())
                    .collect(),
            })
            .collect();
        let stage = |s| (&observation.stage(s, definition)).into();
        let layout = observation.layout.as_ref().map_or_else(LayoutReport::default, |l| {
            let counts = l.counts();
            LayoutReport {
                tokens: l.tokens.clone(),
                counts: listed(&counts),
                picture: l.picture(),
                media: l.media.clone(),
                bins: l.bins.clone(),
            }
        });
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            status: RunState::Done,
            partial: false,
            model,
            options,
            definition_name: definition.to_text().unwrap_or_else(|| definition.name().to_owned()),
            definition: *definition,
            layout,
            layers,
            stages: StageReport {
                early: stage(Stage::Early),
                middle: stage(Stage::Middle),
                late: stage(Stage::Late),
            },
            flows: observation.prefill.clone(),
            generated: GeneratedReport {
                ids: observation.tokens.iter().map(|t| t.id).collect(),
                tokens: observation.tokens.iter().map(|t| t.text.clone()).collect(),
                shown: (0..).map_while(|i| Some(observation.shown(i)?.text)).collect(),
                logprobs: observation.tokens.iter().map(|t| t.logprob).collect(),
                text: summary.answer.clone(),
            },
            timing: Some(summary.timing),
            fidelity: None,
            repeat: None,
            label: Label::default(),
        }
    }
}
