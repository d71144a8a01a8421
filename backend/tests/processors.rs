//! How far the same question is from itself on another processor: quantized products take the kernels
//! of the processor that they find, and are told to take others in processes of their own.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]
#![allow(clippy::print_stdout, reason = "what was measured")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use engine::Kernels;
use langoverrule::experiments::{Book, End, SqliteQueue};
use shared::experiment::Outcome;
use shared::{Definition, Quant, Stage};

/// Candle's switches for tests.
const AVX2: &str = "MISTRALRS_FORCE_AVX2";
const AVX_VNNI: &str = "MISTRALRS_FORCE_AVXVNNI";
const SAMPLES: u32 = 24;

/// By model, weights and sample what a run left.
type Left = BTreeMap<(String, &'static str, u32), Outcome>;

/// Both demo models at the same samples, with the kernels that the processor has or those that are
/// forced; and what their products then take.
fn run(forced: Option<&str>) -> (Left, Vec<String>) {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_langoverrule"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for switch in [AVX2, AVX_VNNI] {
        command.env_remove(switch);
    }
    if let Some(switch) = forced {
        command.env(switch, "1");
    }
    command.args(["experiment", "--model", "demo-llava,demo-qwen", "--quant", "q4k,q8_0"]);
    command.args(["--samples", &SAMPLES.to_string(), "--max-new-tokens", "6", "--device", "cpu"]);
    command.arg("--out").arg(data.path().join("out")).arg("--data").arg(data.path());
    let output = command.env("RUST_LOG", "error").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let queue = SqliteQueue::open(data.path()).unwrap();
    let experiment = queue.list(1).unwrap().pop().unwrap();
    let ends = queue.ends(&experiment.start.id, 0, 10_000).unwrap();
    let left = ends.into_iter().map(|ended| {
        let (condition, sample) = experiment.start.grid.item(ended.item).unwrap();
        let End::Done(outcome) = ended.end else { panic!("{:?}", ended.end) };
        ((condition.model.clone(), condition.quant.name(), sample), *outcome)
    });
    let devices = experiment.models.into_iter().map(|model| model.device);
    (left.collect(), devices.collect())
}

fn late_mdi(outcome: &Outcome) -> f64 {
    outcome.masses.stage(Stage::Late, &Definition::default()).mdi.unwrap()
}

/// The bound of docs/performance.md: how far the late MDI of one sample may move. Products give the
/// same bits; f32 ones, which the switches leave alone, do so on one processor.
const BOUND: f64 = 1e-6;

#[test]
fn late_mdi_is_the_same_on_other_processors_within_its_bound() {
    let here = Kernels::here();
    let mut forced = Vec::new();
    if matches!(here, Kernels::AvxVnni | Kernels::Avx512Vnni) {
        forced.push((AVX2, Kernels::Avx2));
    }
    if here != Kernels::AvxVnni && is_x86_feature_detected!("avxvnni") {
        forced.push((AVX_VNNI, Kernels::AvxVnni));
    }
    if forced.is_empty() {
        println!("{here} are the only kernels of this processor that can be compared");
        return;
    }
    let (own, devices) = run(None);
    assert_eq!(own.len() as u32, 2 * 2 * SAMPLES);
    assert!(devices.iter().all(|device| device.contains(here.name())), "{devices:?}");
    let mut wrong = Vec::new();
    for (switch, kernels) in forced {
        let (other, devices) = run(Some(switch));
        let named = devices.iter().all(|d| d.ends_with(&format!("quantized {kernels})")));
        assert!(named, "a result names the kernels it came from: {devices:?}");
        assert_eq!(other.len(), own.len());
        for model in ["demo-llava", "demo-qwen"] {
            for quant in [Quant::Q4k, Quant::Q8_0] {
                let pairs = own.iter().filter(|(of, _)| of.0 == model && of.1 == quant.name());
                let (mut same, mut logs) = (0, Vec::new());
                for (of, one) in pairs {
                    let two = &other[of];
                    // Another answer looks from other tokens.
                    if one.answer == two.answer {
                        same += 1;
                        logs.push((late_mdi(one) / late_mdi(two)).ln());
                    }
                }
                let largest = logs.iter().fold(0f64, |most, log| most.max(log.abs())).exp_m1();
                let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp_m1();
                let said = format!(
                    "{model} {}, {here} beside {kernels}: {same} of {SAMPLES} answers the same, late MDI \
                     at most {:.3} % apart, on average {:+.3} %",
                    quant.name(),
                    100.0 * largest,
                    100.0 * mean
                );
                println!("{said}");
                if same < SAMPLES || largest > BOUND {
                    wrong.push(said);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
