//! MDI by layer: the chart that is also the layer picker.

mod finding;

use leptos::prelude::*;
use shared::experiment::paper::{self, PaperRow};
use shared::{ModelInfo, Observation, Seen, Undefined};

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::link::Curve;
use crate::run::phase::Phase;
use crate::ui::behind::Behind;
use crate::ui::glass::{At, Handler, Key, Reads};
use crate::ui::plot_glass::PlotGlass;
use crate::ui::term::Explained;
use crate::ui::value::{Switch, plain};
use crate::ui::zoom::Zoom;
use crate::words;
use finding::Finding;
use plots::curve::{self, Plot, side};
use plots::frame::Frame;
use plots::marks::Marked;
use plots::run::paper_row;

/// The card.
#[component]
pub fn CurveCard() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let title = move || match run.view.curve.get() {
        Curve::Mdi => t("MDI by layer"),
        Curve::Aei => t("AEI by layer"),
    };
    view! {
        <section class="card curve" data-tour="curve" aria-labelledby="curve-title">
            <header class="card-head">
                <h2 id="curve-title">{move || {
                    let term = match run.view.curve.get() {
                        Curve::Mdi => Term::Mdi,
                        Curve::Aei => Term::Aei,
                    };
                    view! { <Explained term word=title()/> }
                }}</h2>
                <p class="card-note">
                    {move || match run.view.layer.get() {
                        Some(l) => fill("log scale · layer {l} pinned, Esc releases", &[("l", &l)]),
                        None => t("log scale · click a layer").into(),
                    }}
                </p>
                <Switch
                    label=t("Measure")
                    choices=vec![
                        (Curve::Mdi, "MDI", t("Attention on one text token over that on one picture token")),
                        (Curve::Aei, "AEI", t("Share of attention over share of tokens, for words and picture")),
                    ]
                    chosen=run.view.curve
                />
                <Beside run/>
                <Zoom run/>
            </header>
            <Chart run zooms=true/>
            <Finding/>
            <p class="card-foot" data-testid="compared">{move || compared(run)}</p>
            <LayerTable run/>
        </section>
    }
}

/// What stands beside the curve, in a sentence.
fn compared(run: Run) -> String {
    let mut parts = Vec::new();
    let beside = run.view.compared.get();
    if beside.paper
        && let Some(row) = paper_row_of(run)
    {
        let own = run
            .facts
            .model
            .with(|m| m.as_ref().is_some_and(|m| paper::of_model(&m.name).is_some()));
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("model", &row.model), ("data", &row.data)];
        parts.push(match own {
            true => fill(
                "Dotted: the paper’s {model} on {data}; hollow where a value is in doubt.",
                &values,
            ),
            false => fill(
                "Dotted: the paper’s {model} on {data}, another model: compare shapes, not sizes; \
                 hollow where a value is in doubt.",
                &values,
            ),
        });
    }
    let knockout = run.facts.options.with(|o| o.knockout.clone());
    if beside.even && run.view.curve.get() == Curve::Mdi && knockout.is_none() {
        let definition = run.view.definition.get();
        let even = run.facts.observation.with(|o| o.even_attention(&definition, Seen::ALL).ok());
        let even = even.and_then(|a| Some((a.mdi().ok()?, a.halved().mdi().ok()?)));
        parts.extend(even.map(|(all, half)| {
            fill(
                "Thin: {all} if all tokens drew alike, {half} if words and picture drew half each.",
                &[("all", &words::number(all)), ("half", &words::number(half))],
            )
        }));
    }
    if let Some(knockout) = knockout {
        parts.push(fill(
            "Attention is knocked out ({what}): where rows cannot see some keys, 1 is not balance. The \
             thin line is what all tokens that can be seen would give if they drew alike.",
            &[("what", &knockout)],
        ));
    }
    parts.join(" ")
}

/// What is laid over the chart.
#[component]
fn Beside(run: Run) -> impl IntoView {
    let toggle =
        move |text: &'static str, note: &'static str, testid: &'static str, paper: bool| {
            let on = move || {
                let c = run.view.compared.get();
                if paper { c.paper } else { c.even }
            };
            let flip = move |_| {
                run.view.compared.update(|c| match paper {
                    true => c.paper = !c.paper,
                    false => c.even = !c.even,
                });
            };
            view! {
                <button type="button" title=note data-testid=testid
                    aria-pressed=move || on().to_string() on:click=flip>{text}</button>
            }
        };
    view! {
        <div class="switch" role="group" aria-label=t("Laid over the curve")>
            {toggle(t("paper"), t("The paper’s values for the same model or family"), "beside-paper", true)}
            {toggle(t("even"), t("What attention without any preference would give"), "beside-even", false)}
        </div>
    }
}

/// The paper's row for a run.
fn paper_row_of(run: Run) -> Option<PaperRow> {
    run.facts.model.with(|m| run.facts.options.with(|o| paper_row(m.as_ref()?, o)))
}

