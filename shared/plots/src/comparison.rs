//! Several runs beside each other as files: their curves on one axis, and as a document their maps and
//! numbers, too.

use std::fmt::Write;

use shared::report::Numbers;
use shared::{
    Definition, Language, Measure, ModelInfo, RunOptions, Stage, Stages, Undefined, Value,
};

use crate::curves::{Beside, Curve, letter, look};
use crate::export::{Asked, File, TYPE_SIZE, WIDTH};
use crate::frame::Frame;
use crate::html;
use crate::pictured::{self, Place};
use crate::run::{self, Measured, Run, View};
use crate::sheet::Sheet;
use crate::text::{self, escaped};
use crate::theme::Style;
use crate::words::{Words, number};

/// Most runs beside each other: more curves cannot be told apart.
pub const MOST: usize = 6;

/// One of the runs.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The run.
    pub run: Run<'a>,
    /// Where it is looked at, and its picture.
    pub asked: Asked<'a>,
}

impl Compared<'_> {
    fn is_shown(&self) -> bool {
        self.asked.partial || self.run.is_done()
    }

    fn measures(&self, definition: &Definition) -> Vec<Measure> {
        match self.is_shown() {
            true => self.run.measures(definition),
            false => {
                vec![Measure::undefined(Undefined::Unfinished); self.run.observation.layers()]
            }
        }
    }

    fn stage(&self, stage: Stage, definition: &Definition) -> Measure {
        match self.is_shown() {
            true => self.run.observation.stage(stage, definition),
            false => Measure::undefined(Undefined::Unfinished),
        }
    }

    /// What a file says of it.
    fn about(&self, place: usize, view: &View) -> AboutRun<'_> {
        let stage = |stage: &Stage| Numbers::from(&self.stage(*stage, &view.definition));
        AboutRun {
            letter: letter(place),
            address: self.asked.address,
            status: self.run.status,
            model: self.run.model,
            options: self.run.options,
            answer: self.run.observation.answer(),
            layers: self.measures(&view.definition).iter().map(Numbers::from).collect(),
            stages: Stage::ALL.iter().map(stage).collect(),
        }
    }

    /// What it is, in a line.
    fn told(&self, place: usize, view: &View, words: &Words) -> String {
        let (options, model) = (self.run.options, self.run.model);
        let answer = self.run.observation.answer();
        let mut parts = vec![format!(
            "{}: “{}” → “{}”",
            letter(place),
            text::short(&options.prompt, 44),
            text::short(answer.trim(), 24)
        )];
        parts.push(format!("{}, {}", model.name, model.quant.name()));
        parts.push(run::changed(options, model));
        let late = value(&self.stage(Stage::Late, &view.definition), view.measured);
        if let Ok(late) = late {
            parts.push(format!("{} {}", words.late_layers, number(late)));
        }
        parts.extend(words.partial(self.run.status).map(str::to_owned));
        parts.retain(|part| !part.is_empty());
        parts.join(" · ")
    }
}

/// The value that curves show of a measure: MDI, or AEI of the words.
pub fn value(measure: &Measure, measured: Measured) -> Value {
    match measured {
        Measured::Mdi => measure.mdi,
        Measured::Aei => measure.aei_text,
    }
}

/// The chart of several runs' values by layer, the first run's first.
pub fn chart(
    values: Vec<Vec<Option<f64>>>,
    definition: &Definition,
    measured: Measured,
    knocked_out: bool,
    words: &Words,
) -> Beside {
    let depths: Vec<usize> = values.iter().map(Vec::len).filter(|n| *n > 0).collect();
    let layers = depths.iter().copied().max().unwrap_or(0);
    let bands = match definition.stages {
        // Three equal bands over everything say nothing; nor do one model's over another's.
        Stages::All => vec![],
        _ if depths.iter().any(|n| *n != layers) => vec![],
        stages => Stage::ALL.map(|s| (words.stage(s), s.layers(stages, layers))).to_vec(),
    };
    let curves = values.into_iter().enumerate().map(|(run, values)| Curve { run, values });
    Beside { layers, value: measured.name(), curves: curves.collect(), bands, knocked_out }
}

