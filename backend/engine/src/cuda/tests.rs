//! The GPU against the CPU on the same random inputs. They need a GPU, so they are run by name:
//! `cuda/build.sh 90 test --package engine --features cuda -- --ignored gpu_`.

use candle_core::{DType, Device, Tensor};
use shared::{GROUPS, Group};

use super::{Notes, open};
use crate::attention::{Mask, Seen, Segment, Watch, attend};

/// Segments that begin anywhere.
fn segments(keys: usize) -> Vec<Segment> {
    let cuts = [0, 1, keys / 7 + 1, keys / 2 + 1, keys / 2 + 3, keys];
    let groups = [Group::Begin, Group::System, Group::Image, Group::Template, Group::Instruction];
    let part = |(i, group): (usize, Group)| (group, cuts[i].min(keys), cuts[i + 1].min(keys));
    groups.into_iter().enumerate().map(part).filter(|(_, a, b)| a < b).collect()
}

fn values(t: &Tensor) -> Vec<f32> {
    let t = t.to_dtype(DType::F32).and_then(|t| t.flatten_all()).expect("values");
    t.to_vec1().expect("values")
}

/// The largest difference, as a share of the largest value.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(1e-6f32, |m, x| m.max(x.abs()));
    a.iter()
        .zip(b)
        .fold(0f32, |m, (x, y)| m.max(if (x - y).is_nan() { 9.0 } else { (x - y).abs() }))
        / largest
}

/// Attention of the CPU on f32, and of the GPU on `kind`, on values that both hold exactly.
fn both(kind: DType, heads: usize, kv_heads: usize, rows: usize, past: usize, width: usize) {
    let (gpu, keys) = (open(0).expect("a GPU"), past + rows);
    let random = |n: usize, len: usize| {
        let t = Tensor::randn(0f32, 1f32, (n, len, width), &Device::Cpu).expect("random");
        t.to_dtype(kind).and_then(|t| t.to_dtype(DType::F32)).expect("rounded")
    };
    let (q, k, v) = (random(heads, rows), random(kv_heads, keys), random(kv_heads, keys));
    let segments = segments(keys);
    let mask = Mask::Causal { past };
    let watch = Watch { segments: &segments, row: true, map: None, page: None };
    let (want, seen) = attend(&q, &k, &v, mask, Some(watch)).expect("the CPU");
    let seen: Seen = seen.expect("watched");

    let there = |t: &Tensor| t.to_dtype(kind).and_then(|t| t.to_device(&gpu)).expect("moved");
    let mut notes = Notes::new(&gpu, 1, heads, keys, &segments).expect("pages");
    let (q, k, v) = (there(&q), there(&k), there(&v));
    let watch = Watch { segments: &segments, row: true, map: None, page: Some(notes.page(0)) };
    let (got, _) = attend(&q, &k, &v, mask, Some(watch)).expect("the GPU");
    notes.send(0..1).and_then(|()| notes.wait(0)).expect("sent");
    let there = notes.read(0, true, Some(keys));
    let (unwatched, _) = attend(&q, &k, &v, mask, None).expect("unwatched");

    let at = format!("{kind:?} {heads}/{kv_heads} heads, {rows} rows after {past}, width {width}");
    let (sums, outputs) = if kind == DType::F32 { (1e-5, 1e-5) } else { (1e-3, 2e-3) };
    assert!(apart(&values(&got), &values(&want)) < outputs, "{at}: output");
    // The watched softmax adds the same weights up by group: its sum may round differently.
    let rounding = if q.dtype() == DType::F32 { 1e-6 } else { 1e-3 };
    assert!(apart(&values(&got), &values(&unwatched)) < rounding, "{at}: watching changes it");
    // One row's masses are its own; there is nothing to add up.
    if rows > 1 {
        for (i, (a, b)) in there.mass.iter().zip(&seen.mass).enumerate() {
            assert!((a - b).abs() <= sums * b.abs().max(1e-2), "{at}: mass {i} is {a}, not {b}");
        }
        let total: f32 = there.mass.iter().sum();
        assert!((total / (heads * rows) as f32 - 1.0).abs() < 1e-5, "{at}: rows sum to {total}");
    }
    assert_eq!(there.last.len(), heads * GROUPS);
    assert!(apart(&there.last, &seen.last) < sums, "{at}: last row");
    assert!(apart(&there.row, &seen.row) < sums, "{at}: averaged row");
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_attention_equals_the_cpu() {
    for kind in [DType::F32, DType::F16] {
        for width in [24, 32, 64, 80, 128] {
            for (heads, kv_heads) in [(4, 4), (8, 2), (7, 1)] {
                for (rows, past) in
                    [(1, 0), (1, 1), (1, 700), (2, 0), (65, 0), (129, 300), (577, 0)]
                {
                    both(kind, heads, kv_heads, rows, past, width);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_spans_attend_to_themselves() {
    let gpu = open(0).expect("a GPU");
    let spans = [(0, 64), (64, 16), (80, 1), (81, 300)];
    for width in [64, 80] {
        let random = || {
            let t = Tensor::randn(0f32, 1f32, (3, 381, width), &Device::Cpu).expect("random");
            t.to_dtype(DType::F16).expect("rounded")
        };
        let (q, k, v) = (random(), random(), random());
        let plain = |t: &Tensor| t.to_dtype(DType::F32).expect("wider");
        let want = crate::attention::attend_spans(&plain(&q), &plain(&k), &plain(&v), &spans)
            .expect("the CPU");
        let there = |t: &Tensor| t.to_device(&gpu).expect("moved");
        let got = super::attend_spans(&there(&q), &there(&k), &there(&v), &spans).expect("the GPU");
        assert!(apart(&values(&got), &values(&want)) < 2e-3, "width {width}");
    }
}
