//! `analyze --times`: the same question asked again with other seeds, and the table of what came of it.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;

use engine::{EngineError, Media};
use shared::experiment::stats::Proportion;
use shared::repeat::{MdiSpread, RepeatTable};
use shared::{ErrorBody, ErrorCode, Event, Observation, RunOptions, Summary};

use super::recorder::Recording;
use crate::runs::{nth, sampled};
use crate::workers::lab::LoadedModel;
use crate::workers::{MeasureError, measure};

/// Records the first answer as one of several, and asks for the others, where more than one is wanted.
pub(super) fn repeat(
    recording: &mut Recording,
    model: &dyn LoadedModel,
    media: &Media<'_>,
    options: &RunOptions,
    summary: &Summary,
) -> Result<(), EngineError> {
    let Some(repeat) = &options.repeat else { return Ok(()) };
    let mut seen = Observation::default();
    recording.events().for_each(|event| seen.apply(event));
    recording.push(Event::Sampled(sampled(options, 0, summary, &seen)));
    for index in 1..repeat.times {
        progress(index, repeat.times);
        let go_on: crate::workers::Stop = Arc::new(|| false);
        let measured = measure(model, media, &nth(options, index), &go_on);
        let measured = measured
            .map_err(why)?
            .ok_or_else(|| EngineError::internal("the run stopped though nobody asked"))?;
        let one = sampled(options, index, &measured.summary, &measured.observation);
        recording.push(Event::Sampled(one));
    }
    progress(repeat.times, repeat.times);
    Ok(())
}

fn why(error: MeasureError) -> EngineError {
    match error {
        MeasureError::Model(error) | MeasureError::Question(error) => error,
        MeasureError::Memory(why) => ErrorBody::new(ErrorCode::OutOfMemory, why).into(),
        MeasureError::Panicked => EngineError::internal("the run panicked"),
    }
}

/// Shows on a terminal how many answers there are.
fn progress(answered: u32, times: u32) {
    if std::io::stderr().is_terminal() {
        let end = if answered == times { "\n" } else { "" };
        let _ = write!(std::io::stderr(), "\rasked {answered} of {times} times{end}");
    }
}

/// The table as text.
pub(super) fn table(table: &RepeatTable) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "\nasked       {} of {} times", table.answered, table.times);
    match (&table.claim, &table.claimed) {
        (Some(claim), Some(said)) => {
            let (count, n) = (said.count, said.n);
            let _ = writeln!(
                out,
                "claim       {claim}: {count} of {n} answers say so, {}",
                share(said)
            );
        }
        _ => {
            let _ = writeln!(out, "claim       not known: name it with --claim");
        }
    }
    let _ = writeln!(
        out,
        "\n{:>6}  {:>7} {:>15}  {:>8}  {:<5}  answer",
        "count", "share", "95 % interval", "late MDI", "claim"
    );
    for row in &table.answers {
        let claimed = match row.claimed {
            Some(true) => "yes",
            Some(false) => "no",
            None => "–",
        };
        let p = &row.share;
        let _ = writeln!(
            out,
            "{:>6}  {:>7} {:>15}  {:>8}  {claimed:<5}  {}",
            p.count,
            percent(p.share),
            interval(p),
            real(row.late_mdi),
            row.answer.replace(['\n', '\r'], " ")
        );
    }
    let _ = writeln!(
        out,
        "\n{:>7}  {:>9} {:>9} {:>9} {:>9}",
        "layer", "MDI mean", "10th pct", "median", "90th pct"
    );
    for (layer, spread) in table.layers.iter().enumerate() {
        let _ = writeln!(out, "{}", line(&layer.to_string(), spread));
    }
    let _ = write!(out, "{}", line("late", &table.late));
    if let Some(reason) = table.undefined {
        let _ = write!(out, "  {reason}");
    }
    out.push('\n');
    out
}

fn line(name: &str, spread: &MdiSpread) -> String {
    let MdiSpread { mean, median, low, high, .. } = spread;
    let [mean, low, median, high] = [mean, low, median, high].map(|v| real(*v));
    format!("{name:>7}  {mean:>9} {low:>9} {median:>9} {high:>9}")
}

fn real(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.3}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

fn interval(p: &Proportion) -> String {
    match (p.low, p.high) {
        (Some(low), Some(high)) => format!("{:.1} – {:.1} %", 100.0 * low, 100.0 * high),
        _ => "–".to_owned(),
    }
}

fn share(p: &Proportion) -> String {
    match p.low {
        Some(_) => format!("{} (95 % interval {})", percent(p.share), interval(p)),
        None => percent(p.share),
    }
}
