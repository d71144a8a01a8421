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

impl GpuMemory {
    /// Watches a device; a processor has nothing to watch.
    pub(super) fn watch(device: DeviceChoice) -> Self {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = device.memory_in_use().and_then(|_| {
            let (most, stop) = (most.clone(), stop.clone());
            let ask = move || {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(device.memory_in_use().unwrap_or(0), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(2));
                }
            };
            std::thread::Builder::new().name("gpu-memory".into()).spawn(ask).ok()
        });
        GpuMemory { device, most, stop, thread }
    }

    /// In use now, in MiB.
    pub(super) fn now_mib(&self) -> Option<f64> {
        self.device.memory_in_use().map(|bytes| bytes as f64 / f64::from(1 << 20))
    }

    /// The most that was in use so far, in MiB; `None` without a GPU.
    pub(super) fn peak_mib(&self) -> Option<f64> {
        self.thread.as_ref()?;
        Some(self.most.load(Ordering::Relaxed) as f64 / f64::from(1 << 20))
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
