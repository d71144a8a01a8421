//! The tables, as the server made them.

use leptos::prelude::*;
use shared::experiment::paper::PaperRow;
use shared::experiment::stats::Proportion;
use shared::experiment::tables::{
    AnswerTable, DefinitionTable, LeverTable, Note, StageCells, StageTable, TableCell, Tables,
};

use super::told;

/// A number with its spread; everything else about it on demand.
fn cell(cell: &TableCell) -> impl IntoView + use<> {
    let more = told::more(cell);
    let undefined = cell.estimate.mean.is_none() && !cell.undefined.is_empty();
    let said = if undefined { "undefined".to_owned() } else { told::estimate(&cell.estimate) };
    let paper =
        cell.relative_difference.map(|d| view! { <small>{told::signed_percent(d)}</small> });
    view! { <td title=more class:none=undefined data-mean=cell.estimate.mean.map(|m| m.to_string())>{said}{paper}</td> }
}

fn stages(cells: &[StageCells]) -> impl IntoView + use<> {
    cells.iter().map(|s| view! { {cell(&s.mdi)}{cell(&s.aei_text)} }).collect_view()
}

fn share(p: &Proportion) -> impl IntoView + use<> {
    view! { <td title=told::share_more(p)>{told::share(p)}</td> }
}

/// The names of the stages over their two columns each.
fn stage_heads() -> impl IntoView {
    ["early", "middle", "late"]
        .map(|stage| {
            view! {
                <th scope="col">{stage}" MDI"</th><th scope="col">{stage}" AEI"</th>
            }
        })
        .collect_view()
}

fn paper_row(row: &PaperRow, label: String, columns_before_n: usize) -> impl IntoView + use<> {
    let cells = row.cells.iter().map(|c| {
        view! { <td>{told::value(&c.mdi)}</td><td>{told::value(&c.aei_text)}</td> }
    });
    let rest = (0..columns_before_n).map(|_| view! { <td></td> }).collect_view();
    view! { <tr class="paper"><th scope="row">{label}</th>{cells.collect_view()}{rest}</tr> }
}

/// A table's card.
fn card(id: &'static str, title: String, body: AnyView, foot: Option<AnyView>) -> AnyView {
    // "Table 1. MDI and AEI by stage: what on what".
    let (name, rest) = match title.split_once(". ") {
        Some((name, rest)) if name.starts_with("Table") => (name, rest),
        _ => title.split_once(": ").unwrap_or((&title, "")),
    };
    let (name, rest) = (name.to_owned(), rest.to_owned());
    view! {
        <section class="card table" aria-labelledby=id>
            <header class="card-head">
                <h2 id=id>{name}</h2>
                <p class="card-note">{rest}</p>
            </header>
            <div class="scroll" tabindex="0" role="region" aria-labelledby=id>{body}</div>
            {foot}
        </section>
    }
    .into_any()
}

/// The footnotes to the doubtful values of these rows.
fn doubts(notes: &[Note], rows: &[PaperRow]) -> Vec<Note> {
    let values = || rows.iter().flat_map(|r| &r.cells).flat_map(|c| [&c.mdi, &c.aei_text]);
    let stands =
        |n: &&Note| n.doubt.is_some_and(|doubt| values().any(|v| v.doubts.contains(&doubt)));
    notes.iter().filter(stands).cloned().collect()
}

fn footnotes(notes: impl IntoIterator<Item = Note>) -> Option<AnyView> {
    let mut notes = notes.into_iter().peekable();
    notes.peek()?;
    let items = notes.map(|n| {
        let mark = (!n.mark.is_empty()).then(|| format!("{} ", n.mark));
        view! { <li>{mark}{n.text}</li> }
    });
    Some(view! { <ul class="footnotes">{items.collect_view()}</ul> }.into_any())
}

pub(super) fn stage_table(t: &StageTable, title: String, foot: Option<AnyView>) -> AnyView {
    let rows = t.rows.iter().map(|r| {
        view! {
            <tr>
                <th scope="row">{r.label.clone()}</th>{stages(&r.stages)}
                <td>{told::tokens(r.text_tokens)}</td><td>{told::tokens(r.image_tokens)}</td><td>{r.n}</td>
            </tr>
        }
    });
    let paper = t
        .paper
        .iter()
        .map(|row| paper_row(row, format!("paper · {} · {}", row.model, row.data), 3));
    let body = view! {
        <table class="stages" data-testid="table-1">
            <thead><tr><th scope="col"><span class="sr-only">"condition"</span></th>{stage_heads()}
                <th scope="col" title="Mean number of tokens that count as text">"text tokens"</th>
                <th scope="col" title="Mean number of picture tokens">"picture tokens"</th><th scope="col">"n"</th></tr></thead>
            <tbody>{rows.collect_view()}{paper.collect_view()}</tbody>
        </table>
    };
    card("table-1-title", title, body.into_any(), foot)
}

