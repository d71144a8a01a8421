//! What the demo models cannot do, said beside the picture before anybody runs, and the model that can.

use leptos::prelude::*;
use shared::api::ModelEntry;

use crate::actions;
use crate::lab::{Lab, PictureFrom};
use crate::language::{fill, t};
use crate::photograph::{Offer, foreign, offer};
use crate::run::SHIPPED;
use crate::run::kept::Kept;
use crate::words;

/// The sentences; nothing for models that are no demo models.
#[component]
pub fn DemoCannot(
    /// The page's state.
    lab: Lab,
    /// The model that is going to be asked.
    chosen: Kept<Option<ModelEntry>>,
) -> impl IntoView {
    let demo = move || chosen.with(|c| c.as_ref().is_some_and(|m| m.demo));
    let own = move || {
        lab.picture.with(|picture| match picture {
            Some(PictureFrom::File { .. }) => true,
            Some(PictureFrom::Run(id)) => id != SHIPPED,
            Some(PictureFrom::Sample(_)) | None => false,
        })
    };
    let photograph = Kept::new(move || demo() && own());
    let foreign = Kept::new(move || demo() && lab.prompt.with(|prompt| foreign(prompt)));
    let offer = Kept::new(move || lab.models.with(|all| offer(all)));
    let select = move |name: String| {
        let before = chosen.with_untracked(|c| c.as_ref().map(|c| c.name.clone()));
        actions::choose_model(lab, &before.unwrap_or_default(), name);
    };
    view! {
        <Show when=move || photograph.get()>
            <div class="pull" data-testid="demo-photograph">
                <p>{t("This model learned drawings like the samples. It will name what is on a photograph wrongly, however sure it is.")}</p>
                {move || offer.get().map(|offer| {
                    let (said, label, name) = match offer {
                        Offer::Ask { name } => (None, fill("Ask {model} instead", &[("model", &name)]), name),
                        Offer::Bring { name, bytes, answer_ms, licence } => {
                            let size = bytes.map(words::bytes);
                            let time = answer_ms.map(|ms| {
                                let seconds = (f64::from(ms) / 1000.0).round().max(1.0).to_string();
                                fill("about {seconds} s a question on two cores", &[("seconds", &seconds)])
                            });
                            let said: Vec<String> = size.into_iter().chain(time).chain(licence).collect();
                            let said = fill(
                                "{model} understands photographs ({terms}).",
                                &[("model", &name), ("terms", &said.join(", "))],
                            );
                            (Some(said), fill("Choose {model}", &[("model", &name)]), name)
                        }
                    };
                    view! {
                        {said.map(|said| view! { <p>{said}</p> })}
                        <button type="button" class="button" data-testid="photograph-model"
                            on:click=move |_| select(name.clone())>{label}</button>
                    }
                })}
            </div>
        </Show>
        <Show when=move || foreign.get()>
            <p class="terms" data-testid="demo-language">
                {t("This model learned English questions alone. In another language it answers at random.")}
            </p>
        </Show>
        {move || lab.converted.get().map(|note| view! { <p class="terms" data-testid="converted">{note}</p> })}
    }
}
