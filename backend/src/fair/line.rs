//! In which order runs are served: clients take turns, whoever has more of them waiting.
//!
//! This is start-time fair queueing (Goyal, Vin and Cheng 1996) with runs of equal weight. Each client
//! has a number, its next turn. Whoever has the lowest is served and is given the next higher one; who
//! comes anew begins at the turn that is served now, or at its own where that is later. So a client
//! that asks for one run at a time gets every second run beside one that always has twenty waiting.
//! Many who come for the first time could keep somebody waiting for ever: [`PASSED`] bounds that.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many runs of clients that came later are served before a client whose turn they take.
pub const PASSED: u32 = 8;

/// Runs that wait, of clients `K`.
#[derive(Debug)]
pub struct Line<K, T> {
    waiting: Vec<Waiting<K, T>>,
    /// The next turns of clients of whom nothing waits, where they are yet to come.
    turns: HashMap<K, u64>,
    /// The turn that is served.
    turn: u64,
    /// Counts clients that came and runs that were served.
    clock: u64,
}

/// What waits of one client.
#[derive(Debug)]
struct Waiting<K, T> {
    client: K,
    turn: u64,
    /// When it came, to serve those of one turn in that order.
    came: u64,
    /// Since when it waits: since it came, or was served last.
    since: u64,
    /// How many runs of clients that came since were served.
    passed: u32,
    /// What holds a reserved place: first within the client's turns, never before another's.
    reserved: VecDeque<T>,
    rest: VecDeque<T>,
}

impl<K: Copy, T> Waiting<K, T> {
    fn len(&self) -> usize {
        self.reserved.len() + self.rest.len()
    }

    /// The same with what waits by reference.
    fn shadow(&self) -> Waiting<K, &T> {
        Waiting {
            client: self.client,
            turn: self.turn,
            came: self.came,
            since: self.since,
            passed: self.passed,
            reserved: self.reserved.iter().collect(),
            rest: self.rest.iter().collect(),
        }
    }

    /// Who has the lowest is next.
    fn rank(&self) -> (bool, u64, u64) {
        (self.passed < PASSED, self.turn, self.came)
    }
}

impl<K, T> Default for Line<K, T> {
    fn default() -> Self {
        Line { waiting: Vec::new(), turns: HashMap::new(), turn: 0, clock: 0 }
    }
}

impl<K: Copy + Eq + Hash, T> Line<K, T> {
    /// Adds what a client asks for behind what waits of it; where it is `reserved`, behind what
    /// else is.
    pub fn push(&mut self, client: K, reserved: bool, item: T) {
        let known = self.waiting.iter_mut().find(|w| w.client == client);
        let waiting = match known {
            Some(waiting) => waiting,
            None => {
                let turn = self.turns.remove(&client).map_or(self.turn, |own| own.max(self.turn));
                self.clock += 1;
                let (came, since) = (self.clock, self.clock);
                let (reserved, rest) = (VecDeque::new(), VecDeque::new());
                self.waiting.push(Waiting { client, turn, came, since, passed: 0, reserved, rest });
                let last = self.waiting.len() - 1;
                &mut self.waiting[last]
            }
        };
        match reserved {
            true => waiting.reserved.push_back(item),
            false => waiting.rest.push_back(item),
        }
    }

    /// Takes what is next.
    pub fn pop(&mut self) -> Option<T> {
        let places = 0..self.waiting.len();
        let at = places.min_by_key(|i| self.waiting[*i].rank())?;
        let waiting = &mut self.waiting[at];
        let item = waiting.reserved.pop_front().or_else(|| waiting.rest.pop_front());
        self.served(at);
        item
    }

    /// Takes the first that fits as [`Line::pop`] takes the next: it was its client's turn.
    pub fn take(&mut self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let (at, item) = self.find(fits)?;
        self.served(at);
        Some(item)
    }

    /// Moves a client's next turn back by so many: what was served of it took as long as those do.
    pub fn charge(&mut self, client: K, turns: u64) {
        if turns == 0 {
            return;
        }
        match self.waiting.iter_mut().find(|waiting| waiting.client == client) {
            Some(waiting) => waiting.turn = waiting.turn.saturating_add(turns),
            None => {
                let own = self.turns.get(&client).map_or(self.turn, |own| *own.max(&self.turn));
                self.turns.insert(client, own.saturating_add(turns));
            }
        }
    }

    /// Notes that one of a client's was served.
    fn served(&mut self, at: usize) {
        self.clock += 1;
        let waiting = &mut self.waiting[at];
        let came = waiting.came;
        self.turn = self.turn.max(waiting.turn);
        (waiting.turn, waiting.since, waiting.passed) = (waiting.turn + 1, self.clock, 0);
        for other in self.waiting.iter_mut().filter(|other| other.since < came) {
            other.passed += 1;
        }
        self.left(at);
        // Whose next turn is the one that is served, or was before it, begins as anybody does.
        self.turns.retain(|_, turn| *turn > self.turn);
    }

    /// Takes out the first that fits.
    pub fn remove(&mut self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let (at, item) = self.find(fits)?;
        self.left(at);
        Some(item)
    }

    /// Takes the first that fits out of what waits of its client, and gives which client's it was.
    fn find(&mut self, fits: impl Fn(&T) -> bool) -> Option<(usize, T)> {
        self.waiting.iter_mut().enumerate().find_map(|(at, waiting)| {
            let mut lines = [&mut waiting.reserved, &mut waiting.rest].into_iter();
            let found = lines.find_map(|line| line.remove(line.iter().position(&fits)?));
            found.map(|item| (at, item))
        })
    }

