//! The whole sequence by group: what counts as text under the definition, what does not, and the
//! picture as one block.

use leptos::prelude::*;
use shared::{Group, GroupSet, Queries};

use crate::components::term::Explained;
use crate::glossary::Term;
use crate::kept::Kept;
use crate::language::{fill, t};
use crate::link::Pick;
use crate::state::use_lab;
use crate::words;

/// Tokens shown before a long prompt is folded.
const FOLD: usize = 240;

/// A piece of the sequence.
#[derive(Clone, PartialEq)]
enum Piece {
    Token { index: u32, id: u32, text: String, group: Group },
    Picture { tokens: usize, shape: Option<(u16, u16)> },
}

/// The card.
#[component]
pub fn Tokens() -> impl IntoView {
    let run = use_lab().run;
    let pieces = Memo::new(move |_| run.observation.with(|o| o.layout.as_ref().map(pieces_of)));
    let all = RwSignal::new(false);
    let text = Kept::new(move || run.definition.get().text);
    let count = Memo::new(move |_| run.observation.with(|o| o.tokens.len()));
    let shown = move || {
        let pieces = pieces.get().unwrap_or_default();
        let limit = if all.get() { usize::MAX } else { FOLD };
        pieces.into_iter().take(limit).map(move |p| view_of(p, text)).collect_view()
    };
    let hidden = move || pieces.with(|p| p.as_ref().map_or(0, |p| p.len().saturating_sub(FOLD)));
    // Generated tokens count only where they are keys of a summed row.
    let answer_counts = move || {
        let d = run.definition.get();
        d.text.contains(Group::Generated)
            && matches!(d.queries, Queries::Predicting | Queries::GeneratedPositions)
    };
    view! {
        <section class="card" aria-labelledby="tokens-title">
            <header class="card-head">
                <h2 id="tokens-title"><Explained term=Term::Token word=t("Tokens")/></h2>
                <p class="card-note"><Legend text/></p>
            </header>
            <div class="chips sequence" data-testid="sequence">
                {shown}
                {move || (hidden() > 0 && !all.get()).then(|| view! {
                    <button type="button" class="chip more-tokens" on:click=move |_| all.set(true)>
                        {fill("… {n} more", &[("n", &hidden())])}
                    </button>
                })}
                {move || (0..count.get()).map(|i| {
                    let text = run.observation.with_untracked(|o| {
                        o.tokens.get(i).map(|t| words::token(&t.text)).unwrap_or_default()
                    });
                    view! {
                        <button
                            type="button"
                            class="chip generated"
                            class:counts=answer_counts
                            class:chosen=move || run.token.get() == Some(i)
                            title=fill("answer token {i}", &[("i", &i)])
                            on:click=move |_| run.pick.set(Pick::Token(i))
                        >{text}</button>
                    }
                }).collect_view()}
                {move || pieces.with(Option::is_none).then(|| view! {
                    <p class="quiet">{t("The prompt as the model receives it appears here.")}</p>
                })}
            </div>
        </section>
    }
}

fn pieces_of(layout: &shared::Layout) -> Vec<Piece> {
    let shape = layout.picture.map(|p| (p.rows, p.cols));
    let mut pieces = Vec::new();
    for (group, start, end) in layout.segments() {
        if group == Group::Image {
            pieces.push(Piece::Picture { tokens: end - start, shape });
        } else {
            pieces.extend(layout.tokens[start..end].iter().map(|t| Piece::Token {
                index: t.index,
                id: t.id,
                text: words::token(&t.text),
                group,
            }));
        }
    }
    pieces
}

fn view_of(piece: Piece, text: Kept<GroupSet>) -> AnyView {
    match piece {
        Piece::Token { index, id, text: shown, group } => view! {
            <span
                class="chip token"
                class:counts=move || text.get().contains(group)
                data-group=group.name()
                title=fill(
                    "position {index} · id {id} · {group}",
                    &[("index", &index), ("id", &id), ("group", &words::group(group))],
                )
            >{shown}</span>
        }
        .into_any(),
        Piece::Picture { tokens, shape } => {
            let grid = match shape {
                Some((rows, cols)) if usize::from(rows) * usize::from(cols) == tokens => {
                    format!("{rows} × {cols}")
                }
                _ => words::tokens(tokens),
            };
            view! {
                <span class="chip token image" data-group="image" title=words::picture_tokens(tokens)>
                    <svg viewBox="0 0 12 12" aria-hidden="true"><path d="M0 0h5v5H0ZM7 0h5v5H7ZM0 7h5v5H0ZM7 7h5v5H7Z"/></svg>
                    {t("picture")}" "{grid}
                </span>
            }
            .into_any()
        }
    }
}

/// What the colours say, with counts.
#[component]
fn Legend(text: Kept<GroupSet>) -> impl IntoView {
    let run = use_lab().run;
    let counts = move || run.observation.with(|o| o.layout.as_ref().map(|l| l.counts()));
    view! {
        {move || counts().map(|c| Group::ALL.into_iter().filter(|g| c.get(*g) > 0).map(|g| {
            let class = move || match g {
                Group::Image => "dot image",
                g if text.get().contains(g) => "dot counts",
                _ => "dot",
            };
            let term = match g {
                Group::Begin => Some(Term::Sink),
                Group::Template => Some(Term::Template),
                Group::Marker => Some(Term::Marker),
                _ => None,
            };
            let name = match term {
                Some(term) => view! { <Explained term word=words::group(g)/> }.into_any(),
                None => words::group(g).into_any(),
            };
            view! {
                <span class="legend" title=term.is_none().then(|| words::group_note(g))>
                    <i class=class></i>{name}" "<b>{c.get(g)}</b>
                </span>
            }
        }).collect_view())}
    }
}
