//! Where the numbers of tables come from, in words.

use shared::experiment::tables::Tables;
use shared::experiment::{Condition, ExperimentState};
use shared::{ModelInfo, PictureUse, PruneBy, RunOptions, Sampling};

fn model(info: &ModelInfo) -> String {
    let held: Vec<String> = info.held.iter().map(|(kind, n)| format!("{n} × {kind}")).collect();
    let held =
        if held.is_empty() { String::new() } else { format!(", held as {}", held.join(", ")) };
    let fallbacks = if info.fallbacks.is_empty() {
        String::new()
    } else {
        format!(", held otherwise: {}", info.fallbacks.join("; "))
    };
    let jpeg = match info.jpeg_decoder.as_str() {
        "" => String::new(),
        decoder => format!(", JPEG decoder {decoder}"),
    };
    let notes: String = info.notes.iter().map(|note| format!(". {note}")).collect();
    format!(
        "{} ({}), quantization {}{held}{fallbacks}, activations {}, device {}{jpeg}, template {}, \
         SHA-256 {}{notes}",
        info.name,
        info.family,
        info.quant.name(),
        info.dtype,
        info.device,
        info.template,
        info.hash
    )
}

/// The options of the runs in words, those alone that decide something here.
pub fn options(tables: &Tables) -> String {
    let (o, models) = (&tables.provenance.options, &tables.provenance.models);
    let any = |moved: fn(&Condition) -> bool| tables.conditions.iter().any(|c| moved(&c.condition));
    let tokens = if o.max_new_tokens == 1 { "token" } else { "tokens" };
    let mut parts = vec![format!("at most {} {tokens} written", o.max_new_tokens)];
    if o.ignore_eos {
        parts.push("also after the end-of-sequence token".to_owned());
    }
    let fitted = by_model(tables, |o| Some(o.fit.name().to_owned()));
    parts.push(match fitted.as_str() {
        // Experiments that were stored without what their runs used.
        "" => format!("fit {}", o.fit.name()),
        fitted => format!("fit {fitted}"),
    });
    let resized = by_model(tables, |o| Some(o.resize.name().to_owned()));
    match resized.as_str() {
        "" => parts.push(format!("pictures resized as {}", o.resize.name())),
        resized => parts.push(format!("pictures resized as {resized}")),
    }
    if any(|c| c.prune > 0.0) {
        let stood = by_model(tables, |o| o.prune_positions.map(|at| at.name().to_owned()));
        let own = models.iter().filter_map(|m| Some((&m.name, m.prune_positions?)));
        let mut own: Vec<String> =
            own.map(|(name, at)| format!("{} of {name}", at.name())).collect();
        own.dedup();
        let positions = match o.prune_positions {
            Some(at) => at.name().to_owned(),
            None if !stood.is_empty() => stood,
            // Experiments that were stored without them.
            None if own.is_empty() => "the model's own".to_owned(),
            None => own.join(", "),
        };
        let by = if o.prune_by == PruneBy::Score { "" } else { ", by chance" };
        parts.push(format!("prune count {}, positions {positions}{by}", o.prune_count.name()));
    }
    let pixels = by_model(tables, |o| o.max_pixels.map(|n| n.to_string()));
    if !pixels.is_empty() {
        parts.push(format!("most pixels of a picture {pixels}"));
    }
    if any(|c| c.replicate > 1) {
        parts.push(format!("positions of copies {}", o.copies.name()));
    }
    if o.sampling != Sampling::default() {
        parts.push(format!("tokens chosen: {}", o.sampling));
    }
    if o.picture != PictureUse::Own {
        parts.push(format!("picture {}", o.picture));
    }
    if let Some(knockout) = &o.knockout {
        parts.push(format!("knockout {knockout}"));
    }
    parts.join("; ")
}

/// What the runs of each model used of one option: `kept of demo-qwen, repacked of demo-llava`, or the value alone
/// where all used the same.
fn by_model(tables: &Tables, read: impl Fn(&RunOptions) -> Option<String>) -> String {
    let values: Vec<Option<String>> =
        tables.conditions.iter().map(|c| c.options.as_ref().and_then(&read)).collect();
    if let Some(Some(first)) = values.first()
        && values.iter().all(|value| value.as_ref() == Some(first))
    {
        return first.clone();
    }
    let mut all: Vec<String> = Vec::new();
    for (result, value) in tables.conditions.iter().zip(values) {
        let Some(value) = value else { continue };
        let said = format!("{value} of {}", result.condition.model);
        if !all.contains(&said) {
            all.push(said);
        }
    }
    all.join(", ")
}

/// What is said before anything else: that an experiment is not done, and what stands in for what.
pub fn notices(tables: &Tables) -> Vec<String> {
    let p = &tables.provenance;
    let status = match p.status {
        ExperimentState::Done => None,
        ExperimentState::Running => Some("still running"),
        ExperimentState::Paused => Some("paused"),
        ExperimentState::Cancelled => Some("cancelled"),
    };
    let unfinished = status.map(|status| {
        format!(
            "Not finished ({status}): {} of {} runs are done, and every mean is of those.",
            p.done, p.items
        )
    });
    unfinished.into_iter().chain(tables.notice.clone()).collect()
}

/// Where the numbers come from, as names and values.
pub fn provenance(tables: &Tables) -> Vec<(String, String)> {
    let p = &tables.provenance;
    let definition = serde_json::to_string(&tables.choice.definition).unwrap_or_default();
    let samples = serde_json::to_string(&tables.choice.samples).unwrap_or_default();
    let mut all: Vec<(&str, String)> = p.models.iter().map(|m| ("model", model(m))).collect();
    all.extend([
        (
            "definition",
            format!("{}: {definition}, samples {}", tables.choice.name, samples.trim_matches('"')),
        ),
        (
            "dataset",
            format!(
                "{} ({} rows), revision {}{}",
                p.dataset.name,
                p.dataset.rows,
                p.dataset.revision,
                if p.dataset.note.is_empty() {
                    String::new()
                } else {
                    format!("; {}", p.dataset.note)
                }
            ),
        ),
        ("samples", format!("{} drawn with seed {}", p.samples, p.seed)),
        ("runs", format!("{} of {} done, experiment {}", p.done, p.items, p.status.name())),
        ("options", options(tables)),
        ("intervals", p.intervals.clone()),
        ("paper", p.paper.clone()),
        ("lab", format!("LangOverrule Lab {}, started {}", p.lab, p.created)),
    ]);
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
