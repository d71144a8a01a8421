//! A run on a card to be passed on, of the size that messengers and networks show: the picture with where
//! the model looked, question, answer, curve, and the number with its definition.

use std::fmt::Write;

use shared::report::Numbers;
use shared::{Measure, Stage, Undefined};

use crate::colour::Rgb;
use crate::curve;
use crate::export::{Asked, File};
use crate::frame::Frame;
use crate::pictured::{self, Place};
use crate::run::{self, Measured, Run, View};
use crate::sheet::nested;
use crate::text::{self, FAMILY, escaped};
use crate::theme::Style;
use crate::words::number;

/// Width and height in pixels.
pub const SIZE: (f64, f64) = (1200.0, 630.0);

/// Room at the edges.
const EDGE: f64 = 44.0;
/// The square that the picture is fitted into.
const PICTURE: f64 = 392.0;
/// Where the right column begins.
const COLUMN: f64 = EDGE + PICTURE + 44.0;

/// A line of text being written.
struct Line<'a> {
    text: &'a str,
    at: (f64, f64),
    size: f64,
    bold: bool,
    colour: Rgb,
    from_right: bool,
}

impl<'a> Line<'a> {
    fn new(text: &'a str, at: (f64, f64), size: f64, colour: Rgb) -> Self {
        Line { text, at, size, bold: false, colour, from_right: false }
    }

    fn bold(self) -> Self {
        Line { bold: true, ..self }
    }

    fn write(&self, out: &mut String) {
        let weight = if self.bold { 600 } else { 400 };
        let anchor = if self.from_right { "end" } else { "start" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{:.1}\" font-weight=\"{weight}\" \
             text-anchor=\"{anchor}\" fill=\"{}\">{}</text>",
            self.at.0,
            self.at.1,
            self.size,
            self.colour.css(),
            escaped(self.text)
        );
    }
}

/// What a card says of itself, as JSON in its metadata.
#[derive(serde::Serialize)]
struct About<'a> {
    plot: &'static str,
    address: &'a str,
    version: &'a str,
    status: &'a str,
    model: &'a shared::ModelInfo,
    options: &'a shared::RunOptions,
    definition: &'a shared::Definition,
    stages: Vec<Numbers>,
}

/// The card of a run.
pub fn card(run: &Run<'_>, view: &View, style: &Style, asked: &Asked<'_>) -> File {
    let (palette, words) = (&style.palette, &style.words);
    let shown = asked.partial || run.is_done();
    let hidden = Measure::undefined(Undefined::Unfinished);
    let stage = |stage| match shown {
        true => run.observation.stage(stage, &view.definition),
        false => hidden,
    };
    let stages = Stage::ALL.map(stage);
    let about = About {
        plot: "card",
        address: asked.address,
        version: asked.version,
        status: run.status,
        model: run.model,
        options: run.options,
        definition: &view.definition,
        stages: stages.iter().map(Numbers::from).collect(),
    };
    let told = serde_json::to_string(&about).unwrap_or_default();
    let question = text::one_line(&run.options.prompt);
    let title = if run.label.name.is_empty() { &question } else { &run.label.name };
    let (width, height) = SIZE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\">\n<title>{}</title>\n\
         <metadata id=\"langoverrule\">{}</metadata>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
        escaped(title),
        escaped(&told),
        palette.surface.css(),
    );
    let below = pictured(&mut out, run, view, style, asked.picture);
    numbered(&mut out, run, view, style, stages[2], below);

    // Question and answer, and the curve in the room that they leave.
    let room = width - EDGE - COLUMN;
    let mut y = EDGE + 26.0;
    for line in text::wrap(&question, room, 30.0, true, 3) {
        Line::new(&line, (COLUMN, y), 30.0, palette.ink).bold().write(&mut out);
        y += 38.0;
    }
    y += 4.0;
    let answer = text::one_line(&run.observation.answer());
    for line in text::wrap(&format!("→ {answer}"), room, 25.0, false, 2) {
        Line::new(&line, (COLUMN, y), 25.0, palette.ink.mix(palette.muted, 0.6)).write(&mut out);
        y += 33.0;
    }
    let measures = match shown {
        true => run.measures(&view.definition),
        false => vec![hidden; run.observation.layers()],
    };
    let name = match view.measured {
        Measured::Mdi => words.mdi_by_layer,
        Measured::Aei => words.aei_by_layer,
    };
    Line::new(name, (COLUMN, y + 14.0), 17.0, palette.ink).bold().write(&mut out);
    y += 20.0;
    let bottom = height - EDGE - 30.0;
    let frame = Frame::new(room, 16.0).high(bottom - y);
    let what = (view.measured, view.compared);
    let plot = run::curve(run, &measures, &view.definition, what, words);
    let drawing = curve::svg(&plot, &frame, style);
    out += &nested(&drawing, (COLUMN, y), (frame.width, frame.height));
    out.push('\n');

    let mut source = format!("{}, {}", run.model.name, run.model.quant.name());
    let changed = run::changed(run.options, run.model);
    if !changed.is_empty() {
        source += &format!(" · {changed}");
    }
    if let Some(partial) = words.partial(run.status) {
        source += &format!(" · {partial}");
    }
    let foot = height - EDGE + 12.0;
    let source = text::fit(&source, COLUMN - EDGE - 20.0, 15.0, false);
    Line::new(&source, (EDGE, foot), 15.0, palette.muted).write(&mut out);
    let lab = format!("LangOverrule Lab · {}", asked.address);
    let lab = text::fit(&lab, room, 15.0, false);
    let lab = Line::new(&lab, (width - EDGE, foot), 15.0, palette.muted);
    Line { from_right: true, ..lab }.write(&mut out);
    out += "</svg>\n";
    File { title: title.clone(), svg: out, told, size: SIZE }
}

