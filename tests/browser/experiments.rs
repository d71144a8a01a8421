//! Experiments on the page: started from the form, watched, opened sample by sample, compared and
//! passed on.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use system_tests::{Browser, LARGE, PHONE, PROJECTOR};

use crate::stage::scene;

/// What the lab answers at an address, as JSON.
async fn read(page: &Browser, path: &str) -> Result<Value> {
    // The page's own connection: a test needs no client of its own.
    let script = format!(
        "const r = new XMLHttpRequest(); r.open('GET', '{path}', false); r.send(); return r.responseText;"
    );
    let text = page.script(&script).await?;
    Ok(serde_json::from_str(text.as_str().unwrap_or_default())?)
}

/// The experiment that the page shows.
async fn id(page: &Browser) -> Result<String> {
    let there = async || {
        let url = page.url().await?;
        Ok(url.split_once("/e/").map(|(_, id)| id.split('?').next().unwrap_or(id).to_owned()))
    };
    page.wait("an experiment's address", there).await
}

/// Starts an experiment of so many samples, with and without 75 % of the picture's tokens.
async fn start(page: &Browser, url: &str, samples: u32, seed: Option<u32>) -> Result<String> {
    page.goto(&format!("{url}/experiments")).await?;
    page.attr_until("model-demo-llava", "type", |t| t == "checkbox").await?;
    page.type_into("samples", &format!("{samples}\t")).await?;
    for rate in ["prune-0.9", "prune-0.95"] {
        page.click(rate).await?;
    }
    if let Some(seed) = seed {
        page.script("document.querySelector('details.more').open = true").await?;
        page.type_into("seed", &format!("{seed}\t")).await?;
    }
    let planned = page.text("planned").await?;
    ensure!(planned.ends_with(&format!("= {} runs", 2 * samples)), "{planned}");
    page.click("start").await?;
    id(page).await
}

#[tokio::test]
async fn an_experiment_is_started_watched_and_opened() -> Result<()> {
    scene("experiment", &[], &[], async |stage| {
        let page = &stage.browser;
        let url = stage.server.url.clone();
        let first = start(page, &url, 40, None).await?;
        // Tables sharpen while items come in.
        let some = page.attr_until("done", "data-done", |n| n.parse().is_ok_and(|n: u32| n > 0));
        some.await?;
        page.find("table-1").await?;
        let visitor = Browser::open().await?;
        visitor.goto(&format!("{url}/e/{first}")).await?;
        visitor.find("table-1").await?;
        ensure!(!visitor.has("pause").await?, "a visitor may not pause another's experiment");
        page.attr_until("done", "data-state", |s| s == "done").await?;
        visitor.attr_until("done", "data-state", |s| s == "done").await?;

        // The page shows the server's numbers, to the last bit.
        let tables = read(page, &format!("/api/experiments/{first}/tables")).await?;
        let mean = &tables["stages"]["rows"][0]["stages"][0]["mdi"]["mean"];
        let mean = mean.as_f64().context("a mean")?;
        let cell = "return document.querySelector('[data-testid=table-1] td').dataset.mean";
        let shown = async || {
            let text = page.script(cell).await?;
            Ok((text.as_str().and_then(|t| t.parse::<f64>().ok()) == Some(mean)).then_some(()))
        };
        page.wait("the final number", shown).await?;
        ensure!(tables["notice"].as_str().is_some_and(|n| n.contains("Stand-ins: demo-llava")));
        for size in [LARGE, PROJECTOR, PHONE] {
            page.screenshot("experiment", size).await?;
        }

        // One click from the most text-leaning sample to its run, which shows the same number.
        let items = read(page, &format!("/api/experiments/{first}/items?condition=0")).await?;
        let mdi = items[0]["mdi"].as_f64().context("an MDI")?;
        page.click("sample-item").await?;
        page.attr_until("status", "data-phase", |p| p == "done").await?;
        let number: f64 = page.attr("big-number", "data-value").await?.parse()?;
        ensure!((number - mdi).abs() < 1e-9 * mdi, "{number} for the run, {mdi} for the item");

        // Another one beside it: other samples, so no difference is claimed.
        let second = start(page, &url, 3, Some(8)).await?;
        page.attr_until("done", "data-state", |s| s == "done").await?;
        page.select("compare", &first).await?;
        page.find("comparison").await?;
        let url = page.url().await?;
        ensure!(url.ends_with(&format!("/e/{second}?with={first}")), "{url}");
        let says = async || {
            Ok(page.text("comparison").await?.contains("Other samples were drawn").then_some(()))
        };
        page.wait("what a comparison is worth", says).await
    })
    .await
}

#[tokio::test]
async fn the_form_offers_the_papers_grid_and_the_finer_choices() -> Result<()> {
    scene("experiment-form", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/experiments", stage.server.url)).await?;
        page.find("model-demo-qwen").await?;
        page.click("paper-grid").await?;
        let planned = async |words: &str| {
            let there = async || Ok(page.text("planned").await?.contains(words).then_some(()));
            page.wait(words, there).await
        };
        planned("100 samples × 12 conditions = 1\u{202f}200 runs").await?;
        page.click("one-at-a-time").await?;
        planned("2 models × 4 prune rates × 3 replications = 2\u{202f}400 runs").await?;
        page.click("one-at-a-time").await?;
        page.script("document.querySelector('details.more').open = true").await?;
        // Only LLaVA has two templates, only Qwen reads pictures of any size.
        page.click("template-vicuna-v1").await?;
        page.click("template-llava-hf").await?;
        planned("18 conditions").await?;
        page.type_into("max-pixels", "own, 30000\t").await?;
        planned("24 conditions").await?;
        page.type_into("max-pixels", "1000\t").await?;
        planned("demo-qwen reads pictures of 28800 to 38016 pixels").await?;
        page.type_into("max-pixels", "30000\t").await?;
        for size in [LARGE, PROJECTOR, PHONE] {
            page.screenshot("experiment-form", size).await?;
        }
        page.select("prune-count", "floor").await?;
        page.type_into("samples", "1\t").await?;
        page.click("start").await?;
        let id = id(page).await?;
        let status = read(page, &format!("/api/experiments/{id}")).await?;
        ensure!(status["spec"]["base"]["prune_count"] == "floor", "{status}");
        ensure!(status["grid"]["conditions"].as_array().is_some_and(|c| c.len() == 18));
        Ok(())
    })
    .await
}
