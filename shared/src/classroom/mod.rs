//! The words of a classroom: what the presenter shows, what the class guesses, what travels.
//!
//! A class follows one [`Board`]: a run and how it is looked at. It says nothing about the run
//! itself; whoever follows reads the run's own events, so that a phone and the wall show the same
//! numbers. Only the latest state counts: a phone that is slow skips what lies between.

mod code;
mod question;

use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::error::ErrorBody;
use crate::lesson::Told;
use crate::sentence::{Message, OptionError};

pub use code::{CODE_ALPHABET, CODE_LENGTH, OLD_CODE_LENGTHS, check_sign, code_of, read_code};
pub use question::{
    Answer, AnswerCount, LARGEST_NUMBER, LONGEST_ANSWER, LONGEST_CHOICE, MOST_CHOICES,
    NumberSummary, Question, Results, one_line,
};

/// Version of what travels; raised when an old page could misread a new lab. Version 1 knew words and
/// picture as the only answers, and told the tally while a question was open.
pub const CLASSROOM_VERSION: u32 = 2;
/// Longest name that somebody types, in characters.
pub const LONGEST_NAME: usize = 40;
/// Longest text of a lesson's step, in characters.
pub const LONGEST_TOLD: usize = 1200;

/// Where the answer came from, as somebody guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Guess {
    /// From the words.
    Words,
    /// From the picture.
    Picture,
}

impl Guess {
    /// Both, in the order they are shown.
    pub const ALL: [Guess; 2] = [Guess::Words, Guess::Picture];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Guess::Words => "words",
            Guess::Picture => "picture",
        }
    }
}

/// How many guessed what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tally {
    /// Guesses for the words.
    pub words: u32,
    /// Guesses for the picture.
    pub picture: u32,
}

impl Tally {
    /// The tally of some guesses.
    pub fn of(guesses: impl IntoIterator<Item = Guess>) -> Self {
        let mut tally = Tally::default();
        for guess in guesses {
            match guess {
                Guess::Words => tally.words += 1,
                Guess::Picture => tally.picture += 1,
            }
        }
        tally
    }

    /// Guesses for one side.
    pub const fn count(&self, guess: Guess) -> u32 {
        match guess {
            Guess::Words => self.words,
            Guess::Picture => self.picture,
        }
    }

    /// Everybody who guessed.
    pub const fn guessed(&self) -> u32 {
        self.words + self.picture
    }

    /// One side's part of the larger side, 0 to 1: the length of its bar.
    pub fn length(&self, guess: Guess) -> f64 {
        match self.words.max(self.picture) {
            0 => 0.0,
            most => f64::from(self.count(guess)) / f64::from(most),
        }
    }
}

/// How much of a run the class sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Picture and question; the class guesses.
    #[default]
    Asked,
    /// The answer too.
    Answered,
    /// The curve.
    Revealed,
}

impl Moment {
    /// What comes next; nothing after the curve.
    pub const fn next(self) -> Option<Moment> {
        match self {
            Moment::Asked => Some(Moment::Answered),
            Moment::Answered => Some(Moment::Revealed),
            Moment::Revealed => None,
        }
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Moment::Asked => "asked",
            Moment::Answered => "answered",
            Moment::Revealed => "revealed",
        }
    }

    /// Whether a question that began at `began` takes answers: until more is shown than it began with.
    /// One that begins with the answer is about the curve.
    pub fn is_open(self, began: Moment) -> bool {
        self <= began && self != Moment::Revealed
    }
}

/// Which token's attention lies over the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShownToken {
    /// What a page shows by itself.
    #[default]
    Auto,
    /// None.
    Nothing,
    /// The token of that index.
    Token(u32),
}

/// What the curve measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShownCurve {
    /// MDI.
    #[default]
    Mdi,
    /// AEI of both sides.
    Aei,
}

/// A step of a prepared lesson.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LessonPlace {
    /// The lesson's name.
    pub lesson: String,
    /// The step, from 0.
    pub step: u32,
}

/// When a class sees what its answers come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShowResults {
    /// Once the question is closed.
    #[default]
    AtClose,
    /// Now, while answers come.
    Now,
    /// Not before the presenter says so.
    Later,
}

/// A step of a lesson that does not ship with the lab, as far as the class is to see it: what it shows and
/// whose side the answer took come with the curve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ShownStep {
    /// The lesson's title.
    pub title: Told,
    /// The question to the class.
    pub ask: Told,
    /// What the curve shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shows: Option<Told>,
    /// What it does not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shows_not: Option<Told>,
    /// Which side the answer followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<Guess>,
}

