//! Experiments: many samples under a grid of conditions.
//!
//! An [`ExperimentSpec`] says what is asked for; its [`Grid`] numbers the conditions and the
//! items, so that an item's number alone says what is to be run. An item that ran leaves an
//! [`Outcome`], from which every table follows.

pub mod aggregate;
pub mod compare;
mod lists;
mod outcome;
pub mod paper;
pub mod stats;
mod status;
pub mod tables;

use serde::{Deserialize, Serialize};

use crate::ErrorBody;
use crate::intervention::{PictureUse, PruneBy};
use crate::options::{
    AskedOptions, Changed, KnownModel, Quant, Resizing, RunOptions, resolve_settings,
};
use crate::sentence::{Message, OptionError};

pub use outcome::{LeftOut, MadeWith, Outcome, SampleRef, Verdict, as_compared};
pub use status::{
    DatasetInfo, ExperimentCreated, ExperimentList, ExperimentProgress, ExperimentState,
    ExperimentStatus, ItemRecord, ItemRun,
};

/// Most items one experiment may have.
pub const MAX_ITEMS: u64 = 1_000_000;

/// What a person asks for: samples of a dataset, and every combination of the lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ExperimentSpec {
    /// A person's name for it; empty for one made from the rest.
    pub title: String,
    /// Models, by name.
    pub models: Vec<String>,
    /// How weights are held; empty for each model's own default.
    pub quants: Vec<Quant>,
    /// The dataset: `demo`, `mmmu-pro`, `folder:PATH`, …
    pub dataset: String,
    /// Samples to draw; 0 for all there are.
    pub samples: u32,
    /// Seed of the draw.
    pub seed: u64,
    /// Shares of the image tokens to drop.
    pub prune: Vec<f32>,
    /// Which image tokens are dropped, where some are; empty for what `base` says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prune_by: Vec<PruneBy>,
    /// How many times the image tokens stand in the sequence.
    pub replicate: Vec<u32>,
    /// What the models are shown in the picture's place; empty for what `base` says. Blank, noise and
    /// none are the floors that right answers are read against.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PictureUse>,
    /// Whether prune, replicate and pictures are moved one at a time, each while the others stand at
    /// their lists' first values, as in the paper; otherwise every combination is run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_at_a_time: bool,
    /// Most pixels of the prepared picture; `null` for the model's own limit.
    pub max_pixels: Vec<Option<u32>>,
    /// Prompt templates by name; `null` for the model's own.
    pub templates: Vec<Option<String>>,
    /// Every other option of the runs; its model, prompt, quantization and what the lists above
    /// vary are not used.
    pub base: AskedOptions,
}

impl Default for ExperimentSpec {
    fn default() -> Self {
        ExperimentSpec {
            title: String::new(),
            models: Vec::new(),
            quants: Vec::new(),
            dataset: "demo".to_owned(),
            samples: 100,
            seed: 7,
            prune: vec![0.0],
            prune_by: Vec::new(),
            replicate: vec![1],
            pictures: Vec::new(),
            one_at_a_time: false,
            max_pixels: vec![None],
            templates: vec![None],
            base: AskedOptions::default(),
        }
    }
}

/// One cell of the grid: everything but the sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Condition {
    /// Its number, from 0.
    pub index: u32,
    /// Model, by name.
    pub model: String,
    /// How its weights are held.
    pub quant: Quant,
    /// Prompt template; `null` only in experiments that were stored without it.
    pub template: Option<String>,
    /// Most pixels of the prepared picture; `null` for a model that sees every picture at one size,
    /// and in experiments that were stored without it.
    pub max_pixels: Option<u32>,
    /// Share of the image tokens dropped.
    pub prune: f32,
    /// How many times the image tokens stand in the sequence.
    pub replicate: u32,
    /// Which image tokens are dropped; `null` for what the experiment's options say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune_by: Option<PruneBy>,
    /// What the model is shown in the picture's place; `null` for what the experiment's options say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureUse>,
}

impl Condition {
    /// What a run of this condition is asked with, the prompt apart.
    fn asked(&self, base: &AskedOptions) -> AskedOptions {
        AskedOptions {
            model: self.model.clone(),
            prompt: String::new(),
            quant: Some(self.quant),
            template: self.template.clone(),
            max_pixels: self.max_pixels,
            prune: Some(self.prune),
            replicate: Some(self.replicate),
            prune_by: self.prune_by.or(base.prune_by),
            picture: self.picture.or(base.picture),
            ..base.clone()
        }
    }

    /// Whether nothing is done to the picture or its tokens.
    pub fn is_plain(&self) -> bool {
        self.prune == 0.0 && self.replicate == 1 && !self.is_floor()
    }

    /// Whether the model sees something else in the picture's place than elsewhere in the experiment:
    /// its right answers are then what it gets without the picture.
    pub fn is_floor(&self) -> bool {
        self.picture.is_some_and(|picture| picture != PictureUse::Own)
    }

