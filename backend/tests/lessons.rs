//! The prepared lessons say what the model really does: every step is asked again.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::{Path, PathBuf};

use crate::common::{Form, TestLab};
use langoverrule::runs::samples::Samples;
use shared::classroom::Guess;
use shared::lesson::Lesson;
use shared::{Event, Observation, Stage};

fn demo() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
    folder.canonicalize().unwrap()
}

/// The words by which the answers of the lessons can be told apart.
fn said_in(text: &str, answer: &str) -> bool {
    let last = answer.trim_end_matches('.').rsplit(' ').next().unwrap();
    text.split(|c: char| !c.is_alphanumeric()).any(|word| word == last)
}

#[tokio::test]
async fn every_step_answers_as_its_lesson_says() {
    let samples = Samples::in_folder(&demo());
    assert!(samples.lessons().len() >= 3, "none was left out for a mistake in its file");
    let lab = TestLab::real("demo-llava", &demo());
    for Lesson { name, steps, .. } in samples.lessons() {
        for (i, step) in steps.iter().enumerate() {
            let (picture, _) = samples.picture(&step.picture).unwrap();
            let options = serde_json::to_vec(&step.options().unwrap()).unwrap();
            let form = Form::empty().with("picture", &picture).with("options", &options);
            let run: shared::api::RunCreated = lab.submit_form(form).await.json();
            let record = lab.ended(&run.id).await;
            let Some(Event::Done { summary }) = record.events.last().map(|e| &e.event) else {
                panic!("{name}, step {i}: {:?}", record.events.last());
            };
            assert_eq!(summary.answer.trim(), step.answer, "{name}, step {i}");

            // Processors round differently: what stands on a wall must come out the same on all.
            for event in record.events.iter().map(|e| &e.event) {
                let Event::Token { text, logprob, alternatives, .. } = event else { continue };
                let next = alternatives.first().map_or(f32::NEG_INFINITY, |a| a.logprob);
                assert!(logprob - next > 1.0, "{name}, step {i}: {text:?} by {}", logprob - next);
            }

            let mut observed = Observation::default();
            record.events.iter().for_each(|e| observed.apply(&e.event));
            let late = observed.stage(Stage::Late, &step.definition.definition()).mdi;
            match (late, step.late_mdi) {
                // Processors round differently; the texts name two decimals.
                (Ok(mdi), Some(said)) => {
                    assert!((mdi - said).abs() < 0.02, "{name}, step {i}: {mdi}, not {said}");
                }
                (Err(_), None) => {}
                (mdi, said) => panic!("{name}, step {i}: {mdi:?}, not {said:?}"),
            }
            if let Some(layer) = step.layer {
                assert!((layer as usize) < observed.layers(), "{name}, step {i}");
            }
            // An answer that follows a claim repeats it; one that follows the picture against a claim
            // does not.
            let claims = step.prompt.contains(". ");
            if claims && let Some(side) = step.follows {
                let claim = step.prompt.split(". ").next().unwrap();
                let echoed = said_in(claim, &step.answer);
                assert_eq!(echoed, side == Guess::Words, "{name}, step {i}: {claim:?}");
            }
        }
    }
}

/// Whether a text is written in Korean.
fn is_korean(text: &str) -> bool {
    text.chars().any(|c| ('가'..='힣').contains(&c))
}

#[test]
fn every_sample_is_told_in_both_languages() {
    let samples = Samples::in_folder(&demo());
    assert!(samples.list().len() >= 4, "the list is read");
    for sample in samples.list() {
        for (english, korean) in
            [(&sample.title, &sample.ko.title), (&sample.note, &sample.ko.note)]
        {
            assert!(!english.is_empty() && !is_korean(english), "{}: {english:?}", sample.file);
            assert!(is_korean(korean), "{}: {korean:?} says {english:?}", sample.file);
        }
    }
}

#[tokio::test]
async fn lessons_are_told_in_both_languages() {
    let samples = Samples::in_folder(&demo());
    for lesson in samples.lessons() {
        let mut texts = vec![&lesson.title, &lesson.about];
        texts.extend(lesson.steps.iter().flat_map(|s| [&s.ask, &s.shows, &s.shows_not]));
        for text in texts {
            assert!(!text.en.is_empty() && !text.ko.is_empty(), "{}: {text:?}", lesson.name);
            assert!(
                text.en.is_ascii() || text.en.chars().all(|c| c.is_ascii() || "’“”".contains(c))
            );
            assert!(is_korean(&text.ko), "{}: {}", lesson.name, text.ko);
        }
        // What stands on a wall must be short.
        assert!(lesson.steps.iter().all(|s| s.ask.en.chars().count() <= 120), "{}", lesson.name);
    }
}
