//! What people asked is kept as long as was said, and no longer.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use crate::at_rest::experiments;
use crate::common::{Options, TestLab};
use langoverrule::clock::{self, Moment};
use langoverrule::experiments::{Book, SqliteQueue};
use langoverrule::id::RunId;
use langoverrule::retention::{Keep, Retention, Swept};
use shared::ErrorCode;
use shared::LabelChange;
use shared::api::RunCreated;
use shared::experiment::ExperimentState;
use tempfile::TempDir;
use tokio::sync::mpsc;

const DAY: Duration = Duration::from_secs(86_400);

fn keep(days: u32) -> Keep {
    Keep { unnamed: DAY * days, named: None }
}

async fn look(lab: &TestLab, keep: Keep, wall: SystemTime) -> Swept {
    let now = Moment { wall, passed: Duration::ZERO };
    let mut retention = Retention::new(keep);
    let first = retention.look(&lab.state, now).await.unwrap();
    assert_eq!(first, Swept::default(), "a lab that was just started may have a wrong clock");
    retention.look(&lab.state, now).await.unwrap()
}

async fn done(lab: &TestLab, prompt: &str) -> RunCreated {
    let run = lab.ask(prompt).await;
    lab.ended(&run.id).await;
    run
}

#[tokio::test]
async fn runs_go_when_they_are_too_old_and_named_ones_when_that_was_said() {
    let lab = TestLab::new();
    let (plain, named) = (done(&lab, "Zebra-Quagga-Okapi?").await, done(&lab, "Kept?").await);
    let change = LabelChange { name: Some("For the lesson".into()), note: None };
    let id = RunId::parse(&named.id).unwrap();
    lab.state.runs.store.label(id, change).await.unwrap().unwrap().unwrap();
    let path = |run: &RunCreated, end: &str| format!("/api/runs/{}{end}", run.id);
    let now = clock::now();

    assert_eq!(look(&lab, keep(30), now + DAY * 29).await, Swept::default());
    lab.get(&path(&plain, "")).await.ok::<serde_json::Value>();
    // It stands among the runs used last; deleted, it is gone from there too.
    assert_eq!(look(&lab, keep(30), now + DAY * 31).await, Swept { runs: 1, experiments: 0 });
    for end in ["", "/picture", "/prepared.png", "/export.json"] {
        lab.get(&path(&plain, end)).await.is_error(ErrorCode::NotFound);
    }
    lab.get(&path(&named, "")).await.ok::<serde_json::Value>();
    assert!(lab.get("/metrics").await.text().contains("\nlangoverrule_expired_total 1\n"));

    let both = Keep { unnamed: DAY, named: Some(DAY * 365) };
    assert_eq!(look(&lab, both, now + DAY * 364).await, Swept::default());
    assert_eq!(look(&lab, both, now + DAY * 366).await.runs, 1);
    lab.get(&path(&named, "")).await.is_error(ErrorCode::NotFound);
    assert_eq!(lab.state.runs.store.totals().unwrap().blobs, 0, "no picture stays behind");

    // Not only let go of: what was asked is no longer in the file.
    let folder = lab.close().await;
    let file = std::fs::read(folder.path().join("lab.sqlite")).unwrap();
    let holds = |text: &str| file.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(!holds("Zebra-Quagga-Okapi") && !holds("For the lesson"));
}

#[tokio::test]
async fn what_is_at_work_or_damaged_is_left_alone() {
    let lab = TestLab::new();
    let damaged = done(&lab, "Damaged?").await;
    let running = lab.ask("[slow]").await;
    let file = lab.folder.path().join("lab.sqlite");
    let connection = rusqlite::Connection::open(file).unwrap();
    // As a flipped bit makes a young run old.
    let sql = "UPDATE runs SET created = '1999-01-01T00:00:00.000Z' WHERE id = ?1";
    assert_eq!(connection.execute(sql, [&damaged.id]).unwrap(), 1);
    assert_eq!(look(&lab, keep(30), clock::now() + DAY * 31).await, Swept::default());
    assert_eq!(lab.state.runs.store.totals().unwrap().runs, 2);
    let ended = lab.ended(&running.id).await;
    assert_eq!(ended.state, shared::api::RunState::Done);
}

