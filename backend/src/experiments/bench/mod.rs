//! A bench: takes items, one at a time, has a device's worker measure them, and hands their ends in.

mod item;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::{ModelInfo, Quant};

use super::book::{End, Experiment};
use super::feeder::{Feeder, SampleOrder};
use super::items::{AtWork, Claim, Post, Seat};
use super::means::Means;
use crate::id::RunId;
use crate::store::StoreError;
use crate::workers::{Next, SpareWork, Stop, Worker};

/// Items held at once: what the feeder reads ahead, and a few more, so that claiming costs little.
const HELD: usize = 8;
/// Ends are handed in at least this often, and whenever [`MOST_UNTOLD`] have come together.
const TELL_EVERY: Duration = Duration::from_millis(50);
const MOST_UNTOLD: usize = 32;
/// What this worker lacked may have come: it looks again this often.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// An item came to its end, or was given back.
    Worked,
    /// There was nothing to do.
    Idle,
}

/// Takes items and has them run on one device.
pub struct Bench {
    means: Means,
    seat: Box<dyn Seat>,
    feeder: Feeder,
    /// Claimed, and on their way through the feeder, in order.
    out: VecDeque<OnItsWay>,
    /// Held, and neither on their way nor at their end: the queue failed. They are given back.
    astray: Vec<Claim>,
    untold: Vec<(Claim, End)>,
    told: Instant,
    experiments: HashMap<RunId, Arc<Experiment>>,
    noted: Vec<(RunId, ModelInfo)>,
    /// What has come to an end here.
    begun: HashSet<WorkKind>,
    /// When it was last said that something is lacking that may come.
    lacked: Option<Instant>,
}

/// An item that is held, until the feeder has its sample.
struct OnItsWay {
    claim: Claim,
    kind: WorkKind,
    /// Whether it was given back meanwhile, and is anybody's.
    given_back: bool,
}

/// What work there is of a kind: one experiment's, with one loaded model.
type WorkKind = (RunId, String, Quant);

impl Bench {
    /// A bench with nothing in hand.
    ///
    /// # Errors
    /// The queue gives no seat, or the system no thread.
    pub fn new(means: Means, post: Post) -> Result<Bench, StoreError> {
        let seat = means.items.sit(post)?;
        let feeder = Feeder::start(means.lab.clone(), means.shelves.clone());
        let feeder = feeder.map_err(|e| StoreError::Broken(e.to_string()))?;
        Ok(Bench {
            means,
            seat,
            feeder,
            out: VecDeque::new(),
            astray: Vec::new(),
            untold: Vec::new(),
            told: Instant::now(),
            experiments: HashMap::new(),
            noted: Vec::new(),
            begun: HashSet::new(),
            lacked: None,
        })
    }

    /// Takes the next item, has it run, and hands in what is due. `stop` is asked between layers; an
    /// item that is stopped is given back.
    ///
    /// # Errors
    /// Items cannot be taken or handed in, or the worker has ended. Nothing is lost: what was not handed
    /// in runs again.
    pub fn turn(&mut self, worker: &Worker, stop: &Stop) -> Result<Turn, StoreError> {
        match self.next()? {
            Next::Piece => self.work(worker, stop).map(|()| Turn::Worked),
            Next::Again => Ok(Turn::Worked),
            Next::Nothing => Ok(Turn::Idle),
        }
    }

