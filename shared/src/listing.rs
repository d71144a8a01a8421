//! Runs in a list: what a row of it says.

use serde::{Deserialize, Serialize};

use crate::api::RunState;
use crate::definition::Definition;
use crate::error::ErrorBody;
use crate::event::Event;
use crate::measure::Undefined;
use crate::observation::Observation;
use crate::options::RunOptions;
use crate::stage::Stage;

/// Most runs that one request may ask about: each that is not in memory is read from the disk.
pub const MOST_LISTED: usize = 32;
/// Longest prompt and answer in a row, in characters: rows are to recognize runs by.
pub const LONGEST_LISTED: usize = 240;

/// Which runs a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RunsAsked {
    /// Their names, at most 32.
    pub ids: Vec<String>,
}

/// Runs in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunsListed {
    /// Those that are there, in the order in which they were asked for.
    pub runs: Vec<RunBrief>,
    /// Those that cannot be told of.
    pub missing: Vec<RunMissing>,
}

/// A run that cannot be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunMissing {
    /// Its name.
    pub id: String,
    /// Why: it is not there (any more), damaged, or a later version's.
    pub why: ErrorBody,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunBrief {
    /// Its name in addresses.
    pub id: String,
    /// When it was submitted, RFC 3339.
    pub created: String,
    /// Where it stands.
    pub state: RunState,
    /// The model.
    pub model: String,
    /// What was asked, its first 240 characters.
    pub prompt: String,
    /// What the model answered so far, its first 240 characters.
    pub answer: String,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Late MDI under the definition `paper`; null with the reason in `undefined`.
    pub late_mdi: Option<f64>,
    /// Why there is no late MDI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<Undefined>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<ErrorBody>,
}

impl RunBrief {
    /// The row of a run with these events.
    pub fn of<'e>(
        (id, created, name): (&str, &str, &str),
        options: &RunOptions,
        state: RunState,
        events: impl IntoIterator<Item = &'e Event>,
    ) -> Self {
        let mut observation = Observation::default();
        let (mut answer, mut failed) = (None, None);
        for event in events {
            observation.apply(event);
            match event {
                Event::Done { summary } => answer = Some(summary.answer.clone()),
                Event::Failed { code, message, sentence } => {
                    failed = Some(ErrorBody {
                        code: *code,
                        message: message.clone(),
                        sentence: sentence.clone(),
                        retry_after: None,
                    });
                }
                _ => {}
            }
        }
        // A number of a part of a run would change with what is missing.
        let late = match state {
            RunState::Done => observation.stage(Stage::Late, &Definition::default()).mdi,
            _ => Err(Undefined::Unfinished),
        };
        RunBrief {
            id: id.to_owned(),
            created: created.to_owned(),
            state,
            model: options.model.clone(),
            prompt: shortened(&options.prompt),
            answer: shortened(answer.unwrap_or_else(|| observation.answer()).trim()),
            name: name.to_owned(),
            late_mdi: late.ok(),
            undefined: late.err(),
            failed,
        }
    }
}

/// As much of a text as a row shows.
pub fn shortened(text: &str) -> String {
    let mut signs = text.chars();
    let begin: String = signs.by_ref().take(LONGEST_LISTED).collect();
    if signs.next().is_some() { format!("{begin}…") } else { begin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn row(state: RunState, events: &[Event]) -> RunBrief {
        let options =
            RunOptions { prompt: "가".repeat(300), model: "m".into(), ..RunOptions::default() };
        RunBrief::of(("id", "then", "mine"), &options, state, events)
    }

    #[test]
    fn a_failed_run_says_why_and_has_no_number() {
        let failed = Event::failed(ErrorCode::OutOfMemory, "There is no room.".to_owned());
        let row = row(RunState::Failed, &[failed]);
        let why = row.failed.expect("a reason");
        assert_eq!((why.code, why.message.as_str()), (ErrorCode::OutOfMemory, "There is no room."));
        assert_eq!((row.late_mdi, row.undefined), (None, Some(Undefined::Unfinished)));
        assert_eq!((row.prompt.chars().count(), row.name.as_str()), (LONGEST_LISTED + 1, "mine"));
    }

    #[test]
    fn a_run_that_waits_has_no_number_yet() {
        let row = row(RunState::Queued, &[Event::Queued { position: 3 }]);
        assert_eq!((row.late_mdi, row.undefined), (None, Some(Undefined::Unfinished)));
        assert_eq!((row.answer.as_str(), row.failed), ("", None));
    }
}
