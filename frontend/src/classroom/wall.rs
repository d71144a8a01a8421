//! What the wall says about joining: address, code, QR.

use leptos::prelude::*;

use super::place::{Place, qr_path};
use crate::language::{fill, t};

/// A QR code, drawn as SVG; dark on light whatever the theme, as scanners want it.
#[component]
pub fn Qr(
    /// What it says.
    text: String,
) -> impl IntoView {
    let label = fill("QR code of {address}", &[("address", &text)]);
    qr_path(&text).ok().map(|(path, side)| {
        view! {
            <svg class="qr" role="img" aria-label=label viewBox=format!("0 0 {side} {side}") shape-rendering="crispEdges" data-testid="qr" data-text=text>
                <rect width=side height=side fill="#fff"/>
                <path d=path fill="#000"/>
            </svg>
        }
    })
}

/// Address, code and QR in the corner of the wall; larger when clicked.
#[component]
pub fn Corner(
    /// The class's code.
    code: String,
    /// Where it joins.
    place: Place,
    /// Whether the large one is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <button type="button" class="corner" data-testid="corner" title=t("Show it large (Q)")
            on:click=move |_| open.set(true)>
            <span class="corner-text">
                <small>{fill("join at {address}", &[("address", &place.typed)])}</small>
                <b data-testid="class-code" data-code=code.clone()>{spelled(&code)}</b>
            </span>
            <Qr text=place.url/>
        </button>
    }
}

/// The whole wall says how to join.
#[component]
pub fn Joining(
    /// The class's code.
    code: String,
    /// Where it joins.
    place: Place,
    /// Whether this is open.
    open: RwSignal<bool>,
    /// Followers connected.
    #[prop(into)]
    present: Signal<u32>,
) -> impl IntoView {
    let close = NodeRef::<leptos::html::Button>::new();
    // Keys belong to what is on the wall.
    Effect::new(move |_| {
        if let Some(button) = close.get() {
            let _ = button.focus();
        }
    });
    let here = move || match present.get() {
        0 => t("Nobody has joined yet").to_owned(),
        1 => t("1 is here").to_owned(),
        n => fill("{n} are here", &[("n", &n)]),
    };
    let reachable = place.reachable;
    view! {
        <div class="joining" role="dialog" aria-modal="true" aria-label=t("How to join") data-testid="joining">
            <div class="joining-text">
                <p>{fill("Join at {address}", &[("address", &place.typed)])}</p>
                <p class="joining-code" aria-label=code.clone()>{spelled(&code)}</p>
                <p class="joining-here" data-testid="present-count" data-value=move || present.get() aria-live="polite">{here}</p>
                {(!reachable).then(|| view! {
                    <p class="joining-warning" data-testid="unreachable">
                        {t("This lab listens on this machine alone, so phones cannot reach it. Start it with ")}
                        <code>"./run.sh serve --bind 0.0.0.0:8080"</code>
                        {t(" and open it by the machine’s address in your network.")}
                    </p>
                })}
                <button type="button" class="button strong" data-testid="begin" node_ref=close on:click=move |_| open.set(false)>
                    {t("To the question")}
                </button>
            </div>
            <Qr text=place.url/>
        </div>
    }
}

/// A code as it stands on the wall: signs apart.
fn spelled(code: &str) -> String {
    let signs: Vec<char> = code.chars().collect();
    // Thin spaces, and wider ones between groups: apart for the eye, one word for who copies it.
    let group = if signs.len().is_multiple_of(3) { 3 } else { signs.len().div_ceil(2).max(1) };
    let spaced =
        signs.chunks(group).map(|part| part.iter().map(char::to_string).collect::<Vec<_>>());
    spaced.map(|part| part.join("\u{2009}")).collect::<Vec<_>>().join("\u{2002}")
}
