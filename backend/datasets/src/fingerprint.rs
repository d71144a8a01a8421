//! What tells one content of files from another.

use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use crate::files::Files;

/// Files up to this size count whole.
const WHOLE: u64 = 1 << 20;

/// A hash over files in the order they are added: SHA-256 over each one's path, length and bytes;
/// of a file larger than 1 MiB its first and last 512 KiB, so that gigabytes of parquet cost
/// nothing to open. (A parquet file's end says where each of its pages lies and how long it is.)
#[derive(Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a text, such as an option that changes what rows become.
    pub fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// Adds a file's content.
    pub fn content(&mut self, mut file: impl Read + Seek) -> io::Result<()> {
        let length = file.seek(SeekFrom::End(0))?;
        self.0.update(length.to_le_bytes());
        if length <= WHOLE {
            file.seek(SeekFrom::Start(0))?;
            self.part(&mut file, length)
        } else {
            file.seek(SeekFrom::Start(0))?;
            self.part(&mut file, WHOLE / 2)?;
            file.seek(SeekFrom::Start(length - WHOLE / 2))?;
            self.part(&mut file, WHOLE / 2)
        }
    }

    /// Adds a file of the dataset. One that cannot be read counts as such: its row tells why.
    pub fn file(&mut self, files: &Files, path: &str) {
        self.text(path);
        let added = files.open(path).and_then(|file| self.content(file));
        self.0.update([u8::from(added.is_ok())]);
    }

    fn part(&mut self, file: &mut impl Read, length: u64) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        let mut part = file.take(length);
        loop {
            let read = part.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.0.update(&buffer[..read]);
        }
    }

    /// The hash in lower-case hexadecimal.
    pub fn finish(self) -> String {
        shared::hex(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use super::*;

    fn of(bytes: &[u8]) -> String {
        let mut print = Fingerprint::default();
        print.content(Cursor::new(bytes)).unwrap();
        print.finish()
    }

    #[test]
    fn another_content_has_another_fingerprint() {
        let small = vec![7; 1000];
        let mut other = small.clone();
        other[500] = 8;
        assert_eq!(of(&small), of(&small.clone()));
        assert_ne!(of(&small), of(&other));
        let large = vec![7; 3 << 20];
        let mut end = large.clone();
        *end.last_mut().unwrap() = 8;
        let longer = vec![7; (3 << 20) + 1];
        assert_ne!(of(&large), of(&end));
        assert_ne!(of(&large), of(&longer));
    }
}
