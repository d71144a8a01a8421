//! Pictures before they are looked at: what kind of file one is, how many tokens a model makes of
//! it, and how long that takes.

mod anyres;
mod tiling;

use serde::{Deserialize, Serialize};

pub use anyres::{AnyRes, MOST_SHAPES, Shapes, TileMap};
pub use tiling::{Canvas, Tiling};

use crate::options::{AskedOptions, Quant};

/// Most pixels of a picture, width times height, that is decoded where nobody says otherwise.
pub const MOST_PIXELS: u64 = 50_000_000;
/// Most bytes of a run's picture files together that a lab takes where it is not told otherwise.
pub const MOST_BYTES: u32 = 20 << 20;
/// How many of a file's first bytes [`picture_type`] looks at.
pub const PICTURE_HEAD: usize = 12;

/// The content type of a picture file of a format that the lab reads, by what it holds; its name
/// and what a browser takes its type to be say nothing.
pub const fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'B', b'M', ..] => Some("image/bmp"),
        _ => None,
    }
}

/// The name of a format of pictures that the lab does not read and some browsers do, by what a file holds.
pub fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4)? {
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
                Some("HEIC")
            }
            b"avif" | b"avis" => Some("AVIF"),
            _ => None,
        },
        [b'I', b'I', 0x2a, 0, ..] | [b'M', b'M', 0, 0x2a, ..] => Some("TIFF"),
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] => Some("JPEG XL"),
        _ => None,
    }
}

/// Longer pictures than this, in widths or heights, are refused by models that read any size.
const LONGEST: f64 = 200.0;

/// The size that a model which reads pictures of any size gives one: both edges multiples of `edge`,
/// the area from `least` to `most` pixels, the proportions kept as well as that allows;
/// transformers' `smart_resize`, Python's rounding of halves to even included. `None` where one side
/// is more than 200 times the other.
pub fn smart_resize(
    (width, height): (u32, u32),
    edge: u32,
    (least, most): (u64, u64),
) -> Option<(u32, u32)> {
    let (w, h, factor) = (f64::from(width), f64::from(height), f64::from(edge));
    if w < 1.0 || h < 1.0 || w.max(h) / w.min(h) > LONGEST {
        return None;
    }
    let (mut rows, mut cols) =
        ((h / factor).round_ties_even() * factor, (w / factor).round_ties_even() * factor);
    if rows * cols > most as f64 {
        let beta = (h * w / most as f64).sqrt();
        rows = ((h / beta / factor).floor() * factor).max(factor);
        cols = ((w / beta / factor).floor() * factor).max(factor);
    } else if rows * cols < least as f64 {
        let beta = (least as f64 / (h * w)).sqrt();
        rows = (h * beta / factor).ceil() * factor;
        cols = (w * beta / factor).ceil() * factor;
    }
    Some((cols as u32, rows as u32))
}

/// How many tokens a model makes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "size", rename_all = "snake_case")]
pub enum PictureTokens {
    /// The same of every picture.
    One {
        /// So many.
        tokens: u32,
    },
    /// One for each square of the size that the picture is given.
    Any {
        /// A square's edge in pixels.
        edge: u32,
        /// The least pixels of a picture.
        least: u32,
        /// The most.
        most: u32,
    },
    /// The same of every tile that the picture is cut into, and of the whole picture behind them;
    /// of a picture that is not cut, one tile's.
    Tiles {
        /// A tile's edge in pixels.
        edge: u32,
        /// The longer edge in pixels that a picture is given before it is cut.
        longest: u32,
        /// Tokens of a tile.
        tokens: u32,
    },
    /// The same of every tile of the canvas whose proportions are closest to the picture's, and of the
    /// whole picture behind them; of a canvas of one tile, that one's.
    Canvas {
        /// A tile's edge in pixels.
        edge: u32,
        /// The most tiles.
        most: u32,
        /// Tokens of a tile.
        tokens: u32,
    },
    /// Those of the whole picture, and of a map of the tiles that it is fitted into.
    AnyRes(AnyRes),
}

impl PictureTokens {
    /// The least and the most pixels that a picture may be limited to; `None` where every picture
    /// has one size.
    pub fn pixels(self) -> Option<(u32, u32)> {
        match self {
            PictureTokens::One { .. } => None,
            PictureTokens::Any { least, most, .. } => Some((least, most)),
            PictureTokens::Tiles { edge, longest, .. } => {
                let whole = longest.div_ceil(edge.max(1)).saturating_mul(edge);
                Some((edge.saturating_mul(edge), whole.saturating_mul(whole)))
            }
            PictureTokens::Canvas { edge, most, .. } => {
                let one = edge.saturating_mul(edge);
                Some((one, one.saturating_mul(most)))
            }
            PictureTokens::AnyRes(AnyRes { edge, shapes, .. }) => {
                let tile = edge.saturating_mul(edge);
                Some((tile, tile.saturating_mul(shapes.most())))
            }
        }
    }

