//! The toy family through every door: at a glance, from a folder, as a shape, weighed, checked, run
//! and observed, with everything that is done to pictures and attention.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use candle_core::Device;
use safetensors::tensor::{Dtype, TensorView};
use shared::{Cell, GroupSet, Knockout, LayerFlow, Layout, PictureUse, Quant};

use super::*;
use crate::family::input::{self, input};
use crate::family::{Reading, random, traits_of};
use crate::model::{LoadOptions, Model};
use crate::observer::{Control, GeneratedToken, NoObserver, Observer, Wants};
use crate::processor::Kernels;
use crate::prompt::{Prompt, PromptTokenizer};
use crate::weighed::Weighed;
use crate::weights::{Random, Source};

/// Tensors by name: shape and values.
type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// Random weights that remember which tensors were asked for.
struct Recorder {
    weights: Random,
    read: RefCell<Tensors>,
}

impl Source for Recorder {
    fn has(&self, name: &str) -> bool {
        self.weights.has(name)
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
    fn read_f32(&self, name: &str, shape: &[usize]) -> std::result::Result<Vec<f32>, EngineError> {
        let values = self.weights.read_f32(name, shape)?;
        self.read.borrow_mut().insert(name.to_owned(), (shape.to_vec(), values.clone()));
        Ok(values)
    }
}

/// A folder with the weights that the shape has.
fn folder() -> tempfile::TempDir {
    let weights = Recorder { weights: Random { biased: FACTS.biased }, read: RefCell::default() };
    let progress = &mut |_, _| {};
    let mut loader = Loader::new(&weights, Quant::F32, &Device::Cpu, progress);
    let description = Toy.shape("toy").expect("its shape");
    let _ = (description.encoder)(&mut loader).expect("an encoder");
    let decoder =
        crate::decoder::Decoder::load(&mut loader, description.decoder, "text.", "lm_head.weight");
    assert!(decoder.is_ok());
    let folder = tempfile::tempdir().expect("a folder");
    let read = weights.read.borrow();
    let bytes: HashMap<&str, (Vec<usize>, Vec<u8>)> = read
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.as_str(), (shape.clone(), bytes))
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor"))
    });
    let file = folder.path().join("model.safetensors");
    safetensors::serialize_to_file(views, None, &file).expect("written");
    let specials = ["<tile>", "<whole>"].map(str::to_owned);
    let tokenizer = PromptTokenizer::of_characters(&specials);
    let config = r#"{"model_type": "toy", "num_hidden_layers": 3}"#;
    for (name, text) in [("tokenizer.json", tokenizer.as_str()), ("config.json", config)] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn wide() -> Picture {
    let rgb = (0..3 * 40 * 20u32).map(|i| (i * 37 % 251) as u8).collect();
    Picture { width: 40, height: 20, rgb }
}

fn options(model: &Model) -> RunOptions {
    let (prompt, ignore_eos) = ("What?".to_owned(), true);
    let resize = model.traits().resize;
    RunOptions { prompt, ignore_eos, max_new_tokens: 3, resize, ..RunOptions::default() }
}

/// Keeps what a run shows.
#[derive(Debug, Default)]
struct Seen {
    layout: Option<Layout>,
    flows: Vec<LayerFlow>,
    tokens: Vec<GeneratedToken>,
    logits: Vec<f32>,
}

impl Observer for Seen {
    fn wants(&self) -> Wants {
        Wants { flows: true, rows: true, logits: true, ..Wants::default() }
    }
    fn layout(&mut self, layout: &Layout) -> Control {
        self.layout = Some(layout.clone());
        Control::Continue(())
    }
    fn prefill_layer(&mut self, _: u32, flow: LayerFlow) -> Control {
        self.flows.push(flow);
        Control::Continue(())
    }
    fn token(&mut self, token: GeneratedToken) -> Control {
        self.tokens.push(token);
        Control::Continue(())
    }
    fn logits(&mut self, _: usize, _: usize, values: &[f32]) {
        self.logits.extend_from_slice(values);
    }
}