/// What the chart shows of a run.
pub(crate) fn plot_of(run: Run) -> Plot {
    let (definition, shown) =
        (run.view.definition.get(), (run.view.curve.get(), run.view.compared.get()));
    run.facts.plotted(|plotted| {
        run.derived
            .measures
            .with(|m| plots::run::curve(plotted, m, &definition, shown, &words::plot_words()))
    })
}

/// What is marked on it: the pinned layer, and where words draw most and least, which the sentence
/// under the curve names.
fn marked(run: Run) -> Marked {
    let (measured, pinned) = (run.view.curve.get(), run.view.layer.get());
    run.facts.model.with(|model| {
        let unknown = ModelInfo::default();
        let model = model.as_ref().unwrap_or(&unknown);
        run.derived.measures.with(|all| plots::run::marked(model, all, measured, pinned))
    })
}

/// The drawing, with the reactive marks over it.
#[component]
pub(crate) fn Chart(
    /// The run.
    run: Run,
    /// The height there is, where the page sets one.
    #[prop(optional)]
    height: Option<Signal<f64>>,
    /// Whether some layers can be shown alone: only where there is a way back.
    #[prop(optional)]
    zooms: bool,
) -> impl IntoView {
    let lab = use_lab();
    let width = RwSignal::new(720.0_f64);
    let frame = Kept::new(move || {
        let frame = Frame::new(width.get(), lab.type_size.get());
        let frame = height.map_or(frame, |height| frame.high(height.get()));
        frame.windowed(run.shown_layers())
    });
    let plot = Kept::new(move || plot_of(run).within(run.shown_layers()));
    let drawing = Kept::new(move || plot.with(|p| curve::svg(p, &frame.get(), &lab.style())));
    let layers = move || plot.with(|p| p.layers);

    let find =
        move |at: At| frame.get_untracked().layer_at(at.x, at.y, plot.with_untracked(|p| p.layers));
    let pin = move |layer: Option<usize>| {
        let now = run.view.layer.get_untracked();
        run.view.layer.set(if now == layer { None } else { layer });
    };
    let keys = move |key: Key| {
        let last = run.facts.observation.with_untracked(Observation::layers).saturating_sub(1);
        match key {
            Key::Left | Key::Down => run.step_layer(-1),
            Key::Right | Key::Up => run.step_layer(1),
            Key::Home => run.look_at(0),
            Key::End => run.look_at(last),
            Key::Choose => pin(run.derived.layer.get_untracked()),
            Key::Nearer | Key::Farther if !zooms => return false,
            Key::Nearer => run.zoom_in(),
            Key::Farther => run.zoom_out(),
        }
        true
    };
    let brush = move |from: At, to: At| {
        let at = |at: At| frame.get_untracked().nearest(at.x, plot.with_untracked(|p| p.layers));
        at(from).zip(at(to)).is_some_and(|(a, b)| run.zoom_to(a, b))
    };
    // An empty chart says why: nothing has been seen yet, or there is nothing to show.
    let why_empty = move || {
        let some = plot.with(|p| p.series.iter().any(|s| s.values.iter().any(Option::is_some)));
        let reason = run.derived.measures.with(|all| {
            all.iter().filter_map(|m| m.mdi.err()).find(|r| *r != Undefined::NotObserved)
        });
        match reason {
            _ if some => None,
            Some(reason) => {
                Some(fill("Undefined: {reason}.", &[("reason", &words::reason(reason))]))
            }
            None if layers() > 0 => None,
            None if matches!(run.facts.phase.get(), Phase::Failed(_) | Phase::Cancelled) => {
                Some(t("This run ended before the model had read the prompt.").into())
            }
            None => Some(t("The curve grows here, layer by layer, while the model reads.").into()),
        }
    };
    let told = move || match run.derived.layer.get() {
        Some(l) => {
            let mdi = run.derived.measures.with(|m| m.get(l).map(|m| plain(m.mdi, words::number)));
            fill("layer {l}, MDI {mdi}", &[("l", &l), ("mdi", &mdi.unwrap_or_default())])
        }
        None => t("no layer").into(),
    };
    let reads = Reads::Slider {
        last: Signal::derive(move || layers().saturating_sub(1)),
        now: Signal::derive(move || run.derived.layer.get()),
        told: Signal::derive(move || Some(told())),
    };
    let look = move |at: Option<At>| run.hover.set(at.and_then(find));
    let glass =
        Handler::new(t("Layer"), reads, look, move |at| pin(find(at))).keys(keys).brushed(brush);
    view! {
        <PlotGlass
            class="chart"
            testid="chart"
            width
            height=Signal::derive(move || frame.get().height)
            drawing
            glass
            empty=Signal::derive(why_empty)
        >
            <Marks run plot frame/>
        </PlotGlass>
    }
}

