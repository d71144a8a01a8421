//! The picture and the tokens: a head's own map, who looked at a patch, what was pruned and cut off,
//! wide pictures, and what the model nearly said.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use system_tests::{Browser, LARGE, PHONE, PROJECTOR};
use thirtyfour::Key;

use crate::stage::{Stage, scene};

/// Opacities of the overlay's cells: what a map looks like.
async fn map(page: &Browser) -> Result<String> {
    let cells = "return [...document.querySelectorAll('[data-testid=overlay] .cells rect')]
        .map(r => r.getAttribute('fill-opacity')).join(' ')";
    Ok(page.script(cells).await?.as_str().unwrap_or_default().to_owned())
}

/// Asks about a drawn picture of some size, and opens the run when it is done.
async fn ask(stage: &Stage, (width, height): (u32, u32), options: &str) -> Result<String> {
    let page = &stage.browser;
    let id = page
        .script(&format!(
            "const canvas = new OffscreenCanvas({width}, {height});
             const draw = canvas.getContext('2d');
             draw.fillStyle = '#dfe8f4'; draw.fillRect(0, 0, {width}, {height});
             draw.fillStyle = '#c03030'; draw.fillRect(10, 20, {width} / 3, {height} / 2);
             return canvas.convertToBlob().then(blob => {{
               const form = new FormData();
               form.append('picture', blob, 'p.png');
               form.append('options', '{options}');
               return fetch('/api/runs', {{ method: 'POST', body: form }});
             }}).then(r => r.json()).then(run => run.id || JSON.stringify(run))"
        ))
        .await?;
    let id = id.as_str().context("a run's name")?.to_owned();
    page.goto(&format!("{}/r/{id}", stage.server.url)).await?;
    stage.phase("done").await?;
    Ok(id)
}

/// What the lab has of one token's row: shares by patch, of one head or of the mean.
async fn theirs(
    page: &Browser,
    id: &str,
    head: Option<u32>,
    token: u32,
    layer: u32,
) -> Result<Vec<f64>> {
    let row = match head {
        Some(head) => format!(
            "fetch('/api/runs/{id}/heads/{head}').then(r => r.json())
               .then(h => [h.tokens[{token}], h.layers])"
        ),
        None => format!(
            "Promise.resolve([run.events.find(e => e.event.index === {token}
               && e.event.type === 'token').event.flow.rows, layout.layers])"
        ),
    };
    let shares = page
        .script(&format!(
            "return fetch('/api/runs/{id}').then(r => r.json()).then(run => {{
               const layout = run.events.find(e => e.event.type === 'layout').event;
               return ({row}).then(([rows, layers]) => {{
                 const keys = rows.length / layers, p = layout.layout.picture;
                 const cells = new Array(p.rows * p.cols).fill(-1);
                 for (const t of layout.layout.tokens) if (t.cell) {{
                   const at = t.cell.row * p.cols + t.cell.col;
                   cells[at] = Math.max(cells[at], 0) + rows[{layer} * keys + t.index];
                 }}
                 return cells;
               }});
             }})"
        ))
        .await?;
    Ok(shares.as_array().context("shares")?.iter().filter_map(Value::as_f64).collect())
}

/// Compares the table behind the picture with the lab's own numbers.
async fn table_agrees(page: &Browser, theirs: &[f64]) -> Result<()> {
    let table = "return [...document.querySelectorAll('[data-testid=patch-table] tbody tr')]
        .map(row => row.children[3].textContent)";
    let cells = page.script(table).await?;
    let cells: Vec<&str> =
        cells.as_array().context("a table")?.iter().filter_map(Value::as_str).collect();
    ensure!(cells.len() == theirs.len(), "{} patches, {} there", cells.len(), theirs.len());
    for (cell, share) in cells.iter().zip(theirs) {
        let number = cell.trim_end_matches('%').trim();
        let near = match number.parse::<f64>() {
            Ok(percent) => {
                // Half a unit of the last digit that is written.
                let places = number.split_once('.').map_or(0, |(_, after)| after.len());
                (percent - share * 100.0).abs() <= 0.5 * 0.1f64.powi(places as i32) + 1e-6
            }
            Err(_) if *share < 0.0 => number == "–",
            Err(_) => number == "< 0.01" && *share < 1e-4,
        };
        ensure!(near, "the page says {cell}, the lab {share}");
    }
    Ok(())
}

