//! How often and how much, over time: what was used is forgotten at a steady rate.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// What one may use: so much at once, and so much more each second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At once.
    pub burst: f64,
    /// Forgotten each second.
    pub each_second: f64,
}

/// Clients that are remembered. One more address costs a stranger little, so their number is bounded;
/// who used least is forgotten first.
const REMEMBERED: usize = 10_000;

/// What was used.
#[derive(Clone, Copy, Debug)]
struct Used {
    amount: f64,
    at: Instant,
}

impl Used {
    /// What is left of it at a time.
    fn at(&self, now: Instant, rate: Rate) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.amount - passed * rate.each_second).max(0.0)
    }
}

/// What clients used.
#[derive(Debug)]
pub struct Meter<K> {
    rate: Rate,
    used: HashMap<K, Used>,
}

impl<K: Copy + Eq + Hash> Meter<K> {
    /// Nothing used yet.
    pub fn new(rate: Rate) -> Self {
        Meter { rate, used: HashMap::new() }
    }

    /// What a client used that is not forgotten yet.
    pub fn used(&self, client: &K, now: Instant) -> f64 {
        self.used.get(client).map_or(0.0, |used| used.at(now, self.rate))
    }

    /// Whether a client may use one more: with it, it used no more than it may at once.
    ///
    /// # Errors
    /// How long until it may.
    pub fn room(&self, client: &K, now: Instant) -> Result<(), Duration> {
        let over = self.used(client, now) + 1.0 - self.rate.burst;
        if over <= 0.0 {
            return Ok(());
        }
        let wait = Duration::try_from_secs_f64(over / self.rate.each_second);
        Err(wait.unwrap_or(Duration::MAX))
    }

    /// Notes that a client used so much, also where that is more than it may.
    pub fn add(&mut self, client: K, amount: f64, now: Instant) {
        if self.used.len() >= REMEMBERED && !self.used.contains_key(&client) {
            self.forget(now);
        }
        let amount = self.used(&client, now) + amount;
        self.used.insert(client, Used { amount, at: now });
    }

    /// Makes room: first those of whom nothing is left, then the half that used least.
    fn forget(&mut self, now: Instant) {
        let rate = self.rate;
        self.used.retain(|_, used| used.at(now, rate) > 0.0);
        if self.used.len() >= REMEMBERED {
            let mut amounts: Vec<f64> = self.used.values().map(|u| u.at(now, rate)).collect();
            let middle = amounts.len() / 2;
            let (_, least, _) = amounts.select_nth_unstable_by(middle, f64::total_cmp);
            let least = *least;
            let mut spare = middle;
            self.used.retain(|_, used| {
                let stays = used.at(now, rate) > least || spare == 0;
                spare -= usize::from(!stays);
                stays
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3.0, each_second: 0.5 };

    #[test]
    fn what_was_used_is_forgotten_in_time() {
        let (start, mut meter) = (Instant::now(), Meter::new(RATE));
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        for _ in 0..3 {
            assert_eq!(meter.room(&'a', at(0)), Ok(()));
            meter.add('a', 1.0, at(0));
        }
        assert_eq!(meter.room(&'a', at(0)), Err(Duration::from_secs(2)));
        let moment = at(0) + Duration::from_millis(20);
        assert!(meter.room(&'a', moment).is_err(), "a part of one is none");
        meter.add('a', 4.0, at(0));
        let wait = meter.room(&'a', at(1)).expect_err("used up").as_secs_f64();
        assert!((8.9..9.1).contains(&wait), "{wait}");
        assert_eq!(meter.room(&'b', at(1)), Ok(()), "another's is another's");
        assert!(meter.room(&'a', at(9)).is_err() && meter.room(&'a', at(10)).is_ok());
        assert_eq!(meter.used(&'a', at(60)), 0.0);
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing_and_breaks_nothing() {
        let (start, mut meter) = (Instant::now() + Duration::from_secs(60), Meter::new(RATE));
        meter.add('a', 2.0, start);
        assert_eq!(meter.used(&'a', start - Duration::from_secs(9)), 2.0);
    }

    #[test]
    fn a_million_addresses_take_no_more_room_than_ten_thousand() {
        let (now, mut meter) = (Instant::now(), Meter::new(RATE));
        meter.add(u32::MAX, 3.0, now);
        for stranger in 0..100_000 {
            meter.add(stranger, 1.0, now);
        }
        assert!(meter.used.len() <= REMEMBERED);
        assert!(meter.room(&u32::MAX, now).is_err(), "who used most is remembered");
    }
}
