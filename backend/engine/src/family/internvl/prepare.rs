//! Picture preparation equal to transformers' GotOcr2ImageProcessor as InternVL's processor asks it:
//! tiles of the canvas whose proportions are closest to the picture's, and the whole picture.

use shared::picture::{Canvas, PictureTokens};
use shared::sentence::{ModelNote, SettingNeed};
use shared::{PictureUse, RunOptions};

use crate::error::EngineError;
use crate::filesystem::Location;
use crate::picture::Picture;
use crate::prepare::{
    Filter, HARMLESS, Normalise, Pictures, Pixels, Plan, PlanPart, Run, Settings, Tiles, channels,
    class, replaced, resize, usual_steps,
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
        settings.tokens_of_a_tile("image_seq_length", grid, notes)?;
        if json.is_missing() {
            return Ok(Self::published((edge, grid)));
        }
        match class(&json, None, notes)?.as_deref() {
            None | Some("GotOcr2ImageProcessor") => {}
            Some(_) => {
                return Err(json.wrong_word("image_processor_type", &["GotOcr2ImageProcessor"]));
            }
        }
        usual_steps(&json, &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"])?;
        channels(&json)?;
        let size = json.section("size")?;
        let square = |name: &str| size.size(name, 384, 1 << 14).map(|said| said == edge as usize);
        if !(square("height")? && square("width")?) {
            return Err(json.wrong("size", SettingNeed::TowerSquare { edge }));
        }
        if json.size("min_patches", 1, MOST_TILES)? != 1 {
            return Err(json.wrong_value("min_patches", 1));
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

    fn tiles(&self, canvas: Canvas) -> Tiles {
        Tiles { rows: canvas.rows, cols: canvas.cols, edge: self.edge, grid: self.grid }
    }
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
        let prepared = to(picture, (canvas.cols * self.edge, canvas.rows * self.edge));
        let (shown, whole) = replaced(prepared, &self.normalise, options.picture, options.resize);
        // Where there are several tiles, the whole picture is seen too.
        let several = canvas.views() > 1;
        let tiles = self.tiles(canvas);
        let values = if several {
            // It is made of the given one; of noise there is none but the canvas's.
            let given = if options.picture == PictureUse::Own { picture } else { &shown };
            tiles.values(&shown, to(given, (self.edge, self.edge)), &self.normalise, options)
        } else {
            whole
        };
        let views = tiles.views(picture, several);
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
