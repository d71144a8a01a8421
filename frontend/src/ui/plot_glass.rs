//! A drawing of `plots` on the page: as wide as its place, with marks over it and a glass on top.

use leptos::html;
use leptos::prelude::*;

use crate::browser::watch_width;
use crate::run::kept::Kept;
use crate::ui::glass::{Glass, Handler};

/// The plot.
#[component]
pub fn PlotGlass(
    /// How it is styled: `chart` or `heat`.
    class: &'static str,
    /// For tests.
    #[prop(optional)]
    testid: Option<&'static str>,
    /// The width there is: watched here, and what the drawing is made for.
    width: RwSignal<f64>,
    /// The height of the drawing.
    #[prop(into)]
    height: Signal<f64>,
    /// The drawing, as SVG.
    drawing: Kept<String>,
    /// Whether the drawing steps back behind its marks.
    #[prop(optional, into)]
    dimmed: Signal<bool>,
    /// What takes pointer and keys; nothing where there is nothing to choose.
    #[prop(optional, into)]
    glass: Option<Handler>,
    /// Why there is nothing to see; shown over the drawing.
    #[prop(optional, into)]
    empty: Signal<Option<String>>,
    /// The marks, between drawing and glass.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let holder = NodeRef::<html::Div>::new();
    watch_width(holder, width);
    view! {
        <div class=class data-testid=testid node_ref=holder style:height=move || format!("{}px", height.get())>
            <div class="drawing" class:dimmed=move || dimmed.get() aria-hidden="true" inner_html=move || drawing.get()></div>
            {children.map(|children| children())}
            {glass.map(|handler| view! { <Glass handler/> })}
            {move || empty.get().map(|why| view! { <p class="chart-empty">{why}</p> })}
        </div>
    }
}
