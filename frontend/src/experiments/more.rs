//! The form's finer choices: templates, sizes, and how prune and replicate are meant.

use leptos::prelude::*;
use shared::api::{ModelEntry, ModelState};
use shared::experiment::ExperimentSpec;
use shared::experiment::paper::{PRUNE, REPLICATE};
use shared::{
    CopyPositions, ImageFit, ModelTraits, PictureUse, PruneBy, PruneCount, PrunePositions, Resizing,
};

use super::form::{Box, put};
use crate::lab::use_lab;
use crate::language::t;
use crate::models::traits;

/// Seed of the noise: any will do, and the same one makes experiments comparable.
const NOISE_SEED: u32 = 1;
/// The models of the paper's families that ship with the lab.
const DEMOS: [&str; 2] = ["demo-llava", "demo-qwen"];

/// One press for what the paper ran, on the models that are here.
#[component]
pub(super) fn PaperGrid(spec: RwSignal<ExperimentSpec>) -> impl IntoView {
    let lab = use_lab();
    let fill_in = move |_| {
        let ready = |name: &&str| {
            let here = |m: &ModelEntry| m.name == *name && m.state == ModelState::Ready;
            lab.models.with_untracked(|all| all.iter().any(here))
        };
        let models: Vec<String> = DEMOS.into_iter().filter(ready).map(str::to_owned).collect();
        spec.update(|s| {
            if !models.is_empty() {
                s.models = models;
            }
            s.prune = PRUNE.to_vec();
            s.replicate = REPLICATE.to_vec();
            s.one_at_a_time = true;
        });
    };
    view! {
        <button type="button" class="button" data-testid="paper-grid" on:click=fill_in
            title=t("Both families, four prune rates, three replications, one moved at a time")>
            {t("The paper’s grid")}
        </button>
    }
}

/// Puts in, or takes out, what claims are measured against: as many tokens dropped by chance, and
/// nothing in the picture's place.
fn controls(spec: &mut ExperimentSpec, on: bool) {
    (spec.prune_by, spec.pictures) = (Vec::new(), Vec::new());
    if on {
        let noise = PictureUse::Noise(NOISE_SEED);
        spec.prune_by = vec![PruneBy::Score, PruneBy::Random(NOISE_SEED)];
        spec.pictures = vec![PictureUse::Own, PictureUse::Blank, noise, PictureUse::None];
    }
}

/// Whether floors and pruning by chance are run, too.
#[component]
pub(super) fn Controls(spec: RwSignal<ExperimentSpec>) -> impl IntoView {
    view! {
        <label class="check" title=t("A blank picture, noise and the question alone: what is right without seeing. And as many tokens dropped by chance: what a score must beat.")>
            <input type="checkbox" data-testid="controls"
                prop:checked=move || spec.with(|s| !s.pictures.is_empty())
                on:change=move |event| {
                    let on = event_target_checked(&event);
                    spec.update(|s| controls(s, on));
                }/>
            " "{t("with floors and pruning by chance")}
        </label>
    }
}

/// Whether prune and replicate are moved one at a time; asked only where both are moved.
#[component]
pub(super) fn OneAtATime(spec: RwSignal<ExperimentSpec>) -> impl IntoView {
    let both = Memo::new(move |_| spec.with(|s| s.prune.len() > 1 && s.replicate.len() > 1));
    view! {
        <Show when=move || both.get()>
            <label class="check" title=t("As the paper does: the other one stands at its first value meanwhile")>
                <input type="checkbox" data-testid="one-at-a-time"
                    prop:checked=move || spec.with(|s| s.one_at_a_time)
                    on:change=move |event| {
                        let on = event_target_checked(&event);
                        spec.update(|s| s.one_at_a_time = on);
                    }/>
                " "{t("move prune and replicate one at a time")}
            </label>
        </Show>
    }
}

