//! The tour on the screen: it is offered once, and walks through the run that is there.

use leptos::html;
use leptos::prelude::*;
use shared::Observation;

use crate::browser;
use crate::lab::{Tab, use_lab};
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::tour::{Facts, Rect, Step, place};
use crate::words;

/// Kept once the tour was taken or declined.
const KEY: &str = "tour";
/// Windows narrower than this have the card at their lower edge.
const NARROW: f64 = 640.0;

/// Offers the tour to whoever is here for the first time.
#[component]
pub fn Offer() -> impl IntoView {
    let lab = use_lab();
    let asked = RwSignal::new(browser::stored(KEY).is_some());
    let answer = move || {
        browser::store(KEY, "seen");
        asked.set(true);
    };
    // Whoever takes the tour from the menu needs no offer any more.
    Effect::new(move |_| {
        if lab.tour.get().is_some() {
            answer();
        }
    });
    // Whoever found another part of a phone's page needs none either, and the room is the part's; not
    // for good, for who comes back may wish it.
    let found = RwSignal::new(false);
    Effect::new(move |_| {
        if lab.tab.get() != Tab::Answer {
            found.set(true);
        }
    });
    view! {
        <Show when=move || !asked.get() && !found.get()>
            <aside class="offer" data-testid="tour-offer" aria-label=t("For newcomers")>
                <p>{t("New here? Five short steps explain this run.")}</p>
                <button type="button" class="button strong" data-testid="tour-start"
                    on:click=move |_| lab.tour.set(Some(Step::Seen))>{t("Show me around")}</button>
                <button type="button" class="button" data-testid="tour-decline"
                    on:click=move |_| answer()>{t("No, thanks")}</button>
            </aside>
        </Show>
    }
}

/// The tour, while it is on.
#[component]
pub fn Tour() -> impl IntoView {
    let lab = use_lab();
    let on = Kept::new(move || lab.tour.get().is_some());
    view! {
        <Show when=move || on.get()>
            <Walk/>
        </Show>
    }
}

/// The size of the window.
fn window_size() -> (f64, f64) {
    let size = |value: Result<wasm_bindgen::JsValue, _>| {
        value.ok().and_then(|v| v.as_f64()).unwrap_or_default()
    };
    (size(window().inner_width()), size(window().inner_height()))
}

fn target_of(step: Step) -> Option<web_sys::Element> {
    document().query_selector(&format!("[data-tour={}]", step.target())).ok().flatten()
}

fn rect_of(element: &web_sys::Element) -> Rect {
    let rect = element.get_bounding_client_rect();
    Rect { x: rect.left(), y: rect.top(), width: rect.width(), height: rect.height() }
}

/// Brings a step's target into view: under the header on a narrow window, whose lower half the
/// card takes, else into the middle.
fn bring_into_view(element: &web_sys::Element) {
    let options = web_sys::ScrollIntoViewOptions::new();
    let narrow = window_size().0 < NARROW || rect_of(element).height > window_size().1 * 0.7;
    options.set_block(if narrow {
        web_sys::ScrollLogicalPosition::Start
    } else {
        web_sys::ScrollLogicalPosition::Center
    });
    element.scroll_into_view_with_scroll_into_view_options(&options);
}

