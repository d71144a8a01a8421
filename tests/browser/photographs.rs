//! Photographs of one's own: what is said before they are asked about, and those that the lab does not
//! read as they are.

use anyhow::{Result, ensure};
use system_tests::file;

use crate::stage::{photo, scene};

/// The form's question.
const PROMPT: &str = "return document.querySelector('[data-testid=prompt]').value";

#[tokio::test]
async fn a_photograph_gets_a_neutral_question_and_a_warning() -> Result<()> {
    scene("photograph", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        // A sample claims something, which is what it is for.
        let samples = async || Ok((page.find_all("sample").await?.len() > 1).then_some(()));
        page.wait("samples", samples).await?;
        page.click("sample").await?;
        let claim = page.script(PROMPT).await?;
        ensure!(!page.has("demo-photograph").await?, "a drawing is what it learned");
        page.upload("picture-input", &photo()).await?;
        let warned = async || Ok(page.has("demo-photograph").await?.then_some(()));
        page.wait("the warning", warned).await?;
        let neutral = page.script(PROMPT).await?;
        ensure!(neutral != claim && neutral == "What is in the picture?", "{neutral}");
        let said = page.text("demo-photograph").await?;
        ensure!(said.contains("drawings") && said.contains("wrongly"), "{said}");
        // The model that understands it is named with its size and licence, and chosen with one click.
        ensure!(said.contains("smolvlm-256m") && said.contains("Apache-2.0"), "{said}");
        page.type_into("prompt", "이것은 무엇인가요?").await?;
        let told = async || Ok(page.has("demo-language").await?.then_some(()));
        page.wait("that it knows English alone", told).await?;
        page.click("photograph-model").await?;
        let gone = async || {
            Ok((!page.has("demo-photograph").await? && !page.has("demo-language").await?)
                .then_some(()))
        };
        page.wait("both to go with the demo model", gone).await?;
        let model = page.script("return document.querySelector('[data-testid=model]').value");
        ensure!(model.await? == "smolvlm-256m");
        ensure!(page.has("pull").await?, "it is offered to be brought");
        // What was typed stays when another picture is chosen.
        page.upload("picture-input", &file("tests/browser/pictures/half-clear.png")).await?;
        let converted = async || Ok(page.has("converted").await?.then_some(()));
        page.wait("what was done to it", converted).await?;
        ensure!(page.script(PROMPT).await? == "이것은 무엇인가요?");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_the_lab_does_not_read_the_browser_turns_into_what_it_does() -> Result<()> {
    scene("converted", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        let mut before = String::new();
        for (picture, says, size) in [
            ("small.avif", "does not read this kind", (60, 45)),
            ("half-clear.png", "Models see no transparency", (40, 30)),
        ] {
            page.upload("picture-input", &file(&format!("tests/browser/pictures/{picture}"))).await?;
            let said = async || {
                let said = page.script(
                    "return document.querySelector('[data-testid=converted]')?.textContent ?? ''",
                );
                let said = said.await?.as_str().unwrap_or_default().to_owned();
                Ok(said.contains(says).then_some(said))
            };
            let said = page.wait(picture, said).await?;
            ensure!(said.contains(&format!("{} × {}", size.0, size.1)), "{said}");
            page.type_into("prompt", "What is in the picture?").await?;
            page.click("run").await?;
            let id = page
                .wait("a run of its own", async || {
                    let id = stage.run_id().await?;
                    Ok((id != before).then_some(id))
                })
                .await?;
            before.clone_from(&id);
            stage.phase("done").await?;
            // What the lab keeps is what was sent: of that size, with nothing transparent.
            let script = format!(
                "const image = new Image(); image.src = '/api/runs/{id}/picture'; await image.decode();
                 const canvas = document.createElement('canvas');
                 [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
                 const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
                 const right = context.getImageData(canvas.width - 1, 0, 1, 1).data;
                 return [canvas.width, canvas.height, ...right];"
            );
            let found: Vec<u64> = serde_json::from_value(page.script(&script).await?)?;
            ensure!(found[..2] == [size.0, size.1] && found[5] == 255, "{picture}: {found:?}");
            if picture == "half-clear.png" {
                ensure!(found[2..] == [255; 4], "white where it was clear: {found:?}");
            }
        }
        // A picture that is read as it is is sent as it is.
        page.upload("picture-input", &photo()).await?;
        let gone = async || Ok((!page.has("converted").await?).then_some(()));
        page.wait("nothing to be said", gone).await?;
        // Who presses *Run* while a picture is still being read asks about that one, not the one before.
        page.script(&format!(
            "const kept = await (await fetch('/api/runs/{before}/picture')).blob();
             const dropped = new DataTransfer(); dropped.items.add(new File([kept], 'next.png'));
             const input = document.querySelector('[data-testid=picture-input]');
             input.files = dropped.files;
             input.dispatchEvent(new Event('change', {{ bubbles: true }}));
             document.querySelector('[data-testid=run]').click();"
        ))
        .await?;
        let id = page
            .wait("a run of the picture that was being read", async || {
                let id = stage.run_id().await?;
                Ok((id != before).then_some(id))
            })
            .await?;
        let script = format!(
            "const image = new Image(); image.src = '/api/runs/{id}/picture'; await image.decode();
             return image.naturalWidth;"
        );
        ensure!(page.script(&script).await? == 40, "it was asked about the photograph before");
        Ok(())
    })
    .await
}
