//! Media: what a prompt holds beside text, as the model saw it, and where a token lies in it.

use serde::{Deserialize, Serialize};

use crate::group::Group;

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
    },
    /// A film.
    Video {
        /// What the model saw of every frame.
        view: PreparedPicture,
        /// For each step of its tokens the time in the film, in milliseconds.
        times: Vec<u32>,
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
        Medium::Image { views: vec![view] }
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

    /// Of a picture what the model saw of it, its first tile where it has several.
    pub fn picture(&self) -> Option<PreparedPicture> {
        match self {
            Medium::Image { views } => views.first().copied(),
            _ => None,
        }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

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
