//! `/lessons`: prepared lessons, to try alone or to present.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use shared::lesson::{Lesson, LessonStep};

use super::api;
use super::own_lessons::OwnLessons;
use super::pieces::tell;
use crate::lab::{Lab, PictureFrom, use_lab};
use crate::language::{fill, t};
use crate::source::samples;
use crate::ui::header::Header;
use crate::ui::notes::Notes;

/// The page.
#[component]
pub fn LessonsPage() -> impl IntoView {
    view! {
        <Header/>
        <Notes/>
        <main class="class-pages">
            <h1>{t("Lessons")}</h1>
            <p class="lead">
                {t("Prepared on the demo models: pictures that words overrule, pictures that overrule words, and what attention does not tell. Each takes a few minutes, alone or with a class.")}
            </p>
            <LessonList/>
            <OwnLessons/>
        </main>
    }
}

/// All lessons.
#[component]
pub fn LessonList() -> impl IntoView {
    let lab = use_lab();
    let lessons = RwSignal::new(None::<Vec<Lesson>>);
    spawn_local(async move {
        match samples::lessons().await {
            Ok(all) => drop(lessons.try_set(Some(all))),
            Err(failure) => lab.complain(failure.code_name(), failure.message),
        }
    });
    view! {
        {move || lessons.get().map(|all| match all.is_empty() {
            true => view! { <p class="quiet">{t("This lab has no lessons: they ship with the demo model.")}</p> }.into_any(),
            false => view! {
                <ol class="lessons">{all.into_iter().map(|lesson| view! { <Card lesson/> }).collect_view()}</ol>
            }.into_any(),
        })}
    }
}

#[component]
fn Card(lesson: Lesson) -> impl IntoView {
    let lab = use_lab();
    let name = lesson.name.clone();
    let present = opener(lab, Some(format!("lesson={name}")));
    let steps = lesson.steps.into_iter().map(|step| view! { <Step step/> }).collect_view();
    view! {
        <li class="card lesson" data-testid="lesson" data-name=lesson.name.clone()>
            <header class="lesson-head">
                <h2>{tell(&lesson.title)}</h2>
                <span class="quiet">{fill("{n} minutes", &[("n", &lesson.minutes)])}</span>
                <button type="button" class="button strong" data-testid=format!("present-{}", lesson.name)
                    on:click=move |_| present()>{t("Present to a class")}</button>
            </header>
            <p>{tell(&lesson.about)}</p>
            <ol class="lesson-steps">{steps}</ol>
        </li>
    }
}

#[component]
fn Step(step: LessonStep) -> impl IntoView {
    let lab = use_lab();
    let navigate = use_navigate();
    let (ask, prompt, picture) =
        (tell(&step.ask), step.prompt.clone(), samples::url(&step.picture));
    let alone = move |_| {
        fill_form(lab, &step);
        navigate("/", NavigateOptions::default());
    };
    view! {
        <li>
            <img src=picture alt="" loading="lazy"/>
            <div>
                <p class="lesson-prompt">"“"{prompt}"”"</p>
                <p class="quiet">{ask}</p>
            </div>
            <button type="button" class="button" data-testid="try-alone" on:click=alone>{t("Try it alone")}</button>
        </li>
    }
}

/// Puts a step into the lab's form, ready to run.
fn fill_form(lab: Lab, step: &LessonStep) {
    let Ok(options) = step.options() else { return };
    lab.choose(Some(PictureFrom::Sample(step.picture.clone())));
    lab.prompt.set(step.prompt.clone());
    lab.options.set(options);
    // So that no run that is opened overwrites it.
    lab.touched.set(true);
}

/// Opens a class and goes to its wall, with what it is to be shown first.
pub fn opener(lab: Lab, query: Option<String>) -> impl Fn() + Clone + 'static {
    let navigate = use_navigate();
    move || {
        let (navigate, query) = (navigate.clone(), query.clone());
        spawn_local(async move {
            match api::open().await {
                Ok(code) => {
                    let query = query.map(|q| format!("?{q}")).unwrap_or_default();
                    navigate(&format!("/present/{code}{query}"), NavigateOptions::default());
                }
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    }
}
