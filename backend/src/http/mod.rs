//! The lab over the network: the server ([`net`]), the routes, and the application that holds both.
//! Nothing but the command line knows this room.

pub mod app;
pub mod classes;
pub mod net;
pub mod routes;
pub mod state;
pub mod validate;
