//! Who looks at whom in the layer that is looked at: ribbons between sides, or a matrix of groups.

use leptos::prelude::*;
use shared::{Counted, FlowMatrix, Group, GroupSet, Heads, Seen};

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::link::{FlowStyle, Scale};
use crate::ui::behind::Behind;
use crate::ui::glass::{At, Handler, Reads};
use crate::ui::plot_glass::PlotGlass;
use crate::ui::scale_bar::{Ramp, ScaleBar};
use crate::ui::term::Explained;
use crate::ui::value::Switch;
use crate::words;
use plots::Rgb;
use plots::flow::{End, Flow, Ribbon, Ribbons, svg};
use plots::view_box;

/// The card.
#[component]
pub fn FlowCard() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let matrix = Kept::new(move || {
        let (layer, heads) = (run.derived.layer.get()?, run.derived.lens.get().heads);
        run.derived.masses.with(|masses| {
            let masses = masses.as_ref()?;
            run.facts.observation.with(|o| o.flow_matrix(masses, layer, heads)).ok()
        })
    });
    let even = Kept::new(move || {
        let (layer, heads) = (run.derived.layer.get(), run.derived.lens.get().heads);
        let knockout = run.facts.options.with(|o| o.knockout.clone());
        let seen = Seen { knockout: knockout.as_ref(), layer, heads };
        run.facts.observation.with(|o| o.even_matrix(seen))
    });
    let note = move || {
        let Some(layer) = run.derived.layer.get() else {
            return t("the layer you look at").to_owned();
        };
        let of = match run.derived.lens.get().heads {
            Heads::One(head) => {
                fill("layer {layer} · head {head}", &[("layer", &layer), ("head", &head)])
            }
            _ => fill("layer {n}", &[("n", &layer)]),
        };
        // The matrix always shows whole groups.
        match run.view.flow.get() {
            FlowStyle::Ribbons => format!("{of} · {}", words::counted(run.view.counted.get())),
            FlowStyle::Matrix | FlowStyle::Even => of,
        }
    };
    view! {
        <section class="card flow" aria-labelledby="flow-title">
            <header class="card-head">
                <h2 id="flow-title"><Explained term=Term::Flow word=t("Who looks at whom")/></h2>
                <p class="card-note">{note}</p>
                <Switch
                    label=t("How the flow is shown")
                    choices=vec![
                        (FlowStyle::Ribbons, t("ribbons"), t("Where each side’s attention goes")),
                        (FlowStyle::Matrix, t("matrix"), t("Share of a row group’s attention on each key group")),
                        (FlowStyle::Even, t("× even"), t("The same over what attention without any preference would give")),
                    ]
                    chosen=run.view.flow
                />
            </header>
            <div data-testid="flow" data-layer=move || run.derived.layer.get().map(|l| l.to_string())>
                {move || match run.view.flow.get() {
                    FlowStyle::Ribbons => view! { <RibbonPlot run matrix/> }.into_any(),
                    style => view! { <Matrix run matrix even over_even=style == FlowStyle::Even/> }.into_any(),
                }}
            </div>
        </section>
    }
}

