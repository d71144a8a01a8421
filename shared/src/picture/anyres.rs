//! Pictures that are fitted into one of several arrangements of tiles, as LLaVA-OneVision's processor
//! does it ("anyres").

use serde::{Deserialize, Serialize};

/// The most arrangements that a model may choose from.
pub const MOST_SHAPES: usize = 64;

/// Rows and columns of tiles may be up to this.
const MOST_ALONG: u32 = 15;

/// Arrangements of tiles in the order in which they are tried: rows and columns of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[u32; 2]>", into = "Vec<[u32; 2]>")]
pub struct Shapes {
    /// Rows in the upper four bits, columns in the lower; 0 behind the last.
    all: [u8; MOST_SHAPES],
}

impl Shapes {
    /// Arrangements of up to 15 × 15 tiles, 64 of them at most; `None` where there are others or none.
    pub fn new(all: impl IntoIterator<Item = (u32, u32)>) -> Option<Self> {
        let mut shapes = [0; MOST_SHAPES];
        for (at, (rows, cols)) in all.into_iter().enumerate() {
            let fits = |n: u32| (1..=MOST_ALONG).contains(&n);
            if !fits(rows) || !fits(cols) {
                return None;
            }
            *shapes.get_mut(at)? = (rows << 4 | cols) as u8;
        }
        (shapes[0] != 0).then_some(Shapes { all: shapes })
    }

    /// All arrangements of up to so many rows and columns, at most eight, those of fewer rows first.
    pub fn square(along: u32) -> Self {
        let along = along.clamp(1, 8);
        let mut all = [0; MOST_SHAPES];
        let shapes = (1..=along).flat_map(|rows| (1..=along).map(move |cols| rows << 4 | cols));
        all.iter_mut().zip(shapes).for_each(|(at, shape)| *at = shape as u8);
        Shapes { all }
    }

    /// Rows and columns of each.
    pub fn all(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let there = self.all.iter().take_while(|shape| **shape != 0);
        there.map(|shape| (u32::from(shape >> 4), u32::from(shape & 15)))
    }

    /// Tiles of the largest.
    pub fn most(&self) -> u32 {
        self.all().map(|(rows, cols)| rows * cols).max().unwrap_or(1)
    }
}

impl TryFrom<Vec<[u32; 2]>> for Shapes {
    type Error = &'static str;

    fn try_from(all: Vec<[u32; 2]>) -> Result<Self, Self::Error> {
        let shapes = Shapes::new(all.into_iter().map(|[rows, cols]| (rows, cols)));
        shapes.ok_or("no list of 1 to 64 arrangements of up to 15 × 15 tiles")
    }
}

impl From<Shapes> for Vec<[u32; 2]> {
    fn from(shapes: Shapes) -> Self {
        shapes.all().map(|(rows, cols)| [rows, cols]).collect()
    }
}

/// How a model cuts pictures into tiles, and how many features it keeps of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnyRes {
    /// A tile's edge in pixels.
    pub edge: u32,
    /// Features along a tile's edge.
    pub grid: u32,
    /// Beyond about so many tiles' features the map of them is made smaller.
    pub most: u32,
    /// Arrangements of tiles, rows and columns of each, in the order in which they are tried.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<[u32; 2]>))]
    pub shapes: Shapes,
}

/// The map of a picture's features, tile beside tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileMap {
    /// Rows and columns of tiles.
    pub tiles: (u32, u32),
    /// Rows and columns of features that are left out at each end, where the picture was padded.
    pub dropped: (u32, u32),
    /// Rows and columns of features that are left.
    pub left: (u32, u32),
    /// What they are shrunk to; as many as are left where they are not too many.
    pub size: (u32, u32),
}

impl TileMap {
    /// How many features it has, one that ends each row among them.
    pub const fn tokens(&self) -> u32 {
        self.size.0.saturating_mul(self.size.1.saturating_add(1))
    }
}