fn chart_of(all: &[Compared<'_>], view: &View, words: &Words) -> Beside {
    let values = all.iter().map(|one| {
        let measures = one.measures(&view.definition);
        measures.iter().map(|m| value(m, view.measured).ok()).collect()
    });
    let knocked_out = all.iter().any(|one| one.run.options.knockout.is_some());
    chart(values.collect(), &view.definition, view.measured, knocked_out, words)
}

/// What a comparison's file says of itself, as JSON.
#[derive(serde::Serialize)]
struct About<'a> {
    plot: &'static str,
    address: &'a str,
    version: &'a str,
    definition: &'a Definition,
    definition_name: String,
    runs: Vec<AboutRun<'a>>,
}

#[derive(serde::Serialize)]
struct AboutRun<'a> {
    letter: char,
    address: &'a str,
    status: &'a str,
    model: &'a ModelInfo,
    options: &'a RunOptions,
    answer: String,
    layers: Vec<Numbers>,
    stages: Vec<Numbers>,
}

fn about(all: &[Compared<'_>], view: &View, address: &str, version: &str) -> String {
    let about = About {
        plot: "comparison",
        address,
        version,
        definition: &view.definition,
        definition_name: run::definition_to_text(&view.definition),
        runs: all.iter().enumerate().map(|(place, one)| one.about(place, view)).collect(),
    };
    // It holds only strings, numbers and names.
    serde_json::to_string(&about).unwrap_or_default()
}

fn title(view: &View, words: &Words) -> &'static str {
    match view.measured {
        Measured::Mdi => words.mdi_by_layer,
        Measured::Aei => words.aei_by_layer,
    }
}

