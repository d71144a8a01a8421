//! Pages behind a click, which are no part of the program that a visitor waits for first: each group of them
//! is a file of its own, brought when one of its pages is first opened.
//!
//! `xtask` cuts the compiled program at the functions below (wasm_split_cli_support); what several parts
//! need stays in the first file, or becomes a file that they share.

use leptos::prelude::*;
use wasm_split_helpers::wasm_split;

use crate::classroom::follow::FollowPage;
use crate::classroom::join::JoinPage;
use crate::classroom::lessons::LessonsPage;
use crate::classroom::make::MakePage;
use crate::classroom::present::PresentPage;
use crate::classroom::start::StartPage;
use crate::compare::page::ComparePage;
use crate::experiments::list::ListPage;
use crate::experiments::page::ExperimentPage;
use crate::language::t;
use crate::runs::RunsPage;
use crate::ui::header::Header;

/// A page whose program comes apart from the first one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The runs that this browser knows.
    Runs,
    /// Runs beside each other.
    Compare,
    /// The list of experiments.
    Experiments,
    /// One experiment.
    Experiment,
    /// The lessons.
    Lessons,
    /// Making a lesson.
    Make,
    /// Opening a class.
    Start,
    /// The wall of a class.
    Present,
    /// Joining a class.
    Join,
    /// Following one.
    Follow,
}

/// Why a part of the program is not there.
struct NotThere;

impl From<wasm_split_helpers::SplitLoaderError> for NotThere {
    fn from(_: wasm_split_helpers::SplitLoaderError) -> Self {
        NotThere
    }
}

type Made = Result<AnyView, NotThere>;

impl Place {
    async fn page(self) -> Made {
        match self {
            Place::Runs => runs().await,
            Place::Compare => compare().await,
            Place::Experiments => experiments(false).await,
            Place::Experiment => experiments(true).await,
            Place::Lessons | Place::Make | Place::Start => lessons(self).await,
            Place::Present | Place::Join | Place::Follow => classroom(self).await,
        }
    }
}

#[wasm_split(runs, fallible)]
fn runs() -> Made {
    Ok(view! { <RunsPage/> }.into_any())
}

#[wasm_split(compare, fallible)]
fn compare() -> Made {
    Ok(view! { <ComparePage/> }.into_any())
}

#[wasm_split(experiments, fallible)]
fn experiments(one: bool) -> Made {
    Ok(match one {
        true => view! { <ExperimentPage/> }.into_any(),
        false => view! { <ListPage/> }.into_any(),
    })
}

#[wasm_split(lessons, fallible)]
fn lessons(place: Place) -> Made {
    Ok(match place {
        Place::Make => view! { <MakePage/> }.into_any(),
        Place::Start => view! { <StartPage/> }.into_any(),
        _ => view! { <LessonsPage/> }.into_any(),
    })
}

#[wasm_split(classroom, fallible)]
fn classroom(place: Place) -> Made {
    Ok(match place {
        Place::Join => view! { <JoinPage/> }.into_any(),
        Place::Follow => view! { <FollowPage/> }.into_any(),
        _ => view! { <PresentPage/> }.into_any(),
    })
}

/// The page of a place, once its program is there; where it cannot be had, why, and the way to try again.
#[component]
pub fn Apart(
    /// Which one.
    place: Place,
) -> impl IntoView {
    let tries = RwSignal::new(0_u32);
    let page = move || {
        tries.track();
        Suspend::new(async move {
            match place.page().await {
                Ok(page) => page,
                Err(NotThere) => view! {
                    <Header/>
                    <main class="missing" data-testid="page-not-there">
                        <h1>{t("This page could not be brought from the lab.")}</h1>
                        <p>{t("The line may be down, or the lab was replaced by another version meanwhile.")}</p>
                        <button type="button" class="button strong" on:click=move |_| tries.update(|n| *n += 1)>
                            {t("Try again")}
                        </button>
                    </main>
                }
                .into_any(),
            }
        })
    };
    let coming = || {
        view! {
            <Header/>
            <main class="missing" role="status"><p>{t("This page is being brought from the lab …")}</p></main>
        }
    };
    view! { <Suspense fallback=coming>{page}</Suspense> }
}
