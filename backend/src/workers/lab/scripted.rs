//! A model that only plays one: events of the right shape, numbers made up by a formula.
//!
//! Tests of queueing, cancelling, slow viewers and failures use it because it does exactly what it
//! is told; so can anyone who works on the page without weights. Prompts can steer it: one that
//! contains `[panic]` panics, `[fail]` fails, `[slow]` takes two seconds, and `[held]` goes as far
//! as the file of [`ScriptedLab::allowed`] lets it, so that a test looks at a run half done without
//! racing it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use engine::{EngineError, GeneratedToken, LoadOptions, Media, Observer, Picture};
use shared::event::Stop;
use shared::{
    ErrorBody, ErrorCode, F32s, Group, LayerFlow, Layout, Medium, ModelInfo, Place,
    PreparedPicture, RunOptions, Summary, Timing, Token, TokenFlow, TokenHeads,
};

use super::{Lab, LoadedModel, PreparedRun};

/// What the scripted model plays.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Decoder layers.
    pub layers: u32,
    /// Attention heads.
    pub heads: u32,
    /// Rows and columns of the picture's token grid.
    pub grid: u16,
    /// Time each layer and each token takes.
    pub step: Duration,
    /// Time loading takes.
    pub load: Duration,
}

impl Default for Script {
    fn default() -> Self {
        Script {
            layers: 8,
            heads: 8,
            grid: 12,
            step: Duration::from_millis(2),
            load: Duration::ZERO,
        }
    }
}

impl FromStr for Script {
    type Err = String;

    /// Reads a model's size, as `32x32`: layers and heads.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |n: &str| n.parse::<u32>().ok().filter(|n| (1..=256).contains(n));
        text.split_once('x')
            .and_then(|(l, h)| {
                Some(Script { layers: number(l)?, heads: number(h)?, ..Script::default() })
            })
            .ok_or_else(|| {
                format!("{text} is no size: write layers and heads, each 1 to 256, as 32x32")
            })
    }
}

/// A lab whose every model is scripted.
#[derive(Clone, Debug, Default)]
pub struct ScriptedLab {
    /// What it plays.
    pub script: Script,
    /// A file that holds how many steps, layers and then tokens, a `[held]` run may take by now.
    pub allowed: Option<PathBuf>,
}

impl Lab for ScriptedLab {
    fn load(
        &self,
        _folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError> {
        const TOTAL: u64 = 10_000_000;
        for part in 0..=4 {
            progress(TOTAL / 4 * part, TOTAL);
            std::thread::sleep(self.script.load / 4);
        }
        let Script { layers, heads, .. } = self.script;
        let info = ModelInfo {
            name: options.name.clone(),
            family: "scripted".into(),
            layers,
            heads,
            kv_heads: heads,
            hidden: heads * 32,
            vocab: 1000,
            max_positions: 2048,
            parameters: 10_000_000,
            quant: options.quant,
            prune_score: "cls-attention".to_owned(),
            dtype: "f32".into(),
            device: "none".into(),
            jpeg_decoder: engine::JPEG_DECODER.into(),
            template: "plain".into(),
            hash: "0".repeat(64),
            bytes: TOTAL,
            ..ModelInfo::default()
        };
        Ok(Box::new(ScriptedModel { info, script: self.script, allowed: self.allowed.clone() }))
    }
}

struct ScriptedModel {
    info: ModelInfo,
    script: Script,
    allowed: Option<PathBuf>,
}

impl LoadedModel for ScriptedModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn prepare<'m>(
        &'m self,
        Media(media): &Media<'_>,
        options: &RunOptions,
    ) -> Result<Box<dyn PreparedRun + 'm>, EngineError> {
        if options.prompt.contains("[fail]") {
            let message = "The prompt is too long.";
            return Err(ErrorBody::new(ErrorCode::PromptTooLong, message).into());
        }
        // It makes something up about pictures, and hears nothing.
        let pictures = media.iter().filter_map(|medium| match medium {
            engine::Medium::Picture(picture) => Some(*picture),
            engine::Medium::Film(_) | engine::Medium::Sound(_) => None,
        });
        let layout = self.layout(&pictures.collect::<Vec<_>>(), options);
        Ok(Box::new(ScriptedRun { model: self, layout, options: options.clone() }))
    }
}

impl ScriptedModel {
    fn layout(&self, pictures: &[&Picture], options: &RunOptions) -> Layout {
        let mut tokens = Vec::new();
        let mut push = |text: &str, group: Group, place: Option<(u8, Place)>| {
            let index = tokens.len() as u32;
            let (medium, place) = (place.map(|(m, _)| m), place.map(|(_, p)| p));
            tokens.push(Token { medium, place, ..Token::text(index, index + 1, text, group) });
        };
        push("<s>", Group::Begin, None);
        for word in ["A", " chat", "."] {
            push(word, Group::System, None);
        }
        push(" USER:", Group::Template, None);
        for medium in 0..pictures.len() as u8 {
            for copy in 0..options.replicate as u16 {
                for at in 0..self.script.grid * self.script.grid {
                    let (row, col) = (at / self.script.grid, at % self.script.grid);
                    push("<image>", Group::Image, Some((medium, Place::cell(row, col, copy))));
                }
            }
        }
        for word in options.prompt.split_inclusive(' ') {
            push(word, Group::Instruction, None);
        }
        push(" ASSISTANT:", Group::Template, None);
        let media = pictures.iter().map(|picture| Medium::image(self.view(picture)));
        Layout::new(tokens, media.collect())
    }

