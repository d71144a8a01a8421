//! The table of widths against the fonts, and the themes against the style sheet.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

use plots::text::width;
use plots::{Palette, Rgb, Theme};
use ttf_parser::Face;

static REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.ttf");
static SEMI_BOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.ttf");
static KOREAN: &[u8] = include_bytes!("../fonts/PlotsHangul-Regular.otf");

#[test]
fn widths_are_those_of_the_fonts() {
    for (bytes, bold) in [(REGULAR, false), (SEMI_BOLD, true)] {
        let face = Face::parse(bytes, 0).unwrap();
        let em = f64::from(face.units_per_em());
        let mut seen = 0;
        for letter in ('\u{20}'..='\u{2265}').filter(|c| !c.is_control()) {
            let Some(glyph) = face.glyph_index(letter) else { continue };
            let advance = f64::from(face.glyph_hor_advance(glyph).unwrap()) / em;
            assert_eq!(width(&letter.to_string(), bold), advance, "{letter:?}");
            seen += 1;
        }
        assert!(seen > 300, "{seen}");
    }
}

#[test]
fn the_fonts_have_what_plots_write() {
    let [latin, korean] = [REGULAR, KOREAN].map(|bytes| Face::parse(bytes, 0).unwrap());
    for letter in "MDI by layer 0123456789 ×±–·…†‡§¶≤→−% éŁ“”".chars() {
        assert!(latin.glyph_index(letter).is_some(), "{letter:?}");
    }
    let em = f64::from(korean.units_per_em());
    for letter in "고양이가 있나요?뷁ㅋㅎ".chars().filter(|c| !c.is_ascii()) {
        // KS X 1001 has no 뷁.
        let Some(glyph) = korean.glyph_index(letter) else {
            assert_eq!(letter, '뷁');
            continue;
        };
        // The table leaves other fonts' wider letters their room.
        let advance = f64::from(korean.glyph_hor_advance(glyph).unwrap()) / em;
        assert!(advance <= width(&letter.to_string(), false), "{letter}");
    }
}

const SHEET: &str = include_str!("../../../style/theme.css");

/// A theme's variable: its own, else the root's.
fn variable(theme: Theme, name: &str) -> Rgb {
    let own = format!(":root[data-theme=\"{}\"]", theme.name());
    let mut found = None;
    for block in SHEET.split('}') {
        let Some((head, body)) = block.split_once('{') else { continue };
        let selector = head.rsplit("*/").next().unwrap().trim();
        if selector != ":root" && selector != own {
            continue;
        }
        let mut values =
            body.split(';').filter_map(|line| line.rsplit("*/").next()?.split_once(':'));
        let value = values.rfind(|(key, _)| key.trim() == format!("--{name}"));
        found = value.map(|(_, value)| value.trim()).or(found);
    }
    Rgb::parse(found.unwrap()).unwrap()
}

#[test]
fn themes_are_those_of_the_page() {
    for theme in Theme::ALL {
        let of = |name: &str| variable(theme, name);
        let palette = Palette {
            words: of("words"),
            picture: of("picture"),
            neutral: of("neutral"),
            ink: of("ink"),
            muted: of("muted"),
            line: of("line"),
            band: of("band"),
            surface: of("surface"),
            tints: (of("words-tint"), of("picture-tint")),
            scale: (of("scale-low"), of("scale-high")),
        };
        assert_eq!(theme.palette(), palette, "{theme:?}");
    }
}
