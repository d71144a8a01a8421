//! The peer: another program that runs a model of the same sizes, beside the lab.

use std::process::Command;

use engine::DeviceChoice;
use serde::{Deserialize, Serialize};

use super::super::Failure;
use super::BenchArgs;

/// What a peer prints (`tests/bench/peer.py`): medians in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Peer {
    /// How it holds its weights.
    pub(super) mode: String,
    pub(super) tokens_in: usize,
    pub(super) tokens_out: u32,
    /// Generating with attentions, and every map's mean over heads brought to the host.
    pub(super) whole_ms: f64,
    /// Reading the prompt with attentions.
    pub(super) observed_prefill_ms: f64,
    /// Reading the prompt without.
    pub(super) prefill_ms: f64,
    /// A generated token without attentions.
    pub(super) ms_per_token: f64,
    /// Most memory of the GPU in use, as its driver sees it.
    pub(super) gpu_peak_mib: Option<f64>,
    pub(super) torch: String,
    pub(super) transformers: String,
}

/// Runs a peer on the bench's own sizes.
pub(super) fn run(command: &str, args: &BenchArgs) -> Result<Peer, Failure> {
    let device = match args.device {
        DeviceChoice::Auto if args.device.gpu_memory().is_some() => DeviceChoice::Cuda(0),
        DeviceChoice::Auto => DeviceChoice::Cpu,
        named => named,
    };
    let command = format!(
        "{command} --shape {} --device {device} --text-tokens {} --new-tokens {}",
        args.shape, args.text_tokens, args.new_tokens
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .output()
        .map_err(|e| format!("the peer '{command}' cannot be started: {e}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().last().unwrap_or_default();
        return Err(format!("the peer '{command}' failed: {last}"));
    }
    read(&output.stdout)
}

/// The last line that a peer printed.
fn read(printed: &[u8]) -> Result<Peer, Failure> {
    let text = String::from_utf8_lossy(printed);
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    serde_json::from_str(line).map_err(|e| format!("the peer printed no JSON of times: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read() {
        let line = r#"{"mode": "fp16", "tokens_in": 2586, "tokens_out": 20, "whole_ms": 949.0,
            "observed_prefill_ms": 205.0, "prefill_ms": 208.0, "ms_per_token": 34.6,
            "gpu_peak_mib": 30909.0, "torch": "2", "transformers": "5", "runs": 5}"#;
        let printed = format!("a warning\n{}\n\n", line.replace('\n', " "));
        let peer = read(printed.as_bytes()).expect("a peer's line");
        assert_eq!((peer.mode.as_str(), peer.tokens_in), ("fp16", 2586));
        assert!(read(b"nothing").expect_err("no JSON").contains("no JSON of times"));
    }
}
