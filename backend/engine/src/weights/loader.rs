//! From files to memory: reads a tensor, turns it into what the model holds, drops it.

use std::collections::{BTreeMap, HashSet};

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Storage, Tensor};
use rayon::prelude::*;
use shared::Quant;
use shared::sentence::ModelNote;

use super::Source;
use super::cache::{Form, Tape};
use super::linear::{Linear, bytes_of, tensor_of};
use super::weigh::Matrix;
use crate::error::EngineError;
use crate::memory::Footprint;
use crate::processor::Kernels;

/// Reads tensors by name, quantizes on the way, and keeps count.
pub(crate) struct Loader<'a> {
    pub(super) files: &'a dyn Source,
    pub(super) quant: Quant,
    device: Device,
    progress: &'a mut dyn FnMut(u64, u64),
    read: u64,
    pub(super) tape: Option<Tape>,
    /// Whether tensors are counted by their shapes and none is read.
    pub(super) weighing: bool,
    pub(super) kernels: Kernels,
    /// Tensors that were read.
    pub(super) used: HashSet<String>,
    /// Tensors that are there and that the model's settings leave out.
    pub(super) left_out: HashSet<String>,
    /// Parameters read.
    pub(crate) parameters: u64,
    /// What it takes of memory.
    pub(crate) footprint: Footprint,
    /// Tensors that could not be held as asked.
    pub(crate) fallbacks: Vec<String>,
    /// What is done otherwise than the model's files say, a sentence each.
    pub(crate) notes: Vec<ModelNote>,
    /// What the decoder's matrices are held as, and how many of them.
    pub(crate) held: BTreeMap<String, u32>,
}

impl<'a> Loader<'a> {
    /// A loader that holds the decoder's matrices as `quant`, all of them on `device`, and reports
    /// `(read, total)` bytes.
    pub(crate) fn new(
        files: &'a dyn Source,
        quant: Quant,
        device: &Device,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        Loader {
            files,
            quant,
            device: device.clone(),
            progress,
            read: 0,
            tape: None,
            weighing: false,
            kernels: Kernels::here(),
            used: HashSet::new(),
            left_out: HashSet::new(),
            parameters: 0,
            footprint: Footprint::default(),
            fallbacks: Vec::new(),
            notes: Vec::new(),
            held: BTreeMap::new(),
        }
    }

    /// The same loader, with converted tensors taken from a tape or written to one.
    pub(crate) fn with_tape(mut self, tape: Option<Tape>) -> Self {
        self.tape = tape;
        self
    }

    /// The same loader, which reads nothing: the model it assembles takes no memory and cannot run,
    /// but its footprint is what the loaded one's would be.
    pub(crate) fn weighing(mut self, kernels: Kernels) -> Self {
        (self.weighing, self.kernels) = (true, kernels);
        self
    }

    /// Everything is loaded.
    pub(crate) fn finish(self) {
        if let Some(tape) = self.tape {
            tape.finish();
        }
    }

    /// A converted tensor from the tape. A tape that does not fit is given up for good: the
    /// model's own files have everything.
    pub(super) fn kept(&mut self, name: &str, shape: &[usize]) -> Option<(Form, Vec<u8>)> {
        let tape = self.tape.as_mut().filter(|tape| tape.reads())?;
        let found = tape.take(name, shape);
        if found.is_none()
            && let Some(tape) = self.tape.take()
        {
            tape.forget();
        }
        found
    }

    pub(super) fn is_writing(&self) -> bool {
        self.tape.as_ref().is_some_and(|tape| !tape.reads())
    }

    pub(super) fn record(&mut self, name: &str, shape: &[usize], form: Form, bytes: &[u8]) {
        if let Some(tape) = &mut self.tape
            && !tape.keep(name, shape, form, bytes)
        {
            self.tape = None;
        }
    }

