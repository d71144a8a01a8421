//! Lessons that are made on the page, and the file that passes one on: JSON with the pictures inside.
//!
//! A file may come from anybody, so whatever is read is bounded and checked before it is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use shared::classroom::{Guess, LONGEST_TOLD, Moment, Question};
use shared::lesson::{Lesson, LessonStep, Told};
use shared::picture::{MOST_BYTES, picture_type};
use shared::{PictureUse, Preset};

use crate::language::{fill, t};

/// What a file says it is.
const FORMAT: &str = "langoverrule-lesson";
/// The version of its form; what a later one wrote is refused.
const VERSION: u32 = 1;
/// Most bytes of a file.
pub const LARGEST: usize = 48 << 20;
/// Most steps.
pub const MOST_STEPS: usize = 20;
/// Longest title, in characters.
const LONGEST_TITLE: usize = 120;
/// Longest prompt, in characters.
const LONGEST_PROMPT: usize = 4000;
/// What names of lessons that do not ship with the lab begin with.
const OWN: &str = "own-";
/// Longest name, in bytes.
const LONGEST_ID: usize = 40;

/// A lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeLesson {
    /// What tells it from others: `own-` and random signs.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is about.
    #[serde(default)]
    pub about: String,
    /// How long it takes, in minutes.
    #[serde(default)]
    pub minutes: u32,
    /// Its steps.
    pub steps: Vec<MadeStep>,
}

/// A step of a lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeStep {
    /// The picture.
    pub picture: MadePicture,
    /// What the model is told and asked.
    pub prompt: String,
    /// The model; the lab's usual one where it is empty.
    #[serde(default)]
    pub model: String,
    /// The question to the class.
    pub ask: String,
    /// What kind of answer it wants.
    #[serde(default)]
    pub question: Question,
    /// What the curve shows.
    #[serde(default)]
    pub shows: String,
    /// What it does not show.
    #[serde(default)]
    pub shows_not: String,
    /// Which side the answer follows, where that is known.
    #[serde(default)]
    pub follows: Option<Guess>,
    /// The definition to look under.
    pub definition: Preset,
}

impl Default for MadeStep {
    fn default() -> Self {
        MadeStep {
            picture: MadePicture::default(),
            prompt: String::new(),
            model: String::new(),
            ask: String::new(),
            question: Question::default(),
            shows: String::new(),
            shows_not: String::new(),
            follows: None,
            definition: Preset::Paper,
        }
    }
}

/// A step's picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum MadePicture {
    /// A sample of the lab's, by its file.
    Sample {
        /// The file.
        file: String,
    },
    /// One of the maker's own.
    Own {
        /// Its file's name.
        name: String,
        /// The file, in base64.
        data: String,
    },
}

impl Default for MadePicture {
    fn default() -> Self {
        MadePicture::Sample { file: String::new() }
    }
}

impl MadePicture {
    /// A picture of the maker's own; `None` for what is none, or too large.
    pub fn own(name: &str, bytes: &[u8]) -> Option<Self> {
        picture_type(bytes).filter(|_| bytes.len() <= MOST_BYTES as usize)?;
        let name = name.chars().take(LONGEST_TITLE).collect();
        Some(MadePicture::Own { name, data: STANDARD.encode(bytes) })
    }

    /// Its bytes and what kind of picture they are, of one that is no sample.
    pub fn bytes(&self) -> Option<(Vec<u8>, &'static str)> {
        let MadePicture::Own { data, .. } = self else { return None };
        let bytes = STANDARD.decode(data).ok()?;
        let kind = picture_type(&bytes)?;
        Some((bytes, kind))
    }

