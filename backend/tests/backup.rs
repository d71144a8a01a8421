//! Copies of a lab at work are whole, and open as what they were made of.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::at_rest::{experiments, shown};
use crate::common::{Form, Options, TestLab, same};
use axum::http::StatusCode;
use langoverrule::backup::{BackupError, backup, restore};
use langoverrule::experiments::SqliteQueue;
use langoverrule::id::RunId;
use langoverrule::store::{Store, StoreOptions, check_runs};
use shared::api::{RunCreated, RunState};
use shared::{ErrorCode, Event};
use tempfile::TempDir;
use tokio::sync::watch;

/// Submits runs without pause until told to stop; gives those that were acknowledged.
async fn load(lab: &TestLab, stop: &AtomicBool, so_far: watch::Sender<Vec<String>>) -> Vec<String> {
    while !stop.load(Ordering::Relaxed) {
        let options = r#"{"prompt":"Under load?","max_new_tokens":3}"#;
        let answer = lab.submit_form(Form::new(options)).await;
        if answer.status == StatusCode::ACCEPTED {
            so_far.send_modify(|ids| ids.push(answer.json::<RunCreated>().id));
        } else {
            answer.is_error(ErrorCode::QueueFull);
            let last = so_far.borrow().last().cloned().unwrap();
            lab.ended(&last).await;
        }
    }
    so_far.borrow().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_under_load_holds_everything_acknowledged_and_opens_as_it_was() {
    let folder = Arc::new(TempDir::new().unwrap());
    let both = experiments(folder.path());
    let lab = TestLab::in_folder(folder.clone(), Options { queue: 4, ..Options::default() });
    let mut before = Vec::new();
    for i in 0..3 {
        let run = lab.ask(&format!("What is in picture {i}?")).await;
        let record = lab.ended(&run.id).await;
        let picture = lab.get(&format!("/api/runs/{}/picture", run.id)).await.body;
        before.push((record, picture));
    }
    std::fs::write(folder.path().join("models.toml"), "# mine\n").unwrap();
    let place = TempDir::new().unwrap();
    let (to, again) = (place.path().join("a/copy"), place.path().join("data"));

    let stop = AtomicBool::new(false);
    let (so_far, mut seen) = watch::channel(Vec::new());
    let copying = async {
        seen.wait_for(|ids| ids.len() >= 6).await.unwrap();
        let acknowledged = seen.borrow().clone();
        let (data, to) = (folder.path().to_owned(), to.clone());
        let made = tokio::task::spawn_blocking(move || backup(&data, &to)).await.unwrap().unwrap();
        // The lab goes on: nothing waited for the copy to end.
        let len = seen.borrow().len();
        seen.wait_for(|ids| ids.len() > len).await.unwrap();
        stop.store(true, Ordering::Relaxed);
        (acknowledged, made)
    };
    let (all, (acknowledged, made)) = tokio::join!(load(&lab, &stop, so_far), copying);
    assert!(all.len() > acknowledged.len());
    assert_eq!((made.experiments, &made.damaged[..]), (2, &[][..]));
    assert!(made.runs >= (before.len() + acknowledged.len()) as u64, "{}", made.runs);
    let names: Vec<&str> = made.files.iter().map(|file| &file.name[..]).collect();
    assert_eq!(names, ["experiments.sqlite", "lab.sqlite", "models.toml"]);
    #[cfg(unix)]
    for path in [to.clone(), to.join("lab.sqlite"), to.join("backup.json")] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is its owner's alone: {mode:o}", path.display());
    }

    assert_eq!(restore(&to, &again).unwrap(), made);
    let wrong = restore(&to, &again).unwrap_err();
    assert!(matches!(wrong, BackupError::InUse(_)), "{wrong}");
    assert_eq!(std::fs::read(again.join("models.toml")).unwrap(), b"# mine\n");
    let (queue, old) =
        (SqliteQueue::open(&again).unwrap(), SqliteQueue::open(folder.path()).unwrap());
    for experiment in &both {
        let id = &experiment.id;
        let (was, is) = (shown(&old, id).unwrap().unwrap(), shown(&queue, id).unwrap().unwrap());
        assert_eq!(format!("{is:?}"), format!("{was:?}"));
    }
    drop(queue);
    let store = Store::open(&again, &StoreOptions::default()).unwrap();
    for (record, picture) in &before {
        let id = RunId::parse(&record.id).unwrap();
        let restored = store.run(&id).unwrap().unwrap().record;
        same(&restored.events, &record.events);
        assert_eq!(restored, *record);
        assert_eq!(store.picture(&id, 0).unwrap().unwrap().bytes, *picture);
    }
    for id in &acknowledged {
        let record = store.run(&RunId::parse(id).unwrap()).unwrap().expect("it was acknowledged");
        // One that was at work when it was copied is like one that a power cut met.
        let last = &record.record.events.last().unwrap().event;
        match record.record.state {
            RunState::Done => assert!(matches!(last, Event::Done { .. })),
            RunState::Failed => {
                assert!(matches!(last, Event::Failed { code: ErrorCode::Interrupted, .. }));
            }
            state => panic!("{id} is {state:?}"),
        }
    }
    assert_eq!(store.totals().unwrap().runs, made.runs);
}

