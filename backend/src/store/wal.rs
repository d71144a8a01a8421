//! Whether SQLite's write-ahead log is whole, looked at before SQLite reads it.
//!
//! After a kill the last commits stand in the log alone. SQLite reads it up to the first frame that
//! does not have its checksum, takes the rest for what an earlier log left there, and says nothing:
//! one flipped bit takes every later commit with it. Here the frames behind such a place are looked
//! at too. What an earlier log left has other salts; what has this log's salts and its checksum was
//! written, and is lost. The log is then kept aside before SQLite overwrites it, and for as long as
//! it lies there whatever is not found is said to be damaged rather than not to exist.
//!
//! The format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::folder;

const HEADER: usize = 32;
const FRAME: usize = 24;
/// The log's first four bytes; the last bit says that its checksums are over big-endian words.
const MAGIC: u32 = 0x377f_0682;
/// What is added to the log's name where it is kept aside.
const ASIDE: &str = "damaged";

/// Looks at a database's log, which nobody may have open, and keeps a damaged one aside. Gives a
/// sentence where commits were lost now or earlier.
pub(crate) fn look(database: &Path) -> Option<String> {
    let log = beside(database, "-wal");
    let aside = beside(database, &format!("-wal.{ASIDE}"));
    match lost(database, &log) {
        Ok(0) => {}
        Ok(commits) => {
            let log_name = log.display();
            tracing::error!(log = %log_name, commits, "the log is damaged: its last changes are lost");
            if let Err(error) = keep(&log, &aside) {
                tracing::error!(%error, "the damaged log cannot be kept aside");
                return Some(
                    "the log of the last changes was damaged, and its end is lost".to_owned(),
                );
            }
        }
        Err(error) => tracing::warn!(%error, "the log of the last changes cannot be looked at"),
    }
    said(&aside)
}

/// For a copy: a sentence where commits behind a damaged place of the log are not in it, now or since an
/// earlier loss. A log that is being written is not looked at; whoever writes it looked. Changes nothing.
pub(crate) fn lost_of_copy(database: &Path, lock: &Path) -> Option<String> {
    let aside = beside(database, &format!("-wal.{ASIDE}"));
    let name = database.file_name()?.to_string_lossy().into_owned();
    // Held while the log is read.
    let held = File::open(lock).ok();
    if held.as_ref().is_some_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock))) {
        return said(&aside);
    }
    match lost(database, &beside(database, "-wal")) {
        Ok(0) => said(&aside),
        Ok(commits) => Some(format!(
            "the log of the last changes of {name} is damaged, and {commits} of them are in no copy"
        )),
        Err(error) => {
            Some(format!("the log of the last changes of {name} cannot be read: {error}"))
        }
    }
}

/// What is said while a damaged log lies there.
fn said(aside: &Path) -> Option<String> {
    let name = aside.file_name()?.to_string_lossy().into_owned();
    aside.exists().then(|| {
        format!(
            "the log of the last changes was damaged, and what was written after the damage is lost; \
             the log is kept as {name} in the data folder, and once that is taken away nothing more is \
             said of it"
        )
    })
}

/// For a database that several processes have open: the first of them looks at the log, and the
/// others wait until it has. The file is to be held for as long as the database is open.
///
/// # Errors
/// The lock cannot be made.
pub(crate) fn look_alone(database: &Path) -> io::Result<(File, Option<String>)> {
    let lock = folder::private()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(database, "-open"))?;
    let found = match lock.try_lock() {
        Ok(()) => {
            let found = look(database);
            lock.unlock()?;
            found
        }
        // Whoever has it open looked.
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => return Err(error),
    };
    // Until here nobody else has opened the database without having looked, too.
    lock.lock_shared()?;
    Ok((lock, found.or_else(|| said(&beside(database, &format!("-wal.{ASIDE}"))))))
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Copies the log aside; an earlier one that lies there stays, and the new one gets a number.
fn keep(log: &Path, aside: &Path) -> io::Result<()> {
    let numbered = (2..100).map(|n| PathBuf::from(format!("{}.{n}", aside.display())));
    let free = std::iter::once(aside.to_owned()).chain(numbered).find(|path| !path.exists());
    let free = free.ok_or_else(|| io::Error::other("a hundred damaged logs lie there already"))?;
    std::fs::copy(log, &free)?;
    File::open(&free)?.sync_all()
}

/// A log's checksum so far.
type Sums = [u32; 2];

