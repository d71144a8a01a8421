//! The words of a classroom: what the presenter shows, what the class guesses, what travels.
//!
//! A class follows one [`Board`]: a run and how it is looked at. It says nothing about the run
//! itself; whoever follows reads the run's own events, so that a phone and the wall show the same
//! numbers. Only the latest state counts: a phone that is slow skips what lies between.

use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::error::ErrorBody;
use crate::sentence::{Message, OptionError};

/// Version of what travels; raised when an old page could misread a new lab.
pub const CLASSROOM_VERSION: u32 = 1;

/// What join codes are made of: no two look alike from the back row, and without vowels no code is
/// a word.
pub const CODE_ALPHABET: &str = "CDFGHJKLMNPRTVWXY23456789";
/// Letters and digits of a join code. 25⁸ codes are too many to find a class by trying, however many are
/// tried, so no wrong code keeps a right one out (`langoverrule::classroom::Code` has the reckoning).
pub const CODE_LENGTH: usize = 8;
/// Letters and digits of the codes of earlier versions, which stand in links that were given out: they
/// still read as codes, if only of classes that are over.
pub const OLD_CODE_LENGTHS: [usize; 2] = [4, 6];

/// A join code as people type it: in small letters, with spaces, with a look-alike of a sign that
/// codes have. `None` for what is no code.
pub fn read_code(typed: &str) -> Option<String> {
    let signs = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let read = signs.map(|c| match c.to_ascii_uppercase() {
        'B' => '8',
        'I' | '1' => 'L',
        'S' => '5',
        'Z' => '2',
        other => other,
    });
    let code: String = read.take(CODE_LENGTH + 1).collect();
    let length = code.chars().count();
    let length = length == CODE_LENGTH || OLD_CODE_LENGTHS.contains(&length);
    (length && code.chars().all(|c| CODE_ALPHABET.contains(c))).then_some(code)
}

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
    /// The answer too; the class may still change its mind.
    Answered,
    /// The curve; guesses are closed.
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

    /// Whether guesses count.
    pub const fn is_open(self) -> bool {
        !matches!(self, Moment::Revealed)
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
    /// Where in a prepared lesson the class is.
    pub lesson: Option<LessonPlace>,
}

/// The longest name of a lesson, in bytes.
pub const LONGEST_LESSON_NAME: usize = 64;

impl Board {
    /// Checks what can be checked without knowing the lab.
    ///
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn check(&self) -> Result<(), Message> {
        match &self.lesson {
            Some(place) if place.lesson.len() > LONGEST_LESSON_NAME => {
                let most = LONGEST_LESSON_NAME as u64;
                Err(OptionError::LessonNameTooLong { most }.into())
            }
            _ => Ok(()),
        }
    }
}

/// What everybody in a class is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The guesses of this round.
    pub tally: Tally,
    /// Followers connected now.
    pub present: u32,
}

/// What the lab sends over a class's websocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
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
    /// The presenter ended the class, or nobody was there for too long.
    Ended,
    /// A message was refused, or the lab has to close.
    Error(ErrorBody),
}

/// What a page may send over a class's websocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClassRequest {
    /// Guess, or guess otherwise.
    Guess {
        /// The round that is meant: a guess that comes late must not count for the next question.
        round: u32,
        /// The guess.
        guess: Guess,
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
