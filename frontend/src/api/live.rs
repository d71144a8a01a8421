//! A live run's events over its websocket.
//!
//! Messages are buffered as they come and folded in once per animation frame, so that a burst
//! costs one redraw. A lost connection comes back where it broke off; events that were skipped are
//! read again over HTTP.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::ServerMessage;
use shared::{Envelope, ErrorBody, ErrorCode};

use super::socket::{Heard, Socket};
use super::{Failure, http};
use crate::errors;
use crate::log::{Arrival, Cursor};
use crate::phase::Phase;
use crate::state::Lab;

/// Follows one run until it ends or [`Live::stop`] is called.
#[derive(Clone)]
pub struct Live(Rc<Inner>);

struct Inner {
    lab: Lab,
    id: String,
    cursor: Cell<Cursor>,
    inbox: RefCell<Vec<Vec<u8>>>,
    frame_asked: Cell<bool>,
    catching_up: Cell<bool>,
    stopped: Cell<bool>,
    socket: RefCell<Option<Socket>>,
}

impl Live {
    /// Follows a run from an event on.
    pub fn follow(lab: Lab, id: String, from: u64) -> Self {
        let live = Live(Rc::new(Inner {
            lab,
            id,
            cursor: Cell::new(Cursor { next: from, ended: false }),
            inbox: RefCell::default(),
            frame_asked: Cell::new(false),
            catching_up: Cell::new(false),
            stopped: Cell::new(false),
            socket: RefCell::new(None),
        }));
        let (there, told) = (live.clone(), live.clone());
        let path = move || {
            let from = there.0.cursor.get().next;
            format!("/api/runs/{}/events?from={from}", there.0.id)
        };
        live.0.socket.replace(Some(Socket::to(path, move |heard| told.take_in(heard))));
        live
    }

    /// Stops following; nothing of this run is folded in any more.
    pub fn stop(&self) {
        self.0.stopped.set(true);
        self.hang_up();
    }

    fn hang_up(&self) {
        let socket = self.0.socket.take();
        if let Some(socket) = socket {
            socket.stop();
        }
    }

    fn take_in(&self, heard: Heard) {
        match heard {
            Heard::Open => {}
            Heard::Message(bytes) => {
                self.0.inbox.borrow_mut().push(bytes);
                self.ask_for_frame();
            }
            Heard::Lost { attempt } => {
                // What is in the inbox may hold the last event: then the close was the end and not
                // a loss. A page that nobody looks at has no frames to wait for.
                self.drain();
                if !self.0.cursor.get().ended && attempt > 0 {
                    self.0.lab.run.lost.set(true);
                }
            }
        }
    }

    fn ask_for_frame(&self) {
        if !self.0.frame_asked.replace(true) {
            let live = self.clone();
            request_animation_frame(move || {
                live.0.frame_asked.set(false);
                live.drain();
            });
        }
    }

    /// Folds everything in that arrived since the last frame.
    fn drain(&self) {
        if self.0.stopped.get() {
            return;
        }
        let mut missing = false;
        let mut next = Vec::new();
        for bytes in self.0.inbox.take() {
            match rmp_serde::from_slice::<ServerMessage>(&bytes) {
                Ok(ServerMessage::Event(envelope)) => {
                    // Only now does the connection serve; one that is refused each time does not.
                    self.serves();
                    missing |= !self.take(envelope, &mut next);
                }
                Ok(ServerMessage::Alive) => self.serves(),
                Ok(ServerMessage::Gap { .. }) => missing = true,
                Ok(ServerMessage::Error(body)) if body.code == ErrorCode::NotFound => {
                    return self.give_up(body);
                }
                Ok(ServerMessage::Error(body)) => {
                    self.0.lab.complain(body.code.name(), errors::of(&body));
                    let after = body.retry_after;
                    if let (Some(socket), Some(seconds)) = (&*self.0.socket.borrow(), after) {
                        socket.hold(seconds);
                    }
                }
                // A message this page cannot read is read again in JSON with its neighbours.
                Err(_) => missing = true,
            }
        }
        self.0.lab.run.fold(&next);
        if self.0.cursor.get().ended {
            self.hang_up();
        } else if missing {
            self.catch_up();
        }
    }

    fn serves(&self) {
        self.0.lab.run.lost.set(false);
        if let Some(socket) = &*self.0.socket.borrow() {
            socket.serves();
        }
    }

    /// The run is gone, and trying again brings nothing.
    fn give_up(&self, body: ErrorBody) {
        self.stop();
        self.0.lab.complain(body.code.name(), errors::of(&body));
        self.0.lab.run.lost.set(false);
        self.0.lab.run.phase.set(Phase::Failed(body));
    }

    /// Sorts one event in; `false` when events before it are missing.
    fn take(&self, envelope: Envelope, next: &mut Vec<Envelope>) -> bool {
        let mut cursor = self.0.cursor.get();
        let arrival = cursor.arrive(&envelope);
        self.0.cursor.set(cursor);
        if arrival == Arrival::Next {
            next.push(envelope);
        }
        arrival != Arrival::Early
    }

    fn catch_up(&self) {
        if self.0.catching_up.replace(true) {
            return;
        }
        let live = self.clone();
        spawn_local(async move {
            let record = http::record(&live.0.id).await;
            live.0.catching_up.set(false);
            if live.0.stopped.get() {
                return;
            }
            match record {
                Ok(record) => {
                    // A server that came back from a restart may have lost the last events.
                    let over = record.events.last().is_some_and(|e| e.event.is_last());
                    if live.0.cursor.get().outruns(record.events.len() as u64, over) {
                        live.0.cursor.set(Cursor::default());
                        let view = untrack(|| live.0.lab.run.view());
                        let run = live.0.lab.run;
                        run.reset(Some(live.0.id.clone()), Phase::Queued(0));
                        run.look(view);
                        run.label.set(record.label);
                        run.created.set(record.created);
                    }
                    let mut next = Vec::new();
                    for envelope in record.events {
                        live.take(envelope, &mut next);
                    }
                    live.0.lab.run.fold(&next);
                    if live.0.cursor.get().ended {
                        live.hang_up();
                    }
                }
                Err(Failure {
                    code: Some(code @ ErrorCode::NotFound), message, sentence, ..
                }) => live.give_up(ErrorBody { sentence, ..ErrorBody::new(code, message) }),
                Err(failure) => live.0.lab.complain(failure.code_name(), failure.message),
            }
        });
    }
}
