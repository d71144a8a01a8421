//! A plot as a file of its own: the drawing that is on the screen, a title, a line that says where
//! it comes from, and the numbers themselves in the file's metadata.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use shared::report::Numbers;
use shared::{Definition, Label, ModelInfo, RepeatTable, RunOptions};

use crate::canvas::UNITS;
use crate::colour::{Palette, Rgb};
use crate::text::{FAMILY, escaped};
use crate::words::percent;

/// What a plot's file says of itself, to the last bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Which plot it is.
    pub plot: String,
    /// The run's address.
    pub address: String,
    /// Version of the lab.
    pub version: String,
    /// Where the run stood: its numbers are of a part of it unless that is `done`.
    #[serde(default)]
    pub status: String,
    /// What the run's owner calls it.
    pub label: Label,
    /// The model.
    pub model: ModelInfo,
    /// What was asked.
    pub options: RunOptions,
    /// The definition the numbers are under.
    pub definition: Definition,
    /// Its name, or what it chooses.
    pub definition_name: String,
    /// Numbers by layer.
    pub layers: Vec<Numbers>,
    /// Numbers of the early, middle and late layers.
    pub stages: Vec<Numbers>,
    /// MDI by layer and head, where the plot shows heads.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub heads: Vec<Vec<Option<f64>>>,
    /// What came of asking several times, where the plot shows that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub repeat: Option<RepeatTable>,
}

/// What a map's colours mean: a bar from one end of the scale to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Colours from the left end to the right one, in even steps.
    pub colours: Vec<Rgb>,
    /// Values below the bar, each at its place from 0 to 1.
    pub marks: Vec<(f64, String)>,
    /// What the ends stand for.
    pub ends: (String, String),
}

impl Bar {
    /// The scale of MDI, as [`Palette::dominance`] colours it: it ends at a factor of 16.
    pub fn dominance(palette: &Palette, ends: (String, String)) -> Self {
        const STEPS: u32 = 64;
        let middle = |i| (f64::from(i) + 0.5) / f64::from(STEPS);
        let marks = [(0.0, "≤ 1/16"), (0.25, "1/4"), (0.5, "1"), (0.75, "4"), (1.0, "≥ 16")];
        Bar {
            colours: (0..STEPS).map(|i| palette.dominance_at(middle(i))).collect(),
            marks: marks.map(|(at, text)| (at, text.to_owned())).to_vec(),
            ends,
        }
    }

    /// The scale of attention, from none to `end`.
    pub fn attention((low, high): (Rgb, Rgb), end: f64) -> Self {
        const STEPS: u32 = 64;
        let middle = |i| (f64::from(i) + 0.5) / f64::from(STEPS);
        let marks = [(0.0, "0".to_owned()), (1.0, format!("≥ {}", percent(end)))];
        Bar {
            colours: (0..STEPS).map(|i| low.mix(high, middle(i))).collect(),
            marks: marks.into(),
            ends: (String::new(), String::new()),
        }
    }

    /// Height and width, in sizes of the type.
    const SIZE: (f64, f64) = (3.0, 22.0);

    /// The bar in the middle of a sheet of this width, from `top` on.
    pub(crate) fn svg(&self, (width, top): (f64, f64), em: f64, palette: &Palette) -> String {
        let mut out = String::new();
        let (length, height) = (em * Self::SIZE.1, em * 0.8);
        let left = (width - length) / 2.0;
        let step = length / self.colours.len().max(1) as f64;
        for (i, colour) in self.colours.iter().enumerate() {
            // A hair wider than a step, so that no gap shows between two.
            let _ = writeln!(
                out,
                "<rect x=\"{:.2}\" y=\"{top:.1}\" width=\"{:.2}\" height=\"{height:.1}\" fill=\"{}\"/>",
                left + i as f64 * step,
                step + if i + 1 < self.colours.len() { 0.5 } else { 0.0 },
                colour.css()
            );
        }
        let mut text = |x: f64, y: f64, anchor: &str, text: &str| {
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{:.1}\" text-anchor=\"{anchor}\" \
                 fill=\"{}\">{}</text>",
                em * 0.9,
                palette.muted.css(),
                escaped(text)
            );
        };
        let line = top + height * 0.92;
        text(left - em * 0.7, line, "end", &self.ends.0);
        text(left + length + em * 0.7, line, "start", &self.ends.1);
        for (at, mark) in &self.marks {
            text(left + at * length, top + height + em * 1.1, "middle", mark);
        }
        out
    }
}

