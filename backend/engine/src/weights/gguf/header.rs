//! The header of a GGUF file, read under limits and checked before anything in it is believed.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use candle_core::quantized::GgmlDType;
use shared::sentence::{FileFault, GgufFault, Localized, WeightFault};

use super::blocks;
use super::metadata::{Metadata, Value, line};
use crate::error::{EngineError, unreadable};
use crate::family::is_pointer;
use crate::filesystem::Location;
use crate::weights::linear::type_name;

/// A header larger than this is refused before memory is set aside for it. A vocabulary of a
/// quarter of a million tokens with its merges takes some 10 MiB.
const MAX_HEADER: u64 = 64 << 20;
/// Elements of all arrays together: one byte in the file may become eight in memory.
const MAX_ELEMENTS: u64 = 1 << 22;
/// Keys, and tensors.
const MAX_COUNT: u64 = 1 << 16;
/// Bytes of a key, and of a tensor's name.
const MAX_NAME: u64 = 1 << 10;
/// Where tensors begin unless the file says otherwise.
const ALIGNMENT: u64 = 32;

/// Where a tensor lies and what it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its block type, or the number of one that cannot be read.
    pub(super) block: Result<GgmlDType, u32>,
    /// Outermost dimension first.
    pub(crate) shape: Vec<usize>,
    start: u64,
    pub(super) bytes: usize,
}

/// A GGUF file whose header has been read.
#[derive(Debug)]
pub(crate) struct Gguf {
    /// What it says of itself.
    pub(crate) metadata: Metadata,
    tensors: HashMap<String, Entry>,
}

impl Gguf {
    /// Reads a file's header.
    ///
    /// # Errors
    /// The file cannot be read, is no GGUF file, is damaged, or asks for more memory than any
    /// model needs.
    pub(crate) fn open(path: &Location) -> Result<Self, EngineError> {
        let problem = |what: FileFault| EngineError::of_file(path.display(), what);
        let failed = |e: std::io::Error| problem(unreadable(&e));
        let mut file = path.open().map_err(failed)?;
        let size = path.info().map_err(failed)?.len;
        let mut begin = Vec::new();
        file.by_ref().take(64).read_to_end(&mut begin).map_err(failed)?;
        if is_pointer(&begin) {
            return Err(problem(FileFault::Pointer));
        }
        file.rewind().map_err(failed)?;
        Self::read(BufReader::new(file), size, path)
    }

    /// Reads the header of a file of `size` bytes.
    pub(in crate::weights) fn read(
        from: impl Read,
        size: u64,
        path: &Location,
    ) -> Result<Self, EngineError> {
        Reader { from, path: path.clone(), at: 0, size, elements: 0 }.header()
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        self.metadata.path()
    }

    /// Where the file lies.
    pub(crate) fn location(&self) -> &Location {
        &self.metadata.location
    }

    /// A tensor's place.
    pub(crate) fn tensor(&self, name: &str) -> Option<&Entry> {
        self.tensors.get(name)
    }

    /// The tensors' names.
    pub(in crate::weights) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// How many numbered blocks there are: one more than the highest number after `prefix`.
    pub(crate) fn blocks(&self, prefix: &str) -> usize {
        self.numbers(prefix).last().map_or(0, |highest| highest + 1)
    }

    /// Numbers that stand after `prefix` in tensors' names, each once, in order.
    pub(crate) fn numbers(&self, prefix: &str) -> BTreeSet<usize> {
        let number = |name: &String| {
            name.strip_prefix(prefix)?.split_once('.')?.0.parse::<u16>().ok().map(usize::from)
        };
        self.tensors.keys().filter_map(number).collect()
    }

    /// Bytes of all tensors.
    pub(in crate::weights) fn bytes(&self) -> u64 {
        self.tensors.values().map(|e| e.bytes as u64).sum()
    }

    /// An error about a tensor.
    pub(crate) fn problem(&self, name: &str, what: impl Into<Localized>) -> EngineError {
        self.metadata.problem(of_tensor(name, what))
    }

