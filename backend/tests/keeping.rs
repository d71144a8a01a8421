//! What was acknowledged is kept: over restarts, over crashes, and never at the cost of another.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use crate::common::socket::Viewer;
use crate::common::{Options, TestLab, png, same};
use axum::body::Bytes;
use langoverrule::id::{OwnerToken, RunId};
use langoverrule::store::{NewRun, OpenError, Store, StoreOptions};
use shared::api::{RunRecord, RunState};
use shared::{ErrorCode, Event, LabelChange, RunOptions};
use tempfile::TempDir;

fn open(folder: &TempDir) -> Result<Store, OpenError> {
    Store::open(folder.path(), &StoreOptions::default())
}

fn tokens(record: &RunRecord) -> usize {
    record.events.iter().filter(|e| matches!(e.event, Event::Token { .. })).count()
}

fn new_run() -> NewRun {
    NewRun {
        id: RunId::random().unwrap(),
        created: "2026-01-01T00:00:00.000Z".into(),
        options: RunOptions { prompt: "What is it?".into(), ..RunOptions::default() },
        owner: OwnerToken::random().unwrap().hash(),
        picture: Bytes::from(png(4, 4)),
        more: Vec::new(),
        content_type: "image/png",
    }
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    let before = lab.ended(&run.id).await;
    let path = |end: &str| format!("/api/runs/{}{end}", run.id);
    let mut answers = Vec::new();
    for end in ["/picture", "/prepared.png", "/export.json", "/export.csv"] {
        answers.push((end, lab.get(&path(end)).await.body));
    }
    let folder = lab.close().await;

    let lab = TestLab::in_folder(folder, Options::default());
    let after = lab.record(&run.id).await;
    same(&after.events, &before.events);
    assert_eq!(after, before);
    for (end, body) in answers {
        assert!(lab.get(&path(end)).await.body == body, "{end} differs");
    }
    let server = lab.listen().await;
    let seen = Viewer::open(server, &path("/events?from=3"), None).await.rest().await;
    same(&seen.events, &before.events[3..]);
    // The owner is still the owner.
    let answer = lab.as_owner(axum::http::Method::DELETE, &path(""), &run.owner_token).await;
    assert_eq!(answer.status, 204);
    let folder = lab.close().await;
    let lab = TestLab::in_folder(folder, Options::default());
    lab.get(&path("")).await.is_error(ErrorCode::NotFound);
}

#[tokio::test]
async fn a_run_cut_off_is_interrupted_and_says_so() {
    let folder = TempDir::new().unwrap();
    let new = new_run();
    {
        let store = open(&folder).unwrap();
        store.insert(new.clone()).await.unwrap();
        // As after kill -9: nothing of the run's end was written.
    }
    let store = open(&folder).unwrap();
    let stored = store.run(&new.id).unwrap().unwrap();
    assert_eq!(stored.record.state, RunState::Failed);
    let [only] = &stored.record.events[..] else { panic!("{:?}", stored.record.events) };
    assert!(matches!(only.event, Event::Failed { code: ErrorCode::Interrupted, .. }));
    assert_eq!(store.picture(&new.id, 0).unwrap().unwrap().bytes, new.picture);
    drop(store);
    // Noted once, not at every start.
    let store = open(&folder).unwrap();
    assert_eq!(store.run(&new.id).unwrap().unwrap().record.events.len(), 1);
}

#[tokio::test]
async fn a_damaged_run_keeps_no_other_from_starting() {
    let folder = TempDir::new().unwrap();
    let (damaged, other) = (new_run(), new_run());
    {
        let store = open(&folder).unwrap();
        store.insert(damaged.clone()).await.unwrap();
        store.insert(other.clone()).await.unwrap();
    }
    let file = folder.path().join("lab.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let sql = "INSERT INTO events (run, first, count, data) VALUES (?1, 0, 3, x'00112233')";
    connection.execute(sql, [damaged.id.as_str()]).unwrap();
    let store = open(&folder).unwrap();
    let stored = store.run(&other.id).unwrap().unwrap();
    assert_eq!((stored.record.state, stored.record.events.len()), (RunState::Failed, 1));
    assert!(store.run(&damaged.id).is_err(), "it is not made up");
    let state: String = connection
        .query_row("SELECT state FROM runs WHERE id = ?1", [damaged.id.as_str()], |r| r.get(0))
        .unwrap();
    assert_eq!(state, "failed", "not looked at again at every start");
    // Its owner can still be rid of it.
    assert!(store.delete(damaged.id).await.unwrap());
}

#[tokio::test]
async fn one_folder_one_lab() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).unwrap();
    let second = open(&folder).unwrap_err();
    assert!(matches!(second, OpenError::InUse(_)), "{second}");
    drop(store);
    open(&folder).unwrap();
}

