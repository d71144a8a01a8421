//! A newcomer's first minute: the tour, terms in plain words, and what the curve says.

use anyhow::{Result, ensure};
use serde_json::Value;
use system_tests::{Browser, LARGE, PHONE, PROJECTOR};
use thirtyfour::Key;

use crate::stage::scene;

const STEPS: [&str; 5] = ["seen", "number", "curve", "answer", "test"];

/// Where the step's target and the card are, as far as they can be seen.
async fn look(page: &Browser, step: &str) -> Result<()> {
    page.attr_until("tour", "data-step", |s| s == step).await?;
    let seen = page
        .wait("the frame to be around its target", async || {
            let seen = page
                .script(&format!(
                    "const box = e => {{ const r = e.getBoundingClientRect(); return {{ x: r.left, y: r.top, r: r.right, b: r.bottom }}; }};
                     const target = document.querySelector('[data-tour={step}]');
                     const card = document.querySelector('[data-testid=tour]');
                     const frame = box(document.querySelector('.tour-frame'));
                     const t = box(target), c = box(card);
                     if (Math.abs(frame.y - t.y) > 8 || Math.abs(frame.x - t.x) > 8) return null;
                     // A point of the target that nothing covers: inside the hole a click reaches it.
                     let free = false;
                     for (let x = 0.05; x < 1 && !free; x += 0.1) for (let y = 0.02; y < 1 && !free; y += 0.04) {{
                         const hit = document.elementFromPoint(t.x + (t.r - t.x) * x, t.y + (t.b - t.y) * y);
                         free = !!hit && target.contains(hit);
                     }}
                     const inside = c.x >= 0 && c.y >= 0 && c.r <= innerWidth + 1 && c.b <= innerHeight + 1;
                     const visible = Math.min(t.b, innerHeight) - Math.max(t.y, 0);
                     const focus = card.contains(document.activeElement);
                     return {{ free, inside, visible, focus, says: card.innerText }};"
                ))
                .await?;
            Ok((seen != Value::Null).then_some(seen))
        })
        .await?;
    ensure!(seen["free"] == true, "{step}: the card covers what it speaks of: {seen}");
    ensure!(seen["inside"] == true, "{step}: the card is not on the screen: {seen}");
    ensure!(seen["visible"].as_f64() > Some(30.0), "{step}: its target is not in view: {seen}");
    ensure!(seen["focus"] == true, "{step}: the focus is elsewhere: {seen}");
    Ok(())
}

#[tokio::test]
async fn the_tour_leads_through_the_run_on_the_screen() -> Result<()> {
    scene("tour", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        // It is offered, and blocks nothing.
        page.find("tour-offer").await?;
        page.screenshot("tour-offer", LARGE).await?;
        page.click("chart").await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        page.key(Key::Escape).await?;
        page.click("tour-start").await?;
        for (name, size) in [("desktop", LARGE), ("projector", PROJECTOR), ("phone", PHONE)] {
            page.resize(size).await?;
            for step in STEPS {
                look(page, step).await?;
                page.keep(&format!("tour-{name}-{step}")).await?;
                // Tab stays among the card's buttons, both ways.
                for _ in 0..4 {
                    page.key(Key::Tab).await?;
                    let inside = "return !!document.activeElement.closest('[data-testid=tour]')";
                    ensure!(page.script(inside).await? == true, "{step}: Tab left the tour");
                }
                if step != "test" {
                    page.key(Key::Right).await?;
                }
            }
            for _ in 0..4 {
                page.key(Key::Left).await?;
            }
        }
        page.resize(LARGE).await?;
        // What the tour speaks of is the real thing: a click on the curve pins a layer.
        page.key(Key::Right).await?;
        page.key(Key::Right).await?;
        look(page, "curve").await?;
        page.click("chart").await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        page.script("document.querySelector('[data-testid=tour]').focus()").await?;
        page.key(Key::Escape).await?;
        let gone = async || Ok((!page.has("tour").await?).then_some(()));
        page.wait("the tour to end", gone).await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        ensure!(!page.has("tour-offer").await?, "it is offered again");
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        ensure!(!page.has("tour-offer").await?, "it is offered again after a reload");
        // Whoever wants it finds it in the header.
        page.click("help").await?;
        page.click("help-tour").await?;
        look(page, "seen").await?;
        for _ in 0..5 {
            page.click("tour-next").await?;
        }
        page.wait("the tour to end", gone).await
    })
    .await
}

