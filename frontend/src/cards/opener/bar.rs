//! How the row that wrote the chosen word divides its attention: one bar of words, picture and rest.

use leptos::prelude::*;

use crate::lab::use_lab;
use crate::language::t;
use crate::run::kept::Kept;
use crate::run::kinds::name_of;
use crate::words;

/// A part that is narrower has its name beside the bar.
const ROOM: f64 = 0.17;

/// The bar.
#[component]
pub fn Bar() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let split = Kept::new(move || {
        let by = run.view.counted.get();
        run.derived.split.get().map(|split| split.counted(by))
    });
    let parts = move || {
        let split = split.get()?;
        let palette = lab.palette.get();
        Some([
            ("words", t("words"), split.words, palette.words),
            ("picture", name_of(run), split.picture, palette.picture),
            ("rest", t("rest"), split.rest, palette.neutral.mix(palette.muted, 0.25)),
        ])
    };
    let by = move || words::counted(run.view.counted.get());
    let said = |name: &str, part: f64| format!("{name} {}", words::percent(part));
    let all = move || {
        let parts = parts().map(|all| all.map(|(_, name, part, _)| said(name, part)));
        parts.map(|all| format!("{} ({})", all.join(", "), by())).unwrap_or_default()
    };
    view! {
        <div class="split-row" data-testid="split" data-counted=move || format!("{:?}", run.view.counted.get())>
            <div class="split" role="img" aria-label=all>
                {move || parts().map(|all| all.map(|(class, name, part, ground)| view! {
                    <span
                        class=class
                        data-part=part.to_string()
                        style=format!(
                            "flex-grow:{part};background:{};color:{}",
                            ground.css(),
                            ground.type_on().css(),
                        )
                    >
                        {(part >= ROOM).then(|| said(name, part))}
                    </span>
                }))}
            </div>
            <small class="split-by" aria-hidden="true">{by}</small>
            // Where the bar is narrow, all names stand below it.
            <p class="split-all" aria-hidden="true">{all}</p>
            <p class="split-rest" aria-hidden="true">
                {move || parts().map(|all| {
                    let narrow = all.into_iter().filter(|(_, _, part, _)| *part < ROOM);
                    narrow.map(|(_, name, part, _)| said(name, part)).collect::<Vec<_>>().join(" · ")
                })}
            </p>
        </div>
    }
}