    /// Whether the dropped tokens are drawn by chance.
    pub fn is_random(&self) -> bool {
        matches!(self.prune_by, Some(PruneBy::Random(_)))
    }

    /// The same condition but for its number.
    pub fn same_as(&self, other: &Condition) -> bool {
        Condition { index: 0, ..self.clone() } == Condition { index: 0, ..other.clone() }
    }
}

/// Where the levers of one condition stand.
struct Levers {
    prune: f32,
    prune_by: Option<PruneBy>,
    replicate: u32,
    picture: Option<PictureUse>,
}

/// The levers moved as a spec says: prune (and by what), replicate, and what stands in the picture's
/// place. Where nothing is dropped it does not matter by what, and without a picture there is nothing
/// to drop or repeat.
fn moved(spec: &ExperimentSpec) -> Vec<Levers> {
    fn some<T: Copy>(list: &[T]) -> Vec<Option<T>> {
        if list.is_empty() { vec![None] } else { list.iter().copied().map(Some).collect() }
    }
    let (bys, pictures) = (some(&spec.prune_by), some(&spec.pictures));
    // What the base says needs no saying.
    let by_base = spec.base.prune_by.unwrap_or_default();
    let picture_base = spec.base.picture.unwrap_or_default();
    let mut all = Vec::new();
    for &prune in &spec.prune {
        for &by in bys.iter().take(if prune > 0.0 { bys.len() } else { 1 }) {
            for &replicate in &spec.replicate {
                for &picture in &pictures {
                    let shown = picture.unwrap_or(picture_base);
                    let empty = shown == PictureUse::None && (prune > 0.0 || replicate > 1);
                    let away = [
                        prune != spec.prune[0],
                        replicate != spec.replicate[0],
                        picture != pictures[0],
                    ];
                    let several = away.into_iter().filter(|moved| *moved).count() > 1;
                    if (empty && pictures.len() > 1) || (spec.one_at_a_time && several) {
                        continue;
                    }
                    let prune_by = by.filter(|by| prune > 0.0 && *by != by_base);
                    let picture = picture.filter(|picture| *picture != picture_base);
                    all.push(Levers { prune, prune_by, replicate, picture });
                }
            }
        }
    }
    all
}

/// The conditions of an experiment and its samples. Items are numbered condition by condition:
/// item `i` is sample `i % samples` of condition `i / samples`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grid {
    /// The conditions, by number.
    pub conditions: Vec<Condition>,
    /// Samples drawn.
    pub samples: u32,
    /// What the runs of each condition use, by its number; the prompt is each sample's. Empty in
    /// experiments that were stored without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<RunOptions>,
}

impl Grid {
    /// Every combination of a spec's lists, for this many samples; `of_model` says what is known of
    /// a model. Values that stand twice count once. Templates and sizes go to the models that have
    /// them: one that has none of those named runs once, with its own.
    ///
    /// # Errors
    /// A sentence about a list that is empty or holds a value out of its range, about a template
    /// that no model has, or about more than [`MAX_ITEMS`] items.
    pub fn new<T: Into<KnownModel>>(
        spec: &ExperimentSpec,
        samples: u32,
        of_model: impl Fn(&str) -> T,
    ) -> Result<Grid, Message> {
        let lists = [
            ("models", spec.models.is_empty()),
            ("prune", spec.prune.is_empty()),
            ("replicate", spec.replicate.is_empty()),
            ("max_pixels", spec.max_pixels.is_empty()),
            ("templates", spec.templates.is_empty()),
        ];
        if let Some((name, _)) = lists.iter().find(|(_, empty)| *empty) {
            return Err(OptionError::ListEmpty { name: (*name).to_owned() }.into());
        }
        let models: Vec<(&String, KnownModel)> =
            spec.models.iter().map(|model| (model, of_model(model).into())).collect();
        lists::check_templates(spec, &models)?;
        lists::check_sizes(spec, &models)?;
        let mut conditions: Vec<Condition> = Vec::new();
        let (mut resolved, mut changed) = (Vec::<RunOptions>::new(), Vec::<Vec<Changed>>::new());
        for (model, KnownModel { defaults, traits }) in models {
            let quants: Vec<Option<Quant>> = match spec.quants.as_slice() {
                [] => vec![None],
                quants => quants.iter().copied().map(Some).collect(),
            };
            for quant in quants {
                for template in lists::templates_of(&traits, &spec.templates) {
                    for max_pixels in lists::sizes_of(&traits, &spec.max_pixels) {
                        for levers in moved(spec) {
                            let Levers { prune, prune_by, replicate, picture } = levers;
                            let asked = AskedOptions {
                                model: model.clone(),
                                prompt: String::new(),
                                quant,
                                template: template.clone(),
                                max_pixels,
                                prune: Some(prune),
                                prune_by: prune_by.or(spec.base.prune_by),
                                replicate: Some(replicate),
                                picture: picture.or(spec.base.picture),
                                ..spec.base.clone()
                            };
                            let mut options = resolve_settings(&asked, &defaults, &traits)
                                .map_err(ErrorBody::into_message)?;
                            let told = std::mem::take(&mut options.changed);
                            if let Some(at) = resolved.iter().position(|o| *o == options) {
                                changed[at].extend(told);
                            } else {
                                changed.push(told);
                                conditions.push(Condition {
                                    index: conditions.len() as u32,
                                    model: model.clone(),
                                    quant: options.quant,
                                    template: Some(options.template.clone())
                                        .filter(|name| !name.is_empty()),
                                    max_pixels: options.max_pixels,
                                    prune,
                                    replicate,
                                    prune_by,
                                    picture,
                                });
                                resolved.push(options);
                            }
                            if conditions.len() as u64 * u64::from(samples.max(1)) > MAX_ITEMS {
                                return Err(OptionError::MoreThanRuns { most: MAX_ITEMS }.into());
                            }
                        }
                    }
                }
            }
        }
        let told = resolved.into_iter().zip(changed);
        let options = told.map(|(options, changed)| RunOptions { changed, ..options }).collect();
        Ok(Grid { conditions, samples, options })
    }

