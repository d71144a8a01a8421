//! `/present/CODE`: the wall, and how it is driven.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::{use_location, use_params_map};
use shared::Observation;
use shared::classroom::Moment;

use super::api;
use super::class::{Class, Over, look_again};
use super::driving::{Driving, WhoIsWhere};
use super::pieces::{
    ClassQuestion, DoneTo, Given, Lessons, Lost, Progress, Question, Verdict, tell,
};
use super::place::Place;
use super::results::Answers;
use super::steps::Presenting;
use super::told;
use super::wall::{Corner, Joining};
use crate::base::at;
use crate::browser;
use crate::cards::answer::Answer;
use crate::cards::curve::Chart;
use crate::cards::number::definition::{DefinitionBar, DefinitionPanel};
use crate::cards::seen::Seen;
use crate::lab::{Lab, use_lab};
use crate::language::{fill, message, t};
use crate::run::link::View;
use crate::ui::header::{ThemeSwitch, present_address};
use crate::ui::notes::Notes;
use crate::ui::transport::keep_playing;

/// The page: the wall, where this browser may present the class.
#[component]
pub fn PresentPage() -> impl IntoView {
    let params = use_params_map();
    let code = move || params.with(|p| p.get("code")).unwrap_or_default();
    view! {
        {move || {
            let code = code();
            match api::presenter(&code) {
                Some(presenter) => view! { <Wall code presenter/> }.into_any(),
                None => view! { <NotHere code/> }.into_any(),
            }
        }}
    }
}

#[component]
fn NotHere(code: String) -> impl IntoView {
    // Of a class that is over nobody else is the presenter.
    let gone = RwSignal::new(false);
    let asked = code.clone();
    spawn_local(async move {
        if api::is_gone(&asked).await {
            gone.try_set(true);
        }
    });
    let code = StoredValue::new(code);
    view! {
        <Show when=move || gone.get() fallback=move || view! { <Another code=code.get_value()/> }>
            <main class="missing" data-testid="no-class">
                <h1>{t("There is no such class any more")}</h1>
                <p>{fill("A class of the code {code} is over, or never was.", &[("code", &code.get_value())])}</p>
                <a class="button strong" href=at("/present")>{t("Open a class of your own")}</a>
                <a class="button" href=at("/")>{t("To the lab")}</a>
            </main>
        </Show>
    }
}

#[component]
fn Another(code: String) -> impl IntoView {
    view! {
        <main class="missing">
            <h1>{t("Another browser presents this class")}</h1>
            <p>{fill("Only the browser that opened class {code} can present it.", &[("code", &code)])}</p>
            <a class="button strong" href=at(&format!("/j/{code}"))>{t("Follow it")}</a>
            <a class="button" href=at("/present")>{t("Open a class of your own")}</a>
        </main>
    }
}

