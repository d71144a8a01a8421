//! From files to memory: reads a tensor, turns it into what the model holds, drops it.

use std::collections::{BTreeMap, HashSet};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Storage, Tensor};
use rayon::prelude::*;
use shared::Quant;

use super::Source;
use super::cache::{Form, Tape};
use super::linear::{Linear, block_type, bytes_of, fitting, tensor_of, type_name};
use super::weigh::Matrix;
use crate::error::EngineError;
use crate::memory::Footprint;
use crate::processor::Kernels;

/// Reads tensors by name, quantizes on the way, and keeps count.
pub(crate) struct Loader<'a> {
    pub(super) files: &'a dyn Source,
    quant: Quant,
    device: Device,
    progress: &'a mut dyn FnMut(u64, u64),
    read: u64,
    tape: Option<Tape>,
    /// Whether tensors are counted by their shapes and none is read.
    weighing: bool,
    pub(super) kernels: Kernels,
    /// Tensors that were read.
    used: HashSet<String>,
    /// Tensors that are there and that the model's settings leave out.
    left_out: HashSet<String>,
    /// Parameters read.
    pub(crate) parameters: u64,
    /// What it takes of memory.
    pub(crate) footprint: Footprint,
    /// Tensors that could not be held as asked.
    pub(crate) fallbacks: Vec<String>,
    /// What is done otherwise than the model's files say, a sentence each.
    pub(crate) notes: Vec<String>,
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
    fn kept(&mut self, name: &str, shape: &[usize]) -> Option<(Form, Vec<u8>)> {
        let tape = self.tape.as_mut().filter(|tape| tape.reads())?;
        let found = tape.take(name, shape);
        if found.is_none()
            && let Some(tape) = self.tape.take()
        {
            tape.forget();
        }
        found
    }

    fn is_writing(&self) -> bool {
        self.tape.as_ref().is_some_and(|tape| !tape.reads())
    }

    fn record(&mut self, name: &str, shape: &[usize], form: Form, bytes: &[u8]) {
        if let Some(tape) = &mut self.tape
            && !tape.keep(name, shape, form, bytes)
        {
            self.tape = None;
        }
    }

    /// A vector or small tensor in f32, from the tape or the files.
    fn read_plain(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
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

    fn record_linear(
        &mut self,
        name: &str,
        shape: &[usize],
        linear: &Linear,
    ) -> Result<(), EngineError> {
        if self.is_writing() {
            match linear.held()? {
                Some((form, bytes)) => self.record(name, shape, form, &bytes),
                None => self.tape = None,
            }
        }
        Ok(())
    }

    /// The first of `candidates` under which `probe` exists; the first when none does, so that
    /// the error names the usual place.
    pub(crate) fn prefix(&self, candidates: &[&'static str], probe: &str) -> &'static str {
        self.prefix_of_any(candidates, &[probe])
    }

    /// As [`Loader::prefix`], with several tensors any of which tells.
    pub(crate) fn prefix_of_any(
        &self,
        candidates: &[&'static str],
        probes: &[&str],
    ) -> &'static str {
        let of = |p: &&&'static str| probes.iter().any(|n| self.files.has(&format!("{p}{n}")));
        candidates.iter().find(of).copied().unwrap_or(candidates[0])
    }

    /// Whether there is a tensor of that name that the model uses.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.has(name) && !self.left_out.contains(name)
    }

    /// Holds biases to what the settings say: those that must be there are, those that must not be
    /// are left out, and noted.
    ///
    /// # Errors
    /// One is missing.
    pub(crate) fn settle_biases(
        &mut self,
        names: Vec<String>,
        biased: Option<bool>,
    ) -> Result<(), EngineError> {
        match biased {
            None => Ok(()),
            Some(true) => match names.iter().find(|name| !self.has(name)) {
                Some(name) => {
                    Err(EngineError::model(format!("{} is missing", self.files.called(name))))
                }
                None => Ok(()),
            },
            Some(false) => {
                let there: Vec<String> = names.into_iter().filter(|name| self.has(name)).collect();
                if let Some(first) = there.first() {
                    self.notes.push(format!(
                        "The weights have {} biases such as '{first}', which the model has not by \
                         its config.json: they are left out, as in transformers 5.",
                        there.len()
                    ));
                }
                self.left_out.extend(there);
                Ok(())
            }
        }
    }

    /// Whether a head is stored that is not the embedding table `table`, though the settings tie
    /// the two.
    pub(crate) fn has_own_head(&mut self, table: &str, head: &str) -> Result<bool, EngineError> {
        if self.files.shape(head).is_none() {
            return Ok(false);
        }
        // A head of its own weighs what a tied one does.
        if self.weighing {
            return Ok(true);
        }
        if self.files.same(table, head)? {
            self.used.insert(head.to_owned());
            return Ok(false);
        }
        self.notes.push(
            "config.json ties the output head to the embeddings, but the weights have a head of \
             their own, which differs: the stored head is used, as in transformers 5."
                .to_owned(),
        );
        Ok(true)
    }

    /// Notes tensors that are there and were not read, but for those that `harmless` knows.
    pub(crate) fn tell_unused(&mut self, harmless: impl Fn(&str) -> bool) {
        let unused = |name: &&str| {
            !self.used.contains(*name) && !self.left_out.contains(*name) && !harmless(name)
        };
        let mut names: Vec<&str> = self.files.names().into_iter().filter(unused).collect();
        names.sort_unstable();
        if let Some(first) = names.first() {
            let first: String = first.chars().take(120).collect();
            self.notes.push(match names.len() {
                1 => format!("The weights have '{first}', which this model has no place for."),
                n => format!(
                    "The weights have {n} tensors that this model has no place for, such as \
                     '{first}'."
                ),
            });
        }
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.files.shape(name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        let values = self.files.read_f32(name, shape)?;
        self.count(name, shape);
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    fn count(&mut self, name: &str, shape: &[usize]) {
        self.used.insert(name.to_owned());
        self.read += self.files.size(name);
        self.parameters += shape.iter().product::<usize>() as u64;
        (self.progress)(self.read, self.files.bytes());
    }

    /// A matrix as its file has it; where the file has no form of its own, f32.
    fn stored(&mut self, name: &str, shape: &[usize]) -> Result<QTensor, EngineError> {
        match self.files.read_quantized(name, shape)? {
            Some(tensor) => Ok(tensor),
            None => {
                let values = self.files.read_f32(name, shape)?;
                let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
                Ok(QTensor::quantize(&tensor, GgmlDType::F32)?)
            }
        }
    }

    pub(super) fn passing(&mut self, bytes: u64) {
        self.footprint.passing = self.footprint.passing.max(bytes);
    }

    /// Moves a map to where the model runs and counts its bytes. Only single rows go through a
    /// `lone` one.
    fn keep(&mut self, linear: Linear, lone: bool) -> Result<Linear, EngineError> {
        #[cfg(feature = "cuda")]
        let linear = if self.device.is_cuda() { linear.on(&self.device)? } else { linear };
        let matrices = linear.matrices();
        let bias = linear.bytes() - matrices.iter().map(|m| m.bytes()).sum::<usize>();
        self.weigh(&matrices, bias / 4, lone);
        Ok(linear)
    }

    fn hold(&mut self, type_name: &str) {
        *self.held.entry(type_name.to_owned()).or_default() += 1;
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
            self.weigh(&[Matrix { block, rows: 1, columns: values }], 0, false);
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

    /// A linear map of the decoder, held as the loader's quantization says. Several names are
    /// stacked by rows into one map: fewer, larger products. Biases are read where they exist.
    pub(crate) fn decoder_linear(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
    ) -> Result<Linear, EngineError> {
        self.decoder_map(parts, columns, false)
    }

    /// The output head: a linear map of the decoder that single rows go through, unless logits of
    /// a whole prompt are wanted.
    pub(crate) fn head(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Linear, EngineError> {
        self.decoder_map(&[(name.to_owned(), rows)], columns, true)
    }

    fn decoder_map(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
        lone: bool,
    ) -> Result<Linear, EngineError> {
        let quant = fitting(self.quant, columns);
        if quant != self.quant {
            let names: Vec<&str> = parts.iter().map(|(n, _)| n.as_str()).collect();
            self.fallbacks.push(format!("{}: {}", names.join(", "), quant.name()));
        }
        if self.weighing {
            let block = (quant != Quant::Stored).then(|| block_type(quant));
            return self.weighed(parts, columns, block.map(|b| b.unwrap_or(GgmlDType::F32)), lone);
        }
        if quant == Quant::Stored {
            return self.stored_linear(parts, columns, lone);
        }
        let linear = self.stacked(parts, columns, quant, lone)?;
        parts.iter().for_each(|_| self.hold(linear.kind()));
        Ok(linear)
    }

    /// A linear map held as its file has it, part by part.
    fn stored_linear(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
        lone: bool,
    ) -> Result<Linear, EngineError> {
        let mut tensors = Vec::with_capacity(parts.len());
        for (name, rows) in parts {
            let (name, shape) = (format!("{name}.weight"), [*rows, columns]);
            let tensor = self.stored(&name, &shape)?;
            self.count(&name, &shape);
            self.hold(type_name(tensor.dtype()));
            tensors.push(tensor);
        }
        let bias = self.biases(parts)?;
        let linear = Linear::stored(tensors, bias)?;
        self.passing_of(false, parts.len(), 0, linear.matrix_bytes());
        self.keep(linear, lone)
    }

    /// A linear map that is never held in blocks (vision tower, projector): f32 for the reference,
    /// f16 otherwise, which is what most of them are published in.
    pub(crate) fn dense_linear(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
    ) -> Result<Linear, EngineError> {
        let quant = if self.quant == Quant::F32 { Quant::F32 } else { Quant::F16 };
        if self.weighing {
            let held = if quant == Quant::F32 {
                quant
            } else {
                self.half_of(&format!("{}.weight", parts[0].0))
            };
            let block = match held {
                Quant::F32 => GgmlDType::F32,
                _ => GgmlDType::F16,
            };
            return self.weighed(parts, columns, Some(block), false);
        }
        self.stacked(parts, columns, quant, false)
    }

    /// What a tensor of the vision tower or an embedding is held as: f32 for the reference and
    /// where a value is too large for f16, f16 otherwise; as stored where that is asked, and in
    /// f16 what is stored in blocks.
    fn half(&mut self, name: &str, values: &Tensor) -> Result<Quant, EngineError> {
        let held = self.half_of(name);
        if held != Quant::F16 || fits_f16(values)? {
            return Ok(held);
        }
        self.fallbacks.push(format!("{name}: f32"));
        Ok(Quant::F32)
    }

    /// The same where every value fits f16.
    fn half_of(&self, name: &str) -> Quant {
        match (self.quant, self.files.stored_type(name)) {
            (Quant::F32, _) | (Quant::Stored, None | Some(GgmlDType::F32)) => Quant::F32,
            (Quant::Stored, Some(GgmlDType::BF16)) => Quant::Bf16,
            _ => Quant::F16,
        }
    }

    fn stacked(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
        quant: Quant,
        lone: bool,
    ) -> Result<Linear, EngineError> {
        let bias = self.biases(parts)?;
        let rows = parts.iter().map(|(_, rows)| rows).sum();
        let (first, shape) = (format!("{}.weight", parts[0].0), [rows, columns]);
        if let Some(held) = self.kept(&first, &shape) {
            for (name, rows) in parts {
                self.count(&format!("{name}.weight"), &[*rows, columns]);
            }
            if quant == Quant::F16 && held.0 == Form::F32 {
                self.fallbacks.push(format!("{first}: f32"));
            }
            self.passing(held.1.len() as u64);
            return self.keep(Linear::kept(held, (rows, columns), bias)?, lone);
        }
        let mut weights = Vec::with_capacity(parts.len());
        for (name, rows) in parts {
            weights.push(self.read(&format!("{name}.weight"), &[*rows, columns])?);
        }
        let weight = Tensor::cat(&weights, 0)?;
        drop(weights);
        let quant = match quant {
            Quant::F16 => self.half(&format!("{}.weight", parts[0].0), &weight)?,
            other => other,
        };
        let linear = Linear::new(&weight, bias, quant)?;
        self.passing_of(true, parts.len(), 4 * weight.elem_count(), linear.matrix_bytes());
        self.record_linear(&first, &shape, &linear)?;
        self.keep(linear, lone)
    }

    /// The convolution that cuts a picture into patches: a map from flattened patches, f32 on the
    /// CPU, where it is small beside the rest.
    pub(crate) fn patches(&mut self, name: &str, shape: &[usize]) -> Result<Linear, EngineError> {
        if self.weighing {
            self.weigh(&[], shape.iter().product(), false);
            return Ok(Linear::weighed()?);
        }
        let weight = self.read_plain(name, shape)?.flatten_from(1)?;
        self.keep(Linear::new(&weight, None, Quant::F32)?, false)
    }

    /// The biases of all parts, or of none: where one part, or the first layer, has a bias, one
    /// that is missing is an error.
    fn biases(&mut self, parts: &[(String, usize)]) -> Result<Option<Tensor>, EngineError> {
        let names: Vec<String> = parts.iter().map(|(name, _)| format!("{name}.bias")).collect();
        self.together(&names)?;
        let mut biases = Vec::new();
        for (name, (_, rows)) in names.iter().zip(parts) {
            // What the first layer has, every layer has.
            self.together(&[first_layer(name), name.clone()])?;
            if self.has(name) {
                biases.push(self.read_plain(name, &[*rows])?);
            }
        }
        Ok(if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) })
    }

    /// Refuses tensors of which some are there and some are not: a map without its bias is
    /// another map.
    pub(crate) fn together(&self, names: &[String]) -> Result<(), EngineError> {
        match names.iter().find(|name| !self.has(name)) {
            Some(missing) if names.iter().any(|name| self.has(name)) => {
                let called = self.files.called(missing);
                Err(EngineError::model(format!("{called} is missing; others like it are there")))
            }
            _ => Ok(()),
        }
    }

    /// An output head that shares the embedding table `name`.
    pub(crate) fn tied_head(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Linear, EngineError> {
        let quant = fitting(self.quant, columns);
        if self.weighing {
            let stored = || self.files.stored_type(name).unwrap_or(GgmlDType::F32);
            let block = if quant == Quant::Stored {
                stored()
            } else {
                block_type(quant).unwrap_or(GgmlDType::F32)
            };
            let matrix = Matrix { block, rows, columns };
            self.passing_of(quant != Quant::Stored, 1, 4 * rows * columns, matrix.bytes());
            self.weigh(&[matrix], 0, true);
            return Ok(Linear::weighed()?);
        }
        let linear = if quant == Quant::Stored {
            let table = self.stored(name, &[rows, columns])?;
            self.hold(type_name(table.dtype()));
            Linear::stored(vec![table], None)?
        } else if let Some(held) = self.kept("the head", &[rows, columns]) {
            self.passing(held.1.len() as u64);
            let linear = Linear::kept(held, (rows, columns), None)?;
            self.hold(linear.kind());
            linear
        } else {
            let table = self.files.read_f32(name, &[rows, columns])?;
            let table = Tensor::from_vec(table, (rows, columns), &Device::Cpu)?;
            let linear = Linear::new(&table, None, quant)?;
            self.record_linear("the head", &[rows, columns], &linear)?;
            self.passing_of(true, 1, 4 * table.elem_count(), linear.bytes());
            self.hold(linear.kind());
            linear
        };
        self.keep(linear, true)
    }
}

/// The name of the first layer's tensor like this one.
fn first_layer(name: &str) -> String {
    let part = |part: &str| if part.parse::<u32>().is_ok() { "0".to_owned() } else { part.into() };
    name.split('.').map(part).collect::<Vec<String>>().join(".")
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
