use candle_core::{Device, Tensor};
use shared::{Bins, FEW_BINS, Group};

use super::{BinKnockout, Blocked, Mask, Segment, Watch, attend};

/// Plain attention in f64, one weight at a time.
fn plain(q: &[Vec<Vec<f64>>], k: &[Vec<Vec<f64>>], mask: Mask) -> Vec<Vec<Vec<f64>>> {
    let share = q.len() / k.len();
    let scale = 1.0 / (q[0][0].len() as f64).sqrt();
    q.iter()
        .enumerate()
        .map(|(h, rows)| {
            rows.iter()
                .enumerate()
                .map(|(i, row)| {
                    let keys = &k[h / share];
                    let seen = match mask {
                        Mask::None => keys.len(),
                        Mask::Causal { past } | Mask::Knockout { past, .. } => past + i + 1,
                    };
                    let open = |j: usize| match mask {
                        Mask::Knockout { past, blocked } => sees(blocked, h, past + i, j),
                        _ => true,
                    };
                    let product =
                        |key: &[f64]| key.iter().zip(row).map(|(a, b)| a * b).sum::<f64>();
                    let score = |(j, key): (usize, &Vec<f64>)| match open(j) {
                        true => product(key) * scale,
                        false => f64::NEG_INFINITY,
                    };
                    let scores: Vec<f64> = keys[..seen].iter().enumerate().map(score).collect();
                    let max = scores.iter().copied().fold(f64::MIN, f64::max);
                    let exps: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
                    let total: f64 = exps.iter().sum();
                    (0..keys.len()).map(|j| exps.get(j).map_or(0.0, |e| e / total)).collect()
                })
                .collect()
        })
        .collect()
}

/// Whether a row sees a key that is not behind it, one pair at a time.
fn sees(blocked: &Blocked, head: usize, row: usize, key: usize) -> bool {
    let k = blocked.knockout;
    let bin = |p: usize| blocked.segments.iter().find(|(_, _, end)| p < *end).expect("a bin").0;
    let out = |key: usize| k.is_from(bin(row), head) && k.is_to(bin(key));
    !out(key) || key == row && (0..=row).all(out)
}

fn nested(t: &Tensor) -> Vec<Vec<Vec<f64>>> {
    let v: Vec<Vec<Vec<f32>>> = t.to_vec3().expect("rank 3");
    v.into_iter()
        .map(|a| a.into_iter().map(|b| b.into_iter().map(f64::from).collect()).collect())
        .collect()
}

fn check(heads: usize, kv_heads: usize, rows: usize, mask: Mask, spread: f64) {
    check_knockout(heads, kv_heads, rows, mask, None, spread);
}

fn check_knockout(
    heads: usize,
    kv_heads: usize,
    rows: usize,
    mask: Mask,
    knockout: Option<&str>,
    spread: f64,
) {
    check_width((heads, kv_heads, 8), rows, mask, knockout, spread);
}

/// Widths of heads in published models, and those on either side of the GPU kernels' own.
#[test]
fn heads_of_every_width_are_exact() {
    for width in [24, 40, 64, 72, 80, 88, 96, 128, 136, 160, 256] {
        check_width((4, 2, width), 21, Mask::Causal { past: 3 }, None, 0.3);
        check_width((3, 3, width), 21, Mask::None, None, 0.3);
        check_width((4, 1, width), 1, Mask::Causal { past: 30 }, None, 0.3);
    }
}

