//! What WebDriver has no word for and Chromium's DevTools protocol has: what a person's system
//! prefers, fingers, memory, and scripts that run before the page's own.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::browser::Browser;

/// What a tab holds.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Bytes of JavaScript in use.
    pub heap: u64,
    /// Bytes of WebAssembly's memory, which never shrinks.
    pub wasm: u64,
    /// Nodes, also those that are in no document.
    pub nodes: u64,
    /// Listeners.
    pub listeners: u64,
}

/// Keeps the memory of the page's WebAssembly at hand.
const KEEP_MEMORY: &str = "
    const keep = made => {
        const { exports } = made.instance ?? made;
        if (exports.memory) window.wasmMemory = exports.memory;
        return made;
    };
    for (const name of ['instantiate', 'instantiateStreaming']) {
        const old = WebAssembly[name];
        WebAssembly[name] = (...args) => old.apply(WebAssembly, args).then(keep);
    }";

impl Browser {
    /// Sends a command of the DevTools protocol.
    ///
    /// # Errors
    /// Chromium refuses it.
    pub async fn devtools(&self, command: &str, with: Value) -> Result<Value> {
        self.driver.cdp().send_raw(command, with).await.with_context(|| command.to_owned())
    }

    /// Runs a script before those of every page that is opened from now on.
    ///
    /// # Errors
    /// As [`Browser::devtools`].
    pub async fn before_every_page(&self, script: &str) -> Result<()> {
        let with = json!({ "source": script });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", with).await.map(drop)
    }

    /// Runs a script that calls `done` with its result.
    ///
    /// # Errors
    /// It throws, or does not call back in time.
    pub async fn asking(&self, script: &str) -> Result<Value> {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        Ok(self.driver.execute_async(script, vec![]).await?.json().clone())
    }

    /// Lets scripts that call back take this many seconds.
    ///
    /// # Errors
    /// The driver refuses it.
    pub async fn patience_of_scripts(&self, seconds: u64) -> Result<()> {
        Ok(self.driver.set_script_timeout(Duration::from_secs(seconds)).await?)
    }

    /// Waits until letters, pictures and plots stand still.
    ///
    /// # Errors
    /// The script fails.
    pub async fn settled(&self) -> Result<()> {
        let shown = "
            // A picture that would wait until it is scrolled to is wanted now.
            const shown = [...document.images].map(i => {
                i.loading = 'eager';
                return i.complete || new Promise(there => i.onload = i.onerror = there);
            });
            const frame = () => new Promise(requestAnimationFrame);
            const while_ = ms => new Promise(later => setTimeout(later, ms));
            Promise.all([document.fonts.ready, ...shown])
                .then(() => while_(250)).then(frame).then(frame).then(() => done(true));";
        self.asking(shown).await.map(drop)
    }

    /// Says what the system prefers, as `("prefers-reduced-motion", "reduce")`.
    ///
    /// # Errors
    /// As [`Browser::devtools`].
    pub async fn prefer(&self, feature: &str, value: &str) -> Result<()> {
        let with = json!({ "features": [{ "name": feature, "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", with).await.map(drop)
    }

    /// Gives the screen fingers instead of a mouse.
    ///
    /// # Errors
    /// As [`Browser::devtools`].
    pub async fn touch_screen(&self) -> Result<()> {
        let with = json!({ "enabled": true, "maxTouchPoints": 1 });
        self.devtools("Emulation.setTouchEmulationEnabled", with).await.map(drop)
    }

    /// Taps a point of the window.
    ///
    /// # Errors
    /// As [`Browser::devtools`].
    pub async fn tap(&self, x: f64, y: f64) -> Result<()> {
        let touch = |kind: &str, points: Value| {
            let with = json!({ "type": kind, "touchPoints": points });
            async move { self.devtools("Input.dispatchTouchEvent", with).await.map(drop) }
        };
        touch("touchStart", json!([{ "x": x, "y": y }])).await?;
        touch("touchEnd", json!([])).await
    }

    /// Wears a theme from the next page on. A page of the lab must be open.
    ///
    /// # Errors
    /// The script fails.
    pub async fn wear(&self, theme: &str) -> Result<()> {
        self.script(&format!("localStorage.setItem('theme', '{theme}')")).await.map(drop)
    }

    /// Makes [`Browser::held`] know the memory of WebAssembly; before the page is opened.
    ///
    /// # Errors
    /// As [`Browser::devtools`].
    pub async fn watch_memory(&self) -> Result<()> {
        self.before_every_page(KEEP_MEMORY).await
    }

    /// What the tab holds, after the garbage is taken out.
    ///
    /// # Errors
    /// As [`Browser::devtools`].
    pub async fn held(&self) -> Result<Held> {
        // Twice: what the first round sets free may have held other things.
        for _ in 0..2 {
            self.devtools("HeapProfiler.collectGarbage", json!({})).await?;
        }
        let heap = self.devtools("Runtime.getHeapUsage", json!({})).await?;
        let dom = self.devtools("Memory.getDOMCounters", json!({})).await?;
        let wasm = self.script("return window.wasmMemory?.buffer.byteLength ?? 0").await?;
        let number = |v: &Value| v.as_f64().map(|v| v as u64).context("no number");
        Ok(Held {
            heap: number(&heap["usedSize"])?,
            wasm: number(&wasm)?,
            nodes: number(&dom["nodes"])?,
            listeners: number(&dom["jsEventListeners"])?,
        })
    }
}
