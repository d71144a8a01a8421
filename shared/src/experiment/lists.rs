//! Which values of an experiment's lists go to which model.

use super::ExperimentSpec;
use crate::options::{KnownModel, ModelTraits};
use crate::sentence::{Message, OptionError};

/// Those of the templates asked for that a model has; its default where it has none of them.
pub(super) fn templates_of(model: &ModelTraits, asked: &[Option<String>]) -> Vec<Option<String>> {
    let fits = |t: &&Option<String>| t.as_deref().is_none_or(|name| model.has(name));
    let fitting: Vec<Option<String>> = asked.iter().filter(fits).cloned().collect();
    if fitting.is_empty() { vec![None] } else { fitting }
}

/// The limits asked for; none where a model sees every picture at one size.
pub(super) fn sizes_of(model: &ModelTraits, asked: &[Option<u32>]) -> Vec<Option<u32>> {
    if model.one_size { vec![None] } else { asked.to_vec() }
}

/// Whether every model can make a picture as small as is asked for.
pub(super) fn check_sizes(
    spec: &ExperimentSpec,
    models: &[(&String, KnownModel)],
) -> Result<(), Message> {
    for (model, known) in models {
        let Some((least, most)) = known.traits.pixels else { continue };
        if let Some(size) = spec.max_pixels.iter().flatten().find(|size| **size < least) {
            return Err(OptionError::MaxPixelsOutside {
                asked: (*size).into(),
                model: (*model).clone(),
                least: least.into(),
                most: most.into(),
            }
            .into());
        }
    }
    Ok(())
}

/// Whether some model has each template asked for: a name nobody knows is a mistake.
pub(super) fn check_templates(
    spec: &ExperimentSpec,
    models: &[(&String, KnownModel)],
) -> Result<(), Message> {
    let unknown =
        spec.templates.iter().flatten().find(|t| !models.iter().any(|m| m.1.traits.has(t)));
    let Some(unknown) = unknown else { return Ok(()) };
    let has = models.iter().map(|(model, known)| {
        let has = known.traits.templates.as_deref().unwrap_or_default().join(", ");
        Message::from(OptionError::ModelHasTemplates { model: (*model).clone(), has })
    });
    let has = has.reduce(|that, this| OptionError::ThatAndThis { that, this }.into());
    let (name, has) = (unknown.clone(), has.unwrap_or_default());
    Err(OptionError::NoTemplateAnywhere { name, has }.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::experiment::Grid;
    use crate::options::Quant;

    fn traits(model: &str) -> ModelTraits {
        let (one_size, templates) = match model {
            "llava" => (true, vec!["llava-hf".to_owned(), "vicuna-v1".to_owned()]),
            _ => (false, vec!["qwen2.5-vl".to_owned()]),
        };
        let pixels = (!one_size).then_some((5_000, 30_000));
        ModelTraits { one_size, pixels, templates: Some(templates), ..ModelTraits::default() }
    }

    fn spec() -> ExperimentSpec {
        ExperimentSpec { models: vec!["llava".into(), "qwen".into()], ..ExperimentSpec::default() }
    }

    #[test]
    fn sizes_go_to_the_models_that_read_any() {
        let asked = vec![Some(10_000), Some(20_000), None, Some(30_000), Some(90_000)];
        let spec = ExperimentSpec { max_pixels: asked, ..spec() };
        let grid = Grid::new(&spec, 1, traits).unwrap();
        let sizes: Vec<_> = grid.conditions.iter().map(|c| (&*c.model, c.max_pixels)).collect();
        assert_eq!(
            sizes,
            [
                ("llava", None),
                ("qwen", Some(10_000)),
                ("qwen", Some(20_000)),
                ("qwen", Some(30_000))
            ],
            "a limit above the model's own is its own, once"
        );
        let small = ExperimentSpec { max_pixels: vec![Some(4_000)], ..spec };
        let why = Grid::new(&small, 1, traits).unwrap_err().text;
        assert!(why.contains("qwen reads pictures of 5000 to 30000"), "{why}");
    }

    #[test]
    fn templates_go_to_the_models_that_have_them() {
        let named = |names: &[&str]| names.iter().map(|n| Some((*n).to_owned())).collect();
        let spec = ExperimentSpec { templates: named(&["llava-hf", "vicuna-v1"]), ..spec() };
        let grid = Grid::new(&spec, 1, traits).unwrap();
        let all: Vec<_> =
            grid.conditions.iter().map(|c| (&*c.model, c.template.as_deref())).collect();
        assert_eq!(
            all,
            [
                ("llava", Some("llava-hf")),
                ("llava", Some("vicuna-v1")),
                ("qwen", Some("qwen2.5-vl"))
            ]
        );
        let wrong = ExperimentSpec { templates: named(&["vicuna"]), ..spec };
        let why = Grid::new(&wrong, 1, traits).unwrap_err().text;
        assert!(why.contains("'vicuna'") && why.contains("llava has llava-hf, vicuna-v1"), "{why}");
        // Of a model that nothing is known of, the model itself says what it has.
        assert_eq!(Grid::new(&wrong, 1, |_| Quant::F32).unwrap().conditions.len(), 2);
    }
}