impl AnyRes {
    /// The map of a picture of this width and height under a limit of pixels of all tiles; `None` where
    /// the limit leaves no room for two tiles: the picture is seen as a whole alone.
    pub fn map(&self, size: (u32, u32), max_pixels: u32) -> Option<TileMap> {
        let tiles = max_pixels / self.edge.saturating_mul(self.edge).max(1);
        let fitting = |(rows, cols): &(u32, u32)| rows * cols <= tiles;
        let shape = self.best(size, self.shapes.all().filter(fitting)).filter(|_| tiles > 1)?;
        Some(self.map_of(size, shape))
    }

    /// The map of a picture that became so many tiles.
    pub fn map_of_tiles(&self, size: (u32, u32), tiles: u32) -> Option<TileMap> {
        let alike = self.shapes.all().filter(|(rows, cols)| rows * cols == tiles);
        Some(self.map_of(size, self.best(size, alike)?))
    }

    /// Features of a picture: of the whole, then of its map; without one, a feature that ends the whole.
    pub fn tokens(&self, size: (u32, u32), max_pixels: u32) -> u32 {
        let rest = self.map(size, max_pixels).map_or(1, |map| map.tokens());
        self.grid.saturating_mul(self.grid).saturating_add(rest)
    }

    /// The arrangement that keeps most of a picture's pixels and wastes least, transformers'
    /// `select_best_resolution`; the first of equals.
    fn best(
        &self,
        (width, height): (u32, u32),
        shapes: impl Iterator<Item = (u32, u32)>,
    ) -> Option<(u32, u32)> {
        let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let area = |a: f64, b: f64| a.floor() as u64 * b.floor() as u64;
        let mut best = None;
        for (rows, cols) in shapes {
            let (tall, wide) = (f64::from(rows * self.edge), f64::from(cols * self.edge));
            let scale = (wide / w).min(tall / h);
            let kept = area(w * scale, h * scale).min(area(w, h));
            let wasted = area(wide, tall).saturating_sub(kept);
            let is_better =
                |(most, least, _): (u64, u64, _)| kept > most || kept == most && wasted < least;
            if best.is_none_or(is_better) {
                best = Some((kept, wasted, (rows, cols)));
            }
        }
        best.map(|(.., shape)| shape)
    }

    /// Width and height that a picture gets to fit into tiles with its proportions kept.
    pub fn fitted(&self, (width, height): (u32, u32), (rows, cols): (u32, u32)) -> (u32, u32) {
        let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let (wide, tall) = (cols * self.edge, rows * self.edge);
        let (by_width, by_height) = (f64::from(wide) / w, f64::from(tall) / h);
        match by_width < by_height {
            true => (wide, ((h * by_width).ceil() as u32).min(tall)),
            false => (((w * by_height).ceil() as u32).min(wide), tall),
        }
    }

    /// transformers' `unpad_image`, and what follows it.
    fn map_of(&self, (width, height): (u32, u32), tiles: (u32, u32)) -> TileMap {
        let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let (rows, cols) = (tiles.0 * self.grid, tiles.1 * self.grid);
        let (tall, wide) = (f64::from(rows), f64::from(cols));
        // Python's int of a number that is rounded to seven places.
        let whole = |n: f64| ((n * 1e7).round_ties_even() / 1e7) as u32;
        let dropped = if w / h > wide / tall {
            (rows.saturating_sub(whole(h * (wide / w))) / 2, 0)
        } else {
            (0, cols.saturating_sub(whole(w * (tall / h))) / 2)
        };
        let left = (rows - 2 * dropped.0, cols - 2 * dropped.1);
        let many = f64::from(self.most.max(1)) * f64::from(self.grid).powi(2);
        let ratio = (f64::from(left.0) * f64::from(left.1) / many).sqrt();
        let size = match ratio > 1.1 {
            true => (divided(left.0, ratio), divided(left.1, ratio)),
            false => left,
        };
        TileMap { tiles, dropped, left, size }
    }
}

