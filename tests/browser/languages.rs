//! The page in two languages: switching keeps everything but the words, and nothing visible stays
//! in the other language.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use system_tests::{LARGE, PHONE, PROJECTOR, file};

use crate::stage::{ANSWERING, Stage, scene};

/// Texts whose Korean differs from their English, as patterns: the pieces between their `{names}`.
fn english() -> Result<Vec<Vec<String>>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(file("frontend/locales/ko"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        all.extend(serde_json::from_str::<BTreeMap<String, String>>(&text)?);
    }
    // Samples bring their texts in both languages.
    let samples = std::fs::read_to_string(file("models/demo-llava/samples/samples.json"))?;
    let samples: Vec<serde_json::Value> = serde_json::from_str(&samples)?;
    for (sample, name) in samples.iter().flat_map(|s| ["title", "note"].map(|name| (s, name))) {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        all.insert(text(&sample[name]), text(&sample["ko"][name]));
    }
    ensure!(all.len() > 300, "only {} texts are translated", all.len());
    let differ = all.into_iter().filter(|(english, own)| english != own).map(|(e, _)| e);
    let pieces = |text: String| -> Vec<String> {
        text.split('{').map(|p| p.split_once('}').map_or(p, |(_, p)| p).to_owned()).collect()
    };
    // What is nearly nothing but values cannot be told from other texts.
    let telling = |p: &Vec<String>| {
        p.iter().flat_map(|p| p.chars()).filter(|c| c.is_alphabetic()).count() > 2
    };
    Ok(differ.map(pieces).filter(telling).collect())
}

fn fits(pattern: &[String], text: &str) -> bool {
    let [first, rest @ ..] = pattern else { return false };
    let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
    for (at, piece) in rest.iter().enumerate() {
        let found = if at + 1 == rest.len() {
            // The last piece ends the text; an empty one lets anything end it.
            left.strip_suffix(piece.as_str()).map(|_| "")
        } else {
            left.find(piece.as_str()).map(|i| &left[i + piece.len()..])
        };
        let Some(next) = found else { return false };
        left = next;
    }
    left.is_empty()
}

/// What people see and hear: visible text, labels, titles. Not what a model or a person wrote, and
/// not the names of definitions, which are the same in links and files.
const TEXTS: &str = "
    const own = '[data-testid=token-chip], .chip.token, .chip.generated, .question, code, kbd, ' +
        '[data-testid=prompt], [data-testid=definition-select], [data-testid^=definition-], ' +
        '[data-testid=sequence] .token, .drawing, [lang]:not(html), [data-testid=time-table], .sample';
    const found = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement;
        if (e.closest(own) || e.closest('script, style, noscript')) continue;
        if (e.tagName != 'OPTION' && !e.getClientRects().length) continue;
        found.push(walk.currentNode.data.trim());
    }
    for (const e of document.querySelectorAll('[title], [aria-label], [placeholder], img[alt]')) {
        if (e.closest(own)) continue;
        for (const name of ['title', 'aria-label', 'placeholder', 'alt']) found.push(e.getAttribute(name) || '');
    }
    for (const e of document.querySelectorAll('.drawing text')) found.push(e.textContent.trim());
    return found.filter(t => /[A-Za-z]{3}/.test(t));
";

async fn nothing_is_english(stage: &Stage, patterns: &[Vec<String>], place: &str) -> Result<()> {
    let texts = stage.browser.script(TEXTS).await?;
    let texts: Vec<String> = serde_json::from_value(texts)?;
    let left: Vec<&String> =
        texts.iter().filter(|text| patterns.iter().any(|p| fits(p, text))).collect();
    ensure!(left.is_empty(), "in English on {place}: {left:#?}");
    Ok(())
}

async fn title(stage: &Stage) -> Result<String> {
    let title = stage.browser.script("return document.getElementById('answer-title')?.textContent");
    Ok(title.await?.as_str().unwrap_or_default().to_owned())
}

async fn title_until(stage: &Stage, wanted: &str) -> Result<()> {
    let shown = async || Ok((title(stage).await? == wanted).then_some(()));
    stage.browser.wait(&format!("the title {wanted}"), shown).await
}

