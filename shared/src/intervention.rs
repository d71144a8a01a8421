//! Interventions: what is done to a run so that its answer says what mattered. The picture is
//! blanked, replaced by noise or left out, or attention is knocked out, and the question is whether
//! the answer moves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::group::{GROUPS, Group, GroupSet};
use crate::sentence::{Message, OptionError};

/// What the model is shown in the picture's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PictureUse {
    /// The picture that was given.
    #[default]
    Own,
    /// The mean colour of the model's own picture preparation in every pixel: exactly zero where
    /// the vision tower takes its input. Size and number of tokens are the given picture's.
    Blank,
    /// Every level of every pixel of the prepared picture drawn evenly from 0 to 255 by this seed;
    /// the same on every machine. Size and number of tokens are the given picture's.
    Noise(u32),
    /// No picture: the template's own form of a question without one. There are no image tokens,
    /// and where the template puts delimiters around a picture, none of those.
    None,
}

impl fmt::Display for PictureUse {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            PictureUse::Own => f.write_str("own"),
            PictureUse::Blank => f.write_str("blank"),
            PictureUse::Noise(seed) => write!(f, "noise:{seed}"),
            PictureUse::None => f.write_str("none"),
        }
    }
}

impl FromStr for PictureUse {
    type Err = String;

    /// `own`, `blank`, `noise`, `noise:SEED` or `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        let seed = |seed: &str| seed.parse().map(PictureUse::Noise);
        match (text, text.strip_prefix("noise:").map(seed)) {
            ("own", _) => Ok(PictureUse::Own),
            ("blank", _) => Ok(PictureUse::Blank),
            ("noise", _) => Ok(PictureUse::Noise(0)),
            ("none", _) => Ok(PictureUse::None),
            (_, Some(Ok(noise))) => Ok(noise),
            (_, Some(Err(_))) => {
                Err(format!("the seed of noise is a whole number up to {}, not {text}", u32::MAX))
            }
            _ => Err(format!("\"{text}\" is no picture; name own, blank, noise:SEED or none")),
        }
    }
}

/// Which image tokens are dropped when some are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PruneBy {
    /// Those with the lowest [`ModelInfo::prune_score`](crate::ModelInfo::prune_score).
    #[default]
    Score,
    /// As many, drawn evenly by this seed: what a score is to be measured against.
    Random(u32),
}

impl PruneBy {
    /// The same for one row of a dataset: each sample draws its own tokens, and the same ones again.
    #[must_use]
    pub const fn of_row(self, row: u64) -> PruneBy {
        match self {
            PruneBy::Score => PruneBy::Score,
            PruneBy::Random(seed) => PruneBy::Random(seed.wrapping_add(row as u32)),
        }
    }
}

impl fmt::Display for PruneBy {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            PruneBy::Score => f.write_str("score"),
            PruneBy::Random(seed) => write!(f, "random:{seed}"),
        }
    }
}

impl FromStr for PruneBy {
    type Err = String;

    /// `score`, `random` or `random:SEED`.
    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("random:").map(str::parse)) {
            ("score", _) => Ok(PruneBy::Score),
            ("random", _) => Ok(PruneBy::Random(0)),
            (_, Some(Ok(seed))) => Ok(PruneBy::Random(seed)),
            (_, Some(Err(_))) => {
                Err(format!("the seed of random is a whole number up to {}, not {text}", u32::MAX))
            }
            _ => Err(format!("tokens are not dropped by \"{text}\"; name score or random:SEED")),
        }
    }
}

/// The prompt's groups that are not the picture.
const TEXT: GroupSet = GroupSet::of(&[
    Group::Begin,
    Group::System,
    Group::Template,
    Group::Marker,
    Group::Instruction,
]);
/// All groups.
const ALL: GroupSet = GroupSet::of(&Group::ALL);
/// All groups of version 1 of the event format.
const EARLIER: GroupSet = TEXT.with(Group::Image).with(Group::Generated);

/// Layers from the first to the last, both counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LayerBand {
    /// The first layer, from 0.
    pub first: u32,
    /// The last layer; it is one of them.
    pub last: u32,
}

impl LayerBand {
    /// Whether it holds a layer.
    pub const fn contains(self, layer: u32) -> bool {
        self.first <= layer && layer <= self.last
    }
}

