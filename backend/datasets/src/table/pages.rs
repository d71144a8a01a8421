//! Bounds on what the pages of a parquet file claim, which the parquet crate believes: it makes
//! room for a page's unpacked bytes before it unpacks them, and for as many levels as a page says
//! that it has.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, sink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Unpacked bytes that every page may have. Larger ones are pages of pictures, which are packed
/// already: they may unpack to [`MOST_RATIO`] times their packed size beyond this.
const PAGE: u64 = 64 << 20;
const MOST_RATIO: u64 = 8;
/// The type of a data page of the second version: its levels stand before what is packed, so that the
/// beginning of a gzip stream is not the page's.
const SECOND_VERSION: u64 = 3;
/// Values of the pages that one row is read from. Writers end a page after 20,000 rows or at a
/// mebibyte, and a row group at some millions of rows. A row that is a list may have all of them in memory.
const MOST_VALUES: u64 = 1 << 24;
const MOST_OF_LIST: u64 = 1 << 20;

/// A file whose pages claim no more than can be unpacked.
pub(super) struct Pages {
    file: File,
    gzip: Arc<AtomicBool>,
}

impl Pages {
    /// The other half says, once that is known, whether a column is packed with gzip.
    pub fn of(file: File) -> (Pages, Arc<AtomicBool>) {
        let gzip = Arc::new(AtomicBool::new(false));
        (Pages { file, gzip: Arc::clone(&gzip) }, gzip)
    }
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Pages {
    type T = NotBeyond;

    /// Reads from a place on, where a page's header begins.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut reader = self.file.get_read(start)?;
        // Where a header was looked at before, this is the page behind it.
        let (kind, unpacked, packed) = sizes(reader.fill_buf()?).unwrap_or_default();
        if kind == SECOND_VERSION && self.gzip.load(Ordering::Relaxed) {
            let why = "its pages are packed with gzip in their second version, which is not read; \
                       write it with zstd or snappy";
            return Err(ParquetError::General(why.to_owned()));
        }
        if unpacked > most(packed) {
            return Err(ParquetError::General(format!(
                "a page of {packed} bytes claims to unpack to {unpacked}"
            )));
        }
        Ok(NotBeyond(reader))
    }

    /// Reads a page. The decoder of gzip, unlike the others, goes on beyond what the page claims.
    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        let bytes = self.file.get_bytes(start, length)?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let most = most(length as u64);
            let mut unpacking = MultiGzDecoder::new(&bytes[..]).take(most + 1);
            // What is no gzip after all fails here, and its own decoder reads it.
            if io::copy(&mut unpacking, &mut sink()).is_ok_and(|unpacked| unpacked > most) {
                return Err(ParquetError::General(format!(
                    "a page of {length} bytes unpacks to more than {most}"
                )));
            }
        }
        Ok(bytes)
    }
}

/// A reader that fails at the file's end: what a header claims to hold is skipped without asking whether
/// there is anything, a billion times where it says so.
pub(super) struct NotBeyond(BufReader<File>);

impl Read for NotBeyond {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 if !into.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

/// Most unpacked bytes of a page of so many packed ones.
fn most(packed: u64) -> u64 {
    PAGE.saturating_add(packed.saturating_mul(MOST_RATIO))
}

/// A page header's type, unpacked and packed size: its first three fields in Thrift's compact protocol, as
/// every writer puts them. `None` for other bytes.
fn sizes(header: &[u8]) -> Option<(u64, u64, u64)> {
    /// A field that follows the one before it and holds an i32.
    const NEXT_I32: u8 = 0x15;
    let mut bytes = header.iter().copied();
    let mut field = || {
        if bytes.next()? != NEXT_I32 {
            return None;
        }
        let mut zigzag = 0;
        for shift in (0..35).step_by(7) {
            let byte = bytes.next()?;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // A negative size is the parquet crate's to refuse.
                return Some(if zigzag % 2 == 0 { zigzag / 2 } else { 0 });
            }
        }
        None
    };
    Some((field()?, field()?, field()?))
}

/// Counts the values of the pages that are read, and fails where they are too many for one row.
pub(super) struct Counted {
    pages: Box<dyn PageReader>,
    values: Arc<AtomicU64>,
    most: u64,
}

impl Counted {
    /// Counts into `values`, which its other holder sets back after each row.
    pub fn new(pages: Box<dyn PageReader>, values: Arc<AtomicU64>, list: bool) -> Counted {
        Counted { pages, values, most: if list { MOST_OF_LIST } else { MOST_VALUES } }
    }
}

impl PageReader for Counted {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            let added = u64::from(page.num_values());
            let values = self.values.fetch_add(added, Ordering::Relaxed).saturating_add(added);
            if values > self.most {
                return Err(ParquetError::General(format!(
                    "its pages claim {values} values here; at most {} are read",
                    self.most
                )));
            }
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        self.pages.take_deferred_dictionary()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for Counted {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_beyond_the_end_is_an_error() {
        let mut file = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut file, b"12345").expect("written");
        let mut reader = Pages::of(file).0.get_read(3).expect("a reader");
        let mut bytes = [0; 8];
        assert_eq!(reader.read(&mut bytes).expect("what is there"), 2);
        let kind = reader.read(&mut bytes).map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn sizes_of_a_header() {
        // Type 0, unpacked 300, packed 20, then whatever follows.
        assert_eq!(sizes(&[0x15, 0, 0x15, 0xd8, 0x04, 0x15, 40, 0x2c]), Some((0, 300, 20)));
        // The most an i32 holds.
        let most = [0x15, 0, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 0];
        assert_eq!(sizes(&most), Some((0, 0x7fff_ffff, 0)));
        assert_eq!(sizes(&[0x15, 0, 0x15, 0x01, 0x15, 40]), Some((0, 0, 20)));
        assert_eq!(sizes(b"PAR1\x15\0\x15\0"), None);
        assert_eq!(sizes(&[0x15, 0, 0x15]), None);
        assert_eq!(sizes(&[0x15, 0, 0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
