//! What the tests of the lab share: a lab on a scripted model, and a small client.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test, which is what it is for")]
#![allow(missing_docs, reason = "tests")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use datasets::Paths;
use langoverrule::experiments::{Means, Post, Shelves, SqliteQueue};
use langoverrule::fair::{Bound, Shares};
use langoverrule::http::app::{AppState, Limits, app};
use langoverrule::http::net::{self, ConnectionLimits, Connections};
use langoverrule::id::RunId;
use langoverrule::models::catalog::{Catalog, Source};
use langoverrule::runs::samples::Samples;
use langoverrule::runs::{Device, Dispatcher, Runs, Settings};
use langoverrule::store::{Store, StoreOptions};
use langoverrule::workers::lab::{Lab, Script, ScriptedLab};
use serde::de::DeserializeOwned;
use shared::api::{RunCreated, RunRecord, RunState};
use shared::experiment::ExperimentStatus;
use shared::{Envelope, ErrorBody, ErrorCode};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub mod process;
pub mod socket;

/// What a test waits for is there within this time, or the test fails.
pub const SOON: Duration = Duration::from_secs(60);
/// How long passes before somebody who is told nothing asks again.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Asks a lab again and again until it has an answer. For that alone which it tells only whoever asks, such as
/// how far a pull is: of runs and experiments there are events ([`TestLab::until`]).
pub async fn asked_until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("waited {SOON:?} for {what}"))
}

/// How a test's lab differs from the usual one.
pub struct Options {
    pub script: Script,
    pub limits: Limits,
    pub queue: usize,
    /// What clients share; the line of runs is `queue` long, and all of it one client's, where none says.
    pub shares: Option<Shares>,
    pub max_pages: Option<u32>,
    pub samples: PathBuf,
    /// Whether it runs experiments.
    pub experiments: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            script: Script { layers: 4, heads: 2, grid: 3, ..Script::default() },
            limits: Limits::default(),
            queue: 8,
            shares: None,
            max_pages: None,
            samples: PathBuf::from("no samples"),
            experiments: false,
        }
    }
}

/// A lab and the folder it keeps everything in.
pub struct TestLab {
    pub state: AppState,
    pub folder: Arc<TempDir>,
    devices: Option<Dispatcher>,
    /// Built at the first request: building all routes for each takes longer than most answers.
    app: OnceLock<Router>,
}