#[tokio::test]
async fn the_offer_can_be_declined_for_good() -> Result<()> {
    scene("tour-declined", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        page.screenshot("tour-offer-phone", PHONE).await?;
        page.click("tour-decline").await?;
        ensure!(!page.has("tour-offer").await?);
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        ensure!(!page.has("tour-offer").await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn terms_explain_themselves_and_move_nothing() -> Result<()> {
    scene("terms", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.click("tour-decline").await?;
        let layout = "return [...document.querySelectorAll('section, h2, dt')].map(e => {
            const r = e.getBoundingClientRect(); return [r.x + scrollX, r.y + scrollY, r.width, r.height].map(Math.round).join(); }).join(' ')";
        let before = page.script(layout).await?;
        // By keyboard.
        page.script("[...document.querySelectorAll('[data-testid=term]')].find(t => t.textContent == 'MDI by layer').focus()").await?;
        let told = page.text("term-note").await?;
        ensure!(told.contains("attention on one text token over"), "{told}");
        ensure!(page.script(layout).await? == before, "the note moved the page");
        page.screenshot("term", LARGE).await?;
        // A reader hears it with the word.
        let heard = page.script("const t = document.activeElement;
            return document.getElementById(t.getAttribute('aria-describedby')).textContent").await?;
        ensure!(heard.as_str().is_some_and(|h| told.ends_with(h)), "{heard}");
        page.key(Key::Escape).await?;
        let gone = async || Ok((!page.has("term-note").await?).then_some(()));
        page.wait("the note to go", gone).await?;
        // By touch, at the edge of a phone.
        page.resize(PHONE).await?;
        page.click("tab-layers").await?;
        page.script("[...document.querySelectorAll('[data-testid=term]')].forEach(t => { t.scrollIntoView({ block: 'center' }); })").await?;
        for at in ["document.querySelectorAll('.parts [data-testid=term]')[1]", "document.querySelector('#stages-title [data-testid=term]')"] {
            page.script(&format!("{at}.scrollIntoView({{ block: 'center' }}); {at}.click()")).await?;
            let inside = "const r = document.querySelector('[data-testid=term-note]')?.getBoundingClientRect();
                return !!r && r.left >= 0 && r.right <= innerWidth && r.top >= 0 && r.bottom <= innerHeight";
            page.wait("the note on the screen", async || {
                Ok((page.script(inside).await? == true).then_some(()))
            })
            .await?;
        }
        page.keep("term-phone").await?;
        page.resize(LARGE).await?;
        // All of them in one list, which Esc closes without letting go of what is pinned.
        page.click("chart").await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        page.click("help").await?;
        page.click("help-words").await?;
        let list = "return document.querySelectorAll('dialog[open] dt').length";
        ensure!(page.script(list).await?.as_u64() > Some(20));
        page.screenshot("glossary", LARGE).await?;
        page.screenshot("glossary-phone", PHONE).await?;
        page.key(Key::Escape).await?;
        page.wait("the list to close", async || {
            Ok((page.script(list).await?.as_u64() == Some(0)).then_some(()))
        })
        .await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_curve_says_where_words_draw_most_and_where_the_claim_was_read() -> Result<()> {
    scene("finding", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        // Without what keeps a comma at its word.
        let told = page.text("finding").await?.replace('\u{2060}', "");
        // The same numbers as in the table of layers, and as the server's.
        page.click("layer-table-open").await?;
        // The rows are drawn once the table is open.
        page.wait("the rows", async || {
            let rows =
                "return document.querySelector('[data-testid=layer-table] tbody tr') !== null";
            Ok((page.script(rows).await? == Value::Bool(true)).then_some(()))
        })
        .await?;
        let most = page
            .script(
                "const rows = [...document.querySelectorAll('[data-testid=layer-table] tbody tr')]
                     .map(r => [...r.children].map(c => c.textContent));
                 rows.sort((a, b) => b[1] - a[1]);
                 return [rows[0], rows.at(-1)].map(r => 'layer ' + r[0] + ' (' + r[1] + '×)')",
            )
            .await?;
        for layer in most.as_array().into_iter().flatten().filter_map(Value::as_str) {
            ensure!(told.contains(layer), "{layer}: {told}");
        }
        // The shipped claim: the row that wrote "dog" read it off the question.
        ensure!(told.contains("“dog”") && told.contains("layer 1, with 26"), "{told}");
        ensure!(page.text("caveat").await?.contains("not why"), "the caveat stands by the plot");
        // The layers are links to themselves.
        let layers = page.find_all("finding-layer").await?;
        let wanted = layers[0].attr("data-layer").await?.unwrap_or_default();
        layers[0].click().await?;
        page.attr_until("overlay", "data-layer", |l| l == wanted).await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        Ok(())
    })
    .await
}