#[component]
fn Wall(code: String, presenter: api::Presenter) -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    keep_playing(run);
    let class = Class::join(lab, &code, None);
    let presenting = Presenting::new(lab, class, presenter.token.clone());
    let origin = browser::absolute("");
    let place = Place::of(&code, &origin, presenter.network.as_deref());
    let joining = RwSignal::new(false);
    begin(presenting, joining);
    // A class that is over is not offered again.
    let over = code.clone();
    Effect::new(move |_| {
        if class.over.with(|over| matches!(over, Some(Over::Ended | Over::Gone(_)))) {
            api::over(&over);
        }
    });

    // The wall's type is larger than the page's: plots take theirs from it.
    let read_theme = move || {
        let (palette, size) = browser::read_theme();
        lab.palette.set(palette);
        lab.type_size.set(size);
    };
    request_animation_frame(read_theme);
    on_cleanup(move || request_animation_frame(read_theme));
    let resized = window_event_listener(leptos::ev::resize, move |_| read_theme());
    on_cleanup(move || resized.remove());
    keys(presenting, joining);

    let moment = Signal::derive(move || presenting.board.with(|b| b.moment));
    let revealed = Memo::new(move |_| moment.get() == Moment::Revealed);
    let step = Signal::derive(move || presenting.step());
    let title = move || match (presenting.lesson.get(), step.get()) {
        (Some(lesson), _) => tell(&lesson.title),
        (None, Some(step)) => tell(&step.title),
        (None, None) => t("Words or picture?").to_owned(),
    };
    let present = Signal::derive(move || class.present());
    let (corner_code, corner_place) = (code.clone(), place.clone());
    let foot_code = StoredValue::new(code.clone());
    let (wall_code, wall_place) = (StoredValue::new(code.clone()), StoredValue::new(place));
    view! {
        <main class="present" data-testid="wall" data-moment=move || moment.get().name()
            class:revealed=move || revealed.get()>
            <header class="present-top">
                <svg class="present-mark" viewBox="0 0 30 20" aria-hidden="true">
                    <circle class="words" cx="10.5" cy="10" r="8.5"/>
                    <circle class="picture" cx="19.5" cy="10" r="8.5"/>
                </svg>
                <h1>{title}</h1>
                <Corner code=corner_code place=corner_place open=joining/>
            </header>
            <Notes/>
            {move || class.state.with(|s| s.as_ref().and_then(|s| s.unkept.clone())).map(|why| view! {
                <p class="unkept" role="status" data-testid="unkept">{message(&why)}</p>
            })}
            {move || class.over.get().map(|over| view! { <ClassOver over lab presents=true/> })}
            <div class="present-main">
                <Show when=move || revealed.get() fallback=move || view! {
                    <Given run/>
                    <div class="present-side">
                        <ClassQuestion step/>
                        <Question run moment/>
                        <DoneTo run/>
                        <Answers class/>
                        <Progress/>
                    </div>
                }>
                    <div class="present-seen"><Seen/><Answer/></div>
                    <div class="present-side">
                        <div class="present-asked">
                            <Question run moment/>
                            {move || step.get()?.follows.map(|side| view! {
                                <b class="present-followed" data-side=side.name()>{told::followed(side)}</b>
                            })}
                        </div>
                        <Verdict run/>
                        <Definition/>
                        <WallCurve/>
                        <div class="present-under"><Answers class/><Lessons step/></div>
                    </div>
                </Show>
            </div>
            <Show when=move || class.over.with(Option::is_none)><Foot presenting code=foot_code.get_value()/></Show>
            <Show when=move || joining.get() && class.over.with(Option::is_none)>
                <Joining code=wall_code.get_value() place=wall_place.get_value() open=joining present/>
            </Show>
            <Lost class/>
        </main>
    }
}

/// Finds out what the class is shown already, or what it is to be shown first.
fn begin(presenting: Presenting, joining: RwSignal<bool>) {
    let query = use_location().search.get_untracked();
    let asked = |name: &str| {
        let query = query.trim_start_matches('?');
        let value = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value.map(str::to_owned)
    };
    let (lesson, run, view) = (asked("lesson"), asked("run"), View::read(&query).0);
    // It is for the beginning alone: after a reload the class stands where it stood.
    browser::replace_query("");
    let lab = presenting.lab;
    let wanted = move || !presenting.lessons.is_disposed();
    api::read_all_lessons(lab, wanted, move |lessons| {
        presenting.lessons.try_set(Some(lessons));
    });
    // Once, when it is known where the class stands, and what there is where a lesson is asked for.
    let begun = StoredValue::new(false);
    Effect::new(move |_| {
        let shown = presenting.class.state.with(|s| s.as_ref().map(|s| s.board.run.is_some()));
        let there = lesson.is_none() || presenting.lessons.with(Option::is_some);
        let Some(shown) = shown.filter(|shown| !begun.get_value() && (*shown || there)) else {
            return;
        };
        begun.set_value(true);
        // Where the class is shown something already, this page shows it too.
        if shown {
            return;
        }
        joining.set(true);
        match (&lesson, &run) {
            (Some(lesson), _) => {
                if !presenting.begin(lesson) {
                    lab.complain("not_found", t("There is no lesson of that name."));
                }
            }
            (None, Some(run)) => presenting.show_run(run.clone(), view),
            (None, None) => {
                lab.complain("run_missing", t("Choose a lesson or a run to present first."));
            }
        }
    });
    look_again(lab, presenting.class, move || presenting.board.get_untracked());
}

