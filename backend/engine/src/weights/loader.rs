//! From files to memory: reads a tensor, turns it into what the model holds, drops it.

use candle_core::{DType, Device, Storage, Tensor};
use rayon::prelude::*;
use shared::Quant;

use super::Source;
use super::linear::{Linear, fitting};
use crate::error::EngineError;

/// Reads tensors by name, quantizes on the way, and keeps count.
pub(crate) struct Loader<'a> {
    files: &'a dyn Source,
    quant: Quant,
    progress: &'a mut dyn FnMut(u64, u64),
    read: u64,
    /// Parameters read.
    pub(crate) parameters: u64,
    /// Bytes held in memory.
    pub(crate) bytes: u64,
    /// Tensors that could not be held as asked.
    pub(crate) fallbacks: Vec<String>,
}

impl<'a> Loader<'a> {
    /// A loader that holds the decoder's matrices as `quant` and reports `(read, total)` bytes.
    pub(crate) fn new(
        files: &'a dyn Source,
        quant: Quant,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        Loader { files, quant, progress, read: 0, parameters: 0, bytes: 0, fallbacks: Vec::new() }
    }

    /// The first of `candidates` under which `probe` exists; the first when none does, so that
    /// the error names the usual place.
    pub(crate) fn prefix(&self, candidates: &[&'static str], probe: &str) -> &'static str {
        let found = candidates.iter().find(|p| self.files.has(&format!("{p}{probe}")));
        found.copied().unwrap_or(candidates[0])
    }

    /// Whether there is a tensor of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.has(name)
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.files.shape(name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        let values = self.files.read_f32(name, shape)?;
        self.read += self.files.size(name);
        self.parameters += values.len() as u64;
        (self.progress)(self.read, self.files.bytes());
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// A tensor held as f32.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        let tensor = self.read(name, shape)?;
        self.bytes += 4 * tensor.elem_count() as u64;
        Ok(tensor)
    }

    /// An embedding table `[rows, width]`: f32 for the reference, f16 otherwise.
    pub(crate) fn embedding(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        let table = self.read(name, shape)?;
        let table = match self.half(name, &table)? {
            Quant::F32 => table,
            _ => table.to_dtype(DType::F16)?,
        };
        self.bytes += (table.elem_count() * table.dtype().size_in_bytes()) as u64;
        Ok(table)
    }

    /// A linear map of the decoder, held as the loader's quantization says. Several names are
    /// stacked by rows into one map: fewer, larger products. Biases are read where they exist.
    pub(crate) fn decoder_linear(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
    ) -> Result<Linear, EngineError> {
        let quant = fitting(self.quant, columns);
        if quant != self.quant {
            let names: Vec<&str> = parts.iter().map(|(n, _)| n.as_str()).collect();
            self.fallbacks.push(format!("{}: {}", names.join(", "), quant.name()));
        }
        self.stacked(parts, columns, quant)
    }

    /// A linear map that is never held in blocks (vision tower, projector): f32 for the reference,
    /// f16 otherwise, which is what most of them are published in.
    pub(crate) fn dense_linear(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
    ) -> Result<Linear, EngineError> {
        let quant = if self.quant == Quant::F32 { Quant::F32 } else { Quant::F16 };
        self.stacked(parts, columns, quant)
    }

    /// What a tensor of the vision tower or an embedding is held as: f32 for the reference and
    /// where a value is too large for f16, f16 otherwise.
    fn half(&mut self, name: &str, values: &Tensor) -> Result<Quant, EngineError> {
        if self.quant == Quant::F32 {
            return Ok(Quant::F32);
        }
        if fits_f16(values)? {
            return Ok(Quant::F16);
        }
        self.fallbacks.push(format!("{name}: f32"));
        Ok(Quant::F32)
    }

    fn stacked(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
        quant: Quant,
    ) -> Result<Linear, EngineError> {
        let mut weights = Vec::with_capacity(parts.len());
        let mut biases = Vec::with_capacity(parts.len());
        for (name, rows) in parts {
            weights.push(self.read(&format!("{name}.weight"), &[*rows, columns])?);
            let bias = format!("{name}.bias");
            if self.has(&bias) {
                biases.push(self.read(&bias, &[*rows])?);
            }
        }
        if !biases.is_empty() && biases.len() != parts.len() {
            return Err(EngineError::model(format!(
                "tensor '{}.bias' or one beside it is missing: all or none of them must be there",
                parts[0].0
            )));
        }
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        let weight = Tensor::cat(&weights, 0)?;
        drop(weights);
        let quant = match quant {
            Quant::F16 => self.half(&parts[0].0, &weight)?,
            other => other,
        };
        let linear = Linear::new(&weight, bias, quant)?;
        self.bytes += linear.bytes() as u64;
        Ok(linear)
    }

    /// An output head that shares the embedding table `name`.
    pub(crate) fn tied_head(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Linear, EngineError> {
        let table = self.files.read_f32(name, &[rows, columns])?;
        let table = Tensor::from_vec(table, (rows, columns), &Device::Cpu)?;
        let linear = Linear::new(&table, None, fitting(self.quant, columns))?;
        self.bytes += linear.bytes() as u64;
        Ok(linear)
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
