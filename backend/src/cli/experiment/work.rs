//! `worker`: a process that takes items of whatever experiment is running.

use std::time::Duration;

use super::stop::Stop;
use super::{Failure, WorkerArgs, means};
use crate::experiments::queue::Post;
use crate::experiments::{Turn, Worker};
use crate::workers::Cache;

/// How often a worker with nothing to do looks again.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(in crate::cli) fn worker(args: &WorkerArgs) -> Result<(), Failure> {
    let device = args.device.describe().map_err(|e| e.message)?;
    tracing::info!(device, "worker is open");
    let stop = Stop::on_signals()?;
    let means = means(&args.folders, args.device)?;
    let mut worker = Worker::new(means, Post::Worker).map_err(|e| e.to_string())?;
    let mut cache = Cache::new(args.models_kept);
    let asked = || stop.asked();
    while !stop.asked() {
        match worker.turn(&mut cache, &asked).map_err(|e| e.to_string())? {
            Turn::Worked => {}
            Turn::Idle if args.until_idle => break,
            Turn::Idle => std::thread::sleep(LOOK_EVERY),
        }
    }
    worker.rest().map_err(|e| e.to_string())
}
