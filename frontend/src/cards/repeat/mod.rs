//! The same question asked several times: how often each answer comes and the words win, and the curve
//! of all answers with its band.

use leptos::prelude::*;
use plots::frame::Frame;
use plots::{curve, run};
use shared::experiment::stats::Proportion;
use shared::{RepeatTable, Sampled};

use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::ui::behind::Behind;
use crate::ui::plot_glass::PlotGlass;
use crate::ui::value::Partial;
use crate::words;

/// The card; nothing of a run that is asked once.
#[component]
pub fn RepeatCard() -> impl IntoView {
    let run = use_lab().run;
    let several = Memo::new(move |_| run.facts.options.with(|o| o.repeat.is_some()));
    view! { <Show when=move || several.get()><Several run/></Show> }
}

#[component]
fn Several(run: Run) -> impl IntoView {
    let lab = use_lab();
    let table = Kept::new(move || {
        let definition = run.view.definition.get();
        let of = |sampled: &Vec<Sampled>| {
            run.facts.options.with(|o| RepeatTable::new(o, sampled, &definition))
        };
        run.facts.sampled.with(of).unwrap_or_default()
    });
    let width = RwSignal::new(720.0_f64);
    let frame = Memo::new(move |_| Frame::new(width.get(), lab.type_size.get()));
    let drawing = Kept::new(move || {
        let (definition, style) = (run.view.definition.get(), lab.style());
        let plot = run.facts.options.with(|options| {
            table.with(|table| run::repeat(table, options, &definition, &style.words))
        });
        curve::svg(&plot, &frame.get(), &style)
    });
    let empty = move || {
        let none = table.with(|t| t.answered == 0);
        none.then(|| t("The curve of all answers grows here, answer by answer.").to_owned())
    };
    let columns = Signal::derive(move || {
        [
            t("layer"),
            t("MDI, geometric mean"),
            t("10th percentile"),
            t("median"),
            t("90th percentile"),
        ]
        .map(str::to_owned)
        .to_vec()
    });
    let rows = Signal::derive(move || {
        table.with(|table| {
            let row = |(layer, s): (usize, &shared::repeat::MdiSpread)| {
                let values = [s.mean, s.low, s.median, s.high].map(number);
                std::iter::once(layer.to_string()).chain(values).collect()
            };
            table.layers.iter().enumerate().map(row).collect()
        })
    });
    view! {
        <section class="card repeat" aria-labelledby="repeat-title" data-testid="repeat">
            <header class="card-head">
                <h2 id="repeat-title">{t("Asked several times")}</h2>
                <p class="card-note" data-testid="repeat-answered">
                    {move || table.with(|table| fill(
                        "{n} of {times} answers",
                        &[("n", &table.answered), ("times", &table.times)],
                    ))}
                    <Partial run/>
                </p>
            </header>
            <p data-testid="repeat-claim">{move || table.with(claim)}</p>
            <div class="scroll" tabindex="0" role="region" aria-label=t("Answers")>
                <table class="numbers" data-testid="repeat-answers">
                    <caption class="sr-only">{t("How often each answer came")}</caption>
                    <thead><tr>
                        <th scope="col">{t("answer")}</th>
                        <th scope="col">{t("how often")}</th>
                        <th scope="col">{t("share")}</th>
                        <th scope="col">{t("95 % interval")}</th>
                        <th scope="col">{t("late MDI, median")}</th>
                        <th scope="col">{t("says the claim")}</th>
                    </tr></thead>
                    <tbody>{move || table.with(|table| table.answers.iter().map(answer).collect_view())}</tbody>
                </table>
            </div>
            <PlotGlass
                class="chart"
                testid="repeat-chart"
                width
                height=Signal::derive(move || frame.get().height)
                drawing
                empty=Signal::derive(empty)
            />
            <p class="card-foot" data-testid="repeat-late">{move || table.with(late)}</p>
            <p class="card-foot">
                {t("The line is the geometric mean of the answers’ MDI; 8 of 10 answers lie in the band. The prompt is the same each time: what differs is where the answer’s words look.")}
            </p>
            <Behind run testid="repeat-layers" caption=t("MDI by layer over all answers") columns rows/>
        </section>
    }
}

/// A row of the table.
fn answer(row: &shared::repeat::AnswerShare) -> impl IntoView + use<> {
    let claimed = match row.claimed {
        Some(true) => t("yes"),
        Some(false) => t("no"),
        None => "–",
    };
    let said = match row.answer.as_str() {
        "" => t("[nothing]").to_owned(),
        text => text.to_owned(),
    };
    let share = row.share.share.map_or_else(|| "–".to_owned(), words::percent);
    view! {
        <tr data-claimed=row.claimed.map(|c| c.to_string()) data-count=row.share.count>
            <th scope="row">{said}</th>
            <td>{row.share.count}</td>
            <td>{share}</td>
            <td>{interval(&row.share)}</td>
            <td>{number(row.late_mdi)}</td>
            <td>{claimed}</td>
        </tr>
    }
}

/// How often the words win.
fn claim(table: &RepeatTable) -> String {
    let (Some(claim), Some(said)) = (&table.claim, &table.claimed) else {
        return t("What the words claim is not known, so nothing says how often they win: name it beside the number of times, or begin the question with “The picture shows …”.").to_owned();
    };
    fill(
        "{count} of {n} answers say what the words claim ({claim}): 95 % interval {interval}. Where the picture shows something else, that is how often the words win.",
        &[("count", &said.count), ("n", &said.n), ("claim", claim), ("interval", &interval(said))],
    )
}

/// How far the late layers' MDI spreads.
fn late(table: &RepeatTable) -> String {
    let late = &table.late;
    if let (0, Some(reason)) = (late.n, table.undefined) {
        return fill(
            "MDI of the late layers is undefined: {reason}",
            &[("reason", &words::reason(reason))],
        );
    }
    fill(
        "Late layers’ MDI: median {median}; 8 of 10 answers from {low} to {high}.",
        &[
            ("median", &number(late.median)),
            ("low", &number(late.low)),
            ("high", &number(late.high)),
        ],
    )
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), words::number)
}

fn interval(p: &Proportion) -> String {
    match (p.low, p.high) {
        (Some(low), Some(high)) => format!("{} – {}", words::percent(low), words::percent(high)),
        _ => "–".to_owned(),
    }
}
