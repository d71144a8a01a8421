//! Pulls that people ask for through the API: one at a time, readable while they go, stoppable.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use shared::api::{Pull, PullState};
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode};

use crate::error::{ApiError, sentence};
use crate::fair::Client;
use crate::lock;
use crate::models::hub::{Hub, HubError, Meter, Repository, Wanted};

/// Who may ask for a pull.
///
/// A pull fills the disk of whoever runs the lab, so by default it is for them alone: for requests
/// that come from this machine, to a lab that listens nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Nobody.
    #[default]
    Nobody,
    /// Requests that come from this machine, and that no proxy has passed on.
    Local,
    /// Whoever reaches the lab.
    Everybody,
}

/// The pulls since the lab was started.
#[derive(Debug, Default)]
pub struct Pulls {
    /// Who may ask.
    pub allowed: Allowed,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The pull at work.
    current: Option<Current>,
    last: HashMap<String, Pull>,
}

#[derive(Debug)]
struct Current {
    name: String,
    /// How it is told to stop.
    stop: Arc<AtomicBool>,
    /// Who asked for it.
    client: Client,
}

impl Pulls {
    /// Nothing pulled yet.
    pub fn new(allowed: Allowed) -> Pulls {
        Pulls { allowed, state: Mutex::default() }
    }

    /// How far the pull of a model is, or how its last one ended.
    pub fn of(&self, name: &str) -> Option<Pull> {
        lock(&self.state).last.get(name).cloned()
    }

    /// Starts a pull; asked for what is already at work, that goes on.
    ///
    /// # Errors
    /// `pull_busy` while another is at work.
    pub fn start(
        self: &Arc<Self>,
        name: &str,
        client: Client,
        hub: Hub,
        repository: Repository,
        wanted: Wanted,
    ) -> Result<Pull, ApiError> {
        let mut state = lock(&self.state);
        if let Some(Current { name: busy, .. }) = &state.current {
            if busy == name {
                return state.last.get(name).cloned().ok_or_else(|| ApiError::internal("no pull"));
            }
            return Err(ApiError::new(
                ErrorCode::PullBusy,
                LabError::PullBusy { name: busy.clone() },
            ));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let pull = Pull { state: PullState::Pulling, bytes: 0, total: 0, speed: None, error: None };
        state.current = Some(Current { name: name.to_owned(), stop: stop.clone(), client });
        state.last.insert(name.to_owned(), pull.clone());
        drop(state);
        let (pulls, of) = (self.clone(), name.to_owned());
        let work = move || {
            let end = Ended { pulls: &pulls, name: &of };
            let result = pulls.work(&of, &hub, &repository, &wanted, &stop);
            pulls.end(&of, result);
            drop(end);
        };
        let thread = std::thread::Builder::new().name("pull".into()).spawn(work);
        if let Err(error) = thread {
            lock(&self.state).current = None;
            return Err(ApiError::internal(error));
        }
        Ok(pull)
    }

    fn work(
        &self,
        name: &str,
        hub: &Hub,
        repository: &Repository,
        wanted: &Wanted,
        stop: &AtomicBool,
    ) -> Result<(), HubError> {
        let mut meter = Meter::default();
        let pulled = hub.pull(repository, wanted, &mut |progress| {
            if stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            meter.mark(Instant::now(), progress.done);
            self.change(name, |pull| {
                (pull.bytes, pull.total) = (progress.done, progress.total);
                pull.speed = meter.per_second();
            });
            ControlFlow::Continue(())
        })?;
        tracing::info!(model = name, fetched = pulled.fetched, "model pulled");
        Ok(())
    }

    fn end(&self, name: &str, result: Result<(), HubError>) {
        self.change(name, |pull| {
            pull.speed = None;
            pull.state = match &result {
                Ok(()) => PullState::Done,
                Err(HubError::Cancelled) => PullState::Cancelled,
                Err(_) => PullState::Failed,
            };
        });
        if let Err(error) = result
            && !matches!(error, HubError::Cancelled)
        {
            tracing::warn!(model = name, error = error.in_full(), "pull failed");
            let body = ErrorBody::new(error.code(), sentence(error.said()));
            self.change(name, |pull| pull.error = Some(body));
        }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Pull)) {
        if let Some(pull) = lock(&self.state).last.get_mut(name) {
            change(pull);
        }
    }

    /// Stops a model's pull, for whoever asked for it or sits at the lab's machine.
    ///
    /// # Errors
    /// `not_found` where it is not being pulled, `not_owner` where another asked for it.
    pub fn stop(&self, name: &str, client: Client) -> Result<(), ApiError> {
        match &lock(&self.state).current {
            Some(current) if current.name == name => {
                if current.client != client && !client.is_local() {
                    return Err(ApiError::new(ErrorCode::NotOwner, LabError::NotPullOwner));
                }
                current.stop.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(ApiError::new(ErrorCode::NotFound, LabError::NotPulling)),
        }
    }

    /// Stops whatever is at work: the lab is going down.
    pub fn stop_all(&self) {
        if let Some(Current { stop, .. }) = &lock(&self.state).current {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Makes room for the next pull however this one ends.
struct Ended<'p> {
    pulls: &'p Pulls,
    name: &'p str,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        lock(&self.pulls.state).current = None;
        // Still at work here means that it panicked.
        self.pulls.change(self.name, |pull| {
            if pull.state == PullState::Pulling {
                pull.state = PullState::Failed;
                pull.error = Some(ErrorBody::new(ErrorCode::Internal, LabError::Internal));
            }
        });
    }
}
