//! Who asks, by which name and over what kind of connection.
//!
//! - [`Client`]: whom a request comes from. Routes take it as an extractor.
//! - [`Access`]: the names that the lab answers to, and the proxies whose word is taken.
//! - [`gate`]: what surrounds every route, and refuses what comes by a foreign name or from a foreign page.

mod access;
mod client;
mod forwarded;
pub mod gate;
mod site;

pub use access::{Access, Refusal};
pub use client::{Client, Peer};
pub use site::{Network, Site};
