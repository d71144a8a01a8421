//! What is claimed of the picture of the run on the screen before it is asked about, and asking with another
//! claim.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use shared::api::Sample;
use shared::repeat::{BEGINNINGS, Claim, SEEN, claim_in, said_in, saying};
use shared::{AskedOptions, RunOptions};

use crate::actions;
use crate::lab::{Lab, PictureFrom};
use crate::run::SHIPPED;
use crate::source::samples as samples_at;
use crate::tried::question_of;

/// The sample that the picture of the run on the screen is, where it is one.
pub fn sample_of(lab: Lab) -> Option<Sample> {
    let id = lab.run.facts.id.get()?;
    if lab.claims.with(|claims| claims.root(&id) == SHIPPED) {
        return lab.samples.with(|all| all.first().cloned());
    }
    // A picture that is asked something else is looked at without its sample's claim.
    let question = lab.run.facts.options.with(|o| said_in(&o.prompt).2.to_owned());
    let sample = lab.claims.with(|claims| claims.sample(&id).cloned().flatten());
    sample.filter(|sample| said_in(&sample.prompt).2 == question)
}

/// What is claimed of the run on the screen: the beginning, the claim, and the question itself.
pub fn said(lab: Lab) -> (&'static str, String, String) {
    lab.run.facts.options.with(|o| {
        let (beginning, what, question) = said_in(&o.prompt);
        (beginning, what.to_owned(), question.to_owned())
    })
}

/// The three ways to say something of the run on the screen: nothing, what somebody sees, and what the
/// picture shows, in the words of its own prompt or its sample's.
pub fn beginnings(lab: Lab) -> [&'static str; 3] {
    let own = lab.run.facts.options.with(|o| claim_in(&o.prompt).map(|(beginning, ..)| beginning));
    let of_sample = || sample_of(lab).and_then(|s| claim_in(&s.prompt).map(|(b, ..)| b));
    ["", SEEN, own.or_else(of_sample).unwrap_or(BEGINNINGS[0])]
}

/// What may be claimed of the run's picture where nobody typed anything: what its prompt claims, what is
/// prepared for its sample, or some animal that the answer does not name.
pub fn proposed(lab: Lab) -> String {
    let (_, what, question) = said(lab);
    if !what.is_empty() {
        return what;
    }
    if let Some(claim) = sample_of(lab).map(|s| s.claim).filter(|claim| !claim.is_empty()) {
        return claim;
    }
    let answer = lab.run.facts.observation.with(shared::Observation::answer);
    let named = |what: &str| {
        let claim = Claim::new(what);
        claim.is_some_and(|c| c.is_said_by(&answer) || c.is_said_by(&question))
    };
    let free = ["a dog", "a cat", "a horse"].into_iter().find(|what| !named(what));
    free.unwrap_or("a bird").to_owned()
}

/// The options of the run on the screen with something else said first.
fn with_claim(lab: Lab, beginning: &str, what: &str) -> RunOptions {
    lab.run.facts.options.with(|o| {
        let (_, _, question) = said_in(&o.prompt);
        RunOptions { prompt: saying(beginning, what.trim(), question), ..question_of(o) }
    })
}

/// What was answered, as far as it is known, where this was said first.
pub fn known(lab: Lab, beginning: &str, what: &str) -> Option<String> {
    let id = lab.run.facts.id.get()?;
    let wanted = with_claim(lab, beginning, what);
    lab.claims.with(|claims| claims.found(&id, &wanted).map(|(_, answer)| answer.trim().to_owned()))
}

