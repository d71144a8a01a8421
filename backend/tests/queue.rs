//! The embedded queue: every item has exactly one end, whoever dies and whoever asks.
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(clippy::single_range_in_vec_init, reason = "ranges of items are meant")]

use std::collections::HashSet;
use std::path::Path;

use langoverrule::experiments::{
    AtWork, Book, Claim, End, Items, NewExperiment, Noted, Post, Seat, SqliteQueue,
};
use langoverrule::id::{OwnerToken, RunId};
use shared::experiment::{
    DatasetInfo, ExperimentSpec, ExperimentState, Grid, LeftOut, Outcome, SampleRef,
};
use shared::{ErrorCode, Masses, ModelInfo, Quant};

fn new(samples: u32) -> NewExperiment {
    let spec = ExperimentSpec {
        models: vec!["a".into(), "b".into()],
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

fn done(claim: &Claim) -> (Claim, End) {
    let outcome = Outcome {
        sample: SampleRef { row: claim.item.into(), ..SampleRef::default() },
        answer: format!("answer {}", claim.item),
        tokens: 3,
        verdict: None,
        masses: Masses::default(),
        model_ms: 0.1 + f64::from(claim.item),
        made_with: None,
    };
    (claim.clone(), End::Done(Box::new(outcome)))
}

fn left_out(claim: &Claim) -> (Claim, End) {
    let damaged = "It is damaged.";
    let left_out = LeftOut::new(SampleRef::default(), ErrorCode::PictureDamaged, damaged);
    (claim.clone(), End::LeftOut(left_out))
}

fn open(folder: &Path) -> SqliteQueue {
    SqliteQueue::open(folder).unwrap()
}

#[test]
fn who_asked_is_known_after_a_restart_and_forgotten_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (new(2), new(2));
    {
        let queue = open(folder.path());
        for new in [&first, &second] {
            queue.create(new).unwrap();
            queue.note_asker(&new.id, "192.0.2.1").unwrap();
        }
    }
    let queue = open(folder.path());
    assert_eq!(queue.unfinished("192.0.2.1").unwrap(), (2, 2));
    assert_eq!(queue.unfinished("192.0.2.2").unwrap(), (2, 0));
    // A paused one is still its asker's, and keeps nobody else from starting one.
    queue.set_state(&first.id, ExperimentState::Paused, None).unwrap();
    assert_eq!(queue.unfinished("192.0.2.1").unwrap(), (1, 2));
    queue.set_state(&first.id, ExperimentState::Cancelled, None).unwrap();
    queue.delete(&second.id).unwrap();
    assert_eq!(queue.unfinished("192.0.2.1").unwrap(), (0, 0));
    let third = new(2);
    queue.create(&third).unwrap();
    queue.note_asker(&third.id, "192.0.2.2").unwrap();
    let file = folder.path().join("experiments.sqlite");
    let kept = rusqlite::Connection::open(file).unwrap();
    let askers = "SELECT group_concat(network) FROM askers";
    let askers: String = kept.query_row(askers, [], |row| row.get(0)).unwrap();
    assert_eq!(askers, "192.0.2.2", "nothing is kept of who asked for what is over");
}

#[test]
fn what_was_created_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let new = new(3);
    open(folder.path()).create(&new).unwrap();
    let queue = open(folder.path());
    let kept = queue.get(&new.id).unwrap().unwrap();
    assert_eq!(kept.start.grid, new.grid);
    assert_eq!(kept.start.spec, new.spec);
    assert_eq!(kept.start.dataset, new.dataset);
    assert_eq!(kept.start.rows, [0, 3, 6]);
    assert_eq!(kept.start.owner, new.owner);
    assert_eq!((kept.state, kept.problem()), (ExperimentState::Running, None));
    assert!(queue.get(&RunId::random().unwrap()).unwrap().is_none());
    let model = ModelInfo { name: "a".into(), ..ModelInfo::default() };
    queue.note_model(&new.id, &model).unwrap();
    queue.note_model(&new.id, &model).unwrap();
    assert_eq!(queue.list(10).unwrap()[0].models, [model]);
    assert!(queue.delete(&new.id).unwrap() && !queue.delete(&new.id).unwrap());
    assert!(queue.claim(&*queue.sit(Post::Worker).unwrap(), 10).unwrap().is_empty());
}

