//! A live run's events over its websocket.
//!
//! Messages are buffered as they come and told once per animation frame, so that a burst costs one
//! redraw. A lost connection comes back where it broke off; events that were skipped are read again
//! over HTTP.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::request_animation_frame;
use leptos::task::spawn_local;
use shared::api::{RunRecord, ServerMessage};
use shared::{Envelope, ErrorBody, ErrorCode};

use super::log::{Arrival, Cursor};
use super::socket::{Heard, Socket};
use super::{Failure, remote};

/// What whoever follows a run is told of it.
#[derive(Debug)]
pub enum Told {
    /// The next events, in order.
    Events(Vec<Envelope>),
    /// What was told so far is not the run any more: it begins again with this record, whose events
    /// are told next.
    Again(Box<RunRecord>),
    /// The connection is lost; it comes back by itself.
    Lost,
    /// The connection serves.
    Serves,
    /// Something was refused; following goes on.
    Refused(Failure),
    /// The run is gone, and nothing more is told.
    Gone(ErrorBody),
}

/// A run that is followed until it ends or [`Following::stop`] is called.
#[derive(Clone)]
pub struct Following(Rc<Inner>);

struct Inner {
    told: Box<dyn Fn(Told)>,
    id: String,
    cursor: Cell<Cursor>,
    inbox: RefCell<Vec<Vec<u8>>>,
    frame_asked: Cell<bool>,
    catching_up: Cell<bool>,
    stopped: Cell<bool>,
    socket: RefCell<Option<Socket>>,
}

impl Following {
    /// Follows a run of the lab from an event on.
    pub(super) fn of(id: String, from: u64, told: impl Fn(Told) + 'static) -> Self {
        let following = Following(Rc::new(Inner {
            told: Box::new(told),
            id,
            cursor: Cell::new(Cursor { next: from, ended: false }),
            inbox: RefCell::default(),
            frame_asked: Cell::new(false),
            catching_up: Cell::new(false),
            stopped: Cell::new(false),
            socket: RefCell::new(None),
        }));
        let (there, heard) = (following.clone(), following.clone());
        let path = move || {
            let from = there.0.cursor.get().next;
            format!("/api/runs/{}/events?from={from}", there.0.id)
        };
        following.0.socket.replace(Some(Socket::to(path, move |said| heard.take_in(said))));
        following
    }

    /// Stops following; nothing of this run is told any more.
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
                    self.tell(Told::Lost);
                }
            }
        }
    }

    fn tell(&self, told: Told) {
        (self.0.told)(told);
    }

    fn ask_for_frame(&self) {
        if !self.0.frame_asked.replace(true) {
            let following = self.clone();
            request_animation_frame(move || {
                following.0.frame_asked.set(false);
                following.drain();
            });
        }
    }

    /// Tells everything in that arrived since the last frame.
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
                Ok(ServerMessage::Error(body)) => self.refused(&body),
                // A message this page cannot read is read again in JSON with its neighbours.
                Err(_) => missing = true,
            }
        }
        self.tell_events(next);
        if missing && !self.0.cursor.get().ended {
            self.catch_up();
        }
    }

    fn tell_events(&self, next: Vec<Envelope>) {
        if !next.is_empty() {
            self.tell(Told::Events(next));
        }
        if self.0.cursor.get().ended {
            self.hang_up();
        }
    }

    fn serves(&self) {
        self.tell(Told::Serves);
        if let Some(socket) = &*self.0.socket.borrow() {
            socket.serves();
        }
    }

    fn refused(&self, body: &ErrorBody) {
        self.tell(Told::Refused(Failure::refused(body)));
        if let (Some(socket), Some(seconds)) = (&*self.0.socket.borrow(), body.retry_after) {
            socket.hold(seconds);
        }
    }

    /// The run is gone, and trying again brings nothing.
    fn give_up(&self, body: ErrorBody) {
        self.stop();
        self.tell(Told::Gone(body));
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
        let following = self.clone();
        spawn_local(async move {
            let record = remote::record(&following.0.id).await;
            following.0.catching_up.set(false);
            if following.0.stopped.get() {
                return;
            }
            match record {
                Ok(record) => following.read_again(record),
                Err(Failure {
                    code: Some(code @ ErrorCode::NotFound), message, sentence, ..
                }) => following.give_up(ErrorBody { sentence, ..ErrorBody::new(code, message) }),
                Err(failure) => following.tell(Told::Refused(failure)),
            }
        });
    }

    fn read_again(&self, mut record: RunRecord) {
        let events = std::mem::take(&mut record.events);
        // A server that came back from a restart may have lost the last events.
        let over = events.last().is_some_and(|e| e.event.is_last());
        if self.0.cursor.get().outruns(events.len() as u64, over) {
            self.0.cursor.set(Cursor::default());
            self.tell(Told::Again(Box::new(record)));
        }
        let mut next = Vec::new();
        for envelope in events {
            self.take(envelope, &mut next);
        }
        self.tell_events(next);
    }
}
