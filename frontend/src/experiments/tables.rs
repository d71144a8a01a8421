//! The tables, as the server made them.

use leptos::prelude::*;
use shared::Stage;
use shared::experiment::aggregate::StageChange;
use shared::experiment::paper::PaperRow;
use shared::experiment::stats::{Means, Proportion};
use shared::experiment::tables::{
    AnswerTable, ChangeTable, DefinitionTable, LeverTable, Note, StageCells, TableCell, Tables,
    short,
};

use super::told;

use crate::language::{fill, t};
use crate::words;

/// A number with its spread; everything else about it on demand.
fn cell(cell: &TableCell, means: Means) -> impl IntoView + use<> {
    let more = told::more(cell, means);
    let undefined = cell.estimate.mean.is_none() && !cell.undefined.is_empty();
    let value = cell.estimate.by(means).value;
    let said =
        if undefined { t("undefined").to_owned() } else { told::estimate(&cell.estimate, means) };
    // It is one of arithmetic means, as the paper's are.
    let relative = cell.relative_difference.filter(|_| means == Means::Arithmetic);
    let paper = relative.map(|d| view! { <small>{told::signed_percent(d)}</small> });
    view! { <td title=more class:none=undefined data-mean=cell.estimate.mean.map(|m| m.to_string()) data-value=value.map(|v| v.to_string())>{said}{paper}</td> }
}

/// The words' share of the attention.
fn attention(cell: &TableCell) -> impl IntoView + use<> {
    let e = cell.estimate;
    let interval = e.low.zip(e.high).map(|(low, high)| {
        let ends = [
            ("low", &words::percent(low) as &dyn std::fmt::Display),
            ("high", &words::percent(high)),
        ];
        fill("95 % interval {low} to {high}", &ends)
    });
    view! { <td title=interval data-share=e.mean.map(|m| m.to_string())>{told::attention(&e)}</td> }
}

fn stages(cells: &[StageCells], means: Means) -> impl IntoView + use<> {
    let of = |s: &StageCells| {
        view! { {cell(&s.mdi, means)}{attention(&s.share_text)}{cell(&s.aei_text, means)} }
    };
    cells.iter().map(of).collect_view()
}

/// What token counts alone would give: the shares of a series' first row at this row's counts.
fn unmoved(changes: &[StageChange], means: Means) -> Option<AnyView> {
    let late = changes.last()?;
    let cells = changes.iter().map(|c| {
        let null = c.null_mdi.by(means).value;
        let share = c.share_text.from.map(words::percent);
        view! { <td data-null=null.map(|v| v.to_string())>{null.map(short)}</td><td>{share}</td><td></td> }
    });
    let cells = cells.collect_view();
    let factor = late.counts.ratio.map(|r| format!("× {}", short(r)));
    Some(view! {
        <tr class="below"><th scope="row" title=t("MDI as it would be if words and picture kept the first row’s shares of the attention, and their numbers of tokens alone changed")>
            {t("if shares had stayed")}
        </th>{cells}<td>{factor}</td></tr>
    }.into_any())
}

fn share(p: &Proportion) -> impl IntoView + use<> {
    view! { <td title=told::share_more(p)>{told::share(p)}</td> }
}

/// The names of the stages over their three columns each.
fn stage_heads() -> impl IntoView {
    Stage::ALL
        .map(|stage| {
            let stage = words::stage(stage);
            view! {
                <th scope="col">{stage}" MDI"</th>
                <th scope="col" title=t("Words’ share of the attention on words and picture")>{stage}" P_T"</th>
                <th scope="col">{stage}" AEI"</th>
            }
        })
        .collect_view()
}

fn paper_row(row: &PaperRow, label: String, columns_before_n: usize) -> impl IntoView + use<> {
    let cells = row.cells.iter().map(|c| {
        view! { <td>{told::value(&c.mdi)}</td><td></td><td>{told::value(&c.aei_text)}</td> }
    });
    let rest = (0..columns_before_n).map(|_| view! { <td></td> }).collect_view();
    view! { <tr class="paper"><th scope="row">{label}</th>{cells.collect_view()}{rest}</tr> }
}

