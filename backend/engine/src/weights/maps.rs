//! Linear maps: read part by part, stacked, and held as the loader's quantization says.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use shared::Quant;

use super::Loader;
use super::cache::Form;
use super::linear::{Linear, block_type, fitting, type_name};
use super::present::first_layer;
use super::weigh::{Matrix, in_blocks};
use crate::error::EngineError;

impl Loader<'_> {
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
        let linear = Linear::stored(tensors, bias, self.arranges())?;
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
        let linear = Linear::new(&weight, bias, quant, self.arranges())?;
        self.passing_of(true, parts.len(), 4 * weight.elem_count(), in_blocks(&linear.matrices()));
        self.record_linear(&first, &shape, &linear)?;
        self.keep(linear, lone)
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
            let matrix = Matrix::held(block, rows, columns, self.kernels);
            let converted = quant != Quant::Stored;
            let held = if converted { in_blocks(&[matrix]) } else { matrix.bytes() };
            self.passing_of(converted, 1, 4 * rows * columns, held);
            self.weigh(&[matrix], 0, true);
            return Ok(Linear::weighed()?);
        }
        let linear = if quant == Quant::Stored {
            let table = self.stored(name, &[rows, columns])?;
            self.hold(type_name(table.dtype()));
            Linear::stored(vec![table], None, self.arranges())?
        } else if let Some(held) = self.kept("the head", &[rows, columns]) {
            self.passing(held.1.len() as u64);
            let linear = Linear::kept(held, (rows, columns), None)?;
            self.hold(linear.kind());
            linear
        } else {
            let table = self.files.read_f32(name, &[rows, columns])?;
            let table = Tensor::from_vec(table, (rows, columns), &Device::Cpu)?;
            let linear = Linear::new(&table, None, quant, self.arranges())?;
            self.record_linear("the head", &[rows, columns], &linear)?;
            self.passing_of(true, 1, 4 * table.elem_count(), in_blocks(&linear.matrices()));
            self.hold(linear.kind());
            linear
        };
        self.keep(linear, true)
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

    fn hold(&mut self, type_name: &str) {
        *self.held.entry(type_name.to_owned()).or_default() += 1;
    }
}
