//! A lab with something to look at: the shipped run, runs of one's own, a finished experiment, a
//! class that guesses and one that has seen the curve.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Browser, Server};

/// The question of the run of one's own: a picture that the words do not overrule. `MORE` is what else
/// is asked.
const ASK: &str = "
    const picture = await (await fetch('/api/samples/cat-near.png')).blob();
    const form = new FormData();
    form.append('picture', picture, 'cat-near.png');
    form.append('options', JSON.stringify(
        { prompt: 'The picture shows a dog. Which animal is in the picture?', ...MORE }));
    const made = await (await fetch('/api/runs', { method: 'POST', body: form })).json();
    for (;;) {
        const { state } = await (await fetch('/api/runs/' + made.id)).json();
        if (state == 'done') return made.id;
        if (state == 'failed' || state == 'cancelled') throw new Error('the run ' + state);
        await new Promise(later => setTimeout(later, 100));
    }";

/// An experiment small enough to wait for, with everything that a page of one shows.
const TRY: &str = "
    const spec = { models: ['demo-llava', 'demo-qwen'], samples: 8, prune: [0, 0.75, 0.9, 0.95],
                   replicate: [1], base: { max_new_tokens: 8 } };
    const answer = await fetch('/api/experiments', { method: 'POST', body: JSON.stringify(spec) });
    const made = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(made));
    for (;;) {
        const { state } = await (await fetch('/api/experiments/' + made.id)).json();
        if (state == 'done') return made.id;
        if (state == 'failed' || state == 'cancelled') throw new Error('the experiment ' + state);
        await new Promise(later => setTimeout(later, 250));
    }";

/// How many phones are in a class.
const PHONES: u32 = 24;

/// A class about the shipped run, whose phones stay connected while this page is open: `MOMENT` is
/// as far as it has come. Two of three guess the picture; three phones have not guessed yet.
const TEACH: &str = "
    const made = await (await fetch('/api/classrooms', { method: 'POST' })).json();
    const path = '/api/classrooms/' + made.code;
    const line = follower => new Promise((open, fail) => {
        const socket = new WebSocket('ws://' + location.host + path + '/events' + follower, 'msgpack');
        socket.onopen = () => open(socket);
        socket.onerror = () => fail(new Error('no line to the class'));
        (window.lines ??= []).push(socket);
    });
    const wall = await line('');
    const say = (socket, what) => socket.send(JSON.stringify(what));
    const lesson = { lesson: 'words-overrule', step: 1 };
    const show = moment =>
        say(wall, { type: 'show', board: { run: 'sample', round: 1, moment, lesson } });
    say(wall, { type: 'present', presenter_token: made.presenter_token });
    show('asked');
    const until = async so => {
        for (let times = 0; !so(await (await fetch(path)).json()); times++) {
            if (times > 100) throw new Error('the class does not come so far');
            await new Promise(later => setTimeout(later, 50));
        }
    };
    await until(state => state.board.run);
    for (let phone = 0; phone < PHONES; phone++) {
        const socket = await line('?follower=' + String(phone).padStart(32, '0'));
        const guess = phone % 3 ? 'picture' : 'words';
        if (phone > 2) say(socket, { type: 'guess', round: 1, guess });
    }
    await until(state => state.answered == PHONES - 3);
    show(MOMENT);
    await until(state => state.board.moment == MOMENT);
    return JSON.stringify([made.code, made.presenter_token]);";

/// A class that the gallery holds.
#[derive(Debug)]
pub struct Taught {
    /// Its code.
    pub code: String,
    token: String,
}

/// The lab and the names of what is in it.
#[derive(Debug)]
pub struct Gallery {
    /// The lab.
    pub server: Server,
    /// The name of the run.
    pub run: String,
    /// The name of the run that was asked several times.
    pub repeated: String,
    /// The name of the experiment.
    pub experiment: String,
    /// A class that guesses.
    pub guessing: Taught,
    /// A class that has seen the curve.
    pub shown: Taught,
    // The phones of the classes.
    _phones: Browser,
    _data: TempDir,
}

impl Gallery {
    /// Opens a lab, and fills it through a browser as the page would.
    ///
    /// # Errors
    /// The lab does not come up, or what is asked of it fails.
    pub async fn open(page: &Browser) -> Result<Gallery> {
        let data = TempDir::new()?;
        let server = Server::start(data.path(), &[])?;
        page.goto(&server.url).await?;
        page.patience_of_scripts(180).await?;
        let ask = |more: &str| format!("const MORE = {more};{ASK}");
        let run = asked(page, &ask("{}")).await.context("a run of one's own")?;
        let several = "{ repeat: { times: 8 }, sampling: { temperature: 3, seed: 3 } }";
        let repeated = asked(page, &ask(several)).await.context("a run asked several times")?;
        let experiment = asked(page, TRY).await.context("an experiment")?;
        let phones = Browser::open().await?;
        phones.goto(&format!("{}/j", server.url)).await?;
        let guessing = teach(&phones, "asked").await.context("a class that guesses")?;
        let shown = teach(&phones, "revealed").await.context("a class that has seen the curve")?;
        // Runs that this browser asked for, as the page keeps them.
        let own = |id: &str, prompt: &str, answer: &str, name: &str| {
            json!({ "id": id, "prompt": prompt,
            "model": "demo-llava", "asked": "2026-01-02T03:04:05Z", "answer": answer, "name": name })
        };
        let claim = "The picture shows a dog. Which animal is in the picture?";
        let runs = json!([
            own(&run, claim, "It is a cat.", ""),
            own("sample", claim, "It is a dog.", "Far away")
        ]);
        page.script(&format!("localStorage.setItem('runs', {})", json!(runs.to_string()))).await?;
        for class in [&guessing, &shown] {
            // This browser may present it.
            let kept = json!({ "token": class.token, "network": null }).to_string();
            let key = format!("present:{}", class.code);
            page.script(&format!("localStorage.setItem('{key}', '{kept}')")).await?;
        }
        let _phones = phones;
        Ok(Gallery { server, run, repeated, experiment, guessing, shown, _phones, _data: data })
    }
}

async fn teach(phones: &Browser, moment: &str) -> Result<Taught> {
    let names = format!("const MOMENT = '{moment}', PHONES = {PHONES};");
    let kept = asked(phones, &(names + TEACH)).await?;
    let (code, token) = serde_json::from_str(&kept)?;
    Ok(Taught { code, token })
}

async fn asked(page: &Browser, script: &str) -> Result<String> {
    let script = format!(
        "(async () => {{ {script} }})().then(id => done({{ id }}), error => done({{ error: String(error) }}))"
    );
    let answer = page.asking(&script).await?;
    match &answer["id"] {
        Value::String(id) => Ok(id.clone()),
        _ => anyhow::bail!("{}", answer["error"]),
    }
}
