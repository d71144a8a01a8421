//! What a model takes of memory, before it is loaded and afterwards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use candle_core::Device;
use shared::picture::PictureTokens;
use shared::sentence::EngineRefusal;
use shared::{ErrorCode, Quant};

use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::family::{self, Loaded, Parts, Reading};
use crate::filesystem::Location;
use crate::memory::{CpuRun, Footprint, MemoryNeed, PROGRAM, amount, longest};
use crate::model::{Model, Prepared};
use crate::observer::Wants;
use crate::processor::Kernels;

/// A model of which only the shapes were looked at: the headers of its files, none of its weights.
pub struct Weighed {
    parts: Parts,
    footprint: Footprint,
}

impl Weighed {
    /// Of a folder or llama.cpp's files, as [`Model::load`] takes them.
    ///
    /// # Errors
    /// As [`Model::load`], as far as it shows without the weights.
    pub fn files(
        folder: impl Into<Location>,
        quant: Quant,
        kernels: Kernels,
    ) -> Result<Self, EngineError> {
        let folder = folder.into();
        Self::of(quant, kernels, |reading| family::read(&folder, reading))
    }

    /// Of one of [`crate::shapes`]' sizes.
    ///
    /// # Errors
    /// There is no shape of that name.
    pub fn shape(name: &str, quant: Quant, kernels: Kernels) -> Result<Self, EngineError> {
        Self::of(quant, kernels, |reading| family::random(name, reading))
    }

    fn of(
        quant: Quant,
        kernels: Kernels,
        load: impl FnOnce(Reading) -> Result<Loaded, EngineError>,
    ) -> Result<Self, EngineError> {
        let (device, progress) = (Device::Cpu, &mut |_, _| {});
        let weighing = Some(kernels);
        let Loaded { parts, footprint, .. } =
            load(Reading { quant, device: &device, cache: None, weighing, progress })?;
        Ok(Weighed { parts, footprint })
    }

    /// What it needs on the processor to answer a prompt of `tokens` positions, a picture's among
    /// them.
    pub fn memory(&self, tokens: usize) -> MemoryNeed {
        need(&self.parts, self.footprint, tokens)
    }

    /// Bytes that a running program takes to load it and ask it the shortest question.
    pub fn takes(&self) -> u64 {
        let need = self.memory(match self.parts.pictures.tokens() {
            PictureTokens::One { tokens }
            | PictureTokens::Tiles { tokens, .. }
            | PictureTokens::Canvas { tokens, .. } => tokens as usize,
            PictureTokens::AnyRes(any) => (any.grid * any.grid + 1) as usize,
            PictureTokens::Any { .. } => 64,
        });
        need.peak() - PROGRAM
    }
}

/// What a model on the processor needs to answer a prompt of `tokens` positions.
pub(crate) fn need(parts: &Parts, footprint: Footprint, tokens: usize) -> MemoryNeed {
    let run = CpuRun {
        prompt: tokens,
        new: 0,
        logits: false,
        head_rows: 0,
        tower: parts.encoder.working(tokens),
        deep: parts.encoder.deep(),
    };
    MemoryNeed::of(footprint, run.total(&parts.decoder.config))
}

/// Which arrangements of its weights a model has by now. They are made as rows go through the
/// weights, and stay whatever becomes of the run.
#[derive(Debug, Default)]
pub(crate) struct Arranged {
    /// Layers that rows have gone through.
    layers: AtomicUsize,
    head: AtomicBool,
}

impl Arranged {
    /// Rows have gone through a layer.
    pub(crate) fn layer(&self, layer: usize) {
        self.layers.fetch_max(layer + 1, Ordering::Relaxed);
    }

    /// Rows have gone through the head.
    pub(crate) fn head(&self) {
        self.head.store(true, Ordering::Relaxed);
    }

    fn bytes(&self, footprint: Footprint, layers: usize) -> u64 {
        let through = self.layers.load(Ordering::Relaxed).min(layers) as u64;
        let head = if self.head.load(Ordering::Relaxed) { footprint.by_head } else { 0 };
        footprint.by_layers / layers.max(1) as u64 * through + head
    }
}

impl Model {
    /// Bytes of the machine's memory that the model holds by now: weights, and what products have
    /// arranged of them. 0 on a GPU.
    pub fn held(&self) -> u64 {
        if self.on_gpu() { 0 } else { self.footprint.weights + self.arranged_of(self.footprint) }
    }

    fn arranged_of(&self, footprint: Footprint) -> u64 {
        self.arranged.bytes(footprint, self.parts.decoder.config.layers)
    }

