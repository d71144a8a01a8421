//! The runs that this browser asked for, as it keeps them: a list of its own, which no lab sees.

use serde::{Deserialize, Serialize};

use crate::run::link::is_name;

/// Most runs kept; the oldest make room.
pub const MOST: usize = 200;
/// Longest prompt, answer or name kept, in characters: the list is to recognize runs by.
const LONGEST: usize = 240;

/// A run that this browser asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnRun {
    /// Its name in addresses.
    pub id: String,
    /// What was asked.
    pub prompt: String,
    /// What was asked of.
    pub model: String,
    /// When, RFC 3339.
    pub asked: String,
    /// What came out, where this browser saw it.
    pub answer: String,
    /// What its owner calls it.
    pub name: String,
}

impl OwnRun {
    /// What it is called by its owner, or what it asks.
    pub fn title(&self) -> &str {
        if self.name.is_empty() { &self.prompt } else { &self.name }
    }
}

/// The list, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRuns(Vec<OwnRun>);

impl OwnRuns {
    /// Reads what was kept; what cannot be read is no run.
    pub fn read(kept: &str) -> Self {
        let all: Vec<serde_json::Value> = serde_json::from_str(kept).unwrap_or_default();
        let runs = all.into_iter().filter_map(|run| serde_json::from_value(run).ok());
        OwnRuns(
            runs.filter(|run: &OwnRun| is_name(&run.id) && !run.prompt.is_empty())
                .take(MOST)
                .collect(),
        )
    }

    /// What to keep.
    pub fn to_text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// The runs, the newest first.
    pub fn all(&self) -> &[OwnRun] {
        &self.0
    }

    /// Puts a run in front.
    pub fn add(&mut self, run: OwnRun) {
        self.remove(&run.id);
        let OwnRun { id, prompt, model, asked, answer, name } = run;
        let (prompt, answer, name) = (short(&prompt), short(&answer), short(&name));
        let model = short(&model);
        self.0.insert(0, OwnRun { id, prompt, model, asked, answer, name });
        self.0.truncate(MOST);
    }

    /// Takes note of a run's answer; `false` where that says nothing new.
    pub fn answered(&mut self, id: &str, answer: &str) -> bool {
        self.change(id, |run| &mut run.answer, answer)
    }

    /// Takes note of a run's name; `false` where that says nothing new.
    pub fn named(&mut self, id: &str, name: &str) -> bool {
        self.change(id, |run| &mut run.name, name)
    }

    fn change(&mut self, id: &str, part: fn(&mut OwnRun) -> &mut String, to: &str) -> bool {
        let to = short(to);
        match self.0.iter_mut().find(|run| run.id == id).map(part) {
            Some(part) if *part != to => {
                *part = to;
                true
            }
            _ => false,
        }
    }

    /// Takes a run out.
    pub fn remove(&mut self, id: &str) {
        self.0.retain(|run| run.id != id);
    }
}

fn short(text: &str) -> String {
    let mut signs = text.chars();
    let begin: String = signs.by_ref().take(LONGEST).collect();
    if signs.next().is_some() { format!("{begin}…") } else { begin }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> OwnRun {
        OwnRun { id: id.into(), prompt: "What is it?".into(), ..OwnRun::default() }
    }

    #[test]
    fn the_newest_is_first_and_the_oldest_make_room() {
        let mut own = OwnRuns::default();
        for n in 0..MOST + 5 {
            own.add(run(&n.to_string()));
        }
        assert_eq!((own.all().len(), own.all()[0].id.as_str()), (MOST, "204"));
        own.add(run("100"));
        assert_eq!((own.all().len(), own.all()[0].id.as_str()), (MOST, "100"), "once only");
        own.remove("100");
        assert_eq!(own.all().len(), MOST - 1);
    }

    #[test]
    fn what_comes_later_is_noted_once() {
        let mut own = OwnRuns::default();
        own.add(run("a"));
        assert!(own.answered("a", "A dog."));
        assert!(!own.answered("a", "A dog."), "known");
        assert!(!own.answered("b", "A dog."), "not of this browser");
        assert!(own.named("a", "Mine") && own.named("a", ""), "a name may be taken back");
        assert_eq!(own.all()[0].answer, "A dog.");
    }

    #[test]
    fn what_is_kept_is_read_back_and_bounded() {
        let id = |letter: &str| letter.repeat(26);
        let mut own = OwnRuns::default();
        own.add(OwnRun { prompt: "한".repeat(5000), ..run(&id("a")) });
        assert_eq!(own.all()[0].prompt.chars().count(), LONGEST + 1);
        assert_eq!(OwnRuns::read(&own.to_text()), own);
        for broken in
            ["", "{", "7", r#"[{"prompt":"no id"}]"#, r#"[{"id":"../../x","prompt":"a"}]"#]
        {
            assert_eq!(OwnRuns::read(broken), OwnRuns::default(), "{broken}");
        }
        let kept = format!(
            r#"[{{"id":"{}","prompt":"a","new":1}},{{"id":7}},"b",{{"id":"{}","prompt":"c"}}]"#,
            id("a"),
            id("c")
        );
        let prompts: Vec<_> = OwnRuns::read(&kept).all().iter().map(|r| r.prompt.clone()).collect();
        assert_eq!(prompts, ["a", "c"], "one that cannot be read takes no other along");
    }
}
