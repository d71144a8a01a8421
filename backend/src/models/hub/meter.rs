//! How fast bytes come.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over this long a speed is measured: long enough to be calm, short enough to notice a change.
const WINDOW: Duration = Duration::from_secs(5);

/// Bytes a second over the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    marks: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// Takes how many bytes have come in all by now.
    pub fn mark(&mut self, now: Instant, bytes: u64) {
        // A mark every tenth of a second is enough, however small the chunks.
        if let Some((last, _)) = self.marks.back()
            && now.duration_since(*last) < WINDOW / 50
        {
            return;
        }
        self.marks.push_back((now, bytes));
        while self.marks.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.marks.pop_front();
        }
    }

    /// Bytes a second; `None` until there is something to measure.
    pub fn per_second(&self) -> Option<u64> {
        let ((first, before), (last, after)) = (self.marks.front()?, self.marks.back()?);
        let seconds = last.duration_since(*first).as_secs_f64();
        (seconds > 0.2).then(|| (after.saturating_sub(*before) as f64 / seconds) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut meter = Meter::default();
        assert_eq!(meter.per_second(), None);
        let mut bytes = 0;
        for tenth in 0..100 {
            meter.mark(start + Duration::from_millis(tenth * 100), bytes);
            bytes += 1_000;
        }
        let slow = meter.per_second().expect("a speed");
        assert!((9_900..=10_100).contains(&slow), "{slow}");
        for tenth in 100..200 {
            meter.mark(start + Duration::from_millis(tenth * 100), bytes);
            bytes += 50_000;
        }
        let fast = meter.per_second().expect("a speed");
        assert!((495_000..=505_000).contains(&fast), "{fast}");
        assert!(meter.marks.len() < 100, "bounded");
    }
}
