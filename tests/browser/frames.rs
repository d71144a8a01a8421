//! Sixty frames a second where things follow the hand or the model: on a run of 32 layers of 32
//! heads, whose map has 1,024 cells.
//!
//! Frames as the clock sees them and the time that the page's own thread worked for each of them are
//! printed. What is tested is that the work is within bounds that a slow machine keeps too.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use system_tests::Browser;

use crate::budgets::BUSY;
use crate::failures::REFUSED;
use crate::stage::{Stage, scene};

/// A frame of sixty in a second.
const FRAME_MS: f64 = 1000.0 / 60.0;

const LARGE_MODEL: &str = "--scripted=32x32";

/// Moves the pointer over an element for two seconds' worth of frames, a place in each, and notes
/// how far the frames were apart.
fn drag(css: &str) -> String {
    format!(
        "const over = document.querySelector('{css}');
         over.scrollIntoView({{ block: 'center' }});
         const box = over.getBoundingClientRect(), frames = [];
         let last, n = 0;
         const step = now => {{
             if (last) frames.push(now - last);
             last = now;
             if (n++ >= 120) return done(frames);
             const at = (n * 0.37) % 1, down = (n * 0.11) % 1;
             over.dispatchEvent(new PointerEvent('pointermove', {{
                 pointerType: 'mouse', bubbles: true,
                 clientX: box.left + box.width * (0.08 + 0.85 * at),
                 clientY: box.top + box.height * (0.05 + 0.75 * down) }}));
             requestAnimationFrame(step);
         }};
         requestAnimationFrame(step);"
    )
}

/// Seconds that the page's thread has worked so far, by the processor's count.
async fn worked(page: &Browser) -> Result<f64> {
    let all = page.devtools("Performance.getMetrics", json!({})).await?;
    let all = all["metrics"].as_array().context("no metrics")?;
    let task = all.iter().find(|m| m["name"] == "TaskDuration");
    task.and_then(|m| m["value"].as_f64()).context("no TaskDuration")
}

async fn count_work(page: &Browser) -> Result<()> {
    page.devtools("Performance.enable", json!({ "timeDomain": "threadTicks" })).await.map(drop)
}

/// Prints what came out, and returns the work for each frame in milliseconds.
fn tell(what: &str, frames: &Value, worked: f64) -> Result<f64> {
    let mut frames: Vec<f64> =
        frames.as_array().context("no frames")?.iter().filter_map(Value::as_f64).collect();
    ensure!(frames.len() >= 20, "{what}: only {} frames", frames.len());
    frames.sort_by(f64::total_cmp);
    let at = |share: f64| frames[((frames.len() - 1) as f64 * share) as usize];
    let each = worked * 1000.0 / frames.len() as f64;
    eprintln!(
        "budget: {what}: a frame every {:.1} ms (median; 95 % within {:.1} ms), the page works \
         {each:.1} ms for each; wanted < {FRAME_MS:.1} ms",
        at(0.5),
        at(0.95)
    );
    Ok(each)
}

async fn a_large_run(stage: &Stage) -> Result<()> {
    stage.browser.goto(&stage.server.url).await?;
    stage.ask("What is in the picture?").await?;
    let id = stage.run_id().await?;
    stage.phase("done").await?;
    let cells = format!(
        "fetch('/api/runs/{id}/export.json').then(r => r.json())
            .then(r => done(r.layers.length * r.layers[0].heads.length))"
    );
    let cells = stage.browser.asking(&cells).await?;
    ensure!(cells == 1024, "{cells} cells");
    count_work(&stage.browser).await
}

#[tokio::test]
async fn budget_of_frames_while_dragging() -> Result<()> {
    scene("dragging", &[LARGE_MODEL], REFUSED, async |stage| {
        a_large_run(stage).await?;
        let page = &stage.browser;
        for (what, css) in [
            ("dragging over the layers", "[data-testid=chart] .glass"),
            ("dragging over 1,024 heads", "[data-testid=heads-glass]"),
        ] {
            // The first round fills caches.
            page.asking(&drag(css)).await?;
            let before = worked(page).await?;
            let frames = page.asking(&drag(css)).await?;
            let each = tell(what, &frames, worked(page).await? - before)?;
            ensure!(each < BUSY * FRAME_MS, "{what}: {each:.1} ms of work for a frame");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn budget_of_frames_while_streaming() -> Result<()> {
    scene("streaming", &[LARGE_MODEL], REFUSED, async |stage| {
        a_large_run(stage).await?;
        let page = &stage.browser;
        page.script(
            "window.frames_ = [];
             let last;
             const step = now => {
                 const phase = document.querySelector('[data-testid=status]').dataset.phase;
                 if (['prefill', 'generating'].includes(phase)) {
                     if (last) window.frames_.push(now - last);
                     last = now;
                 }
                 requestAnimationFrame(step);
             };
             requestAnimationFrame(step);",
        )
        .await?;
        page.type_into("prompt", "[slow] What is in the picture?").await?;
        let before = worked(page).await?;
        page.click("run").await?;
        stage.phase("generating").await?;
        stage.phase("done").await?;
        let spent = worked(page).await? - before;
        let frames = page.script("return window.frames_").await?;
        let each = tell("streaming 32 layers and 20 tokens", &frames, spent)?;
        ensure!(each < BUSY * FRAME_MS, "{each:.1} ms of work for a frame");
        Ok(())
    })
    .await
}
