//! Whether colours say what they should to everybody: scales that are even to the eye, words and
//! picture apart for every kind of colour vision, type that can be read. The style sheet itself is
//! read, so that a change of it is held against all of this.
//!
//! Distances are CIE76 in CIELAB, computed here and not by what the page mixes its colours with.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

use std::collections::HashMap;

use plots::{Palette, Rgb};

const SHEET: &str = include_str!("../../style/theme.css");
const THEMES: [&str; 3] = ["light", "dark", "projector"];

/// A theme's variables: the root's, and its own over them.
struct Theme {
    name: &'static str,
    values: HashMap<String, String>,
}

impl Theme {
    fn read(name: &'static str) -> Theme {
        let mut values = HashMap::new();
        let own = format!(":root[data-theme=\"{name}\"]");
        for block in SHEET.split('}') {
            let Some((head, body)) = block.split_once('{') else { continue };
            let selector = head.rsplit("*/").next().unwrap().trim();
            if selector != ":root" && selector != own {
                continue;
            }
            for line in body.split(';') {
                let line = line.rsplit("*/").next().unwrap();
                if let Some((key, value)) = line.split_once(':') {
                    values.insert(key.trim().to_owned(), value.trim().to_owned());
                }
            }
        }
        Theme { name, values }
    }

    fn all() -> [Theme; 3] {
        THEMES.map(Theme::read)
    }

    fn get(&self, name: &str) -> Rgb {
        let text = self.values.get(&format!("--{name}"));
        let text = text.unwrap_or_else(|| panic!("{} has no --{name}", self.name));
        Rgb::parse(text).unwrap_or_else(|| panic!("--{name} of {}: {text}", self.name))
    }

    fn palette(&self) -> Palette {
        Palette {
            words: self.get("words"),
            picture: self.get("picture"),
            neutral: self.get("neutral"),
            ink: self.get("ink"),
            muted: self.get("muted"),
            line: self.get("line"),
            band: self.get("band"),
            surface: self.get("surface"),
            tints: (self.get("words-tint"), self.get("picture-tint")),
            scale: (self.get("scale-low"), self.get("scale-high")),
        }
    }
}

fn linear(Rgb(r, g, b): Rgb) -> [f64; 3] {
    [r, g, b].map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    })
}

