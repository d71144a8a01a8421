//! One leaf of a parquet schema, and the reader that goes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::basic::Type as Physical;
use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use super::Kind;
use super::pages::Counted;

/// Records of a list that are gone over at once: each may hold pictures.
const READ_OVER: usize = 16;

/// Where a column's values lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// Its number among the schema's leaves.
    pub index: usize,
    /// The definition level of a value that is there.
    defined: i16,
    /// Whether a row has a list of them.
    list: bool,
}

/// A row's values.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Those that are there, numbers as text.
    pub items: Vec<Vec<u8>>,
    /// How many are not.
    pub nulls: usize,
    /// Whether they are a list's.
    pub list: bool,
}

/// Finds a column's leaf.
///
/// # Errors
/// What the column is instead, to follow the file's name.
pub(super) fn find(
    schema: &SchemaDescriptor,
    name: &str,
    kind: Kind,
) -> std::result::Result<Leaf, String> {
    let leaves = schema.columns().iter().enumerate();
    let under: Vec<_> = leaves.filter(|(_, c)| c.path().parts()[0] == name).collect();
    let field = |wanted: &str| {
        let last = |parts: &[String]| parts.len() > 1 && parts.last().is_some_and(|p| p == wanted);
        under.iter().find(|(_, c)| last(c.path().parts()))
    };
    let found = match kind {
        Kind::Path => field("path"),
        Kind::Picture => field("bytes").or(under.first().filter(|_| under.len() == 1)),
        Kind::Text => under.first().filter(|_| under.len() == 1),
    };
    let Some(&(index, column)) = found else {
        return Err(match (under.len(), kind) {
            (0, _) => format!("there is no column '{name}'; it has {}.", listed(schema)),
            (_, Kind::Text) => format!("the column '{name}' is a structure, no text."),
            _ => format!("the column '{name}' is a structure without 'bytes', no picture."),
        });
    };
    let physical = column.physical_type();
    let whole = matches!(physical, Physical::INT32 | Physical::INT64);
    if column.max_rep_level() > 1 {
        return Err(format!("the column '{name}' holds lists of lists."));
    }
    if physical != Physical::BYTE_ARRAY && !(whole && kind == Kind::Text) {
        let wanted = if kind == Kind::Text { "texts" } else { "a picture file's bytes" };
        return Err(format!("the column '{name}' holds {physical}, not {wanted}."));
    }
    Ok(Leaf { index, defined: column.max_def_level(), list: column.max_rep_level() == 1 })
}

fn listed(schema: &SchemaDescriptor) -> String {
    let names = schema.root_schema().get_fields().iter().map(|field| field.name());
    crate::record::listed(names)
}

/// Reads a leaf of one row group forward.
pub(super) struct LeafReader {
    column: ColumnReader,
    /// Values of the pages that were read for the row at hand.
    values: Arc<AtomicU64>,
    /// The row that comes next.
    next: u64,
    /// The row before it: one sample is often asked for several times.
    last: Option<Values>,
}

impl LeafReader {
    pub fn new(column: ColumnDescPtr, pages: Box<dyn PageReader>) -> LeafReader {
        let values = Arc::new(AtomicU64::new(0));
        let pages = Counted::new(pages, Arc::clone(&values), column.max_rep_level() > 0);
        let column = get_column_reader(column, Box::new(pages));
        LeafReader { column, values, next: 0, last: None }
    }

    /// Whether a row can still be read.
    pub fn reaches(&self, row: u64) -> bool {
        self.next <= row || (self.next == row + 1 && self.last.is_some())
    }

    /// Reads the values of a row that it reaches. A reader that fails is gone.
    pub fn read(mut self, leaf: &Leaf, row: u64) -> Result<(LeafReader, Values)> {
        if let Some(last) = self.last.take().filter(|_| self.next == row + 1) {
            self.last = Some(last.clone());
            return Ok((self, last));
        }
        let skip = usize::try_from(row.saturating_sub(self.next)).unwrap_or(usize::MAX);
        let pages = &self.values;
        let values = match &mut self.column {
            ColumnReader::ByteArrayColumnReader(c) => {
                one(c, leaf, skip, pages, |v: ByteArray| v.data().to_vec())
            }
            ColumnReader::Int32ColumnReader(c) => {
                one(c, leaf, skip, pages, |v| v.to_string().into())
            }
            ColumnReader::Int64ColumnReader(c) => {
                one(c, leaf, skip, pages, |v| v.to_string().into())
            }
            _ => Err(ParquetError::General("its type changed since it was opened".to_owned())),
        }?;
        self.next = row + 1;
        self.last = Some(values.clone());
        Ok((self, values))
    }
}

fn one<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    leaf: &Leaf,
    skip: usize,
    pages: &AtomicU64,
    bytes: impl Fn(T::T) -> Vec<u8>,
) -> Result<Values> {
    let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let skipped = if leaf.list {
        read_over(column, skip, pages)?
    } else {
        pages.store(0, Ordering::Relaxed);
        column.skip_records(skip)?
    };
    pages.store(0, Ordering::Relaxed);
    let (records, ..) =
        column.read_records(1, Some(&mut defined), Some(&mut repeated), &mut values)?;
    if skipped != skip || records != 1 {
        return Err(ParquetError::EOF("the column ends before this row".to_owned()));
    }
    let nulls = defined.iter().filter(|&&level| level < leaf.defined).count();
    Ok(Values { items: values.into_iter().map(bytes).collect(), nulls, list: leaf.list })
}

/// Goes over records of a list by reading them. parquet's own `skip_records` asks for ever where the
/// repetition levels of a damaged page end early; `read_records` says that they do.
fn read_over<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    records: usize,
    pages: &AtomicU64,
) -> Result<usize> {
    let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut over = 0;
    while over < records {
        pages.store(0, Ordering::Relaxed);
        let most = READ_OVER.min(records - over);
        let (read, ..) =
            column.read_records(most, Some(&mut defined), Some(&mut repeated), &mut values)?;
        if read == 0 {
            break;
        }
        over += read;
        defined.clear();
        repeated.clear();
        values.clear();
    }
    Ok(over)
}
