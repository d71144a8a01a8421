//! Counters, in the text form Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use shared::api::RunState;

use crate::lock;

/// Upper bounds of the run-time histogram, in seconds.
const BUCKETS: [f64; 10] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// What the lab counts.
#[derive(Debug, Default)]
pub struct Metrics {
    submitted: AtomicU64,
    ended: [AtomicU64; 3],
    run_ms: Mutex<Histogram>,
    viewers: AtomicI64,
    gaps: AtomicU64,
    requests: Mutex<BTreeMap<(String, u16), u64>>,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

/// What is measured at the moment of asking.
#[derive(Clone, Copy, Debug)]
pub struct Gauges {
    /// Runs waiting.
    pub queued: usize,
    /// Models in memory.
    pub models: usize,
    /// Whether the model is at work on a run.
    pub running: bool,
}

/// Counts a viewer while it lives.
#[derive(Debug)]
pub struct Viewer<'a>(&'a Metrics);

impl Drop for Viewer<'_> {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A run was taken.
    pub fn run_submitted(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    /// A run ended, `ms` after it was submitted.
    pub fn run_ended(&self, state: RunState, ms: f64) {
        let at = match state {
            RunState::Done => 0,
            RunState::Cancelled => 1,
            _ => 2,
        };
        self.ended[at].fetch_add(1, Ordering::Relaxed);
        let mut histogram = lock(&self.run_ms);
        let seconds = ms / 1e3;
        histogram.count += 1;
        histogram.sum += seconds;
        for (bound, count) in BUCKETS.iter().zip(&mut histogram.counts) {
            *count += u64::from(seconds <= *bound);
        }
    }

    /// A viewer came; it is counted until the guard is dropped.
    pub fn viewer(&self) -> Viewer<'_> {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        Viewer(self)
    }

    /// A viewer fell behind.
    pub fn gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was answered. `route` is a route's pattern, never a person's text.
    pub fn request(&self, route: &str, status: u16) {
        *lock(&self.requests).entry((route.to_owned(), status)).or_default() += 1;
    }

    /// Everything, in Prometheus' text form.
    pub fn render(&self, gauges: Gauges) -> String {
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, String)]| {
            let _ = writeln!(out, "# HELP langoverrule_{name} {help}");
            let _ = writeln!(out, "# TYPE langoverrule_{name} {kind}");
            for (suffix, value) in lines {
                let _ = writeln!(out, "langoverrule_{name}{suffix} {value}");
            }
        };
        let plain = |value: String| vec![(String::new(), value)];
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed).to_string();
        family("runs_submitted_total", "counter", "Runs taken.", &plain(count(&self.submitted)));
        let ended: Vec<_> = ["done", "cancelled", "failed"]
            .iter()
            .zip(&self.ended)
            .map(|(state, n)| (format!("{{state=\"{state}\"}}"), count(n)))
            .collect();
        family("runs_ended_total", "counter", "Runs ended, by how.", &ended);
        family("runs_queued", "gauge", "Runs waiting.", &plain(gauges.queued.to_string()));
        let running = u8::from(gauges.running).to_string();
        family("runs_running", "gauge", "Runs at work.", &plain(running));
        family("models_loaded", "gauge", "Models in memory.", &plain(gauges.models.to_string()));
        let viewers = self.viewers.load(Ordering::Relaxed).to_string();
        family("viewers", "gauge", "Open websockets.", &plain(viewers));
        family(
            "viewer_gaps_total",
            "counter",
            "Times a viewer fell behind.",
            &plain(count(&self.gaps)),
        );
        let histogram = lock(&self.run_ms);
        let mut lines: Vec<_> = BUCKETS
            .iter()
            .zip(&histogram.counts)
            .map(|(bound, n)| (format!("_bucket{{le=\"{bound}\"}}"), n.to_string()))
            .collect();
        lines.push(("_bucket{le=\"+Inf\"}".into(), histogram.count.to_string()));
        lines.push(("_sum".into(), histogram.sum.to_string()));
        lines.push(("_count".into(), histogram.count.to_string()));
        family("run_seconds", "histogram", "From submit to last event.", &lines);
        let requests: Vec<_> = lock(&self.requests)
            .iter()
            .map(|((route, status), n)| {
                (format!("{{route=\"{route}\",status=\"{status}\"}}"), n.to_string())
            })
            .collect();
        family("http_requests_total", "counter", "Requests, by route and status.", &requests);
        out
    }
}
