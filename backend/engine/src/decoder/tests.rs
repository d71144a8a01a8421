//! The decoder beside the same formulas written down once more, in f64 and row by row.

use std::collections::HashSet;

use super::*;
use crate::attention::Segment;
use crate::weights::Source;

#[test]
fn no_part_of_a_prompt_is_a_single_row() {
    assert_eq!(gpu_part(2586), 2586);
    for n in (2..40_000).chain([131_071, 131_072, 131_073, 262_143]) {
        let part = gpu_part(n);
        let last = n - (n - 1) / part * part;
        assert!(part <= GPU_ROWS && last > 1 && last <= part, "{n}: {part}, {last}");
    }
}

/// Weights that follow from their names.
struct Named;

impl Source for Named {
    fn has(&self, name: &str) -> bool {
        name.ends_with(".weight")
    }
    fn shape(&self, _: &str) -> Option<&[usize]> {
        None
    }
    fn size(&self, _: &str) -> u64 {
        0
    }
    fn bytes(&self) -> u64 {
        0
    }
    fn unread(&self, _: &HashSet<&str>) -> Vec<&str> {
        Vec::new()
    }
    fn read_f32(&self, name: &str, shape: &[usize]) -> std::result::Result<Vec<f32>, EngineError> {
        Ok(values(name, shape.iter().product()))
    }
}