    /// What a run of one of the conditions with a sample is asked with: what was resolved when the experiment was
    /// planned, and where that was not stored, what the person asked. Such experiments are older than the choice of
    /// a resizer: what of them is still to run resizes as what has run did.
    pub fn asked(
        &self,
        condition: &Condition,
        base: &AskedOptions,
        sample: &SampleRef,
    ) -> AskedOptions {
        let asked = match self.options.get(condition.index as usize) {
            Some(options) => AskedOptions { model: condition.model.clone(), ..options.into() },
            None => {
                let asked = condition.asked(base);
                AskedOptions { resize: asked.resize.or(Some(Resizing::UNSAID)), ..asked }
            }
        };
        let prune_by = asked.prune_by.map(|by| by.of_row(sample.row));
        AskedOptions { prompt: sample.prompt.clone(), prune_by, ..asked }
    }

    /// How many items there are.
    pub fn items(&self) -> u32 {
        self.conditions.len() as u32 * self.samples
    }

    /// The items in the order they are to be run: one loaded model after the other, and under each
    /// sample by sample, so that all its conditions have seen the same samples at any time.
    pub fn order(&self) -> impl Iterator<Item = u32> {
        let same_model = |a: &Condition, b: &Condition| a.model == b.model && a.quant == b.quant;
        let samples = self.samples;
        self.conditions.chunk_by(same_model).flat_map(move |conditions| {
            (0..samples)
                .flat_map(move |sample| conditions.iter().map(move |c| c.index * samples + sample))
        })
    }

