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
    /// MDI and other ratios: diverging around 1 on their logarithm.
    Dominance,
}

impl Ramp {
    /// The colours as a CSS gradient.
    fn gradient(self, palette: &Palette) -> String {
        const STEPS: u32 = 12;
        let colour = |i: u32| -> Rgb {
            let t = f64::from(i) / f64::from(STEPS);
            match self {
                Ramp::Attention => palette.scale.0.mix(palette.scale.1, t),
                Ramp::Dominance => palette.dominance_at(t),
            }
        };
        let stops: Vec<String> = (0..=STEPS).map(|i| colour(i).css()).collect();
        format!("linear-gradient(90deg, {})", stops.join(", "))
    }
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
