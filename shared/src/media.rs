//! Media: what a prompt holds beside text, as the model saw it, and where a token lies in it.

use serde::{Deserialize, Serialize};

use crate::group::Group;
use crate::options::FilmSampling;

/// The picture as the model saw it, in the pixels of the person's own picture (after EXIF
/// orientation) and in its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreparedPicture {
    /// Width of the prepared picture in pixels.
    pub width: u32,
    /// Height of the prepared picture in pixels.
    pub height: u32,
    /// Width of the picture that was given, in pixels.
    pub source_width: u32,
    /// Height of the picture that was given, in pixels.
    pub source_height: u32,
    /// The part of the given picture that the prepared one covers: x, y, width, height in its
    /// pixels. Reaches outside the given picture where padding was added.
    pub covers: [f32; 4],
    /// Rows of the token grid.
    pub rows: u16,
    /// Columns of the token grid.
    pub cols: u16,
}

/// One medium of a prompt, with its geometry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Medium {
    /// A still picture.
    Image {
        /// What the model saw of it: the picture itself, or its tiles.
        views: Vec<PreparedPicture>,
        /// Learned features among its tokens that lie in no cell: they end rows of its map, or all of it.
        #[serde(default, skip_serializing_if = "is_none")]
        line_ends: u32,
    },
    /// A film.
    Video {
        /// What the model saw of every frame.
        view: PreparedPicture,
        /// For each step of its tokens the time in the film, in milliseconds: that of the step's first frame.
        times: Vec<u32>,
        /// Numbers of the frames that the model saw, in its order, as the given film counts them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        frames: Vec<u32>,
        /// How many frames the given film has.
        #[serde(default)]
        of: u32,
        /// How many frames a second the model saw.
        #[serde(default)]
        rate: f64,
        /// By which rule they were chosen; `all` where they were before the film was given.
        #[serde(default)]
        rule: FilmSampling,
    },
    /// A sound.
    Audio {
        /// How long it lasts, in milliseconds.
        length: u32,
    },
    /// A series of numbers.
    Series {
        /// How many numbers it has.
        samples: u32,
    },
}

impl Medium {
    /// A picture seen as a whole.
    pub fn image(view: PreparedPicture) -> Self {
        Medium::Image { views: vec![view], line_ends: 0 }
    }

    /// The group of its tokens.
    pub const fn group(&self) -> Group {
        match self {
            Medium::Image { .. } => Group::Image,
            Medium::Video { .. } => Group::Video,
            Medium::Audio { .. } => Group::Audio,
            Medium::Series { .. } => Group::Series,
        }
    }

    /// How many tokens a picture has before any are pruned or repeated: those of all its views, the
    /// whole picture beside its tiles too, and those that end lines. 0 of other media.
    pub fn picture_tokens(&self) -> u32 {
        let Medium::Image { views, line_ends } = self else { return 0 };
        let cells = views.iter().map(|view| u32::from(view.rows) * u32::from(view.cols));
        cells.sum::<u32>() + line_ends
    }

    /// Of a picture what the model saw of it. Its tiles are one map together; the whole picture beside
    /// them is a second, coarser one, in which no [`Medium::spot`] lies.
    pub fn picture(&self) -> Option<PreparedPicture> {
        let Medium::Image { views, .. } = self else { return None };
        let Tiled { across, down, first, .. } = Tiled::of(views)?;
        let [x, y, width, height] = first.covers;
        Some(PreparedPicture {
            width: first.width * u32::from(across),
            height: first.height * u32::from(down),
            covers: [x, y, width * f32::from(across), height * f32::from(down)],
            rows: first.rows * down,
            cols: first.cols * across,
            ..first
        })
    }

    /// Row and column of a cell on the map of [`Medium::picture`]; `None` where it lies in the whole
    /// picture beside tiles: what falls on the two maps is never added up.
    pub fn spot(&self, cell: Cell) -> Option<(u16, u16)> {
        let Medium::Image { views, .. } = self else { return None };
        let Tiled { across, down, first, whole } = Tiled::of(views)?;
        let tile = match whole {
            Some(whole) if cell.tile == whole => return None,
            Some(whole) if cell.tile > whole => cell.tile - 1,
            _ => cell.tile,
        };
        let (row, col) = (tile / across, tile % across);
        (row < down).then_some((row * first.rows + cell.row, col * first.cols + cell.col))
    }
}

/// How a picture's views lie beside each other.
struct Tiled {
    /// Tiles in a row.
    across: u16,
    /// Rows of tiles.
    down: u16,
    first: PreparedPicture,
    /// Which view is the whole picture beside the tiles.
    whole: Option<u16>,
}

