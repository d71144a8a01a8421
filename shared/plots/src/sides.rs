//! Sides: the groups of a sequence as a definition sees them, few enough to be told apart.

use shared::{Counts, Definition, Group, GroupSet};

use crate::colour::{Palette, Rgb};
use crate::words::Words;

/// What a side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Position 0, and whether it counts as text.
    Sink(bool),
    /// Prompt tokens that count as text.
    Words,
    /// Prompt tokens that count as neither text nor picture.
    Other,
    /// Picture tokens.
    Picture,
    /// What the model wrote, and whether it counts as text.
    Answer(bool),
}

/// Groups that are shown as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// What they are.
    pub kind: Kind,
    /// The groups.
    pub groups: GroupSet,
}

/// The sides of a sequence with these numbers of tokens under a definition; every token is in
/// exactly one, and every side has a token.
pub fn sides(definition: &Definition, counts: &Counts) -> Vec<Side> {
    let text = definition.text;
    let prompt = [Group::System, Group::Template, Group::Marker, Group::Instruction];
    let of = |counted: bool| {
        let chosen = prompt.iter().filter(|g| text.contains(**g) == counted);
        chosen.fold(GroupSet::EMPTY, |set, g| set.with(*g))
    };
    let one = |g: Group| GroupSet::EMPTY.with(g);
    let all = [
        (Kind::Sink(text.contains(Group::Begin)), one(Group::Begin)),
        (Kind::Words, of(true)),
        (Kind::Other, of(false)),
        (Kind::Picture, GroupSet::MEDIA),
        (Kind::Answer(text.contains(Group::Generated)), one(Group::Generated)),
    ];
    let there = all.into_iter().filter(|(_, groups)| counts.in_set(*groups) > 0);
    there.map(|(kind, groups)| Side { kind, groups }).collect()
}

impl Side {
    /// Its name for people.
    pub fn name(&self, words: &Words) -> &'static str {
        match self.kind {
            Kind::Sink(_) => words.begin,
            Kind::Words => words.words,
            Kind::Other => words.other,
            Kind::Picture => words.picture,
            Kind::Answer(_) => words.answer,
        }
    }

    /// Its colour: orange for words, blue for the picture, greys for what is neither. A sink that
    /// counts as text is a paler orange, so that it can be told from the words it is counted with.
    pub fn colour(&self, palette: &Palette) -> Rgb {
        match self.kind {
            Kind::Words => palette.words,
            Kind::Picture => palette.picture,
            Kind::Sink(true) => palette.tints.0.mix(palette.surface, 0.25),
            Kind::Sink(false) => palette.muted.mix(palette.surface, 0.55),
            Kind::Other => palette.muted.mix(palette.surface, 0.3),
            Kind::Answer(_) => palette.ink.mix(palette.muted, 0.45),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Preset;

    #[test]
    fn every_token_is_on_one_side_under_every_definition() {
        let counts = Counts::of(Group::ALL);
        for preset in Preset::ALL {
            let all = sides(&preset.definition(), &counts);
            let tokens: u32 = all.iter().map(|s| counts.in_set(s.groups)).sum();
            assert_eq!(tokens, Group::ALL.len() as u32, "{preset:?}");
        }
    }

    #[test]
    fn a_side_follows_the_definition() {
        let counts = Counts::of(Group::ALL);
        let kinds = |preset: Preset| -> Vec<Kind> {
            sides(&preset.definition(), &counts).iter().map(|s| s.kind).collect()
        };
        let paper = [Kind::Sink(true), Kind::Words, Kind::Picture, Kind::Answer(false)];
        assert_eq!(kinds(Preset::Paper), paper);
        // Markers are neither text nor picture there.
        let forward =
            [Kind::Sink(false), Kind::Words, Kind::Other, Kind::Picture, Kind::Answer(false)];
        assert_eq!(kinds(Preset::Forward), forward);
        let bare = Counts::of([Group::Begin, Group::Instruction]);
        assert_eq!(sides(&Preset::Paper.definition(), &bare).len(), 2, "no picture, no answer");
    }
}
