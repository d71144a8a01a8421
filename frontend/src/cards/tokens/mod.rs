//! The whole sequence by index and group, lit by where the chosen token of the answer looked; each
//! medium as one block that opens; how sure the model was, and what it nearly said.

use leptos::prelude::*;
use shared::{Counted, Group, GroupSet, Layout, Queries, Target};

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::link::Pick;
use crate::sequence::{self, Piece};
use crate::ui::behind::Behind;
use crate::ui::scale_bar::{Ramp, ScaleBar, scale_end};
use crate::ui::term::Explained;
use crate::words;
use plots::Palette;

/// Pieces shown before a long prompt is folded.
const FOLD: usize = 240;

/// How the chips are lit: by the row of the chosen token, in the colour of their side, up to the attention
/// at which the words of the question and the patches of the picture are lit fully, too.
#[derive(Clone, Copy)]
struct Colouring {
    row: Kept<Option<Vec<f32>>>,
    end: Kept<f32>,
    counted: RwSignal<Counted>,
    text: Kept<GroupSet>,
    palette: Signal<Palette>,
}

impl Colouring {
    /// Ground and type of a chip of this group with so much attention; nothing where no token looks, or
    /// it could not.
    fn style(self, group: Group, share: Option<f32>) -> Option<String> {
        let (share, end) = (share?, self.end.get());
        let light = if end > 0.0 { f64::from(share / end).clamp(0.0, 1.0) } else { 0.0 };
        let palette = self.palette.get();
        let full = match group {
            group if group.is_medium() => palette.picture,
            group if self.text.get().contains(group) => palette.words,
            _ => palette.muted,
        };
        let ground = palette.surface.mix(full, light);
        Some(format!("background:{};color:{}", ground.css(), ground.type_on().css()))
    }

    fn share(self, position: usize) -> Option<f32> {
        self.row.with(|row| row.as_ref()?.get(position).copied())
    }

    /// What a block of positions has of the attention: together, or each on average.
    fn block(self, start: usize, end: usize) -> Option<f32> {
        let sum: f32 = self.row.with(|row| Some(row.as_ref()?.get(start..end)?.iter().sum()))?;
        Some(match self.counted.get() {
            Counted::InTotal => sum,
            Counted::PerToken => sum / (end - start).max(1) as f32,
        })
    }
}

/// The card.
#[component]
pub fn Tokens() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let pieces =
        Kept::new(move || run.facts.observation.with(|o| o.layout.as_ref().map(sequence::pieces)));
    let all = RwSignal::new(false);
    let text = Kept::new(move || run.view.definition.get().text);
    let count = Kept::new(move || run.facts.observation.with(|o| o.tokens.len()));
    let row = run.derived.row;
    let end = run.derived.lit_end;
    let palette = Signal::derive(move || lab.palette.get());
    let colours = Colouring { row, end, counted: run.view.counted, text, palette };
    let about = RwSignal::new(None::<usize>);
    let shown = move || {
        let pieces = pieces.get().unwrap_or_default();
        let limit = if all.get() { usize::MAX } else { FOLD };
        let view = move |piece| match piece {
            Piece::Token { index, group } => {
                view! { <Word run index group colours about/> }.into_any()
            }
            Piece::Medium { group, start, end } => {
                view! { <Block run group start end colours about/> }.into_any()
            }
        };
        pieces.into_iter().take(limit).map(view).collect_view()
    };
    let hidden = move || pieces.with(|p| p.as_ref().map_or(0, |p| p.len().saturating_sub(FOLD)));
    let ends = Signal::derive(move || {
        let end = words::percent(end.get().into());
        match run.view.counted.get() {
            Counted::PerToken => ("0".to_owned(), scale_end(run.view.scale.get(), &end)),
            Counted::InTotal => ("0".to_owned(), end),
        }
    });
    let columns = Signal::derive(|| {
        [
            t("position"),
            t("token"),
            t("id"),
            t("group"),
            t("patch"),
            t("share of the chosen token’s attention"),
        ]
        .map(str::to_owned)
        .to_vec()
    });
    let rows = Signal::derive(move || {
        run.facts.observation.with(|o| row.with(|r| sequence::sequence_rows(o, r.as_deref())))
    });
    let answer_columns = Signal::derive(move || {
        sequence::answer_columns(run.facts.observation.with(sequence::most_alternatives))
    });
    let answer_rows = Signal::derive(move || run.facts.observation.with(sequence::answer_rows));
    view! {
        <section class="card tokens" aria-labelledby="tokens-title">
            <header class="card-head">
                <h2 id="tokens-title"><Explained term=Term::Token word=t("Tokens")/></h2>
                <p class="card-note"><Legend text/></p>
            </header>
            <div
                class="chips sequence"
                class:looking=move || row.with(Option::is_some)
                data-testid="sequence"
                on:pointerleave=move |_| about.set(None)
            >
                {shown}
                {move || (hidden() > 0 && !all.get()).then(|| view! {
                    <button type="button" class="chip more-tokens" on:click=move |_| all.set(true)>
                        {fill("… {n} more", &[("n", &hidden())])}
                    </button>
                })}
                {move || (0..count.get()).map(|i| view! { <Said run i colours about/> }).collect_view()}
                {move || pieces.with(Option::is_none).then(|| view! {
                    <p class="quiet">{t("The prompt as the model receives it appears here.")}</p>
                })}
            </div>
            <p class="card-foot two-lines" data-testid="token-told">{move || told(run, about.get(), colours)}</p>
            <Show when=move || row.with(Option::is_some)>
                <p class="keys" data-testid="tokens-colour">{move || colour_note(run)}</p>
                <ScaleBar run ramp=Ramp::Sides ends/>
            </Show>
            <Show when=move || { count.get() > 0 }>
                <Behind run testid="answer-table" label=t("Table of the answer: probabilities and alternatives") caption=t("The answer: how sure the model was of each token, and what it nearly said") columns=answer_columns rows=answer_rows/>
            </Show>
            <Behind run testid="sequence-table" label=t("Table of all tokens") caption=t("Every token of the sequence, with its share of the chosen token’s attention") columns rows/>
        </section>
    }
}

