//! What is read from the disk is what was written, or is refused: bits are flipped all over a stored
//! lab, and nothing that differs is shown.
#![allow(clippy::print_stdout, reason = "what was tried and measured")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

use crate::common::{Form, Options, TestLab, png, same};
use axum::body::Bytes;
use langoverrule::experiments::{
    Book, Claim, End, Ended, Experiment, Items, NewExperiment, Post, SqliteQueue,
};
use langoverrule::id::{OwnerToken, RunId};
use langoverrule::store::{Store, StoreError, StoreOptions};
use rusqlite::Connection;
use shared::api::{RunCreated, RunRecord};
use shared::experiment::{DatasetInfo, ExperimentSpec, Grid, LeftOut, Outcome, SampleRef};
use shared::{ErrorCode, LabelChange, Masses, ModelInfo, Quant, TokenHeads};

/// Flips of one bit each, spread evenly over a file; with the position goes the bit.
fn flips(bytes: usize, count: usize) -> impl Iterator<Item = (usize, u8)> {
    // An odd step, so that every offset within a page comes up.
    let step = (bytes / count).max(1) | 1;
    (0..bytes).step_by(step).enumerate().map(|(i, at)| (at, 1 << (i % 8)))
}

/// Everything that can be read of a run.
#[derive(Debug, PartialEq)]
struct Read {
    record: RunRecord,
    owner: [u8; 32],
    picture: (Bytes, String),
    prepared: Option<Bytes>,
    heads: Vec<TokenHeads>,
}

fn read(store: &Store, id: &RunId) -> Result<Option<Read>, StoreError> {
    let Some(run) = store.run(id)? else { return Ok(None) };
    let picture = store.picture(id, 0)?.map(|p| (p.bytes, p.content_type)).unwrap_or_default();
    let (prepared, heads) = (store.prepared(id, 0)?, store.heads(id, 0..100)?);
    Ok(Some(Read { record: run.record, owner: run.owner.0, picture, prepared, heads }))
}

fn open(folder: &Path) -> Result<Store, langoverrule::store::OpenError> {
    Store::open(folder, &StoreOptions::default())
}

/// A closed lab of a few runs: its folder, and what was written.
async fn closed() -> (std::sync::Arc<tempfile::TempDir>, Vec<(RunCreated, RunId)>) {
    // A real model: the scripted one keeps no rows by head.
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/demo-llava");
    let lab = TestLab::real("demo-llava", &Path::new(model).canonicalize().unwrap());
    let mut runs = Vec::new();
    for i in 0..3 {
        let options = format!(
            r#"{{"prompt":"What is in picture {i}?","max_new_tokens":3,"ignore_eos":true}}"#
        );
        let form =
            Form::empty().with("picture", &png(40 + i, 30)).with("options", options.as_bytes());
        let run: RunCreated = lab.submit_form(form).await.json();
        let id = RunId::parse(&run.id).unwrap();
        lab.ended(&run.id).await;
        if i % 2 == 0 {
            let change =
                LabelChange { name: Some(format!("Run {i}")), note: Some("구".repeat(99)) };
            lab.state.runs.store.label(id.clone(), change).await.unwrap().unwrap().unwrap();
        }
        runs.push((run, id));
    }
    (lab.close().await, runs)
}

#[tokio::test]
async fn no_flipped_bit_of_a_lab_is_shown_as_what_was_written() {
    let (folder, runs) = closed().await;
    let written: Vec<Read> = {
        let store = open(folder.path()).unwrap();
        runs.iter().map(|(_, id)| read(&store, id).unwrap().unwrap()).collect()
    };
    assert!(written.iter().all(|run| run.heads.len() == 3 && run.prepared.is_some()));
    let file = std::fs::read(folder.path().join("lab.sqlite")).unwrap();
    let (mut tried, mut refused, mut shut) = (0, 0, 0);
    for (at, bit) in flips(file.len(), 300) {
        let damaged = tempfile::tempdir().unwrap();
        let mut bytes = file.clone();
        bytes[at] ^= bit;
        std::fs::write(damaged.path().join("lab.sqlite"), bytes).unwrap();
        tried += 1;
        let Ok(store) = open(damaged.path()) else {
            shut += 1;
            continue;
        };
        let mut any = false;
        for ((_, id), written) in runs.iter().zip(&written) {
            match read(&store, id) {
                Ok(Some(read)) => {
                    same(&read.record.events, &written.record.events);
                    assert!(read == *written, "byte {at}, bit {bit}: another run is shown");
                }
                Ok(None) => panic!("byte {at}, bit {bit}: the run is said not to exist"),
                Err(_) => any = true,
            }
        }
        refused += usize::from(any);
    }
    println!("{tried} bits flipped: a run was refused {refused} times, the whole lab {shut} times");
    assert!(refused > tried / 4, "flips that nobody noticed: {refused} of {tried} were");
    assert!(shut < tried / 10, "the lab did not open {shut} times of {tried}");
}

