//! Tests of a run, runs beside each other, and how a run is named, exported, embedded and deleted.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use system_tests::{Browser, LARGE, PHONE, PROJECTOR, file};

use crate::stage::{Stage, scene};

/// Asks about one of the demo model's own pictures, uploaded as a person's, and gives the run's
/// name.
pub async fn ask(stage: &Stage, picture: &str, prompt: &str) -> Result<String> {
    let page = &stage.browser;
    page.upload("picture-input", &file(&format!("models/demo-llava/samples/{picture}"))).await?;
    page.type_into("prompt", prompt).await?;
    page.click("run").await?;
    let id = stage.run_id().await?;
    stage.phase("done").await?;
    Ok(id)
}

/// Waits until so many runs stand beside each other and all are done.
pub async fn all_done(page: &Browser, count: usize) -> Result<()> {
    let phases = "return [...document.querySelectorAll('[data-testid=compared-run]')]
        .map(r => r.dataset.phase)";
    page.wait("the runs beside each other", async || {
        let phases = page.script(phases).await?;
        let phases = phases.as_array().cloned().unwrap_or_default();
        Ok((phases.len() == count && phases.iter().all(|p| p == "done")).then_some(()))
    })
    .await
}

/// What the comparison shows: each run's answer and every number of the table as it was computed.
async fn shown(page: &Browser) -> Result<Value> {
    page.script(
        "return {
           answers: [...document.querySelectorAll('[data-testid=compared-answer]')]
             .map(a => a.dataset.text),
           outcomes: [...document.querySelectorAll('[data-testid=outcome]')]
             .map(o => [o.dataset.changed, o.textContent]),
           names: [...document.querySelectorAll('[data-testid=compared-name]')]
             .map(n => n.textContent),
           numbers: [...document.querySelectorAll('[data-testid=compared-row]')].map(r =>
             Object.fromEntries([...r.querySelectorAll('[data-cell]')].map(c =>
               [c.dataset.cell, c.querySelector('[data-value]')?.dataset.value ?? c.textContent]))),
         }",
    )
    .await
}

/// What the server says of a run.
async fn report(page: &Browser, id: &str, definition: &str) -> Result<Value> {
    page.script(&format!(
        "return fetch('/api/runs/{id}/export.json?definition={definition}').then(r => r.json())"
    ))
    .await
}

/// The names of the runs in the address.
pub async fn runs_of(page: &Browser) -> Result<Vec<String>> {
    let url = page.url().await?;
    let (_, runs) = url.split_once("runs=").context(url.clone())?;
    let runs = runs.split('&').next().unwrap_or_default().replace("%2C", ",");
    Ok(runs.split(',').map(str::to_owned).collect())
}

