//! Safetensors files of one model: found, their headers checked, tensors read one at a time.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use safetensors::Dtype;
use sha2::{Digest, Sha256};
use shared::sentence::{EngineRefusal, WeightFault};

use super::{Source, header};
use crate::config::{Section, read_json};
use crate::error::{self, EngineError};
use crate::family::{Layers, quantized_tensor};
use crate::filesystem::{Contents, Location};

/// Where a tensor lies.
#[derive(Clone, Debug)]
struct Entry {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    start: u64,
    bytes: usize,
}

/// All tensors of a model, by name.
#[derive(Debug)]
pub(crate) struct WeightFiles {
    files: Vec<Location>,
    tensors: HashMap<String, Entry>,
    bytes: u64,
}

impl WeightFiles {
    /// Finds and indexes the weights of a folder: the shards `model.safetensors.index.json` names,
    /// or `model.safetensors`, or the folder's only safetensors file.
    pub(crate) fn open(folder: &Location) -> Result<Self, EngineError> {
        let files = find(folder)?;
        let mut tensors = HashMap::new();
        let mut bytes = 0;
        for (i, path) in files.iter().enumerate() {
            for header::Listed { name, dtype, shape, start, bytes: taken } in header::read(path)? {
                bytes += taken as u64;
                let entry = Entry { file: i, dtype, shape, start, bytes: taken };
                if let Some(other) = tensors.insert(name.clone(), entry) {
                    let one = files[other.file].display().to_string();
                    let other = path.display().to_string();
                    return Err(EngineError::model(WeightFault::InBoth { name, one, other }));
                }
            }
        }
        if let Some(what) = quantized_tensor(tensors.keys().map(String::as_str)) {
            return Err(EngineError::of_file(folder.display(), what));
        }
        Ok(WeightFiles { files, tensors, bytes })
    }

    /// What tells these files from any others, and from themselves once they were changed, without
    /// reading them; `None` where the system does not say.
    pub(crate) fn stamp(&self) -> Option<String> {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update(file.stamp()?);
        }
        Some(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
    }

    /// Whether the files have as many layers as the configuration of `folder` says: one that leaves
    /// some out, or counts one that is not there, describes another model. `probe` ends the name of
    /// a tensor that every layer has once, after the layer's number.
    pub(crate) fn check_layers(
        &self,
        folder: &Location,
        layers: &Layers,
    ) -> Result<(), EngineError> {
        let Layers { of, key, probe, count: said } = *layers;
        let number = |name: &String| -> Option<usize> {
            name.strip_suffix(probe)?.rsplit('.').next()?.parse().ok()
        };
        match self.tensors.keys().filter_map(number).max() {
            Some(last) if last + 1 != said => {
                let (key, of, there) = (key.to_owned(), of.into(), last + 1);
                let config = folder.join("config.json");
                let fault = WeightFault::Layers { key, said, of, there };
                Err(EngineError::of_file(config.display(), fault))
            }
            _ => Ok(()),
        }
    }

    /// A tensor's place and its bytes as they lie in the file.
    fn read(&self, name: &str, shape: &[usize]) -> Result<(&Entry, Vec<u8>), EngineError> {
        let entry = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        if entry.shape != shape {
            let (found, wanted) = (format!("{:?}", entry.shape), format!("{shape:?}"));
            return Err(self.fault(name, WeightFault::Shape { found, wanted }.into()));
        }
        let path = &self.files[entry.file];
        let mut raw = vec![0; entry.bytes];
        let mut file = path.open().map_err(|e| unreadable(path, &e))?;
        file.seek(SeekFrom::Start(entry.start))
            .and_then(|_| file.read_exact(&mut raw))
            .map_err(|e| unreadable(path, &e))?;
        Ok((entry, raw))
    }

    /// SHA-256 of the files' contents, in order of name, hexadecimal.
    pub(crate) fn hash(&self) -> Result<String, EngineError> {
        hash(&self.files)
    }
}

impl Source for WeightFiles {
    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn called(&self, name: &str) -> (Option<String>, String) {
        let file = self.tensors.get(name).map_or(0, |e| e.file);
        (self.files.get(file).map(|f| f.display().to_string()), name.to_owned())
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|e| e.shape.as_slice())
    }

    fn unread(&self, read: &HashSet<&str>) -> Vec<&str> {
        let names = self.tensors.keys().map(String::as_str);
        names.filter(|name| !read.contains(name)).collect()
    }

    fn same(&self, one: &str, other: &str) -> Result<bool, EngineError> {
        let (Some(a), Some(b)) = (self.tensors.get(one), self.tensors.get(other)) else {
            return Ok(false);
        };
        if a.shape != b.shape || a.dtype != b.dtype {
            let equal = |a: &Entry, b: &Entry| -> Result<bool, EngineError> {
                Ok(a.shape == b.shape
                    && self.read_f32(one, &a.shape)? == self.read_f32(other, &b.shape)?)
            };
            return equal(a, b);
        }
        // Tables of gigabytes: a piece of each at a time.
        let open = |entry: &Entry| {
            let path = &self.files[entry.file];
            let mut file = path.open().map_err(|e| unreadable(path, &e))?;
            file.seek(SeekFrom::Start(entry.start)).map_err(|e| unreadable(path, &e))?;
            Ok::<Box<dyn Contents>, EngineError>(file)
        };
        let (mut one, mut other) = (open(a)?, open(b)?);
        let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        let mut rest = a.bytes;
        while rest > 0 {
            let n = rest.min(left.len());
            one.read_exact(&mut left[..n]).map_err(|e| unreadable(&self.files[a.file], &e))?;
            other.read_exact(&mut right[..n]).map_err(|e| unreadable(&self.files[b.file], &e))?;
            if left[..n] != right[..n] {
                return Ok(false);
            }
            rest -= n;
        }
        Ok(true)
    }

    fn size(&self, name: &str) -> u64 {
        self.tensors.get(name).map_or(0, |e| e.bytes as u64)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let (entry, raw) = self.read(name, shape)?;
        let values: Vec<f32> = match entry.dtype {
            Dtype::F32 => raw.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => {
                raw.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()
            }
            Dtype::BF16 => {
                raw.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()
            }
            other => {
                let found = format!("{other:?}");
                return Err(self.fault(name, WeightFault::Type { found }.into()));
            }
        };
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => Err(self.fault(name, WeightFault::NotFinite { at }.into())),
            None => Ok(values),
        }
    }

    fn stored_type(&self, name: &str) -> Option<GgmlDType> {
        match self.tensors.get(name)?.dtype {
            Dtype::F32 => Some(GgmlDType::F32),
            Dtype::F16 => Some(GgmlDType::F16),
            Dtype::BF16 => Some(GgmlDType::BF16),
            _ => None,
        }
    }

    fn read_quantized(&self, name: &str, shape: &[usize]) -> Result<Option<QTensor>, EngineError> {
        let Some(block) = self.stored_type(name) else { return Ok(None) };
        // Through f32: the values are checked there, and the way back is exact.
        let values = Tensor::from_vec(self.read_f32(name, shape)?, shape, &Device::Cpu)?;
        Ok(Some(QTensor::quantize(&values, block)?))
    }
}

