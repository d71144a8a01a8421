//! A run at first glance: which word of the answer is looked at, in which layer, how the row that wrote it
//! divides its attention, and whom the answer follows.

use crate::definition::Definition;
use crate::group::{Counts, Group, GroupSet};
use crate::measure::{Measure, Undefined, Value};
use crate::observation::Observation;
use crate::repeat::Claim;
use crate::rows::Rows;

/// What a row's attention is counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    /// One token of a side against one token of another: what MDI compares.
    #[default]
    PerToken,
    /// All of a side together.
    InTotal,
}

impl Counted {
    /// Counts a row's attention on several sides, each of a number of tokens. In total nothing changes; per
    /// token each part becomes what one token of its side gets on average, as a part of those averages
    /// together. A side without a token has no part.
    pub fn count(self, parts: &mut [f64], tokens: &[u32]) {
        if self == Counted::InTotal {
            return;
        }
        for (part, tokens) in parts.iter_mut().zip(tokens) {
            *part = if *tokens == 0 { 0.0 } else { *part / f64::from(*tokens) };
        }
        let all: f64 = parts.iter().sum();
        if all > 0.0 {
            parts.iter_mut().for_each(|part| *part /= all);
        }
    }
}

/// How a row divides its attention: parts that add up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// On the words of the prompt that count as text.
    pub words: f64,
    /// On the media.
    pub picture: f64,
    /// On everything else: the first position, what counts as neither, and the answer before.
    pub rest: f64,
    /// How many tokens each of the three has, in this order.
    pub tokens: [u32; 3],
}

impl Split {
    /// The parts in total, or what one token of each gets on average, as parts of the three together. A
    /// side without a token has no part.
    #[must_use]
    pub fn counted(&self, by: Counted) -> Split {
        let mut parts = [self.words, self.picture, self.rest];
        by.count(&mut parts, &self.tokens);
        let [words, picture, rest] = parts;
        Split { words, picture, rest, tokens: self.tokens }
    }
}

impl Measure {
    /// What text draws over what the picture draws: by token that is MDI, in total the ratio of the sums.
    ///
    /// # Errors
    /// [`Undefined`] where there is no attention, or none on the picture.
    pub fn ratio(&self, by: Counted) -> Value {
        match by {
            Counted::PerToken => self.mdi,
            Counted::InTotal => match self.attention? {
                of if of.image > 0.0 => Ok(of.text / of.image),
                of if of.text > 0.0 => Err(Undefined::NoImageAttention),
                _ => Err(Undefined::NoAttention),
            },
        }
    }
}

/// The largest looks of one row: at the word of the question that it wrote, and at one patch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Glance {
    /// The part of its attention on that word; `None` where the word does not stand in the question.
    pub word: Option<f64>,
    /// The part on the patch that it looked at most; `None` where there is no picture.
    pub patch: Option<f64>,
}

impl Glance {
    /// How many times as much it looked at the word as at any patch.
    pub fn times(&self) -> Option<f64> {
        let (word, patch) = (self.word?, self.patch.filter(|patch| *patch > 0.0)?);
        Some(word / patch)
    }
}

/// Whom an answer follows where words and picture disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It says what the words claim.
    Words,
    /// It says what the picture shows.
    Picture,
    /// It says both or neither.
    Unclear,
}

/// Whom an answer follows, by what in `claimed` and in `shown` the question does not say itself.
pub fn followed(answer: &str, question: &str, claimed: &str, shown: &str) -> Followed {
    let says = |what: &str| Claim::beyond(what, question).is_some_and(|c| c.is_said_by(answer));
    match (says(claimed), says(shown)) {
        (true, false) => Followed::Words,
        (false, true) => Followed::Picture,
        _ => Followed::Unclear,
    }
}

/// The words of a text, in one case.
fn words(text: &str) -> impl Iterator<Item = String> {
    let all = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    all.map(str::to_lowercase)
}

/// The last sentence of what was typed: the question itself, behind whatever was claimed.
fn last_sentence(typed: &str) -> &str {
    let typed = typed.trim();
    let ends = typed.char_indices().zip(typed.chars().skip(1));
    let ends = ends.filter(|((_, c), next)| ".!?。".contains(*c) && next.is_whitespace());
    ends.last().map_or(typed, |((at, c), _)| typed[at + c.len_utf8()..].trim_start())
}

impl Observation {
    /// The word of the answer that is looked at where nobody chose one: the longest one that the question
    /// (the last sentence of what was typed) does not hold itself, for such a word answers it; the
    /// longest of all where there is none. Of equals the last.
    pub fn decisive_word(&self) -> Option<usize> {
        let typed = self.layout.iter().flat_map(|l| &l.tokens);
        let typed = typed.filter(|t| t.group == Group::Instruction && t.parts.is_empty());
        let typed: String = typed.map(|t| t.text.replace('\u{2581}', " ")).collect();
        let asked: Vec<String> = words(last_sentence(&typed)).collect();
        let length =
            |i: &usize| self.tokens[*i].text.chars().filter(|c| c.is_alphanumeric()).count();
        let is_new = |i: &usize| {
            let word = self.tokens[*i].text.replace('\u{2581}', " ").to_lowercase();
            length(i) > 0 && !asked.iter().any(|asked| asked == word.trim())
        };
        let all = 0..self.tokens.len();
        all.clone().filter(is_new).max_by_key(length).or_else(|| all.max_by_key(length))
    }

