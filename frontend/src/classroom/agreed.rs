//! What a presenter's page and its class agree on.
//!
//! A presenter may have a class on several pages, and lines are lost. So a page says with what it
//! shows which board that replaces, and the lab shows it only if that is still the one. A page that
//! comes too late shows what the class is shown.

use shared::classroom::Board;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// Tell the lab to show this in the place of the board of that number.
    Tell(Board, u32),
    /// Show this: it is what the class is shown.
    Adopt(Board),
}

/// What is known of a class's board, and what of it is this page's own doing.
#[derive(Clone, Debug, Default)]
pub struct Agreed {
    /// The number of the board that the class is known to be shown, and that board.
    known: (u32, Board),
    /// What this page shows and the class is not known to be shown.
    wanted: Option<Board>,
    /// What the lab was told and has not answered; one thing at a time.
    told: Option<Board>,
    /// Whether the state of the class was heard since the line was opened.
    heard: bool,
}

impl Agreed {
    /// The line is open, perhaps again: whether what was told arrived is for the next state to say.
    pub fn opened(&mut self) {
        self.told = None;
        self.heard = false;
    }

    /// This page shows a board.
    pub fn choose(&mut self, board: Board) -> Then {
        if self.wanted.as_ref().unwrap_or(&self.known.1) == &board {
            return Then::Nothing;
        }
        self.wanted = Some(board).filter(|b| self.told.is_some() || *b != self.known.1);
        self.next()
    }

    /// The class is shown a board, the `number`-th.
    pub fn hear(&mut self, number: u32, board: Board) -> Then {
        self.heard = true;
        if number == self.known.0 {
            return self.next();
        }
        let own = self.told.take().or_else(|| self.wanted.clone());
        self.known = (number, board.clone());
        if own.as_ref() != Some(&board) {
            // Somebody else's: what this page chose meanwhile was about another board.
            self.wanted = None;
            return Then::Adopt(board);
        }
        if self.wanted.as_ref() == Some(&board) {
            self.wanted = None;
        }
        self.next()
    }

    /// Whether the lab has not answered to being told this.
    pub fn waits_for(&self, board: &Board, after: u32) -> bool {
        self.known.0 == after && self.told.as_ref() == Some(board)
    }

    /// The lab does not show what it was told to.
    pub fn refused(&mut self) -> Then {
        match self.told.take() {
            Some(_) => {
                self.wanted = None;
                Then::Adopt(self.known.1.clone())
            }
            None => Then::Nothing,
        }
    }

