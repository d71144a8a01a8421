//! Where things are: layers and values to pixels and back.

use plotters::prelude::DrawingBackend;

use crate::canvas::{Canvas, Drawn};
use crate::colour::Palette;
use crate::text::{Across, Down, Type};

/// The chart's size and the rectangle that the curves live in, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Width of the whole chart.
    pub width: f64,
    /// Height of the whole chart.
    pub height: f64,
    /// Left edge of the plotting rectangle.
    pub left: f64,
    /// Top edge of it.
    pub top: f64,
    /// Right edge of it.
    pub right: f64,
    /// Bottom edge of it.
    pub bottom: f64,
    /// Size of the labels' type.
    pub type_size: f64,
    /// The layers that are shown where not all are.
    pub window: Option<Window>,
}

/// Some of the layers: from one to another, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first one.
    pub first: usize,
    /// The last one.
    pub last: usize,
}

impl Window {
    /// The layers between two, whichever comes first.
    pub fn between(a: usize, b: usize) -> Self {
        Window { first: a.min(b), last: a.max(b) }
    }

    /// The window moved as little as shows a layer.
    #[must_use]
    pub fn with(self, layer: usize) -> Self {
        let wide = self.last - self.first;
        match layer {
            l if l < self.first => Window { first: l, last: l + wide },
            l if l > self.last => Window { first: l - wide, last: l },
            _ => self,
        }
    }

    /// Whether a layer is among them.
    pub fn has(&self, layer: usize) -> bool {
        (self.first..=self.last).contains(&layer)
    }

    /// How many there are.
    pub fn layers(&self) -> usize {
        (self.last - self.first).saturating_add(1)
    }

    /// The window as far as a model of so many layers has them; `None` where that is all or none of them.
    pub fn of(self, layers: usize) -> Option<Self> {
        let last = self.last.min(layers.checked_sub(1)?);
        let part = self.first <= last && (self.first > 0 || last + 1 < layers);
        part.then_some(Window { first: self.first, last })
    }

    /// Half of what is shown, as near to the layer as it can be; no fewer than four layers, and never others
    /// than were shown. `None` where no fewer can be shown.
    pub fn nearer(shown: Option<Self>, around: usize, layers: usize) -> Option<Self> {
        let now = shown.unwrap_or(Window { first: 0, last: layers.checked_sub(1)? });
        let wide = now.layers().div_ceil(2).max(4);
        if wide >= now.layers() {
            return None;
        }
        let around = around.clamp(now.first, now.last);
        let first = around.saturating_sub(wide / 2).clamp(now.first, now.last + 1 - wide);
        Window { first, last: first + wide - 1 }.of(layers)
    }

    /// Twice what is shown, around its middle; all layers where that is as many.
    pub fn farther(self, layers: usize) -> Option<Self> {
        let wide = self.layers() * 2;
        let middle = (self.first + self.last) / 2;
        let first = middle.saturating_sub(wide / 2).min(layers.saturating_sub(wide));
        Window { first, last: first + wide - 1 }.of(layers)
    }
}

impl Frame {
    /// A frame for a given width and size of type; narrow ones drop the labels at the right.
    pub fn new(width: f64, type_size: f64) -> Self {
        let width = width.max(160.0).round();
        let scale = type_size / 12.0;
        let height = (width * 0.34).min(312.0 * scale).max(222.0 * scale).round();
        let narrow = width < 30.0 * type_size;
        Frame {
            width,
            height,
            left: (type_size * 4.4).round(),
            top: (type_size * 1.6).round(),
            right: width - if narrow { 6.0 } else { (type_size * 5.4).round() },
            bottom: height - (type_size * 3.7).round(),
            type_size,
            window: None,
        }
    }

    /// The same frame with these layers alone; all where there is no window.
    #[must_use]
    pub fn windowed(self, window: Option<Window>) -> Self {
        Frame { window, ..self }
    }

    /// Whether a layer is shown.
    pub fn shows(&self, layer: usize) -> bool {
        self.window.is_none_or(|window| window.has(layer))
    }

    /// The same frame made this high.
    #[must_use]
    pub fn high(self, height: f64) -> Self {
        let height = height.max(8.0 * self.type_size).round();
        Frame { height, bottom: height - (self.height - self.bottom), ..self }
    }

