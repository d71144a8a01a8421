//! Texts that were forgotten, for the test of the heuristic; never compiled.

fn page() {
    view! {
        <p class="card-note" data-testid="a name">"Between tags"</p>
        <p>{value}" after a value"</p>
        <button title="A title" class="button strong">{t("A text")}</button>
        <b>{if yes { "Yes, it is" } else { t("No") }}</b>
        <i class={if yes { "on" } else { "off" }}>{format!("of {}, too", 3)}</i>
        <svg viewBox="0 0 20 20"><path d=if on() { "M4 3h3v10H4Z" } else { "M4.5 2.5 13 8" }/></svg>
        <td>"behind a tag"</td><td>"MDI"</td>
    }
}
