//! The line of runs before the model: bounded, clients in turns, each run told its place.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use engine::Picture;
use shared::{Event, Quant};

use super::Run;
use crate::classroom::Code;
use crate::fair::Client;
use crate::fair::line::Line;
use crate::fair::{Bound, Taken};
use crate::id::RunId;
use crate::lock;
use crate::models::catalog::Source;

/// Who asks for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The client.
    pub client: Client,
    /// The class whose presenter asks.
    pub presents: Option<Code>,
}

impl Asker {
    /// Somebody at a client.
    pub fn of(client: Client) -> Self {
        Asker { client, presents: None }
    }
}

/// A run's picture while it waits.
#[derive(Debug)]
pub enum JobPicture {
    /// Its pixels, decoded when it was submitted.
    Pixels(Picture),
    /// Too many pixels to hold for a whole line of runs: to be read back from the store.
    InStore,
}

/// A run in the line.
#[derive(Debug)]
pub struct Job {
    /// The run.
    pub run: Arc<Run>,
    /// The model it asks for.
    pub source: Source,
    /// How to hold that model's weights.
    pub quant: Quant,
    /// The picture.
    pub picture: JobPicture,
    /// Who asks for it.
    pub asker: Asker,
}

/// A run was not taken into the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// As many wait as may.
    Full,
    /// As many of the client wait as may of one.
    Own,
    /// The lab is going down.
    Closed,
}

/// What [`Queue::pop`] found.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every one that matters is a job")]
pub enum Popped {
    /// The next run.
    Job(Job),
    /// No run came.
    Nothing,
    /// The line is closed: none will come.
    Closed,
}

/// A run that waits, and the place it was told.
#[derive(Debug)]
struct Waiting {
    job: Job,
    told: Cell<Option<u32>>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Line<Client, Waiting>,
    /// Whether the model is at work on a run that left the line.
    busy: bool,
    closed: bool,
}

impl Inner {
    /// Tells every run whose place changed.
    fn announce(&self) {
        let ahead = u32::from(self.busy);
        for (i, waiting) in self.waiting.in_order().into_iter().enumerate() {
            let position = i as u32 + ahead;
            if waiting.told.replace(Some(position)) != Some(position) {
                waiting.job.run.publish(Event::Queued { position });
            }
        }
    }

    /// Whether a run of `asker` may wait, and whether in the place that is reserved for its class.
    fn room(&self, asker: &Asker, bound: Bound) -> Result<bool, PushError> {
        if self.closed {
            return Err(PushError::Closed);
        }
        let of = |waiting: &Waiting| waiting.job.asker.presents == asker.presents;
        if asker.presents.is_some() && !self.waiting.reserved().any(of) {
            return Ok(true);
        }
        let (all, own) = self.waiting.unreserved(&asker.client);
        bound.room(all, own).map(|()| false).map_err(|taken| match taken {
            Taken::All => PushError::Full,
            Taken::Own => PushError::Own,
        })
    }
}

/// The line of runs before the model.
#[derive(Debug)]
pub struct Queue {
    line: Mutex<Inner>,
    ready: Condvar,
    bound: Bound,
}

impl Queue {
    /// A line in which so many runs may wait, and beside them one of each class's presenter.
    pub fn new(bound: Bound) -> Self {
        Queue { line: Mutex::default(), ready: Condvar::new(), bound }
    }

    /// Adds a run behind those that wait of the same client, and tells it its place.
    ///
    /// # Errors
    /// [`PushError`]; the run was told nothing then.
    pub fn push(&self, job: Job) -> Result<(), PushError> {
        let mut line = lock(&self.line);
        let reserved = line.room(&job.asker, self.bound)?;
        line.waiting.push(job.asker.client, reserved, Waiting { job, told: Cell::new(None) });
        line.announce();
        self.ready.notify_one();
        Ok(())
    }

    /// Whether a run would be taken now. A hint that saves the work of storing a run that
    /// cannot be; [`Queue::push`] decides.
    ///
    /// # Errors
    /// As [`Queue::push`].
    pub fn room(&self, asker: &Asker) -> Result<(), PushError> {
        lock(&self.line).room(asker, self.bound).map(drop)
    }