/// Python's `n // ratio`.
fn divided(n: u32, ratio: f64) -> u32 {
    let n = f64::from(n);
    let quotient = (n - n % ratio) / ratio;
    quotient.round() as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn published() -> AnyRes {
        AnyRes { edge: 384, grid: 27, most: 9, shapes: Shapes::square(6) }
    }

    /// transformers 5.17's `LlavaOnevisionProcessor._get_number_of_features` and
    /// `select_best_resolution` with the published settings; rows and columns of tiles.
    #[test]
    fn pictures_have_as_many_tokens_as_the_processor_counts() {
        let any = published();
        let all = any.shapes.most() * 384 * 384;
        for (size, tiles, tokens) in CASES {
            let map = any.map(size, all).unwrap();
            assert_eq!((map.tiles, any.tokens(size, all)), (tiles, tokens), "{size:?}");
            assert_eq!(any.map_of_tiles(size, tiles.0 * tiles.1), Some(map), "{size:?}");
        }
    }

    #[test]
    fn a_limit_leaves_fewer_tiles_or_the_whole_alone() {
        let any = published();
        let tile = 384 * 384;
        for limit in [1, tile, 2 * tile - 1] {
            assert_eq!(
                (any.map((4032, 3024), limit), any.tokens((4032, 3024), limit)),
                (None, 730)
            );
        }
        let of = |limit| any.map((4032, 3024), limit).unwrap().tiles;
        assert_eq!((of(2 * tile), of(4 * tile), of(9 * tile)), ((1, 2), (2, 2), (3, 3)));
    }

    #[test]
    fn arrangements_keep_their_order_as_json() {
        let shapes = Shapes::new([(2, 1), (1, 2), (15, 15)]).unwrap();
        let json = serde_json::to_string(&shapes).unwrap();
        assert_eq!(json, "[[2,1],[1,2],[15,15]]");
        assert_eq!(serde_json::from_str::<Shapes>(&json).unwrap(), shapes);
        assert_eq!(
            (shapes.most(), Shapes::square(6).most(), Shapes::square(6).all().count()),
            (225, 36, 36)
        );
        for wrong in ["[]", "[[16,1]]", "[[0,1]]"] {
            assert!(serde_json::from_str::<Shapes>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Shapes::new([(1, 1); 65]), None);
    }
    /// Width and height, rows and columns of tiles, tokens.
    type Case = ((u32, u32), (u32, u32), u32);

    #[rustfmt::skip]
    const CASES: [Case; 40] = [
        ((640, 480), (2, 2), 2929),
        ((480, 640), (2, 2), 2943),
        ((384, 384), (1, 1), 1485),
        ((4032, 3024), (5, 6), 7309),
        ((3024, 4032), (6, 5), 7332),
        ((1000, 1000), (3, 3), 7371),
        ((157, 83), (1, 1), 1149),
        ((1, 1), (1, 1), 1485),
        ((100, 5000), (6, 1), 1377),
        ((5000, 100), (1, 6), 1218),
        ((2304, 2304), (6, 6), 7371),
        ((1920, 1080), (3, 5), 7269),
        ((1080, 1920), (5, 3), 7317),
        ((37, 101), (1, 1), 999),
        ((700, 699), (2, 2), 3699),
        ((383, 385), (2, 1), 1513),
        ((2581, 1076), (3, 6), 7281),
        ((1498, 2858), (6, 4), 7337),
        ((2700, 2201), (5, 6), 7299),
        ((148, 1937), (6, 1), 2997),
        ((1050, 2688), (6, 3), 7308),
        ((242, 672), (2, 1), 1809),
        ((493, 1552), (5, 2), 6534),
        ((1951, 1039), (3, 6), 7278),
        ((1589, 2257), (6, 5), 7353),
        ((447, 2380), (6, 2), 5751),
        ((1051, 83), (1, 3), 1303),
        ((917, 1701), (5, 3), 7329),
        ((1174, 775), (3, 4), 8468),
        ((1625, 683), (2, 5), 7749),
        ((324, 598), (2, 1), 2129),
        ((2561, 2559), (6, 6), 7371),
        ((1852, 548), (2, 5), 6169),
        ((571, 37), (1, 2), 894),
        ((51, 887), (3, 1), 1215),
        ((912, 709), (2, 3), 4509),
        ((711, 1214), (4, 2), 5789),
        ((1314, 844), (3, 4), 8250),
        ((2238, 2806), (6, 5), 7299),
        ((2592, 868), (3, 6), 7309),
    ];
}