#[tokio::test]
async fn a_heads_map_is_its_own_and_the_labs() -> Result<()> {
    scene("heads", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/?token=3&layer=4", stage.server.url)).await?;
        stage.phase("done").await?;
        page.attr_until("overlay", "data-shown", |s| s == "mean of heads").await?;
        let number = stage.number().await?;
        page.click("patch-table-open").await?;
        let mean = map(page).await?;
        let before = page.requests().await?;
        table_agrees(page, &theirs(page, "sample", None, 3, 4).await?).await?;

        // A cell of the heatmap chooses layer and head.
        page.click("heads-glass").await?;
        let shown = page.attr_until("overlay", "data-shown", |s| s.starts_with("head ")).await?;
        let head: u32 = shown.trim_start_matches("head ").parse()?;
        let layer: u32 = page.attr("overlay", "data-layer").await?.parse()?;
        let told = page.text("shown").await?;
        ensure!(
            told == format!("As head {head} of layer {layer} sees it."),
            "{told}: {head}, {layer}"
        );
        let own = map(page).await?;
        ensure!(own != mean && !own.is_empty(), "a head's map is not the mean's");
        table_agrees(page, &theirs(page, "sample", Some(head), 3, layer).await?).await?;
        ensure!(page.text("seen-note").await?.contains(&shown));
        for (name, size) in [("head", LARGE), ("head-projector", PROJECTOR), ("head-phone", PHONE)]
        {
            page.screenshot(name, size).await?;
        }

        // The link carries the head, and one request brought all its maps.
        let link = page
            .wait("the head in the link", async || {
                let url = page.url().await?;
                Ok(url.contains(&format!("look={head}")).then_some(url))
            })
            .await?;
        ensure!(page.requests().await? <= before + 6, "one head is one request");
        page.goto(&link).await?;
        stage.phase("done").await?;
        page.attr_until("overlay", "data-shown", |s| s == shown).await?;
        ensure!(map(page).await? == own, "the link shows another map");

        // To look is not to define: the number is still that of all heads, until it is asked for.
        ensure!(stage.number().await? == number, "looking at a head changed the number");
        page.click("head-for-number").await?;
        page.wait("the head's number", async || {
            let url = page.url().await?;
            Ok((stage.number().await? != number && url.contains(&format!("?head={head}"))
                || url.contains(&format!("&head={head}")))
            .then_some(()))
        })
        .await?;
        page.attr_until("overlay", "data-shown", |s| s == shown).await?;

        // And back.
        page.click("to-mean").await?;
        page.wait("the number of all heads", async || {
            Ok((stage.number().await? == number).then_some(()))
        })
        .await?;
        page.attr_until("overlay", "data-shown", |s| s == "mean of heads").await?;
        ensure!(!page.has("shown").await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_patch_and_a_word_show_who_looked_at_them() -> Result<()> {
    scene("looked", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/?layer=4", stage.server.url)).await?;
        stage.phase("done").await?;
        ensure!(!page.has("looked").await?, "nothing is looked at yet");

        // By keyboard: the first arrow chooses the middle, the next one goes on from there.
        let patch = |expected: &'static str| async move {
            page.wait("the patch in the link", async || {
                Ok(page.url().await?.contains(expected).then_some(()))
            })
            .await
        };
        page.script("document.querySelector('[data-testid=patches]').focus()").await?;
        page.key(Key::Right).await?;
        patch("patch=6.6").await?;
        page.key(Key::Right).await?;
        page.key(Key::Up).await?;
        patch("patch=5.7").await?;
        page.find("looked").await?;
        let told = page.text("seen-told").await?;
        ensure!(told.contains("row 5, column 7") && told.contains("in layer 4"), "{told}");
        ensure!(page.text("answer-looks").await?.contains("row 5, column 7"));

        // Every token of the answer says how much it looked there: the lab's own number.
        for (token, chip) in page.find_all("token-chip").await?.iter().enumerate() {
            let looked: f64 = chip.attr("data-looked").await?.context("a look")?.parse()?;
            let share = theirs(page, "sample", None, token as u32, 4).await?[5 * 12 + 7];
            ensure!((looked - share).abs() < 1e-6, "token {token}: {looked}, the lab {share}");
        }
        page.click("looked-table-open").await?;
        ensure!(page.text("looked-table").await?.contains("layer 7"));
        page.screenshot("patch", LARGE).await?;
        page.screenshot("patch-phone", PHONE).await?;

        // Escape lets go.
        page.key(Key::Escape).await?;
        page.wait("nothing is looked at", async || Ok((!page.has("looked").await?).then_some(())))
            .await?;
        ensure!(!page.has("patch").await?);

        // A token of the prompt, by its index; the same word twice is two tokens.
        let words = page.find_all("prompt-token").await?;
        let last = words.last().context("a prompt")?;
        let index = last.attr("data-index").await?.context("an index")?;
        last.scroll_into_view().await?;
        last.click().await?;
        page.wait("who looked at the word", async || {
            Ok(page.text("looked-note").await?.contains(&format!("position {index}")).then_some(()))
        })
        .await?;

        // What nearly was said stands with each token of the answer, and in a table.
        page.click("answer-table-open").await?;
        let table = page.text("answer-table").await?;
        ensure!(table.contains("nearly, 1.") && table.contains('␣'), "{table}");
        page.click("picture-block").await?;
        let opened =
            "return document.querySelectorAll('[data-testid=picture-tokens] button').length";
        ensure!(page.script(opened).await?.as_u64() == Some(144));
        page.screenshot("tokens", (1440, 2600)).await?;
        page.screenshot("tokens-phone", (390, 4200)).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn pruned_patches_and_cut_off_parts_are_shown_for_what_they_are() -> Result<()> {
    scene("pruned", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        let options = r#"{"prompt":"What is it?","prune":0.75,"max_new_tokens":3}"#;
        let id = ask(stage, (400, 200), options).await?;
        let kept = page.text("kept").await?;
        ensure!(kept.contains("36 of 144 patches kept"), "{kept}");
        let hatched = "return document.querySelectorAll('[data-testid=pruned] g').length";
        ensure!(page.script(hatched).await?.as_u64() == Some(108));
        // With no token chosen they are hatched all the same.
        page.goto(&format!("{}/r/{id}?token=none", stage.server.url)).await?;
        stage.phase("done").await?;
        ensure!(page.script(hatched).await?.as_u64() == Some(108));
        // The sides of a wide picture are cut off by LLaVA's square.
        let original = page.text("original").await?;
        ensure!(original.contains("framed part, 50"), "{original}");
        page.screenshot("pruned", LARGE).await?;

        let options = r#"{"prompt":"What is it?","replicate":3,"max_new_tokens":3}"#;
        ask(stage, (200, 200), options).await?;
        let kept = page.text("kept").await?;
        ensure!(kept.contains("stands 3 times") && !kept.contains("hatched"), "{kept}");
        ensure!(!page.has("original").await?, "a square is seen whole");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_wide_picture_keeps_its_shape() -> Result<()> {
    scene("wide", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        let options = r#"{"model":"demo-qwen","prompt":"What is it?","max_new_tokens":3}"#;
        let id = ask(stage, (480, 160), options).await?;
        let shape = page
            .script(&format!(
                "const svg = document.querySelector('[data-testid=overlay]');
                 const box = svg.getBoundingClientRect();
                 return fetch('/api/runs/{id}').then(r => r.json()).then(run => {{
                   const p = run.events.find(e => e.event.type === 'layout').event.layout.picture;
                   return [svg.getAttribute('viewBox') === `0 0 ${{p.cols}} ${{p.rows}}`,
                     p.cols / p.rows, p.width / p.height, box.width / box.height,
                     svg.querySelectorAll('.cells rect').length - p.rows * p.cols];
                 }})"
            ))
            .await?;
        ensure!(shape[0] == Value::Bool(true) && shape[4].as_i64() == Some(0), "{shape}");
        let ratio = |i: usize| shape[i].as_f64().unwrap_or_default();
        ensure!(ratio(1) > 2.0 && (ratio(1) - ratio(2)).abs() < 1e-6, "{shape}");
        ensure!((ratio(3) - ratio(2)).abs() < 0.05, "the page draws it at {shape}");
        ensure!(!page.has("original").await?, "Qwen sees all of it");
        ensure!(page.text("squeezed").await?.starts_with("480 × 160 pixels"));
        page.attr_until("overlay", "data-token", |t| !t.is_empty()).await?;
        let (token, layer): (u32, u32) = (
            page.attr("overlay", "data-token").await?.parse()?,
            page.attr("overlay", "data-layer").await?.parse()?,
        );
        page.click("patch-table-open").await?;
        table_agrees(page, &theirs(page, &id, None, token, layer).await?).await?;
        // The cell under a corner is the corner's.
        page.script(
            "const glass = document.querySelector('[data-testid=patches]');
             const box = glass.getBoundingClientRect();
             const at = { bubbles: true, pointerType: 'mouse',
               clientX: box.right - 3, clientY: box.bottom - 3 };
             glass.dispatchEvent(new PointerEvent('click', at))",
        )
        .await?;
        let corner = page
            .script(
                "const p = document.querySelector('[data-testid=patch]');
                 const view = document.querySelector('[data-testid=overlay]').viewBox.baseVal;
                 return p ? (+p.getAttribute('x') + 1 === view.width)
                   && (+p.getAttribute('y') + 1 === view.height) : null",
            )
            .await?;
        ensure!(corner == Value::Bool(true), "{corner}");
        page.screenshot("wide", LARGE).await?;
        Ok(())
    })
    .await
}
