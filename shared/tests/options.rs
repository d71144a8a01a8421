//! From what a person asked to what a run uses: the one function that fills options in.
#![allow(clippy::unwrap_used, missing_docs)]

use shared::options::{resolve, resolve_settings, shortest};
use shared::{
    AskedOptions, ErrorCode, ImageFit, LayerBand, ModelDefaults, ModelTraits, PruneCount,
    PrunePositions, Quant, RunOptions, WhyChanged,
};

fn llava() -> ModelTraits {
    ModelTraits {
        one_size: true,
        templates: Some(vec!["llava-hf".into(), "vicuna-v1".into()]),
        prune_positions: Some(PrunePositions::Repacked),
        layers: Some(32),
        ..ModelTraits::default()
    }
}

fn qwen() -> ModelTraits {
    ModelTraits {
        quant: Quant::Stored,
        pixels: Some((3_136, 1_003_520)),
        templates: Some(vec!["qwen2.5-vl".into()]),
        prune_positions: Some(PrunePositions::Kept),
        layers: Some(28),
        ..ModelTraits::default()
    }
}

fn entry() -> ModelDefaults {
    ModelDefaults {
        name: "mine".into(),
        quant: Some(Quant::Q4k),
        template: Some("vicuna-v1".into()),
    }
}

fn asked() -> AskedOptions {
    AskedOptions { prompt: "What is it?".into(), ..AskedOptions::default() }
}

fn run(asked: &AskedOptions, defaults: &ModelDefaults, model: &ModelTraits) -> RunOptions {
    resolve(asked, defaults, model).unwrap()
}

#[test]
fn a_person_comes_before_the_registry_and_the_registry_before_the_model() {
    let of_model = run(&asked(), &ModelDefaults::default(), &llava());
    assert_eq!((of_model.template.as_str(), of_model.quant), ("llava-hf", Quant::Q8_0));
    let of_entry = run(&asked(), &entry(), &llava());
    assert_eq!((of_entry.template.as_str(), of_entry.quant), ("vicuna-v1", Quant::Q4k));
    assert_eq!(of_entry.model, "mine");
    let own =
        AskedOptions { template: Some("llava-hf".into()), quant: Some(Quant::F32), ..asked() };
    let own = run(&own, &entry(), &llava());
    assert_eq!((own.template.as_str(), own.quant), ("llava-hf", Quant::F32));
    // What files are quantized in stands where nobody says.
    assert_eq!(run(&asked(), &ModelDefaults::default(), &qwen()).quant, Quant::Stored);
}

#[test]
fn what_depends_on_the_model_is_filled_in() {
    let pruned = AskedOptions { prune: Some(0.75), ..asked() };
    let at = |model: &ModelTraits| run(&pruned, &ModelDefaults::default(), model).prune_positions;
    assert_eq!(at(&llava()), Some(PrunePositions::Repacked));
    assert_eq!(at(&qwen()), Some(PrunePositions::Kept));
    let plain = run(&asked(), &ModelDefaults::default(), &qwen());
    assert_eq!((plain.prune_positions, plain.max_pixels), (None, Some(1_003_520)));
    // Where nothing is dropped there is nothing that stands anywhere, whatever was asked.
    let idle = AskedOptions { prune_positions: Some(PrunePositions::Kept), ..asked() };
    assert_eq!(run(&idle, &ModelDefaults::default(), &llava()).prune_positions, None);
    assert_eq!(run(&asked(), &ModelDefaults::default(), &llava()).max_pixels, None);
    let hidden = AskedOptions { knockout: "text>image".parse().ok(), ..asked() };
    let hidden = run(&hidden, &ModelDefaults::default(), &llava()).knockout.unwrap();
    assert_eq!(hidden.layers, Some(LayerBand { first: 0, last: 31 }));
}

#[test]
fn what_is_not_used_as_asked_is_told() {
    let large = AskedOptions { max_pixels: Some(2_000_000), ..asked() };
    let large = run(&large, &ModelDefaults::default(), &qwen());
    assert_eq!(large.max_pixels, Some(1_003_520));
    let told: Vec<_> = large.changed.iter().map(|c| (c.option.as_str(), c.why)).collect();
    assert_eq!(told, [("max_pixels", WhyChanged::AboveModelLimit)]);
    assert_eq!(
        large.changed[0].to_string(),
        "max_pixels 2000000 is above the model's own limit: 1003520 holds"
    );
    let padded = AskedOptions { fit: Some(ImageFit::Pad), ..asked() };
    let on_qwen = run(&padded, &ModelDefaults::default(), &qwen());
    assert_eq!((on_qwen.fit, on_qwen.changed[0].why), (ImageFit::Crop, WhyChanged::ReadsAnySize));
    let on_llava = run(&padded, &ModelDefaults::default(), &llava());
    assert_eq!((on_llava.fit, on_llava.changed.len()), (ImageFit::Pad, 0));
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let refused = |asked: AskedOptions, defaults: &ModelDefaults, model: &ModelTraits| {
        let error = resolve(&asked, defaults, model).unwrap_err();
        (error.code, error.message)
    };
    let none = ModelDefaults::default();
    let (code, why) =
        refused(AskedOptions { template: Some("vicuna".into()), ..asked() }, &none, &llava());
    assert!(code == ErrorCode::BadOption && why.contains("llava-hf, vicuna-v1"), "{why}");
    let (_, why) = refused(asked(), &entry(), &qwen());
    assert!(why.contains("entry of mine") && why.contains("'vicuna-v1'"), "{why}");
    let small = |n| AskedOptions { max_pixels: Some(n), ..asked() };
    assert!(refused(small(900), &none, &llava()).1.contains("at one size"));
    assert!(refused(small(900), &none, &qwen()).1.contains("at least 3136"));
    assert_eq!(refused(AskedOptions::default(), &none, &qwen()).0, ErrorCode::PromptEmpty);
}

