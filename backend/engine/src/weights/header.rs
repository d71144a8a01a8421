//! The header of a safetensors file, checked tensor by tensor.

use std::io::{Read, Seek};

use safetensors::Dtype;
use serde_json::{Map, Value};

use crate::error::{EngineError, why};
use crate::family::{FETCH_POINTER, is_pointer};
use crate::filesystem::Location;

/// A header larger than this is refused before memory is set aside for it. Those of the largest
/// models of these families are a tenth of a MiB.
const MAX_HEADER: u64 = 16 << 20;

/// What a header says of a tensor.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Where it begins in the file.
    pub(super) start: u64,
    pub(super) bytes: usize,
}

/// Reads a file's header. Tensors must fill the file without gaps and without overlapping, as the
/// format asks.
pub(super) fn read(path: &Location) -> Result<Vec<Listed>, EngineError> {
    let problem = |what: &str| EngineError::model(format!("{}: {what}", path.display()));
    let unreadable = |e: std::io::Error| problem(&format!("cannot be read: {}", why(&e)));
    let about = path.info().map_err(unreadable)?;
    if about.is_folder {
        return Err(problem("is a folder, not a safetensors file"));
    }
    read_from(path.open().map_err(unreadable)?, about.len, path)
}

/// Reads the header of a file of `size` bytes.
pub(super) fn read_from(
    mut file: impl Read + Seek,
    size: u64,
    path: &Location,
) -> Result<Vec<Listed>, EngineError> {
    let problem = |what: &str| EngineError::model(format!("{}: {what}", path.display()));
    let unreadable = |e: std::io::Error| problem(&format!("cannot be read: {}", why(&e)));
    let mut begin = Vec::new();
    file.by_ref().take(64).read_to_end(&mut begin).map_err(unreadable)?;
    if is_pointer(&begin) {
        return Err(problem(FETCH_POINTER));
    }
    file.rewind().map_err(unreadable)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| problem("is too short for a safetensors file"))?;
    let length = u64::from_le_bytes(length);
    if length > size.saturating_sub(8) {
        return Err(problem("is not a safetensors file, or was cut off in its header"));
    }
    if length > MAX_HEADER {
        return Err(problem(&format!(
            "is not a safetensors file of a model: its header would take {} MiB",
            length >> 20
        )));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(unreadable)?;
    let header: Map<String, Value> = serde_json::from_slice(&header).map_err(|e| {
        problem(&format!("has a damaged header: it is no JSON object at byte {}", 7 + e.column()))
    })?;
    let data = 8 + length;
    let mut tensors = header
        .into_iter()
        .filter(|(name, _)| name != "__metadata__")
        .map(|(name, value)| {
            listed(name.clone(), &value, data).map_err(|what| {
                let name: String = name.chars().take(120).collect();
                problem(&format!("has a damaged header: tensor '{name}' {what}"))
            })
        })
        .collect::<Result<Vec<Listed>, EngineError>>()?;
    tensors.sort_by(|a, b| (a.start, a.bytes, &a.name).cmp(&(b.start, b.bytes, &b.name)));
    let mut end = data;
    for tensor in &tensors {
        let name = &tensor.name;
        if tensor.start != end {
            return Err(problem(&format!(
                "has a damaged header: tensor '{name}' begins at byte {}, the one before it ends \
                 at {end}",
                tensor.start
            )));
        }
        end += tensor.bytes as u64;
        if end > size {
            return Err(problem(&format!(
                "was cut off: tensor '{name}' ends at byte {end}, the file at {size}"
            )));
        }
    }
    if end < size {
        return Err(problem(&format!(
            "is damaged: its last tensor ends at byte {end}, the file at {size}"
        )));
    }
    Ok(tensors)
}

/// One entry of the header, or what is wrong with it. `data` is where tensors begin in the file.
fn listed(name: String, value: &Value, data: u64) -> Result<Listed, String> {
    let wrong = |key: &str| format!("has no usable '{key}': {}", short(&value[key]));
    let dtype: Dtype =
        serde_json::from_value(value["dtype"].clone()).map_err(|_| wrong("dtype"))?;
    let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
    let list = |key: &str| -> Result<Vec<usize>, String> {
        let list = value[key].as_array().and_then(|list| list.iter().map(whole).collect());
        list.ok_or_else(|| wrong(key))
    };
    let shape = list("shape")?;
    let offsets = list("data_offsets")?;
    let &[from, to] = offsets.as_slice() else { return Err(wrong("data_offsets")) };
    let bits = shape
        .iter()
        .try_fold(1usize, |product, n| product.checked_mul(*n))
        .and_then(|n| n.checked_mul(dtype.bitsize()));
    let bytes = to.checked_sub(from).ok_or_else(|| wrong("data_offsets"))?;
    if bits.is_none_or(|bits| bits.div_ceil(8) != bytes) {
        return Err(format!(
            "of shape {} and type {dtype:?} cannot take {bytes} bytes",
            short(&value["shape"])
        ));
    }
    let start = data.checked_add(from as u64).ok_or_else(|| wrong("data_offsets"))?;
    start.checked_add(bytes as u64).ok_or_else(|| wrong("data_offsets"))?;
    Ok(Listed { name, dtype, shape, start, bytes })
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 {
        text.chars().take(57).chain("...".chars()).collect()
    } else {
        text
    }
}
