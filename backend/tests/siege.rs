//! The standing test of a lab among strangers (`examples/siege`), in small, on a scripted model.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
#![allow(clippy::print_stdout, reason = "what was tried")]

#[allow(dead_code, unused_imports, reason = "the example uses the rest")]
#[path = "../examples/siege/besieging/mod.rs"]
mod besieging;

use besieging::{Program, Report, Scale, Siege};

/// Times are judged by the example, which has the machine to itself.
const SMALL: Scale = Scale {
    viewers: 20,
    runs: 2,
    idle: 30,
    dawdling: 5,
    sent_away: None,
    polite: 4,
    kills: 2,
    samples: 4,
    flood: 40,
    unpacked: 1 << 23,
    upload: 1 << 20,
    times: false,
};

async fn stands(attack: &str) {
    let program = Program::new(env!("CARGO_BIN_EXE_langoverrule"), &["--scripted"]);
    let siege = Siege { program, scale: SMALL };
    let mut report = Report::default();
    siege.attack(attack, &mut report).await;
    println!("{report}");
    assert!(report.promises_broken().is_empty(), "\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load() {
    stands("load").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_idle_clients() {
    stands("slow").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_connections() {
    stands("few").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greedy_client() {
    stands("fairness").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills() {
    stands("kills").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs() {
    stands("bombs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods() {
    stands("floods").await;
}
