//! Reading goldens, recording runs, comparing within a tolerance.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

pub mod folder;
pub mod gguf;
pub mod lab;

use std::path::{Path, PathBuf};

use engine::{Control, DeviceChoice, GeneratedToken, Observer, Picture, PictureLimits, Wants};
use safetensors::{Dtype, SafeTensors};
use shared::{
    CopyPositions, Event, LayerFlow, Layout, ModelInfo, Observation, PruneCount, PrunePositions,
    RunOptions,
};

/// A tolerance with its meaning.
#[derive(Clone, Copy)]
pub enum Close {
    /// `|got − want| ≤ tolerance`.
    Absolute(f64),
    /// `|got − want| ≤ tolerance · largest |want|`.
    Relative(f64),
}

impl Close {
    pub fn absolute(tolerance: f64) -> Self {
        Close::Absolute(tolerance)
    }

    pub fn relative(tolerance: f64) -> Self {
        Close::Relative(tolerance)
    }

    /// Twice as wide on a GPU, whose sums have another order than those of the reference's processor: of sharp
    /// rows an H200 is up to 1.3 times this far away.
    pub fn wider_on_gpu(self) -> Self {
        let by = if matches!(device(), DeviceChoice::Cuda(_)) { 2.0 } else { 1.0 };
        match self {
            Close::Absolute(t) => Close::Absolute(by * t),
            Close::Relative(t) => Close::Relative(by * t),
        }
    }

    pub fn check(self, got: &[f32], want: &[f32], what: &str) {
        assert_eq!(got.len(), want.len(), "{what}: number of values");
        let largest = want.iter().fold(0f64, |m, w| m.max(f64::from(w.abs())));
        let pairs = got.iter().zip(want).map(|(g, w)| (f64::from(*g), f64::from(*w)));
        // Of all that are off the farthest, which says how large a tolerance would have to be; what is
        // no number is farther off than any.
        let off =
            |(g, w): &(f64, f64)| if (g - w).is_nan() { f64::INFINITY } else { (g - w).abs() };
        let farthest = pairs.enumerate().max_by(|(_, a), (_, b)| off(a).total_cmp(&off(b)));
        if let Some((i, (g, w))) = farthest {
            self.one(g, w, largest, &format!("{what}, value {i}"));
        }
    }

    pub fn check64(self, got: f64, want: f64, what: &str) {
        self.one(got, want, want.abs(), what);
    }

    fn one(self, got: f64, want: f64, largest: f64, what: &str) {
        let allowed = match self {
            Close::Absolute(t) => t,
            Close::Relative(t) => t * largest,
        };
        let off = (got - want).abs();
        assert!(off <= allowed, "{what}: {got} is not {want} (off by {off:.2e} > {allowed:.2e})");
    }
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens")
}

/// Named tensors.
pub struct Tensors(Vec<u8>);

impl Tensors {
    pub fn open(path: &Path) -> Self {
        Tensors(std::fs::read(path).unwrap())
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::F32, "{name}");
        view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    pub fn ids(&self, name: &str) -> Vec<u32> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::I64, "{name}");
        view.data().as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as u32).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.0).unwrap().tensor(name).is_ok()
    }

    pub fn u8(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::U8, "{name}");
        (view.shape().to_vec(), view.data().to_vec())
    }
}

/// One checkpoint with its reference results.
pub struct Golden {
    pub name: String,
    pub folder: PathBuf,
    pub json: serde_json::Value,
    tensors: Tensors,
}

/// MDI and AEI of a layer by the plain formula over the reference's maps.
pub struct Paper {
    pub mdi: f64,
    pub aei_text: f64,
}

/// A run with fewer or more image tokens.
#[derive(serde::Deserialize)]
pub struct Lever {
    pub prune: String,
    count: PruneCount,
    positions: String,
    pub replicate: u32,
    copies: CopyPositions,
    /// Where its results lie: options that mean the same share them.
    pub run: String,
    pub kept: Vec<u32>,
}

impl Lever {
    pub fn options(&self, base: RunOptions) -> RunOptions {
        let named = |p: &PrunePositions| p.name() == self.positions;
        RunOptions {
            prune: self.prune.parse().unwrap(),
            prune_count: self.count,
            prune_positions: PrunePositions::ALL.into_iter().find(named),
            replicate: self.replicate,
            copies: self.copies,
            ..base
        }
    }

    pub fn name(&self) -> String {
        let Lever { prune, count, positions, replicate, copies, .. } = self;
        format!("prune {prune} {count:?} {positions}, {replicate} × {copies:?}")
    }
}

