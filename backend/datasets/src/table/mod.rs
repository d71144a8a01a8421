//! Tables in parquet files, read one cell at a time.
//!
//! A row group's columns are read forward, each by a reader of its own that holds one page. What
//! lies before a wanted row is skipped page by page without being read; going back opens the row
//! group again. A cell that cannot be read costs its column's reader, nothing else.

mod leaf;
mod pages;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetStatisticsPolicy;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use parquet::schema::types::SchemaDescPtr;

use crate::error::Fault;
use crate::files::because;
use crate::fingerprint::Fingerprint;
use crate::inline;
use crate::record::shortened;
use leaf::{Leaf, LeafReader};
use pages::Pages;

/// Most rows of a file: going over so many that take no space still takes no longer than seconds.
const MOST_ROWS: u64 = 1 << 24;

/// The rows of parquet files, one file after the other.
pub(crate) struct Table {
    shards: Vec<Shard>,
    /// The leaves that are read; a [`Column`] counts them.
    wanted: Vec<Wanted>,
    rows: u64,
    cursor: Mutex<Option<Cursor>>,
}

/// A column that a table was told to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column(usize);

/// What a cell of a text column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(String),
    List(Vec<String>),
}

/// What a column is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Texts and whole numbers, or lists of them.
    Text,
    /// A picture file's bytes, alone or as the hub's `struct {bytes, path}`.
    Picture,
    /// That structure's path.
    Path,
}

struct Wanted {
    name: String,
    /// Its place in each file; `None` where a file has no such leaf.
    leaves: Vec<Option<Leaf>>,
}

struct Shard {
    path: PathBuf,
    /// Its first row in the table.
    first: u64,
    /// The row after each row group's last, counted from the file's first.
    ends: Vec<u64>,
    schema: SchemaDescPtr,
    /// By leaf: how it is packed, where that cannot be read.
    unread: Vec<Option<String>>,
}

/// The row group that was read last.
struct Cursor {
    shard: usize,
    group: usize,
    file: SerializedFileReader<Pages>,
    readers: Vec<Option<LeafReader>>,
}

impl Table {
    /// Opens files as one table: reads their ends, which say what lies where.
    ///
    /// # Errors
    /// A sentence about the file that cannot be read, named as it is called in its folder.
    pub fn open(mut paths: Vec<PathBuf>) -> Result<Table, String> {
        paths.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then(a.cmp(b)));
        let (mut shards, mut rows) = (Vec::new(), 0);
        for path in paths {
            let file = open(&path)?;
            let metadata = file.metadata();
            let mut end: u64 = 0;
            let ends = metadata.row_groups().iter().map(|group| {
                end = end.saturating_add(u64::try_from(group.num_rows()).unwrap_or_default());
                end
            });
            let ends: Vec<u64> = ends.collect();
            if i64::try_from(end) != Ok(metadata.file_metadata().num_rows()) {
                let name = file_name(&path);
                return Err(format!("{name} is damaged: it does not say how many rows it has."));
            }
            if end > MOST_ROWS {
                let name = file_name(&path);
                return Err(format!(
                    "{name} says that it has {end} rows; at most {MOST_ROWS} are read."
                ));
            }
            let schema = metadata.file_metadata().schema_descr_ptr();
            let mut unread = vec![None; schema.num_columns()];
            for group in metadata.row_groups() {
                for (unread, column) in unread.iter_mut().zip(group.columns()) {
                    let codec = column.compression();
                    // What brotli unpacks to is bounded by nothing that the parquet crate checks.
                    if matches!(codec, Compression::LZO | Compression::BROTLI(_)) {
                        *unread = Some(codec.to_string());
                    }
                }
            }
            shards.push(Shard { path, first: rows, ends, schema, unread });
            rows = u64::saturating_add(rows, end);
        }
        Ok(Table { shards, wanted: Vec::new(), rows, cursor: Mutex::new(None) })
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The names of the first file's columns.
    pub fn columns(&self) -> Vec<String> {
        let Some(shard) = self.shards.first() else { return Vec::new() };
        shard.schema.root_schema().get_fields().iter().map(|f| f.name().to_owned()).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.columns().iter().any(|column| column == name)
    }

