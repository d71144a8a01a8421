//! The line of runs before the model: bounded, in order, each told its place.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use engine::Picture;
use shared::{Event, Quant};

use crate::catalog::Source;
use crate::id::RunId;
use crate::lock;
use crate::run::Run;

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
}

/// A run was not taken into the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// As many wait as may.
    Full,
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

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<(Job, u32)>,
    /// Whether the model is at work on a run that left the line.
    busy: bool,
    closed: bool,
}

impl Line {
    /// Tells every run whose place changed.
    fn announce(&mut self) {
        let ahead = u32::from(self.busy);
        for (i, (job, told)) in self.waiting.iter_mut().enumerate() {
            let position = i as u32 + ahead;
            if *told != position {
                *told = position;
                job.run.publish(Event::Queued { position });
            }
        }
    }
}

/// The line of runs before the model.
#[derive(Debug)]
pub struct Queue {
    line: Mutex<Line>,
    ready: Condvar,
    capacity: usize,
}

impl Queue {
    /// A line in which `capacity` runs may wait.
    pub fn new(capacity: usize) -> Self {
        Queue { line: Mutex::default(), ready: Condvar::new(), capacity }
    }

    /// Adds a run at the end and tells it its place.
    ///
    /// # Errors
    /// [`PushError`]; the run was told nothing then.
    pub fn push(&self, job: Job) -> Result<(), PushError> {
        let mut line = lock(&self.line);
        if line.closed {
            return Err(PushError::Closed);
        }
        if line.waiting.len() >= self.capacity {
            return Err(PushError::Full);
        }
        let position = line.waiting.len() as u32 + u32::from(line.busy);
        job.run.publish(Event::Queued { position });
        line.waiting.push_back((job, position));
        self.ready.notify_one();
        Ok(())
    }

    /// Whether a run would be refused now. A hint that saves the work of storing a run that
    /// cannot be taken; [`Queue::push`] decides.
    pub fn is_full(&self) -> bool {
        lock(&self.line).waiting.len() >= self.capacity
    }

    /// Takes the next run, waiting for one at most so long. Whatever was taken before counts as
    /// finished.
    pub fn pop(&self, within: Duration) -> Popped {
        let mut line = lock(&self.line);
        line.busy = false;
        let idle = |line: &mut Line| !line.closed && line.waiting.is_empty();
        if idle(&mut line) && !within.is_zero() {
            let waited = self.ready.wait_timeout_while(line, within, idle);
            line = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if line.closed {
            return Popped::Closed;
        }
        let Some((job, _)) = line.waiting.pop_front() else { return Popped::Nothing };
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
        let at = line.waiting.iter().position(|(job, _)| job.run.id == *id)?;
        let job = line.waiting.remove(at)?.0;
        line.announce();
        Some(job)
    }

    /// Closes the line; gives the runs that were waiting.
    pub fn close(&self) -> Vec<Job> {
        let mut line = lock(&self.line);
        line.closed = true;
        self.ready.notify_all();
        line.waiting.drain(..).map(|(job, _)| job).collect()
    }

    /// The run that is next, if one waits.
    pub fn first(&self) -> Option<Arc<Run>> {
        lock(&self.line).waiting.front().map(|(job, _)| job.run.clone())
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

    fn job() -> Job {
        let id = RunId::random().expect("randomness");
        let run = Run::new(id, String::new(), RunOptions::default(), OwnerHash([0; 32]));
        Job {
            run: Arc::new(run),
            source: Source::folder("m".into(), "m".into()),
            quant: Quant::F32,
            picture: JobPicture::InStore,
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
        let queue = Queue::new(3);
        let jobs = [job(), job(), job()];
        let runs = [jobs[0].run.clone(), jobs[1].run.clone(), jobs[2].run.clone()];
        for job in jobs {
            queue.push(job).expect("there is room");
        }
        assert_eq!(queue.push(job()), Err(PushError::Full));
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
    fn closing_wakes_the_model_and_gives_back_who_waits() {
        let queue = Arc::new(Queue::new(3));
        let model = std::thread::spawn({
            let queue = queue.clone();
            move || matches!(queue.pop(Duration::from_secs(60)), Popped::Closed)
        });
        queue.close();
        assert!(model.join().expect("no panic"));
        assert_eq!(queue.push(job()), Err(PushError::Closed));
    }
}
