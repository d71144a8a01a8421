//! A small server that speaks the hub's routes, with the faults that real ones have.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use langoverrule::models::hub::Hub;
use sha1::Digest as _;
use sha2::Digest as _;
use tempfile::TempDir;

pub const REPO: &str = "lab/model";
pub const DATASET: &str = "MMMU/MMMU_Pro";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Larger files are kept apart, as the hub does.
const LARGE: usize = 4096;

/// What the server does wrong, or asks for.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Cuts the connection after that many bytes of a large file, that many times.
    pub cut: Option<(usize, usize)>,
    /// Answers ranges with all of the file.
    pub no_ranges: bool,
    /// Refuses files with this status and code.
    pub refuse: Option<(u16, &'static str)>,
    /// Refuses the listing with this status and code.
    pub refuse_listing: Option<(u16, &'static str)>,
    /// Changes one byte of what it sends.
    pub flip: bool,
    /// Sends a login page instead of large files.
    pub login_page: bool,
    /// Announces another size than it sends.
    pub lie: bool,
    /// Lists no sizes, as some mirrors.
    pub bare: bool,
    /// Answers with this status that many times first.
    pub busy: Option<(u16, usize)>,
    /// Waits before every chunk of a large file.
    pub slow: Option<Duration>,
    /// Answers everything with a page.
    pub no_hub: bool,
}

/// One request the server got.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub range: Option<String>,
    pub token: Option<String>,
}

struct State {
    address: SocketAddr,
    repo: &'static str,
    /// Where the listing and the files are.
    api: String,
    resolve: String,
    commit: Mutex<String>,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    faults: Mutex<Faults>,
    asked: Mutex<Vec<Asked>>,
}

/// The server; it ends with the test.
#[derive(Clone)]
pub struct FakeHub {
    state: Arc<State>,
}

impl FakeHub {
    pub fn start(files: &[(&str, &[u8])]) -> FakeHub {
        Self::of(REPO, "models", "", files)
    }

    /// A hub with a repository of the kind that these parts of addresses mean.
    fn of(repo: &'static str, kind: &str, prefix: &str, files: &[(&str, &[u8])]) -> FakeHub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let files = files.iter().map(|(n, b)| ((*n).to_owned(), b.to_vec())).collect();
        let state = Arc::new(State {
            address: listener.local_addr().unwrap(),
            repo,
            api: format!("/api/{kind}/{repo}/revision/"),
            resolve: format!("{prefix}/{repo}/resolve/"),
            files: Mutex::new(files),
            faults: Mutex::default(),
            asked: Mutex::default(),
            commit: Mutex::new(COMMIT.to_owned()),
        });
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = serving.clone();
                std::thread::spawn(move || answer(&state, stream));
            }
        });
        FakeHub { state }
    }

    /// A hub with a small model as repositories have them: shards, and what nobody needs.
    pub fn with_model() -> FakeHub {
        let index = br#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#;
        let (first, second) = (bytes(300_000, 1), bytes(200_000, 2));
        let unneeded = bytes(100_000, 3);
        Self::start(&[
            ("config.json", br#"{"model_type":"llava"}"#),
            ("tokenizer.json", b"{}"),
            ("preprocessor_config.json", b"{}"),
            ("LICENSE", b"terms"),
            ("README.md", b"a card"),
            ("model.safetensors.index.json", index),
            ("model-1.safetensors", &first),
            ("model-2.safetensors", &second),
            ("pytorch_model.bin", &unneeded),
            ("consolidated.safetensors", &unneeded),
            ("onnx/model.onnx", &unneeded),
        ])
    }

    /// A hub with MMMU-Pro as its repository has it: folders with spaces and parentheses, a
    /// configuration in two shards, and what nobody needs. The files are small ones of our own.
    pub fn with_dataset() -> FakeHub {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/tests/fixtures");
        let read = |name: &str| std::fs::read(fixtures.join(name)).unwrap();
        let [first, second] =
            [0, 1].map(|n| read(&format!("sharded/vision/test-0000{n}-of-00002.parquet")));
        let standard = read("hub/standard (10 options)/test-00000-of-00001.parquet");
        Self::of(
            DATASET,
            "datasets",
            "/datasets",
            &[
                (".gitattributes", b"*.parquet filter=lfs"),
                ("README.md", b"a card"),
                ("vision/test-00000-of-00002.parquet", &first),
                ("vision/test-00001-of-00002.parquet", &second),
                ("vision/notes.txt", b"not for us"),
                ("standard (10 options)/test-00000-of-00001.parquet", &standard),
            ],
        )
    }

    /// Moves the branch to another commit.
    pub fn commit(&self, commit: &str) {
        commit.clone_into(&mut self.state.commit.lock().unwrap());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.state.address)
    }

    pub fn set(&self, faults: Faults) {
        *self.state.faults.lock().unwrap() = faults;
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.state.files.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
    }

    pub fn remove(&self, name: &str) {
        self.state.files.lock().unwrap().remove(name).unwrap();
    }

    pub fn file(&self, name: &str) -> Vec<u8> {
        self.state.files.lock().unwrap()[name].clone()
    }

    /// The requests since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }

    /// A client with a cache of its own and no patience.
    pub fn client(&self, home: &TempDir) -> Hub {
        self.client_with(home, &[])
    }

    pub fn client_with(&self, home: &TempDir, more: &[(&str, &str)]) -> Hub {
        let (url, home) = (self.url(), home.path().display().to_string());
        let mut variables = vec![("HF_ENDPOINT", url.as_str()), ("HF_HOME", home.as_str())];
        variables.extend(more);
        client(&variables)
    }
}