    /// Whether a run fits so many bytes of the machine's memory, asked before it takes anything.
    /// A GPU is asked by [`Model::run`] itself.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`]: what is needed, what is free, and what would fit.
    pub fn fits_in(&self, prepared: &Prepared, wants: Wants, free: u64) -> Result<(), EngineError> {
        if self.on_gpu() {
            return Ok(());
        }
        let (run, arranges) = self.run_of(prepared, wants);
        let decoder = &self.parts.decoder.config;
        let maps = if wants.maps { maps(decoder, run.prompt, run.new) } else { 0 };
        let need = |run: CpuRun| arranges + maps + run.total(decoder);
        if need(run) <= free {
            return Ok(());
        }
        let fit = |prompt: usize| {
            let share = |whole: usize| (whole as f64 * prompt as f64 / run.prompt as f64) as usize;
            need(CpuRun { prompt, tower: share(run.tower), ..run }) <= free
        };
        let would = match longest(run.prompt, fit) {
            0 => EngineRefusal::NotEvenShort.into(),
            n => EngineRefusal::SoManyFit { n: n as u64 }.into(),
        };
        let (prompt, new) = (run.prompt as u64, run.new as u64);
        let (need, free, held) = (amount(need(run)), amount(free), amount(self.held()));
        let refusal = match arranges {
            0 => EngineRefusal::RunNoMemory { prompt, new, need, free, held, would },
            bytes => {
                let arranged = amount(bytes);
                EngineRefusal::RunNoMemoryArranged {
                    prompt,
                    new,
                    need,
                    arranged,
                    free,
                    held,
                    would,
                }
            }
        };
        Err(EngineError::new(ErrorCode::OutOfMemory, refusal))
    }

    /// A run, and bytes of arrangements that it will be the first to make.
    fn run_of(&self, prepared: &Prepared, wants: Wants) -> (CpuRun, u64) {
        let decoder = &self.parts.decoder.config;
        let (prompt, new) = prepared.positions();
        let run = CpuRun {
            prompt,
            new: new.min(decoder.max_positions.saturating_sub(prompt)),
            logits: wants.logits,
            head_rows: wants.head_rows,
            tower: prepared.tower_tokens().map_or(0, |n| self.parts.encoder.working(n)),
            deep: prepared.tower_tokens().map_or(0, |_| self.parts.encoder.deep()),
        };
        (run, self.footprint.arranged() - self.arranged_of(self.footprint))
    }
}

/// Bytes of every attention map of a run, twice: they are laid out once more to be written.
fn maps(c: &DecoderConfig, prompt: usize, new: usize) -> u64 {
    let steps = new.saturating_sub(1);
    8 * (c.layers * c.heads * (prompt * prompt + steps * (prompt + steps))) as u64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::RunOptions;

    use super::*;
    use crate::model::LoadOptions;
    use crate::observer::{Control, GeneratedToken, Observer};
    use crate::picture::Picture;

    /// Stops after so many layers.
    struct Stops(usize);

    impl Observer for Stops {
        fn wants(&self) -> Wants {
            Wants::default()
        }
        fn token(&mut self, _: GeneratedToken) -> Control {
            Control::Continue(())
        }
        fn poll(&mut self) -> Control {
            if self.0 == 0 {
                return Control::Break(());
            }
            self.0 -= 1;
            Control::Continue(())
        }
    }

    /// The copies that a run made are there after it, however it ended: they are held, and the next
    /// run needs no room for them.
    #[test]
    fn what_was_arranged_is_counted_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo-llava");
        let options = LoadOptions { quant: Quant::Q4k, ..LoadOptions::default() };
        let model = Model::load(&folder, &options, &mut |_, _| {}).expect("it loads");
        let picture = Picture { width: 40, height: 40, rgb: vec![90; 4800] };
        let asked = |tokens| {
            let traits = model.traits();
            let mut options = RunOptions { prompt: "What?".into(), ..RunOptions::default() };
            (options.max_new_tokens, options.resize) = (tokens, traits.resize);
            model.prepare(&picture, &options).expect("it fits")
        };
        let whole = model.footprint.arranged();
        let (weights, layers) = (model.footprint.weights, model.info().layers as usize);
        let prepared = asked(2);
        let lacks = || model.run_of(&prepared, Wants::default()).1;
        assert_eq!((lacks(), model.held()), (whole, weights));
        // Only candle's products on ARM arrange blocks when they are used.
        if Kernels::here() != Kernels::Dotprod {
            assert_eq!(whole, 0);
            return;
        }
        assert!(whole > 0 && layers > 1, "{whole} of {layers} layers");
        // The first question is the layout's, before any layer.
        let ended = model.run(&prepared, &mut Stops(1)).expect("it runs");
        assert!(ended.is_none(), "stopped");
        let one = model.held() - weights;
        assert!(one > 0, "one layer's copies");
        assert_eq!(lacks(), whole - one);
        assert!(model.run(&prepared, &mut Stops(layers)).expect("it runs").is_none());
        assert_eq!(model.held() - weights, one * layers as u64, "every layer's, not the head's");
        assert!(model.run(&asked(1), &mut Stops(usize::MAX)).expect("it runs").is_some());
        assert_eq!((lacks(), model.held()), (0, weights + whole));
    }
}
