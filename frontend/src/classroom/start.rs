//! `/present`: what to present.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::api;
use super::lessons::{LessonList, opener};
use super::own_lessons::{OwnLessons, Records};
use crate::base::at;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::source::Source;
use crate::ui::header::Header;
use crate::ui::notes::Notes;

/// The page: a class that is open, the run that was on the screen, the lessons.
#[component]
pub fn StartPage() -> impl IntoView {
    let lab = use_lab();
    let query = use_location().search.get_untracked();
    let query = query.trim_start_matches('?').to_owned();
    let run = query.split('&').find_map(|part| part.strip_prefix("run=")).map(str::to_owned);
    let run = run.filter(|id| !id.is_empty());
    let open_run = opener(lab, run.as_ref().map(|_| query.clone()));
    // Its prompt is known where it is the run of the lab.
    let prompt = run.as_ref().filter(|id| lab.run.facts.id.get_untracked().as_ref() == Some(id));
    let prompt = prompt.map(|_| lab.run.facts.options.with_untracked(|o| o.prompt.clone()));
    let open = api::last();
    let choice = open.is_some() || run.is_some();
    view! {
        <Header/>
        <Notes/>
        <main class="class-pages">
            <h1>{t("Present to a class")}</h1>
            <p class="lead">
                {t("Phones join with a code. The class guesses where the answer came from, the words or the picture; then you show the curve, and their screens follow yours.")}
            </p>
            {open.map(|code| view! {
                <p class="card start-row-card">
                    <span>{fill("This browser presents class {code}.", &[("code", &code)])}</span>
                    <a class="button" data-testid="go-on" href=at(&format!("/present/{code}"))>{t("Go on with it")}</a>
                </p>
            })}
            <Records/>
            {run.map(|id| view! {
                <div class="card start-row-card">
                    <img src=Source::default().picture_url(&id, 0) alt=""/>
                    <div>
                        <h2>{t("The run on your screen")}</h2>
                        {prompt.map(|prompt| view! { <p class="lesson-prompt">"“"{prompt}"”"</p> })}
                    </div>
                    <button type="button" class="button strong" data-testid="present-run"
                        on:click=move |_| open_run()>{t("Present this run")}</button>
                </div>
            })}
            <h2 class="class-subtitle">{if choice { t("Or a prepared lesson") } else { t("Prepared lessons") }}</h2>
            <LessonList/>
            <OwnLessons/>
        </main>
    }
}