#[component]
fn RibbonPlot(run: Run, matrix: Kept<Option<FlowMatrix>>) -> impl IntoView {
    let lab = use_lab();
    let width = RwSignal::new(420.0_f64);
    let flow = Kept::new(move || {
        let definition = run.view.definition.get();
        matrix.with(|m| {
            let m = m.as_ref()?;
            Some(plots::run::flow(m, &definition, run.view.counted.get(), &lab.style()))
        })
    });
    let height = move || (lab.type_size.get() * 19.0).round();
    let plot = Kept::new(move || {
        flow.with(|f| {
            Ribbons::new(
                f.as_ref().unwrap_or(&Flow::default()),
                width.get(),
                lab.type_size.get(),
                height(),
            )
        })
    });
    let drawing = Kept::new(move || {
        let drawn = |f: &Flow| plot.with(|p| svg(f, p, &lab.style()));
        flow.with(|f| f.as_ref().map(drawn).unwrap_or_default())
    });
    let under = RwSignal::new(None::<Ribbon>);
    let look = move |at: Option<At>| {
        under.set(at.and_then(|at| plot.with_untracked(|p| p.at(at.x, at.y))));
    };
    let glass = Handler::new("", Reads::Nothing, look, move |at| look(Some(at))).named("ribbons");
    // The ribbon as it is now: another layer may have come under the pointer.
    let shown = move || {
        let Ribbon { from, to, .. } = under.get()?;
        let found = |p: &Ribbons| p.all.iter().find(|r| (r.from, r.to) == (from, to)).copied();
        plot.with(found)
    };
    let told = move || {
        let ribbon = shown()?;
        flow.with(|f| {
            let f = f.as_ref()?;
            let (from, to) = (f.from.get(ribbon.from)?.name, f.to.get(ribbon.to)?.name);
            let share = words::percent(f.get(ribbon.from, ribbon.to));
            let named: [(&str, &dyn std::fmt::Display); 3] =
                [("share", &share), ("from", &from), ("to", &to)];
            Some(match run.view.counted.get() {
                Counted::InTotal => fill("{share} of the attention of {from} goes to {to}", &named),
                Counted::PerToken => fill(
                    "Of what {from} give one token of each side, {share} goes to one of {to}",
                    &named,
                ),
            })
        })
    };
    let columns = Signal::derive(move || {
        let head = [t("who looks").to_owned()];
        flow.with(|f| {
            let to = f.as_ref().map(|f| f.to.iter().map(|e| e.name.to_owned()).collect::<Vec<_>>());
            head.into_iter().chain(to.unwrap_or_default()).collect()
        })
    });
    let rows = Signal::derive(move || {
        flow.with(|f| {
            let Some(f) = f else { return Vec::new() };
            let row = |(i, end): (usize, &End)| {
                let shares = (0..f.to.len()).map(|t| words::percent(f.get(i, t)));
                std::iter::once(end.name.to_owned()).chain(shares).collect()
            };
            f.from.iter().enumerate().map(row).collect()
        })
    });
    view! {
        <PlotGlass
            class="heat"
            width
            height=Signal::derive(height)
            drawing
            dimmed=Signal::derive(move || shown().is_some())
            glass
            empty=Signal::derive(move || {
                flow.with(Option::is_none).then(|| t("Appears with the first layer.").to_owned())
            })
        >
            <svg class="marks" viewBox=move || plot.with(|p| view_box(p.width, p.height)) aria-hidden="true">
                {move || shown().map(|r| {
                    let fill = flow.with(|f| f.as_ref().and_then(|f| f.to.get(r.to).map(|e| e.colour.css())));
                    view! { <path class="ribbon" d=plot.with(|p| p.path(&r)) fill=fill/> }
                })}
            </svg>
        </PlotGlass>
        <p class="card-foot one-line" data-testid="flow-told">
            {move || told().unwrap_or_else(|| match run.view.counted.get() {
                Counted::InTotal => t("Left: who looks. Right: at whom. Each side at the left has all its attention to give.").into(),
                Counted::PerToken => t("Left: who looks. Right: at whom, as much as one token of each side gets on average.").into(),
            })}
        </p>
        <Behind run testid="flow-table" caption=t("Where each side’s attention goes") columns rows/>
    }
}

/// Groups that occur, as rows or columns of the matrix.
fn groups_of(matrix: &FlowMatrix, queries: bool) -> Vec<Group> {
    let there = |g: &Group| matrix.rows.get(*g) > 0 && !(queries && *g == Group::Begin);
    Group::ALL.into_iter().filter(there).collect()
}

