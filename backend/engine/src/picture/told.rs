//! What a picture file tells of itself beside the picture: its EXIF and XMP data.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// Most bytes of text that a PNG file's compressed chunk may unpack to; Pillow's own limit.
const MOST_TEXT: u64 = 1 << 20;

/// EXIF and XMP data as Pillow's `getexif` finds them.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// A TIFF header and its directory; empty where there is none.
    pub(super) exif: Vec<u8>,
    pub(super) xmp: Option<Vec<u8>>,
}

impl Told {
    /// From a PNG file's `eXIf` and text chunks, before and behind the picture; the last of a kind.
    pub(super) fn png(bytes: &[u8]) -> Told {
        let (mut exif, mut raw, mut xmp) = (None, None, None);
        let mut rest = bytes.get(8..).unwrap_or_default();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some((kind, after)) = after.split_first_chunk::<4>() else { break };
            let Some((data, after)) = after.split_at_checked(length) else { break };
            match kind {
                b"eXIf" => exif = Some(data.to_vec()),
                b"tEXt" | b"zTXt" | b"iTXt" => match text(kind, data) {
                    Some((b"XML:com.adobe.xmp", text)) => xmp = Some(text),
                    Some((b"Raw profile type exif", text)) => raw = profile(&text),
                    _ => {}
                },
                b"IEND" => break,
                _ => {}
            }
            rest = after.get(4..).unwrap_or_default();
        }
        Told { exif: exif.or(raw).unwrap_or_default(), xmp }
    }

    /// From a WebP file's chunks; the first of a kind.
    pub(super) fn webp(bytes: &[u8]) -> Told {
        let (mut exif, mut xmp) = (None, None);
        let mut rest = bytes.get(12..).unwrap_or_default();
        while let Some((kind, after)) = rest.split_first_chunk::<4>() {
            let Some((length, after)) = after.split_first_chunk::<4>() else { break };
            let length = u32::from_le_bytes(*length) as usize;
            let Some((data, after)) = after.split_at_checked(length) else { break };
            match kind {
                b"EXIF" => exif = exif.or(Some(data.to_vec())),
                b"XMP " => xmp = xmp.or(Some(data.to_vec())),
                _ => {}
            }
            rest = after.get(length % 2..).unwrap_or_default();
        }
        Told { exif: exif.unwrap_or_default(), xmp }
    }
}

/// A text chunk's keyword and text.
fn text<'a>(kind: &[u8; 4], data: &'a [u8]) -> Option<(&'a [u8], Vec<u8>)> {
    let split = |data: &'a [u8]| {
        let at = data.iter().position(|b| *b == 0)?;
        Some((&data[..at], &data[at + 1..]))
    };
    let (key, rest) = split(data)?;
    let (packed, text) = match kind {
        b"tEXt" => (false, rest),
        b"zTXt" => (true, rest.get(1..)?),
        _ => {
            let [flag, _method, rest @ ..] = rest else { return None };
            let (_language, rest) = split(rest)?;
            let (_translated, text) = split(rest)?;
            (*flag != 0, text)
        }
    };
    if !packed {
        return Some((key, text.to_vec()));
    }
    let mut unpacked = Vec::new();
    ZlibDecoder::new(text).take(MOST_TEXT).read_to_end(&mut unpacked).ok()?;
    Some((key, unpacked))
}

/// EXIF data that ImageMagick wrote as text: three lines of heading, then hexadecimal digits.
fn profile(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.split(|b| *b == b'\n').skip(3).flatten();
    let digits: Option<Vec<u8>> = digits
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| char::from(*b).to_digit(16).map(|d| d as u8))
        .collect();
    Some(digits?.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}
