//! The runs that this browser asked for, as it keeps them: a list of its own, which no lab sees.

use serde::{Deserialize, Serialize};
use shared::api::RunState;
use shared::listing::{RunBrief, RunsListed, shortened};
use shared::{ErrorBody, ErrorCode, Undefined};

use crate::run::link::is_name;

/// Most runs kept; the oldest make room.
pub const MOST: usize = 500;
/// Most tags of one run.
pub const MOST_TAGS: usize = 8;
/// Longest tag, in characters.
pub const LONGEST_TAG: usize = 24;

/// Where a run of one's own stands, as far as this browser was told.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The lab was not asked yet.
    #[default]
    Unknown,
    /// Waiting for the model.
    Queued,
    /// At work.
    Running,
    /// Complete.
    Done,
    /// Ended with an error.
    Failed,
    /// Stopped on request.
    Cancelled,
    /// The lab does not have it any more.
    Gone,
    /// The lab has it and cannot show it.
    Unreadable,
}

impl Standing {
    /// What a list can be narrowed to.
    pub const ALL: [Standing; 7] = [
        Standing::Done,
        Standing::Failed,
        Standing::Running,
        Standing::Queued,
        Standing::Cancelled,
        Standing::Gone,
        Standing::Unreadable,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Standing::Unknown => "unknown",
            Standing::Queued => "queued",
            Standing::Running => "running",
            Standing::Done => "done",
            Standing::Failed => "failed",
            Standing::Cancelled => "cancelled",
            Standing::Gone => "gone",
            Standing::Unreadable => "unreadable",
        }
    }

    /// Whether more is to come.
    pub const fn is_open(self) -> bool {
        matches!(self, Standing::Unknown | Standing::Queued | Standing::Running)
    }
}

impl From<RunState> for Standing {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued => Standing::Queued,
            RunState::Running => Standing::Running,
            RunState::Done => Standing::Done,
            RunState::Failed => Standing::Failed,
            RunState::Cancelled => Standing::Cancelled,
        }
    }
}

/// What the lab last told of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToldOf {
    /// Where it stands.
    pub standing: Standing,
    /// Its late MDI, the server's number.
    pub late_mdi: Option<f64>,
    /// Why there is none.
    pub undefined: Option<Undefined>,
    /// Why it failed, or cannot be shown.
    pub why: Option<ErrorBody>,
}

/// A run that this browser asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// What this browser's person sorts it under.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What the lab told of it.
    pub told: ToldOf,
}

impl OwnRun {
    /// What it is called by its owner, or what it asks.
    pub fn title(&self) -> &str {
        if self.name.is_empty() { &self.prompt } else { &self.name }
    }
}

/// The list, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
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
        let (prompt, answer) = (shortened(&run.prompt), shortened(&run.answer));
        let (name, model) = (shortened(&run.name), shortened(&run.model));
        self.0.insert(0, OwnRun { prompt, answer, name, model, ..run });
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
        let to = shortened(to);
        match self.0.iter_mut().find(|run| run.id == id).map(part) {
            Some(part) if *part != to => {
                *part = to;
                true
            }
            _ => false,
        }
    }

    /// Takes note of what the lab tells of some runs; `false` where that says nothing new.
    pub fn told(&mut self, listed: &RunsListed) -> bool {
        let mut news = false;
        for brief in &listed.runs {
            let told = ToldOf {
                standing: brief.state.into(),
                late_mdi: brief.late_mdi,
                undefined: brief.undefined,
                why: brief.failed.clone(),
            };
            news |= self.tell(&brief.id, told, Some(brief));
        }
        for missing in &listed.missing {
            let gone = missing.why.code == ErrorCode::NotFound;
            let standing = if gone { Standing::Gone } else { Standing::Unreadable };
            let why = (!gone).then(|| missing.why.clone());
            // What came out of it stays known.
            let before = self.0.iter().find(|run| run.id == missing.id).map(|run| &run.told);
            let kept = before.cloned().unwrap_or_default();
            news |= self.tell(&missing.id, ToldOf { standing, why, ..kept }, None);
        }
        news
    }

    fn tell(&mut self, id: &str, told: ToldOf, brief: Option<&RunBrief>) -> bool {
        let Some(run) = self.0.iter_mut().find(|run| run.id == id) else { return false };
        let before = run.clone();
        run.told = told;
        if let Some(brief) = brief {
            run.model = shortened(&brief.model);
            run.name = shortened(&brief.name);
            if !brief.answer.is_empty() {
                run.answer = shortened(&brief.answer);
            }
        }
        *run != before
    }

    /// Sorts a run under a tag; `false` where it is there already, is empty, or one too many.
    pub fn tag(&mut self, id: &str, tag: &str) -> bool {
        let Some(tag) = tag_of(tag) else { return false };
        let run = self.0.iter_mut().find(|run| run.id == id);
        let Some(run) = run.filter(|run| run.tags.len() < MOST_TAGS) else { return false };
        let there = run.tags.iter().any(|t| t.to_lowercase() == tag.to_lowercase());
        if !there {
            run.tags.push(tag);
        }
        !there
    }

    /// Takes a tag off a run; `false` where it has none such.
    pub fn untag(&mut self, id: &str, tag: &str) -> bool {
        let Some(run) = self.0.iter_mut().find(|run| run.id == id) else { return false };
        let before = run.tags.len();
        run.tags.retain(|t| t != tag);
        run.tags.len() < before
    }

    /// Takes a run out.
    pub fn remove(&mut self, id: &str) {
        self.0.retain(|run| run.id != id);
    }
}

