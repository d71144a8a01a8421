//! The GPU against the CPU on the same random inputs. They need a GPU, so they are run by name:
//! `cuda/build.sh 90 test --package engine --features cuda -- --ignored gpu_`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use shared::{ErrorCode, FEW_BINS, Group, LayerFlow, MOST_BINS, Quant, RunOptions};

use super::{Notes, open};
use crate::attention::{Mask, Seen, Segment, Watch, attend};
use crate::{
    Control, DeviceChoice, GeneratedToken, LoadOptions, Model, NoObserver, Observer, Picture,
    Wants, WeightCache,
};

/// Segments that begin anywhere.
fn segments(keys: usize, bins: usize) -> Vec<Segment> {
    if bins > FEW_BINS {
        // Every bin, and some twice.
        let parts = (2 * bins).min(keys);
        let part = |i: usize| (i * 4 % bins, i * keys / parts, (i + 1) * keys / parts);
        return (0..parts).map(part).collect();
    }
    let cuts = [0, 1, keys / 7 + 1, keys / 2 + 1, keys / 2 + 3, keys];
    let groups = [Group::Begin, Group::System, Group::Image, Group::Template, Group::Instruction];
    let part =
        |(i, group): (usize, Group)| (group.index(), cuts[i].min(keys), cuts[i + 1].min(keys));
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
fn both(
    kind: DType,
    (heads, kv_heads): (usize, usize),
    (rows, past): (usize, usize),
    width: usize,
    bins: usize,
) {
    let (gpu, keys) = (open(0).expect("a GPU"), past + rows);
    let random = |n: usize, len: usize| {
        let t = Tensor::randn(0f32, 1f32, (n, len, width), &Device::Cpu).expect("random");
        t.to_dtype(kind).and_then(|t| t.to_dtype(DType::F32)).expect("rounded")
    };
    let (q, k, v) = (random(heads, rows), random(kv_heads, keys), random(kv_heads, keys));
    let segments = segments(keys, bins);
    let mask = Mask::Causal { past };
    let watch =
        Watch { segments: &segments, bins, row: true, by_head: true, map: None, page: None };
    let (want, seen) = attend(&q, &k, &v, mask, Some(watch)).expect("the CPU");
    let seen: Seen = seen.expect("watched");

    let there = |t: &Tensor| t.to_dtype(kind).and_then(|t| t.to_device(&gpu)).expect("moved");
    let joint = super::decodes(width);
    let of_bins = (bins, Group::Generated.index(), segments.as_slice());
    let mut notes = Notes::new(&gpu, 1, heads, keys, of_bins, joint, u64::MAX).expect("pages");
    let (q, k, v) = (there(&q), there(&k), there(&v));
    let watch = Watch {
        segments: &segments,
        bins,
        row: true,
        by_head: true,
        map: None,
        page: Some(notes.page(0)),
    };
    let (got, _) = attend(&q, &k, &v, mask, Some(watch)).expect("the GPU");
    if rows == 1 {
        notes.average(keys, true).expect("averaged");
    }
    notes.send(0..1, Some(keys)).and_then(|()| notes.wait(0)).expect("sent");
    let wants = Wants { rows: true, head_rows: u64::MAX, ..Wants::default() };
    let there = notes.read(0, true, keys, wants);
    let (unwatched, _) = attend(&q, &k, &v, mask, None).expect("unwatched");

    let at = format!(
        "{kind:?} {heads}/{kv_heads} heads, {rows} rows after {past}, width {width}, {bins} bins"
    );
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
    assert_eq!(there.last.len(), heads * bins);
    assert!(apart(&there.last, &seen.last) < sums, "{at}: last row");
    assert!(apart(&there.row, &seen.row) < sums, "{at}: averaged row");
    assert_eq!(there.by_head.len(), heads * keys);
    assert!(apart(&there.by_head, &seen.by_head) < sums, "{at}: rows by head");
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_attention_equals_the_cpu() {
    for kind in [DType::F32, DType::F16] {
        for width in [24, 32, 64, 72, 80, 96, 128, 160, 256] {
            for (heads, kv_heads) in [(4, 4), (8, 2), (7, 1)] {
                for (rows, past) in
                    [(1, 0), (1, 1), (1, 700), (2, 0), (65, 0), (129, 300), (577, 0)]
                {
                    for bins in [FEW_BINS, FEW_BINS + 1, MOST_BINS] {
                        both(kind, (heads, kv_heads), (rows, past), width, bins);
                    }
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
    for width in [24, 64, 72, 80, 96, 128, 160] {
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

/// Our own decoding of q4_K equals candle's to the last bit, and so the CPU's.
#[test]
#[ignore = "needs a GPU"]
fn gpu_decodes_q4k() {
    let gpu = open(0).expect("a GPU");
    // Not a multiple of what a block of threads takes.
    for (rows, columns) in [(1, 256), (33, 512), (1000, 768), (4096, 4096)] {
        let weight = Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).expect("random");
        let blocks = QTensor::quantize(&weight, GgmlDType::Q4K).expect("quantized");
        let storage = QStorage::from_data(blocks.data().expect("blocks"), &gpu, GgmlDType::Q4K);
        let moved = QTensor::new(storage.expect("moved"), (rows, columns)).expect("moved");
        let there = QMatMul::QTensor(Arc::new(moved));
        let ours = super::decoded(&there).expect("decoded");
        let candles = there.dequantize_f16().expect("decoded by candle");
        assert!(values(&ours) == values(&candles), "{rows} × {columns}: not as candle's");
        let here = blocks.dequantize(&Device::Cpu).and_then(|t| t.to_dtype(DType::F16));
        assert!(apart(&values(&ours), &values(&here.expect("the CPU"))) < 1e-3);
    }
}

/// What blocks of q4_K hold of a row of weights, by llama.cpp's description of the format: a whole
/// number of 0 to 15, and the scale and the least value it is taken with.
fn q4k(blocks: &[u8]) -> Vec<(f64, f64, f64)> {
    let half = |b: &[u8]| f64::from(half::f16::from_le_bytes([b[0], b[1]]));
    let value = |block: &[u8], i: usize| {
        let (scales, sub) = (&block[4..16], i / 32);
        let (scale, least) = if sub < 4 {
            (scales[sub] & 63, scales[sub + 4] & 63)
        } else {
            let (upper, of_scale, of_least) =
                (scales[sub + 4], scales[sub - 4] >> 6, scales[sub] >> 6);
            (upper & 15 | of_scale << 4, upper >> 4 | of_least << 4)
        };
        let byte = block[16 + i / 64 * 32 + i % 32];
        let whole = if sub % 2 == 0 { byte & 15 } else { byte >> 4 };
        (
            f64::from(whole),
            half(&block[..2]) * f64::from(scale),
            half(&block[2..4]) * f64::from(least),
        )
    };
    blocks.chunks(144).flat_map(|block| (0..256).map(move |i| value(block, i))).collect()
}

/// A row through q4_K, computed again in f64 from the blocks and the row's 8 bits; nothing beside
/// its columns is written.
#[test]
#[ignore = "needs a GPU"]
fn gpu_multiplies_q4k() {
    let gpu = open(0).expect("a GPU");
    let shapes = [(1, 256), (5, 512), (333, 768), (4096, 4096), (130, 11_008), (64, 18_944)];
    for (rows, columns) in shapes {
        let random = |rows: usize| {
            Tensor::randn(0.1f32, 1f32, (rows, columns), &Device::Cpu).expect("random")
        };
        let (weight, x) = (random(rows), random(1));
        let blocks = QTensor::quantize(&weight, GgmlDType::Q4K).expect("quantized");
        let blocks = blocks.data().expect("blocks").into_owned();
        let storage = QStorage::from_data(blocks.clone().into(), &gpu, GgmlDType::Q4K);
        let there = QTensor::new(storage.expect("moved"), (rows, columns)).expect("moved");
        let eight = super::eight(&x.to_device(&gpu).expect("moved")).expect("8 bits");
        let out = Tensor::full(f32::NAN, (1, rows + 7), &gpu).expect("poisoned");
        super::product(&eight, &there, &out, 3).expect("a product");
        let (got, at) = (values(&out), format!("{rows} × {columns}"));
        assert!(got[..3].iter().chain(&got[rows + 3..]).all(|x| x.is_nan()), "{at}: beside");

        let (bytes, x) = (eight.flatten_all().and_then(|t| t.to_vec1::<u8>()), values(&x));
        let bytes = bytes.expect("bytes");
        let scale = |i: usize| {
            let at = columns + i / 32 * 8;
            f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
        };
        let whole = |i: usize| f64::from(bytes[i] as i8);
        for (i, value) in x.iter().enumerate() {
            let off = (whole(i) * scale(i) - f64::from(*value)).abs();
            assert!(off <= 0.5001 * scale(i), "{at}: value {i} is {off} off");
        }
        for (row, got) in blocks.chunks(columns / 256 * 144).zip(&got[3..]) {
            let (mut want, mut size) = (0.0, 0.0);
            for (i, (number, scale_of, least)) in q4k(row).into_iter().enumerate() {
                let (a, b) = (number * scale_of * whole(i) * scale(i), least * f64::from(x[i]));
                want += a - b;
                size += a.abs() + b.abs();
            }
            assert!((f64::from(*got) - want).abs() < 1e-5 * size, "{at}: {got}, not {want}");
        }
    }
}

/// What a row in 8 bits stands for.
fn of_eight(row: &Tensor, width: usize) -> Vec<f32> {
    let bytes: Vec<u8> = row.flatten_all().and_then(|t| t.to_vec1()).expect("bytes");
    assert_eq!(bytes.len(), width + width / 32 * 8);
    let value = |i: usize| {
        let at = width + i / 32 * 8;
        let scale = f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        f32::from(bytes[i] as i8) * scale
    };
    (0..width).map(value).collect()
}

/// Norms and gates give in 8 bits what they give in f32, within half a step of each 32 values.
#[test]
#[ignore = "needs a GPU"]
fn gpu_writes_8_bits() {
    let gpu = open(0).expect("a GPU");
    let random = |width: usize| Tensor::randn(0.2f32, 1f32, (1, width), &gpu).expect("random");
    let near = |eight: &[f32], plain: &[f32], at: &str| {
        for (eight, plain) in eight.chunks(32).zip(plain.chunks(32)) {
            let most = plain.iter().fold(0f32, |m, x| m.max(x.abs()));
            for (a, b) in eight.iter().zip(plain) {
                assert!((a - b).abs() <= 0.501 * most / 127.0, "{at}: {a}, not {b}");
            }
        }
    };
    for width in [256, 4096, 5120, 16_384] {
        let (x, delta) = (random(width), random(width));
        let weight = random(width).flatten_all().expect("a vector");
        let norm = |to| {
            // The row is added to in place.
            let x = x.copy().expect("a copy");
            super::norm(&x, Some(&delta), &weight, 1e-5, to).expect("a norm")
        };
        let (eight, plain) = (norm(DType::U8), norm(DType::F32));
        near(&of_eight(&eight, width), &values(&plain), &format!("a norm of {width}"));
    }
    for width in [256, 768, 11_008, 18_944] {
        let x = random(2 * width);
        let gate = |eight| super::gate(&x, eight).expect("a gate");
        near(&of_eight(&gate(true), width), &values(&gate(false)), &format!("a gate of {width}"));
    }
    // Too long for the norm's registers: it stays f32.
    let (x, weight) = (random(16_640), random(16_640).flatten_all().expect("a vector"));
    let normed = super::norm(&x, None, &weight, 1e-5, DType::U8).expect("a norm");
    assert_eq!((normed.dtype(), normed.dims()), (DType::F32, &[1, 16_640][..]));
}

/// A value that is not finite does not vanish in 8 bits: it reaches the logits, where it is noticed.
#[test]
#[ignore = "needs a GPU"]
fn gpu_notices_what_is_not_finite() {
    let gpu = open(0).expect("a GPU");
    let weight = Tensor::randn(0f32, 1f32, (512, 1024), &Device::Cpu).expect("random");
    let blocks = QTensor::quantize(&weight, GgmlDType::Q4K).expect("quantized");
    let storage = QStorage::from_data(blocks.data().expect("blocks"), &gpu, GgmlDType::Q4K);
    let there = QTensor::new(storage.expect("moved"), (512, 1024)).expect("moved");
    let finite = |bad: Option<f32>| {
        let mut x = vec![0.5f32; 1024];
        if let Some(bad) = bad {
            x[700] = bad;
        }
        let x = Tensor::from_vec(x, (1, 1024), &gpu).expect("a row");
        let out = Tensor::zeros((1, 512), DType::F32, &gpu).expect("room");
        super::product(&super::eight(&x).expect("8 bits"), &there, &out, 0).expect("a product");
        super::choose(&out).expect("chosen").3
    };
    assert!(finite(None));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(!finite(Some(bad)), "{bad} vanished");
    }
}

/// Everything that is seen of a run, as numbers.
#[derive(Debug, Default, PartialEq)]
struct All {
    masses: Vec<f32>,
    ids: Vec<u32>,
}

impl Observer for All {
    fn wants(&self) -> Wants {
        Wants { flows: true, rows: true, ..Wants::default() }
    }

    fn prefill_layer(&mut self, _layer: u32, flow: LayerFlow) -> Control {
        self.masses.extend(flow.mass.0.iter().chain(&flow.last.0));
        Control::Continue(())
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.ids.push(token.id);
        Control::Continue(())
    }
}

fn picture() -> Picture {
    let rgb = (0..96 * 96 * 3).map(|i| (i * 31 % 251) as u8).collect();
    Picture { width: 96, height: 96, rgb }
}

fn question() -> RunOptions {
    RunOptions { prompt: "What is this?".to_owned(), ..RunOptions::default() }
}

fn options(quant: Quant, device: DeviceChoice) -> LoadOptions {
    LoadOptions { name: "a model".to_owned(), quant, device }
}

fn seen(model: &Model) -> All {
    let mut all = All::default();
    let prepared = model.prepare(&picture(), &question()).expect("prepared");
    model.run(&prepared, &mut all).expect("run").expect("not stopped");
    all
}

fn in_the_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// llama.cpp's files on the GPU: decoded to f32 the same numbers as on the CPU, and in their own
/// blocks the same within what 16-bit activations round.
#[test]
#[ignore = "needs a GPU"]
#[expect(clippy::print_stdout, reason = "for docs/cuda.md")]
fn gpu_reads_gguf_files() {
    for name in ["llava-gqa", "llava-headdim", "qwen-square"] {
        let file = in_the_repository(&format!("tests/goldens/gguf/{name}.gguf"));
        let mmproj = in_the_repository(&format!("tests/goldens/gguf/{name}-mmproj.gguf"));
        let place = PathBuf::from(format!("{},{}", file.display(), mmproj.display()));
        for (quant, tolerance) in [(Quant::F32, 1e-4), (Quant::Stored, 5e-2)] {
            let load = |device| {
                Model::load(&place, &options(quant, device), &mut |_, _| {}).expect("loaded")
            };
            let want = seen(&load(DeviceChoice::Cpu));
            let got = seen(&load(DeviceChoice::Cuda(0)));
            let most = apart(&got.masses, &want.masses);
            println!("{name} {quant:?}: {most:.1e} of the largest mass apart");
            assert!(most < tolerance, "{name} {quant:?}: {most}");
            assert!(quant != Quant::F32 || got.ids == want.ids, "{name}: another answer");
        }
    }
}

/// A model that was kept as it was held answers as it did when it was converted.
#[test]
#[ignore = "needs a GPU"]
fn gpu_reads_kept_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = WeightCache { folder: folder.path().to_owned(), least: 0, most: 1 << 40 };
    let place = in_the_repository("models/demo-llava");
    for (kept, quant) in [Quant::Q4k, Quant::Q8_0, Quant::F16].into_iter().enumerate() {
        let load = || {
            let options = options(quant, DeviceChoice::Cuda(0));
            Model::load_cached(&place, &options, &cache, &mut |_, _| {}).expect("loaded")
        };
        let converted = seen(&load());
        let files = std::fs::read_dir(folder.path()).expect("the cache").flatten();
        let files = files.filter(|f| f.path().extension().is_some_and(|x| x == "weights"));
        assert_eq!(files.count(), kept + 1, "{quant:?} was not kept");
        assert_eq!(seen(&load()), converted, "{quant:?}");
    }
}

/// What does not fit is refused before it takes anything, and what fits then still runs.
#[test]
#[ignore = "needs a GPU"]
#[expect(clippy::print_stdout, reason = "for docs/cuda.md")]
fn gpu_refuses_what_does_not_fit() {
    let device = DeviceChoice::Cuda(0);
    let model = Model::random("llava-1.5-13b", &options(Quant::Q4k, device)).expect("a model");
    // Keys and values of a token: 40 layers of 5,120 numbers each in 16 bits. More tokens than the GPU has
    // room for; on GPUs of up to 190 GB still fewer than the 262,144 that the model reads.
    let tokens =
        (device.gpu_memory().expect("a GPU").total / (40 * 2 * 5120 * 2)) as usize + 20_000;
    let long = RunOptions { prompt: "x".repeat(tokens), ..question() };
    let prepared = model.prepare(&picture(), &long).expect("prepared");
    let before = device.gpu_memory().expect("a GPU").in_use();
    let error = model
        .run(&prepared, &mut NoObserver)
        .expect_err("more keys and values than the GPU has memory");
    println!("{error}");
    assert_eq!(error.code, ErrorCode::OutOfMemory);
    assert_eq!(device.gpu_memory().expect("a GPU").in_use(), before);
    seen(&model);
}