/// A plot to be written.
#[derive(Clone, Debug)]
pub struct Sheet<'a> {
    /// What it shows, in a line.
    pub title: &'a str,
    /// Where it comes from: lines of small type below.
    pub source: &'a [String],
    /// The drawing, as [`crate::curve::svg`] and its like make one.
    pub drawing: &'a str,
    /// What is marked on it, in its own pixels; see [`crate::marks`].
    pub marks: &'a str,
    /// The drawing's size in pixels.
    pub size: (f64, f64),
    /// Room at the drawing's sides, where it has none of its own.
    pub margin: f64,
    /// Size of the drawing's type.
    pub type_size: f64,
    /// What its colours mean, where that is not said in the drawing.
    pub bar: Option<&'a Bar>,
    /// The theme's colours.
    pub palette: &'a Palette,
    /// What the file says of itself, as JSON.
    pub told: &'a str,
}

impl Sheet<'_> {
    /// The size of the whole file in pixels.
    pub fn outer(&self) -> (f64, f64) {
        let lines = self.source.len() as f64 * 1.45 + 0.9;
        ((self.size.0 + 2.0 * self.margin).round(), (self.below() + self.type_size * lines).round())
    }

    /// Where the drawing, and the bar below it, end.
    fn below(&self) -> f64 {
        let bar = self.bar.map_or(0.0, |_| Bar::SIZE.0);
        self.size.1 + self.type_size * (2.4 + bar)
    }

    /// The file.
    pub fn svg(&self) -> String {
        let (width, height) = self.outer();
        let (em, palette) = (self.type_size, self.palette);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\">\n<title>{}</title>\n\
             <metadata id=\"langoverrule\">{}</metadata>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
            escaped(self.title),
            escaped(self.told),
            palette.surface.css(),
        );
        let mut line = |y: f64, size: f64, weight: u32, fill: String, text: &str| {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{y:.1}\" font-size=\"{size:.1}\" font-weight=\"{weight}\" \
                 fill=\"{fill}\">{}</text>",
                em,
                escaped(text)
            );
        };
        line(em * 1.6, em * 1.15, 600, palette.ink.css(), self.title);
        let top = em * 2.4;
        for (i, text) in self.source.iter().enumerate() {
            let y = self.below() + em * (1.1 + 1.45 * i as f64);
            line(y, em * 0.9, 400, palette.muted.css(), text);
        }
        if let Some(bar) = self.bar {
            out += &bar.svg((width, top + self.size.1 + em * 0.5), em, palette);
        }
        let (w, h) = self.size;
        let margin = self.margin;
        let _ = write!(
            out,
            "{}\n<g transform=\"translate({margin} {top})\">{}</g>\n</svg>\n",
            nested(self.drawing, (margin, top), (w, h)),
            self.marks,
        );
        out
    }
}

/// A drawing of this size in pixels at a place of another one.
pub(crate) fn nested(drawing: &str, (x, y): (f64, f64), (w, h): (f64, f64)) -> String {
    let (wide, high) = ((w * UNITS) as u32, (h * UNITS) as u32);
    format!(
        "<svg x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {wide} {high}\">{}</svg>",
        inside(drawing)
    )
}

/// What stands between a drawing's outermost tags.
fn inside(drawing: &str) -> &str {
    let begun = drawing.find("<svg").and_then(|at| Some(at + drawing[at..].find('>')? + 1));
    match (begun, drawing.rfind("</svg>")) {
        (Some(from), Some(to)) if from <= to => &drawing[from..to],
        _ => "",
    }
}