/// A tag as it is kept: one line without what cannot be seen.
pub fn tag_of(typed: &str) -> Option<String> {
    let seen: String = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = seen.split_whitespace().collect::<Vec<_>>().join(" ");
    let tag: String = words.chars().take(LONGEST_TAG).collect();
    (!tag.is_empty()).then_some(tag)
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
        let newest = (MOST + 4).to_string();
        assert_eq!((own.all().len(), own.all()[0].id.as_str()), (MOST, &*newest));
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
        assert_eq!(own.all()[0].prompt.chars().count(), shared::listing::LONGEST_LISTED + 1);
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

    #[test]
    fn what_the_lab_tells_is_kept_and_a_run_that_is_gone_keeps_its_number() {
        let mut own = OwnRuns::default();
        own.add(OwnRun { tags: vec!["mine".into()], ..run("a") });
        let brief = RunBrief {
            id: "a".into(),
            created: String::new(),
            state: RunState::Done,
            model: "demo-llava".into(),
            prompt: String::new(),
            answer: "A dog.".into(),
            name: "Mine".into(),
            late_mdi: Some(1.29),
            undefined: None,
            failed: None,
        };
        let listed = RunsListed { runs: vec![brief], missing: Vec::new() };
        assert!(own.told(&listed) && !own.told(&listed), "news are new once");
        let kept = own.all()[0].clone();
        assert_eq!((kept.told.standing, kept.told.late_mdi), (Standing::Done, Some(1.29)));
        assert_eq!((kept.answer.as_str(), kept.name.as_str()), ("A dog.", "Mine"));
        assert_eq!(kept.tags, ["mine"]);
        let missing = |code| shared::listing::RunMissing {
            id: "a".into(),
            why: ErrorBody::new(code, "It is not there.".to_owned()),
        };
        let gone = RunsListed { runs: Vec::new(), missing: vec![missing(ErrorCode::NotFound)] };
        assert!(own.told(&gone));
        let kept = own.all()[0].told.clone();
        assert_eq!((kept.standing, kept.late_mdi, kept.why), (Standing::Gone, Some(1.29), None));
        let damaged =
            RunsListed { runs: Vec::new(), missing: vec![missing(ErrorCode::StorageDamaged)] };
        assert!(own.told(&damaged));
        assert_eq!(own.all()[0].told.standing, Standing::Unreadable);
        assert!(own.all()[0].told.why.is_some());
    }

    #[test]
    fn tags_are_few_short_and_each_once() {
        let mut own = OwnRuns::default();
        own.add(run("a"));
        assert!(own.tag("a", "  cats\tand   dogs "));
        assert!(!own.tag("a", "Cats and dogs"), "there already");
        assert!(!own.tag("a", " \n "), "nothing to see");
        assert!(!own.tag("b", "cats"), "no such run");
        assert_eq!(own.all()[0].tags, ["cats and dogs"]);
        assert!(own.tag("a", &"x".repeat(200)));
        assert_eq!(own.all()[0].tags[1].len(), LONGEST_TAG);
        for n in 0..20 {
            own.tag("a", &format!("t{n}"));
        }
        assert_eq!(own.all()[0].tags.len(), MOST_TAGS);
        assert!(own.untag("a", "t0") && !own.untag("a", "t0"));
    }
}