/// The file of several runs' curves. `address` is the comparison's own.
pub fn file(
    all: &[Compared<'_>],
    view: &View,
    style: &Style,
    address: &str,
    version: &str,
) -> File {
    let frame = Frame::new(WIDTH, TYPE_SIZE);
    let drawing = chart_of(all, view, &style.words).svg(&frame, style);
    let told = about(all, view, address, version);
    let fit = |line: String| text::fit(&line, WIDTH - 2.0 * TYPE_SIZE, TYPE_SIZE * 0.9, false);
    let mut source: Vec<String> =
        all.iter().enumerate().map(|(at, one)| fit(one.told(at, view, &style.words))).collect();
    let definition = run::definition_to_text(&view.definition);
    source.push(fit(format!(
        "{} {definition} · LangOverrule Lab {version} · {address}",
        style.words.definition
    )));
    let title = format!("{}: {}", style.words.beside, title(view, &style.words));
    let sheet = Sheet {
        title: &title,
        source: &source,
        drawing: &drawing,
        marks: "",
        size: (frame.width, frame.height),
        margin: 0.0,
        type_size: TYPE_SIZE,
        bar: None,
        palette: &style.palette,
        told: &told,
    };
    File { svg: sheet.svg(), size: sheet.outer(), title: title.clone(), told }
}

/// Several runs as one document that needs neither the lab nor the network. `address` is the
/// comparison's own.
pub fn document(
    all: &[Compared<'_>],
    view: &View,
    style: &Style,
    (address, version): (&str, &str),
    language: Language,
) -> String {
    let words = &style.words;
    let [layer, numbers, ..] = words.parts;
    let drawn = file(all, view, style, address, version);
    let mut out = html::head(words.beside, language, version, style);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<h1>{}</h1>\n<ul class=\"beside\">", escaped(words.beside));
    for (place, one) in all.iter().enumerate() {
        let (told, asked) = (one.told(place, view, words), one.asked);
        let colour = look(place, &style.palette).colour.css();
        let _ = writeln!(
            out,
            "<li style=\"border-color:{colour}\">{}{}<br><small><a href=\"{2}\">{2}</a></small></li>",
            map(one, view, style),
            escaped(&told),
            escaped(asked.address)
        );
    }
    let _ = writeln!(out, "</ul>\n<figure>{}</figure>", html::without_data(&drawn.svg));
    let _ = write!(
        out,
        "<h2>{}</h2>\n<div class=\"scroll\"><table><thead><tr><th>{}</th>",
        escaped(numbers),
        escaped(layer)
    );
    for place in 0..all.len() {
        let _ = write!(out, "<th>{}, {}</th>", letter(place), view.measured.name());
    }
    out += "</tr></thead><tbody>\n";
    let cell = |value: Option<f64>| format!("<td>{}</td>", value.map_or("–".to_owned(), number));
    for stage in Stage::ALL {
        let of =
            |one: &Compared<'_>| value(&one.stage(stage, &view.definition), view.measured).ok();
        let cells: String = all.iter().map(|one| cell(of(one))).collect();
        let _ = writeln!(out, "<tr><th>{}</th>{cells}</tr>", escaped(words.stage(stage)));
    }
    let measures: Vec<Vec<Measure>> =
        all.iter().map(|one| one.measures(&view.definition)).collect();
    for layer in 0..measures.iter().map(Vec::len).max().unwrap_or(0) {
        let of = |run: &Vec<Measure>| run.get(layer).and_then(|m| value(m, view.measured).ok());
        let cells: String = measures.iter().map(|run| cell(of(run))).collect();
        let _ = writeln!(out, "<tr><th>{layer}</th>{cells}</tr>");
    }
    out += "</tbody></table></div>\n";
    out += &html::foot(style, (address, version), &drawn.told, "langoverrule-comparison.json");
    out
}

/// A run's picture with where it looked.
fn map(one: &Compared<'_>, view: &View, style: &Style) -> String {
    const SIDE: f64 = 280.0;
    let (run, address) = (&one.run, one.asked.picture);
    let medium = pictured::medium(run, view);
    let Some(place) = Place::in_square(run, medium, address, (0.0, 0.0), SIDE) else {
        return String::new();
    };
    let at = pictured::looked(run, view).filter(|_| one.is_shown());
    let map = at.and_then(|at| place.map(run, at, pictured::top(run), style));
    let caption = at.map(|at| pictured::caption(run, at, style)).unwrap_or_default();
    format!(
        "<svg viewBox=\"0 0 {SIDE} {SIDE}\" role=\"img\" aria-label=\"{0}\">{1}{2}</svg><small>{0}</small><br>",
        escaped(&caption),
        place.picture(style),
        map.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Label, Observation};

    #[test]
    fn nothing_that_was_typed_gets_out_of_its_place() {
        let evil = "</script><script>alert(1)</script>\"<b>";
        let options = RunOptions { prompt: evil.into(), ..RunOptions::default() };
        let (label, observation) = (Label::default(), Observation::default());
        let model = ModelInfo { name: evil.into(), ..ModelInfo::default() };
        let run = Run {
            observation: &observation,
            model: &model,
            options: &options,
            label: &label,
            status: "done",
            sampled: &[],
        };
        let asked = Asked { address: evil, version: evil, partial: false, picture: Some(evil) };
        let all = [Compared { run, asked }, Compared { run, asked }];
        let (view, style) = (View::default(), Style::default());
        let made = document(&all, &view, &style, (evil, evil), Language::English);
        assert_eq!(made.matches("<script").count(), 2, "the data's and the document's own");
        assert!(!made.contains("<b>") && !made.contains("alert(1)</script>"), "{made}");
        let drawn = file(&all, &view, &style, evil, evil);
        assert!(!drawn.svg.contains("<script") && !drawn.svg.contains("<b>"), "{}", drawn.svg);
    }
}