    /// Adds a column of texts or whole numbers, or of lists of them.
    ///
    /// # Errors
    /// A sentence where a file has no such column or it holds something else.
    pub fn text(&mut self, name: &str) -> Result<Column, String> {
        self.want(name, Kind::Text)
    }

    /// Adds a column of pictures.
    ///
    /// # Errors
    /// A sentence where a file has no such column or it holds something else.
    pub fn picture(&mut self, name: &str) -> Result<Column, String> {
        let picture = self.want(name, Kind::Picture)?;
        // Follows its picture, whether files have it or not.
        let find = |shard: &Shard| leaf::find(&shard.schema, name, Kind::Path).ok();
        let leaves = self.shards.iter().map(find).collect();
        self.wanted.push(Wanted { name: name.to_owned(), leaves });
        Ok(picture)
    }

    fn want(&mut self, name: &str, kind: Kind) -> Result<Column, String> {
        let find = |shard: &Shard| {
            let found = leaf::find(&shard.schema, name, kind);
            let leaf = found.map_err(|why| format!("in {} {why}", file_name(&shard.path)))?;
            match shard.unread.get(leaf.index) {
                Some(Some(codec)) => Err(format!(
                    "in {} the column '{}' is packed with {codec}, which is not read; write it \
                     with zstd or snappy.",
                    file_name(&shard.path),
                    shortened(name)
                )),
                _ => Ok(Some(leaf)),
            }
        };
        let leaves = self.shards.iter().map(find).collect::<Result<_, _>>()?;
        self.wanted.push(Wanted { name: name.to_owned(), leaves });
        Ok(Column(self.wanted.len() - 1))
    }

    /// Adds what tells these files from others.
    pub fn identify(&self, print: &mut Fingerprint) -> Result<(), String> {
        for Shard { path, .. } in &self.shards {
            print.text(file_name(path));
            let added = File::open(path).and_then(|file| print.content(file));
            added.map_err(|e| format!("{} {}.", file_name(path), because(&e)))?;
        }
        Ok(())
    }

    /// A cell's text or texts; `None` where it is null.
    pub fn read_text(&self, column: Column, row: u64) -> Result<Option<Cell>, Fault> {
        let name = &self.wanted[column.0].name;
        let values = self.read(column.0, row)?;
        let mut texts = Vec::with_capacity(values.items.len());
        for item in values.items {
            texts.push(String::from_utf8(item).map_err(|e| {
                let at = e.utf8_error().valid_up_to() + 1;
                Fault::unreadable(name, format!("its byte {at} is not UTF-8"))
            })?);
        }
        if values.nulls > 0 && !texts.is_empty() {
            return Err(Fault::unreadable(name, "one of its texts is null"));
        }
        Ok(if values.list {
            (!texts.is_empty()).then_some(Cell::List(texts))
        } else {
            texts.pop().map(Cell::Text)
        })
    }

    /// A picture's bytes, of any number; `None` where it has none, not even none.
    pub fn read_picture(&self, column: Column, row: u64) -> Result<Option<Vec<u8>>, Fault> {
        let mut items = self.read(column.0, row)?.items;
        match items.len() {
            0 | 1 => match items.pop() {
                Some(bytes) => match inline::picture(&bytes) {
                    Some(read) => {
                        read.map(Some).map_err(|why| Fault::unreadable(self.name(column), why))
                    }
                    None => Ok(Some(bytes)),
                },
                None => Ok(None),
            },
            several => Err(Fault::SeveralPictures(several)),
        }
    }

