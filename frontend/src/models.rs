//! What the page knows of the models on offer.

use shared::ModelTraits;
use shared::api::ModelEntry;

/// What a grid has to know of a model.
pub fn traits(models: &[ModelEntry], name: &str) -> ModelTraits {
    let found = models.iter().find(|m| m.name == name);
    found.map_or_else(ModelTraits::default, |m| ModelTraits {
        quant: m.default_quant,
        one_size: m.one_size,
        pixels: m.least_pixels.zip(m.most_pixels),
        fit: m.fit,
        resize: m.resize.unwrap_or_default(),
        template_refused: m.refusal(),
        templates: (!m.templates.is_empty()).then(|| m.templates.clone()),
        ..ModelTraits::default()
    })
}