/// Attention knocked out: in a band of layers, rows of some groups do not see keys of others.
///
/// Their scores are −∞ before the softmax, in the prompt and while generating alike, so the weights
/// are exactly 0 and the row's other weights still sum to 1. A row stands in the group of its own
/// position: the last prompt row, which predicts the first token, in the group of the prompt's last
/// token, and those that predict later tokens in [`Group::Generated`]. A row that would be left
/// without any key keeps its own.
///
/// As text: `FROM>TO[@LAYERS][#HEADS]`, such as `text>image@8-15` or
/// `instruction+generated>image@3#0,2`; `text` is every prompt group but the picture, `all` is every
/// group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Knockout {
    /// Groups whose rows do not see …
    pub from: GroupSet,
    /// … the keys of these groups.
    pub to: GroupSet,
    /// In which layers; `None` for all. A run says here which they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<LayerBand>,
    /// In which heads, from 0; none named for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<u32>,
}

impl Knockout {
    /// Whether anything is blocked in a layer.
    pub fn is_in(&self, layer: u32) -> bool {
        self.layers.is_none_or(|band| band.contains(layer))
    }

    /// Checks what does not depend on a model.
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn check(&self) -> Result<(), Message> {
        if self.from.is_empty() {
            return Err(OptionError::KnockoutFrom.into());
        }
        if self.to.is_empty() {
            return Err(OptionError::KnockoutTo.into());
        }
        if let Some(LayerBand { first, last }) = self.layers
            && first > last
        {
            let (first, last) = (first.into(), last.into());
            return Err(OptionError::KnockoutBand { first, last }.into());
        }
        Ok(())
    }

    /// Checks layers and heads against a model's.
    ///
    /// # Errors
    /// A sentence about the first that the model does not have.
    pub fn check_model(&self, layers: u32, heads: u32) -> Result<(), Message> {
        if let Some(band) = self.layers.filter(|band| band.last >= layers) {
            let (layer, most) = (band.last.into(), layers.saturating_sub(1).into());
            return Err(OptionError::KnockoutLayer { layer, most }.into());
        }
        if let Some(head) = self.heads.iter().find(|head| **head >= heads) {
            let (head, most) = ((*head).into(), heads.saturating_sub(1).into());
            return Err(OptionError::KnockoutHead { head, most }.into());
        }
        Ok(())
    }

    /// Checks that something is blocked in a sequence of these groups.
    ///
    /// # Errors
    /// A sentence about why nothing is.
    pub fn check_effect(&self, groups: impl IntoIterator<Item = Group>) -> Result<(), Message> {
        let (mut key, mut row) = (None, None);
        for (i, group) in groups.into_iter().enumerate() {
            if key.is_none() && self.to.contains(group) {
                key = Some(i);
            }
            if self.from.contains(group) {
                row = Some(i);
            }
        }
        let none = |set: GroupSet| {
            let (knockout, groups) = (self.to_string(), Names(set).to_string());
            Err(OptionError::KnockoutNone { knockout, groups }.into())
        };
        match (row, key) {
            (None, _) => none(self.from),
            (_, None) => none(self.to),
            (Some(row), Some(key)) if key <= row && row > 0 => Ok(()),
            _ => Err(OptionError::KnockoutBefore {
                knockout: self.to_string(),
                from: Names(self.from).to_string(),
                to: Names(self.to).to_string(),
            }
            .into()),
        }
    }
}

/// A set of groups by name.
struct Names(GroupSet);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            // What earlier versions called all groups.
            set if EARLIER.iter().all(|g| set.contains(g)) => return f.write_str("all"),
            set if TEXT.iter().all(|g| set.contains(g)) => f.write_str("text")?,
            set => {
                let text = set.iter().filter(|g| TEXT.contains(*g));
                f.write_str(&text.map(Group::name).collect::<Vec<_>>().join("+"))?;
            }
        }
        let others = self.0.minus(TEXT).iter();
        let mut first = !self.0.iter().any(|g| TEXT.contains(g));
        for group in others {
            write!(f, "{}{}", if first { "" } else { "+" }, group.name())?;
            first = false;
        }
        Ok(())
    }
}

impl fmt::Display for Knockout {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}>{}", Names(self.from), Names(self.to))?;
        match self.layers {
            Some(LayerBand { first, last }) if first == last => write!(f, "@{first}")?,
            Some(LayerBand { first, last }) => write!(f, "@{first}-{last}")?,
            None => {}
        }
        for (i, head) in self.heads.iter().enumerate() {
            write!(f, "{}{head}", if i == 0 { '#' } else { ',' })?;
        }
        Ok(())
    }
}

