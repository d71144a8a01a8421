//! Parquet files as tests need them, written by the parquet crate.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses a part; tests may fail")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::{Dataset, Files, Paths, Places, open};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A leaf's values, one a row: its definition level, and the bytes where there are any.
pub enum Leaf {
    Bytes(Vec<(i16, Option<Vec<u8>>)>),
    Int64(Vec<i64>),
    /// Lists of so many nulls.
    Lists(Vec<usize>),
}

impl Leaf {
    /// Optional texts.
    pub fn texts<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Leaf {
        let cell = |text: Option<&str>| (i16::from(text.is_some()), text.map(|t| t.into()));
        Leaf::Bytes(texts.into_iter().map(cell).collect())
    }

    /// Optional bytes that need not be text.
    pub fn bytes(cells: Vec<Option<Vec<u8>>>) -> Leaf {
        Leaf::Bytes(cells.into_iter().map(|cell| (i16::from(cell.is_some()), cell)).collect())
    }

    fn rows(&self) -> usize {
        match self {
            Leaf::Bytes(rows) => rows.len(),
            Leaf::Int64(rows) => rows.len(),
            Leaf::Lists(rows) => rows.len(),
        }
    }
}

/// A cell of a column of pictures, as the hub stores them.
#[derive(Clone)]
pub enum Cell {
    /// No structure.
    Null,
    /// A structure without bytes, with a path.
    Path(&'static str),
    /// A picture's bytes.
    Picture(Vec<u8>),
}

/// The schema of a column of pictures, and of one of texts.
pub fn picture(name: &str) -> String {
    format!("optional group {name} {{ optional binary bytes; optional binary path (STRING); }}")
}

pub fn string(name: &str) -> String {
    format!("optional binary {name} (STRING);")
}

/// The two leaves of a column of pictures.
pub fn pictures(cells: &[Cell]) -> [Leaf; 2] {
    let bytes = cells.iter().map(|cell| match cell {
        Cell::Null => (0, None),
        Cell::Path(_) => (1, None),
        Cell::Picture(bytes) => (2, Some(bytes.clone())),
    });
    let paths = cells.iter().map(|cell| match cell {
        Cell::Null => (0, None),
        Cell::Path(path) => (2, Some(path.as_bytes().to_vec())),
        Cell::Picture(_) => (1, None),
    });
    [Leaf::Bytes(bytes.collect()), Leaf::Bytes(paths.collect())]
}

/// Writes leaves as a file whose row groups have so many rows.
pub fn write(path: &Path, fields: &[String], leaves: &[Leaf], group: usize) {
    write_with(path, fields, leaves, group, WriterProperties::builder());
}

pub fn write_with(
    path: &Path,
    fields: &[String],
    leaves: &[Leaf],
    group: usize,
    properties: WriterPropertiesBuilder,
) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = format!("message schema {{ {} }}", fields.join(" "));
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = File::create(path).unwrap();
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let rows = leaves[0].rows();
    for first in (0..rows).step_by(group) {
        let part = first..rows.min(first + group);
        let mut row_group = writer.next_row_group().unwrap();
        for leaf in leaves {
            let mut column = row_group.next_column().unwrap().expect("a leaf for each column");
            match leaf {
                Leaf::Bytes(cells) => {
                    let cells = &cells[part.clone()];
                    let levels: Vec<i16> = cells.iter().map(|(level, _)| *level).collect();
                    let values: Vec<ByteArray> =
                        cells.iter().filter_map(|(_, v)| v.clone()).map(ByteArray::from).collect();
                    let column = column.typed::<ByteArrayType>();
                    column.write_batch(&values, Some(&levels), None).unwrap();
                }
                Leaf::Lists(lengths) => {
                    let lengths = &lengths[part.clone()];
                    let defined = vec![2; lengths.iter().sum()];
                    let repeated: Vec<i16> =
                        lengths.iter().flat_map(|&n| (0..n).map(|i| i16::from(i > 0))).collect();
                    let column = column.typed::<ByteArrayType>();
                    column.write_batch(&[], Some(&defined), Some(&repeated)).unwrap();
                }
                Leaf::Int64(cells) => {
                    let column = column.typed::<Int64Type>();
                    column.write_batch(&cells[part.clone()], None, None).unwrap();
                }
            }
            column.close().unwrap();
        }
        assert!(row_group.next_column().unwrap().is_none(), "a column for each leaf");
        row_group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Pictures of our own: the demo dataset's.
pub fn own_picture(number: usize) -> Vec<u8> {
    std::fs::read(demo().join(format!("images/{number:04}.png"))).unwrap()
}

pub fn demo() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/demo")).to_owned()
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

/// Places from which any path may be read.
pub fn anywhere() -> Places<'static> {
    Places { demo: Files::Folder(demo()), paths: Paths::Anywhere, hub: None }
}

pub fn opened(name: &str) -> Box<dyn Dataset> {
    open(name, &anywhere()).unwrap_or_else(|error| panic!("{error}"))
}

/// What opening says.
pub fn refused(name: &str) -> String {
    open(name, &anywhere()).err().expect("it opened").to_string()
}

/// What a row says is wrong with it.
pub fn wrong(dataset: &dyn Dataset, row: u64) -> String {
    dataset.sample(row).expect_err("the row is a sample").to_string()
}
