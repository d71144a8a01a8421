//! The tensors of a model and its mmproj under the engine's names, with what llama.cpp's
//! converters did to them undone.

use std::collections::HashSet;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use rayon::prelude::*;
use shared::sentence::GgufModelFault;

use super::{Gguf, GgufNames, names};
use crate::error::EngineError;
use crate::weights::Source;

/// The files of a model: what `Source` hands out lies in one or the other.
#[derive(Debug)]
pub(crate) struct GgufWeights {
    /// The language model.
    pub(crate) text: Gguf,
    /// The vision tower and what joins it to the language model.
    pub(crate) mmproj: Gguf,
    /// What llama.cpp calls their tensors.
    names: GgufNames,
    /// Query and key heads.
    heads: (usize, usize),
}

/// Where a tensor is to be found.
struct Place<'a> {
    file: &'a Gguf,
    name: String,
    form: Form,
}

/// How it lies there.
enum Form {
    /// As the engine wants it.
    Same,
    /// Rows of each of so many heads interleaved: first of the lower half, first of the upper.
    Interleaved(usize),
    /// As the n-th third of the fused query, key and value rows.
    Third(usize),
    /// As three tensors of query, key and value rows.
    Thirds([String; 3]),
    /// As one tensor for each of the two frames of a patch, the other of this name.
    Frames(String),
}

impl GgufWeights {
    /// The two files of a model of so many query and key heads.
    pub(crate) fn new(
        (text, mmproj): (Gguf, Gguf),
        names: GgufNames,
        heads: (usize, usize),
    ) -> Self {
        GgufWeights { text, mmproj, names, heads }
    }

    fn place(&self, name: &str) -> Option<Place<'_>> {
        if let Some(other) = names::decoder(name) {
            let form = match other.rsplit('.').nth(1).filter(|_| self.names.interleaved) {
                Some("attn_q") => Form::Interleaved(self.heads.0),
                Some("attn_k") => Form::Interleaved(self.heads.1),
                _ => Form::Same,
            };
            return Some(Place { file: &self.text, name: other, form });
        }
        let (name, form) = (self.names.encoder)(name).map(|n| self.form(n))?;
        Some(Place { file: &self.mmproj, name, form })
    }

    /// What the mmproj has of a tensor, by its name there.
    fn form(&self, name: String) -> (String, Form) {
        let there = |name: &str| self.mmproj.tensor(name).is_some();
        // Ollama keeps more of transformers' names.
        let frames = ["v.patch_embd_0.weight", "v.patch_embd_1.weight"];
        if name == "v.patch_embd.weight" && frames.iter().all(|frame| there(frame)) {
            return (frames[0].to_owned(), Form::Frames(frames[1].to_owned()));
        }
        for (here, instead) in self.names.others {
            let other = name.strip_prefix(here).map(|kind| format!("{instead}{kind}"));
            if let Some(other) = other.filter(|other| there(other)) {
                return (other, Form::Same);
            }
        }
        if let Some((prefix, (n, rest))) =
            self.names.sparse.and_then(|prefix| Some((prefix, names::layer(&name, prefix)?)))
        {
            let there = self.mmproj.numbers(prefix);
            let number = n.parse().ok().and_then(|n| there.into_iter().nth(n));
            let found = number.map(|number| format!("{prefix}{number}.{rest}"));
            return (found.unwrap_or(name), Form::Same);
        }
        let Some((block, part)) = name.strip_prefix("v.blk.").and_then(|n| n.split_once('.'))
        else {
            let second = format!("{name}.1");
            let frames = name == "v.patch_embd.weight" && there(&second);
            return if frames { (name, Form::Frames(second)) } else { (name, Form::Same) };
        };
        let beside = |part: &str| format!("v.blk.{block}.{part}");
        let Some((part, kind)) = part.split_once('.') else { return (name, Form::Same) };
        let fused = beside(&format!("attn_qkv.{kind}"));
        match part {
            "attn_qkv" if !there(&name) => {
                let thirds = ["q", "k", "v"].map(|p| beside(&format!("attn_{p}.{kind}")));
                (name, Form::Thirds(thirds))
            }
            "attn_q" if !there(&name) && there(&fused) => (fused, Form::Third(0)),
            "attn_k" if !there(&name) && there(&fused) => (fused, Form::Third(1)),
            "attn_v" if !there(&name) && there(&fused) => (fused, Form::Third(2)),
            "ffn_up" if self.reversed(block) => (beside(&format!("ffn_down.{kind}")), Form::Same),
            "ffn_down" if self.reversed(block) => (beside(&format!("ffn_up.{kind}")), Form::Same),
            _ => (name, Form::Same),
        }
    }

    /// Whether a vision block's up and down have each other's names, as in files of the older
    /// converters: the width that goes into `ffn_down` tells.
    fn reversed(&self, block: &str) -> bool {
        let shape = |name: &str| Some(&self.mmproj.tensor(name)?.shape);
        let down = shape(&format!("v.blk.{block}.ffn_down.weight"));
        let norm = shape(&format!("v.blk.{block}.ln2.weight"));
        match (down.map(Vec::as_slice), norm.map(Vec::as_slice)) {
            (Some([_, input]), Some([width])) => input == width,
            _ => false,
        }
    }
}

