//! A sound in a picture's place: chosen, made into what models hear, asked about, and seen over time.

use anyhow::{Context, Result, ensure};
use system_tests::file;

use crate::stage::scene;

#[tokio::test]
async fn a_sound_is_asked_about_and_its_attention_lies_over_time() -> Result<()> {
    let model = file("training/models/demo-audio");
    let model = model.to_str().context("a path that is text")?;
    scene("sound", &["--model", model], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.upload("picture-input", &file("training/models/demo-audio/samples/dog.wav")).await?;
        let question = async || {
            let prompt = page.script("return document.querySelector('[data-testid=prompt]').value");
            Ok((prompt.await? == "What do you hear?").then_some(()))
        };
        page.wait("a question about a sound", question).await?;
        page.select("model", "demo-audio").await?;
        page.click("run").await?;
        let id = stage.run_id().await?;
        stage.phase("done").await?;
        // What transformers says of this file (training/models/demo-audio/reference.json).
        ensure!(page.attr("answer", "data-text").await? == "It is a dog.");
        let stretches = page.attr_until("sound", "data-stretches", |n| n != "0").await?;
        ensure!(stretches == "40", "1.6 seconds are 40 tokens, not {stretches}");
        // The bars are the lab's own shares, by their number: one for each token of the sound.
        let theirs = page
            .asking(&format!(
                "fetch('/api/runs/{id}/export.json').then(r => r.json())
                    .then(r => done(r.layout.tokens.filter(t => t.group === 'audio').length))"
            ))
            .await?;
        ensure!(theirs == 40, "{theirs} in the lab");
        let drawn = "return document.querySelectorAll('[data-testid=sound] .drawing rect').length";
        ensure!(page.script(drawn).await?.as_u64() > Some(40), "no waveform");
        // Nobody claims what a sound shows.
        let claims = page.script("return !!document.querySelector('.claims')").await?;
        ensure!(claims == false, "claims of a picture stand beside a sound");
        // What was sent can be heard again.
        let kind = page
            .asking(&format!(
                "fetch('/api/runs/{id}/picture').then(r => done(r.headers.get('content-type')))"
            ))
            .await?;
        ensure!(kind == "audio/wav", "{kind}");
        Ok(())
    })
    .await
}