    /// A vector or small tensor in f32, from the tape or the files.
    pub(super) fn read_plain(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Tensor, EngineError> {
        if let Some((Form::F32, bytes)) = self.kept(name, shape) {
            self.count(name, shape);
            return Ok(tensor_of(Form::F32, &bytes, shape)?);
        }
        let tensor = self.read(name, shape)?;
        if self.is_writing() {
            self.record(name, shape, Form::F32, &bytes_of(&tensor)?);
        }
        Ok(tensor)
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.files.shape(name)
    }

    pub(super) fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        let values = self.files.read_f32(name, shape)?;
        self.count(name, shape);
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    pub(super) fn count(&mut self, name: &str, shape: &[usize]) {
        self.used.insert(name.to_owned());
        self.read += self.files.size(name);
        self.parameters += shape.iter().product::<usize>() as u64;
        (self.progress)(self.read, self.files.bytes());
    }

    pub(super) fn passing(&mut self, bytes: u64) {
        self.footprint.passing = self.footprint.passing.max(bytes);
    }

    /// Whether blocks are arranged for the processor's products: those of a GPU read them as they are.
    pub(super) fn arranges(&self) -> bool {
        self.device.is_cpu() && self.kernels.arranges()
    }

    /// Moves a map to where the model runs and counts its bytes. Only single rows go through a
    /// `lone` one.
    pub(super) fn keep(&mut self, linear: Linear, lone: bool) -> Result<Linear, EngineError> {
        #[cfg(feature = "cuda")]
        let linear = if self.device.is_cuda() { linear.on(&self.device)? } else { linear };
        let matrices = linear.matrices();
        let bias = linear.bytes() - matrices.iter().map(|m| m.bytes()).sum::<usize>();
        self.weigh(&matrices, bias / 4, lone);
        Ok(linear)
    }

    /// A tensor held as f32.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        if self.weighing {
            self.weigh(&[], shape.iter().product(), false);
            return Ok(Tensor::zeros(1, DType::F32, &Device::Cpu)?);
        }
        let tensor = self.read_plain(name, shape)?.to_device(&self.device)?;
        self.footprint.weights += 4 * tensor.elem_count() as u64;
        Ok(tensor)
    }

    /// An embedding table `[rows, width]`: f32 for the reference, 16 bits otherwise.
    pub(crate) fn embedding(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        if self.weighing {
            let values: usize = shape.iter().product();
            self.parameters += values as u64;
            self.passing(4 * values as u64);
            let block = match self.half_of(name) {
                Quant::F32 => GgmlDType::F32,
                _ => GgmlDType::F16,
            };
            self.weigh(&[Matrix::plain(block, 1, values)], 0, false);
            return Ok(Tensor::zeros(1, DType::F32, &Device::Cpu)?);
        }
        if let Some((form, bytes)) = self.kept(name, shape) {
            self.count(name, shape);
            if form == Form::F32 {
                self.fallbacks.push(format!("{name}: f32"));
            }
            self.passing(bytes.len() as u64);
            self.footprint.weights += bytes.len() as u64;
            return Ok(tensor_of(form, &bytes, shape)?.to_device(&self.device)?);
        }
        let table = self.read(name, shape)?;
        self.passing(4 * table.elem_count() as u64);
        let kind = match self.half(name, &table)? {
            Quant::F32 => DType::F32,
            Quant::Bf16 => DType::BF16,
            _ => DType::F16,
        };
        let table = table.to_dtype(kind)?;
        if self.is_writing() {
            let form = match kind {
                DType::F32 => Form::F32,
                DType::BF16 => Form::Bf16,
                _ => Form::F16,
            };
            self.record(name, shape, form, &bytes_of(&table)?);
        }
        let table = table.to_device(&self.device)?;
        self.footprint.weights += (table.elem_count() * table.dtype().size_in_bytes()) as u64;
        Ok(table)
    }

    /// What a tensor of the vision tower or an embedding is held as: f32 for the reference and
    /// where a value is too large for f16, f16 otherwise; as stored where that is asked, and in
    /// f16 what is stored in blocks.
    pub(super) fn half(&mut self, name: &str, values: &Tensor) -> Result<Quant, EngineError> {
        let held = self.half_of(name);
        if held != Quant::F16 || fits_f16(values)? {
            return Ok(held);
        }
        self.fallbacks.push(format!("{name}: f32"));
        Ok(Quant::F32)
    }

    /// The same where every value fits f16.
    pub(super) fn half_of(&self, name: &str) -> Quant {
        match (self.quant, self.files.stored_type(name)) {
            (Quant::F32, _) | (Quant::Stored, None | Some(GgmlDType::F32)) => Quant::F32,
            (Quant::Stored, Some(GgmlDType::BF16)) => Quant::Bf16,
            _ => Quant::F16,
        }
    }

    /// The convolution that cuts a picture into patches: a map from flattened patches, f32 on the
    /// CPU, where it is small beside the rest. Its tensors are `name.weight` of this shape and, if it
    /// is `biased`, `name.bias`.
    pub(crate) fn patches(
        &mut self,
        name: &str,
        shape: &[usize],
        biased: bool,
    ) -> Result<Linear, EngineError> {
        let out = shape.first().copied().unwrap_or_default();
        if self.weighing {
            let bias = if biased { out } else { 0 };
            self.weigh(&[], shape.iter().product::<usize>() + bias, false);
            return Ok(Linear::weighed()?);
        }
        let weight = self.read_plain(&format!("{name}.weight"), shape)?.flatten_from(1)?;
        let bias = match biased {
            true => Some(self.read_plain(&format!("{name}.bias"), &[out])?),
            false => None,
        };
        self.keep(Linear::new(&weight, bias, Quant::F32, false)?, false)
    }
}

/// Whether no value of a tensor is beyond what f16 can hold: it would become infinite.
fn fits_f16(values: &Tensor) -> Result<bool, EngineError> {
    let largest = half::f16::MAX.to_f32();
    let (storage, layout) = values.storage_and_layout();
    let all: &[f32] = match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(cpu), Some((from, to))) => &cpu.as_slice()?[from..to],
        _ => return Ok(true),
    };
    Ok(all.par_iter().all(|v| v.abs() <= largest))
}
