//! How a phone answers: two buttons, choices, words of one's own, or a number; and a name, if one likes.

use leptos::prelude::*;
use shared::classroom::{
    Answer, Board, ClassRequest, Guess, LONGEST_ANSWER, LONGEST_NAME, Question,
};

use super::class::Class;
use super::pieces::side;
use super::{api, told};
use crate::language::{fill, t};

/// An answer as the one who gave it reads it.
pub fn read_back(answer: &Answer, question: &Question) -> String {
    match answer {
        Answer::Side(guess) => side(*guess).to_owned(),
        answer => answer.told(question),
    }
}

/// What the question wants, while it is open; what one answered, when it is not.
#[component]
pub fn Answering(
    /// The class.
    class: Class,
    /// What the class is shown.
    board: Memo<Board>,
) -> impl IntoView {
    let question = Memo::new(move |_| board.with(|b| b.question.clone()));
    let round = Memo::new(move |_| board.with(|b| b.round));
    let open = Memo::new(move |_| class.is_open());
    let off = Signal::derive(move || class.lost.get() || !open.get());
    let give = move |answer: Answer| class.answer(round.get_untracked(), answer);
    let note = move || match (open.get(), class.own_answer().is_some()) {
        (false, _) => t("The question is closed."),
        (true, true) => t("You can change your mind until the question closes."),
        (true, false) => t("What do you think?"),
    };
    view! {
        {move || {
            // Another round begins with empty fields.
            round.track();
            match question.get() {
                Question::Sides => view! { <Sides class off give=Callback::new(give)/> }.into_any(),
                Question::Choice { choices } => view! { <Choices class off choices give=Callback::new(give)/> }.into_any(),
                Question::Text => view! { <Field class off number=false give=Callback::new(give)/> }.into_any(),
                Question::Number => view! { <Field class off number=true give=Callback::new(give)/> }.into_any(),
            }
        }}
        <p class="guess-note" role="status" data-testid="guess-note" data-open=move || open.get().to_string()>{note}</p>
        <Name class/>
    }
}

#[component]
fn Sides(class: Class, off: Signal<bool>, give: Callback<Answer>) -> impl IntoView {
    let button = move |of: Guess| {
        let chosen = move || class.own_answer() == Some(Answer::Side(of));
        view! {
            <button type="button" class="guess" data-side=of.name()
                data-testid=format!("guess-{}", of.name())
                aria-pressed=move || chosen().to_string()
                disabled=move || off.get()
                on:click=move |_| give.run(Answer::Side(of))>
                {side(of)}
            </button>
        }
    };
    view! { <div class="guesses" role="group" aria-label=t("Your guess")>{Guess::ALL.map(button)}</div> }
}

#[component]
fn Choices(
    class: Class,
    off: Signal<bool>,
    choices: Vec<String>,
    give: Callback<Answer>,
) -> impl IntoView {
    let button = move |(n, text): (u8, String)| {
        let chosen = move || class.own_answer() == Some(Answer::Choice(n));
        view! {
            <button type="button" class="guess plain" data-testid="choice" data-choice=n
                aria-pressed=move || chosen().to_string()
                disabled=move || off.get()
                on:click=move |_| give.run(Answer::Choice(n))>
                <bdi>{text}</bdi>
            </button>
        }
    };
    let buttons = (0_u8..).zip(choices).map(button).collect_view();
    view! { <div class="guesses many" role="group" aria-label=t("Your answer")>{buttons}</div> }
}

#[component]
fn Field(class: Class, off: Signal<bool>, number: bool, give: Callback<Answer>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let wrong = RwSignal::new(false);
    let send = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let text = typed.get_untracked();
        let answer = match number {
            // A comma is a point in many countries.
            true => text.trim().replace(',', ".").parse().ok().map(Answer::Number),
            false => Some(Answer::Text(text)),
        };
        let question = if number { Question::Number } else { Question::Text };
        match answer.and_then(|answer| question.takes(answer)) {
            Some(answer) => give.run(answer),
            None => wrong.set(true),
        }
    };
    let said = move || {
        let question = if number { Question::Number } else { Question::Text };
        class.own_answer().map(|answer| told::own_answer(&answer.told(&question)))
    };
    view! {
        <form class="answer-field" on:submit=send>
            <input type="text" data-testid="answer-field" aria-label=t("Your answer")
                inputmode=if number { "decimal" } else { "text" }
                placeholder=if number { t("a number") } else { t("in a few words") }
                maxlength=LONGEST_ANSWER.to_string() autocomplete="off"
                disabled=move || off.get()
                prop:value=move || typed.get()
                on:input=move |event| {
                    typed.set(event_target_value(&event));
                    wrong.set(false);
                }/>
            <button type="submit" class="button strong" data-testid="send-answer" disabled=move || off.get()>{t("Send")}</button>
        </form>
        <p class="join-wrong" role="alert">{move || wrong.get().then(|| match number {
            true => t("That is no number.").to_owned(),
            false => fill("Write something, at most {most} characters.", &[("most", &LONGEST_ANSWER)]),
        })}</p>
        {move || said().map(|said| view! { <p class="mine plain" data-testid="own-answer"><bdi>{said}</bdi></p> })}
    }
}

/// A name for the presenter's record, which nobody has to type.
#[component]
fn Name(class: Class) -> impl IntoView {
    let name = RwSignal::new(api::name());
    let kept = RwSignal::new(false);
    // Whoever typed one in this browser goes by it, also after the line was lost.
    Effect::new(move |_| {
        class.opened.track();
        let name = name.get_untracked();
        if !name.is_empty() {
            class.say(&ClassRequest::Name { name });
        }
    });
    let keep = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let typed = name.get_untracked();
        api::keep_name(&typed);
        kept.set(class.say(&ClassRequest::Name { name: typed }));
    };
    view! {
        <details class="own-name">
            <summary data-testid="own-name">{move || match name.with(String::is_empty) {
                true => t("Answer with a name").to_owned(),
                false => fill("Answering as {name}", &[("name", &name.get())]),
            }}</summary>
            <form on:submit=keep>
                <input type="text" data-testid="name-field" aria-label=t("Your name") maxlength=LONGEST_NAME.to_string()
                    autocomplete="off" prop:value=move || name.get()
                    on:input=move |event| {
                        name.set(event_target_value(&event));
                        kept.set(false);
                    }/>
                <button type="submit" class="button" data-testid="keep-name">{t("Keep")}</button>
            </form>
            <p class="guess-note" role="status">{move || match kept.get() {
                true => t("It stands beside your answers in your teacher’s record, and nowhere else."),
                false => t("Nobody has to: without one you are a number in your teacher’s record. Empty takes it away."),
            }}</p>
        </details>
    }
}