impl ShownStep {
    fn fits(&self) -> bool {
        let notes = self.shows.iter().chain(&self.shows_not);
        let mut texts = notes.chain([&self.title, &self.ask]).flat_map(|told| [&told.en, &told.ko]);
        texts.all(|text| text.chars().count() <= LONGEST_TOLD)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What the presenter shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Board {
    /// The run's name; none while the presenter has not chosen yet.
    pub run: Option<String>,
    /// Number of the question; a new one begins without guesses.
    pub round: u32,
    /// How much of the run is seen.
    pub moment: Moment,
    /// What counts as what.
    pub definition: Definition,
    /// The layer that is looked at.
    pub layer: Option<u32>,
    /// The token that is looked at.
    pub token: ShownToken,
    /// The curve.
    pub curve: ShownCurve,
    /// Where in a lesson the class is.
    pub lesson: Option<LessonPlace>,
    /// What the class is asked.
    #[serde(skip_serializing_if = "is_default")]
    pub question: Question,
    /// Whether the presenter has closed the question before more is shown.
    #[serde(skip_serializing_if = "is_default")]
    pub closed: bool,
    /// When the class sees what its answers come to.
    #[serde(skip_serializing_if = "is_default")]
    pub results: ShowResults,
    /// How often the presenter called everybody back who looks around.
    #[serde(skip_serializing_if = "is_default")]
    pub gather: u32,
    /// The step, of a lesson that does not ship with the lab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Box<ShownStep>>,
}

/// The longest name of a lesson, in bytes.
pub const LONGEST_LESSON_NAME: usize = 64;

impl Board {
    /// Checks what can be checked without knowing the lab.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn check(&self) -> Result<(), Message> {
        if self.lesson.as_ref().is_some_and(|place| place.lesson.len() > LONGEST_LESSON_NAME) {
            let most = LONGEST_LESSON_NAME as u64;
            return Err(OptionError::LessonNameTooLong { most }.into());
        }
        if self.step.as_ref().is_some_and(|step| !step.fits()) {
            let most = LONGEST_TOLD as u64;
            return Err(OptionError::LessonTextTooLong { most }.into());
        }
        self.question.check()
    }
}

/// What everybody in a class is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassState {
    /// [`CLASSROOM_VERSION`].
    pub version: u32,
    /// Grows with every change; of two states the one with the larger number is the newer.
    pub number: u64,
    /// What the presenter shows.
    pub board: Board,
    /// How often the presenter has shown something: the number of this board.
    pub shown: u32,
    /// The guesses of this round, where the question is words or picture and its results are shown; none
    /// before that, so that nobody follows the others.
    pub tally: Tally,
    /// Followers connected now.
    pub present: u32,
    /// How many have answered in this round.
    #[serde(default)]
    pub answered: u32,
    /// How many of those that are connected look around by themselves.
    #[serde(default)]
    pub around: u32,
    /// Whether the question takes answers. The lab decides: what comes later does not count.
    #[serde(default)]
    pub open: bool,
    /// What the answers come to, where that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// Why a restart of the lab would end this class, where it would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unkept: Option<Message>,
}

/// What the lab sends over a class's websocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "nearly every message is a state")]
pub enum ClassMessage {
    /// The latest state.
    State(ClassState),
    /// What the lab holds of this follower's own guesses.
    Guess {
        /// The round.
        round: u32,
        /// The guess; none yet where it is left out.
        guess: Option<Guess>,
    },
    /// What the lab holds of this follower's answer, of a question that is not words or picture.
    Answer {
        /// The round.
        round: u32,
        /// The answer; none yet where it is left out.
        answer: Option<Answer>,
    },
    /// The presenter ended the class, or nobody was there for too long.
    Ended,
    /// A message was refused, or the lab has to close.
    Error(ErrorBody),
}

/// What a page may send over a class's websocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "a message is read, done and dropped")]
pub enum ClassRequest {
    /// Guess, or guess otherwise.
    Guess {
        /// The round that is meant: a guess that comes late must not count for the next question.
        round: u32,
        /// The guess.
        guess: Guess,
    },
    /// Answer, or answer otherwise.
    Answer {
        /// The round that is meant.
        round: u32,
        /// The answer.
        answer: Answer,
    },
    /// Whether this page looks around by itself.
    Around {
        /// Whether it does.
        around: bool,
    },
    /// The name that somebody types of their own accord, for the presenter's record; empty takes it away.
    Name {
        /// The name, at most 40 characters.
        name: String,
    },
    /// From now on this connection is the presenter's.
    Present {
        /// The token from [`ClassCreated`].
        presenter_token: String,
    },
    /// Show this; the presenter's connections only.
    Show {
        /// What is shown.
        board: Board,
        /// The number of the board that this one replaces. Where the class is shown another by then,
        /// nothing happens: somebody else went on, as the state says. Left out, it replaces any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u32>,
    },
}

/// Answer to a new class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassCreated {
    /// What people type to join.
    pub code: String,
    /// Secret that lets its holder present and end the class.
    pub presenter_token: String,
    /// The lab's address in its own network, where it listens beyond this machine and knows one.
    pub network_address: Option<String>,
}
