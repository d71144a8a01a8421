//! Debian's Chromium, driven through its chromedriver.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::process::Process;

/// A desktop window.
pub const LARGE: (u32, u32) = (1440, 1000);
/// A classroom projector.
pub const PROJECTOR: (u32, u32) = (1280, 720);
/// A phone held upright.
pub const PHONE: (u32, u32) = (390, 844);

/// How long the page may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with a profile of its own.
#[derive(Debug)]
pub struct Browser {
    pub(crate) driver: WebDriver,
    port: u16,
    _chromedriver: Process,
    _profile: TempDir,
}

impl Drop for Browser {
    /// Ends the session, which closes Chromium; the fields then end chromedriver and remove the
    /// profile. By hand, because thirtyfour's own way out of a drop waits for two minutes.
    fn drop(&mut self) {
        let id = self.driver.session_id().to_string();
        if self.driver.clone().leak().is_ok() {
            let _ = end_session(self.port, &id);
        }
    }
}

fn end_session(port: u16, id: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let host = format!("127.0.0.1:{port}");
    write!(stream, "DELETE /session/{id} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    // The first byte of the answer comes when Chromium is gone.
    stream.read_exact(&mut [0])
}

impl Browser {
    /// Opens a browser.
    ///
    /// # Errors
    /// Chromium or chromedriver is missing.
    pub async fn open() -> Result<Browser> {
        let mut command = Command::new("chromedriver");
        let mut chromedriver = Process::start(command.arg("--port=0").stderr(Stdio::null()))
            .context("Debian's packages chromium and chromium-driver are needed")?;
        let port = chromedriver.line_after("successfully on port ", PATIENCE)?;
        let port: u16 = port.trim_end_matches('.').parse().context("chromedriver's port")?;
        let profile = TempDir::new()?;
        let mut wishes = DesiredCapabilities::chrome();
        for flag in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-device-scale-factor=1",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            wishes.add_arg(flag)?;
        }
        wishes.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wishes).await?;
        let browser = Browser { driver, port, _chromedriver: chromedriver, _profile: profile };
        browser.resize(LARGE).await?;
        Ok(browser)
    }

    /// Sets the size of the page itself, not of a window around it.
    pub async fn resize(&self, (width, height): (u32, u32)) -> Result<()> {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// Opens an address.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.driver.goto(url).await.with_context(|| url.to_owned())
    }

    /// Looks into a frame of the page, by its place among them; [`Browser::leave_frame`] looks at
    /// the page again.
    pub async fn enter_frame(&self, at: u16) -> Result<()> {
        Ok(self.driver.enter_frame(at).await?)
    }

    /// Looks at the page again and not into a frame.
    pub async fn leave_frame(&self) -> Result<()> {
        Ok(self.driver.enter_default_frame().await?)
    }

    /// The address shown.
    pub async fn url(&self) -> Result<String> {
        Ok(self.driver.current_url().await?.to_string())
    }

    /// Waits for the first element with a `data-testid`.
    pub async fn find(&self, id: &str) -> Result<WebElement> {
        let css = format!("[data-testid=\"{id}\"]");
        self.wait(&format!("an element {id}"), async || {
            Ok(self.driver.find(By::Css(&css)).await.ok())
        })
        .await
    }

    /// All elements with a `data-testid` that are there now.
    pub async fn find_all(&self, id: &str) -> Result<Vec<WebElement>> {
        Ok(self.driver.find_all(By::Css(format!("[data-testid=\"{id}\"]"))).await?)
    }

    /// Whether an element with this `data-testid` is there now.
    pub async fn has(&self, id: &str) -> Result<bool> {
        Ok(!self.find_all(id).await?.is_empty())
    }

    /// Clicks an element, brought into view as a person would.
    pub async fn click(&self, id: &str) -> Result<()> {
        self.patiently(&format!("a click on {id}"), async || {
            let element = self.find(id).await?;
            element.scroll_into_view().await?;
            Ok(element.click().await?)
        })
        .await
    }

    /// An element's visible text.
    pub async fn text(&self, id: &str) -> Result<String> {
        self.patiently(&format!("the text of {id}"), async || {
            Ok(self.find(id).await?.text().await?)
        })
        .await
    }

    /// An element's attribute; empty where it has none.
    pub async fn attr(&self, id: &str, name: &str) -> Result<String> {
        Ok(self.find(id).await?.attr(name).await?.unwrap_or_default())
    }

    /// Waits until an element's attribute fits, and returns it.
    pub async fn attr_until(
        &self,
        id: &str,
        name: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let mut last = String::new();
        let found = self
            .wait(&format!("{name} of {id}"), async || {
                last = self.attr(id, name).await.unwrap_or_default();
                Ok(fits(&last).then(|| last.clone()))
            })
            .await;
        found.with_context(|| format!("it is {last:?}"))
    }

    /// Whether a box is checked.
    ///
    /// # Errors
    /// It is not there.
    pub async fn checked(&self, id: &str) -> Result<bool> {
        Ok(self.find(id).await?.prop("checked").await?.as_deref() == Some("true"))
    }

    /// Chooses an option of a select by its value.
    pub async fn select(&self, id: &str, value: &str) -> Result<()> {
        let css = format!("[data-testid=\"{id}\"] option[value=\"{value}\"]");
        self.patiently(&css, async || Ok(self.driver.find(By::Css(&css)).await?.click().await?))
            .await
    }

    /// Puts a file into a file input.
    pub async fn upload(&self, id: &str, file: &Path) -> Result<()> {
        let file = file.canonicalize().with_context(|| file.display().to_string())?;
        Ok(self.find(id).await?.send_keys(file.to_string_lossy()).await?)
    }

    /// Replaces the text of an input.
    pub async fn type_into(&self, id: &str, text: &str) -> Result<()> {
        self.patiently(&format!("typing into {id}"), async || {
            let element = self.find(id).await?;
            element.clear().await?;
            Ok(element.send_keys(text).await?)
        })
        .await
    }

    /// Does something to an element again until it succeeds: the page may draw an element anew, or
    /// not have laid it out yet, at the moment it is touched.
    async fn patiently<T>(&self, what: &str, mut act: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        let mut last = None;
        let done = self.wait(what, async || match act().await {
            Ok(done) => Ok(Some(done)),
            Err(error) => {
                last = Some(error);
                Ok(None)
            }
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(error) => Err(last.unwrap_or(error)).with_context(|| what.to_owned()),
        }
    }

    /// Runs a script and returns what it returns.
    pub async fn script(&self, script: &str) -> Result<Value> {
        Ok(self.driver.execute(script, vec![]).await?.json().clone())
    }

    /// Presses a key wherever the focus is.
    pub async fn key(&self, key: impl Into<thirtyfour::TypingData>) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(key).perform().await?)
    }

    /// Asks again until there is an answer.
    pub async fn wait<T>(
        &self,
        what: &str,
        mut ask: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            if Instant::now() > until {
                let log = self.log().await.unwrap_or_default().join("\n");
                bail!("waited {PATIENCE:?} for {what}; the console says:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// How many requests the page has made since it was opened.
    pub async fn requests(&self) -> Result<usize> {
        let count = "return performance.getEntriesByType('resource').length";
        Ok(self.script(count).await?.as_u64().unwrap_or_default() as usize)
    }

    /// Console entries since the last look, as `LEVEL message`.
    pub async fn log(&self) -> Result<Vec<String>> {
        let entries = self.driver.browser_log().await?;
        Ok(entries.into_iter().map(|e| format!("{} {}", e.level, e.message)).collect())
    }

    /// Errors in the console since the last look, less those that hold one of `expected`.
    pub async fn severe(&self, expected: &[&str]) -> Result<Vec<String>> {
        let mut log = self.log().await?;
        log.retain(|e| e.starts_with("SEVERE") && !expected.iter().any(|x| e.contains(x)));
        Ok(log)
    }

    /// Keeps a picture of the page as it is in the build folder.
    pub async fn keep(&self, name: &str) -> Result<()> {
        let folder = crate::screenshots();
        std::fs::create_dir_all(&folder)?;
        Ok(self.driver.screenshot(&folder.join(format!("{name}.png"))).await?)
    }

    /// Keeps a picture of the page as it is, at a size, in the build folder.
    pub async fn screenshot(&self, name: &str, size: (u32, u32)) -> Result<()> {
        self.resize(size).await?;
        // Two frames and the chart's own resize observer.
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.keep(&format!("{name}-{}x{}", size.0, size.1)).await?;
        let wide = "return document.documentElement.scrollWidth - window.innerWidth";
        let over = self.script(wide).await?.as_i64().unwrap_or_default();
        self.resize(LARGE).await?;
        if over > 1 {
            bail!("at {}×{} the page is {over} px wider than the screen", size.0, size.1);
        }
        Ok(())
    }
}
