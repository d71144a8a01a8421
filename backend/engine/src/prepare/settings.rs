//! Which file says how pictures are prepared, and by which of transformers' processors.

use serde_json::Value;
use shared::sentence::{ModelNote, SettingNeed};

use crate::config::{Section, read_json};
use crate::error::EngineError;
use crate::filesystem::Location;

/// Members of a processor's settings that change no pixel: how it is saved, and how its numbers are
/// handed out.
pub(crate) const HARMLESS: [&str; 17] = [
    "_commit_hash",
    "_processor_class",
    "_valid_processor_keys",
    "auto_map",
    "default_to_square",
    "device",
    "disable_grouping",
    "feature_extractor_type",
    "image_processor_class",
    "image_processor_type",
    "image_seq_length",
    "name_or_path",
    "processor_class",
    "return_tensors",
    "tokenizer_class",
    "transformers_version",
    "use_fast",
];

/// The same of a processor as a whole, around its image processor.
const HARMLESS_AROUND: [&str; 11] = [
    "auto_map",
    "chat_template",
    "feature_extractor",
    "image_processor",
    "image_token",
    "processor_class",
    "tokenizer",
    "tokenizer_class",
    "transformers_version",
    "video_processor",
    "video_token",
];

/// The settings that count, and the file they are in.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    json: Value,
    at: String,
    /// `processor_config.json` as a whole.
    around: Value,
    around_at: String,
}

impl Settings {
    /// Reads a model folder's: `image_processor` in `processor_config.json` where it is there, else
    /// `preprocessor_config.json`; nothing where neither is. transformers 5 takes the one or the
    /// other, never a setting from each.
    pub(crate) fn open(folder: &Location, notes: &mut Vec<ModelNote>) -> Result<Self, EngineError> {
        let (new, old) = ("processor_config.json", "preprocessor_config.json");
        let at = |file: &str| folder.join(file).display().to_string();
        let around = read_json(&folder.join(new))?.unwrap_or_default();
        let nested = around.get("image_processor").cloned().unwrap_or_default();
        let flat = read_json(&folder.join(old))?;
        let (json, used) = match (nested, flat) {
            (Value::Null, None) => {
                notes.push(ModelNote::NoProcessor { old: old.to_owned(), new: new.to_owned() });
                (Value::Null, old)
            }
            (Value::Null, Some(flat)) => (flat, old),
            (nested, flat) => {
                notes.extend(flat.and_then(|flat| unlike(&nested, &flat)));
                (nested, new)
            }
        };
        Ok(Settings { json, at: at(used), around, around_at: at(new) })
    }

    /// The image processor's settings.
    pub(crate) fn section(&self) -> Result<Section<'_>, EngineError> {
        Section::file(&self.json, &*self.at)
    }

    /// Those around them.
    pub(crate) fn around(&self) -> Result<Section<'_>, EngineError> {
        Section::file(&self.around, &*self.around_at)
    }

    /// Checks what `processor_config.json` says under `name` of the tokens of a tile, and tells what else of it
    /// is not known.
    ///
    /// # Errors
    /// It says another number than `grid` × `grid`.
    pub(crate) fn tokens_of_a_tile(
        &self,
        name: &str,
        grid: usize,
        notes: &mut Vec<ModelNote>,
    ) -> Result<(), EngineError> {
        let around = self.around()?;
        if around.size(name, grid * grid, 1 << 20)? != grid * grid {
            return Err(around.wrong(name, SettingNeed::TokensOfTile { grid }));
        }
        self.tell_unknown_around(&[name], notes)
    }

    /// What of `processor_config.json` is not known, but for `followed`.
    pub(crate) fn tell_unknown_around(
        &self,
        followed: &[&str],
        notes: &mut Vec<ModelNote>,
    ) -> Result<(), EngineError> {
        self.around()?.tell_unknown(&[&HARMLESS_AROUND, followed], notes);
        Ok(())
    }
}

/// A model folder's settings of films, and the file they are in: `video_processor` in `processor_config.json` where it
/// is there, else `video_preprocessor_config.json`.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn film_settings(folder: &Location) -> Result<Option<(Value, String)>, EngineError> {
    let (new, old) = ("processor_config.json", "video_preprocessor_config.json");
    let at = |file: &str| folder.join(file).display().to_string();
    let around = read_json(&folder.join(new))?.unwrap_or_default();
    if let Some(nested) = around.get("video_processor").filter(|nested| !nested.is_null()) {
        return Ok(Some((nested.clone(), at(new))));
    }
    Ok(read_json(&folder.join(old))?.map(|json| (json, at(old))))
}

