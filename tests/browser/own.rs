//! The list of runs that a browser asked for, and what the ways between pages leave in its history.

use anyhow::{Result, ensure};
use system_tests::{LARGE, PHONE};

use crate::compare::{all_done, ask, runs_of};
use crate::stage::scene;

#[tokio::test]
async fn what_one_asked_is_listed_and_can_be_put_side_by_side() -> Result<()> {
    scene("own", &[], &[], async |stage| {
        let page = &stage.browser;
        let url = stage.server.url.clone();
        page.goto(&format!("{url}/runs")).await?;
        page.find("no-runs").await?;
        page.goto(&url).await?;
        stage.phase("done").await?;
        let first = ask(stage, "three-apples.png", "How many apples are there?").await?;
        let answer = page.attr("answer", "data-text").await?;
        page.click("test-blank").await?;
        all_done(page, 2).await?;
        let second = runs_of(page).await?[1].clone();

        page.click("nav-runs").await?;
        let listed = "return [...document.querySelectorAll('[data-testid=own-run]')]
            .map(r => [r.dataset.id, r.innerText])";
        let rows = page
            .wait("both runs with their answers", async || {
                let rows: Vec<(String, String)> =
                    serde_json::from_value(page.script(listed).await?)?;
                Ok((rows.len() == 2).then_some(rows))
            })
            .await?;
        ensure!(rows[0].0 == second && rows[1].0 == first, "the newest first: {rows:?}");
        ensure!(rows[1].1.contains("How many apples") && rows[1].1.contains(&answer), "{rows:?}");
        for size in [LARGE, PHONE] {
            page.screenshot("own-runs", size).await?;
        }
        page.resize(LARGE).await?;
        for run in page.find_all("choose-run").await? {
            run.click().await?;
        }
        page.click("compare-chosen").await?;
        all_done(page, 2).await?;
        ensure!(runs_of(page).await? == [first.clone(), second.clone()], "the first is A");

        // What stands there already is not offered again, and what is offered can be added.
        page.goto(&format!("{url}/compare?runs={second}")).await?;
        all_done(page, 1).await?;
        let offered = page.find_all("add-own").await?.len();
        ensure!(offered == 1, "{offered} are offered");
        page.click("add-own").await?;
        all_done(page, 2).await?;
        ensure!(runs_of(page).await? == [second.clone(), first.clone()]);

        // Off the list is not gone; deleted is off the list too.
        page.goto(&format!("{url}/runs")).await?;
        page.click("unlist-run").await?;
        page.wait("one row less", async || {
            Ok((page.find_all("own-run").await?.len() == 1).then_some(()))
        })
        .await?;
        page.goto(&format!("{url}/r/{second}")).await?;
        stage.phase("done").await?;
        page.goto(&format!("{url}/r/{first}")).await?;
        stage.phase("done").await?;
        page.script("window.confirm = () => true").await?;
        page.click("delete-run").await?;
        page.wait("the way out", async || Ok((!page.url().await?.contains(&first)).then_some(())))
            .await?;
        page.click("nav-runs").await?;
        page.find("no-runs").await?;
        Ok(())
    })
    .await
}

/// Asks the lab two things as the page would, one of which fails, and lists 498 runs that are gone.
const MANY: &str = "
    const ask = async prompt => {
        const picture = await (await fetch('/api/samples/cat-near.png')).blob();
        const form = new FormData();
        form.append('picture', picture, 'cat.png');
        form.append('options', JSON.stringify({ prompt, max_new_tokens: 3 }));
        const { id } = await (await fetch('/api/runs', { method: 'POST', body: form })).json();
        return { id, prompt, model: '', asked: new Date().toISOString(), answer: '', name: '' };
    };
    const runs = [await ask('Zebra?'), await ask('[fail] Ape?')];
    const letters = 'abcdefghijkmnpqrstuvwxyz';
    for (let n = 0; n < 498; n++) {
        const id = 'a'.repeat(24) + letters[Math.floor(n / 24)] + letters[n % 24];
        runs.push({ id, prompt: 'Old ' + n, model: 'older', asked: '2025-01-01T00:00:00Z', answer: 'No.', name: '' });
    }
    localStorage.setItem('runs', JSON.stringify(runs));";

/// The questions that are listed, in their order.
const QUESTIONS: &str =
    "return [...document.querySelectorAll('[data-testid=own-run] .beside-name > a')]
    .map(a => a.innerText)";

