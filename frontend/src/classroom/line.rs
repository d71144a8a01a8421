//! A class's websocket: the latest state comes, guesses and boards go.
//!
//! A lost connection comes back at growing intervals. What is sent while it is lost is not kept:
//! a presenter shows the then latest board when it is back, and a guess is asked for again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::*;
use shared::classroom::{ClassMessage, ClassRequest};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, MessageEvent, WebSocket};

use crate::log::backoff;

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// It is open: from now on what is said arrives.
    Open,
    /// The lab says something.
    Said(Box<ClassMessage>),
    /// It is lost; it tries to come back by itself.
    Lost,
}

/// A class's websocket.
#[derive(Clone)]
pub struct Line(Rc<Inner>);

struct Inner {
    path: String,
    heard: Box<dyn Fn(Heard)>,
    attempts: Cell<u32>,
    stopped: Cell<bool>,
    socket: RefCell<Option<Socket>>,
}

/// A socket with the closures it calls.
struct Socket {
    socket: WebSocket,
    _open: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

impl Line {
    /// A line to the class of a code; as a follower where a name is given.
    pub fn to(code: &str, follower: Option<&str>, heard: impl Fn(Heard) + 'static) -> Self {
        let mut path = format!("/api/classrooms/{code}/events");
        if let Some(follower) = follower {
            path += &format!("?follower={follower}");
        }
        let line = Line(Rc::new(Inner {
            path,
            heard: Box::new(heard),
            attempts: Cell::new(0),
            stopped: Cell::new(false),
            socket: RefCell::new(None),
        }));
        line.connect();
        line
    }

    /// Says something; `false` while the line is lost.
    pub fn say(&self, request: &ClassRequest) -> bool {
        let Ok(text) = serde_json::to_string(request) else { return false };
        let socket = self.0.socket.borrow();
        socket.as_ref().is_some_and(|s| {
            s.socket.ready_state() == WebSocket::OPEN && s.socket.send_with_str(&text).is_ok()
        })
    }

    /// Opens the line anew: a device that slept may hold one that only looks alive.
    pub fn reopen(&self) {
        if !self.0.stopped.get() {
            self.connect();
        }
    }

    /// Hangs up for good.
    pub fn stop(&self) {
        self.0.stopped.set(true);
        self.0.socket.replace(None);
    }

    fn connect(&self) {
        let location = window().location();
        let scheme = match location.protocol() {
            Ok(p) if p == "https:" => "wss",
            _ => "ws",
        };
        let url = format!("{scheme}://{}{}", location.host().unwrap_or_default(), self.0.path);
        let Ok(socket) = WebSocket::new_with_str(&url, "msgpack") else {
            return self.reconnect_later();
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let line = self.clone();
        let open = Closure::<dyn FnMut()>::new(move || (line.0.heard)(Heard::Open));
        let line = self.clone();
        let message = Closure::<dyn FnMut(_)>::new(move |event: MessageEvent| {
            let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() else { return };
            let bytes = Uint8Array::new(&buffer).to_vec();
            // A kind of message that a newer lab knows says nothing to this page.
            if let Ok(message) = rmp_serde::from_slice::<ClassMessage>(&bytes) {
                // Only now does the connection serve; one that is refused each time does not.
                if matches!(message, ClassMessage::State(_)) {
                    line.0.attempts.set(0);
                }
                (line.0.heard)(Heard::Said(Box::new(message)));
            }
        });
        let line = self.clone();
        let close = Closure::<dyn FnMut()>::new(move || line.reconnect_later());
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        let socket = Socket { socket, _open: open, _message: message, _close: close };
        self.0.socket.replace(Some(socket));
    }

    fn reconnect_later(&self) {
        if self.0.stopped.get() {
            return;
        }
        let attempt = self.0.attempts.get();
        self.0.attempts.set(attempt + 1);
        (self.0.heard)(Heard::Lost);
        let line = self.clone();
        set_timeout(
            move || {
                if !line.0.stopped.get() {
                    line.connect();
                }
            },
            Duration::from_millis(backoff(attempt).into()),
        );
    }
}
