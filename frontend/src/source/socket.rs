//! A websocket that comes back.
//!
//! A lost connection is opened again at growing intervals. One that only looks alive, as after a
//! device slept or changed networks, is noticed by its silence: the lab says something at least
//! every [`BEAT`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{ArrayBuffer, Date, Uint8Array};
use leptos::leptos_dom::helpers::IntervalHandle;
use leptos::prelude::*;
use shared::api::BEAT;
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, MessageEvent, WebSocket};

use super::log::backoff;
use crate::base::at;

/// How long the other side may be silent: one beat may be lost, not two.
const PATIENCE: Duration = Duration::from_secs(BEAT.as_secs() * 5 / 2);
/// How long it may be silent where this device may have slept: one beat and its way here.
const WOKEN: Duration = Duration::from_secs(BEAT.as_secs() * 5 / 4);
/// How often it is looked whether the other side is silent for too long.
const LOOK: Duration = Duration::from_secs(3);
/// How long opening may take.
const OPENING: Duration = Duration::from_secs(15);

/// What becomes of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is open: from now on what is sent arrives.
    Open,
    /// A message came.
    Message(Vec<u8>),
    /// It is lost, and will be opened again.
    Lost {
        /// How often it was lost since it last served, from 0.
        attempt: u32,
    },
}

/// A websocket, until it is [stopped](Socket::stop).
#[derive(Clone)]
pub struct Socket(Rc<Inner>);

type Listener = Rc<dyn Fn(Heard)>;

struct Inner {
    path: Box<dyn Fn() -> String>,
    /// Who is told; nobody once it was stopped.
    heard: RefCell<Option<Listener>>,
    open: RefCell<Option<Connection>>,
    attempts: Cell<u32>,
    /// The least time to wait before it is opened again, as the lab asked for.
    held: Cell<Duration>,
    /// How often it was opened: whoever wants to open it again later does so only if nobody did.
    opened: Cell<u32>,
    /// When the other side was last heard of, in milliseconds since 1970.
    last: Cell<f64>,
    /// When the other side is taken for gone, in milliseconds since 1970.
    deadline: Cell<f64>,
    watch: RefCell<Option<Watch>>,
}

/// A connection with the closures it calls.
struct Connection {
    socket: WebSocket,
    _open: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// What looks whether the other side is still there.
struct Watch {
    interval: Option<IntervalHandle>,
    listeners: [WindowListenerHandle; 2],
}

impl Socket {
    /// A socket to an address of this lab, which is asked for at each opening.
    pub fn to(path: impl Fn() -> String + 'static, heard: impl Fn(Heard) + 'static) -> Self {
        let heard: Listener = Rc::new(heard);
        let socket = Socket(Rc::new(Inner {
            path: Box::new(path),
            heard: RefCell::new(Some(heard)),
            open: RefCell::new(None),
            attempts: Cell::new(0),
            held: Cell::new(Duration::ZERO),
            opened: Cell::new(0),
            last: Cell::new(0.0),
            deadline: Cell::new(0.0),
            watch: RefCell::new(None),
        }));
        socket.connect();
        socket.watch();
        socket
    }

    /// Sends a text; `false` while the connection is lost.
    pub fn send(&self, text: &str) -> bool {
        self.0.open.borrow().as_ref().is_some_and(|c| {
            c.socket.ready_state() == WebSocket::OPEN && c.socket.send_with_str(text).is_ok()
        })
    }

    /// What came shows that the connection serves: one that is refused each time does not, and is
    /// tried less and less often.
    pub fn serves(&self) {
        self.0.attempts.set(0);
    }

    /// The lab lets this page in no sooner than in so many seconds.
    pub fn hold(&self, seconds: u32) {
        self.0.held.set(Duration::from_secs(seconds.into()));
    }

    /// Closes it for good; nobody is told anything any more.
    pub fn stop(&self) {
        self.0.heard.replace(None);
        self.0.open.replace(None);
        if let Some(Watch { interval, listeners }) = self.0.watch.take() {
            if let Some(interval) = interval {
                interval.clear();
            }
            listeners.into_iter().for_each(WindowListenerHandle::remove);
        }
    }

    fn stopped(&self) -> bool {
        self.0.heard.borrow().is_none()
    }

    fn tell(&self, heard: Heard) {
        // Whoever is told may stop the socket.
        let told = self.0.heard.borrow().clone();
        if let Some(told) = told {
            told(heard);
        }
    }

    /// Gives the other side so much time from now on.
    fn wait(&self, time: Duration) {
        self.0.deadline.set(Date::now() + millis(time));
    }

    /// Something came.
    fn alive(&self) {
        self.0.last.set(Date::now());
        self.wait(PATIENCE);
    }

    fn connect(&self) {
        let location = window().location();
        let scheme = match location.protocol() {
            Ok(p) if p == "https:" => "wss",
            _ => "ws",
        };
        let url =
            format!("{scheme}://{}{}", location.host().unwrap_or_default(), at(&(self.0.path)()));
        self.0.opened.update(|n| n.wrapping_add(1));
        let Ok(socket) = WebSocket::new_with_str(&url, "msgpack") else {
            return self.lost();
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        self.wait(OPENING);
        let here = self.clone();
        let open = Closure::<dyn FnMut()>::new(move || {
            here.alive();
            here.tell(Heard::Open);
        });
        let here = self.clone();
        let message = Closure::<dyn FnMut(_)>::new(move |event: MessageEvent| {
            here.alive();
            if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
                here.tell(Heard::Message(Uint8Array::new(&buffer).to_vec()));
            }
        });
        let here = self.clone();
        let close = Closure::<dyn FnMut()>::new(move || here.lost());
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        let connection = Connection { socket, _open: open, _message: message, _close: close };
        self.0.open.replace(Some(connection));
    }

    fn lost(&self) {
        let attempt = self.0.attempts.get();
        self.0.attempts.set(attempt + 1);
        let wait = Duration::from_millis(backoff(attempt).into()).max(self.0.held.take());
        // Nobody looks at it before it was tried.
        self.wait(wait + OPENING);
        self.tell(Heard::Lost { attempt });
        let (here, opened) = (self.clone(), self.0.opened.get());
        let again = move || {
            if !here.stopped() && here.0.opened.get() == opened {
                here.connect();
            }
        };
        set_timeout(again, wait);
    }

    /// Looks after the connection until it is stopped.
    fn watch(&self) {
        let here = self.clone();
        let look = move || {
            if Date::now() > here.0.deadline.get() {
                here.0.open.replace(None);
                here.lost();
            }
        };
        let interval = set_interval_with_handle(look, LOOK).ok();
        // A device that woke up or changed networks does not wait for the silence to be noticed.
        let here = self.clone();
        let woken = window_event_listener_untyped("visibilitychange", move |_| {
            if !document().hidden() && Date::now() > here.0.last.get() + millis(WOKEN) {
                here.connect();
            }
        });
        let here = self.clone();
        let online = window_event_listener_untyped("online", move |_| here.connect());
        self.0.watch.replace(Some(Watch { interval, listeners: [woken, online] }));
    }
}

/// A time in milliseconds, as the browser's clock counts.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
