//! What can be done with the run on the screen: cite it, embed it, and, for its owner, name it and
//! delete it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use shared::label::{MAX_NAME, MAX_NOTE};
use shared::{Label, LabelChange, ModelInfo};

use crate::actions;
use crate::browser;
use crate::cite::{Cited, embed_code, notebook_code};
use crate::lab::{Lab, PictureFrom, use_lab};
use crate::language::{InForce, Language, message, t};
use crate::owner;
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::panels::{Panel, is_open};
use crate::run::phase::Phase;
use crate::words;

/// The run's name and note, where its owner gave it any; above everything else.
#[component]
pub fn RunName() -> impl IntoView {
    let run = use_lab().run;
    let name = Kept::new(move || run.facts.label.with(|l| l.name.clone()));
    let note = Kept::new(move || run.facts.label.with(|l| l.note.clone()));
    view! {
        <Show when=move || run.facts.label.with(|l| !l.is_empty())>
            <div class="run-label" dir="auto">
                <h1 data-testid="run-name">{move || name.get()}</h1>
                <p data-testid="run-note">{move || note.get()}</p>
            </div>
        </Show>
    }
}

/// The line below the plots.
#[component]
pub fn ThisRun() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let naming = RwSignal::new(false);
    let citing = is_open(run, Panel::Cite);
    let own = Kept::new(move || {
        let id = run.facts.id.get();
        id.is_some_and(|id| actions::is_owner(&id))
    });
    let over = Kept::new(move || {
        run.facts.id.with(Option::is_some) && !run.facts.phase.with(Phase::is_live)
    });
    let there = Kept::new(move || over.get() && run.facts.model.with(Option::is_some));
    // Another run, another form.
    Effect::new(move |_| {
        run.facts.id.track();
        naming.set(false);
    });
    let navigate = use_navigate();
    let delete = StoredValue::new_local(move || delete(lab, navigate.clone()));
    view! {
        <Show when=move || over.get()>
            <div class="test-it this-run" role="group" aria-label=t("This run")>
                <b>{t("This run:")}</b>
                <Show when=move || there.get()>
                    <button type="button" class="compare" data-testid="cite"
                        aria-expanded=move || citing.get().to_string()
                        on:click=move |_| {
                            citing.update(|open| *open = !*open);
                            browser::bring_into_sight(".this-run .test-panel");
                        }>
                        {t("cite or embed it")}
                    </button>
                </Show>
                <Show when=move || own.get()>
                    <button type="button" class="compare" data-testid="name-run"
                        aria-expanded=move || naming.get().to_string()
                        on:click=move |_| {
                            naming.update(|open| *open = !*open);
                            browser::bring_into_sight(".this-run .test-panel");
                        }>
                        {move || if run.facts.label.with(Label::is_empty) { t("name it") } else { t("rename it") }}
                    </button>
                    <button type="button" class="compare" data-testid="delete-run"
                        on:click=move |_| delete.with_value(|delete| delete())>
                        {t("delete it")}
                    </button>
                </Show>
                <WhatRan run/>
                <Notes run/>
                <Show when=move || naming.get()><Naming lab naming/></Show>
                <Show when=move || citing.get() && there.get()><Cite lab/></Show>
            </div>
        </Show>
    }
}

/// Everything that the run's numbers rest on.
#[component]
fn WhatRan(run: Run) -> impl IntoView {
    let all = Kept::new(move || {
        run.facts
            .model
            .with(|m| m.as_ref().map(|m| run.facts.options.with(|o| words::what_ran(o, m))))
    });
    let rows = move || {
        let all = all.get().unwrap_or_default().into_iter();
        all.map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }).collect_view()
    };
    view! {
        <Show when=move || all.with(Option::is_some)>
            <details class="model-notes" data-testid="what-ran">
                <summary>{t("What ran")}</summary>
                <dl>{rows}</dl>
            </details>
        </Show>
    }
}

/// How the model's own files were followed, and where not.
#[component]
fn Notes(run: Run) -> impl IntoView {
    let notes = Kept::new(move || {
        run.facts.model.with(|m| m.as_ref().map_or_else(Vec::new, ModelInfo::said))
    });
    let sentences =
        move || notes.get().iter().map(|note| view! { <li>{message(note)}</li> }).collect_view();
    view! {
        <Show when=move || !notes.with(Vec::is_empty)>
            <details class="model-notes" data-testid="model-notes">
                <summary>{t("Notes on this model’s files")}</summary>
                <ul>{sentences}</ul>
            </details>
        </Show>
    }
}

fn delete(lab: Lab, navigate: impl Fn(&str, leptos_router::NavigateOptions) + 'static) {
    let Some(id) = lab.run.facts.id.get_untracked() else { return };
    let Some(token) = owner::token(&id) else { return };
    let question =
        t("Delete this run with its picture? Its link will lead nowhere, for everybody.");
    if !window().confirm_with_message(question).unwrap_or(false) {
        return;
    }
    spawn_local(async move {
        match lab.run.facts.source.delete(&id, &token).await {
            Ok(()) => {
                owner::forget(&id);
                // Its picture is gone, so the form cannot ask about it again.
                if lab.picture.get_untracked() == Some(PictureFrom::Run(id)) {
                    lab.choose(None);
                }
                navigate("/", Default::default());
                lab.said.set(t("The run is deleted.").into());
            }
            Err(failure) => lab.complain(failure.code_name(), failure.message),
        }
    });
}

