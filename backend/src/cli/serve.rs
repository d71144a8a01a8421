//! `serve`: opens the lab.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use datasets::Paths;
use engine::DeviceChoice;
use tokio::signal;
use tokio_util::sync::CancellationToken;

use super::{Failure, ModelFolders, print};
use crate::assets::DEMO;
use crate::classroom::{ClassLimits, network_address};
use crate::clock;
use crate::experiments::{Means, Post, Shelves, SqliteQueue};
use crate::fair::{Bound, Share, Shares};
use crate::http::app::{AppState, Limits, app};
use crate::http::net::{
    self, Access, Base, ConnectionLimits, Connections, Network, Site, raise_files,
};
use crate::models::catalog::{Catalog, DEMO_NAME};
use crate::models::pulls::{Allowed, Pulls};
use crate::retention::{self, Keep, Retention, parse_time};
use crate::runs::samples::Samples;
use crate::runs::{Device, Dispatcher, Runs, Settings, StopReason};
use crate::store::{Store, StoreError, StoreOptions, folder};
use crate::workers::lab::{KeepingLab, Lab, Script, ScriptedLab};
use crate::workers::{Devices, ModelChoice};

/// How long viewers and the model may take to notice that the lab is going down.
const NOTICE: Duration = Duration::from_secs(3);

/// How to open the lab.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    #[command(flatten)]
    folders: ModelFolders,
    /// What models run on: auto, cpu or cuda:0; several as cuda:0,cuda:1, or all. A run goes to the
    /// device where its model lies, and otherwise to one that has room.
    #[arg(long, value_name = "DEVICES", default_value_t)]
    device: Devices,
    /// The model that runs when none is named [default: demo-llava].
    #[arg(long, value_name = "NAME|FOLDER")]
    model: Option<String>,
    /// Open the page in a browser.
    #[arg(long)]
    open: bool,
    /// Runs that may wait: the same as --in-all runs=N, and two thirds of it for one address.
    #[arg(long, value_name = "N")]
    queue: Option<usize>,
    /// How much one address may have, as runs=21: of runs that wait, uploads, sockets, classes,
    /// followers and onlookers of one class, experiments, requests and guesses (a second) and disk (MiB a day); may
    /// stand several times.
    #[arg(long = "per-client", value_name = "NAME=N")]
    per_client: Vec<Share>,
    /// How much there is in all, as classes=64; may stand several times.
    #[arg(long = "in-all", value_name = "NAME=N")]
    in_all: Vec<Share>,
    /// Models that each device keeps in memory.
    #[arg(long, default_value_t = 2)]
    models_kept: usize,
    /// Let everybody who reaches the lab pull models of the registry from the hub [default: only
    /// requests from this machine, to a lab that listens on it alone].
    #[arg(long)]
    allow_pull: bool,
    /// Name the lab's experiments to everybody who reaches it [default: only to requests from this
    /// machine, to a lab that listens on it alone]; otherwise their links are what opens them.
    #[arg(long)]
    share_experiments: bool,
    /// A public address of the lab, as https://lab.school; may stand several times. Without one the
    /// lab answers only to this machine's own names and to the address that it listens on.
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<Site>,
    /// The path below which a proxy serves the lab without taking it away, as /lab. Where the proxy takes
    /// it away, nothing needs to be said: the page finds its place by itself.
    #[arg(long, value_name = "PATH", default_value = "/", hide_default_value = true)]
    base: Base,
    /// A proxy that tells the truth of whom it was asked by (X-Forwarded-For and -Host, Forwarded): an
    /// address or a network, as 127.0.0.1 or 10.0.0.0/8; may stand several times.
    #[arg(long = "trusted-proxy", value_name = "ADDRESS|NETWORK")]
    proxies: Vec<Network>,
    /// Most connections that are served at once [default: 4096, or what the limit of open files allows];
    /// one client has a quarter of them.
    #[arg(long, value_name = "NUMBER")]
    connections: Option<usize>,
    /// Delete runs and experiments that are older than this, such as 30d; runs that have a name or a
    /// note stay [default: nothing is deleted for its age].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    keep: Option<Duration>,
    /// Delete runs that have a name or a note, too, once they are older than this.
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "keep")]
    keep_named: Option<Duration>,
    /// Seconds that a run at work may go on when the lab is stopped.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    grace: u64,
    /// A made-up model, for tests and for work on the page; with its layers and heads, as 32x32.
    #[arg(long, hide = true, value_name = "LAYERSxHEADS", num_args = 0..=1, require_equals = true,
        default_missing_value = "8x8")]
    scripted: Option<Script>,
    /// Most pages of the store's file: a full disk for tests.
    #[arg(long, hide = true)]
    max_pages: Option<u32>,
}

pub(super) fn serve(args: ServeArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("the lab cannot start: {e}"))?;
    runtime.block_on(run(args))
}

