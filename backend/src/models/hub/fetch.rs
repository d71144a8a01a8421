//! One file: fetched, continued where it was cut, checked, and only then given its name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use sha1::Digest as _;
use sha2::Digest as _;
use shared::sentence::HubFault;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{Response, header};

use super::cache::Place;
use super::listing::Blob;
use super::{Hub, HubError, Repository};

/// Cuts in a row, with nothing coming in between, after which a transfer is given up.
const CUTS: u32 = 5;
/// Most bytes taken at once.
const CHUNK: usize = 256 << 10;

/// A file to fetch.
pub(super) struct Task<'a> {
    pub(super) repository: &'a Repository,
    pub(super) place: &'a Place,
    pub(super) commit: &'a str,
    pub(super) name: &'a str,
    pub(super) blob: &'a Blob,
}

/// Told how many more bytes are there; negative where some were thrown away. May say stop.
pub(super) type Told<'a> = &'a mut dyn FnMut(i64) -> ControlFlow<()>;

/// Ways a transfer ends before its file is whole.
enum Broken {
    /// The connection ended; it may be continued.
    Cut(String),
    /// The server asks for patience.
    Busy(u16),
    /// It cannot be continued.
    Failed(HubError),
}

impl From<HubError> for Broken {
    fn from(error: HubError) -> Self {
        Broken::Failed(error)
    }
}

impl Hub {
    /// Fetches one file into the cache unless it is there. What a cut leaves is continued, by this
    /// program or by Python's.
    pub(super) fn fetch(&self, task: &Task, told: Told) -> Result<(), HubError> {
        let path = task.place.blob(&task.blob.etag);
        let _held = self.lock(task, &mut *told)?;
        if !has_size(&path, task.blob.size) {
            let part = part_of(&path);
            let failed = |cause| cache_error(&part, cause);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            let continued = part.metadata().is_ok_and(|m| m.len() > 0);
            match self.assemble(task, &part, &mut *told) {
                // What was there before may be another's damage: once, all of it anew.
                Err(HubError::Damaged { .. }) if continued => {
                    self.assemble(task, &part, &mut *told)?;
                }
                result => result?,
            }
            std::fs::rename(&part, &path).map_err(failed)?;
        }
        task.place.link(task.commit, task.name, &task.blob.etag)
    }