/// The picture with the map of the token that is looked at, and whose it is; where it ends.
fn pictured(
    out: &mut String,
    run: &Run<'_>,
    view: &View,
    style: &Style,
    picture: Option<&str>,
) -> f64 {
    let palette = &style.palette;
    let shown = pictured::medium(run, view);
    // In the middle of its square, so that a wide picture does not leave a hole below.
    let Some(place) = Place::in_square(run, shown, picture, (EDGE, EDGE), PICTURE) else {
        // Without a picture its place stays, so that cards look alike.
        let _ = writeln!(
            out,
            "<rect x=\"{EDGE}\" y=\"{EDGE}\" width=\"{PICTURE}\" height=\"{PICTURE}\" rx=\"8\" fill=\"{}\"/>",
            palette.band.css()
        );
        return EDGE + PICTURE;
    };
    *out += &place.picture(style);
    let at = pictured::looked(run, view);
    let map = at.and_then(|at| Some((at, place.map(run, at, pictured::top(run), style)?)));
    if let Some((at, map)) = map {
        *out += &map;
        let caption = text::fit(&pictured::caption(run, at, style), PICTURE, 16.0, false);
        Line::new(&caption, (EDGE, EDGE + PICTURE + 24.0), 16.0, palette.muted).write(out);
    }
    let [_, y, _, h] = place.at;
    y + h
}

/// The number of the late layers, what it says, and under which definition.
fn numbered(
    out: &mut String,
    run: &Run<'_>,
    view: &View,
    style: &Style,
    late: Measure,
    picture_ends: f64,
) {
    let (palette, words) = (&style.palette, &style.words);
    let top = EDGE + PICTURE + 44.0;
    debug_assert!(picture_ends <= top, "the number stands below the picture");
    let (value, colour, verdict) = match late.mdi {
        Ok(mdi) => {
            // Under a knockout 1 is not balance, and nothing is said of sides.
            let (role, verdict) = match run.options.knockout {
                None => words.verdict(mdi),
                Some(_) => (None, ""),
            };
            let colour = role.map_or(palette.ink, |role| palette.role(role));
            (number(mdi), colour, verdict.to_owned())
        }
        Err(reason) => ("–".to_owned(), palette.muted, reason.to_string()),
    };
    let size = 66.0;
    Line::new(&value, (EDGE, top + 54.0), size, colour).bold().write(out);
    let left = EDGE + text::width(&value, true) * size + 18.0;
    let room = COLUMN - 20.0 - left;
    let definition = run::definition_to_text(&view.definition);
    let first = format!("MDI, {}", words.late_layers);
    let second = format!("{} {definition}", words.definition);
    Line::new(&text::fit(&first, room, 19.0, true), (left, top + 26.0), 19.0, palette.ink)
        .bold()
        .write(out);
    Line::new(&text::fit(&second, room, 16.0, false), (left, top + 50.0), 16.0, palette.muted)
        .write(out);
    // A reason is longer than what is said of a number.
    let size = if late.mdi.is_ok() { 17.0 } else { 14.5 };
    let verdict = text::fit(&verdict, COLUMN - EDGE - 20.0, size, false);
    Line::new(&verdict, (EDGE, top + 84.0), size, palette.ink).write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::observation::Generated;
    use shared::{
        F32s, Group, Label, Layout, Medium, ModelInfo, Observation, Place, PreparedPicture,
        RunOptions,
    };
    use shared::{Token, TokenFlow};

    /// A prompt of two pictures of two patches each, and an answer of two tokens, each of which looked at one.
    fn two_pictures() -> Observation {
        let patch = |index: u32, medium: u8, col: u16| Token {
            medium: Some(medium),
            place: Some(Place::cell(0, col, 0)),
            ..Token::text(index, 1, "<image>", Group::Image)
        };
        let view = PreparedPicture {
            width: 2,
            height: 1,
            source_width: 2,
            source_height: 1,
            covers: [0.0, 0.0, 2.0, 1.0],
            rows: 1,
            cols: 2,
        };
        let tokens = vec![patch(0, 0, 0), patch(1, 0, 1), patch(2, 1, 0), patch(3, 1, 1)];
        let said = |rows: &[f32]| Generated {
            id: 1,
            text: " a".into(),
            bytes: None,
            logprob: 0.0,
            alternatives: Vec::new(),
            flow: TokenFlow { layers: 1, heads: 1, mass: F32s(vec![]), rows: F32s(rows.to_vec()) },
        };
        Observation {
            layout: Some(Layout::new(tokens, vec![Medium::image(view), Medium::image(view)])),
            prefill: vec![None],
            tokens: vec![said(&[0.4, 0.4, 0.1, 0.1]), said(&[0.1, 0.1, 0.3, 0.3, 0.2])],
        }
    }

    #[test]
    fn a_card_shows_the_picture_that_its_word_looked_at() {
        let observation = two_pictures();
        let (model, options, label) =
            (ModelInfo::default(), RunOptions::default(), Label::default());
        let run = Run {
            observation: &observation,
            model: &model,
            options: &options,
            label: &label,
            status: "done",
            sampled: &[],
        };
        let of = |token| pictured::medium(&run, &View { token, layer: Some(0), ..View::default() });
        assert_eq!((of(Some(0)), of(Some(1))), (0, 1));
        assert_eq!(of(Some(7)), 0, "no such word");
    }
}
