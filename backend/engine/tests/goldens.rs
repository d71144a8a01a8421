//! The engine against transformers, number by number (tests/goldens/README.md says what is what).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at the first surprise")]

use crate::common::{Close, Golden, Recording, checkpoints, device};
use engine::{DeviceChoice, LoadOptions, Model, NoObserver, Picture};
use shared::{Definition, Group, Observation, Quant, RunOptions};

fn model(golden: &Golden, quant: Quant) -> Model {
    model_on(device(), golden, quant)
}

fn model_on(device: DeviceChoice, golden: &Golden, quant: Quant) -> Model {
    let options = LoadOptions { name: golden.name.clone(), quant, device };
    Model::load(&golden.folder, &options, &mut |_, _| {}).unwrap()
}

fn options(golden: &Golden) -> RunOptions {
    RunOptions {
        prompt: golden.text("text"),
        quant: Quant::F32,
        max_new_tokens: 20,
        ignore_eos: true,
        ..RunOptions::default()
    }
}

#[test]
fn logits_attention_and_tokens_equal_transformers() {
    for golden in checkpoints() {
        let model = model(&golden, Quant::F32);
        let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
        let prepared = prepared.with_pixels(golden.f32("pixel_values"));
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        let at = &golden.name;

        assert_eq!(seen.ids(), golden.ids("input_ids"), "{at}: prompt ids");
        assert_eq!(seen.generated(), golden.ids("generated_ids"), "{at}: generated ids");
        let prefixes = golden.texts("generated_prefixes");
        assert_eq!(seen.answer(), *prefixes.last().unwrap(), "{at}: answer");

        let logits = Close::relative(1e-4);
        logits.check(&seen.prefill_logits, &golden.f32("logits_prefill"), &format!("{at}: logits"));
        // Row k predicts generated token k; row 0 is the last prompt row.
        let vocab = model.info().vocab as usize;
        let predicting = golden.f32("logits_generated");
        logits.check(&seen.decode_logits, &predicting[vocab..], &format!("{at}: decode logits"));

        let (l, h) = (model.info().layers as usize, model.info().heads as usize);
        let (s, n) = (seen.ids().len(), 20);
        let attention = Close::absolute(1e-5);
        let (prefill, generated) = seen.dense_maps(l, h, s, n);
        attention.check(&prefill, &golden.f32("attention_prefill"), &format!("{at}: attention"));
        let want = golden.f32("attention_generated");
        attention.check(&generated, &want, &format!("{at}: attention while generating"));
        for (i, row) in prefill.chunks(s).enumerate() {
            let position = i % s;
            assert!(row[position + 1..].iter().all(|p| *p == 0.0), "{at}: row {i} looks ahead");
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{at}: row {i} is no share");
        }

        // MDI and AEI: ours, from flows, and the plain formula over the reference's maps.
        let observation = seen.observation();
        for layer in 0..l {
            let ours = observation.measure(layer, &Definition::default());
            let theirs = golden.paper(layer);
            let close = Close::relative(1e-6);
            close.check64(ours.mdi.unwrap(), theirs.mdi, &format!("{at}: MDI of layer {layer}"));
            let aei = ours.aei_text.unwrap();
            close.check64(aei, theirs.aei_text, &format!("{at}: AEI of layer {layer}"));
            assert!(ours.identity_residual().unwrap() < 1e-12);
        }
    }
}

