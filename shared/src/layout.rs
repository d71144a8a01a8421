//! The sequence as groups, with the picture's patch grid and each token's text.

use serde::{Deserialize, Serialize};

use crate::group::{Counts, Group};
use crate::shown::CharPart;

/// Where on the prepared picture's token grid an image token lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cell {
    /// Row of the grid, from the top.
    pub row: u16,
    /// Column of the grid, from the left.
    pub col: u16,
    /// Which repetition of the picture this token belongs to (0 unless replicated).
    pub copy: u16,
}

/// One position of the sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// Position in the sequence.
    pub index: u32,
    /// Vocabulary id.
    pub id: u32,
    /// The token's text as a person would read it; leading spaces kept. A character that several
    /// tokens share stands in each with its part, as `어 1/3`; bytes that are no character are named,
    /// as `byte FF`.
    pub text: String,
    /// The characters that it shares with its neighbours, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<CharPart>,
    /// What the position is.
    pub group: Group,
    /// Where an image token lies; `None` for every other group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
}

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

/// The prompt as the model receives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Layout {
    /// Every prompt position, in order.
    pub tokens: Vec<Token>,
    /// The picture's geometry; `None` for a prompt without a picture.
    pub picture: Option<PreparedPicture>,
}

impl Layout {
    /// Number of prompt positions.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether the prompt is empty.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many prompt tokens each group holds.
    pub fn counts(&self) -> Counts {
        Counts::of(self.tokens.iter().map(|t| t.group))
    }

    /// The groups as runs of equal group: `(group, start, end)`, in order and without gaps.
    pub fn segments(&self) -> Vec<(Group, usize, usize)> {
        let mut segments: Vec<(Group, usize, usize)> = Vec::new();
        for (i, token) in self.tokens.iter().enumerate() {
            match segments.last_mut() {
                Some((group, _, end)) if *group == token.group => *end = i + 1,
                _ => segments.push((token.group, i, i + 1)),
            }
        }
        segments
    }

    /// Positions of the image tokens.
    pub fn image_positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.tokens.iter().enumerate().filter(|(_, t)| t.group == Group::Image).map(|(i, _)| i)
    }
}
