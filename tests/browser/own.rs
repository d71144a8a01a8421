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
