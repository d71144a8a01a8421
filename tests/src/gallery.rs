//! A lab with something to look at: the shipped run, a run of one's own, a finished experiment.

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Browser, Server};

/// The question of the run of one's own: a picture that the words do not overrule.
const ASK: &str = "
    const picture = await (await fetch('/api/samples/cat-near.png')).blob();
    const form = new FormData();
    form.append('picture', picture, 'cat-near.png');
    form.append('options', JSON.stringify(
        { prompt: 'The picture shows a dog. Which animal is in the picture?' }));
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

/// The lab and the names of what is in it.
#[derive(Debug)]
pub struct Gallery {
    /// The lab.
    pub server: Server,
    /// The name of the run.
    pub run: String,
    /// The name of the experiment.
    pub experiment: String,
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
        let run = asked(page, ASK).await.context("a run of one's own")?;
        let experiment = asked(page, TRY).await.context("an experiment")?;
        Ok(Gallery { server, run, experiment, _data: data })
    }
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
