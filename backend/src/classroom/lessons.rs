//! Prepared lessons, read from `lessons.toml` beside the samples they use.

use shared::lesson::{Lesson, Lessons};

/// The lessons of a file. One that cannot be given (a step's picture is no sample, its knockout
/// cannot be read, it has no step) is left out with its reason in the log; the others stay.
pub fn read(text: &str, samples: &[shared::api::Sample]) -> Vec<Lesson> {
    let lessons: Lessons = match toml::from_str(text) {
        Ok(lessons) => lessons,
        Err(error) => {
            tracing::error!(%error, "lessons.toml cannot be read");
            return Vec::new();
        }
    };
    let usable = |lesson: &Lesson| match check(lesson, samples) {
        Ok(()) => true,
        Err(why) => {
            tracing::error!(lesson = lesson.name, why, "a lesson is left out");
            false
        }
    };
    lessons.lesson.into_iter().filter(usable).collect()
}

fn check(lesson: &Lesson, samples: &[shared::api::Sample]) -> Result<(), String> {
    if lesson.steps.is_empty() {
        return Err("it has no step".to_owned());
    }
    for (i, step) in lesson.steps.iter().enumerate() {
        step.options().map_err(|why| format!("step {i}: {why}"))?;
        if !samples.iter().any(|s| s.file == step.picture) {
            return Err(format!("step {i}: there is no sample {}", step.picture));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = r#"
        [[lesson]]
        name = "NAME"
        title = { en = "t", ko = "" }
        about = { en = "a", ko = "" }
        minutes = 5
        [[lesson.step]]
        picture = "PICTURE"
        prompt = "p"
        model = "demo-llava"
        ask = { en = "?", ko = "" }
        definition = "paper"
        shows = { en = "s", ko = "" }
        shows_not = { en = "n", ko = "" }
        follows = "words"
        answer = "x"
        late_mdi = 1.0
        "#;

    #[test]
    fn a_lesson_that_cannot_be_given_is_left_out_alone() {
        let sample = shared::api::Sample {
            file: "cat.png".into(),
            title: String::new(),
            prompt: String::new(),
            note: String::new(),
            claim: String::new(),
            shows: String::new(),
            ko: shared::api::InKorean::default(),
        };
        let of = |name: &str, picture: &str| STEP.replace("NAME", name).replace("PICTURE", picture);
        let knockout = of("odd", "cat.png") + "knockout = \"words>picture\"\n";
        let text = of("good", "cat.png") + &of("bad", "dog.png") + &knockout;
        let names: Vec<String> =
            read(&text, &[sample]).into_iter().map(|lesson| lesson.name).collect();
        assert_eq!(names, ["good"]);
        assert!(read("[[lesson]]\nname = 3", &[]).is_empty());
    }
}