fn lever_table(t: &LeverTable, id: &'static str, notes: &[Note]) -> AnyView {
    let judged = t.series.iter().flat_map(|s| &s.rows).any(|r| r.verdicts.is_some());
    let bodies = t.series.iter().map(|s| {
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
                    <th scope="row">{r.label.clone()}</th>{stages(&r.stages)}
                    <td title=more>{ratio}</td>{right}<td>{tokens}</td><td>{r.n}</td>
                </tr>
            }
        });
        let columns = if judged { 12 } else { 10 };
        view! {
            <tbody>
                <tr class="group"><th scope="rowgroup" colspan=columns>{s.label.clone()}</th></tr>
                {rows.collect_view()}
            </tbody>
        }
    });
    let paper = t.paper.iter().map(|row| {
        let label = match t.lever {
            shared::experiment::tables::Lever::Prune => {
                shared::experiment::tables::percent(row.prune)
            }
            shared::experiment::tables::Lever::Replicate => {
                format!("{} ×{}", row.model, row.replicate)
            }
        };
        paper_row(row, label, if judged { 5 } else { 3 })
    });
    let paper = (!t.paper.is_empty()).then(|| {
        let name = match t.lever {
            shared::experiment::tables::Lever::Prune => "paper · LLaVA-1.5-7B, FasterVLM",
            shared::experiment::tables::Lever::Replicate => "paper · other modalities",
        };
        view! {
            <tbody>
                <tr class="group paper"><th scope="rowgroup" colspan=if judged { 12 } else { 10 }>{name}</th></tr>
                {paper.collect_view()}
            </tbody>
        }
    });
    let head = judged.then(|| view! {
        <th scope="col">"right"</th><th scope="col" title="Points of the share of right answers">"moved by"</th>
    });
    let body = view! {
        <table class="stages">
            <thead><tr>
                <th scope="col"><span class="sr-only">"condition"</span></th>{stage_heads()}
                <th scope="col" title="Late MDI over that of the first row, on the same samples">"late MDI"</th>
                {head}<th scope="col" title="Mean number of picture tokens">"picture tokens"</th><th scope="col">"n"</th>
            </tr></thead>
            {bodies.collect_view()}{paper}
        </table>
    };
    card(id, t.title.clone(), body.into_any(), footnotes(doubts(notes, &t.paper)))
}

fn answer_table(t: &AnswerTable) -> AnyView {
    let rows = t.rows.iter().map(|r| {
        let change = r.change.map(|c| (told::points(&c), told::change_more(&c, 100.0)));
        let (points, why) = change.unwrap_or_default();
        let v = r.verdicts;
        view! {
            <tr>
                <th scope="row">{r.label.clone()}</th>
                {share(&v.right)}<td title=why>{points}</td>{share(&v.claimed)}{share(&v.wrong)}{share(&v.unreadable)}
                {cell(&r.late_mdi)}<td>{v.right.n}</td>
            </tr>
        }
    });
    let kinds = t.rows.first().filter(|r| !r.kinds.is_empty()).map(|r| {
        let rows = r.kinds.iter().map(|k| view! {
            <tr><th scope="row">{k.kind.clone()}</th>{share(&k.verdicts.right)}{share(&k.verdicts.claimed)}<td>{k.verdicts.right.n}</td></tr>
        });
        view! {
            <details class="more">
                <summary>"By kind of question: "{r.label.clone()}</summary>
                <div class="scroll" tabindex="0"><table class="stages">
                    <thead><tr><th scope="col">"kind"</th><th scope="col">"right"</th><th scope="col">"as claimed"</th><th scope="col">"n"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table></div>
            </details>
        }.into_any()
    });
    let body = view! {
        <table class="stages">
            <thead><tr>
                <th scope="col"><span class="sr-only">"condition"</span></th>
                <th scope="col">"right"</th><th scope="col" title="Points, to all picture tokens once, on the same samples">"moved by"</th>
                <th scope="col">"as claimed"</th><th scope="col">"wrong"</th><th scope="col">"unreadable"</th>
                <th scope="col">"late MDI"</th><th scope="col">"n"</th>
            </tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    };
    card("table-3-title", t.title.clone(), body.into_any(), kinds)
}

fn definition_table(t: &DefinitionTable) -> AnyView {
    let rows = t.rows.iter().map(|r| {
        let change = r.change.map(|c| (told::ratio(&c), told::change_more(&c, 1.0)));
        let (ratio, more) = change.unwrap_or_default();
        let tokens = told::tokens(r.text_tokens);
        view! {
            <tr><th scope="row">{r.title.clone()}</th>{stages(&r.stages)}<td title=more>{ratio}</td><td>{tokens}</td></tr>
        }
    });
    let rows = rows.collect_view();
    view! {
        <details class="choices" open>
            <summary><b>{t.label.clone()}</b>" "<span>{t.finding.clone()}</span></summary>
            <div class="scroll" tabindex="0"><table class="stages">
                <thead><tr>
                    <th scope="col">"definition"</th>{stage_heads()}
                    <th scope="col" title="Late MDI over that of the first row, on the samples that have both">"late MDI"</th>
                    <th scope="col" title="Mean number of tokens that count as text">"text tokens"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        </details>
    }
    .into_any()
}

/// Table 1, with its own footnotes and those to the whole.
pub(super) fn first(t: &Tables) -> AnyView {
    let whole = t.notes.iter().filter(|n| n.doubt.is_none()).cloned();
    let notes = doubts(&t.notes, &t.stages.paper).into_iter().chain(whole);
    stage_table(&t.stages, t.stages.title.clone(), footnotes(notes))
}

/// Every other table.
pub(super) fn others(t: &Tables) -> AnyView {
    let definitions = (!t.definitions.is_empty()).then(|| {
        view! {
            <section class="card table" aria-labelledby="definitions-title">
                <header class="card-head">
                    <h2 id="definitions-title">"Which choice moves the number"</h2>
                    <p class="card-note">"the same samples under every definition"</p>
                </header>
                {t.definitions.iter().map(definition_table).collect_view()}
            </section>
        }
    });
    view! {
        {t.prune.as_ref().map(|p| lever_table(p, "table-2-title", &t.notes))}
        {t.replicate.as_ref().map(|r| lever_table(r, "table-replicate-title", &t.notes))}
        {t.answers.as_ref().map(answer_table)}
        {definitions}
    }
    .into_any()
}
