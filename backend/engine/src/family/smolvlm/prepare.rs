//! Picture preparation equal to transformers' Idefics3ImageProcessor and SmolVLMImageProcessor on
//! Pillow, which is what transformers takes by default for these two.

use std::borrow::Cow;

use shared::picture::{PictureTokens, Tiling};
use shared::sentence::{ModelNote, SettingNeed};
use shared::{Resizing, RunOptions};

use crate::config::Section;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::picture::Picture;
use crate::prepare::{
    Filter, HARMLESS, Normalise, Pictures, Pixels, Plan, PlanPart, Run, Settings, Tiles, channels,
    replaced, resize, steps,
};

/// The longest edge that transformers lets a picture have.
pub(super) const LONGEST: u32 = 4096;

/// What begins every view of a picture, and ends its last one.
const FAKE: &str = "<fake_token_around_image>";

/// Settings that change nothing of a single picture.
const HARMLESS_HERE: [&str; 3] = ["do_pad", "return_row_col_info", "video_sampling"];

/// The settings of an Idefics3ImageProcessor or a SmolVLMImageProcessor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SmolPrepare {
    /// A tile's edge in pixels, which is what the vision tower takes.
    edge: u32,
    /// The longer edge that a picture is given before it is cut.
    longest: u32,
    /// Tokens along a tile's edge.
    grid: usize,
    normalise: Normalise,
}

impl SmolPrepare {
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
        settings.tokens_of_a_tile("image_seq_len", grid, notes)?;
        if json.is_missing() {
            return Ok(Self::of((edge, grid), 4 * edge, Normalise::HALF));
        }
        class(&json)?;
        let taken = ["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"];
        steps(&json, &taken, (1, "Lanczos"))?;
        channels(&json)?;
        if longest(&json, "max_image_size", 364)? != edge {
            let size = format!("{{\"longest_edge\": {edge}}}");
            return Err(json.wrong("max_image_size", SettingNeed::TowerSize { size }));
        }
        if json.flag("do_image_splitting", true)? {
            let (file, edge) = (json.name().to_owned(), edge.into());
            notes.push(ModelNote::Tiles { file, width: edge, height: edge });
        }
        let longest = longest(&json, "size", 4 * 364)?;
        let prepare = Self::of((edge, grid), longest, Normalise::read_or(&json, Normalise::HALF)?);
        json.tell_unknown(&[&HARMLESS, &HARMLESS_HERE], notes);
        Ok(prepare)
    }

    /// For tiles of `edge` pixels and `grid` tokens along an edge.
    pub(super) fn of((edge, grid): (u32, usize), longest: u32, normalise: Normalise) -> Self {
        SmolPrepare { edge, longest, grid, normalise }
    }

    fn tiling(&self, size: (u32, u32), options: &RunOptions) -> Tiling {
        let one = self.edge * self.edge;
        Tiling::of(size, (self.edge, self.longest), options.max_pixels.unwrap_or(one))
    }

    fn tiles(&self, tiling: Tiling) -> Tiles {
        Tiles { rows: tiling.rows, cols: tiling.cols, edge: self.edge, grid: self.grid }
    }
}

impl Pictures for SmolPrepare {
    fn plan(&self, size: (u32, u32), options: &RunOptions) -> Result<Plan, EngineError> {
        let tiling = self.tiling(size, options);
        let mut parts = Vec::new();
        let mut add = |marks: Cow<'static, str>, tile: u32| {
            parts.push(PlanPart::Marks(marks));
            let (rows, cols) = (self.grid, self.grid);
            parts.push(PlanPart::Run(Run { tile: tile as u16, rows, cols, ..Run::default() }));
        };
        for (tile, (row, col)) in (0..).zip(self.tiles(tiling).places()) {
            // A row's line break stands before the next row's first tile.
            let end = if row > 0 && col == 0 { "\n" } else { "" };
            add(format!("{end}{FAKE}<row_{}_col_{}>", row + 1, col + 1).into(), tile);
        }
        // The last row's, and the whole picture's own.
        let end = if tiling.rows > 0 { "\n\n" } else { "" };
        add(format!("{end}{FAKE}<global-img>").into(), tiling.views() - 1);
        parts.push(PlanPart::Marks(FAKE.into()));
        Ok(Plan { parts })
    }

    fn prepare(&self, picture: &Picture, options: &RunOptions) -> Result<Pixels, EngineError> {
        let tiling = self.tiling((picture.width, picture.height), options);
        // torchvision has no Lanczos filter for tensors; transformers' processor on it takes the
        // bicubic one in its place.
        let filter = match options.resize {
            Resizing::Torchvision => Filter::Bicubic,
            Resizing::Pillow13 | Resizing::Pillow12 => Filter::Lanczos,
        };
        let to = |picture: &Picture, size| resize(picture, size, filter, options.resize);
        let prepared = to(&to(picture, tiling.first), tiling.size);
        let (shown, whole) = replaced(prepared, &self.normalise, options.picture, options.resize);
        let tiles = self.tiles(tiling);
        let values = match tiling.rows {
            0 => whole,
            _ => {
                let one = to(&shown, (self.edge, self.edge));
                tiles.values(&shown, one, &self.normalise, options)
            }
        };
        let views = tiles.views(picture, true);
        Ok(Pixels { values, picture: shown, views })
    }

    fn tokens(&self) -> PictureTokens {
        let SmolPrepare { edge, longest, grid, .. } = *self;
        PictureTokens::Tiles { edge, longest, tokens: (grid * grid) as u32 }
    }

    fn resizing(&self) -> Resizing {
        Resizing::Pillow13
    }
}

/// Whether the processor is one of these, whatever it computes with.
fn class(json: &Section) -> Result<(), EngineError> {
    let Some(named) = json.text("image_processor_type")? else { return Ok(()) };
    let bare = named.strip_suffix("Fast").or(named.strip_suffix("Pil")).unwrap_or(named);
    match bare {
        "Idefics3ImageProcessor" | "SmolVLMImageProcessor" => Ok(()),
        _ => {
            let known = ["Idefics3ImageProcessor", "SmolVLMImageProcessor"];
            Err(json.wrong_word("image_processor_type", &known))
        }
    }
}

/// The length in an object of a `longest_edge` alone.
fn longest(json: &Section, name: &str, usual: u32) -> Result<u32, EngineError> {
    let section = json.section(name)?;
    if section.is_missing() {
        return Ok(usual);
    }
    if section.object().is_some_and(|members| members.keys().any(|key| key != "longest_edge")) {
        let member = "{\"longest_edge\"}".to_owned();
        return Err(json.wrong(name, SettingNeed::Alone { member }));
    }
    match section.size("longest_edge", 0, LONGEST as usize)? {
        0 => Err(json.wrong_value(name, "{\"longest_edge\"}")),
        edge => Ok(edge as u32),
    }
}
