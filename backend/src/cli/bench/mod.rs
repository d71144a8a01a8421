//! `bench`: what a model of some size costs here, on random weights, without a download.

mod gpu_memory;
mod peer;
mod runner;
mod samples;
mod tables;
mod watching;

use std::process::Command;
use std::time::Instant;

use clap::{Args, ValueEnum};
use engine::{
    DeviceChoice, Kernels, LoadOptions, Model, NoObserver, Observer, Picture, Prepared, Weighed,
    amount,
};
use serde::{Deserialize, Serialize};
use shared::{Quant, RunOptions};

use self::gpu_memory::GpuMemory;
use self::peer::Peer;
use self::tables::tables;
use self::watching::{Seen, Watching};
use super::values::{text, whole};
use super::{Failure, print};
use crate::workers::memory::{Machine, said};

/// The shape that is measured in seconds; the others take minutes a run.
const SMALL: &str = "llava-10m";

/// Most tokens of a prompt or an answer: more than any model reads.
const MOST_TOKENS: u64 = 1 << 20;

/// What to measure.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Model sizes to run: llava-10m, llava-1.5-7b, llava-1.5-13b, qwen2-vl-2b, qwen2-vl-7b,
    /// qwen2.5-vl-3b, qwen2.5-vl-7b, qwen3-vl-2b, qwen3-vl-4b, qwen3-vl-8b, internvl3-1b, internvl3-2b,
    /// internvl3-8b, internvl3.5-1b, internvl3.5-2b, internvl3.5-8b, smolvlm-256m, smolvlm-500m,
    /// smolvlm-2.2b, llava-interleave-0.5b, llava-onevision-0.5b or llava-onevision-7b.
    #[arg(long, default_value = SMALL, value_parser = shape)]
    shape: String,
    /// How the decoder's weights are held; several times for several rows [default: f32, q8_0 and
    /// q4k; q4k for full-size shapes].
    #[arg(long, value_parser = quant)]
    quant: Vec<Quant>,
    /// Tokens of the prompt besides the picture's, template included.
    #[arg(long, value_name = "N", default_value_t = 27, value_parser = whole::<usize>(1, MOST_TOKENS))]
    text_tokens: usize,
    /// Tokens to generate.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = whole::<u32>(1, MOST_TOKENS))]
    new_tokens: u32,
    /// Whether every layer and head is observed [default: both; on for full-size shapes].
    #[arg(long, value_enum)]
    observe: Option<Observe>,
    /// While observing, rows by head are handed out too, of as many tokens as the lab keeps.
    #[arg(long)]
    by_head: bool,
    /// Timed runs a row; medians are printed [default: 15; 1 for full-size shapes].
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1, 100_000))]
    runs: Option<usize>,
    /// Prompt lengths whose peak memory is measured, each in a process of its own; 0 for none
    /// [default: 171, 1024 and 4096; none for full-size shapes].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = whole::<usize>(0, MOST_TOKENS))]
    memory: Option<Vec<usize>>,
    /// A command that measures another program and prints its times as JSON, for ratios; it is
    /// given --shape, --device, --text-tokens and --new-tokens (tests/bench/peer.py). Several
    /// times for several of them.
    #[arg(long, value_name = "COMMAND", value_parser = text())]
    peer: Vec<String>,
    /// What the model runs on: auto, cpu or cuda:0.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    /// Instead of timing one prompt, runs so many different pictures and prompts in a row and
    /// tells the memory after the tenth and after the last; of several --quant it takes the last.
    #[arg(long, value_name = "N", conflicts_with_all = ["runner", "json", "peer", "memory", "observe", "runs"],
        value_parser = whole::<usize>(10, 100_000_000))]
    samples: Option<usize>,
    /// Instead of timing one prompt, works at an experiment of so many items on the demo model and
    /// dataset, and tells what the runner adds to the model's time.
    #[arg(long, value_name = "N", conflicts_with_all = ["shape", "json", "peer", "memory", "observe", "runs",
        "by_head", "text_tokens"], value_parser = whole::<u32>(4, 10_000_000))]
    runner: Option<u32>,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
}

impl BenchArgs {
    fn is_small(&self) -> bool {
        self.shape == SMALL
    }

    fn quants(&self) -> Vec<Quant> {
        match self.quant.as_slice() {
            [] if self.is_small() => vec![Quant::F32, Quant::Q8_0, Quant::Q4k],
            [] => vec![Quant::Q4k],
            some => some.to_vec(),
        }
    }

