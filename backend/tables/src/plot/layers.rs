//! MDI by layer: a line and its interval for each model, the paper's stages in grey.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use shared::experiment::paper::PaperRow;
use shared::experiment::tables::{LayerCells, Tables, marks, percent, short};
use shared::{Stage, Stages};

use super::canvas::{
    Frame, GHOST, INK, Look, PICTURE, Panel, QUIET, Type, WORDS, fit, marker, stroke, units, wrap,
    write,
};
use super::{Failed, SIZE, axis, font};
use crate::provenance::notices;

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
    look: Look,
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
    root: &DrawingArea<DB, Shift>,
    tables: &Tables,
    title: &str,
    subtitle: &str,
) -> Result<Frame, Failed<DB>> {
    root.fill(&WHITE)?;
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let room = width - 48.0;
    write(root, &fit(title, room, 18.0), (24.0, 28.0), Type::new(18.0).bold())?;
    write(root, &fit(subtitle, room, 13.0), (24.0, 51.0), Type::new(13.0).colour(QUIET))?;
    let mut top = 66.0;
    for notice in notices(tables) {
        for line in wrap(&notice, room, 13.0).iter().take(2) {
            write(root, line, (24.0, top + 5.0), Type::new(13.0))?;
            top += 18.0;
        }
    }
    let lines = wrap(&provenance(tables), room, 10.5);
    let lines = &lines[..lines.len().min(3)];
    let mut bottom = height - 14.0 * lines.len() as f64;
    let frame = Frame { left: 24.0, top, right: width - 24.0, bottom: bottom - 20.0 };
    for line in lines {
        write(root, line, (24.0, bottom - 2.0), Type::new(10.5).colour(QUIET))?;
        bottom += 14.0;
    }
    Ok(frame)
}

/// The first letters of a hash or a revision.
fn brief(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Where the numbers come from, in small type; the whole stands in the file's metadata.
fn provenance(tables: &Tables) -> String {
    let p = &tables.provenance;
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
    pub look: Look,
}

/// Writes labels right of a frame, none on another.
pub fn label<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    labels: &[Label],
    frame: Frame,
) -> Result<(), Failed<DB>> {
    let places: Vec<f64> = labels.iter().map(|l| l.at).collect();
    let places = axis::spread(&places, 15.0, (frame.top, frame.bottom));
    for (label, place) in labels.iter().zip(places) {
        let left = frame.right + 10.0;
        stroke(root, &[(left, place), (left + KEY, place)], label.look, 2.0)?;
        marker(root, (left + KEY / 2.0, place), label.look, true)?;
        let paper = label.look.colour == GHOST;
        let colour = if paper { QUIET } else { INK };
        let style = Type { bold: !paper, ..Type::new(12.0).colour(colour) };
        let left = left + KEY + 7.0;
        let text = fit(&label.text, f64::from(SIZE.0) - left - 8.0, 12.0);
        write(root, &text, (left, place), style)?;
    }
    Ok(())
}

/// The widest label's width, within reason.
pub fn room<'a>(labels: impl Iterator<Item = &'a str>) -> f64 {
    labels.map(|l| font::width(l, true) * 12.0).fold(60.0, f64::max).min(210.0) + KEY + 27.0
}

/// Says beside the axis which side of balance is whose; `one` is the height of MDI 1.
pub fn sides<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    frame: Frame,
    one: f64,
) -> Result<(), Failed<DB>> {
    let (style, x) = (Type::new(11.0).at(HPos::Right), frame.left - 8.0);
    write(root, "words ↑", (x, one - 14.0), style.colour(WORDS))?;
    write(root, "picture ↓", (x, one + 15.0), style.colour(PICTURE))
}

/// The paper's MDI of a row, by stage: value, and text with the marks of doubt.
fn ghosts(row: &PaperRow) -> impl Iterator<Item = (Stage, f64, bool)> {
    row.cells.iter().map(|c| (c.stage, c.mdi.value, !marks(&c.mdi).is_empty()))
}