#[tokio::test]
async fn every_part_of_a_run_is_vouched_for_and_no_other_run_suffers() {
    let damage = [
        "UPDATE runs SET version = version + 1 WHERE id = ?1",
        "UPDATE runs SET created = '2026-11-30T00:00:00.000Z' WHERE id = ?1",
        "UPDATE runs SET state = 'failed' WHERE id = ?1",
        "UPDATE runs SET options = replace(options, 'picture', 'pictore') WHERE id = ?1",
        "UPDATE runs SET owner = zeroblob(32) WHERE id = ?1",
        "UPDATE runs SET content_type = 'image/jpeg' WHERE id = ?1",
        "UPDATE runs SET picture = prepared WHERE id = ?1",
        "UPDATE runs SET prepared = NULL WHERE id = ?1",
        "UPDATE runs SET name = 'Another' WHERE id = ?1",
        "UPDATE runs SET note = 'Another' WHERE id = ?1",
        "UPDATE runs SET heads = 1 WHERE id = ?1",
        "UPDATE runs SET sum = NULL WHERE id = ?1",
        "DELETE FROM events WHERE run = ?1 AND first = (SELECT max(first) FROM events WHERE run = ?1)",
        "DELETE FROM events WHERE run = ?1 AND first = 0",
        "UPDATE events SET data = (SELECT data FROM events WHERE run <> ?1 ORDER BY run LIMIT 1)
         WHERE run = ?1",
        "UPDATE events SET count = count + 1 WHERE run = ?1",
        "DELETE FROM sums WHERE run = ?1 AND kind = 0",
        "UPDATE heads SET data = zeroblob(9) WHERE run = ?1 AND token = 1",
        "DELETE FROM heads WHERE run = ?1 AND token = 2",
        "DELETE FROM sums WHERE run = ?1 AND kind = 1",
        "UPDATE blobs SET data = zeroblob(length(data))
         WHERE hash = (SELECT picture FROM runs WHERE id = ?1)",
        "UPDATE blobs SET codec = 1 - codec WHERE hash = (SELECT prepared FROM runs WHERE id = ?1)",
        "DELETE FROM blobs WHERE hash = (SELECT picture FROM runs WHERE id = ?1)",
    ];
    let (folder, runs) = closed().await;
    let file = std::fs::read(folder.path().join("lab.sqlite")).unwrap();
    for sql in damage {
        let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let path = folder.path().join("lab.sqlite");
        std::fs::write(&path, &file).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(connection.execute(sql, [&runs[0].0.id]).unwrap() > 0, "{sql}");
        drop(connection);
        let lab = TestLab::in_folder(folder, Options::default());
        let mut damaged = 0;
        for end in ["", "/export.json", "/export.csv", "/picture", "/prepared.png", "/heads/1"] {
            let answer = lab.get(&format!("/api/runs/{}{end}", runs[0].0.id)).await;
            if answer.status != 200 {
                answer.is_error(ErrorCode::StorageDamaged);
                damaged += 1;
            }
            assert_eq!(lab.get(&format!("/api/runs/{}{end}", runs[1].0.id)).await.status, 200);
        }
        assert!(damaged > 0, "{sql}");
        lab.close().await;
    }
}

#[tokio::test]
async fn a_picture_that_is_given_again_is_whole_again() {
    let (folder, runs) = closed().await;
    let connection = Connection::open(folder.path().join("lab.sqlite")).unwrap();
    let picture = "(SELECT picture FROM runs WHERE id = ?1)";
    let sql = format!("UPDATE blobs SET data = zeroblob(length(data)) WHERE hash = {picture}");
    connection.execute(&sql, [&runs[0].0.id]).unwrap();
    drop(connection);
    let lab = TestLab::in_folder(folder, Options::default());
    let path = format!("/api/runs/{}/picture", runs[0].0.id);
    lab.get(&path).await.is_error(ErrorCode::StorageDamaged);
    let form = Form::empty().with("picture", &png(40, 30)).with("options", br#"{"prompt":"?"}"#);
    let again: RunCreated = lab.submit_form(form).await.json();
    lab.ended(&again.id).await;
    assert_eq!(lab.get(&path).await.body, png(40, 30));
}

#[tokio::test]
async fn what_an_earlier_lab_wrote_is_vouched_for_from_now_on() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path().join("lab.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("fixtures/lab-schema-1.sql")).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let id: String = connection.query_row("SELECT id FROM runs", [], |r| r.get(0)).unwrap();
    drop(connection);
    let (run, id) = (format!("/api/runs/{id}"), RunId::parse(&id).unwrap());
    let lab = TestLab::in_folder(folder.clone(), Options::default());
    let before: RunRecord = lab.get(&run).await.ok();
    assert_eq!(before.events.len(), 13);
    lab.close().await;
    let connection = Connection::open(&path).unwrap();
    let flip =
        "UPDATE events SET data = CAST(substr(data, 1, 400) || x'00' || substr(data, 402) AS BLOB)
                WHERE first = 0 AND substr(data, 401, 1) <> x'00'";
    assert_eq!(connection.execute(flip, []).unwrap(), 1);
    drop(connection);
    let store = open(folder.path()).unwrap();
    assert!(matches!(store.run(&id), Err(StoreError::Damaged(_))));
}

#[test]
fn a_run_that_never_was_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    assert!(store.run(&RunId::random().unwrap()).unwrap().is_none());
}

