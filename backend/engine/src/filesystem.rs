//! Where a model's files lie: a file system that has them, and a path in it. The disk is one file
//! system; files that are held in memory, such as those that a browser was handed, are another.
//!
//! Whatever the engine reads of a model goes through here. What it writes (converted weights, see
//! [`crate::WeightCache`]) is on the disk alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Cursor, Error, ErrorKind, Read, Result, Seek};
use std::path::{Component, Display, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Files by their paths, with `/` between the names of folders.
pub trait FileSystem {
    /// What is at a path.
    ///
    /// # Errors
    /// Nothing is there ([`ErrorKind::NotFound`]), or it may not be asked.
    fn info(&self, path: &Path) -> Result<FileInfo>;

    /// Paths of what lies in a folder, each the folder's own path and a name, in any order.
    ///
    /// # Errors
    /// There is no such folder, or it may not be read.
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>>;

    /// A file, to be read whole or a range of it.
    ///
    /// # Errors
    /// There is no such file, or it may not be read.
    fn open(&self, path: &Path) -> Result<Box<dyn Contents>>;

    /// What tells a file from any other, and from itself once it was changed, without reading it;
    /// `None` where the file system does not say.
    fn stamp(&self, path: &Path) -> Option<String> {
        let _ = path;
        None
    }
}

/// A file's bytes, which can be read from any place.
pub trait Contents: Read + Seek {}

impl<T: Read + Seek> Contents for T {}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Bytes of a file.
    pub len: u64,
    /// Whether it is a file.
    pub is_file: bool,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl FileSystem for Disk {
    fn info(&self, path: &Path) -> Result<FileInfo> {
        let about = std::fs::metadata(path)?;
        Ok(FileInfo { len: about.len(), is_file: about.is_file(), is_folder: about.is_dir() })
    }

    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        Ok(std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Contents>> {
        Ok(Box::new(std::fs::File::open(path)?))
    }

    fn stamp(&self, path: &Path) -> Option<String> {
        let path = path.canonicalize().ok()?;
        let metadata = path.metadata().ok()?;
        let modified = metadata.modified().ok()?;
        let stamp = format!("{}\0{}\0{modified:?}\0", path.display(), metadata.len());
        #[cfg(unix)]
        let stamp = {
            use std::os::unix::fs::MetadataExt;
            let m = &metadata;
            let inode = (m.dev(), m.ino(), m.ctime(), m.ctime_nsec());
            format!("{stamp}{inode:?}\0")
        };
        Some(stamp)
    }
}

/// Files that are held in memory, by their paths; folders are what paths lead through. Clones share
/// the files' bytes.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    files: BTreeMap<PathBuf, Bytes>,
}

impl InMemory {
    /// Adds a file, in place of one of the same path.
    pub fn insert(&mut self, path: impl AsRef<Path>, bytes: Vec<u8>) {
        self.files.insert(plain(path.as_ref()), Bytes(Arc::new(bytes)));
    }

    /// The location of a path among these files; an empty path is the folder of all of them.
    pub fn at(self, path: impl Into<PathBuf>) -> Location {
        Location::new(Rc::new(self), path)
    }

    /// Names in a folder; none where there is no such folder.
    fn names(&self, folder: &Path) -> BTreeSet<&Path> {
        let folder = plain(folder);
        let below = self.files.keys().filter_map(|path| path.strip_prefix(&folder).ok());
        below.filter_map(|rest| rest.iter().next().map(Path::new)).collect()
    }
}

impl<P: AsRef<Path>> FromIterator<(P, Vec<u8>)> for InMemory {
    fn from_iter<I: IntoIterator<Item = (P, Vec<u8>)>>(files: I) -> Self {
        let mut all = InMemory::default();
        files.into_iter().for_each(|(path, bytes)| all.insert(path, bytes));
        all
    }
}

impl FileSystem for InMemory {
    fn info(&self, path: &Path) -> Result<FileInfo> {
        match self.files.get(&plain(path)) {
            Some(Bytes(bytes)) => {
                Ok(FileInfo { len: bytes.len() as u64, is_file: true, is_folder: false })
            }
            None if self.names(path).is_empty() => Err(Error::from(ErrorKind::NotFound)),
            None => Ok(FileInfo { len: 0, is_file: false, is_folder: true }),
        }
    }

    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        if self.info(folder)?.is_file {
            return Err(Error::from(ErrorKind::NotADirectory));
        }
        Ok(self.names(folder).into_iter().map(|name| folder.join(name)).collect())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Contents>> {
        match self.files.get(&plain(path)) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            None => {
                self.info(path)?;
                Err(Error::from(ErrorKind::IsADirectory))
            }
        }
    }
}

/// A path without the parts that lead nowhere: `./a` is `a`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// A file's bytes, shared by all who read it.
#[derive(Clone)]
struct Bytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// A path in a file system. A path alone is one of the disk's.
#[derive(Clone)]
pub struct Location {
    files: Rc<dyn FileSystem>,
    path: PathBuf,
}

impl Location {
    /// A path in a file system.
    pub fn new(files: Rc<dyn FileSystem>, path: impl Into<PathBuf>) -> Self {
        Location { files, path: path.into() }
    }

