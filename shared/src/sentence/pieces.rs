//! Texts with places for values: `{n} of {all}`.

/// A piece of a text with places for values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Words.
    Words(&'a str),
    /// The place of the value of this name.
    Place(&'a str),
}

/// A text's words and the places between them.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        if !before.is_empty() {
            all.push(Piece::Words(before));
        }
        all.push(Piece::Place(name));
        rest = behind;
    }
    if !rest.is_empty() {
        all.push(Piece::Words(rest));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_words_and_places() {
        let (words, place) = (Piece::Words, Piece::Place);
        assert_eq!(pieces("{a}b{c}"), [place("a"), words("b"), place("c")]);
        assert_eq!(pieces("plain {"), [words("plain {")]);
    }
}
