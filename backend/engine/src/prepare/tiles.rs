//! A picture cut into tiles of one size, seen row by row, and as a whole beside them.

use shared::{PictureUse, PreparedPicture, RunOptions};

use super::{Normalise, crop};
use crate::picture::Picture;

/// Rows and columns of tiles of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiles {
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    /// A tile's edge in pixels, which is what the vision tower takes.
    pub(crate) edge: u32,
    /// Tokens along a tile's edge.
    pub(crate) grid: usize,
}

impl Tiles {
    /// Rows and columns of the tiles, row by row.
    pub(crate) fn places(self) -> impl Iterator<Item = (u32, u32)> {
        (0..self.rows).flat_map(move |row| (0..self.cols).map(move |col| (row, col)))
    }

    /// The places of the views in the given picture: the tiles, then the whole where it is seen too.
    pub(crate) fn views(self, source: &Picture, whole: bool) -> Vec<PreparedPicture> {
        let (width, height) = (source.width as f32, source.height as f32);
        let view = |covers| PreparedPicture {
            width: self.edge,
            height: self.edge,
            source_width: source.width,
            source_height: source.height,
            covers,
            rows: self.grid as u16,
            cols: self.grid as u16,
        };
        let (across, down) = (width / self.cols as f32, height / self.rows as f32);
        let places = self.places().map(|(row, col)| (col as f32 * across, row as f32 * down));
        let tiles = places.map(|(x, y)| view([x, y, across, down]));
        tiles.chain(whole.then(|| view([0.0, 0.0, width, height]))).collect()
    }

    /// The values of all views: of the tiles of a picture that was made for all of them, and of the whole,
    /// made for one.
    pub(crate) fn values(
        self,
        tiled: &Picture,
        whole: Picture,
        normalise: &Normalise,
        options: &RunOptions,
    ) -> Vec<f32> {
        if options.picture == PictureUse::Blank {
            // Exactly zero, which no level is.
            let views = (self.rows * self.cols + 1) as usize;
            return vec![0.0; views * 3 * (self.edge * self.edge) as usize];
        }
        let at = |(row, col): (u32, u32)| (i64::from(col * self.edge), i64::from(row * self.edge));
        let tiles = self.places().map(|place| crop(tiled, at(place), (self.edge, self.edge)));
        let all = tiles.chain([whole]);
        all.flat_map(|tile| normalise.planes(&tile, options.resize)).collect()
    }
}
