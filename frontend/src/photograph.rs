//! What the page does about a photograph: which model understands it, and how large it may be.

use shared::api::{ModelEntry, ModelState};

/// Most pixels of a picture that the browser makes: what the canvas of every browser holds.
pub const MOST_PIXELS: f64 = 16_000_000.0;

/// What to do about a photograph that a demo model is going to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// One that understands it is here.
    Ask {
        /// Its name.
        name: String,
    },
    /// One that would is not here yet.
    Bring {
        /// Its name.
        name: String,
        /// Its download in bytes.
        bytes: Option<u64>,
        /// Milliseconds of a question on two cores.
        answer_ms: Option<u32>,
        /// The name of its licence.
        licence: Option<String>,
    },
}

/// The size of a picture with at most so many pixels, its proportions kept; whole pixels.
pub fn fitted((width, height): (f64, f64), most: f64) -> (f64, f64) {
    let scale = (most / (width * height)).sqrt().min(1.0);
    ((width * scale).floor().max(1.0), (height * scale).floor().max(1.0))
}

/// Whether a question is in another language than English: by its letters, for which the demo
/// models have no words.
pub fn foreign(prompt: &str) -> bool {
    prompt.chars().any(|c| c.is_alphabetic() && !c.is_ascii())
}

/// Bytes that a model needs as it is asked by itself, to find the smallest.
fn need(model: &ModelEntry) -> u64 {
    let own = model.memory.iter().find(|m| m.quant == model.default_quant);
    own.map_or(u64::MAX, |m| m.bytes)
}

/// The smallest model for photographs that is here.
pub fn for_photographs(models: &[ModelEntry]) -> Option<&ModelEntry> {
    let here = models.iter().filter(|m| !m.demo && m.state == ModelState::Ready);
    here.min_by_key(|m| (!m.default, need(m)))
}

/// What is offered for a photograph: a model that is here, or else the smallest that the lab knows.
pub fn offer(models: &[ModelEntry]) -> Option<Offer> {
    if let Some(model) = for_photographs(models) {
        return Some(Offer::Ask { name: model.name.clone() });
    }
    let absent = models.iter().filter(|m| !m.demo && m.download.is_some());
    let model = absent.min_by_key(|m| need(m))?;
    Some(Offer::Bring {
        name: model.name.clone(),
        bytes: model.download,
        answer_ms: model.answer_ms,
        licence: model.licence.as_ref().map(|licence| licence.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Quant;
    use shared::api::MemoryNeed;

    fn model(name: &str, demo: bool, state: ModelState, bytes: u64) -> ModelEntry {
        let mut model: ModelEntry = serde_json::from_value(serde_json::json!({
            "name": name, "title": name, "default": false, "loaded": false,
            "quants": ["q8_0"], "default_quant": "q8_0",
        }))
        .expect("an entry");
        model.memory = vec![MemoryNeed { quant: Quant::Q8_0, bytes, measured: false }];
        (model.demo, model.state, model.download) = (demo, state, (!demo).then_some(bytes / 2));
        model
    }

    #[test]
    fn a_model_that_is_here_comes_before_a_smaller_one_that_is_not() {
        let demo = model("demo", true, ModelState::Ready, 10);
        let (small, large) = (
            model("small", false, ModelState::Absent, 100),
            model("large", false, ModelState::Absent, 1000),
        );
        assert_eq!(offer(std::slice::from_ref(&demo)), None);
        let Some(Offer::Bring { name, bytes, .. }) =
            offer(&[demo.clone(), large.clone(), small.clone()])
        else {
            panic!("none is here")
        };
        assert_eq!((name.as_str(), bytes), ("small", Some(50)));
        let large = ModelEntry { state: ModelState::Ready, ..large };
        let models = [demo, small, large];
        assert_eq!(offer(&models), Some(Offer::Ask { name: "large".into() }));
        assert_eq!(for_photographs(&models).map(|m| m.name.as_str()), Some("large"));
    }

    #[test]
    fn a_question_is_foreign_by_its_letters() {
        for (prompt, is) in [
            ("What is it? 7 × 3 – “yes”", false),
            ("", false),
            ("이것은 무엇인가요?", true),
            ("Qu’est-ce que c’est, à gauche?", true),
        ] {
            assert_eq!(foreign(prompt), is, "{prompt}");
        }
    }

    #[test]
    fn a_picture_is_made_no_larger_and_keeps_its_proportions() {
        assert_eq!(fitted((640.0, 480.0), MOST_PIXELS), (640.0, 480.0));
        let (width, height) = fitted((12_000.0, 9_000.0), MOST_PIXELS);
        assert!(width * height <= MOST_PIXELS && width * height > 0.99 * MOST_PIXELS);
        assert!((width / height - 12.0 / 9.0).abs() < 0.001);
        assert_eq!(fitted((1.0, 1e9), 100.0).0, 1.0, "no side is without a pixel");
    }
}