/// A name for the file of a run's plot.
pub fn name(id: &str, plot: &str, end: &str) -> String {
    format!("langoverrule-{id}-{plot}.{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{self, Plot, Series};
    use crate::frame::Frame;
    use crate::theme::Style;

    #[test]
    fn a_file_carries_its_drawing_and_its_numbers() {
        let palette = Palette::default();
        let frame = Frame::new(640.0, 12.0);
        let plot = Plot {
            layers: 2,
            value: "MDI",
            series: vec![Series {
                role: None,
                label: "this run",
                values: vec![Some(2.0), Some(0.3)],
            }],
            bands: vec![],
            ghosts: vec![],
            ghost_label: "",
            nulls: vec![],
            knocked_out: false,
            spread: vec![],
        };
        let drawing = curve::svg(&plot, &frame, &Style::default());
        let numbers = |mdi| Numbers { mdi: Some(mdi), ..Numbers::default() };
        let told = Told {
            plot: "curve".into(),
            address: "http://lab/r/x?def=paper&layer=2".into(),
            version: "0.1.0".into(),
            status: "done".into(),
            label: Label { name: "<b>A & B</b>".into(), note: "\u{1}".into() },
            model: ModelInfo::default(),
            options: RunOptions::default(),
            definition: Definition::default(),
            definition_name: "paper".into(),
            layers: vec![numbers(0.1 + 0.2), numbers(1e-17)],
            stages: vec![],
            heads: vec![],
            repeat: None,
        };
        let json = serde_json::to_string(&told).expect("it holds numbers and names");
        let sheet = Sheet {
            title: "MDI <by> layer",
            source: &["one & only".into()],
            drawing: &drawing,
            marks: "<desc>marked</desc>",
            size: (frame.width, frame.height),
            margin: 6.0,
            type_size: 12.0,
            bar: None,
            palette: &palette,
            told: &json,
        };
        let file = sheet.svg();
        assert_eq!(file.matches("<svg").count(), 2);
        assert_eq!(file.matches("<circle").count(), drawing.matches("<circle").count());
        assert!(file.contains("MDI &lt;by&gt; layer") && file.contains("one &amp; only"));
        assert!(!file.contains("<b>"), "a name is text");
        assert!(file.contains("<desc>marked</desc>"));
        let (_, rest) = file.split_once("<metadata id=\"langoverrule\">").expect("metadata");
        let json = rest.split_once("</metadata>").expect("its end").0;
        let json = json.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
        let read: Told = serde_json::from_str(&json.replace("&amp;", "&")).expect("JSON");
        assert_eq!(read, told, "to the last bit");
        let sheet_height = sheet.outer().1;
        assert!(sheet_height > frame.height);

        // With a bar the sheet is taller by it, and the colours have their values beside them.
        let bar = Bar::dominance(&palette, ("less <".into(), "more".into()));
        let with = Sheet { bar: Some(&bar), ..sheet };
        assert!(with.outer().1 > sheet_height + 12.0);
        let file = with.svg();
        let at = |text: &str| file.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(at("less &lt;") < at("≤ 1/16") && at(">1/4<") < at(">4<"));
        let near = |a: Rgb, b: Rgb| {
            let off = |a: u8, b: u8| a.abs_diff(b) < 8;
            off(a.0, b.0) && off(a.1, b.1) && off(a.2, b.2)
        };
        let ends = [bar.colours[0], bar.colours[bar.colours.len() - 1]];
        assert!(
            near(ends[0], palette.dominance(1.0 / 16.0)) && near(ends[1], palette.dominance(16.0))
        );
        assert!(near(bar.colours[bar.colours.len() / 2], palette.neutral));
    }

    #[test]
    fn what_is_no_drawing_is_left_out() {
        assert_eq!(inside("nothing"), "");
        assert_eq!(inside("<svg a=\"b\">\n<g/></svg>\n"), "\n<g/>");
    }
}
