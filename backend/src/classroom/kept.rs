//! A class as it outlives a restart of the lab.

use serde::{Deserialize, Serialize};
use shared::classroom::{Answer, Board, Moment};

use super::FollowerId;
use super::rounds::Rounds;
use crate::fair::Client;

/// A class as it is kept. What is written here an earlier version of the lab never reads: the store's
/// version is raised with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptClass {
    /// Its code.
    pub code: String,
    /// The hash of its presenter's token.
    pub presenter: [u8; 32],
    /// Who opened it.
    pub opener: Client,
    /// When somebody was last there, in seconds since 1970.
    pub seen: u64,
    /// When it ended, where only its record is kept.
    pub ended: Option<u64>,
    pub(super) board: Board,
    pub(super) shown: u32,
    pub(super) began: Moment,
    pub(super) passed: bool,
    pub(super) asked: String,
    pub(super) answers: Vec<KeptAnswer>,
    pub(super) people: Vec<KeptPerson>,
    pub(super) rounds: Rounds,
}

/// An answer to the question that is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    pub(super) follower: FollowerId,
    pub(super) client: Client,
    pub(super) answer: Answer,
}

/// Somebody who answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptPerson {
    pub(super) follower: FollowerId,
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) client: Client,
}

impl KeptClass {
    /// The record, with what a board that says no text of its own asks.
    pub fn record(&self, text: impl Fn(&Board) -> String) -> String {
        let name = |person: u32| {
            let known = self.people.iter().find(|p| p.number == person);
            known.map(|p| p.name.clone()).unwrap_or_default()
        };
        // The question that is asked at the moment, or was last.
        let number = |answer: &KeptAnswer| {
            let known = self.people.iter().find(|p| p.follower == answer.follower);
            known.map_or(0, |p| p.number)
        };
        let last = super::Round {
            number: self.rounds.next(),
            asked: self.asked.clone(),
            board: self.board.clone(),
            began: self.began,
            answers: self.answers.iter().map(|a| (number(a), a.answer.clone())).collect(),
        };
        let all = self.rounds.iter().chain([&last]);
        super::rounds::csv(all, self.rounds.dropped(), name, text)
    }

    /// Whether there is nothing to make a record of.
    pub fn says_nothing(&self) -> bool {
        self.rounds.is_empty() && self.answers.is_empty()
    }
}
