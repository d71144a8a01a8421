//! A GPU's memory while something runs, as its driver sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::DeviceChoice;

/// Asks the driver again and again, and keeps the most that was in use by all programs together.
pub(super) struct GpuMemory {
    device: DeviceChoice,
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A GPU's memory at one moment, in MiB.
pub(super) struct Now {
    /// In use by all programs.
    pub(super) in_use_mib: f64,
    /// Held by this program's pool.
    pub(super) pool_mib: f64,
    /// Of what the pool holds, in use.
    pub(super) used_mib: f64,
    /// The most of it that was ever in use.
    pub(super) most_used_mib: f64,
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl GpuMemory {
    /// Watches a device; a processor has nothing to watch.
    pub(super) fn watch(device: DeviceChoice) -> Self {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = device.gpu_memory().and_then(|_| {
            let (most, stop) = (most.clone(), stop.clone());
            let ask = move || {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(
                        device.gpu_memory().map_or(0, |m| m.in_use()),
                        Ordering::Relaxed,
                    );
                    std::thread::sleep(Duration::from_millis(2));
                }
            };
            std::thread::Builder::new().name("gpu-memory".into()).spawn(ask).ok()
        });
        GpuMemory { device, most, stop, thread }
    }

    /// What is there now; `None` without a GPU.
    pub(super) fn now(&self) -> Option<Now> {
        let memory = self.device.gpu_memory()?;
        Some(Now {
            in_use_mib: mib(memory.in_use()),
            pool_mib: mib(memory.reserved),
            used_mib: mib(memory.used),
            most_used_mib: mib(memory.most_used),
        })
    }

    /// The most that was in use so far, in MiB; `None` without a GPU.
    pub(super) fn peak_mib(&self) -> Option<f64> {
        self.thread.as_ref()?;
        Some(mib(self.most.load(Ordering::Relaxed)))
    }
}

impl Drop for GpuMemory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that watches the GPU's memory panicked");
        }
    }
}
