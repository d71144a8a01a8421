//! A class as it stands: its board, who is there, what they answered.

use std::collections::HashMap;

use shared::Message;
use shared::classroom::{
    Answer, Board, CLASSROOM_VERSION, ClassState, Moment, Results, ShowResults, Tally,
};
use tokio::time::Instant;

use crate::classroom::{ClassLimits, FollowerId, Round, Rounds};
use crate::clock;
use crate::fair::Client;

/// Somebody who follows the class, there or away.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) connections: u32,
    /// How many of them look around by themselves.
    pub(super) around: u32,
    pub(super) answer: Option<Answer>,
    /// Where it was last there from.
    pub(super) client: Client,
}

/// Somebody who answered, for the record.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) client: Client,
}

/// What changes while a class goes on.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) board: Board,
    pub(super) shown: u32,
    pub(super) number: u64,
    /// How much was seen when this round began.
    pub(super) began: Moment,
    /// Whether more was seen since: then no answer counts any more, whatever is shown.
    pub(super) passed: bool,
    /// When this round began, RFC 3339.
    pub(super) asked: String,
    pub(super) followers: HashMap<FollowerId, Follower>,
    pub(super) people: HashMap<FollowerId, Person>,
    pub(super) rounds: Rounds,
    pub(super) onlookers: HashMap<Client, usize>,
    pub(super) ended: bool,
    /// Why the class is not kept.
    pub(super) unkept: Option<Message>,
    /// Whether something was not kept yet.
    pub(super) dirty: bool,
    /// Whether a change waits to be told together with others.
    pub(super) waiting: bool,
    /// When somebody was last there.
    pub(super) left: Instant,
}

impl Inner {
    pub(super) fn new(left: Instant) -> Self {
        Inner {
            board: Board::default(),
            shown: 0,
            number: 0,
            began: Moment::Asked,
            passed: false,
            asked: clock::now_rfc3339(),
            followers: HashMap::new(),
            people: HashMap::new(),
            rounds: Rounds::default(),
            onlookers: HashMap::new(),
            ended: false,
            unkept: None,
            dirty: true,
            waiting: false,
            left,
        }
    }

    pub(super) fn present(&self) -> usize {
        self.followers.values().filter(|f| f.connections > 0).count()
    }

    pub(super) fn onlookers(&self) -> usize {
        self.onlookers.values().sum()
    }

    /// Whether the question that is shown takes answers.
    pub(super) fn is_open(&self) -> bool {
        let board = &self.board;
        board.run.is_some() && !board.closed && !self.passed && board.moment.is_open(self.began)
    }

    pub(super) fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.followers.values().filter_map(|f| f.answer.as_ref())
    }

    pub(super) fn state(&self) -> ClassState {
        let few = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let open = self.is_open();
        let shown = match self.board.results {
            ShowResults::AtClose => self.board.run.is_some() && !open,
            ShowResults::Now => true,
            ShowResults::Later => false,
        };
        let sides = self.answers().filter_map(|answer| match answer {
            Answer::Side(guess) if shown => Some(*guess),
            _ => None,
        });
        let around = self.followers.values().filter(|f| f.connections > 0 && f.around > 0);
        ClassState {
            version: CLASSROOM_VERSION,
            number: self.number,
            board: self.board.clone(),
            shown: self.shown,
            tally: Tally::of(sides),
            present: few(self.present()),
            answered: few(self.answers().count()),
            around: few(around.count()),
            open,
            results: shown.then(|| Results::of(&self.board.question, self.answers())),
            unkept: self.unkept.clone(),
        }
    }

    /// The number that somebody goes by in the record; 0 where there are more than are told apart.
    pub(super) fn person(
        &mut self,
        follower: &FollowerId,
        client: Client,
        limits: &ClassLimits,
    ) -> u32 {
        if let Some(person) = self.people.get(follower) {
            return person.number;
        }
        let own = self.people.values().filter(|person| person.client == client).count();
        if limits.people().room(self.people.len(), own).is_err() {
            return 0;
        }
        let number = u32::try_from(self.people.len() + 1).unwrap_or(0);
        let person = Person { number, name: String::new(), client };
        self.people.insert(follower.clone(), person);
        number
    }

    /// Puts the answers of this round into the record and begins another one.
    pub(super) fn begin(&mut self, board: &Board) {
        let mut answers: Vec<(u32, Answer)> = self
            .followers
            .iter()
            .filter_map(|(id, f)| {
                let number = self.people.get(id).map_or(0, |person| person.number);
                Some((number, f.answer.clone()?))
            })
            .collect();
        answers.sort_by_key(|(number, _)| *number);
        let round = Round {
            number: self.rounds.next(),
            asked: std::mem::replace(&mut self.asked, clock::now_rfc3339()),
            board: self.board.clone(),
            began: self.began,
            answers,
        };
        self.rounds.keep(round);
        // Who is gone and comes back begins anew, as who stayed does.
        self.followers.retain(|_, f| f.connections > 0);
        self.followers.values_mut().for_each(|f| f.answer = None);
        (self.began, self.passed) = (board.moment, false);
    }
}
