//! What a picture will cost, beside the button that runs: how many tokens it becomes, and how long
//! the model reads them.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::PictureUse;
use shared::api::ModelEntry;

use crate::browser;
use crate::components::pull::refresh;
use crate::kept::Kept;
use crate::language::fill;
use crate::phase::Phase;
use crate::state::{Lab, Source};
use crate::words;

/// One line of words, and a limit where a picture becomes very many tokens. The numbers are
/// `shared`'s, from what the lab says of the model.
#[component]
pub fn Estimate(
    /// The page's state.
    lab: Lab,
    /// The model that is going to be asked.
    chosen: Kept<Option<ModelEntry>>,
) -> impl IntoView {
    let size = RwSignal::new(None::<(u32, u32)>);
    Effect::new(move |_| {
        size.set(None);
        let Some(url) = lab.source.get().map(|s| s.url()).filter(|url| !url.is_empty()) else {
            return;
        };
        spawn_local(async move {
            let found = browser::picture_size(&url).await;
            let still = |s: &Option<Source>| s.as_ref().is_some_and(|s| s.url() == url);
            if lab.source.try_with_untracked(still) == Some(true) {
                let _ = size.try_set(found);
            }
        });
    });
    // A run that is over says how fast the model is here.
    let over = Kept::new(move || lab.run.phase.with(|p| matches!(p, Phase::Done(_))));
    // Only when it ends: this card drawn anew, as a change of language does, asks nobody.
    Effect::new(move |before: Option<bool>| {
        let over = over.get();
        if over && before == Some(false) {
            spawn_local(refresh(lab));
        }
        over
    });
    let limit = move || lab.options.with(|o| o.max_pixels);
    let rule = move || chosen.with(|c| c.as_ref().and_then(|m| m.picture_tokens));
    let shown = move || lab.options.with(|o| o.picture != Some(PictureUse::None));
    let tokens = move || rule().filter(|_| shown()).and_then(|rule| rule.of(size.get()?, limit()));
    let sentence = move || {
        let n = tokens()?;
        let picture = words::picture_tokens(n as usize);
        let (quant, speed) = chosen.with(|c| {
            let model = c.as_ref()?;
            let quant = lab.options.with(|o| o.quant).unwrap_or(model.default_quant);
            Some((quant, model.speeds.iter().find(|s| s.quant == quant).copied()))
        })?;
        let Some(speed) = speed else {
            let quant = words::quant(quant);
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("picture", &picture), ("quant", &quant)];
            return Some(fill(
                "{picture}; how long they take here in {quant}, the first run will say.",
                &values,
            ));
        };
        let expected = lab.options.with(|o| speed.expected(n, o));
        let time = words::millis(expected.ms);
        let values: [(&str, &dyn std::fmt::Display); 2] = [("picture", &picture), ("time", &time)];
        Some(if expected.at_least {
            fill("{picture}; reading them takes at least {time} here.", &values)
        } else {
            fill("{picture}; reading them takes about {time} here.", &values)
        })
    };
    let fewer = Kept::new(move || {
        let pixels = rule()?.limit(size.get()?, limit())?;
        Some((pixels, rule()?.of(size.get()?, Some(pixels))?))
    });
    view! {
        <p class="estimate" data-testid="estimate" data-tokens=move || tokens().map(|n| n.to_string())>
            {sentence}
            {move || fewer.get().map(|(pixels, n)| {
                let tokens = words::picture_tokens(n as usize);
                let title = fill("Makes the picture smaller, to at most {n} pixels", &[("n", &pixels)]);
                view! {
                    " "
                    <button type="button" class="link" data-testid="fewer-tokens" title=title on:click=move |_| {
                        lab.options.update(|o| o.max_pixels = Some(pixels));
                        lab.touched.set(true);
                    }>{fill("Use {tokens}", &[("tokens", &tokens)])}</button>
                }
            })}
        </p>
    }
}
