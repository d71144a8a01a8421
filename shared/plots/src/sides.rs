//! Sides: the groups of a sequence as a definition sees them, few enough to be told apart.

use shared::{Counted, Counts, Definition, Group, GroupSet};

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
    /// Tokens of media: pictures, alone or among others.
    Picture,
    /// Tokens of sounds alone.
    Sound,
    /// What the model wrote, and whether it counts as text.
    Answer(bool),
    /// Everything but the words and the media.
    Rest,
}

impl Kind {
    /// Whether it is what the prompt holds beside words.
    pub const fn is_medium(self) -> bool {
        matches!(self, Kind::Picture | Kind::Sound)
    }
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
    let media = match counts.in_set(GroupSet::MEDIA) == counts.get(Group::Audio) {
        true => Kind::Sound,
        false => Kind::Picture,
    };
    let all = [
        (Kind::Sink(text.contains(Group::Begin)), one(Group::Begin)),
        (Kind::Words, of(true)),
        (Kind::Other, of(false)),
        (media, GroupSet::MEDIA),
        (Kind::Answer(text.contains(Group::Generated)), one(Group::Generated)),
    ];
    let there = all.into_iter().filter(|(_, groups)| counts.in_set(*groups) > 0);
    there.map(|(kind, groups)| Side { kind, groups }).collect()
}

/// The sides by which attention is counted. In total they are [`sides`]; per token they are the three of
/// [`shared::Split`], so that every view says the same of the same row: one position that draws what no
/// other wants would else leave nothing to compare.
pub fn looked_at(definition: &Definition, counts: &Counts, counted: Counted) -> Vec<Side> {
    let all = sides(definition, counts);
    if counted == Counted::InTotal {
        return all;
    }
    let (kept, rest): (Vec<Side>, Vec<Side>) =
        all.into_iter().partition(|s| s.kind == Kind::Words || s.kind.is_medium());
    let groups = rest.iter().flat_map(|s| s.groups.iter());
    let groups = groups.fold(GroupSet::EMPTY, |set, g| set.with(g));
    let rest = (!rest.is_empty()).then_some(Side { kind: Kind::Rest, groups });
    kept.into_iter().chain(rest).collect()
}

impl Side {
    /// Its name for people.
    pub fn name(&self, words: &Words) -> &'static str {
        match self.kind {
            Kind::Sink(_) => words.begin,
            Kind::Words => words.words,
            Kind::Other => words.other,
            Kind::Picture => words.picture,
            Kind::Sound => words.sound,
            Kind::Answer(_) => words.answer,
            Kind::Rest => words.rest,
        }
    }

    /// Its colour: orange for words, blue for the picture, greys for what is neither. A sink that
    /// counts as text is a paler orange, so that it can be told from the words it is counted with.
    pub fn colour(&self, palette: &Palette) -> Rgb {
        match self.kind {
            Kind::Words => palette.words,
            Kind::Picture | Kind::Sound => palette.picture,
            Kind::Sink(true) => palette.tints.0.mix(palette.surface, 0.25),
            Kind::Sink(false) => palette.muted.mix(palette.surface, 0.55),
            Kind::Other | Kind::Rest => palette.muted.mix(palette.surface, 0.3),
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
    fn a_sound_is_called_one() {
        let counts = Counts::of([Group::Begin, Group::Instruction, Group::Audio]);
        let all = sides(&Preset::Paper.definition(), &counts);
        let sound = all.iter().find(|s| s.kind.is_medium()).expect("there is a sound");
        assert_eq!((sound.kind, sound.name(&Words::ENGLISH)), (Kind::Sound, "sound"));
    }

    #[test]
    fn per_token_there_are_words_media_and_the_rest() {
        let counts = Counts::of(Group::ALL);
        for preset in Preset::ALL {
            let definition = preset.definition();
            let three = looked_at(&definition, &counts, Counted::PerToken);
            let kinds: Vec<Kind> = three.iter().map(|s| s.kind).collect();
            assert_eq!(kinds, [Kind::Words, Kind::Picture, Kind::Rest], "{preset:?}");
            let tokens: u32 = three.iter().map(|s| counts.in_set(s.groups)).sum();
            assert_eq!(tokens, Group::ALL.len() as u32, "{preset:?}");
            let total = looked_at(&definition, &counts, Counted::InTotal);
            assert_eq!(total, sides(&definition, &counts));
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
