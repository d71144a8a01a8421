//! y4m files, what video programs hand each other: a line of settings, then planes of luma and chroma frame by frame.
//! <https://wiki.multimedia.cx/index.php/YUV4MPEG2>

use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use super::{FilmLimits, See, Shot, damaged};
use crate::error::EngineError;

/// What a file of this kind begins with.
const MAGIC: &[u8] = b"YUV4MPEG2 ";
/// Most bytes of a line of settings.
const MOST_LINE: usize = 1024;

pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Settings of a file.
struct Header {
    width: u32,
    height: u32,
    /// How long a frame is shown, in milliseconds.
    delay: f64,
    /// Pixels of luma beside one of chroma, across and down; none of gray.
    chroma: Option<(u32, u32)>,
    /// Whether levels have 0 to 255 instead of 16 to 235.
    full: bool,
}

/// Hands the frames out. Colours are BT.601's, and each chroma value is that of all pixels that share it; levels
/// are rounded. Programs that take BT.709's or smooth chroma make other levels of the same file.
pub(super) fn read(bytes: &[u8], limits: &FilmLimits, see: &mut See) -> Result<(), EngineError> {
    let (line, mut rest) = line(bytes)?;
    let header = header(line)?;
    limits.check((header.width, header.height), 1)?;
    let (width, height) = (header.width as usize, header.height as usize);
    let (luma, chroma) = (
        width * height,
        header.chroma.map(|(across, down)| {
            (width.div_ceil(across as usize), height.div_ceil(down as usize))
        }),
    );
    let size = luma + chroma.map_or(0, |(w, h)| 2 * w * h);
    let mut rgb = vec![0; 3 * luma];
    while !rest.is_empty() {
        let (words, after) = self::line(rest)?;
        if !words.starts_with(b"FRAME") {
            return Err(damaged("a frame does not begin with FRAME"));
        }
        let planes = after.get(..size).ok_or_else(|| damaged("its last frame ends early"))?;
        rest = &after[size..];
        let (y, uv) = planes.split_at(luma);
        for (at, (pixel, luma)) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(y).enumerate() {
            let (row, col) = (at / width, at % width);
            let (cb, cr) = match (header.chroma, chroma) {
                (Some((across, down)), Some((w, h))) => {
                    let at = row / down as usize * w + col / across as usize;
                    (uv[at], uv[w * h + at])
                }
                _ => (128, 128),
            };
            *pixel = colour((*luma, cb, cr), header.full);
        }
        let size = (header.width, header.height);
        if see(Shot { rgb: &rgb, size, delay: header.delay })?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// ITU-R BT.601: a pixel's red, green and blue.
fn colour((y, cb, cr): (u8, u8, u8), full: bool) -> [u8; 3] {
    let (scale, floor, spread) =
        if full { (1.0, 0.0, 1.0) } else { (255.0 / 219.0, 16.0, 255.0 / 224.0) };
    let y = (f32::from(y) - floor) * scale;
    let (cb, cr) = ((f32::from(cb) - 128.0) * spread, (f32::from(cr) - 128.0) * spread);
    // A cast ends at 0 and 255.
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| v.round() as u8)
}

/// A line and what comes after it.
fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), EngineError> {
    let end = bytes.iter().take(MOST_LINE).position(|byte| *byte == b'\n');
    let end = end.ok_or_else(|| damaged("a line of its settings does not end"))?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

fn header(line: &[u8]) -> Result<Header, EngineError> {
    let text = std::str::from_utf8(line).map_err(|_| damaged("its settings are no text"))?;
    let other = |kind: &str| {
        let kind: String = kind.chars().take(40).collect();
        EngineError::new(ErrorCode::WrongContentType, EngineRefusal::FilmKind { kind })
    };
    let (mut width, mut height, mut delay, mut chroma, mut full) =
        (0, 0, None, Some((2, 2)), false);
    for word in text.split(' ').skip(1).filter(|word| !word.is_empty()) {
        // A word may begin with any character.
        let (kind, value) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        match kind {
            "W" => width = value.parse().unwrap_or(0),
            "H" => height = value.parse().unwrap_or(0),
            "F" => {
                let (a, b) = value.split_once(':').unwrap_or((value, "1"));
                let parts = a.parse::<u32>().ok().zip(b.parse::<u32>().ok());
                delay = parts
                    .filter(|(a, b)| *a > 0 && *b > 0)
                    .map(|(a, b)| 1000.0 * f64::from(b) / f64::from(a));
            }
            "I" if !matches!(value, "p" | "?" | "") => return Err(other("interlaced")),
            "C" => {
                chroma = match value {
                    "420" | "420jpeg" | "420mpeg2" | "420paldv" => Some((2, 2)),
                    "422" => Some((2, 1)),
                    "444" => Some((1, 1)),
                    "mono" => None,
                    _ => return Err(other(value)),
                };
            }
            "X" if value.eq_ignore_ascii_case("COLORRANGE=FULL") => full = true,
            _ => {}
        }
    }
    if width == 0 || height == 0 {
        return Err(damaged("its settings name no width and height"));
    }
    let delay = delay.ok_or_else(|| damaged("its settings name no rate"))?;
    Ok(Header { width, height, delay, chroma, full })
}
