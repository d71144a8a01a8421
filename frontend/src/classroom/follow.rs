//! `/j/CODE`: a phone that follows the class, guesses, and may look around by itself.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use shared::classroom::{Board, ClassRequest, Moment, ShownStep};
use shared::lesson::Lesson;

use super::answering::{Answering, read_back};
use super::board::{alike, view_of};
use super::class::{Class, look, look_again};
use super::pieces::{ClassQuestion, DoneTo, Given, Lessons, Lost, Progress, Question, Verdict};
use super::present::ClassOver;
use super::results::Answers;
use super::steps::shown_step;
use super::{api, told};
use crate::cards::answer::Answer;
use crate::cards::curve::CurveCard;
use crate::cards::flow::FlowCard;
use crate::cards::heads::HeadsCard;
use crate::cards::number::NumberCard;
use crate::cards::seen::Seen;
use crate::cards::stages::StageCard;
use crate::cards::time::TimeCard;
use crate::cards::tokens::Tokens;
use crate::lab::{Lab, use_lab};
use crate::language::t;
use crate::ui::notes::Notes;
use crate::ui::transport::keep_playing;

/// The page.
#[component]
pub fn FollowPage() -> impl IntoView {
    let params = use_params_map();
    let code = move || params.with(|p| p.get("code")).unwrap_or_default();
    view! { {move || view! { <Follow code=code()/> }} }
}

/// What a follower sees, apart from the class.
#[derive(Clone, Copy)]
struct Following {
    class: Class,
    /// What the class is shown.
    board: Memo<Board>,
    /// Whether this page looks around by itself.
    exploring: RwSignal<bool>,
    /// The lessons that steps are looked up in.
    lessons: RwSignal<Vec<Lesson>>,
}

#[component]
fn Follow(code: String) -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    keep_playing(run);
    let class = Class::join(lab, &code, Some(&api::follower()));
    let board = Memo::new(move |_| {
        class.state.with(|s| s.as_ref().map(|s| s.board.clone())).unwrap_or_default()
    });
    let following =
        Following { class, board, exploring: RwSignal::new(false), lessons: RwSignal::new(vec![]) };
    let wanted = move || !following.lessons.is_disposed();
    api::read_lessons(lab, wanted, move |lessons| {
        following.lessons.try_set(lessons);
    });
    follow(lab, following);

    let moment = Signal::derive(move || board.with(|b| b.moment));
    let revealed = Memo::new(move |_| board.with(|b| b.moment == Moment::Revealed));
    let step = Signal::derive(move || {
        let (place, shown) = board.with(|b| (b.lesson.clone(), b.step.clone()));
        if let Some(shown) = shown {
            return Some(*shown);
        }
        let place = place?;
        following.lessons.with(|all| {
            let lesson = all.iter().find(|l| l.name == place.lesson)?;
            Some(shown_step(&lesson.title, lesson.steps.get(place.step as usize)?))
        })
    });
    let waiting = Memo::new(move |_| board.with(|b| b.run.is_none()));
    // Others' answers come after one's own, or when the question is closed.
    let sees_answers = Memo::new(move |_| class.own_answer().is_some() || !class.is_open());
    view! {
        <header class="follow-top">
            <svg class="present-mark" viewBox="0 0 30 20" aria-hidden="true">
                <circle class="words" cx="10.5" cy="10" r="8.5"/>
                <circle class="picture" cx="19.5" cy="10" r="8.5"/>
            </svg>
            <b data-testid="following" data-code=code.clone()>{code.clone()}</b>
            <Around following/>
        </header>
        <Notes/>
        {move || class.over.get().map(|over| view! { <ClassOver over lab/> })}
        <Lost class/>
        <main class="follow" data-testid="follow" data-moment=move || moment.get().name()
            data-exploring=move || following.exploring.get().to_string()>
            <Show when=move || class.state.with(Option::is_some) fallback=|| ()>
                <Show when=move || !waiting.get() || following.exploring.get() fallback=|| view! {
                    <p class="follow-wait" data-testid="waiting">{t("You are in. The question comes in a moment.")}</p>
                }>
                    <Show when=move || following.exploring.get() fallback=move || view! {
                        <Show when=move || revealed.get() fallback=move || view! {
                            <Given run/>
                            <ClassQuestion step/>
                            <Question run moment/>
                            <DoneTo run/>
                            <Answering class board/>
                            <Show when=move || sees_answers.get()><Answers class/></Show>
                            <Progress/>
                        }>
                            <Mine following step/>
                            <Question run moment/>
                            <Lessons step/>
                            <Verdict run/>
                            <Seen/>
                            <Answer/>
                            <CurveCard/>
                            <Answers class/>
                        </Show>
                    }>
                        <Seen/>
                        <Answer/>
                        <NumberCard/>
                        <CurveCard/>
                        <StageCard/>
                        <HeadsCard/>
                        <FlowCard/>
                        <TimeCard/>
                        <Tokens/>
                    </Show>
                </Show>
            </Show>
        </main>
    }
}

