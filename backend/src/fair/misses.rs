//! Codes of classes that were tried and are none: whoever tries many of them is slowed down.

use std::hash::Hash;
use std::time::{Duration, Instant};

use super::rate::{Meter, Rate};

/// How often codes may be tried in vain.
///
/// # How probable it is that a class is found by trying
///
/// A code is one of 25⁶ = 244,140,625. Only codes that are no class's count, and they count for
/// whoever tries them, so a class whose people type theirs right slows down nobody.
///
/// * One client has 100 tries, so that a class behind one address may mistype and come back to a class
///   that is over, and then one each 20 seconds: 460 in two hours. That it finds a class that lasts two
///   hours is 460 / 25⁶ = 1.9 · 10⁻⁶, one in 530,000.
/// * Beyond 200 tries of all clients, and two more each second, a try counts as 20 for whoever makes
///   it, and whoever has tried at all waits: 400 seconds for the next. Ten thousand addresses that
///   share the work have, in two hours, at most 10,000 · (1 + 7200 / 400) + 200 + 2 · 7200 = 204,600
///   tries: 8.4 · 10⁻⁴, one in 1,200. Without that they would have 4.6 million: one in 53.
///
/// Four signs and no slowing, as it was, gave all 390,625 codes in 233 seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MissRates {
    /// Of one client.
    pub client: Rate,
    /// Of all clients; beyond it each client has much less.
    pub whole: Rate,
    /// What a try counts beyond it.
    pub pressed: f64,
}

impl Default for MissRates {
    fn default() -> Self {
        MissRates {
            client: Rate { burst: 100.0, each_second: 1.0 / 20.0 },
            whole: Rate { burst: 200.0, each_second: 2.0 },
            pressed: 20.0,
        }
    }
}

/// Codes that clients tried in vain.
#[derive(Debug)]
pub struct Misses<K> {
    rates: MissRates,
    clients: Meter<K>,
    whole: Meter<()>,
}

impl<K: Copy + Eq + Hash> Misses<K> {
    /// None was tried yet.
    pub fn new(rates: MissRates) -> Self {
        Misses { rates, clients: Meter::new(rates.client), whole: Meter::new(rates.whole) }
    }

    /// Whether a client may try a code.
    ///
    /// # Errors
    /// How long until it may.
    pub fn room(&self, client: &K, now: Instant) -> Result<(), Duration> {
        self.clients.room(client, now)?;
        // Where strangers try many codes from many addresses, who has not tried in vain yet is most
        // likely a person with a code.
        let tried = self.clients.used(client, now);
        if self.whole.room(&(), now).is_err() && tried > 0.0 {
            let seconds = tried / self.rates.client.each_second;
            return Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        }
        Ok(())
    }

    /// Notes that a code was tried that is no class's.
    pub fn missed(&mut self, client: K, now: Instant) {
        let pressed = self.whole.room(&(), now).is_err();
        self.clients.add(client, if pressed { self.rates.pressed } else { 1.0 }, now);
        // Beyond its bound it is not added to: strangers that go on keep nobody waiting for longer.
        if !pressed {
            self.whole.add((), 1.0, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::classroom::{CODE_ALPHABET, CODE_LENGTH};

    use super::*;

    const LESSON: u64 = 2 * 60 * 60;

    /// How many codes so many addresses try within a lesson, each as soon as it may.
    fn tries(addresses: u32) -> u64 {
        let (start, mut misses) = (Instant::now(), Misses::new(MissRates::default()));
        let mut tries = 0;
        let mut next = vec![start; addresses as usize];
        for second in 0..LESSON {
            let now = start + Duration::from_secs(second);
            for address in 0..addresses {
                while next[address as usize] <= now {
                    match misses.room(&address, now) {
                        Ok(()) => {
                            misses.missed(address, now);
                            tries += 1;
                        }
                        // It asks again every second at the most.
                        Err(wait) => {
                            next[address as usize] = now + wait.max(Duration::from_millis(1))
                        }
                    }
                }
            }
        }
        tries
    }

    fn codes() -> f64 {
        (CODE_ALPHABET.len() as f64).powi(i32::try_from(CODE_LENGTH).expect("a few signs"))
    }

    #[test]
    fn one_client_does_not_find_a_class() {
        assert_eq!(codes(), 244_140_625.0);
        let tries = tries(1);
        assert!((450..=462).contains(&tries), "{tries}");
        assert!((tries as f64) / codes() < 1.9e-6);
    }

    #[test]
    fn many_clients_together_do_not_find_one_either() {
        // A tenth of the addresses that are reckoned with above, so that the test is quick.
        let tries = tries(1_000);
        assert!(tries <= 1_000 * (1 + LESSON / 400 + 1) + 200 + 2 * LESSON, "{tries}");
        assert!((tries as f64) / codes() < 2e-4);
    }

    #[test]
    fn who_has_not_tried_in_vain_is_answered_whatever_strangers_do() {
        let (now, mut misses) = (Instant::now(), Misses::new(MissRates::default()));
        for stranger in 0..5_000 {
            misses.missed(stranger, now);
        }
        assert!(misses.room(&1, now).is_err() && misses.room(&4_999, now).is_err());
        assert_eq!(misses.room(&9_999, now), Ok(()));
        // Soon after it is over, everybody may mistype again.
        let later = now + Duration::from_secs(2);
        assert_eq!(misses.room(&1, later), Ok(()));
    }

    #[test]
    fn a_class_behind_one_address_may_mistype() {
        let (now, mut misses) = (Instant::now(), Misses::new(MissRates::default()));
        for _ in 0..100 {
            assert_eq!(misses.room(&'s', now), Ok(()));
            misses.missed('s', now);
        }
        let wait = misses.room(&'s', now).expect_err("one more");
        assert!(wait <= Duration::from_secs(20), "{wait:?}");
    }
}