    /// Whether none was chosen yet.
    pub fn is_missing(&self) -> bool {
        matches!(self, MadePicture::Sample { file } if file.is_empty())
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    version: u32,
    lesson: serde_json::Value,
}

/// The file of a lesson.
pub fn write(lesson: &MadeLesson) -> String {
    let lesson = serde_json::to_value(lesson).unwrap_or_default();
    let file = File { format: FORMAT.to_owned(), version: VERSION, lesson };
    serde_json::to_string(&file).unwrap_or_default()
}

/// Reads a lesson's file.
///
/// # Errors
/// A sentence that says why it is none that can be used.
pub fn read(text: &str) -> Result<MadeLesson, String> {
    if text.len() > LARGEST {
        return Err(fill("The file is larger than {mib} MiB.", &[("mib", &(LARGEST >> 20))]));
    }
    let no_lesson = || t("That is no file of a lesson.").to_owned();
    let file: File = serde_json::from_str(text).map_err(|_| no_lesson())?;
    if file.format != FORMAT {
        return Err(no_lesson());
    }
    if file.version > VERSION {
        return Err(
            t("A newer version of the lab wrote this lesson; this one cannot read it.").into()
        );
    }
    let lesson: MadeLesson = serde_json::from_value(file.lesson).map_err(|error| {
        fill("The lesson cannot be read: {why}.", &[("why", &error.to_string())])
    })?;
    check(&lesson)?;
    Ok(lesson)
}

/// What keeps a lesson from being given or passed on.
///
/// # Errors
/// A sentence.
pub fn check(lesson: &MadeLesson) -> Result<(), String> {
    let own = lesson.id.strip_prefix(OWN).is_some_and(|id| {
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    if !own || lesson.id.len() > LONGEST_ID {
        return Err(t("The lesson’s name is none that a lesson can have.").into());
    }
    let long = |text: &str, most: usize| text.chars().count() > most;
    if lesson.title.trim().is_empty() || long(&lesson.title, LONGEST_TITLE) {
        let most: (&str, &dyn std::fmt::Display) = ("most", &LONGEST_TITLE);
        return Err(fill("A lesson needs a title, of at most {most} characters.", &[most]));
    }
    if lesson.steps.is_empty() || lesson.steps.len() > MOST_STEPS {
        return Err(fill("A lesson has 1 to {most} steps.", &[("most", &MOST_STEPS)]));
    }
    if long(&lesson.about, LONGEST_TOLD) {
        return Err(too_long(0));
    }
    let mut pictures = 0;
    for (number, step) in (1..).zip(&lesson.steps) {
        let step_number: (&str, &dyn std::fmt::Display) = ("n", &number);
        if step.picture.is_missing() {
            return Err(fill("Step {n} has no picture.", &[step_number]));
        }
        if let MadePicture::Own { data, .. } = &step.picture {
            pictures += data.len();
            let fits = step.picture.bytes().is_some_and(|(b, _)| b.len() <= MOST_BYTES as usize);
            if !fits || pictures > LARGEST {
                return Err(fill(
                    "The picture of step {n} is no picture that the lab reads, or too large.",
                    &[step_number],
                ));
            }
        }
        if step.prompt.trim().is_empty() {
            return Err(fill("Step {n} asks the model nothing.", &[step_number]));
        }
        let texts = [&step.ask, &step.shows, &step.shows_not];
        let model = step.model.len() > 200;
        if long(&step.prompt, LONGEST_PROMPT)
            || texts.iter().any(|t| long(t, LONGEST_TOLD))
            || model
        {
            return Err(too_long(number));
        }
        if step.question.check().is_err() {
            return Err(fill("Step {n} needs two to six choices.", &[step_number]));
        }
    }
    Ok(())
}

fn too_long(step: usize) -> String {
    fill("A text of step {n} is too long.", &[("n", &step)])
}

fn told(text: &str) -> Told {
    Told { en: text.trim().to_owned(), ko: String::new() }
}

impl MadeLesson {
    /// The lesson as one that ships with the lab is, but for its own pictures.
    pub fn lesson(&self) -> Lesson {
        let step = |step: &MadeStep| LessonStep {
            picture: match &step.picture {
                MadePicture::Sample { file } => file.clone(),
                MadePicture::Own { .. } => String::new(),
            },
            prompt: step.prompt.clone(),
            model: step.model.clone(),
            shown: PictureUse::default(),
            knockout: None,
            begins: Moment::Asked,
            ask: told(&step.ask),
            question: step.question.clone(),
            layer: None,
            definition: step.definition,
            shows: told(&step.shows),
            shows_not: told(&step.shows_not),
            follows: step.follows,
            answer: String::new(),
            late_mdi: None,
        };
        Lesson {
            name: self.id.clone(),
            title: told(&self.title),
            about: told(&self.about),
            minutes: self.minutes,
            steps: self.steps.iter().map(step).collect(),
        }
    }
}

/// Whether a lesson of this name is one that was made.
pub fn is_made(name: &str) -> bool {
    name.starts_with(OWN)
}

/// A name for a new lesson, from random signs.
pub fn id_of(random: &str) -> String {
    let signs = random.chars().filter(char::is_ascii_alphanumeric).take(LONGEST_ID - OWN.len());
    format!("{OWN}{}", signs.collect::<String>().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    fn lesson() -> MadeLesson {
        let own = MadePicture::own("cat.png", PNG).expect("a picture");
        let sample = MadePicture::Sample { file: "cat-far.png".into() };
        let step = |picture, question| MadeStep {
            picture,
            prompt: "What is it?".into(),
            ask: "How many?".into(),
            question,
            ..MadeStep::default()
        };
        MadeLesson {
            id: "own-abc".into(),
            title: "Cats".into(),
            about: "Of cats.".into(),
            minutes: 5,
            steps: vec![step(own, Question::Number), step(sample, Question::Sides)],
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written_with_its_pictures() {
        let read = read(&write(&lesson())).expect("a lesson");
        assert_eq!(read, lesson());
        assert_eq!(read.steps[0].picture.bytes(), Some((PNG.to_vec(), "image/png")));
        let given = read.lesson();
        assert_eq!(
            (given.name.as_str(), given.steps[1].picture.as_str()),
            ("own-abc", "cat-far.png")
        );
        assert_eq!(given.steps[0].question, Question::Number);
    }

    #[test]
    fn what_is_no_lesson_is_refused_in_a_sentence() {
        let change = |change: &dyn Fn(&mut MadeLesson)| {
            let mut lesson = lesson();
            change(&mut lesson);
            write(&lesson)
        };
        let no_picture = MadePicture::Own { name: "x".into(), data: STANDARD.encode("<svg/>") };
        for text in [
            String::new(),
            "{}".into(),
            "[1]".into(),
            write(&lesson()).replace("langoverrule-lesson", "other"),
            write(&lesson()).replace("\"version\":1", "\"version\":2"),
            write(&lesson()).replace("\"minutes\"", "\"minuets\""),
            change(&|l| l.id = "../x".into()),
            change(&|l| l.title = " ".into()),
            change(&|l| l.title = "x".repeat(121)),
            change(&|l| l.steps.clear()),
            change(&|l| l.steps = vec![l.steps[0].clone(); MOST_STEPS + 1]),
            change(&|l| l.steps[0].picture = MadePicture::default()),
            change(&|l| l.steps[0].picture = no_picture.clone()),
            change(&|l| l.steps[1].prompt = String::new()),
            change(&|l| l.steps[1].shows = "x".repeat(LONGEST_TOLD + 1)),
            change(&|l| l.steps[1].question = Question::Choice { choices: vec!["one".into()] }),
        ] {
            let why = read(&text).expect_err("no lesson");
            assert!(why.ends_with('.') && why.len() > 10, "{why}");
        }
        assert!(read(&"x".repeat(LARGEST + 1)).expect_err("too large").contains("48 MiB"));
        assert!(MadePicture::own("x", b"no picture").is_none());
    }

    #[test]
    fn names_of_new_lessons_are_names() {
        let id = id_of("0123-ABCdef");
        assert_eq!((id.as_str(), is_made(&id)), ("own-0123abcdef", true));
        assert!(!is_made("words-overrule"));
    }
}
