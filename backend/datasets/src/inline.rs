//! Pictures that stand in a table as text: data URIs (RFC 2397), and bare base64.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How the files of PNG, JPEG, GIF and WebP begin in base64.
const BEGINNINGS: [&[u8]; 4] = [b"iVBORw0KGgo", b"/9j/", b"R0lGODl", b"UklGR"];

/// The bytes of a picture that stands here as text, or why they cannot be read; `None` where this is
/// no picture as text.
pub(crate) fn picture(text: &[u8]) -> Option<Result<Vec<u8>, &'static str>> {
    let text = text.trim_ascii();
    if text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:")) {
        let Some(comma) = text.iter().position(|c| *c == b',') else {
            return Some(Err("its data URI has no comma"));
        };
        let (head, data) = (&text[5..comma], &text[comma + 1..]);
        return Some(match head.to_ascii_lowercase().ends_with(b";base64") {
            true => decoded(&percent_decoded(data)),
            false => Ok(percent_decoded(data)),
        });
    }
    // A path may begin like this, but is no long stretch of base64.
    let plain = |c: &u8| c.is_ascii_alphanumeric() || b"+/=\r\n".contains(c);
    let bare = text.len() >= 64
        && BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
        && text.iter().all(plain);
    bare.then(|| decoded(text))
}

fn decoded(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text: Vec<u8> = text.iter().copied().filter(|c| !c.is_ascii_whitespace()).collect();
    let alphabet = if text.iter().any(|c| b"-_".contains(c)) { &URL_SAFE } else { &STANDARD };
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let bytes = GeneralPurpose::new(alphabet, config).decode(text);
    bytes.map_err(|_| "its picture is no base64, or was cut")
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let byte = after.get(..2).filter(|_| first == b'%');
        let byte = byte.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_as_text_are_read() {
        let png =
            b"\x89PNG\r\n\x1a\n and so on, for long enough that it is no name of a file".to_vec();
        // As Python's base64.b64encode writes it.
        let text = "iVBORw0KGgogYW5kIHNvIG9uLCBmb3IgbG9uZyBlbm91Z2ggdGhhdCBpdCBpcyBubyBuYW1lIG9mIGEgZmlsZQ==";
        let (first, second) = text.split_at(40);
        for text in [
            format!("data:image/png;base64,{text}"),
            format!("DATA:image/png;charset=x;BASE64,{}", text.trim_end_matches('=')),
            format!("data:;base64,{first}%0A{second}"),
            format!("data:;base64, {first}\r\n{second}"),
            text.to_owned(),
        ] {
            assert_eq!(picture(text.as_bytes()), Some(Ok(png.clone())), "{text}");
        }
        assert_eq!(picture(b"data:,a%20b%"), Some(Ok(b"a b%".to_vec())));
        assert_eq!(
            picture(b"data:image/png;base64,!!!"),
            Some(Err("its picture is no base64, or was cut"))
        );
        assert_eq!(picture(b"data:image/png"), Some(Err("its data URI has no comma")));
        let long = format!("/9j/{}", "a/".repeat(40));
        for path in ["images/a.png", "/9j/a.png", "data.png", "", &format!("{long}.png")] {
            assert_eq!(picture(path.as_bytes()), None, "{path}");
        }
    }
}