impl TestLab {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        Self::in_folder(Arc::new(TempDir::new().unwrap()), options)
    }

    /// A lab that keeps everything where another kept it.
    pub fn in_folder(folder: Arc<TempDir>, options: Options) -> Self {
        let lab = Arc::new(ScriptedLab { script: options.script, allowed: None });
        Self::of(lab, Catalog::scripted(), folder, options)
    }

    /// A lab on one real model.
    pub fn real(name: &str, model: &Path) -> Self {
        let mut catalog = Catalog::default();
        catalog.set_default(model.to_str().unwrap()).unwrap();
        assert_eq!(catalog.by_name("").unwrap(), Source::folder(name.into(), model.into()));
        let folder = Arc::new(TempDir::new().unwrap());
        Self::of(
            Arc::new(langoverrule::workers::lab::EngineLab::default()),
            catalog,
            folder,
            Options::default(),
        )
    }

    pub fn of(lab: Arc<dyn Lab>, catalog: Catalog, folder: Arc<TempDir>, options: Options) -> Self {
        Self::on(&[("one", lab)], catalog, folder, options)
    }

    /// A lab on devices, each with what it loads models with.
    pub fn on(
        devices: &[(&str, Arc<dyn Lab>)],
        catalog: Catalog,
        folder: Arc<TempDir>,
        options: Options,
    ) -> Self {
        let device = |(name, lab): &(&str, Arc<dyn Lab>)| Device {
            name: (*name).to_owned(),
            lab: lab.clone(),
        };
        let devices: Vec<Device> = devices.iter().map(device).collect();
        let lab = devices[0].lab.clone();
        let store =
            Store::open(folder.path(), &StoreOptions { max_pages: options.max_pages }).unwrap();
        let samples = Samples::in_folder(&options.samples);
        let shares = options.shares.unwrap_or_else(|| Shares {
            runs: Bound::new(options.queue, options.queue + 1),
            uploads: Bound::new(64, 65),
            experiments: Bound::new(8, 9),
            ..Shares::default()
        });
        let means = options.experiments.then(|| {
            let queue = Arc::new(SqliteQueue::open(folder.path()).unwrap());
            Means {
                book: queue.clone(),
                items: queue,
                lab: lab.clone(),
                catalog: Arc::new(catalog.clone()),
                shelves: Arc::new(Shelves::new(Paths::Anywhere, None)),
            }
        });
        let runs = Arc::new(Runs::new(lab, catalog, samples, store, shares));
        let spare = means.as_ref().map(|means| means.spare(Post::Lab));
        let settings = Settings { devices, models_kept: 2, preload: None, spare };
        let devices = Dispatcher::start(&runs, settings).unwrap();
        let state = AppState { experiments: means, ..AppState::new(runs, options.limits) };
        TestLab { state, folder, devices: Some(devices), app: OnceLock::new() }
    }

    pub fn app(&self) -> Router {
        self.app.get_or_init(|| app(self.state.clone())).clone()
    }

    /// Changes what a lab was started with, also after it answered.
    pub fn change(&mut self, change: impl FnOnce(&mut AppState)) {
        change(&mut self.state);
        self.app = OnceLock::new();
    }

    /// Stops the lab in good order and gives its folder.
    pub async fn close(mut self) -> Arc<TempDir> {
        self.state.runs.close().await;
        self.devices.take().unwrap().join();
        self.state.runs.store.close();
        self.folder.clone()
    }

    /// Listens on a free port.
    pub async fn listen(&self) -> SocketAddr {
        self.listen_with(Connections::new(ConnectionLimits::within(1024))).await
    }

    /// Listens on a free port, within limits.
    pub async fn listen_with(&self, connections: Arc<Connections>) -> SocketAddr {
        let listener = net::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (app, access) = (self.app(), self.state.access.clone());
        tokio::spawn(net::serve(listener, app, connections, access, CancellationToken::new()));
        address
    }

    /// Sends a request from this machine.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from("127.0.0.1", request).await
    }

    /// Sends a request over a connection from an address, by this machine's name where it names none.
    pub async fn send_from(&self, from: &str, mut request: Request<Body>) -> Answer {
        let host = header::HeaderValue::from_static("localhost");
        request.headers_mut().entry(header::HOST).or_insert(host);
        self.send_as_it_is(from, request).await
    }

    /// Sends a request over a connection from an address.
    pub async fn send_as_it_is(&self, from: &str, mut request: Request<Body>) -> Answer {
        let from = SocketAddr::new(from.parse().unwrap(), 50_000);
        request.extensions_mut().insert(ConnectInfo(from));
        let response = self.app().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A request in the name of a run's owner.
    pub async fn as_owner(&self, method: Method, path: &str, token: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty());
        self.send(request.unwrap()).await
    }

    pub async fn submit_form(&self, form: Form) -> Answer {
        self.send(form.request()).await
    }

    pub async fn submit(&self, options: &str) -> RunCreated {
        let answer = self.submit_form(Form::new(options)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        answer.json()
    }

    pub async fn ask(&self, prompt: &str) -> RunCreated {
        let options = serde_json::json!({ "prompt": prompt, "max_new_tokens": 3 });
        self.submit(&options.to_string()).await
    }

    pub async fn record(&self, id: &str) -> RunRecord {
        self.get(&format!("/api/runs/{id}")).await.ok()
    }

    /// Waits until a run has ended, and gives it.
    pub async fn ended(&self, id: &str) -> RunRecord {
        self.until(id, |r| !matches!(r.state, RunState::Queued | RunState::Running)).await
    }

    /// Waits until a run's record is as it should be, looking at it after each of its events.
    pub async fn until(&self, id: &str, there: impl Fn(&RunRecord) -> bool) -> RunRecord {
        let wait = async {
            let run = self.state.runs.find(id).await.unwrap();
            let mut events = run.log.watch();
            loop {
                events.mark_unchanged();
                let record = self.record(id).await;
                if there(&record) {
                    return record;
                }
                // The log lives as long as the run, which is held here.
                events.changed().await.unwrap();
            }
        };
        tokio::time::timeout(SOON, wait).await.expect("the run goes on")
    }

    pub async fn experiment(&self, id: &str) -> ExperimentStatus {
        self.get(&format!("/api/experiments/{id}")).await.ok()
    }

    /// Waits as those who watch an experiment do, until its status is as it should be.
    pub async fn experiment_until(
        &self,
        id: &str,
        there: impl Fn(&ExperimentStatus) -> bool,
    ) -> ExperimentStatus {
        let wait = async {
            let means = self.state.experiments.as_ref().unwrap();
            let id_read = RunId::parse(id).unwrap();
            let mut changes = self.state.live.watch(means, &id_read).await.unwrap();
            loop {
                let status = self.experiment(id).await;
                if there(&status) {
                    return status;
                }
                // Closed once it is over: what it came to is looked at once more.
                if changes.changed().await.is_err() {
                    let last = self.experiment(id).await;
                    assert!(there(&last), "it is over: {last:?}");
                    return last;
                }
            }
        };
        tokio::time::timeout(SOON, wait).await.expect("the experiment goes on")
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }

    pub fn ok<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Checks that this is an error in the envelope, with the code's own status.
    #[track_caller]
    pub fn is_error(&self, code: ErrorCode) -> ErrorBody {
        let body: ErrorBody = self.json();
        assert_eq!(body.code, code, "{}", body.message);
        assert_eq!(self.status.as_u16(), code.http_status());
        assert_eq!(self.header(header::CONTENT_TYPE), "application/json");
        assert!(body.message.ends_with('.') && body.message.len() > 10, "{}", body.message);
        body
    }
}

const BOUNDARY: &str = "a-boundary-that-no-picture-holds";

/// A form as a browser sends it.
pub struct Form {
    fields: Vec<(String, Vec<u8>)>,
}

impl Form {
    /// A small picture and these options.
    pub fn new(options: &str) -> Form {
        Form::empty().with("picture", &png(64, 48)).with("options", options.as_bytes())
    }

    pub fn empty() -> Form {
        Form { fields: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, content: &[u8]) -> Form {
        self.fields.push((name.to_owned(), content.to_vec()));
        self
    }

    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, content) in &self.fields {
            let file = if name == "picture" { "; filename=\"p.png\"" } else { "" };
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
            );
            body.extend(head.as_bytes());
            body.extend(content);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        body
    }

    pub fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }

    pub fn request(&self) -> Request<Body> {
        Request::post("/api/runs")
            .header(header::CONTENT_TYPE, Form::content_type())
            .body(Body::from(self.body()))
            .unwrap()
    }
}

/// A picture of that size.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90]))
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

/// Checks that two lists of events are the same, without printing them whole.
#[track_caller]
pub fn same(left: &[Envelope], right: &[Envelope]) {
    let seqs = |events: &[Envelope]| events.iter().map(|e| e.seq).collect::<Vec<_>>();
    assert_eq!(seqs(left), seqs(right));
    for (l, r) in left.iter().zip(right) {
        assert!(l == r, "event {} differs (at {} and {} ms)", l.seq, l.at_ms, r.at_ms);
    }
}
