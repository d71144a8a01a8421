//! The attention overlay: cells of the picture's token grid as colours.

use std::collections::BTreeMap;
use std::fmt::Write;

use shared::{Observation, Rows};

use crate::colour::Rgb;

/// One map: shares of a token's attention by cell, row-major; `None` where a patch was pruned.
pub type Cells = Vec<Option<f32>>;

/// Bits of a positive float left out of its class: classes are 1/2048 wide, less than what
/// [`round_up`] lets pass.
const CLASS_SHIFT: u32 = 12;

/// Parts of the cells that stay below the top of an absolute scale: of patches all but the
/// strongest half percent, so that one sink patch does not flatten every map; of all positions two
/// percent fewer, which leaves the sinks of a prompt out.
const BELOW: (f64, f64) = (0.995, 0.98);

/// The tops of absolute scales, for all maps and rows of a run, or of one of its heads.
///
/// Every token adds to them once, however long the answer grows.
#[derive(Debug, Default)]
pub struct Tops {
    tokens: usize,
    patches: Top,
    keys: Top,
}

impl Tops {
    /// Takes the tokens in that came since the last time.
    pub fn take(&mut self, observation: &Observation, rows: Rows) {
        if observation.tokens.len() < self.tokens {
            *self = Tops::default();
        }
        for token in self.tokens..observation.tokens.len() {
            for layer in 0..observation.layers() {
                let Some(row) = rows.row(token, layer) else { continue };
                let Some(layout) = &observation.layout else { continue };
                // One scale for all pictures.
                for medium in 0..layout.media.len() as u8 {
                    let cells = layout.on_patches(medium, row);
                    self.patches.add(cells.into_iter().flatten().flatten());
                }
                self.keys.add(row.iter().copied());
            }
        }
        self.tokens = observation.tokens.len();
    }

    /// The tops of all that was taken in.
    pub fn values(&self) -> Scales {
        Scales { patch: self.patches.value(BELOW.0), key: self.keys.value(BELOW.1) }
    }
}

/// Where absolute scales end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scales {
    /// Of maps of the picture.
    pub patch: f32,
    /// Of whole rows, position by position.
    pub key: f32,
}

/// A round number that all but the strongest part of many shares stays below.
#[derive(Debug, Default)]
struct Top {
    cells: u64,
    /// How many cells lie in a class of nearly equal shares.
    classes: BTreeMap<u32, u64>,
}

impl Top {
    fn add(&mut self, shares: impl Iterator<Item = f32>) {
        for share in shares {
            let class = share.max(0.0).to_bits() >> CLASS_SHIFT;
            *self.classes.entry(class).or_default() += 1;
            self.cells += 1;
        }
    }

    /// What a part of all that was added stays below.
    fn value(&self, below: f64) -> f32 {
        let mut above = self.cells - ((self.cells as f64 * below) as u64).min(self.cells);
        for (class, count) in self.classes.iter().rev() {
            if *count >= above.max(1) {
                return round_up(f32::from_bits(class << CLASS_SHIFT));
            }
            above -= count;
        }
        0.01
    }
}

/// The largest share of one map.
pub fn relative_top(cells: &Cells) -> f32 {
    cells.iter().flatten().copied().fold(0.0, f32::max)
}

/// The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten.
pub fn round_up(value: f32) -> f32 {
    if value.is_nan() || value <= 1e-6 {
        return 1e-6;
    }
    let unit = libm::powf(10.0, libm::floorf(libm::log10f(value)));
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|s| s * unit >= value * 0.999).unwrap_or(10.0);
    (step * unit).min(1.0)
}

/// Opacity of a cell at the low and at the high end of the scale: where little attention lies, the
/// picture shows through.
const OPACITY: (f64, f64) = (0.12, 0.9);

