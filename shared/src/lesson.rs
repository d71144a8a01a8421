//! Prepared lessons: what to show a class, what to ask it, and what the answer does not prove.

use serde::{Deserialize, Serialize};

use crate::classroom::{Guess, Moment, Question};
use crate::definition::Preset;
use crate::intervention::{Knockout, PictureUse};
use crate::options::AskedOptions;

/// A text in the languages of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

impl Told {
    /// The text in the language of that tag; English where there is none.
    pub fn in_language(&self, tag: &str) -> &str {
        if tag == "ko" && !self.ko.is_empty() { &self.ko } else { &self.en }
    }
}

/// A prepared lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Its name in addresses.
    pub name: String,
    /// Its title, a question.
    pub title: Told,
    /// What it is about.
    pub about: Told,
    /// How long it takes with a class, in minutes.
    pub minutes: u32,
    /// Its steps, at least one.
    #[serde(rename = "step")]
    pub steps: Vec<LessonStep>,
}

/// One picture, one prompt and one question to the class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LessonStep {
    /// A sample's file.
    pub picture: String,
    /// What the model is told and asked.
    pub prompt: String,
    /// The model.
    pub model: String,
    /// What stands in the picture's place.
    #[serde(default)]
    pub shown: PictureUse,
    /// What is hidden from what, as the command line writes it: `text+generated>image`.
    #[serde(default)]
    pub knockout: Option<String>,
    /// How much is seen at first: the answer is held back where the class is to predict it.
    #[serde(default)]
    pub begins: Moment,
    /// The question to the class.
    pub ask: Told,
    /// What kind of answer it wants; *words* or *picture* where nothing is said.
    #[serde(default, skip_serializing_if = "Question::is_sides")]
    pub question: Question,
    /// The layer to look at when the curve is there.
    #[serde(default)]
    pub layer: Option<u32>,
    /// The definition to look under.
    pub definition: Preset,
    /// What the curve shows.
    pub shows: Told,
    /// What it does not show.
    pub shows_not: Told,
    /// Which side the answer follows; neither where the model made it up.
    #[serde(default)]
    pub follows: Option<Guess>,
    /// What the model answered when the lesson was written; a test asks it again.
    pub answer: String,
    /// Late MDI then, to two decimals, under this step's definition; none where it is undefined.
    #[serde(default)]
    pub late_mdi: Option<f64>,
}

impl LessonStep {
    /// The options that this step's run is asked with.
    ///
    /// # Errors
    /// The knockout cannot be read; the sentence says why.
    pub fn options(&self) -> Result<AskedOptions, String> {
        let knockout = self.knockout.as_deref().map(str::parse::<Knockout>).transpose()?;
        Ok(AskedOptions {
            model: self.model.clone(),
            prompt: self.prompt.clone(),
            picture: Some(self.shown),
            knockout,
            ..AskedOptions::default()
        })
    }
}

/// All lessons, as their file holds them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lessons {
    /// In the order they are shown.
    #[serde(default)]
    pub lesson: Vec<Lesson>,
}