    /// What options say together.
    fn check(&self) -> Result<(), Failure> {
        if self.by_head && self.observe == Some(Observe::Off) {
            return Err("--by-head hands out what is observed, and with --observe off nothing is: leave one \
                        of them out"
                .to_owned());
        }
        match self.memory.as_deref() {
            Some(lengths) if lengths.len() > 1 && lengths.contains(&0) => {
                Err("--memory 0 measures no length: write it alone, or leave the 0 out".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn observe(&self) -> Observe {
        self.observe.unwrap_or(if self.is_small() { Observe::Both } else { Observe::On })
    }

    fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.is_small() { 15 } else { 1 })
    }

    fn memory(&self) -> Vec<usize> {
        let usual = || if self.is_small() { vec![171, 1024, 4096] } else { Vec::new() };
        self.memory.clone().unwrap_or_else(usual).into_iter().filter(|n| *n > 0).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Observe {
    On,
    Off,
    Both,
}

fn shape(name: &str) -> Result<String, String> {
    let all = engine::shapes::names();
    match all.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(format!("there are {}", all.join(", "))),
    }
}

fn quant(name: &str) -> Result<Quant, String> {
    Quant::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Quant::ALL.iter().map(|q| q.name()).collect();
        format!("there are {}", names.join(", "))
    })
}

/// One row: medians in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    quant: Quant,
    tokens_in: usize,
    tokens_out: u32,
    /// From the decoded picture to the last token, every layer and head observed.
    observed_ms: Option<f64>,
    unobserved_ms: Option<f64>,
    /// Until the first layer's flow is there.
    first_layer_ms: Option<f64>,
    prefill_ms: f64,
    ms_per_token: f64,
    /// The same two without anybody watching.
    unobserved_prefill_ms: Option<f64>,
    unobserved_ms_per_token: Option<f64>,
    load_ms: f64,
    weights_mib: f64,
    /// Peak of this process while the weights were made, as the system sees it.
    load_peak_mib: Option<f64>,
    /// Peak of this process after its runs.
    peak_mib: Option<f64>,
    /// Most memory of the GPU in use during the runs, as its driver sees it.
    gpu_peak_mib: Option<f64>,
    /// What [`Model::memory`] says it would be.
    estimate_mib: f64,
    /// The prompt as it was laid out, and what was observed of it.
    seen: Seen,
}

#[derive(Debug, Serialize)]
struct Report {
    shape: String,
    version: &'static str,
    device: String,
    processor: String,
    rows: Vec<Row>,
    memory: Vec<Row>,
    peers: Vec<Peer>,
}

pub(super) fn bench(args: &BenchArgs) -> Result<(), Failure> {
    args.check()?;
    let quants = args.quants();
    if let Some(samples) = args.samples {
        return samples::samples(args, quants[quants.len() - 1], samples);
    }
    if let Some(items) = args.runner {
        return runner::runner(args, items);
    }
    let mut report = Report {
        shape: args.shape.clone(),
        version: env!("CARGO_PKG_VERSION"),
        device: args.device.describe().map_err(|e| e.message)?,
        processor: engine::processor(),
        rows: Vec::new(),
        memory: Vec::new(),
        peers: Vec::new(),
    };
    // The peer first and last in one sitting would be fairer still; machines are noisy, so ratios
    // are what to quote.
    for command in &args.peer {
        tracing::info!(command, "timing a peer");
        report.peers.push(peer::run(command, args)?);
    }
    for quant in &quants {
        tracing::info!(quant = quant.name(), "timing");
        report.rows.push(row(args, *quant)?);
    }
    let image = report.rows.first().map_or(0, |row| row.seen.image_tokens);
    for tokens in args.memory() {
        tracing::info!(tokens, "measuring memory");
        let text = tokens.saturating_sub(image);
        report.memory.push(in_a_process_of_its_own(args, quants[quants.len() / 2], text)?);
    }
    if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
        return print(&(json + "\n"));
    }
    print(&tables(&report))
}

/// Whether a model of random weights fits the memory that is left, with a prompt of the asked length:
/// what does not is refused before it is made.
///
/// # Errors
/// A sentence with what it needs and what there is.
fn fits(args: &BenchArgs, quant: Quant) -> Result<(), Failure> {
    let Some(room) = Machine::default().room().filter(|_| args.device.gpu_memory().is_none())
    else {
        return Ok(());
    };
    let weighed = Weighed::shape(&args.shape, quant, Kernels::here()).map_err(|e| e.message)?;
    let need = weighed.memory(args.text_tokens + args.new_tokens as usize).peak();
    match room.holds(need, 0) {
        true => Ok(()),
        false => Err(format!(
            "out_of_memory: {} in {} needs about {} of memory, and {}; take a smaller --shape, fewer tokens or \
             another --quant, or say with --memory-limit how much may be taken",
            args.shape,
            quant.name(),
            amount(need),
            room.free_in_words(0)
        )),
    }
}

