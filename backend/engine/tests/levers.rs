//! Prune and replicate: against transformers (tests/goldens/make_levers.py), and by what must hold.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::common::Close;
use crate::common::lab::{CHECKPOINTS, Lab, NEW, Seen};
use shared::{CopyPositions, Definition, ErrorCode, Group, PruneCount, PrunePositions, RunOptions};

#[test]
fn every_option_equals_transformers() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let (cases, want) = lab.golden.levers();
        assert!(cases.len() >= 20);
        for case in cases {
            let at = format!("{name}, {}", case.name());
            let seen = lab.run(&case.options(lab.options()));
            assert_eq!(seen.cells(), case.kept.repeat(case.replicate as usize), "{at}: kept");
            let tensor = |part: &str| want.f32(&format!("{}/{part}", case.run));
            let answer = want.ids(&format!("{}/generated_ids", case.run));
            assert_eq!(seen.run.generated(), answer, "{at}: answer");

            let vocab = lab.model.info().vocab as usize;
            let mut logits = seen.run.prefill_logits[(seen.s - 1) * vocab..].to_vec();
            logits.extend_from_slice(&seen.run.decode_logits[(NEW - 2) * vocab..]);
            Close::relative(1e-4).check(&logits, &tensor("logits"), &format!("{at}: logits"));
            let attention = Close::absolute(1e-5);
            let last = format!("{at}: the last layer's map");
            attention.check(&seen.last_layer(), &tensor("last_layer"), &last);
            let rows = format!("{at}: predicting rows");
            attention.check(&seen.first_and_last_row(), &tensor("rows"), &rows);
        }
    }
}

/// `Σ_k F[l,h,g,k] = |g|`, |O| is the lever's, and tokens keep raster order within each copy.
#[test]
fn masses_and_counts_are_those_of_the_tokens_that_are_there() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let (cases, _) = lab.golden.levers();
        for case in cases {
            let at = format!("{name}, {}", case.name());
            let options = RunOptions { max_new_tokens: 2, ..case.options(lab.options()) };
            let seen = lab.run(&options);
            let layout = seen.run.layout.clone().unwrap();
            let (counts, bins) = (layout.counts(), layout.bins.clone());
            assert_eq!(seen.image_tokens(), case.kept.len() as u32 * case.replicate, "{at}");
            let on = seen.run.observation().attention(0, &Definition::default()).unwrap();
            assert_eq!(on.image_tokens, seen.image_tokens(), "{at}: n_O");
            for flow in &seen.run.flows {
                for (head, group) in
                    (0..seen.h).flat_map(|head| Group::ALL.into_iter().map(move |g| (head, g)))
                {
                    let sum: f32 =
                        Group::ALL.into_iter().map(|k| flow.get(&bins, head, group, k)).sum();
                    let size = counts.get(group) as f32;
                    assert!((sum - size).abs() < 1e-4, "{at}: {sum} leaves {size} {group:?}");
                }
            }
            for copy in 0..case.replicate as u16 {
                let cells =
                    layout.tokens.iter().filter_map(|t| t.cell()).filter(|c| c.copy == copy);
                let cells: Vec<_> = cells.map(|c| (c.row, c.col)).collect();
                assert_eq!(cells.len(), case.kept.len(), "{at}: copy {copy}");
                assert!(cells.is_sorted_by(|a, b| a < b), "{at}: copy {copy} out of order");
            }
        }
    }
}

#[test]
fn image_tokens_scale_by_exactly_the_number_of_copies() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        for prune in [0.0, 0.75] {
            let of = |replicate| {
                let options = RunOptions { prune, replicate, max_new_tokens: 1, ..lab.options() };
                lab.run(&options).image_tokens()
            };
            let once = of(1);
            assert_eq!([2, 5, 10].map(of), [2, 5, 10].map(|k| k * once), "{name} at {prune}");
        }
    }
}

/// In the first layer, copies that share positions are k equal keys. A text row after them gives
/// the picture `k·w` of the weight `w` it gave before, and all of it is divided by what that adds
/// up to: `A_O/A_T` grows k-fold, and MDI, which divides by the number of tokens, does not change.
/// (Later layers differ: a copy's tokens see the copies before them.)
#[test]
fn copies_at_shared_positions_weigh_k_fold_in_the_first_layer() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let of = |replicate| {
            let copies = CopyPositions::Shared;
            lab.run(&RunOptions { replicate, copies, max_new_tokens: 2, ..lab.options() })
        };
        let once = of(1);
        let share = |seen: &Seen, head: usize, from_end: usize| -> f32 {
            let row = seen.row(0, head, seen.s - 1 - from_end);
            row.iter().enumerate().filter(|(i, _)| seen.is_image(*i)).map(|(_, w)| w).sum()
        };
        for k in [2, 3, 7] {
            let more = of(k);
            let k = k as f32;
            for head in 0..once.h {
                for from_end in 0..3 {
                    let w = share(&once, head, from_end);
                    let want = k * w / (1.0 + (k - 1.0) * w);
                    let got = share(&more, head, from_end);
                    assert!((got - want).abs() < 1e-5, "{name}, {k} copies: {got}, not {want}");
                }
                let mdi = |seen: &Seen| {
                    let w = f64::from(share(seen, head, 0));
                    let image = f64::from(seen.image_tokens());
                    ((1.0 - w) / (seen.s as f64 - image)) / (w / image)
                };
                let (one, many) = (mdi(&once), mdi(&more));
                assert!((one / many - 1.0).abs() < 1e-4, "{name}, {k} copies: {one}, {many}");
            }
        }
        // With positions of their own copies are other keys: the identity is that of sharing.
        let new = lab.run(&RunOptions { replicate: 3, max_new_tokens: 2, ..lab.options() });
        let differs = (0..once.h).any(|head| {
            let w = share(&once, head, 0);
            (share(&new, head, 0) - 3.0 * w / (1.0 + 2.0 * w)).abs() > 1e-3
        });
        assert!(differs, "{name}");
    }
}

