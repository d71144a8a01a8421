//! Whatever the bytes of a list of texts or of a parquet file are: texts, or one sentence.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[allow(clippy::module_inception, reason = "the loop that all fuzzing shares")]
#[path = "../../../tests/fuzz/mod.rs"]
mod fuzz;

use std::path::Path;

use crate::literal;
use crate::table::Table;

#[test]
fn fuzz_literal() {
    let words: [&[u8]; 12] = [
        b"\"\"\"",
        b"'''",
        b"\\N{LATIN SMALL LETTER A}",
        b"\\N{",
        b"\\x",
        b"\\u12",
        b"\\U0011ffff",
        b"\\777",
        b"\\\r\n",
        b"[[[[[[[[",
        b"rb'",
        b"('x')",
    ];
    fuzz::each("literal", &fuzz::corpus("literal"), &words, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match literal::list(&text) {
            // No escape is shorter than what it stands for, but names of sequences.
            Ok(texts) => {
                assert!(texts.iter().map(String::len).sum::<usize>() <= 4 * text.len());
                true
            }
            Err(why) => {
                assert!(!why.is_empty() && !why.ends_with('.'), "{why}");
                false
            }
        }
    });
}

/// What a table says is wrong with a file.
fn is_told(why: &str) {
    assert!(why.contains("damaged.parquet") && why.len() < 4000, "{why}");
}

/// Reads the first rows of every column of a file, as texts and as pictures.
fn rows(path: &Path) -> Result<u64, String> {
    let mut table = Table::open(vec![path.to_owned()])?;
    let columns = table.columns();
    let texts: Vec<_> = columns.iter().filter_map(|name| table.text(name).ok()).collect();
    let pictures: Vec<_> = columns.iter().filter_map(|name| table.picture(name).ok()).collect();
    let last = table.rows().saturating_sub(1);
    for row in [0, 1, last] {
        for column in &texts {
            let _ = table.read_text(*column, row);
        }
        for column in &pictures {
            if matches!(table.read_picture(*column, row), Ok(None)) {
                let _ = table.no_picture(*column, row).to_string();
            }
        }
    }
    Ok(table.rows())
}

#[test]
fn fuzz_parquet() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let corpus = ["columns.parquet", "listed.parquet"]
        .map(|name| std::fs::read(fixtures.join(name)).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    let words: [&[u8]; 5] =
        [b"PAR1", b"\x15\x00", b"\xff\xff\xff\xff\x0f", b"\x7f\0\0\0PAR1", b"\x19\xfc"];
    fuzz::each("parquet", &corpus, &words, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        match rows(&path) {
            Ok(_) => true,
            Err(why) => {
                is_told(&why);
                false
            }
        }
    });
}

/// parquet's `skip_records` never ended on it.
#[test]
fn levels_that_end_early_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/levels-end-early.parquet");
    std::fs::copy(fixture, &path).unwrap();
    let mut table = Table::open(vec![path]).unwrap();
    let mut said = String::new();
    for name in table.columns() {
        let Ok(column) = table.text(&name) else { continue };
        let last = table.rows() - 1;
        said.extend(table.read_text(column, last).err().map(|why| why.to_string()));
    }
    for name in table.columns() {
        let Ok(column) = table.picture(&name) else { continue };
        let last = table.rows() - 1;
        said.extend(table.read_picture(column, last).err().map(|why| why.to_string()));
    }
    assert!(said.contains("Insufficient repetition levels"), "{said}");
}
