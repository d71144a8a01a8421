//! Reading a large table holds a page, not a row group and not a file.
#![allow(clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::{Cell, Leaf, opened, picture, pictures, string};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// Counts what is allocated now, and the most that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROWS: usize = 200;
const PICTURE: usize = 400_000;

/// What no compressor makes smaller, different for each row.
fn noise(row: usize, bytes: usize) -> Vec<u8> {
    let mut state = row as u64 + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    };
    (0..bytes / 8).flat_map(|_| next()).collect()
}

#[test]
fn a_table_of_large_pictures_is_read_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.parquet");
    {
        let cells: Vec<Cell> = (0..ROWS).map(|row| Cell::Picture(noise(row, PICTURE))).collect();
        let [bytes, paths] = pictures(&cells);
        let prompts = Leaf::texts((0..ROWS).map(|_| Some("What is this?")));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            .set_write_batch_size(1)
            .set_data_page_size_limit(1 << 20);
        let fields = [picture("image"), string("prompt")];
        common::write_with(&file, &fields, &[bytes, paths, prompts], 100, properties);
    }
    let size = std::fs::metadata(&file).unwrap().len() as usize;
    assert!(size > ROWS * PICTURE);
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let set = opened(&format!("parquet:{}", file.display()));
    for row in (0..ROWS).chain([3, 150, 150, 20]) {
        let sample = set.sample(row as u64).unwrap();
        assert_eq!(sample.picture.len(), PICTURE);
        assert_eq!(sample.picture[..64], noise(row, 64));
    }
    let most = MOST.load(Relaxed) - before;
    // Three pictures make a page of 1.2 MB; a page is there compressed and not, the sample twice,
    // and this test makes one more. A row group would be 40 MB.
    assert!(most < 6 << 20, "{most} bytes of {size}");
}
