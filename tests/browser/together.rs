//! Several people at one lab, and a lab that goes away under them.

use anyhow::{Result, ensure};
use system_tests::Browser;

use crate::failures::REFUSED;
use crate::stage::{ALL, ANSWERING, READING, choose_the_only_model, scene};

#[tokio::test]
async fn a_late_viewer_catches_up_with_a_run_at_work() -> Result<()> {
    scene("late", &["--scripted"], REFUSED, async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        let late = Browser::open().await?;
        stage.ask("[held] What is in the picture?").await?;
        let id = stage.run_id().await?;
        // Layers arrive while the model reads: the curve grows before there is an answer.
        stage.allow(READING)?;
        stage.phase("prefill").await?;
        late.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        late.attr_until("status", "data-phase", |p| p == "prefill").await?;
        ensure!(!late.has("cancel").await?, "a visitor may not stop another's run");
        stage.allow(ANSWERING)?;
        late.attr_until("status", "data-phase", |p| p == "generating").await?;
        stage.allow(ALL)?;
        stage.phase("done").await?;
        late.attr_until("status", "data-phase", |p| p == "done").await?;
        let number = stage.number().await?;
        let seen = late.attr("big-number", "data-value").await?;
        ensure!(seen.parse() == Ok(number), "{seen} for one, {number} for the other");
        let chips = page.find_all("token-chip").await?.len();
        ensure!(late.find_all("token-chip").await?.len() == chips);
        ensure!(late.severe(REFUSED).await?.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn two_people_ask_at_once_and_both_are_answered() -> Result<()> {
    scene("queue", &["--scripted"], REFUSED, async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        let other = Browser::open().await?;
        other.goto(&stage.server.url).await?;
        stage.ask("[held] first").await?;
        stage.run_id().await?;
        other.upload("picture-input", &crate::stage::photo()).await?;
        other.type_into("prompt", "second").await?;
        choose_the_only_model(&other).await?;
        other.click("run").await?;
        other.attr_until("status", "data-phase", |p| p == "queued").await?;
        stage.allow(ALL)?;
        stage.phase("done").await?;
        other.attr_until("status", "data-phase", |p| p == "done").await?;
        ensure!(other.url().await? != page.url().await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_page_outlives_its_lab_and_finds_it_again() -> Result<()> {
    // Chromium notes refused connections itself.
    let expected = ["ERR_CONNECTION_REFUSED", "WebSocket connection", "Failed to load resource"];
    scene("restart", &["--scripted"], &expected, async |stage| {
        stage.browser.goto(&stage.server.url).await?;
        stage.ask("[held] What is in the picture?").await?;
        stage.run_id().await?;
        stage.allow(ANSWERING)?;
        stage.phase("generating").await?;
        stage.server.power_cut()?;
        // The run cannot go on; it is said to have been interrupted, not left hanging.
        stage.phase("failed").await?;
        stage.ask("What is in the picture?").await?;
        stage.phase("done").await
    })
    .await
}