impl Place<'_> {
    fn is_there(&self) -> bool {
        let there = |name: &String| self.file.tensor(name).is_some();
        match &self.form {
            Form::Thirds(thirds) => thirds.iter().all(there),
            Form::Frames(second) => there(&self.name) && there(second),
            _ => there(&self.name),
        }
    }

    /// The tensors of the file that it stands for.
    fn names(&self) -> Vec<&str> {
        match &self.form {
            Form::Thirds(thirds) => thirds.iter().map(String::as_str).collect(),
            Form::Frames(second) => vec![&self.name, second],
            _ => vec![&self.name],
        }
    }

    fn size(&self) -> u64 {
        let size = |name: &String| self.file.tensor(name).map_or(0, |e| e.bytes as u64);
        match &self.form {
            Form::Thirds(thirds) => thirds.iter().map(size).sum(),
            Form::Third(_) => size(&self.name) / 3,
            Form::Frames(second) => size(&self.name) + size(second),
            _ => size(&self.name),
        }
    }

    /// A tensor of the file as it is.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let (block, raw) = self.file.raw(name, shape)?;
        Ok(decoded(block, &raw, shape.iter().product())?)
    }
}

impl Source for GgufWeights {
    fn has(&self, name: &str) -> bool {
        self.place(name).is_some_and(|place| place.is_there())
    }

    fn called(&self, name: &str) -> (Option<String>, String) {
        let path = |file: &Gguf| Some(file.path().display().to_string());
        let Some(place) = self.place(name) else { return (path(&self.mmproj), name.to_owned()) };
        let name = match &place.form {
            Form::Thirds(thirds) => {
                thirds.iter().find(|t| place.file.tensor(t).is_none()).unwrap_or(&thirds[0])
            }
            _ => &place.name,
        };
        (path(place.file), name.clone())
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        let place = self.place(name)?;
        match place.form {
            Form::Same => place.file.tensor(&place.name).map(|e| e.shape.as_slice()),
            _ => None,
        }
    }

    fn size(&self, name: &str) -> u64 {
        self.place(name).map_or(0, |place| place.size())
    }

    fn bytes(&self) -> u64 {
        let one = self.text.path() == self.mmproj.path();
        self.text.bytes() + if one { 0 } else { self.mmproj.bytes() }
    }

    fn unread(&self, read: &HashSet<&str>) -> Vec<&str> {
        let places: Vec<Place> = read.iter().filter_map(|name| self.place(name)).collect();
        let known: HashSet<&str> = places.iter().flat_map(Place::names).collect();
        // One file may hold both.
        let mmproj = Some(&self.mmproj).filter(|m| m.path() != self.text.path());
        let names = self.text.names().chain(mmproj.into_iter().flat_map(Gguf::names));
        names.filter(|name| !known.contains(name)).collect()
    }

    fn read_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let place = self.place(name).ok_or_else(|| self.missing(name))?;
        let third = |shape: &[usize], times: (usize, usize)| {
            let mut shape = shape.to_vec();
            shape[0] = shape[0] * times.0 / times.1;
            shape
        };
        match &place.form {
            Form::Same => place.values(&place.name, shape),
            Form::Interleaved(heads) => {
                let values = place.values(&place.name, shape)?;
                Ok(halves(&values, shape[0], *heads))
            }
            Form::Third(n) => {
                let values = place.values(&place.name, &third(shape, (3, 1)))?;
                let length = values.len() / 3;
                Ok(values[n * length..(n + 1) * length].to_vec())
            }
            Form::Thirds(thirds) => {
                let shape = third(shape, (1, 3));
                let parts: Result<Vec<_>, _> =
                    thirds.iter().map(|name| place.values(name, &shape)).collect();
                Ok(parts?.concat())
            }
            Form::Frames(second) => {
                // [out, channel, frame, row, column] from a [out, channel, row, column] a frame.
                let [out, channels, 2, rows, columns] = *shape else {
                    return Err(place.file.problem(&place.name, GgufModelFault::TwoFrames));
                };
                let shape = [out, channels, rows, columns];
                let first = place.values(&place.name, &shape)?;
                let second = place.values(second, &shape)?;
                let patch = rows * columns;
                let both = first.chunks(patch).zip(second.chunks(patch));
                Ok(both.flat_map(|(a, b)| [a, b].concat()).collect())
            }
        }
    }

    fn stored_type(&self, name: &str) -> Option<GgmlDType> {
        let place = self.place(name)?;
        let name = match &place.form {
            Form::Thirds([first, ..]) => first,
            _ => &place.name,
        };
        place.file.tensor(name)?.block.ok()
    }

    fn read_quantized(&self, name: &str, shape: &[usize]) -> Result<Option<QTensor>, EngineError> {
        let place = self.place(name).ok_or_else(|| self.missing(name))?;
        let heads = match place.form {
            Form::Same => None,
            Form::Interleaved(heads) => Some(heads),
            _ => return Ok(None),
        };
        let (block, mut raw) = place.file.raw(&place.name, shape)?;
        if let Some(heads) = heads {
            // Whole rows change places, so their blocks do.
            raw = halves(&raw, shape[0], heads);
        }
        Ok(Some(tensor(block, raw, shape)?))
    }
}