    /// A tensor's block type and its bytes as they lie in the file, all scales finite.
    pub(super) fn raw(
        &self,
        name: &str,
        shape: &[usize],
    ) -> Result<(GgmlDType, Vec<u8>), EngineError> {
        let entry = self.tensor(name).ok_or_else(|| self.problem(name, FileFault::Absent))?;
        if entry.shape != shape {
            let (found, wanted) = (format!("{:?}", entry.shape), format!("{shape:?}"));
            return Err(self.problem(name, WeightFault::Shape { found, wanted }));
        }
        let block = entry.block.map_err(|number| {
            let known: Vec<&str> = (0..64).filter_map(blocks::block).map(type_name).collect();
            let known = known.join(", ");
            self.problem(
                name,
                match blocks::foreign(number) {
                    Some(kind) => GgufFault::ForeignType { kind: kind.to_owned(), known },
                    None => GgufFault::ForeignNumber { number, known },
                },
            )
        })?;
        let mut raw = vec![0; entry.bytes];
        self.location()
            .open()
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(entry.start))?;
                file.read_exact(&mut raw)
            })
            .map_err(|e| self.problem(name, unreadable(&e)))?;
        match blocks::not_finite(block, &raw) {
            Some(at) => Err(self.problem(name, WeightFault::NotFinite { at })),
            None => Ok((block, raw)),
        }
    }
}

fn of_tensor(name: &str, what: impl Into<Localized>) -> WeightFault {
    WeightFault::OfTensor { name: line(name), what: what.into() }
}

/// Reads a header piece by piece and knows where it is.
struct Reader<R> {
    from: R,
    path: Location,
    at: u64,
    size: u64,
    elements: u64,
}

impl<R: Read> Reader<R> {
    fn problem(&self, what: impl Into<Localized>) -> EngineError {
        EngineError::of_file(self.path.display(), what)
    }

    /// Refuses `bytes` more of the header where the file has not so many, or no header has.
    fn room(&self, bytes: u64) -> Result<(), EngineError> {
        let end = self.at.saturating_add(bytes);
        if end > self.size {
            return Err(self.problem(GgufFault::HeaderCut));
        }
        if end > MAX_HEADER {
            return Err(self.problem(GgufFault::HeaderTooLarge { mib: MAX_HEADER >> 20 }));
        }
        Ok(())
    }