/// Lets the page look at what the class is shown, unless it looks around by itself.
fn follow(lab: Lab, following: Following) {
    let run = lab.run;
    let Following { board, exploring, .. } = following;
    Effect::new(move |_| {
        let board = board.get();
        if exploring.get() {
            return;
        }
        if let Some(id) = board.run.clone() {
            run.playing.set(None);
            look(lab, id, &board);
        }
    });
    look_again(lab, following.class, move || match exploring.get_untracked() {
        true => Board::default(),
        false => board.get_untracked(),
    });
    // The presenter calls everybody back.
    Effect::new(move |before: Option<u32>| {
        let called = board.with(|b| b.gather);
        if before.is_some_and(|before| before != called) {
            exploring.set(false);
        }
        called
    });
    Effect::new(move |before: Option<(bool, u32)>| {
        // Said again on each new line.
        let now = (exploring.get(), following.class.opened.get());
        if before != Some(now) && now.1 > 0 && (now.0 || before.is_some()) {
            following.class.say(&ClassRequest::Around { around: now.0 });
        }
        now
    });
    // Whoever takes hold of a layer or a definition looks around by themselves from there on.
    Effect::new(move |_| {
        let view = run.view.get();
        let shown = board.with_untracked(view_of);
        let revealed = board.with_untracked(|b| b.moment == Moment::Revealed);
        let same = board.with_untracked(|b| b.run == run.facts.id.get_untracked());
        if revealed && same && !alike(&view, &shown) {
            exploring.set(true);
        }
    });
}

/// The way out of the class's view and back into it. Before the curve is shown to all there is none:
/// whoever has seen it guesses no more.
#[component]
fn Around(following: Following) -> impl IntoView {
    let Following { class, board, exploring, .. } = following;
    let may = Memo::new(move |_| board.with(|b| b.moment == Moment::Revealed));
    let shown = move || class.over.get().is_none() && (may.get() || exploring.get());
    let run = use_lab().run;
    let elsewhere = move || exploring.get() && board.with(|b| b.run != run.facts.id.get());
    view! {
        {move || shown().then(|| view! {
            <button type="button" class="button" data-testid="around"
                aria-pressed=move || exploring.get().to_string()
                on:click=move |_| exploring.update(|e| *e = !*e)>
                {move || match (exploring.get(), elsewhere()) {
                    (true, true) => t("The class went on: follow it"),
                    (true, false) => t("Back to the class"),
                    (false, _) => t("Look around yourself"),
                }}
            </button>
        })}
    }
}

/// What one answered oneself, and what it was.
#[component]
fn Mine(following: Following, step: Signal<Option<ShownStep>>) -> impl IntoView {
    let Following { class, board, .. } = following;
    let followed = move || step.get()?.follows.map(told::followed);
    view! {
        {move || class.own_answer().map(|answer| {
            let side = match &answer {
                shared::classroom::Answer::Side(guess) => Some(guess.name()),
                _ => None,
            };
            let said = board.with(|b| read_back(&answer, &b.question));
            view! {
                <p class="mine" data-testid="mine" data-side=side>
                    {told::own_answer(&said)}" "<b>{followed}</b>
                </p>
            }
        })}
    }
}