impl Tiled {
    /// Tiles row by row, and the whole picture before or behind them: the view that covers most. Of two
    /// views the first is the map of all tiles, and the whole picture the second.
    fn of(views: &[PreparedPicture]) -> Option<Self> {
        let area = |view: &PreparedPicture| view.covers[2] * view.covers[3];
        let largest = views.iter().enumerate().max_by(|(_, a), (_, b)| area(a).total_cmp(&area(b)));
        let whole = match views.len() {
            0 | 1 => None,
            2 => Some(1),
            _ => largest.map(|(at, _)| at),
        };
        // Asked for every token, so nothing is collected.
        let tiles =
            || views.iter().enumerate().filter(|(at, _)| Some(*at) != whole).map(|(_, v)| v);
        let first = *tiles().next()?;
        let across = tiles().take_while(|tile| tile.covers[1] == first.covers[1]).count();
        let down = tiles().count() / across.max(1);
        let whole = whole.map(|at| at as u16);
        Some(Tiled { across: across as u16, down: down as u16, first, whole })
    }
}

/// Where on a picture's token grid a token lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cell {
    /// Row of the grid, from the top.
    pub row: u16,
    /// Column of the grid, from the left.
    pub col: u16,
    /// Which repetition of the picture this token belongs to (0 unless replicated).
    pub copy: u16,
    /// Which of the picture's views it lies in.
    #[serde(default, skip_serializing_if = "is_first")]
    pub tile: u16,
}

// Signature given by serde.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_none(line_ends: &u32) -> bool {
    *line_ends == 0
}

// Signature given by serde.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_first(tile: &u16) -> bool {
    *tile == 0
}

/// Where in a film a token lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Moment {
    /// Which step of the film's tokens, from 0.
    pub step: u16,
    /// Row of the grid, from the top.
    pub row: u16,
    /// Column of the grid, from the left.
    pub col: u16,
}

/// Which part of a sound a token covers, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// The content type of a sound file of a format that the lab reads, by what it holds.
pub const fn sound_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("audio/wav"),
        _ => None,
    }
}

/// The content type of a file that is a film and nothing else, by what it holds: y4m, or the lab's own archive of
/// frames. Animated pictures are films where they are given as such.
pub fn film_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"YUV4MPEG2 ") {
        return Some("video/x-yuv4mpeg");
    }
    // The name of a tar archive's first file is its first field.
    let named = bytes.starts_with(FILM_MANIFEST.as_bytes());
    (named && bytes.get(257..262) == Some(b"ustar")).then_some("application/x-tar")
}

/// The first file in an archive of frames, which says their rate.
pub const FILM_MANIFEST: &str = "film.json";

/// Which numbers of a series a token covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Samples {
    /// The first, from 0.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// Where in its medium a token lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a picture.
    Cell(Cell),
    /// In a film.
    Moment(Moment),
    /// In a sound.
    Span(Span),
    /// In a series.
    Samples(Samples),
}

impl Place {
    /// A cell of a picture that is seen as a whole.
    pub const fn cell(row: u16, col: u16, copy: u16) -> Self {
        Place::Cell(Cell { row, col, copy, tile: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two by three tiles of 2 × 2 cells with the whole picture before or behind them.
    #[test]
    fn tiles_are_one_map_and_the_whole_picture_another() {
        let view = |x, y, width, height| PreparedPicture {
            width: 8,
            height: 8,
            source_width: 30,
            source_height: 20,
            covers: [x, y, width, height],
            rows: 2,
            cols: 2,
        };
        let tiles = (0..6).map(|i| view((i % 3) as f32 * 10.0, (i / 3) as f32 * 10.0, 10.0, 10.0));
        let whole = view(0.0, 0.0, 30.0, 20.0);
        let behind: Vec<_> = tiles.clone().chain([whole]).collect();
        let before: Vec<_> = [whole].into_iter().chain(tiles).collect();
        for (views, first, whole) in [(behind, 0, 6), (before, 1, 0)] {
            let medium = Medium::Image { views, line_ends: 0 };
            let map = medium.picture().expect("a picture");
            assert_eq!((map.rows, map.cols, map.width, map.height), (4, 6, 24, 16));
            assert_eq!(map.covers, [0.0, 0.0, 30.0, 20.0]);
            assert_eq!(medium.picture_tokens(), 7 * 4, "the whole picture's too");
            let spot = |tile| medium.spot(Cell { row: 1, col: 0, copy: 0, tile });
            assert_eq!(spot(first), Some((1, 0)));
            assert_eq!(spot(first + 5), Some((3, 4)));
            assert_eq!(spot(whole), None, "never added to the tiles");
            assert_eq!(spot(7), None, "there is no such tile");
        }
        // Tiles of unequal parts are one view with a map of their own.
        let map = PreparedPicture { rows: 3, cols: 5, ..view(0.0, -0.5, 30.0, 21.0) };
        let views = vec![map, PreparedPicture { rows: 4, ..whole }];
        let medium = Medium::Image { views, line_ends: 3 };
        assert_eq!(medium.picture_tokens(), 3 * 5 + 4 * 2 + 3);
        assert_eq!(medium.picture(), Some(map));
        let spot = |tile| medium.spot(Cell { row: 2, col: 1, copy: 0, tile });
        assert_eq!((spot(0), spot(1)), (Some((2, 1)), None));
        let alone = Medium::image(whole);
        assert_eq!(alone.picture(), Some(whole));
        assert_eq!(alone.spot(Cell { row: 1, col: 1, copy: 3, tile: 0 }), Some((1, 1)));
    }
}
