//! Attention knocked out and pictures replaced: against transformers
//! (tests/goldens/make_knockout.py), and by what must hold.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::common::lab::{CHECKPOINTS, Lab, NEW, Seen};
use crate::common::{Close, Tensors, knockouts};
use engine::{NoObserver, Prepared};
use shared::event::ALTERNATIVES;
use shared::{
    Definition, ErrorCode, Group, GroupSet, Knockout, LayerBand, PictureUse, RunOptions, Undefined,
};

/// The reference's cases.
const CASES: [&str; 5] = [
    "text>image",
    "text+generated>image@1",
    "generated>image",
    "all>text@0-1#0,2",
    "image>image@1",
];

fn with(lab: &Lab, knockout: &str) -> RunOptions {
    RunOptions { knockout: Some(knockout.parse().unwrap()), ..lab.options() }
}

/// A question about a picture that the lab makes itself, so its own pixels.
fn replaced(lab: &Lab, picture: PictureUse, options: RunOptions) -> Prepared {
    lab.model.prepare(&lab.picture, &RunOptions { picture, ..options }).unwrap()
}

fn equals_transformers(lab: &Lab, seen: &Seen, want: &Tensors, case: &str, at: &str) {
    let tensor = |part: &str| want.f32(&format!("{case}/{part}"));
    let answer = want.ids(&format!("{case}/generated_ids"));
    assert_eq!(seen.run.generated(), answer, "{at}: answer");
    let vocab = lab.model.info().vocab as usize;
    let mut logits = seen.run.prefill_logits[(seen.s - 1) * vocab..].to_vec();
    logits.extend_from_slice(&seen.run.decode_logits[(NEW - 2) * vocab..]);
    Close::relative(1e-4).check(&logits, &tensor("logits"), &format!("{at}: logits"));
    let attention = Close::absolute(1e-5);
    let last = format!("{at}: the last layer's map");
    attention.check(&seen.last_layer_mean(), &tensor("last_layer"), &last);
    let rows = format!("{at}: predicting rows");
    attention.check(&seen.first_and_last_row(), &tensor("rows"), &rows);
}

#[test]
fn every_knockout_equals_transformers() {
    for name in CHECKPOINTS {
        let (lab, want) = (Lab::open(name), knockouts(name));
        for case in CASES {
            let seen = lab.run(&with(&lab, case));
            equals_transformers(&lab, &seen, &want, case, &format!("{name}, {case}"));
        }
    }
}

#[test]
fn a_question_alone_equals_transformers() {
    for name in CHECKPOINTS {
        let (lab, want) = (Lab::open(name), knockouts(name));
        let prepared = replaced(&lab, PictureUse::None, lab.options());
        assert_eq!(prepared.image_tokens(), 0);
        assert_eq!(prepared.picture_png(), None);
        let seen = lab.run_prepared(&prepared);
        assert_eq!(seen.run.ids(), want.ids("none/input_ids"), "{name}");
        equals_transformers(&lab, &seen, &want, "none", &format!("{name}, no picture"));

        let layout = seen.run.layout.as_ref().unwrap();
        assert_eq!((layout.picture(), layout.counts().get(Group::Image)), (None, 0));
        assert!(layout.tokens.iter().all(|t| t.cell().is_none()));
        let observation = seen.run.observation();
        let measure = observation.measure(0, &Definition::default());
        assert_eq!(measure.mdi, Err(Undefined::NoImageTokens));
        assert_eq!(observation.overlay(0, 0, 0), None);
    }
}

