//! The lab below a path: behind a proxy that takes the path away and tells nobody, and below one that
//! the lab was told.

use anyhow::{Result, ensure};
use system_tests::Proxy;

use crate::compare::ask;
use crate::stage::{Stage, scene};

/// Goes through the page as it lies at `url`.
async fn round(stage: &Stage, url: &str) -> Result<()> {
    let page = &stage.browser;
    let path = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(_, path)| path);
    page.goto(&format!("{url}/")).await?;
    stage.phase("done").await?;
    let pictures = "return [...document.images].filter(i => i.complete && i.naturalWidth == 0).map(i => i.src)";
    // A run of one's own: a form, a websocket, an address.
    let run = ask(stage, "three-apples.png", "How many apples are there?").await?;
    let there = page.url().await?;
    ensure!(there.starts_with(&format!("{url}/r/{run}")), "{there}");
    let broken = page.script(pictures).await?;
    ensure!(broken.as_array().is_some_and(Vec::is_empty), "pictures that did not come: {broken}");
    // Its link, opened anew.
    page.goto(&format!("{url}/r/{run}?layer=2")).await?;
    stage.phase("done").await?;
    let drawn = page.script("return document.styleSheets.length").await?;
    ensure!(drawn.as_u64() > Some(3), "{drawn} style sheets");
    // Every page that the header leads to, without loading anything anew, and back.
    page.script("window.same = true").await?;
    for (link, place, mark) in [
        ("nav-runs", "/runs", "own-run"),
        ("nav-experiments", "/experiments", "start"),
        ("nav-lessons", "/lessons", "lesson"),
        ("nav-compare", "/compare", "compared-run"),
    ] {
        page.click(link).await?;
        page.find(mark).await?;
        let there = page.url().await?;
        ensure!(there.starts_with(&format!("{url}{place}")), "{link} leads to {there}");
        let current = format!(
            "return document.querySelector('[data-testid={link}]').getAttribute('aria-current')"
        );
        ensure!(page.script(&current).await? == "page", "{link} is where one is");
    }
    ensure!(page.script("return window.same === true").await? == true, "the page was loaded anew");
    page.script("history.back()").await?;
    page.find("lesson").await?;
    // No link leaves the path.
    let outside = format!(
        "return [...document.querySelectorAll('a[href], img[src]')].map(a => a.href || a.src)
         .filter(a => a.startsWith(location.origin) && !a.startsWith(location.origin + '/{path}/'))"
    );
    let outside = page.script(&outside).await?;
    ensure!(outside.as_array().is_some_and(Vec::is_empty), "links that lead out: {outside}");
    // A class, whose address is one that a phone can type.
    page.goto(&format!("{url}/present?run={run}")).await?;
    page.click("present-run").await?;
    let joined = page
        .wait("the class", async || {
            let there = page.url().await?;
            Ok(there.split_once("/present/").map(|(_, code)| code.to_owned()))
        })
        .await?;
    let code = joined.split('?').next().unwrap_or_default();
    // The wall shows the question to the class once its own program is there.
    let asked = format!(
        "fetch('{url}/api/classrooms/{code}').then(r => r.json()).then(c => done(!!c.board?.run))"
    );
    let shown = async || Ok((page.asking(&asked).await? == true).then_some(()));
    page.wait("the class to see the question", shown).await?;
    page.goto(&format!("{url}/j/{code}")).await?;
    page.find("class-picture").await?;
    Ok(())
}

#[tokio::test]
async fn behind_a_proxy_that_takes_the_path_away() -> Result<()> {
    scene("base-stripped", &[], &[], async |stage| {
        let proxy = Proxy::stripping("/user/ada/proxy/8080", &stage.server.url)?;
        round(stage, &proxy.url).await
    })
    .await
}

#[tokio::test]
async fn below_a_path_that_the_lab_was_told() -> Result<()> {
    scene("base-told", &["--base", "/lab"], &[], async |stage| {
        let url = stage.server.url.clone();
        ensure!(url.ends_with("/lab"), "{url}");
        round(stage, &url).await
    })
    .await
}
