//! Whether SQLite's own structures are whole: looked at once, beside the work, when something that
//! was asked for is not there. Rows have checksums of their own; this is about rows that an index no
//! longer finds.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};

use crate::lock;

/// How long whoever finds no run waits for the look to be over.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
enum State {
    #[default]
    Looking,
    Whole,
    Damaged(String),
}

/// What the look has found so far.
pub(crate) struct Integrity {
    found: Arc<(Mutex<State>, Condvar)>,
    stop: Option<InterruptHandle>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Integrity {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Integrity").finish_non_exhaustive()
    }
}

impl Integrity {
    /// Begins to look at a file. Where that cannot be done, nothing is said of it.
    pub(crate) fn look(connection: Connection) -> Integrity {
        let stop = Some(connection.get_interrupt_handle());
        let found = Arc::<(Mutex<State>, Condvar)>::default();
        let told = found.clone();
        let look = move || {
            let said = connection
                .query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
            let state = match said {
                Ok(said) if said == "ok" => State::Whole,
                Ok(said) => State::Damaged(said),
                // Stopped, or busy: no finding.
                Err(error) => match error.sqlite_error_code() {
                    Some(rusqlite::ErrorCode::DatabaseCorrupt) => State::Damaged(error.to_string()),
                    _ => State::Whole,
                },
            };
            if let State::Damaged(said) = &state {
                tracing::error!(said, "the store is damaged; what is not damaged is shown");
            }
            *lock(&told.0) = state;
            told.1.notify_all();
        };
        match std::thread::Builder::new().name("integrity".into()).spawn(look) {
            Ok(thread) => Integrity { found, stop, thread: Mutex::new(Some(thread)) },
            Err(_) => Integrity::whole(),
        }
    }

    fn whole() -> Integrity {
        let found = Arc::new((Mutex::new(State::Whole), Condvar::new()));
        Integrity { found, stop: None, thread: Mutex::default() }
    }

    /// What is damaged, once that is known; waits a moment for it.
    pub(crate) fn damage(&self) -> Option<String> {
        let (state, over) = &*self.found;
        let looking = |state: &mut State| matches!(state, State::Looking);
        let state = over.wait_timeout_while(lock(state), PATIENCE, looking);
        let state = state.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        match &*state {
            State::Damaged(said) => Some(said.clone()),
            _ => None,
        }
    }

    /// Stops looking, and lets go of the file.
    pub(crate) fn stop(&self) {
        let Some(thread) = lock(&self.thread).take() else { return };
        if let Some(stop) = &self.stop {
            stop.interrupt();
        }
        if thread.join().is_err() {
            tracing::error!("the look at the store panicked");
        }
    }
}

impl Drop for Integrity {
    fn drop(&mut self) {
        self.stop();
    }
}