/// The form for name and note.
#[component]
fn Naming(lab: Lab, naming: RwSignal<bool>) -> impl IntoView {
    let run = lab.run;
    let before = run.facts.label.get_untracked();
    let (name, note) = (RwSignal::new(before.name), RwSignal::new(before.note));
    let saving = RwSignal::new(false);
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some(id) = run.facts.id.get_untracked().filter(|_| !saving.get_untracked()) else {
            return;
        };
        let token = owner::token(&id).unwrap_or_default();
        let change =
            LabelChange { name: Some(name.get_untracked()), note: Some(note.get_untracked()) };
        saving.set(true);
        spawn_local(async move {
            let saved = run.facts.source.label(&id, &change, &token).await;
            saving.try_set(false);
            if let Ok(label) = &saved {
                owner::named(&id, &label.name);
            }
            match saved {
                // Meanwhile another run may be on the screen.
                Ok(label) if run.facts.id.get_untracked().as_ref() == Some(&id) => {
                    run.facts.label.set(label);
                    naming.set(false);
                }
                Ok(_) => {}
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    };
    view! {
        <form class="test-panel naming" on:submit=save>
            <label>
                <span>{t("Name")}</span>
                <input type="text" maxlength=MAX_NAME data-testid="run-name-input" dir="auto"
                    prop:value=move || name.get()
                    on:input=move |event| name.set(event_target_value(&event))/>
            </label>
            <label>
                <span>{t("Note, for everybody who opens the run")}</span>
                <textarea rows="3" maxlength=MAX_NOTE data-testid="run-note-input" dir="auto"
                    prop:value=move || note.get()
                    on:input=move |event| note.set(event_target_value(&event))></textarea>
            </label>
            <button type="submit" class="button strong" data-testid="save-name" disabled=move || saving.get()>
                {t("Save")}
            </button>
        </form>
    }
}

/// The texts by which the run is passed on.
#[component]
fn Cite(lab: Lab) -> impl IntoView {
    let run = lab.run;
    // Of a run that was watched live the page has not been told when it began.
    Effect::new(move |_| {
        let id = run.facts.id.get();
        let (Some(id), true) = (id, run.facts.created.with(String::is_empty)) else { return };
        spawn_local(async move {
            if let Ok(record) = run.facts.source.record(&id).await
                && run.facts.id.get_untracked().as_ref() == Some(&id)
            {
                run.facts.created.set(record.created);
            }
        });
    });
    let cited = move |read: fn(&Cited) -> String| {
        Signal::derive(move || {
            let id = run.facts.id.get().unwrap_or_default();
            let label = run.facts.label.get();
            let address = browser::absolute(&actions::address(run));
            // A citation goes into other people's documents, so it is English on every page.
            Language::English.during(|| {
                read(&Cited {
                    id: &id,
                    name: &label.name,
                    model: &run.facts.model.get().unwrap_or_default(),
                    options: &run.facts.options.get(),
                    partial: run.facts.phase.with(Phase::partial),
                    definition: &run.view.definition.get(),
                    created: &run.facts.created.get(),
                    address: &address,
                    version: env!("CARGO_PKG_VERSION"),
                })
            })
        })
    };
    let embed = move || browser::absolute(&actions::address(run).replacen("/r/", "/embed/", 1));
    let frame = Signal::derive(move || {
        let name = run.facts.label.with(|l| l.name.clone());
        let title = if name.is_empty() { "LangOverrule Lab".to_owned() } else { name };
        embed_code(&embed(), &title)
    });
    let notebook = Signal::derive(move || notebook_code(&embed()));
    view! {
        <div class="test-panel cite">
            <Text lab title=t("Citation") text=cited(|c| c.plain()) testid="citation"/>
            <Text lab title="BibTeX" text=cited(|c| c.bibtex()) testid="bibtex"/>
            <Text lab title=t("For a web page or slides") text=frame testid="embed-code"/>
            <Text lab title=t("For a notebook") text=notebook testid="notebook-code"/>
            <p class="card-note">
                {t("A frame shows the lab at this address: whoever looks at it must be able to reach the lab.")}
            </p>
        </div>
    }
}

/// A text and the way to copy it.
#[component]
fn Text(
    lab: Lab,
    title: &'static str,
    text: Signal<String>,
    testid: &'static str,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            if browser::copy(&text).await {
                copied.try_set(true);
                lab.said.set(t("Copied").into());
            } else {
                // Selecting the text below is the other way, and always there.
                lab.complain("not_copied", t("This browser does not let the page copy; select the text and copy it by hand."));
            }
        });
    };
    view! {
        <div class="passed-on">
            <header><b>{title}</b>
                <button type="button" class="button" data-testid=format!("copy-{testid}") on:click=copy>
                    {move || if copied.get() { t("Copied") } else { t("Copy") }}
                </button>
            </header>
            <pre data-testid=testid tabindex="0" lang="en">{move || text.get()}</pre>
        </div>
    }
}
