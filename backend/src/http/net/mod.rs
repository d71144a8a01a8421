//! Who asks, by which name and over what kind of connection.
//!
//! - [`Client`](crate::fair::Client): whom a request comes from. Routes take it as an extractor.
//! - [`Access`]: the names that the lab answers to, and the proxies whose word is taken.
//! - [`gate`]: what surrounds every route, and refuses what comes by a foreign name or from a foreign page.
//! - [`serve`]: the server. Slow and idle clients cost themselves only: each has so many connections,
//!   and so much time to ask, to send and to read.

mod access;
pub mod body;
mod client;
mod connections;
mod forwarded;
pub mod gate;
mod io;
mod pace;
mod server;
mod site;
mod words;

pub use access::{Access, Refusal};
pub use client::Peer;
pub use connections::{ConnectionLimits, Connections, Refused, Slot, raise_files};
pub use io::Drain;
pub use pace::Pace;
pub use server::{Accept, answer, listen, serve};
pub use site::{Base, Network, Site};
