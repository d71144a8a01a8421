//! `health`: whether a lab is well, for whoever watches over it.

use std::time::Duration;

use clap::Args;

use super::{Failure, print};

/// How long the lab may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const MOST: u64 = 64 << 10;

/// Which lab.
#[derive(Clone, Debug, Args)]
pub struct HealthArgs {
    /// Where the lab is open.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// Asks `/healthz`, prints what it says, and fails where the lab is not well or does not answer.
pub(super) fn health(args: &HealthArgs) -> Result<(), Failure> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        // This machine's own lab is not behind the proxy that models are fetched through.
        .proxy(None)
        .build()
        .into();
    let url = format!("{}/healthz", args.url.trim_end_matches('/'));
    let answer = agent.get(&url).call().map_err(|e| format!("{url} does not answer: {e}"))?;
    let status = answer.status();
    let text = answer.into_body().into_with_config().limit(MOST).read_to_string();
    let text = text.map_err(|e| format!("{url} does not answer to the end: {e}"))?;
    match status.is_success() {
        true => print(&format!("{}\n", text.trim_end())),
        false => Err(format!("the lab is not well ({status}): {}", text.trim_end())),
    }
}