pub fn client(variables: &[(&str, &str)]) -> Hub {
    let last =
        |name: &str| variables.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    Hub::from_lookup(&last).impatient(Duration::from_millis(5), Duration::from_millis(500))
}

/// Bytes that are not all alike.
pub fn bytes(n: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_769) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(n).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

pub fn git_name(bytes: &[u8]) -> String {
    hex(&sha1::Sha1::new_with_prefix(format!("blob {}\0", bytes.len()))
        .chain_update(bytes)
        .finalize())
}

fn etag(content: &[u8]) -> String {
    if content.len() > LARGE { sha256(content) } else { git_name(content) }
}

fn answer(state: &State, mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut range, mut token) = (None, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => range = Some(value.to_owned()),
            "authorization" => token = Some(value.to_owned()),
            _ => {}
        }
    }
    let path = target.split('?').next()?.to_owned();
    let asked = Asked { method, path: path.clone(), range: range.clone(), token };
    state.asked.lock().unwrap().push(asked);
    let path = percent_encoding::percent_decode_str(&path).decode_utf8().ok()?.into_owned();
    let commit = state.commit.lock().unwrap().clone();
    let faults = state.faults.lock().unwrap().clone();
    let mut say = |status: u16, headers: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    if faults.no_hub {
        say(200, "Content-Type: text/html\r\n", b"<html>Welcome</html>");
        return None;
    }
    if let Some(rest) = path.strip_prefix(&state.api) {
        if let Some((status, code)) = faults.refuse_listing {
            say(status, &format!("X-Error-Code: {code}\r\n"), b"{\"error\":\"no\"}");
        } else if rest == "main" || rest == commit {
            say(200, "Content-Type: application/json\r\n", listing(state, faults.bare).as_bytes());
        } else {
            say(404, "X-Error-Code: RevisionNotFound\r\n", b"{}");
        }
        return None;
    }
    if path.starts_with("/api/") {
        say(404, "X-Error-Code: RepoNotFound\r\n", b"{}");
        return None;
    }
    if let Some(file) = path.strip_prefix(&format!("{}{commit}/", state.resolve)) {
        let Some(content) = state.files.lock().unwrap().get(file).cloned() else {
            say(404, "X-Error-Code: EntryNotFound\r\n", b"no");
            return None;
        };
        if let Some((status, code)) = faults.refuse {
            say(status, &format!("X-Error-Code: {code}\r\n"), b"no");
            return None;
        }
        let tag = etag(&content);
        if content.len() <= LARGE {
            let headers = format!("ETag: \"{tag}\"\r\nX-Repo-Commit: {commit}\r\n");
            return send(state, stream, &content, range, &headers, false);
        }
        // Large files lie elsewhere, under another host's name.
        let port = state.address.port();
        let headers = format!(
            "Location: http://localhost:{port}/cdn/{tag}?signed=yes\r\nX-Linked-Etag: \"{tag}\"\r\n\
             X-Linked-Size: {}\r\nX-Repo-Commit: {commit}\r\n",
            content.len()
        );
        say(302, &headers, b"");
        return None;
    }
    let tag = path.strip_prefix("/cdn/")?;
    if let Some((status, left)) = faults.busy
        && left > 0
    {
        state.faults.lock().unwrap().busy = Some((status, left - 1));
        say(status, "", b"later");
        return None;
    }
    let all = state.files.lock().unwrap().values().cloned().collect::<Vec<_>>();
    let mut content = all.into_iter().find(|c| etag(c) == tag)?;
    if faults.login_page {
        say(200, "Content-Type: text/html\r\n", b"<html>Please log in</html>");
        return None;
    }
    if faults.flip {
        let middle = content.len() / 2;
        content[middle] ^= 1;
    }
    if faults.lie {
        content.push(0);
    }
    let range = if faults.no_ranges { None } else { range };
    send(state, stream, &content, range, "", true)
}

