//! How pictures are cut into tiles.

/// How a picture is cut into tiles, as transformers' `Idefics3ImageProcessor` does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// The size that the picture is given first, its longer edge as long as is asked.
    pub first: (u32, u32),
    /// The size that it is cut at, or that its only tile has.
    pub size: (u32, u32),
    /// Rows of tiles; 0 where it is not cut.
    pub rows: u32,
    /// Columns of tiles; 0 where it is not cut.
    pub cols: u32,
}

impl Tiling {
    /// The tiles of a picture of this width and height: squares of `edge` pixels, the picture's
    /// longer edge up to `longest`, in all at most `max_pixels`. Where that leaves room for one tile
    /// alone the picture is not cut, which is `do_image_splitting` false; else it is cut as with a
    /// `longest_edge` of as many whole tiles as the limit's square has along an edge.
    pub fn of(size: (u32, u32), (edge, longest): (u32, u32), max_pixels: u32) -> Tiling {
        let edge = edge.max(1);
        let along = max_pixels.isqrt() / edge;
        let whole = |first| Tiling { first, size: (edge, edge), rows: 0, cols: 0 };
        if along < 2 {
            return whole(longer_edge(size, longest));
        }
        let first = longer_edge(size, longest.min(along.saturating_mul(edge)));
        let (width, height) = (f64::from(first.0), f64::from(first.1));
        let (ratio, side) = (width / height, f64::from(edge));
        let tiles = |length: f64| (length / side).ceil().max(1.0);
        let (cols, rows) = if width >= height {
            let cols = tiles(width);
            (cols, tiles((cols * side / ratio).floor()))
        } else {
            let rows = tiles(height);
            (tiles((rows * side * ratio).floor()), rows)
        };
        match (cols as u32, rows as u32) {
            (1, 1) => whole(first),
            (cols, rows) => Tiling { first, size: (cols * edge, rows * edge), rows, cols },
        }
    }

    /// What the vision tower sees: the tiles and the whole picture behind them, or that alone.
    pub const fn views(&self) -> u32 {
        self.rows.saturating_mul(self.cols).saturating_add(1)
    }
}

/// How a picture is cut into tiles by the canvas whose proportions are closest to its own, as
/// transformers' `GotOcr2ImageProcessor` does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Columns of tiles.
    pub cols: u32,
    /// Rows of tiles.
    pub rows: u32,
}

impl Canvas {
    /// The tiles of a picture of this width and height: squares of `edge` pixels, at most so many,
    /// at least one. Of canvases that are equally close the one with more tiles is taken, as long as
    /// the picture has more than half of its area.
    pub fn of((width, height): (u32, u32), edge: u32, most: u32) -> Canvas {
        let most = most.max(1);
        let (width, height, edge) = (f64::from(width), f64::from(height.max(1)), f64::from(edge));
        let mut all: Vec<Canvas> = (1..=most)
            .flat_map(|cols| (1..=most / cols).map(move |rows| Canvas { cols, rows }))
            .collect();
        // A stable sort: canvases of as many tiles stay in the order of their columns.
        all.sort_by_key(Canvas::tiles);
        let mut best = (f64::INFINITY, Canvas { cols: 1, rows: 1 });
        for canvas in all {
            let off = (width / height - f64::from(canvas.cols) / f64::from(canvas.rows)).abs();
            let half = 0.5 * edge * edge * f64::from(canvas.cols) * f64::from(canvas.rows);
            if off < best.0 || (off == best.0 && width * height > half) {
                best = (off, canvas);
            }
        }
        best.1
    }

    fn tiles(&self) -> u32 {
        self.cols * self.rows
    }

    /// What the vision tower sees: the tiles and the whole picture behind them, or its only tile.
    pub fn views(&self) -> u32 {
        let tiles = self.tiles();
        if tiles > 1 { tiles + 1 } else { 1 }
    }
}

/// A size with a longer edge of this length, up or down; the shorter one in proportion, rounded down
/// and then up to an even number.
fn longer_edge((width, height): (u32, u32), longest: u32) -> (u32, u32) {
    let ratio = f64::from(width.max(1)) / f64::from(height.max(1));
    let even = |length: f64| (length as u32).next_multiple_of(2).max(1);
    match width >= height {
        true => (longest, even(f64::from(longest) / ratio)),
        false => (even(f64::from(longest) * ratio), longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the rules of `Idefics3ImageProcessor`, worked out by hand.
    #[test]
    fn pictures_are_cut_as_the_processor_does() {
        let of = |size, limit| {
            let Tiling { first, size, rows, cols } = Tiling::of(size, (512, 2048), limit);
            (first, size, rows, cols)
        };
        let all = 2048 * 2048;
        // int(2048 / (640 / 480)) is 1536: three rows.
        assert_eq!(of((640, 480), all), ((2048, 1536), (2048, 1536), 3, 4));
        assert_eq!(of((480, 640), all), ((1536, 2048), (1536, 2048), 4, 3));
        assert_eq!(of((500, 500), all), ((2048, 2048), (2048, 2048), 4, 4));
        // int(2048 / (640 / 481)) is 1539, which becomes even, and reaches into a fourth row.
        assert_eq!(of((640, 481), all), ((2048, 1540), (2048, 2048), 4, 4));
        assert_eq!(of((1, 100_000), all), ((1, 2048), (512, 2048), 4, 1));
        assert_eq!(of((640, 480), 1024 * 1024), ((1024, 768), (1024, 1024), 2, 2));
        assert_eq!(of((640, 480), 1024 * 1024 - 1), ((2048, 1536), (512, 512), 0, 0));
        let odd = Tiling::of((157, 83), (32, 64), 4096);
        assert_eq!((odd.first, odd.rows, odd.cols, odd.views()), ((64, 34), 2, 2, 5));
    }

    /// Sizes that transformers 5.17's `get_optimal_tiled_canvas` was asked about.
    #[test]
    fn canvases_are_those_of_the_processor() {
        for [width, height, edge, most, cols, rows] in CANVASES {
            let canvas = Canvas::of((width, height), edge, most);
            assert_eq!((canvas.cols, canvas.rows), (cols, rows), "{width} × {height}, {most}");
        }
    }

    /// Width and height, a tile's edge, the most tiles; columns and rows.
    #[rustfmt::skip]
    const CANVASES: [[u32; 6]; 22] = [
        [640, 480, 448, 12, 4, 3], [480, 640, 448, 12, 3, 4], [500, 500, 448, 12, 1, 1], [4032, 3024, 448, 12, 4, 3],
        [4032, 3024, 448, 2, 1, 1], [4032, 3024, 448, 4, 2, 2], [1920, 1080, 448, 12, 4, 2], [1920, 1080, 448, 6, 2, 1],
        [100, 100, 448, 12, 1, 1], [896, 896, 448, 12, 2, 2], [633, 634, 448, 12, 1, 1], [634, 634, 448, 12, 2, 2],
        [448, 448, 448, 4, 1, 1], [1, 1000, 448, 12, 1, 12], [1000, 1, 448, 12, 12, 1], [157, 83, 28, 12, 4, 2],
        [57, 83, 28, 12, 2, 3], [300, 200, 448, 12, 3, 2], [1344, 896, 448, 12, 3, 2], [700, 467, 448, 9, 3, 2],
        [1, 1, 448, 1, 1, 1], [3000, 1500, 448, 7, 2, 1],
    ];
}
