//! Who looks at whom as ribbons: geometry, hit-testing and the drawing.

use plotters::prelude::DrawingBackend;

use crate::canvas::{self, Canvas, Drawn};
use crate::colour::Rgb;
use crate::scale;
use crate::text::{self, Across, Down, Type};
use crate::theme::Style;

/// One end of ribbons: a name and a colour.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Its name.
    pub name: &'static str,
    /// Its colour.
    pub colour: Rgb,
}

/// Shares of attention from one set of ends to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// Who looks.
    pub from: Vec<End>,
    /// Who is looked at.
    pub to: Vec<End>,
    /// `[from, to]`: shares of a looking end's attention, each row adding up to 1.
    pub shares: Vec<f64>,
}

impl Flow {
    /// The share of `from`'s attention on `to`.
    pub fn get(&self, from: usize, to: usize) -> f64 {
        if to >= self.to.len() {
            return 0.0;
        }
        self.shares.get(from * self.to.len() + to).copied().unwrap_or(0.0)
    }

    /// The attention that an end draws, in looking ends.
    fn drawn(&self, to: usize) -> f64 {
        (0..self.from.len()).map(|f| self.get(f, to)).sum()
    }
}

/// One ribbon, in CSS pixels: it leaves at the left between `left` and arrives between `right`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ribbon {
    /// Who looks.
    pub from: usize,
    /// Who is looked at.
    pub to: usize,
    /// Top and bottom where it leaves.
    pub left: (f64, f64),
    /// Top and bottom where it arrives.
    pub right: (f64, f64),
}

/// Width of the bars at the ends, in sizes of type.
const BAR: f64 = 0.55;
/// Below this many pixels a ribbon is not drawn.
const THINNEST: f64 = 0.3;

/// Where everything is, in CSS pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Ribbons {
    /// Width of the whole plot.
    pub width: f64,
    /// Height of the whole plot.
    pub height: f64,
    /// Left edge of the ribbons.
    pub x0: f64,
    /// Right edge of the ribbons.
    pub x1: f64,
    /// Top and bottom of each looking end.
    pub from: Vec<(f64, f64)>,
    /// Top and bottom of each end that is looked at.
    pub to: Vec<(f64, f64)>,
    /// The ribbons.
    pub all: Vec<Ribbon>,
    type_size: f64,
}

/// How far down from its left to its right end a ribbon is at the share `u` of its way: level at
/// both ends.
fn ease(u: f64) -> f64 {
    u * u * (3.0 - 2.0 * u)
}

impl Ribbons {
    /// Lays a flow out. Every looking end is equally high, since each has all of its attention to
    /// give; an end that is looked at is as high as what it draws.
    pub fn new(flow: &Flow, width: f64, type_size: f64, height: f64) -> Self {
        let width = width.max(180.0).round();
        let (top, bottom) = ((type_size * 0.3).round(), height - (type_size * 0.3).round());
        let label = type_size * 4.4;
        let bar = type_size * BAR;
        let (x0, x1) = ((label + bar).round(), (width - label - bar).round());
        let gap = type_size * 0.9;
        let most = flow.from.len().max(flow.to.len()).max(1);
        // One unit is one end's whole attention: the same on both sides, so ribbons keep their
        // thickness.
        let unit =
            (bottom - top - gap * (most - 1) as f64).max(1.0) / flow.from.len().max(1) as f64;
        let stack = |sizes: Vec<f64>| -> Vec<(f64, f64)> {
            let used = sizes.iter().sum::<f64>() * unit;
            let gap = if sizes.len() < 2 {
                0.0
            } else {
                (bottom - top - used) / (sizes.len() - 1) as f64
            };
            let mut y = if sizes.len() < 2 { top + (bottom - top - used) / 2.0 } else { top };
            let place = |size: f64| {
                let at = (y, y + size * unit);
                y = at.1 + gap;
                at
            };
            sizes.into_iter().map(place).collect()
        };
        let from = stack(vec![1.0; flow.from.len()]);
        let to = stack((0..flow.to.len()).map(|t| flow.drawn(t)).collect());
        let mut arrived: Vec<f64> = to.iter().map(|t| t.0).collect();
        let mut all = Vec::new();
        for (f, place) in from.iter().enumerate() {
            let mut y = place.0;
            for (t, arrival) in arrived.iter_mut().enumerate() {
                let size = flow.get(f, t) * unit;
                let (left, right) = ((y, y + size), (*arrival, *arrival + size));
                (y, *arrival) = (left.1, right.1);
                all.push(Ribbon { from: f, to: t, left, right });
            }
        }
        Ribbons { width, height, x0, x1, from, to, all, type_size }
    }

    /// Top and bottom of a ribbon at `x`.
    fn band(&self, ribbon: &Ribbon, x: f64) -> (f64, f64) {
        let down = ease(((x - self.x0) / (self.x1 - self.x0)).clamp(0.0, 1.0));
        let between = |a: f64, b: f64| a + (b - a) * down;
        (between(ribbon.left.0, ribbon.right.0), between(ribbon.left.1, ribbon.right.1))
    }

    /// The ribbon under a point, and of several the thinnest: it is drawn last.
    pub fn at(&self, x: f64, y: f64) -> Option<Ribbon> {
        if x < self.x0 || x > self.x1 {
            return None;
        }
        let slack = 1.0;
        let under = self.all.iter().filter(|r| {
            let (top, bottom) = self.band(r, x);
            r.left.1 - r.left.0 >= THINNEST && top - slack <= y && y <= bottom + slack
        });
        under.min_by(|a, b| (a.left.1 - a.left.0).total_cmp(&(b.left.1 - b.left.0))).copied()
    }