    /// How the row that predicted generated token `index` divides its attention, in one layer or, with
    /// `None`, averaged over layers; of the definition's head or averaged over heads.
    pub fn split(
        &self,
        index: usize,
        layer: Option<usize>,
        definition: &Definition,
    ) -> Option<Split> {
        let on = self.token_groups(index, layer, definition.heads)?;
        // The row sees the tokens generated before it, itself among them, as keys.
        let counts: Counts = self.layout.as_ref()?.counts().with(Group::Generated, index as u32);
        let prompt = [Group::System, Group::Template, Group::Marker, Group::Instruction];
        let counted = prompt.into_iter().filter(|g| definition.text.contains(*g));
        let words = counted.fold(GroupSet::EMPTY, GroupSet::with);
        let all = Group::ALL.into_iter().fold(GroupSet::EMPTY, GroupSet::with);
        let sides = [words, GroupSet::MEDIA, all.minus(words).minus(GroupSet::MEDIA)];
        let part = |side: GroupSet| side.iter().map(|g| on[g.index()]).sum::<f64>();
        let [words, picture, rest] = sides.map(part);
        Some(Split { words, picture, rest, tokens: sides.map(|side| counts.in_set(side)) })
    }

    /// The largest looks of the row that predicted a token, in one layer; `None` where the row was not
    /// kept.
    pub fn glance(&self, rows: Rows, token: usize, layer: usize) -> Option<Glance> {
        let row = rows.row(token, layer)?;
        let layout = self.layout.as_ref()?;
        let places = self.echoed(token);
        let on = |at: &u32| row.get(*at as usize).map(|share| f64::from(*share));
        let word = places.iter().map(on).sum::<Option<f64>>().filter(|_| !places.is_empty());
        let patches = (0..layout.media.len() as u8).filter_map(|m| layout.on_patches(m, row));
        let patch = patches.flatten().flatten().max_by(f32::total_cmp).map(f64::from);
        Some(Glance { word, patch })
    }