/// Blocked masses are exactly 0, what leaves a group still is its number of tokens, and outside the
/// band and the heads the same is not blocked.
#[test]
fn blocked_masses_are_exactly_zero() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        for case in ["text+generated>image", "text+generated>image@1", "all>image@0-1#1,3"] {
            let at = format!("{name}, {case}");
            let knockout: Knockout = case.parse().unwrap();
            let seen = lab.run(&with(&lab, case));
            let layout = seen.run.layout.as_ref().unwrap();
            let (counts, bins) = (layout.counts(), layout.bins.clone());
            let after = Group::Instruction;
            for (layer, flow) in seen.run.flows.iter().enumerate() {
                for head in 0..seen.h {
                    let heads = &knockout.heads;
                    let named = heads.is_empty() || heads.contains(&(head as u32));
                    let blocked = knockout.is_in(layer as u32) && named;
                    for group in Group::ALL {
                        let mass = |k| flow.get(&bins, head, group, k);
                        let sum: f32 = Group::ALL.into_iter().map(mass).sum();
                        assert!((sum - counts.get(group) as f32).abs() < 1e-4, "{at}: {group:?}");
                        if blocked && knockout.from.contains(group) {
                            assert_eq!(mass(Group::Image), 0.0, "{at}: {group:?}");
                        }
                    }
                    let on = |zero: bool, mass: f32| assert_eq!(mass == 0.0, zero, "{at}: {mass}");
                    on(blocked, flow.get(&bins, head, after, Group::Image));
                    on(blocked, flow.last(&bins, head, Group::Image));
                    for token in &seen.run.tokens {
                        on(blocked, token.flow.get(&bins, layer, head, Group::Image));
                        let mass = |k| token.flow.get(&bins, layer, head, k);
                        let sum: f32 = Group::ALL.into_iter().map(mass).sum();
                        assert!((sum - 1.0).abs() < 1e-5, "{at}: a row sums to {sum}");
                    }
                }
            }
        }
    }
}

/// Until its first layer a knockout changes not a bit.
#[test]
fn layers_before_the_band_are_untouched() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let plain = lab.run(&lab.options());
        let seen = lab.run(&with(&lab, "all>image@2"));
        assert_eq!(seen.run.flows[..2], plain.run.flows[..2], "{name}");
        assert_ne!(seen.run.flows[2], plain.run.flows[2], "{name}");
        assert_ne!(seen.run.prefill_logits, plain.run.prefill_logits, "{name}");
    }
}

/// What no row sees in any layer cannot matter: the same logits to the last bit, whatever the
/// picture. With one layer left open it does matter.
#[test]
fn an_unseen_picture_does_not_matter() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let vocab = lab.model.info().vocab as usize;
        let of = |picture: PictureUse, knockout: &str| {
            let seen = lab.run_prepared(&replaced(&lab, picture, with(&lab, knockout)));
            let rows = seen.run.prefill_logits.chunks(vocab).enumerate();
            let text = rows.filter(|(i, _)| !seen.is_image(*i));
            let mut logits: Vec<f32> = text.flat_map(|(_, row)| row).copied().collect();
            logits.extend(&seen.run.decode_logits);
            let bits: Vec<u32> = logits.into_iter().map(f32::to_bits).collect();
            (bits, seen.run.generated())
        };
        let pictures = [PictureUse::Own, PictureUse::Noise(1), PictureUse::Blank];
        for knockout in ["all>image", "text+generated>image"] {
            let [own, noise, blank] = pictures.map(|picture| of(picture, knockout));
            assert!(own == noise && own == blank, "{name}, {knockout}");
        }
        let [own, noise, blank] = pictures.map(|picture| of(picture, "all>image@0-1"));
        assert!(own.0 != noise.0 && own.0 != blank.0 && noise.0 != blank.0, "{name}");
    }
}

#[test]
fn observing_a_knockout_changes_nothing() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        for case in CASES {
            let found = lab.model.verify(&lab.prepare(&with(&lab, case))).unwrap();
            assert!(found.agrees(), "{name}, {case}: {found:?}");
            assert_eq!(found.largest_logit_difference, 0.0, "{name}, {case}");
        }
    }
}

#[test]
fn layers_left_out_are_named() {
    let lab = Lab::open("llava-mha");
    let named = |case: &str| lab.prepare(&with(&lab, case)).options().knockout.clone().unwrap();
    let all = Some(LayerBand { first: 0, last: 2 });
    assert_eq!(named("text>image").layers, all);
    assert_eq!(named("text>image@1"), "text>image@1".parse().unwrap());
}

