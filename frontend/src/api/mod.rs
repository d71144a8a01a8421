//! The client of the lab's HTTP interface.

pub mod http;
pub mod live;
pub mod socket;

use shared::ErrorCode;

/// A request that did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The server's code; `None` when no answer came.
    pub code: Option<ErrorCode>,
    /// For people.
    pub message: String,
}

impl Failure {
    /// The code's stable name.
    pub fn code_name(&self) -> &'static str {
        self.code.map_or("unreachable", ErrorCode::name)
    }
}
