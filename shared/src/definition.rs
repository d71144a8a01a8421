//! Definitions: what counts as text, what stands on the other side, which queries look, how heads
//! and layers are combined.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::bins::{Bin, MOST_MEDIA};
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

/// Which media stand on a side. As text: `all`, a kind's name (`image`, `video`, `audio`, `series`),
/// or an item's number in the prompt, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Media {
    /// All of them.
    #[default]
    All,
    /// Those of one kind: a medium's group.
    Kind(Group),
    /// One item: its number in the prompt, from 0.
    Item(u8),
}

impl Media {
    /// Whether a bin is one of theirs.
    pub fn has(self, bin: Bin) -> bool {
        match self {
            Media::All => bin.group.is_medium(),
            Media::Kind(kind) => bin.group.is_medium() && bin.group == kind,
            Media::Item(item) => bin.group.is_medium() && bin.medium == Some(item),
        }
    }

    // Signature given by serde.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_all(&self) -> bool {
        *self == Media::All
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Media::All => f.write_str("all"),
            Media::Kind(kind) => f.write_str(kind.name()),
            Media::Item(item) => write!(f, "{}", u32::from(*item) + 1),
        }
    }
}

impl FromStr for Media {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = GroupSet::MEDIA.iter();
        if text == "all" {
            return Ok(Media::All);
        }
        if let Some(kind) = kinds.into_iter().find(|kind| kind.name() == text) {
            return Ok(Media::Kind(kind));
        }
        match text.parse::<u8>() {
            Ok(n) if (1..=MOST_MEDIA).contains(&usize::from(n)) => Ok(Media::Item(n - 1)),
            _ => Err(format!(
                "\"{text}\" names no media: name all, image, video, audio, series, or an item's \
                 number from 1 to {MOST_MEDIA}"
            )),
        }
    }
}

impl From<Media> for String {
    fn from(media: Media) -> Self {
        media.to_string()
    }
}

impl TryFrom<String> for Media {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Media {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <String as utoipa::PartialSchema>::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Media {}

/// A choice of everything that MDI and AEI leave open (DESIGN, section 4).
///
/// As text: a preset's name, and where the sides are not all words and all media, what they are:
/// `paper:1` holds the words against the first medium, `paper:1/2` the first medium against the
/// second.
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
    /// The media on the other side.
    #[serde(default, skip_serializing_if = "Media::is_all")]
    pub other: Media,
    /// Media in the words' place: MDI and AEI of these against the other side. `None` for words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Media>,
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
            other: Media::All,
            instead: None,
        }
    }
}

impl Definition {
    /// The preset this definition equals, if any; otherwise it is custom.
    pub fn preset(&self) -> Option<Preset> {
        Preset::ALL.into_iter().find(|p| p.definition() == *self)
    }

    /// Whether a bin is on the words' side.
    pub fn is_text(&self, bin: Bin) -> bool {
        match self.instead {
            None => self.text.contains(bin.group) && !bin.group.is_medium(),
            // What stands on the other side does not stand on both.
            Some(media) => media.has(bin) && !self.other.has(bin),
        }
    }

    /// Whether a bin is on the other side.
    pub fn is_other(&self, bin: Bin) -> bool {
        self.other.has(bin)
    }

    /// The same with all words on one side and all media on the other.
    #[must_use]
    pub const fn between_all(&self) -> Definition {
        Definition { other: Media::All, instead: None, ..*self }
    }

    /// The definition as its text says it, where there is one: a preset, with its sides.
    pub fn to_text(&self) -> Option<String> {
        let preset = self.between_all().preset()?.name();
        Some(match (self.instead, self.other) {
            (None, Media::All) => preset.to_owned(),
            (None, other) => format!("{preset}:{other}"),
            (Some(instead), other) => format!("{preset}:{instead}/{other}"),
        })
    }

    /// Reads what [`Definition::to_text`] wrote.
    ///
    /// # Errors
    /// A sentence about the name or the media that there are not.
    pub fn from_text(text: &str) -> Result<Definition, String> {
        let (name, sides) = text.split_once(':').map_or((text, None), |(n, s)| (n, Some(s)));
        let Some(preset) = Preset::from_name(name) else {
            let names: Vec<&str> = Preset::ALL.into_iter().map(Preset::name).collect();
            let shown: String = name.chars().take(60).collect();
            return Err(format!(
                "there is no definition \"{shown}\"; name one of {}",
                names.join(", ")
            ));
        };
        let definition = preset.definition();
        match sides.map(|sides| sides.split_once('/').map_or((None, sides), |(a, b)| (Some(a), b)))
        {
            None => Ok(definition),
            Some((instead, other)) => Ok(Definition {
                other: other.parse()?,
                instead: instead.map(str::parse).transpose()?,
                ..definition
            }),
        }
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
