//! What a knockout blocks of one layer's attention.

use std::ops::Range;

use shared::{GroupSet, Knockout};

use super::Segment;

/// A knockout in a layer that it is in, over positions whose groups are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocked<'a> {
    pub(crate) knockout: &'a Knockout,
    /// Groups of all keys, without gaps.
    pub(crate) segments: &'a [Segment],
}

impl Blocked<'_> {
    /// The keys that the row at a position does not see in a head, of those up to its own. A row
    /// that would be left with none keeps its own.
    pub(crate) fn ranges(&self, head: usize, position: usize) -> Vec<Range<usize>> {
        let Knockout { from, to, heads, .. } = self.knockout;
        let own = self.segments.iter().find(|(_, _, end)| position < *end);
        if !own.is_some_and(|(group, ..)| from.contains(*group))
            || !heads.is_empty() && !heads.contains(&(head as u32))
        {
            return Vec::new();
        }
        let keys = if self.is_all(*to, position) { position } else { position + 1 };
        let seen =
            self.segments.iter().filter(|(group, start, _)| to.contains(*group) && *start < keys);
        seen.map(|(_, start, end)| *start..(*end).min(keys)).collect()
    }

    /// Whether a set holds every key up to a position.
    fn is_all(&self, set: GroupSet, position: usize) -> bool {
        self.segments
            .iter()
            .take_while(|(_, start, _)| *start <= position)
            .all(|(g, ..)| set.contains(*g))
    }
}

#[cfg(test)]
mod tests {
    use shared::Group;

    use super::*;

    fn ranges(knockout: &str, head: usize, position: usize) -> Vec<(usize, usize)> {
        let segments = [
            (Group::Begin, 0, 1),
            (Group::Template, 1, 3),
            (Group::Image, 3, 7),
            (Group::Template, 7, 9),
            (Group::Generated, 9, 11),
        ];
        let knockout = knockout.parse().expect("a knockout");
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
}