#[component]
fn Matrix(
    run: Run,
    matrix: Kept<Option<FlowMatrix>>,
    even: Kept<Option<FlowMatrix>>,
    over_even: bool,
) -> impl IntoView {
    let lab = use_lab();
    let one = |g: Group| GroupSet::EMPTY.with(g);
    let share = move |m: &FlowMatrix, q: Group, k: Group| m.share(one(q), one(k));
    let top = move || match run.view.scale.get() {
        Scale::Absolute => 1.0,
        Scale::Relative => matrix.with(|m| {
            let Some(m) = m else { return 1.0 };
            let cells = groups_of(m, true).into_iter();
            let cells = cells.flat_map(|q| groups_of(m, false).into_iter().map(move |k| (q, k)));
            cells.filter_map(|(q, k)| share(m, q, k)).fold(0.0, f64::max)
        }),
    };
    let cell = move |m: &FlowMatrix, q: Group, k: Group| -> (String, Option<Rgb>) {
        let palette = lab.palette.get();
        let Some(value) = share(m, q, k) else { return (String::new(), None) };
        if over_even {
            let none = even.with(|e| e.as_ref().and_then(|e| share(e, q, k))).unwrap_or(0.0);
            if none <= 0.0 {
                return ("–".into(), None);
            }
            let ratio = value / none;
            return (format!("{}×", words::number(ratio)), Some(palette.dominance(ratio)));
        }
        // What stands behind a row of the prompt cannot be seen by it.
        let seen = even.with(|e| e.as_ref().and_then(|e| share(e, q, k))).unwrap_or(1.0) > 0.0;
        if !seen {
            return ("–".into(), None);
        }
        let t = (value / top().max(1e-9)).clamp(0.0, 1.0);
        let (low, high) = palette.scale;
        (words::percent(value), Some(low.mix(high, t)))
    };
    view! {
        <div class="scroll" tabindex="0" role="region" aria-labelledby="flow-title">
            <table class="flow-matrix" data-testid="flow-matrix">
                <caption class="sr-only">
                    {if over_even {
                        t("Share of each row group’s attention on each key group, over what even attention would give")
                    } else {
                        t("Share of each row group’s attention on each key group")
                    }}
                </caption>
                {move || matrix.with(|m| m.as_ref().map(|m| {
                    let keys = groups_of(m, false);
                    view! {
                        <thead><tr>
                            <th scope="col"><span class="sr-only">{t("who looks")}</span></th>
                            {keys.iter().map(|k| view! {
                                <th scope="col" title=words::group_note(*k)>{words::group_short(*k)}</th>
                            }).collect_view()}
                        </tr></thead>
                        <tbody>
                            {groups_of(m, true).into_iter().map(|q| view! {
                                <tr>
                                    <th scope="row" title=fill("{n} rows", &[("n", &m.rows.get(q))])>{words::group_short(q)}</th>
                                    {keys.iter().map(|k| {
                                        let (text, ground) = cell(m, q, *k);
                                        let (ground, ink) = (ground.map(Rgb::css), ground.map(|g| g.type_on().css()));
                                        let title = fill("{from} looking at {to}", &[("from", &words::group(q)), ("to", &words::group(*k))]);
                                        view! { <td style:background=ground style:color=ink title=title>{text}</td> }
                                    }).collect_view()}
                                </tr>
                            }).collect_view()}
                        </tbody>
                    }
                }))}
            </table>
        </div>
        <p class="card-foot">
            {if over_even {
                t("Rows look at columns. 1×: as much as attention without any preference would give; a row sees only what stands before it. Colours are those of MDI.")
            } else {
                t("Rows look at columns: share of their attention. “–” stands behind every such row and cannot be seen.")
            }}
        </p>
        {if over_even {
            view! { <ScaleBar run ramp=Ramp::Dominance ends=Signal::derive(|| ("1/16".into(), "16×".into())) fixed=true/> }.into_any()
        } else {
            view! { <ScaleBar run ramp=Ramp::Attention ends=Signal::derive(move || ("0".into(), words::percent(top())))/> }.into_any()
        }}
    }
}