#[test]
fn items_come_in_the_grids_order_and_end_once() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let new = new(2);
    queue.create(&new).unwrap();
    let seat = queue.sit(Post::Worker).unwrap();
    let claims = queue.claim(&*seat, 100).unwrap();
    let items: Vec<u32> = claims.iter().map(|c| c.item).collect();
    assert_eq!(items, new.grid.order().collect::<Vec<_>>());
    assert_eq!(queue.progress(&new.id).unwrap().running, 8);
    assert_eq!(queue.finish(&*seat, &[done(&claims[0]), left_out(&claims[1])]).unwrap(), 2);
    // The same once more, and of one that somebody else holds: not taken.
    assert_eq!(queue.finish(&*seat, &[done(&claims[0])]).unwrap(), 0);
    let other = queue.sit(Post::Worker).unwrap();
    assert_eq!(queue.finish(&*other, &[done(&claims[2])]).unwrap(), 0);
    let ends = queue.ends(&new.id, 0, 100).unwrap();
    assert_eq!(ends.len(), 2);
    assert_eq!(ends[0].end, done(&claims[0]).1);
    assert_eq!(ends[1].end, left_out(&claims[1]).1);
    assert_eq!(queue.ends(&new.id, ends[0].seq, 100).unwrap(), ends[1..]);
    queue.note_run(&new.id, claims[0].item, "xyz").unwrap();
    let end = queue.end(&new.id, claims[0].item).unwrap().unwrap();
    assert_eq!(end.run.as_deref(), Some("xyz"));
    let rest: Vec<_> = claims[2..].iter().map(done).collect();
    assert_eq!(queue.state(&new.id).unwrap(), Some(ExperimentState::Running));
    assert_eq!(queue.finish(&*seat, &rest).unwrap(), 6);
    assert_eq!(queue.state(&new.id).unwrap(), Some(ExperimentState::Done));
    let progress = queue.progress(&new.id).unwrap();
    assert_eq!((progress.done, progress.left_out, progress.running), (7, 1, 0));
    // One that is done stays done.
    let state = queue.set_state(&new.id, ExperimentState::Running, None).unwrap();
    assert_eq!(state, Some(ExperimentState::Done));
}

#[test]
fn paused_and_cancelled_experiments_hand_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let (first, second) = (new(1), new(1));
    queue.create(&first).unwrap();
    queue.create(&second).unwrap();
    let seat = queue.sit(Post::Worker).unwrap();
    let of = |claims: &[Claim]| claims.iter().map(|c| c.experiment.clone()).collect::<HashSet<_>>();
    queue.set_state(&first.id, ExperimentState::Paused, Some(&"No model.".into())).unwrap();
    assert_eq!(queue.get(&first.id).unwrap().unwrap().problem().as_deref(), Some("No model."));
    let claims = queue.claim(&*seat, 100).unwrap();
    assert_eq!(of(&claims), HashSet::from([second.id.clone()]));
    queue.set_state(&first.id, ExperimentState::Running, None).unwrap();
    assert_eq!(queue.get(&first.id).unwrap().unwrap().problem(), None);
    let claims = queue.claim(&*seat, 100).unwrap();
    assert_eq!(of(&claims), HashSet::from([first.id.clone()]));
    queue.release(&*seat, &claims).unwrap();
    queue.set_state(&first.id, ExperimentState::Cancelled, None).unwrap();
    assert!(queue.claim(&*seat, 100).unwrap().is_empty());
    let state = queue.set_state(&first.id, ExperimentState::Running, None).unwrap();
    assert_eq!(state, Some(ExperimentState::Cancelled));
}