/// The values of blocks, decoded on all cores: an embedding table has hundreds of millions.
fn decoded(block: GgmlDType, raw: &[u8], count: usize) -> candle_core::Result<Vec<f32>> {
    /// Values a piece of work has; every block's size divides it.
    const PIECE: usize = 1 << 16;
    let bytes = PIECE / block.block_size() * block.type_size();
    let mut values = vec![0f32; count];
    values.par_chunks_mut(PIECE).zip(raw.par_chunks(bytes)).try_for_each(|(into, raw)| {
        let storage = QStorage::from_data(raw.to_vec().into(), &Device::Cpu, block)?;
        let piece = QTensor::new(storage, into.len())?.dequantize(&Device::Cpu)?;
        into.copy_from_slice(&piece.to_vec1::<f32>()?);
        candle_core::Result::Ok(())
    })?;
    Ok(values)
}

fn tensor(block: GgmlDType, raw: Vec<u8>, shape: &[usize]) -> Result<QTensor, EngineError> {
    let storage = QStorage::from_data(raw.into(), &Device::Cpu, block)?;
    Ok(QTensor::new(storage, shape)?)
}

/// Rows of every head from interleaved (0, d/2, 1, d/2 + 1, …) back to halves (0, 1, 2, …).
fn halves<T: Copy>(values: &[T], rows: usize, heads: usize) -> Vec<T> {
    let (width, size) = (values.len() / rows, rows / heads);
    let mut out = Vec::with_capacity(values.len());
    for head in 0..heads {
        for row in 0..size {
            let (half, i) = (row / (size / 2), row % (size / 2));
            let from = (head * size + 2 * i + half) * width;
            out.extend_from_slice(&values[from..from + width]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};
    use safetensors::SafeTensors;

    use super::{Gguf, decoded, halves};

    /// Random blocks of every type, against what the `gguf` package reads from them.
    #[test]
    fn blocks_are_read_as_llama_cpp_does() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/gguf");
        let file = Gguf::open(&folder.join("types.gguf").into()).expect("goldens");
        let bytes = std::fs::read(folder.join("types.safetensors")).expect("goldens");
        let golden = SafeTensors::deserialize(&bytes).expect("goldens");
        assert_eq!(golden.len(), 13);
        for (name, want) in golden.tensors() {
            let (block, raw) = file.raw(&name, &[3, 512]).expect("a tensor");
            let got = decoded(block, &raw, 3 * 512).expect("values");
            let want: Vec<f32> =
                want.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let largest = want.iter().fold(0f32, |m, w| m.max(w.abs()));
            assert_eq!(got.len(), want.len());
            for (i, (g, w)) in got.iter().zip(&want).enumerate() {
                assert!((g - w).abs() <= 1e-6 * largest, "{name} {i}: {g} is not {w}");
            }
        }
    }

    /// Pieces join where they should, and the last may be short.
    #[test]
    fn many_blocks_are_decoded_in_pieces() {
        let (rows, columns) = (300, 512);
        let values: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 0.37).sin()).collect();
        let matrix = Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("a matrix");
        for kind in [GgmlDType::F32, GgmlDType::BF16, GgmlDType::Q5_1, GgmlDType::Q3K] {
            let whole = QTensor::quantize(&matrix, kind).expect("quantized");
            let raw = whole.data().expect("blocks").into_owned();
            let got = decoded(kind, &raw, rows * columns).expect("values");
            let want =
                whole.dequantize(&Device::Cpu).and_then(|t| t.flatten_all()?.to_vec1::<f32>());
            assert_eq!(got, want.expect("values"), "{kind:?}");
        }
    }

    #[test]
    fn interleaved_rows_go_back_to_halves() {
        // Two heads of four rows, each row two values; llama.cpp has 0 2 1 3 of each head.
        let rows = [0, 2, 1, 3, 4, 6, 5, 7].map(|r| [10 * r, 10 * r + 1]).concat();
        let back = halves(&rows, 8, 2);
        assert_eq!(back, (0..8).flat_map(|r| [10 * r, 10 * r + 1]).collect::<Vec<_>>());
    }
}