    /// The condition of an item and the place of its sample among those drawn; `None` where there
    /// is no such item.
    pub fn item(&self, item: u32) -> Option<(&Condition, u32)> {
        let condition = item.checked_div(self.samples)?;
        Some((self.conditions.get(condition as usize)?, item % self.samples))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn spec() -> ExperimentSpec {
        ExperimentSpec {
            models: vec!["a".into(), "b".into()],
            prune: vec![0.0, 0.75, 0.75],
            replicate: vec![1, 5, 10],
            ..ExperimentSpec::default()
        }
    }

    #[test]
    fn a_grid_is_every_combination_once() {
        let grid = Grid::new(&spec(), 4, |_| Quant::Q4k).unwrap();
        assert_eq!(grid.conditions.len(), 2 * 2 * 3);
        assert!(grid.conditions.iter().enumerate().all(|(i, c)| c.index as usize == i));
        assert_eq!(grid.items(), 48);
        let (condition, sample) = grid.item(47).unwrap();
        assert_eq!(
            (condition.model.as_str(), condition.prune, condition.replicate),
            ("b", 0.75, 10)
        );
        assert_eq!((condition.quant, sample), (Quant::Q4k, 3));
        assert!(grid.item(48).is_none());
        assert!(Grid { samples: 0, ..grid }.item(0).is_none());
    }

    #[test]
    fn levers_can_be_moved_one_at_a_time() {
        let spec = ExperimentSpec { one_at_a_time: true, ..spec() };
        let grid = Grid::new(&spec, 1, |_| Quant::Q4k).unwrap();
        let levers = grid.conditions.iter().filter(|c| c.model == "a");
        let levers: Vec<_> = levers.map(|c| (c.prune, c.replicate)).collect();
        assert_eq!(levers, [(0.0, 1), (0.0, 5), (0.0, 10), (0.75, 1)]);
    }

    #[test]
    fn floors_and_random_pruning_are_conditions_of_their_own() {
        let spec = ExperimentSpec {
            models: vec!["a".into()],
            prune_by: vec![PruneBy::Score, PruneBy::Random(7)],
            pictures: vec![PictureUse::Own, PictureUse::Blank, PictureUse::None],
            one_at_a_time: true,
            ..spec()
        };
        let grid = Grid::new(&spec, 1, |_| Quant::Q4k).unwrap();
        let all: Vec<_> = grid
            .conditions
            .iter()
            .map(|c| (c.prune, c.replicate, c.is_random(), c.picture, c.is_plain()))
            .collect();
        assert_eq!(
            all,
            [
                (0.0, 1, false, None, true),
                (0.0, 1, false, Some(PictureUse::Blank), false),
                (0.0, 1, false, Some(PictureUse::None), false),
                (0.0, 5, false, None, false),
                (0.0, 10, false, None, false),
                (0.75, 1, false, None, false),
                (0.75, 1, true, None, false),
            ]
        );
        let sample = SampleRef { row: 12, ..SampleRef::default() };
        let asked = |at: usize| grid.asked(&grid.conditions[at], &spec.base, &sample);
        let own = Some(PruneBy::Random(19));
        assert_eq!(asked(6).prune_by, own, "each sample draws its own tokens");
        let pictures = [asked(0).picture, asked(1).picture];
        assert_eq!(pictures, [PictureUse::Own, PictureUse::Blank].map(Some));
        // Every combination: without a picture there is nothing to drop.
        let product = ExperimentSpec { one_at_a_time: false, ..spec };
        let grid = Grid::new(&product, 1, |_| Quant::Q4k).unwrap();
        let none = |c: &&Condition| c.picture == Some(PictureUse::None);
        assert!(grid.conditions.iter().filter(none).all(|c| c.prune == 0.0 && c.replicate == 1));
        assert_eq!(grid.conditions.len(), 9 * 2 + 1);
    }

    #[test]
    fn a_stored_grid_of_an_earlier_lab_opens() {
        let condition = r#"{"index":0,"model":"a","quant":"q8_0","template":null,"max_pixels":null,"prune":0.75,"replicate":1}"#;
        let read: Condition = serde_json::from_str(condition).unwrap();
        assert_eq!((read.prune_by, read.picture), (None, None));
        assert_eq!(serde_json::to_string(&read).unwrap(), condition);
        let base = AskedOptions { picture: Some(PictureUse::Blank), ..AskedOptions::default() };
        assert_eq!(read.asked(&base).picture, Some(PictureUse::Blank));
    }

    /// An experiment that was begun before a resizer could be chosen is not half of each.
    #[test]
    fn what_is_left_of_an_earlier_labs_experiment_resizes_as_what_has_run() {
        let resized = |grid: &serde_json::Value, base: &AskedOptions| {
            let grid: Grid = serde_json::from_value(grid.clone()).unwrap();
            grid.asked(&grid.conditions[0], base, &SampleRef::default()).resize
        };
        let base = AskedOptions::default();
        let now = Grid::new(&spec(), 1, |_| Quant::Q4k).unwrap();
        let mut stored = serde_json::to_value(&now).unwrap();
        assert_eq!(resized(&stored, &base), Some(Resizing::Torchvision));
        // Its options were stored before this one was among them, or not at all.
        for options in stored["options"].as_array_mut().unwrap() {
            options.as_object_mut().unwrap().remove("resize").unwrap();
        }
        assert_eq!(resized(&stored, &base), Some(Resizing::Pillow13));
        stored.as_object_mut().unwrap().remove("options").unwrap();
        assert_eq!(resized(&stored, &base), Some(Resizing::Pillow13));
        let named = AskedOptions { resize: Some(Resizing::Pillow12), ..base };
        assert_eq!(resized(&stored, &named), Some(Resizing::Pillow12));
    }

    #[test]
    fn items_run_model_by_model_and_sample_by_sample() {
        let spec = ExperimentSpec { replicate: vec![1], ..spec() };
        let grid = Grid::new(&spec, 2, |_| Quant::Q4k).unwrap();
        assert_eq!(grid.order().collect::<Vec<_>>(), [0, 2, 1, 3, 4, 6, 5, 7]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |change: fn(&mut ExperimentSpec)| {
            let mut spec = spec();
            change(&mut spec);
            Grid::new(&spec, 100, |_| Quant::Q4k).unwrap_err().text
        };
        assert!(wrong(|s| s.models.clear()).starts_with("models is empty"));
        assert!(wrong(|s| s.prune.push(1.0)).contains("prune must be"));
        let many = ExperimentSpec { replicate: (1..=64).collect(), ..spec() };
        assert!(Grid::new(&many, 100_000, |_| Quant::F32).unwrap_err().text.contains("more than"));
    }
}
