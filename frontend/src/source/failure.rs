//! What went wrong with a request, and when the same may be asked again.

use std::time::Duration;

use shared::{ErrorBody, ErrorCode, Sentence};

use crate::errors;

/// A request that did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The server's code; `None` when no answer came.
    pub code: Option<ErrorCode>,
    /// For people, in the language that was in force.
    pub message: String,
    /// The same for whoever says it again.
    pub sentence: Option<Sentence>,
    /// Seconds after which the lab says that asking again may help.
    pub retry_after: Option<u32>,
}

/// How often something that the lab does not take now is asked for again.
const TRIES: u32 = 3;
/// The longest that a page waits for that by itself.
const LONGEST: u32 = 30;

impl Failure {
    /// What went wrong on this side of the line.
    pub fn here(message: impl Into<String>) -> Self {
        Failure { code: None, message: message.into(), sentence: None, retry_after: None }
    }

    /// What the lab refused.
    pub fn refused(body: &ErrorBody) -> Self {
        Failure {
            code: Some(body.code),
            message: errors::of(body),
            sentence: body.sentence.clone(),
            retry_after: body.retry_after,
        }
    }

    /// How long to wait before the same is asked for again, after so many tries: as long as the lab
    /// says. `None` where it is a person's to ask again.
    pub fn wait(&self, tries: u32) -> Option<Duration> {
        let seconds = self.retry_after.filter(|s| tries < TRIES && *s <= LONGEST)?;
        Some(Duration::from_secs(seconds.into()))
    }

    /// The code's stable name.
    pub fn code_name(&self) -> &'static str {
        self.code.map_or("unreachable", ErrorCode::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lab_takes_soon_is_asked_for_again_a_few_times() {
        let body = |retry_after| ErrorBody {
            retry_after,
            ..ErrorBody::new(ErrorCode::TooManyRequests, "21 runs wait.")
        };
        let soon = Failure::refused(&body(Some(5)));
        assert_eq!(
            (soon.code_name(), soon.message.as_str()),
            ("too_many_requests", "21 runs wait.")
        );
        assert_eq!(soon.wait(0), Some(Duration::from_secs(5)));
        assert_eq!((soon.wait(2), soon.wait(3)), (soon.wait(0), None));
        assert_eq!(Failure::refused(&body(Some(3600))).wait(0), None, "a person decides");
        assert_eq!(Failure::refused(&body(None)).wait(0), None);
        assert_eq!(Failure::here("The line is cut.").wait(0), None);
    }
}
