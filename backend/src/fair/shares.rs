//! The table of what clients share.

use std::str::FromStr;

use super::quota::Bound;
use super::rate::Rate;

/// What clients share: how much there is in all, and how much of it one client may have.
///
/// A class of forty behind one school's address is one client, so one client may have what such a
/// class needs: a page that follows has two sockets, one of the class and one of its run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Runs that wait. Beside them each class has one place that is reserved for its presenter.
    pub runs: Bound,
    /// Pictures that are being sent or decoded; each holds its file in memory.
    pub uploads: Bound,
    /// Websockets and streams of events.
    pub sockets: Bound,
    /// Classes that are held.
    pub classes: Bound,
    /// Followers of one class.
    pub followers: Bound,
    /// Connections to one class that only look, or present.
    pub onlookers: Bound,
    /// Experiments that are not finished, as far as they were asked for over the network.
    pub experiments: Bound,
    /// Requests of one client.
    pub requests: Rate,
    /// Guesses of one client, in all classes.
    pub guesses: Rate,
    /// Bytes that one client's runs leave on the disk: their pictures and what was seen of them.
    pub disk: Rate,
}

const GIB: f64 = (1_u64 << 30) as f64;

impl Default for Shares {
    fn default() -> Self {
        Shares {
            runs: Bound::new(32, 21),
            // Each may be 20 MiB, beside one picture that is decoded: under 1 GiB together.
            uploads: Bound::new(18, 12),
            // Three quarters of all connections, and of one client's (`http/net/connections.rs`).
            sockets: Bound::new(3072, 768),
            classes: Bound::new(64, 8),
            followers: Bound::new(500, 300),
            onlookers: Bound::new(64, 24),
            experiments: Bound::new(8, 4),
            // Forty pages that are opened at once ask for some twenty files each.
            requests: Rate { burst: 2000.0, each_second: 100.0 },
            guesses: Rate { burst: 1000.0, each_second: 50.0 },
            disk: Rate { burst: 2.0 * GIB, each_second: 4.0 * GIB / 86400.0 },
        }
    }
}

/// A part of the table, as it is named on the command line.
type Part = (&'static str, fn(&mut Shares) -> &mut Bound);

const PARTS: [Part; 7] = [
    ("runs", |s| &mut s.runs),
    ("uploads", |s| &mut s.uploads),
    ("sockets", |s| &mut s.sockets),
    ("classes", |s| &mut s.classes),
    ("followers", |s| &mut s.followers),
    ("onlookers", |s| &mut s.onlookers),
    ("experiments", |s| &mut s.experiments),
];

/// What is counted by time, and so has a bound for each client alone.
const RATES: [&str; 3] = ["requests", "guesses", "disk"];

impl Shares {
    /// Sets what one client may have.
    pub fn set_client(&mut self, share: &Share) {
        let n = share.n as f64;
        match share.name {
            // So many each second, and what twenty seconds bring at once.
            "requests" => self.requests = Rate { burst: 20.0 * n, each_second: n },
            "guesses" => self.guesses = Rate { burst: 20.0 * n, each_second: n },
            // So many MiB each day, and half of it at once.
            "disk" => {
                let bytes = n * f64::from(1 << 20);
                self.disk = Rate { burst: bytes / 2.0, each_second: bytes / 86400.0 };
            }
            name => self.set(name, |bound| bound.client = share.n),
        }
    }

    /// Sets how much there is in all.
    ///
    /// # Errors
    /// A sentence: requests and disk are counted for each client alone.
    pub fn set_whole(&mut self, share: &Share) -> Result<(), String> {
        if RATES.contains(&share.name) {
            return Err(format!(
                "{} are counted for each client alone: use --per-client {0}={1}",
                share.name, share.n
            ));
        }
        self.set(share.name, |bound| bound.whole = share.n);
        Ok(())
    }

    /// Bounds what clients share of websockets and streams by what there is of connections.
    #[must_use]
    pub fn with_sockets_within(mut self, most: Bound) -> Shares {
        let Bound { whole, client } = &mut self.sockets;
        (*whole, *client) = ((*whole).min(most.whole), (*client).min(most.client));
        self
    }

    /// What there is of something in all and for one client, where both are counted.
    pub fn bound(&mut self, name: &str) -> Option<&mut Bound> {
        let (_, part) = PARTS.iter().find(|(part, _)| *part == name)?;
        Some(part(self))
    }

    fn set(&mut self, name: &str, change: impl FnOnce(&mut Bound)) {
        if let Some(bound) = self.bound(name) {
            change(bound);
        }
    }
}

/// More than anybody has of anything, and few enough to be reckoned with.
const MOST: usize = 1_000_000_000;

/// One number of the table, written `NAME=N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    name: &'static str,
    n: usize,
}

impl Share {
    /// What it is of.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || PARTS.iter().map(|(name, _)| *name).chain(RATES);
        let (name, n) = text.split_once('=').unwrap_or((text, ""));
        let Some(name) = names().find(|known| *known == name.trim()) else {
            let names: Vec<&str> = names().collect();
            return Err(format!("write NAME=N, with NAME one of {}", names.join(", ")));
        };
        match n.trim().parse() {
            Ok(n) if (1..=MOST).contains(&n) => Ok(Share { name, n }),
            _ => Err(format!("write {name}=N, with N a whole number from 1 to {MOST}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Share {
        text.parse().expect("a share")
    }

    #[test]
    fn one_client_has_never_all() {
        let mut shares = Shares::default();
        for (name, part) in PARTS {
            let bound = part(&mut shares);
            assert!(bound.client < bound.whole, "{name}");
            // Two of three parts at the most, as runs have.
            assert!(3 * bound.client <= 2 * bound.whole, "{name}");
        }
    }

    #[test]
    fn a_class_of_forty_behind_one_address_fits() {
        let shares = Shares::default();
        assert!(shares.followers.client >= 40 && shares.sockets.client >= 3 * 40);
        assert!(shares.requests.burst >= 40.0 * 30.0 && shares.guesses.burst >= 40.0 * 10.0);
    }

    #[test]
    fn every_number_can_be_set_by_its_name() {
        let mut shares = Shares::default();
        for (name, part) in PARTS {
            shares.set_client(&share(&format!("{name}=3")));
            shares.set_whole(&share(&format!("{name} = 5"))).expect("a part");
            assert_eq!(*part(&mut shares), Bound::new(5, 3), "{name}");
        }
        shares.set_client(&share("requests=10"));
        shares.set_client(&share("guesses=3"));
        shares.set_client(&share("disk=8"));
        assert_eq!(shares.requests, Rate { burst: 200.0, each_second: 10.0 });
        assert_eq!(shares.guesses, Rate { burst: 60.0, each_second: 3.0 });
        assert_eq!(shares.disk.burst, f64::from(4 << 20));
        let within = shares.with_sockets_within(Bound::new(9, 2));
        assert_eq!((within.sockets, within.runs), (Bound::new(5, 2), shares.runs));
        assert!(shares.set_whole(&share("disk=8")).is_err_and(|why| why.contains("--per-client")));
        for wrong in ["", "runs", "runs=0", "runs=-1", "runs=x", "cats=3", "=3", "disk=1000000001"]
        {
            let why = wrong.parse::<Share>().expect_err(wrong);
            assert!(why.starts_with("write "), "{why}");
        }
    }
}