/// A share so small that every token remains is no pruning, whatever the positions' option.
#[test]
fn pruning_nothing_changes_nothing() {
    for name in CHECKPOINTS {
        let lab = Lab::open(name);
        let plain = lab.run(&lab.options());
        for prune_positions in PrunePositions::ALL {
            let prune_positions = Some(prune_positions);
            let seen = lab.run(&RunOptions { prune: 0.01, prune_positions, ..lab.options() });
            assert_eq!(seen.run.prefill_logits, plain.run.prefill_logits, "{name}");
            assert_eq!(seen.run.generated(), plain.run.generated(), "{name}");
        }
        let copies = CopyPositions::Shared;
        let seen = lab.run(&RunOptions { copies, ..lab.options() });
        assert_eq!(seen.run.prefill_logits, plain.run.prefill_logits, "{name}: one copy");
    }
}

/// What a family does if nobody says is said: in the model's description and in the run's options.
#[test]
fn positions_left_to_the_model_are_named() {
    for (name, own) in
        [("llava-mha", PrunePositions::Repacked), ("qwen-tall", PrunePositions::Kept)]
    {
        let lab = Lab::open(name);
        assert_eq!(lab.model.info().prune_positions, Some(own), "{name}");
        let plain = lab.prepare(&lab.options());
        assert_eq!(plain.options().prune_positions, None, "{name}: nothing was pruned");
        let pruned = RunOptions { prune: 0.75, ..lab.options() };
        assert_eq!(lab.prepare(&pruned).options().prune_positions, Some(own), "{name}");
        let named = lab.run(&RunOptions { prune_positions: Some(own), ..pruned.clone() });
        let unnamed = lab.run(&pruned);
        assert_eq!(named.run.prefill_logits, unnamed.run.prefill_logits, "{name}");
        for other in PrunePositions::ALL.into_iter().filter(|p| *p != own) {
            let other = RunOptions { prune_positions: Some(other), ..pruned.clone() };
            assert_eq!(
                lab.prepare(&other).options(),
                &RunOptions {
                    template: lab.model.info().template.clone(),
                    max_pixels: lab.model.info().max_pixels,
                    ..other.clone()
                }
            );
            assert_ne!(lab.run(&other).run.prefill_logits, unnamed.run.prefill_logits, "{name}");
        }
    }
}

/// Positions that dropped tokens leave free count: a sequence may be short and yet reach too far.
#[test]
fn positions_beyond_the_model_are_refused() {
    let lab = Lab::open("llava-mha");
    let longest = lab.model.info().max_positions;
    let prune = RunOptions { prune: 0.9, replicate: longest / 9, ..lab.options() };
    let fits = |positions| {
        let options = RunOptions { prune_positions: Some(positions), ..prune.clone() };
        lab.model.prepare(&lab.picture, &options)
    };
    let packed = fits(PrunePositions::Repacked).unwrap();
    assert!(packed.prompt_tokens() < longest as usize / 2, "{}", packed.prompt_tokens());
    let error = fits(PrunePositions::Kept).unwrap_err();
    assert_eq!(error.code, ErrorCode::PromptTooLong);
    assert!(error.message.contains("re-pack"), "{error}");
}

/// The answer ends where positions do, not where the shorter sequence would.
#[test]
fn kept_positions_leave_less_room_to_answer() {
    let lab = Lab::open("llava-mha");
    let longest = lab.model.info().max_positions;
    // As many copies as leave room for a few tokens.
    let text = lab.prepare(&lab.options()).prompt_tokens() as u32 - 9;
    let replicate = ((longest - text - 1) / 9).min(shared::options::MAX_REPLICATE);
    let room = longest - text - 9 * replicate;
    let prune_positions = Some(PrunePositions::Kept);
    let options = RunOptions {
        prune: 0.9,
        prune_count: PruneCount::Floor,
        prune_positions,
        replicate,
        max_new_tokens: 512,
        ..lab.options()
    };
    let summary = lab.model.run(&lab.prepare(&options), &mut engine::NoObserver).unwrap().unwrap();
    assert_eq!(summary.tokens, room.min(512));
    assert_eq!(summary.stop, shared::event::Stop::Context);
}