#[test]
fn what_a_dead_worker_held_is_handed_out_again_and_a_live_ones_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, other) = (open(folder.path()), open(folder.path()));
    let new = new(2);
    queue.create(&new).unwrap();
    let (lives, dies) = (queue.sit(Post::Worker).unwrap(), other.sit(Post::Worker).unwrap());
    let held = queue.claim(&*lives, 3).unwrap();
    let lost = other.claim(&*dies, 3).unwrap();
    assert_eq!(queue.claim(&*lives, 100).unwrap().len(), 2);
    assert_eq!(queue.progress(&new.id).unwrap().workers, 2);
    drop(dies);
    let again = queue.claim(&*lives, 100).unwrap();
    assert_eq!(again, lost);
    assert!(held.iter().all(|c| !again.contains(c)));
}

#[test]
fn an_item_at_which_workers_keep_dying_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let new = new(1);
    queue.create(&new).unwrap();
    for death in 0.. {
        let mut seat = queue.sit(Post::Worker).unwrap();
        let claims = queue.claim(&*seat, 2).unwrap();
        if claims[0].item != 0 {
            assert_eq!(death, 3, "the fourth worker is spared");
            break;
        }
        seat.at_work(Some(AtWork { claim: &claims[0], starting: true }));
        die(folder.path(), seat);
    }
    let ends = queue.ends(&new.id, 0, 10).unwrap();
    assert_eq!(ends.len(), 1);
    let End::LeftOut(left_out) = &ends[0].end else { panic!("{ends:?}") };
    assert!(left_out.message.contains("3 workers died"), "{}", left_out.message);
}

/// Leaves a seat as a killed process does: the file stays, the lock does not.
fn die(folder: &Path, seat: Box<dyn Seat>) {
    let place = folder.join("workers").join(seat.name());
    let note = std::fs::read(&place).unwrap();
    drop(seat);
    std::fs::write(place, note).unwrap();
}

#[test]
fn work_that_a_lab_died_of_at_its_start_is_paused() {
    for (post, starting, leaves, paused) in [
        (Post::Lab, true, false, true),
        (Post::Lab, false, false, false),
        (Post::Worker, true, false, false),
        // Stopped in good order while it loads a model: that is nobody's death.
        (Post::Lab, true, true, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(folder.path());
        let new = new(1);
        queue.create(&new).unwrap();
        let mut seat = queue.sit(post).unwrap();
        let claims = queue.claim(&*seat, 2).unwrap();
        seat.at_work(Some(AtWork { claim: &claims[0], starting }));
        if leaves {
            queue.leave();
        }
        die(folder.path(), seat);
        let next = open(folder.path());
        let seat = next.sit(Post::Lab).unwrap();
        let now = next.get(&new.id).unwrap().unwrap();
        let case = (post, starting, leaves);
        assert_eq!(now.state == ExperimentState::Paused, paused, "{case:?}");
        assert_eq!(now.problem().is_some(), paused, "{case:?}");
        assert_eq!(next.progress(&new.id).unwrap().running, 0, "{case:?}");
        // Whoever resumes it is not stopped by the same death again.
        next.set_state(&new.id, ExperimentState::Running, None).unwrap();
        assert_eq!(next.claim(&*seat, 1).unwrap(), claims[..1], "{case:?}");
    }
}

#[test]
fn what_a_worker_lacks_is_handed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let new = new(2);
    queue.create(&new).unwrap();
    let (one, other) = (queue.sit(Post::Worker).unwrap(), queue.sit(Post::Worker).unwrap());
    let held = queue.claim(&*one, 8).unwrap();
    // The first model's conditions are the first four items.
    queue.lack(&*one, &new.id, &[0..4], &"The model a is missing.".into()).unwrap();
    assert_eq!(queue.progress(&new.id).unwrap().running, 4, "those are given back");
    assert!(queue.claim(&*one, 8).unwrap().is_empty());
    let theirs = queue.claim(&*other, 8).unwrap();
    assert_eq!(theirs, held[..4]);
    queue.release(&*other, &theirs).unwrap();
    // It tries again when it says so.
    assert!(queue.try_again(&*one).unwrap() && !queue.try_again(&*one).unwrap());
    assert_eq!(queue.claim(&*one, 8).unwrap(), held[..4]);
    queue.lack(&*one, &new.id, &[0..4], &"The model a is missing.".into()).unwrap();
    queue.lack(&*other, &new.id, &[0..8], &"The dataset is missing.".into()).unwrap();
    assert_eq!(queue.state(&new.id).unwrap(), Some(ExperimentState::Running), "4 are at work");
    let rest: Vec<_> = held[4..].iter().map(done).collect();
    queue.finish(&*one, &rest).unwrap();
    assert!(queue.claim(&*one, 8).unwrap().is_empty());
    let now = queue.get(&new.id).unwrap().unwrap();
    assert_eq!(now.state, ExperimentState::Paused);
    assert_eq!(now.problem().unwrap(), "The model a is missing.\nThe dataset is missing.");
    queue.set_state(&new.id, ExperimentState::Running, None).unwrap();
    assert_eq!(queue.claim(&*other, 8).unwrap(), held[..4], "resumed, all try again");
}