fn row(args: &BenchArgs, quant: Quant) -> Result<Row, Failure> {
    fits(args, quant)?;
    let start = Instant::now();
    let options = LoadOptions { name: args.shape.clone(), quant, device: args.device };
    let model = Model::random(&args.shape, &options).map_err(|e| e.message)?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let load_peak_mib = peak_mib();
    tracing::info!(seconds = load_ms / 1e3, "weights made");
    let picture = stripes(480);
    let mut run = RunOptions {
        prompt: "x".to_owned(),
        max_new_tokens: args.new_tokens,
        ignore_eos: true,
        ..RunOptions::default()
    };
    // The tokenizer of random models has a token for each byte.
    let shortest = model.prepare(&picture, &run).map_err(|e| e.message)?;
    let around = shortest.prompt_tokens() - shortest.image_tokens() - 1;
    run.prompt = "x".repeat(args.text_tokens.saturating_sub(around).max(1));
    let prepare = || model.prepare(&picture, &run).map_err(|e| e.message);
    let (mut observed, mut unobserved) = (Vec::new(), Vec::new());
    // Prefill and decode, observed and not.
    let (mut first, mut prefill, mut decode) = (Vec::new(), [vec![], vec![]], [vec![], vec![]]);
    let gpu = GpuMemory::watch(args.device);
    let tokens_in = prepare()?.prompt_tokens();
    // Observed and unobserved take turns, so that a busy machine slows both alike.
    let (runs, observe) = (args.runs(), args.observe());
    let mut seen = Seen::default();
    for i in 0..runs + 2 {
        let warm = i >= 2 || runs == 1;
        let mut time = |observer: &mut dyn Observer| -> Result<(f64, Prepared), Failure> {
            let kind = usize::from(!observer.wants().flows);
            let start = Instant::now();
            let prepared = prepare()?;
            let summary = model.run(&prepared, observer).map_err(|e| e.message)?;
            let summary = summary.ok_or("the run stopped early")?;
            if warm {
                prefill[kind].push(summary.timing.prefill_ms);
                decode[kind].push(summary.timing.decode_ms);
            }
            Ok((start.elapsed().as_secs_f64() * 1e3, prepared))
        };
        if observe != Observe::Off {
            let mut watching = Watching::new(args.by_head);
            let (ms, prepared) = time(&mut watching)?;
            seen = watching.seen(&model, &prepared)?;
            if warm {
                observed.push(ms);
                first.extend(watching.first_layer_ms);
            }
        }
        if observe != Observe::On {
            let (ms, _) = time(&mut NoObserver)?;
            if warm {
                unobserved.push(ms);
            }
        }
        if runs == 1 {
            break;
        }
    }
    let per_token =
        |ms: Option<f64>| ms.map(|ms| ms / f64::from(args.new_tokens.saturating_sub(1).max(1)));
    let [watched_prefill, prefill] = prefill.map(median);
    let [watched_decode, decode] = decode.map(|ms| per_token(median(ms)));
    Ok(Row {
        quant,
        tokens_in,
        tokens_out: args.new_tokens,
        observed_ms: median(observed),
        unobserved_ms: median(unobserved),
        first_layer_ms: median(first),
        prefill_ms: watched_prefill.or(prefill).unwrap_or_default(),
        ms_per_token: watched_decode.or(decode).unwrap_or_default(),
        unobserved_prefill_ms: prefill,
        unobserved_ms_per_token: decode,
        load_ms,
        weights_mib: model.info().bytes as f64 / f64::from(1 << 20),
        load_peak_mib,
        peak_mib: peak_mib(),
        gpu_peak_mib: gpu.peak_mib(),
        estimate_mib: model.memory(tokens_in + args.new_tokens as usize).peak() as f64
            / f64::from(1 << 20),
        seen,
    })
}

/// A process's peak never falls, so each length gets its own.
fn in_a_process_of_its_own(args: &BenchArgs, quant: Quant, text: usize) -> Result<Row, Failure> {
    #[derive(Deserialize)]
    struct Only {
        rows: Vec<Row>,
    }
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new(program)
        .args(["bench", "--json", "--observe", "on", "--runs", "1", "--new-tokens", "2"])
        .args(["--memory", "0", "--shape", &args.shape, "--quant", quant.name()])
        .args(["--text-tokens", &text.max(1).to_string(), "--device", &args.device.to_string()])
        .args(said().into_iter().flat_map(|limit| ["--memory-limit".to_owned(), limit.to_string()]))
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let mut only: Only = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    only.rows.pop().ok_or_else(|| "the measuring process said nothing".to_owned())
}

fn stripes(side: u32) -> Picture {
    let rgb = (0..side * side)
        .flat_map(|i| [(i / side % 256) as u8, (i % side % 256) as u8, (i * 7 % 251) as u8])
        .collect();
    Picture { width: side, height: side, rgb }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The most memory this process ever had.
fn peak_mib() -> Option<f64> {
    status_mib("VmHWM:")
}

/// What it has now.
fn resident_mib() -> Option<f64> {
    status_mib("VmRSS:")
}

fn status_mib(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with(key))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