/// The marked layer and what is known about it.
#[component]
fn Marks(run: Run, plot: Kept<Plot>, frame: Kept<Frame>) -> impl IntoView {
    let lab = use_lab();
    let place = move || {
        let layer = run.derived.layer.get()?;
        let (frame, layers) = (frame.get(), plot.with(|p| p.layers));
        (layer < layers && frame.shows(layer))
            .then(|| (layer, frame.x(layer, layers), frame.step(layers), frame))
    };
    let points = move || {
        let (layer, x, _, frame) = place()?;
        let palette = lab.palette.get();
        plot.with(|p| {
            let domain = p.domain();
            let marks = p.series.iter().filter_map(|s| {
                let v = s.values.get(layer).copied().flatten().filter(|v| *v > 0.0)?;
                Some((x, frame.y(v, domain), palette.role(s.role.unwrap_or(side(v))).css()))
            });
            Some(marks.collect::<Vec<_>>())
        })
    };
    let chosen = move || run.hover.get().or(run.view.layer.get()).is_some();
    let tip = move || {
        let (layer, x, _, frame) = place().filter(|_| chosen())?;
        let measure = run.derived.measures.with(|m| m.get(layer).copied())?;
        let y = points()?.iter().map(|p| p.1).fold(frame.bottom, f64::min);
        // Above the point where there is room, else below; never over the edge.
        let rem = frame.type_size / 0.75;
        let half = 6.2 * rem;
        let left = x.clamp(half, (frame.width - half).max(half));
        let (top, below) =
            if y > 5.2 * rem { (y - 0.9 * rem, false) } else { (y + 0.9 * rem, true) };
        Some((layer, left, top, below, measure))
    };
    let extremes = move || {
        let found = marked(run).extremes;
        let (frame, palette) = (frame.get(), lab.palette.get());
        let ring = |(layer, mdi): (usize, f64)| {
            let (x, y) = plot.with(|p| (frame.x(layer, p.layers), frame.y(mdi, p.domain())));
            let above = if mdi >= 1.0 { -1.1 } else { 1.9 };
            view! {
                <circle class="extreme" cx=x cy=y r=frame.type_size * 0.62 style:stroke=palette.role(side(mdi)).css()/>
                <text class="extreme" x=x y=y + above * frame.type_size text-anchor="middle">
                    {words::number(mdi)}"×"
                </text>
            }
        };
        let shown = |(layer, _): &(usize, f64)| frame.shows(*layer);
        found.map(|found| found.into_iter().filter(shown).map(ring).collect_view())
    };
    view! {
        <svg class="marks" viewBox=move || plots::view_box(frame.get().width, frame.get().height) aria-hidden="true">
            {extremes}
            {move || place().map(|(layer, x, step, frame)| view! {
                <g data-testid="layer-marker" data-layer=layer class:pinned=move || run.view.layer.get() == Some(layer) class:quiet=move || !chosen()>
                    <rect class="column" x=x - step / 2.0 y=frame.top width=step height=frame.bottom - frame.top/>
                    <line x1=x x2=x y1=frame.top y2=frame.bottom/>
                    {move || points().unwrap_or_default().into_iter().map(|(x, y, fill)| view! {
                        <circle cx=x cy=y r=frame.type_size * 0.52 fill=fill/>
                    }).collect_view()}
                    {move || chosen().then(|| view! {
                    <rect class="tag" x=x - frame.type_size * 1.1 y=frame.bottom + frame.type_size * 0.4
                        width=frame.type_size * 2.2 height=frame.type_size * 1.6 rx=frame.type_size * 0.4/>
                    <text x=x y=frame.bottom + frame.type_size * 1.58 text-anchor="middle">{layer}</text>
                    })}
                </g>
            })}
        </svg>
        {move || tip().map(|(layer, left, top, below, m)| view! {
            <div class="tip" class:below=below style:left=format!("{left}px") style:top=format!("{top}px")>
                <b>{fill("layer {l} · MDI {mdi}", &[("l", &layer), ("mdi", &plain(m.mdi, words::number))])}</b>
                <span>{fill(
                    "AEI {aei} · text {share}",
                    &[("aei", &plain(m.aei_text, words::number)), ("share", &plain(m.share_text, words::percent))],
                )}</span>
            </div>
        })}
    }
}

/// The chart's numbers.
#[component]
fn LayerTable(run: Run) -> impl IntoView {
    let columns = Signal::derive(|| {
        [t("layer"), "MDI", t("AEI text"), t("AEI picture"), t("attention on text")]
            .map(str::to_owned)
            .to_vec()
    });
    let rows = Signal::derive(move || {
        run.derived.measures.with(|measures| {
            let row = |(l, m): (usize, &shared::Measure)| {
                vec![
                    l.to_string(),
                    plain(m.mdi, words::number),
                    plain(m.aei_text, words::number),
                    plain(m.aei_image, words::number),
                    plain(m.share_text, words::percent),
                ]
            };
            measures.iter().enumerate().map(row).collect()
        })
    });
    view! { <Behind run testid="layer-table" caption=t("Text dominance by layer") columns rows/> }
}
