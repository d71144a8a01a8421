//! Options that a single run and an experiment are asked with alike.

use clap::Args;
use shared::{CopyPositions, ImageFit, PictureUse, PruneCount, PrunePositions, RunOptions};

use super::Failure;

/// How a model is asked, whatever it is asked about.
#[derive(Clone, Debug, Args)]
pub struct AskedArgs {
    /// Most tokens to generate.
    #[arg(long, default_value_t = 20)]
    max_new_tokens: u32,
    /// Go on after the end-of-sequence token.
    #[arg(long)]
    ignore_eos: bool,
    /// How a picture that is not square meets a square model: crop or pad.
    #[arg(long, default_value_t = ImageFit::default().name().to_owned())]
    fit: String,
    /// How many picture tokens pruning leaves: round (144, 58 and 29 of 576 at 75, 90 and 95 %), or
    /// floor for the whole number below (144, 57, 28).
    #[arg(long, default_value_t = PruneCount::default().name().to_owned())]
    prune_count: String,
    /// Where those that are left stand: repacked, at consecutive positions, or kept, where they
    /// stood [default: repacked for LLaVA, kept for Qwen2.5-VL].
    #[arg(long)]
    prune_positions: Option<String>,
    /// Where copies of picture tokens stand: new, one after another, or shared, all where the first
    /// one does.
    #[arg(long, default_value_t = CopyPositions::default().name().to_owned())]
    copies: String,
    /// What the model is shown in the picture's place: own, blank for its mean colour, noise:SEED,
    /// or none for the question alone.
    #[arg(long, value_name = "WHAT", default_value_t = PictureUse::default().to_string())]
    picture: String,
    /// Attention to knock out, quoted: FROM>TO[@LAYERS][#HEADS], such as "text>image@8-15". Groups
    /// are begin, system, template, marker, image, instruction and generated, joined by +; text
    /// is every prompt group but the picture, all is every group.
    #[arg(long, value_name = "FROM>TO")]
    knockout: Option<String>,
}

impl AskedArgs {
    /// The options that are set here; the others stand at their defaults.
    pub(super) fn options(&self) -> Result<RunOptions, Failure> {
        let bad = |what: String| format!("bad_option: {what}");
        let fits = [ImageFit::Crop, ImageFit::Pad];
        let positions =
            |name| named("prune-positions", &PrunePositions::ALL, PrunePositions::name, name);
        Ok(RunOptions {
            max_new_tokens: self.max_new_tokens,
            ignore_eos: self.ignore_eos,
            fit: named("fit", &fits, ImageFit::name, &self.fit)?,
            prune_count: named(
                "prune-count",
                &PruneCount::ALL,
                PruneCount::name,
                &self.prune_count,
            )?,
            prune_positions: self.prune_positions.as_deref().map(positions).transpose()?,
            copies: named("copies", &CopyPositions::ALL, CopyPositions::name, &self.copies)?,
            picture: self.picture.parse().map_err(bad)?,
            knockout: self.knockout.as_deref().map(str::parse).transpose().map_err(bad)?,
            ..RunOptions::default()
        })
    }
}

/// The value of that name, or a sentence that says which there are.
fn named<T: Copy>(
    option: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    asked: &str,
) -> Result<T, Failure> {
    all.iter().copied().find(|value| name(*value) == asked).ok_or_else(|| {
        let names: Vec<_> = all.iter().copied().map(name).collect();
        format!("bad_option: there is no {option} \"{asked}\"; name {}", names.join(" or "))
    })
}