    /// The layer in which most is to be seen of what a token looked at, where nobody chose one: both its
    /// word in the question and some patch of the picture, so that the product of its two largest looks
    /// is largest; the patch, or the word, alone where there is no other. Of equals the first. `None`
    /// where rows were not kept or show nothing.
    pub fn telling_layer(&self, token: usize) -> Option<usize> {
        let seen = |layer: usize| {
            let Glance { word, patch } = self.glance(self.mean_rows(), token, layer)?;
            match (word, patch) {
                (Some(word), Some(patch)) => Some(word * patch),
                (word, patch) => word.or(patch),
            }
        };
        let layers = (0..self.layers()).filter_map(|layer| Some((layer, seen(layer)?)));
        let most = |best: Option<(usize, f64)>, now: (usize, f64)| match best {
            Some(best) if best.1 >= now.1 => Some(best),
            _ => Some(now),
        };
        layers.filter(|(_, seen)| *seen > 0.0).fold(None, most).map(|(layer, _)| layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bins::FEW_BINS;
    use crate::flow::{F32s, TokenFlow};
    use crate::layout::{Layout, Token};
    use crate::measure::Attention;
    use crate::media::{Medium, Place, PreparedPicture};
    use crate::observation::Generated;

    fn generated(text: &str, rows: Vec<f32>) -> Generated {
        let mass = F32s(vec![0.125; 2 * FEW_BINS]);
        let flow = TokenFlow { layers: 2, heads: 1, mass, rows: F32s(rows) };
        let (text, alternatives) = (text.to_owned(), Vec::new());
        Generated { id: 1, text, bytes: None, logprob: 0.0, alternatives, flow }
    }

    /// Two patches, then words; two layers of one head.
    fn observation(question: &[&str], answer: &[(&str, Vec<f32>)]) -> Observation {
        let patch = |i: u16| Token {
            medium: Some(0),
            place: Some(Place::cell(0, i, 0)),
            ..Token::text(i.into(), 1, "", Group::Image)
        };
        let words = question.iter().enumerate();
        let words = words.map(|(i, t)| Token::text(i as u32 + 2, 1, *t, Group::Instruction));
        let picture = PreparedPicture {
            width: 28,
            height: 14,
            source_width: 28,
            source_height: 14,
            covers: [0.0, 0.0, 28.0, 14.0],
            rows: 1,
            cols: 2,
        };
        let tokens = [patch(0), patch(1)].into_iter().chain(words).collect();
        Observation {
            layout: Some(Layout::new(tokens, vec![Medium::image(picture)])),
            prefill: vec![None; 2],
            tokens: answer.iter().map(|(t, rows)| generated(t, rows.clone())).collect(),
        }
    }

    #[test]
    fn the_word_that_answers_is_looked_at() {
        let said = |question: &[&str], answer: &[&str]| {
            let answer: Vec<_> = answer.iter().map(|t| (*t, vec![0.0; 2])).collect();
            observation(question, &answer).decisive_word()
        };
        let triangle =
            ["A", " green", " triangle", ".", " What", " color", " is", " the", " triangle", "?"];
        assert_eq!(said(&triangle, &["The", " triangle", " is", " green", "."]), Some(3));
        assert_eq!(said(&triangle, &["The", " triangle", " is", " blue", "."]), Some(3));
        // The claim is no question: its words answer.
        let animal = ["I", " see", " a", " dog", ".", " Which", " animal", "?"];
        assert_eq!(said(&animal, &["It", " is", " a", " dog", ".", ""]), Some(3));
        // Where the question holds every word, the longest; of equals the last.
        assert_eq!(said(&["Is", " it", " cold", "?"], &["It", " is", " cold"]), Some(2));
        assert_eq!(said(&["Who", "?"], &["Ann", " Bob"]), Some(1));
        assert_eq!(said(&["Who", "?"], &[]), None);
        assert_eq!(last_sentence("Look! It is 3.5 m. Is it?"), "Is it?");
    }

    #[test]
    fn the_layer_shows_word_and_patch_together() {
        // Layer 0 looks at the word alone, layer 1 at both.
        let rows = vec![0.01, 0.0, 0.0, 0.5, 0.2, 0.1, 0.0, 0.25];
        let both = observation(&[" a", " dog"], &[(" dog", rows.clone())]);
        let glance = both.glance(both.mean_rows(), 0, 1).unwrap_or_default();
        assert!((glance.word.unwrap_or_default() - 0.25).abs() < 1e-9);
        assert!((glance.times().unwrap_or_default() - 1.25).abs() < 1e-6);
        assert_eq!(both.telling_layer(0), Some(1));
        // Without the word in the question, where a patch is seen best.
        let alone = observation(&[" a", " cat"], &[(" dog", rows)]);
        assert_eq!(alone.glance(alone.mean_rows(), 0, 1).unwrap_or_default().times(), None);
        assert_eq!(alone.telling_layer(0), Some(1));
        assert_eq!(alone.telling_layer(1), None);
        let none = observation(&[" a", " dog"], &[(" dog", vec![0.0; 8])]);
        assert_eq!(none.telling_layer(0), None, "nothing is to be seen");
    }

    #[test]
    fn parts_add_up_in_total_and_by_token() {
        let o = observation(&[" a", " dog", "?"], &[("It", vec![]), (" is", vec![])]);
        let split = o.split(1, Some(0), &Definition::default()).unwrap_or_else(|| unreachable!());
        assert_eq!(split.tokens, [3, 2, 1]);
        assert_eq!(split.counted(Counted::InTotal), split);
        let one = split.counted(Counted::PerToken);
        assert!((one.words + one.picture + one.rest - 1.0).abs() < 1e-12);
        // As much a token as in total, over the number of tokens.
        let ratio = (split.words / 3.0) / (split.picture / 2.0);
        assert!((one.words / one.picture - ratio).abs() < 1e-12);
        let empty = Split { rest: 0.0, tokens: [3, 2, 0], ..split }.counted(Counted::PerToken);
        assert_eq!(empty.rest, 0.0);
        let measure =
            Attention { text: 0.25, image: 0.75, text_tokens: 1, image_tokens: 6 }.measure();
        assert_eq!(measure.ratio(Counted::PerToken), Ok(2.0));
        assert_eq!(measure.ratio(Counted::InTotal), Ok(0.25 / 0.75));
        let blind = Attention { text: 0.25, image: 0.0, text_tokens: 1, image_tokens: 6 }.measure();
        assert_eq!(blind.ratio(Counted::InTotal), Err(Undefined::NoImageAttention));
        assert_eq!(o.split(9, None, &Definition::default()), None);
    }

    #[test]
    fn an_answer_follows_what_the_question_does_not_say() {
        let color = "What color is the triangle?";
        let of = |answer| followed(answer, color, "a green triangle", "a blue triangle");
        assert_eq!(of("The triangle is green."), Followed::Words);
        assert_eq!(of("The triangle is blue."), Followed::Picture);
        assert_eq!(of("The triangle is red."), Followed::Unclear);
        assert_eq!(of("Green or blue."), Followed::Unclear);
        let animal = |answer| followed(answer, "Which animal is it?", "a dog", "a cat");
        assert_eq!(animal("It is a dog."), Followed::Words);
        assert_eq!(animal("It is a cat."), Followed::Picture);
        assert_eq!(animal("It is not a dog."), Followed::Unclear);
    }
}
