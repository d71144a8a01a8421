//! What can be chosen for a run beyond the question: how pictures are prepared, how tokens are
//! chosen, and a template where the model's own cannot be used.

use std::path::Path;

use anyhow::{Result, ensure};
use system_tests::{Browser, LARGE, file};
use tempfile::TempDir;

use crate::stage::{scene, scene_in};

/// Types over what a field holds, as a person does who selects it first: an emptied field would take its old value
/// again before anything is typed.
async fn retype(page: &Browser, id: &str, text: &str) -> Result<()> {
    page.script(&format!(
        "const field = document.querySelector('[data-testid={id}]'); field.focus(); field.select()"
    ))
    .await?;
    Ok(page.find(id).await?.send_keys(text).await?)
}

#[tokio::test]
async fn resizing_and_sampling_are_asked_told_and_offered_again() -> Result<()> {
    scene("sampling", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.script("document.querySelector('details.more').open = true").await?;
        // Without a temperature there is nothing that top-p or a seed could change.
        ensure!(!page.has("top-p").await? && !page.has("seed").await?);
        ensure!(page.find("resize").await?.prop("value").await?.as_deref() == Some("torchvision"));
        page.select("resize", "pillow-12").await?;
        retype(page, "temperature", "0.7\t").await?;
        retype(page, "top-p", "0.9\t").await?;
        retype(page, "seed", "5\t").await?;
        retype(page, "repetition-penalty", "1.05\t").await?;
        page.screenshot("sampling-options", LARGE).await?;
        stage.ask("What is in the picture?").await?;
        let id = stage.run_id().await?;
        stage.phase("done").await?;
        let how = "drawn at temperature 0.7, top-p 0.9, seed 5";
        let told = page.text("done-to").await?;
        ensure!(told.contains(how) && told.contains("repetition penalty of 1.05"), "{told}");
        page.script("document.querySelector('[data-testid=what-ran]').open = true").await?;
        let ran = page.text("what-ran").await?;
        ensure!(ran.contains(how) && ran.contains("pillow-12"), "{ran}");
        page.click("cite").await?;
        let citation = page.text("citation").await?;
        ensure!(citation.contains("picture resized as pillow-12"), "{citation}");
        ensure!(citation.contains("temperature 0.7, top-p 0.9, seed 5"), "{citation}");
        page.screenshot("sampling-told", LARGE).await?;

        // Whoever opens the link is offered the same.
        page.script("localStorage.clear()").await?;
        page.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        stage.phase("done").await?;
        page.script("document.querySelector('details.more').open = true").await?;
        for (control, value) in [
            ("resize", "pillow-12"),
            ("temperature", "0.7"),
            ("top-p", "0.9"),
            ("seed", "5"),
            ("repetition-penalty", "1.05"),
        ] {
            let offered = page.find(control).await?.prop("value").await?.unwrap_or_default();
            ensure!(offered == value, "{control} is {offered}");
        }
        // A temperature of 0 leaves nothing to draw: what belonged to it goes.
        retype(page, "temperature", "0\t").await?;
        page.wait("top-p to go", async || Ok((!page.has("top-p").await?).then_some(()))).await?;
        stage.ask("What is in the picture?").await?;
        page.wait("the next run", async || Ok((!page.url().await?.contains(&id)).then_some(())))
            .await?;
        stage.phase("done").await?;
        let told = page.text("done-to").await?;
        ensure!(told.contains("penalty of 1.05") && !told.contains("drawn"), "{told}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_question_is_asked_several_times_and_its_table_stands_behind_the_link() -> Result<()> {
    scene("repeat", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        ensure!(!page.has("repeat").await?, "the shipped run was asked once");
        page.script("document.querySelector('details.more').open = true").await?;
        retype(page, "temperature", "3\t").await?;
        ensure!(!page.has("claim").await?);
        retype(page, "times", "4\t").await?;
        page.wait("the claim", async || Ok((page.has("claim").await?).then_some(()))).await?;
        page.screenshot("repeat-options", LARGE).await?;
        stage.ask("The picture shows a dog. Which animal is in the picture?").await?;
        let id = stage.run_id().await?;
        stage.phase("done").await?;
        ensure!(page.text("repeat-answered").await? == "4 of 4 answers");
        let claim = page.text("repeat-claim").await?;
        ensure!(claim.contains("of 4 answers say what the words claim (a dog)"), "{claim}");
        let counts =
            "return [...document.querySelectorAll('[data-testid=repeat-answers] tbody tr')]
            .reduce((sum, row) => sum + Number(row.dataset.count), 0)";
        ensure!(page.script(counts).await?.as_u64() == Some(4));
        let late = page.text("repeat-late").await?;
        ensure!(late.contains("8 of 10 answers from"), "{late}");
        let drawn =
            "return document.querySelector('[data-testid=repeat-chart] svg').outerHTML.length";
        ensure!(page.script(drawn).await?.as_u64() > Some(1000));
        page.screenshot("repeat", LARGE).await?;
        // Whoever opens the link sees the same, and is not made to ask so often again.
        let table = page.text("repeat-answers").await?;
        page.script("localStorage.clear()").await?;
        page.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        stage.phase("done").await?;
        ensure!(page.text("repeat-answers").await? == table);
        page.script("document.querySelector('details.more').open = true").await?;
        ensure!(page.find("times").await?.prop("value").await?.as_deref() == Some("1"));
        Ok(())
    })
    .await
}

/// A registry with a tiny LLaVA whose processor pads and whose own chat template cannot be used.
fn padding_model(data: &Path) -> Result<()> {
    let (folder, lab) = (data.join("padding"), data.join("data"));
    std::fs::create_dir_all(&folder)?;
    std::fs::create_dir_all(&lab)?;
    for entry in std::fs::read_dir(file("tests/goldens/llava-gqa"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    let processor = folder.join("preprocessor_config.json");
    let pads = std::fs::read_to_string(&processor)?.replace(
        "\"image_processor_type\": \"CLIPImageProcessor\"",
        "\"image_processor_type\": \"LlavaImageProcessor\", \"do_pad\": true",
    );
    std::fs::write(processor, pads)?;
    let template = "{\"chat_template\": \"{{ messages[0].role }}\"}";
    std::fs::write(folder.join("chat_template.json"), template)?;
    let source = serde_json::to_string(&folder)?;
    let entry = format!(
        "[[model]]\nname = \"padding\"\nsource = {{ folder = {source} }}\nquant = \"f32\"\n"
    );
    Ok(std::fs::write(lab.join("models.toml"), entry)?)
}

#[tokio::test]
async fn what_a_model_resolves_to_is_shown_and_a_refused_template_can_be_replaced() -> Result<()> {
    let data = TempDir::new()?;
    padding_model(data.path())?;
    // The refusal is an answer of 400, which browsers write into their console.
    scene_in(data, "padding", &[], &["400"], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.script("document.querySelector('details.more').open = true").await?;
        ensure!(page.attr("fit", "data-fit").await? == "crop");
        ensure!(!page.has("template-refused").await?);
        page.select("model", "padding").await?;
        page.attr_until("fit", "data-fit", |fit| fit == "pad").await?;
        let told = page.text("template-refused").await?;
        ensure!(told.contains("llava-hf or vicuna-v1"), "{told}");
        page.screenshot("template-refused", LARGE).await?;
        stage.ask("What is it?").await?;
        let error = page.text("error").await?;
        ensure!(error.contains("chat template cannot be used"), "{error}");
        page.select("template", "vicuna-v1").await?;
        page.click("run").await?;
        stage.run_id().await?;
        stage.phase("done").await?;
        page.script("document.querySelector('[data-testid=what-ran]').open = true").await?;
        let ran = page.text("what-ran").await?;
        ensure!(ran.contains("vicuna-v1") && ran.contains("padded"), "{ran}");
        ensure!(page.text("done-to").await?.contains("padded to a square"));
        // Another model has its own way again.
        page.select("model", "demo-llava").await?;
        page.attr_until("fit", "data-fit", |fit| fit == "crop").await?;
        ensure!(!page.has("template-refused").await?);
        Ok(())
    })
    .await
}
