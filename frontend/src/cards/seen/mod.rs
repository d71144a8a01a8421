//! What the model saw: the medium that is looked at, through the lens of its kind.

use leptos::prelude::*;
use shared::Group;

use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::media::lens;
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::kinds::kind_of;

/// The card, as a class sees it.
#[component]
pub fn Seen() -> impl IntoView {
    view! {
        <section class="card seen" aria-labelledby="seen-title">
            <header class="card-head"><h2 id="seen-title">{t("What the model saw")}</h2></header>
            <Looked/>
        </section>
    }
}

/// The medium with where the model looked, and what is said of it.
#[component]
pub fn Looked() -> impl IntoView {
    let run = use_lab().run;
    let kind = Kept::new(move || kind_of(run).unwrap_or(Group::Image));
    move || {
        let map = (lens(kind.get()).map)(run);
        view! { {map.medium}<Which run/>{map.below} }
    }
}

/// Which of the prompt's pictures is shown, where there are several.
#[component]
fn Which(run: Run) -> impl IntoView {
    let pictures = Kept::new(move || {
        run.facts.observation.with(|o| o.layout.as_ref().map_or(0, |l| l.media.len()))
    });
    move || {
        let pictures = pictures.get();
        (pictures > 1).then(|| {
            let choices = (0..pictures as u8).map(|medium| {
                let chosen = move || run.view.medium.get() == medium;
                view! {
                    <button
                        type="button"
                        class="pill"
                        class:strong=chosen
                        data-testid=format!("picture-{}", medium + 1)
                        aria-pressed=move || chosen().to_string()
                        on:click=move |_| run.view.medium.set(medium)
                    >
                        {fill("picture {n}", &[("n", &(medium + 1))])}
                    </button>
                }
            });
            view! {
                <div class="definition" role="group" aria-label=t("Pictures of the prompt")>
                    {choices.collect_view()}
                </div>
            }
        })
    }
}
