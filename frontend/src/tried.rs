//! What was claimed of pictures so far, and what came of it: which run's picture another run took, what each
//! answered, and which sample a picture is.

use shared::RunOptions;
use shared::api::Sample;

/// Most answers that are kept to go back to.
const MOST: usize = 48;

/// What the page knows of claims.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// Runs with the run whose picture they took, by name.
    roots: Vec<(String, String)>,
    /// What was answered about a run's picture with these options.
    answers: Vec<Answered>,
    /// The samples that runs' pictures are; `None` of one that is no sample.
    samples: Vec<(String, Option<Sample>)>,
}

/// One answer.
#[derive(Clone, Debug)]
struct Answered {
    root: String,
    options: RunOptions,
    id: String,
    answer: String,
}

/// What of a run's options makes another question.
pub fn question_of(options: &RunOptions) -> RunOptions {
    RunOptions { verify: false, repeat: None, changed: Vec::new(), ..options.clone() }
}

impl Tried {
    /// The run whose picture a run took; itself where it brought its own.
    pub fn root<'a>(&'a self, id: &'a str) -> &'a str {
        self.roots.iter().find(|(of, _)| of == id).map_or(id, |(_, root)| root)
    }

    /// Notes that a run took another's picture.
    pub fn took(&mut self, id: &str, from: &str) {
        let root = self.root(from).to_owned();
        self.roots.push((id.to_owned(), root));
        let old = self.roots.len().saturating_sub(MOST);
        self.roots.drain(..old);
    }

    /// Notes what a run answered.
    pub fn answered(&mut self, id: &str, options: &RunOptions, answer: &str) {
        let (root, options) = (self.root(id).to_owned(), question_of(options));
        if self.found(id, &options).is_none() {
            let (id, answer) = (id.to_owned(), answer.to_owned());
            self.answers.push(Answered { root, options, id, answer });
            let old = self.answers.len().saturating_sub(MOST);
            self.answers.drain(..old);
        }
    }

    /// The run that asked this about the same picture, and its answer.
    pub fn found(&self, id: &str, options: &RunOptions) -> Option<(&str, &str)> {
        let (root, wanted) = (self.root(id), question_of(options));
        let found = self.answers.iter().find(|a| a.root == root && a.options == wanted)?;
        Some((&found.id, &found.answer))
    }

    /// The sample that a run's picture is, as far as that was looked up.
    pub fn sample(&self, id: &str) -> Option<&Option<Sample>> {
        let root = self.root(id);
        self.samples.iter().find(|(of, _)| of == root).map(|(_, sample)| sample)
    }

    /// Notes which sample a run's picture is.
    pub fn is_sample(&mut self, root: String, sample: Option<Sample>) {
        self.samples.push((root, sample));
        let old = self.samples.len().saturating_sub(MOST);
        self.samples.drain(..old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(prompt: &str) -> RunOptions {
        RunOptions { prompt: prompt.into(), ..RunOptions::default() }
    }

    #[test]
    fn an_answer_is_found_again_among_runs_of_the_same_picture() {
        let mut tried = Tried::default();
        tried.answered("a", &RunOptions { verify: true, ..asked("I see a dog. What?") }, "a cat");
        tried.took("b", "a");
        tried.took("c", "b");
        assert_eq!([tried.root("a"), tried.root("c"), tried.root("d")], ["a", "a", "d"]);
        tried.answered("c", &asked("What?"), "a dog");
        assert_eq!(tried.found("b", &asked("I see a dog. What?")), Some(("a", "a cat")));
        assert_eq!(tried.found("a", &asked("What?")), Some(("c", "a dog")));
        // Another model, or another picture, was not asked.
        let other = RunOptions { model: "other".into(), ..asked("What?") };
        assert_eq!((tried.found("a", &other), tried.found("d", &asked("What?"))), (None, None));
        let sample = Sample { claim: "a dog".into(), ..sample() };
        tried.is_sample("a".into(), Some(sample.clone()));
        assert_eq!((tried.sample("c"), tried.sample("d")), (Some(&Some(sample)), None));
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut tried = Tried::default();
        for n in 0..3 * MOST {
            tried.took(&format!("of {n}"), "a");
            tried.answered("a", &asked(&n.to_string()), "");
            tried.is_sample(n.to_string(), None);
        }
        let kept = [tried.roots.len(), tried.answers.len(), tried.samples.len()];
        assert_eq!(kept, [MOST; 3]);
        let last = (3 * MOST - 1).to_string();
        assert!(tried.found("a", &asked(&last)).is_some(), "the latest stay");
    }

    fn sample() -> Sample {
        Sample {
            file: "a.png".into(),
            title: String::new(),
            prompt: String::new(),
            note: String::new(),
            claim: String::new(),
            shows: String::new(),
            ko: shared::api::InKorean::default(),
        }
    }
}
