//! A tiny checkpoint at work, asked its golden question.

use engine::{LoadOptions, Model, Picture, Prepared, traits_of};
use shared::{Group, ModelTraits, Quant, Resizing, RunOptions};

use super::{Golden, Recording};

/// One checkpoint of each family, whose answers leave no doubt.
pub const CHECKPOINTS: [&str; 6] =
    ["llava-mha", "interleave-full", "qwen-tall", "qwen2-tall", "qwen3-tall", "internvl-qwen2"];
/// Tokens the reference's answers have.
pub const NEW: usize = 10;

/// Logits of the prompt's rows of a golden's question and pixels, asked of a model.
pub fn logits_of(model: &Model, golden: &Golden) -> Vec<f32> {
    let options = RunOptions {
        prompt: golden.text("text"),
        quant: Quant::F32,
        max_new_tokens: 1,
        ..RunOptions::default()
    };
    let prepared = model.prepare(&golden.picture(), &options).unwrap();
    let mut seen = Recording::default();
    model.run(&prepared.with_pixels(golden.f32("pixel_values")), &mut seen).unwrap();
    seen.prefill_logits
}

/// A checkpoint at work, asked its golden question.
pub struct Lab {
    pub golden: Golden,
    pub model: Model,
    pub picture: Picture,
}

impl Lab {
    pub fn open(name: &str) -> Self {
        let golden = Golden::open(name);
        let device = super::device();
        let options = LoadOptions { name: name.to_owned(), quant: Quant::F32, device };
        let model = Model::load(&golden.folder, &options, &mut |_, _| {}).unwrap();
        let picture = golden.picture();
        Lab { golden, model, picture }
    }

    pub fn options(&self) -> RunOptions {
        RunOptions {
            prompt: self.golden.text("text"),
            quant: Quant::F32,
            max_new_tokens: NEW as u32,
            ignore_eos: true,
            ..RunOptions::default()
        }
    }

    /// The same, resized as the references were: by Pillow.
    pub fn on_pillow(&self) -> RunOptions {
        RunOptions { resize: Resizing::Pillow13, ..self.options() }
    }

    /// Checks that the picture is prepared as the reference's processor prepares it, to the last bit.
    pub fn checks_pixels(&self) {
        let prepared = self.model.prepare(&self.picture, &self.on_pillow()).unwrap();
        assert_eq!(prepared.pixels(), self.golden.f32("pixel_values"), "{}", self.golden.name);
    }

    /// What is known of the model's folder at a glance, which is checked to be what the model says.
    pub fn glance(&self) -> ModelTraits {
        let glance = traits_of(&self.golden.folder).unwrap();
        let known = ModelTraits { quant: glance.quant, ..self.model.traits().clone() };
        assert_eq!(known, glance, "{}", self.golden.name);
        glance
    }

    pub fn prepare(&self, options: &RunOptions) -> Prepared {
        let prepared = self.model.prepare(&self.picture, options).unwrap();
        prepared.with_pixels(self.golden.f32("pixel_values"))
    }

    pub fn run(&self, options: &RunOptions) -> Seen {
        self.run_prepared(&self.prepare(options))
    }

    pub fn run_prepared(&self, prepared: &Prepared) -> Seen {
        let options = prepared.options();
        let mut run = Recording::default();
        self.model.run(prepared, &mut run).unwrap().unwrap();
        let (l, h) = (self.model.info().layers as usize, self.model.info().heads as usize);
        let s = run.ids().len();
        assert_eq!(prepared.prompt_tokens(), s, "told beforehand");
        let new = options.max_new_tokens as usize;
        let (prefill, generated) = run.dense_maps(l, h, s, new);
        Seen { run, prefill, generated, l, h, s, new }
    }
}

/// A run and its dense maps: `[L, H, S, S]` and `[L, H, N-1, S+N-1]`.
pub struct Seen {
    pub run: Recording,
    prefill: Vec<f32>,
    generated: Vec<f32>,
    pub l: usize,
    pub h: usize,
    pub s: usize,
    pub new: usize,
}

impl Seen {
    pub fn row(&self, layer: usize, head: usize, query: usize) -> &[f32] {
        &self.prefill[((layer * self.h + head) * self.s + query) * self.s..][..self.s]
    }

    /// `[L, H, 2, S+N-1]`: the first and the last row that predicted a token.
    pub fn first_and_last_row(&self) -> Vec<f32> {
        let wide = self.s + self.new - 1;
        let mut rows = Vec::new();
        for map in 0..self.l * self.h {
            rows.extend_from_slice(self.row(map / self.h, map % self.h, self.s - 1));
            rows.resize(rows.len() + self.new - 1, 0.0);
            let last = (map * (self.new - 1) + self.new - 2) * wide;
            rows.extend_from_slice(&self.generated[last..][..wide]);
        }
        rows
    }

    /// `[H, S (S + 1) / 2]`: what the last layer's rows saw.
    pub fn last_layer(&self) -> Vec<f32> {
        let heads = (0..self.h).flat_map(|head| (0..self.s).map(move |query| (head, query)));
        heads.flat_map(|(head, q)| &self.row(self.l - 1, head, q)[..=q]).copied().collect()
    }

    /// `[S (S + 1) / 2]`: the same, averaged over heads.
    pub fn last_layer_mean(&self) -> Vec<f32> {
        let maps = self.last_layer();
        let one = maps.len() / self.h;
        let mean = |i: usize| (0..self.h).map(|h| maps[h * one + i]).sum::<f32>() / self.h as f32;
        (0..one).map(mean).collect()
    }

    pub fn cells(&self) -> Vec<u32> {
        let layout = self.run.layout.as_ref().unwrap();
        let cols = layout.picture().unwrap().cols;
        let cells = layout.tokens.iter().filter_map(|t| t.cell());
        cells.map(|c| u32::from(c.row * cols + c.col)).collect()
    }

    pub fn image_tokens(&self) -> u32 {
        self.run.layout.as_ref().unwrap().counts().get(Group::Image)
    }

    pub fn is_image(&self, position: usize) -> bool {
        self.run.layout.as_ref().unwrap().tokens[position].group == Group::Image
    }
}
