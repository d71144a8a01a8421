//! Work that can wait: what a device does while nobody waits for a run.

use std::sync::Arc;

use super::command::Stop;
use super::worker::Worker;
use crate::store::StoreError;

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A piece of work for the device.
    Piece,
    /// Nothing for the device now, but it is worth asking again at once.
    Again,
    /// Nothing.
    Nothing,
}

/// Work for one device, in pieces: whoever asks a question waits for no more than one of them.
pub trait SpareWork: Send {
    /// Looks for the next piece; it stays there until [`SpareWork::work`] does it.
    ///
    /// # Errors
    /// What keeps the work cannot be read or written.
    fn next(&mut self) -> Result<Next, StoreError>;

    /// Does the next piece on a worker. `stop` is asked between layers.
    ///
    /// # Errors
    /// As [`SpareWork::next`], or the worker's thread has ended.
    fn work(&mut self, worker: &Worker, stop: &Stop) -> Result<(), StoreError>;
}

/// Gives every device its own; tried again later where it fails.
pub type Spare = Arc<dyn Fn() -> Result<Box<dyn SpareWork>, StoreError> + Send + Sync>;