/// SHA-256 of files' contents one after the other, hexadecimal.
pub(crate) fn hash(files: &[Location]) -> Result<String, EngineError> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    for path in files {
        let promised = promised(path.path());
        // Of a file alone it is the same.
        let mut own = promised.as_ref().filter(|_| files.len() > 1).map(|_| Sha256::new());
        let mut file = path.open().map_err(|e| unreadable(path, &e))?;
        loop {
            let n = file.read(&mut buffer).map_err(|e| unreadable(path, &e))?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            if let Some(own) = &mut own {
                own.update(&buffer[..n]);
            }
        }
        if let Some(promised) = promised
            && promised != hex(own.unwrap_or_else(|| hash.clone()))
        {
            let file = path.display().to_string();
            return Err(EngineError::model(EngineRefusal::OllamaDamaged { file }));
        }
    }
    Ok(hex(hash))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The SHA-256 that a file is named after, as Ollama's blobs are.
fn promised(path: &Path) -> Option<String> {
    let sum = path.file_name()?.to_str()?.strip_prefix("sha256-")?;
    let whole = sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| sum.to_ascii_lowercase())
}

fn unreadable(path: &Location, error: &std::io::Error) -> EngineError {
    EngineError::of_file(path.display(), error::unreadable(error))
}

/// Whether a file's name begins with a dot: macOS leaves `._NAME` beside a NAME that it copies to
/// other systems' disks, with the same ending and without its content.
pub(crate) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn find(folder: &Location) -> Result<Vec<Location>, EngineError> {
    let index = folder.join("model.safetensors.index.json");
    if index.exists() {
        let at = index.display().to_string();
        let json = read_json(&index)?.unwrap_or_default();
        let file = Section::file(&json, &*at)?;
        let map = match file.member("weight_map").as_object() {
            Some(map) if !map.is_empty() => map,
            _ => return Err(file.fail(WeightFault::NoWeightMap)),
        };
        let mut shards = Vec::new();
        for (tensor, name) in map {
            let Some(name) = name.as_str() else {
                return Err(file.fail(WeightFault::NoFileFor { tensor: tensor.clone() }));
            };
            // A shard is a file of this folder: a name that leads elsewhere is not followed.
            let path = match Path::new(name).file_name() {
                Some(plain) if plain == name => folder.join(plain),
                _ => return Err(file.fail(WeightFault::NoFileName { name: name.to_owned() })),
            };
            if !shards.iter().any(|shard: &Location| shard.path() == path.path()) {
                if !path.is_file() {
                    let fault = WeightFault::NoShard { tensor: tensor.clone() };
                    return Err(EngineError::of_file(path.display(), fault));
                }
                shards.push(path);
            }
        }
        shards.sort_by(|a, b| a.path().cmp(b.path()));
        return Ok(shards);
    }
    let single = folder.join("model.safetensors");
    if single.exists() {
        return Ok(vec![single]);
    }
    let is_one = |path: &Path| path.extension().is_some_and(|x| x == "safetensors");
    let mut found = folder.list().map_err(|e| unreadable(folder, &e))?;
    found.retain(|file| is_one(file.path()) && !is_hidden(file.path()));
    match found.len() {
        1 => Ok(vec![found.remove(0)]),
        0 => Err(EngineError::of_file(folder.display(), WeightFault::NoFiles)),
        _ => Err(EngineError::of_file(folder.display(), WeightFault::SeveralFiles)),
    }
}

#[cfg(test)]
mod damage {
    use super::*;

    #[test]
    fn a_blob_of_another_content_than_its_name_says_is_damaged() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            Location::from(path)
        };
        let named = |bytes: &[u8]| format!("sha256-{}", hex(Sha256::new().chain_update(bytes)));
        let (one, two) = (file(&named(b"one"), b"one"), file(&named(b"two"), b"two"));
        assert!(hash(&[one.clone(), two.clone()]).is_ok());
        assert!(hash(std::slice::from_ref(&one)).is_ok());
        file(&named(b"two"), b"twp");
        for files in [vec![two.clone()], vec![one, two]] {
            let said = hash(&files).expect_err("damaged").message;
            assert!(said.contains("is damaged"), "{said}");
        }
        assert!(hash(&[file("sha256-1", b"no sum")]).is_ok());
    }
}