/// Draws the plot.
pub fn draw<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    tables: &Tables,
) -> Result<(), Failed<DB>> {
    let rows = || tables.stages.rows.iter().filter(|r| r.n > 0);
    let curves: Vec<Curve<'_>> = rows()
        .take(MOST)
        .enumerate()
        .filter_map(|(i, row)| {
            let result = tables.conditions.iter().find(|c| c.condition.index == row.condition)?;
            let cells = result.choices.iter().find(|c| c.choice == tables.choice.name)?;
            Some(Curve { label: &row.label, layers: &cells.layers, look: Look::of(i) })
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
    let outer = surround(root, tables, &title, &subtitle)?;

    let papers = &tables.stages.paper;
    let paper_labels: Vec<String> = papers.iter().map(|p| format!("paper · {}", p.model)).collect();
    let names = curves.iter().map(|c| c.label).chain(paper_labels.iter().map(String::as_str));
    let frame = Frame {
        left: outer.left + 40.0,
        right: outer.right - room(names),
        top: outer.top + 14.0,
        bottom: outer.bottom - 42.0 - STRIP,
    };
    // Below it the words' share of the attention, on the same axis of layers.
    let strip = Frame { top: frame.bottom + 24.0, bottom: outer.bottom - 42.0, ..frame };
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
    let span = axis::span(values.chain(printed));
    let panel = Panel::new(root, frame, ends, span, true)?;

    for mark in axis::marks(span, 9) {
        panel.rule(mark, &short_mark(mark))?;
    }
    // Where some keys are hidden from some rows, 1 is not balance.
    if tables.provenance.options.knockout.is_none() {
        panel.balance()?;
    }
    sides(root, frame, panel.pixel((ends.0, 1.0)).1)?;
    let below_panel = Panel::new(root, strip, ends, (0.0, 1.0), false)?;
    for share in [0.0, 0.5, 1.0] {
        below_panel.rule(share, &percent(share))?;
    }
    write(
        root,
        "P_T, the words' share",
        (strip.left + 4.0, strip.top - 6.0),
        Type::new(11.0).colour(QUIET),
    )?;
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
    write(root, below, at, Type::new(13.0).colour(QUIET).at(HPos::Center))?;

    let mut labels = Vec::new();
    for (i, (paper, name)) in papers.iter().zip(&paper_labels).enumerate() {
        for (stage, value, doubtful) in ghosts(paper) {
            let layers = stage.layers(Stages::Two, deepest);
            let from = place(layers.start as f64 - 0.4, deepest);
            let to = place(layers.end as f64 - 0.6, deepest);
            let look = Look { dash: None, ..Look::ghost(i) };
            panel.line(&[(from, value), (to, value)], look, 2.0)?;
            panel.marker(((from + to) / 2.0, value), 0.0, look, !doubtful)?;
            if stage == Stage::Late {
                labels.push(Label { text: name.clone(), at: panel.pixel((to, value)).1, look });
            }
        }
    }
    for curve in &curves {
        for stretch in curve.stretches(|i| place(i as f64, curve.layers.len())) {
            let band: Vec<(f64, f64, f64)> =
                stretch.iter().map(|(x, low, _, high)| (*x, *low, *high)).collect();
            panel.band(&band, curve.look.colour)?;
        }
    }
    for curve in &curves {
        let shares = curve.layers.iter().enumerate().filter_map(|(i, layer)| {
            Some((place(i as f64, curve.layers.len()), layer.share_text.estimate.mean?))
        });
        below_panel.line(&shares.collect::<Vec<_>>(), curve.look, 1.75)?;
    }
    for curve in &curves {
        let stretches = curve.stretches(|i| place(i as f64, curve.layers.len()));
        for stretch in &stretches {
            let line: Vec<(f64, f64)> = stretch.iter().map(|(x, _, m, _)| (*x, *m)).collect();
            panel.line(&line, curve.look, 2.25)?;
            // Markers tell lines apart; on a deep decoder one in some layers does.
            for point in line.iter().rev().step_by(curve.layers.len().div_ceil(16)) {
                panel.marker(*point, 0.0, curve.look, true)?;
            }
        }
        if let Some((x, _, mean, _)) = stretches.last().and_then(|s| s.last()) {
            labels.push(Label {
                text: curve.label.to_owned(),
                at: panel.pixel((*x, *mean)).1,
                look: curve.look,
            });
        }
    }
    label(root, &labels, frame)?;
    debug_assert!(units(frame.right) > units(frame.left), "labels leave room for the plot");
    Ok(())
}

/// A mark's number, without digits that say nothing.
pub fn short_mark(mark: f64) -> String {
    let text = short(mark);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