    /// How many runs may wait.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// Takes the next run, waiting for one at most so long. Whatever was taken before counts as
    /// finished.
    pub fn pop(&self, within: Duration) -> Popped {
        let mut line = lock(&self.line);
        line.busy = false;
        let idle = |line: &mut Inner| !line.closed && line.waiting.is_empty();
        if idle(&mut line) && !within.is_zero() {
            let waited = self.ready.wait_timeout_while(line, within, idle);
            line = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if line.closed {
            return Popped::Closed;
        }
        let Some(Waiting { job, .. }) = line.waiting.pop() else { return Popped::Nothing };
        line.busy = true;
        line.announce();
        Popped::Job(job)
    }

    /// Whether the line was closed.
    pub fn is_closed(&self) -> bool {
        lock(&self.line).closed
    }

    /// Takes a run out of the line; `None` if it is not in it (any more).
    pub fn remove(&self, id: &RunId) -> Option<Job> {
        let mut line = lock(&self.line);
        let waiting = line.waiting.remove(|waiting| waiting.job.run.id == *id)?;
        line.announce();
        Some(waiting.job)
    }

    /// Closes the line; gives the runs that were waiting.
    pub fn close(&self) -> Vec<Job> {
        let mut line = lock(&self.line);
        line.closed = true;
        self.ready.notify_all();
        line.waiting.drain().into_iter().map(|waiting| waiting.job).collect()
    }

    /// The run that is next, if one waits.
    pub fn first(&self) -> Option<Arc<Run>> {
        lock(&self.line).waiting.in_order().first().map(|waiting| waiting.job.run.clone())
    }

    /// How many runs wait.
    pub fn len(&self) -> usize {
        lock(&self.line).waiting.len()
    }

    /// Whether no run waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use shared::RunOptions;

    use super::*;
    use crate::id::OwnerHash;

    fn asker(address: &str) -> Asker {
        Asker::of(Client::at(address.parse().expect("an address")))
    }

    fn job() -> Job {
        job_of(asker("192.0.2.1"))
    }

    fn job_of(asker: Asker) -> Job {
        let id = RunId::random().expect("randomness");
        let run = Run::new(id, String::new(), RunOptions::default(), OwnerHash([0; 32]));
        Job {
            run: Arc::new(run),
            source: Source::folder("m".into(), "m".into()),
            quant: Quant::F32,
            picture: JobPicture::InStore,
            asker,
        }
    }

    fn taken(queue: &Queue) -> Job {
        match queue.pop(Duration::ZERO) {
            Popped::Job(job) => job,
            other => panic!("nobody waits: {other:?}"),
        }
    }

    fn places(run: &Run) -> Vec<u32> {
        let events = run.log.all();
        let places = events.iter().filter_map(|e| match e.envelope.event {
            Event::Queued { position } => Some(position),
            _ => None,
        });
        places.collect()
    }

    #[test]
    fn places_stay_current() {
        let queue = Queue::new(Bound::new(3, 3));
        let jobs = [job(), job(), job()];
        let runs = [jobs[0].run.clone(), jobs[1].run.clone(), jobs[2].run.clone()];
        for job in jobs {
            queue.push(job).expect("there is room");
        }
        assert_eq!(queue.push(job_of(asker("192.0.2.2"))), Err(PushError::Full));
        assert_eq!(taken(&queue).run.id, runs[0].id);
        queue.push(job()).expect("there is room again");
        assert!(queue.remove(&runs[1].id).is_some());
        assert!(queue.remove(&runs[1].id).is_none(), "only once");
        assert_eq!(taken(&queue).run.id, runs[2].id);
        taken(&queue);
        assert!(matches!(queue.pop(Duration::ZERO), Popped::Nothing));
        assert_eq!(places(&runs[0]), [0]);
        assert_eq!(places(&runs[1]), [1]);
        assert_eq!(places(&runs[2]), [2, 1]);
    }

    #[test]
    fn one_client_fills_its_part_and_another_goes_between() {
        let queue = Queue::new(Bound::new(5, 3));
        let (rude, polite) = (asker("192.0.2.1"), asker("192.0.2.2"));
        for _ in 0..3 {
            queue.push(job_of(rude.clone())).expect("there is room");
        }
        assert_eq!(queue.room(&rude), Err(PushError::Own));
        assert_eq!(queue.push(job_of(rude.clone())), Err(PushError::Own));
        taken(&queue);
        let wanted = job_of(polite.clone());
        let run = wanted.run.clone();
        queue.push(wanted).expect("the other part of the line is others'");
        assert_eq!(places(&run), [1], "behind the run at work alone");
        assert_eq!(queue.first().expect("it").id, run.id);
        assert_eq!(taken(&queue).run.id, run.id);
    }

    #[test]
    fn a_full_line_has_a_place_for_each_class() {
        let queue = Queue::new(Bound::new(2, 2));
        for _ in 0..2 {
            queue.push(job()).expect("there is room");
        }
        let presenter = |class: &str| {
            let code = Code::read(class);
            Asker { presents: code, ..asker("192.0.2.1") }
        };
        assert_eq!(queue.room(&asker("192.0.2.9")), Err(PushError::Full));
        let first = job_of(presenter("CDFGHJ"));
        let run = first.run.clone();
        queue.push(first).expect("its class's place");
        assert_eq!(places(&run), [0], "before those of the same address");
        let again = queue.push(job_of(presenter("CDFGHJ")));
        assert_eq!(again, Err(PushError::Own), "a class has one");
        queue.push(job_of(presenter("KLMNPR"))).expect("another class's place");
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn closing_wakes_the_model_and_gives_back_who_waits() {
        let queue = Arc::new(Queue::new(Bound::new(3, 3)));
        let model = std::thread::spawn({
            let queue = queue.clone();
            move || matches!(queue.pop(Duration::from_secs(60)), Popped::Closed)
        });
        queue.close();
        assert!(model.join().expect("no panic"));
        assert_eq!(queue.push(job()), Err(PushError::Closed));
    }
}
