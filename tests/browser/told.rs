//! What the page says of the run and of itself: whether observing changed anything, links it cannot
//! read, a lab that is gone, errors that give way to newer ones.

use anyhow::{Result, ensure};
use system_tests::{LARGE, PHONE};

use crate::failures::REFUSED;
use crate::stage::{ANSWERING, scene};

#[tokio::test]
async fn a_verified_run_wears_a_badge_that_replays() -> Result<()> {
    scene("verified", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.script("document.querySelector('details.more').open = true").await?;
        page.click("verify").await?;
        stage.ask("Which animal is in the picture?").await?;
        let id = stage.run_id().await?;
        stage.phase("done").await?;
        let told = page.text("fidelity").await?;
        ensure!(told.contains("Observing changed nothing"), "{told}");
        ensure!(told.contains("largest logit difference 0"), "{told}");
        let more = page.attr("fidelity", "title").await?;
        ensure!(more.contains("q8_0") && more.contains("f32"), "{more}");
        page.screenshot("verified", LARGE).await?;
        page.screenshot("verified-phone", PHONE).await?;
        // Of the numbers beside it: the share of tokens, and how exact the identity is.
        ensure!(page.text("share-tokens").await?.contains('%'));
        let identity: f64 = page.text("identity").await?.parse()?;
        ensure!(identity < 1e-9, "{identity}");
        // From the stored events alone, after a restart.
        stage.server.power_cut()?;
        page.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        stage.phase("done").await?;
        ensure!(page.text("fidelity").await? == told);
        // A run that did not ask has none.
        stage.ask("Which animal is in the picture?").await?;
        page.wait("the next run's address", async || {
            Ok((!page.url().await?.contains(&id)).then_some(()))
        })
        .await?;
        stage.phase("done").await?;
        ensure!(page.has("fidelity").await? == page.checked("verify").await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_link_that_cannot_be_read_says_so() -> Result<()> {
    scene("bad-link", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/r/sample?def=papr&layer=3", stage.server.url)).await?;
        page.attr_until("error", "data-code", |c| c == "bad_link").await?;
        let told = page.text("error").await?;
        ensure!(told.contains("def=papr"), "{told}");
        stage.phase("done").await?;
        page.screenshot("bad-link", LARGE).await?;
        // What could be read holds.
        ensure!(page.url().await?.contains("layer=3"));

        // A layer and a token that the run does not have are read well and lead nowhere.
        page.goto(&format!("{}/r/sample?layer=99&token=77", stage.server.url)).await?;
        stage.phase("done").await?;
        let notes =
            "return [...document.querySelectorAll('[data-testid=error]')].map(e => e.innerText)";
        page.wait("both to be said", async || {
            let told = page.script(notes).await?.to_string();
            Ok((told.contains("99") && told.contains("77") && told.contains("0 to 7"))
                .then_some(()))
        })
        .await?;
        page.wait("the address to follow", async || {
            let url = page.url().await?;
            Ok((!url.contains("layer") && !url.contains("token")).then_some(()))
        })
        .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_lab_that_goes_away_during_a_run_is_said() -> Result<()> {
    let expected = ["ERR_CONNECTION_REFUSED", "WebSocket connection", "Failed to load resource"];
    scene("gone", &["--scripted"], &expected, async |stage| {
        stage.browser.goto(&stage.server.url).await?;
        stage.ask("[held] What is in the picture?").await?;
        stage.allow(ANSWERING)?;
        stage.phase("generating").await?;
        stage.server.go_away();
        let page = &stage.browser;
        let told = page
            .wait("the page to say that the lab is gone", async || {
                let told = page.text("status").await?;
                Ok(told.contains("Connection lost").then_some(told))
            })
            .await?;
        ensure!(told.contains("trying again"), "{told}");
        page.screenshot("gone", LARGE).await?;
        // What had been seen stays on the screen.
        ensure!(!page.find_all("token-chip").await?.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn errors_do_not_pile_up() -> Result<()> {
    scene("errors", &["--scripted"], REFUSED, async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        for file in ["Cargo.toml", "README.md", "LICENSE-MIT", "clippy.toml", "Trunk.toml"] {
            page.upload("picture-input", &system_tests::file(file)).await?;
            page.attr_until("error", "data-code", |c| c == "picture_unreadable").await?;
        }
        let bars = page.find_all("error").await?.len();
        ensure!((1..=3).contains(&bars), "{bars} error bars");
        // Asking again answers what was wrong before.
        stage.ask("What is in the picture?").await?;
        stage.phase("done").await?;
        ensure!(page.find_all("error").await?.is_empty(), "old errors stay");
        Ok(())
    })
    .await
}
