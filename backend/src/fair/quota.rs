//! How many of something there are at once, in all and of each client.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use crate::lock;

/// How many there may be of something that clients share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// In all.
    pub whole: usize,
    /// Of one client.
    pub client: usize,
}

/// Why there may not be one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// As many are there as may be in all.
    All,
    /// The client has as many as one may have.
    Own,
}

impl Bound {
    /// A bound in all, and for each client.
    pub const fn new(whole: usize, client: usize) -> Self {
        Bound { whole, client }
    }

    /// Whether one more fits where there are so many in all and of the client. A client's own bound
    /// is named first: it is what the client can do something about.
    ///
    /// # Errors
    /// What is taken.
    pub fn room(self, all: usize, own: usize) -> Result<(), Taken> {
        match (own < self.client, all < self.whole) {
            (false, _) => Err(Taken::Own),
            (true, false) => Err(Taken::All),
            (true, true) => Ok(()),
        }
    }
}

/// Counts what clients hold.
#[derive(Debug)]
struct Held<K> {
    own: HashMap<K, usize>,
    all: usize,
}

/// What clients hold at once, within a bound.
#[derive(Debug)]
pub struct Quota<K> {
    bound: Bound,
    held: Arc<Mutex<Held<K>>>,
}

impl<K> Clone for Quota<K> {
    fn clone(&self) -> Self {
        Quota { bound: self.bound, held: self.held.clone() }
    }
}

impl<K: Copy + Eq + Hash> Quota<K> {
    /// Nothing is held yet.
    pub fn new(bound: Bound) -> Self {
        Quota { bound, held: Arc::new(Mutex::new(Held { own: HashMap::new(), all: 0 })) }
    }

    /// The bound.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// Takes one for a client, until it is dropped.
    ///
    /// # Errors
    /// What is taken.
    pub fn take(&self, client: K) -> Result<Place<K>, Taken> {
        let mut held = lock(&self.held);
        let own = held.own.get(&client).copied().unwrap_or_default();
        self.bound.room(held.all, own)?;
        held.own.insert(client, own + 1);
        held.all += 1;
        Ok(Place { held: self.held.clone(), client })
    }

    /// How many are held, in all and by how many clients.
    #[cfg(test)]
    fn counts(&self) -> (usize, usize) {
        let held = lock(&self.held);
        (held.all, held.own.len())
    }
}

/// One of what a client may have, given back when dropped.
#[derive(Debug)]
pub struct Place<K: Copy + Eq + Hash> {
    held: Arc<Mutex<Held<K>>>,
    client: K,
}

impl<K: Copy + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        held.all -= 1;
        if let Some(own) = held.own.get_mut(&self.client) {
            *own -= 1;
            // Whoever holds nothing is not remembered.
            if *own == 0 {
                held.own.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_cannot_take_everything() {
        let quota = Quota::new(Bound::new(5, 3));
        let own: Vec<_> = std::iter::from_fn(|| quota.take('a').ok()).collect();
        assert_eq!((own.len(), quota.take('a').err()), (3, Some(Taken::Own)));
        let other: Vec<_> = std::iter::from_fn(|| quota.take('b').ok()).collect();
        assert_eq!((other.len(), quota.take('b').err()), (2, Some(Taken::All)));
        drop(own);
        assert!(quota.take('a').is_ok() && quota.take('b').is_ok());
        drop(other);
        assert_eq!(quota.counts(), (0, 0), "nobody is remembered");
    }
}