/// What the grounds of the chips say.
fn colour_note(run: Run) -> String {
    let word =
        run.derived.token.get().and_then(|i| {
            run.facts.observation.with(|o| o.shown(i).map(|t| words::token(&t.text)))
        });
    fill(
        "Ground: share of “{word}”’s attention in layer {layer}, {heads}. Orange counts as text, blue \
         is a medium, grey is neither.",
        &[
            ("word", &word.unwrap_or_default()),
            ("layer", &run.derived.layer.get().unwrap_or_default()),
            ("heads", &run.derived.maps.shown.get().name()),
        ],
    )
}

/// All there is to say of one position: the one under the pointer, else the chosen one.
fn told(run: Run, about: Option<usize>, colours: Colouring) -> String {
    run.facts.observation.with(|o| {
        let Some(prompt) = o.layout.as_ref().map(Layout::len) else { return String::new() };
        let aimed = match run.view.target.get() {
            Some(Target::Position(at)) => Some(at as usize),
            _ => None,
        };
        let chosen = run.derived.token.get().map(|token| prompt + token);
        let Some(at) = about.or(aimed).or(chosen) else { return String::new() };
        let (Some(text), Some(group)) = (sequence::text_at(o, at), o.group_at(at)) else {
            return String::new();
        };
        let mut parts = vec![fill(
            "Position {at}: “{text}”, {group}",
            &[("at", &at), ("text", &sequence::exact(&text)), ("group", &words::group(group))],
        )];
        match at.checked_sub(prompt).and_then(|i| Some((i, o.tokens.get(i)?))) {
            Some((i, token)) => {
                parts.push(fill("token {i} of the answer", &[("i", &i)]));
                parts.push(format!("id {}", token.id));
                parts.push(sequence::chance(token.logprob));
                parts.push(sequence::nearly(token));
            }
            None => parts.extend(o.layout.as_ref().map(|l| format!("id {}", l.tokens[at].id))),
        }
        if let Some(share) = colours.share(at) {
            let share = words::percent(share.into());
            parts.push(fill("{share} of the chosen token’s attention", &[("share", &share)]));
        }
        parts.retain(|part| !part.is_empty());
        parts.join(" · ")
    })
}

/// A token of the prompt; chosen, it shows who looked at it.
#[component]
fn Word(
    run: Run,
    index: usize,
    group: Group,
    colours: Colouring,
    about: RwSignal<Option<usize>>,
) -> impl IntoView {
    let target = Target::Position(index as u32);
    let shown = run.facts.observation.with_untracked(|o| {
        sequence::text_at(o, index).map(|t| words::token(&t)).unwrap_or_default()
    });
    let aimed = move || run.view.target.get() == Some(target);
    view! {
        <button
            type="button"
            class="chip token"
            class:counts=move || colours.text.get().contains(group)
            class:aimed=aimed
            data-group=group.name()
            data-testid="prompt-token"
            data-index=index
            aria-pressed=move || aimed().to_string()
            style=move || colours.style(group, colours.share(index))
            on:pointerenter=move |_| about.set(Some(index))
            on:focus=move |_| about.set(Some(index))
            on:blur=move |_| about.set(None)
            on:click=move |_| run.view.aim(target)
        >{shown}<small>{index}</small></button>
    }
}

