//! `bench`: what a model of some size costs here, on random weights, without a download.

use std::process::Command;
use std::time::Instant;

use clap::{Args, ValueEnum};
use engine::{
    Control, GeneratedToken, LoadOptions, Model, NoObserver, Observer, Picture, Prepared, Wants,
};
use serde::{Deserialize, Serialize};
use shared::{LayerFlow, Quant, RunOptions};

use super::{Failure, print};

/// Tokens of the built-in template and the begin token, around the prompt's own.
const AROUND: usize = 19;

/// What to measure.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Model sizes to run: llava-10m, llava-1.5-7b or llava-1.5-13b.
    #[arg(long, default_value = "llava-10m")]
    shape: String,
    /// How the decoder's weights are held; several times for several rows.
    #[arg(long, value_parser = quant)]
    quant: Vec<Quant>,
    /// Tokens of the prompt besides the picture's, template included.
    #[arg(long, default_value_t = 27)]
    text_tokens: usize,
    /// Tokens to generate.
    #[arg(long, default_value_t = 20)]
    new_tokens: u32,
    /// Whether every layer and head is observed.
    #[arg(long, value_enum, default_value = "both")]
    observe: Observe,
    /// Timed runs a row; medians are printed.
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// Prompt lengths whose peak memory is measured, each in a process of its own; 0 for none.
    #[arg(long, value_delimiter = ',', default_value = "171,1024,4096")]
    memory: Vec<usize>,
    /// A command that prints the peer's times as JSON (tests/bench/peer.py), for ratios.
    #[arg(long)]
    peer: Option<String>,
    /// Prints JSON instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Observe {
    On,
    Off,
    Both,
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
    load_ms: f64,
    weights_mib: f64,
    /// Peak of this process, as the system sees it.
    peak_mib: Option<f64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Peer {
    forward_ms: f64,
    generate_ms: f64,
    torch: String,
    transformers: String,
}

#[derive(Debug, Serialize)]
struct Report {
    shape: String,
    version: &'static str,
    rows: Vec<Row>,
    memory: Vec<Row>,
    peer: Option<Peer>,
}

/// Asks for all that the live page asks for, and notes when the first layer came.
struct Watching {
    start: Instant,
    first_layer_ms: Option<f64>,
}

impl Observer for Watching {
    fn wants(&self) -> Wants {
        Wants { flows: true, rows: true, ..Wants::default() }
    }

    fn prefill_layer(&mut self, layer: u32, _: LayerFlow) -> Control {
        if layer == 0 {
            self.first_layer_ms = Some(self.start.elapsed().as_secs_f64() * 1e3);
        }
        Control::Continue(())
    }

    fn token(&mut self, _: GeneratedToken) -> Control {
        Control::Continue(())
    }
}

pub(super) fn bench(args: &BenchArgs) -> Result<(), Failure> {
    let quants = match args.quant.as_slice() {
        [] => vec![Quant::F32, Quant::Q8_0, Quant::Q4k],
        some => some.to_vec(),
    };
    let mut report = Report {
        shape: args.shape.clone(),
        version: env!("CARGO_PKG_VERSION"),
        rows: Vec::new(),
        memory: Vec::new(),
        peer: None,
    };
    // The peer first and last in one sitting would be fairer still; machines are noisy, so ratios
    // are what to quote.
    if let Some(command) = &args.peer {
        tracing::info!("timing the peer");
        report.peer = Some(peer(command)?);
    }
    for quant in &quants {
        tracing::info!(quant = quant.name(), "timing");
        report.rows.push(row(args, *quant)?);
    }
    for tokens in args.memory.iter().filter(|tokens| **tokens > 0) {
        tracing::info!(tokens, "measuring memory");
        report.memory.push(in_a_process_of_its_own(args, quants[quants.len() / 2], *tokens)?);
    }
    if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?;
        return print(&(json + "\n"));
    }
    print(&tables(&report))
}

