//! LLaVA-1.5's configuration.

use shared::sentence::{ModelNote, SettingNeed};

use crate::config::{
    Files, Section, activation, clip, eos, feature_blocks, image_token, known, llama, same_layers,
};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::vision::{Activation, ProjectedConfig, VitConfig};

/// Sizes that follow from others.
pub(super) const HARMLESS: [&str; 2] = ["image_seq_length", "vocab_size"];

/// Everything LLaVA-1.5 needs from `config.json` and `generation_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LlavaConfig {
    pub(crate) text: DecoderConfig,
    pub(crate) vision: VitConfig,
    /// Vision blocks to run: the feature layer's hidden state is the last one's output.
    pub(crate) feature_blocks: usize,
    pub(crate) image_token: u32,
    pub(crate) eos: Vec<u32>,
    /// The image processor that `config.json` names, if it names one.
    pub(crate) image_processor: Option<String>,
    pub(crate) projector: Activation,
    /// Whether the projector's maps have biases; `None` where the files decide.
    pub(crate) projector_bias: Option<bool>,
}

impl LlavaConfig {
    /// Reads the configuration of a model folder. Settings left out have transformers' defaults.
    /// What is understood otherwise than it reads, or not known, is noted.
    ///
    /// # Errors
    /// The folder holds another family, or a setting that is not supported.
    pub(crate) fn load(folder: &Location, notes: &mut Vec<ModelNote>) -> Result<Self, EngineError> {
        let files = Files::read(folder)?;
        let (model, generation) = (files.model()?, files.generation()?);
        let config = Self::parse(&model, &generation, notes)?;
        aspect_ratio(&model, notes)?;
        model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
        Ok(config)
    }

    /// Its tower and projector.
    pub(super) fn encoder(&self) -> ProjectedConfig {
        ProjectedConfig {
            vision: self.vision.clone(),
            blocks: self.feature_blocks,
            activation: self.projector,
            bias: self.projector_bias,
            out: self.text.hidden,
        }
    }

    fn parse(
        model: &Section,
        generation: &Section,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        same_layers(model)?;
        let text_part = model.section("text_config")?;
        let text = llama(model, &text_part, notes)?;
        let vision = clip(&model.section("vision_config")?, notes)?;
        let feature_blocks = feature_blocks(model, vision.layers, -2)?;
        match model.text("vision_feature_select_strategy")? {
            None | Some("default") => {}
            Some(_) => return Err(model.wrong_word("vision_feature_select_strategy", &["default"])),
        }
        let names = ["image_token_id", "image_token_index"];
        Ok(LlavaConfig {
            image_processor: model.text("image_processor_type")?.map(str::to_owned),
            image_token: image_token(model, &names, 32_000, text.vocab)?,
            eos: eos(&[generation, model, &text_part], 2)?,
            projector: activation(model, "projector_hidden_act", Activation::Gelu)?,
            projector_bias: Some(model.flag("multimodal_projector_bias", true)?),
            text,
            vision,
            feature_blocks,
        })
    }
}

/// What the original LLaVA says of pictures that are not square: transformers does not read it.
pub(super) fn aspect_ratio(model: &Section, notes: &mut Vec<ModelNote>) -> Result<(), EngineError> {
    match model.text("image_aspect_ratio")? {
        None => {}
        Some("anyres" | "anyres_max_9") => {
            return Err(model.wrong("image_aspect_ratio", SettingNeed::PadOrSquare));
        }
        Some(ratio) => {
            let ratio: String = ratio.chars().take(20).collect();
            notes.push(ModelNote::AspectRatio {
                file: model.name().to_owned(),
                ratio: format!("'{}' \"{ratio}\"", model.key("image_aspect_ratio")),
            });
        }
    }
    Ok(())
}