/// A table's card.
fn card(
    id: &'static str,
    (name, about): (String, String),
    body: AnyView,
    foot: Option<AnyView>,
) -> AnyView {
    view! {
        <section class="card table" aria-labelledby=id>
            <header class="card-head">
                <h2 id=id>{name}</h2>
                <p class="card-note">{about}</p>
            </header>
            <div class="scroll" tabindex="0" role="region" aria-labelledby=id>{body}</div>
            {foot}
        </section>
    }
    .into_any()
}

/// A numbered table's name and what it shows; one without a number, or of an earlier version of the
/// lab, goes by its title alone.
fn heading(of: &Tables, number: &'static str, title: &str, about: &str) -> (String, String) {
    match about {
        "" => (told::of(of, title), String::new()),
        about => (number.to_owned(), told::of(of, about)),
    }
}

/// The footnotes to the doubtful values of these rows.
fn doubts(notes: &[Note], rows: &[PaperRow]) -> Vec<Note> {
    let values = || rows.iter().flat_map(|r| &r.cells).flat_map(|c| [&c.mdi, &c.aei_text]);
    let stands =
        |n: &&Note| n.doubt.is_some_and(|doubt| values().any(|v| v.doubts.contains(&doubt)));
    notes.iter().filter(stands).cloned().collect()
}

fn footnotes(of: &Tables, notes: impl IntoIterator<Item = Note>) -> Option<AnyView> {
    let mut notes = notes.into_iter().peekable();
    notes.peek()?;
    let items = notes.map(|n| {
        let mark = (!n.mark.is_empty()).then(|| format!("{} ", n.mark));
        view! { <li>{mark}{told::of(of, &n.text)}</li> }
    });
    Some(view! { <ul class="footnotes">{items.collect_view()}</ul> }.into_any())
}

pub(super) fn stage_table(
    tables: &Tables,
    heading: (String, String),
    foot: Option<AnyView>,
    means: Means,
) -> AnyView {
    let table = &tables.stages;
    let rows = table.rows.iter().map(|r| {
        view! {
            <tr>
                <th scope="row">{told::of(tables, &r.label)}</th>{stages(&r.stages, means)}
                <td>{told::tokens(r.text_tokens)}</td><td>{told::tokens(r.image_tokens)}</td><td>{r.n}</td>
            </tr>
        }
    });
    let paper = table.paper.iter().map(|row| {
        paper_row(
            row,
            fill("paper · {model} · {data}", &[("model", &row.model), ("data", &row.data)]),
            3,
        )
    });
    let body = view! {
        <table class="stages" data-testid="table-1">
            <thead><tr><th scope="col"><span class="sr-only">{t("condition")}</span></th>{stage_heads()}
                <th scope="col" title=t("Mean number of tokens that count as text")>{t("text tokens")}</th>
                <th scope="col" title=t("Mean number of picture tokens")>{t("picture tokens")}</th><th scope="col">"n"</th></tr></thead>
            <tbody>{rows.collect_view()}{paper.collect_view()}</tbody>
        </table>
    };
    card("table-1-title", heading, body.into_any(), foot)
}

