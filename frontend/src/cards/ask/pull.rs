//! A model that is not on the lab's machine: what it is, and bringing it there.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::{ModelEntry, ModelState, PullState};

use crate::browser;
use crate::errors;
use crate::lab::Lab;
use crate::language::{self, either, fill, t};
use crate::run::kept::Kept;
use crate::ui::said::views;
use crate::words;

/// How often a pull is asked about.
const EVERY: Duration = Duration::from_millis(500);
/// How often it is asked whether a model that the lab could not unpack is there by now.
const UNPACKED_EVERY: Duration = Duration::from_secs(10);

/// What stands below the form while the chosen model is not there.
#[component]
pub fn PullCard(
    /// The page's state.
    lab: Lab,
    /// The chosen model.
    chosen: Kept<Option<ModelEntry>>,
) -> impl IntoView {
    // What decides which buttons there are: they must not be made anew under a finger while only
    // numbers change.
    let absent = Kept::new(move || {
        let model = chosen.get().filter(|m| m.state != ModelState::Ready)?;
        // What the lab carries is not pulled, and comes without a question of its terms.
        let packed = model.unavailable.is_some();
        let licence = model.licence.filter(|_| !packed);
        let licence = licence.map(|licence| {
            let note = either(&licence.note, &model.ko.note).to_owned();
            (licence.name, licence.url, note)
        });
        Some((model.name, model.state, model.may_pull, packed, licence))
    });
    let said = move || chosen.get().map(|m| sentence(&m)).unwrap_or_default();
    let share = move || {
        let pull = chosen.get().and_then(|m| m.pull);
        pull.map_or(0.0, |p| 100.0 * p.bytes as f64 / p.total.max(1) as f64)
    };
    let again = move || chosen.get().is_some_and(|m| m.pull.is_some());
    let pulling = Kept::new(move || {
        lab.models.with(|all| all.iter().any(|m| m.state == ModelState::Pulling))
    });
    // While one is on its way, whoever started it, its progress is asked for.
    browser::every(EVERY, move || pulling.get(), move || spawn_local(refresh(lab)));
    let packed = Kept::new(move || chosen.get().is_some_and(|m| m.unavailable.is_some()));
    browser::every(UNPACKED_EVERY, move || packed.get(), move || spawn_local(refresh(lab)));
    view! {
        {move || absent.get().map(|(name, state, may_pull, packed, licence)| {
            let at_work = state == ModelState::Pulling;
            let command = format!("langoverrule models pull {name}");
            let (start, stop) = (name.clone(), name);
            view! {
                <div class="pull" data-testid="pull">
                    <p>{said}</p>
                    {licence.map(|(name, url, note)| view! {
                        <p class="terms">
                            <a href=url target="_blank" rel="noopener">{name}</a>
                            {(!note.is_empty()).then(|| format!(" · {note}"))}
                        </p>
                    })}
                    {at_work.then(|| view! {
                        <div class="pull-bar"><i style:width=move || format!("{:.1}%", share())></i></div>
                    })}
                    {(may_pull && !at_work).then(|| view! {
                        <button type="button" class="button" data-testid="pull-start"
                            on:click=move |_| act(lab, start.clone(), true)>
                            {move || if again() { t("Go on with the download") } else { t("Download") }}
                        </button>
                    })}
                    {(may_pull && at_work).then(|| view! {
                        <button type="button" class="button" data-testid="pull-stop"
                            on:click=move |_| act(lab, stop.clone(), false)>{t("Stop")}</button>
                    })}
                    {(!may_pull && !at_work && !packed).then(|| view! {
                        <p class="terms">{views(
                            "On the lab’s machine: {command}",
                            [("command", view! { <code>{command}</code> }.into_any())],
                        )}</p>
                    })}
                </div>
            }
        })}
    }
}

/// Where the model stands, in words.
fn sentence(model: &ModelEntry) -> String {
    if let Some(why) = &model.unavailable {
        return language::message(why);
    }
    match &model.pull {
        Some(pull) if pull.state == PullState::Pulling && pull.total == 0 => {
            t("Asking the hub …").to_owned()
        }
        Some(pull) if pull.state == PullState::Pulling => {
            let (done, total) = (words::bytes(pull.bytes), words::bytes(pull.total));
            match pull.speed.map(words::bytes) {
                Some(speed) => fill(
                    "Downloading: {done} of {total}, {speed} a second",
                    &[("done", &done), ("total", &total), ("speed", &speed)],
                ),
                None => {
                    fill("Downloading: {done} of {total}", &[("done", &done), ("total", &total)])
                }
            }
        }
        Some(pull) if pull.error.is_some() => {
            pull.error.as_ref().map(errors::of).unwrap_or_default()
        }
        _ => {
            let mut parts = vec![t("Not on the lab’s machine yet.").to_owned()];
            let bytes = model.download.map(words::bytes);
            parts.extend(bytes.map(|n| fill("To download: {bytes}.", &[("bytes", &n)])));
            let need = model.memory.iter().find(|m| m.quant == model.default_quant);
            parts.extend(need.map(|m| {
                let (bytes, quant) = (words::bytes(m.bytes), m.quant.name());
                let values: [(&str, &dyn std::fmt::Display); 2] =
                    [("bytes", &bytes), ("quant", &quant)];
                match m.measured {
                    true => fill("It takes {bytes} of memory in {quant}.", &values),
                    false => fill("It takes about {bytes} of memory in {quant}.", &values),
                }
            }));
            parts.join(" ")
        }
    }
}

fn act(lab: Lab, name: String, start: bool) {
    spawn_local(async move {
        let result = match start {
            true => lab.run.facts.source.pull(&name).await,
            false => lab.run.facts.source.stop_pull(&name).await,
        };
        if let Err(failure) = result {
            lab.complain(failure.code_name(), failure.message);
        }
        refresh(lab).await;
    });
}

/// Asks the lab anew which models there are.
pub async fn refresh(lab: Lab) {
    // A lab that does not answer now may answer the next time.
    if let Ok(models) = lab.run.facts.source.models().await
        && lab.models.try_with_untracked(|now| *now != models) == Some(true)
    {
        lab.models.set(models);
    }
}

#[cfg(test)]
mod tests {
    use shared::sentence::{LabError, Message};

    use super::*;
    use crate::language::{InForce, Language};

    /// A model that the lab carries and could not unpack says why, in the page's language, and nothing
    /// of a download.
    #[test]
    fn a_model_that_is_not_unpacked_says_why() {
        let why = LabError::ModelNotUnpacked {
            name: "demo-llava".to_owned(),
            what: LabError::CacheFull.into(),
        };
        let entry = serde_json::json!({
            "name": "demo-llava", "title": "Demo", "default": true, "loaded": false, "quants": ["q8_0"],
            "default_quant": "q8_0", "state": "absent", "unavailable": Message::from(why.clone()),
        });
        let entry: ModelEntry = serde_json::from_value(entry).expect("an entry");
        assert_eq!(sentence(&entry), why.clone().text(Language::English));
        let korean = Language::Korean.during(|| sentence(&entry));
        assert_eq!(korean, why.text(Language::Korean));
        assert!(korean.contains("공간이 없습니다"), "{korean}");
    }
}
