//! What a class was asked and answered, for whoever presented it: as many questions as fit.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use shared::classroom::{Answer, Board, Moment};
use tables::neutral::cell;

/// Most bytes of the answers of one class; the oldest questions make room.
const BYTES: usize = 256 << 10;
/// What a question takes beside its answers and its texts.
const OF_A_QUESTION: usize = 512;

/// A question and what was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Which one of the class's, from 1.
    pub number: u32,
    /// When it was asked, RFC 3339.
    pub asked: String,
    /// What the class was shown last.
    pub board: Board,
    /// How much was seen when it began.
    pub began: Moment,
    /// Whose answer it is (a number that says nothing about a person), and the answer.
    pub answers: Vec<(u32, Answer)>,
}

impl Round {
    fn bytes(&self) -> usize {
        let texts = self.board.step.as_ref().map_or(0, |step| {
            let notes = step.shows.iter().chain(&step.shows_not);
            notes.chain([&step.title, &step.ask]).map(|told| told.en.len() + told.ko.len()).sum()
        });
        OF_A_QUESTION + texts + self.answers.iter().map(|(_, answer)| answer.bytes()).sum::<usize>()
    }
}

/// The questions of a class that are over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rounds {
    /// In the order in which they were asked.
    all: VecDeque<Round>,
    /// How many made room.
    dropped: u32,
    /// How many there were.
    asked: u32,
}

impl Rounds {
    /// The number of the question that is asked next.
    pub fn next(&self) -> u32 {
        self.asked.saturating_add(1)
    }

    /// Keeps a question that is over, if anything was answered.
    pub fn keep(&mut self, round: Round) {
        if round.answers.is_empty() {
            return;
        }
        self.asked = self.asked.saturating_add(1);
        self.all.push_back(round);
        let mut bytes: usize = self.all.iter().map(Round::bytes).sum();
        while bytes > BYTES && self.all.len() > 1 {
            if let Some(oldest) = self.all.pop_front() {
                bytes -= oldest.bytes();
                self.dropped += 1;
            }
        }
    }

    /// Whether nothing was answered.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The questions.
    pub fn iter(&self) -> impl Iterator<Item = &Round> {
        self.all.iter()
    }

    /// How many are not kept.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// The columns of a record.
const COLUMNS: &str = "question,asked,lesson,step,text,run,kind,person,name,answer,followed";

/// The record as comma-separated values: a line for each answer. `name` says what a person typed of
/// their own accord, `text` what a board asks. Quotes stand around every text, and none is a formula to a
/// spreadsheet.
pub fn csv<'r>(
    rounds: impl IntoIterator<Item = &'r Round>,
    dropped: u32,
    name: impl Fn(u32) -> String,
    text: impl Fn(&Board) -> String,
) -> String {
    let mut out = String::new();
    if dropped > 0 {
        out += &format!("# the first {dropped} questions were not kept\r\n");
    }
    out += COLUMNS;
    out += "\r\n";
    let quoted = |text: &str| format!("\"{}\"", cell(text).replace('"', "\"\""));
    for round in rounds {
        let board = &round.board;
        let (lesson, step) = match (&board.lesson, &board.step) {
            (Some(place), Some(shown)) => (shown.title.en.clone(), (place.step + 1).to_string()),
            (Some(place), None) => (place.lesson.clone(), (place.step + 1).to_string()),
            (None, _) => (String::new(), String::new()),
        };
        for (person, answer) in &round.answers {
            let cells = [
                round.number.to_string(),
                round.asked.clone(),
                quoted(&lesson),
                step.clone(),
                quoted(&text(board)),
                board.run.clone().unwrap_or_default(),
                board.question.name().to_owned(),
                if *person == 0 { String::new() } else { person.to_string() },
                quoted(&name(*person)),
                quoted(&answer.told(&board.question)),
                board.step.as_ref().and_then(|s| s.follows).map_or("", |g| g.name()).to_owned(),
            ];
            out += &cells.join(",");
            out += "\r\n";
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use shared::classroom::{Guess, Question};

    use super::*;

    fn round(number: u32, answers: Vec<(u32, Answer)>) -> Round {
        Round {
            number,
            asked: "2026-01-02T03:04:05Z".into(),
            board: Board { run: Some("sample".into()), ..Board::default() },
            began: Moment::Asked,
            answers,
        }
    }

    #[test]
    fn the_oldest_questions_make_room_and_that_is_said() {
        let mut rounds = Rounds::default();
        rounds.keep(round(1, Vec::new()));
        assert!(rounds.is_empty() && rounds.next() == 1, "nobody answered");
        let long = Answer::Text("x".repeat(480));
        for number in 1..=4 {
            let answers = (1..=200).map(|person| (person, long.clone())).collect();
            rounds.keep(round(number, answers));
        }
        let kept: Vec<u32> = rounds.iter().map(|round| round.number).collect();
        assert_eq!((kept, rounds.dropped(), rounds.next()), (vec![3, 4], 2, 5));
        let text = csv(rounds.iter(), rounds.dropped(), |_| String::new(), |_| String::new());
        assert!(text.starts_with("# the first 2 questions were not kept\r\nquestion,"), "{text}");
    }

    #[test]
    fn a_record_has_no_names_but_typed_ones_and_no_formula() {
        let mut sides = round(1, vec![(1, Answer::Side(Guess::Words))]);
        sides.board.question = Question::Sides;
        let mut text =
            round(2, vec![(2, Answer::Text("=1+1,\"a\"".into())), (0, Answer::Text("b".into()))]);
        text.board.question = Question::Text;
        let names = |person| if person == 2 { "@Ada".to_owned() } else { String::new() };
        let csv = csv([&sides, &text], 0, names, |_| "Which?".into());
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], COLUMNS);
        assert_eq!(
            lines[1],
            "1,2026-01-02T03:04:05Z,\"\",,\"Which?\",sample,sides,1,\"\",\"words\","
        );
        assert!(lines[2].ends_with(",text,2,\"'@Ada\",\"'=1+1,\"\"a\"\"\","), "{}", lines[2]);
        assert!(lines[3].contains(",text,,\"\",\"b\","), "{}", lines[3]);
    }
}