#[tokio::test]
async fn a_change_of_language_keeps_everything_but_the_words() -> Result<()> {
    scene("languages", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        title_until(stage, "Answer").await?;
        let answer = page.attr("answer", "data-text").await?;
        page.type_into("prompt", "Where is the frog?").await?;
        page.click("chart").await?;
        let layer = page.attr("layer-marker", "data-layer").await?;
        page.click("sink-compare").await?;
        let number = stage.number().await?;
        let asked = page
            .script(
                "return performance.getEntriesByType('resource')
            .filter(r => r.name.includes('/api/') && r.initiatorType == 'fetch').length",
            )
            .await?;

        page.click("language-ko").await?;
        title_until(stage, "답변").await?;
        let same = async || -> Result<()> {
            ensure!(page.attr("answer", "data-text").await? == answer);
            page.attr_until("layer-marker", "data-layer", |l| l == layer).await?;
            page.attr_until("layer-marker", "class", |c| c.contains("pinned")).await?;
            ensure!(stage.number().await? == number, "the definition changed");
            let typed = page.script("return document.querySelector('[data-testid=prompt]').value");
            ensure!(typed.await? == "Where is the frog?", "the form lost its question");
            Ok(())
        };
        same().await?;
        let asked_now = page
            .script(
                "return performance.getEntriesByType('resource')
            .filter(r => r.name.includes('/api/') && r.initiatorType == 'fetch').length",
            )
            .await?;
        ensure!(asked == asked_now, "a change of language asked the server");
        let lang = page.script("return document.documentElement.lang").await?;
        ensure!(lang == "ko", "{lang}");
        let focus = page.script("return document.activeElement.dataset.language").await?;
        ensure!(focus == "ko", "the focus went to {focus}");
        for (name, size) in [("desktop", LARGE), ("projector", PROJECTOR), ("phone", PHONE)] {
            page.screenshot(&format!("korean-{name}"), size).await?;
        }

        // A reload keeps the language, and the address the view.
        page.wait("the view in the address", async || {
            Ok(page.url().await?.contains("layer=").then_some(()))
        })
        .await?;
        let url = page.url().await?;
        page.goto(&url).await?;
        stage.phase("done").await?;
        title_until(stage, "답변").await?;
        page.attr_until("layer-marker", "data-layer", |l| l == layer).await?;
        page.click("language-en").await?;
        title_until(stage, "Answer").await?;
        ensure!(stage.number().await? == number);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_was_chosen_a_moment_ago_survives_a_change_of_language() -> Result<()> {
    scene("languages-at-once", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        for (tag, title) in [("ko", "답변"), ("en", "Answer"), ("ko", "답변")] {
            page.wait("the other number", async || {
                Ok(page.has("sink-compare").await?.then_some(()))
            })
            .await?;
            let before = stage.number().await?;
            // Faster than any hand: the address does not hold the choice yet.
            let at_once = format!(
                "document.querySelector('[data-testid=sink-compare]').click();
                 document.querySelector('[data-testid=language-{tag}]').click();"
            );
            page.script(&at_once).await?;
            title_until(stage, title).await?;
            let number = stage.number().await?;
            ensure!(number != before, "the choice of {number} is lost");
            page.wait("the choice in the address", async || {
                let out = page.url().await?.contains("def=");
                Ok((out == (tag == "ko")).then_some(()))
            })
            .await?;
            ensure!(stage.number().await? == number, "the address changed the number");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_comparison_goes_on_in_another_language() -> Result<()> {
    scene("languages-compared", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/compare?runs=sample&layer=2", stage.server.url)).await?;
        let forward = async || -> Result<()> {
            page.attr_until("definition-forward", "aria-pressed", |p| p == "true").await.map(drop)
        };
        page.click("definition-forward").await?;
        forward().await?;
        page.click("language-ko").await?;
        let lang = async || {
            let title =
                page.script("return document.querySelector('#runs-title')?.textContent").await?;
            Ok((title == "나란히 놓은 실행").then_some(()))
        };
        page.wait("the page in Korean", lang).await?;
        forward().await?;
        let url = page.url().await?;
        ensure!(url.contains("def=forward") && url.contains("layer=2"), "{url}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_run_that_is_on_its_way_survives_a_change_of_language() -> Result<()> {
    scene("languages-live", &["--scripted"], crate::failures::REFUSED, async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.ask("[held] What is in the picture?").await?;
        stage.allow(ANSWERING)?;
        stage.phase("generating").await?;
        let id = stage.run_id().await?;
        page.click("language-ko").await?;
        title_until(stage, "답변").await?;
        // What was seen is there, more of it comes, and the run can still be stopped.
        let words = page.find_all("token-chip").await?.len();
        ensure!(words > 0, "the answer is gone");
        stage.allow(ANSWERING + 2)?;
        page.wait("more of the answer", async || {
            Ok((page.find_all("token-chip").await?.len() > words).then_some(()))
        })
        .await?;
        page.click("cancel").await?;
        stage.phase("cancelled").await?;
        ensure!(stage.run_id().await? == id);
        // What goes wrong is told in Korean: the server's sentence in the page's language.
        page.goto(&format!("{}/r/AAAAAAAAAAAAAAAAAAAAAA", stage.server.url)).await?;
        let told = page.text("error").await.context("the error")?;
        ensure!(told.contains("이 주소에는 실행이 없습니다"), "{told}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_address_may_ask_for_a_language() -> Result<()> {
    scene("languages-link", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/?lang=ko", stage.server.url)).await?;
        title_until(stage, "답변").await?;
        // As long as the tab is open, also where the address no longer says it.
        page.goto(&stage.server.url).await?;
        title_until(stage, "답변").await?;
        // What a person chooses is stronger.
        page.click("language-en").await?;
        title_until(stage, "Answer").await?;
        page.goto(&stage.server.url).await?;
        title_until(stage, "Answer").await
    })
    .await
}

#[tokio::test]
async fn nothing_on_a_korean_page_is_english() -> Result<()> {
    let patterns = english()?;
    // It can tell: these are keys, and these are not.
    ensure!(patterns.iter().any(|p| fits(p, "layer 3, MDI 1.29")));
    ensure!(!patterns.iter().any(|p| fits(p, "레이어 3, MDI 1.29")));
    scene("korean", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        let texts: Vec<String> = serde_json::from_value(page.script(TEXTS).await?)?;
        let english = texts.iter().filter(|t| patterns.iter().any(|p| fits(p, t))).count();
        ensure!(
            english > 60,
            "only {english} texts of the English page are known: are they found?"
        );

        page.click("language-ko").await?;
        title_until(stage, "답변").await?;
        page.script("document.querySelectorAll('details').forEach(d => d.open = true)").await?;
        page.script("document.querySelector('.definition button.pill').click()").await?;
        page.find("queries").await?;
        nothing_is_english(stage, &patterns, "the lab").await?;
        page.click("chart").await?;
        page.select("definition-select", "forward").await?;
        nothing_is_english(stage, &patterns, "the lab, another definition").await?;
        page.click("help-words").await?;
        nothing_is_english(stage, &patterns, "the list of terms").await?;
        page.screenshot("korean-glossary", LARGE).await?;

        let at = |path: &str| format!("{}{path}", stage.server.url);
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        page.click("run").await?;
        let id = stage.run_id().await?;
        stage.phase("done").await?;
        page.goto(&at("/runs")).await?;
        page.find("own-run").await?;
        nothing_is_english(stage, &patterns, "the list of one's own runs").await?;
        page.goto(&at(&format!("/compare?runs=sample,{id}"))).await?;
        page.find("compared-table").await?;
        page.wait("both runs", async || {
            let done = "return document.querySelectorAll('[data-testid=compared-run][data-phase=done]').length";
            Ok((page.script(done).await? == 2).then_some(()))
        })
        .await?;
        nothing_is_english(stage, &patterns, "a comparison").await?;
        page.goto(&at(&format!("/embed/{id}"))).await?;
        page.attr_until("embed", "data-phase", |p| p == "done").await?;
        nothing_is_english(stage, &patterns, "an embedded run").await?;
        page.goto(&at("/lessons")).await?;
        page.find("lesson").await?;
        nothing_is_english(stage, &patterns, "the lessons").await?;
        page.click("present-words-overrule").await?;
        page.find("joining").await?;
        nothing_is_english(stage, &patterns, "a wall that says how to join").await?;
        page.click("begin").await?;
        page.attr_until("class-phase", "data-phase", |p| p == "done").await?;
        nothing_is_english(stage, &patterns, "a wall that asks").await?;

        page.goto(&format!("{}/experiments", stage.server.url)).await?;
        page.find("planned").await?;
        page.script("document.querySelectorAll('details').forEach(d => d.open = true)").await?;
        nothing_is_english(stage, &patterns, "the list of experiments").await?;
        page.type_into("samples", "2").await?;
        page.key(thirtyfour::Key::Tab).await?;
        page.click("start").await?;
        page.attr_until("done", "data-state", |s| s == "done").await?;
        page.find("table-1").await?;
        page.script("document.querySelectorAll('details').forEach(d => d.open = true)").await?;
        nothing_is_english(stage, &patterns, "an experiment").await?;
        page.screenshot("korean-experiment", LARGE).await?;
        page.screenshot("korean-experiment-phone", PHONE).await
    })
    .await
}