/// Runs a question about the wide picture, and holds what every run promises to it.
fn run(model: &Model, options: &RunOptions) -> (Seen, Layout) {
    let picture = wide();
    let size = [(picture.width, picture.height)];
    model.check().check(&size, options).expect("it fits");
    let prepared = model.prepare(&picture, options).expect("it fits");
    let mut seen = Seen::default();
    let summary = model.run(&prepared, &mut seen).expect("it runs").expect("to its end");
    let silent = model.run(&prepared, &mut NoObserver).expect("it runs").expect("to its end");
    assert_eq!(summary.answer, silent.answer, "watching changes nothing");
    let layout = seen.layout.clone().expect("a layout");
    assert_eq!(layout.len(), prepared.prompt_tokens(), "as was reckoned before");
    assert_eq!(seen.flows.len(), model.info().layers as usize);
    let bins = layout.bins.len();
    let sizes: Vec<f32> = (0..bins)
        .map(|bin| layout.tokens.iter().filter(|t| layout.bin(t) == bin).count() as f32)
        .collect();
    for flow in &seen.flows {
        for rows in flow.mass.0.chunks(bins * bins) {
            for (row, size) in rows.chunks(bins).zip(&sizes) {
                let sum: f32 = row.iter().sum();
                assert!((sum - size).abs() < 1e-3, "{sum} of {size}");
            }
        }
    }
    (seen, layout)
}

fn words(layout: &Layout) -> String {
    layout.tokens.iter().map(|t| t.text.as_str()).collect()
}

fn model() -> Model {
    let options = LoadOptions { quant: Quant::F32, ..LoadOptions::default() };
    Model::random("toy", &options).expect("a model")
}

#[test]
fn a_folder_and_a_shape_are_the_same_model() {
    let folder = folder();
    let glance = traits_of(folder.path()).expect("its family is known");
    let asked = LoadOptions { quant: Quant::F32, ..LoadOptions::default() };
    let model = Model::load(folder.path(), &asked, &mut |_, _| {}).expect("it loads");
    assert_eq!(model.info().family, "toy");
    assert_eq!(
        crate::family::model_types(),
        [
            "llava",
            "llava_onevision",
            "smolvlm",
            "idefics3",
            "qwen2_vl",
            "qwen2_5_vl",
            "qwen3_vl",
            "internvl",
            "qwen2_audio",
            "toy"
        ]
    );
    let mut known = model.traits().clone();
    known.quant = glance.quant;
    assert_eq!(known, glance);
    let (from_folder, layout) = run(&model, &options(&model));
    let (of_shape, other) = run(&self::model(), &options(&model));
    assert_eq!(layout, other);
    assert_eq!(from_folder.logits, of_shape.logits);
    // As many layers as the weights have.
    std::fs::write(
        folder.path().join("config.json"),
        r#"{"model_type": "toy", "num_hidden_layers": 2}"#,
    )
    .expect("written");
    let error = Model::load(folder.path(), &asked, &mut |_, _| {}).err().expect("refused");
    assert!(error.message.contains("says 2 decoder layers, the weights have 3"), "{error:?}");
}

#[test]
fn it_weighs_what_it_takes() {
    let folder = folder();
    for quant in [Quant::F32, Quant::Q8_0] {
        let weighed = Weighed::files(folder.path(), quant, Kernels::here()).expect("weighed");
        let shape = Weighed::shape("toy", quant, Kernels::here()).expect("weighed");
        let asked = LoadOptions { quant, ..LoadOptions::default() };
        let model = Model::load(folder.path(), &asked, &mut |_, _| {}).expect("it loads");
        assert_eq!(weighed.memory(40).running, model.memory(40).running, "{quant:?}");
        assert_eq!(shape.memory(40).running, model.memory(40).running, "{quant:?}");
    }
}