    /// Hands in what has ended and gives back what has not been begun.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn rest(&mut self) -> Result<(), StoreError> {
        self.tell()?;
        let mut back = std::mem::take(&mut self.astray);
        while self.out.pop_front().is_some() {
            let Some(ready) = self.feeder.next() else { break };
            back.push(ready.order.claim);
        }
        self.experiments.clear();
        self.means.items.release(&*self.seat, &back)
    }

    fn claim(&mut self) -> Result<(), StoreError> {
        if !self.astray.is_empty() {
            self.means.items.release(&*self.seat, &self.astray)?;
            self.astray.clear();
        }
        if self.out.len() > HELD / 2 {
            return Ok(());
        }
        let claims = self.means.items.claim(&*self.seat, (HELD - self.out.len()) as u32)?;
        let mut claims = claims.into_iter();
        while let Some(claim) = claims.next() {
            if let Err(error) = self.order(claim.clone()) {
                self.astray.push(claim);
                self.astray.extend(claims);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends an item that is held on its way.
    fn order(&mut self, claim: Claim) -> Result<(), StoreError> {
        let experiment = match self.experiments.get(&claim.experiment) {
            Some(experiment) => experiment.clone(),
            None => {
                // Deleted in between: its items are gone with it.
                let Some(found) = self.means.items.experiment(&claim.experiment)? else {
                    return Ok(());
                };
                let found = Arc::new(found);
                self.experiments.insert(claim.experiment.clone(), found.clone());
                found
            }
        };
        let kind = experiment.start.grid.item(claim.item).map(|(c, _)| (c.model.clone(), c.quant));
        let (model, quant) = kind.unwrap_or_default();
        let kind = (claim.experiment.clone(), model, quant);
        let item = OnItsWay { claim: claim.clone(), kind, given_back: false };
        match self.feeder.order(SampleOrder { claim, experiment }) {
            Ok(()) => {
                self.out.push_back(item);
                Ok(())
            }
            Err(order) => self.means.items.release(&*self.seat, &[order.claim]),
        }
    }

    fn tell(&mut self) -> Result<(), StoreError> {
        self.told = Instant::now();
        if !self.untold.is_empty() {
            let kept = self.means.items.finish(&*self.seat, &self.untold)?;
            tracing::debug!(kept, "ends handed in");
            self.untold.clear();
        }
        Ok(())
    }

    /// With nothing else to do, forgets what was lacking a while ago; gives whether there was any.
    fn looks_again(&mut self) -> Result<bool, StoreError> {
        if self.lacked.is_none_or(|at| at.elapsed() < TRY_AGAIN) {
            return Ok(false);
        }
        self.lacked = None;
        self.means.items.try_again(&*self.seat)
    }
}

impl SpareWork for Bench {
    fn next(&mut self) -> Result<Next, StoreError> {
        self.claim()?;
        if !self.out.is_empty() {
            return Ok(Next::Piece);
        }
        self.tell()?;
        self.experiments.clear();
        Ok(if self.looks_again()? { Next::Again } else { Next::Nothing })
    }

    fn work(&mut self, worker: &Worker, stop: &Stop) -> Result<(), StoreError> {
        let Some(OnItsWay { claim, kind, .. }) = self.out.front() else { return Ok(()) };
        let span = tracing::debug_span!("item", experiment = claim.experiment.short(), claim.item);
        let _entered = span.enter();
        // Before its sample is read and its model is loaded.
        let starting = !self.begun.contains(kind);
        let held: Vec<Claim> = self.out.iter().map(|item| item.claim.clone()).collect();
        self.means.items.renew(&*self.seat, &held)?;
        self.seat.at_work(Some(AtWork { claim, starting }));
        tracing::debug!(starting, "at work");
        let ready = self.feeder.next();
        let held = self.out.pop_front().filter(|item| !item.given_back);
        let taken = match ready {
            Some(_) if held.is_none() => Ok(()),
            Some(ready) => self.take(ready, worker, stop),
            None => Err(StoreError::Broken("the thread that reads samples is gone".to_owned())),
        };
        self.seat.at_work(None);
        if let Err(error) = taken {
            self.astray.extend(held.map(|item| item.claim));
            return Err(error);
        }
        if self.told.elapsed() >= TELL_EVERY || self.untold.len() >= MOST_UNTOLD {
            self.tell()?;
        }
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Err(error) = self.rest() {
            tracing::warn!(%error, "a bench could not give its items back");
        }
    }
}

#[cfg(test)]
mod tests;
