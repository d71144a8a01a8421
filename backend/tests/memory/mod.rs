//! What is said of memory against what is taken, and what does not fit is refused before it starts.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod estimates;
mod experiments;
mod runs;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::{Options, TestLab};
use engine::{DeviceChoice, Kernels, Weighed};
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::EngineLab;
use langoverrule::workers::memory::Machine;
use shared::api::RunRecord;
use shared::{Event, Quant};
use tempfile::TempDir;

const MIB: f64 = 1_048_576.0;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// The event that ended a run.
fn last(record: &RunRecord) -> Event {
    record.events.last().unwrap().event.clone()
}

/// A lab on the demo model, on a machine that has so much memory, so much of it free.
fn lab(machine: &TempDir, total_mib: f64, free_mib: f64) -> TestLab {
    free(machine, total_mib, free_mib);
    let mut catalog = Catalog::default();
    catalog.set_default(models().join("demo-llava").to_str().unwrap()).unwrap();
    let machine = Machine::at(machine.path(), None);
    let lab = EngineLab { device: DeviceChoice::Cpu, machine };
    let options = Options { experiments: true, ..Options::default() };
    TestLab::of(Arc::new(lab), catalog, Arc::new(TempDir::new().unwrap()), options)
}

fn free(machine: &TempDir, total_mib: f64, free_mib: f64) {
    let proc = machine.path().join("proc");
    std::fs::create_dir_all(&proc).unwrap();
    let kib = |mib: f64| (mib * 1024.0) as u64;
    let table = format!(
        "MemTotal:  {} kB\nMemFree: 0 kB\nMemAvailable: {} kB\n",
        kib(total_mib),
        kib(free_mib)
    );
    // Whole at once: the lab reads it at any time.
    let new = machine.path().join("new");
    std::fs::write(&new, table).unwrap();
    std::fs::rename(new, proc.join("meminfo")).unwrap();
}

/// MiB that the demo model takes to be loaded and asked something short.
fn need(quant: Quant) -> f64 {
    let here = Kernels::here();
    Weighed::files(models().join("demo-llava"), quant, here).unwrap().takes() as f64 / MIB
}

/// A picture of so many pixels that a computer draws, in a small file.
fn large(side: u32) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(side, side).write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}
