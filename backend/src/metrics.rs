//! What the lab counts and measures, for Prometheus.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, prometheus_text,
};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use shared::ErrorCode;
use shared::api::RunState;

use crate::process;

pub use prometheus_text::CONTENT_TYPE;

/// Upper bounds of what runs take, in seconds.
const RUN_BUCKETS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Upper bounds of how long answers take to begin, in seconds.
const ANSWER_BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 20.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refused {
    code: &'static str,
}

/// Histograms of how long answers take to begin.
#[derive(Clone, Copy, Debug)]
struct Answers;

impl MetricConstructor<Histogram> for Answers {
    fn new_metric(&self) -> Histogram {
        Histogram::new(ANSWER_BUCKETS)
    }
}

type Level = Gauge<i64, AtomicI64>;
type Bytes = Gauge<u64, AtomicU64>;

/// What the lab counts and measures.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    submitted: Counter,
    ended: Family<Ended, Counter>,
    run_seconds: Histogram,
    waited_seconds: Histogram,
    queued: Level,
    running: Level,
    models: Level,
    viewers: Level,
    gaps: Counter,
    /// Connections, for the server to count.
    pub connections: ConnectionCounts,
    requests: Family<Answered, Counter>,
    request_seconds: Family<Route, Histogram, Answers>,
    refused: Family<Refused, Counter>,
    expired: Counter,
    data: Bytes,
    disk: Bytes,
}

/// What the system says of this process, under the names that Prometheus' clients agreed on.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(now) = process::now() else { return Ok(()) };
        let bytes = Some(Unit::Bytes);
        for (name, help, unit, value) in [
            ("process_resident_memory", "Memory that the process holds.", bytes, now.resident),
            ("process_open_fds", "Open file descriptors.", None, now.files),
            ("process_max_fds", "Most open file descriptors.", None, now.most_files),
            ("process_threads", "Threads.", None, now.threads),
        ] {
            let gauge = ConstGauge::new(value);
            let to = encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?;
            gauge.encode(to)?;
        }
        let cpu = ConstCounter::new(now.cpu_seconds);
        let (help, seconds) = ("Processor time taken.", Some(&Unit::Seconds));
        cpu.encode(encoder.encode_descriptor("process_cpu", help, seconds, cpu.metric_type())?)
    }
}

/// What is measured at the moment of asking.
#[derive(Clone, Copy, Debug)]
pub struct Gauges {
    /// Runs waiting.
    pub queued: usize,
    /// Models in memory.
    pub models: usize,
    /// Whether the model is at work on a run.
    pub running: usize,
}

/// Counts of connections.
#[derive(Clone, Debug, Default)]
pub struct ConnectionCounts {
    open: Level,
    accepted: Counter,
    refused: Counter,
}

impl ConnectionCounts {
    /// A connection was accepted; it counts as open until the guard is dropped.
    pub fn accepted(&self) -> Counted {
        self.accepted.inc();
        Counted::one(&self.open)
    }

    /// A connection was not served, for there were too many.
    pub fn refused(&self) {
        self.refused.inc();
    }
}

/// Counts one of something while it lives: a viewer, a connection.
#[derive(Debug)]
pub struct Counted(Level);

impl Counted {
    fn one(level: &Level) -> Counted {
        level.inc();
        Counted(level.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::default(),
            submitted: Counter::default(),
            ended: Family::default(),
            run_seconds: Histogram::new(RUN_BUCKETS),
            waited_seconds: Histogram::new(RUN_BUCKETS),
            queued: Level::default(),
            running: Level::default(),
            models: Level::default(),
            viewers: Level::default(),
            gaps: Counter::default(),
            connections: ConnectionCounts::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(Answers),
            refused: Family::default(),
            expired: Counter::default(),
            data: Bytes::default(),
            disk: Bytes::default(),
        };
        // At zero from the start, so that a rise from none is seen.
        for state in ["done", "cancelled", "failed"] {
            drop(metrics.ended.get_or_create(&Ended { state }));
        }
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let mut registry = std::mem::take(&mut self.registry);
        let lab = registry.sub_registry_with_prefix("langoverrule");
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        lab.register("build", "The lab's version", version);
        lab.register("runs_submitted", "Runs taken", self.submitted.clone());
        lab.register("runs_ended", "Runs ended, by how", self.ended.clone());
        let seconds = || Unit::Seconds;
        let help = "From submit to last event";
        lab.register_with_unit("run", help, seconds(), self.run_seconds.clone());
        let help = "From submit to the model's beginning with it";
        lab.register_with_unit("run_waited", help, seconds(), self.waited_seconds.clone());
        lab.register("runs_queued", "Runs waiting", self.queued.clone());
        lab.register("runs_running", "Runs at work", self.running.clone());
        lab.register("models_loaded", "Models in memory", self.models.clone());
        lab.register("viewers", "Open websockets", self.viewers.clone());
        lab.register("viewer_gaps", "Times a viewer fell behind", self.gaps.clone());
        lab.register("connections", "Open connections", self.connections.open.clone());
        let help = "Connections accepted";
        lab.register("connections_accepted", help, self.connections.accepted.clone());
        let help = "Connections that were not served, for there were too many";
        lab.register("connections_refused", help, self.connections.refused.clone());
        let help = "Requests, by route and status";
        lab.register("http_requests", help, self.requests.clone());
        let help = "From a request's head to its answer's head, by route";
        lab.register_with_unit("http_request", help, seconds(), self.request_seconds.clone());
        let help = "Requests answered with an error, by its code";
        lab.register("refusals", help, self.refused.clone());
        let help = "Runs and experiments deleted for their age";
        lab.register("expired", help, self.expired.clone());
        let help = "What the lab's stores take";
        lab.register_with_unit("data", help, Unit::Bytes, self.data.clone());
        let help = "What is free where the data folder lies";
        lab.register_with_unit("disk_free", help, Unit::Bytes, self.disk.clone());
        registry.register_collector(Box::new(Process));
        self.registry = registry;
    }

