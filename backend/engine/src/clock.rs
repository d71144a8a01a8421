//! The engine's only clock. In a browser there is none, and every span is zero.

/// A moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(#[cfg(not(target_arch = "wasm32"))] std::time::Instant);

/// The time of day, to mark files by when they were used.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn wall() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        return Moment(std::time::Instant::now());
        #[cfg(target_arch = "wasm32")]
        Moment()
    }

    /// Milliseconds since this moment.
    pub(crate) fn ms(self) -> f64 {
        #[cfg(not(target_arch = "wasm32"))]
        return self.0.elapsed().as_secs_f64() * 1e3;
        #[cfg(target_arch = "wasm32")]
        0.0
    }
}
