//! The thread that writes.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::StoreError;
use crate::lock;

/// Jobs that may wait. A job is a few milliseconds of work, so a longer line would only hide a
/// disk that does not keep up.
const WAITING: usize = 64;

type WriterJob = Box<dyn FnOnce(Option<&mut Connection>) + Send>;

/// Hands jobs to the thread that owns the writing connection, in order.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Mutex<Option<SyncSender<WriterJob>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> std::io::Result<Writer> {
        let (jobs, inbox): (SyncSender<WriterJob>, Receiver<WriterJob>) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || {
            for job in inbox {
                // An open transaction rolls back on the way out, so the connection stays usable.
                let work = AssertUnwindSafe(|| job(Some(&mut connection)));
                if std::panic::catch_unwind(work).is_err() {
                    tracing::error!("a write panicked");
                }
            }
            // Leave one file behind, not a write-ahead log beside it.
            if let Err(error) = connection.pragma_update(None, "wal_checkpoint", "truncate") {
                tracing::warn!(%error, "the write-ahead log was not folded in");
            }
        })?;
        Ok(Writer { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) })
    }

    fn sender(&self) -> Option<SyncSender<WriterJob>> {
        lock(&self.jobs).clone()
    }

    /// Hands a job over and waits for its answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: WriterJob = Box::new(move |c| {
            let result = c.map_or(Err(StoreError::Closed), work);
            // Whoever asked may have gone; the work is done all the same.
            let _ = reply.send(result);
        });
        let sender = self.sender().ok_or(StoreError::Closed)?;
        // Usually there is room; only a full line is worth a thread that waits.
        if let Err(error) = sender.try_send(job) {
            let (std::sync::mpsc::TrySendError::Full(job)
            | std::sync::mpsc::TrySendError::Disconnected(job)) = error;
            tokio::task::spawn_blocking(move || sender.send(job))
                .await
                .map_err(|e| StoreError::Broken(e.to_string()))?
                .map_err(|_| StoreError::Closed)?;
        }
        answer.await.map_err(|_| StoreError::Broken("a write panicked".to_owned()))?
    }

    /// Hands a job over, waiting where the line is full. The job is called without a connection
    /// where the store is closed.
    pub(super) fn tell(&self, work: impl FnOnce(Option<&mut Connection>) + Send + 'static) {
        match self.sender() {
            None => work(None),
            Some(sender) => {
                if let Err(unsent) = sender.send(Box::new(work)) {
                    (unsent.0)(None);
                }
            }
        }
    }

    /// Hands a job over unless the line is full; gives whether it was.
    pub(super) fn try_tell(&self, work: impl FnOnce(&mut Connection) + Send + 'static) -> bool {
        let job: WriterJob = Box::new(move |c| {
            if let Some(c) = c {
                work(c);
            }
        });
        self.sender().is_some_and(|sender| sender.try_send(job).is_ok())
    }

    /// Lets the thread finish what it was handed, and waits for it.
    pub(super) fn close(&self) {
        drop(lock(&self.jobs).take());
        let thread = lock(&self.thread).take();
        // The last one to let go may be a job on the thread itself, which cannot wait for itself.
        let thread = thread.filter(|t| t.thread().id() != std::thread::current().id());
        if thread.is_some_and(|t| t.join().is_err()) {
            tracing::error!("the store's thread panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