#[test]
fn weights_are_what_the_first_that_was_noted_says() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path());
    let new = new(1);
    queue.create(&new).unwrap();
    let model = |name: &str, hash: &str, device: &str| ModelInfo {
        name: name.into(),
        hash: hash.into(),
        device: device.into(),
        ..ModelInfo::default()
    };
    for (model, noted) in [
        (model("a", "1", "cpu"), Noted::Noted),
        (model("a", "1", "cuda:0"), Noted::Noted),
        (model("a", "2", "cpu"), Noted::Differs("1".into())),
        (model("b", "2", "cpu"), Noted::Noted),
        (ModelInfo { quant: Quant::F32, ..model("a", "2", "cpu") }, Noted::Noted),
    ] {
        assert_eq!(queue.note_model(&new.id, &model).unwrap(), noted);
    }
    let hashes = |e: langoverrule::experiments::Experiment| e.models.into_iter().map(|m| m.hash);
    let kept: Vec<String> = hashes(queue.get(&new.id).unwrap().unwrap()).collect();
    assert_eq!(kept, ["1", "1", "2", "2"]);
}

#[test]
fn many_workers_share_a_queue_without_doing_anything_twice() {
    let folder = tempfile::tempdir().unwrap();
    let new = new(50);
    open(folder.path()).create(&new).unwrap();
    let work = |_| {
        let folder = folder.path().to_owned();
        std::thread::spawn(move || {
            let queue = open(&folder);
            let seat = queue.sit(Post::Worker).unwrap();
            let mut taken = 0;
            loop {
                let claims = queue.claim(&*seat, 3).unwrap();
                if claims.is_empty() {
                    return taken;
                }
                let ends: Vec<_> = claims.iter().map(done).collect();
                taken += queue.finish(&*seat, &ends).unwrap();
            }
        })
    };
    let workers: Vec<_> = (0..4).map(work).collect();
    let taken: u32 = workers.into_iter().map(|w| w.join().unwrap()).sum();
    assert_eq!(taken, 200);
    let queue = open(folder.path());
    let ends = queue.ends(&new.id, 0, 1000).unwrap();
    let items: HashSet<u32> = ends.iter().map(|e| e.item).collect();
    assert_eq!((ends.len(), items.len()), (200, 200));
    assert_eq!(queue.state(&new.id).unwrap(), Some(ExperimentState::Done));
}