/// A prompt and the ids the reference gives it.
#[derive(serde::Deserialize)]
pub struct TextCase {
    pub text: String,
    pub ids: Vec<u32>,
    /// LLaVA's second template; empty for families without it.
    #[serde(default)]
    pub ids_vicuna_v1: Vec<u32>,
}

pub fn checkpoints() -> Vec<Golden> {
    let llava = ["llava-mha", "llava-gqa", "llava-v4", "llava-headdim"].map(Golden::open);
    let interleave = ["interleave-full", "interleave-v4"].map(Golden::open);
    let qwen = ["qwen-square", "qwen-wide", "qwen-tall", "qwen-exact"].map(Golden::open);
    let later = ["qwen2-tall", "qwen2-wide", "qwen3-tall", "qwen3-wide"].map(Golden::open);
    let internvl = ["internvl-qwen2", "internvl-qwen3"].map(Golden::open);
    llava.into_iter().chain(interleave).chain(qwen).chain(later).chain(internvl).collect()
}

impl Golden {
    /// The picture that is asked about, as its file is decoded.
    pub fn picture(&self) -> Picture {
        let file = self.folder.join("../images").join(self.text("picture"));
        Picture::decode(&std::fs::read(file).unwrap(), &PictureLimits::default()).unwrap()
    }

    pub fn open(name: &str) -> Self {
        let folder = goldens().join(name);
        let json = std::fs::read_to_string(folder.join("golden.json")).unwrap();
        Golden {
            name: name.to_owned(),
            json: serde_json::from_str(&json).unwrap(),
            tensors: Tensors::open(&folder.join("golden.safetensors")),
            folder,
        }
    }

    pub fn is_llava(&self) -> bool {
        self.name.starts_with("llava")
    }

    /// The family's built-in templates, each with the ids that a case has under it.
    pub fn templates<'c>(&self, case: &'c TextCase) -> Vec<(&'static str, &'c Vec<u32>)> {
        match self.name.split_once('-').map(|(family, _)| family) {
            Some("llava") => vec![("llava-hf", &case.ids), ("vicuna-v1", &case.ids_vicuna_v1)],
            Some("interleave") => vec![("llava-interleave", &case.ids)],
            Some("qwen2") => vec![("qwen2-vl", &case.ids)],
            Some("internvl") => vec![("internvl", &case.ids)],
            Some("qwen3") => vec![("qwen3-vl", &case.ids)],
            _ => vec![("qwen2.5-vl", &case.ids)],
        }
    }

    pub fn text(&self, name: &str) -> String {
        self.json[name].as_str().unwrap().to_owned()
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        serde_json::from_value(self.json[name].clone()).unwrap()
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.json[name].as_u64()
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.tensors.f32(name)
    }

    pub fn ids(&self, name: &str) -> Vec<u32> {
        self.tensors.ids(name)
    }

    pub fn u8(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        self.tensors.u8(name)
    }

    pub fn paper(&self, layer: usize) -> Paper {
        let number = |name: &str| self.json["paper"][name][layer].as_f64().unwrap();
        Paper { mdi: number("mdi"), aei_text: number("aei_text") }
    }

    pub fn text_cases(&self) -> Vec<TextCase> {
        let json = std::fs::read_to_string(self.folder.join("text.json")).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    /// Runs with fewer or more image tokens, and what they saw.
    pub fn levers(&self) -> (Vec<Lever>, Tensors) {
        let file = |end: &str| self.folder.join(format!("../levers/{}.{end}", self.name));
        let json = std::fs::read_to_string(file("json")).unwrap();
        (serde_json::from_str(&json).unwrap(), Tensors::open(&file("safetensors")))
    }
}

/// What transformers makes of attention knocked out and of questions without a picture.
pub fn knockouts(name: &str) -> Tensors {
    Tensors::open(&goldens().join("knockout").join(format!("{name}.safetensors")))
}

/// The reference's picture preparation.
pub fn images() -> (PathBuf, Tensors) {
    let folder = goldens().join("images");
    let tensors = Tensors::open(&folder.join("golden.safetensors"));
    (folder, tensors)
}

/// A block of weights as it came.
struct Block {
    layer: usize,
    first: usize,
    rows: usize,
    keys: usize,
    values: Vec<f32>,
}

