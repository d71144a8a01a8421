//! Estimates against what processes take, and against what README says.
#![allow(clippy::print_stdout, reason = "what was tried and measured")]

use std::process::{Command, Output};

use engine::{Kernels, Weighed};
use shared::Quant;
use tempfile::TempDir;

use super::{MIB, models};

fn program(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.args(args).env("RUST_LOG", "error").output().unwrap()
}

/// MiB at the peak of a process that runs a shape, and those estimated; `None` where the system does not say.
fn measured(shape: &str, quant: Quant) -> Option<(f64, f64)> {
    let output = program(&[
        "bench",
        "--shape",
        shape,
        "--quant",
        quant.name(),
        "--memory",
        "0",
        // The second run works beside the arrangements that the first one's single rows made.
        "--runs",
        "2",
        "--observe",
        "on",
        "--new-tokens",
        "3",
        "--device",
        "cpu",
        "--json",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &report["rows"][0];
    let number = |name: &str| row[name].as_f64().unwrap();
    if report["processor"].as_str().is_none_or(|p| p.is_empty()) {
        panic!("the report names the processor");
    }
    let Some(peak) = row["peak_mib"].as_f64() else {
        if std::env::consts::OS == "linux" {
            panic!("Linux says what a process took: {row}");
        }
        return None;
    };
    assert!(number("tokens_in") > 64.0);
    Some((peak, number("estimate_mib")))
}

/// A process that makes a model of random weights, reads a prompt of more than 32 rows and writes
/// tokens: the estimate is between 0.9 and 1.25 times its peak, as `engine::MemoryNeed`, README and
/// docs/performance.md say.
#[test]
fn estimates_are_what_processes_take() {
    let (least, most) = (0.9, 1.25);
    for (file, text) in [
        ("README.md", format!("(between {least} and {most} times what they took)")),
        ("docs/performance.md", format!("between {least} and {most} times the peak")),
        (
            "backend/engine/src/memory/mod.rs",
            format!("/// {least} and {most} times what is measured"),
        ),
    ] {
        let said = std::fs::read_to_string(models().join("..").join(file)).unwrap();
        assert!(said.contains(&text), "{file} lacks: {text}");
    }
    let mut wrong = Vec::new();
    for shape in ["llava-100m", "qwen-100m", "qwen3-vl-100m"] {
        // Those of 16 bits take the same.
        let quants = Quant::ALL.into_iter().filter(|q| !matches!(q, Quant::Stored | Quant::Bf16));
        for quant in quants {
            let Some(first) = measured(shape, quant) else {
                println!("this system does not say what a process took: nothing is compared");
                return;
            };
            // Threads that were held up by other programs give memory back later: what is off is measured once more.
            let within = |(peak, estimate): (f64, f64)| (least..=most).contains(&(estimate / peak));
            let (peak, estimate) = match within(first) {
                true => first,
                false => measured(shape, quant).expect("the system said it before"),
            };
            let ratio = estimate / peak;
            println!("{shape} {}: {peak:.0} MiB, estimated {:.3} of it", quant.name(), ratio);
            if !(least..=most).contains(&ratio) {
                wrong.push(format!("{shape} {}: {ratio:.3}", quant.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What the weights take once they have been used, by processor: the figures of README's table.
#[test]
fn a_seven_billion_parameter_model_by_processor() {
    let gib = |kernels, quant| {
        let weighed = Weighed::shape("llava-1.5-7b", quant, kernels).unwrap();
        weighed.memory(1000).peak() as f64 / MIB / 1024.0
    };
    for quant in [Quant::Q4k, Quant::Q5k, Quant::Q6k, Quant::Q8_0] {
        let (here, plain) = (gib(Kernels::Avx512Vnni, quant), gib(Kernels::Plain, quant));
        assert_eq!(gib(Kernels::Avx2, quant), here, "one arrangement for all");
        assert_eq!(gib(Kernels::AvxVnni, quant), here, "one arrangement for all");
        // 64 bytes more for each 16 rows of 256 values, 32 of q6k, none of q8_0.
        assert!((0.0..0.13).contains(&(here - plain)), "{quant:?}: {here}, {plain}");
    }
    // Candle's arrangement on ARM is as large as the blocks that it keeps beside it.
    let arranged = gib(Kernels::Dotprod, Quant::Q8_0) - gib(Kernels::Plain, Quant::Q8_0);
    assert!((arranged - 1.0625 * 6_607_339_520.0 / MIB / 1024.0).abs() < 0.01, "{arranged}");
}

/// README's table is what the formula gives, by processor.
#[test]
fn readme_says_what_is_computed() {
    let readme = std::fs::read_to_string(models().join("../README.md")).unwrap();
    let mut missing = Vec::new();
    for (shape, name) in [
        ("llava-1.5-7b", "LLaVA-1.5-7B"),
        ("llava-1.5-13b", "LLaVA-1.5-13B"),
        ("qwen2-vl-2b", "Qwen2-VL-2B"),
        ("qwen2-vl-7b", "Qwen2-VL-7B"),
        ("qwen2.5-vl-3b", "Qwen2.5-VL-3B"),
        ("qwen2.5-vl-7b", "Qwen2.5-VL-7B"),
        ("qwen3-vl-2b", "Qwen3-VL-2B"),
        ("qwen3-vl-4b", "Qwen3-VL-4B"),
        ("qwen3-vl-8b", "Qwen3-VL-8B"),
        ("llava-interleave-0.5b", "LLaVA-Interleave-0.5B"),
        ("internvl3.5-1b", "InternVL3.5-1B"),
        ("internvl3.5-2b", "InternVL3.5-2B"),
        ("internvl3.5-8b", "InternVL3.5-8B"),
        ("llava-onevision-0.5b", "LLaVA-OneVision-0.5B"),
        ("llava-onevision-7b", "LLaVA-OneVision-7B"),
    ] {
        for (kernels, processor) in [(Kernels::Avx2, "x86-64"), (Kernels::Dotprod, "ARM")] {
            let quants = [Quant::Q4k, Quant::Q5k, Quant::Q8_0, Quant::F16, Quant::F32];
            let cells = quants.map(|quant| {
                let need = Weighed::shape(shape, quant, kernels).unwrap().memory(1000).peak();
                format!("{:.1}", need as f64 / MIB / 1024.0)
            });
            let row = format!("| {name} | {processor} | {} |", cells.join(" | "));
            if !readme.contains(&row) {
                missing.push(row);
            }
        }
    }
    assert!(missing.is_empty(), "README lacks:\n{}", missing.join("\n"));
}

#[test]
fn analyze_refuses_what_does_not_fit_and_says_what_would() {
    let data = TempDir::new().unwrap();
    let image = models().join("demo-llava/samples/cat-far.png");
    let analyze = |limit: &str| {
        program(&[
            "analyze",
            "--model",
            "demo-llava",
            "--image",
            image.to_str().unwrap(),
            "--prompt",
            "What is it?",
            "--max-new-tokens",
            "2",
            "--quant",
            "f32",
            "--device",
            "cpu",
            "--memory-limit",
            limit,
            "--models",
            models().to_str().unwrap(),
            "--data",
            data.path().to_str().unwrap(),
        ])
    };
    let refused = analyze("52MiB");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{said}");
    for part in ["out_of_memory: demo-llava in f32 needs about", "--memory-limit leaves", "In "] {
        assert!(said.contains(part), "no \"{part}\" in: {said}");
    }
    for limit in ["400MiB", "unlimited"] {
        let fits = analyze(limit);
        assert!(fits.status.success(), "{limit}: {}", String::from_utf8_lossy(&fits.stderr));
    }
    assert!(!analyze("much").status.success());
}