/// Asks the question of the run on the screen with something else said first, or goes to the run that
/// asked it already. The layer and the head that are looked at stay.
pub fn claim(
    lab: Lab,
    beginning: &'static str,
    what: String,
    navigate: impl Fn(&str, NavigateOptions) + 'static,
) {
    let run = lab.run;
    let Some(id) = run.facts.id.get_untracked().filter(|_| !lab.sending.get_untracked()) else {
        return;
    };
    let wanted = untrack(|| with_claim(lab, beginning, &what));
    if run.facts.options.with_untracked(|o| question_of(o) == wanted) {
        return;
    }
    let kept = (run.view.layer.get_untracked(), run.view.look.get_untracked());
    let there = lab.claims.with_untracked(|c| c.found(&id, &wanted).map(|(id, _)| id.to_owned()));
    if let Some(there) = there {
        return actions::go(lab, &there, navigate);
    }
    ask(lab, id, wanted, kept, navigate);
}

/// Asks the question of the run on the screen once more, as of one that failed.
pub fn again(lab: Lab, navigate: impl Fn(&str, NavigateOptions) + 'static) {
    let run = lab.run;
    let Some(id) = run.facts.id.get_untracked().filter(|_| !lab.sending.get_untracked()) else {
        return;
    };
    let options = run.facts.options.get_untracked();
    ask(lab, id, RunOptions { changed: Vec::new(), ..options }, (None, None), navigate);
}

/// Asks about a run's picture, and looks at the new run as at the one before.
fn ask(
    lab: Lab,
    id: String,
    options: RunOptions,
    looked: (Option<usize>, Option<u32>),
    navigate: impl Fn(&str, NavigateOptions) + 'static,
) {
    let run = lab.run;
    let options: AskedOptions = options.into();
    let source = PictureFrom::Run(id.clone());
    let of_run = actions::media_of(run, &source);
    lab.sending.set(true);
    spawn_local(async move {
        let created = actions::submit(run.facts.source, &source, &of_run, &[], &options).await;
        lab.sending.set(false);
        match created {
            Ok(created) => {
                lab.claims.update(|claims| claims.took(&created.id, &id));
                if !lab.touched.get_untracked() {
                    lab.prompt.set(options.prompt.clone());
                }
                actions::begin(lab, created, &options, looked, navigate);
            }
            Err(failure) => lab.complain(failure.code_name(), failure.message),
        }
    });
}

/// Notes what runs answer, and looks up which sample a run's picture is.
pub fn note(lab: Lab) {
    let run = lab.run;
    Effect::new(move |_| {
        let answer = run.facts.summary.with(|s| s.as_ref().map(|s| s.answer.clone()));
        if let (Some(answer), Some(id)) = (answer, run.facts.id.get_untracked()) {
            let options = run.facts.options.get_untracked();
            lab.claims.update(|claims| claims.answered(&id, &options, &answer));
        }
    });
    Effect::new(move |_| {
        let over = run.facts.summary.with(Option::is_some);
        let samples = lab.samples.get();
        let Some(id) = run.facts.id.get().filter(|_| over && !samples.is_empty()) else { return };
        let known = lab
            .claims
            .with_untracked(|claims| claims.root(&id) == SHIPPED || claims.sample(&id).is_some());
        if known {
            return;
        }
        let root = lab.claims.with_untracked(|claims| claims.root(&id).to_owned());
        spawn_local(async move {
            let Ok(own) = run.facts.source.picture_bytes(&id, 0).await else { return };
            let mut found = None;
            for sample in samples {
                let same = samples_at::bytes(&sample.file).await;
                if same.is_ok_and(|bytes| bytes == own) {
                    found = Some(sample);
                    break;
                }
            }
            lab.claims.update(|claims| claims.is_sample(root, found));
        });
    });
    // A run's only picture that is a sample is chosen as one in the form: nobody brought it.
    Effect::new(move |_| {
        let Some(PictureFrom::Run(id)) = lab.picture.get() else { return };
        let sample = lab.claims.with(|claims| claims.sample(&id).cloned().flatten());
        let alone = actions::media_of(run, &PictureFrom::Run(id)).len() == 1;
        if let Some(sample) = sample.filter(|_| alone) {
            lab.picture.set(Some(PictureFrom::Sample(sample.file)));
        }
    });
}