    fn bytes(&mut self, n: u64) -> Result<Vec<u8>, EngineError> {
        self.room(n)?;
        let mut bytes = vec![0; n as usize];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EngineError> {
        self.room(bytes.len() as u64)?;
        match self.from.read_exact(bytes) {
            Ok(()) => {
                self.at += bytes.len() as u64;
                Ok(())
            }
            Err(e) => Err(self.problem(unreadable(&e))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EngineError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, EngineError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, EngineError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<String, EngineError> {
        let length = self.u64()?;
        let bytes = self.bytes(length)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A name, which an error calls `what`.
    fn name(&mut self, what: GgufFault) -> Result<String, EngineError> {
        let (bytes, what) = (self.u64()?, what.into());
        if bytes > MAX_NAME {
            return Err(self.problem(GgufFault::NameTooLong { what, bytes }));
        }
        let bytes = self.bytes(bytes)?;
        String::from_utf8(bytes).map_err(|_| self.problem(GgufFault::NameNoText { what }))
    }

    fn header(mut self) -> Result<Gguf, EngineError> {
        if self.size < 24 {
            return Err(self.problem(GgufFault::TooShort));
        }
        if &self.array::<4>()? != b"GGUF" {
            return Err(self.problem(GgufFault::NoGguf));
        }
        match self.u32()? {
            2 | 3 => {}
            version if version.swap_bytes() <= 3 => {
                return Err(self.problem(GgufFault::BigEndian));
            }
            version => return Err(self.problem(GgufFault::Version { version })),
        }
        let (tensors, keys) = (self.u64()?, self.u64()?);
        if tensors > MAX_COUNT {
            return Err(self.problem(GgufFault::TooManyTensors { n: tensors }));
        }
        if keys > MAX_COUNT {
            return Err(self.problem(GgufFault::TooManyKeys { n: keys }));
        }
        let mut values = HashMap::new();
        for _ in 0..keys {
            let key = self.name(GgufFault::AKey)?;
            let kind = self.u32()?;
            let value = self.value(kind, &key)?;
            if values.insert(key.clone(), value).is_some() {
                return Err(self.problem(GgufFault::KeyTwice { key: line(&key) }));
            }
        }
        let alignment = match values.get("general.alignment") {
            None => ALIGNMENT,
            Some(Value::Unsigned(n)) if n.is_power_of_two() && *n <= 1 << 20 => *n,
            Some(_) => {
                let (key, what) = ("general.alignment".to_owned(), GgufFault::NoPowerOfTwo.into());
                return Err(self.problem(GgufFault::OfKey { key, what }));
            }
        };
        let mut entries = HashMap::new();
        for _ in 0..tensors {
            let name = self.name(GgufFault::ATensorsName)?;
            let entry = self.tensor(&name)?;
            if entries.insert(name.clone(), entry).is_some() {
                return Err(self.problem(GgufFault::TensorTwice { name: line(&name) }));
            }
        }
        let data = self.at.next_multiple_of(alignment);
        for (name, entry) in &mut entries {
            let wrong = |what: GgufFault| self.problem(of_tensor(name, what));
            if !entry.start.is_multiple_of(alignment) {
                return Err(wrong(GgufFault::NotAligned { to: alignment }));
            }
            let start = data.checked_add(entry.start);
            let end = start.and_then(|s| s.checked_add(entry.bytes as u64));
            match (start, end) {
                (Some(start), Some(end)) if end <= self.size => entry.start = start,
                _ => return Err(wrong(GgufFault::Beyond { size: self.size })),
            }
        }
        Ok(Gguf { metadata: Metadata { location: self.path, values }, tensors: entries })
    }

    fn value(&mut self, kind: u32, key: &str) -> Result<Value, EngineError> {
        Ok(match kind {
            0 => Value::Unsigned(u64::from(self.array::<1>()?[0])),
            1 => Value::Signed(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Unsigned(u64::from(self.u32()?)),
            5 => Value::Signed(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Flag(self.array::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            9 => self.list(key)?,
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            kind => return Err(self.problem(GgufFault::UnknownType { key: line(key), kind })),
        })
    }

    fn list(&mut self, key: &str) -> Result<Value, EngineError> {
        let (kind, count) = (self.u32()?, self.u64()?);
        self.elements = self.elements.saturating_add(count);
        if self.elements > MAX_ELEMENTS {
            return Err(self.problem(GgufFault::TooManyElements { key: line(key), n: count }));
        }
        // The least an element can take: a text is at least its length.
        let least = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            _ => return Err(self.problem(GgufFault::UnknownList { key: line(key), kind })),
        };
        self.room(count * least)?;
        let mut texts = Vec::new();
        let mut integers = Vec::new();
        let mut floats = Vec::new();
        for _ in 0..count {
            match self.value(kind, key)? {
                Value::Text(text) => texts.push(text),
                Value::Unsigned(n) => integers.push(i64::try_from(n).unwrap_or(i64::MAX)),
                Value::Signed(n) => integers.push(n),
                Value::Float(n) => floats.push(n as f32),
                Value::Flag(flag) => integers.push(i64::from(flag)),
                _ => {}
            }
        }
        Ok(match kind {
            8 => Value::Texts(texts),
            6 | 12 => Value::Floats(floats),
            _ => Value::Integers(integers),
        })
    }

    /// A tensor's entry; `start` still counts from where the data begins.
    fn tensor(&mut self, name: &str) -> Result<Entry, EngineError> {
        let wrong = |r: &Self, what: GgufFault| r.problem(of_tensor(name, what));
        let dimensions = self.u32()?;
        if dimensions > 4 {
            return Err(wrong(self, GgufFault::Dimensions { n: dimensions }));
        }
        let mut shape = Vec::with_capacity(dimensions as usize);
        for _ in 0..dimensions {
            let size = self.u64()?;
            match u32::try_from(size) {
                Ok(size) if size > 0 => shape.push(size as usize),
                _ => return Err(wrong(self, GgufFault::Dimension { size })),
            }
        }
        // The file has the innermost dimension first.
        shape.reverse();
        let number = self.u32()?;
        let block = blocks::block(number).ok_or(number);
        let start = self.u64()?;
        let elements = shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
        let bytes = match (block, elements) {
            // Its size is not known; reading it is refused.
            (Err(_), Some(_)) => 0,
            (Ok(block), Some(elements)) => {
                let row = shape.last().copied().unwrap_or(1);
                if !row.is_multiple_of(block.block_size()) {
                    let (size, kind) = (block.block_size(), type_name(block).to_owned());
                    return Err(wrong(self, GgufFault::Rows { row, kind, size }));
                }
                (elements / block.block_size())
                    .checked_mul(block.type_size())
                    .ok_or_else(|| wrong(self, GgufFault::TooLarge))?
            }
            (_, None) => return Err(wrong(self, GgufFault::TooLarge)),
        };
        Ok(Entry { block, shape, start, bytes })
    }
}
