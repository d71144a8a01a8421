//! Bins: the small numbers by which attention is summed.

use serde::{Deserialize, Serialize};

use crate::group::{Group, GroupSet};

/// Bins of a prompt with one medium or none: one for each group that such a prompt can have.
pub const FEW_BINS: usize = 7;
/// Most bins of a prompt.
pub const MOST_BINS: usize = 15;
/// Most media of a prompt: each has a bin of its own beside the six of text.
pub const MOST_MEDIA: usize = MOST_BINS - (FEW_BINS - 1);

/// What one bin sums: a group, and of media one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bin {
    /// The group of its positions.
    pub group: Group,
    /// Which of the prompt's media they are of, from 0; `None` for text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<u8>,
}

/// What each bin of a run is, by its number.
///
/// The first seven are those of a prompt with one medium, in the order of version 1 of the event
/// format: begin, system, template, marker, the first medium, instruction, generated. Further media
/// follow. Without media the fifth is there and empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "Vec<Bin>", into = "Vec<Bin>")]
pub struct Bins(Vec<Bin>);

impl Bins {
    /// The bins of a prompt with media of these kinds, in the prompt's order; of the kinds only
    /// those that are media's are looked at, and no more than [`MOST_MEDIA`].
    pub fn of_media(kinds: impl IntoIterator<Item = Group>) -> Self {
        let mut media = (0..).zip(kinds.into_iter().filter(|kind| kind.is_medium()));
        let mut medium = || media.next().map(|(i, group)| Bin { group, medium: Some(i) });
        let first = medium().unwrap_or(Bin { group: Group::Image, medium: Some(0) });
        let text = |group| Bin { group, medium: None };
        let mut bins = vec![
            text(Group::Begin),
            text(Group::System),
            text(Group::Template),
            text(Group::Marker),
            first,
            text(Group::Instruction),
            text(Group::Generated),
        ];
        bins.extend(std::iter::from_fn(medium).take(MOST_MEDIA - 1));
        Bins(bins)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these are the bins of a run of version 1: of one picture.
    pub fn is_one_picture(&self) -> bool {
        *self == Bins::default()
    }

    /// All bins, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Bin)> + '_ {
        self.0.iter().copied().enumerate()
    }

    /// The bin of a number.
    pub fn get(&self, number: usize) -> Option<Bin> {
        self.0.get(number).copied()
    }

    /// The number of the bin that holds positions of a group, of a medium where the group is one.
    pub fn find(&self, group: Group, medium: Option<u8>) -> Option<usize> {
        let medium = if group.is_medium() { Some(medium.unwrap_or(0)) } else { None };
        self.0.iter().position(|bin| *bin == Bin { group, medium })
    }

    /// Numbers of the bins of a group.
    pub fn of_group(&self, group: Group) -> impl Iterator<Item = usize> + '_ {
        self.iter().filter(move |(_, bin)| bin.group == group).map(|(i, _)| i)
    }

    /// Numbers of the bins of a set of groups, as bits.
    pub fn of_set(&self, set: GroupSet) -> u32 {
        let there = self.iter().filter(|(_, bin)| set.contains(bin.group));
        there.fold(0, |bits, (i, _)| bits | 1 << i)
    }
}

impl Default for Bins {
    /// Those of one picture, which are the groups of version 1 of the event format.
    fn default() -> Self {
        Bins::of_media([Group::Image])
    }
}

impl From<Bins> for Vec<Bin> {
    fn from(bins: Bins) -> Self {
        bins.0
    }
}

impl TryFrom<Vec<Bin>> for Bins {
    type Error = String;

    fn try_from(bins: Vec<Bin>) -> Result<Self, String> {
        if bins.len() > MOST_BINS {
            return Err(format!("there are {} bins; {MOST_BINS} are the most", bins.len()));
        }
        Ok(Bins(bins))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_picture_has_the_groups_of_version_1() {
        let bins = Bins::default();
        assert_eq!(bins.len(), FEW_BINS);
        for (i, bin) in bins.iter() {
            assert_eq!(bin.group.index(), i);
            assert_eq!(bins.find(bin.group, bin.medium), Some(i));
        }
        assert_eq!(Bins::of_media([]), bins);
    }

    #[test]
    fn further_media_follow() {
        let bins = Bins::of_media([Group::Image, Group::Video, Group::Image]);
        assert_eq!(bins.len(), 9);
        assert_eq!(bins.find(Group::Image, Some(0)), Some(4));
        assert_eq!(bins.find(Group::Video, Some(1)), Some(7));
        assert_eq!(bins.of_group(Group::Image).collect::<Vec<_>>(), [4, 8]);
        assert_eq!(bins.of_set(GroupSet::of(&[Group::Image, Group::Begin])), 0b1_0001_0001);
        let json = serde_json::to_string(&bins).unwrap();
        assert_eq!(serde_json::from_str::<Bins>(&json).unwrap(), bins);
        assert_eq!(Bins::of_media([Group::Image; 40]).len(), MOST_BINS);
    }
}
