//! What the runner of experiments costs beside the model, and whether its memory grows.

use std::sync::Arc;
use std::time::Instant;

use datasets::Paths;
use shared::AskedOptions;
use shared::experiment::ExperimentSpec;

use super::super::{Failure, print};
use super::{BenchArgs, resident_mib};
use crate::experiments::{Bench, Book, End, Means, Post, Reach, Shelves, SqliteQueue, Turn, plan};
use crate::models::catalog::{Catalog, DEMO_NAME};
use crate::workers::lab::EngineLab;
use crate::workers::{Stop, Worker};

/// Works at an experiment of `items` items on the demo model and the demo dataset, as a worker
/// does, and compares its time with the model's own.
pub(super) fn runner(args: &BenchArgs, items: u32) -> Result<(), Failure> {
    let says = |e: crate::store::StoreError| e.to_string();
    let data = std::env::temp_dir().join(format!("langoverrule-bench-{}", std::process::id()));
    let catalog = Catalog::find(None, &data).map_err(|e| e.to_string())?;
    let queue = Arc::new(SqliteQueue::open(&data).map_err(says)?);
    let means = Means {
        book: queue.clone(),
        items: queue.clone(),
        lab: Arc::new(EngineLab { device: args.device, ..EngineLab::default() }),
        catalog: Arc::new(catalog),
        shelves: Arc::new(Shelves::new(Paths::Nowhere, None)),
    };
    // Two conditions, so that a thousand items need no more samples than there are.
    let spec = ExperimentSpec {
        models: vec![DEMO_NAME.to_owned()],
        quants: args.quant.clone(),
        samples: items.div_ceil(2),
        prune: vec![0.0, 0.75],
        base: AskedOptions { max_new_tokens: Some(args.new_tokens), ..AskedOptions::default() },
        ..ExperimentSpec::default()
    };
    let planned = plan(spec, &means.catalog, &means.shelves, Reach::Local);
    let (new, _) = planned.map_err(|e| e.0.message)?;
    queue.create(&new).map_err(says)?;
    let worker = Worker::start(args.device.to_string(), means.lab.clone(), 1)
        .map_err(|e| format!("the model's thread cannot start: {e}"))?;
    let mut bench = Bench::new(means, Post::Worker).map_err(says)?;
    let never: Stop = Arc::new(|| false);
    let mut turn = || bench.turn(&worker, &never).map_err(says);
    // The first item loads the model, which belongs to neither side.
    turn()?;
    let (started, mut done, mut at_hundred) = (Instant::now(), 1, None);
    while turn()? == Turn::Worked {
        done += 1;
        if done == 100 {
            at_hundred = resident_mib();
        }
    }
    let wall_ms = started.elapsed().as_secs_f64() * 1e3;
    // Of fewer items than that nothing is to be said of growth.
    let grown = at_hundred.zip(resident_mib()).map_or_else(String::new, |(hundred, end)| {
        format!(
            "; memory after the 100th {hundred:.0} MiB, after the last {end:.0} MiB ({:+.2} %)",
            100.0 * (end / hundred - 1.0)
        )
    });
    drop(bench);
    let ends = queue.ends(&new.id, 0, done).map_err(says)?;
    let model_ms: f64 = ends
        .iter()
        .skip(1)
        .map(|e| match &e.end {
            End::Done(outcome) => outcome.model_ms,
            End::LeftOut(_) => 0.0,
        })
        .sum();
    let _ = std::fs::remove_dir_all(&data);
    let runs = f64::from(done - 1);
    print(&format!(
        "{DEMO_NAME}, {done} items of the demo dataset: {:.1} ms an item, {:.1} of them the model's \
         ({:+.2} % for the runner){grown}\n",
        wall_ms / runs,
        model_ms / runs,
        100.0 * (wall_ms / model_ms - 1.0),
    ))
}
