//! `serve`: opens the lab.

mod closing;
mod opening;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use datasets::Paths;
use engine::DeviceChoice;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::values::{address, text, whole};
use super::{Failure, ModelFolders, print};
use crate::assets::DEMO;
use crate::classroom::{ClassLimits, network_address};
use crate::clock;
use crate::experiments::{Means, Post, Shelves, SqliteQueue};
use crate::fair::{Bound, Share};
use crate::http::app::{AppState, Limits, app};
use crate::http::classes;
use crate::http::net::{
    self, Access, Base, ConnectionLimits, Connections, Network, Site, raise_files,
};
use crate::models::catalog::{Catalog, DEMO_NAME};
use crate::models::pulls::{Allowed, Pulls};
use crate::retention::{self, Keep, Retention, parse_time};
use crate::runs::samples::Samples;
use crate::runs::{Device, Dispatcher, Runs, Settings};
use crate::store::{Store, StoreError, StoreOptions, folder};
use crate::workers::lab::{KeepingLab, Lab, Script, ScriptedLab};
use crate::workers::{Devices, ModelChoice};

use closing::{NOTICE, close, wait_for_signal};
pub(super) use closing::{signal_received, terminations};
use opening::{check, for_photographs, listen, open, shares};

/// Most runs that can be let wait: a line that takes weeks helps nobody.
const MOST_WAITING: u64 = 100_000;

/// How to open the lab.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    bind: SocketAddr,
    #[command(flatten)]
    folders: ModelFolders,
    /// What models run on: auto, cpu or cuda:0; several as cuda:0,cuda:1, or all. A run goes to the
    /// device where its model lies, and otherwise to one that has room.
    #[arg(long, value_name = "DEVICES", default_value_t)]
    device: Devices,
    /// The model that runs when none is named [default: demo-llava].
    #[arg(long, value_name = "NAME|FOLDER", value_parser = text())]
    model: Option<String>,
    /// Open the page in a browser.
    #[arg(long)]
    open: bool,
    /// Runs that may wait: the same as --in-all runs=N, and two thirds of it for one address.
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1, MOST_WAITING))]
    queue: Option<usize>,
    /// How much one address may have, as runs=21: of runs that wait, uploads, sockets, classes,
    /// followers and onlookers of one class, experiments, requests and guesses (a second) and disk (MiB a day); may
    /// stand several times, once for each.
    #[arg(long = "per-client", value_name = "NAME=N")]
    per_client: Vec<Share>,
    /// How much there is in all, as classes=64; may stand several times, once for each. Where --per-client
    /// does not say what one address may have of it, that is two thirds at most.
    #[arg(long = "in-all", value_name = "NAME=N")]
    in_all: Vec<Share>,
    /// Models that each device keeps in memory.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = whole::<usize>(1, 100))]
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
    /// address or a network of at most /8 (IPv6: /7), as 127.0.0.1 or 10.0.0.0/8; may stand several times.
    #[arg(long = "trusted-proxy", value_name = "ADDRESS|NETWORK")]
    proxies: Vec<Network>,
    /// Most connections that are served at once [default: 4096, or what the limit of open files allows];
    /// one client has a quarter of them.
    #[arg(long, value_name = "NUMBER", value_parser = whole::<usize>(8, 1_000_000))]
    connections: Option<usize>,
    /// Delete runs and experiments that are older than this, such as 30d; runs that have a name or a
    /// note stay [default: nothing is deleted for its age].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    keep: Option<Duration>,
    /// Delete runs that have a name or a note, too, once they are older than this; no less than --keep.
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "keep")]
    keep_named: Option<Duration>,
    /// Seconds that a run at work may go on when the lab is stopped.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = whole::<u64>(0, 86_400))]
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

async fn run(args: ServeArgs) -> Result<(), Failure> {
    check(&args)?;
    let asked = shares(&args)?;
    // Before anything is opened: connections and the store share what there is.
    let files = raise_files();
    let mut limits = ConnectionLimits::within(files);
    if let Some(all) = args.connections {
        if all > limits.all {
            return Err(format!(
                "--connections {all} is more than the {} that can be served here, where {files} files may be \
                 open (ulimit -n): ask for fewer, or leave it out",
                limits.all
            ));
        }
        limits = limits.at_most(all);
    }
    let shares = asked.with_sockets_within(limits.lasting());
    // The port first: it is what most often stands in the way.
    let listener = listen(args.bind)?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let data = &args.folders.data;
    // Before the data folder is made: a lab without its models leaves nothing behind.
    let catalog = match args.scripted {
        Some(_) => Catalog::scripted(),
        None => {
            let mut catalog = args.folders.catalog()?;
            if let Some(name) = &args.model {
                catalog.set_default(name).map_err(|e| e.to_string())?;
            }
            catalog
        }
    };
    let store = Store::open(data, &StoreOptions { max_pages: args.max_pages })
        .map_err(|e| e.to_string())?;
    if folder::is_root() {
        tracing::warn!(
            "the lab runs as root, and so could whoever finds a fault in it; give it a user of its own"
        );
    }
    let devices = if let Some(script) = args.scripted {
        let allowed = Some(data.join("steps"));
        let lab: Arc<dyn Lab> = Arc::new(ScriptedLab { script, allowed });
        let pretended = |name| Device { name, lab: lab.clone() };
        args.device.named().into_iter().map(pretended).collect()
    } else {
        devices(&args.device, data)?
    };
    // Any of them decodes pictures and tells what a model needs.
    let lab = devices.first().map(|device| device.lab.clone()).ok_or("there is no device")?;
    let preload = catalog.by_name("").ok().map(|source| {
        let quant = source.default_quant();
        ModelChoice { source, quant }
    });
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
    // Loudly: the lab opens, for what it keeps is to be seen.
    for problem in runs.models_state().await.problems {
        tracing::error!("{problem}");
    }
    let unpacking = runs.clone();
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
    classes::restore(&state).await;
    tokio::spawn(classes::keep(state.clone(), stopping.clone()));
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
    tokio::spawn(look_again(unpacking, stopping.clone()));
    if let Some(unnamed) = args.keep {
        let retention = Retention::new(Keep { unnamed, named: args.keep_named });
        let ticks = retention::hourly(stopping.clone());
        tokio::spawn(retention.watch(state.clone(), clock::moments(), ticks));
    }
    let url = format!("http://{address}{}", args.base.as_str());
    print(&format!("LangOverrule Lab is open at {url}\n"))?;
    if let Some(entry) = runs.catalog.to_bring_for_photographs() {
        // Whoever started it may read the address alone.
        let _ = print(&for_photographs(entry));
    }
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
    classes::save(&state).await;
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

/// What could not be unpacked is tried again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Tries again and again to unpack demo models that could not be, until `stopping` is cancelled: there
/// may be room by now.
async fn look_again(runs: Arc<Runs>, stopping: CancellationToken) {
    let mut minutes = tokio::time::interval(LOOK_AGAIN);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stopping.run_until_cancelled(minutes.tick()).await.is_some() {
        if runs.catalog.all_missing().is_empty() {
            continue;
        }
        let runs = runs.clone();
        // What it comes to is in the log.
        let _ = tokio::task::spawn_blocking(move || runs.catalog.look_again()).await;
    }
}
