//! Where things are: layers and values to pixels and back.

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
}

impl Frame {
    /// A frame for a given width and size of type; narrow ones drop the labels at the right.
    pub fn new(width: f64, type_size: f64) -> Self {
        let width = width.max(160.0).round();
        let scale = type_size / 12.0;
        let height = (width * 0.34).min(300.0 * scale).max(210.0 * scale).round();
        let narrow = width < 30.0 * type_size;
        Frame {
            width,
            height,
            left: (type_size * 3.1).round(),
            top: (type_size * 1.6).round(),
            right: width - if narrow { 6.0 } else { (type_size * 5.4).round() },
            bottom: height - (type_size * 2.6).round(),
            type_size,
        }
    }

    /// The same frame made this high.
    #[must_use]
    pub fn high(self, height: f64) -> Self {
        let height = height.max(8.0 * self.type_size).round();
        Frame { height, bottom: height - (self.height - self.bottom), ..self }
    }

    /// Whether there is room for labels at the curves' ends.
    pub fn has_end_labels(&self) -> bool {
        self.width - self.right > 2.0 * self.type_size
    }

    /// Width of one layer.
    pub fn step(&self, layers: usize) -> f64 {
        (self.right - self.left) / layers.max(1) as f64
    }

    /// Centre of a layer.
    pub fn x(&self, layer: usize, layers: usize) -> f64 {
        self.left + (layer as f64 + 0.5) * self.step(layers)
    }

    /// Height of a value on the logarithmic axis.
    pub fn y(&self, value: f64, (lo, hi): (f64, f64)) -> f64 {
        let share = libm::log(value / lo) / libm::log(hi / lo);
        self.bottom - share * (self.bottom - self.top)
    }

    /// The layer under a point; the nearest one inside the chart's height, `None` outside or
    /// without layers.
    pub fn layer_at(&self, x: f64, y: f64, layers: usize) -> Option<usize> {
        let inside = (0.0..=self.width).contains(&x) && (0.0..=self.height).contains(&y);
        (inside && layers > 0).then(|| {
            let at = ((x - self.left) / self.step(layers)).floor();
            at.clamp(0.0, (layers - 1) as f64) as usize
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
    fn a_frame_takes_the_height_it_is_given() {
        let frame = Frame::new(700.0, 12.0).high(150.0);
        assert_eq!((frame.height, frame.height - frame.bottom), (150.0, 31.0));
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
