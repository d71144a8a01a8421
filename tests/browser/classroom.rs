//! A class: a presenter at the wall, a phone that follows.

use anyhow::{Result, ensure};
use system_tests::{Browser, LARGE, PHONE, PROJECTOR};
use thirtyfour::Key;

use crate::stage::scene;

#[tokio::test]
async fn a_lesson_from_the_list_to_the_curve() -> Result<()> {
    scene("lesson", &[], &[], async |stage| {
        let wall = &stage.browser;
        wall.goto(&format!("{}/lessons", stage.server.url)).await?;
        wall.find("lesson").await?;
        wall.screenshot("lessons", LARGE).await?;
        wall.screenshot("lessons", PHONE).await?;
        wall.click("present-words-overrule").await?;

        // The wall says how to join; the lab listens on this machine alone, which it says too.
        wall.find("joining").await?;
        ensure!(wall.text("unreachable").await?.contains("--bind 0.0.0.0"));
        let code = wall.attr("class-code", "data-code").await?;
        ensure!(code.len() == 4, "the code is {code:?}");
        let address = wall.attr("qr", "data-text").await?;
        ensure!(address == format!("{}/j/{code}", stage.server.url), "the QR code says {address}");
        let phone = Browser::open().await?;
        phone.resize(PHONE).await?;
        phone.goto(&format!("{}/j", stage.server.url)).await?;
        phone.type_into("code-input", "aei").await?;
        phone.click("join").await?;
        ensure!(!phone.url().await?.contains("/j/"), "that is no code");
        phone.screenshot("join", PHONE).await?;
        phone.resize(PHONE).await?;
        phone.type_into("code-input", &code.to_lowercase()).await?;
        phone.click("join").await?;
        wall.attr_until("present-count", "data-value", |n| n == "1").await?;
        wall.screenshot("wall-joining", PROJECTOR).await?;
        wall.click("begin").await?;

        // Question, guess, tally; the answer is held back until the presenter shows it.
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;
        wall.attr_until("class-phase", "data-phase", |p| p == "done").await?;
        ensure!(wall.text("says").await? == "?");
        ensure!(phone.text("says").await? == "?");
        ensure!(!phone.has("tally").await?, "others' guesses come after one's own");
        phone.screenshot("follow-asked", PHONE).await?;
        phone.resize(PHONE).await?;
        phone.click("guess-picture").await?;
        wall.wait("the guess on the wall", async || {
            Ok((wall.text("tally-picture").await? == "1").then_some(()))
        })
        .await?;
        phone.click("guess-words").await?;
        wall.wait("the guess that was changed", async || {
            let both = (wall.text("tally-words").await?, wall.text("tally-picture").await?);
            Ok((both == ("1".to_owned(), "0".to_owned())).then_some(()))
        })
        .await?;
        ensure!(wall.text("guessed").await?.starts_with("1 of 1 "));

        // Space goes on, as a remote does.
        wall.script("document.activeElement.blur()").await?;
        wall.key(Key::Space).await?;
        phone.attr_until("follow", "data-moment", |m| m == "answered").await?;
        let said = wall.text("says").await?;
        ensure!(said.len() > 3 && phone.text("says").await? == said, "{said}");
        ensure!(!wall.has("chart").await? && !phone.has("chart").await?, "not before all guessed");
        wall.screenshot("wall-answered", PROJECTOR).await?;
        wall.screenshot("wall-answered", LARGE).await?;
        // A phone that comes back keeps its guess.
        phone.goto(&format!("{}/j/{code}", stage.server.url)).await?;
        phone.attr_until("guess-words", "aria-pressed", |p| p == "true").await?;
        phone.screenshot("follow-answered", PHONE).await?;
        phone.resize(PHONE).await?;
        wall.key(Key::Space).await?;
        phone.attr_until("follow", "data-moment", |m| m == "revealed").await?;
        phone.find("chart").await?;
        ensure!(phone.attr("mine", "data-side").await? == "words");
        let verdict = wall.attr_until("verdict", "data-value", |v| !v.is_empty()).await?;
        ensure!(phone.attr("verdict", "data-value").await? == verdict);
        ensure!(wall.text("lesson-notes").await?.contains("does not show"));
        wall.screenshot("wall-revealed", PROJECTOR).await?;
        wall.screenshot("wall-revealed", LARGE).await?;
        phone.screenshot("follow-revealed", PHONE).await?;
        phone.resize(PHONE).await?;

        // Layer by layer, the phone follows; looking around, it does not; and then again.
        let layer = wall.attr("layer-shown", "data-layer").await?;
        wall.key(Key::Left).await?;
        let next = wall.attr_until("layer-shown", "data-layer", |l| l != layer).await?;
        phone.attr_until("overlay", "data-layer", |l| l == next).await?;
        phone.click("around").await?;
        phone.attr_until("follow", "data-exploring", |e| e == "true").await?;
        phone.find("big-number").await?;
        wall.key(Key::Left).await?;
        let last = wall.attr_until("layer-shown", "data-layer", |l| l != next).await?;
        ensure!(phone.attr("overlay", "data-layer").await? == next, "it looks around by itself");
        phone.click("around").await?;
        phone.attr_until("overlay", "data-layer", |l| l == last).await?;

        // The wall may be reloaded: the class stands where it stood.
        wall.goto(&format!("{}/present/{code}", stage.server.url)).await?;
        wall.attr_until("wall", "data-moment", |m| m == "revealed").await?;
        wall.attr_until("layer-shown", "data-layer", |l| l == last).await?;
        wall.click("onward").await?;
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;
        ensure!(phone.attr("guess-words", "aria-pressed").await? == "false", "a new question");

        wall.click("end-class").await?;
        wall.click("end-class").await?;
        phone.find("class-over").await?;
        ensure!(phone.severe(&[]).await?.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_run_on_the_screen_is_presented_as_it_is_looked_at() -> Result<()> {
    scene("present", &[], &[], async |stage| {
        let wall = &stage.browser;
        wall.goto(&format!("{}/?layer=2&def=forward", stage.server.url)).await?;
        wall.attr_until("big-number", "data-value", |v| !v.is_empty()).await?;
        wall.click("present").await?;
        wall.screenshot("present-start", LARGE).await?;
        wall.screenshot("present-start", PHONE).await?;
        wall.click("present-run").await?;
        wall.click("begin").await?;
        // Who presents a run has seen its answer.
        wall.attr_until("wall", "data-moment", |m| m == "answered").await?;
        wall.attr_until("layer-shown", "data-layer", |l| l == "2").await?;
        wall.click("onward").await?;
        wall.find("chart").await?;
        ensure!(
            wall.script("return document.querySelector('[data-testid=definition-select]').value")
                .await?
                == "forward"
        );
        ensure!(!wall.has("lesson-notes").await?);
        // Another browser is told that it cannot present, and where it can follow.
        let other = Browser::open().await?;
        let code = wall.attr("class-code", "data-code").await?;
        other.goto(&format!("{}/present/{code}", stage.server.url)).await?;
        let leads = "return document.querySelector('main a')?.getAttribute('href') ?? null";
        let there = async || Ok(other.script(leads).await?.as_str().map(str::to_owned));
        ensure!(other.wait("a way to follow", there).await? == format!("/j/{code}"));
        Ok(())
    })
    .await
}
