//! What a knockout blocks of one layer's attention.

use std::ops::Range;

use shared::{Bins, Knockout, LayerBand};

use super::Segment;

/// A knockout in a run whose bins are known: attention knows bins and no groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BinKnockout {
    /// Bins whose rows do not see, as bits.
    from: u32,
    /// Bins whose keys are not seen, as bits.
    to: u32,
    layers: Option<LayerBand>,
    /// In which heads; none named for all.
    pub(crate) heads: Vec<u32>,
}

impl BinKnockout {
    /// Of a run with these bins: a group is all its bins, so that every picture is meant.
    pub(crate) fn of(knockout: &Knockout, bins: &Bins) -> Self {
        let Knockout { from, to, layers, heads } = knockout;
        let (from, to) = (bins.of_set(*from), bins.of_set(*to));
        BinKnockout { from, to, layers: *layers, heads: heads.clone() }
    }

    /// Whether anything is blocked in a layer.
    pub(crate) fn is_in(&self, layer: u32) -> bool {
        self.layers.is_none_or(|band| band.contains(layer))
    }

    /// Whether rows of a bin are blocked in a head.
    pub(crate) fn is_from(&self, bin: usize, head: usize) -> bool {
        let in_head = self.heads.is_empty() || self.heads.contains(&(head as u32));
        in_head && self.from & 1 << bin != 0
    }

    /// Whether keys of a bin are blocked.
    pub(crate) fn is_to(&self, bin: usize) -> bool {
        self.to & 1 << bin != 0
    }
}

/// A knockout in a layer that it is in, over positions whose bins are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocked<'a> {
    pub(crate) knockout: &'a BinKnockout,
    /// Bins of all keys, without gaps.
    pub(crate) segments: &'a [Segment],
}

impl Blocked<'_> {
    /// The keys that the row at a position does not see in a head, of those up to its own. A row
    /// that would be left with none keeps its own.
    pub(crate) fn ranges(&self, head: usize, position: usize) -> Vec<Range<usize>> {
        let own = self.segments.iter().find(|(_, _, end)| position < *end);
        if !own.is_some_and(|(bin, ..)| self.knockout.is_from(*bin, head)) {
            return Vec::new();
        }
        let keys = if self.is_all(position) { position } else { position + 1 };
        let to = |bin: usize| self.knockout.is_to(bin);
        let seen = self.segments.iter().filter(|(bin, start, _)| to(*bin) && *start < keys);
        seen.map(|(_, start, end)| *start..(*end).min(keys)).collect()
    }

    /// Whether every key up to a position is blocked.
    fn is_all(&self, position: usize) -> bool {
        let up_to = self.segments.iter().take_while(|(_, start, _)| *start <= position);
        up_to.into_iter().all(|(bin, ..)| self.knockout.is_to(*bin))
    }
}

#[cfg(test)]
mod tests {
    use shared::Group;

    use super::*;

    fn ranges(knockout: &str, head: usize, position: usize) -> Vec<(usize, usize)> {
        let segments = [
            (Group::Begin.index(), 0, 1),
            (Group::Template.index(), 1, 3),
            (Group::Image.index(), 3, 7),
            (Group::Template.index(), 7, 9),
            (Group::Generated.index(), 9, 11),
        ];
        let knockout = BinKnockout::of(&knockout.parse().expect("a knockout"), &Bins::default());
        let blocked = Blocked { knockout: &knockout, segments: &segments };
        blocked.ranges(head, position).into_iter().map(|r| (r.start, r.end)).collect()
    }

    #[test]
    fn rows_of_the_groups_miss_keys_of_the_groups() {
        let none: Vec<(usize, usize)> = Vec::new();
        assert_eq!(ranges("text>image", 0, 8), [(3, 7)]);
        assert_eq!(ranges("text>image", 0, 2), none, "the picture comes later");
        assert_eq!(ranges("text>image", 0, 10), none, "what was generated is no prompt text");
        assert_eq!(ranges("generated>template", 0, 10), [(1, 3), (7, 9)]);
        assert_eq!(ranges("image>image", 0, 4), [(3, 5)], "its own key too");
        assert_eq!(ranges("text>image#1", 0, 8), none);
        assert_eq!(ranges("text>image#1", 1, 8), [(3, 7)]);
    }

    #[test]
    fn a_row_left_with_nothing_keeps_its_own_key() {
        assert_eq!(ranges("all>all", 0, 5), [(0, 1), (1, 3), (3, 5)]);
        assert!(ranges("begin>begin", 0, 0).is_empty());
        assert_eq!(ranges("all>text", 0, 2), [(0, 1), (1, 2)]);
        assert_eq!(ranges("all>text", 0, 3), [(0, 1), (1, 3)], "it has its own");
    }

    #[test]
    fn a_group_is_all_its_pictures() {
        let bins = Bins::of_media([Group::Image, Group::Image]);
        let knockout = BinKnockout::of(&"text>image".parse().expect("a knockout"), &bins);
        let segments = [(0, 0, 1), (4, 1, 3), (2, 3, 4), (7, 4, 6), (5, 6, 8)];
        let blocked = Blocked { knockout: &knockout, segments: &segments };
        assert_eq!(blocked.ranges(0, 7), [1..3, 4..6]);
        let of_first = blocked.ranges(0, 3);
        assert_eq!(
            (of_first.len(), of_first.first()),
            (1, Some(&(1..3))),
            "the second comes later"
        );
    }
}