fn times(m: [[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// CIELAB under D65 of linear sRGB.
fn lab(rgb: [f64; 3]) -> [f64; 3] {
    let xyz =
        times([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], rgb);
    let f = |v: f64, white: f64| {
        let t = v / white;
        if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 }
    };
    let (x, y, z) = (f(xyz[0], 0.9505), f(xyz[1], 1.0), f(xyz[2], 1.089));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn lightness(rgb: Rgb) -> f64 {
    lab(linear(rgb))[0]
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

fn apart(a: Rgb, b: Rgb) -> f64 {
    distance(lab(linear(a)), lab(linear(b)))
}

/// Contrast as WCAG defines it.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let luminance = |c: Rgb| {
        let [r, g, b] = linear(c);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// How colours look without one kind of cones: Machado, Oliveira and Fernandes 2009, severity 1.
const KINDS: [(&str, [[f64; 3]; 3]); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn seen(kind: [[f64; 3]; 3], colour: Rgb) -> [f64; 3] {
    lab(times(kind, linear(colour)).map(|c| c.clamp(0.0, 1.0)))
}

/// The steps between equal parts of a scale, and how uneven they are: the largest over the least.
fn steps(scale: impl Fn(f64) -> Rgb, parts: u32) -> (Vec<f64>, f64) {
    let at = |i: u32| scale(f64::from(i) / f64::from(parts));
    let steps: Vec<f64> = (0..parts).map(|i| apart(at(i), at(i + 1))).collect();
    let most = steps.iter().copied().fold(0.0, f64::max);
    let least = steps.iter().copied().fold(f64::MAX, f64::min);
    (steps, most / least)
}

#[test]
fn the_attention_scale_is_even_and_only_gets_darker() {
    for theme in Theme::all() {
        let (low, high) = theme.palette().scale;
        let scale = |t: f64| low.mix(high, t);
        let light: Vec<f64> = (0..=10).map(|i| lightness(scale(f64::from(i) / 10.0))).collect();
        assert!(light.windows(2).all(|w| w[1] < w[0] - 2.0), "{}: {light:?}", theme.name);
        let (steps, uneven) = steps(scale, 10);
        assert!(uneven < 1.6, "{}: {uneven:.2}, {steps:.1?}", theme.name);
    }
}

#[test]
fn the_attention_scale_is_even_for_every_kind_of_colour_vision() {
    for theme in Theme::all() {
        let (low, high) = theme.palette().scale;
        for (kind, matrix) in KINDS {
            let at = |i: u32| seen(matrix, low.mix(high, f64::from(i) / 10.0));
            let light: Vec<f64> = (0..=10).map(|i| at(i)[0]).collect();
            assert!(light.windows(2).all(|w| w[1] < w[0] - 2.0), "{kind}: {light:?}");
        }
    }
}

#[test]
fn the_dominance_scale_is_as_strong_on_one_side_of_balance_as_on_the_other() {
    for theme in Theme::all() {
        let palette = theme.palette();
        let neutral = lightness(palette.neutral);
        for i in 1..=16 {
            let factor = (f64::from(i) / 4.0).exp2();
            let words = lightness(palette.dominance(factor));
            let picture = lightness(palette.dominance(1.0 / factor));
            let off = (words - picture).abs();
            assert!(off < 4.0, "{} at {factor:.2}: {words:.1} and {picture:.1}", theme.name);
            // Farther from balance is farther from neutral, on both sides alike.
            let before = (f64::from(i - 1) / 4.0).exp2();
            let more = |now: f64, then: f64| (now - neutral).abs() > (then - neutral).abs();
            assert!(
                more(words, lightness(palette.dominance(before))),
                "{} at {factor}",
                theme.name
            );
            assert!(
                more(picture, lightness(palette.dominance(1.0 / before))),
                "{} at 1/{factor}",
                theme.name
            );
        }
    }
}

#[test]
fn the_dominance_scale_is_even() {
    for theme in Theme::all() {
        let palette = theme.palette();
        for (side, sign) in [("words", 1.0), ("picture", -1.0)] {
            let (steps, uneven) = steps(|t| palette.dominance((sign * t * 4.0).exp2()), 8);
            assert!(uneven < 1.8, "{} {side}: {uneven:.2}, {steps:.1?}", theme.name);
        }
    }
}

#[test]
fn words_picture_and_balance_differ_for_every_kind_of_colour_vision() {
    for theme in Theme::all() {
        let p = theme.palette();
        let pairs = [
            ("words and picture", p.words, p.picture),
            ("words and balance", p.words, p.neutral),
            ("picture and balance", p.picture, p.neutral),
            ("tints", p.tints.0, p.tints.1),
            ("tint of words and balance", p.tints.0, p.neutral),
            ("tint of the picture and balance", p.tints.1, p.neutral),
            ("type of words and of the picture", theme.get("words-ink"), theme.get("picture-ink")),
            ("a factor of 4 either way", p.dominance(4.0), p.dominance(0.25)),
            ("a factor of 2 either way", p.dominance(2.0), p.dominance(0.5)),
        ];
        for (kind, matrix) in KINDS {
            for (what, a, b) in pairs {
                let apart = distance(seen(matrix, a), seen(matrix, b));
                // Ten is plain to see for patches beside one another; these may be far apart.
                assert!(apart > 15.0, "{what}, {}, {kind}: {apart:.1}", theme.name);
            }
        }
    }
}

#[test]
fn type_can_be_read_on_everything_it_stands_on() {
    for theme in Theme::all() {
        for (type_, grounds) in [
            (
                "ink",
                &[
                    "surface",
                    "ground",
                    "band",
                    "neutral",
                    "words-soft",
                    "picture-soft",
                    "error-soft",
                ][..],
            ),
            ("muted", &["surface", "ground", "band"]),
            ("words-ink", &["surface", "ground", "band", "words-soft"]),
            ("picture-ink", &["surface", "ground", "band", "picture-soft"]),
            ("error", &["surface", "error-soft"]),
            ("on-strong", &["strong"]),
        ] {
            for ground in grounds {
                let is = contrast(theme.get(type_), theme.get(ground));
                assert!(is >= 4.5, "{}: {type_} on {ground} is {is:.2}", theme.name);
            }
        }
        // The ring around what has the focus, and curves: what is no type needs 3.
        for (mark, grounds) in [
            ("focus", &["surface", "ground", "band"][..]),
            ("words", &["surface"]),
            ("picture", &["surface"]),
        ] {
            for ground in grounds {
                let is = contrast(theme.get(mark), theme.get(ground));
                assert!(is >= 3.0, "{}: {mark} on {ground} is {is:.2}", theme.name);
            }
        }
    }
}

#[test]
fn tokens_can_be_read_whatever_their_ratio() {
    for theme in Theme::all() {
        let palette = theme.palette();
        for i in -40..=40 {
            let mdi = (f64::from(i) / 4.0).exp2();
            let is = contrast(palette.ink, palette.ground(mdi));
            assert!(is >= 4.5, "{}: a token with an MDI of {mdi} is at {is:.2}", theme.name);
        }
    }
}

#[test]
fn numbers_can_be_read_on_every_colour_of_the_maps() {
    for theme in Theme::all() {
        let palette = theme.palette();
        for i in 0..=64 {
            let t = f64::from(i) / 64.0;
            let (low, high) = palette.scale;
            for ground in [low.mix(high, t), palette.dominance((8.0 * t - 4.0).exp2())] {
                let is = contrast(ground.type_on(), ground);
                assert!(is >= 4.5, "{}: {ground:?} at {is:.2}", theme.name);
            }
        }
    }
}
