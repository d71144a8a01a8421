use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datasets::Paths;
use shared::experiment::{ExperimentSpec, ExperimentState, LeftOut};
use shared::sentence::LabError;
use shared::{ErrorCode, Message, ModelInfo};

use super::{Bench, Turn};
use crate::experiments::{
    Book, Claim, End, Experiment, Items, Means, Noted, Post, Reach, Seat, Shelves, SqliteQueue,
    plan,
};
use crate::id::RunId;
use crate::models::catalog::Catalog;
use crate::store::StoreError;
use crate::workers::lab::ScriptedLab;
use crate::workers::{Stop, Worker};

/// A queue in which the first thing that is noted of a model panics.
#[derive(Debug)]
struct Startling {
    items: Arc<SqliteQueue>,
    startled: AtomicBool,
}

impl Items for Startling {
    fn offer(&self, id: &RunId) -> Result<(), StoreError> {
        self.items.offer(id)
    }

    fn sit(&self, post: Post) -> Result<Box<dyn Seat>, StoreError> {
        self.items.sit(post)
    }

    fn leave(&self) {
        self.items.leave();
    }

    fn claim(&self, seat: &dyn Seat, most: u32) -> Result<Vec<Claim>, StoreError> {
        self.items.claim(seat, most)
    }

    fn renew(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError> {
        self.items.renew(seat, claims)
    }

    fn finish(&self, seat: &dyn Seat, ends: &[(Claim, End)]) -> Result<u32, StoreError> {
        self.items.finish(seat, ends)
    }

    fn release(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError> {
        self.items.release(seat, claims)
    }

    fn experiment(&self, id: &RunId) -> Result<Option<Experiment>, StoreError> {
        self.items.experiment(id)
    }

    fn wanted(&self, id: &RunId) -> Result<bool, StoreError> {
        self.items.wanted(id)
    }

    fn pause(&self, id: &RunId, problem: &Message) -> Result<(), StoreError> {
        self.items.pause(id, problem)
    }

    fn lack(
        &self,
        seat: &dyn Seat,
        id: &RunId,
        items: &[Range<u32>],
        reason: &Message,
    ) -> Result<(), StoreError> {
        self.items.lack(seat, id, items, reason)
    }

    fn try_again(&self, seat: &dyn Seat) -> Result<bool, StoreError> {
        self.items.try_again(seat)
    }

    fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<Noted, StoreError> {
        if !self.startled.swap(true, Ordering::Relaxed) {
            panic!("the test wants this item to panic");
        }
        self.items.note_model(id, model)
    }
}

/// What panics on the bench, beside the worker that guards itself, costs the item that was at work:
/// it is left out with a sentence, and the others run.
#[test]
fn an_item_that_panics_takes_no_other_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let queue = Arc::new(SqliteQueue::open(folder.path()).expect("a queue"));
    let lab = Arc::new(ScriptedLab::default());
    let means = Means {
        book: queue.clone(),
        items: Arc::new(Startling { items: queue.clone(), startled: AtomicBool::new(false) }),
        lab: lab.clone(),
        catalog: Arc::new(Catalog::scripted()),
        shelves: Arc::new(Shelves::new(Paths::Nowhere, None)),
    };
    let spec = ExperimentSpec {
        models: vec!["scripted".to_owned()],
        samples: 3,
        ..ExperimentSpec::default()
    };
    let planned = plan(spec, &means.catalog, &means.shelves, Reach::Local);
    let (new, _) = planned.expect("an experiment that can be");
    queue.create(&new).expect("kept");
    queue.offer(&new.id).expect("offered");
    let worker = Worker::start("one", lab, 1).expect("a thread");
    let mut bench = Bench::new(means, Post::Worker).expect("a seat");
    let never: Stop = Arc::new(|| false);
    while bench.turn(&worker, &never).expect("the queue is there") == Turn::Worked {}
    let ends = queue.ends(&new.id, 0, 10).expect("the ends");
    let left_out: Vec<&LeftOut> = ends
        .iter()
        .filter_map(|ended| match &ended.end {
            End::LeftOut(left_out) => Some(left_out),
            End::Done(_) => None,
        })
        .collect();
    assert_eq!((ends.len(), left_out.len()), (3, 1));
    assert_eq!(left_out[0].code, ErrorCode::Internal);
    let sentence = Message::from(LabError::Internal);
    assert_eq!(left_out[0].message, sentence.text, "the panic's own words stay in the log");
    let found = queue.get(&new.id).expect("read").expect("it is there");
    assert_eq!(found.state, ExperimentState::Done);
}
