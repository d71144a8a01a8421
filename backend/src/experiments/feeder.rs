//! The feeder: reads and decodes the next samples while the model is at work on this one.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use datasets::{Dataset, Sample};
use shared::ErrorCode;
use shared::Message;
use shared::experiment::{LeftOut, SampleRef};
use shared::sentence::Problem;

use super::book::Experiment;
use super::items::Claim;
use super::shelves::Shelves;
use crate::workers::lab::{Decoded, Lab, decode_all};

/// Samples decoded ahead. A picture of 50 million pixels takes 150 MB.
const AHEAD: usize = 2;
/// Orders that may wait; a worker never has more out.
pub(super) const ORDERS: usize = 16;

/// An item to be fed.
pub(super) struct SampleOrder {
    pub(super) claim: Claim,
    pub(super) experiment: Arc<Experiment>,
}

/// What keeps an item from the model.
pub(super) enum Trouble {
    /// This sample cannot be read.
    Sample(Box<LeftOut>),
    /// There is too little memory for its pictures now.
    Memory(Message),
    /// The dataset cannot be: no sample of this experiment can.
    Dataset(Message),
}

/// An item with its sample.
pub(super) struct Ready {
    pub(super) order: SampleOrder,
    pub(super) sample: Result<(Sample, Vec<Decoded>), Trouble>,
}

/// The thread that reads samples, in the order they are asked for.
pub(super) struct Feeder {
    orders: Option<SyncSender<SampleOrder>>,
    ready: Receiver<Ready>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    pub(super) fn start(lab: Arc<dyn Lab>, shelves: Arc<Shelves>) -> std::io::Result<Feeder> {
        let (orders, inbox) = sync_channel::<SampleOrder>(ORDERS);
        let (outbox, ready) = sync_channel(AHEAD);
        let thread = std::thread::Builder::new().name("samples".into()).spawn(move || {
            let mut open = None;
            for order in inbox {
                let sample = read(&*lab, &shelves, &mut open, &order);
                if outbox.send(Ready { order, sample }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Feeder { orders: Some(orders), ready, thread: Some(thread) })
    }

    /// Asks for an item; gives it back where the thread is gone.
    pub(super) fn order(&self, order: SampleOrder) -> Result<(), SampleOrder> {
        match &self.orders {
            Some(orders) => orders.send(order).map_err(|unsent| unsent.0),
            None => Err(order),
        }
    }

    /// The next item that was asked for; `None` where the thread is gone.
    pub(super) fn next(&self) -> Option<Ready> {
        self.ready.recv().ok()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        drop(self.orders.take());
        while self.ready.recv().is_ok() {}
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            tracing::error!("the thread that reads samples panicked");
        }
    }
}

type OpenDataset = Option<(String, Box<dyn Dataset>)>;

fn read(
    lab: &dyn Lab,
    shelves: &Shelves,
    open: &mut OpenDataset,
    order: &SampleOrder,
) -> Result<(Sample, Vec<Decoded>), Trouble> {
    let start = &order.experiment.start;
    let dataset = dataset(shelves, open, order)?;
    let row = start.grid.item(order.claim.item).and_then(|(_, at)| start.rows.get(at as usize));
    let row = *row.ok_or_else(|| Trouble::Dataset(Problem::RowsDamaged.into()))?;
    // A reader that panics on one row must not take the others with it.
    let sample = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| dataset.sample(row)));
    let sample = match sample {
        Ok(Ok(sample)) => sample,
        Ok(Err(error)) => return Err(Trouble::Sample(Box::new(error.left_out()))),
        Err(_) => {
            let sample = SampleRef { row, id: row.to_string(), ..SampleRef::default() };
            let left_out = LeftOut::new(sample, ErrorCode::Internal, Problem::RowWentWrong);
            return Err(Trouble::Sample(Box::new(left_out)));
        }
    };
    let files = std::iter::once(&sample.picture).chain(&sample.more);
    let files: Vec<&[u8]> = files.map(AsRef::as_ref).collect();
    match decode_all(lab, &files) {
        Ok(pictures) => Ok((sample, pictures)),
        // No fault of the sample's.
        Err(error) if error.code == ErrorCode::OutOfMemory => {
            Err(Trouble::Memory(error.into_message()))
        }
        Err(error) => {
            let left_out = LeftOut::new(sample.reference, error.code, error.into_message());
            Err(Trouble::Sample(Box::new(left_out)))
        }
    }
}

fn dataset<'o>(
    shelves: &Shelves,
    open: &'o mut OpenDataset,
    order: &SampleOrder,
) -> Result<&'o dyn Dataset, Trouble> {
    let wanted = &order.experiment.start.dataset;
    if open.as_ref().is_none_or(|(name, _)| *name != wanted.name) {
        let dataset = datasets::open(&wanted.name, &shelves.places())
            .map_err(|error| Trouble::Dataset(missing(&wanted.name, &error)))?;
        *open = Some((wanted.name.clone(), dataset));
    }
    let changed = open.as_ref().map(|(_, dataset)| dataset.info().revision.clone());
    if let Some(found) = changed.filter(|found| *found != wanted.revision) {
        // It may be put back while this worker lives.
        *open = None;
        let (name, was) = (datasets::label(&wanted.name), wanted.revision.clone());
        let changed = Problem::DatasetChanged { name, was, now: found };
        return Err(Trouble::Dataset(changed.into()));
    }
    let open = open.as_ref().map(|(_, dataset)| &**dataset);
    open.ok_or_else(|| Trouble::Dataset(Problem::DatasetNotOpen.into()))
}

/// A sentence about a dataset that this worker lacks. Links travel, machines' folders do not.
fn missing(name: &str, error: &datasets::OpenError) -> Message {
    match datasets::label(name) {
        label if label == name => error.said(),
        label => {
            tracing::warn!(%error, "a dataset cannot be read");
            Problem::DatasetNotThere { name: label }.into()
        }
    }
}
