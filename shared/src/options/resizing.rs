//! Whose arithmetic resizes a picture.

use serde::{Deserialize, Serialize};

/// Whose arithmetic resizes a picture to what the model takes: it decides single levels of the
/// pixels, and by them the last digits of every number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Resizing {
    /// torchvision's on 8-bit levels, antialiased, and levels normalised in one step: what
    /// transformers 5 does by default.
    #[default]
    #[serde(rename = "torchvision")]
    Torchvision,
    /// Pillow's, from version 13 on: the pass that costs less first. Runs that do not say how they
    /// resized did it so.
    #[serde(rename = "pillow-13")]
    Pillow13,
    /// Pillow's before version 13: the width first, always.
    #[serde(rename = "pillow-12")]
    Pillow12,
}

impl Resizing {
    /// All, transformers' own first.
    pub const ALL: [Resizing; 3] = [Resizing::Torchvision, Resizing::Pillow13, Resizing::Pillow12];

    /// What runs did that do not say how they resized: they are older than the choice.
    pub const UNSAID: Resizing = Resizing::Pillow13;

    /// The name used on the command line, in links and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Resizing::Torchvision => "torchvision",
            Resizing::Pillow13 => "pillow-13",
            Resizing::Pillow12 => "pillow-12",
        }
    }

    /// The arithmetic of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Resizing::ALL.into_iter().find(|r| r.name() == name)
    }
}
