//! The header of a safetensors file, checked tensor by tensor.

use std::io::{Read, Seek};

use safetensors::Dtype;
use serde_json::{Map, Value};
use shared::sentence::{FileFault, Localized, WeightFault};

use crate::error::{EngineError, unreadable};
use crate::family::is_pointer;
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
    let problem = |what: FileFault| EngineError::of_file(path.display(), what);
    let failed = |e: std::io::Error| problem(unreadable(&e));
    let about = path.info().map_err(failed)?;
    if about.is_folder {
        return Err(problem(FileFault::AFolder));
    }
    read_from(path.open().map_err(failed)?, about.len, path)
}

/// Reads the header of a file of `size` bytes.
pub(super) fn read_from(
    mut file: impl Read + Seek,
    size: u64,
    path: &Location,
) -> Result<Vec<Listed>, EngineError> {
    let problem = |what: WeightFault| EngineError::of_file(path.display(), what);
    let failed = |e: std::io::Error| EngineError::of_file(path.display(), unreadable(&e));
    let mut begin = Vec::new();
    file.by_ref().take(64).read_to_end(&mut begin).map_err(failed)?;
    if is_pointer(&begin) {
        return Err(EngineError::of_file(path.display(), FileFault::Pointer));
    }
    file.rewind().map_err(failed)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| problem(WeightFault::TooShort))?;
    let length = u64::from_le_bytes(length);
    if length > size.saturating_sub(8) {
        return Err(problem(WeightFault::NoHeader));
    }
    if length > MAX_HEADER {
        return Err(problem(WeightFault::HeaderTooLarge { mib: length >> 20 }));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(failed)?;
    let damaged = |what: WeightFault| problem(WeightFault::Header { what: what.into() });
    let header: Map<String, Value> = serde_json::from_slice(&header)
        .map_err(|e| damaged(WeightFault::HeaderNoJson { at: 7 + e.column() }))?;
    let data = 8 + length;
    let mut tensors = header
        .into_iter()
        .filter(|(name, _)| name != "__metadata__")
        .map(|(name, value)| {
            listed(name.clone(), &value, data).map_err(|what| damaged(of_tensor(&name, what)))
        })
        .collect::<Result<Vec<Listed>, EngineError>>()?;
    tensors.sort_by(|a, b| (a.start, a.bytes, &a.name).cmp(&(b.start, b.bytes, &b.name)));
    let mut end = data;
    for tensor in &tensors {
        let name = &tensor.name;
        if tensor.start != end {
            let begins = WeightFault::Begins { at: tensor.start, end };
            return Err(damaged(of_tensor(name, begins)));
        }
        end += tensor.bytes as u64;
        if end > size {
            return Err(problem(WeightFault::CutOff { name: name.clone(), end, size }));
        }
    }
    if end < size {
        return Err(problem(WeightFault::More { end, size }));
    }
    Ok(tensors)
}

fn of_tensor(name: &str, what: impl Into<Localized>) -> WeightFault {
    WeightFault::OfTensor { name: name.chars().take(120).collect(), what: what.into() }
}

/// One entry of the header, or what is wrong with it. `data` is where tensors begin in the file.
fn listed(name: String, value: &Value, data: u64) -> Result<Listed, WeightFault> {
    let wrong =
        |key: &str| WeightFault::NotUsable { key: key.to_owned(), value: short(&value[key]) };
    let dtype: Dtype =
        serde_json::from_value(value["dtype"].clone()).map_err(|_| wrong("dtype"))?;
    let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
    let list = |key: &str| -> Result<Vec<usize>, WeightFault> {
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
        let (shape, dtype) = (short(&value["shape"]), format!("{dtype:?}"));
        return Err(WeightFault::CannotTake { shape, dtype, bytes });
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