#[test]
fn flows_are_sums_of_the_maps() {
    for golden in checkpoints() {
        let model = model(&golden, Quant::F32);
        let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        let (l, h) = (model.info().layers as usize, model.info().heads as usize);
        let (s, n) = (seen.ids().len(), 20);
        let (prefill, generated) = seen.dense_maps(l, h, s, n);
        let layout = seen.layout.clone().unwrap();
        let group = |p: usize| layout.tokens.get(p).map_or(Group::Generated, |t| t.group);
        let close = Close::absolute(2e-5);
        for layer in 0..l {
            let flow = &seen.flows[layer];
            for head in 0..h {
                for q in Group::ALL {
                    for k in Group::ALL {
                        let mut want = 0.0;
                        for i in (0..s).filter(|i| group(*i) == q) {
                            let row = &prefill[((layer * h + head) * s + i) * s..][..s];
                            want += (0..s).filter(|j| group(*j) == k).map(|j| row[j]).sum::<f32>();
                        }
                        close.check(&[flow.get(&layout.bins, head, q, k)], &[want], "flow");
                    }
                }
            }
            let mut mean = vec![0.0; s + n - 1];
            for (t, token) in seen.tokens.iter().enumerate().skip(1) {
                mean.fill(0.0);
                for head in 0..h {
                    let at = ((layer * h + head) * (n - 1) + t - 1) * (s + n - 1);
                    let row = &generated[at..at + s + n - 1];
                    for k in Group::ALL {
                        let keys = (0..row.len()).filter(|j| group(*j) == k);
                        let want: f32 = keys.map(|j| row[j]).sum();
                        close.check(
                            &[token.flow.get(&layout.bins, layer, head, k)],
                            &[want],
                            "token flow",
                        );
                    }
                    mean.iter_mut().zip(row).for_each(|(m, p)| *m += p / h as f32);
                }
                let row = token.flow.row(layer).unwrap();
                assert_eq!(row.len(), s + t, "a row has the keys it could see");
                close.check(row, &mean[..s + t], "row");
            }
        }
    }
}

#[test]
fn observing_changes_nothing() {
    struct Tokens(Vec<(u32, f32)>);
    impl engine::Observer for Tokens {
        fn wants(&self) -> engine::Wants {
            engine::Wants::default()
        }
        fn token(&mut self, token: engine::GeneratedToken) -> engine::Control {
            self.0.push((token.id, token.logprob));
            engine::Control::Continue(())
        }
    }
    for golden in checkpoints() {
        for quant in [Quant::F32, Quant::F16, Quant::Q8_0, Quant::Q4k] {
            let model = model(&golden, quant);
            let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
            let mut seen = Recording::default();
            model.run(&prepared, &mut seen).unwrap().unwrap();
            let mut unobserved = Tokens(Vec::new());
            model.run(&prepared, &mut unobserved).unwrap().unwrap();
            // Not only the same tokens: the same probabilities, to the last bit.
            let observed: Vec<_> = seen.tokens.iter().map(|t| (t.id, t.logprob)).collect();
            assert_eq!(observed, unobserved.0, "{} {quant:?}", golden.name);
        }
    }
}

/// As stored: the reference computed with the stored values, so this is as exact as f32.
#[test]
fn weights_held_as_stored_equal_transformers() {
    let types = [("llava-mha", "f32"), ("llava-v4", "f16"), ("llava-headdim", "bf16")]
        .into_iter()
        .chain([("qwen-square", "f32"), ("qwen-wide", "bf16"), ("qwen-exact", "f16")])
        .chain([("qwen2-tall", "f32"), ("qwen2-wide", "bf16")])
        .chain([("qwen3-tall", "f32"), ("qwen3-wide", "bf16")])
        .chain([("internvl-qwen2", "f32"), ("internvl-qwen3", "bf16")])
        .chain([("interleave-full", "f32"), ("interleave-v4", "bf16")]);
    for (name, kind) in types {
        let golden = Golden::open(name);
        let model = model_on(DeviceChoice::Cpu, &golden, Quant::Stored);
        let held: Vec<&str> = model.info().held.keys().map(String::as_str).collect();
        assert_eq!(held, [kind], "{name}");
        let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
        let prepared = prepared.with_pixels(golden.f32("pixel_values"));
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        assert_eq!(seen.generated(), golden.ids("generated_ids"), "{name}");
        let logits = Close::relative(1e-4);
        logits.check(&seen.prefill_logits, &golden.f32("logits_prefill"), name);
    }
}

