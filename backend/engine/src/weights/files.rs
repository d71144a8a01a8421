//! Safetensors files of one model: found, their headers checked, tensors read one at a time.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use sha2::{Digest, Sha256};

use super::Source;
use crate::error::EngineError;

/// A header larger than this is refused before memory is set aside for it.
const MAX_HEADER: u64 = 64 << 20;

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
    files: Vec<PathBuf>,
    tensors: HashMap<String, Entry>,
    bytes: u64,
}

impl WeightFiles {
    /// Finds and indexes the weights of a folder: the shards `model.safetensors.index.json` names,
    /// or `model.safetensors`, or the folder's only safetensors file.
    pub(crate) fn open(folder: &Path) -> Result<Self, EngineError> {
        let files = find(folder)?;
        let mut tensors = HashMap::new();
        let mut bytes = 0;
        for (i, path) in files.iter().enumerate() {
            for (name, entry) in read_header(path, i)? {
                bytes += entry.bytes as u64;
                if let Some(other) = tensors.insert(name.clone(), entry) {
                    return Err(EngineError::model(format!(
                        "tensor '{name}' is in both {} and {}",
                        files[other.file].display(),
                        path.display()
                    )));
                }
            }
        }
        Ok(WeightFiles { files, tensors, bytes })
    }

    fn problem(&self, entry: &Entry, name: &str, what: &str) -> EngineError {
        let path = self.files[entry.file].display();
        EngineError::model(format!("{path}: tensor '{name}' {what}"))
    }

    /// A tensor's place and its bytes as they lie in the file.
    fn read(&self, name: &str, shape: &[usize]) -> Result<(&Entry, Vec<u8>), EngineError> {
        let entry = self.tensors.get(name).ok_or_else(|| {
            let first = self.files.first().map(|f| f.display().to_string()).unwrap_or_default();
            EngineError::model(format!("{first}: tensor '{name}' is missing"))
        })?;
        if entry.shape != shape {
            let what = format!("has shape {:?}, the configuration asks for {shape:?}", entry.shape);
            return Err(self.problem(entry, name, &what));
        }
        let path = &self.files[entry.file];
        let mut raw = vec![0; entry.bytes];
        let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
        file.seek(SeekFrom::Start(entry.start))
            .and_then(|_| file.read_exact(&mut raw))
            .map_err(|e| unreadable(path, &e))?;
        Ok((entry, raw))
    }

    /// SHA-256 of the files' contents, in order of name, hexadecimal.
    pub(crate) fn hash(&self) -> Result<String, EngineError> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        for path in &self.files {
            let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
            loop {
                let n = file.read(&mut buffer).map_err(|e| unreadable(path, &e))?;
                if n == 0 {
                    break;
                }
                hash.update(&buffer[..n]);
            }
        }
        Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
    }
}

impl Source for WeightFiles {
    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|e| e.shape.as_slice())
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
                let what = format!("is of type {other:?}; f32, f16 or bf16 is needed");
                return Err(self.problem(entry, name, &what));
            }
        };
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => {
                let what = format!("holds a value that is not finite, at {at}");
                Err(self.problem(entry, name, &what))
            }
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

fn unreadable(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::model(format!("{}: cannot be read: {error}", path.display()))
}

fn find(folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let index = folder.join("model.safetensors.index.json");
    if index.exists() {
        #[derive(serde::Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let text = std::fs::read_to_string(&index).map_err(|e| unreadable(&index, &e))?;
        let parsed: Index = serde_json::from_str(&text)
            .map_err(|e| EngineError::model(format!("{}: {e}", index.display())))?;
        let mut names: Vec<String> = parsed.weight_map.into_values().collect();
        names.sort();
        names.dedup();
        // A shard is a file of this folder: a name that leads elsewhere is not followed.
        return names
            .into_iter()
            .map(|name| match Path::new(&name).file_name() {
                Some(file) if file == name.as_str() => Ok(folder.join(file)),
                _ => Err(EngineError::model(format!(
                    "{}: '{name}' is not a file name",
                    index.display()
                ))),
            })
            .collect();
    }
    let single = folder.join("model.safetensors");
    if single.exists() {
        return Ok(vec![single]);
    }
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|x| x == "safetensors"))
        .collect();
    match found.len() {
        1 => Ok(vec![found.remove(0)]),
        0 => Err(EngineError::model(format!(
            "{}: there is no safetensors file in this folder",
            folder.display()
        ))),
        _ => Err(EngineError::model(format!(
            "{}: there are several safetensors files and no model.safetensors.index.json",
            folder.display()
        ))),
    }
}

fn read_header(path: &Path, file: usize) -> Result<Vec<(String, Entry)>, EngineError> {
    let problem = |what: &str| EngineError::model(format!("{}: {what}", path.display()));
    let mut handle = File::open(path).map_err(|e| unreadable(path, &e))?;
    let size = handle.metadata().map_err(|e| unreadable(path, &e))?.len();
    let mut length = [0; 8];
    handle.read_exact(&mut length).map_err(|_| problem("is too short for a safetensors file"))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER || length + 8 > size {
        return Err(problem("is not a safetensors file, or was cut off in its header"));
    }
    let mut header = vec![0; length as usize];
    handle.read_exact(&mut header).map_err(|e| unreadable(path, &e))?;
    // Checks that offsets and shapes agree and leave no gaps.
    let metadata: Metadata = serde_json::from_slice(&header)
        .map_err(|e| problem(&format!("has a damaged header: {e}")))?;
    let data_start = 8 + length;
    metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let (start, end) = info.data_offsets;
            if data_start + end as u64 > size {
                return Err(problem(&format!(
                    "was cut off: tensor '{name}' ends at byte {}, the file at {size}",
                    data_start + end as u64
                )));
            }
            let entry = Entry {
                file,
                dtype: info.dtype,
                shape: info.shape.clone(),
                start: data_start + start as u64,
                bytes: end - start,
            };
            Ok((name, entry))
        })
        .collect()
}