    /// The outline of a ribbon, for an SVG path.
    pub fn path(&self, ribbon: &Ribbon) -> String {
        let points: Vec<String> =
            self.outline(ribbon).iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        format!("M{}Z", points.join("L"))
    }

    fn outline(&self, ribbon: &Ribbon) -> Vec<(f64, f64)> {
        const STEPS: usize = 24;
        let x = |i: usize| self.x0 + (self.x1 - self.x0) * i as f64 / STEPS as f64;
        let above = (0..=STEPS).map(|i| (x(i), self.band(ribbon, x(i)).0));
        let below = (0..=STEPS).rev().map(|i| (x(i), self.band(ribbon, x(i)).1));
        above.chain(below).collect()
    }
}

/// The ribbons as an SVG document.
pub fn svg(flow: &Flow, plot: &Ribbons, style: &Style) -> String {
    canvas::svg((plot.width, plot.height), |canvas| draw(canvas, flow, plot, style))
}

/// Draws the ribbons on a canvas of their size.
///
/// # Errors
/// Whatever the backend reports.
pub fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    flow: &Flow,
    plot: &Ribbons,
    style: &Style,
) -> Drawn<DB> {
    let mut order: Vec<&Ribbon> =
        plot.all.iter().filter(|r| r.left.1 - r.left.0 >= THINNEST).collect();
    order.sort_by(|a, b| (b.left.1 - b.left.0).total_cmp(&(a.left.1 - a.left.0)));
    for ribbon in order {
        canvas.shape(&plot.outline(ribbon), flow.to[ribbon.to].colour, 0.34)?;
    }
    let size = plot.type_size;
    let bar = size * BAR;
    let gap = size * 0.5;
    let quiet = Type::new(size, style.palette.muted);
    let left = plot.from.iter().zip(&flow.from).map(|(place, end)| (place, end, plot.x0 - bar));
    let right = plot.to.iter().zip(&flow.to).map(|(place, end)| (place, end, plot.x1));
    let sides = [(Across::Right, left.collect::<Vec<_>>()), (Across::Left, right.collect())];
    for (side, ends) in sides {
        // Names of thin ends must not run into each other.
        let middles: Vec<f64> = ends.iter().map(|(p, ..)| (p.0 + p.1) / 2.0).collect();
        let places = scale::spread(&middles, size * 1.25, (size * 0.6, plot.height - size * 0.6));
        for ((place, end, x), y) in ends.into_iter().zip(places) {
            canvas.rect((x, place.0), (x + bar, place.1.max(place.0 + 1.0)), end.colour)?;
            let (x, room) = match side {
                Across::Right => (x - gap, x - gap),
                _ => (x + bar + gap, plot.width - x - bar - gap),
            };
            let name = text::fit(end.name, room, size, false);
            canvas.text(&name, (x, y), quiet.at(side, Down::Center))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        let end = |name| End { name, colour: Rgb(1, 2, 3) };
        Flow {
            from: vec![end("words"), end("picture")],
            to: vec![end("begin"), end("words"), end("picture")],
            shares: vec![0.5, 0.4, 0.1, 0.25, 0.0, 0.75],
        }
    }

    #[test]
    fn a_ribbon_keeps_its_thickness_and_ends_fit_their_bars() {
        let plot = Ribbons::new(&flow(), 420.0, 12.0, 220.0);
        for r in &plot.all {
            let (out, into) = (r.left.1 - r.left.0, r.right.1 - r.right.0);
            assert!((out - into).abs() < 1e-9);
        }
        for (i, place) in plot.from.iter().enumerate() {
            let sum: f64 =
                plot.all.iter().filter(|r| r.from == i).map(|r| r.left.1 - r.left.0).sum();
            assert!((sum - (place.1 - place.0)).abs() < 1e-9);
        }
        for (i, place) in plot.to.iter().enumerate() {
            let sum: f64 =
                plot.all.iter().filter(|r| r.to == i).map(|r| r.right.1 - r.right.0).sum();
            assert!((sum - (place.1 - place.0)).abs() < 1e-9);
            assert!(place.1 <= plot.height);
        }
    }

    #[test]
    fn points_find_their_ribbon() {
        let plot = Ribbons::new(&flow(), 420.0, 12.0, 220.0);
        for ribbon in plot.all.iter().filter(|r| r.left.1 > r.left.0) {
            for u in [0.01, 0.99] {
                let x = plot.x0 + (plot.x1 - plot.x0) * u;
                let (top, bottom) = plot.band(ribbon, x);
                let found = plot.at(x, (top + bottom) / 2.0);
                assert_eq!(found.map(|r| (r.from, r.to)), Some((ribbon.from, ribbon.to)));
            }
        }
        assert_eq!(plot.at(1.0, 50.0), None);
        assert_eq!(plot.at(plot.x1 + 5.0, 50.0), None);
    }

    #[test]
    fn what_does_not_flow_is_not_drawn() {
        let flow = flow();
        let plot = Ribbons::new(&flow, 420.0, 12.0, 220.0);
        let text = svg(&flow, &plot, &Style::default());
        assert_eq!(text.matches("<polygon").count(), 5, "one of six shares is zero");
        assert_eq!(text.matches("<rect").count(), 5);
        let none = Flow::default();
        let empty = svg(&none, &Ribbons::new(&none, 420.0, 12.0, 220.0), &Style::default());
        assert_eq!(empty.matches("<polygon").count(), 0);
    }
}