#[test]
fn answers_end_where_the_model_ends_them() {
    for golden in checkpoints() {
        let model = model(&golden, Quant::F32);
        let options = RunOptions { ignore_eos: false, ..options(&golden) };
        let prepared = model.prepare(&golden.picture(), &options).unwrap();
        let prepared = prepared.with_pixels(golden.f32("pixel_values"));
        let summary = model.run(&prepared, &mut NoObserver).unwrap().unwrap();
        let want = golden.number("generated_until_eos").unwrap_or(20);
        assert_eq!(u64::from(summary.tokens), want, "{}", golden.name);
    }
}

#[test]
fn what_a_person_types_stays_text() {
    for golden in checkpoints() {
        let model = model(&golden, Quant::F32);
        let picture = golden.picture();
        for case in golden.text_cases() {
            for (template, want) in golden.templates(&case) {
                let options = RunOptions {
                    prompt: case.text.clone(),
                    template: template.to_owned(),
                    max_new_tokens: 1,
                    ..RunOptions::default()
                };
                let prepared = model.prepare(&picture, &options).unwrap();
                assert_eq!(prepared.prompt_tokens(), want.len());
                let mut seen = Recording::default();
                model.run(&prepared, &mut seen).unwrap().unwrap();
                assert_eq!(seen.ids(), *want, "{} {template}: {:?}", golden.name, case.text);
                let layout = seen.layout.unwrap();
                let counts = layout.counts();
                assert_eq!(counts.get(Group::Begin), 1);
                // Qwen's delimiters: turn marks, five or without a system turn three, the first of
                // which is Begin, and two around the picture.
                let marks = match template {
                    "qwen2-vl" | "qwen2.5-vl" => 6,
                    "qwen3-vl" | "internvl" => 4,
                    "llava-interleave" => 2,
                    _ => 0,
                };
                assert_eq!(counts.get(Group::Marker), marks);
                let patches = layout.picture().unwrap();
                let patches = u32::from(patches.rows) * u32::from(patches.cols);
                assert_eq!(counts.get(Group::Image), patches);
                let has_system = ["vicuna-v1", "qwen2-vl", "qwen2.5-vl"].contains(&template);
                assert_eq!(counts.get(Group::System) > 0, has_system);
                let typed = counts.get(Group::Instruction);
                assert!((typed == 0) == case.text.is_empty(), "{:?}: {typed}", case.text);
            }
        }
    }
}

/// The resolution sweep: the layout, the cells, the flows and the report count the tokens that
/// are really there.
#[test]
fn a_smaller_limit_means_fewer_picture_tokens() {
    let golden = Golden::open("qwen-square");
    let model = model(&golden, Quant::F32);
    // Larger than every limit, so that it is the limit that decides.
    let rgb = (0..400 * 400).flat_map(|i| [(i % 251) as u8, (i / 400 % 256) as u8, 90]).collect();
    let large = Picture { width: 400, height: 400, rgb };
    let mut tokens = Vec::new();
    for side in [140u32, 145, 168, 190, 200] {
        let options = RunOptions { max_pixels: Some(side * side), ..options(&golden) };
        let prepared = model.prepare(&large, &options).unwrap();
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        let layout = seen.layout.clone().unwrap();
        let image = layout.counts().get(Group::Image);
        let shown = layout.picture().unwrap();
        assert_eq!(u32::from(shown.rows) * u32::from(shown.cols), image);
        assert_eq!(
            (shown.width, shown.height),
            (28 * u32::from(shown.cols), 28 * u32::from(shown.rows))
        );
        assert!(shown.width * shown.height <= side * side, "{side}");
        assert_eq!(prepared.prompt_tokens(), layout.len());
        let cells: Vec<_> = layout.tokens.iter().filter_map(|t| t.cell()).collect();
        assert_eq!(cells.len(), image as usize);
        let last = cells.last().unwrap();
        assert_eq!((last.row + 1, last.col + 1), (shown.rows, shown.cols));
        let observation: Observation = seen.observation();
        let on = observation.attention(0, &Definition::default()).unwrap();
        assert_eq!(on.image_tokens, image, "n_O is what the model was given");
        for head in 0..seen.flows[0].heads as usize {
            let from: f32 = Group::ALL
                .into_iter()
                .map(|k| seen.flows[0].get(&layout.bins, head, Group::Image, k))
                .sum();
            assert!((from - image as f32).abs() < 1e-3, "{from} from {image}");
        }
        tokens.push(image);
    }
    // 140, 145, 168, 190, 200 pixels a side: whole tokens of 28.
    assert_eq!(tokens, [25, 25, 36, 36, 49]);
    // The model's own limit is 40,000: what asks for more gets that, and says so.
    let options = RunOptions { max_pixels: Some(1_000_000), ..options(&golden) };
    let prepared = model.prepare(&large, &options).unwrap();
    assert_eq!(prepared.options().max_pixels, Some(40_000));
    assert_eq!(prepared.image_tokens(), 49);
}