/// Templates, sizes, and how the levers are meant.
#[component]
pub(super) fn MoreOptions(spec: RwSignal<ExperimentSpec>) -> impl IntoView {
    let lab = use_lab();
    let chosen = Memo::new(move |_| {
        spec.with(|s| {
            lab.models.with(|all| s.models.iter().map(|m| traits(all, m)).collect::<Vec<_>>())
        })
    });
    // Where no chosen model has a choice, there is none to be made.
    let templates = Memo::new(move |_| {
        chosen.with(|all| {
            let several = |m: &&ModelTraits| m.templates.as_ref().is_some_and(|t| t.len() > 1);
            let names = all.iter().filter(several).flat_map(|m| m.templates.iter().flatten());
            let mut names: Vec<String> = names.cloned().collect();
            names.sort();
            names.dedup();
            names
        })
    });
    let any_size = Memo::new(move |_| chosen.with(|all| all.iter().any(|m| !m.one_size)));
    view! {
        <Show when=move || !templates.with(Vec::is_empty)>
            <fieldset>
                <legend title=t("None chosen: each model’s own")>{t("Templates")}</legend>
                <div class="boxes">
                    {move || templates.get().into_iter().map(|name| {
                        let (own, of) = (Some(name.clone()), Some(name.clone()));
                        view! {
                            <Box
                                label=name.clone()
                                note=String::new()
                                testid=format!("template-{name}")
                                on=Signal::derive(move || spec.with(|s| s.templates.contains(&of)))
                                set=Callback::new(move |on: bool| spec.update(|s| {
                                    put(&mut s.templates, own.clone(), on);
                                    s.templates.retain(Option::is_some);
                                    if s.templates.is_empty() {
                                        s.templates.push(None);
                                    }
                                }))
                            />
                        }
                    }).collect_view()}
                </div>
            </fieldset>
        </Show>
        <div class="start-row">
            <Show when=move || any_size.get()>
                <label class="wide" title=t("For models that read any size: limits to try, separated by commas; own is the model’s own")>
                    {t("Most pixels")}
                    <input type="text" data-testid="max-pixels" placeholder="own, 200704, 50176"
                        prop:value=move || spec.with(|s| sizes_text(&s.max_pixels))
                        on:change=move |event| {
                            let text = event_target_value(&event);
                            spec.update(|s| s.max_pixels = sizes(&text));
                        }/>
                </label>
            </Show>
            <Choose spec title=t("Not square") choices=[
                ("own", t("as each model has it")),
                ("crop", t("cropped")),
                ("pad", t("padded")),
            ].to_vec() testid="fit" get=|s| s.base.fit.map_or("own", ImageFit::name).to_owned() set=|s, name| {
                s.base.fit = [ImageFit::Crop, ImageFit::Pad].into_iter().find(|f| f.name() == name);
            }/>
            <Choose spec title=t("Resized as by") choices=[
                ("own", t("as each model has it")),
                ("torchvision", "torchvision"),
                ("pillow-13", "Pillow 13"),
                ("pillow-12", "Pillow 12"),
            ].to_vec() testid="resize" get=|s| s.base.resize.map_or("own", Resizing::name).to_owned() set=|s, name| {
                s.base.resize = Resizing::from_name(name);
            }/>
            <Choose spec title=t("Pruning leaves") choices=[
                ("round", t("the nearest number (144, 58, 29)")),
                ("floor", t("the number below (144, 57, 28)")),
            ].to_vec() testid="prune-count" get=|s| s.base.prune_count.unwrap_or_default().name().to_owned() set=|s, name| {
                let named = PruneCount::ALL.into_iter().find(|c| c.name() == name);
                s.base.prune_count = named;
            }/>
            <Choose spec title=t("They stand") choices=[
                ("own", t("as the family has it")),
                ("repacked", t("packed together")),
                ("kept", t("where they stood")),
            ].to_vec() testid="prune-positions" get=|s| {
                s.base.prune_positions.map_or("own", PrunePositions::name).to_owned()
            } set=|s, name| {
                s.base.prune_positions =
                    PrunePositions::ALL.into_iter().find(|p| p.name() == name);
            }/>
            <Choose spec title=t("Copies stand") choices=[
                ("new", t("at new positions")),
                ("shared", t("where the first one does")),
            ].to_vec() testid="copies" get=|s| s.base.copies.unwrap_or_default().name().to_owned() set=|s, name| {
                let named = CopyPositions::ALL.into_iter().find(|c| c.name() == name);
                s.base.copies = named;
            }/>
            <Choose spec title=t("Instead of the picture") choices=[
                ("own", t("the picture itself")),
                ("blank", t("a blank one")),
                ("noise", t("noise")),
                ("none", t("nothing: the question alone")),
            ].to_vec() testid="picture-use" get=|s| match s.base.picture.unwrap_or_default() {
                PictureUse::Own => "own",
                PictureUse::Blank => "blank",
                PictureUse::Noise(_) => "noise",
                PictureUse::None => "none",
            }.to_owned() set=|s, name| {
                s.base.picture = Some(match name {
                    "blank" => PictureUse::Blank,
                    "noise" => PictureUse::Noise(NOISE_SEED),
                    "none" => PictureUse::None,
                    _ => PictureUse::Own,
                });
            }/>
        </div>
    }
}

/// One of several, for every run of the experiment.
#[component]
fn Choose(
    spec: RwSignal<ExperimentSpec>,
    title: &'static str,
    choices: Vec<(&'static str, &'static str)>,
    testid: &'static str,
    get: fn(&ExperimentSpec) -> String,
    set: fn(&mut ExperimentSpec, &str),
) -> impl IntoView {
    view! {
        <label>
            {title}
            <select data-testid=testid on:change=move |event| {
                let name = event_target_value(&event);
                spec.update(|s| set(s, &name));
            }>
                {choices.into_iter().map(|(name, text)| view! {
                    <option value=name selected=move || spec.with(get) == name>{text}</option>
                }).collect_view()}
            </select>
        </label>
    }
}

/// Limits of pixels as they are typed; what is no number is left out, nothing is the model's own.
fn sizes(text: &str) -> Vec<Option<u32>> {
    let parts = text.split([',', ' ', ';']).filter(|part| !part.is_empty());
    let mut all: Vec<Option<u32>> = Vec::new();
    for part in parts {
        let size = match part {
            "own" => Some(None),
            number => number.parse().ok().map(Some),
        };
        if let Some(size) = size.filter(|size| !all.contains(size)) {
            all.push(size);
        }
    }
    if all.is_empty() { vec![None] } else { all }
}

/// Limits as one types them.
fn sizes_text(sizes: &[Option<u32>]) -> String {
    if sizes == [None] {
        return String::new();
    }
    let one = |size: &Option<u32>| size.map_or_else(|| "own".to_owned(), |n| n.to_string());
    sizes.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_typed() {
        assert_eq!(sizes("own, 200704,50176"), [None, Some(200_704), Some(50_176)]);
        assert_eq!(sizes(" 9000; many 9000"), [Some(9000)]);
        assert_eq!(sizes(""), [None]);
        assert_eq!(sizes_text(&[None]), "");
        assert_eq!(sizes_text(&sizes("200704 own")), "200704, own");
    }
}
