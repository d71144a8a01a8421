//! A dataset's files: in a folder, or carried inside the program.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Component, Path, PathBuf};

use crate::error::Fault;
use crate::inline;
use crate::record::shortened;

/// Most bytes a picture file may have.
pub(crate) const MAX_PICTURE: u64 = 64 << 20;

/// A folder of files; nothing outside it is read through it.
#[derive(Clone, Debug)]
pub enum Files {
    /// On disk.
    Folder(PathBuf),
    /// Inside the program: paths with forward slashes, and contents.
    Inside(Vec<(&'static str, &'static [u8])>),
}

/// What can be read from its middle.
pub(crate) trait Text: BufRead + Seek + Send {}
impl<T: BufRead + Seek + Send> Text for T {}

impl Files {
    /// Opens a file by its path inside the folder.
    ///
    /// # Errors
    /// `PermissionDenied` where the path leads outside, links included; else what the system says.
    pub(crate) fn open(&self, path: &str) -> io::Result<Box<dyn Text>> {
        match self {
            Files::Folder(root) => Ok(Box::new(BufReader::new(File::open(inside(root, path)?)?))),
            Files::Inside(files) => {
                let found = files.iter().find(|(name, _)| *name == path);
                let (_, bytes) = found.ok_or(io::ErrorKind::NotFound)?;
                Ok(Box::new(Cursor::new(*bytes)))
            }
        }
    }

    /// A picture file's bytes; `column` is what named it, or holds the picture itself as text.
    pub(crate) fn picture(&self, path: &str, column: &str) -> Result<Vec<u8>, Fault> {
        if let Some(bytes) = inline::picture(path.as_bytes()) {
            return checked(bytes.map_err(|why| Fault::unreadable(column, why))?, column);
        }
        let mut bytes = Vec::new();
        let read =
            self.open(path).and_then(|file| file.take(MAX_PICTURE + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return Err(Fault::unreadable(
                column,
                format!("'{}' {}", shortened(path), because(&error)),
            ));
        }
        checked(bytes, column)
    }
}

/// Why a text file that begins like this cannot be read, to follow its name: `None` where it can.
pub(crate) fn not_utf8(start: &[u8]) -> Option<&'static str> {
    let marked = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    // Without a mark, every other byte of plain UTF-16 is nought.
    let plain = start.len() >= 4 && start[..4].iter().filter(|byte| **byte == 0).count() == 2;
    (marked || plain).then_some("is UTF-16; save it as UTF-8")
}

/// Opens a text file, and refuses what is plainly in another encoding.
pub(crate) fn text_of(files: &Files, path: &str) -> io::Result<Box<dyn Text>> {
    let mut file = files.open(path)?;
    match not_utf8(file.fill_buf()?) {
        Some(why) => Err(io::Error::new(io::ErrorKind::InvalidData, why)),
        None => Ok(file),
    }
}

/// A picture's bytes if they are not none and not too many.
pub(crate) fn checked(bytes: Vec<u8>, column: &str) -> Result<Vec<u8>, Fault> {
    let column = || column.to_owned();
    match bytes.len() as u64 {
        0 => Err(Fault::EmptyPicture { column: column() }),
        bytes if bytes > MAX_PICTURE => {
            Err(Fault::PictureTooLarge { column: column(), bytes, limit: MAX_PICTURE })
        }
        _ => Ok(bytes),
    }
}

/// Where a path inside a folder leads, links followed.
fn inside(root: &Path, path: &str) -> io::Result<PathBuf> {
    let plain =
        Path::new(path).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || !plain {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let whole = root.join(path).canonicalize()?;
    if !whole.starts_with(root.canonicalize()?) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    if whole.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(whole)
}

/// What became of a file, in words that follow its name.
pub(crate) fn because(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "is not there".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "leads outside the dataset or may not be read".to_owned()
        }
        io::ErrorKind::IsADirectory => "is a folder".to_owned(),
        io::ErrorKind::InvalidFilename => "has a name that no file can have".to_owned(),
        io::ErrorKind::InvalidData => error.to_string(),
        _ => format!("cannot be read ({error})"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn nothing_outside_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("set");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(outer.path().join("secret.png"), b"secret").unwrap();
        std::fs::write(root.join("sub/a.png"), b"a").unwrap();
        std::fs::write(root.join("none.png"), b"").unwrap();
        let files = Files::Folder(root.clone());
        assert_eq!(files.picture("sub/a.png", "image").unwrap(), b"a");
        assert_eq!(files.picture("./sub/a.png", "image").unwrap(), b"a");
        for path in ["../secret.png", "/etc/hostname", "sub/../../secret.png", "", "sub"] {
            assert!(
                matches!(files.picture(path, "image"), Err(Fault::Unreadable { .. })),
                "{path}"
            );
        }
        let empty = Fault::EmptyPicture { column: "image".into() };
        assert_eq!(files.picture("none.png", "image"), Err(empty));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret.png", root.join("link.png")).unwrap();
            std::os::unix::fs::symlink("sub/a.png", root.join("fine.png")).unwrap();
            let outside = files.picture("link.png", "image").unwrap_err().to_string();
            assert!(outside.contains("leads outside"), "{outside}");
            assert_eq!(files.picture("fine.png", "image").unwrap(), b"a");
        }
    }

    #[test]
    fn too_large_a_picture_is_refused_with_its_limit() {
        let outer = tempfile::tempdir().unwrap();
        let file = File::create(outer.path().join("big.bmp")).unwrap();
        // A hole: no bytes are written.
        file.set_len(MAX_PICTURE + 10).unwrap();
        let files = Files::Folder(outer.path().to_owned());
        let fault = files.picture("big.bmp", "image").unwrap_err();
        assert!(matches!(fault, Fault::PictureTooLarge { limit: MAX_PICTURE, .. }), "{fault}");
    }
}
