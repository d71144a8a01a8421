//! A class: a presenter at the wall, a phone that follows.

use anyhow::{Result, ensure};
use system_tests::{Browser, LARGE, PHONE, PROJECTOR};
use thirtyfour::Key;

use crate::stage::{ALL, READING, scene};

#[tokio::test]
async fn a_lesson_from_the_list_to_the_curve() -> Result<()> {
    scene("lesson", &[], &[], async |stage| {
        let wall = &stage.browser;
        wall.goto(&format!("{}/lessons", stage.server.url)).await?;
        wall.find("lesson").await?;
        wall.screenshot("lessons", LARGE).await?;
        wall.screenshot("lessons", PHONE).await?;
        wall.click("present-words-overrule").await?;

        // The wall says how to join; the lab listens on this machine alone, which it says too.
        wall.find("joining").await?;
        ensure!(wall.text("unreachable").await?.contains("--bind 0.0.0.0"));
        let code = wall.attr("class-code", "data-code").await?;
        ensure!(code.len() == 9, "the code is {code:?}");
        let address = wall.attr("qr", "data-text").await?;
        ensure!(address == format!("{}/j/{code}", stage.server.url), "the QR code says {address}");
        let phone = Browser::open().await?;
        phone.resize(PHONE).await?;
        phone.goto(&format!("{}/j", stage.server.url)).await?;
        // A sign that was misread makes no other code of it.
        let misread = code.replace(&code[..1], if code.starts_with('K') { "H" } else { "K" });
        for wrong in ["aei", &misread] {
            phone.type_into("code-input", wrong).await?;
            phone.click("join").await?;
            ensure!(!phone.url().await?.contains("/j/"), "{wrong} is no code");
        }
        phone.screenshot("join", PHONE).await?;
        phone.resize(PHONE).await?;
        phone.type_into("code-input", &code.to_lowercase()).await?;
        phone.click("join").await?;
        wall.attr_until("present-count", "data-value", |n| n == "1").await?;
        wall.screenshot("wall-joining", PROJECTOR).await?;
        wall.click("begin").await?;

        // Question, guess, tally; the answer is held back until the presenter shows it.
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;
        wall.attr_until("class-phase", "data-phase", |p| p == "done").await?;
        ensure!(wall.text("says").await? == "?");
        ensure!(phone.text("says").await? == "?");
        ensure!(!phone.has("tally").await?, "others' guesses come after one's own");
        phone.screenshot("follow-asked", PHONE).await?;
        phone.resize(PHONE).await?;
        phone.click("guess-picture").await?;
        wall.attr_until("tally", "data-answered", |n| n == "1").await?;
        phone.click("guess-words").await?;
        phone.attr_until("guess-words", "aria-pressed", |p| p == "true").await?;
        ensure!(wall.text("guessed").await?.starts_with("1 of 1 "));
        ensure!(!wall.has("tally-words").await?, "counted when the question closes");

        // Space goes on, as a remote does.
        wall.script("document.activeElement.blur()").await?;
        wall.key(Key::Space).await?;
        phone.attr_until("follow", "data-moment", |m| m == "answered").await?;
        let said = wall.text("says").await?;
        ensure!(said.len() > 3 && phone.text("says").await? == said, "{said}");
        ensure!(!wall.has("chart").await? && !phone.has("chart").await?, "not with the answer");
        // With the answer the question is closed, and the guesses are counted: the last one of each.
        wall.wait("the guess on the wall", async || {
            let both = (wall.text("tally-words").await?, wall.text("tally-picture").await?);
            Ok((both == ("1".to_owned(), "0".to_owned())).then_some(()))
        })
        .await?;
        phone.attr_until("guess-note", "data-open", |open| open == "false").await?;
        let off = "return document.querySelector('[data-testid=guess-picture]').disabled";
        ensure!(phone.script(off).await? == true, "nobody guesses what is shown");
        wall.screenshot("wall-answered", PROJECTOR).await?;
        wall.screenshot("wall-answered", LARGE).await?;
        // A phone that comes back keeps its guess.
        phone.goto(&format!("{}/j/{code}", stage.server.url)).await?;
        phone.attr_until("guess-words", "aria-pressed", |p| p == "true").await?;
        phone.screenshot("follow-answered", PHONE).await?;
        phone.resize(PHONE).await?;
        wall.key(Key::Space).await?;
        phone.attr_until("follow", "data-moment", |m| m == "revealed").await?;
        phone.find("chart").await?;
        ensure!(phone.attr("mine", "data-side").await? == "words");
        let verdict = wall.attr_until("verdict", "data-value", |v| !v.is_empty()).await?;
        ensure!(phone.attr("verdict", "data-value").await? == verdict);
        ensure!(wall.text("lesson-notes").await?.contains("does not show"));
        in_sight(wall).await?;
        wall.screenshot("wall-revealed", PROJECTOR).await?;
        wall.screenshot("wall-revealed", LARGE).await?;
        phone.screenshot("follow-revealed", PHONE).await?;
        phone.resize(PHONE).await?;

        // Layer by layer, the phone follows; looking around, it does not; and then again.
        let layer = wall.attr("layer-shown", "data-layer").await?;
        wall.key(Key::Left).await?;
        let next = wall.attr_until("layer-shown", "data-layer", |l| l != layer).await?;
        phone.attr_until("overlay", "data-layer", |l| l == next).await?;
        phone.click("around").await?;
        phone.attr_until("follow", "data-exploring", |e| e == "true").await?;
        phone.find("big-number").await?;
        wall.attr_until("who", "data-around", |n| n == "1").await?;
        wall.key(Key::Left).await?;
        let last = wall.attr_until("layer-shown", "data-layer", |l| l != next).await?;
        ensure!(phone.attr("overlay", "data-layer").await? == next, "it looks around by itself");
        // Everybody is called back.
        wall.click("class-menu").await?;
        wall.click("gather").await?;
        phone.attr_until("overlay", "data-layer", |l| l == last).await?;
        wall.attr_until("who", "data-around", |n| n == "0").await?;

        // The wall may be reloaded: the class stands where it stood.
        wall.goto(&format!("{}/present/{code}", stage.server.url)).await?;
        wall.attr_until("wall", "data-moment", |m| m == "revealed").await?;
        wall.attr_until("layer-shown", "data-layer", |l| l == last).await?;
        wall.click("onward").await?;
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;
        ensure!(phone.attr("guess-words", "aria-pressed").await? == "false", "a new question");

        wall.click("class-menu").await?;
        wall.click("end-class").await?;
        wall.click("end-class").await?;
        phone.find("class-over").await?;
        // Its record can still be saved where it was presented.
        wall.find("class-record").await?;
        ensure!(phone.severe(&[]).await?.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_run_on_the_screen_is_presented_as_it_is_looked_at() -> Result<()> {
    scene("present", &[], &[], async |stage| {
        let wall = &stage.browser;
        wall.goto(&format!("{}/?layer=2&def=forward", stage.server.url)).await?;
        wall.attr_until("big-number", "data-value", |v| !v.is_empty()).await?;
        wall.click("present").await?;
        wall.screenshot("present-start", LARGE).await?;
        wall.screenshot("present-start", PHONE).await?;
        wall.click("present-run").await?;
        wall.click("begin").await?;
        // Who presents a run has seen its answer; the class has not.
        wall.attr_until("wall", "data-moment", |m| m == "asked").await?;
        wall.attr_until("layer-shown", "data-layer", |l| l == "2").await?;
        wall.click("onward").await?;
        wall.attr_until("wall", "data-moment", |m| m == "answered").await?;
        wall.click("onward").await?;
        wall.find("chart").await?;
        ensure!(
            wall.script("return document.querySelector('[data-testid=definition-select]').value")
                .await?
                == "forward"
        );
        ensure!(!wall.has("lesson-notes").await?);
        // Another browser is told that it cannot present, and where it can follow.
        let other = Browser::open().await?;
        let code = wall.attr("class-code", "data-code").await?;
        other.goto(&format!("{}/present/{code}", stage.server.url)).await?;
        let leads = "return document.querySelector('main a')?.getAttribute('href') ?? null";
        let there = async || Ok(other.script(leads).await?.as_str().map(str::to_owned));
        ensure!(other.wait("a way to follow", there).await? == format!("/j/{code}"));
        Ok(())
    })
    .await
}

/// Opens a class with the first lesson on the stage's browser, and gives its code.
async fn begin(wall: &Browser, url: &str) -> Result<String> {
    wall.goto(&format!("{url}/lessons")).await?;
    wall.click("present-words-overrule").await?;
    wall.find("joining").await?;
    let code = wall.attr("class-code", "data-code").await?;
    wall.click("begin").await?;
    wall.attr_until("class-phase", "data-phase", |p| p == "done").await?;
    Ok(code)
}

#[tokio::test]
async fn a_presenter_may_have_two_walls_and_neither_takes_the_class_back() -> Result<()> {
    scene("walls", &[], &[], async |stage| {
        let (wall, url) = (&stage.browser, stage.server.url.clone());
        let code = begin(wall, &url).await?;
        // The same presenter on another screen, which knows what the browser keeps.
        let other = Browser::open().await?;
        count_sockets(&other).await?;
        let key = format!("present:{code}");
        let kept = wall.script(&format!("return localStorage.getItem('{key}')")).await?;
        other.goto(&format!("{url}/lessons")).await?;
        other
            .script(&format!(
                "localStorage.setItem('{key}', {kept})",
                kept = serde_json::json!(kept.as_str())
            ))
            .await?;
        other.goto(&format!("{url}/present/{code}")).await?;
        other.attr_until("wall", "data-moment", |m| m == "asked").await?;
        other.attr_until("class-phase", "data-phase", |p| p == "done").await?;
        let phone = Browser::open().await?;
        phone.resize(PHONE).await?;
        phone.goto(&format!("{url}/j/{code}")).await?;
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;

        // Either goes on, and everybody with it.
        wall.click("onward").await?;
        other.attr_until("wall", "data-moment", |m| m == "answered").await?;
        other.click("onward").await?;
        for page in [wall, &phone] {
            let at = if page.has("wall").await? { "wall" } else { "follow" };
            page.attr_until(at, "data-moment", |m| m == "revealed").await?;
        }
        wall.script("document.activeElement.blur()").await?;
        let before = wall.attr("layer-shown", "data-layer").await?;
        wall.key(Key::Left).await?;
        let layer = wall.attr_until("layer-shown", "data-layer", |l| l != before).await?;
        other.attr_until("layer-shown", "data-layer", |l| l == layer).await?;
        phone.attr_until("overlay", "data-layer", |l| l == layer).await?;

        // The other one sleeps while the class goes on; when it wakes it follows, and nobody it.
        other
            .script("window.sockets.at(-1).onmessage = null; window.sockets.at(-1).onclose = null")
            .await?;
        wall.key(Key::Left).await?;
        let later = wall.attr_until("layer-shown", "data-layer", |l| l != layer).await?;
        phone.attr_until("overlay", "data-layer", |l| l == later).await?;
        ensure!(other.attr("layer-shown", "data-layer").await? == layer, "it sleeps");
        other.script("window.dispatchEvent(new Event('online'))").await?;
        other.attr_until("layer-shown", "data-layer", |l| l == later).await?;
        for (page, at) in [(wall, "layer-shown"), (&phone, "overlay")] {
            ensure!(page.attr(at, "data-layer").await? == later, "the class was taken back");
        }
        for page in [&other, &phone] {
            ensure!(page.severe(&[]).await?.is_empty());
        }
        Ok(())
    })
    .await
}

/// Counts the websockets that pages open from now on.
async fn count_sockets(page: &Browser) -> Result<()> {
    page.before_every_page(
        "window.sockets = [];
         const Plain = window.WebSocket;
         window.WebSocket = class extends Plain {
             constructor(...how) { super(...how); window.sockets.push(this); }
         };",
    )
    .await
}

/// Waits until the page has opened so many websockets, the last of which is open.
async fn sockets_until(page: &Browser, count: u64) -> Result<()> {
    page.wait(&format!("{count} websockets"), async || {
        let open = "return window.sockets.at(-1)?.readyState === 1 ? window.sockets.length : 0";
        Ok((page.script(open).await?.as_u64() == Some(count)).then_some(()))
    })
    .await
}

/// A minute passes, as after a sleep: timers come late and the clock shows it.
const A_MINUTE_LATER: &str = "const now = Date.now; Date.now = () => now() + 60_000;";

#[tokio::test]
async fn a_line_that_only_looks_alive_is_opened_anew() -> Result<()> {
    scene("silence", &[], &[], async |stage| {
        let (wall, url) = (&stage.browser, stage.server.url.clone());
        let code = begin(wall, &url).await?;
        let phone = Browser::open().await?;
        phone.resize(PHONE).await?;
        count_sockets(&phone).await?;
        phone.goto(&format!("{url}/j/{code}")).await?;
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;
        sockets_until(&phone, 1).await?;
        // Nothing comes any more, and nothing says so.
        phone
            .script("window.sockets[0].onmessage = null; window.sockets[0].onclose = null")
            .await?;
        wall.click("onward").await?;
        wall.attr_until("wall", "data-moment", |m| m == "answered").await?;
        phone.script(A_MINUTE_LATER).await?;
        sockets_until(&phone, 2).await?;
        phone.attr_until("follow", "data-moment", |m| m == "answered").await?;
        // Another network: the line over the one before is given up at once.
        phone.script("window.dispatchEvent(new Event('online'))").await?;
        sockets_until(&phone, 3).await?;
        wall.click("onward").await?;
        phone.attr_until("follow", "data-moment", |m| m == "revealed").await?;
        let open = "return window.sockets.filter(s => s.readyState === 1).length";
        phone
            .wait("those before to be closed", async || {
                Ok((phone.script(open).await? == 1).then_some(()))
            })
            .await?;
        ensure!(phone.severe(&[]).await?.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_run_whose_line_only_looks_alive_is_followed_to_its_end() -> Result<()> {
    scene("silent-run", &["--scripted"], crate::failures::REFUSED, async |stage| {
        let page = &stage.browser;
        count_sockets(page).await?;
        page.goto(&stage.server.url).await?;
        stage.ask("[held] What is in the picture?").await?;
        sockets_until(page, 1).await?;
        stage.allow(READING)?;
        stage.phase("prefill").await?;
        // Neither that something came nor that the line was closed reaches the page.
        page.script("window.sockets[0].onmessage = null; window.sockets[0].onclose = null").await?;
        stage.allow(ALL)?;
        page.script(A_MINUTE_LATER).await?;
        stage.phase("done").await?;
        let opened = page.script("return window.sockets.length").await?;
        ensure!(opened == 2, "{opened} websockets");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_class_survives_a_restart_and_one_that_is_over_is_said_to_be() -> Result<()> {
    let expected = ["ERR_CONNECTION_REFUSED", "WebSocket connection", "Failed to load resource"];
    scene("class-restarted", &[], &expected, async |stage| {
        let code = begin(&stage.browser, &stage.server.url.clone()).await?;
        let phone = Browser::open().await?;
        phone.resize(PHONE).await?;
        phone.goto(&format!("{}/j/{code}", stage.server.url)).await?;
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;
        // Before the curve there are no layers to step through.
        let wall = &stage.browser;
        wall.script("document.activeElement.blur()").await?;
        let layer = wall.attr("layer-shown", "data-layer").await?;
        wall.key(Key::Left).await?;
        ensure!(wall.attr("layer-shown", "data-layer").await? == layer);
        // The presenter closes the question: what is on the disk by then is the class with that.
        wall.click("class-menu").await?;
        wall.click("close-question").await?;
        phone.attr_until("guess-note", "data-open", |open| open == "false").await?;
        let asked = "const path = '/api/classrooms/CODE'; fetch(path).then(a => a.json()).then(s => done(s.unkept ?? null))";
        ensure!(wall.asking(&asked.replace("CODE", &code)).await?.is_null(), "it is kept");
        stage.server.power_cut()?;
        let (wall, url) = (&stage.browser, stage.server.url.clone());
        // Both come back by themselves, to the same question.
        wall.click("class-menu").await?;
        wall.attr_until("who", "data-here", |n| n == "1").await?;
        ensure!(!wall.has("class-over").await? && !phone.has("class-over").await?);
        wall.click("onward").await?;
        phone.attr_until("follow", "data-moment", |m| m == "answered").await?;
        // Ended, it is over for good.
        wall.click("class-menu").await?;
        wall.click("end-class").await?;
        wall.click("end-class").await?;
        phone.find("class-over").await?;
        wall.goto(&format!("{url}/present/{code}")).await?;
        wall.find("no-class").await?;
        Ok(())
    })
    .await
}

/// What a class is to see of a wall that has shown the curve is there without scrolling, at the sizes of
/// walls and in the projector's theme.
async fn in_sight(wall: &Browser) -> Result<()> {
    let theme = "const before = document.documentElement.dataset.theme;
        document.documentElement.dataset.theme = 'THEME'; dispatchEvent(new Event('resize')); return before;";
    let before = wall.script(&theme.replace("THEME", "projector")).await?;
    for size in [(1920, 1080), (1440, 900), (1280, 720)] {
        wall.resize(size).await?;
        wall.settled().await?;
        let outside = wall
            .script(
                "const high = document.querySelector('.present-foot').getBoundingClientRect().top;
                 const wanted = ['.lesson-notes', '[data-testid=tally]', '.wall-chart svg', '.verdict',
                                 '.present-asked'];
                 return wanted.filter(css => {
                     const box = document.querySelector(css)?.getBoundingClientRect();
                     return !box || box.height < 10 || box.top < 0 || box.bottom > high + 1;
                 });",
            )
            .await?;
        ensure!(outside == serde_json::json!([]), "{size:?}: not in sight: {outside}");
        let scrolls = "const page = document.documentElement;
             const notes = document.querySelector('.lesson-notes');
             return [page.scrollHeight - innerHeight, notes.scrollHeight - notes.clientHeight];";
        let over: Vec<i64> = serde_json::from_value(wall.script(scrolls).await?)?;
        ensure!(over.iter().all(|px| *px <= 1), "{size:?}: {over:?} px must be scrolled");
        wall.keep(&format!("wall-in-sight-{}x{}", size.0, size.1)).await?;
    }
    wall.script(&theme.replace("THEME", before.as_str().unwrap_or("light"))).await?;
    wall.resize(LARGE).await
}

#[tokio::test]
async fn a_teacher_makes_a_lesson_gives_it_and_passes_it_on() -> Result<()> {
    scene("make", &[], &[], async |stage| {
        let (wall, url) = (&stage.browser, stage.server.url.clone());
        wall.goto(&format!("{url}/lessons/make")).await?;
        wall.find("make-step").await?;
        // Nothing is given that has no picture or asks nothing.
        wall.click("keep-lesson").await?;
        wall.wait("a sentence about what is missing", async || {
            Ok((!wall.text("lesson-wrong").await?.is_empty()).then_some(()))
        })
        .await?;
        wall.type_into("lesson-title", "How many cats?").await?;
        wall.upload("step-file", &crate::stage::photo()).await?;
        wall.find("step-picture").await?;
        wall.type_into("step-prompt", "How many cats are there?").await?;
        wall.type_into("step-ask", "How many will it say?").await?;
        wall.select("step-kind", "number").await?;
        wall.type_into("step-shows", "Three, of which it saw one.").await?;
        wall.select("step-follows", "words").await?;
        wall.click("keep-lesson").await?;
        wall.attr_until("lesson-kept", "data-changed", |changed| changed == "false").await?;
        wall.screenshot("lesson-made", LARGE).await?;
        wall.screenshot("lesson-made", PHONE).await?;
        wall.resize(LARGE).await?;

        // It is given from the list, and what it shows comes with the curve alone.
        wall.goto(&format!("{url}/lessons")).await?;
        wall.find("own-lesson").await?;
        wall.screenshot("lessons-own", LARGE).await?;
        wall.resize(LARGE).await?;
        wall.click("present-own").await?;
        wall.find("joining").await?;
        let code = wall.attr("class-code", "data-code").await?;
        wall.click("begin").await?;
        wall.attr_until("class-phase", "data-phase", |p| p == "done").await?;
        let phone = Browser::open().await?;
        phone.resize(PHONE).await?;
        phone.goto(&format!("{url}/j/{code}")).await?;
        phone.attr_until("follow", "data-moment", |m| m == "asked").await?;
        ensure!(phone.text("class-question").await? == "How many will it say?");
        phone.type_into("answer-field", "three").await?;
        phone.click("send-answer").await?;
        ensure!(!phone.has("own-answer").await?, "that is no number");
        phone.type_into("answer-field", "3").await?;
        phone.click("send-answer").await?;
        phone.find("own-answer").await?;
        // A name is there for whoever wants one.
        phone.click("own-name").await?;
        phone.type_into("name-field", "Ada").await?;
        phone.click("keep-name").await?;
        phone.screenshot("follow-number", PHONE).await?;
        phone.resize(PHONE).await?;
        wall.attr_until("tally", "data-answered", |n| n == "1").await?;
        wall.click("onward").await?;
        wall.find("tally-row").await?;
        ensure!(!wall.has("lesson-notes").await?);
        wall.click("onward").await?;
        wall.attr_until("wall", "data-moment", |m| m == "revealed").await?;
        ensure!(wall.text("lesson-notes").await?.contains("Three, of which it saw one."));
        phone.attr_until("follow", "data-moment", |m| m == "revealed").await?;
        ensure!(phone.text("lesson-notes").await?.contains("Three, of which it saw one."));
        in_sight(wall).await?;
        // The record says who answered what, of the names those that were typed.
        let token = format!("return JSON.parse(localStorage.getItem('present:{code}')).token");
        let token = wall.script(&token).await?;
        let csv = wall
            .asking(&format!(
                "fetch('/api/classrooms/{code}/record.csv', {{ headers: {{ Authorization: 'Bearer ' + {token} }} }})
                    .then(a => a.text()).then(done)"
            ))
            .await?;
        ensure!(csv.as_str().is_some_and(|csv| csv.contains("\"Ada\",\"3\"")), "{csv}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_lessons_file_is_taken_in_and_anything_else_refused() -> Result<()> {
    scene("lesson-file", &[], &[], async |stage| {
        let (page, url) = (&stage.browser, stage.server.url.clone());
        page.goto(&format!("{url}/lessons")).await?;
        page.find("lesson-file").await?;
        let file = stage.data.path().join("lesson.json");
        let picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        let lesson = |id: &str| {
            serde_json::json!({ "format": "langoverrule-lesson", "version": 1, "lesson": {
                "id": id, "title": "Passed on", "steps": [{
                    "picture": { "from": "own", "name": "dot.png", "data": picture },
                    "prompt": "What is it?", "ask": "Well?", "definition": "paper",
                    "question": { "kind": "choice", "choices": ["a dot", "a cat"] } }] } })
            .to_string()
        };
        std::fs::write(&file, lesson("../../x"))?;
        page.upload("lesson-file", &file).await?;
        page.wait("a refusal", async || {
            Ok(page.script("return document.querySelector('.note')?.innerText ?? null").await?.as_str().map(|_| ()))
        })
        .await?;
        ensure!(!page.has("own-lesson").await?);
        std::fs::write(&file, lesson("own-abc123"))?;
        page.upload("lesson-file", &file).await?;
        page.find("own-lesson").await?;
        // It is still there after a reload, and can be changed and deleted.
        page.goto(&format!("{url}/lessons/make/own-abc123")).await?;
        page.wait("its choices", async || {
            let text = "return document.querySelector('[data-testid=step-choices]')?.value ?? ''";
            Ok((page.script(text).await? == "a dot\na cat").then_some(()))
        })
        .await?;
        page.goto(&format!("{url}/lessons")).await?;
        page.click("remove-lesson").await?;
        page.click("remove-lesson").await?;
        page.wait("its end", async || Ok((!page.has("own-lesson").await?).then_some(()))).await
    })
    .await
}