/// What a run used, asked again, is the same run: on the model it was resolved for nothing moves.
#[test]
fn resolving_twice_changes_nothing() {
    for (model, pixels) in [(llava(), None), (qwen(), Some(50_176))] {
        let first = AskedOptions {
            prune: Some(0.9),
            prune_count: Some(PruneCount::Floor),
            max_pixels: pixels,
            knockout: "text>image@3-4".parse().ok(),
            ..asked()
        };
        let once = run(&first, &ModelDefaults::default(), &model);
        assert_eq!(run(&AskedOptions::from(&once), &ModelDefaults::default(), &model), once);
        assert_eq!(once.on(&model).unwrap(), once);
    }
    // A loaded model knows what was not known before, and keeps what was told.
    let asked = AskedOptions { max_pixels: Some(2_000_000), ..asked() };
    let known = run(&asked, &ModelDefaults::default(), &qwen());
    assert_eq!(known.on(&qwen()).unwrap(), known);
    let unknown =
        resolve_settings(&asked, &ModelDefaults::default(), &ModelTraits::default()).unwrap();
    assert_eq!((unknown.template.as_str(), unknown.changed.len()), ("", 0));
    assert_eq!(unknown.on(&qwen()).unwrap(), known);
}

/// What was one model's own is left to the next one: its template, frame, limit of pixels, where tokens stand, and
/// all of its layers.
#[test]
fn what_was_the_models_own_is_not_asked_of_another() {
    let none = ModelDefaults::default();
    let wished = AskedOptions {
        prune: Some(0.75),
        knockout: "text>image".parse().ok(),
        max_new_tokens: Some(7),
        ..asked()
    };
    let on_llava = run(&wished, &none, &llava());
    assert_eq!(on_llava.knockout.as_ref().unwrap().layers, Some(LayerBand { first: 0, last: 31 }));
    let again = shortest(&on_llava, &none, &llava());
    assert_eq!(again, wished);
    // The same wish of another model: its own template, positions and layers, as if asked anew.
    assert_eq!(run(&again, &none, &qwen()), run(&wished, &none, &qwen()));
    let on_qwen = run(&again, &none, &qwen());
    assert_eq!(on_qwen.prune_positions, Some(PrunePositions::Kept));
    assert_eq!(on_qwen.knockout.unwrap().layers, Some(LayerBand { first: 0, last: 27 }));
    // A folder that pads: its own frame is not a wish, another one is.
    let pads = ModelTraits { fit: Some(ImageFit::Pad), ..llava() };
    let padded = run(&wished, &none, &pads);
    assert_eq!((padded.fit, shortest(&padded, &none, &pads).fit), (ImageFit::Pad, None));
    let cropped = RunOptions { fit: ImageFit::Crop, ..padded };
    assert_eq!(shortest(&cropped, &none, &pads).fit, Some(ImageFit::Crop));
    // The registry's template is the entry's own.
    let of_entry = run(&asked(), &entry(), &llava());
    assert_eq!(shortest(&of_entry, &entry(), &llava()).template, None);
    assert_eq!(shortest(&of_entry, &none, &llava()).template, Some("vicuna-v1".into()));
    // Of a model that is not known nothing can be left out.
    let unknown = ModelTraits::default();
    assert_eq!(shortest(&on_llava, &none, &unknown), AskedOptions::from(&on_llava));
}

/// What is asked shortly gives the same run.
#[test]
fn the_shortest_wish_gives_the_same_run() {
    for model in [llava(), qwen(), ModelTraits { fit: Some(ImageFit::Pad), ..llava() }] {
        for wished in [
            asked(),
            AskedOptions { prune: Some(0.5), prune_count: Some(PruneCount::Floor), ..asked() },
            AskedOptions { fit: Some(ImageFit::Crop), quant: Some(Quant::F32), ..asked() },
            AskedOptions {
                knockout: "all>image@2-5".parse().ok(),
                ignore_eos: Some(true),
                ..asked()
            },
        ] {
            let defaults = ModelDefaults::default();
            let first = run(&wished, &defaults, &model);
            let again = run(&shortest(&first, &defaults, &model), &defaults, &model);
            assert_eq!(RunOptions { changed: first.changed.clone(), ..again }, first);
        }
    }
}
