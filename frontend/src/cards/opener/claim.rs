//! The claim: nothing, what somebody sees, or what the picture shows. Another one asks again.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use crate::claims::{self, beginnings, known, proposed, said, sample_of};
use crate::lab::use_lab;
use crate::language::t;
use crate::run::kept::Kept;
use shared::PictureUse;

/// Most letters of a claim that is typed here.
const MOST: usize = 60;

/// The control.
#[component]
pub fn Claims() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let navigate = StoredValue::new_local(use_navigate());
    // What a person typed stays for the picture that it was typed about.
    let typed = RwSignal::new(None::<String>);
    let what = Kept::new(move || typed.get().unwrap_or_else(|| proposed(lab)));
    let own = Kept::new(move || sample_of(lab).is_none_or(|s| s.claim.is_empty()));
    Effect::new(move |_| {
        if !own.get() {
            typed.set(None);
        }
    });
    let there = Kept::new(move || {
        let shown =
            run.facts.options.with(|o| o.picture == PictureUse::Own && !o.prompt.is_empty());
        shown && run.facts.id.with(Option::is_some)
    });
    let now = Kept::new(move || said(lab));
    let choose = move |beginning: &'static str| {
        let what = what.get_untracked();
        let go = navigate.get_value();
        claims::claim(lab, beginning, what, move |path, options| go(path, options));
    };
    let choices = move || {
        let ids = ["nothing", "seen", "shown"];
        beginnings(lab)
            .into_iter()
            .zip(ids)
            .map(|(beginning, id)| {
                let chosen = move || {
                    let (said, claimed, _) = now.get();
                    said == beginning && (beginning.is_empty() || claimed == what.get())
                };
                let label = move || match beginning {
                    "" => t("nothing").to_owned(),
                    beginning => format!("“{beginning}{}.”", what.get()),
                };
                let answer = move || known(lab, beginning, &what.get());
                view! {
                    <button
                        type="button"
                        data-testid=format!("claim-{id}")
                        aria-pressed=move || chosen().to_string()
                        disabled=move || lab.sending.get()
                        on:click=move |_| choose(beginning)
                    >
                        <span>{label}</span>
                        {move || answer().map(|answer| view! { <small>{answer}</small> })}
                    </button>
                }
            })
            .collect_view()
    };
    view! {
        <Show when=move || there.get()>
            <div class="claims">
                <span class="claims-name" id="claims-name">{t("Say first")}</span>
                <div class="switch claim" role="group" aria-labelledby="claims-name" data-testid="claims">
                    {choices}
                </div>
                <Show when=move || own.get()>
                    <label class="claim-word">
                        <span>{t("claim")}</span>
                        <input
                            type="text"
                            data-testid="claim-word"
                            maxlength=MOST
                            prop:value=move || what.get()
                            on:change=move |event| {
                                let word = event_target_value(&event);
                                let word: String = word.trim().chars().take(MOST).collect();
                                let word = word.trim_end_matches('.').to_owned();
                                typed.set((!word.is_empty()).then_some(word));
                            }
                        />
                    </label>
                </Show>
            </div>
        </Show>
    }
}
