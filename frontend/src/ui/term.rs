//! A term with its meaning on hover, on focus and on touch, and the list of all of them.

use leptos::html;
use leptos::prelude::*;

use crate::glossary::Term;
use crate::language::t;

/// Widest a note becomes, in root ems.
const WIDTH: f64 = 20.0;

/// Where a note stands: left, and distance from the top of the window or from its bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    left: f64,
    top: Option<f64>,
    bottom: Option<f64>,
}

/// A place beside the word: below it, or above it where there is more room; inside the window.
/// None beside a word that is scrolled out of it.
fn beside(word: &web_sys::Element) -> Option<Place> {
    let around = word.get_bounding_client_rect();
    let size = |value: Result<wasm_bindgen::JsValue, _>| {
        value.ok().and_then(|v| v.as_f64()).unwrap_or_default()
    };
    let (width, height) = (size(window().inner_width()), size(window().inner_height()));
    if around.bottom() < 0.0 || around.top() > height {
        return None;
    }
    let rem = crate::browser::read_theme().1 / 0.75;
    let left = around.left().min(width - (WIDTH + 1.0) * rem).max(0.5 * rem);
    Some(if around.bottom() < height * 0.7 {
        Place { left, top: Some(around.bottom() + 0.35 * rem), bottom: None }
    } else {
        Place { left, top: None, bottom: Some(height - around.top() + 0.35 * rem) }
    })
}

/// A term as it stands in a text, dotted; its meaning comes beside it and moves nothing.
#[component]
pub fn Explained(
    /// Which term.
    term: Term,
    /// The word as it stands here.
    #[prop(into)]
    word: Signal<String>,
) -> impl IntoView {
    let button = NodeRef::<html::Button>::new();
    let place = RwSignal::new(None::<Place>);
    let show = move || place.set(button.get_untracked().and_then(|b| beside(&b)));
    let hide = move || place.set(None);
    let id = format!("term-{}", next_number());
    view! {
        <span class="term">
            <button
                node_ref=button
                type="button"
                data-testid="term"
                data-keys=""
                aria-describedby=id.clone()
                on:pointerenter=move |event| if event.pointer_type() == "mouse" { show() }
                on:pointerleave=move |event| if event.pointer_type() == "mouse" { hide() }
                on:focus=move |_| show()
                on:blur=move |_| hide()
                // A finger has no hover; its touch comes as a click.
                on:click=move |_| show()
                on:keydown=move |event| if event.key() == "Escape" && place.get_untracked().is_some() {
                    event.stop_propagation();
                    hide();
                }
            >{word}</button>
            <span id=id hidden>{term.meaning()}</span>
            <Show when=move || place.with(Option::is_some)>
                <Note term place follow=Callback::new(move |()| show())/>
            </Show>
        </span>
    }
}

/// The meaning beside the word.
#[component]
fn Note(term: Term, place: RwSignal<Option<Place>>, follow: Callback<()>) -> impl IntoView {
    // It stands in the window, not in the page, and goes along with its word.
    let scrolled = window_event_listener_untyped("scroll", move |_| follow.run(()));
    on_cleanup(move || scrolled.remove());
    let px = move |of: fn(&Place) -> Option<f64>| {
        move || place.with(|p| p.as_ref().and_then(of)).map(|v| format!("{v}px"))
    };
    view! {
        <span
            class="term-note"
            data-testid="term-note"
            aria-hidden="true"
            style:left=px(|p| Some(p.left))
            style:top=px(|p| p.top)
            style:bottom=px(|p| p.bottom)
        >
            <b>{term.name()}</b>" "{term.meaning()}
        </span>
    }
}

/// A number that no other term on the page has.
fn next_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// All terms in a dialog.
#[component]
pub fn Glossary(
    /// The dialog, for whoever opens it.
    dialog: NodeRef<html::Dialog>,
) -> impl IntoView {
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    view! {
        <dialog
            node_ref=dialog
            class="glossary"
            data-testid="glossary"
            data-keys=""
            aria-labelledby="glossary-title"
            // A click beside the list hits the dialog itself.
            on:click=move |event| {
                let on = event_target::<web_sys::Element>(&event);
                if on.tag_name() == "DIALOG" {
                    close();
                }
            }
        >
            <div>
                <header class="card-head">
                    <h2 id="glossary-title">{t("The words of the lab")}</h2>
                    <button type="button" class="button" data-testid="glossary-close" on:click=move |_| close()>
                        {t("Close")}
                    </button>
                </header>
                <dl>
                    {Term::ALL.map(|term| view! { <dt>{term.name()}</dt><dd>{term.meaning()}</dd> })}
                </dl>
            </div>
        </dialog>
    }
}
