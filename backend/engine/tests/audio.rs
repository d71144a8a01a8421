//! Qwen2-Audio against transformers, number by number: a tiny checkpoint (tests/goldens/qwen2-audio) and the
//! demo model with its own reference.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use shared::{
    Definition, ErrorCode, Group, Knockout, PictureUse, Place, Quant, RunOptions, Span, WhyChanged,
};

use crate::common::{Close, Golden, Recording, Tensors, device};
use engine::{LoadOptions, Model, Picture, Sound, SoundLimits, traits_of};

const NAME: &str = "qwen2-audio";

fn load(place: &Path, quant: Quant) -> Model {
    let options = LoadOptions { name: NAME.to_owned(), quant, device: device() };
    Model::load(place, &options, &mut |_, _| {}).unwrap()
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../training/models/demo-audio")
}

fn sound(file: &Path) -> Sound {
    Sound::decode(&std::fs::read(file).unwrap(), &SoundLimits::default()).unwrap()
}

fn asked(prompt: &str) -> RunOptions {
    RunOptions {
        prompt: prompt.to_owned(),
        quant: Quant::F32,
        max_new_tokens: 20,
        ..RunOptions::default()
    }
}

/// The golden, its model in f32, its sound and its question.
fn tiny() -> (Golden, Model, Sound, RunOptions) {
    let golden = Golden::open(NAME);
    let model = load(&golden.folder, Quant::F32);
    let heard = sound(&golden.folder.join("sound.wav"));
    let text = golden.json["raw"]["text"].as_str().unwrap();
    let options = RunOptions { ignore_eos: true, ..asked(text) };
    (golden, model, heard, options)
}

fn run(model: &Model, sounds: &[Sound], options: &RunOptions) -> Recording {
    let prepared = model.prepare(sounds, options).unwrap();
    let mut seen = Recording::default();
    model.run(&prepared, &mut seen).unwrap().unwrap();
    assert_eq!(seen.ids().len(), prepared.prompt_tokens(), "as was reckoned before");
    seen
}

#[test]
fn the_tiny_checkpoint_equals_transformers() {
    let (golden, model, heard, options) = tiny();
    assert_eq!(model.info().notes, Vec::<String>::new());
    let seen = run(&model, &[heard], &options);
    assert_eq!(seen.ids(), golden.ids("input_ids"));
    assert_eq!(seen.generated(), golden.ids("generated_ids"));
    let vocab = model.info().vocab as usize;
    let last = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
    let logits = [last, &seen.decode_logits].concat();
    Close::relative(1e-5).check(&logits, &golden.f32("logits_generated"), "logits");
    let (l, h) = (model.info().layers as usize, model.info().heads as usize);
    let (s, n) = (seen.ids().len(), 20);
    let (prefill, generated) = seen.dense_maps(l, h, s, n);
    let attention = Close::absolute(1e-5).wider_on_gpu();
    attention.check(&prefill, &golden.f32("prefill"), "attention");
    // Between its own pass with a cache and without one the reference allows itself 2e-5.
    let generating = Close::absolute(2e-5).wider_on_gpu();
    generating.check(&generated, &golden.f32("generated"), "attention while generating");
    let observation = seen.observation();
    for layer in 0..l {
        let ours = observation.measure(layer, &Definition::default());
        let want = |name: &str| golden.json[name][layer].as_f64().unwrap();
        let close = Close::relative(1e-4);
        close.check64(ours.mdi.unwrap(), want("mdi"), &format!("MDI of layer {layer}"));
        close.check64(ours.aei_text.unwrap(), want("aei_text"), &format!("AEI of layer {layer}"));
    }
}

#[test]
fn tokens_carry_their_groups_and_their_time() {
    let (golden, model, heard, options) = tiny();
    let layout = run(&model, &[heard], &options).layout.unwrap();
    let counts = layout.counts();
    assert_eq!(Some(u64::from(counts.get(Group::Audio))), golden.number("n_media"));
    assert_eq!(layout.media, [shared::Medium::Audio { length: 1370 }]);
    let of = |group: Group| -> String {
        let tokens = layout.tokens.iter().filter(|t| t.group == group);
        tokens.map(|t| t.text.as_str()).collect()
    };
    let marks = of(Group::Marker);
    assert!(marks.contains("Audio 1: <|audio_bos|><|audio_eos|>"), "{marks}");
    assert_eq!(of(Group::Instruction), "What does it say?");
    assert_eq!(of(Group::System), "You are a helpful assistant.");
    let places = layout.tokens.iter().filter_map(|t| t.place);
    let span = |i: u32| Place::Span(Span { start: 40 * i, end: 40 * (i + 1) });
    assert_eq!(places.collect::<Vec<_>>(), (0..34).map(span).collect::<Vec<_>>());
    assert!(layout.tokens.iter().all(|t| (t.group == Group::Audio) == (t.medium == Some(0))));
}

