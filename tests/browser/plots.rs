//! The plots of a run: who looks at whom, word by word, what stands beside the curve, and what is
//! done to the picture or to the attention.

use anyhow::{Context, Result, ensure};
use system_tests::{Browser, LARGE, PHONE};

use crate::stage::scene;

#[tokio::test]
async fn every_plot_follows_layer_token_and_definition_and_has_its_table() -> Result<()> {
    scene("plots", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        let before = page.requests().await?;

        // Who looks at whom, in the layer that is pinned.
        ensure!(!page.attr("flow", "data-layer").await?.is_empty());
        page.click("flow-table-open").await?;
        let ribbon_table = page.text("flow-table").await?;
        ensure!(ribbon_table.contains("picture") && ribbon_table.contains('%'), "{ribbon_table}");
        page.click("time-table-open").await?;
        let words = page.text("time-table").await?;
        ensure!(words.contains("dog"), "{words}");
        page.click("layer-table-open").await?;
        ensure!(page.text("layer-table").await?.lines().count() > 8);
        page.screenshot("plots", LARGE).await?;
        page.screenshot("plots-phone", PHONE).await?;

        // Playing goes from the first layer to the last and stops there.
        page.click("play-layers").await?;
        page.attr_until("flow", "data-layer", |l| l == "3").await?;
        page.attr_until("play-layers", "aria-pressed", |on| on == "false").await?;
        page.attr_until("flow", "data-layer", |l| l == "7").await?;

        // A change of definition is said, with where the number went.
        page.click("sink-compare").await?;
        page.wait("the sentence", async || {
            let told = page.text("changed").await?;
            Ok((told.starts_with("Without the sink, late MDI falls from 1.29 to 1.25"))
                .then_some(()))
        })
        .await?;

        // The paper's values and what no preference would give can be taken off.
        ensure!(page.text("compared").await?.contains("paper’s LLaVA-1.5-7B"));
        page.click("beside-paper").await?;
        page.click("beside-even").await?;
        page.wait("nothing beside", async || {
            Ok(page.text("compared").await?.is_empty().then_some(()))
        })
        .await?;
        page.wait("the link", async || {
            let url = page.url().await?;
            Ok((url.contains("paper=off") && url.contains("even=off")).then_some(()))
        })
        .await?;
        ensure!(page.requests().await? == before, "nothing was asked of the server");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn hiding_the_picture_from_the_words_changes_the_answer() -> Result<()> {
    scene("knockout", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        let ask = async |question: &str| -> Result<String> {
            stage.ask(question).await?;
            let id = stage.run_id().await?;
            stage.phase("done").await?;
            let run = page
                .script(&format!(
                    "return fetch('/api/runs/{id}/export.json').then(r => r.json())\
                     .then(r => r.options.knockout.layers.first + ' ' + r.stages.late.attention_image)"
                ))
                .await?;
            Ok(run.as_str().unwrap_or_default().to_owned())
        };
        page.script("document.querySelector('details.more').open = true").await?;
        page.click("knockout").await?;
        let seen = ask("What is in the picture?").await?;
        // Every layer was blind, and no attention reached the picture.
        ensure!(seen == "0 0", "{seen}");
        ensure!(page.text("big-number").await?.contains("undefined"));
        let told = page.text("done-to").await?;
        ensure!(told.contains("knocked out") && told.contains(">image@0-7"), "{told}");
        page.screenshot("knockout", LARGE).await?;
        Ok(())
    })
    .await
}

/// Lays the page out narrower and wider without its being drawn anew, as printing does, and tells
/// where each drawing and what is laid over it put the same points.
const AS_PRINTED: &str = "
    const at = (svg, [x, y]) => {
        const box = svg.viewBox.baseVal;
        const point = svg.createSVGPoint();
        [point.x, point.y] = [box.x + x * box.width, box.y + y * box.height];
        const to = point.matrixTransform(svg.getScreenCTM());
        return [to.x, to.y];
    };
    const wrong = [];
    let pairs = 0;
    const screen = document.body.style.width;
    for (const width of ['560px', '820px', '2400px']) {
        document.body.style.width = width;
        for (const marks of document.querySelectorAll('svg.marks')) {
            const drawing = marks.parentElement.querySelector('.drawing svg');
            if (!drawing || !marks.getBoundingClientRect().width) continue;
            pairs += 1;
            for (const point of [[0, 0], [1, 1], [0.3, 0.7]]) {
                const [a, b] = [at(drawing, point), at(marks, point)];
                const off = Math.hypot(a[0] - b[0], a[1] - b[1]);
                if (!(off < 1)) wrong.push(marks.parentElement.dataset.testid + ' at ' + width + ': ' + off);
            }
        }
    }
    document.body.style.width = screen;
    return [String(pairs), wrong.join('; ')];";

#[tokio::test]
async fn on_paper_marks_stay_where_their_axes_are() -> Result<()> {
    scene("printed", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.devtools("Emulation.setEmulatedMedia", serde_json::json!({"media": "print"})).await?;
        let told = page.script(AS_PRINTED).await?;
        let text = |at: usize| told[at].as_str().unwrap_or_default().to_owned();
        ensure!(text(0).parse::<usize>()? >= 9, "plots that were compared: {}", text(0));
        ensure!(text(1).is_empty(), "{}", text(1));
        Ok(())
    })
    .await
}

