//! Picture preparation: from a person's picture to what a vision tower takes.

mod clip;
mod qwen;
mod resize;

use shared::PreparedPicture;

pub(crate) use clip::ClipPrepare;
pub(crate) use qwen::QwenPrepare;

use crate::picture::Picture;

/// What the vision tower gets, and what a person is shown.
#[derive(Debug)]
pub(crate) struct Pixels {
    /// The tower's input, in its own order.
    pub(crate) values: Vec<f32>,
    /// The same picture before normalisation.
    pub(crate) picture: Picture,
    /// Its place in the given picture, and its token grid.
    pub(crate) geometry: PreparedPicture,
}

/// Scales 8-bit levels by 1/255, subtracts the mean and divides by the standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Normalise {
    mean: [f32; 3],
    std: [f32; 3],
}

impl Normalise {
    /// CLIP's, which every family here uses.
    pub(crate) const CLIP: Normalise = Normalise {
        mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
        std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
    };

    /// From a processor's configuration; CLIP's where it says nothing. `at` names the file.
    fn read(json: &serde_json::Value, at: &str) -> Result<Self, crate::error::EngineError> {
        let channels = |name: &str, default: [f32; 3]| match &json[name] {
            serde_json::Value::Null => Ok(default),
            value => serde_json::from_value(value.clone()).map_err(|_| {
                crate::error::EngineError::model(format!("{at}: '{name}' is not three numbers"))
            }),
        };
        Ok(Normalise {
            mean: channels("image_mean", Self::CLIP.mean)?,
            std: channels("image_std", Self::CLIP.std)?,
        })
    }

    /// `[3, height, width]`.
    fn planes(&self, picture: &Picture) -> Vec<f32> {
        let n = (picture.width * picture.height) as usize;
        let mut values = vec![0.0; 3 * n];
        for (i, pixel) in picture.rgb.as_chunks::<3>().0.iter().enumerate() {
            for (c, v) in pixel.iter().enumerate() {
                // The reference scales in f64 and keeps f32.
                let unit = (f64::from(*v) * (1.0 / 255.0)) as f32;
                values[c * n + i] = (unit - self.mean[c]) / self.std[c];
            }
        }
        values
    }
}

/// The processor's settings in a model folder, and the file they are in:
/// `preprocessor_config.json`, or `image_processor` in `processor_config.json`; null where neither
/// is there.
fn settings(
    folder: &std::path::Path,
) -> Result<(serde_json::Value, String), crate::error::EngineError> {
    let path = folder.join("preprocessor_config.json");
    if let Some(json) = crate::config::read_json(&path)? {
        return Ok((json, path.display().to_string()));
    }
    let path = folder.join("processor_config.json");
    let json = crate::config::read_json(&path)?.and_then(|j| j.get("image_processor").cloned());
    Ok((json.unwrap_or_default(), path.display().to_string()))
}