    /// The limit of pixels where nobody asks: the most, but of a model that cuts pictures into
    /// tiles one tile, since each takes its vision tower as long as a whole picture.
    pub fn usual(self) -> Option<u32> {
        let (least, most) = self.pixels()?;
        Some(if self.is_cut() { least } else { most })
    }

    /// The limit of pixels under which pictures have all their tiles, of a model that can cut them.
    pub fn tiled(self) -> Option<u32> {
        let (_, most) = self.pixels()?;
        self.is_cut().then_some(most)
    }

    /// Whether the model can cut pictures into tiles.
    const fn is_cut(self) -> bool {
        matches!(
            self,
            PictureTokens::Tiles { .. } | PictureTokens::Canvas { .. } | PictureTokens::AnyRes(_)
        )
    }

    /// Tokens of a picture of this width and height under a limit of pixels; `None` where the model
    /// does not read it.
    pub fn of(self, size: (u32, u32), max_pixels: Option<u32>) -> Option<u32> {
        match self {
            PictureTokens::One { tokens } => Some(tokens),
            PictureTokens::Tiles { edge, longest, tokens } => {
                let limit = max_pixels.or(self.usual())?;
                let tiling = Tiling::of(size, (edge, longest), limit);
                Some(tokens.saturating_mul(tiling.views()))
            }
            PictureTokens::Canvas { edge, most, tokens } => {
                let limit = max_pixels.or(self.usual())?;
                let tiles = limit / edge.saturating_mul(edge).max(1);
                Some(tokens.saturating_mul(Canvas::of(size, edge, tiles.min(most)).views()))
            }
            PictureTokens::AnyRes(any) => Some(any.tokens(size, max_pixels.or(self.usual())?)),
            PictureTokens::Any { edge, least, most } => {
                let most = max_pixels.map_or(most, |limit| most.min(limit));
                let limits = (u64::from(least), u64::from(most));
                let (width, height) = smart_resize(size, edge, limits)?;
                Some((width / edge) * (height / edge))
            }
        }
    }

    /// A limit of pixels that makes about [`FEW_TOKENS`] of a picture with many more; `None` where
    /// there is nothing to limit. Of a picture in tiles, the limit that leaves it whole.
    pub fn limit(self, size: (u32, u32), max_pixels: Option<u32>) -> Option<u32> {
        if self.is_cut() {
            return self
                .usual()
                .filter(|whole| self.of(size, max_pixels) > self.of(size, Some(*whole)));
        }
        let PictureTokens::Any { edge, least, .. } = self else { return None };
        let limit = edge.checked_mul(edge)?.checked_mul(FEW_TOKENS)?.max(least);
        let now = self.of(size, max_pixels)?;
        (now > 2 * self.of(size, Some(limit))?).then_some(limit)
    }
}

/// Picture tokens that a laptop reads in a moment of a model of a few billion weights.
pub const FEW_TOKENS: u32 = 1024;

/// How long a model took to read its last prompt with a picture on this machine: vision tower and
/// prefill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Speed {
    /// How the decoder's weights were held.
    pub quant: Quant,
    /// Tokens that the vision tower made of the picture.
    pub picture_tokens: u32,
    /// Tokens of the prompt that are no picture's.
    pub text_tokens: u32,
    /// All tokens that the decoder read: of the picture's those that were left, as often as they
    /// stood there.
    pub prompt_tokens: u32,
    /// Milliseconds of the vision tower.
    pub vision_ms: f64,
    /// Milliseconds of the decoder.
    pub prefill_ms: f64,
}

/// How long a prompt is going to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Milliseconds, in proportion to what was read last.
    pub ms: f64,
    /// Whether there is more to read than last time. Time grows faster than the number of tokens:
    /// these milliseconds are then the least.
    pub at_least: bool,
}

