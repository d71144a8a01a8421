//! The one place that asks what time it is.

use std::time::{Duration, Instant, SystemTime};

/// Now.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// What time it is, by the clock that people set and by the one that only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day.
    pub wall: SystemTime,
    /// Time since some moment before, whatever the clock is set to.
    pub passed: Duration,
}

/// A clock that counts from when it is made.
pub fn moments() -> impl Fn() -> Moment {
    let began = Instant::now();
    move || Moment { wall: now(), passed: began.elapsed() }
}

/// Now, as RFC 3339 with milliseconds, UTC.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now_rfc3339() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Now, in seconds since 1970, UTC.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn unix_seconds() -> f64 {
    // A clock before 1970 is a broken one; rates are then wrong, and nothing else.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