fn new(samples: u32) -> NewExperiment {
    let spec = ExperimentSpec {
        models: vec!["demo-llava".into()],
        prune: vec![0.0, 0.5],
        ..ExperimentSpec::default()
    };
    let grid = Grid::new(&spec, samples, |_| Quant::Q8_0).unwrap();
    NewExperiment {
        id: RunId::random().unwrap(),
        created: "2026-01-01T00:00:00.000Z".into(),
        title: "A title".into(),
        spec,
        dataset: DatasetInfo { name: "demo".into(), rows: 960, ..DatasetInfo::default() },
        grid,
        rows: (0..u64::from(samples)).map(|i| i * 3).collect(),
        owner: OwnerToken::random().unwrap().hash(),
    }
}

fn ended(claim: &Claim) -> (Claim, End) {
    let sample = SampleRef { row: claim.item.into(), ..SampleRef::default() };
    let end = if claim.item % 4 == 3 {
        let message = "It is damaged.";
        End::LeftOut(LeftOut::new(sample, ErrorCode::PictureDamaged, message))
    } else {
        End::Done(Box::new(Outcome {
            sample,
            answer: format!("answer {}", claim.item),
            tokens: 3,
            verdict: None,
            masses: Masses::default(),
            model_ms: 0.1 + f64::from(claim.item),
            made_with: None,
        }))
    };
    (claim.clone(), end)
}

/// Two experiments, the first done, the second half done.
pub fn experiments(folder: &Path) -> [NewExperiment; 2] {
    let queue = SqliteQueue::open(folder).unwrap();
    let both = [new(10), new(8)];
    both.iter().for_each(|new| queue.create(new).unwrap());
    let seat = queue.sit(Post::Worker).unwrap();
    let claims = queue.claim(&*seat, 28).unwrap();
    let ends: Vec<_> = claims.iter().map(ended).collect();
    assert_eq!(queue.finish(&*seat, &ends).unwrap(), 28);
    let model = ModelInfo { name: "a".into(), ..ModelInfo::default() };
    queue.note_model(&both[0].id, &model).unwrap();
    queue.note_run(&both[0].id, 2, "xyz").unwrap();
    drop(queue);
    // One file, without the log beside it.
    let connection = Connection::open(folder.join("experiments.sqlite")).unwrap();
    connection.pragma_update(None, "wal_checkpoint", "truncate").unwrap();
    both
}

pub type Shown = (Experiment, (u32, u32), Vec<Ended>);

pub fn shown(queue: &SqliteQueue, id: &RunId) -> Result<Option<Shown>, StoreError> {
    let Some(experiment) = queue.get(id)? else { return Ok(None) };
    let progress = queue.progress(id)?;
    Ok(Some((experiment, (progress.done, progress.left_out), queue.ends(id, 0, 100)?)))
}

#[test]
fn no_flipped_bit_of_an_experiment_is_shown_as_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let both = experiments(folder.path());
    let written: Vec<String> = {
        let queue = SqliteQueue::open(folder.path()).unwrap();
        both.iter().map(|e| format!("{:?}", shown(&queue, &e.id).unwrap().unwrap())).collect()
    };
    assert!(written[0].contains("xyz") && written[0].contains("(15, 5)"), "{}", written[0]);
    let file = std::fs::read(folder.path().join("experiments.sqlite")).unwrap();
    let (mut tried, mut refused, mut shut) = (0, 0, 0);
    for (at, bit) in flips(file.len(), 500) {
        let damaged = tempfile::tempdir().unwrap();
        let mut bytes = file.clone();
        bytes[at] ^= bit;
        std::fs::write(damaged.path().join("experiments.sqlite"), bytes).unwrap();
        tried += 1;
        let Ok(queue) = SqliteQueue::open(damaged.path()) else {
            shut += 1;
            continue;
        };
        let mut any = false;
        for (new, written) in both.iter().zip(&written) {
            match shown(&queue, &new.id) {
                Ok(Some(shown)) => {
                    let shown = format!("{shown:?}");
                    assert_eq!(shown, *written, "byte {at}, bit {bit}");
                }
                Ok(None) => panic!("byte {at}, bit {bit}: the experiment is said not to exist"),
                Err(_) => any = true,
            }
        }
        refused += usize::from(any);
    }
    println!("{tried} bits flipped: refused {refused} times, the whole queue {shut} times");
    // Half of so small a file are the first pages of tables and indexes, most of them empty.
    assert!(refused > tried / 15 && shut < tried / 10, "{refused} and {shut} of {tried}");
}