/// Tiles in their order with marks between them, and a whole view whose lines end in features that
/// lie in no cell.
#[test]
fn tiles_and_marks_are_laid_out() {
    let model = model();
    let (_, layout) = run(&model, &options(&model));
    let tile = "<image>".repeat(4);
    let whole = "<image>".repeat(6);
    let marked = format!("<tile>1{tile}<tile>2{tile}\n\n<whole>{whole}<tile>.");
    assert_eq!(words(&layout).replace('⏎', "\n"), format!("<s>Q:<{marked}What?\nA:"));
    let places: Vec<Option<Cell>> =
        layout.tokens.iter().filter(|t| t.group == Group::Image).map(|t| t.cell()).collect();
    let cell = |tile, row, col| Some(Cell { row, col, copy: 0, tile });
    let of_tile = |tile| [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(r, c)| cell(tile, r, c)).to_vec();
    let ends = vec![cell(2, 0, 0), cell(2, 0, 1), None, cell(2, 1, 0), cell(2, 1, 1), None];
    assert_eq!(places, [of_tile(0), of_tile(1), ends].concat());
    let group = |text: &str| {
        let found: Vec<Group> =
            layout.tokens.iter().filter(|t| t.text == text).map(|t| t.group).collect();
        found
    };
    assert_eq!(group("<tile>"), [Group::Marker; 3]);
    assert_eq!(
        (group("1"), group("."), group("W")),
        (vec![Group::Marker], vec![Group::Marker], vec![Group::Instruction],)
    );
    // A picture that is not wide has one tile and the whole view.
    let square = Picture { width: 20, height: 20, rgb: vec![9; 1200] };
    let prepared = model.prepare(&square, &options(&model)).expect("it fits");
    assert_eq!(prepared.image_tokens(), 4 + 6);
}

#[test]
fn pictures_are_pruned_and_repeated_run_by_run() {
    let model = model();
    assert_eq!(model.info().prune_score, "attention-received-in-last-block");
    let pruned = RunOptions { prune: 0.5, ..options(&model) };
    let (_, layout) = run(&model, &pruned);
    let left = layout.tokens.iter().filter(|t| t.group == Group::Image).count();
    assert_eq!(left, 7);
    // Line ends have no score, and go first.
    assert!(layout.tokens.iter().filter(|t| t.group == Group::Image).all(|t| t.cell().is_some()));
    let repeated = RunOptions { replicate: 2, ..pruned };
    let (_, layout) = run(&model, &repeated);
    let copies: Vec<(u16, u16)> =
        layout.tokens.iter().filter_map(|t| t.cell()).map(|c| (c.tile, c.copy)).collect();
    assert_eq!(copies.len(), 14);
    assert!(copies.is_sorted(), "each run's copies follow one another: {copies:?}");
    assert_eq!(words(&layout).matches("<tile>").count(), 3, "marks stand once");
}

#[test]
fn interventions_change_what_it_sees() {
    let model = model();
    let (own, layout) = run(&model, &options(&model));
    for picture in [PictureUse::Blank, PictureUse::Noise(3)] {
        let (other, same) = run(&model, &RunOptions { picture, ..options(&model) });
        assert_eq!(layout, same);
        assert_ne!(own.logits, other.logits);
    }
    let (_, without) = run(&model, &RunOptions { picture: PictureUse::None, ..options(&model) });
    assert_eq!(words(&without).replace('⏎', "\n"), "<s>Q:What?\nA:");
    let (from, to) = (GroupSet::of(&[Group::Instruction]), GroupSet::of(&[Group::Image]));
    let knockout = Some(Knockout { from, to, layers: None, heads: Vec::new() });
    let (blocked, _) = run(&model, &RunOptions { knockout, ..options(&model) });
    let bin = |group, medium| layout.bins.find(group, medium).expect("a bin");
    let (query, key) = (bin(Group::Instruction, None), bin(Group::Image, Some(0)));
    let bins = layout.bins.len();
    for (flow, free) in blocked.flows.iter().zip(&own.flows) {
        let mass = |flow: &LayerFlow| flow.mass.0[query * bins + key];
        assert_eq!(mass(flow), 0.0);
        assert!(mass(free) > 0.0);
    }
}

