//! A run's numbers under one definition, as a report and as a table.

pub mod compared;
pub mod drawing;

use std::fmt::Write as _;

use shared::api::RunState;
use shared::event::Stop;
use shared::report::{Fidelity, Numbers};
use shared::sentence::LabError;
use shared::{
    Definition, ErrorCode, Event, Label, ModelInfo, Observation, Preset, Report, RunOptions,
    Sampled, Summary,
};

use tables::neutral::{cell, comment, json};

use crate::error::ApiError;
use crate::runs::Run;
use crate::store::state_after;

/// Reads a definition: a preset's name, or a definition as JSON.
///
/// # Errors
/// `bad_option`, naming the presets.
pub fn parse_definition(text: &str) -> Result<Definition, ApiError> {
    if text.is_empty() {
        return Ok(Definition::default());
    }
    if let Ok(definition) = Definition::from_text(text) {
        return Ok(definition);
    }
    let names: Vec<&str> = Preset::ALL.into_iter().map(Preset::name).collect();
    if let Some((name, sides)) = text.split_once(':')
        && Preset::from_name(name).is_some()
        && let Err(why) = Definition::from_text(text)
    {
        let unusable = LabError::SidesUnusable { sides: shown(sides), why };
        return Err(ApiError::new(ErrorCode::BadOption, unusable));
    }
    if !text.starts_with('{') {
        let none = LabError::NoDefinition { name: shown(text), choices: names.join(", ") };
        return Err(ApiError::new(ErrorCode::BadOption, none));
    }
    serde_json::from_str(text).map_err(|error| {
        ApiError::new(ErrorCode::BadOption, LabError::DefinitionUnusable { why: error.to_string() })
    })
}

/// What is shown of a text that somebody sent.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Everything observed of a run, and what else a report names.
#[derive(Clone, Debug)]
pub struct Observed {
    observation: Observation,
    model: ModelInfo,
    options: RunOptions,
    summary: Summary,
    fidelity: Option<Fidelity>,
    sampled: Vec<Sampled>,
    label: Label,
    status: RunState,
}

impl Observed {
    /// Folds events, and notes where they leave the run.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Option<Self> {
        let mut observation = Observation::default();
        let (mut known, mut done, mut fidelity) = (None, None, None);
        let mut sampled = Vec::new();
        let mut status = RunState::Queued;
        for event in events {
            observation.apply(event);
            status = state_after(event);
            match event {
                Event::Layout { model, options, .. } => {
                    known = Some((model.clone(), options.clone()));
                }
                Event::Done { summary } => done = Some(summary.clone()),
                Event::Sampled(one) => sampled.push(one.clone()),
                Event::Verified { fidelity: found } => fidelity = Some(found.clone()),
                _ => {}
            }
        }
        let (model, options) = known?;
        let summary = done.unwrap_or_else(|| Summary {
            answer: observation.answer(),
            tokens: observation.tokens.len() as u32,
            stop: Stop::Length,
            timing: shared::Timing::default(),
        });
        let label = Label::default();
        Some(Observed { observation, model, options, summary, fidelity, sampled, label, status })
    }

    /// Everything observed of a run.
    ///
    /// # Errors
    /// `not_found` for a run of which nothing was observed (yet).
    pub fn of_run(run: &Run) -> Result<Self, ApiError> {
        let entries = run.log.all();
        let observed = Self::of(entries.iter().map(|e| &e.envelope.event))
            .ok_or_else(|| ApiError::new(ErrorCode::NotFound, LabError::NothingObserved))?;
        Ok(Observed { label: run.label(), ..observed })
    }

    /// The run as plots see it.
    pub fn plotted(&self) -> plots::run::Run<'_> {
        plots::run::Run {
            observation: &self.observation,
            model: &self.model,
            options: &self.options,
            label: &self.label,
            status: self.status.name(),
            sampled: &self.sampled,
        }
    }

    /// The report under a definition. Of a run that is not done it has numbers only where `partial`
    /// ones are asked for.
    pub fn report(&self, definition: &Definition, partial: bool) -> Report {
        let (model, options) = (self.model.clone(), self.options.clone());
        let report = Report::new(&self.observation, definition, model, options, &self.summary)
            .repeated(&self.sampled);
        Report { fidelity: self.fidelity.clone(), label: self.label.clone(), ..report }
            .at(self.status, partial)
    }
}

