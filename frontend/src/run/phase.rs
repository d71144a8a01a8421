//! Where a run stands, told from its events alone.

use shared::{ErrorBody, Event, RunOptions, Timing};

use crate::language::{fill, t};
use crate::{errors, words};

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Phase {
    /// No run.
    #[default]
    Empty,
    /// A finished run is being fetched.
    Opening,
    /// Waiting for the model behind this many runs.
    Queued(u32),
    /// The model is being read.
    Loading {
        /// Bytes read.
        bytes: u64,
        /// Bytes to read.
        total: u64,
    },
    /// The prompt goes through the layers.
    Prefill {
        /// Layers observed.
        done: u32,
        /// All layers.
        total: u32,
    },
    /// Tokens are being written.
    Generating {
        /// Tokens so far.
        done: u32,
        /// Most there can be.
        most: u32,
    },
    /// The answer is compared with an unobserved one.
    Verifying,
    /// Asked again, as often as was wanted.
    Asking {
        /// Answers so far.
        done: u32,
        /// Answers that are wanted.
        total: u32,
    },
    /// Complete.
    Done(Timing),
    /// Ended with an error.
    Failed(ErrorBody),
    /// Stopped on request.
    Cancelled,
}

impl Phase {
    /// The phase after an event; `options` are the run's, as far as they are known.
    #[must_use]
    pub fn after(&self, event: &Event, options: &RunOptions) -> Phase {
        match event {
            Event::Queued { position } => Phase::Queued(*position),
            Event::Loading { bytes, total } => Phase::Loading { bytes: *bytes, total: *total },
            Event::Layout { layers, .. } => Phase::Prefill { done: 0, total: *layers },
            Event::PrefillLayer { .. } => match self {
                Phase::Prefill { done, total } => Phase::Prefill { done: done + 1, total: *total },
                other => other.clone(),
            },
            Event::Token { index, .. } => {
                Phase::Generating { done: index + 1, most: options.max_new_tokens }
            }
            Event::Sampled(one) => Phase::Asking {
                done: one.index + 1,
                total: options.repeat.as_ref().map_or(1, |repeat| repeat.times),
            },
            Event::Verifying | Event::Verified { .. } => Phase::Verifying,
            Event::Done { summary } => Phase::Done(summary.timing),
            Event::Failed { code, message, sentence } => Phase::Failed(ErrorBody {
                sentence: sentence.clone(),
                ..ErrorBody::new(*code, message.as_str())
            }),
            Event::Cancelled => Phase::Cancelled,
        }
    }

    /// A stable name, for tests and styles.
    pub const fn name(&self) -> &'static str {
        match self {
            Phase::Empty => "empty",
            Phase::Opening => "opening",
            Phase::Queued(_) => "queued",
            Phase::Loading { .. } => "loading",
            Phase::Prefill { .. } => "prefill",
            Phase::Generating { .. } => "generating",
            Phase::Verifying => "verifying",
            Phase::Asking { .. } => "asking",
            Phase::Done(_) => "done",
            Phase::Failed(_) => "failed",
            Phase::Cancelled => "cancelled",
        }
    }

    /// What stands beside numbers of a run that did not finish, or has not yet: they are of the part
    /// that was seen.
    pub fn partial(&self) -> Option<&'static str> {
        match self {
            Phase::Prefill { .. } | Phase::Generating { .. } | Phase::Asking { .. } => {
                Some(t("partial: still running"))
            }
            Phase::Cancelled => Some(t("partial: cancelled")),
            Phase::Failed(_) => Some(t("partial: failed")),
            _ => None,
        }
    }

    /// Whether events are still to come.
    pub fn is_live(&self) -> bool {
        matches!(
            self,
            Phase::Queued(_)
                | Phase::Loading { .. }
                | Phase::Prefill { .. }
                | Phase::Generating { .. }
                | Phase::Verifying
                | Phase::Asking { .. }
        )
    }

    /// How far the current step is, 0 to 1, where that is known.
    pub fn progress(&self) -> Option<f64> {
        let share = |done: f64, all: f64| (all > 0.0).then(|| (done / all).clamp(0.0, 1.0));
        match self {
            Phase::Loading { bytes, total } => share(*bytes as f64, *total as f64),
            Phase::Prefill { done, total } => share(f64::from(*done), f64::from(*total)),
            Phase::Generating { done, most } => share(f64::from(*done), f64::from(*most)),
            Phase::Asking { done, total } => share(f64::from(*done), f64::from(*total)),
            _ => None,
        }
    }

    /// How many tokens there can still be, while they are written.
    pub const fn tokens_to_go(&self) -> Option<u32> {
        match self {
            Phase::Generating { done, most } => Some(most.saturating_sub(*done)),
            _ => None,
        }
    }

    /// One sentence for the status line.
    pub fn sentence(&self) -> String {
        match self {
            Phase::Empty => t("Choose a picture and ask about it.").into(),
            Phase::Opening => t("Opening the run …").into(),
            Phase::Queued(0) => t("Next in line.").into(),
            Phase::Queued(1) => t("One run is ahead of yours.").into(),
            Phase::Queued(n) => fill("{n} runs are ahead of yours.", &[("n", n)]),
            Phase::Loading { bytes, total: 0 } => {
                fill("Loading the model: {bytes}", &[("bytes", &words::bytes(*bytes))])
            }
            Phase::Loading { bytes, total } => fill(
                "Loading the model: {bytes} of {total}",
                &[("bytes", &words::bytes(*bytes)), ("total", &words::bytes(*total))],
            ),
            Phase::Prefill { done: 0, total } => {
                fill("Reading: {total} layers to go", &[("total", total)])
            }
            Phase::Prefill { done, total } => {
                fill("Reading: layer {done} of {total}", &[("done", done), ("total", total)])
            }
            Phase::Generating { done: 1, .. } => t("Answering: 1 token").into(),
            Phase::Generating { done, .. } => fill("Answering: {n} tokens", &[("n", done)]),
            Phase::Verifying => t("Checking that observing changed nothing …").into(),
            Phase::Asking { done, total } => {
                fill("Asking again: {done} of {total} answers", &[("done", done), ("total", total)])
            }
            Phase::Done(timing) => {
                fill("Done in {time}", &[("time", &words::millis(timing.total_ms))])
            }
            Phase::Failed(body) => {
                fill("The run failed: {message}", &[("message", &errors::of(body))])
            }
            Phase::Cancelled => t("Stopped.").into(),
        }
    }
}