/// What the file that is not read says otherwise than the one that is.
fn unlike(nested: &Value, flat: &Value) -> Option<ModelNote> {
    let differs = |(name, value): &(&String, &Value)| {
        !value.is_null()
            && !HARMLESS.contains(&name.as_str())
            && nested.get(name.as_str()) != Some(value)
    };
    let names: Vec<String> = flat
        .as_object()?
        .iter()
        .filter(differs)
        .take(8)
        .map(|(name, _)| format!("'{}'", name.chars().take(60).collect::<String>()))
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(ModelNote::OtherFileSays { names: names.join(", ") })
}

/// The processor's class, without the endings that say how it computes: the file's own word, an
/// older word for it, or that of the model's `config.json`; none where nobody says.
///
/// Whatever these endings and `use_fast` say, transformers 5 takes the class on torchvision where
/// torchvision is installed: its choice of a backend reads the caller's arguments alone. Where they
/// ask for Pillow, that is noted.
pub(crate) fn class(
    json: &Section,
    config: Option<&str>,
    notes: &mut Vec<ModelNote>,
) -> Result<Option<String>, EngineError> {
    let old = json.text("feature_extractor_type")?;
    let named = json.text("image_processor_type")?.map(str::to_owned);
    let named = named.or(old.map(|name| name.replace("FeatureExtractor", "ImageProcessor")));
    let named = named.or(config.map(str::to_owned));
    let slow = json.member("use_fast") == &Value::Bool(false);
    let told = slow.then(|| ModelNote::UseFastFalse { file: json.name().to_owned() });
    let bare = |name: &str| name.strip_suffix("Fast").unwrap_or(name).to_owned();
    let named = named.as_deref().map(bare);
    let pillow = named.as_deref().and_then(|name| name.strip_suffix("Pil"));
    let named_so = pillow.map(|name| ModelNote::NamedPil { name: format!("{name}Pil") });
    notes.extend(named_so.or(told));
    Ok(pillow.map(str::to_owned).or(named))
}

/// Refuses an order of channels other than the one that pictures are prepared in: transformers 5
/// fails on the first picture where a file says that pictures come in another.
pub(crate) fn channels(json: &Section) -> Result<(), EngineError> {
    for name in ["data_format", "input_data_format"] {
        if json.text(name)?.is_some_and(|order| order != "channels_first") {
            return Err(json.wrong_word(name, &["channels_first"]));
        }
    }
    Ok(())
}

/// Says which settings ask for steps of other processors, which transformers 5 leaves out, too.
pub(crate) fn tell_unused(json: &Section, names: &[&str], notes: &mut Vec<ModelNote>) {
    let asked = |name: &&&str| !matches!(json.member(name), Value::Null | Value::Bool(false));
    let told: Vec<String> = names.iter().filter(asked).map(|name| format!("'{name}'")).collect();
    if !told.is_empty() {
        let (file, names) = (json.name().to_owned(), told.join(", "));
        notes.push(ModelNote::UnusedSettings { file, names });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_with_channels_last_are_refused() {
        for name in ["data_format", "input_data_format"] {
            let of = |order: &str| {
                let json = json!({ name: order });
                channels(&Section::file(&json, "p.json").expect("an object"))
            };
            assert!(of("channels_first").is_ok());
            let said = of("channels_last").expect_err("refused").message;
            assert!(said.contains(name) && said.contains("channels_first"), "{said}");
        }
    }

    #[test]
    fn steps_of_other_processors_are_told_as_unused() {
        let json = json!({"do_pad": true, "pad_size": null, "do_center_crop": false, "foo": 1});
        let json = Section::file(&json, "p.json").expect("an object");
        let mut notes = Vec::new();
        tell_unused(&json, &["do_center_crop", "do_pad", "pad_size"], &mut notes);
        json.tell_unknown(&[], &mut notes);
        let notes: Vec<String> =
            notes.into_iter().map(|note| note.text(shared::Language::English)).collect();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert_eq!(notes[0], "p.json has 'do_pad', which this processor does not use.");
        assert!(notes[1].contains("'foo', which this lab does not know"), "{notes:?}");
    }
}
