//! What is asked of the writer, on a disk that may be full: new work waits for space, and what must be
//! possible all the same makes it.

use std::sync::Arc;

use rusqlite::Connection;

use super::{Space, Store, StoreError, space};

impl Store {
    /// The space that the folder has.
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Looks whether there is space again, where there was none.
    pub async fn look_for_space(&self) {
        if self.space.is_full() && !self.read_only && self.space.is_due() {
            let space = self.space.clone();
            let look = move |c: &mut Connection| {
                look_for_space(&space, c);
                Ok(())
            };
            // Closed, or broken: then there is nothing to be found.
            let _ = self.writer.ask(look).await;
        }
    }

    /// Does what can wait for space, unless there is none.
    pub(super) async fn if_space<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.read_only {
            return Err(StoreError::Full);
        }
        let space = self.space.clone();
        let work = move |c: &mut Connection| {
            if space.is_full() && !look_for_space(&space, c) {
                return Err(StoreError::Full);
            }
            let done = work(c);
            if matches!(done, Err(StoreError::Full)) {
                space.note_full();
            }
            done
        };
        self.writer.ask(work).await
    }

    /// Does what must be possible on a full disk, and sees whether it made space.
    pub(super) async fn always<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.read_only {
            return Err(StoreError::Full);
        }
        let space = self.space.clone();
        let work = move |c: &mut Connection| {
            let done = space.need(|| work(c))?;
            // Done is done, whether or not the disk gets something back now.
            if let Err(error) = space.need(|| space::give_back(c)) {
                tracing::warn!(%error, "the disk was not given back what was deleted");
            }
            if space.is_full() {
                look_for_space(&space, c);
            }
            Ok(done)
        };
        self.writer.ask(work).await
    }
}

/// Looks whether there is space for something new; gives whether there is.
fn look_for_space(space: &Space, c: &mut Connection) -> bool {
    let found = space.keep() && space.has_room() && space::try_out(c).is_ok();
    if found {
        space.note_space();
    }
    found
}
