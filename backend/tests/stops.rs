//! How the program stops, in order or killed, and what it finds when it is started again.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use crate::common::socket::{Viewer, events_of};
use shared::api::{RunRecord, RunState};
use shared::{ErrorCode, Event};
use tempfile::TempDir;

use crate::common::process::{Process, fails, program};

/// What a cancelled run's owner was told is so, whatever becomes of the lab.
#[test]
fn a_cancelled_run_stays_cancelled_after_kill_9() {
    let data = TempDir::new().unwrap();
    let mut told = Vec::new();
    for _ in 0..3 {
        let mut lab = Process::start(data.path());
        // At work, in a layer that takes a while; and waiting in the line.
        let (at_work, waits) = (lab.ask("[slow] What is it?", 1), lab.ask("[slow] And now?", 1));
        let mut events = events_of(lab.server, &at_work.id);
        assert!(events.any(|e| matches!(e.event, Event::Layout { .. })));
        for run in [&at_work, &waits] {
            let line = lab.as_owner("POST", "/cancel", run, "");
            assert!(line.contains(" 202 "), "{line}");
        }
        lab.signal("-KILL");
        assert_eq!(lab.wait(), None, "killed");
        told.extend([at_work.id, waits.id]);
    }
    let lab = Process::start(data.path());
    for id in told {
        let record: RunRecord = lab.get(&format!("/api/runs/{id}"));
        assert_eq!(record.state, RunState::Cancelled);
        assert_eq!(record.events.last().map(|e| &e.event), Some(&Event::Cancelled));
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::start(data.path());
    let done = lab.ask("What is it?", 3);
    let before = lab.ended(&done.id);
    assert_eq!(before.state, RunState::Done);
    let (running, waiting) = (lab.ask("[slow]", 3), lab.ask("later", 3));
    // No pause: the answer to the last submit is all that was waited for.
    lab.signal("-9");
    assert_eq!(lab.wait(), None, "killed");

    let lab = Process::start(data.path());
    assert!(lab.record(&done.id) == before, "a run that was done is whole");
    for run in [running, waiting] {
        let record: RunRecord = lab.get(&format!("/api/runs/{}", run.id));
        assert_eq!(record.state, RunState::Failed);
        let last = &record.events.last().unwrap().event;
        assert!(matches!(last, Event::Failed { code: ErrorCode::Interrupted, .. }), "{last:?}");
    }
}

/// A run shorter than the time between saves: its prefill and first token are kept all the same.
#[test]
fn the_first_seconds_of_a_run_survive_kill_9() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::start(data.path());
    // Eight layers and two tokens, and no further.
    std::fs::write(data.path().join("steps"), "10").unwrap();
    let run = lab.ask("[held]", 20);
    let mut events = events_of(lab.server, &run.id);
    assert!(events.any(|e| matches!(e.event, Event::Token { index: 1, .. })));
    // What was to be written with the first token is in the writer's line, and a name comes after it; the
    // regular save is far off.
    let line = lab.as_owner("PATCH", "", &run, "{}");
    assert!(line.contains(" 200 "), "{line}");
    lab.signal("-9");
    lab.wait();

    let lab = Process::start(data.path());
    let record = lab.record(&run.id);
    let layers = record.events.iter().filter(|e| matches!(e.event, Event::PrefillLayer { .. }));
    assert_eq!(layers.count(), 8, "the whole prefill");
    let tokens = record.events.iter().filter(|e| matches!(e.event, Event::Token { .. }));
    assert!(tokens.count() >= 1, "and the first token");
    let last = &record.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::Interrupted, .. }), "{last:?}");
}

#[tokio::test]
async fn a_stop_lets_the_run_at_work_finish_and_viewers_leave_in_order() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::start(data.path());
    let (running, waiting) = (lab.ask("[slow]", 20), lab.ask("later", 3));
    let mut viewer = Viewer::of_run(lab.server, &running.id).await;
    let mut other = Viewer::of_run(lab.server, &waiting.id).await;
    viewer.until_at_work().await;
    lab.signal("-TERM");
    let (seen, late) = tokio::join!(viewer.rest(), other.rest());
    let last = &seen.events.last().unwrap().event;
    assert!(matches!(last, Event::Done { .. }), "within the grace period it finishes: {last:?}");
    assert_eq!(seen.close, Some(1000));
    let last = &late.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::ShuttingDown, .. }), "{last:?}");
    assert_eq!(late.close, Some(1000));
    assert_eq!(tokio::task::spawn_blocking(move || lab.wait()).await.unwrap(), Some(0));
    // One file: the write-ahead log was folded in.
    assert!(!data.path().join("lab.sqlite-wal").exists());
    let lab = Process::start(data.path());
    let record: RunRecord = lab.get(&format!("/api/runs/{}", running.id));
    assert_eq!(record.state, RunState::Done);
}

#[tokio::test]
async fn a_run_that_outlasts_the_grace_period_is_stopped_and_told() {
    let data = TempDir::new().unwrap();
    let mut lab = Process::with_grace(data.path(), "0");
    // It would never end by itself.
    std::fs::write(data.path().join("steps"), "4").unwrap();
    let run = lab.ask("[held]", 20);
    let mut viewer = Viewer::of_run(lab.server, &run.id).await;
    viewer.until_at_work().await;
    lab.signal("-INT");
    let seen = viewer.rest().await;
    let last = &seen.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::ShuttingDown, .. }), "{last:?}");
    assert_eq!(tokio::task::spawn_blocking(move || lab.wait()).await.unwrap(), Some(0));
    let lab = Process::start(data.path());
    let record: RunRecord = lab.get(&format!("/api/runs/{}", run.id));
    let last = &record.events.last().unwrap().event;
    assert!(matches!(last, Event::Failed { code: ErrorCode::ShuttingDown, .. }), "{last:?}");
}

#[test]
fn a_lab_at_work_is_copied_restored_and_asked_whether_it_is_well() {
    let (data, place) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut lab = Process::start(data.path());
    let url = format!("http://{}/", lab.server);
    let run = lab.ask("What is it?", 3);
    let before = lab.ended(&run.id);
    assert_eq!(before.state, RunState::Done);
    let well = program().args(["health", "--url", &url]).output().unwrap();
    assert!(well.status.success(), "{}", String::from_utf8_lossy(&well.stderr));
    assert!(String::from_utf8_lossy(&well.stdout).contains("\"status\":\"ok\""));

    let (copy, restored) = (place.path().join("copy"), place.path().join("restored"));
    let output = program().arg("backup").arg(&copy).arg("--data").arg(data.path()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 run and 0 experiments"), "{said}");
    let over = program().arg("restore").arg(&copy).arg("--data").arg(data.path()).output();
    assert!(fails(&over.unwrap()).contains("holds a lab already"));
    lab.signal("-9");
    lab.wait();
    assert!(fails(&program().args(["health", "--url", &url]).output().unwrap()).contains(&url));

    let output = program().arg("restore").arg(&copy).arg("--data").arg(&restored).output();
    assert!(output.unwrap().status.success());
    let lab = Process::start(&restored);
    assert!(lab.record(&run.id) == before, "the run is what it was");
}
