//! Resizing with the arithmetic of torchvision and of Pillow, to the last bit.
//!
//! Both filter in two passes, round to 8 bits and clip after each, and compute in whole numbers;
//! they differ in how many bits a weight has and in which pass comes first. Libraries with the same
//! filter but other arithmetic differ by up to 28 levels where edges overshoot. The formulas are
//! those of Pillow's Resample.c and of PyTorch's UpSampleKernelAVXAntialias.h.

use rayon::prelude::*;
use shared::Resizing;

use crate::picture::Picture;

/// Bits behind the point of a weight in Pillow.
const PRECISION: u32 = 32 - 8 - 2;

/// Weights of a filter by distance, in source pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "no family resizes bilinearly yet"))]
pub(crate) enum Filter {
    Bilinear,
    /// Keys' cubic with a = −0.5.
    Bicubic,
    Lanczos,
}

impl Filter {
    /// How far it reaches.
    fn support(self) -> f64 {
        match self {
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let sinc = |x: f64| {
            let x = x * std::f64::consts::PI;
            if x == 0.0 { 1.0 } else { x.sin() / x }
        };
        match (self, x.abs()) {
            (Filter::Bilinear, x) if x < 1.0 => 1.0 - x,
            (Filter::Bicubic, x) if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            (Filter::Bicubic, x) if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            // Pillow's own includes −3 and leaves 3 out, where the weight is 0 anyway.
            (Filter::Lanczos, r) if r < 3.0 => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

/// The source pixels one target pixel is made of.
struct Span {
    start: usize,
    weights: Vec<i32>,
}

/// How one edge's pixels become the other's.
struct Pass {
    spans: Vec<Span>,
    /// Bits behind the point of a weight.
    precision: u32,
}

impl Pass {
    /// Takes `source` pixels to `target`; the filter widens when shrinking (antialiasing).
    fn new(source: u32, target: u32, filter: Filter, resizing: Resizing) -> Pass {
        let scale = f64::from(source) / f64::from(target);
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let spans = (0..target).map(|i| {
            let center = (f64::from(i) + 0.5) * scale;
            let start = ((center - support + 0.5) as i64).max(0);
            let end = ((center + support + 0.5) as i64).min(i64::from(source));
            let weight = |x| filter.weight((x as f64 - center + 0.5) * (1.0 / stretch));
            let weights: Vec<f64> = (start..end).map(weight).collect();
            let total: f64 = weights.iter().sum();
            let unit = |w: f64| if total == 0.0 { w } else { w / total };
            (start as usize, weights.into_iter().map(unit).collect())
        });
        let spans: Vec<(usize, Vec<f64>)> = spans.collect();
        let precision = match resizing {
            Resizing::Pillow13 | Resizing::Pillow12 => PRECISION,
            Resizing::Torchvision => {
                let most = spans.iter().flat_map(|(_, w)| w).fold(0.0, |m: f64, w| m.max(*w));
                sixteen_bits(most)
            }
        };
        let fixed = |w: f64| {
            let w = w * f64::from(1 << precision);
            (w + if w < 0.0 { -0.5 } else { 0.5 }) as i32
        };
        let spans = spans
            .into_iter()
            .map(|(start, w)| Span { start, weights: w.into_iter().map(fixed).collect() })
            .collect();
        Pass { spans, precision }
    }

    fn half(&self) -> i32 {
        1 << (self.precision - 1)
    }

    fn level(&self, sum: i32) -> u8 {
        (sum >> self.precision).clamp(0, 255) as u8
    }
}

/// The most bits behind the point with which the largest weight fits into 16 bits.
fn sixteen_bits(largest: f64) -> u32 {
    let full = |p: u32| (0.5 + largest * f64::from(1 << (p + 1))) as i64 >= 1 << 15;
    (0..PRECISION).find(|p| full(*p)).unwrap_or(PRECISION)
}

/// The picture at another size.
///
/// The width first, always: torchvision, and Pillow before version 13. Pillow 13 begins with the
/// height where that shrinks by more than twice what the width does, which costs less and rounds
/// differently. (Read off Pillow 13.0.0 itself, on 390 pairs of sizes.)
pub(crate) fn resize(
    picture: &Picture,
    (width, height): (u32, u32),
    filter: Filter,
    resizing: Resizing,
) -> Picture {
    let shrinks = |from: u32, to: u32| i64::from(from) - i64::from(to);
    let (across, down) = (shrinks(picture.width, width), shrinks(picture.height, height));
    let to = |from: u32, to: u32| (from != to).then(|| Pass::new(from, to, filter, resizing));
    let (columns, rows) = (to(picture.width, width), to(picture.height, height));
    let height_first = resizing == Resizing::Pillow13 && down > 0 && down > 2 * across;
    match (columns, rows) {
        (None, None) => picture.clone(),
        (Some(columns), None) => horizontally(picture, &columns),
        (None, Some(rows)) => vertically(picture, &rows),
        (Some(columns), Some(rows)) if height_first => {
            horizontally(&vertically(picture, &rows), &columns)
        }
        (Some(columns), Some(rows)) => vertically(&horizontally(picture, &columns), &rows),
    }
}

fn horizontally(picture: &Picture, pass: &Pass) -> Picture {
    let width = pass.spans.len() as u32;
    let (from, to) = (3 * picture.width as usize, 3 * width as usize);
    let mut rgb = vec![0u8; to * picture.height as usize];
    rgb.par_chunks_mut(to).zip(picture.rgb.par_chunks(from)).for_each(|(target, source)| {
        let source = source.as_chunks::<3>().0;
        for (pixel, span) in target.as_chunks_mut::<3>().0.iter_mut().zip(&pass.spans) {
            let mut sum = [pass.half(); 3];
            for (weight, [r, g, b]) in span.weights.iter().zip(&source[span.start..]) {
                sum[0] += weight * i32::from(*r);
                sum[1] += weight * i32::from(*g);
                sum[2] += weight * i32::from(*b);
            }
            *pixel = sum.map(|s| pass.level(s));
        }
    });
    Picture { width, height: picture.height, rgb }
}

fn vertically(picture: &Picture, pass: &Pass) -> Picture {
    let height = pass.spans.len() as u32;
    let row = 3 * picture.width as usize;
    let mut rgb = vec![0u8; row * height as usize];
    rgb.par_chunks_mut(row).zip(&pass.spans).for_each(|(target, span)| {
        let mut sums = vec![pass.half(); row];
        for (weight, source) in span.weights.iter().zip(picture.rgb[span.start * row..].chunks(row))
        {
            for (sum, v) in sums.iter_mut().zip(source) {
                *sum += weight * i32::from(*v);
            }
        }
        for (level, sum) in target.iter_mut().zip(sums) {
            *level = pass.level(sum);
        }
    });
    Picture { width: picture.width, height, rgb }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use serde_json::Value;
    use sha2::{Digest, Sha256};

    use super::*;

    /// The picture of `tests/goldens/make_resize.py`.
    pub(crate) fn picture(width: u32, height: u32) -> Picture {
        let mut rgb = Vec::with_capacity(3 * width as usize * height as usize);
        for y in 0..u64::from(height) {
            for x in 0..u64::from(width) {
                if (x / 9 + y / 7) % 3 == 0 {
                    rgb.extend([255, 0, 128]);
                } else {
                    let level = |c: u64| (x * x * (c + 1) + 37 * y * (c + 2) + 5 * x * y) / 4 % 256;
                    rgb.extend([0, 1, 2].map(|c| level(c) as u8));
                }
            }
        }
        Picture { width, height, rgb }
    }

    #[test]
    fn equals_torchvision_and_pillow_to_the_last_bit() {
        let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens");
        let json = std::fs::read_to_string(goldens.join("resize.json")).expect("goldens");
        let golden: Value = serde_json::from_str(&json).expect("goldens");
        let cases = golden["resize"].as_array().expect("a list");
        assert!(cases.len() > 200);
        let mut wrong = Vec::new();
        for case in cases {
            let size = |name: &str| {
                let edge = |i: usize| case[name][i].as_u64().expect("an edge") as u32;
                (edge(0), edge(1))
            };
            let filter = match case["filter"].as_str() {
                Some("bilinear") => Filter::Bilinear,
                Some("bicubic") => Filter::Bicubic,
                _ => Filter::Lanczos,
            };
            let resizing = case["resizing"].as_str().and_then(Resizing::from_name);
            let (width, height) = size("from");
            let got = resize(
                &picture(width, height),
                size("to"),
                filter,
                resizing.expect("one of the lab's"),
            );
            let hash: String =
                Sha256::digest(&got.rgb).iter().map(|b| format!("{b:02x}")).collect();
            if Some(hash.as_str()) != case["sha256"].as_str() {
                wrong.push(case.to_string());
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }
}