fn row(args: &BenchArgs, quant: Quant) -> Result<Row, Failure> {
    let start = Instant::now();
    let options = LoadOptions { name: args.shape.clone(), quant };
    let model = Model::random(&args.shape, &options).map_err(|e| e.message)?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let picture = stripes(480);
    let run = RunOptions {
        prompt: "x".repeat(args.text_tokens.saturating_sub(AROUND).max(1)),
        max_new_tokens: args.new_tokens,
        ignore_eos: true,
        ..RunOptions::default()
    };
    let prepare = || model.prepare(&picture, &run).map_err(|e| e.message);
    let (mut observed, mut unobserved) = (Vec::new(), Vec::new());
    let (mut first, mut prefill, mut decode) = (Vec::new(), Vec::new(), Vec::new());
    let tokens_in = prepare()?.prompt_tokens();
    // Observed and unobserved take turns, so that a busy machine slows both alike.
    for i in 0..args.runs + 2 {
        let warm = i >= 2 || args.runs == 1;
        let mut time = |observer: &mut dyn Observer| -> Result<f64, Failure> {
            let start = Instant::now();
            let prepared: Prepared = prepare()?;
            let summary = model.run(&prepared, observer).map_err(|e| e.message)?;
            let summary = summary.ok_or("the run stopped early")?;
            if warm {
                prefill.push(summary.timing.prefill_ms);
                decode.push(summary.timing.decode_ms);
            }
            Ok(start.elapsed().as_secs_f64() * 1e3)
        };
        if args.observe != Observe::Off {
            let mut watching = Watching { start: Instant::now(), first_layer_ms: None };
            let ms = time(&mut watching)?;
            if warm {
                observed.push(ms);
                first.extend(watching.first_layer_ms);
            }
        }
        if args.observe != Observe::On {
            let ms = time(&mut NoObserver)?;
            if warm {
                unobserved.push(ms);
            }
        }
        if args.runs == 1 {
            break;
        }
    }
    Ok(Row {
        quant,
        tokens_in,
        tokens_out: args.new_tokens,
        observed_ms: median(observed),
        unobserved_ms: median(unobserved),
        first_layer_ms: median(first),
        prefill_ms: median(prefill).unwrap_or_default(),
        ms_per_token: median(decode).unwrap_or_default()
            / f64::from(args.new_tokens.saturating_sub(1).max(1)),
        load_ms,
        weights_mib: model.info().bytes as f64 / f64::from(1 << 20),
        peak_mib: peak_mib(),
    })
}

/// A process's peak never falls, so each length gets its own.
fn in_a_process_of_its_own(args: &BenchArgs, quant: Quant, tokens: usize) -> Result<Row, Failure> {
    #[derive(Deserialize)]
    struct Only {
        rows: Vec<Row>,
    }
    // Image tokens count towards the prompt's length.
    let image = if args.shape == "llava-10m" { 144 } else { 576 };
    let text = tokens.saturating_sub(image).to_string();
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new(program)
        .args(["bench", "--json", "--observe", "on", "--runs", "1", "--new-tokens", "2"])
        .args(["--memory", "0", "--shape", &args.shape, "--quant", quant.name()])
        .args(["--text-tokens", &text])
        .output()
        .map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let mut only: Only = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    only.rows.pop().ok_or_else(|| "the measuring process said nothing".to_owned())
}

fn peer(command: &str) -> Result<Peer, Failure> {
    let output = Command::new("sh")
        .args(["-c", command])
        .output()
        .map_err(|e| format!("the peer '{command}' cannot be started: {e}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().last().unwrap_or_default();
        return Err(format!("the peer '{command}' failed: {last}"));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("the peer printed no JSON: {e}"))
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

fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn tables(report: &Report) -> String {
    let ms = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:.1}"));
    let mut out = format!("{}, random weights, medians in milliseconds\n\n", report.shape);
    out += "| weights | in + out | observed | unobserved | observing costs | first layer | prefill \
            | a token | of the peer |\n|---|---|---|---|---|---|---|---|---|\n";
    for r in &report.rows {
        let ratio = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a / b);
        let cost = ratio(r.observed_ms, r.unobserved_ms)
            .map_or("–".to_owned(), |x| format!("{:+.1} %", 100.0 * (x - 1.0)));
        let peer = ratio(r.observed_ms, report.peer.as_ref().map(|p| p.generate_ms))
            .map_or("–".to_owned(), |x| format!("{x:.2}"));
        out += &format!(
            "| {} ({:.0} MiB) | {} + {} | {} | {} | {cost} | {} | {:.1} | {:.2} | {peer} |\n",
            r.quant.name(),
            r.weights_mib,
            r.tokens_in,
            r.tokens_out,
            ms(r.observed_ms),
            ms(r.unobserved_ms),
            ms(r.first_layer_ms),
            r.prefill_ms,
            r.ms_per_token,
        );
    }
    if let Some(p) = &report.peer {
        out += &format!(
            "\nPeer: transformers {} on torch {}, eager, attentions handed out: forward {:.0} ms, \
             171 + 20 tokens {:.0} ms.\n",
            p.transformers, p.torch, p.forward_ms, p.generate_ms
        );
    }
    if !report.memory.is_empty() {
        out += "\n| tokens in | observed | peak memory (MiB) |\n|---|---|---|\n";
        for r in &report.memory {
            out += &format!("| {} | {} | {} |\n", r.tokens_in, ms(r.observed_ms), ms(r.peak_mib));
        }
    }
    out
}
