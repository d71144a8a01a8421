//! References to pictures in texts, as MMMU writes them: `<image 2>`.

/// The number of the first `<image k>` in a text, with what stands before and after it. The number
/// is `None` where it is too large to be one.
///
/// It is what `<image\s+(\d+)>` matches.
pub(crate) fn first(text: &str) -> Option<(&str, Option<usize>, &str)> {
    let mut from = 0;
    while let Some(at) = text[from..].find(OPENING) {
        let (before, after) = (from + at, from + at + OPENING.len());
        if let Some((number, after)) = number(&text[after..]) {
            return Some((&text[..before], number, after));
        }
        from = after;
    }
    None
}

const OPENING: &str = "<image";

/// What `\s+(\d+)>` matches at a text's beginning, and what follows it.
fn number(text: &str) -> Option<(Option<usize>, &str)> {
    let digits = text.trim_start();
    let (digits, after) = digits.split_once('>').filter(|_| digits.len() < text.len())?;
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| (digits.parse().ok(), after))
}

/// The first reference in a text to a picture that a row with one picture does not have, as it is
/// written.
pub(crate) fn beyond_the_first(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some((before, number, after)) = first(rest) {
        if number != Some(1) {
            return Some(&rest[before.len()..rest.len() - after.len()]);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_pictures_are_found() {
        for (text, found) in [
            ("Look at <image 2>. Which?", Some("<image 2>")),
            ("<image 1> and <image  03>", Some("<image  03>")),
            ("<image 0>", Some("<image 0>")),
            ("<image <image 7>", Some("<image 7>")),
            ("<image 99999999999999999999999>", Some("<image 99999999999999999999999>")),
            ("<image 1>, <image 01>, <image>, <image2x>, <image two>, <image 2", None),
            ("", None),
        ] {
            assert_eq!(beyond_the_first(text), found, "{text}");
        }
        assert_eq!(first("a <image 12> b"), Some(("a ", Some(12), " b")));
    }
}
