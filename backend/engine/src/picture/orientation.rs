//! Turning a picture upright, as Pillow's `ImageOps.exif_transpose` does.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use super::told::Told;
use super::{Decoded, Picture};

/// The picture, turned as its file says.
pub(super) fn upright(decoded: Decoded) -> Picture {
    let Decoded { width, height, rgb, told } = decoded;
    let orientation = told.orientation().and_then(Orientation::from_exif);
    match orientation {
        None | Some(Orientation::NoTransforms) => Picture { width, height, rgb },
        Some(orientation) => match RgbImage::from_raw(width, height, rgb) {
            Some(picture) => {
                let mut picture = DynamicImage::ImageRgb8(picture);
                picture.apply_orientation(orientation);
                let rgb = picture.into_rgb8();
                let (width, height) = rgb.dimensions();
                Picture { width, height, rgb: rgb.into_raw() }
            }
            // A decoder's buffer has the size it says.
            None => unreachable!("{width} × {height} levels were decoded"),
        },
    }
}

/// Whether a picture is turned by more than half a turn or a mirror, which needs no second copy of it.
pub(super) fn turns(told: &Told) -> bool {
    use Orientation::{FlipHorizontal, FlipVertical, NoTransforms, Rotate180};
    let orientation = told.orientation().and_then(Orientation::from_exif);
    orientation
        .is_some_and(|o| !matches!(o, NoTransforms | FlipHorizontal | FlipVertical | Rotate180))
}

impl Told {
    /// 1 to 8, where the file says it: in EXIF data or else in XMP data. EXIF data that have the
    /// tag keep XMP from being asked, even where its value is none.
    fn orientation(&self) -> Option<u8> {
        match exif(&self.exif) {
            Tag::Absent => xmp(self.xmp.as_deref()?),
            Tag::Present(value) => value,
        }
    }
}

#[derive(Debug, PartialEq)]
enum Tag {
    Absent,
    Present(Option<u8>),
}

/// The tag 0x112 in the first directory of EXIF data. Any type of number counts but bytes, which
/// Pillow does not compare with numbers; of several values the first.
fn exif(data: &[u8]) -> Tag {
    let strip = |data| <[u8]>::strip_prefix(data, b"Exif\0\0");
    let data = strip(data).unwrap_or(data);
    let data = strip(data).unwrap_or(data);
    directory(data).unwrap_or(Tag::Absent)
}

fn directory(data: &[u8]) -> Option<Tag> {
    let little = match data.get(..4)? {
        b"II\x2A\0" | b"II\0\x2A" => true,
        b"MM\0\x2A" | b"MM\x2A\0" => false,
        _ => return None,
    };
    let bytes = |at: usize, n: usize| -> Option<u64> {
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        let bytes = data.get(at..at.checked_add(n)?)?;
        Some(if little { bytes.iter().rev().fold(0, fold) } else { bytes.iter().fold(0, fold) })
    };
    let start = bytes(4, 4)? as usize;
    let entries = bytes(start, 2)? as usize;
    let mut found = Tag::Absent;
    for entry in 0..entries {
        let at = start + 2 + 12 * entry;
        let Some(tag) = bytes(at, 2) else { break };
        if tag != 0x112 {
            continue;
        }
        let (kind, count) = (bytes(at + 2, 2)?, bytes(at + 4, 4)?);
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 => 8,
            _ => continue,
        };
        let whole = count.checked_mul(size)?;
        let value_at = if whole > 4 { bytes(at + 8, 4)? as usize } else { at + 8 };
        if count == 0 || bytes(value_at, 1).is_none() {
            continue;
        }
        let end = value_at.checked_add(usize::try_from(whole).ok()?)?;
        if end > data.len() {
            continue;
        }
        let raw = bytes(value_at, size as usize)?;
        let value = match kind {
            1 | 2 | 7 => None,
            5 | 10 => {
                let (over, under) = (bytes(value_at, 4)?, bytes(value_at + 4, 4)?);
                (under != 0 && over % under == 0).then(|| over / under)
            }
            11 => whole_number(f64::from(f32::from_bits(raw as u32))),
            12 => whole_number(f64::from_bits(raw)),
            _ => Some(raw),
        };
        found = Tag::Present(value.and_then(|v| u8::try_from(v).ok()));
    }
    Some(found)
}

fn whole_number(value: f64) -> Option<u64> {
    ((1.0..=8.0).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}

/// The first `tiff:Orientation`, an attribute or an element, that a digit follows.
fn xmp(data: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    data.windows(NAME.len()).enumerate().filter(|(_, w)| *w == NAME).find_map(|(at, _)| {
        let rest = &data[at + NAME.len()..];
        let rest = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        rest.first().filter(|b| b.is_ascii_digit()).map(|b| b - b'0')
    })
}
