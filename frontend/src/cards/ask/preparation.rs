//! How the picture is prepared: what of it meets the model's frame, and whose arithmetic resizes it.
//! Where nobody chose, the model's own choice is shown.

use leptos::prelude::*;
use shared::api::ModelEntry;
use shared::{ImageFit, Resizing};

use crate::cards::ask::levers::of_model;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::ui::value::Switch;

/// How a picture that is not square meets a square model.
#[component]
pub fn Fit() -> impl IntoView {
    let lab = use_lab();
    let own = Kept::new(move || of_model(lab, |m| m.fit).unwrap_or_default());
    let any = Kept::new(move || of_model(lab, ModelEntry::reads_any_size));
    let now = move || lab.options.with(|o| o.fit).unwrap_or(own.get());
    let shown = RwSignal::new(untrack(now));
    Effect::new(move |_| {
        let fit = shown.get();
        if untrack(now) != fit {
            // The model's own is left to it, whatever model is chosen next.
            let asked = Some(fit).filter(|fit| *fit != own.get_untracked());
            lab.options.update(|o| o.fit = asked);
            lab.touched.set(true);
        }
    });
    // A run that is opened brings its options along, and another model has its own way.
    Effect::new(move |_| shown.set(now()));
    // Where there is no frame, nothing is fitted to it.
    Effect::new(move |_| {
        if any.get() && lab.options.with_untracked(|o| o.fit.is_some()) {
            lab.options.update(|o| o.fit = None);
        }
    });
    view! {
        <Show when=move || !any.get()>
            <div class="lever" data-testid="fit" data-fit=move || now().name()>
                <span>{t("Not square")}</span>
                <Switch
                    label=t("How the picture meets the model’s frame")
                    choices=vec![
                        (ImageFit::Crop, t("crop"), t("Shortest edge to size, middle kept: what most processors do")),
                        (ImageFit::Pad, t("pad"), t("Padded to a square: what the original LLaVA does")),
                    ]
                    chosen=shown
                />
            </div>
        </Show>
    }
}

/// What an arithmetic is, in a few words.
fn meaning(whose: Resizing) -> &'static str {
    match whose {
        Resizing::Torchvision => t("torchvision: transformers 5"),
        Resizing::Pillow13 => t("Pillow from version 13 on"),
        Resizing::Pillow12 => t("Pillow before version 13"),
    }
}

/// Whose arithmetic resizes the picture.
#[component]
pub fn Resize() -> impl IntoView {
    let lab = use_lab();
    let own = Kept::new(move || of_model(lab, |m| m.resize).unwrap_or_default());
    let now = move || lab.options.with(|o| o.resize).unwrap_or(own.get());
    let choices = move || {
        let text = |whose: Resizing| match whose == own.get() {
            true => fill("{whose} (the model’s own)", &[("whose", &meaning(whose))]),
            false => meaning(whose).to_owned(),
        };
        Resizing::ALL
            .map(|whose| {
                view! {
                    <option value=whose.name() selected=move || now() == whose>{text(whose)}</option>
                }
            })
            .collect_view()
    };
    view! {
        <label class="lever" title=t("Whose arithmetic makes the picture smaller: it moves single pixels by some levels, and the last digits of every number")>
            <span>{t("Resized as by")}</span>
            <select
                data-testid="resize"
                on:change=move |event| {
                    let whose = Resizing::from_name(&event_target_value(&event));
                    let asked = whose.filter(|whose| *whose != own.get_untracked());
                    lab.options.update(|o| o.resize = asked);
                }
            >
                {choices}
            </select>
        </label>
    }
}
