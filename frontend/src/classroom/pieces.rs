//! What the wall and the phones show alike: picture, question, answer, tally, verdict.

use leptos::prelude::*;
use shared::Group;
use shared::classroom::{Guess, Moment, ShownStep};
use shared::lesson::Told;

use super::class::Class;
use super::told::{self, Piece};
use crate::lab::use_lab;
use crate::language::{InForce, Language, fill, t};
use crate::media::lens;
use crate::run::Run;
use crate::run::phase::Phase;
use crate::ui::value::Partial;
use crate::words;
use plots::Role;

/// A side's name.
pub fn side(guess: Guess) -> &'static str {
    match guess {
        Guess::Words => t("words"),
        Guess::Picture => t("picture"),
    }
}

/// A lesson's text in the language in force.
pub fn tell(text: &Told) -> String {
    text.in_language(Language::now().tag()).to_owned()
}

/// Says that the line is lost, while it is.
#[component]
pub fn Lost(
    /// The class.
    class: Class,
) -> impl IntoView {
    let lost = Memo::new(move |_| class.lost.get() && class.over.with(Option::is_none));
    view! {
        <p class="lost" role="status" class:shown=move || lost.get()>
            {move || lost.get().then(|| t("Connection lost; trying again …"))}
        </p>
    }
}

/// The prompt's media as they were given, without anything over them.
#[component]
pub fn Given(
    /// The run.
    run: Run,
) -> impl IntoView {
    // Before the layout says what there is, the first picture; a prompt without one shows none.
    let kinds = Memo::new(move |_| {
        let seen = run.facts.observation.with(|o| o.layout.is_some());
        if seen { crate::run::kinds::kinds(run) } else { vec![Group::Image] }
    });
    let all = move || {
        let kinds = kinds.get().into_iter().zip(0_u8..);
        kinds.map(|(kind, medium)| (lens(kind).given)(run, medium)).collect_view()
    };
    view! { <div class="class-picture">{all}</div> }
}

/// What was asked, and what the model says once that is shown.
#[component]
pub fn Question(
    /// The run.
    run: Run,
    /// How much is shown.
    #[prop(into)]
    moment: Signal<Moment>,
) -> impl IntoView {
    let prompt = move || run.facts.options.with(|o| o.prompt.clone());
    let answer = move || run.facts.observation.with(|o| o.answer().trim().to_owned());
    let shown = move || moment.get() > Moment::Asked;
    let ended = move || run.facts.phase.with(|p| !p.is_live() && *p != Phase::Opening);
    let asked = move || {
        // Held back with the answer: marking a word would give it away.
        let answer = if shown() { answer() } else { String::new() };
        marked(told::echoes(&prompt(), &answer))
    };
    let says = move || match (shown(), answer()) {
        (false, _) => view! { <b class="says-later" data-testid="says">"?"</b> }.into_any(),
        (true, answer) if answer.is_empty() && ended() => {
            view! { <b class="says-later" data-testid="says">{t("nothing")}</b> }.into_any()
        }
        (true, answer) if answer.is_empty() => {
            view! { <b class="says-later" data-testid="says">"…"</b> }.into_any()
        }
        (true, answer) => {
            let pieces = told::echoes(&answer, &prompt());
            view! { <b data-testid="says">{marked(pieces)}</b> }.into_any()
        }
    };
    view! {
        <p class="class-prompt" data-testid="class-prompt">"“"{asked}"”"</p>
        <p class="class-says">{t("It says:")}" "{says}</p>
    }
}

/// Text with the words marked that both sides share.
fn marked(pieces: Vec<Piece>) -> impl IntoView {
    pieces
        .into_iter()
        .map(|piece| match piece.shared {
            true => view! { <mark>{piece.text}</mark> }.into_any(),
            false => piece.text.into_any(),
        })
        .collect_view()
}

/// What the late layers say, in one sentence; the number comes from the run as everywhere.
#[component]
pub fn Verdict(
    /// The run.
    run: Run,
) -> impl IntoView {
    let late = Memo::new(move |_| run.derived.stages.get()[2].mdi);
    view! {
        <p class="verdict" data-testid="verdict" data-value=move || late.get().ok().map(|m| m.to_string())>
            {move || match late.get() {
                Ok(mdi) => {
                    let (side, verdict) = words::verdict(mdi);
                    let number = words::number(mdi);
                    view! {
                        {fill("Late layers: one text token gets {n} times the attention of one picture token.", &[("n", &number)])}
                        " "
                        <b class:words=side == Some(Role::Words) class:picture=side == Some(Role::Picture)>
                            {verdict}
                        </b>
                        <Partial run/>
                    }.into_any()
                }
                Err(shared::Undefined::NotObserved) => t("The model is still at work.").into_any(),
                Err(reason) => fill("There is no value: {reason}.", &[("reason", &words::reason(reason))]).into_any(),
            }}
        </p>
    }
}

/// What a lesson's step shows, and what it does not.
#[component]
pub fn Lessons(
    /// The step, where the class is in a lesson.
    #[prop(into)]
    step: Signal<Option<ShownStep>>,
) -> impl IntoView {
    view! {
        {move || step.get().map(|step| view! {
            <div class="lesson-notes" data-testid="lesson-notes">
                {step.shows.map(|text| view! { <p><b>{t("What it shows")}" "</b>{tell(&text)}</p> })}
                {step.shows_not.map(|text| view! { <p><b>{t("What it does not show")}" "</b>{tell(&text)}</p> })}
            </div>
        })}
    }
}

/// The question to the class.
#[component]
pub fn ClassQuestion(
    /// The step, where the class is in a lesson.
    #[prop(into)]
    step: Signal<Option<ShownStep>>,
) -> impl IntoView {
    let text = move || match step.get() {
        Some(step) if !step.ask.en.is_empty() => tell(&step.ask),
        _ => t("Where did the answer come from: the words, or the picture?").to_owned(),
    };
    view! { <p class="class-question" data-testid="class-question">{text}</p> }
}

/// What was done to the picture or to the attention, which the class must know before it guesses.
#[component]
pub fn DoneTo(
    /// The run.
    run: Run,
) -> impl IntoView {
    let done = move || {
        let model = run.facts.model.get()?;
        let done = run.facts.options.with(|o| words::interventions(o, &model));
        (!done.is_empty()).then(|| done.join(" "))
    };
    view! { {move || done().map(|done| view! { <p class="done-to">{done}</p> })} }
}

/// Whether the run is on its way, for screens that wait for it.
#[component]
pub fn Progress() -> impl IntoView {
    let run = use_lab().run;
    let told = move || {
        let quiet = |p: &Phase| matches!(p, Phase::Done(_) | Phase::Empty);
        run.facts.phase.with(|p| (!quiet(p)).then(|| p.sentence()))
    };
    view! {
        <p class="class-progress" data-testid="class-phase" data-phase=move || run.facts.phase.with(Phase::name)>
            {told}
        </p>
    }
}