fn lever_table(tables: &Tables, table: &LeverTable, id: &'static str, means: Means) -> AnyView {
    let judged = table.series.iter().flat_map(|s| &s.rows).any(|r| r.verdicts.is_some());
    let bodies = table.series.iter().map(|s| {
        let rows = s.rows.iter().map(|r| {
            let change = r.late_change.map(|c| (told::ratio(&c), told::change_more(&c, 1.0)));
            let (ratio, more) = change.unwrap_or_default();
            let right = judged.then(|| {
                let right = r.verdicts.map(|v| v.right).unwrap_or_default();
                let moved =
                    r.right_change.map(|c| (told::points(&c), told::change_more(&c, 100.0)));
                let (points, why) = moved.unwrap_or_default();
                view! { {share(&right)}<td title=why>{points}</td> }
            });
            let tokens = told::tokens(r.image_tokens);
            view! {
                <tr>
                    <th scope="row">{told::of(tables, &r.label)}</th>{stages(&r.stages, means)}
                    <td title=more>{ratio}</td>{right}<td>{tokens}</td><td>{r.n}</td>
                </tr>
                {unmoved(&r.changes, means)}
            }
        });
        let columns = if judged { 15 } else { 13 };
        view! {
            <tbody>
                <tr class="group"><th scope="rowgroup" colspan=columns>{told::of(tables, &s.label)}</th></tr>
                {rows.collect_view()}
            </tbody>
        }
    });
    let paper = table.paper.iter().map(|row| {
        let label = match table.lever {
            shared::experiment::tables::Lever::Prune => {
                shared::experiment::tables::percent(row.prune)
            }
            shared::experiment::tables::Lever::Replicate => {
                format!("{} ×{}", row.model, row.replicate)
            }
        };
        paper_row(row, label, if judged { 5 } else { 3 })
    });
    let paper = (!table.paper.is_empty()).then(|| {
        let name = match table.lever {
            shared::experiment::tables::Lever::Prune => t("paper · LLaVA-1.5-7B, FasterVLM"),
            shared::experiment::tables::Lever::Replicate => t("paper · other modalities"),
        };
        view! {
            <tbody>
                <tr class="group paper"><th scope="rowgroup" colspan=if judged { 15 } else { 13 }>{name}</th></tr>
                {paper.collect_view()}
            </tbody>
        }
    });
    let head = judged.then(|| view! {
        <th scope="col">{t("right")}</th><th scope="col" title=t("Points of the share of right answers")>{t("points")}</th>
    });
    let body = view! {
        <table class="stages">
            <thead><tr>
                <th scope="col"><span class="sr-only">{t("condition")}</span></th>{stage_heads()}
                <th scope="col" title=t("By what factor the late MDI moves from the first row, on the same samples")>{t("late MDI ×")}</th>
                {head}<th scope="col" title=t("Mean number of picture tokens")>{t("picture tokens")}</th><th scope="col">"n"</th>
            </tr></thead>
            {bodies.collect_view()}{paper}
        </table>
    };
    let heading = heading(tables, t("Table 2"), &table.title, &table.about);
    card(id, heading, body.into_any(), footnotes(tables, doubts(&tables.notes, &table.paper)))
}

fn answer_table(tables: &Tables, table: &AnswerTable, means: Means) -> AnyView {
    let rows = table.rows.iter().map(|r| {
        let change = r.change.map(|c| (told::points(&c), told::change_more(&c, 100.0)));
        let (points, why) = change.unwrap_or_default();
        let v = r.verdicts;
        view! {
            <tr>
                <th scope="row">{told::of(tables, &r.label)}</th>
                {share(&v.right)}<td title=why>{points}</td>{share(&v.claimed)}{share(&v.wrong)}{share(&v.unreadable)}
                {cell(&r.late_mdi, means)}{attention(&r.late_share_text)}<td>{v.right.n}</td>
            </tr>
        }
    });
    let kinds = table.rows.first().filter(|r| !r.kinds.is_empty()).map(|r| {
        let rows = r.kinds.iter().map(|k| view! {
            <tr><th scope="row">{k.kind.clone()}</th>{share(&k.verdicts.right)}{share(&k.verdicts.claimed)}<td>{k.verdicts.right.n}</td></tr>
        });
        view! {
            <details class="more">
                <summary>{fill("By kind of question: {condition}", &[("condition", &told::of(tables, &r.label))])}</summary>
                <div class="scroll" tabindex="0"><table class="stages">
                    <thead><tr><th scope="col">{t("kind")}</th><th scope="col">{t("right")}</th><th scope="col">{t("as claimed")}</th><th scope="col">"n"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table></div>
            </details>
        }.into_any()
    });
    let body = view! {
        <table class="stages">
            <thead><tr>
                <th scope="col"><span class="sr-only">{t("condition")}</span></th>
                <th scope="col">{t("right")}</th><th scope="col" title=t("Points, to all picture tokens once, on the same samples")>{t("points")}</th>
                <th scope="col">{t("as claimed")}</th><th scope="col">{t("wrong")}</th><th scope="col">{t("unreadable")}</th>
                <th scope="col">{t("late MDI")}</th>
                <th scope="col" title=t("Words’ share of the attention on words and picture")>{t("late P_T")}</th><th scope="col">"n"</th>
            </tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    };
    let heading = heading(tables, t("Table 3"), &table.title, &table.about);
    card("table-3-title", heading, body.into_any(), kinds)
}