fn word(bytes: &[u8], big: bool) -> u32 {
    let bytes: [u8; 4] = bytes.first_chunk().copied().unwrap_or_default();
    if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

fn sums(mut so_far: Sums, bytes: &[u8], big: bool) -> Sums {
    for pair in bytes.chunks_exact(8) {
        so_far[0] = so_far[0].wrapping_add(word(pair, big)).wrapping_add(so_far[1]);
        so_far[1] = so_far[1].wrapping_add(word(&pair[4..], big)).wrapping_add(so_far[0]);
    }
    so_far
}

fn stored(bytes: &[u8]) -> Sums {
    [word(bytes, true), word(&bytes[4..], true)]
}

/// The size of a database's pages, by its own header; `None` where it has none yet.
fn page_size(database: &Path) -> Option<usize> {
    let mut header = [0; 18];
    File::open(database).ok()?.read_exact(&mut header).ok()?;
    match u16::from_be_bytes([header[16], header[17]]) {
        1 => Some(65_536),
        size => Some(usize::from(size)).filter(|size| is_size(*size)),
    }
}

fn is_size(size: usize) -> bool {
    size.is_power_of_two() && (512..=65_536).contains(&size)
}

/// How many commits stand in a log that SQLite will not read from it.
fn lost(database: &Path, log: &Path) -> io::Result<u32> {
    let mut file = match File::open(log) {
        Ok(file) => BufReader::with_capacity(1 << 20, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER];
    if read(&mut file, &mut header)? < HEADER {
        return Ok(0);
    }
    let named = word(&header[8..], true) as usize;
    let big = word(&header, true) == MAGIC + 1;
    let own = sums([0; 2], &header[..24], big);
    if word(&header, true) & !1 == MAGIC && is_size(named) && own == stored(&header[24..]) {
        let salts = header[16..24].first_chunk().copied();
        return through(&mut file, named, big, Chain { stored: own, own, salts });
    }
    // SQLite reads nothing of a log whose header is damaged. The salts are then those of its frames.
    let Some(size) = page_size(database).or(Some(named).filter(|size| is_size(*size))) else {
        return Ok(0);
    };
    let mut most = 0;
    for big in [false, true] {
        let mut file = BufReader::with_capacity(1 << 20, File::open(log)?);
        read(&mut file, &mut [0; HEADER])?;
        let own = sums([0; 2], &header[..24], big);
        let chain = Chain { stored: stored(&header[24..]), own, salts: None };
        most = most.max(through(&mut file, size, big, chain)?);
    }
    Ok(most)
}

/// What a frame's checksum goes on from.
struct Chain {
    /// The checksum that stands before it, and the one that what is before it has: they differ at a
    /// damaged place, and the frame behind it goes on from one of them.
    stored: Sums,
    own: Sums,
    /// The log's salts; `None` where they are the first whole frame's.
    salts: Option<[u8; 8]>,
}

fn through(file: &mut impl Read, size: usize, big: bool, from: Chain) -> io::Result<u32> {
    let Chain { stored: mut before, mut own, mut salts } = from;
    // A damaged header is a damaged place before the first frame.
    let (mut damaged, mut commits) = (salts.is_none(), 0);
    let mut frame = vec![0; FRAME + size];
    while read(file, &mut frame)? == frame.len() {
        let (head, page) = frame.split_at(FRAME);
        let of = |before: Sums| sums(sums(before, &head[..8], big), page, big);
        let has = stored(&head[16..]);
        let whole = of(before) == has || of(own) == has;
        if whole && salts.is_none() {
            salts = head[8..16].first_chunk().copied();
        }
        let ours = salts.is_some_and(|salts| head[8..16] == salts);
        // The first frame that is not whole, or that goes on from the one before under other salts,
        // is where SQLite stops. A kill leaves such a frame too, in what it did not commit yet; one
        // that commits, only in the moment between writing its head and its page.
        let lost = if damaged { whole && ours } else { whole != ours };
        commits += u32::from(lost && word(&head[4..], true) > 0);
        damaged |= !(whole && ours);
        (own, before) = (of(before), has);
    }
    Ok(commits)
}

/// Fills a buffer as far as there is something.
fn read(file: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rusqlite::Connection;

    use super::*;

    /// A database and its log, as a kill leaves them: `earlier` commits that were written back to
    /// the database, so that the log begins anew over them, and `commits` that were not.
    fn killed(earlier: u32, commits: u32) -> (tempfile::TempDir, PathBuf) {
        let (live, dead) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let database = live.path().join("a.sqlite");
        let c = Connection::open(&database).unwrap();
        c.pragma_update(None, "journal_mode", "wal").unwrap();
        c.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB)").unwrap();
        let write = |n: u32| {
            c.execute("INSERT INTO t VALUES (?1, zeroblob(?1))", [n]).unwrap();
        };
        (0..earlier).for_each(|n| write(1000 + n));
        if earlier > 0 {
            c.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        }
        (0..commits).for_each(write);
        // Both files as they are: nobody closed anything.
        let copy = dead.path().join("a.sqlite");
        std::fs::copy(&database, &copy).unwrap();
        std::fs::copy(beside(&database, "-wal"), beside(&copy, "-wal")).unwrap();
        (dead, copy)
    }

    fn rows(database: &Path) -> Option<u32> {
        let c = Connection::open(database).unwrap();
        c.query_row("SELECT count(*) FROM t", [], |r| r.get(0)).ok()
    }

    #[test]
    fn a_log_as_a_kill_leaves_it_is_whole() {
        for (earlier, commits) in [(0, 0), (0, 1), (0, 9), (20, 1), (20, 9), (3, 9)] {
            let (_folder, database) = killed(earlier, commits);
            let log = beside(&database, "-wal");
            assert_eq!(lost(&database, &log).unwrap(), 0, "{earlier}, {commits}");
            // Cut where the kill came: whatever is missing was not written.
            let whole = std::fs::read(&log).unwrap();
            for end in (0..whole.len()).step_by(997) {
                std::fs::write(&log, &whole[..end]).unwrap();
                assert_eq!(lost(&database, &log).unwrap(), 0, "{earlier}, {commits}, {end}");
            }
            assert_eq!(look(&database), None);
        }
    }

    /// Every frame's header bit by bit, and pages here and there: where SQLite shows fewer rows than
    /// were written, it is said.
    #[test]
    fn no_flipped_bit_takes_commits_away_without_a_word() {
        let (_folder, database) = killed(12, 6);
        let log = beside(&database, "-wal");
        let (whole, kept) = (std::fs::read(&log).unwrap(), std::fs::read(&database).unwrap());
        let written = rows(&database).unwrap();
        assert_eq!(written, 18);
        let mut told = 0;
        let frame = FRAME + 4096;
        let frames: Vec<usize> = (HEADER..whole.len()).step_by(frame).collect();
        let heads = frames.iter().take(14).flat_map(|at| *at..at + FRAME);
        let pages = (HEADER + FRAME..whole.len()).step_by(509);
        for at in (0..HEADER).chain(heads).chain(pages) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&database, &kept).unwrap();
            std::fs::write(&log, &bytes).unwrap();
            let _ = std::fs::remove_file(beside(&database, "-shm"));
            let found = lost(&database, &log).unwrap();
            let shown = rows(&database);
            if shown == Some(written) {
                assert_eq!(found, 0, "byte {at}: nothing is lost");
                continue;
            }
            // At the end of the log a commit that does not say any more that it is one cannot be
            // told from one that was not finished.
            let head = |f: &usize| (f + 4..f + 8).contains(&at) && bytes[f + 4..f + 8] == [0; 4];
            let unsaid = frames.iter().any(head);
            assert!(found > 0 || unsaid, "byte {at}: {shown:?} of {written} rows, and not a word");
            told += 1;
        }
        assert!(told > 50, "{told} told");
    }

    #[test]
    fn a_damaged_log_is_kept_and_said_until_it_is_taken_away() {
        let (folder, database) = killed(0, 9);
        let log = beside(&database, "-wal");
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[HEADER + 3 * (FRAME + 4096) + 100] ^= 4;
        std::fs::write(&log, &bytes).unwrap();
        let (lock, said) = look_alone(&database).unwrap();
        assert!(said.unwrap().contains("a.sqlite-wal.damaged"));
        assert!(rows(&database).unwrap_or(0) < 9);
        let aside = folder.path().join("a.sqlite-wal.damaged");
        assert_eq!(std::fs::read(&aside).unwrap(), bytes);
        // Beside somebody who has it open, and when it is opened again.
        assert!(look_alone(&database).unwrap().1.is_some());
        drop(lock);
        assert!(look(&database).is_some());
        std::fs::remove_file(&aside).unwrap();
        assert_eq!(look(&database), None);
    }
}
