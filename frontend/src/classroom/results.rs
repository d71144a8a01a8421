//! What a class's answers come to, as bars: counts, and nobody's name.

use leptos::prelude::*;
use shared::classroom::{Guess, Question, Results};

use super::class::Class;
use super::pieces::side;
use super::told;
use crate::language::{fill, t};
use crate::words;

/// What a row is called, and the side that it is of.
fn named(question: &Question, answer: &str) -> (String, Option<Guess>) {
    let guess = Guess::ALL.into_iter().find(|guess| guess.name() == answer);
    match (question, guess) {
        (Question::Sides, Some(guess)) => (side(guess).to_owned(), Some(guess)),
        _ => (answer.to_owned(), None),
    }
}

/// How many have answered, and the answers where they are shown.
#[component]
pub fn Answers(
    /// The class.
    class: Class,
) -> impl IntoView {
    let results = Memo::new(move |_| {
        class.state.with(|s| {
            let s = s.as_ref()?;
            Some((s.board.question.clone(), s.results.clone()?))
        })
    });
    let present = Memo::new(move |_| class.present());
    let answered = Memo::new(move |_| class.answered());
    let asked =
        Memo::new(move |_| class.state.with(|s| s.as_ref().is_some_and(|s| s.board.run.is_some())));
    view! {
        <div class="tally" data-testid="tally" data-answered=move || answered.get()>
            {move || results.get().map(|(question, results)| bars(&question, &results))}
            <p class="tally-note" data-testid="guessed">
                {move || told::answered(answered.get(), present.get())}
                {move || (asked.get() && results.with(Option::is_none) && answered.get() > 0).then(|| {
                    let later = match class.is_open() {
                        true => t("What they answered is shown when the question closes."),
                        false => t("What they answered is not shown yet."),
                    };
                    view! { " "<span class="tally-later">{later}</span> }
                })}
            </p>
        </div>
    }
}

fn bars(question: &Question, results: &Results) -> impl IntoView + use<> {
    let rows = results.rows.iter().map(|row| {
        let (name, side) = named(question, &row.answer);
        let width = format!("{:.1}%", results.length(row) * 100.0);
        let testid = side.map(|side| format!("tally-{}", side.name()));
        view! {
            <div class="tally-row" data-side=side.map(Guess::name) data-testid="tally-row">
                <span class="tally-side"><bdi>{name}</bdi></span>
                <span class="tally-bar" aria-hidden="true"><i style:width=width></i></span>
                <b data-testid=testid>{row.count}</b>
            </div>
        }
    });
    let rows = rows.collect_view();
    let others =
        (results.others > 0).then(|| fill("{n} gave other answers.", &[("n", &results.others)]));
    let numbers = results.numbers.map(|n| {
        fill(
            "From {least} to {most}; half of them at most {median}.",
            &[
                ("least", &words::number(n.least)),
                ("most", &words::number(n.most)),
                ("median", &words::number(n.median)),
            ],
        )
    });
    let note = others.into_iter().chain(numbers).collect::<Vec<_>>().join(" ");
    view! {
        <div class="tally-rows" data-many=(results.rows.len() > 4).then_some("true")>{rows}</div>
        {(!note.is_empty()).then(|| view! { <p class="tally-note" data-testid="tally-sum">{note}</p> })}
    }
}