impl Speed {
    /// How long a picture of which the tower makes so many tokens takes under these options, the
    /// prompt's other tokens being as many as last time.
    pub fn expected(&self, picture_tokens: u32, options: &AskedOptions) -> Expected {
        let kept = match options.prune {
            Some(rate) if rate > 0.0 => {
                let count = options.prune_count.unwrap_or_default();
                count.kept(picture_tokens as usize, rate) as u32
            }
            _ => picture_tokens,
        };
        let copies = options.replicate.unwrap_or(1);
        let prompt = self.text_tokens.saturating_add(kept.saturating_mul(copies));
        let share = |now: u32, then: u32| f64::from(now) / f64::from(then.max(1));
        Expected {
            ms: self.vision_ms * share(picture_tokens, self.picture_tokens)
                + self.prefill_ms * share(prompt, self.prompt_tokens),
            at_least: picture_tokens > self.picture_tokens || prompt > self.prompt_tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_head_is_enough() {
        let heads: [(&[u8], _); 7] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\r", Some("image/png")),
            (b"\xff\xd8\xff\xe1", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\x10\0\0\0WEBP", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVE", None),
            (b"\0\0\0\x18ftypheic", None),
            (b"", None),
        ];
        for (head, kind) in heads {
            assert!(head.len() <= PICTURE_HEAD);
            assert_eq!(picture_type(head), kind, "{head:?}");
        }
    }

    #[test]
    fn tokens_are_those_of_the_size_a_picture_gets() {
        let qwen = PictureTokens::Any { edge: 28, least: 3136, most: 12_845_056 };
        // From transformers 5.17's smart_resize.
        assert_eq!(qwen.of((3024, 4032), None), Some(15_552));
        assert_eq!(qwen.of((640, 480), None), Some(391));
        let limit = qwen.limit((3024, 4032), None).unwrap();
        assert_eq!(limit, 28 * 28 * 1024);
        let few = qwen.of((3024, 4032), Some(limit)).unwrap();
        assert!((900..=1024).contains(&few), "{few}");
        assert_eq!(qwen.limit((3024, 4032), Some(limit)), None, "it is limited already");
        assert_eq!(qwen.limit((640, 480), None), None, "it is small");
        assert_eq!(qwen.of((1, 500), None), None);
        let smol = PictureTokens::Tiles { edge: 512, longest: 2048, tokens: 64 };
        assert_eq!((smol.pixels(), smol.usual()), (Some((1 << 18, 1 << 22)), Some(1 << 18)));
        assert_eq!(smol.tiled(), Some(1 << 22));
        assert_eq!(smol.of((4032, 3024), None), Some(64), "one tile where nobody asks for more");
        assert_eq!(smol.of((4032, 3024), Some(1 << 22)), Some(64 * (4 * 3 + 1)));
        assert_eq!(smol.of((4032, 3024), Some(1 << 20)), Some(64 * (2 * 2 + 1)));
        assert_eq!(smol.limit((4032, 3024), Some(1 << 22)), Some(1 << 18));
        assert_eq!(smol.limit((4032, 3024), None), None);
        let llava = PictureTokens::One { tokens: 576 };
        assert_eq!((llava.of((9, 9), None), llava.limit((9, 9), None)), (Some(576), None));
    }

    #[test]
    fn a_canvas_is_one_tile_where_nobody_asks_for_more() {
        let tokens = PictureTokens::Canvas { edge: 448, most: 12, tokens: 256 };
        let one = 448 * 448;
        assert_eq!((tokens.pixels(), tokens.usual()), (Some((one, 12 * one)), Some(one)));
        assert_eq!(tokens.tiled(), Some(12 * one));
        assert_eq!(tokens.of((4032, 3024), None), Some(256), "one tile where nobody asks for more");
        assert_eq!(tokens.of((4032, 3024), Some(12 * one)), Some(256 * (4 * 3 + 1)));
        assert_eq!(tokens.of((4032, 3024), Some(2 * one)), Some(256), "one tile is closest");
        assert_eq!(tokens.limit((4032, 3024), Some(12 * one)), Some(one));
        assert_eq!(tokens.limit((4032, 3024), None), None);
    }

    #[test]
    fn time_follows_what_tower_and_decoder_have_to_read() {
        let speed = Speed {
            quant: Quant::Q8_0,
            picture_tokens: 100,
            text_tokens: 50,
            prompt_tokens: 150,
            vision_ms: 200.0,
            prefill_ms: 300.0,
        };
        let asked = AskedOptions::default();
        let of = |n, asked: &AskedOptions| {
            let Expected { ms, at_least } = speed.expected(n, asked);
            (ms, at_least)
        };
        assert_eq!(of(100, &asked), (500.0, false));
        assert_eq!(of(1000, &asked), (2000.0 + 2100.0, true));
        // The tower sees the whole picture, whatever is dropped behind it.
        let pruned = AskedOptions { prune: Some(0.75), ..asked.clone() };
        assert_eq!(of(100, &pruned), (200.0 + 150.0, false));
        assert_eq!(of(1000, &pruned), (2000.0 + 600.0, true));
        let copied = AskedOptions { replicate: Some(4), ..pruned };
        assert_eq!(of(100, &copied), (500.0, false));
        // What was read last may itself have been pruned.
        let last = Speed { prompt_tokens: 75, prefill_ms: 150.0, ..speed };
        assert_eq!(last.expected(100, &asked), Expected { ms: 500.0, at_least: true });
    }
}