#[tokio::test]
async fn experiments_count_from_their_last_end_and_running_ones_stay() {
    let folder = Arc::new(TempDir::new().unwrap());
    // One is done and one is not; their ends are of now.
    let [done, other] = experiments(folder.path());
    let waiting = {
        let queue = SqliteQueue::open(folder.path()).unwrap();
        let mut new = other.clone();
        new.created = "2001-01-01T00:00:00.000Z".into();
        new.id = RunId::random().unwrap();
        queue.create(&new).unwrap();
        queue.set_state(&new.id, ExperimentState::Paused, None).unwrap();
        let mut running = new.clone();
        running.id = RunId::random().unwrap();
        queue.create(&running).unwrap();
        (new.id, running.id)
    };
    let queue = SqliteQueue::open(folder.path()).unwrap();
    assert_eq!(queue.state(&done.id).unwrap(), Some(ExperimentState::Done));
    queue.set_state(&other.id, ExperimentState::Cancelled, None).unwrap();
    let there = |id: &RunId| queue.get(id).unwrap().is_some();
    let now = clock::now();
    // The paused one was started long ago, and nothing of it ran.
    assert_eq!(queue.expire(now - DAY).unwrap(), std::slice::from_ref(&waiting.0));
    assert!(there(&done.id) && there(&other.id) && there(&waiting.1));
    let mut gone = queue.expire(now + DAY).unwrap();
    gone.sort_by_key(ToString::to_string);
    let mut both = [done.id.clone(), other.id.clone()];
    both.sort_by_key(ToString::to_string);
    assert_eq!(gone, both);
    assert!(there(&waiting.1), "it is running");
    assert_eq!(queue.ends(&done.id, 0, 100).unwrap(), []);
}

/// The lab looks by itself; when, and what time it is, are the test's.
#[tokio::test]
async fn the_lab_looks_again_and_again_until_it_stops() {
    let lab = TestLab::new();
    let run = done(&lab, "How long?").await;
    let path = format!("/api/runs/{}", run.id);
    let hours = Arc::new(AtomicU32::new(0));
    let (told, began) = (hours.clone(), clock::now());
    let clock = move || {
        let passed = Duration::from_secs(3_600) * told.load(Ordering::SeqCst);
        Moment { wall: began + passed, passed }
    };
    // A tick is taken when the look before it is over.
    let (tick, ticks) = mpsc::channel(1);
    let looking = tokio::spawn(Retention::new(keep(1)).watch(lab.state.clone(), clock, ticks));
    for hour in 0..=26 {
        hours.store(hour, Ordering::SeqCst);
        tick.send(()).await.unwrap();
        tick.reserve().await.unwrap();
        if hour == 23 {
            assert_eq!(lab.get(&path).await.status, 200, "it is not a day old");
        }
    }
    drop(tick);
    looking.await.unwrap();
    lab.get(&path).await.is_error(ErrorCode::NotFound);
}

#[tokio::test]
async fn a_clock_set_forward_deletes_nothing_at_once() {
    let lab = TestLab::with(Options::default());
    let run = done(&lab, "When?").await;
    let mut retention = Retention::new(keep(30));
    let began = clock::now();
    let at = |days: u32, hours: u64| Moment {
        wall: began + DAY * days,
        passed: Duration::from_secs(hours * 3_600),
    };
    let nothing = Swept::default();
    // A year in an hour, and back.
    for now in [at(0, 0), at(365, 1), at(0, 2)] {
        assert_eq!(retention.look(&lab.state, now).await.unwrap(), nothing);
    }
    lab.get(&format!("/api/runs/{}", run.id)).await.ok::<serde_json::Value>();
    // It stays there: an hour later that is what time it is.
    assert_eq!(retention.look(&lab.state, at(365, 3)).await.unwrap(), nothing);
    assert_eq!(retention.look(&lab.state, at(365, 4)).await.unwrap().runs, 1);
}