    /// Remembers the turn of a client of whom nothing waits any more.
    fn left(&mut self, at: usize) {
        if self.waiting[at].len() == 0 {
            let Waiting { client, turn, .. } = self.waiting.swap_remove(at);
            if turn > self.turn {
                self.turns.insert(client, turn);
            }
        }
    }

    /// Everything that waits, in the order in which it is served if nothing else comes.
    pub fn in_order(&self) -> Vec<&T> {
        let waiting = self.waiting.iter().map(Waiting::shadow).collect();
        let turns = HashMap::new();
        Line { waiting, turns, turn: self.turn, clock: self.clock }.drain()
    }

    /// Takes out everything, in that order.
    pub fn drain(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.pop()).collect()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.iter().map(Waiting::len).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait outside of reserved places, in all and of one client.
    pub fn unreserved(&self, client: &K) -> (usize, usize) {
        let all = self.waiting.iter().map(|w| w.rest.len()).sum();
        let own = self.waiting.iter().find(|w| w.client == *client);
        (all, own.map_or(0, |w| w.rest.len()))
    }

    /// What holds a reserved place.
    pub fn reserved(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().flat_map(|w| &w.reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Named = Line<char, String>;

    fn push(line: &mut Named, names: &str) {
        for name in names.split_whitespace() {
            let client = name.chars().next().expect("a name");
            line.push(client, name.ends_with('!'), name.to_owned());
        }
    }

    fn order(line: &Named) -> String {
        line.in_order().iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn clients_take_turns_and_ones_own_stay_in_order() {
        let mut line = Named::default();
        push(&mut line, "a1 a2 a3 b1 b2 c1");
        assert_eq!(order(&line), "a1 b1 c1 a2 b2 a3");
        assert_eq!((line.len(), line.unreserved(&'a')), (6, (6, 3)));
        assert_eq!(line.pop().as_deref(), Some("a1"));
        push(&mut line, "d1");
        assert_eq!(order(&line), "b1 c1 d1 a2 b2 a3", "who comes anew waits for one of each");
        assert_eq!(line.remove(|s| s == "b1").as_deref(), Some("b1"));
        assert_eq!(line.remove(|s| s == "b1"), None);
        assert_eq!(order(&line), "b2 c1 d1 a2 a3");
        assert_eq!(line.drain().join(" "), "b2 c1 d1 a2 a3");
        assert_eq!((line.len(), line.pop()), (0, None));
    }

    /// The share of `polite`, which has at most one waiting and asks again when it was served, beside
    /// clients that always have twenty waiting.
    fn share_beside(greedy: &[char]) -> f64 {
        let mut line = Named::default();
        let (rounds, mut polite) = (300, 0);
        for greedy in greedy {
            (0..20).for_each(|_| push(&mut line, &greedy.to_string()));
        }
        push(&mut line, "p");
        for _ in 0..rounds {
            let served = line.pop().expect("somebody waits");
            // It takes until the next run is at work until a person asks again.
            if served == "p" {
                let meanwhile = line.pop().expect("somebody waits");
                push(&mut line, &meanwhile);
                polite += 1;
            }
            push(&mut line, &served);
        }
        f64::from(polite) / f64::from(rounds + polite)
    }

    #[test]
    fn a_greedy_client_gets_half_beside_a_polite_one() {
        let share = share_beside(&['g']);
        // The issue asks for a third.
        assert!(share > 0.49, "{share}");
        let share = share_beside(&['g', 'h', 'i']);
        assert!(share > 0.24, "{share}");
    }

    #[test]
    fn who_comes_for_the_first_time_again_and_again_starves_nobody() {
        let mut line = Line::<u32, u32>::default();
        for _ in 0..5 {
            line.push(0, false, 0);
        }
        let mut served = Vec::new();
        for stranger in 1..=100 {
            line.push(stranger, false, stranger);
            served.extend((line.pop() == Some(0)).then_some(stranger));
        }
        // Eight strangers, and those who were there when it was served, go before it.
        assert_eq!((served, PASSED), (vec![1, 11, 22, 34, 47], 8));
    }

    #[test]
    fn forty_who_are_there_are_passed_by_nobody_more_than_once_a_round() {
        let mut line = Line::<u32, u32>::default();
        for client in 0..40 {
            (0..3).for_each(|_| line.push(client, false, client));
        }
        let rounds = [0, 1, 2].map(|_| (0..40).filter_map(|_| line.pop()).collect::<Vec<_>>());
        assert!(rounds.iter().all(|round| *round == (0..40).collect::<Vec<_>>()), "{rounds:?}");
    }

    #[test]
    fn a_client_that_left_does_not_get_its_turn_twice() {
        let mut line = Named::default();
        push(&mut line, "a1");
        line.pop();
        // It comes back at once: whoever waits since is first.
        push(&mut line, "b1 a2");
        assert_eq!(order(&line), "b1 a2");
        for _ in 0..3 {
            line.pop();
        }
        assert!(line.turns.len() <= 1, "turns that are over are forgotten");
    }

    #[test]
    fn who_is_served_before_its_turn_has_had_it() {
        let mut line = Named::default();
        push(&mut line, "a1 a2 b1 b2");
        assert_eq!(line.take(|s| s == "b1").as_deref(), Some("b1"));
        assert_eq!(order(&line), "a1 a2 b2", "each has had one when it is the first's turn again");
        assert_eq!(line.take(|s| s == "b1"), None);
    }

    #[test]
    fn a_reserved_place_is_first_among_ones_own_alone() {
        let mut line = Named::default();
        push(&mut line, "s1 s2 s3 g1 g2 s9!");
        assert_eq!(order(&line), "s9! g1 s1 g2 s2 s3");
        assert_eq!(line.unreserved(&'s'), (5, 3));
        assert_eq!(line.reserved().collect::<Vec<_>>(), ["s9!"]);
    }
}