/// What is added after the first layers goes with its tokens: dropped with them and repeated with
/// them, and nothing is added to text.
#[test]
fn features_after_early_layers_follow_their_tokens() {
    let reading = Reading {
        quant: Quant::F32,
        device: &Device::Cpu,
        cache: None,
        weighing: None,
        progress: &mut |_, _| {},
    };
    let parts = random("toy", reading).expect("a model").parts;
    let options = RunOptions { prune: 0.5, replicate: 2, ..RunOptions::default() };
    let pixels = Tiles.prepare(&wide(), &options).expect("prepares");
    let seen = parts.encoder.features(&pixels.values, &pixels.views, true).expect("runs");
    let kept = crate::compress::prune(&seen.scores, 7);
    let plan = Tiles.plan((40, 20), &options).expect("a plan");
    let template = parts.templates.find("toy").expect("its template");
    let text = ("What?", std::slice::from_ref(&plan));
    let prompt =
        Prompt::new(&parts.tokenizer, template, text, parts.image_token).expect("a prompt");
    let pictures = [input::Seen::Picture(&pixels.values, &pixels.views)];
    let input = input(&parts, &pictures, &prompt, &options).expect("an input");
    assert_eq!((seen.deep.len(), input.deep.len()), (2, 2));
    // Which feature each position of the picture has: run by run, in both copies.
    let mut features = Vec::new();
    for (first, run) in plan.runs() {
        let left: Vec<u32> = kept
            .iter()
            .copied()
            .filter(|at| (first..first + run.len()).contains(&(*at as usize)))
            .collect();
        features.extend(left.repeat(2));
    }
    let mut features = features.into_iter();
    let rows = |t: &Tensor| t.to_vec2::<f32>().expect("rows");
    let (whole, laid) = (seen.deep.iter().map(rows), input.deep.iter().map(rows));
    let (whole, laid): (Vec<_>, Vec<_>) = (whole.collect(), laid.collect());
    for (at, token) in input.layout.tokens.iter().enumerate() {
        let feature = (token.group == Group::Image).then(|| features.next().expect("a feature"));
        for (whole, laid) in whole.iter().zip(&laid) {
            match feature {
                Some(feature) => assert_eq!(laid[at], whole[feature as usize], "position {at}"),
                None => assert_eq!(laid[at], [0.0; HIDDEN], "position {at}"),
            }
        }
    }
    assert_eq!(features.next(), None);
}

/// Source files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(|entry| below(entry.path())).collect()
}

/// What `config.json` calls a family stands in its own folder and in no other file, tests aside.
#[test]
fn no_other_file_asks_for_a_family_by_name() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut places: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut looked_at = 0;
    for path in sources(&src) {
        let file = path.strip_prefix(&src).expect("below it").to_string_lossy().replace('\\', "/");
        if file.starts_with("family/toy") || file.ends_with("tests.rs") {
            continue;
        }
        let folder = file.strip_prefix("family/").and_then(|file| file.split_once('/'));
        let place = folder.map_or(file.clone(), |(folder, _)| format!("the folder {folder}"));
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for name in crate::family::model_types() {
            if code.contains(&format!("\"{name}\"")) {
                places.entry(name).or_default().insert(place.clone());
            }
        }
        looked_at += 1;
    }
    assert!(looked_at > 80, "only {looked_at} files");
    assert!(places.len() > 2, "{places:?}");
    for (name, places) in places {
        let one = places.len() == 1 && places.iter().all(|place| place.starts_with("the folder"));
        assert!(one, "{name} is named in {places:?}");
    }
}