#[test]
fn a_damaged_experiment_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path()).unwrap();
    let (first, second) = (new(2), new(2));
    queue.create(&first).unwrap();
    queue.create(&second).unwrap();
    let seat = queue.sit(Post::Worker).unwrap();
    // Damaged while its items are at work, and while others wait.
    let held = queue.claim(&*seat, 2).unwrap();
    let connection = Connection::open(folder.path().join("experiments.sqlite")).unwrap();
    let sql = "UPDATE experiments SET spec = replace(spec, '0.5', '0.6') WHERE id = ?1";
    assert_eq!(connection.execute(sql, [first.id.as_str()]).unwrap(), 1);
    let ends: Vec<_> = held.iter().map(ended).collect();
    assert_eq!(queue.finish(&*seat, &ends).unwrap(), 0);
    let claims = queue.claim(&*seat, 10).unwrap();
    assert_eq!(claims.len(), 4);
    assert!(claims.iter().all(|claim| claim.experiment == second.id));
    let ends: Vec<_> = claims.iter().map(ended).collect();
    assert_eq!(queue.finish(&*seat, &ends).unwrap(), 4);
    assert!(matches!(queue.get(&first.id), Err(StoreError::Damaged(_))));
    assert_eq!(queue.list(10).unwrap().len(), 1);
    assert_eq!(queue.damaged().unwrap(), [first.id.to_string()], "it is named, and no other");
    let sql = "UPDATE experiments SET id = 'é' WHERE id = ?1";
    connection.execute(sql, [first.id.as_str()]).unwrap();
    assert_eq!(queue.damaged().unwrap(), ["?"]);
    assert_eq!(queue.progress(&second.id).unwrap().done, 3);
}

/// A lab's files as a kill leaves them: what was written last stands in SQLite's log alone.
fn as_killed(from: &Path, to: &Path, database: &str) {
    for end in ["", "-wal"] {
        let file = format!("{database}{end}");
        std::fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}

#[test]
fn what_a_damaged_log_lost_is_not_said_never_to_have_been() {
    let (live, dead) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let queue = SqliteQueue::open(live.path()).unwrap();
    let all: Vec<NewExperiment> = (0..5).map(|_| new(2)).collect();
    all.iter().for_each(|new| queue.create(new).unwrap());
    as_killed(live.path(), dead.path(), "experiments.sqlite");
    let log = dead.path().join("experiments.sqlite-wal");
    let whole = std::fs::read(&log).unwrap();
    let found = |queue: &SqliteQueue| {
        let of = |new: &NewExperiment| match queue.get(&new.id) {
            Ok(found) => found.is_some(),
            Err(StoreError::Damaged(_)) => false,
            Err(error) => panic!("{error}"),
        };
        all.iter().filter(|new| of(new)).count()
    };
    assert_eq!(found(&SqliteQueue::open(dead.path()).unwrap()), 5, "nothing is lost by a kill");
    let (mut lost, mut tried) = (0, 0);
    for (at, bit) in flips(whole.len(), 60) {
        let damaged = tempfile::tempdir().unwrap();
        as_killed(live.path(), damaged.path(), "experiments.sqlite");
        let mut bytes = whole.clone();
        bytes[at] ^= bit;
        std::fs::write(damaged.path().join("experiments.sqlite-wal"), &bytes).unwrap();
        // One that does not open says so.
        let Ok(queue) = SqliteQueue::open(damaged.path()) else { continue };
        let kept = damaged.path().join("experiments.sqlite-wal.damaged");
        tried += 1;
        let there = found(&queue);
        if there < 5 {
            lost += 1;
            assert_eq!(std::fs::read(&kept).unwrap(), bytes, "byte {at}: {there} of 5");
            for new in &all {
                let said = queue.get(&new.id);
                assert!(!matches!(said, Ok(None)), "byte {at}: it is said not to exist");
            }
            // What is there goes on, and the next start says the same.
            drop(queue);
            let queue = SqliteQueue::open(damaged.path()).unwrap();
            queue.create(&new(1)).unwrap();
            assert_eq!(found(&queue), there);
        }
    }
    println!(
        "{tried} bits of the log flipped: experiments were lost {lost} times, and it was said"
    );
    assert!(lost > 20, "{lost} of {tried}");
}
