//! MDI by layer: a line and its interval for each model, the paper's stages in grey.

use plotters::prelude::DrawingBackend;
use shared::experiment::paper::PaperRow;
use shared::experiment::tables::{LayerCells, marks, percent, short};
use shared::{Stage, Stages};

use super::panel::{Area, Line, Panel, marker, stroke};
use super::{Paper, SIZE};
use crate::canvas::{Canvas, Drawn};
use crate::scale;
use crate::text::{self, Across, Down, Type};

/// More lines than can be told apart are not drawn.
pub const MOST: usize = 6;

/// The height of the strip of shares below the plot, with the room above it.
const STRIP: f64 = 96.0;

/// The length of the line before a label.
const KEY: f64 = 26.0;

/// A line of the plot.
struct Curve<'a> {
    label: &'a str,
    layers: &'a [LayerCells],
    line: Line,
}

impl Curve<'_> {
    /// Stretches of layers whose value exists: place, low, mean, high.
    fn stretches(&self, place: impl Fn(usize) -> f64) -> Vec<Vec<(f64, f64, f64, f64)>> {
        let mut all: Vec<Vec<(f64, f64, f64, f64)>> = vec![Vec::new()];
        for (i, layer) in self.layers.iter().enumerate() {
            let centre = layer.mdi.estimate.centre();
            match centre.value.filter(|m| *m > 0.0) {
                Some(mean) => {
                    let (low, high) =
                        centre.interval.filter(|ends| ends.0 > 0.0).unwrap_or((mean, mean));
                    let point = (place(i), low, mean, high);
                    if let Some(stretch) = all.last_mut() {
                        stretch.push(point);
                    }
                }
                None => all.push(Vec::new()),
            }
        }
        all.retain(|stretch| !stretch.is_empty());
        all
    }
}

/// Title, what is shown, and where it comes from; the same on every plot. Gives the frame that is
/// left between them.
pub fn surround<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    paper: &Paper<'_>,
    title: &str,
    subtitle: &str,
) -> Result<Area, plotters::drawing::DrawingAreaErrorKind<DB::ErrorType>> {
    let (width, height) = SIZE;
    let palette = &paper.style.palette;
    let (ink, quiet) = (palette.ink, palette.muted);
    canvas.rect((0.0, 0.0), (width, height), palette.surface)?;
    let room = width - 48.0;
    let title = text::fit(title, room, 18.0, true);
    canvas.text(&title, (24.0, 28.0), Type::new(18.0, ink).bold())?;
    let subtitle = text::fit(subtitle, room, 13.0, false);
    canvas.text(&subtitle, (24.0, 51.0), Type::new(13.0, quiet))?;
    let mut top = 66.0;
    for notice in paper.notices {
        for line in text::wrap(notice, room, 13.0, false, 2) {
            canvas.text(&line, (24.0, top + 5.0), Type::new(13.0, ink))?;
            top += 18.0;
        }
    }
    let lines = text::wrap(&provenance(paper), room, 10.5, false, 3);
    let mut bottom = height - 14.0 * lines.len() as f64;
    let area = Area { left: 24.0, top, right: width - 24.0, bottom: bottom - 20.0 };
    for line in lines {
        canvas.text(&line, (24.0, bottom - 2.0), Type::new(10.5, quiet))?;
        bottom += 14.0;
    }
    Ok(area)
}

/// The first letters of a hash or a revision.
fn brief(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Where the numbers come from, in small type; the whole stands in the file's metadata.
fn provenance(paper: &Paper<'_>) -> String {
    let (tables, p) = (paper.tables, &paper.tables.provenance);
    let models: Vec<String> = p
        .models
        .iter()
        .map(|m| {
            format!(
                "{} {} {} {} {} {}",
                m.name,
                brief(&m.hash),
                m.quant.name(),
                m.dtype,
                m.device,
                m.template
            )
        })
        .collect();
    let mut parts = models;
    parts.push(format!("definition {}", tables.choice.name));
    parts.push(format!(
        "{} at {}, {} samples, seed {}",
        p.dataset.name,
        brief(&p.dataset.revision),
        p.samples,
        p.seed
    ));
    parts.push(format!("LangOverrule Lab {}", p.lab));
    // Lines break between the parts, not within.
    let parts: Vec<String> = parts.iter().map(|p| p.replace(' ', "\u{a0}")).collect();
    parts.join("\u{a0}· ")
}

/// A label beside the plot, at the height of what it names, with its line and marker before it.
pub struct Label {
    pub text: String,
    pub at: f64,
    pub line: Line,
}

/// Writes labels right of a frame, none on another.
pub fn label<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    paper: &Paper<'_>,
    labels: &[Label],
    area: Area,
) -> Drawn<DB> {
    let palette = &paper.style.palette;
    let places: Vec<f64> = labels.iter().map(|l| l.at).collect();
    let places = scale::spread(&places, 15.0, (area.top, area.bottom));
    for (label, place) in labels.iter().zip(places) {
        let left = area.right + 10.0;
        stroke(canvas, &[(left, place), (left + KEY, place)], label.line, 2.0)?;
        marker((canvas, palette), (left + KEY / 2.0, place), label.line, true)?;
        let bold = !label.line.printed;
        let colour = if bold { palette.ink } else { palette.muted };
        let left = left + KEY + 7.0;
        let text = text::fit(&label.text, SIZE.0 - left - 8.0, 12.0, bold);
        canvas.text(&text, (left, place), Type { bold, ..Type::new(12.0, colour) })?;
    }
    Ok(())
}

