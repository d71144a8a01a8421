//! Lessons that this browser keeps: given, changed, passed on as files, taken in; and records of classes
//! that are over.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::api::{self, Record};
use super::lessons::opener;
use super::made::{self, LARGEST, MadeLesson};
use super::shelf;
use crate::base::at;
use crate::browser;
use crate::lab::{Lab, use_lab};
use crate::language::{fill, t};
use crate::save;

/// The text of a file that somebody chose or dropped, where it is not too large to be one of a lesson.
async fn text_of(file: web_sys::File) -> Result<String, String> {
    if file.size() > LARGEST as f64 {
        return Err(fill("The file is larger than {mib} MiB.", &[("mib", &(LARGEST >> 20))]));
    }
    let text = wasm_bindgen_futures::JsFuture::from(file.text()).await;
    let text = text.ok().and_then(|text| text.as_string());
    text.ok_or_else(|| t("The file cannot be read.").to_owned())
}

/// Takes in a lesson's file: one that is known already is replaced by it.
async fn take_in(file: web_sys::File) -> Result<MadeLesson, String> {
    let lesson = made::read(&text_of(file).await?)?;
    shelf::put(&lesson).await?;
    Ok(lesson)
}

fn take_all(lab: Lab, files: Option<web_sys::FileList>, lessons: RwSignal<Vec<MadeLesson>>) {
    let Some(files) = files else { return };
    let files: Vec<_> = (0..files.length()).filter_map(|i| files.get(i)).collect();
    spawn_local(async move {
        for file in files {
            match take_in(file).await {
                Ok(lesson) => {
                    lab.said
                        .set(fill("“{title}” is among your lessons.", &[("title", &lesson.title)]));
                }
                Err(why) => lab.complain("bad_lesson", why),
            }
        }
        lessons.try_set(shelf::all().await);
    });
}

/// The lessons of one's own.
#[component]
pub fn OwnLessons() -> impl IntoView {
    let lab = use_lab();
    let lessons = RwSignal::new(Vec::<MadeLesson>::new());
    spawn_local(async move {
        lessons.try_set(shelf::all().await);
    });
    let dragging = RwSignal::new(false);
    let input = NodeRef::<leptos::html::Input>::new();
    let chosen = move |_| {
        if let Some(input) = input.get_untracked() {
            take_all(lab, input.files(), lessons);
            input.set_value("");
        }
    };
    view! {
        <section class="own-lessons" aria-labelledby="own-lessons" class:dragging=move || dragging.get()
            on:dragover=move |event| {
                event.prevent_default();
                dragging.set(true);
            }
            on:dragleave=move |_| dragging.set(false)
            on:drop=move |event| {
                event.prevent_default();
                event.stop_propagation();
                dragging.set(false);
                take_all(lab, event.data_transfer().and_then(|data| data.files()), lessons);
            }>
            <header class="lesson-head">
                <h2 class="class-subtitle" id="own-lessons">{t("Your own lessons")}</h2>
                <a class="button" data-testid="make-lesson" href=at("/lessons/make")>{t("Make a lesson")}</a>
                <label class="button">
                    {t("Open a lesson’s file")}
                    <input type="file" class="sr-only" accept=".json,application/json" multiple node_ref=input
                        data-testid="lesson-file" on:change=chosen/>
                </label>
            </header>
            <p class="quiet">{t("Pictures, questions and what they show, made here and kept in this browser alone. A file passes one on: drop it here to take it in.")}</p>
            <ol class="lessons">
                <For each=move || lessons.get() key=|lesson| (lesson.id.clone(), lesson.title.clone(), lesson.steps.len()) let:lesson>
                    <OwnLesson lesson lessons/>
                </For>
            </ol>
        </section>
    }
}

#[component]
fn OwnLesson(lesson: MadeLesson, lessons: RwSignal<Vec<MadeLesson>>) -> impl IntoView {
    let lab = use_lab();
    let present = opener(lab, Some(format!("lesson={}", lesson.id)));
    let (file, id) = (lesson.clone(), StoredValue::new(lesson.id.clone()));
    let sure = RwSignal::new(false);
    let remove = move |_| {
        if !sure.get_untracked() {
            return sure.set(true);
        }
        spawn_local(async move {
            shelf::remove(&id.get_value()).await;
            lessons.try_set(shelf::all().await);
        });
    };
    let counted = match lesson.steps.len() {
        1 => t("1 step").to_owned(),
        n => fill("{n} steps", &[("n", &n)]),
    };
    view! {
        <li class="card lesson" data-testid="own-lesson" data-id=lesson.id.clone()>
            <header class="lesson-head">
                <h2><bdi>{lesson.title.clone()}</bdi></h2>
                <span class="quiet">{counted}</span>
                <button type="button" class="button strong" data-testid="present-own" on:click=move |_| present()>{t("Present to a class")}</button>
            </header>
            {(!lesson.about.is_empty()).then(|| view! { <p><bdi>{lesson.about.clone()}</bdi></p> })}
            <p class="lesson-doings">
                <a class="button" data-testid="edit-lesson" href=at(&format!("/lessons/make/{}", lesson.id))>{t("Change it")}</a>
                <button type="button" class="button" data-testid="pass-on" on:click=move |_| save_file(lab, &file)>{t("Save its file")}</button>
                <button type="button" class="button" data-testid="remove-lesson" on:click=remove>
                    {move || if sure.get() { t("Really delete it?") } else { t("Delete") }}
                </button>
            </p>
        </li>
    }
}

/// Saves a lesson as the file that passes it on.
pub fn save_file(lab: Lab, lesson: &MadeLesson) {
    let title: String =
        lesson.title.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(40).collect();
    let saved = save::file(&made::write(lesson), "application/json")
        .and_then(|file| save::save(&file, &format!("lesson-{title}.json")));
    if saved.is_none() {
        lab.complain("unsaved", t("This browser could not save the file."));
    }
}

/// Classes that are over, whose records can still be saved.
#[component]
pub fn Records() -> impl IntoView {
    let lab = use_lab();
    let records = RwSignal::new(api::records());
    let save = move |code: String| {
        spawn_local(async move {
            if let Err(failure) = api::save_record(&code).await {
                if failure.code == Some(shared::ErrorCode::NotFound) {
                    api::drop_record(&code);
                    records.try_set(api::records());
                }
                lab.complain(failure.code_name(), failure.message);
            }
        });
    };
    view! {
        <For each=move || records.get() key=|record| record.code.clone() let:record>
            {
                let Record { code, when, .. } = record;
                let said = fill("Class {code} is over ({when}).", &[("code", &code), ("when", &browser::local_time(&when))]);
                view! {
                    <p class="card start-row-card" data-testid="class-record">
                        <span>{said}</span>
                        <button type="button" class="button" on:click=move |_| save(code.clone())>{t("Save the record (CSV)")}</button>
                    </p>
                }
            }
        </For>
    }
}