    /// Holds the file's lock, the one that Python holds as well.
    fn lock(&self, task: &Task, told: Told) -> Result<File, HubError> {
        let path = task.place.lock(&task.blob.etag);
        let failed = |cause| cache_error(&path, cause);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
        for _ in 0..10 {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(std::fs::TryLockError::WouldBlock) => {}
                // A disk without locks has no other program that minds them.
                Err(std::fs::TryLockError::Error(_)) => return Ok(file),
            }
            go_on(&mut *told, 0)?;
            std::thread::sleep(self.patience);
        }
        Err(HubError::Locked { file: task.name.to_owned() })
    }

    /// Brings the unfinished file to its full size and checks it; a damaged one is thrown away.
    fn assemble(&self, task: &Task, part: &Path, told: Told) -> Result<(), HubError> {
        let mut sink = Sink::open(task, part, told)?;
        let (mut cuts, mut wait) = (0, self.patience);
        while sink.at < sink.size {
            let before = sink.at;
            let broken = match self.transfer(task, &mut sink) {
                Ok(()) => continue,
                Err(Broken::Failed(error)) => return Err(error),
                Err(broken) => broken,
            };
            if sink.at > before {
                (cuts, wait) = (0, self.patience);
            }
            cuts += 1;
            if cuts > CUTS {
                let (file, at, total) = (task.name.to_owned(), sink.at, sink.size);
                return Err(match broken {
                    Broken::Busy(status) => HubError::Busy { status },
                    Broken::Failed(error) => error,
                    Broken::Cut(cause) if at == 0 => self.unreachable(&cause),
                    Broken::Cut(cause) => HubError::Cut { file, at, total, cause },
                });
            }
            tracing::debug!(file = task.name, at = sink.at, cuts, "cut; going on");
            pause(wait, &mut *sink.told)?;
            wait = (wait * 2).min(Duration::from_secs(30));
        }
        sink.finish(task)
    }

    /// One request, from where the file ends.
    fn transfer(&self, task: &Task, sink: &mut Sink) -> Result<(), Broken> {
        let response = self.ask(task, sink.at)?;
        let other = |what: HubFault| {
            let (file, what) = (task.name.to_owned(), what.into());
            Err(Broken::Failed(HubError::Mismatch { file, what }))
        };
        // A file of that name in the cache never changes, so what has come stays right, and a
        // login page that answers instead of the hub must not cost it.
        match response.status().as_u16() {
            206 if range(&response) == Some((sink.at, sink.size)) => {}
            206 => return other(HubFault::OtherPart),
            200 => match (length(&response), sink.at) {
                (Some(n), _) if n != sink.size => return other(HubFault::OtherSize),
                (None, 1..) => return other(HubFault::NoPart),
                // A server that knows no parts: all of it anew.
                (_, 1..) => sink.restart(task)?,
                (_, 0) => {}
            },
            416 => return other(HubFault::Less),
            status @ (408 | 425 | 429 | 500..=599) => return Err(Broken::Busy(status)),
            status => {
                let headers = response.headers();
                return Err(self.refused(status, headers, task.repository, Some(task.name)).into());
            }
        }
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut chunk = vec![0; CHUNK];
        loop {
            match body.read(&mut chunk) {
                Ok(0) if sink.at < sink.size => {
                    return Err(Broken::Cut("the connection was closed early".to_owned()));
                }
                Ok(0) => return Ok(()),
                Ok(n) => sink.write(task, &chunk[..n])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Broken::Cut(error.to_string())),
            }
        }
    }

    fn ask(&self, task: &Task, from: u64) -> Result<Response<ureq::Body>, Broken> {
        let url = self.address(task.repository, task.commit, task.name)?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A moved repository may ask again for the token; the store of large files never sees it.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .timeout_connect(Some(self.stalled))
            .timeout_recv_response(Some(self.stalled * 2))
            .timeout_per_read(Some(self.stalled))
            .user_agent(concat!("langoverrule/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build()
            .into();
        let mut request = agent.get(&url);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        request.call().map_err(|e| Broken::Cut(e.to_string()))
    }
}

/// The unfinished file, with the hash of what it holds.
struct Sink<'t> {
    file: File,
    at: u64,
    size: u64,
    hash: Hash,
    told: Told<'t>,
}

impl<'t> Sink<'t> {
    /// Opens what an earlier attempt left; what is longer than the whole file is no part of it.
    fn open(task: &Task, part: &Path, told: Told<'t>) -> Result<Self, HubError> {
        let failed = |cause| cache_error(part, cause);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(part)
            .map_err(failed)?;
        let size = task.blob.size;
        let mut hash = Hash::new(task.blob);
        let there = file.metadata().map_err(failed)?.len();
        if there > size {
            file.set_len(0).map_err(failed)?;
            go_on(&mut *told, -i64::try_from(size).unwrap_or(i64::MAX))?;
        }
        let mut at = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = file.read(&mut chunk).map_err(failed)?;
            if n == 0 {
                break;
            }
            hash.update(&chunk[..n]);
            at += n as u64;
            // Counted as there before the pull began.
            go_on(&mut *told, 0)?;
        }
        Ok(Sink { file, at, size, hash, told })
    }

    fn write(&mut self, task: &Task, bytes: &[u8]) -> Result<(), HubError> {
        if bytes.len() as u64 > self.size - self.at {
            let (file, what) = (task.name.to_owned(), HubFault::More.into());
            return Err(HubError::Mismatch { file, what });
        }
        let written = self.file.write_all(bytes);
        written.map_err(|cause| cache_error(&part_of(&task.place.blob(&task.blob.etag)), cause))?;
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
        go_on(&mut *self.told, bytes.len() as i64)
    }

    /// Throws away what came.
    fn restart(&mut self, task: &Task) -> Result<(), HubError> {
        let lost = self.at as i64;
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(|cause| cache_error(&part_of(&task.place.blob(&task.blob.etag)), cause))?;
        self.at = 0;
        self.hash.restart();
        go_on(&mut *self.told, -lost)
    }

    /// Checks the whole file and makes it durable.
    fn finish(mut self, task: &Task) -> Result<(), HubError> {
        if let Some(got) = self.hash.clone().differs() {
            self.restart(task)?;
            let what = HubFault::Checksum { got, named: task.blob.etag.clone() }.into();
            return Err(HubError::Damaged { file: task.name.to_owned(), what });
        }
        let path = task.place.blob(&task.blob.etag);
        self.file.sync_all().map_err(|cause| cache_error(&path, cause))
    }
}