/// The same numbers to the last bit on the CPU, and on a GPU, whose products depend on where weights lie, within
/// 1e-5 of the largest.
pub fn same(got: &[f32], want: &[f32], what: &str) {
    match device() {
        DeviceChoice::Cpu => assert_eq!(got, want, "{what}"),
        _ => Close::relative(1e-5).wider_on_gpu().check(got, want, what),
    }
}

/// Where models run: the CPU, or what `LAB_TEST_DEVICE` names; the same numbers are asked of a GPU.
pub fn device() -> DeviceChoice {
    std::env::var("LAB_TEST_DEVICE").map_or(DeviceChoice::Cpu, |name| name.parse().unwrap())
}

/// Keeps everything a run hands out.
#[derive(Default)]
pub struct Recording {
    pub layout: Option<Layout>,
    pub flows: Vec<LayerFlow>,
    pub tokens: Vec<GeneratedToken>,
    pub prefill_logits: Vec<f32>,
    pub decode_logits: Vec<f32>,
    head_rows_budget: Option<u64>,
    no_maps: bool,
    maps: Vec<Block>,
}

impl Observer for Recording {
    fn wants(&self) -> Wants {
        Wants {
            flows: true,
            rows: true,
            head_rows: self.head_rows_budget.unwrap_or(u64::MAX),
            alternatives: true,
            maps: !self.no_maps,
            logits: true,
        }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.layout = Some(layout.clone());
        Control::Continue(())
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        assert_eq!(layer as usize, self.flows.len(), "layers come in order");
        assert!(flow.is_well_formed(&self.layout.as_ref().unwrap().bins));
        self.flows.push(flow);
        Control::Continue(())
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        assert!(token.flow.is_well_formed(&self.layout.as_ref().unwrap().bins));
        self.tokens.push(token);
        Control::Continue(())
    }

    fn map(&mut self, layer: u32, first: usize, rows: usize, keys: usize, values: &[f32]) {
        self.maps.push(Block { layer: layer as usize, first, rows, keys, values: values.to_vec() });
    }

    fn logits(&mut self, first_row: usize, _rows: usize, values: &[f32]) {
        let into = if first_row == 0 { &mut self.prefill_logits } else { &mut self.decode_logits };
        into.extend_from_slice(values);
    }
}

impl Recording {
    /// One that wants everything but maps.
    pub fn without_maps() -> Self {
        Recording { no_maps: true, ..Recording::default() }
    }

    /// One that wants rows by head as far as they fit so many bytes.
    pub fn with_heads(budget: u64) -> Self {
        Recording { head_rows_budget: Some(budget), ..Recording::default() }
    }

    pub fn ids(&self) -> Vec<u32> {
        self.layout.as_ref().unwrap().tokens.iter().map(|t| t.id).collect()
    }

    pub fn generated(&self) -> Vec<u32> {
        self.tokens.iter().map(|t| t.id).collect()
    }

    pub fn answer(&self) -> String {
        self.tokens.iter().map(|t| t.text.as_str()).collect()
    }

    /// `[L, H, S, S]` and `[L, H, N-1, S+N-1]`, zero where nothing was handed out.
    pub fn dense_maps(&self, l: usize, h: usize, s: usize, n: usize) -> (Vec<f32>, Vec<f32>) {
        let wide = s + n - 1;
        let mut prefill = vec![0.0; l * h * s * s];
        let mut generated = vec![0.0; l * h * (n - 1) * wide];
        for b in &self.maps {
            for head in 0..h {
                for r in 0..b.rows {
                    let row = &b.values[(head * b.rows + r) * b.keys..][..b.keys];
                    let (into, at) = if b.first + r < s {
                        (&mut prefill, ((b.layer * h + head) * s + b.first + r) * s)
                    } else {
                        (&mut generated, ((b.layer * h + head) * (n - 1) + b.first + r - s) * wide)
                    };
                    into[at..at + b.keys].copy_from_slice(row);
                }
            }
        }
        (prefill, generated)
    }

    /// The run as `shared` sees it.
    pub fn observation(&self) -> Observation {
        let mut observation = Observation::default();
        observation.apply(&Event::Layout {
            layout: self.layout.clone().unwrap(),
            layers: self.flows.len() as u32,
            heads: self.flows[0].heads,
            model: ModelInfo::default(),
            options: RunOptions::default(),
        });
        for (layer, flow) in self.flows.iter().enumerate() {
            observation.apply(&Event::PrefillLayer { layer: layer as u32, flow: flow.clone() });
        }
        for t in &self.tokens {
            observation.apply(&t.clone().into());
        }
        observation
    }
}
