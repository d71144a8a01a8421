//! Turns to decode pictures that are sent: one at a time, of each client in turn.
//!
//! A picture of some kilobytes can take seconds to decode, and hundreds of megabytes. So whoever sends
//! many of them waits behind everybody else's next one, and no two that were just sent are unpacked at
//! once. Who takes long has had as many turns as others have in that time. How many may wait is bounded
//! by the places of uploads (`fair/shares.rs`), which are held meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::fair::Client;
use crate::fair::line::Line;
use crate::lock;

/// What a turn is worth: decoding a photograph of a telephone takes about as long. Each further one of
/// these is charged as another turn.
const TURN: Duration = Duration::from_millis(250);

/// The line before the decoder.
#[derive(Debug, Default)]
pub(super) struct DecodingTurns {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    line: Line<Client, Waiting>,
    busy: bool,
}

/// A client that waits for its turn.
#[derive(Debug)]
struct Waiting {
    client: Client,
    turn: oneshot::Sender<DecodingTurn>,
}

/// A turn, given to the next when it is dropped.
#[derive(Debug)]
pub(super) struct DecodingTurn {
    turns: Arc<DecodingTurns>,
    client: Client,
    since: Instant,
}

impl DecodingTurns {
    /// Waits for a turn. Whoever stops waiting leaves the line.
    pub(super) async fn take(self: &Arc<Self>, client: Client) -> DecodingTurn {
        let (sender, turn) = oneshot::channel();
        let first = {
            let mut state = lock(&self.state);
            while state.line.remove(|waiting| waiting.turn.is_closed()).is_some() {}
            state.line.push(client, false, Waiting { client, turn: sender });
            // While nobody decodes nobody else waits.
            let free = !std::mem::replace(&mut state.busy, true);
            if free { state.line.pop() } else { None }
        };
        if let Some(first) = first {
            self.give(first);
        }
        // The sender lies in the line, which this keeps, until it is given the turn.
        turn.await.expect("the line drops no sender that somebody waits for")
    }

    /// Gives a turn. Who stopped waiting meanwhile drops it, and it goes to the one after.
    fn give(self: &Arc<Self>, Waiting { client, turn }: Waiting) {
        drop(turn.send(DecodingTurn { turns: self.clone(), client, since: Instant::now() }));
    }

    /// Charges a client for what its turn took beyond one, and finds the next who still waits; nobody
    /// is at work where there is none.
    fn next(&self, client: Client, took: Duration) -> Option<Waiting> {
        let mut state = lock(&self.state);
        let further = took.as_millis() / TURN.as_millis();
        state.line.charge(client, u32::try_from(further).unwrap_or(u32::MAX).into());
        loop {
            match state.line.pop() {
                Some(next) if next.turn.is_closed() => {}
                Some(next) => return Some(next),
                None => {
                    state.busy = false;
                    return None;
                }
            }
        }
    }
}

impl Drop for DecodingTurn {
    fn drop(&mut self) {
        if let Some(next) = self.turns.next(self.client, self.since.elapsed()) {
            self.turns.give(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u8) -> Client {
        Client::at([192, 0, 2, n].into())
    }

    /// Waits in the background; the order in which turns come is that of the messages.
    fn wait(
        turns: &Arc<DecodingTurns>,
        n: u8,
        told: &tokio::sync::mpsc::Sender<(u8, DecodingTurn)>,
    ) {
        let (turns, told) = (turns.clone(), told.clone());
        tokio::spawn(async move {
            let turn = turns.take(client(n)).await;
            let _ = told.send((n, turn)).await;
        });
    }

    #[tokio::test]
    async fn a_client_that_sends_many_waits_behind_anothers_first() {
        let turns = Arc::<DecodingTurns>::default();
        let first = turns.take(client(1)).await;
        let (told, mut came) = tokio::sync::mpsc::channel(8);
        for _ in 0..4 {
            wait(&turns, 1, &told);
        }
        tokio::task::yield_now().await;
        wait(&turns, 2, &told);
        tokio::task::yield_now().await;
        assert_eq!(lock(&turns.state).line.len(), 5);
        drop(first);
        let mut order = Vec::new();
        for _ in 0..5 {
            let (n, turn) = came.recv().await.expect("a turn");
            order.push(n);
            drop(turn);
        }
        assert_eq!(order, [2, 1, 1, 1, 1], "the first has had its turn");
        assert!(!lock(&turns.state).busy);
    }

    #[tokio::test]
    async fn who_leaves_gives_the_turn_on() {
        let turns = Arc::<DecodingTurns>::default();
        let held = turns.take(client(1)).await;
        let (told, mut came) = tokio::sync::mpsc::channel(8);
        let left = tokio::spawn({
            let turns = turns.clone();
            async move { drop(turns.take(client(1)).await) }
        });
        tokio::task::yield_now().await;
        wait(&turns, 1, &told);
        wait(&turns, 2, &told);
        tokio::task::yield_now().await;
        assert_eq!(lock(&turns.state).line.len(), 3);
        left.abort();
        assert!(left.await.is_err());
        drop(held);
        for _ in 0..2 {
            drop(came.recv().await.expect("a turn"));
        }
        assert!(!lock(&turns.state).busy);
    }

    /// The order in which clients get turns, of whom one takes so much longer than the others.
    async fn order(slow: u8, takes: Duration, rounds: usize) -> Vec<u8> {
        let turns = Arc::<DecodingTurns>::default();
        let first = turns.take(client(slow)).await;
        let (told, mut came) = tokio::sync::mpsc::channel(64);
        for n in [1, 2].repeat(rounds) {
            wait(&turns, n, &told);
            tokio::task::yield_now().await;
        }
        tokio::time::advance(takes).await;
        drop(first);
        let mut order = Vec::new();
        for _ in 0..2 * rounds {
            let (n, turn) = came.recv().await.expect("a turn");
            order.push(n);
            let took = if n == slow { takes } else { Duration::from_millis(20) };
            tokio::time::advance(took).await;
            drop(turn);
        }
        order
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_long_waits_as_many_turns() {
        let quick = order(1, Duration::from_millis(20), 6).await;
        assert_eq!(quick, [2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
        // A second is worth four turns more.
        let slow = order(1, Duration::from_secs(1), 6).await;
        assert_eq!(slow, [2, 2, 2, 2, 2, 1, 2, 1, 1, 1, 1, 1]);
        // Another's turns are what a client waits for, not a time in which nobody decodes.
        let slower = order(1, Duration::from_secs(3600), 6).await;
        assert_eq!(slower, [2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]);
    }
}