/// A token of the answer.
#[component]
fn Said(run: Run, i: usize, colours: Colouring, about: RwSignal<Option<usize>>) -> impl IntoView {
    let (shown, index) = run.facts.observation.with_untracked(|o| {
        let prompt = o.layout.as_ref().map_or(0, Layout::len);
        let shown = o.shown(i).map(|t| words::token(&t.text)).unwrap_or_default();
        (shown, prompt + i)
    });
    // Generated tokens count only where they are keys of a summed row.
    let counts = move || {
        let d = run.view.definition.get();
        colours.text.get().contains(Group::Generated)
            && matches!(d.queries, Queries::Predicting | Queries::GeneratedPositions)
    };
    let chosen = move || run.derived.token.get() == Some(i);
    view! {
        <button
            type="button"
            class="chip generated"
            class:counts=counts
            class:chosen=chosen
            data-testid="said-token"
            data-index=index
            aria-pressed=move || chosen().to_string()
            style=move || colours.style(Group::Generated, colours.share(index))
            on:pointerenter=move |_| about.set(Some(index))
            on:focus=move |_| about.set(Some(index))
            on:blur=move |_| about.set(None)
            on:click=move |_| run.view.token.set(Pick::Token(i))
        >{shown}<small>{index}</small></button>
    }
}

/// Neighbouring tokens of a medium: one block, which opens into its tokens.
#[component]
fn Block(
    run: Run,
    group: Group,
    start: usize,
    end: usize,
    colours: Colouring,
    about: RwSignal<Option<usize>>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let tokens = end - start;
    let name = run.facts.observation.with_untracked(|o| {
        let picture = o.layout.as_ref().and_then(|l| l.picture());
        match picture.map(|p| (p.rows, p.cols)) {
            Some((rows, cols)) if usize::from(rows) * usize::from(cols) == tokens => {
                fill("picture {rows} × {cols}", &[("rows", &rows), ("cols", &cols)])
            }
            _ => fill("{group}, {n} tokens", &[("group", &words::group(group)), ("n", &tokens)]),
        }
    });
    let share = Kept::new(move || colours.block(start, end));
    let told = move || {
        let share = words::percent(share.get()?.into());
        Some(match run.view.counted.get() {
            Counted::InTotal => share,
            Counted::PerToken => fill("{share} per token", &[("share", &share)]),
        })
    };
    view! {
        <button
            type="button"
            class="chip token image"
            data-group=group.name()
            data-testid="picture-block"
            style=move || colours.style(group, share.get())
            aria-expanded=move || open.get().to_string()
            title=t("Open the block into its tokens")
            on:click=move |_| open.update(|o| *o = !*o)
        >
            <svg viewBox="0 0 12 12" aria-hidden="true"><path d="M0 0h5v5H0ZM7 0h5v5H7ZM0 7h5v5H0ZM7 7h5v5H7Z"/></svg>
            {name}
            {move || told().map(|told| view! { <b>{told}</b> })}
            <small>{format!("{start}–{}", end - 1)}</small>
        </button>
        <Show when=move || open.get()>
            <span class="opened" data-testid="picture-tokens">
                {(start..end).map(|index| view! { <Patch run index group colours about/> }).collect_view()}
            </span>
        </Show>
    }
}

/// One token of a medium.
#[component]
fn Patch(
    run: Run,
    index: usize,
    group: Group,
    colours: Colouring,
    about: RwSignal<Option<usize>>,
) -> impl IntoView {
    let (target, name) = run.facts.observation.with_untracked(|o| {
        let token = o.layout.as_ref().and_then(|l| Some((l, l.tokens.get(index)?)));
        let spot = token.and_then(|(layout, token)| layout.spot(token));
        let medium = token.and_then(|(_, token)| token.medium).unwrap_or(0);
        let cell = token.and_then(|(_, token)| token.cell());
        match (spot, cell) {
            (Some((row, col)), _) => (
                Target::Patch { medium, row, col },
                Some(fill("patch in row {row}, column {col}", &[("row", &row), ("col", &col)])),
            ),
            // The map behind tiles is none of theirs.
            (None, Some(c)) => (
                Target::Position(index as u32),
                Some(fill(
                    "whole picture behind the tiles, row {row}, column {col}",
                    &[("row", &c.row), ("col", &c.col)],
                )),
            ),
            (None, None) => {
                let ends = token.is_some_and(|(_, token)| token.group == Group::Image);
                let name = ends.then(|| words::line_end().to_owned());
                (Target::Position(index as u32), name)
            }
        }
    });
    let aimed = move || run.view.target.get() == Some(target);
    view! {
        <button
            type="button"
            class="patch-token"
            class:aimed=aimed
            title=name
            aria-pressed=move || aimed().to_string()
            style=move || colours.style(group, colours.share(index))
            on:pointerenter=move |_| about.set(Some(index))
            on:focus=move |_| about.set(Some(index))
            on:blur=move |_| about.set(None)
            on:click=move |_| run.view.aim(target)
        >{index}</button>
    }
}

/// What the lines say, with counts.
#[component]
fn Legend(text: Kept<GroupSet>) -> impl IntoView {
    let run = use_lab().run;
    let counts = move || run.facts.observation.with(|o| o.layout.as_ref().map(|l| l.counts()));
    view! {
        {move || counts().map(|c| Group::ALL.into_iter().filter(|g| c.get(*g) > 0).map(|g| {
            let class = move || match g {
                g if g.is_medium() => "dot image",
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