/// Around 1 for norms and around 0 for others.
fn values(name: &str, n: usize) -> Vec<f32> {
    let seed = name.bytes().fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
    let base = if name.contains("norm") { 1.0 } else { 0.0 };
    (0..n as u64)
        .map(|i| {
            let bits =
                (seed ^ i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            base + ((bits >> 40) as f32 / 16_777_216.0 - 0.5) * 0.6
        })
        .collect()
}

/// Looks at nothing.
struct Blind;

impl Lookout for Blind {
    fn wants(&self) -> Wants {
        Wants { logits: true, ..Wants::default() }
    }
    fn segments(&self) -> &[Segment] {
        &[]
    }
    fn bins(&self) -> (usize, usize) {
        (1, 0)
    }
    fn layer(&mut self, _: usize, _: Seen) -> Control {
        Control::Continue(())
    }
    fn map(&mut self, _: usize, _: (usize, usize, usize), _: &[f32]) {}
    fn passed(&mut self, _: usize) {}
    fn poll(&mut self) -> Control {
        Control::Continue(())
    }
}

/// Six heads of 16 values over two key heads, which together are not as wide as the model.
fn config(sections: Vec<usize>, head_norms: bool) -> DecoderConfig {
    DecoderConfig {
        hidden: 40,
        intermediate: 56,
        layers: 3,
        heads: 6,
        kv_heads: 2,
        head_dim: 16,
        vocab: 30,
        norm_eps: 1e-6,
        rotary: RotaryConfig { theta: 5e3, factor: 1.0, sections, interleaved: true },
        tied: false,
        max_positions: 100,
        biases: Biases::STORED,
        head_norms,
    }
}

type Rows = Vec<Vec<f64>>;

/// `weight · row` of a matrix `[out, row]`.
fn map(name: &str, row: &[f64], out: usize) -> Vec<f64> {
    let weight = values(name, out * row.len());
    let product = |w: &[f32]| w.iter().zip(row).map(|(w, x)| f64::from(*w) * x).sum();
    weight.chunks(row.len()).map(product).collect()
}

fn rms(name: &str, row: &[f64]) -> Vec<f64> {
    let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
    let weight = values(name, row.len());
    row.iter().zip(weight).map(|(x, w)| x / (mean + 1e-6).sqrt() * f64::from(w)).collect()
}

/// Turns a head as transformers' `apply_interleaved_mrope` and `rotate_half` do.
fn turned(c: &DecoderConfig, head: &[f64], position: &Position) -> Vec<f64> {
    let half = c.head_dim / 2;
    let mut axes = vec![0; half];
    for axis in 1..3 {
        for at in (axis..3 * c.rotary.sections[axis]).step_by(3) {
            axes[at] = axis;
        }
    }
    let angle = |i: usize| {
        f64::from(position[axes[i]]) * c.rotary.theta.powf(-2.0 * i as f64 / c.head_dim as f64)
    };
    let low = (0..half).map(|i| head[i] * angle(i).cos() - head[i + half] * angle(i).sin());
    let high = (0..half).map(|i| head[i + half] * angle(i).cos() + head[i] * angle(i).sin());
    low.chain(high).collect()
}

/// Queries or keys of all rows, head by head.
fn heads(
    c: &DecoderConfig,
    (at, which, count): (&str, &str, usize),
    rows: &Rows,
    positions: &[Position],
) -> Vec<Rows> {
    let of_row = |(row, position): (&Vec<f64>, &Position)| -> Rows {
        let all = map(&format!("{at}self_attn.{which}_proj.weight"), row, count * c.head_dim);
        let head = |head: &[f64]| match which {
            "v" => head.to_vec(),
            _ if !c.head_norms => turned(c, head, position),
            _ => turned(c, &rms(&format!("{at}self_attn.{which}_norm.weight"), head), position),
        };
        all.chunks(c.head_dim).map(head).collect()
    };
    rows.iter().zip(positions).map(of_row).collect()
}

fn attention(c: &DecoderConfig, at: &str, rows: &Rows, positions: &[Position]) -> Rows {
    let normed = rows.iter().map(|row| rms(&format!("{at}input_layernorm.weight"), row)).collect();
    let of = |which, count| heads(c, (at, which, count), &normed, positions);
    let (q, k, v) = (of("q", c.heads), of("k", c.kv_heads), of("v", c.kv_heads));
    let row = |i: usize| {
        let mut joined = Vec::new();
        for (head, query) in q[i].iter().enumerate() {
            let kv = head / (c.heads / c.kv_heads);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let score = |j: usize| (dot(query, &k[j][kv]) / (c.head_dim as f64).sqrt()).exp();
            let weights: Vec<f64> = (0..=i).map(score).collect();
            let sum: f64 = weights.iter().sum();
            joined.extend((0..c.head_dim).map(|d| {
                weights.iter().enumerate().map(|(j, w)| w / sum * v[j][kv][d]).sum::<f64>()
            }));
        }
        map(&format!("{at}self_attn.o_proj.weight"), &joined, c.hidden)
    };
    (0..rows.len()).map(row).collect()
}

fn mlp(c: &DecoderConfig, at: &str, row: &[f64]) -> Vec<f64> {
    let normed = rms(&format!("{at}post_attention_layernorm.weight"), row);
    let gate = map(&format!("{at}mlp.gate_proj.weight"), &normed, c.intermediate);
    let up = map(&format!("{at}mlp.up_proj.weight"), &normed, c.intermediate);
    let gated: Vec<f64> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
    map(&format!("{at}mlp.down_proj.weight"), &gated, c.hidden)
}

fn add(rows: &mut Rows, more: Rows) {
    for (row, more) in rows.iter_mut().zip(more) {
        row.iter_mut().zip(more).for_each(|(x, y)| *x += y);
    }
}

/// Logits of all rows.
fn reference(c: &DecoderConfig, mut rows: Rows, positions: &[Position], deep: &[Rows]) -> Rows {
    for layer in 0..c.layers {
        let at = format!("m.layers.{layer}.");
        let attended = attention(c, &at, &rows, positions);
        add(&mut rows, attended);
        let inner = rows.iter().map(|row| mlp(c, &at, row)).collect();
        add(&mut rows, inner);
        if let Some(features) = deep.get(layer) {
            add(&mut rows, features.clone());
        }
    }
    let head = |row: &Vec<f64>| map("lm_head.weight", &rms("m.norm.weight", row), c.vocab);
    rows.iter().map(head).collect()
}

fn tensor(rows: &Rows) -> Tensor {
    let width = rows[0].len();
    let all: Vec<f32> = rows.iter().flatten().map(|x| *x as f32).collect();
    Tensor::from_vec(all, (rows.len(), width), &Device::Cpu).expect("a matrix")
}

fn made_up(name: &str, n: usize, width: usize) -> Rows {
    values(name, n * width)
        .chunks(width)
        .map(|row| row.iter().map(|x| f64::from(*x)).collect())
        .collect()
}

/// Everything at once, and the last row as a generated token would be read.
#[test]
fn options_equal_the_formulas() {
    let n = 9;
    // Two of text, a grid of two by three, and text that goes on after its longer edge.
    let positions: Vec<Position> = (0..2)
        .map(|i| [i; 3])
        .chain((0..6).map(|i| [2, 2 + i / 3, 2 + i % 3]))
        .chain([[5; 3]])
        .collect();
    for (sections, head_norms, levels) in [
        (vec![3, 3, 2], true, 2),
        (vec![4, 2, 2], true, 0),
        (vec![3, 3, 2], false, 3),
        (vec![8, 0, 0], true, 1),
    ] {
        let c = config(sections, head_norms);
        let what = format!("{:?}, {head_norms}, {levels}", c.rotary.sections);
        let mut progress = |_, _| {};
        let mut loader = Loader::new(&Named, shared::Quant::F32, &Device::Cpu, &mut progress);
        let decoder = Decoder::load(&mut loader, c.clone(), "m.", "lm_head.weight").expect("loads");
        let rows = made_up("rows", n, c.hidden);
        let mut deep: Vec<Rows> =
            (0..levels).map(|k| made_up(&format!("deep {k}"), n, c.hidden)).collect();
        // The last row is a token of text.
        deep.iter_mut().for_each(|level| level[n - 1].fill(0.0));
        let want = reference(&c, rows.clone(), &positions, &deep);
        let forward = |from: usize, to: usize, cache: &mut Cache| -> Vec<Vec<f32>> {
            let cut = |rows: &Rows| tensor(&rows[from..to].to_vec());
            let deep: Vec<Tensor> = deep.iter().map(cut).collect();
            let input = (cut(&rows), deep.as_slice());
            let states = decoder.forward(input, &positions[from..to], cache, &mut Blind);
            let states = states.expect("runs").expect("to its end");
            decoder.logits(&states).and_then(|logits| logits.to_vec2()).expect("logits")
        };
        let whole = forward(0, n, &mut decoder.cache(n).expect("a cache"));
        let mut cache = decoder.cache(n).expect("a cache");
        let mut parts = forward(0, n - 1, &mut cache);
        parts.extend(forward(n - 1, n, &mut cache));
        for got in [whole, parts] {
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                for (got, want) in got.iter().zip(want) {
                    let off = (f64::from(*got) - want).abs();
                    assert!(off < 2e-5, "{what}, row {i}: {got} is not {want}");
                }
            }
        }
        // None of the options is without effect.
        let plain = DecoderConfig { head_norms: !head_norms, ..c.clone() };
        assert_ne!(want, reference(&plain, rows.clone(), &positions, &deep), "{what}");
        if levels > 0 {
            assert_ne!(want, reference(&c, rows.clone(), &positions, &[]), "{what}");
        }
    }
}