/// The names of a table's columns after the first.
const COLUMNS: [&str; 11] = [
    "mdi",
    "aei_text",
    "aei_image",
    "attention_text",
    "attention_image",
    "text_tokens",
    "image_tokens",
    "share_text",
    "share_tokens_text",
    "identity_residual",
    "undefined",
];

fn cells(n: &Numbers) -> [String; COLUMNS.len()] {
    let real = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
    let whole = |v: Option<u32>| v.map(|v| v.to_string()).unwrap_or_default();
    // The stable name, as JSON has it.
    let reason = n.undefined.and_then(|u| serde_json::to_value(u).ok());
    [
        real(n.mdi),
        real(n.aei_text),
        real(n.aei_image),
        real(n.attention_text),
        real(n.attention_image),
        whole(n.text_tokens),
        whole(n.image_tokens),
        real(n.share_text),
        real(n.share_tokens_text),
        real(n.identity_residual),
        reason.and_then(|r| r.as_str().map(str::to_owned)).unwrap_or_default(),
    ]
    .map(|text| cell(&text).into_owned())
}

/// The report as comma-separated values: what the numbers mean in comment lines, then a line for
/// each layer. No cell holds a comma or a quote, and none is a formula to a spreadsheet: that holds
/// for comment lines too, of which a spreadsheet makes cells as of any other.
pub fn csv(report: &Report) -> String {
    let mut out = String::new();
    if !report.label.name.is_empty() {
        let _ = writeln!(out, "# name: {}", json(&report.label.name));
    }
    if !report.label.note.is_empty() {
        let _ = writeln!(out, "# note: {}", json(&report.label.note));
    }
    let model = &report.model;
    let _ = writeln!(out, "# LangOverrule Lab {}", report.version);
    let status = report.status.name();
    let _ = match (report.status, report.partial) {
        (RunState::Done, _) => writeln!(out, "# status: {status}"),
        (_, true) => writeln!(
            out,
            "# status: {status}, partial: the numbers are of the part of the run that was seen"
        ),
        (_, false) => writeln!(
            out,
            "# status: {status}: the run did not finish, so there are no numbers; those of the part \
             that was seen are given for ?partial=1"
        ),
    };
    let about = format!(
        "{} ({}), quantization {}, activations {}, device {}, template {}",
        model.name,
        model.family,
        model.quant.name(),
        model.dtype,
        model.device,
        report.options.template_on(model)
    );
    let _ = writeln!(out, "# model: {}", comment(&about));
    if !model.jpeg_decoder.is_empty() {
        let _ = writeln!(out, "# JPEG decoder: {}", comment(&model.jpeg_decoder));
    }
    for changed in &report.options.changed {
        let _ = writeln!(out, "# note: {}", comment(&changed.to_string()));
    }
    let _ = writeln!(out, "# model hash: {}", comment(&model.hash));
    let name = comment(&report.definition_name);
    let _ = writeln!(out, "# definition: {name} {}", json(&report.definition));
    let media = report.layout.media.len();
    if media > 1 {
        let tokens = report.layout.tokens.iter().filter(|t| t.group.is_medium());
        let mut counts = vec![0u32; media];
        for medium in tokens.filter_map(|t| t.medium) {
            counts[usize::from(medium).min(media - 1)] += 1;
        }
        for (number, (medium, tokens)) in (1..).zip(report.layout.media.iter().zip(counts)) {
            let kind = medium.group().name();
            let _ = writeln!(out, "# medium {number}: {kind}, tokens {tokens}");
        }
    }
    let _ = writeln!(out, "# options: {}", json(&report.options));
    let _ = writeln!(out, "# answer: {}", json(&report.generated.text));
    if let Some(fidelity) = &report.fidelity {
        let _ = writeln!(out, "# fidelity: {}", json(fidelity));
    }
    if let Some(repeat) = &report.repeat {
        let _ = writeln!(out, "# repeat: {}", json(repeat));
    }
    let stages = &report.stages;
    let _ = writeln!(out, "# stage,{}", COLUMNS.join(","));
    for (name, n) in [("early", &stages.early), ("middle", &stages.middle), ("late", &stages.late)]
    {
        let _ = writeln!(out, "# {name},{}", cells(n).join(","));
    }
    let _ = writeln!(out, "layer,{}", COLUMNS.join(","));
    for layer in &report.layers {
        let _ = writeln!(out, "{},{}", layer.index, cells(&layer.numbers).join(","));
    }
    out
}
