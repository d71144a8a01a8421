//! Files that the page hands out hold what the page shows.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use system_tests::Browser;
use tempfile::TempDir;

/// Downloads both files of the run on the screen, as a person does, and holds them against one
/// another and against the numbers on the page.
pub async fn files_hold_what_is_shown(page: &Browser, definition: &str) -> Result<()> {
    let folder = TempDir::new()?;
    let to = json!({ "behavior": "allow", "downloadPath": folder.path() });
    page.devtools("Browser.setDownloadBehavior", to).await?;
    let text = downloaded(page, folder.path(), "json").await?;
    let report: Value = serde_json::from_str(&text).context("the JSON file")?;
    let csv = downloaded(page, folder.path(), "csv").await?;

    ensure!(report["definition_name"] == definition, "{}", report["definition_name"]);
    let shown: f64 = page.attr("big-number", "data-value").await?.parse()?;
    ensure!(report["stages"]["late"]["mdi"].as_f64() == Some(shown), "{shown} on the page");
    ensure!(report["generated"]["text"] == page.attr("answer", "data-text").await?);

    // Every number of the table in the other file, to the last bit.
    let mut lines = csv.lines().filter(|l| !l.starts_with('#'));
    let heads: Vec<&str> = lines.next().context("no heads")?.split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|l| l.split(',').collect()).collect();
    let layers = report["layers"].as_array().context("no layers")?;
    ensure!(rows.len() == layers.len() && layers.len() > 1, "{} rows", rows.len());
    for (row, layer) in rows.iter().zip(layers) {
        ensure!(row.len() == heads.len(), "{row:?}");
        for (head, cell) in heads.iter().zip(row).skip(1).filter(|(h, _)| **h != "undefined") {
            let theirs = layer[head].as_f64();
            ensure!(cell.parse::<f64>().ok() == theirs, "{head}: {cell} and {theirs:?}");
        }
    }

    // And the page's own table by layer says the same, rounded.
    if page.find_all("layer-table").await?.is_empty() {
        page.click("layer-table-open").await?;
    }
    page.find("layer-table").await?;
    let shown = page
        .script(
            "return [...document.querySelectorAll('[data-testid=layer-table] tbody tr')]
                .map(r => r.cells[1].textContent)",
        )
        .await?;
    let shown = shown.as_array().context("no table")?;
    ensure!(shown.len() == layers.len(), "{shown:?}");
    for (cell, layer) in shown.iter().zip(layers) {
        let cell = cell.as_str().context("no text")?;
        let (rounded, exact): (f64, f64) =
            (cell.parse().context(cell.to_owned())?, layer["mdi"].as_f64().context("undefined")?);
        ensure!((rounded - exact).abs() <= 0.006 * exact.max(1.0), "{cell} and {exact}");
    }
    page.click("layer-table-open").await
}

/// A file that the page's menu hands out, once all of it is there.
async fn downloaded(page: &Browser, folder: &Path, kind: &str) -> Result<String> {
    page.script(
        "document.querySelector('details.menu:has([data-testid=export-json])').open = true",
    )
    .await?;
    page.click(&format!("export-{kind}")).await?;
    let there = async || {
        let files = std::fs::read_dir(folder)?.flatten().map(|f| f.path());
        let mut files = files.filter(|f: &PathBuf| f.extension().is_some_and(|e| e == kind));
        // A file has its name before it has its content.
        let text = files.next().map(std::fs::read_to_string).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    };
    page.wait(&format!("the {kind} file"), there).await
}
