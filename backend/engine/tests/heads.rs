//! Rows by head of the answer, against transformers' attentions and against what else is handed out.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::common::{Close, Golden, Recording, checkpoints, device};
use engine::{DeviceChoice, LoadOptions, Model};
use shared::{Bins, Group, Quant, RunOptions};

fn model(golden: &Golden) -> Model {
    let options = LoadOptions { name: golden.name.clone(), quant: Quant::F32, device: device() };
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

/// Rows by head are transformers' attentions, and the averaged rows and the masses are theirs.
#[test]
fn rows_by_head_equal_transformers() {
    for golden in checkpoints() {
        let model = model(&golden);
        assert!(model.info().head_rows);
        let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
        let prepared = prepared.with_pixels(golden.f32("pixel_values"));
        let mut seen = Recording::default();
        model.run(&prepared, &mut seen).unwrap().unwrap();
        let (l, h) = (model.info().layers as usize, model.info().heads as usize);
        let (s, n) = (seen.ids().len(), 20);
        let (prefill, generated) =
            (golden.f32("attention_prefill"), golden.f32("attention_generated"));
        let layout = seen.layout.clone().unwrap();
        let group = |p: usize| layout.tokens.get(p).map_or(Group::Generated, |t| t.group);
        let (close, sums) = (Close::absolute(1e-5), Close::absolute(1e-6));
        for (t, token) in seen.tokens.iter().enumerate() {
            let at = format!("{} token {t}", golden.name);
            assert_eq!((token.by_head.layers as usize, token.by_head.heads as usize), (l, h));
            // The row that predicts token 0 is the prompt's last; token t's is token t-1's own.
            let keys = s + t;
            for layer in 0..l {
                let mut mean = vec![0f32; keys];
                for head in 0..h {
                    let row = token.by_head.row(layer, head).unwrap();
                    let theirs = match t {
                        0 => &prefill[((layer * h + head) * s + s - 1) * s..][..s],
                        _ => {
                            let wide = s + n - 1;
                            &generated[((layer * h + head) * (n - 1) + t - 1) * wide..][..keys]
                        }
                    };
                    close.check(row, theirs, &at);
                    mean.iter_mut().zip(row).for_each(|(m, w)| *m += w);
                    let bins = Bins::default();
                    for k in Group::ALL {
                        let on = (0..keys).filter(|j| group(*j) == k).map(|j| f64::from(row[j]));
                        let mass = f64::from(token.flow.get(&bins, layer, head, k));
                        sums.check64(on.sum::<f64>(), mass, &at);
                    }
                }
                mean.iter_mut().for_each(|m| *m *= 1.0 / h as f32);
                let averaged = token.flow.row(layer).unwrap();
                match device() {
                    DeviceChoice::Cpu => assert_eq!(averaged, mean, "{at}: to the last bit"),
                    // Another order of the sum.
                    _ => sums.check(averaged, &mean, &at),
                }
            }
            assert!(token.by_head.row(l, 0).is_none() && token.by_head.row(0, h).is_none());
        }
    }
}

/// Who looks at no maps may go other ways through attention, and sees the same rows.
#[test]
fn rows_by_head_need_no_maps() {
    for golden in checkpoints() {
        let model = model(&golden);
        let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
        let run = |mut seen: Recording| {
            model.run(&prepared, &mut seen).unwrap().unwrap();
            seen.tokens
        };
        let (with, without) = (run(Recording::default()), run(Recording::without_maps()));
        for (with, without) in with.iter().zip(&without) {
            let at = format!("{} token {}", golden.name, with.index);
            assert_eq!(with.id, without.id, "{at}");
            let weights = |token: &engine::GeneratedToken| token.by_head.weights.0.clone();
            assert_eq!(with.by_head.heads, without.by_head.heads, "{at}");
            Close::absolute(1e-5).check(&weights(without), &weights(with), &at);
        }
    }
}

/// What does not fit the budget is not kept, and nothing else changes.
#[test]
fn rows_by_head_end_where_the_budget_does() {
    let golden = Golden::open("llava-gqa");
    let model = model(&golden);
    let prepared = model.prepare(&golden.picture(), &options(&golden)).unwrap();
    let run = |budget| {
        let mut seen = Recording::with_heads(budget);
        model.run(&prepared, &mut seen).unwrap().unwrap();
        seen.tokens
    };
    let all = run(u64::MAX);
    let size = |t: &engine::GeneratedToken| t.by_head.bytes() as u64;
    assert!(all.iter().all(|t| size(t) > 0));
    let three: u64 = all.iter().take(3).map(size).sum();
    for (budget, kept) in [(0, 0), (size(&all[0]) - 1, 0), (three - 1, 2), (three, 3)] {
        let some = run(budget);
        assert_eq!(some.iter().filter(|t| size(t) > 0).count(), kept, "{budget} bytes");
        for (i, (got, full)) in some.iter().zip(&all).enumerate() {
            assert_eq!((got.id, got.logprob, &got.flow), (full.id, full.logprob, &full.flow));
            assert!(i >= kept || got.by_head == full.by_head, "the first ones");
        }
    }
}