#[component]
fn Walk() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let card = NodeRef::<html::Div>::new();
    let around = RwSignal::new(Rect::default());
    let size = RwSignal::new((0.0, 0.0));
    let step = Kept::new(move || lab.tour.get().unwrap_or(Step::Seen));
    // Where the focus was, so that it can go back there.
    let before = StoredValue::new_local(document().active_element());

    let measure = move || {
        if let Some(target) = target_of(step.get_untracked()) {
            around.set(rect_of(&target));
        }
        if let Some(card) = card.get_untracked() {
            size.set((f64::from(card.offset_width()), f64::from(card.offset_height())));
        }
    };
    Effect::new(move |_| {
        let step = step.get();
        lab.tab.set(match step {
            Step::Seen | Step::Word => Tab::Answer,
            Step::Number | Step::Curve | Step::Test => Tab::Layers,
        });
        let Some(card) = card.get() else { return };
        // What is in a phone's tab is there in the next frame; the card's new text has its size then.
        request_animation_frame(move || {
            if let Some(target) = target_of(step) {
                bring_into_view(&target);
            }
            let _ = card.focus();
            request_animation_frame(measure);
        });
    });
    // In a window of another width the target stands elsewhere.
    let width = StoredValue::new(window_size().0);
    let moved = ["scroll", "resize"].map(|event| {
        window_event_listener_untyped(event, move |_| {
            let now = window_size().0;
            if width.try_get_value().is_some_and(|before| before != now) {
                width.set_value(now);
                if let Some(target) = target_of(step.get_untracked()) {
                    bring_into_view(&target);
                }
            }
            measure();
        })
    });
    on_cleanup(move || moved.into_iter().for_each(|m| m.remove()));

    let end = move || {
        lab.tour.set(None);
        let back = before.with_value(|e| e.clone());
        let back = back.filter(|e| e.is_connected());
        match back.and_then(|e| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(e).ok()) {
            Some(back) => drop(back.focus()),
            None => browser::focus("#results"),
        }
    };
    let go = move |by: isize| match step.get_untracked().beside(by) {
        Some(next) => lab.tour.set(Some(next)),
        None if by > 0 => end(),
        None => {}
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        match event.key().as_str() {
            "Escape" => end(),
            "ArrowRight" => go(1),
            "ArrowLeft" => go(-1),
            "Tab" => {
                keep_inside(&event, card);
                return;
            }
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    let facts = move || Facts {
        patches: run
            .facts
            .observation
            .with(|o| o.layout.as_ref().and_then(|l| l.picture()).map(|p| (p.rows, p.cols))),
        late: run.derived.stages.get()[2].mdi.ok(),
        layers: run.facts.observation.with(Observation::layers),
        word: run.derived.token.get().and_then(|i| {
            run.facts.observation.with(|o| o.shown(i).map(|t| words::token(&t.text)))
        }),
    };
    // What is around the target is dimmed and cannot be clicked; the target can.
    let hole = move || {
        let (r, (width, height)) = (around.get(), window_size());
        let (x, y, w, h) = (r.x - 6.0, r.y - 6.0, r.width + 12.0, r.height + 12.0);
        format!("path(evenodd,\"M0 0H{width}V{height}H0ZM{x} {y}h{w}v{h}h-{w}Z\")")
    };
    let at = move || {
        let window = window_size();
        (window.0 >= NARROW).then(|| place(&around.get(), size.get(), window, 14.0))
    };
    let px = |value: f64| format!("{value}px");
    let last = move || step.get().beside(1).is_none();
    view! {
        <div class="tour" data-keys="">
            <div class="tour-dim" style:clip-path=hole></div>
            <div class="tour-frame" aria-hidden="true"
                style:left=move || px(around.get().x - 6.0)
                style:top=move || px(around.get().y - 6.0)
                style:width=move || px(around.get().width + 12.0)
                style:height=move || px(around.get().height + 12.0)
            ></div>
            <div
                node_ref=card
                class="tour-card"
                role="dialog"
                aria-modal="true"
                aria-labelledby="tour-title"
                aria-describedby="tour-says"
                tabindex="-1"
                data-testid="tour"
                data-step=move || step.get().target()
                style:left=move || at().map(|a| px(a.0))
                style:top=move || at().map(|a| px(a.1))
                on:keydown=keys
            >
                <p class="tour-count">{move || fill(
                    "Step {n} of {all}",
                    &[("n", &step.get().number()), ("all", &Step::ALL.len())],
                )}</p>
                <h2 id="tour-title">{move || step.get().title()}</h2>
                <p id="tour-says" aria-live="polite">{move || step.get().says(&facts())}</p>
                <div class="tour-buttons">
                    <button type="button" class="button" data-testid="tour-end" on:click=move |_| end()>
                        {move || if last() { t("Close") } else { t("End the tour") }}
                    </button>
                    <button type="button" class="button" data-testid="tour-back"
                        disabled=move || step.get().beside(-1).is_none()
                        on:click=move |_| go(-1)>{t("Back")}</button>
                    <button type="button" class="button strong" data-testid="tour-next" on:click=move |_| go(1)>
                        {move || if last() { t("Done") } else { t("Next") }}
                    </button>
                </div>
            </div>
        </div>
    }
}

/// Keeps the focus among the card's buttons.
fn keep_inside(event: &web_sys::KeyboardEvent, card: NodeRef<html::Div>) {
    let Some(card) = card.get_untracked() else { return };
    let Ok(buttons) = card.query_selector_all("button:not(:disabled)") else { return };
    let button = |at: u32| -> Option<web_sys::HtmlElement> {
        wasm_bindgen::JsCast::dyn_into(buttons.item(at)?).ok()
    };
    let (first, last) = (button(0), button(buttons.length().saturating_sub(1)));
    let now: Option<web_sys::HtmlElement> =
        document().active_element().and_then(|e| wasm_bindgen::JsCast::dyn_into(e).ok());
    let (edge, other) = if event.shift_key() { (&first, &last) } else { (&last, &first) };
    // From the last to the first, and from the card itself to either.
    let on_card = now.as_ref().is_none_or(|now| now.tag_name() != "BUTTON");
    if on_card || now == *edge {
        event.prevent_default();
        if let Some(other) = other {
            let _ = other.focus();
        }
    }
}