/// The widest label's width, within reason.
pub fn room<'a>(labels: impl Iterator<Item = &'a str>) -> f64 {
    labels.map(|l| text::width(l, true) * 12.0).fold(60.0, f64::max).min(210.0) + KEY + 27.0
}

/// Says beside the axis which side of balance is whose; `one` is the height of MDI 1.
pub fn sides<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    paper: &Paper<'_>,
    area: Area,
    one: f64,
) -> Drawn<DB> {
    let (palette, x) = (&paper.style.palette, area.left - 8.0);
    let style = |colour| Type::new(11.0, colour).at(Across::Right, Down::Center);
    canvas.text("words ↑", (x, one - 14.0), style(palette.words))?;
    canvas.text("picture ↓", (x, one + 15.0), style(palette.picture))
}

/// The paper's MDI of a row, by stage: value, and text with the marks of doubt.
fn ghosts(row: &PaperRow) -> impl Iterator<Item = (Stage, f64, bool)> {
    row.cells.iter().map(|c| (c.stage, c.mdi.value, !marks(&c.mdi).is_empty()))
}

/// Draws the plot.
pub fn draw<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, paper: &Paper<'_>) -> Drawn<DB> {
    let (tables, palette) = (paper.tables, &paper.style.palette);
    let ground = (canvas, palette);
    let rows = || tables.stages.rows.iter().filter(|r| r.n > 0);
    let curves: Vec<Curve<'_>> = rows()
        .take(MOST)
        .enumerate()
        .filter_map(|(i, row)| {
            let result = tables.conditions.iter().find(|c| c.condition.index == row.condition)?;
            let cells = result.choices.iter().find(|c| c.choice == tables.choice.name)?;
            Some(Curve { label: &row.label, layers: &cells.layers, line: Line::of(i, palette) })
        })
        .collect();
    let n: Vec<u32> = rows().map(|r| r.n).collect();
    let n = match (n.iter().min(), n.iter().max()) {
        (Some(a), Some(b)) if a == b => format!("n = {a}"),
        (Some(a), Some(b)) => format!("n = {a} to {b}"),
        _ => String::new(),
    };
    let hidden = match rows().count().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(", {more} more not drawn"),
    };
    let grey = if tables.stages.paper.is_empty() { "" } else { "; grey: the paper's stages" };
    let subtitle = format!("geometric mean and 95 % interval over samples, {n}{hidden}{grey}");
    let title = format!("MDI by layer · {}", tables.title);
    let outer = surround(canvas, paper, &title, &subtitle)?;

    let papers = &tables.stages.paper;
    let paper_labels: Vec<String> = papers.iter().map(|p| format!("paper · {}", p.model)).collect();
    let names = curves.iter().map(|c| c.label).chain(paper_labels.iter().map(String::as_str));
    let area = Area {
        left: outer.left + 40.0,
        right: outer.right - room(names),
        top: outer.top + 14.0,
        bottom: outer.bottom - 42.0 - STRIP,
    };
    // Below it the words' share of the attention, on the same axis of layers.
    let strip = Area { top: area.bottom + 24.0, bottom: outer.bottom - 42.0, ..area };
    let deepest = curves.iter().map(|c| c.layers.len()).max().unwrap_or(1).max(1);
    // Decoders of different depth share an axis of relative depth.
    let same = curves.iter().all(|c| c.layers.len() == deepest);
    let place = |layer: f64, layers: usize| match same {
        true => layer,
        false => (layer + 0.5) / layers.max(1) as f64 * 100.0,
    };
    let ends = if same { (-0.5, deepest as f64 - 0.5) } else { (0.0, 100.0) };
    let values = curves.iter().flat_map(|c| c.layers).flat_map(|l| {
        let centre = l.mdi.estimate.centre();
        let (low, high) = centre.interval.unzip();
        [low, centre.value, high].into_iter().flatten()
    });
    let printed = papers.iter().flat_map(|p| p.cells.iter().map(|c| c.mdi.value));
    let span = scale::domain(values.chain(printed));
    let panel = Panel::new(ground, area, ends, span, true);

    for mark in scale::ticks(span, area.bottom - area.top, 22.0) {
        panel.rule(mark, &scale::label(mark))?;
    }
    // Where some keys are hidden from some rows, 1 is not balance.
    if tables.provenance.options.knockout.is_none() {
        panel.balance()?;
    }
    sides(canvas, paper, area, panel.pixel((ends.0, 1.0)).1)?;
    let below_panel = Panel::new(ground, strip, ends, (0.0, 1.0), false);
    for share in [0.0, 0.5, 1.0] {
        below_panel.rule(share, &percent(share))?;
    }
    let at = (strip.left + 4.0, strip.top - 6.0);
    canvas.text("P_T, the words' share", at, Type::new(11.0, palette.muted))?;
    if same {
        let every = deepest.div_ceil(16);
        for layer in (0..deepest).step_by(every) {
            below_panel.mark(layer as f64, &layer.to_string())?;
        }
    } else {
        for depth in [0.0, 25.0, 50.0, 75.0, 100.0] {
            below_panel.mark(depth, &format!("{depth} %"))?;
        }
    }
    let below = if same { "layer" } else { "depth: layer as a share of the decoder's layers" };
    let at = ((strip.left + strip.right) / 2.0, strip.bottom + 36.0);
    let style = Type::new(13.0, palette.muted).at(Across::Center, Down::Center);
    canvas.text(below, at, style)?;

    let mut labels = Vec::new();
    for (i, (row, name)) in papers.iter().zip(&paper_labels).enumerate() {
        for (stage, value, doubtful) in ghosts(row) {
            let layers = stage.layers(Stages::Two, deepest);
            let from = place(layers.start as f64 - 0.4, deepest);
            let to = place(layers.end as f64 - 0.6, deepest);
            let line = Line { dash: None, ..Line::ghost(i, palette) };
            panel.line(&[(from, value), (to, value)], line, 2.0)?;
            panel.marker(((from + to) / 2.0, value), 0.0, line, !doubtful)?;
            if stage == Stage::Late {
                labels.push(Label { text: name.clone(), at: panel.pixel((to, value)).1, line });
            }
        }
    }
    for curve in &curves {
        for stretch in curve.stretches(|i| place(i as f64, curve.layers.len())) {
            let band: Vec<(f64, f64, f64)> =
                stretch.iter().map(|(x, low, _, high)| (*x, *low, *high)).collect();
            panel.band(&band, curve.line.colour)?;
        }
    }
    for curve in &curves {
        let shares = curve.layers.iter().enumerate().filter_map(|(i, layer)| {
            Some((place(i as f64, curve.layers.len()), layer.share_text.estimate.mean?))
        });
        below_panel.line(&shares.collect::<Vec<_>>(), curve.line, 1.75)?;
    }
    for curve in &curves {
        let stretches = curve.stretches(|i| place(i as f64, curve.layers.len()));
        for stretch in &stretches {
            let path: Vec<(f64, f64)> = stretch.iter().map(|(x, _, m, _)| (*x, *m)).collect();
            panel.line(&path, curve.line, 2.25)?;
            // Markers tell lines apart; on a deep decoder one in some layers does.
            for point in path.iter().rev().step_by(curve.layers.len().div_ceil(16)) {
                panel.marker(*point, 0.0, curve.line, true)?;
            }
        }
        if let Some((x, _, mean, _)) = stretches.last().and_then(|s| s.last()) {
            labels.push(Label {
                text: curve.label.to_owned(),
                at: panel.pixel((*x, *mean)).1,
                line: curve.line,
            });
        }
    }
    debug_assert!(area.right > area.left, "labels leave room for the plot");
    label(canvas, paper, &labels, area)
}

/// A number without digits that say nothing.
pub fn short_mark(mark: f64) -> String {
    let text = short(mark);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