/// The cells as SVG rectangles in a view box of `cols` × `rows`; nothing where patches were pruned
/// ([`pruned`] draws those).
pub fn rectangles(cells: &Cells, cols: usize, top: f32, (low, high): (Rgb, Rgb)) -> String {
    let mut svg = String::with_capacity(cells.len() * 80);
    for (i, cell) in cells.iter().enumerate() {
        let (x, y) = (i % cols.max(1), i / cols.max(1));
        let Some(share) = cell else { continue };
        let t = if top > 0.0 { f64::from(share / top).clamp(0.0, 1.0) } else { 0.0 };
        let fill = low.mix(high, t).css();
        let opacity = OPACITY.0 + (OPACITY.1 - OPACITY.0) * t;
        let result = write!(
            svg,
            "<rect x='{x}' y='{y}' width='1' height='1' fill='{fill}' fill-opacity='{opacity:.3}'/>"
        );
        debug_assert!(result.is_ok(), "writing to a string cannot fail");
    }
    svg
}

/// The cells of which the model got no token, hatched: dark, so that nobody takes them for cells
/// with little attention, and the picture still to be seen between the lines.
pub fn pruned(copies: &[u16], cols: usize) -> String {
    let mut svg = String::new();
    for i in (0..copies.len()).filter(|i| copies[*i] == 0) {
        let (x, y) = (i % cols.max(1), i / cols.max(1));
        // Each cell brings its own lines: a pattern would need a name, and names are the page's.
        let result = write!(
            svg,
            "<g transform='translate({x} {y})'><rect width='1' height='1'/>\
             <path d='M0 .5 .5 0M0 1 1 0M.5 1 1 .5'/></g>"
        );
        debug_assert!(result.is_ok(), "writing to a string cannot fail");
    }
    svg
}

/// How many of a picture's patches the model got, and how often each: `None` where it got the whole
/// picture once, of which there is nothing to say.
pub fn kept(copies: &[u16]) -> Option<(usize, u16)> {
    let (kept, most) = (copies.iter().filter(|c| **c > 0).count(), copies.iter().max().copied());
    let most = most.unwrap_or(0);
    (kept < copies.len() || most > 1).then_some((kept, most))
}

/// The cell that an arrow key leads to from `now`, staying on the grid; the middle where no cell is
/// chosen yet.
pub fn step(
    now: Option<(u16, u16)>,
    (down, right): (i32, i32),
    (rows, cols): (u16, u16),
) -> (u16, u16) {
    let Some((row, col)) = now else { return (rows / 2, cols / 2) };
    let moved = |at: u16, by: i32, size: u16| {
        (i32::from(at) + by).clamp(0, i32::from(size.max(1)) - 1) as u16
    };
    (moved(row, down, rows), moved(col, right, cols))
}

/// The cell under a point of a picture drawn at `width` × `height`.
pub fn cell_at(
    x: f64,
    y: f64,
    (width, height): (f64, f64),
    cols: usize,
    rows: usize,
) -> Option<usize> {
    if width <= 0.0 || height <= 0.0 || x < 0.0 || y < 0.0 || x >= width || y >= height {
        return None;
    }
    let col = (x / width * cols as f64) as usize;
    let row = (y / height * rows as f64) as usize;
    (col < cols && row < rows).then_some(row * cols + col)
}

