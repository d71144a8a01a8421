//! A lab with one browser looking at it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use system_tests::{Browser, LARGE, Server, file};
use tempfile::TempDir;

/// A lab, its data and a browser; dropped in that order from the browser down.
pub struct Stage {
    pub browser: Browser,
    pub server: Server,
    pub data: TempDir,
}

/// Steps of a `[held]` run that is amid its prefill: the scripted model has eight layers.
pub const READING: u32 = 4;
/// Steps of a `[held]` run that has told three tokens.
pub const ANSWERING: u32 = 11;
/// Steps of a `[held]` run that is let go.
pub const ALL: u32 = u32::MAX;

/// A photograph that is no sample of the lab's.
pub fn photo() -> PathBuf {
    file("tests/goldens/images/photo.jpg")
}

/// Runs a scene in front of a lab; what the screen showed when it failed is kept, and a scene that
/// ends well must have left no error in the console but those `expected`.
pub async fn scene(
    name: &str,
    lab: &[&str],
    expected: &[&str],
    play: impl AsyncFnOnce(&mut Stage) -> Result<()>,
) -> Result<()> {
    scene_in(TempDir::new()?, name, lab, expected, play).await
}

/// The same in a folder that was prepared: the lab's own lies in `data` there.
pub async fn scene_in(
    data: TempDir,
    name: &str,
    lab: &[&str],
    expected: &[&str],
    play: impl AsyncFnOnce(&mut Stage) -> Result<()>,
) -> Result<()> {
    let server = Server::start(data.path(), lab)?;
    let browser = Browser::open().await?;
    let mut stage = Stage { browser, server, data };
    let played = play(&mut stage).await;
    if played.is_err() {
        let _ = stage.browser.screenshot(&format!("failed-{name}"), LARGE).await;
    }
    played.with_context(|| {
        let log = std::fs::read_to_string(stage.data.path().join("lab.log")).unwrap_or_default();
        let last: Vec<_> = log.lines().rev().take(20).collect();
        format!("scene {name}; the lab's last lines, newest first:\n{}", last.join("\n"))
    })?;
    let severe = stage.browser.severe(expected).await?;
    ensure!(severe.is_empty(), "the console holds errors:\n{}", severe.join("\n"));
    Ok(())
}

/// Chooses the model again where there is no other to choose from.
pub async fn choose_the_only_model(page: &Browser) -> Result<()> {
    let models = async || {
        let count = page.script(
            "const models = document.querySelector('[data-testid=model]');
             if (models.options.length == 1 && models.value) {
               models.dispatchEvent(new Event('change', { bubbles: true }));
             }
             return models.value ? models.options.length : 0;",
        );
        Ok(count.await?.as_u64().filter(|n| *n > 0))
    };
    page.wait("the list of models", models).await?;
    Ok(())
}

impl Stage {
    /// Asks about the photograph and waits until the model begins.
    pub async fn ask(&self, prompt: &str) -> Result<()> {
        let page = &self.browser;
        page.upload("picture-input", &photo()).await?;
        page.type_into("prompt", prompt).await?;
        // The form takes over the shipped run's model, which a scripted lab does not have.
        choose_the_only_model(page).await?;
        page.click("run").await
    }

    /// Lets a `[held]` run of a scripted lab go on until it has taken so many steps: its layers,
    /// then its tokens.
    pub fn allow(&self, steps: u32) -> Result<()> {
        // Never half written for who reads it meanwhile.
        let (file, next) = (self.server.data().join("steps"), self.server.data().join("steps.new"));
        std::fs::write(&next, steps.to_string())?;
        Ok(std::fs::rename(next, file)?)
    }

    /// Waits until the run on the screen is in this phase.
    pub async fn phase(&self, phase: &str) -> Result<()> {
        self.browser.attr_until("status", "data-phase", |p| p == phase).await.map(drop)
    }

    /// Waits until a run of one's own is on the screen, and returns its name.
    pub async fn run_id(&self) -> Result<String> {
        let page = &self.browser;
        page.wait("the address of a run", async || {
            let url = page.url().await?;
            let (_, path) = url.split_once("/r/").unwrap_or_default();
            let id = path.split(['?', '#', '/']).next().unwrap_or_default();
            Ok((id.len() > 10).then(|| id.to_owned()))
        })
        .await
    }

    /// The big number as it was computed, not as it is written.
    pub async fn number(&self) -> Result<f64> {
        let value = self.browser.attr_until("big-number", "data-value", |v| !v.is_empty()).await?;
        value.parse().with_context(|| value)
    }
}