    /// The path, which messages name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path, for a message.
    pub fn display(&self) -> Display<'_> {
        self.path.display()
    }

    /// A path below it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> Self {
        self.at(self.path.join(name))
    }

    /// Another path in the same file system.
    #[must_use]
    pub fn at(&self, path: impl Into<PathBuf>) -> Self {
        Location { files: self.files.clone(), path: path.into() }
    }

    /// What is there.
    pub(crate) fn info(&self) -> Result<FileInfo> {
        self.files.info(&self.path)
    }

    pub(crate) fn exists(&self) -> bool {
        self.info().is_ok()
    }

    pub(crate) fn is_file(&self) -> bool {
        self.info().is_ok_and(|info| info.is_file)
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.info().is_ok_and(|info| info.is_folder)
    }

    /// What lies in this folder, in any order.
    pub(crate) fn list(&self) -> Result<Vec<Self>> {
        Ok(self.files.list(&self.path)?.into_iter().map(|path| self.at(path)).collect())
    }

    pub(crate) fn open(&self) -> Result<Box<dyn Contents>> {
        self.files.open(&self.path)
    }

    /// The whole file.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        let mut file = self.open()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// [`FileSystem::stamp`] of the file.
    pub(crate) fn stamp(&self) -> Option<String> {
        self.files.stamp(&self.path)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.path.fmt(f)
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Location {
    fn from(path: &P) -> Self {
        Location::new(Rc::new(Disk), path.as_ref())
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Location::new(Rc::new(Disk), path)
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::SeekFrom;

    use super::*;

    fn some() -> InMemory {
        let files = [("a/config.json", "{}"), ("./a/b/c.gguf", "GGUF and more"), ("d", "")];
        files.map(|(path, text)| (path, text.as_bytes().to_vec())).into_iter().collect()
    }

    /// The same files on the disk.
    fn on_disk() -> (tempfile::TempDir, Location) {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, bytes) in some().files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below it")).expect("a folder");
            std::fs::write(path, &*bytes.0).expect("written");
        }
        let root = Location::from(dir.path());
        (dir, root)
    }

    /// Everything that is said of a path; paths as they are below `root`.
    fn said(root: &Location, path: &str) -> String {
        let at = if path.is_empty() { root.clone() } else { root.join(path) };
        let info = at.info().map(|i| (if i.is_file { i.len } else { 0 }, i.is_file, i.is_folder));
        let below = |l: Location| l.path().strip_prefix(root.path()).expect("below").to_owned();
        let mut listed: Result<Vec<_>> = at.list().map(|l| l.into_iter().map(below).collect());
        if let Ok(listed) = &mut listed {
            listed.sort();
        }
        let read = at.read();
        let kinds = (info.map_err(|e| e.kind()), listed.map_err(|e| e.kind()));
        format!("{path}: {kinds:?} {:?} {}", read.map_err(|e| e.kind()), at.exists())
    }

    #[test]
    fn files_in_memory_are_as_files_on_the_disk() {
        let ((_dir, disk), memory) = (on_disk(), some().at("root"));
        let rooted: InMemory = some()
            .files
            .into_iter()
            .map(|(p, b)| (Path::new("root").join(p), b.0.to_vec()))
            .collect();
        assert!(!memory.exists());
        for root in [some().at(""), some().at("."), rooted.at("root")] {
            for path in ["", "a", "a/b", "a/config.json", "a/./b/c.gguf", "d", "e", "a/e"] {
                assert_eq!(said(&root, path), said(&disk, path));
            }
        }
    }

    #[test]
    fn a_range_of_a_file_is_read() {
        let (_dir, disk) = on_disk();
        for root in [disk, some().at("")] {
            let mut file = root.join("a/b/c.gguf").open().expect("it is there");
            file.seek(SeekFrom::Start(5)).expect("within it");
            let mut range = [0; 3];
            file.read_exact(&mut range).expect("within it");
            assert_eq!(&range, b"and");
            file.seek(SeekFrom::Start(12)).expect("within it");
            let error = file.read_exact(&mut range).expect_err("past its end");
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    }

    /// Files that the engine reads itself: none of a model's.
    #[test]
    fn no_other_file_reads_the_disk() {
        /// The converted weights that are kept, and what the processor says of itself.
        const OWN: [&str; 3] = ["filesystem.rs", "weights/cache.rs", "processor.rs"];
        fn below(folder: &Path) -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).expect("a folder").flatten();
            let of = |path: PathBuf| if path.is_dir() { below(&path) } else { vec![path] };
            entries.flat_map(|entry| of(entry.path())).collect()
        }
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut looked_at = 0;
        for path in below(&src) {
            let file = path.strip_prefix(&src).expect("below it").to_string_lossy();
            let file = file.replace('\\', "/");
            if OWN.contains(&&*file) || file.ends_with("tests.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let tests = ["mod ", "pub(super) mod "].map(|begin| format!("#[cfg(test)]\n{begin}"));
            let end = tests.iter().filter_map(|begin| text.find(begin)).min();
            let code = &text[..end.unwrap_or(text.len())];
            for word in [
                "std::fs",
                " fs::",
                "(fs::",
                "File::open",
                "::Mmap",
                ".read_dir()",
                ".canonicalize()",
            ] {
                assert!(!code.contains(word), "{file} has {word}");
            }
            looked_at += 1;
        }
        assert!(looked_at > 80, "only {looked_at} files");
    }
}