#[test]
fn models_of_a_fixed_size_refuse_a_pixel_limit() {
    let golden = Golden::open("llava-mha");
    let options = RunOptions { max_pixels: Some(900), ..options(&golden) };
    let error = model(&golden, Quant::F32).prepare(&golden.picture(), &options).unwrap_err();
    assert_eq!(error.code, shared::ErrorCode::BadOption);
    assert!(error.message.contains("at one size"), "{}", error.message);
}

#[test]
fn fidelity_tells_equal_from_different() {
    let golden = Golden::open("llava-gqa");
    let exact = model(&golden, Quant::F32);
    let prepared = exact.prepare(&golden.picture(), &options(&golden)).unwrap();
    let same = exact.verify(&prepared).unwrap();
    assert!(same.agrees() && same.tokens == 20 && same.largest_logit_difference == 0.0, "{same:?}");
    // All of the prompt, and the rows of the 19 tokens that predicted another.
    assert_eq!(same.rows as usize, prepared.prompt_tokens() + 19);
    let coarse = model(&golden, Quant::Q4k);
    let theirs = coarse.prepare(&golden.picture(), &options(&golden)).unwrap();
    let off = coarse.compare(&theirs, &exact, &prepared).unwrap();
    assert!(off.largest_logit_difference > 1e-3, "quantization must show: {off:?}");
    assert!(off.largest_logit_difference < off.largest_logit, "{off:?}");
}

#[test]
fn prepared_pixels_equal_the_processors() {
    for golden in checkpoints() {
        let model = model(&golden, Quant::F32);
        let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
        // One 8-bit level of the channel with the smallest deviation.
        let level = Close::absolute(1.01 / 255.0 / 0.261);
        let want = golden.f32("pixel_values");
        level.check(prepared.pixels(), &want, &format!("{}: pixels", golden.name));
        let same = prepared.pixels().iter().zip(&want).filter(|(a, b)| (*a - *b).abs() < 1e-5);
        assert!(same.count() * 100 >= 98 * want.len(), "{}: not just rounding", golden.name);
    }
}

/// 16-bit weights halve the memory; what that does to the logits is bounded, on every checkpoint.
#[test]
fn sixteen_bit_weights_drift_little() {
    let mut rounded = 0;
    for golden in checkpoints() {
        let exact = model(&golden, Quant::F32);
        let prepared = exact.prepare(&golden.picture(), &options(&golden)).unwrap();
        for (quant, most) in [(Quant::F16, 1e-2), (Quant::Bf16, 5e-2)] {
            let half = model(&golden, quant);
            assert!(half.info().bytes * 100 <= exact.info().bytes * 60, "{}", golden.name);
            let theirs = half.prepare(&golden.picture(), &options(&golden)).unwrap();
            let off = half.compare(&theirs, &exact, &prepared).unwrap();
            let drift = off.largest_logit_difference / off.largest_logit;
            println!("{} {}: {drift:.1e}, {} of 20", golden.name, quant.name(), off.same_tokens);
            assert!(drift < most, "{} {}: {drift:.1e}", golden.name, quant.name());
            rounded += usize::from(drift > 0.0);
        }
    }
    // Some are published in so many bits: what is not rounded gives the same logits.
    assert!(rounded > checkpoints().len(), "{rounded}");
}