    /// A picture as it is seen: its square middle.
    fn view(&self, picture: &Picture) -> PreparedPicture {
        let (w, h) = (picture.width, picture.height);
        let side = w.min(h) as f32;
        let size = u32::from(self.script.grid) * 14;
        PreparedPicture {
            width: size,
            height: size,
            source_width: w,
            source_height: h,
            covers: [(w as f32 - side) / 2.0, (h as f32 - side) / 2.0, side, side],
            rows: self.script.grid,
            cols: self.script.grid,
        }
    }
}

struct ScriptedRun<'m> {
    model: &'m ScriptedModel,
    layout: Layout,
    options: RunOptions,
}

/// A 1×1 grey PNG.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9c,
    0x63, 0x68, 0, 0, 0, 0x82, 0, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0, 0, 0, 0, b'I', b'E', b'N', b'D',
    0xae, 0x42, 0x60, 0x82,
];

impl PreparedRun for ScriptedRun<'_> {
    fn prompt_tokens(&self) -> usize {
        self.layout.len()
    }

    fn options(&self) -> &RunOptions {
        &self.options
    }

    fn picture_png(&self, medium: usize) -> Option<Vec<u8>> {
        (medium < self.layout.media.len()).then(|| PNG.to_vec())
    }

    fn run(&self, observer: &mut dyn Observer) -> Result<Option<Summary>, EngineError> {
        let Script { layers, heads, mut step, .. } = self.model.script;
        if self.options.prompt.contains("[slow]") {
            step = Duration::from_secs(2) / (layers + self.options.max_new_tokens);
        }
        if observer.layout(&self.layout).is_break() {
            return Ok(None);
        }
        for layer in 0..layers {
            std::thread::sleep(step);
            let stop = self.held(layer, observer).is_break();
            if stop || observer.prefill_layer(layer, self.layer_flow(layer, heads)).is_break() {
                return Ok(None);
            }
        }
        assert!(!self.options.prompt.contains("[panic]"), "the script says panic");
        let mut answer = String::new();
        for index in 0..self.options.max_new_tokens {
            std::thread::sleep(step);
            let text = ["It", " looks", " like", " a", " cat", "."][index as usize % 6].to_owned();
            answer.push_str(&text);
            let flow = self.token_flow(index, layers, heads);
            let alternatives = Vec::new();
            let id = 100 + index;
            let by_head = TokenHeads::default();
            let token = GeneratedToken {
                index,
                id,
                text,
                bytes: None,
                logprob: -0.25,
                alternatives,
                flow,
                by_head,
            };
            let stop = self.held(layers + index, observer).is_break();
            if stop || observer.token(token).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(Summary {
            answer,
            tokens: self.options.max_new_tokens,
            stop: Stop::Length,
            timing: Timing::default(),
        }))
    }
}

impl ScriptedRun<'_> {
    /// Waits until a held run may take a step; breaks when the observer wants no more.
    fn held(&self, step: u32, observer: &mut dyn Observer) -> ControlFlow<()> {
        let gate = self.model.allowed.as_deref();
        let gate = gate.filter(|_| self.options.prompt.contains("[held]"));
        loop {
            observer.poll()?;
            let allowed = |file| std::fs::read_to_string(file).ok()?.trim().parse::<u32>().ok();
            if gate.is_none_or(|file| allowed(file).is_some_and(|steps| step < steps)) {
                return ControlFlow::Continue(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How one row's mass of 1 falls on the bins: text gains on the picture with depth.
    fn row(&self, layer: u32, head: u32) -> Vec<f32> {
        let lean = 1.0 + layer as f32 + 0.1 * head as f32;
        let weight = |(bin, count): (usize, f32)| match self.layout.bins.get(bin).map(|b| b.group) {
            Some(Group::Begin) => 4.0,
            Some(Group::Image) => count,
            _ => count * lean,
        };
        let counts = self.counts();
        let sum: f32 = counts.iter().copied().enumerate().map(weight).sum();
        counts.into_iter().enumerate().map(|bin| weight(bin) / sum).collect()
    }

    /// Tokens in each bin.
    fn counts(&self) -> Vec<f32> {
        let mut counts = vec![0.0; self.layout.bins.len()];
        self.layout.tokens.iter().for_each(|token| counts[self.layout.bin(token)] += 1.0);
        counts
    }

    fn layer_flow(&self, layer: u32, heads: u32) -> LayerFlow {
        let counts = self.counts();
        let (mut mass, mut last) = (Vec::new(), Vec::new());
        for head in 0..heads {
            let row = self.row(layer, head);
            for count in &counts {
                mass.extend(row.iter().map(|v| v * count));
            }
            last.extend(row);
        }
        LayerFlow { heads, mass: F32s(mass), last: F32s(last) }
    }

    fn token_flow(&self, index: u32, layers: u32, heads: u32) -> TokenFlow {
        let (mut mass, mut rows) = (Vec::new(), Vec::new());
        let keys = self.layout.len() + index as usize;
        for layer in 0..layers {
            for head in 0..heads {
                mass.extend(self.row(layer, head));
            }
            // A spot that wanders over the picture from token to token.
            let weight = |j: usize| {
                let spot = (j + 7 * index as usize) % keys;
                1.0 / (1.0 + spot as f32)
            };
            let sum: f32 = (0..keys).map(weight).sum();
            rows.extend((0..keys).map(|j| weight(j) / sum));
        }
        TokenFlow { layers, heads, mass: F32s(mass), rows: F32s(rows) }
    }
}
