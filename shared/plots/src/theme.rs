//! Themes: the colours of a drawing.

use crate::colour::{Palette, Rgb};
use crate::words::Words;

/// A theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
    /// Dark on white with full contrast, for the back row.
    Projector,
}

impl Theme {
    /// All themes.
    pub const ALL: [Theme; 3] = [Theme::Light, Theme::Dark, Theme::Projector];

    /// The name that the style sheet and links know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::Projector => "projector",
        }
    }

    /// The theme of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Theme::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// Its colours: those of `style/theme.css`, to which `tests/fonts.rs` holds them.
    pub const fn palette(self) -> Palette {
        const LIGHT: Palette = Palette {
            words: Rgb(0xd6, 0x64, 0x00),
            picture: Rgb(0x00, 0x72, 0xb2),
            neutral: Rgb(0xee, 0xef, 0xf3),
            ink: Rgb(0x17, 0x1a, 0x23),
            muted: Rgb(0x5b, 0x63, 0x76),
            line: Rgb(0xe2, 0xe5, 0xec),
            band: Rgb(0xf2, 0xf4, 0xf8),
            surface: Rgb(0xff, 0xff, 0xff),
            tints: (Rgb(0xf3, 0xab, 0x5c), Rgb(0x6c, 0xb6, 0xe0)),
            scale: (Rgb(0xf2, 0xf7, 0xfc), Rgb(0x08, 0x30, 0x6b)),
        };
        match self {
            Theme::Light => LIGHT,
            Theme::Dark => Palette {
                words: Rgb(0xf0, 0x91, 0x3a),
                picture: Rgb(0x56, 0xb4, 0xe9),
                neutral: Rgb(0x2c, 0x30, 0x3b),
                ink: Rgb(0xec, 0xee, 0xf4),
                muted: Rgb(0xa0, 0xa7, 0xb8),
                line: Rgb(0x2e, 0x32, 0x3d),
                band: Rgb(0x22, 0x25, 0x2e),
                surface: Rgb(0x1a, 0x1d, 0x25),
                tints: (Rgb(0x96, 0x59, 0x1a), Rgb(0x1d, 0x6f, 0x9f)),
                ..LIGHT
            },
            Theme::Projector => Palette {
                words: Rgb(0xc9, 0x56, 0x00),
                ink: Rgb(0x00, 0x00, 0x00),
                muted: Rgb(0x3f, 0x46, 0x57),
                line: Rgb(0xc9, 0xce, 0xd9),
                band: Rgb(0xed, 0xf0, 0xf5),
                ..LIGHT
            },
        }
    }
}

/// What a drawing is drawn in: colours, and the words that it writes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Style {
    /// The colours.
    pub palette: Palette,
    /// The words.
    pub words: Words,
}

impl From<Theme> for Style {
    fn from(theme: Theme) -> Self {
        Style { palette: theme.palette(), words: Words::default() }
    }
}
