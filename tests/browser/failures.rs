//! What goes wrong, and what a person is told of it.

use anyhow::{Result, ensure};
use system_tests::file;

use crate::stage::{ANSWERING, choose_the_only_model, scene};

/// Chromium puts answers of 400 and above into the console itself. A scripted lab ships no run, so
/// its first page has one such answer.
pub const REFUSED: &[&str] = &["Failed to load resource"];

#[tokio::test]
async fn what_is_no_picture_is_refused_in_words_that_stay() -> Result<()> {
    scene("no-picture", &["--scripted"], REFUSED, async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        // By its first bytes no picture: the page says so itself.
        page.upload("picture-input", &file("Cargo.toml")).await?;
        page.attr_until("error", "data-code", |c| c == "picture_unreadable").await?;
        page.screenshot("error", system_tests::LARGE).await?;
        let close = page.find("error").await?;
        close.find(thirtyfour::By::Css("button")).await?.click().await?;
        let gone = async || Ok((!page.has("error").await?).then_some(()));
        page.wait("the error to be dismissed", gone).await?;

        // A picture whose name says nothing is one, and takes the complaint away.
        page.upload("picture-input", &file("README.md")).await?;
        page.attr_until("error", "data-code", |c| c == "picture_unreadable").await?;
        let nameless = stage.data.path().join("photo");
        std::fs::copy(file("tests/goldens/images/photo.jpg"), &nameless)?;
        page.upload("picture-input", &nameless).await?;
        let gone = async || Ok((!page.has("error").await?).then_some(()));
        page.wait("the complaint to go", gone).await?;

        // A picture dragged here from another page is a link to it, and that is said.
        page.script(
            "const dropped = new DataTransfer(); \
             dropped.setData('text/uri-list', 'https://example.org/cat.jpg'); \
             window.dispatchEvent(new DragEvent('drop', {dataTransfer: dropped, cancelable: true}));",
        )
        .await?;
        page.attr_until("error", "data-code", |c| c == "picture_unreadable").await?;
        let told = page.text("error").await?;
        ensure!(told.contains("link"), "{told}");

        // By its first bytes a picture, and none inside: the server says so.
        let fake = stage.data.path().join("fake.png");
        std::fs::write(&fake, b"\x89PNG\r\n\x1a\nno pixels at all")?;
        page.upload("picture-input", &fake).await?;
        page.type_into("prompt", "What is this?").await?;
        choose_the_only_model(page).await?;
        page.click("run").await?;
        page.attr_until("error", "data-code", |c| c == "picture_damaged").await?;
        let told = page.text("error").await?;
        ensure!(told.len() > 20, "that explains nothing: {told}");
        // It stays, and so does what was typed.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        ensure!(page.has("error").await?, "the error went away by itself");
        let typed = page.script("return document.querySelector('[data-testid=prompt]').value");
        ensure!(typed.await? == "What is this?");
        // And the next run works.
        stage.ask("And this?").await?;
        stage.run_id().await?;
        stage.phase("done").await
    })
    .await
}

#[tokio::test]
async fn a_question_has_words() -> Result<()> {
    scene("no-words", &["--scripted"], REFUSED, async |stage| {
        stage.browser.goto(&stage.server.url).await?;
        stage.ask("   ").await?;
        stage.browser.attr_until("error", "data-code", |c| c == "prompt_empty").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_run_that_fails_says_why_and_the_next_one_works() -> Result<()> {
    scene("failing-run", &["--scripted"], REFUSED, async |stage| {
        stage.browser.goto(&stage.server.url).await?;
        for (word, reason) in [("[fail]", "too long"), ("[panic]", "")] {
            stage.ask(word).await?;
            stage.phase("failed").await?;
            let told = stage.browser.text("status").await?;
            ensure!(told.contains("failed") && told.contains(reason), "{told}");
            // The model's thread is there for the next one.
            stage.ask("What is in the picture?").await?;
            stage.phase("done").await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn stop_stops_and_what_was_seen_stays() -> Result<()> {
    scene("cancel", &["--scripted"], REFUSED, async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.ask("[held] What is in the picture?").await?;
        stage.allow(ANSWERING)?;
        let id = stage.run_id().await?;
        stage.phase("generating").await?;
        page.click("cancel").await?;
        stage.phase("cancelled").await?;
        let words = page.find_all("token-chip").await?.len();
        ensure!(words == 3, "{words} tokens after the stop");
        ensure!(stage.number().await? > 0.0);
        // Nothing to stop any more, and the link shows the same.
        ensure!(!page.has("cancel").await?);
        page.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        stage.phase("cancelled").await?;
        page.wait("the same tokens", async || {
            Ok((page.find_all("token-chip").await?.len() == words).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test]
async fn an_address_without_a_run_says_so() -> Result<()> {
    scene("no-run", &["--scripted"], REFUSED, async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/r/AAAAAAAAAAAAAAAAAAAAAA", stage.server.url)).await?;
        page.attr_until("error", "data-code", |c| c == "not_found").await?;
        Ok(())
    })
    .await
}
