//! What this browser owns: the tokens of its runs, and the list of them.

use leptos::prelude::*;
use shared::AskedOptions;
use shared::api::RunCreated;
use shared::listing::RunsListed;

use crate::browser;
use crate::own::{OwnRun, OwnRuns};
use crate::run::Run;

const LIST: &str = "runs";

/// Keeps a run that this browser asked for.
pub fn keep(created: &RunCreated, options: &AskedOptions) {
    browser::store(&browser::owner_key(&created.id), &created.owner_token);
    let run = OwnRun {
        id: created.id.clone(),
        prompt: options.prompt.clone(),
        model: options.model.clone(),
        asked: String::from(js_sys::Date::new_0().to_iso_string()),
        ..OwnRun::default()
    };
    change(|own| {
        own.add(run);
        true
    });
}

/// The secret that lets this browser stop, name and delete a run, where it is its own.
pub fn token(id: &str) -> Option<String> {
    browser::stored(&browser::owner_key(id))
}

/// The runs that this browser asked for, the newest first.
pub fn runs() -> Vec<OwnRun> {
    read().all().to_vec()
}

/// Takes a run off the list; what may be done with it stays.
pub fn unlist(id: &str) {
    change(|own| {
        own.remove(id);
        true
    });
}

/// Forgets a run that is gone.
pub fn forget(id: &str) {
    browser::forget(&browser::owner_key(id));
    unlist(id);
}

/// Keeps what its owner calls a run.
pub fn named(id: &str, name: &str) {
    change(|own| own.named(id, name));
}

/// Keeps what the lab tells of runs of one's own.
pub fn told(listed: &RunsListed) {
    change(|own| own.told(listed));
}

/// Sorts a run of one's own under a tag; `false` where that changes nothing.
pub fn tag(id: &str, tag: &str) -> bool {
    let mut done = false;
    change(|own| {
        done = own.tag(id, tag);
        done
    });
    done
}

/// Takes a tag off a run of one's own.
pub fn untag(id: &str, tag: &str) {
    change(|own| own.untag(id, tag));
}

/// Keeps the answer of the run that a view shows, where it is this browser's.
pub fn note_answer(run: Run) {
    Effect::new(move |_| {
        let answer = run.facts.summary.with(|s| s.as_ref().map(|s| s.answer.clone()));
        if let (Some(answer), Some(id)) = (answer, run.facts.id.get_untracked()) {
            change(|own| own.answered(&id, &answer));
        }
    });
}

fn read() -> OwnRuns {
    OwnRuns::read(&browser::stored(LIST).unwrap_or_default())
}

/// Changes the list as it is now: other pages of this browser change it too.
fn change(make: impl FnOnce(&mut OwnRuns) -> bool) {
    let mut own = read();
    if make(&mut own) {
        browser::store(LIST, &own.to_text());
    }
}
