//! What people need who see otherwise, use no mouse, or cannot bear things that move.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use system_tests::views::VIEWS;
use system_tests::{Axe, Browser, Gallery, LARGE, PHONE};
use thirtyfour::Key;

use crate::stage::scene;

#[tokio::test]
async fn no_view_breaks_a_rule_of_the_accessibility_guidelines() -> Result<()> {
    let axe = Axe::find()?;
    let page = Browser::open().await?;
    let gallery = Gallery::open(&page).await?;
    let mut broken: Vec<(String, Vec<String>)> = Vec::new();
    let sizes = [("light", LARGE), ("dark", LARGE), ("projector", LARGE), ("light", PHONE)];
    for (theme, size) in sizes {
        page.resize(size).await?;
        page.wear(theme).await?;
        for view in VIEWS {
            view.open(&page, &gallery).await?;
            for told in axe.look(&page).await.with_context(|| view.name)? {
                let place = format!("{} in {theme}, {} px wide", view.name, size.0);
                match broken.iter_mut().find(|(known, _)| *known == told) {
                    Some((_, places)) => places.push(place),
                    None => broken.push((told, vec![place])),
                }
            }
        }
    }
    let told: Vec<String> =
        broken.into_iter().map(|(told, at)| format!("{told}\n  in: {}", at.join("; "))).collect();
    ensure!(told.is_empty(), "{} broken rules:\n\n{}", told.len(), told.join("\n\n"));
    Ok(())
}

/// What has the focus: what it is called, whether one sees that it has it, and where it stands
/// among all that can have it.
const FOCUS: &str = "
    const e = document.activeElement;
    if (!e || e == document.body) return null;
    const named = e.closest('[data-testid]');
    const own = e.dataset.testid || e.getAttribute('aria-label') || e.textContent.trim();
    const ringed = e.closest('label') ?? e;
    const style = [e, ringed].map(x => getComputedStyle(x))
        .find(s => s.outlineStyle != 'none' && parseFloat(s.outlineWidth) >= 2);
    const box = ringed.getBoundingClientRect();
    return {
        name: own || named?.dataset.testid || e.tagName,
        ring: !!style,
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        id: e.dataset.walked ??= String(window.walked = (window.walked ?? 0) + 1),
    };";

/// What a mouse can press and a keyboard never came to.
const MISSED: &str = "
    return [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
        .filter(e => e.checkVisibility() && !e.disabled && !e.dataset.walked)
        .map(e => e.dataset.testid || e.getAttribute('aria-label') || e.outerHTML.slice(0, 120));";

#[tokio::test]
async fn tab_goes_through_the_lab_in_reading_order_and_misses_nothing() -> Result<()> {
    scene("tab", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.settled().await?;
        let mut walked: Vec<String> = Vec::new();
        let mut last = Value::Null;
        for _ in 0..200 {
            page.key(Key::Tab).await?;
            let focus = page.script(FOCUS).await?;
            if focus.is_null() || focus["id"] == "1" && !walked.is_empty() {
                break;
            }
            let name = focus["name"].as_str().context("no name")?.to_owned();
            ensure!(focus["id"] != last, "Tab stays on {name}");
            ensure!(focus["ring"] == true, "nothing shows that {name} has the focus");
            ensure!(focus["seen"] == true, "{name} has the focus off the screen");
            last = focus["id"].clone();
            walked.push(name);
        }
        let mut order = walked.iter();
        for step in [
            "Skip to the results",
            "LangOverrule Lab",
            "nav-experiments",
            "Light theme",
            "Export",
            "share-link",
            "patches",
            "absolute",
            "ask-own",
            "lit-word",
            "token-chip",
            "play-layers",
            "scrub",
            "claim-shown",
            "picture-input",
            "sample",
            "prompt",
            "model",
            "run",
            "Options",
            "definition-select",
            "sink",
            "MDI",
            "beside-paper",
            "Layer",
            "layer-table-open",
            "heads-glass",
            "ribbons",
            "flow-table-open",
            "play-tokens",
            "Token of the answer",
            "time-table-open",
        ] {
            ensure!(order.any(|name| name == step), "{step} is not next in {walked:#?}");
        }
        let missed = page.script(MISSED).await?;
        ensure!(missed == Value::Array(vec![]), "the keyboard does not come to {missed}");
        Ok(())
    })
    .await
}

/// The column and the row of the patch that is chosen.
async fn patch(page: &Browser) -> Result<(i32, i32)> {
    let patch = page.find("patch").await?;
    let (x, y) = (patch.attr("x").await?, patch.attr("y").await?);
    Ok((x.unwrap_or_default().parse()?, y.unwrap_or_default().parse()?))
}

