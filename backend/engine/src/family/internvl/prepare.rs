//! Picture preparation equal to transformers' GotOcr2ImageProcessor as InternVL's processor asks it:
//! tiles of the canvas whose proportions are closest to the picture's, and the whole picture.

use shared::picture::{Canvas, PictureTokens};
use shared::sentence::ModelNote;
use shared::{PictureUse, PreparedPicture, RunOptions};

use crate::error::EngineError;
use crate::filesystem::Location;
use crate::picture::Picture;
use crate::prepare::{
    Filter, HARMLESS, Normalise, Pictures, Pixels, Plan, PlanPart, Run, Settings, channels, class,
    crop, replaced, resize, usual_steps,
};

/// More tiles than this are not asked for by any model.
pub(super) const MOST_TILES: usize = 64;

/// What stands around a picture's features.
pub(super) const MARKS: [&str; 2] = ["<img>", "</img>"];

/// The settings of a GotOcr2ImageProcessor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InternPrepare {
    /// A tile's edge in pixels, which is what the vision tower takes.
    edge: u32,
    /// The most tiles of a picture.
    most: u32,
    /// Tokens along a tile's edge.
    grid: usize,
    normalise: Normalise,
}

impl InternPrepare {
    /// The settings in a model folder, for tiles of `edge` pixels and `grid` tokens along an edge.
    /// What is understood otherwise than it reads is noted.
    ///
    /// # Errors
    /// A setting that describes another preparation.
    pub(super) fn load(
        folder: &Location,
        (edge, grid): (u32, usize),
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        let settings = Settings::open(folder, notes)?;
        let json = settings.section()?;
        let around = settings.around()?;
        if around.size("image_seq_length", grid * grid, 1 << 20)? != grid * grid {
            let needed = format!("the {grid} × {grid} tokens that the projector gets of a tile");
            return Err(around.wrong("image_seq_length", &needed));
        }
        settings.tell_unknown_around(&["image_seq_length"], notes)?;
        if json.is_missing() {
            return Ok(Self::published((edge, grid)));
        }
        match class(&json, None, notes)?.as_deref() {
            None | Some("GotOcr2ImageProcessor") => {}
            Some(_) => {
                return Err(json.wrong("image_processor_type", "\"GotOcr2ImageProcessor\""));
            }
        }
        usual_steps(&json, &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"])?;
        channels(&json)?;
        let size = json.section("size")?;
        let square = |name: &str| size.size(name, 384, 1 << 14).map(|said| said == edge as usize);
        if !(square("height")? && square("width")?) {
            return Err(json.wrong("size", &format!("the vision tower's {edge} × {edge}")));
        }
        if json.size("min_patches", 1, MOST_TILES)? != 1 {
            return Err(json.wrong("min_patches", "1"));
        }
        let most = json.size("max_patches", 12, MOST_TILES)? as u32;
        // InternVL's processor asks for tiles, whatever its image processor's file says.
        json.flag("crop_to_patches", false)?;
        if most > 1 {
            let (file, edge) = (json.name().to_owned(), edge.into());
            notes.push(ModelNote::TilesAllowed {
                file,
                most: most.into(),
                width: edge,
                height: edge,
            });
        }
        let normalise = Normalise::read(&json)?;
        json.tell_unknown(&[&HARMLESS, &["crop_size", "do_center_crop", "do_pad"]], notes);
        Ok(InternPrepare { edge, most, grid, normalise })
    }

    /// As the published models do it.
    pub(super) fn published(tile: (u32, usize)) -> Self {
        Self::of(tile, 12, Normalise::IMAGENET)
    }

    /// For tiles of `edge` pixels and `grid` tokens along an edge, at most so many.
    pub(super) fn of((edge, grid): (u32, usize), most: u32, normalise: Normalise) -> Self {
        InternPrepare { edge, most, grid, normalise }
    }

    fn canvas(&self, size: (u32, u32), options: &RunOptions) -> Canvas {
        let one = self.edge * self.edge;
        Canvas::of(size, self.edge, self.most.min(options.max_pixels.unwrap_or(one) / one))
    }

    /// The places of the views in the given picture: tiles row by row, then the whole.
    fn views(&self, source: &Picture, canvas: Canvas) -> Vec<PreparedPicture> {
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
        let (across, down) = (width / canvas.cols as f32, height / canvas.rows as f32);
        let places = places(canvas).map(|(row, col)| (col as f32 * across, row as f32 * down));
        let mut views: Vec<_> = places.map(|(x, y)| view([x, y, across, down])).collect();
        if canvas.views() > 1 {
            views.push(view([0.0, 0.0, width, height]));
        }
        views
    }
}

/// Rows and columns of the tiles, row by row.
fn places(canvas: Canvas) -> impl Iterator<Item = (u32, u32)> {
    (0..canvas.rows).flat_map(move |row| (0..canvas.cols).map(move |col| (row, col)))
}

impl Pictures for InternPrepare {
    fn plan(&self, size: (u32, u32), options: &RunOptions) -> Result<Plan, EngineError> {
        let views = self.canvas(size, options).views();
        let (rows, cols) = (self.grid, self.grid);
        let run = |tile: u32| Run { tile: tile as u16, rows, cols, ..Run::default() };
        let [before, after] = MARKS.map(|mark| PlanPart::Marks(mark.into()));
        let runs = (0..views).map(|tile| PlanPart::Run(run(tile)));
        Ok(Plan { parts: [before].into_iter().chain(runs).chain([after]).collect() })
    }

    fn prepare(&self, picture: &Picture, options: &RunOptions) -> Result<Pixels, EngineError> {
        let canvas = self.canvas((picture.width, picture.height), options);
        let to = |picture: &Picture, size| resize(picture, size, Filter::Bicubic, options.resize);
        let square = (self.edge, self.edge);
        let prepared = to(picture, (canvas.cols * self.edge, canvas.rows * self.edge));
        let (shown, whole) = replaced(prepared, &self.normalise, options.picture, options.resize);
        let views = self.views(picture, canvas);
        let values = if views.len() == 1 {
            whole
        } else if options.picture == PictureUse::Blank {
            // Exactly zero, which no level is.
            vec![0.0; views.len() * 3 * (self.edge * self.edge) as usize]
        } else {
            // The whole picture is made of the given one; of noise there is none but the canvas's.
            let given = if options.picture == PictureUse::Own { picture } else { &shown };
            let at =
                |(row, col): (u32, u32)| (i64::from(col * self.edge), i64::from(row * self.edge));
            let tiles = places(canvas).map(|place| crop(&shown, at(place), square));
            let all = tiles.chain([to(given, square)]);
            all.flat_map(|tile| self.normalise.planes(&tile, options.resize)).collect()
        };
        Ok(Pixels { values, picture: shown, views })
    }

    fn tokens(&self) -> PictureTokens {
        let InternPrepare { edge, most, grid, .. } = *self;
        let tokens = (grid * grid) as u32;
        match most {
            1 => PictureTokens::One { tokens },
            _ => PictureTokens::Canvas { edge, most, tokens },
        }
    }
}