#[test]
fn the_demo_model_equals_its_reference() {
    let model = load(&demo(), Quant::F32);
    // It wishes for longer answers; nothing else is to be said of its files.
    let [wish] = model.info().notes.as_slice() else { panic!("{:?}", model.info().notes) };
    assert!(wish.contains("max_new_tokens"), "{wish}");
    assert_eq!(model.templates(), ["qwen2-audio"]);
    let reference = Tensors::open(&demo().join("reference.safetensors"));
    let text = std::fs::read_to_string(demo().join("reference.json")).unwrap();
    let samples: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    for (i, sample) in samples.iter().enumerate() {
        let file = demo().join("samples").join(sample["file"].as_str().unwrap());
        let seen = run(&model, &[sound(&file)], &asked(sample["prompt"].as_str().unwrap()));
        let what = sample["title"].as_str().unwrap();
        assert_eq!(seen.ids(), reference.ids(&format!("{i}.input_ids")), "{what}");
        assert_eq!(seen.generated(), reference.ids(&format!("{i}.generated_ids")), "{what}");
        let vocab = model.info().vocab as usize;
        let last = &seen.prefill_logits[seen.prefill_logits.len() - vocab..];
        Close::relative(1e-5).check(last, &reference.f32(&format!("{i}.logits")), what);
        let (l, h) = (model.info().layers as usize, model.info().heads as usize);
        let (s, n) = (seen.ids().len(), seen.generated().len());
        let (prefill, _) = seen.dense_maps(l, h, s, n.max(2));
        let rows: Vec<f32> =
            prefill.chunks(s * s).flat_map(|map| map[s * (s - 1)..].to_vec()).collect();
        let want = reference.f32(&format!("{i}.attention"));
        Close::absolute(1e-5).wider_on_gpu().check(&rows, &want, &format!("{what}: attention"));
    }
}

#[test]
fn two_sounds_stand_one_after_the_other_each_in_its_bin() {
    let (_, model, heard, options) = tiny();
    let other = Sound { samples: heard.samples[..12_800].to_vec(), ..heard };
    let layout = run(&model, &[heard, other], &options).layout.unwrap();
    assert_eq!(layout.media_counts(), [34, 20]);
    let marks: String = layout
        .tokens
        .iter()
        .filter(|t| t.group == Group::Marker)
        .map(|t| t.text.as_str())
        .collect();
    assert!(marks.contains("Audio 1: ") && marks.contains("Audio 2: "), "{marks}");
    assert_eq!(layout.bins.of_group(Group::Audio).count(), 2);
}

#[test]
fn a_sound_is_cut_where_the_model_stops_hearing_and_that_is_said() {
    let (_, model, heard, options) = tiny();
    let long = Sound { samples: heard.samples.repeat(2), ..heard };
    let prepared = model.prepare(&long, &options).unwrap();
    assert_eq!(prepared.image_tokens(), 50, "two seconds");
    let [cut] = prepared.options().changed.as_slice() else { panic!("one is changed") };
    assert_eq!((cut.asked.as_str(), cut.used.as_str()), ("2.74", "2.00"));
    assert_eq!(cut.why, WhyChanged::AboveModelLimit);
    let again = model.prepare(&long, prepared.options()).unwrap();
    assert_eq!(again.options().changed.len(), 1, "it is said once");
    assert!(model.prepare(&heard, &options).unwrap().options().changed.is_empty());
}

#[test]
fn the_levers_hold_for_sounds() {
    let (_, model, heard, options) = tiny();
    let sounds = [heard];
    let twice = run(&model, &sounds, &RunOptions { replicate: 2, ..options.clone() });
    assert_eq!(twice.layout.unwrap().media_counts(), [68]);
    let pruned = run(&model, &sounds, &RunOptions { prune: 0.5, ..options.clone() });
    let layout = pruned.layout.unwrap();
    assert_eq!(layout.media_counts(), [17]);
    assert!(layout.tokens.iter().filter_map(|t| t.place).is_sorted_by_key(|place| match place {
        Place::Span(span) => span.start,
        _ => u32::MAX,
    }));
    let none = run(&model, &sounds, &RunOptions { picture: PictureUse::None, ..options.clone() });
    assert!(none.layout.unwrap().media.is_empty());
    let blank = RunOptions { picture: PictureUse::Blank, ..options.clone() };
    let blank = model.prepare(&sounds[..], &blank).unwrap();
    // Silence is the floor of all energies: (log10(1e-10) + 4) / 4.
    assert!(blank.log_mel_of(0).iter().all(|energy| *energy == -1.5));
    let knockout: Knockout = "text>audio".parse().unwrap();
    let knocked = run(&model, &sounds, &RunOptions { knockout: Some(knockout), ..options });
    let flow = &knocked.flows[0];
    let (audio, instruction) = (4, 5);
    let bins = knocked.layout.as_ref().unwrap().bins.len();
    for head in flow.mass.0.chunks(bins * bins) {
        assert_eq!(head[instruction * bins + audio], 0.0);
    }
}

#[test]
fn what_a_model_does_not_take_is_refused() {
    let (_, model, heard, options) = tiny();
    let code = |refused: Result<engine::Prepared, engine::EngineError>| {
        let error = refused.unwrap_err();
        (error.code, error.sentence.unwrap().id)
    };
    let picture = Picture { width: 8, height: 8, rgb: vec![0; 192] };
    let refused = code(model.prepare(&picture, &options));
    assert_eq!(refused, (ErrorCode::BadOption, "model_sees_no_pictures".to_owned()));
    let short = Sound { samples: vec![0.0; 320], rate: 16_000 };
    assert_eq!(code(model.prepare(&short, &options)).1, "sound_too_short");
    let noise = RunOptions { picture: PictureUse::Noise(1), ..options.clone() };
    assert_eq!(code(model.prepare(&heard, &noise)).1, "no_noise_for_sounds");
    let many = vec![heard.clone(); 10];
    assert_eq!(code(model.prepare(many.as_slice(), &options)).1, "media_more_than_prompt_has");
    let other = load(&Golden::open("llava-mha").folder, Quant::F32);
    let refused = code(other.prepare(&heard, &options));
    assert_eq!(refused, (ErrorCode::BadOption, "model_hears_no_sounds".to_owned()));
}

#[test]
fn it_is_known_at_a_glance() {
    let traits = traits_of(demo()).unwrap();
    assert_eq!(traits.templates.unwrap(), ["qwen2-audio"]);
    assert_eq!(traits.layers, Some(8));
}