/// Whoever tidies the folder up does not let a second lab in.
#[test]
fn the_lock_outlives_its_file() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).unwrap();
    std::fs::remove_file(folder.path().join("lock")).unwrap();
    for _ in 0..2 {
        let second = open(&folder).unwrap_err();
        assert!(matches!(second, OpenError::InUse(_)), "{second}");
    }
    drop(store);
    drop(open(&folder).unwrap());
    let store = open(&folder).unwrap();
    store.close();
    open(&folder).unwrap();
}

/// 3.51.3 mended what could damage a file when its write-ahead log began anew.
#[test]
fn sqlite_is_one_whose_log_can_be_trusted() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    let version: String =
        connection.query_row("SELECT sqlite_version()", [], |row| row.get(0)).unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "{version}");
}

#[cfg(unix)]
#[test]
fn nobody_but_the_owner_reads_what_is_kept() {
    use langoverrule::experiments::{Items, Post};
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &std::path::Path| {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    };
    let set = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    for round in 0..2 {
        let store = Store::open(&data, &StoreOptions::default()).unwrap();
        let queue = langoverrule::experiments::SqliteQueue::open(&data).unwrap();
        let seat = queue.sit(Post::Lab).unwrap();
        assert_eq!(mode(&data), 0o700, "round {round}");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), expected, "{}, round {round}", path.display());
            files.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
        for file in ["lab.sqlite", "lab.sqlite-wal", "lab.sqlite-shm", "experiments.sqlite-wal"] {
            assert!(files.iter().any(|name| name == file), "{file} is not in {files:?}");
        }
        assert_eq!(mode(&data.join("workers").join(seat.name())), 0o600);
        drop((seat, queue, store));
        // As an earlier version of the lab left it.
        for entry in std::fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            set(&path, if path.is_dir() { 0o755 } else { 0o644 });
        }
        set(&data, 0o755);
    }
    // A folder that is no lab's is not closed to those who share it.
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("notes.txt"), "ours").unwrap();
    set(&shared, 0o755);
    set(&shared.join("notes.txt"), 0o644);
    drop(Store::open(&shared, &StoreOptions::default()).unwrap());
    assert_eq!((mode(&shared), mode(&shared.join("notes.txt"))), (0o755, 0o644));
    assert_eq!(mode(&shared.join("lab.sqlite")), 0o600);
}

#[test]
fn a_folder_that_cannot_be_is_one_sentence() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("data"), &StoreOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, OpenError::Folder { .. }), "{text}");
    assert!(text.contains("data folder") && !text.contains('\n'), "{text}");
}

#[test]
fn a_later_versions_store_is_left_alone() {
    let folder = TempDir::new().unwrap();
    drop(open(&folder).unwrap());
    let file = folder.path().join("lab.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 99, .. }), "{error}");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let version: u32 = connection.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn a_file_that_is_no_store_is_one_sentence() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("lab.sqlite"), "not a database, but long enough".repeat(99))
        .unwrap();
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn a_long_run_is_written_while_it_runs() {
    let script = langoverrule::workers::lab::Script {
        layers: 4,
        step: std::time::Duration::from_millis(100),
        ..Default::default()
    };
    let lab = TestLab::with(Options { script, ..Options::default() });
    let run = lab.submit(r#"{"prompt":"What is it?","max_new_tokens":500}"#).await;
    let id = RunId::parse(&run.id).unwrap();
    let stored = || lab.state.runs.store.run(&id).unwrap().unwrap().record;
    // With the first token it is written, before there is a second. The store writes one thing after the
    // other: a name that it has written comes after that.
    lab.until(&run.id, |r| tokens(r) >= 2).await;
    let kept = lab.state.runs.find(&run.id).await.unwrap();
    lab.state.runs.label(&kept, LabelChange::default()).await.unwrap();
    assert!(tokens(&stored()) >= 1);
    let path = format!("/api/runs/{}/cancel", run.id);
    lab.as_owner(axum::http::Method::POST, &path, &run.owner_token).await;
    let ended = lab.ended(&run.id).await;
    // Written in parts, read as one: nothing twice, nothing missing.
    same(&stored().events, &ended.events);
    assert!(lab.state.runs.store.totals().unwrap().event_rows > 1);
}