#[tokio::test]
async fn keys_choose_a_head_and_a_patch() -> Result<()> {
    scene("keys", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        // From the skip link, as somebody without a mouse would.
        page.key(Key::Tab).await?;
        page.key(Key::Enter).await?;
        ensure!(page.script("return document.activeElement.id").await? == "results");

        page.script("document.querySelector('[data-testid=heads-glass]').focus()").await?;
        for _ in 0..8 {
            page.key(Key::Left).await?;
            page.key(Key::Up).await?;
        }
        page.key(Key::Right).await?;
        page.key(Key::Down).await?;
        // The other plots follow the cell that is looked at.
        page.attr_until("flow", "data-layer", |l| l == "1").await?;
        let note = "return document.querySelector('.heads .card-note').textContent";
        let told = page.script(note).await?;
        ensure!(told.as_str().is_some_and(|t| t.starts_with("layer 1 · head 1 · MDI ")), "{told}");
        let before = stage.number().await?;
        page.key(Key::Enter).await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        page.attr_until("overlay", "data-shown", |s| s == "head 1").await?;
        page.find("shown").await?;
        ensure!(stage.number().await? == before, "looking at a head changed the number");
        page.key(Key::Enter).await?;
        let let_go = async || Ok((!page.has("shown").await?).then_some(()));
        page.wait("the head to be let go", let_go).await?;
        page.key(Key::Escape).await?;
        page.attr_until("overlay", "data-shown", |s| s == "mean of heads").await?;

        page.script("document.querySelector('[data-testid=patches]').focus()").await?;
        page.key(Key::Right).await?;
        let (x, y) = patch(page).await?;
        page.key(Key::Right).await?;
        page.key(Key::Up).await?;
        ensure!(patch(page).await? == (x + 1, y - 1), "one to the right and one up");
        let foot = "return document.querySelector('.seen .card-foot').textContent";
        let told = page.script(foot).await?;
        let place = format!("row {}, column {}", y - 1, x + 1);
        ensure!(told.as_str().is_some_and(|t| t.contains(&place)), "{told} is not of {place}");
        page.key(Key::Escape).await?;
        let gone = async || Ok((!page.has("patch").await?).then_some(()));
        page.wait("the patch to be let go", gone).await
    })
    .await
}

#[tokio::test]
async fn a_newcomer_finds_the_layer_where_words_overrule_the_picture() -> Result<()> {
    scene("newcomer", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        let told = page.text("whom").await?;
        ensure!(told == "In the answer, the words overruled the picture.", "{told}");
        // What that says is so: the model says dog, and the picture is the sample of a cat.
        ensure!(page.attr("answer", "data-text").await?.contains("dog"));
        let same = page
            .asking(
                "Promise.all(['/api/runs/sample/picture', '/api/samples/cat-far.png']
                    .map(a => fetch(a).then(r => r.arrayBuffer())))
                    .then(([a, b]) => done(a.byteLength > 0 && a.byteLength == b.byteLength
                        && new Uint8Array(a).every((x, i) => x == new Uint8Array(b)[i])))",
            )
            .await?;
        ensure!(same == true, "the shipped run is of another picture");
        // Without a click the page shows a layer in which both are to be seen, the word that was looked
        // up in the question and a patch of the picture.
        let shown = page.attr("overlay", "data-layer").await?;
        let brightest = |css: &str, of: &str| {
            format!(
                "return Math.max(...[...document.querySelectorAll('{css}')].map(e => +e.getAttribute('{of}')))"
            )
        };
        let word = page.script(&brightest("[data-testid=lit-word]", "data-share")).await?;
        let patch = page.script(&brightest(".overlay .cells rect", "fill-opacity")).await?;
        ensure!(word.as_f64() > Some(0.1) && patch.as_f64() > Some(0.5), "{word}, {patch}: {shown}");
        let layer = page.attr("finding-layer", "data-layer").await?;
        // The layer where words draw most is named too.
        let most = page
            .asking(
                "fetch('/api/runs/sample/export.json').then(r => r.json()).then(r => done(
                    r.layers.reduce((a, b) => b.mdi > a.mdi ? b : a).index))",
            )
            .await?
            .to_string();
        let named = page.script(
            "return [...document.querySelectorAll('[data-testid=finding-layer]')].map(l => l.dataset.layer)",
        );
        let named = named.await?;
        let is_most = |l: &serde_json::Value| l.as_str() == Some(most.as_str());
        ensure!(named.as_array().is_some_and(|all| all.iter().any(is_most)), "{named} without {most}");
        // One click pins it.
        page.click("finding-layer").await?;
        page.attr_until("layer-marker", "data-layer", |l| l == layer).await?;
        page.attr_until("overlay", "data-layer", |l| l == layer).await?;
        Ok(())
    })
    .await
}

