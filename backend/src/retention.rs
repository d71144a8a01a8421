//! How long the lab keeps what people asked: `serve --keep 30d` deletes what is older.
//!
//! Runs count from when they were submitted, experiments from their last item's end. Whatever is at
//! work is left alone.

use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock::Moment;
use crate::error::ApiError;
use crate::http::state::AppState;
use crate::store::Older;

/// How often the lab looks for what is too old.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// The shortest time that makes sense for something looked at that often.
const LEAST: Duration = EVERY;
/// The longest, a hundred years: no clock goes back further, and so nothing would ever be too old.
const MOST: Duration = Duration::from_secs(100 * 31_557_600);

/// For how long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Runs without a name or note, and experiments.
    pub unnamed: Duration,
    /// Runs that somebody named or noted something of; `None` for ever.
    pub named: Option<Duration>,
}

impl Keep {
    /// What is too old at a moment; `None` where nothing can be.
    fn older(self, now: SystemTime) -> Option<Older> {
        // Nothing was submitted before 1970, and a machine that boots there knows no time.
        let before = |time| now.checked_sub(time).filter(|then| *then > SystemTime::UNIX_EPOCH);
        Some(Older { unnamed: before(self.unnamed)?, named: self.named.and_then(before) })
    }
}

/// A tick now and one every hour, until `stopping` is cancelled.
pub fn hourly(stopping: CancellationToken) -> mpsc::Receiver<()> {
    let (tick, ticks) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut hours = tokio::time::interval(EVERY);
        hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ticking = async {
            loop {
                hours.tick().await;
                // One that is waiting already is enough.
                let _ = tick.try_send(());
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = ticking => {}
        }
    });
    ticks
}

/// A time such as `30d` that things are kept.
///
/// # Errors
/// A sentence.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is no time; write one such as 30d, 12h or 1y"))?;
    match time {
        time if time < LEAST => Err("the shortest time to keep things is 1h".to_owned()),
        time if time > MOST => {
            Err("the longest time to keep things is 100y; leave the option out to \
                                    keep them for ever"
                .to_owned())
        }
        time => Ok(time),
    }
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Runs.
    pub runs: u64,
    /// Experiments.
    pub experiments: u64,
}

/// Looks for what is too old.
#[derive(Debug)]
pub struct Retention {
    keep: Keep,
    /// When it looked last.
    last: Option<Moment>,
}

impl Retention {
    /// Looks by these times.
    pub fn new(keep: Keep) -> Retention {
        Retention { keep, last: None }
    }

    /// Deletes what is too old at `now`.
    ///
    /// Nothing the first time, and nothing where the clock went forward by much more than the time that
    /// passed, until it is looked again: a clock that is wrong for a moment, or until a machine that was
    /// just started hears the time, must not delete a year's work.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn look(&mut self, state: &AppState, now: Moment) -> Result<Swept, ApiError> {
        let Some(last) = self.last.replace(now) else { return Ok(Swept::default()) };
        let forward = now.wall.duration_since(last.wall).unwrap_or_default();
        if forward > now.passed.saturating_sub(last.passed) + EVERY {
            tracing::warn!(
                forward = %humantime::format_duration(forward),
                "the clock was set forward; nothing is deleted for its age before the next look"
            );
            return Ok(Swept::default());
        }
        let Some(older) = self.keep.older(now.wall) else { return Ok(Swept::default()) };
        let runs = state.runs.expire(older).await?;
        let experiments = expire_experiments(state, older.unnamed).await?;
        if runs + experiments > 0 {
            tracing::info!(runs, experiments, "deleted for their age");
            state.runs.metrics.expired(runs + experiments);
        }
        Ok(Swept { runs, experiments })
    }

    /// Looks at each tick, until no more can come; `clock` says what time it is.
    pub async fn watch(
        mut self,
        state: AppState,
        clock: impl Fn() -> Moment,
        mut ticks: mpsc::Receiver<()>,
    ) {
        while ticks.recv().await.is_some() {
            if let Err(error) = self.look(&state, clock()).await {
                tracing::error!(code = %error.0.code, "what is too old was not deleted");
            }
        }
    }
}

async fn expire_experiments(state: &AppState, before: SystemTime) -> Result<u64, ApiError> {
    let Some(means) = &state.experiments else { return Ok(0) };
    let queue = means.book.clone();
    let expire = move || queue.expire(before);
    let deleted = tokio::task::spawn_blocking(expire).await.map_err(ApiError::internal)??;
    for id in &deleted {
        state.live.forget(id);
    }
    Ok(deleted.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_wrong_ones_explained() {
        assert_eq!(parse_time("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!((parse_time("1h"), parse_time("100y")), (Ok(LEAST), Ok(MOST)));
        for (text, part) in [
            ("thirty", "30d"),
            ("59m", "1h"),
            ("0s", "1h"),
            ("", "30d"),
            ("-30d", "30d"),
            ("101y", "for ever"),
            // As many seconds as can be counted, and more.
            ("99999999999y", "for ever"),
            ("99999999999999y", "30d"),
        ] {
            let sentence = parse_time(text).expect_err(text);
            assert!(sentence.contains(part), "{text}: {sentence}");
        }
    }
}