/// Draws from one share of a plot's width to another, as a hand does.
async fn draw_across(page: &Browser, plot: &str, from: f64, to: f64) -> Result<()> {
    let script = format!(
        "const glass = document.querySelector('[data-testid={plot}] .glass'), box = glass.getBoundingClientRect();
         const at = (kind, share) => glass.dispatchEvent(new PointerEvent(kind, {{ bubbles: true, button: 0,
           pointerId: 1, pointerType: 'mouse', clientX: box.left + share * box.width, clientY: box.top + box.height / 2 }}));
         at('pointerdown', {from}); at('pointermove', ({from} + {to}) / 2); at('pointermove', {to});
         at('pointerup', {to}); at('click', {to});"
    );
    page.script(&script).await.map(drop)
}

#[tokio::test]
async fn drawing_across_a_plot_shows_those_layers_in_both() -> Result<()> {
    scene("zoom", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        // Numbers of layers below a plot, as they are drawn.
        let layers = |plot: &str| {
            format!(
                "const texts = [...document.querySelectorAll('[data-testid={plot}] .drawing text')];
                 const rows = Map.groupBy(texts.filter(t => /^\\d+$/.test(t.textContent.trim())), t => t.getAttribute('y'));
                 return [...rows.values()].sort((a, b) => b.length - a.length)[0].map(t => t.textContent.trim()).join()"
            )
        };
        ensure!(page.script(&layers("chart")).await? == "0,1,2,3,4,5,6,7");
        let pinned = page.url().await?;
        draw_across(page, "chart", 0.35, 0.62).await?;
        page.wait("the layers in the link", async || {
            Ok(page.url().await?.contains("layers=").then_some(()))
        })
        .await?;
        let shown = page.script(&layers("chart")).await?;
        let shown = shown.as_str().context("numbers")?.to_owned();
        ensure!(shown.len() > 1 && shown.len() < 13, "{shown}");
        ensure!(page.script(&layers("heads")).await? == *shown, "heads show other layers");
        // The stretch was no click.
        ensure!(!page.url().await?.contains("layer="), "a layer was pinned, too");
        // The link keeps it.
        let link = page.url().await?;
        page.goto(&link).await?;
        stage.phase("done").await?;
        ensure!(page.script(&layers("chart")).await? == *shown, "the link shows other layers");
        page.click("zoom-all").await?;
        page.wait("all layers", async || Ok((page.url().await? == pinned).then_some(()))).await?;
        ensure!(page.script(&layers("heads")).await? == "0,1,2,3,4,5,6,7");
        // Without a pointer.
        page.script("document.querySelector('[data-testid=chart] .glass').focus()").await?;
        page.key("+").await?;
        page.wait("fewer layers", async || {
            Ok(page.url().await?.contains("layers=").then_some(()))
        })
        .await?;
        page.key("-").await?;
        page.wait("all layers again", async || {
            Ok((!page.url().await?.contains("layers=")).then_some(()))
        })
        .await
    })
    .await
}
