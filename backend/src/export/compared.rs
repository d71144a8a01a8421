//! Several runs beside each other as files.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plots::comparison::{self, Compared};
use plots::curves::letter;
use plots::export::Asked;
use plots::run::View;
use plots::{Style, Theme, Words, raster};
use shared::{Language, Report};
use tables::neutral::{cell, comment, json};

use super::Observed;
use super::drawing::Form;
use crate::error::ApiError;
use crate::runs::Run;

/// One of the runs.
#[derive(Clone, Debug)]
pub struct One {
    /// The run.
    pub run: Arc<Run>,
    /// Where it is looked at.
    pub address: String,
    /// The prepared picture that its map lies on, as PNG.
    pub picture: Option<Bytes>,
}

/// Runs beside each other, and how they are looked at.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The runs; the others are compared with the first.
    pub all: Vec<One>,
    /// How they are looked at.
    pub view: View,
    /// The theme.
    pub theme: Theme,
    /// The language of what is written.
    pub language: Language,
    /// Where the comparison is looked at.
    pub address: String,
    /// Whether numbers of runs that are not done are shown.
    pub partial: bool,
}

impl Beside {
    /// The file in a form; `None` for comma-separated values.
    ///
    /// # Errors
    /// `not_found` for a run of which nothing was observed; `internal` where no picture can be made.
    pub fn write(&self, form: Option<Form>) -> Result<Vec<u8>, ApiError> {
        let observed: Vec<Observed> = self
            .all
            .iter()
            .map(|one| Observed::of_run(&one.run))
            .collect::<Result<_, ApiError>>()?;
        let Some(form) = form else { return Ok(self.csv(&observed).into_bytes()) };
        let style = Style { words: Words::of(self.language), ..Style::from(self.theme) };
        let version = env!("CARGO_PKG_VERSION");
        let data = |png: &Bytes| format!("data:image/png;base64,{}", STANDARD.encode(png));
        let pictures: Vec<Option<String>> =
            self.all.iter().map(|one| one.picture.as_ref().map(data)).collect();
        let runs = self.all.iter().zip(&observed).zip(&pictures);
        let compared: Vec<Compared<'_>> = runs
            .map(|((one, observed), picture)| {
                let (address, picture) = (one.address.as_str(), picture.as_deref());
                let asked = Asked { address, version, partial: self.partial, picture };
                Compared { run: observed.plotted(), asked }
            })
            .collect();
        let (view, address) = (&self.view, self.address.as_str());
        let drawn = || comparison::file(&compared, view, &style, address, version);
        match form {
            Form::Html => {
                let at = (address, version);
                let made = comparison::document(&compared, view, &style, at, self.language);
                Ok(made.into_bytes())
            }
            Form::Svg => Ok(drawn().svg.into_bytes()),
            Form::Png => {
                let file = drawn();
                raster::png(&file.svg, raster::SHARPNESS, &file.title, &file.told)
                    .map_err(|why| ApiError::internal(format!("no picture of a drawing: {why:?}")))
            }
        }
    }

    /// What each run is in comment lines, then a line for each layer. No cell is a formula to a
    /// spreadsheet.
    fn csv(&self, observed: &[Observed]) -> String {
        let reports: Vec<Report> = observed
            .iter()
            .map(|observed| observed.report(&self.view.definition, self.partial))
            .collect();
        let mut out = format!("# LangOverrule Lab {}\n", env!("CARGO_PKG_VERSION"));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# comparison: {}", comment(&self.address));
        if let Some(first) = reports.first() {
            let name = comment(&first.definition_name);
            let _ = writeln!(out, "# definition: {name} {}", json(&first.definition));
        }
        let mut head = vec!["layer".to_owned()];
        for (place, (report, one)) in reports.iter().zip(&self.all).enumerate() {
            let letter = letter(place);
            let about = format!(
                "{}, {}, {}, status {}",
                one.address,
                report.model.name,
                report.model.quant.name(),
                report.status.name()
            );
            let _ = writeln!(out, "# {letter}: {}", comment(&about));
            let _ = writeln!(out, "# {letter} options: {}", json(&report.options));
            let _ = writeln!(out, "# {letter} answer: {}", json(&report.generated.text));
            head.extend(["mdi", "aei_text", "aei_image"].map(|name| format!("{letter}_{name}")));
        }
        let _ = writeln!(out, "{}", head.join(","));
        let layers = reports.iter().map(|report| report.layers.len()).max().unwrap_or(0);
        for layer in 0..layers {
            let mut row = vec![layer.to_string()];
            for report in &reports {
                let numbers = report.layers.get(layer).map(|l| &l.numbers);
                let real = |v: Option<f64>| v.map(|v| cell(&v.to_string()).into_owned());
                let of = |pick: fn(&shared::report::Numbers) -> Option<f64>| {
                    real(numbers.and_then(pick)).unwrap_or_default()
                };
                row.extend([of(|n| n.mdi), of(|n| n.aei_text), of(|n| n.aei_image)]);
            }
            let _ = writeln!(out, "{}", row.join(","));
        }
        out
    }
}
