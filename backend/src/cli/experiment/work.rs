//! `worker`: a process that takes items of whatever experiment is running.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::stop::Asked;
use super::{Failure, WorkerArgs, means};
use crate::experiments::{Bench, Means, Post, Turn};
use crate::workers::lab::KeepingLab;
use crate::workers::{Fitting, Stop, Worker};

/// How often a worker with nothing to do looks again.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(in crate::cli) fn worker(args: &WorkerArgs) -> Result<(), Failure> {
    let devices = args.device.find().map_err(|e| e.message)?;
    let asked = Asked::on_signals()?;
    let mut benches = Vec::new();
    for (device, named) in devices {
        tracing::info!(device = named, "worker is open");
        let means = match benches.first() {
            None => means(&args.folders, device)?,
            // The same book; what decodes pictures does not depend on the device.
            Some((_, _, Means { book, items, catalog, shelves, .. })) => Means {
                book: book.clone(),
                items: items.clone(),
                catalog: catalog.clone(),
                shelves: shelves.clone(),
                lab: Arc::new(KeepingLab::in_data(device, &args.folders.data)),
            },
        };
        let worker = Worker::start(device.to_string(), means.lab.clone(), args.models_kept)
            .map_err(|e| format!("the model's thread cannot start: {e}"))?;
        let bench = Bench::new(means.clone(), Post::Worker).map_err(|e| e.to_string())?;
        benches.push((bench, worker, means));
    }
    if let Some((_, _, Means { lab, catalog, .. })) = benches.first() {
        for problem in Fitting::default().look(&**lab, catalog).problems {
            tracing::error!("{problem}");
        }
    }
    let stop = asked.stop();
    let until_idle = args.until_idle;
    thread::scope(|scope| {
        let work = |(mut bench, worker, _): (Bench, Worker, Means)| {
            let stop = stop.clone();
            scope.spawn(move || work(&mut bench, &worker, &stop, until_idle))
        };
        let threads: Vec<_> = benches.into_iter().map(work).collect();
        // One that fails leaves the others at work; the program's end tells of it.
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(_) => Err("a worker panicked; its log says how".to_owned()),
        });
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Works on one device until somebody asks for an end or, if wanted, until there is nothing to do.
fn work(bench: &mut Bench, worker: &Worker, stop: &Stop, until_idle: bool) -> Result<(), Failure> {
    while !stop() {
        match bench.turn(worker, stop).map_err(|e| e.to_string())? {
            Turn::Worked => {}
            Turn::Idle if until_idle => break,
            Turn::Idle => thread::sleep(LOOK_EVERY),
        }
    }
    bench.rest().map_err(|e| e.to_string())
}