/// A folder with a closed lab of one run and two experiments.
async fn closed() -> Arc<TempDir> {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    let folder = lab.close().await;
    experiments(folder.path());
    folder
}

fn parts(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_copy_is_whole_or_is_not_there() {
    let (folder, place) = (closed().await, TempDir::new().unwrap());
    let to = place.path().join("copy");
    let wrong = backup(place.path(), &to).unwrap_err().to_string();
    assert!(wrong.contains("there is no lab in") && wrong.contains("--data"), "{wrong}");
    assert!(!to.exists());
    std::fs::write(&to, "taken").unwrap();
    let wrong = backup(folder.path(), &to).unwrap_err().to_string();
    assert!(wrong.contains("is there already"), "{wrong}");
    std::fs::remove_file(&to).unwrap();

    // A store that SQLite cannot read leaves no copy behind.
    let mut bytes = std::fs::read(folder.path().join("lab.sqlite")).unwrap();
    let broken = TempDir::new().unwrap();
    bytes[..16].fill(b'x');
    std::fs::write(broken.path().join("lab.sqlite"), &bytes).unwrap();
    let wrong = backup(broken.path(), &to).unwrap_err().to_string();
    assert!(wrong.contains("lab.sqlite cannot be copied"), "{wrong}");
    assert_eq!(parts(place.path()), Vec::<String>::new());

    let made = backup(folder.path(), &to).unwrap();
    assert_eq!((made.runs, made.experiments), (1, 2));
    assert_eq!(parts(place.path()), ["copy"], "no part of it is left beside it");
}

#[tokio::test]
async fn damage_is_told_when_it_is_copied_and_refused_when_it_is_restored() {
    let (folder, place) = (closed().await, TempDir::new().unwrap());
    let (to, data) = (place.path().join("copy"), place.path().join("data"));
    backup(folder.path(), &to).unwrap();

    let file = to.join("lab.sqlite");
    let whole = std::fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 4;
    std::fs::write(&file, &bytes).unwrap();
    let wrong = restore(&to, &data).unwrap_err();
    assert!(matches!(wrong, BackupError::Damaged { .. }), "{wrong}");
    assert_eq!(parts(&data), ["lock"], "nothing was restored");
    std::fs::write(&file, &whole).unwrap();
    restore(&to, &data).unwrap();

    // Another's list.
    let list = to.join("backup.json");
    let text = std::fs::read_to_string(&list).unwrap();
    let elsewhere = place.path().join("elsewhere");
    for (from, into, why) in [
        ("lab.sqlite", "../lab.sqlite", "names a file"),
        ("\"format\": 1", "\"format\": 2", "later version"),
        ("{", "", "is no copy"),
    ] {
        std::fs::write(&list, text.replacen(from, into, 1)).unwrap();
        let wrong = restore(&to, &elsewhere).unwrap_err().to_string();
        assert!(wrong.contains(why), "{wrong}");
    }
    assert!(!elsewhere.exists());

    // Damage of the lab's own store is copied and said.
    let store = folder.path().join("lab.sqlite");
    let connection = rusqlite::Connection::open(&store).unwrap();
    connection.execute("UPDATE runs SET note = 'another'", []).unwrap();
    drop(connection);
    let made = backup(folder.path(), &place.path().join("second")).unwrap();
    assert_eq!(made.damaged.len(), 1, "{:?}", made.damaged);
    assert!(made.damaged[0].starts_with("the run "), "{:?}", made.damaged);
    assert_eq!(check_runs(&store).unwrap().damaged, made.damaged);
}

#[tokio::test]
async fn a_copy_is_restored_only_where_nothing_of_a_lab_is_left() {
    let (folder, place) = (closed().await, TempDir::new().unwrap());
    let (to, data) = (place.path().join("copy"), place.path().join("data"));
    backup(folder.path(), &to).unwrap();
    std::fs::create_dir(&data).unwrap();
    // SQLite would read a removed store's log as the newest changes of the one that is restored.
    for left in ["lab.sqlite-wal", "experiments.sqlite-wal", "lab.sqlite-shm", "lab.sqlite-journal"]
    {
        std::fs::write(data.join(left), "old").unwrap();
        let wrong = restore(&to, &data).unwrap_err();
        assert!(matches!(wrong, BackupError::InUse(_)), "{left}: {wrong}");
        std::fs::remove_file(data.join(left)).unwrap();
    }
    // A lab that is open there, with its store not yet made.
    let lock = std::fs::File::create(data.join("lock")).unwrap();
    lock.lock().unwrap();
    let wrong = restore(&to, &data).unwrap_err();
    assert!(matches!(wrong, BackupError::InUse(_)), "{wrong}");
    drop(lock);
    restore(&to, &data).unwrap();
}

#[tokio::test]
async fn a_page_that_cannot_be_understood_is_copied_and_told() {
    let (folder, place) = (closed().await, TempDir::new().unwrap());
    let store = folder.path().join("lab.sqlite");
    let size = {
        let connection = rusqlite::Connection::open(&store).unwrap();
        connection.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0)).unwrap()
            as usize
    };
    // The header of a page of a table in the middle: which one does not matter, but that VACUUM reads it.
    let whole = std::fs::read(&store).unwrap();
    let pages = whole.len() / size;
    let mut copied = 0;
    for page in 1..pages {
        let mut bytes = whole.clone();
        bytes[page * size..page * size + 8].fill(0x77);
        std::fs::write(&store, &bytes).unwrap();
        let to = place.path().join(format!("copy{page}"));
        if let Ok(made) = backup(folder.path(), &to)
            && made.damaged.iter().any(|why| why.contains("malformed") || why.contains("page"))
        {
            copied += 1;
        }
    }
    assert!(copied > 0, "none of {pages} pages");
}

#[tokio::test]
async fn what_a_damaged_log_lost_is_told_with_the_copy() {
    let (folder, place) = (closed().await, TempDir::new().unwrap());
    let store = folder.path().join("lab.sqlite");
    let log = folder.path().join("lab.sqlite-wal");
    let connection = rusqlite::Connection::open(&store).unwrap();
    connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    for note in ["one", "two", "three"] {
        connection.execute("UPDATE runs SET note = ?1", [note]).unwrap();
    }
    let mut bytes = std::fs::read(&log).unwrap();
    drop(connection);
    // As a power cut leaves it, with a bit wrong in the first commit.
    bytes[32 + 24 + 100] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    let made = backup(folder.path(), &place.path().join("copy")).unwrap();
    let told = made.damaged.iter().find(|why| why.contains("log")).expect("it is told");
    assert!(told.contains("lab.sqlite") && told.contains("in no copy"), "{told}");
}