impl FromStr for Knockout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: String| {
            format!("{what}; a knockout is FROM>TO[@LAYERS][#HEADS], such as text>image@8-15")
        };
        let groups = |names: &str| {
            names.split('+').try_fold(GroupSet::EMPTY, |set, name| {
                let named = Group::ALL.into_iter().find(|g| g.name() == name);
                let more = match (name, named) {
                    ("text", _) => TEXT,
                    ("all", _) => ALL,
                    (_, Some(group)) => GroupSet::of(&[group]),
                    _ => {
                        let known = Group::ALL.map(Group::name).join(", ");
                        let what = format!("there is no group \"{name}\": name {known}");
                        return Err(wrong(format!("{what}, text or all")));
                    }
                };
                Ok(more.iter().fold(set, GroupSet::with))
            })
        };
        let number = |number: &str| {
            number.parse::<u32>().map_err(|_| wrong(format!("\"{number}\" is no number")))
        };
        let (rest, heads) = match text.split_once('#') {
            Some((rest, heads)) => (rest, heads.split(',').map(number).collect::<Result<_, _>>()?),
            None => (text, Vec::new()),
        };
        let (rest, layers) = match rest.split_once('@') {
            Some((rest, layers)) => {
                let (first, last) = layers.split_once('-').unwrap_or((layers, layers));
                (rest, Some(LayerBand { first: number(first)?, last: number(last)? }))
            }
            None => (rest, None),
        };
        let Some((from, to)) = rest.split_once('>') else {
            return Err(wrong(format!("\"{rest}\" has no >")));
        };
        Ok(Knockout { from: groups(from)?, to: groups(to)?, layers, heads })
    }
}

const _: () = assert!(GROUPS == 10, "a new group is text or it is not");

#[cfg(test)]
mod tests {
    use super::*;

    fn knockout(text: &str) -> Knockout {
        text.parse().expect(text)
    }

    #[test]
    fn knockouts_are_written_and_read() {
        for text in [
            "text>image",
            "text>image@8-15",
            "generated>image@3",
            "text+generated>begin+image@0-1#0,3",
            "all>text",
            "image>image",
            "instruction+image>all#2",
        ] {
            assert_eq!(knockout(text).to_string(), text);
        }
        let k = knockout("instruction+generated>image@8-15");
        assert_eq!(k.from, GroupSet::of(&[Group::Instruction, Group::Generated]));
        assert_eq!(k.layers, Some(LayerBand { first: 8, last: 15 }));
        assert!(!k.is_in(7) && k.is_in(8) && k.is_in(15) && !k.is_in(16));
        for wrong in ["", "text", "text>", ">image", "txt>image", "text>image@", "text>image@1-x"] {
            assert!(wrong.parse::<Knockout>().is_err(), "{wrong}");
        }
        for wrong in ["text>image#", "text>image#1,", "text>image@-1", "text>image>begin"] {
            assert!(wrong.parse::<Knockout>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pictures_are_written_and_read() {
        for text in ["own", "blank", "noise:7", "none"] {
            assert_eq!(text.parse::<PictureUse>().expect(text).to_string(), text);
        }
        assert_eq!("noise".parse(), Ok(PictureUse::Noise(0)));
        for wrong in ["", "Blank", "noise:", "noise:-1", "noise:4294967296", "noise:x"] {
            assert!(wrong.parse::<PictureUse>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        let none = Knockout { from: GroupSet::EMPTY, ..knockout("text>image") };
        assert!(none.check().expect_err("no rows").text.contains("from"));
        let none = Knockout { to: GroupSet::EMPTY, ..knockout("text>image") };
        assert!(none.check().expect_err("no keys").text.contains("to"));
        assert!(knockout("text>image@3-2").check().is_err());
        assert!(knockout("text>image@3-3").check().is_ok());
        let of = |text: &str| knockout(text).check_model(4, 2);
        assert!(of("text>image@0-3#1").is_ok());
        assert!(of("text>image@0-4").expect_err("layer 4").text.contains("0 to 3"));
        assert!(of("text>image#2").expect_err("head 2").text.contains("0 to 1"));
    }

    #[test]
    fn what_blocks_nothing_is_told_apart() {
        use Group::{Begin, Generated, Image, Instruction, System};
        let of = |text: &str, groups: &[Group]| knockout(text).check_effect(groups.iter().copied());
        let prompt = [Begin, System, Image, Instruction];
        assert!(of("instruction>image", &prompt).is_ok());
        assert!(of("image>image", &prompt).is_ok());
        assert!(
            of("system>image", &prompt).expect_err("before it").text.contains("no system token")
        );
        assert!(
            of("generated>image", &prompt).expect_err("none").text.contains("no generated tokens")
        );
        assert!(of("marker>image", &prompt).is_err());
        assert!(of("instruction>marker", &prompt).expect_err("none").text.contains("no marker"));
        assert!(of("begin>begin", &prompt).is_err(), "the first row keeps its own key");
        assert!(of("generated>image", &[Begin, Image, Generated]).is_ok());
    }
}