/// Elements that change gradually or move by themselves.
const MOVING: &str = "
    const times = text => text.split(',').some(t => parseFloat(t) > 0);
    return [...document.querySelectorAll('*')].filter(e => {
        const s = getComputedStyle(e);
        return times(s.transitionDuration) || times(s.animationDuration);
    }).map(e => e.className || e.tagName).slice(0, 9);";

#[tokio::test]
async fn nothing_moves_for_those_who_asked_for_less_motion() -> Result<()> {
    scene("still", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        let moving = page.script(MOVING).await?;
        ensure!(moving.as_array().is_some_and(|m| !m.is_empty()), "for others buttons fade");
        page.prefer("prefers-reduced-motion", "reduce").await?;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        let moving = page.script(MOVING).await?;
        ensure!(moving == Value::Array(vec![]), "{moving}");
        // Playing is steps, one picture after another, and none of them glides.
        page.script(
            "window.glides = 0;
             const look = () => { glides += document.getAnimations().length;
                                  requestAnimationFrame(look); };
             look();",
        )
        .await?;
        page.click("play-layers").await?;
        page.attr_until("flow", "data-layer", |l| l == "2").await?;
        page.click("play-layers").await?;
        stage.ask("What is in the picture?").await?;
        stage.run_id().await?;
        stage.phase("done").await?;
        ensure!(page.script("return window.glides").await? == 0, "something glides");
        Ok(())
    })
    .await
}

/// The middle of an element that is brought into view, and a point of it.
async fn point(page: &Browser, css: &str, (x, y): (f64, f64)) -> Result<(f64, f64)> {
    let at = page
        .script(&format!(
            "const e = document.querySelector('{css}');
             e.scrollIntoView({{ block: 'center' }});
             const b = e.getBoundingClientRect();
             return [b.left + {x} * b.width, b.top + {y} * b.height];"
        ))
        .await?;
    let number = |i: usize| at[i].as_f64().context("no place");
    Ok((number(0)?, number(1)?))
}

/// What can be pressed and is smaller than a side of `least` CSS pixels, of what a selector takes.
/// A box belongs to its label; a link in a sentence has the sentence's size, as WCAG allows.
fn small(css: &str, least: u32) -> String {
    format!(
        "return [...document.querySelectorAll('{css}')]
            .filter(e => e.checkVisibility() && !e.matches('.skip, p a'))
            .map(e => [e, (e.closest('label') ?? e).getBoundingClientRect()])
            .filter(([e, b]) => Math.min(b.width, b.height) < {least} - 0.01)
            .map(([e, b]) => [e.outerHTML.slice(0, 120), b.width, b.height].join(' '));"
    )
}

const PRESSED: &str = "a[href], button, input, select, textarea, summary, [tabindex=\"0\"]";
const MAIN: &str = "[data-testid=run], [data-testid=share-link], [data-testid=model], [data-testid=prompt], \
     [data-testid=sample], .choose, .answer .chip, .tabs button, .top nav a, .more > summary";

#[tokio::test]
async fn fingers_choose_a_layer_and_a_patch_and_find_what_they_press() -> Result<()> {
    scene("fingers", &[], &[], async |stage| {
        let page = &stage.browser;
        page.resize(PHONE).await?;
        page.touch_screen().await?;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.settled().await?;

        page.click("tab-layers").await?;
        let (x, y) = point(page, "[data-testid=chart] .glass", (0.6, 0.5)).await?;
        page.tap(x, y).await?;
        page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
        let layer = page.attr("layer-marker", "data-layer").await?;
        ensure!(layer == "4", "0.6 of the width is layer 4 of 8, not {layer}");

        page.click("tab-answer").await?;
        let (x, y) = point(page, "[data-testid=patches]", (0.04, 0.96)).await?;
        page.tap(x, y).await?;
        ensure!(patch(page).await? == (0, 11), "the left edge of the last row");

        page.script("document.querySelectorAll('details').forEach(d => d.open = true)").await?;
        page.script("document.querySelector('[aria-controls=definition-panel]').click()").await?;
        for tab in ["answer", "layers", "heads", "flow", "ask"] {
            page.click(&format!("tab-{tab}")).await?;
            page.settled().await?;
            let few = page.script(&small(PRESSED, 24)).await?;
            ensure!(few == Value::Array(vec![]), "{tab}: smaller than 24 px: {few:#}");
            let few = page.script(&small(MAIN, 44)).await?;
            ensure!(few == Value::Array(vec![]), "{tab}: smaller than 44 px: {few:#}");
        }
        Ok(())
    })
    .await
}