    /// A run was taken.
    pub fn run_submitted(&self) {
        self.submitted.inc();
    }

    /// The model began with a run, `ms` after it was submitted.
    pub fn run_started(&self, ms: f64) {
        self.waited_seconds.observe(ms / 1e3);
    }

    /// A run ended, `ms` after it was submitted.
    pub fn run_ended(&self, state: RunState, ms: f64) {
        let state = match state {
            RunState::Done => "done",
            RunState::Cancelled => "cancelled",
            _ => "failed",
        };
        self.ended.get_or_create(&Ended { state }).inc();
        self.run_seconds.observe(ms / 1e3);
    }

    /// A viewer came; it is counted until the guard is dropped.
    pub fn viewer(&self) -> Counted {
        Counted::one(&self.viewers)
    }

    /// A viewer fell behind.
    pub fn gap(&self) {
        self.gaps.inc();
    }

    /// A request was answered. `route` is a route's pattern, never a person's text; `refused` is the
    /// code of an error.
    pub fn request(&self, route: &str, status: u16, took: Duration, refused: Option<ErrorCode>) {
        let route = route.to_owned();
        self.requests.get_or_create(&Answered { route: route.clone(), status }).inc();
        self.request_seconds.get_or_create(&Route { route }).observe(took.as_secs_f64());
        if let Some(code) = refused {
            self.refused.get_or_create(&Refused { code: code.name() }).inc();
        }
    }

    /// So many runs and experiments were deleted for their age.
    pub fn expired(&self, count: u64) {
        self.expired.inc_by(count);
    }

    /// Everything, in Prometheus' text form; `data` is the data folder. Asks the file system.
    pub fn render(&self, gauges: Gauges, data: &Path) -> String {
        self.queued.set(gauges.queued as i64);
        self.running.set(gauges.running as i64);
        self.models.set(gauges.models as i64);
        let sizes = std::fs::read_dir(data).into_iter().flatten().flatten();
        let sizes = sizes.filter_map(|file| file.metadata().ok()).filter(|m| m.is_file());
        self.data.set(sizes.map(|m| m.len()).sum());
        // A folder that is gone leaves what was known.
        if let Ok(free) = fs4::available_space(data) {
            self.disk.set(free);
        }
        let mut text = String::new();
        match prometheus_text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be written");
                String::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_counted_under_its_name() {
        let metrics = Metrics::default();
        metrics.run_submitted();
        metrics.run_started(40.0);
        metrics.run_ended(RunState::Done, 1_500.0);
        metrics.request("/api/runs", 429, Duration::from_millis(3), Some(ErrorCode::QueueFull));
        metrics.expired(3);
        let (one, other) = (metrics.connections.accepted(), metrics.connections.accepted());
        metrics.connections.refused();
        drop(other);
        let gauges = Gauges { queued: 2, models: 1, running: 1 };
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lab.sqlite"), [0; 4096]).expect("a file");
        let text = metrics.render(gauges, folder.path());
        for line in [
            "# TYPE langoverrule_runs_submitted_total counter",
            "langoverrule_runs_submitted_total 1",
            "langoverrule_runs_ended_total{state=\"done\"} 1",
            "langoverrule_runs_ended_total{state=\"failed\"} 0",
            "# TYPE langoverrule_run_seconds histogram",
            "langoverrule_run_seconds_bucket{le=\"1\"} 0",
            "langoverrule_run_seconds_bucket{le=\"2.5\"} 1",
            "langoverrule_run_waited_seconds_bucket{le=\"0.1\"} 1",
            "langoverrule_runs_queued 2",
            "langoverrule_runs_running 1",
            "langoverrule_models_loaded 1",
            "langoverrule_connections 1",
            "langoverrule_connections_accepted_total 2",
            "langoverrule_connections_refused_total 1",
            "langoverrule_http_requests_total{route=\"/api/runs\",status=\"429\"} 1",
            "langoverrule_http_request_seconds_count{route=\"/api/runs\"} 1",
            "langoverrule_refusals_total{code=\"queue_full\"} 1",
            "langoverrule_expired_total 3",
            "langoverrule_data_bytes 4096",
        ] {
            assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
        }
        drop(one);
        assert!(metrics.render(gauges, folder.path()).contains("\nlangoverrule_connections 0\n"));
    }

    #[test]
    fn free_space_and_the_process_are_measured() {
        let metrics = Metrics::default();
        let gauges = Gauges { queued: 0, models: 0, running: 0 };
        let text = metrics.render(gauges, Path::new("."));
        let value = |name: &str| {
            let line =
                text.lines().find(|l| l.strip_prefix(name).is_some_and(|l| l.starts_with(' ')));
            line.and_then(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).expect(name)
        };
        assert!(value("langoverrule_disk_free_bytes") > 0.0);
        if cfg!(target_os = "linux") {
            assert!(value("process_resident_memory_bytes") > 1e6);
            assert!(value("process_open_fds") >= 3.0);
            assert!(value("process_max_fds") >= value("process_open_fds"));
            assert!(value("process_threads") >= 1.0);
            assert!(value("process_cpu_seconds_total") >= 0.0);
        }
    }
}