/// The devices that models run on.
fn devices(devices: &Devices, data: &Path) -> Result<Vec<Device>, Failure> {
    let found = devices.find().map_err(|e| e.message)?;
    let open = |(device, named): (DeviceChoice, String)| {
        tracing::info!(device = named, "models run on");
        Device { name: device.to_string(), lab: Arc::new(KeepingLab::in_data(device, data)) }
    };
    Ok(found.into_iter().map(open).collect())
}

/// What clients share, as asked for.
fn shares(args: &ServeArgs) -> Result<Shares, String> {
    let mut shares = Shares::default();
    if let Some(queue) = args.queue {
        let queue = queue.max(1);
        shares.runs = Bound::new(queue, (2 * queue).div_ceil(3));
    }
    for share in &args.in_all {
        shares.set_whole(share)?;
    }
    for share in &args.per_client {
        shares.set_client(share);
    }
    Ok(shares)
}

async fn run(args: ServeArgs) -> Result<(), Failure> {
    let asked = shares(&args)?;
    // Before anything is opened: connections and the store share what there is.
    let files = raise_files();
    let mut limits = ConnectionLimits::within(files);
    if let Some(all) = args.connections {
        limits = limits.at_most(all);
    }
    let shares = asked.with_sockets_within(limits.lasting());
    // The port first: it is what most often stands in the way.
    let listener = net::listen(args.bind).map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            let other = SocketAddr::new(args.bind.ip(), args.bind.port().wrapping_add(1));
            format!(
                "{} is in use by another program; name another, such as --bind {other}",
                args.bind
            )
        }
        _ => format!("cannot listen on {}: {e}", args.bind),
    })?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let data = &args.folders.data;
    let store = Store::open(data, &StoreOptions { max_pages: args.max_pages })
        .map_err(|e| e.to_string())?;
    if folder::is_root() {
        tracing::warn!(
            "the lab runs as root, and so could whoever finds a fault in it; give it a user of its own"
        );
    }
    let (devices, catalog) = if let Some(script) = args.scripted {
        let allowed = Some(data.join("steps"));
        let lab: Arc<dyn Lab> = Arc::new(ScriptedLab { script, allowed });
        let pretended = |name| Device { name, lab: lab.clone() };
        (args.device.named().into_iter().map(pretended).collect(), Catalog::scripted())
    } else {
        let devices = devices(&args.device, data)?;
        let mut catalog =
            Catalog::find(args.folders.models.as_deref(), data).map_err(|e| e.to_string())?;
        if let Some(name) = &args.model {
            catalog.set_default(name).map_err(|e| e.to_string())?;
        }
        (devices, catalog)
    };
    // Any of them decodes pictures and tells what a model needs.
    let lab = devices.first().map(|device| device.lab.clone()).ok_or("there is no device")?;
    let preload = catalog.default_model().cloned().map(|source| {
        let quant = source.default_quant();
        ModelChoice { source, quant }
    });
    if preload.is_none() {
        tracing::warn!("there is no model; the page works, but no run can be started");
    }
    let samples = match catalog.by_name(DEMO_NAME) {
        Ok(demo) => Samples::in_folder(&demo.folder),
        Err(_) => DEMO.folder().map_or_else(|| Samples::inside(DEMO), Samples::in_folder),
    };
    let mut problems = Vec::new();
    let queue = match SqliteQueue::open_in(data, store.space().clone()) {
        Ok(queue) => Some(Arc::new(queue)),
        // The runs are shown all the same.
        Err(error) if matches!(error, StoreError::Full) || store.space().is_full() => {
            tracing::error!(%error, "the experiments cannot be opened on a full disk");
            problems.push(
                "The experiments are closed: the data folder had no space left to open them. Make space \
                 and restart the lab."
                    .to_owned(),
            );
            None
        }
        Err(error) => {
            let data = data.display();
            return Err(format!("the experiments in {data} cannot be opened: {error}"));
        }
    };
    let experiments = queue.map(|queue| Means {
        book: queue.clone(),
        items: queue,
        lab: lab.clone(),
        catalog: Arc::new(catalog.clone()),
        // Its worker reads what the command line's experiments ask for too; what comes over the
        // network is checked when it is planned.
        shelves: Arc::new(Shelves::new(Paths::Anywhere, catalog.hub().cloned())),
    });
    let runs = Arc::new(Runs::new(lab, catalog, samples, store, shares));
    let spare = experiments.as_ref().map(|means| means.spare(Post::Lab));
    let settings = Settings { devices, models_kept: args.models_kept, preload, spare };
    let dispatcher = Dispatcher::start(&runs, settings)
        .map_err(|e| format!("the models' threads cannot start: {e}"))?;

    let mut state = AppState::new(
        runs.clone(),
        Limits { classes: ClassLimits::of(&shares), ..Limits::default() },
    );
    state.experiments = experiments;
    state.problems = problems.into();
    let allowed = |everybody: bool| match everybody {
        true => Allowed::Everybody,
        false if address.ip().is_loopback() => Allowed::Local,
        false => Allowed::Nobody,
    };
    state.pulls = Arc::new(Pulls::new(allowed(args.allow_pull)));
    state.listed = allowed(args.share_experiments);
    state.network_address = network_address(address);
    state.access = Arc::new(Access {
        bound: address.ip(),
        origins: args.origins.clone(),
        base: args.base.clone(),
        proxies: args.proxies.clone(),
    });
    let stopping = CancellationToken::new();
    // Before the address is told: whoever knows it may already ask for an end.
    let means = state.experiments.clone();
    let leave = move || {
        if let Some(means) = means {
            means.items.leave();
        }
    };
    tokio::spawn(wait_for_signal(stopping.clone(), terminations(), leave.clone()));
    tracing::info!(
        files,
        connections = limits.all,
        per_client = limits.per_client,
        "open files and connections are limited to"
    );
    if shares.sockets != asked.sockets {
        let Bound { whole, client } = shares.sockets;
        tracing::info!(
            sockets = whole,
            per_client = client,
            "websockets and streams have three quarters of the connections, which is"
        );
    }
    if let Some(unnamed) = args.keep {
        let retention = Retention::new(Keep { unnamed, named: args.keep_named });
        let ticks = retention::hourly(stopping.clone());
        tokio::spawn(retention.watch(state.clone(), clock::moments(), ticks));
    }
    let url = format!("http://{address}{}", args.base.as_str());
    print(&format!("LangOverrule Lab is open at {url}\n"))?;
    if args.open {
        open(&url);
    }
    let counts = state.runs.metrics.connections.clone();
    let connections = Connections::counted(limits, counts, runs.fair.refusals().clone());
    let server = net::serve(
        listener,
        app(state.clone()),
        connections,
        state.access.clone(),
        stopping.clone(),
    );
    let mut server = tokio::spawn(server);
    tokio::select! {
        // With nobody connected the server ends at once when told to stop: asked first, that is
        // not taken for a failure.
        biased;
        () = stopping.cancelled() => {}
        ended = &mut server => {
            return Err(format!("the server ended: {ended:?}"));
        }
    }
    tracing::info!("stopping");
    close(&state, Duration::from_secs(args.grace)).await;
    let _ = tokio::time::timeout(NOTICE, server).await;
    let closed = tokio::task::spawn_blocking(move || {
        // A model that does not notice is left behind: the process ends all the same.
        if dispatcher.is_finished() {
            dispatcher.join();
        }
        leave();
        runs.store.close();
    });
    let _ = closed.await;
    tracing::info!("stopped");
    Ok(())
}