/// The wall's keys: arrows for layers, space and a remote's *next* to go on.
fn keys(presenting: Presenting, joining: RwSignal<bool>) {
    let run = presenting.lab.run;
    let revealed = move || presenting.board.with_untracked(|b| b.moment == Moment::Revealed);
    let keys = window_event_listener(leptos::ev::keydown, move |event| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let on_button = browser::on_a_button(&event);
        match event.key().as_str() {
            "Escape" if joining.get_untracked() => joining.set(false),
            "Escape" => run.release(),
            _ if browser::in_a_control(&event) => return,
            "q" | "Q" => joining.update(|open| *open = !*open),
            _ if joining.get_untracked() => return,
            // Layers and words of what the class does not see yet are none of its business.
            "ArrowLeft" | "ArrowRight" | "[" | "]" if !revealed() => return,
            "ArrowLeft" => run.step_layer(-1),
            "ArrowRight" => run.step_layer(1),
            "[" => run.step_token(-1),
            "]" => run.step_token(1),
            // On a button, space is the button's.
            " " if on_button => return,
            " " | "PageDown" => presenting.onward(),
            "PageUp" => presenting.move_by(-1),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || keys.remove());
}

/// The curve, as high as the wall leaves room for.
#[component]
fn WallCurve() -> impl IntoView {
    let run = use_lab().run;
    let (holder, height) = (NodeRef::new(), RwSignal::new(0.0));
    browser::watch_height(holder, height);
    let title = move || match run.view.curve.get() {
        crate::run::link::Curve::Mdi => t("MDI by layer"),
        crate::run::link::Curve::Aei => t("AEI by layer"),
    };
    view! {
        <section class="wall-curve" aria-label=title>
            <h2>{title}</h2>
            <div class="wall-chart" node_ref=holder>
                <Show when=move || { height.get() > 40.0 }>
                    <Chart run height=Signal::derive(move || height.get())/>
                </Show>
            </div>
        </section>
    }
}

#[component]
fn Definition() -> impl IntoView {
    let run = use_lab().run;
    let open = RwSignal::new(false);
    view! {
        <div class="present-definition">
            <DefinitionBar run open/>
            <Show when=move || open.get()><DefinitionPanel run/></Show>
        </div>
    }
}

/// Layers, steps, and the button that goes on.
#[component]
fn Foot(presenting: Presenting, code: String) -> impl IntoView {
    let lab = presenting.lab;
    let run = lab.run;
    let layers = Memo::new(move |_| run.facts.observation.with(Observation::layers));
    let layer = move || match run.derived.layer.get() {
        Some(layer) => {
            let last = layers.get().saturating_sub(1);
            fill("layer {n} of 0–{last}", &[("n", &layer), ("last", &last)])
        }
        None => t("no layer yet").to_owned(),
    };
    let step_layer = move |by: isize| run.step_layer(by);
    // Layers of what the class does not see yet are none of its business.
    let revealed = move || presenting.board.with(|b| b.moment == Moment::Revealed);
    let place = move || presenting.place();
    view! {
        <footer class="present-foot">
            <div class="stepper" role="group" aria-label=t("Layer") hidden=move || !revealed()>
                <button type="button" aria-label=t("Layer before") data-testid="layer-back" on:click=move |_| step_layer(-1)>"‹"</button>
                <span data-testid="layer-shown" data-layer=move || run.derived.layer.get()>{layer}</span>
                <button type="button" aria-label=t("Next layer") data-testid="layer-on" on:click=move |_| step_layer(1)>"›"</button>
            </div>
            {move || place().map(|(step, steps)| view! {
                <div class="stepper" role="group" aria-label=t("Question")>
                    <button type="button" aria-label=t("Question before") data-testid="step-back"
                        disabled=step == 1 on:click=move |_| presenting.move_by(-1)>"‹"</button>
                    <span data-testid="step-shown">{fill("question {n} of {all}", &[("n", &step), ("all", &steps)])}</span>
                    <button type="button" aria-label=t("Next question") data-testid="step-on"
                        disabled=step == steps on:click=move |_| presenting.move_by(1)>"›"</button>
                </div>
            })}
            <WhoIsWhere presenting/>
            <span class="grow"></span>
            <ThemeSwitch lab/>
            <Driving presenting code/>
            {move || presenting.onward_text().map(|text| view! {
                <button type="button" class="button strong onward" data-testid="onward"
                    disabled=move || presenting.asking.get() on:click=move |_| presenting.onward()>
                    {text}
                </button>
            })}
            {move || presenting.asking.get().then(|| view! { <p class="class-progress">{t("Asking the model …")}</p> })}
        </footer>
    }
}

/// Said where a class is over.
#[component]
pub fn ClassOver(
    /// How it ended.
    over: Over,
    /// The page's state.
    lab: Lab,
    /// Whether it was this page's to present.
    #[prop(optional)]
    presents: bool,
) -> impl IntoView {
    let text = match over {
        Over::Ended => t("This class is over.").to_owned(),
        Over::Gone(_) if presents => {
            t("This class is over: the lab was started anew, or nobody was there for too long.")
                .to_owned()
        }
        Over::Gone(message) | Over::Refused(message) => message,
    };
    view! {
        <div class="class-over" role="alert" data-testid="class-over">
            <p>{text}</p>
            {match presents {
                true => view! { <a class="button" href=move || present_address(lab)>{t("Open a class of your own")}</a> }.into_any(),
                false => view! { <a class="button" href=at("/j")>{t("Join another class")}</a> }.into_any(),
            }}
            <a class="button" href=at("/")>{t("To the lab")}</a>
        </div>
    }
}
