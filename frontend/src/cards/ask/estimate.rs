//! What a picture will cost, beside the button that runs: how many tokens it becomes, and how long
//! the model reads them.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::ModelEntry;
use shared::{AskedOptions, PictureUse};

use crate::actions;
use crate::browser;
use crate::cards::ask::pull::refresh;
use crate::lab::{Lab, PictureFrom};
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::run::phase::Phase;
use crate::words;

/// Milliseconds that the run on the screen takes to read its prompt, by how fast its model read the last
/// one here; `None` before there was one.
pub fn expected_ms(lab: Lab) -> Option<f64> {
    let run = lab.run;
    let options = run.facts.options.get();
    let tokens = run
        .facts
        .observation
        .with(|o| o.layout.as_ref().map(|l| l.counts().get(shared::Group::Image)));
    lab.models.with(|all| {
        let model = all.iter().find(|m| m.name == options.model)?;
        let speed = model.speeds.iter().find(|s| s.quant == options.quant)?;
        // Before the picture is prepared, as large as the last one.
        let tokens = tokens.unwrap_or(speed.picture_tokens);
        Some(speed.expected(tokens, &AskedOptions::default()).ms)
    })
}

/// One line of words, and a limit where a picture becomes very many tokens. The numbers are
/// `shared`'s, from what the lab says of the model.
#[component]
pub fn Estimate(
    /// The page's state.
    lab: Lab,
    /// The model that is going to be asked.
    chosen: Kept<Option<ModelEntry>>,
) -> impl IntoView {
    let sizes = RwSignal::new(Vec::<(u32, u32)>::new());
    let media = Kept::new(move || {
        lab.run.facts.observation.with(|o| o.layout.as_ref().map(|l| l.media.len()))
    });
    Effect::new(move |_| {
        sizes.set(Vec::new());
        let (picture, more) = (lab.picture.get(), lab.more.get());
        let Some(picture) = picture else { return };
        // How many pictures a run has is known once its layout is.
        media.get();
        let of_run = actions::media_of(lab.run, &picture).len();
        spawn_local(async move {
            let found = sizes_of(lab, &picture, of_run, &more).await;
            let still = lab.picture.try_with_untracked(|now| now.as_ref() == Some(&picture));
            if let (Some(found), Some(true)) = (found, still)
                && lab.more.try_with_untracked(|now| *now == more) == Some(true)
            {
                let _ = sizes.try_set(found);
            }
        });
    });
    // A run that is over says how fast the model is here.
    let over = Kept::new(move || lab.run.facts.phase.with(|p| matches!(p, Phase::Done(_))));
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
    // Of all pictures together; nothing before each of them was measured.
    let tokens_of = move |limit: Option<u32>| {
        let rule = rule()?;
        let all = sizes.get();
        let tokens = all.iter().map(|size| rule.of(*size, limit)).sum::<Option<u32>>();
        tokens.filter(|_| !all.is_empty())
    };
    let tokens = move || shown().then(|| tokens_of(limit())).flatten();
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
        // The largest picture is the one that a limit makes smaller first.
        let largest = sizes.get().into_iter().max_by_key(|(w, h)| u64::from(*w) * u64::from(*h))?;
        let pixels = rule()?.limit(largest, limit())?;
        Some((pixels, tokens_of(Some(pixels))?))
    });
    let tiles = Kept::new(move || {
        let pixels = rule()?.tiled()?;
        let all = tokens_of(Some(pixels))?;
        (tokens_of(limit())? < all).then_some((pixels, all))
    });
    let limited = move |pixels| {
        lab.options.update(|o| o.max_pixels = Some(pixels));
        lab.touched.set(true);
    };
    view! {
        <p class="estimate" data-testid="estimate" data-tokens=move || tokens().map(|n| n.to_string())>
            {sentence}
            {move || fewer.get().map(|(pixels, n)| {
                let tokens = words::picture_tokens(n as usize);
                let title = fill("Makes the picture smaller, to at most {n} pixels", &[("n", &pixels)]);
                view! {
                    " "
                    <button type="button" class="link" data-testid="fewer-tokens" title=title on:click=move |_| limited(pixels)>
                        {fill("Use {tokens}", &[("tokens", &tokens)])}
                    </button>
                }
            })}
            {move || tiles.get().map(|(pixels, n)| {
                let tokens = words::picture_tokens(n as usize);
                let title = t("The model reads tiles one by one, each as long as a whole picture");
                view! {
                    " "
                    <button type="button" class="link" data-testid="tiles" title=title on:click=move |_| limited(pixels)>
                        {fill("Cut it into tiles: {tokens}", &[("tokens", &tokens)])}
                    </button>
                }
            })}
        </p>
    }
}

/// The sizes of all pictures that are going to be asked about; `None` where one cannot be read.
async fn sizes_of(
    lab: Lab,
    picture: &PictureFrom,
    of_run: usize,
    more: &[web_sys::File],
) -> Option<Vec<(u32, u32)>> {
    let mut sizes = Vec::new();
    for medium in 0..of_run as u8 {
        let url = match picture {
            PictureFrom::Run(id) => lab.run.facts.source.picture_url(id, medium),
            other => other.url(),
        };
        sizes.push(browser::picture_size(&url).await?);
    }
    for file in more {
        let url = browser::url_of(file);
        let size = browser::picture_size(&url).await;
        browser::forget_url(&url);
        sizes.push(size?);
    }
    Some(sizes)
}
