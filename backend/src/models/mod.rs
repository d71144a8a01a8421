//! The models there are: those that the registry knows, those that lie in folders, and how one comes
//! here from the hub. What is loaded is the workers' ([`crate::workers`]).

pub mod catalog;
pub mod hub;
pub mod pulls;
pub mod registry;
