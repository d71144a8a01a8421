//! Definitions: what counts as text, which queries look, how heads and layers are combined.

use serde::{Deserialize, Serialize};

use crate::group::{Group, GroupSet};

/// Which rows of attention are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Queries {
    /// The last prompt row, then each generated token that predicted another: exactly the rows a
    /// generate loop sees.
    Predicting,
    /// The generated tokens that predicted another.
    GeneratedPositions,
    /// The last prompt row alone.
    LastPrompt,
    /// Every prompt row of the groups System, Template and Instruction.
    PromptText,
    /// Every prompt row.
    AllPrompt,
}

/// How heads are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Heads {
    /// Attention is averaged over heads, then the share is taken.
    MeanFirst,
    /// Each head's share of attention on text is taken, then the shares are averaged. Heads with
    /// no attention on either side are left out.
    ShareThenMean,
    /// One head alone.
    One(u32),
}

/// How values are averaged over layers (or samples).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ratio {
    /// The mean of each layer's (sample's) MDI.
    MeanOfRatios,
    /// One MDI from attention summed over layers (samples).
    RatioOfMeans,
}

/// Which layers make the early, middle and late stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stages {
    /// Two layers each: the first, the middle, the last.
    Two,
    /// A third of the layers each.
    Thirds,
    /// All layers in every stage.
    All,
}

/// A choice of everything that MDI and AEI leave open (DESIGN, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Definition {
    /// Which rows look.
    pub queries: Queries,
    /// Key groups that count as text.
    pub text: GroupSet,
    /// How heads are combined.
    pub heads: Heads,
    /// Which layers make a stage.
    pub stages: Stages,
    /// How layers are averaged within a stage.
    pub layers: Ratio,
}

/// A named definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Best reading of the paper: predicting rows, every prompt token that is not Image is text.
    Paper,
    /// The same without Begin (the attention sink) among the keys.
    Reimplementation,
    /// Prompt-text rows, text without Begin and Marker: what one forward pass measures.
    Forward,
}

impl Preset {
    /// All presets.
    pub const ALL: [Preset; 3] = [Preset::Paper, Preset::Reimplementation, Preset::Forward];

    /// The name used in links, JSON and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::Paper => "paper",
            Preset::Reimplementation => "reimplementation",
            Preset::Forward => "forward",
        }
    }

    /// The preset of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Preset::ALL.into_iter().find(|p| p.name() == name)
    }

    /// What the preset chooses.
    pub const fn definition(self) -> Definition {
        let text = GroupSet::of(&[
            Group::Begin,
            Group::System,
            Group::Template,
            Group::Marker,
            Group::Instruction,
        ]);
        let (queries, text) = match self {
            Preset::Paper => (Queries::Predicting, text),
            Preset::Reimplementation => (Queries::Predicting, text.without(Group::Begin)),
            Preset::Forward => {
                (Queries::PromptText, text.without(Group::Begin).without(Group::Marker))
            }
        };
        Definition {
            queries,
            text,
            heads: Heads::MeanFirst,
            stages: Stages::Two,
            layers: Ratio::MeanOfRatios,
        }
    }
}

impl Definition {
    /// The preset this definition equals, if any; otherwise it is custom.
    pub fn preset(&self) -> Option<Preset> {
        Preset::ALL.into_iter().find(|p| p.definition() == *self)
    }

    /// The preset's name, or `custom`.
    pub fn name(&self) -> &'static str {
        self.preset().map_or("custom", Preset::name)
    }
}

impl Default for Definition {
    fn default() -> Self {
        Preset::Paper.definition()
    }
}
