//! Turns to decode pictures that are sent: one at a time, of each client in turn.
//!
//! A picture of some kilobytes can take seconds to decode, and hundreds of megabytes. So whoever sends
//! many of them waits behind everybody else's next one, and no two that were just sent are unpacked at
//! once. How many may wait is bounded by the places of uploads (`fair/shares.rs`), which are held
//! meanwhile.

use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::fair::Client;
use crate::fair::line::Line;
use crate::lock;

/// The line before the decoder.
#[derive(Debug, Default)]
pub(super) struct DecodingTurns {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    line: Line<Client, oneshot::Sender<DecodingTurn>>,
    busy: bool,
}

/// A turn, given to the next when it is dropped.
#[derive(Debug)]
pub(super) struct DecodingTurn(Arc<DecodingTurns>);

impl DecodingTurns {
    /// Waits for a turn. Whoever stops waiting leaves the line.
    pub(super) async fn take(self: &Arc<Self>, client: Client) -> DecodingTurn {
        let turn = {
            let mut state = lock(&self.state);
            if !state.busy {
                state.busy = true;
                return DecodingTurn(self.clone());
            }
            while state.line.remove(oneshot::Sender::is_closed).is_some() {}
            let (sender, turn) = oneshot::channel();
            state.line.push(client, false, sender);
            turn
        };
        // The sender lies in the line, which this keeps, until it is given the turn.
        turn.await.expect("the line drops no sender that somebody waits for")
    }

    /// The next who still waits; nobody is at work where there is none.
    fn next(&self) -> Option<oneshot::Sender<DecodingTurn>> {
        let mut state = lock(&self.state);
        loop {
            match state.line.pop() {
                Some(next) if next.is_closed() => {}
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
        if let Some(next) = self.0.next() {
            // Who stopped waiting meanwhile drops the turn, and it goes to the one after.
            drop(next.send(DecodingTurn(self.0.clone())));
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
        assert_eq!(order.iter().position(|n| *n == 2), Some(1), "{order:?}");
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
}