    /// Tells the next thing, where the way is free.
    fn next(&mut self) -> Then {
        match &self.wanted {
            Some(board) if self.heard && self.told.is_none() => {
                self.told = Some(board.clone());
                Then::Tell(board.clone(), self.known.0)
            }
            _ => Then::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(layer: u32) -> Board {
        Board { run: Some("run".into()), layer: Some(layer), ..Board::default() }
    }

    /// The lab's side: it shows what replaces the board that is shown, and nothing else.
    #[derive(Default)]
    struct Lab {
        shown: u32,
        board: Board,
    }

    impl Lab {
        fn show(&mut self, then: Then) {
            if let Then::Tell(board, after) = then
                && after == self.shown
            {
                (self.shown, self.board) = (self.shown + 1, board);
            }
        }

        fn told(&self, page: &mut Agreed) -> Then {
            page.hear(self.shown, self.board.clone())
        }
    }

    fn joined(lab: &Lab) -> Agreed {
        let mut page = Agreed::default();
        page.opened();
        lab.told(&mut page);
        page
    }

    #[test]
    fn steps_go_one_at_a_time_and_only_the_last_of_those_that_wait() {
        let mut lab = Lab::default();
        let mut page = Agreed::default();
        page.opened();
        assert_eq!(page.choose(layer(1)), Then::Nothing, "where the class stands is not known yet");
        let first = lab.told(&mut page);
        assert_eq!(first, Then::Tell(layer(1), 0));
        assert!(page.waits_for(&layer(1), 0));
        assert_eq!(page.choose(layer(2)), Then::Nothing, "the first is on its way");
        assert_eq!(page.choose(layer(3)), Then::Nothing);
        assert_eq!(lab.told(&mut page), Then::Nothing, "a tally says nothing of boards");
        lab.show(first);
        let last = lab.told(&mut page);
        assert_eq!(last, Then::Tell(layer(3), 1));
        assert!(!page.waits_for(&layer(1), 0), "that was answered");
        lab.show(last);
        assert_eq!(lab.told(&mut page), Then::Nothing);
        assert_eq!((lab.shown, lab.board), (2, layer(3)));
        assert_eq!(page.choose(layer(3)), Then::Nothing, "shown already");
    }

    #[test]
    fn back_and_forth_before_the_answer_ends_where_it_began() {
        let mut lab = Lab::default();
        let mut page = joined(&lab);
        lab.show(page.choose(layer(1)));
        lab.told(&mut page);
        let on = page.choose(layer(2));
        assert_eq!(page.choose(layer(1)), Then::Nothing);
        lab.show(on);
        lab.show(lab.told(&mut page));
        assert_eq!((lab.told(&mut page), lab.board), (Then::Nothing, layer(1)));
    }

    #[test]
    fn of_two_pages_that_go_on_at_once_the_first_wins_and_both_show_it() {
        let mut lab = Lab::default();
        let (mut a, mut b) = (joined(&lab), joined(&lab));
        let (of_a, of_b) = (a.choose(layer(1)), b.choose(layer(2)));
        lab.show(of_b);
        lab.show(of_a);
        assert_eq!(lab.told(&mut a), Then::Adopt(layer(2)));
        assert_eq!(lab.told(&mut b), Then::Nothing);
        assert_eq!(a.choose(layer(2)), Then::Nothing, "what it adopted is no choice of its own");
        // What was on its way and what came after it, told as one.
        let of_a = a.choose(layer(3));
        lab.show(of_a);
        lab.show(Then::Tell(layer(4), lab.shown));
        assert_eq!(lab.told(&mut a), Then::Adopt(layer(4)));
    }

    #[test]
    fn what_was_said_into_a_dead_line_is_said_again() {
        let mut lab = Lab::default();
        let mut page = joined(&lab);
        let lost = page.choose(layer(1));
        assert_eq!(lost, Then::Tell(layer(1), 0));
        page.opened();
        assert_eq!(page.choose(layer(2)), Then::Nothing, "not before the class was heard");
        let again = lab.told(&mut page);
        assert_eq!(again, Then::Tell(layer(2), 0));
        // It arrives, but the answer does not.
        lab.show(again);
        page.opened();
        assert_eq!(lab.told(&mut page), Then::Nothing, "it was shown all along");
        assert_eq!(page.choose(layer(3)), Then::Tell(layer(3), 1));
    }

    #[test]
    fn a_page_that_slept_takes_nothing_back() {
        let mut lab = Lab::default();
        let (mut awake, mut asleep) = (joined(&lab), joined(&lab));
        lab.show(asleep.choose(layer(1)));
        lab.told(&mut asleep);
        lab.told(&mut awake);
        // Somebody touches the sleeping one while its line is dead; the class goes on.
        asleep.choose(layer(9));
        lab.show(awake.choose(layer(2)));
        asleep.opened();
        assert_eq!(lab.told(&mut asleep), Then::Adopt(layer(2)));
        assert_eq!((lab.told(&mut asleep), lab.shown), (Then::Nothing, 2));
    }

    #[test]
    fn what_the_lab_refuses_is_taken_back() {
        let lab = Lab::default();
        let mut page = joined(&lab);
        assert_eq!(page.refused(), Then::Nothing, "it was about something else");
        page.choose(layer(1));
        assert_eq!(page.refused(), Then::Adopt(Board::default()));
        assert_eq!(page.choose(layer(2)), Then::Tell(layer(2), 0));
    }
}