fn check_width(
    (heads, kv_heads, width): (usize, usize, usize),
    rows: usize,
    mask: Mask,
    knockout: Option<&str>,
    spread: f64,
) {
    let past = mask.past();
    let keys = rows + past;
    let dev = Device::Cpu;
    let q = Tensor::randn(0f32, spread as f32, (heads, rows, width), &dev).expect("q");
    let k = Tensor::randn(0f32, 1f32, (kv_heads, keys, width), &dev).expect("k");
    let v = Tensor::randn(0f32, 1f32, (kv_heads, keys, width), &dev).expect("v");
    let cut = keys / 3 + 1;
    let segments: Vec<Segment> = [
        (Group::Begin.index(), 0, 1),
        (Group::Template.index(), 1, cut.min(keys)),
        (Group::Image.index(), cut.min(keys), (2 * cut).min(keys)),
        (Group::Template.index(), (2 * cut).min(keys), keys),
    ]
    .into_iter()
    .filter(|(_, a, b)| a < b)
    .collect();
    let of = |k: &str| BinKnockout::of(&k.parse().expect("a knockout"), &Bins::default());
    let knockout: Option<BinKnockout> = knockout.map(of);
    let blocked = knockout.as_ref().map(|knockout| Blocked { knockout, segments: &segments });
    let mask = blocked.as_ref().map_or(mask, |blocked| Mask::Knockout { past, blocked });
    let bin_of =
        |p: usize| segments.iter().find(|(_, _, e)| p < *e).expect("every position has a bin").0;

    let mut map = vec![vec![vec![0f64; keys]; rows]; heads];
    let mut keep = |first: usize, count: usize, seen: usize, w: &[f32]| {
        for h in 0..heads {
            for r in 0..count {
                for j in 0..seen {
                    map[h][first + r][j] = f64::from(w[(h * count + r) * seen + j]);
                }
            }
        }
    };
    let watch = Watch { row: true, ..Watch::map(&segments, &mut keep) };
    let (out, seen) = attend(&q, &k, &v, mask, Some(watch)).expect("attention");
    let (unwatched, _) = attend(&q, &k, &v, mask, None).expect("attention");
    let seen = seen.expect("watched");
    // Observing changes nothing, to the last bit.
    let bits = |t: &Tensor| -> Vec<u32> {
        let v: Vec<f32> = t.flatten_all().and_then(|t| t.to_vec1()).expect("values");
        v.into_iter().map(f32::to_bits).collect()
    };
    assert_eq!(bits(&out), bits(&unwatched));

    let reference = plain(&nested(&q), &nested(&k), mask);
    let values = nested(&v);
    let out: Vec<Vec<f32>> = out.to_vec2().expect("rank 2");
    for h in 0..heads {
        for i in 0..rows {
            for j in 0..keys {
                let (got, want) = (map[h][i][j], reference[h][i][j]);
                assert!((got - want).abs() < 2e-6, "weight {h},{i},{j}: {got} is not {want}");
                assert!(mask == Mask::None || j <= past + i || got == 0.0, "causality at {i},{j}");
                assert!(want != 0.0 || got == 0.0, "blocked: {i},{j}");
            }
            for d in 0..width {
                let value = |j: usize| values[h * kv_heads / heads][j][d];
                let want: f64 = (0..keys).map(|j| reference[h][i][j] * value(j)).sum();
                assert!((f64::from(out[i][h * width + d]) - want).abs() < 1e-5);
            }
        }
    }
    // Masses are the plain sums of the maps, and rows sum to 1.
    let mut want = vec![0f64; heads * FEW_BINS * FEW_BINS];
    let mut want_last = vec![0f64; heads * FEW_BINS];
    for h in 0..heads {
        for i in 0..rows {
            for j in 0..keys {
                want[(h * FEW_BINS + bin_of(past + i)) * FEW_BINS + bin_of(j)] +=
                    reference[h][i][j];
                if i + 1 == rows {
                    want_last[h * FEW_BINS + bin_of(j)] += reference[h][i][j];
                }
            }
        }
    }
    let close = |got: &[f32], want: &[f64]| {
        assert_eq!(got.len(), want.len());
        for (g, w) in got.iter().zip(want) {
            assert!((f64::from(*g) - w).abs() < 1e-5 * w.max(1.0), "{g} is not {w}");
        }
    };
    close(&seen.mass, &want);
    close(&seen.last, &want_last);
    let want_row: Vec<f64> = (0..keys)
        .map(|j| (0..heads).map(|h| reference[h][rows - 1][j]).sum::<f64>() / heads as f64)
        .collect();
    close(&seen.row, &want_row);
    let total: f32 = seen.mass.iter().sum();
    assert!((total / (heads * rows) as f32 - 1.0).abs() < 1e-6, "rows do not sum to 1");
}

#[test]
fn equals_plain_attention() {
    check(4, 4, 17, Mask::Causal { past: 0 }, 1.0);
    check(4, 2, 33, Mask::Causal { past: 0 }, 4.0);
    check(6, 1, 1, Mask::Causal { past: 40 }, 2.0);
    check(3, 3, 5, Mask::Causal { past: 7 }, 8.0);
    check(2, 2, 26, Mask::None, 1.0);
    check(8, 2, 1, Mask::Causal { past: 0 }, 1.0);
}

