//! The person's own picture with the part that the model saw, where that is not all of it.

use leptos::prelude::*;
use shared::PreparedPicture;

use crate::framing::{framing, squeezed};
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::words;

/// The picture, framed; nothing where the model saw it whole.
#[component]
pub fn Original(
    /// The run.
    run: Run,
    /// The picture's geometry.
    picture: Kept<Option<PreparedPicture>>,
) -> impl IntoView {
    move || {
        let p = picture.get()?;
        let Some(framing) = framing(&p) else {
            return squeezed(&p).then(|| {
                view! {
                    <p class="card-foot" data-testid="squeezed">
                        {words::preparation(&p)}" "{t("Its shape changed a little: the model sees whole patches.")}
                    </p>
                }
                .into_any()
            });
        };
        let id = run.facts.id.get()?;
        let [x, y, width, height] = framing.view;
        let [px, py, pw, ph] = framing.picture;
        let [fx, fy, fw, fh] = framing.frame;
        let told = match framing.seen() {
            all if all > 0.999 => t("The model saw all of it, with padding added.").to_owned(),
            part => fill(
                "The model saw the framed part, {percent} of the picture.",
                &[("percent", &words::percent(part))],
            ),
        };
        let figure = view! {
            <figure class="original" data-testid="original">
                <svg
                    viewBox=format!("{x} {y} {width} {height}")
                    role="img"
                    aria-label=told.clone()
                >
                    <rect class="added" x=x y=y width=width height=height/>
                    <image href=run.facts.source.picture_url(&id, run.view.medium.get()) x=px y=py width=pw height=ph preserveAspectRatio="none"/>
                    <path class="outside" d=framing.outside() fill-rule="evenodd"/>
                    <rect class="frame" x=fx y=fy width=fw height=fh/>
                </svg>
                <figcaption>{told}" "<span>{words::preparation(&p)}</span></figcaption>
            </figure>
        };
        Some(figure.into_any())
    }
}