    /// The fault of a row whose picture is `None`.
    pub fn no_picture(&self, column: Column, row: u64) -> Fault {
        let path = self.read(column.0 + 1, row).ok().and_then(|v| v.items.into_iter().next());
        let path = path.map(|path| String::from_utf8_lossy(&path).into_owned());
        let elsewhere = path.map(|path| shortened(&path));
        Fault::NoPicture { column: self.name(column).to_owned(), elsewhere }
    }

    /// A column's name.
    pub fn name(&self, column: Column) -> &str {
        &self.wanted[column.0].name
    }

    fn read(&self, wanted: usize, row: u64) -> Result<leaf::Values, Fault> {
        let name = &self.wanted[wanted].name;
        if row >= self.rows {
            return Err(Fault::NoSuchRow { rows: self.rows });
        }
        let (shard, group, at) = self.find(row);
        let Some(leaf) = &self.wanted[wanted].leaves[shard] else {
            return Ok(leaf::Values::default());
        };
        let broken = |e: ParquetError| Fault::unreadable(name, told(&e));
        let mut cursor = self.cursor();
        let cursor = match &mut *cursor {
            Some(cursor) if cursor.shard == shard => cursor,
            other => {
                let path = &self.shards[shard].path;
                let file = open(path).map_err(|why| Fault::unreadable(name, why))?;
                other.insert(Cursor { shard, group, file, readers: Vec::new() })
            }
        };
        if cursor.group != group {
            (cursor.group, cursor.readers) = (group, Vec::new());
        }
        cursor.readers.resize_with(self.wanted.len(), || None);
        let reader = match cursor.readers[wanted].take().filter(|reader| reader.reaches(at)) {
            Some(reader) => reader,
            None => guarded(|| {
                let group = cursor.file.get_row_group(group)?;
                let column = group.metadata().schema_descr().column(leaf.index);
                Ok(LeafReader::new(column, group.get_column_page_reader(leaf.index)?))
            })
            .map_err(broken)?,
        };
        let (reader, values) = guarded(|| reader.read(leaf, at)).map_err(broken)?;
        cursor.readers[wanted] = Some(reader);
        Ok(values)
    }

    /// The file, the row group in it and the row in that, of a row that exists.
    fn find(&self, row: u64) -> (usize, usize, u64) {
        let shard = self.shards.partition_point(|s| s.first <= row && s.end() <= row);
        let Shard { first, ends, .. } = &self.shards[shard];
        let group = ends.partition_point(|&end| first + end <= row);
        let before = group.checked_sub(1).map_or(0, |g| ends[g]);
        (shard, group, row - first - before)
    }

    fn cursor(&self) -> MutexGuard<'_, Option<Cursor>> {
        // A reader that was lost on the way is simply not there.
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// The row in the table after its last.
    fn end(&self) -> u64 {
        self.first + self.ends.last().copied().unwrap_or_default()
    }
}

fn open(path: &Path) -> Result<SerializedFileReader<Pages>, String> {
    let name = file_name(path);
    let file = File::open(path).map_err(|e| format!("{name} {}.", because(&e)))?;
    let options = ReadOptionsBuilder::new()
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .build();
    let (pages, gzip) = Pages::of(file);
    let file = guarded(|| SerializedFileReader::new_with_options(pages, options))
        .map_err(|e| format!("{name} is no parquet file that can be read ({}).", told(&e)))?;
    let mut columns = file.metadata().row_groups().iter().flat_map(|group| group.columns());
    let packed = columns.any(|column| matches!(column.compression(), Compression::GZIP(_)));
    gzip.store(packed, Ordering::Relaxed);
    Ok(file)
}

/// Runs the parquet crate, which panics over some damaged files where it should fail. What it was
/// working on is given up, so that nothing half done is seen again.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ParquetError::General("the file is damaged here".to_owned())))
}

/// What a file is called in its folder.
fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or("a file")
}

/// What the parquet reader says, without its own prefix and full stop.
fn told(error: &ParquetError) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("Parquet error: ").unwrap_or(&text);
    text.trim_end_matches('.').to_owned()
}