/// What a file's name in the cache promises of its content.
#[derive(Clone)]
enum Hash {
    /// Large files: SHA-256.
    Sha256(sha2::Sha256, String),
    /// Small files: git's name of a blob.
    Git(sha1::Sha1, u64, String),
    /// A mirror's tag that promises nothing; the size is checked all the same.
    Nothing,
}

impl Hash {
    fn new(blob: &Blob) -> Hash {
        let etag = blob.etag.to_ascii_lowercase();
        let hex = etag.bytes().all(|b| b.is_ascii_hexdigit());
        match etag.len() {
            64 if hex => Hash::Sha256(sha2::Sha256::new(), etag),
            40 if hex => {
                let head = format!("blob {}\0", blob.size);
                Hash::Git(sha1::Sha1::new_with_prefix(head), blob.size, etag)
            }
            _ => Hash::Nothing,
        }
    }

    fn restart(&mut self) {
        match self {
            Hash::Sha256(hash, _) => *hash = sha2::Sha256::new(),
            Hash::Git(hash, size, _) => {
                *hash = sha1::Sha1::new_with_prefix(format!("blob {size}\0"));
            }
            Hash::Nothing => {}
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Sha256(hash, _) => sha2::Digest::update(hash, bytes),
            Hash::Git(hash, ..) => sha1::Digest::update(hash, bytes),
            Hash::Nothing => {}
        }
    }

    /// The checksum, where it is not the promised one.
    fn differs(self) -> Option<String> {
        let (got, wanted) = match self {
            Hash::Sha256(hash, wanted) => (shared::hex(hash.finalize()), wanted),
            Hash::Git(hash, _, wanted) => (shared::hex(hash.finalize()), wanted),
            Hash::Nothing => return None,
        };
        (got != wanted).then_some(got)
    }
}

/// Whether a file is there with that size.
pub(super) fn has_size(path: &Path, size: u64) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.len() == size)
}

/// Where a blob grows: the name that Python uses, so that each continues the other's.
pub(super) fn part_of(blob: &Path) -> std::path::PathBuf {
    let mut name = blob.as_os_str().to_owned();
    name.push(".incomplete");
    name.into()
}

fn cache_error(path: &Path, cause: std::io::Error) -> HubError {
    match cause.kind() {
        std::io::ErrorKind::StorageFull => HubError::Full,
        _ => HubError::Cache { path: path.to_owned(), cause },
    }
}

fn go_on(told: Told, bytes: i64) -> Result<(), HubError> {
    match told(bytes) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(HubError::Cancelled),
    }
}

/// Waits, looking up now and then whether to stop.
fn pause(wait: Duration, told: Told) -> Result<(), HubError> {
    let started = Instant::now();
    while started.elapsed() < wait {
        go_on(&mut *told, 0)?;
        std::thread::sleep(Duration::from_millis(50).min(wait));
    }
    Ok(())
}

fn length(response: &Response<ureq::Body>) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// First byte and total of a `Content-Range`.
fn range(response: &Response<ureq::Body>) -> Option<(u64, u64)> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (span, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    Some((span.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}