/// Brings the lab to rest: no new runs, the run at work finishes or is stopped, viewers leave.
async fn close(state: &AppState, grace: Duration) {
    let runs = &state.runs;
    state.pulls.stop_all();
    runs.close().await;
    let idle = async || {
        while runs.live() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(grace, idle()).await.is_err() {
        runs.stop_live(StopReason::ShuttingDown);
        if tokio::time::timeout(NOTICE, idle()).await.is_err() {
            tracing::warn!("a run did not stop in time");
        }
    }
    // Viewers of runs that are over get the last events before they are sent away.
    tokio::time::sleep(Duration::from_millis(50)).await;
    state.closing.cancel();
    state.viewers.close();
    if tokio::time::timeout(NOTICE, state.viewers.wait()).await.is_err() {
        tracing::warn!("a viewer did not leave in time");
    }
}

/// Waits for the first signal that asks for an orderly stop; the second ends the process.
async fn wait_for_signal(
    stopping: CancellationToken,
    mut terminations: Terminations,
    leave: impl FnOnce(),
) {
    signal_received(&mut terminations).await;
    stopping.cancel();
    signal_received(&mut terminations).await;
    leave();
    std::process::exit(130);
}

/// Requests to end, where the system has them; noted from the moment this is made.
#[cfg(unix)]
pub(super) type Terminations = Option<signal::unix::Signal>;
#[cfg(not(unix))]
pub(super) type Terminations = ();

#[cfg(unix)]
pub(super) fn terminations() -> Terminations {
    signal::unix::signal(signal::unix::SignalKind::terminate()).ok()
}
#[cfg(not(unix))]
pub(super) fn terminations() -> Terminations {}

pub(super) async fn signal_received(terminations: &mut Terminations) {
    let interrupt = async {
        // Without a handler for it there is nothing to wait for.
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match terminations {
            Some(terminated) => terminated.recv().await,
            None => std::future::pending().await,
        };
    };
    #[cfg(not(unix))]
    let terminate = {
        let _ = terminations;
        std::future::pending::<()>()
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// Opens the page with what the desktop has for it.
fn open(url: &str) {
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    if let Err(error) = std::process::Command::new(program).arg(url).spawn() {
        tracing::warn!(%error, "no browser could be opened");
    }
}