#[test]
fn equals_plain_attention_in_several_blocks() {
    // 64 heads × 700 keys × 4 bytes leave 46 rows a block: sixteen blocks.
    let (heads, rows) = (64, 700);
    assert!(super::BLOCK_BYTES / (4 * heads * rows) < rows);
    check(heads, 16, rows, Mask::Causal { past: 0 }, 1.0);
}

#[test]
fn equals_plain_attention_without_what_is_knocked_out() {
    for knockout in [
        "template>image",
        "all>image",
        "image>image#1",
        "all>all",
        "template>begin+image#0,3",
        "all>begin+template",
    ] {
        for (rows, past) in [(17, 0), (5, 7), (1, 40)] {
            let mask = Mask::Causal { past };
            check_knockout(4, 2, rows, mask, Some(knockout), 8.0);
        }
    }
    // Two blocks of rows.
    check_knockout(64, 16, 700, Mask::Causal { past: 0 }, Some("template>image"), 1.0);
}

/// Where no row is met, not a bit differs.
#[test]
fn a_knockout_that_meets_no_row_changes_nothing() {
    let tensor = |heads| Tensor::randn(0f32, 1f32, (heads, 19, 8), &Device::Cpu).expect("a tensor");
    let (q, k, v) = (tensor(4), tensor(2), tensor(2));
    let segments = [
        (Group::Begin.index(), 0, 1),
        (Group::Image.index(), 1, 9),
        (Group::Template.index(), 9, 19),
    ];
    let values = |mask: Mask| -> Vec<u32> {
        let (out, _) = attend(&q, &k, &v, mask, None).expect("attention");
        let values: Vec<f32> = out.flatten_all().and_then(|t| t.to_vec1()).expect("values");
        values.into_iter().map(f32::to_bits).collect()
    };
    let plain = values(Mask::Causal { past: 0 });
    for (knockout, same) in [
        ("generated>image", true),
        ("template>generated", true),
        ("image>template", true),
        ("template>image#4", true),
        ("template>image", false),
    ] {
        let of_bins = BinKnockout::of(&knockout.parse().expect("a knockout"), &Bins::default());
        let blocked = Blocked { knockout: &of_bins, segments: &segments };
        let got = values(Mask::Knockout { past: 0, blocked: &blocked });
        assert_eq!(got == plain, same, "{knockout}");
    }
}

/// Masses in as many bins as there can be are the sums of the same weights, and adding up bins gives
/// what fewer bins give.
#[test]
fn many_bins_split_what_few_hold() {
    let tensor = |heads| Tensor::randn(0f32, 1f32, (heads, 60, 8), &Device::Cpu).expect("a tensor");
    let (q, k, v) = (tensor(4), tensor(2), tensor(2));
    let many: Vec<Segment> = (0..30).map(|i| (i * 4 % 15, 2 * i, 2 * i + 2)).collect();
    let few: Vec<Segment> = many.iter().map(|(bin, a, b)| (bin % 7, *a, *b)).collect();
    let watched = |segments: &[Segment], bins: usize| {
        let mut nothing = |_: usize, _: usize, _: usize, _: &[f32]| {};
        let watch = Watch { bins, ..Watch::map(segments, &mut nothing) };
        let seen = attend(&q, &k, &v, Mask::Causal { past: 0 }, Some(watch)).expect("attention");
        seen.1.expect("watched")
    };
    let (many, few) = (watched(&many, 15), watched(&few, 7));
    assert_eq!((many.mass.len(), many.last.len()), (4 * 225, 4 * 15));
    let (mut mass, mut last) = (vec![0f32; 4 * 49], vec![0f32; 4 * 7]);
    for head in 0..4 {
        for i in 0..15 {
            last[head * 7 + i % 7] += many.last[head * 15 + i];
            for j in 0..15 {
                mass[(head * 7 + i % 7) * 7 + j % 7] += many.mass[(head * 15 + i) * 15 + j];
            }
        }
    }
    let close = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} is not {b}"));
    };
    close(&mass, &few.mass);
    close(&last, &few.last);
}
