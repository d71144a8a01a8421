//! GGUF files taken apart and put together again, by candle's own reader and writer.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use engine::{DeviceChoice, LoadOptions, Model};
use shared::Quant;

/// The files of a golden.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/gguf")
}

/// The two files of a golden as one place.
pub fn place(name: &str) -> PathBuf {
    pair(&folder().join(format!("{name}.gguf")), &folder().join(format!("{name}-mmproj.gguf")))
}

/// Two files as one place.
pub fn pair(text: &Path, mmproj: &Path) -> PathBuf {
    PathBuf::from(format!("{},{}", text.display(), mmproj.display()))
}

/// The model of two files that were put together; what is wrong with them in words.
pub fn load(text: &File, mmproj: &File) -> Result<Model, String> {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("a.gguf"), folder.path().join("mmproj.gguf"));
    text.save(&one);
    mmproj.save(&other);
    let options =
        LoadOptions { name: "gguf".into(), quant: Quant::Stored, device: DeviceChoice::Cpu };
    Model::load(pair(&one, &other), &options, &mut |_, _| {}).map_err(|e| e.message)
}

/// A file in memory.
pub struct File {
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<(String, QTensor)>,
}

impl File {
    pub fn open(name: &str) -> Self {
        let path = folder().join(format!("{name}.gguf"));
        let mut file = std::fs::File::open(path).unwrap();
        let content = Content::read(&mut file).unwrap();
        let mut names: Vec<&String> = content.tensor_infos.keys().collect();
        names.sort();
        let tensors = names
            .into_iter()
            .map(|n| (n.clone(), content.tensor(&mut file, n, &Device::Cpu).unwrap()))
            .collect();
        let mut metadata: Vec<_> = content.metadata.clone().into_iter().collect();
        metadata.sort_by(|a, b| a.0.cmp(&b.0));
        File { metadata, tensors }
    }

    pub fn save(&self, path: &Path) {
        let metadata: Vec<_> = self.metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
        let tensors: Vec<_> = self.tensors.iter().map(|(k, v)| (k.as_str(), v)).collect();
        let mut into = BufWriter::new(std::fs::File::create(path).unwrap());
        write(&mut into, &metadata, &tensors).unwrap();
    }

    pub fn set(&mut self, key: &str, value: Value) {
        self.unset(key);
        self.metadata.push((key.to_owned(), value));
    }

    pub fn unset(&mut self, key: &str) {
        self.metadata.retain(|(k, _)| k != key);
    }

    /// Removes the tensors that a prefix names.
    pub fn remove(&mut self, prefix: &str) {
        let before = self.tensors.len();
        self.tensors.retain(|(name, _)| !name.starts_with(prefix));
        assert!(self.tensors.len() < before, "there is no {prefix}");
    }

    pub fn take(&mut self, name: &str) -> QTensor {
        let at = self.tensors.iter().position(|(n, _)| n == name).unwrap();
        self.tensors.remove(at).1
    }

    /// Puts a tensor in, in f32 or in blocks.
    pub fn put(&mut self, name: &str, tensor: &Tensor, kind: GgmlDType) {
        self.tensors.retain(|(n, _)| n != name);
        self.tensors.push((name.to_owned(), QTensor::quantize(tensor, kind).unwrap()));
    }

    /// Gives tensors other names.
    pub fn rename(&mut self, change: impl Fn(&str) -> String) {
        for (name, _) in &mut self.tensors {
            *name = change(name);
        }
    }

    /// Makes one tensor of several, row after row.
    pub fn fuse(&mut self, parts: [String; 3], into: &str) {
        let parts = parts.map(|name| self.take(&name));
        let kind = parts[0].dtype();
        let rows = parts.map(|p| p.dequantize(&Device::Cpu).unwrap());
        self.put(into, &Tensor::cat(&rows, 0).unwrap(), kind);
    }
}