/// How long a step that has come so far in so many milliseconds still takes at that pace; nothing before
/// there is a pace.
pub fn to_go(done: f64, ms: f64) -> Option<f64> {
    (done > 0.05 && done <= 1.0 && ms >= 500.0).then(|| ms * (1.0 - done) / done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{ErrorCode, F32s, LayerFlow, Layout, ModelInfo, Repeat, Sampled, TokenFlow};

    #[test]
    fn a_run_goes_through_its_phases() {
        let repeat = Some(Repeat { times: 8, claim: String::new() });
        let options = RunOptions { max_new_tokens: 4, repeat, ..RunOptions::default() };
        let layer = |layer| Event::PrefillLayer {
            layer,
            flow: LayerFlow { heads: 0, mass: F32s(vec![]), last: F32s(vec![]) },
        };
        let events = [
            Event::Queued { position: 2 },
            Event::Loading { bytes: 1 << 20, total: 4 << 20 },
            Event::Layout {
                layout: Layout::default(),
                layers: 2,
                heads: 1,
                model: ModelInfo::default(),
                options: options.clone(),
            },
            layer(0),
            layer(1),
            Event::Token {
                index: 0,
                id: 1,
                text: "a".into(),
                bytes: None,
                logprob: 0.0,
                alternatives: Vec::new(),
                flow: TokenFlow::default(),
            },
            Event::Sampled(Sampled::default()),
            Event::Cancelled,
        ];
        let mut phase = Phase::Queued(9);
        let mut told = Vec::new();
        for event in &events {
            phase = phase.after(event, &options);
            told.push((phase.sentence(), phase.progress(), phase.is_live()));
        }
        let expected = [
            ("2 runs are ahead of yours.", None, true),
            ("Loading the model: 1.0 MiB of 4.0 MiB", Some(0.25), true),
            ("Reading: 2 layers to go", Some(0.0), true),
            ("Reading: layer 1 of 2", Some(0.5), true),
            ("Reading: layer 2 of 2", Some(1.0), true),
            ("Answering: 1 token", Some(0.25), true),
            ("Asking again: 1 of 8 answers", Some(0.125), true),
            ("Stopped.", None, false),
        ];
        let expected: Vec<_> = expected.into_iter().map(|(s, p, l)| (s.to_owned(), p, l)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn numbers_of_a_part_say_so() {
        for (phase, said) in [
            (Phase::Prefill { done: 1, total: 4 }, Some("partial: still running")),
            (Phase::Generating { done: 1, most: 4 }, Some("partial: still running")),
            (Phase::Cancelled, Some("partial: cancelled")),
            (Phase::Failed(ErrorBody::new(ErrorCode::Interrupted, "")), Some("partial: failed")),
            (Phase::Verifying, None),
            (Phase::Done(Timing::default()), None),
        ] {
            assert_eq!(phase.partial(), said);
        }
    }

    #[test]
    fn what_is_to_go_follows_from_the_pace() {
        assert_eq!(to_go(0.25, 3000.0), Some(9000.0));
        assert_eq!(
            (to_go(0.0, 3000.0), to_go(0.5, 10.0), to_go(1.0, 900.0)),
            (None, None, Some(0.0))
        );
        assert_eq!(Phase::Generating { done: 3, most: 20 }.tokens_to_go(), Some(17));
        assert_eq!(Phase::Verifying.tokens_to_go(), None);
    }

    #[test]
    fn nothing_to_load_is_not_a_division_by_zero() {
        assert_eq!(Phase::Loading { bytes: 0, total: 0 }.progress(), None);
    }
}