#[tokio::test]
async fn five_hundred_runs_are_searched_sorted_tagged_and_say_why_they_failed() -> Result<()> {
    scene("many-runs", &["--scripted"], &["/prepared.png"], async |stage| {
        let page = &stage.browser;
        let url = stage.server.url.clone();
        page.goto(&format!("{url}/runs")).await?;
        page.patience_of_scripts(60).await?;
        page.asking(&format!("(async () => {{ {MANY} }})().then(() => done(), e => done(String(e)))"))
            .await?;
        page.goto(&format!("{url}/runs")).await?;
        let row = |which: &str| format!("return document.querySelector('[data-testid=own-run]{which}')?.innerText ?? ''");
        // What the lab tells of them, its number with it; and why one failed.
        page.wait("a run that is done", async || {
            let text = page.script(&row("[data-standing=done]")).await?;
            Ok(text.as_str().is_some_and(|t| t.contains("Zebra?") && t.contains("scripted")).then_some(()))
        })
        .await?;
        let number = page.script("return document.querySelector('[data-standing=done] [data-testid=cell-mdi]').dataset.value").await?;
        ensure!(number.as_str().and_then(|n| n.parse::<f64>().ok()).is_some(), "{number}");
        page.wait("why it failed", async || {
            let text = page.script(&row("[data-standing=failed]")).await?;
            Ok(text.as_str().is_some_and(|t| t.contains("The prompt is too long.")).then_some(()))
        })
        .await?;
        let drawn = page.find_all("own-run").await?.len();
        ensure!(drawn == 50, "{drawn} rows are drawn of 500");
        page.click("more-runs").await?;
        ensure!(page.find_all("own-run").await?.len() == 100);
        page.wait("those that are gone to be told", async || {
            let told = page.script("return JSON.parse(localStorage.getItem('runs')).filter(r => r.told?.standing == 'gone').length").await?;
            Ok((told == 498).then_some(()))
        })
        .await?;
        // A letter in the search takes no longer than a blink.
        let typed = page
            .asking(
                "const field = document.querySelector('[data-testid=search-runs]');
                 const began = performance.now();
                 field.value = 'old 49';
                 field.dispatchEvent(new Event('input', { bubbles: true }));
                 requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));",
            )
            .await?;
        eprintln!("runs: a search among 500 takes {typed} ms");
        ensure!(typed.as_f64().is_some_and(|ms| ms < 400.0), "{typed} ms");
        ensure!(page.text("counted").await?.starts_with("13 of 500"), "every number that holds 49");
        page.click("show-all").await?;
        page.click("sort-question").await?;
        let first = page.script(QUESTIONS).await?[0].clone();
        ensure!(first == "[fail] Ape?", "{first}");
        page.click("sort-question").await?;
        let first = page.script(QUESTIONS).await?[0].clone();
        ensure!(first == "Zebra?", "{first}");
        page.select("filter-status", "failed").await?;
        ensure!(page.script(QUESTIONS).await? == serde_json::json!(["[fail] Ape?"]));
        // A tag is kept and found again.
        page.click("add-tag").await?;
        page.type_into("tag-field", "monkeys").await?;
        page.click("keep-tag").await?;
        page.find("tag").await?;
        page.goto(&format!("{url}/runs")).await?;
        page.select("filter-tag", "monkeys").await?;
        ensure!(page.script(QUESTIONS).await? == serde_json::json!(["[fail] Ape?"]));
        for size in [LARGE, PHONE] {
            page.screenshot("runs-tagged", size).await?;
        }
        page.click("untag").await?;
        page.find("none-fit").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn addresses_that_are_left_stay_what_they_were() -> Result<()> {
    scene("history", &[], &["404"], async |stage| {
        let page = &stage.browser;
        let url = stage.server.url.clone();
        let at = async |end: &str| {
            page.wait(&format!("the address {end}"), async || {
                Ok(page.url().await?.ends_with(end).then_some(()))
            })
            .await
        };
        let run = "/r/sample?def=forward&layer=3&token=2";
        page.goto(&format!("{url}{run}")).await?;
        stage.phase("done").await?;
        page.click("nav-compare").await?;
        all_done(page, 1).await?;
        page.script("history.back()").await?;
        stage.phase("done").await?;
        at(run).await?;

        let compared = "/compare?runs=sample&def=forward&layer=2";
        page.goto(&format!("{url}{compared}")).await?;
        all_done(page, 1).await?;
        page.click("nav-experiments").await?;
        page.find("planned").await?;
        page.script("history.back()").await?;
        all_done(page, 1).await?;
        at(compared).await?;
        page.click("compared-name").await?;
        stage.phase("done").await?;
        page.script("history.back()").await?;
        all_done(page, 1).await?;
        at(compared).await?;
        // What is gone is called that, and compared with nothing.
        let gone = "a".repeat(26);
        page.goto(&format!("{url}/compare?runs={gone}")).await?;
        page.wait("the name of what is gone", async || {
            Ok((page.text("compared-name").await? == "a run that is gone").then_some(()))
        })
        .await
    })
    .await
}
