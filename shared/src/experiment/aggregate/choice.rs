//! Choices: definitions held side by side, on the same samples.

use serde::{Deserialize, Serialize};

use crate::definition::{Definition, Preset, Queries, Ratio, Stages};
use crate::group::Group;

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
        let title = match definition.preset() {
            Some(Preset::Paper) => "paper: best reading of the paper",
            Some(Preset::Reimplementation) => "reimplementation: without the sink",
            Some(Preset::Forward) => "forward: one pass, prompt text looks",
            None => "custom",
        };
        Choice {
            name: definition.name().to_owned(),
            title: title.to_owned(),
            definition,
            samples: Ratio::MeanOfRatios,
            curve: true,
        }
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
        let changed = |name: &str, title: &str, definition: Definition| Choice {
            name: name.to_owned(),
            title: title.to_owned(),
            definition,
            samples: Ratio::MeanOfRatios,
            curve: false,
        };
        for (group, words) in [
            (Group::Begin, "the first token (the sink)"),
            (Group::System, "the system prompt"),
            (Group::Template, "the template's words"),
            (Group::Marker, "the markers"),
            (Group::Generated, "the generated tokens"),
        ] {
            let (with, text) = if definition.text.contains(group) {
                ("without", definition.text.without(group))
            } else {
                ("with", definition.text.with(group))
            };
            let name = format!("{with}-{}", group.name());
            add(changed(&name, &format!("{with} {words}"), Definition { text, ..definition }));
        }
        for (queries, name, title) in [
            (Queries::Predicting, "queries-predicting", "predicting rows look"),
            (Queries::GeneratedPositions, "queries-generated", "generated positions look"),
            (Queries::LastPrompt, "queries-last-prompt", "the last prompt token looks"),
            (Queries::PromptText, "queries-prompt-text", "the prompt's text looks"),
            (Queries::AllPrompt, "queries-all-prompt", "the whole prompt looks"),
        ] {
            add(changed(name, title, Definition { queries, ..definition }));
        }
        for (stages, name, title) in [
            (Stages::Two, "stages-two", "stages of two layers"),
            (Stages::Thirds, "stages-thirds", "stages are thirds of the layers"),
            (Stages::All, "stages-all", "every stage is all layers"),
        ] {
            add(changed(name, title, Definition { stages, ..definition }));
        }
        for (layers, name, title) in [
            (Ratio::MeanOfRatios, "layers-mean-of-ratios", "mean of the layers' ratios"),
            (Ratio::RatioOfMeans, "layers-ratio-of-means", "ratio of means over layers"),
        ] {
            add(changed(name, title, Definition { layers, ..definition }));
        }
        add(Choice {
            samples: Ratio::RatioOfMeans,
            ..changed("samples-ratio-of-means", "ratio of means over samples", definition)
        });
        all
    }
}
