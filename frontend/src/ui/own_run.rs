//! A run that this browser asked for, in a list.

use leptos::prelude::*;

use crate::base::at;
use crate::browser;
use crate::language::t;
use crate::own::OwnRun;
use crate::source::Source;

/// A run of one's own: its picture, what it is called or asks, what came out.
#[component]
pub fn Named(
    /// The run.
    run: OwnRun,
) -> impl IntoView {
    // A run that failed early has no picture, and one that was deleted elsewhere has none any more.
    let shown = RwSignal::new(true);
    let picture = Source::default().prepared_url(&run.id, 0);
    let title = run.title().to_owned();
    let asked = (!run.name.is_empty()).then(|| run.prompt.clone());
    let answer = match run.answer.trim() {
        "" => t("no answer seen yet").to_owned(),
        answer => answer.to_owned(),
    };
    view! {
        <Show when=move || shown.get() fallback=|| view! { <span class="no-picture"></span> }>
            <img src=picture.clone() alt="" loading="lazy" on:error=move |_| shown.set(false)/>
        </Show>
        <span class="beside-name">
            <a href=at(&format!("/r/{}", run.id))><bdi>{title}</bdi></a>
            <small>{asked.map(|asked| view! { <bdi>{asked}</bdi>" " })}<bdi>{answer}</bdi></small>
        </span>
        <span class="own-when"><small>{run.model.clone()}</small><time datetime=run.asked.clone()>{browser::local_time(&run.asked)}</time></span>
    }
}
