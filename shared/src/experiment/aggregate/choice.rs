//! Choices: definitions held side by side, on the same samples.

use serde::{Deserialize, Serialize};

use crate::definition::{Definition, Preset, Queries, Ratio, Stages};
use crate::group::Group;
use crate::sentence::{Message, TableText};

/// A definition and how samples are averaged under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Choice {
    /// Its name in files: a preset's, `custom`, or what is changed, such as `without-system`.
    pub name: String,
    /// The same for people.
    pub title: String,
    /// The definition.
    pub definition: Definition,
    /// How samples are averaged.
    pub samples: Ratio,
    /// Whether every layer is kept, or the layers of its stages alone.
    pub curve: bool,
}

impl Choice {
    /// A definition with the mean of samples' ratios and all layers.
    pub fn of(definition: Definition) -> Self {
        Choice { curve: true, ..Choice::named(definition.name(), definition, Ratio::MeanOfRatios) }
    }

    fn named(name: &str, definition: Definition, samples: Ratio) -> Self {
        let title = Choice::said(name).text;
        Choice { name: name.to_owned(), title, definition, samples, curve: false }
    }

    /// The title of the choice of a name; the name itself where it is none of this version's.
    pub fn said(name: &str) -> Message {
        let group = |name: &str| {
            let groups = Group::ALL.into_iter().find(|g| g.name() == name)?;
            Some(Message::from(match groups {
                Group::Begin => TableText::TheSink,
                Group::System => TableText::TheSystemPrompt,
                Group::Template => TableText::TheTemplate,
                Group::Marker => TableText::TheMarkers,
                Group::Generated => TableText::TheGenerated,
                _ => return None,
            }))
        };
        let text = match name {
            "paper" => TableText::ChoicePaper,
            "reimplementation" => TableText::ChoiceReimplementation,
            "forward" => TableText::ChoiceForward,
            "custom" => TableText::ChoiceCustom,
            "queries-predicting" => TableText::PredictingLook,
            "queries-generated" => TableText::GeneratedLook,
            "queries-last-prompt" => TableText::LastPromptLooks,
            "queries-prompt-text" => TableText::PromptTextLooks,
            "queries-all-prompt" => TableText::AllPromptLooks,
            "stages-two" => TableText::StagesOfTwo,
            "stages-thirds" => TableText::StagesThirds,
            "stages-all" => TableText::StagesAll,
            "layers-mean-of-ratios" => TableText::LayersMean,
            "layers-ratio-of-means" => TableText::LayersRatio,
            "samples-ratio-of-means" => TableText::SamplesRatio,
            _ => {
                let with = name.strip_prefix("with-").and_then(group);
                let without = name.strip_prefix("without-").and_then(group);
                match (with, without) {
                    (Some(what), _) => TableText::ChoiceWith { what },
                    (_, Some(what)) => TableText::ChoiceWithout { what },
                    _ => return name.into(),
                }
            }
        };
        text.into()
    }

    /// Its title as a sentence, where it is the one of its name.
    pub fn titled(&self) -> Message {
        let said = Choice::said(&self.name);
        if said.text == self.title { said } else { self.title.as_str().into() }
    }

    /// A definition first, then the presets, then the definition with one choice changed at a
    /// time: each group that could count as text or not, each set of queries, the stages, and the
    /// ratio of means over layers and over samples.
    ///
    /// What equals an earlier one is left out: under `paper`, *without the sink* is
    /// `reimplementation`.
    pub fn around(definition: Definition) -> Vec<Choice> {
        let mut all = vec![Choice::of(definition)];
        let mut add = |choice: Choice| {
            let same =
                |c: &Choice| (c.definition, c.samples) == (choice.definition, choice.samples);
            if !all.iter().any(same) {
                all.push(choice);
            }
        };
        Preset::ALL.into_iter().for_each(|p| add(Choice::of(p.definition())));
        let changed = |name: &str, definition: Definition| {
            Choice::named(name, definition, Ratio::MeanOfRatios)
        };
        for group in [Group::Begin, Group::System, Group::Template, Group::Marker, Group::Generated]
        {
            let (with, text) = if definition.text.contains(group) {
                ("without", definition.text.without(group))
            } else {
                ("with", definition.text.with(group))
            };
            let name = format!("{with}-{}", group.name());
            add(changed(&name, Definition { text, ..definition }));
        }
        for (queries, name) in [
            (Queries::Predicting, "queries-predicting"),
            (Queries::GeneratedPositions, "queries-generated"),
            (Queries::LastPrompt, "queries-last-prompt"),
            (Queries::PromptText, "queries-prompt-text"),
            (Queries::AllPrompt, "queries-all-prompt"),
        ] {
            add(changed(name, Definition { queries, ..definition }));
        }
        for (stages, name) in [
            (Stages::Two, "stages-two"),
            (Stages::Thirds, "stages-thirds"),
            (Stages::All, "stages-all"),
        ] {
            add(changed(name, Definition { stages, ..definition }));
        }
        for (layers, name) in [
            (Ratio::MeanOfRatios, "layers-mean-of-ratios"),
            (Ratio::RatioOfMeans, "layers-ratio-of-means"),
        ] {
            add(changed(name, Definition { layers, ..definition }));
        }
        add(Choice {
            samples: Ratio::RatioOfMeans,
            ..changed("samples-ratio-of-means", definition)
        });
        all
    }
}
