//! Five things that a newcomer comes for, and how many clicks each takes: printed, and held to a bound.

use anyhow::{Result, ensure};
use system_tests::{Browser, LARGE};

use crate::stage::{photo, scene};

/// Counts what a person presses.
struct Hand<'a> {
    page: &'a Browser,
    clicks: u32,
}

impl<'a> Hand<'a> {
    fn new(page: &'a Browser) -> Self {
        Hand { page, clicks: 0 }
    }

    async fn click(&mut self, id: &str) -> Result<()> {
        self.clicks += 1;
        self.page.click(id).await
    }

    /// What a task took.
    fn took(self, task: &str, most: u32) -> Result<()> {
        eprintln!("{task}: {} clicks", self.clicks);
        ensure!(self.clicks <= most, "{task} takes {} clicks, more than {most}", self.clicks);
        Ok(())
    }
}

#[tokio::test]
async fn a_newcomers_five_tasks_take_few_clicks() -> Result<()> {
    scene("newcomers", &[], &[], async |stage| {
        let page = &stage.browser;
        page.resize(LARGE).await?;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;

        // Find the layer where words draw most, and look at it.
        let mut hand = Hand::new(page);
        hand.click("finding-layer").await?;
        let layer = page.attr("finding-layer", "data-layer").await?;
        page.attr_until("overlay", "data-layer", |shown| shown == layer).await?;
        hand.took("find the layer", 1)?;

        // Ask about a picture of one's own; choosing the file is a click.
        let mut hand = Hand::new(page);
        hand.clicks += 1;
        page.upload("picture-input", &photo()).await?;
        hand.click("run").await?;
        let own = stage.run_id().await?;
        stage.phase("done").await?;
        ensure!(!page.attr("answer", "data-text").await?.is_empty());
        hand.took("ask about my picture", 2)?;

        // Test it: does the answer stay without the picture?
        let mut hand = Hand::new(page);
        hand.click("test-blank").await?;
        let ended = async || {
            let phases = page.script(
                "return [...document.querySelectorAll('[data-testid=compared-run]')]
                    .map(run => run.dataset.phase).join()",
            );
            Ok((phases.await? == "done,done").then_some(()))
        };
        page.wait("both answers beside each other", ended).await?;
        hand.took("test it", 1)?;

        // Share it: the link of the run as it is looked at.
        page.goto(&format!("{}/r/{own}", stage.server.url)).await?;
        stage.phase("done").await?;
        let mut hand = Hand::new(page);
        hand.click("share-link").await?;
        let copied = async || {
            let label = page.attr("share-link", "aria-label").await?;
            let shown = page.script("return document.querySelector('.said').textContent").await?;
            let told = shown.as_str().is_some_and(|link| link.contains(&own));
            Ok((label == "Link copied" || told).then_some(()))
        };
        page.wait("the link", copied).await?;
        hand.took("share it", 1)?;

        // Run a class: from the lab to a wall that pupils can join.
        let mut hand = Hand::new(page);
        hand.click("nav-lessons").await?;
        let lesson = page.attr("lesson", "data-name").await?;
        hand.click(&format!("present-{lesson}")).await?;
        page.attr_until("wall", "data-moment", |moment| !moment.is_empty()).await?;
        ensure!(page.url().await?.contains("/present/"), "no class: {}", page.url().await?);
        hand.took("run a class", 2)
    })
    .await
}
