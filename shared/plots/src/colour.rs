//! Colours with a meaning: words are orange, the picture is blue, balance is neutral.

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Words: text tokens and their attention.
    Words,
    /// The picture: image tokens and their attention.
    Picture,
}

/// An sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Reads `#rgb` or `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.trim().strip_prefix('#')?;
        let digit = |i: usize| hex.get(i..=i).and_then(|d| u8::from_str_radix(d, 16).ok());
        let pair = |i: usize| hex.get(i..i + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
        match hex.len() {
            3 => Some(Rgb(digit(0)? * 17, digit(1)? * 17, digit(2)? * 17)),
            6 => Some(Rgb(pair(0)?, pair(2)?, pair(4)?)),
            _ => None,
        }
    }

    /// The colour as CSS writes it.
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// The colour `t` of the way to `other`, mixed in OKLab so that equal steps look equal.
    #[must_use]
    pub fn mix(self, other: Rgb, t: f64) -> Rgb {
        let (a, b) = (self.to_oklab(), other.to_oklab());
        let t = t.clamp(0.0, 1.0);
        from_oklab([0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t))
    }

    /// Black or white, whichever is easier to read on this colour: never below a contrast of 4.5.
    #[must_use]
    pub fn type_on(self) -> Rgb {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        };
        let light = 0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2);
        if (light + 0.05) / 0.05 >= 1.05 / (light + 0.05) {
            Rgb(0, 0, 0)
        } else {
            Rgb(255, 255, 255)
        }
    }

    fn to_oklab(self) -> [f64; 3] {
        let linear = [self.0, self.1, self.2].map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        });
        let lms = product(
            [
                [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
                [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
                [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
            ],
            linear,
        )
        .map(libm::cbrt);
        product(
            [
                [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
                [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
                [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
            ],
            lms,
        )
    }
}

fn product(m: [[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn from_oklab(lab: [f64; 3]) -> Rgb {
    let lms = product(
        [
            [1.0, 0.396_337_777_4, 0.215_803_757_3],
            [1.0, -0.105_561_345_8, -0.063_854_172_8],
            [1.0, -0.089_484_177_5, -1.291_485_548_0],
        ],
        lab,
    )
    .map(|c| c * c * c);
    let linear = product(
        [
            [4.076_741_662_1, -3.307_711_591_3, 0.230_969_929_2],
            [-1.268_438_004_6, 2.609_757_401_1, -0.341_319_396_5],
            [-0.004_196_086_3, -0.703_418_614_7, 1.707_614_701_0],
        ],
        lms,
    );
    let [r, g, b] = linear.map(|c| {
        let c = if c <= 0.003_130_8 { c * 12.92 } else { 1.055 * libm::pow(c, 1.0 / 2.4) - 0.055 };
        (c.clamp(0.0, 1.0) * 255.0).round() as u8
    });
    Rgb(r, g, b)
}

/// The colours of one theme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Words.
    pub words: Rgb,
    /// The picture.
    pub picture: Rgb,
    /// Neutral, where neither leads.
    pub neutral: Rgb,
    /// Main type.
    pub ink: Rgb,
    /// Secondary type.
    pub muted: Rgb,
    /// Hairlines.
    pub line: Rgb,
    /// Bands behind the curves.
    pub band: Rgb,
    /// What cards are made of.
    pub surface: Rgb,
    /// Words and picture as grounds that type can stand on.
    pub tints: (Rgb, Rgb),
    /// Low and high end of the attention scale.
    pub scale: (Rgb, Rgb),
}

impl Palette {
    /// The colour of a role.
    pub fn role(&self, role: Role) -> Rgb {
        match role {
            Role::Words => self.words,
            Role::Picture => self.picture,
        }
    }

    /// Colours that mean nothing, for curves beside each other; the first is the words'. Blue stays the
    /// picture's.
    pub fn series(&self, at: usize) -> Rgb {
        let Rgb(r, g, b) = self.surface;
        let dark = u32::from(r) + u32::from(g) + u32::from(b) < 384;
        let others = if dark {
            [
                Rgb(0xb3, 0x94, 0xff),
                Rgb(0x4f, 0xd0, 0xa6),
                Rgb(0xf0, 0x92, 0xc4),
                Rgb(0xd9, 0xd2, 0x6a),
                Rgb(0xb8, 0xbf, 0xcc),
            ]
        } else {
            [
                Rgb(0x7c, 0x3a, 0xed),
                Rgb(0x00, 0x80, 0x60),
                Rgb(0xb8, 0x3d, 0x80),
                Rgb(0x8a, 0x76, 0x00),
                Rgb(0x4b, 0x55, 0x68),
            ]
        };
        match at.checked_sub(1) {
            None => self.words,
            Some(at) => others[at % others.len()],
        }
    }

    /// The ground for type by MDI: blue where the picture draws more per token, neutral at 1,
    /// orange where words do. Equal factors are equally far from neutral.
    pub fn ground(&self, mdi: f64) -> Rgb {
        let share = mdi / (1.0 + mdi);
        let end = if share >= 0.5 { self.tints.0 } else { self.tints.1 };
        self.neutral.mix(end, (share - 0.5).abs() * 2.0)
    }

    /// The colour at a place on the scale of MDI, from 0, a factor of 16 towards the picture, to 1, as
    /// much towards the words.
    pub fn dominance_at(&self, place: f64) -> Rgb {
        self.dominance(libm::exp2(place * 8.0 - 4.0))
    }

    /// The colour of an MDI: diverging on its logarithm around 1, full at a factor of 16.
    ///
    /// Equal factors either way are equally light, so that neither side looks the stronger for its
    /// hue alone; the hue goes through the tint, so that the middle of the way does not turn grey,
    /// and at such a pace that equal steps look equal.
    pub fn dominance(&self, mdi: f64) -> Rgb {
        let words = mdi >= 1.0;
        let (tint, end) =
            if words { (self.tints.0, self.words) } else { (self.tints.1, self.picture) };
        // MDI may be 0, whose logarithm is as far as it goes.
        let t = (libm::log2(mdi.max(1e-9)).abs() / 4.0).min(1.0);
        let [from, by, to] = [self.neutral, tint, end].map(Rgb::to_oklab);
        let way = |a: [f64; 3], b: [f64; 3]| libm::hypot(a[1] - b[1], a[2] - b[2]);
        let turn = way(from, by) / (way(from, by) + way(by, to)).max(1e-9);
        let (t_here, a, b) = match t < turn {
            true => (t / turn, from, by),
            false => ((t - turn) / (1.0 - turn).max(1e-9), by, to),
        };
        let darkest = (self.words.to_oklab()[0] + self.picture.to_oklab()[0]) / 2.0;
        let mixed = |i: usize| a[i] + (b[i] - a[i]) * t_here.min(1.0);
        from_oklab([from[0] + (darkest - from[0]) * t, mixed(1), mixed(2)])
    }
}

impl Default for Palette {
    fn default() -> Self {
        crate::theme::Theme::Light.palette()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_written() {
        assert_eq!(Rgb::parse(" #0072b2"), Some(Rgb(0, 0x72, 0xb2)));
        assert_eq!(Rgb::parse("#fff"), Some(Rgb(255, 255, 255)));
        assert_eq!(Rgb::parse("rgb(1,2,3)"), None);
        assert_eq!(Rgb::parse("#ééé"), None);
        assert_eq!(Rgb(0, 0x72, 0xb2).css(), "#0072b2");
    }

    #[test]
    fn mixing_keeps_its_ends_and_gets_darker_evenly() {
        let (low, high) = Palette::default().scale;
        assert_eq!(low.mix(high, 0.0), low);
        assert_eq!(low.mix(high, 1.0), high);
        let light: Vec<f64> =
            (0..=10).map(|i| low.mix(high, f64::from(i) / 10.0).to_oklab()[0]).collect();
        let steps: Vec<f64> = light.windows(2).map(|w| w[0] - w[1]).collect();
        let (least, most) = (
            steps.iter().copied().fold(f64::MAX, f64::min),
            steps.iter().copied().fold(0.0, f64::max),
        );
        assert!(least > 0.0 && most / least < 1.2, "{steps:?}");
    }

    #[test]
    fn type_can_be_read_on_every_colour_of_the_scale() {
        let (low, high) = Palette::default().scale;
        let light = |c: Rgb| {
            let linear = [c.0, c.1, c.2].map(|c| (f64::from(c) / 255.0).powf(2.2));
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05
        };
        for i in 0..=20 {
            let ground = low.mix(high, f64::from(i) / 20.0);
            let (a, b) = (light(ground), light(ground.type_on()));
            assert!((a / b).max(b / a) > 4.4, "{ground:?}");
        }
        assert_eq!((low.type_on(), high.type_on()), (Rgb(0, 0, 0), Rgb(255, 255, 255)));
    }

    #[test]
    fn dominance_is_neutral_at_one_and_symmetric() {
        let p = Palette::default();
        assert_eq!(p.dominance(1.0), p.neutral);
        assert_eq!(p.dominance(16.0), p.dominance(400.0));
        assert_eq!(p.dominance(1.0 / 16.0), p.dominance(0.0));
        for factor in [1.5, 4.0, 16.0] {
            let (words, picture) = (p.dominance(factor), p.dominance(1.0 / factor));
            let off = words.to_oklab()[0] - picture.to_oklab()[0];
            assert!(off.abs() < 0.02, "at {factor}: {words:?} and {picture:?}");
        }
    }

    #[test]
    fn shares_diverge_from_neutral() {
        let p = Palette::default();
        assert_eq!(p.ground(1.0), p.neutral);
        assert_eq!(p.ground(1e18), p.tints.0);
        assert_eq!(p.ground(0.0), p.tints.1);
    }
}