#[cfg(test)]
mod tests {
    use shared::observation::Generated;
    use shared::{F32s, FEW_BINS, Group, Layout, Medium, Place, PreparedPicture, Token, TokenFlow};

    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, top) in [(0.0372, 0.04), (0.011, 0.015), (0.04, 0.04), (0.97, 1.0)] {
            assert!((round_up(value) - top).abs() < 1e-6, "{value}: {}", round_up(value));
        }
        assert!(round_up(0.0) > 0.0 && round_up(f32::NAN) > 0.0);
    }

    /// The same, from all cells at once.
    fn absolute_top(observation: &Observation) -> f32 {
        let mut values: Vec<f32> = Vec::new();
        for token in 0..observation.tokens.len() {
            for layer in 0..observation.layers() {
                values.extend(observation.overlay(0, token, layer).into_iter().flatten().flatten());
            }
        }
        if values.is_empty() {
            return 0.01;
        }
        let at = ((values.len() as f64 * 0.995) as usize).min(values.len() - 1);
        let (_, top, _) = values.select_nth_unstable_by(at, f32::total_cmp);
        round_up(*top)
    }

    #[test]
    fn the_top_grown_token_by_token_is_the_top_of_all() {
        let mut observation = observation();
        let all = std::mem::take(&mut observation.tokens);
        let mut top = Tops::default();
        assert_eq!(top.values(), Scales { patch: 0.01, key: 0.01 }, "nothing observed");
        for token in all.clone() {
            observation.tokens.push(token);
            top.take(&observation, observation.mean_rows());
            assert_eq!(top.values().patch, absolute_top(&observation));
        }
        assert!(top.values().key <= top.values().patch, "fewer positions stay above");
        // Another run: what was taken in of the one before does not count.
        observation.tokens = vec![all[3].clone()];
        top.take(&observation, observation.mean_rows());
        assert_eq!(top.values().patch, absolute_top(&observation));
    }

    fn observation() -> Observation {
        let (layers, heads, side) = (2u32, 1u32, 8u16);
        let keys = side * side;
        let tokens = (0..keys).map(|i| Token {
            medium: Some(0),
            place: Some(Place::cell(i / side, i % side, 0)),
            ..Token::text(i.into(), 1, "", Group::Image)
        });
        let size = u32::from(side) * 14;
        let picture = PreparedPicture {
            width: size,
            height: size,
            source_width: size,
            source_height: size,
            covers: [0.0, 0.0, size as f32, size as f32],
            rows: side,
            cols: side,
        };
        let layout = Layout::new(tokens.collect(), vec![Medium::image(picture)]);
        let mut state = 1u32;
        let mut share = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 / 30.0
        };
        let mut token = |index: u32| {
            // Rows grow by one key with every token.
            let width = usize::from(keys) + index as usize;
            let rows = (0..width * layers as usize).map(|_| share()).collect();
            let mass = vec![0.0; (layers * heads) as usize * FEW_BINS];
            let flow = TokenFlow { layers, heads, mass: F32s(mass), rows: F32s(rows) };
            let (text, alternatives) = (String::new(), Vec::new());
            Generated { id: 1, text, bytes: None, logprob: 0.0, alternatives, flow }
        };
        let tokens = (0..12).map(&mut token).collect();
        Observation { layout: Some(layout), prefill: vec![None; layers as usize], tokens }
    }

    #[test]
    fn points_find_their_cell() {
        assert_eq!(cell_at(0.0, 0.0, (120.0, 60.0), 12, 6), Some(0));
        assert_eq!(cell_at(119.9, 59.9, (120.0, 60.0), 12, 6), Some(71));
        assert_eq!(cell_at(15.0, 25.0, (120.0, 60.0), 12, 6), Some(25));
        assert_eq!(cell_at(120.0, 1.0, (120.0, 60.0), 12, 6), None);
        assert_eq!(cell_at(0.0, 0.0, (0.0, 0.0), 12, 6), None);
    }

    #[test]
    fn every_cell_is_drawn_and_pruned_ones_differ() {
        let ends = (Rgb(255, 255, 255), Rgb(0, 0, 0));
        let svg = rectangles(&vec![Some(0.0), Some(0.1), None, Some(0.2)], 2, 0.1, ends);
        assert_eq!(svg.matches("<rect").count(), 3);
        // Beyond the top of the scale is the top's colour.
        assert_eq!(svg.matches("#000000").count(), 2);
        let svg = pruned(&[1, 2, 0, 1], 2);
        assert_eq!(svg.matches("<path").count(), 1);
        assert!(svg.contains("translate(0 1)"), "{svg}");
        assert_eq!(kept(&[1, 2, 0, 1]), Some((3, 2)));
        assert_eq!(kept(&[5; 4]), Some((4, 5)));
        assert_eq!(kept(&[1; 4]), None, "the whole picture, once");
    }

    #[test]
    fn arrows_stay_on_the_grid() {
        assert_eq!(step(None, (0, 1), (6, 12)), (3, 6));
        assert_eq!(step(Some((0, 11)), (-1, 1), (6, 12)), (0, 11));
        assert_eq!(step(Some((0, 11)), (1, -1), (6, 12)), (1, 10));
    }
}
