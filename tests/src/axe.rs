//! axe-core, which knows what the Web Content Accessibility Guidelines ask of a page.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Browser, file};

/// Rules of WCAG 2.0, 2.1 and 2.2, levels A and AA. `target-size` is in them and off by default.
const ASK: &str = "
    axe.run(document, {
        runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
        rules: { 'target-size': { enabled: true } },
        resultTypes: ['violations', 'passes'],
    }).then(({ violations, passes }) => done({ violations, passes: passes.length }),
            error => done({ broken: String(error) }));";

/// The library's source.
#[derive(Debug)]
pub struct Axe(String);

impl Axe {
    /// Reads the library where `./run.sh test` puts it.
    ///
    /// # Errors
    /// It is not there.
    pub fn find() -> Result<Axe> {
        let tools = file(".tools");
        let folders = std::fs::read_dir(&tools).into_iter().flatten().flatten();
        let is_axe = |p: &PathBuf| {
            let name = p.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("axe-core-")
        };
        let newest = folders.map(|f| f.path()).filter(is_axe).max();
        let script = newest.map(|folder| folder.join("axe.min.js"));
        let source = script.and_then(|script| std::fs::read_to_string(script).ok());
        source.map(Axe).with_context(|| {
            format!("axe-core is missing in {}: './run.sh test' puts it there", tools.display())
        })
    }

    /// What is wrong with the page that is open, in a paragraph for each rule that it breaks.
    ///
    /// # Errors
    /// The library does not run, or found nothing at all to look at.
    pub async fn look(&self, page: &Browser) -> Result<Vec<String>> {
        page.script(&self.0).await?;
        let found = page.asking(ASK).await?;
        let passed = found["passes"].as_u64().filter(|n| *n > 5);
        passed.with_context(|| format!("axe looked at nothing: {found}"))?;
        let violations = found["violations"].as_array().context("no list of violations")?;
        Ok(violations.iter().map(told).collect())
    }
}

/// A broken rule: its name, what it asks, and for each element where it is and what is wrong.
fn told(violation: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let mut told = format!("{}: {}", text(&violation["id"]), text(&violation["help"]));
    for node in violation["nodes"].as_array().into_iter().flatten() {
        let at: Vec<String> = node["target"].as_array().into_iter().flatten().map(text).collect();
        let fix = text(&node["failureSummary"]).replace('\n', "\n      ");
        let html: String = text(&node["html"]).chars().take(160).collect();
        let _ = write!(told, "\n    {}\n      {html}\n      {fix}", at.join(" "));
    }
    told
}