#[test]
fn a_knockout_that_cannot_be_is_refused() {
    let lab = Lab::open("llava-mha");
    let refused = |options: RunOptions| {
        let error = lab.model.check().check(&[(40, 30)], &options).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadOption);
        error.message
    };
    for (case, says) in [
        ("text>image@0-3", "layers are 0 to 2"),
        ("text>image@2-1", "comes after"),
        ("text>image#4", "heads are 0 to 3"),
        ("system>image", "no system tokens"),
        ("marker+system>image", "no system+marker tokens"),
        ("begin>image", "comes after"),
        ("text>generated", "comes after"),
    ] {
        let says_so = refused(with(&lab, case));
        assert!(says_so.contains(says), "{case}: {says_so}");
    }
    let one = RunOptions { max_new_tokens: 1, ..with(&lab, "generated>image") };
    assert!(refused(one).contains("no generated tokens"));
    let none = RunOptions { picture: PictureUse::None, ..with(&lab, "text>image") };
    assert!(refused(none).contains("no image tokens"));
    let mut nobody = with(&lab, "text>image");
    nobody.knockout.as_mut().unwrap().from = GroupSet::EMPTY;
    assert!(refused(nobody).contains("from"));
    for options in
        [RunOptions { prune: 0.5, ..lab.options() }, RunOptions { replicate: 2, ..lab.options() }]
    {
        let options = RunOptions { picture: PictureUse::None, ..options };
        assert!(refused(options).contains("Without a picture"));
    }
}

/// Only what is in the picture differs: size, tokens and positions are the given picture's.
#[test]
fn a_replaced_picture_has_the_given_ones_size() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let own = lab.prepare(&lab.options());
        let of = |picture| replaced(&lab, picture, lab.options());
        let (blank, noise) = (of(PictureUse::Blank), of(PictureUse::Noise(3)));
        for other in [&blank, &noise] {
            assert_eq!(other.pixels().len(), own.pixels().len(), "{name}");
            assert_eq!(other.prompt_tokens(), own.prompt_tokens(), "{name}");
            assert!(other.picture_png().is_some(), "{name}");
        }
        assert!(blank.pixels().iter().all(|v| *v == 0.0), "{name}: normalised, the mean is 0");
        assert_eq!(noise.pixels(), of(PictureUse::Noise(3)).pixels(), "{name}");
        assert_ne!(noise.pixels(), of(PictureUse::Noise(4)).pixels(), "{name}");
        let (first, then) = (lab.run_prepared(&own), lab.run_prepared(&noise));
        assert_eq!(first.run.layout, then.run.layout, "{name}");
        assert_ne!(first.run.prefill_logits, then.run.prefill_logits, "{name}");
        // Pruning ranks the tokens of what is shown.
        let pruned = RunOptions { prune: 0.5, ..lab.options() };
        let seen = lab.run_prepared(&replaced(&lab, PictureUse::Blank, pruned));
        assert_eq!(seen.image_tokens() as usize, own.image_tokens().div_ceil(2), "{name}");
    }
}

/// The five most probable tokens that were not chosen, with the probabilities that follow from the
/// logits.
#[test]
fn alternatives_are_what_nearly_was_said() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let vocab = lab.model.info().vocab as usize;
        let seen = lab.run(&lab.options());
        let run = &seen.run;
        let first = run.prefill_logits.chunks(vocab).next_back();
        let rows = first.into_iter().chain(run.decode_logits.chunks(vocab));
        for (token, row) in run.tokens.iter().zip(rows) {
            let mut order: Vec<usize> = (0..vocab).collect();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            let sum: f64 = row.iter().map(|l| f64::from(*l).exp()).sum();
            assert_eq!(token.id as usize, order[0]);
            let ids: Vec<usize> = token.alternatives.iter().map(|a| a.id as usize).collect();
            assert_eq!(ids, order[1..=ALTERNATIVES], "{name}, token {}", token.index);
            for other in &token.alternatives {
                let want = f64::from(row[other.id as usize]) - sum.ln();
                let got = f64::from(other.logprob);
                assert!((got - want).abs() < 1e-4, "{name}: {got} is not {want}");
                assert!(other.logprob <= token.logprob && !other.text.is_empty());
            }
        }
        assert_eq!(run.tokens.len(), NEW);
    }
}

/// An observer that asks for nothing runs the same knockout.
#[test]
fn nobody_needs_to_look() {
    let lab = Lab::open("qwen-tall");
    let options = with(&lab, "text>image");
    let answer = lab.run(&options).run.answer();
    let summary = lab.model.run(&lab.prepare(&options), &mut NoObserver).unwrap().unwrap();
    assert_eq!(summary.answer, answer);
}