    /// Writes what the axes show: `across` below the layers, `up` beside the values.
    ///
    /// # Errors
    /// Whatever the backend reports.
    pub fn titles<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (across, up): (&str, &str),
        palette: &Palette,
    ) -> Drawn<DB> {
        let quiet = Type::new(self.type_size, palette.muted);
        let middle = ((self.left + self.right) / 2.0, self.height - self.type_size * 0.15);
        canvas.text(across, middle, quiet.at(Across::Center, Down::Bottom))?;
        let middle = (self.type_size * 0.25, (self.top + self.bottom) / 2.0);
        canvas.text(up, middle, quiet.upright().at(Across::Center, Down::Top))
    }

    /// Whether there is room for labels at the curves' ends.
    pub fn has_end_labels(&self) -> bool {
        self.width - self.right > 2.0 * self.type_size
    }

    /// Width of one layer.
    pub fn step(&self, layers: usize) -> f64 {
        let shown = self.window.map_or(layers, |window| window.layers());
        (self.right - self.left) / shown.max(1) as f64
    }

    /// Centre of a layer.
    pub fn x(&self, layer: usize, layers: usize) -> f64 {
        self.at(layer as f64, layers)
    }

    /// A place between layers, too: half a layer left of a layer's centre is its edge.
    pub fn at(&self, layer: f64, layers: usize) -> f64 {
        let first = self.window.map_or(0, |window| window.first) as f64;
        self.left + (layer - first + 0.5) * self.step(layers)
    }

    /// Height of a value on the logarithmic axis.
    pub fn y(&self, value: f64, (lo, hi): (f64, f64)) -> f64 {
        let share = libm::log(value / lo) / libm::log(hi / lo);
        self.bottom - share * (self.bottom - self.top)
    }

    /// The layer nearest to a place across, inside the chart or beside it.
    pub fn nearest(&self, x: f64, layers: usize) -> Option<usize> {
        self.layer_at(x.clamp(0.0, self.width), self.height / 2.0, layers)
    }

    /// The layer under a point; the nearest one inside the chart's height, `None` outside or
    /// without layers.
    pub fn layer_at(&self, x: f64, y: f64, layers: usize) -> Option<usize> {
        let inside = (0.0..=self.width).contains(&x) && (0.0..=self.height).contains(&y);
        let all = Window { first: 0, last: layers.checked_sub(1)? };
        let Window { first, last } = self.window.unwrap_or(all);
        inside.then(|| {
            let at = ((x - self.left) / self.step(layers)).floor() + first as f64;
            at.clamp(first as f64, last as f64) as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_is_found_at_its_own_centre() {
        let frame = Frame::new(700.0, 12.0);
        for layers in [1, 8, 12, 32, 80] {
            for layer in 0..layers {
                let x = frame.x(layer, layers);
                assert_eq!(frame.layer_at(x, 50.0, layers), Some(layer));
            }
        }
    }

    #[test]
    fn the_margins_belong_to_the_outermost_layers_and_outside_is_nothing() {
        let frame = Frame::new(400.0, 12.0);
        assert_eq!(frame.layer_at(0.0, 10.0, 12), Some(0));
        assert_eq!(frame.layer_at(frame.width, 10.0, 12), Some(11));
        assert_eq!(frame.layer_at(-1.0, 10.0, 12), None);
        assert_eq!(frame.layer_at(50.0, frame.height + 1.0, 12), None);
        assert_eq!(frame.layer_at(50.0, 10.0, 0), None);
    }

    #[test]
    fn a_window_is_as_wide_as_all_and_every_layer_of_it_is_found() {
        let window = Window::between(9, 4);
        let frame = Frame::new(700.0, 12.0).windowed(window.of(24));
        assert_eq!((window.layers(), frame.step(24) * 6.0), (6, frame.right - frame.left));
        for layer in 4..=9 {
            assert_eq!(frame.layer_at(frame.x(layer, 24), 50.0, 24), Some(layer));
        }
        assert_eq!(frame.layer_at(0.0, 50.0, 24), Some(4));
        assert!(frame.shows(4) && !frame.shows(3) && !frame.shows(10));
    }

    #[test]
    fn a_window_stays_among_the_layers() {
        let window = |first, last| Window { first, last };
        assert_eq!(window(2, 99).of(8), Some(window(2, 7)));
        assert_eq!(window(0, 7).of(8), None, "all of them");
        assert_eq!((window(4, 7).with(9), window(4, 7).with(2)), (window(6, 9), window(2, 5)));
        assert_eq!((window(8, 9).of(8), window(0, 0).of(0)), (None, None));
        assert_eq!(Window::nearer(None, 0, 32), Some(window(0, 15)));
        assert_eq!(Window::nearer(Some(window(16, 31)), 31, 32), Some(window(24, 31)));
        assert_eq!(Window::nearer(Some(window(4, 7)), 5, 32), None, "no fewer");
        assert_eq!(Window::nearer(Some(window(5, 6)), 5, 32), None, "no more");
        assert_eq!(Window::nearer(Some(window(20, 30)), 5, 32), Some(window(20, 25)), "no others");
        assert_eq!(Window::nearer(None, 1, 3), None);
        assert_eq!(window(24, 31).farther(32), Some(window(16, 31)));
        assert_eq!(window(16, 31).farther(32), None);
    }

    #[test]
    fn a_frame_takes_the_height_it_is_given() {
        let frame = Frame::new(700.0, 12.0).high(150.0);
        assert_eq!((frame.height, frame.height - frame.bottom), (150.0, 44.0));
        assert!(Frame::new(700.0, 12.0).high(3.0).bottom > Frame::new(700.0, 12.0).top);
    }

    #[test]
    fn the_value_axis_is_logarithmic() {
        let frame = Frame::new(700.0, 12.0);
        let domain = (0.1, 10.0);
        let middle = (frame.top + frame.bottom) / 2.0;
        assert!((frame.y(1.0, domain) - middle).abs() < 1e-9);
        assert!((frame.y(10.0, domain) - frame.top).abs() < 1e-9);
        assert!((frame.y(0.1, domain) - frame.bottom).abs() < 1e-9);
    }
}
