//! The order of a run's events: each is folded in once and in sequence, whatever the network does.

use shared::Envelope;

/// What to do with an event that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one.
    Next,
    /// It was seen before.
    Seen,
    /// Events before it are missing; read again from [`Cursor::next`].
    Early,
}

/// How far a run has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Sequence number of the event that is read next.
    pub next: u64,
    /// Whether the last event was read.
    pub ended: bool,
}

impl Cursor {
    /// Judges an event and, if it is the next one, moves on.
    pub fn arrive(&mut self, envelope: &Envelope) -> Arrival {
        match envelope.seq.cmp(&self.next) {
            std::cmp::Ordering::Less => Arrival::Seen,
            std::cmp::Ordering::Greater => Arrival::Early,
            std::cmp::Ordering::Equal => {
                self.next += 1;
                self.ended = envelope.event.is_last();
                Arrival::Next
            }
        }
    }
}

impl Cursor {
    /// Whether a run that is over, with `len` events in the server's hands, is not the run that
    /// was read here: a restart lost what was read last, and the run is to be read anew.
    pub fn outruns(&self, len: u64, over: bool) -> bool {
        len < self.next || (over && !self.ended && len == self.next)
    }
}

/// Milliseconds to wait before the `attempt`-th try to connect again: doubling, at most 8 seconds.
pub fn backoff(attempt: u32) -> u32 {
    250 << attempt.min(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Event;

    fn at(seq: u64, event: Event) -> Envelope {
        Envelope { seq, at_ms: 0.0, event }
    }

    #[test]
    fn events_are_read_once_and_in_order() {
        let mut cursor = Cursor::default();
        let queued = |seq| at(seq, Event::Queued { position: 0 });
        assert_eq!(cursor.arrive(&queued(0)), Arrival::Next);
        assert_eq!(cursor.arrive(&queued(0)), Arrival::Seen);
        assert_eq!(cursor.arrive(&queued(2)), Arrival::Early);
        assert_eq!(cursor, Cursor { next: 1, ended: false });
        assert_eq!(cursor.arrive(&at(1, Event::Cancelled)), Arrival::Next);
        assert!(cursor.ended);
    }

    #[test]
    fn a_run_cut_short_by_a_restart_is_noticed() {
        let cursor = Cursor { next: 10, ended: false };
        assert!(cursor.outruns(9, true), "two events lost, one added");
        assert!(cursor.outruns(10, true), "one lost, and the end in its place");
        assert!(!cursor.outruns(10, false), "nothing new");
        assert!(!cursor.outruns(11, true), "the end is still to be read");
        assert!(!Cursor { next: 10, ended: true }.outruns(10, true), "read to its end");
    }

    #[test]
    fn waiting_grows_to_a_bound() {
        assert_eq!(backoff(0), 250);
        assert_eq!(backoff(2), 1000);
        assert_eq!(backoff(90), 8000);
    }
}