fn send(
    state: &State,
    mut stream: TcpStream,
    content: &[u8],
    range: Option<String>,
    headers: &str,
    large: bool,
) -> Option<()> {
    let total = content.len();
    let span = range.as_deref().and_then(|r| r.strip_prefix("bytes="));
    let (first, last) = match span.and_then(|s| s.split_once('-')) {
        None => (0, total),
        Some((first, "")) => (first.parse().ok()?, total),
        Some((first, last)) => (first.parse().ok()?, last.parse::<usize>().ok()? + 1),
    };
    if first >= total {
        let _ =
            stream.write_all(b"HTTP/1.1 416 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return None;
    }
    let body = &content[first..last.min(total)];
    let head = match span {
        None => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len()),
        Some(_) => format!(
            "HTTP/1.1 206 X\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{total}\r\n",
            body.len(),
            first + body.len() - 1
        ),
    };
    stream.write_all(format!("{head}{headers}Connection: close\r\n\r\n").as_bytes()).ok()?;
    let mut most = body.len();
    if large {
        let mut faults = state.faults.lock().unwrap();
        if let Some((after, times)) = faults.cut
            && times > 0
        {
            (faults.cut, most) = (Some((after, times - 1)), most.min(after));
        }
    }
    let slow = state.faults.lock().unwrap().slow;
    for chunk in body[..most].chunks(10_000) {
        if let Some(wait) = slow.filter(|_| large) {
            std::thread::sleep(wait);
        }
        stream.write_all(chunk).ok()?;
    }
    stream.flush().ok()
}

fn listing(state: &State, bare: bool) -> String {
    let files = state.files.lock().unwrap();
    let siblings: Vec<serde_json::Value> = files
        .iter()
        .map(|(name, content)| match (bare, content.len() > LARGE) {
            (true, _) => serde_json::json!({"rfilename": name}),
            (false, false) => serde_json::json!({
                "rfilename": name, "size": content.len(), "blobId": git_name(content),
            }),
            (false, true) => serde_json::json!({
                "rfilename": name, "size": content.len(), "blobId": git_name(b"a pointer"),
                "lfs": {"sha256": sha256(content), "size": content.len(), "pointerSize": 134},
            }),
        })
        .collect();
    let commit = state.commit.lock().unwrap().clone();
    serde_json::json!({"id": state.repo, "sha": commit, "siblings": siblings}).to_string()
}
