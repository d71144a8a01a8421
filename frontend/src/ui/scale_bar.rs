//! A map's colours with their ends, and whether all maps share them.

use leptos::prelude::*;

use crate::lab::use_lab;
use crate::language::t;
use crate::run::Run;
use crate::run::link::Scale;
use crate::ui::value::Switch;
use plots::{Palette, Rgb};

/// The colours of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ramp {
    /// Shares of attention: from none to most in even steps.
    Attention,
    /// Shares of attention in the colours of the sides: above the words', below the media's.
    Sides,
    /// MDI and other ratios: diverging around 1 on their logarithm.
    Dominance,
}

impl Ramp {
    /// The colours as a CSS background.
    fn gradient(self, palette: &Palette) -> String {
        let Palette { surface, scale, .. } = *palette;
        match self {
            Ramp::Attention => steps(|t| scale.0.mix(scale.1, t)),
            Ramp::Dominance => steps(|t| palette.dominance_at(t)),
            Ramp::Sides => {
                let of = |full: Rgb| steps(|t| surface.mix(full, t));
                let (words, media) = (of(palette.words), of(palette.picture));
                format!("{words} top / 100% 50% no-repeat, {media} bottom / 100% 50% no-repeat")
            }
        }
    }
}

/// A gradient from left to right in even steps.
fn steps(colour: impl Fn(f64) -> Rgb) -> String {
    const STEPS: u32 = 12;
    let stops: Vec<String> =
        (0..=STEPS).map(|i| colour(f64::from(i) / f64::from(STEPS)).css()).collect();
    format!("linear-gradient(90deg, {})", stops.join(", "))
}

/// The bar.
#[component]
pub fn ScaleBar(
    /// The run whose maps it belongs to.
    run: Run,
    /// The colours.
    ramp: Ramp,
    /// The ends in words.
    #[prop(into)]
    ends: Signal<(String, String)>,
    /// Whether there is but one scale.
    #[prop(optional)]
    fixed: bool,
) -> impl IntoView {
    let lab = use_lab();
    let title = match ramp {
        Ramp::Attention => t("Share of attention"),
        Ramp::Sides => t("Share of attention: orange on words, blue on what is no text"),
        Ramp::Dominance => {
            t("Blue: the picture draws more per token. Orange: words do. Full at a factor of 16")
        }
    };
    view! {
        <div class="scale-row">
            {(!fixed).then(|| view! {
                <Switch
                    label=t("Scale of the maps")
                    choices=vec![
                        (Scale::Absolute, t("absolute"), t("One scale for all tokens and layers of this run: maps can be compared")),
                        (Scale::Relative, t("relative"), t("Each map up to its own largest value")),
                    ]
                    chosen=run.view.scale
                />
            })}
            <div class="colour-bar" title=title>
                <span>{move || ends.get().0}</span>
                <i style:background=move || ramp.gradient(&lab.palette.get())></i>
                <span>{move || ends.get().1}</span>
            </div>
        </div>
    }
}

/// The end of a map's scale: a few cells may lie beyond an absolute one's.
pub fn scale_end(scale: Scale, end: &str) -> String {
    match scale {
        Scale::Absolute => format!("≥ {end}"),
        Scale::Relative => end.to_owned(),
    }
}