fn definition_table(tables: &Tables, table: &DefinitionTable, means: Means) -> AnyView {
    let rows = table.rows.iter().map(|r| {
        let change = r.change.map(|c| (told::ratio(&c), told::change_more(&c, 1.0)));
        let (ratio, more) = change.unwrap_or_default();
        let tokens = told::tokens(r.text_tokens);
        view! {
            <tr><th scope="row">{told::of(tables, &r.title)}</th>{stages(&r.stages, means)}<td title=more>{ratio}</td><td>{tokens}</td></tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <details class="choices" open>
            <summary><b>{told::of(tables, &table.label)}</b>" "<span>{told::of(tables, &table.finding)}</span></summary>
            <div class="scroll" tabindex="0"><table class="stages">
                <thead><tr>
                    <th scope="col">{t("definition")}</th>{stage_heads()}
                    <th scope="col" title=t("By what factor the late MDI moves from the first row, on the samples that have both")>{t("late MDI ×")}</th>
                    <th scope="col" title=t("Mean number of tokens that count as text")>{t("text tokens")}</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        </details>
    }
    .into_any()
}

/// Every condition beside its baseline, pair by pair.
fn change_table(tables: &Tables, table: &ChangeTable) -> AnyView {
    let rows = table.rows.iter().map(|r| {
        let factors = r.stages.iter().map(|s| view! { <td>{told::paired(&s.mdi)}</td> }).collect_view();
        let late = r.stages.last().copied();
        let rest = late.map(|s| {
            let counts = s.counts.ratio.map(|r| format!("× {}", short(r)));
            view! {
                <td>{counts}</td><td>{told::paired(&s.beyond)}</td><td>{told::moved(&s.share_text)}</td>
            }
        });
        let right = r.right.map(|c| (told::points(&c), told::change_more(&c, 100.0)));
        let (points, why) = right.unwrap_or_default();
        view! {
            <tr>
                <th scope="row">{told::of(tables, &r.label)}</th><td>{told::of(tables, &r.from_label)}</td>
                {factors}{rest}<td title=why>{points}</td><td>{late.map(|s| s.mdi.n)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    let stages = Stage::ALL.map(|s| view! { <th scope="col">{words::stage(s)}" MDI"</th> });
    let stages = stages.collect_view();
    let body = view! {
        <table class="stages" data-testid="table-changes">
            <thead><tr>
                <th scope="col">{t("condition")}</th><th scope="col">{t("beside")}</th>{stages}
                <th scope="col" title=t("By what factor the late MDI would move if words and picture kept their shares of the attention, and their numbers of tokens alone changed")>{t("counts alone")}</th>
                <th scope="col" title=t("What is left of the late MDI’s factor beyond that")>{t("beyond counts")}</th>
                <th scope="col" title=t("Points of the words’ share of the attention in the late layers")>{t("late P_T, points")}</th>
                <th scope="col" title=t("Points of the share of right answers")>{t("right, points")}</th>
                <th scope="col">{t("pairs")}</th>
            </tr></thead>
            <tbody>{rows}</tbody>
        </table>
    };
    card(
        "table-changes-title",
        (told::of(tables, &table.title), String::new()),
        body.into_any(),
        None,
    )
}

/// Table 1, with its own footnotes and those to the whole.
pub(super) fn first(tables: &Tables, means: Means) -> AnyView {
    let whole = tables.notes.iter().filter(|n| n.doubt.is_none()).cloned();
    let notes = doubts(&tables.notes, &tables.stages.paper).into_iter().chain(whole);
    let heading = heading(tables, t("Table 1"), &tables.stages.title, &tables.stages.about);
    stage_table(tables, heading, footnotes(tables, notes), means)
}

/// Every other table.
pub(super) fn others(tables: &Tables, means: Means) -> AnyView {
    let definitions = (!tables.definitions.is_empty()).then(|| {
        view! {
            <section class="card table" aria-labelledby="definitions-title">
                <header class="card-head">
                    <h2 id="definitions-title">{t("Which choice moves the number")}</h2>
                    <p class="card-note">{t("the same samples under every definition")}</p>
                </header>
                {tables.definitions.iter().map(|d| definition_table(tables, d, means)).collect_view()}
            </section>
        }
    });
    view! {
        {tables.prune.as_ref().map(|p| lever_table(tables, p, "table-2-title", means))}
        {tables.replicate.as_ref().map(|r| lever_table(tables, r, "table-replicate-title", means))}
        {tables.changes.as_ref().map(|c| change_table(tables, c))}
        {tables.answers.as_ref().map(|a| answer_table(tables, a, means))}
        {definitions}
    }
    .into_any()
}