#[tokio::test]
async fn one_click_tests_an_answer_and_the_pair_can_be_passed_on() -> Result<()> {
    scene("pair", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        let id = ask(stage, "three-apples.png", "How many apples are there?").await?;
        let answer = page.attr("answer", "data-text").await?;
        page.click("test-blank").await?;
        all_done(page, 2).await?;
        let runs = runs_of(page).await?;
        ensure!(runs.len() == 2 && runs[0] == id, "{runs:?}");

        // Both answers, and a statement that is true of them.
        let both = shown(page).await?;
        ensure!(both["answers"][0].as_str() == Some(&*answer), "{both}");
        let changed = both["answers"][0] != both["answers"][1];
        ensure!(both["outcomes"][0][0].as_str() == Some(&*changed.to_string()), "{both}");
        let told = both["outcomes"][0][1].as_str().unwrap_or_default();
        ensure!(
            told.contains(if changed { "changes at token" } else { "stays the same" }),
            "{told}"
        );
        ensure!(both["names"][1] == "blank picture", "only what differs is named: {both}");
        // Nobody counts apples on a blank picture and is right by more than chance; but whatever
        // the model says, its numbers are the server's to the last bit.
        for (row, run) in runs.iter().enumerate() {
            let theirs = report(page, run, "paper").await?;
            for stage in ["early", "middle", "late"] {
                let here = both["numbers"][row][stage].as_str().unwrap_or_default();
                let there = theirs["stages"][stage]["mdi"].as_f64();
                ensure!(here.parse().ok() == there, "{stage} of {row}: {here} and {there:?}");
            }
        }
        // Two curves, told apart by more than their colour.
        let curves =
            "const svg = document.querySelector('[data-testid=compared-chart] .drawing svg');
            return svg ? svg.querySelectorAll('polygon').length : 0";
        ensure!(page.script(curves).await?.as_u64() == Some(2 * 2 * 8), "a mark for each layer");
        let likely = both["numbers"][1]["likelihood"].as_str().unwrap_or_default().to_owned();
        ensure!(likely.chars().any(|c| c.is_ascii_digit()), "no probability: {both}");

        // One layer and one definition for all, and both in the link.
        page.click("compared-chart").await?;
        let layer = page.attr_until("compared-layer", "class", |c| c.contains("pinned")).await;
        layer.context("a click chooses a layer in all runs")?;
        let layer = page.attr("compared-layer", "data-layer").await?;
        page.click("definition-forward").await?;
        let link = page
            .wait("the view in the address", async || {
                let url = page.url().await?;
                Ok((url.contains("def=forward") && url.contains("layer=")).then_some(url))
            })
            .await?;
        let forward = shown(page).await?;
        ensure!(forward["numbers"] != both["numbers"], "another definition, other numbers");
        for (name, size) in [("desktop", LARGE), ("projector", PROJECTOR), ("phone", PHONE)] {
            page.screenshot(&format!("compare-{name}"), size).await?;
        }
        let visitor = Browser::open().await?;
        visitor.goto(&link).await?;
        all_done(&visitor, 2).await?;
        visitor.attr_until("compared-layer", "data-layer", |l| l == layer).await?;
        visitor
            .wait("the same in a second browser", async || {
                Ok((shown(&visitor).await? == forward).then_some(()))
            })
            .await?;
        let severe = visitor.severe(&[]).await?;
        ensure!(severe.is_empty(), "the visitor's console: {severe:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn claims_from_attention_are_tested_one_beside_the_other() -> Result<()> {
    scene("claims", &[], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        // The shipped run can be tested too, by whoever opens the lab.
        page.click("test-hide").await?;
        page.type_into("test-first", "2").await?;
        page.type_into("test-last", "5").await?;
        page.click("test-go").await?;
        all_done(page, 2).await?;
        let hidden = shown(page).await?;
        ensure!(hidden["names"][1] == "picture hidden from the words in layers 2–5", "{hidden}");
        // Where nothing of the picture is seen there is nothing to divide by, and that is said.
        let gaps = page.text("compared-gaps").await?;
        ensure!(
            gaps.starts_with("B has no value in 4 of its layers: no attention reaches"),
            "{gaps}"
        );

        // Another test beside these: a contradiction, edited.
        page.click("test-words").await?;
        let begun = "return document.querySelector('[data-testid=test-prompt]').value";
        let begun = page.script(begun).await?;
        ensure!(begun.as_str().is_some_and(|p| p.contains("shows a cat")), "{begun}");
        page.type_into("test-prompt", "Which animal is in the picture?").await?;
        page.click("test-go").await?;
        all_done(page, 3).await?;
        let words = shown(page).await?;
        ensure!(words["names"][2] == "“Which animal is in the picture?”", "{words}");
        // Told nothing false, the model says what it sees: the words had overruled the picture.
        ensure!(words["answers"][0].as_str().is_some_and(|a| a.contains("dog")), "{words}");
        ensure!(words["answers"][2].as_str().is_some_and(|a| a.contains("cat")), "{words}");
        ensure!(words["outcomes"][1][0] == "true", "{words}");
        let told = words["outcomes"][1][1].as_str().unwrap_or_default();
        ensure!(told.contains("“dog” becomes “cat”") && told.contains("words moved"), "{told}");

        // Another picture, with the same words.
        page.click("test-swap").await?;
        page.wait("the samples", async || {
            Ok((page.find_all("test-sample").await?.len() > 3).then_some(()))
        })
        .await?;
        page.find_all("test-sample").await?[3].click().await?;
        all_done(page, 4).await?;
        page.wait("the other picture is noticed", async || {
            let names = shown(page).await?;
            Ok((names["names"][3] == "another picture").then_some(()))
        })
        .await?;
        page.screenshot("compare-four", LARGE).await?;

        // A run is taken out and comes back by its link; what is no link is refused in words.
        let runs = runs_of(page).await?;
        page.script("document.querySelectorAll('.beside-remove')[3].click()").await?;
        all_done(page, 3).await?;
        page.type_into("add-link", "a dog").await?;
        page.click("add-run").await?;
        ensure!(page.text("compared-runs").await?.lines().count() >= 3);
        let refused = "return document.querySelector('.add-run .card-note').textContent";
        ensure!(
            page.script(refused).await?.as_str().is_some_and(|t| t.contains("no link of a run"))
        );
        page.type_into("add-link", &format!("{}/r/{}?def=forward", stage.server.url, runs[3]))
            .await?;
        page.click("add-run").await?;
        all_done(page, 4).await?;
        ensure!(runs_of(page).await? == runs);
        Ok(())
    })
    .await
}

/// Makes the page keep the files that it hands out.
const KEEP_FILES: &str = "window.files = [];
    const make = URL.createObjectURL;
    URL.createObjectURL = blob => { window.files.push(blob); return make(blob); };
    HTMLAnchorElement.prototype.click = function () { window.fileName = this.download; };";

#[tokio::test]
async fn an_exported_plot_holds_the_numbers_of_the_screen() -> Result<()> {
    scene("files", &[], &[], async |stage| {
        let page = &stage.browser;
        // The dots of the paper's values are as many as fit; without them each mark is a value.
        let view = "/r/sample?def=reimplementation&layer=3&paper=off";
        page.goto(&format!("{}{view}", stage.server.url)).await?;
        stage.phase("done").await?;
        page.script(KEEP_FILES).await?;
        let open = "document.querySelectorAll('details.menu').forEach(m => m.open = true)";
        page.script(open).await?;
        page.click("export-curve-svg").await?;
        let told = page
            .wait("the file", async || {
                let read = "if (!window.fileName) return null;
                    return window.files[0].text().then(text => {
                      const svg = new DOMParser().parseFromString(text, 'image/svg+xml');
                      return {
                        name: window.fileName,
                        error: svg.querySelector('parsererror')?.textContent ?? '',
                        marks: svg.querySelectorAll('circle').length,
                        told: JSON.parse(svg.getElementById('langoverrule').textContent),
                        texts: [...svg.querySelectorAll('text')].map(t => t.textContent.trim()),
                      };
                    });";
                let read = page.script(read).await?;
                Ok((!read.is_null()).then_some(read))
            })
            .await?;
        ensure!(told["name"] == "langoverrule-sample-curve.svg" && told["error"] == "", "{told}");
        // It is the server's file, but for the address, which is that of the view here.
        let same = page
            .script(
                "const bare = t => t.replace(/http:..[^/]+.r.sample[^<&]*(&amp;[^<&]*)*/g, '');
                 const theirs = fetch('/api/runs/sample/export.svg'
                   + '?definition=reimplementation&layer=3&paper=0').then(r => r.text());
                 return Promise.all([window.files[0].text(), theirs])
                   .then(([ours, theirs]) => bare(ours) === bare(theirs));",
            )
            .await?;
        ensure!(same == true, "page and server write the same file");
        // The values, the ring around the largest and the smallest, and the pinned layer's.
        let on_screen = "return document.querySelectorAll('[data-testid=chart] circle').length";
        ensure!(page.script(on_screen).await? == told["marks"], "every mark of the screen's plot");
        let texts: Vec<String> = serde_json::from_value(told["texts"].clone())?;
        let marks = "return [...document.querySelectorAll('[data-testid=chart] .marks text')]
            .map(t => t.textContent.trim())";
        let marks: Vec<String> = serde_json::from_value(page.script(marks).await?)?;
        ensure!(marks.len() == 3, "two extremes and a layer: {marks:?}");
        ensure!(
            marks.iter().all(|mark| texts.contains(mark)),
            "{marks:?} are not all in {texts:?}"
        );

        // The file's numbers, the screen's and the server's are the same, to the last bit.
        let cells =
            "return ['early', 'middle', 'late'].map(stage => ['mdi', 'aei-text', 'aei-image']
            .map(cell => document.querySelector(
              `[data-testid=stage-table] tr[data-stage=${stage}] td[data-cell=${cell}] [data-value]`
            ).dataset.value))";
        let cells = page.script(cells).await?;
        let theirs = report(page, "sample", "reimplementation").await?;
        for (i, stage) in ["early", "middle", "late"].into_iter().enumerate() {
            for (k, name) in ["mdi", "aei_text", "aei_image"].into_iter().enumerate() {
                let screen: f64 = cells[i][k].as_str().unwrap_or_default().parse()?;
                let exported = told["told"]["stages"][i][name].as_f64();
                ensure!(exported == Some(screen), "{stage} {name}: {exported:?}, {screen}");
                ensure!(theirs["stages"][stage][name].as_f64() == Some(screen), "{stage} {name}");
            }
        }
        let layers = told["told"]["layers"].as_array().context("layers")?;
        ensure!(layers.len() == 8);
        page.click("layer-table-open").await?;
        let table = "return [...document.querySelectorAll('[data-testid=layer-table] tbody tr')]
            .map(r => r.cells[1].textContent)";
        let table = page
            .wait("the table", async || {
                let rows = page.script(table).await?;
                Ok(rows.as_array().is_some_and(|rows| rows.len() == 8).then_some(rows))
            })
            .await?;
        let csv = page
            .script(
                "return fetch('/api/runs/sample/export.csv?definition=reimplementation')
                   .then(r => r.text()).then(t => t.split('\\n')
                     .filter(l => /^\\d/.test(l)).map(l => l.split(',')[1]))",
            )
            .await?;
        for (l, layer) in layers.iter().enumerate() {
            let mdi = layer["mdi"].as_f64().context("a value")?;
            ensure!(theirs["layers"][l]["mdi"].as_f64() == Some(mdi), "layer {l}");
            ensure!(csv[l].as_str().and_then(|t| t.parse().ok()) == Some(mdi), "layer {l}");
            let written: f64 = table[l].as_str().unwrap_or_default().parse()?;
            ensure!((written / mdi - 1.0).abs() < 0.006, "layer {l}: {written} for {mdi}");
        }
        ensure!(told["told"]["definition_name"] == "reimplementation");
        let address = told["told"]["address"].as_str().unwrap_or_default();
        ensure!(address.ends_with(view), "{address}");

        // The heads too, and both as pictures.
        page.script(open).await?;
        page.script("window.files = []; window.fileName = null").await?;
        page.click("export-heads-png").await?;
        let png = page
            .wait("the picture", async || {
                let read = "if (!window.fileName) return null;
                    return createImageBitmap(window.files.at(-1)).then(b => [b.width, b.height,
                      window.fileName, window.files.at(-1).type]);";
                let read = page.script(read).await?;
                Ok((!read.is_null()).then_some(read))
            })
            .await?;
        ensure!(png[0] == 1920 && png[1].as_u64() > Some(300), "{png}");
        ensure!(png[2] == "langoverrule-sample-heads.png" && png[3] == "image/png", "{png}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_run_stands_in_another_page_and_nothing_else_of_the_lab_does() -> Result<()> {
    scene("embed", &[], &["frame-ancestors", "Failed to load resource"], async |stage| {
        let page = &stage.browser;
        page.goto(&format!("{}/r/sample?def=forward&layer=3&token=3", stage.server.url)).await?;
        stage.phase("done").await?;
        page.click("cite").await?;
        let citation = page.text("citation").await?;
        let created = page
            .script(
                "const x = new XMLHttpRequest();
                 x.open('GET', '/api/runs/sample', false);
                 x.send();
                 return JSON.parse(x.responseText).created.slice(0, 10);",
            )
            .await?;
        let day = created.as_str().unwrap_or_default();
        ensure!(day.len() == 10, "the run is of {created}");
        for needed in ["demo-llava", "SHA-256", "q8_0", "definition forward", day, "2508.10552"] {
            ensure!(citation.contains(needed), "no {needed} in {citation}");
        }
        ensure!(page.text("bibtex").await?.starts_with("@misc{langoverrule-sample,"));
        let code = page.text("embed-code").await?;
        ensure!(code.contains("/embed/sample?def=forward&amp;layer=3&amp;token=3"), "{code}");
        page.screenshot("cite", LARGE).await?;

        // Slides in a file, with the run in one frame and the whole page in another.
        let slides = stage.data.path().join("slides.html");
        let whole =
            format!("<iframe src=\"{}/r/sample\" width=900 height=300></iframe>", stage.server.url);
        std::fs::write(&slides, format!("<!doctype html><h1>A slide</h1>{code}{whole}"))?;
        page.goto(&format!("file://{}", slides.display())).await?;
        page.screenshot("embed-slides", LARGE).await?;
        page.enter_frame(0).await?;
        page.attr_until("embed", "data-phase", |p| p == "done").await?;
        ensure!(
            page.has("chart").await? && !page.has("share-link").await? && !page.has("run").await?
        );
        let source = page.text("embed-source").await?;
        ensure!(
            source.contains("It is a dog.") && source.contains("definition forward"),
            "{source}"
        );
        let link = page.attr("embed-link", "href").await?;
        ensure!(link.contains("/r/sample?def=forward&layer=3&token=3"), "{link}");
        page.attr_until("layer-marker", "data-layer", |l| l == "3").await?;
        let fits = "return document.documentElement.scrollHeight - window.innerHeight";
        ensure!(page.script(fits).await?.as_i64() <= Some(1), "it fits its frame");
        page.leave_frame().await?;
        page.enter_frame(1).await?;
        ensure!(!page.has("run").await?, "the page itself stands in no frame");
        page.leave_frame().await?;

        // As the whole page, at sizes of frames.
        for (name, size) in [("wide", (900, 420)), ("slide", (1280, 720)), ("small", (390, 420))] {
            page.goto(&format!("{}/embed/sample?theme=light", stage.server.url)).await?;
            page.attr_until("embed", "data-phase", |p| p == "done").await?;
            page.screenshot(&format!("embed-{name}"), size).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_owner_names_a_run_and_deletes_it() -> Result<()> {
    scene("names", &[], &["Failed to load resource"], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        stage.phase("done").await?;
        ensure!(!page.has("name-run").await?, "the shipped run is nobody's to name");
        let id = ask(stage, "shapes.png", "What color is the triangle?").await?;
        page.click("name-run").await?;
        let name = "<b>Shapes</b> & \"colours\"";
        page.type_into("run-name-input", name).await?;
        page.type_into("run-note-input", "First line.\nSecond <script>alert(1)</script> line.")
            .await?;
        page.click("save-name").await?;
        page.wait("the name", async || {
            Ok((page.has("run-name").await? && page.text("run-name").await? == name).then_some(()))
        })
        .await?;
        page.screenshot("named", LARGE).await?;
        stage.server.power_cut()?;

        // A visitor sees it, as text, and can neither change nor end it.
        let visitor = Browser::open().await?;
        visitor.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        visitor.attr_until("status", "data-phase", |p| p == "done").await?;
        ensure!(visitor.text("run-name").await? == name);
        ensure!(visitor.text("run-note").await?.contains("<script>alert(1)</script>"));
        let elements = "return document.querySelectorAll('.run-label b, .run-label script').length";
        ensure!(visitor.script(elements).await?.as_u64() == Some(0));
        ensure!(!visitor.has("name-run").await? && !visitor.has("delete-run").await?);
        let theirs = report(&visitor, &id, "paper").await?;
        ensure!(theirs["label"]["name"] == name, "{}", theirs["label"]);

        // Deleting asks first.
        let page = &stage.browser;
        page.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        stage.phase("done").await?;
        page.script(
            "window.asked = 0; window.confirm = () => { window.asked += 1; return false; }",
        )
        .await?;
        page.click("delete-run").await?;
        ensure!(page.script("return window.asked").await?.as_u64() == Some(1));
        ensure!(page.url().await?.contains(&id), "it is still there");
        page.script("window.confirm = () => true").await?;
        page.click("delete-run").await?;
        page.wait("the run to be gone", async || {
            Ok((!page.url().await?.contains(&id)).then_some(()))
        })
        .await?;
        visitor.goto(&format!("{}/r/{id}", stage.server.url)).await?;
        visitor.attr_until("error", "data-code", |c| c == "not_found").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_link_brings_back_patch_and_open_panels_and_old_ones_keep_opening() -> Result<()> {
    scene("links", &[], &[], async |stage| {
        let page = &stage.browser;
        // As links were before patches and panels were part of them.
        page.goto(&format!(
            "{}/r/sample?def=forward&layer=5&token=2&curve=aei&scale=relative&paper=off&even=off&flow=matrix",
            stage.server.url
        ))
        .await?;
        stage.phase("done").await?;
        page.attr_until("overlay", "data-layer", |l| l == "5").await?;
        page.attr_until("overlay", "data-token", |t| t == "2").await?;
        ensure!(!page.has("error").await?, "nothing of it is strange");
        ensure!(page.has("flow-matrix").await?);
        // What is opened goes into the address …
        page.click("layer-table-open").await?;
        let link = page
            .wait("the table in the address", async || {
                let url = page.url().await?;
                Ok(url.contains("open=layer-table").then_some(url))
            })
            .await?;
        // … and comes back with it, patch included.
        page.goto(&format!("{link}&patch=3.4")).await?;
        stage.phase("done").await?;
        ensure!(page.text("layer-table").await?.lines().count() > 8);
        ensure!(page.attr("patch", "x").await? == "4" && page.attr("patch", "y").await? == "3");
        Ok(())
    })
    .await
}

/// Sends a question about squares of these colours, each a picture of its own, and gives the run's name.
async fn ask_about(page: &Browser, colours: &[&str]) -> Result<String> {
    let created = page
        .script(&format!(
            "const square = colour => {{
               const canvas = document.createElement('canvas');
               canvas.width = canvas.height = 32;
               const context = canvas.getContext('2d');
               context.fillStyle = colour;
               context.fillRect(0, 0, 32, 32);
               return new Promise(done => canvas.toBlob(done));
             }};
             return (async () => {{
               const form = new FormData();
               for (const colour of {colours:?}) form.append('picture', await square(colour), 'p.png');
               form.append('options', JSON.stringify({{prompt: 'Which one?', max_new_tokens: 3}}));
               return (await fetch('/api/runs', {{method: 'POST', body: form}})).json();
             }})()"
        ))
        .await?;
    Ok(created["id"].as_str().with_context(|| created.to_string())?.to_owned())
}

#[tokio::test]
async fn every_picture_of_runs_with_several_is_compared() -> Result<()> {
    scene("several-compared", &["--scripted"], &[], async |stage| {
        let page = &stage.browser;
        page.goto(&stage.server.url).await?;
        let a = ask_about(page, &["red", "blue"]).await?;
        let b = ask_about(page, &["red", "green"]).await?;
        page.goto(&format!("{}/compare?runs={a},{b}", stage.server.url)).await?;
        all_done(page, 2).await?;
        let pictures = "return [...document.querySelectorAll('[data-testid=compared-picture]')].map(f => [
              Number(f.dataset.picture), f.dataset.differs, f.querySelectorAll('.cells > *').length > 0,
              Number(f.querySelector('[data-cell=measure] [data-value]')?.dataset.value),
              f.querySelector('[data-cell=times]')?.dataset.value ?? null])";
        let figures = page
            .wait("maps of all pictures, compared", async || {
                let shown = page.script(pictures).await?;
                let shown = shown.as_array().cloned().unwrap_or_default();
                let whole = shown.len() == 4
                    && shown.iter().all(|f| f[2] == true && f[3].is_f64())
                    && shown.iter().any(|f| f[1] == "true");
                Ok(whole.then_some(shown))
            })
            .await?;
        // Picture 1 of both, then picture 2 of both; B has another second one.
        for (figure, (number, differs, run)) in
            figures.iter().zip([(1, "false", &a), (1, "false", &b), (2, "false", &a), (2, "true", &b)])
        {
            ensure!(figure[0] == number && figure[1] == differs, "{figures:?}");
            let theirs = report(page, run, &format!("paper:{number}")).await?;
            ensure!(figure[3] == theirs["stages"]["late"]["mdi"], "{figure} and {theirs}");
            // The script plays both runs alike.
            let times = if *run == b { Value::from("1") } else { Value::Null };
            ensure!(figure[4] == times, "{figure}");
        }
        let both = shown(page).await?;
        ensure!(both["names"][1] == "another picture 2", "{both}");
        let thumbs = "return [...document.querySelectorAll('[data-testid=compared-run]')]
            .map(r => r.querySelectorAll('img').length)";
        ensure!(page.script(thumbs).await? == serde_json::json!([2, 2]), "a thumbnail each");
        page.keep("compare-several").await
    })
    .await
}
