//! The one place that asks what time it is.

use std::time::SystemTime;

/// Now, as RFC 3339 with milliseconds, UTC.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now_rfc3339() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
