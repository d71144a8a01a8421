//! Where tensors come from.

use std::collections::HashSet;

use candle_core::quantized::{GgmlDType, QTensor};
use rayon::prelude::*;

use shared::sentence::{FileFault, Localized, WeightFault};

use crate::error::EngineError;

/// Named tensors that can be read one at a time.
pub(crate) trait Source {
    /// Whether there is a tensor of that name.
    fn has(&self, name: &str) -> bool;
    /// What a person calls a tensor: their file, where there is one, and the name in it.
    fn called(&self, name: &str) -> (Option<String>, String) {
        (None, name.to_owned())
    }
    /// An error about a tensor.
    fn fault(&self, name: &str, what: Localized) -> EngineError {
        let (file, name) = self.called(name);
        let fault = WeightFault::OfTensor { name, what };
        match file {
            Some(file) => EngineError::of_file(file, fault),
            None => EngineError::model(fault),
        }
    }
    /// The error of a tensor that is not there.
    fn missing(&self, name: &str) -> EngineError {
        self.fault(name, FileFault::Absent.into())
    }
    /// The shape of a tensor, if it is there and says so.
    fn shape(&self, name: &str) -> Option<&[usize]>;
    /// Bytes a tensor takes where it lies.
    fn size(&self, name: &str) -> u64;
    /// Bytes of all tensors.
    fn bytes(&self) -> u64;
    /// Reads one tensor as f32.
    ///
    /// # Errors
    /// The tensor is missing, has another shape, an unsupported type, or holds a value that is not
    /// finite.
    fn read_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError>;
    /// The tensors, by the names that their files give them, that none of the `read` ones stands
    /// for; none where that is not known.
    fn unread(&self, read: &HashSet<&str>) -> Vec<&str> {
        let _ = read;
        Vec::new()
    }
    /// Whether two tensors hold the same values.
    ///
    /// # Errors
    /// One of them cannot be read.
    fn same(&self, one: &str, other: &str) -> Result<bool, EngineError> {
        let (Some(a), Some(b)) = (self.shape(one), self.shape(other)) else { return Ok(false) };
        Ok(a == b && self.read_f32(one, a)? == self.read_f32(other, b)?)
    }
    /// The type a tensor is stored in, if it is there and can be read as it is.
    fn stored_type(&self, name: &str) -> Option<GgmlDType> {
        let _ = name;
        None
    }
    /// Reads one tensor as the blocks it is stored in, on the CPU; `None` where it has no
    /// stored type.
    ///
    /// # Errors
    /// As [`Source::read_f32`].
    fn read_quantized(&self, name: &str, shape: &[usize]) -> Result<Option<QTensor>, EngineError> {
        let _ = (name, shape);
        Ok(None)
    }
}

/// Random weights of any shape: what a model of that size costs, without its files.
pub(crate) struct Random {
    /// Parts of names of maps that have biases.
    pub(crate) biased: &'static [&'static str],
}

impl Source for Random {
    fn has(&self, name: &str) -> bool {
        name.ends_with(".weight")
            || name.ends_with("class_embedding")
            || self.biased.iter().any(|part| name.contains(part))
    }

    fn shape(&self, _: &str) -> Option<&[usize]> {
        None
    }

    fn size(&self, _: &str) -> u64 {
        0
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn read_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        /// Values that share a stream of random numbers, so that streams run side by side.
        const STREAM: usize = 1 << 16;
        let n = shape.iter().product();
        if name.contains("norm") || name.contains("ln_q") {
            return Ok(vec![if name.ends_with(".bias") { 0.0 } else { 1.0 }; n]);
        }
        // Uniform with a standard deviation of 0.02, as models are initialised. The name seeds, so
        // that tensors differ and runs do not.
        let seed = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
        });
        let scale = 0.02 * 12f32.sqrt() / 16_777_216.0;
        let mut values = vec![0f32; n];
        values.par_chunks_mut(STREAM).enumerate().for_each(|(i, stream)| {
            // Streams a golden-ratio step apart (Weyl), as SplitMix64 seeds them.
            let mut state = seed.wrapping_add((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1;
            for value in stream {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *value = ((state >> 40) as f32 - 8_388_608.0) * scale;
            }
        });
        Ok(values)
    }
}
