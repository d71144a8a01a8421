//! Where a model runs.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use crate::error::EngineError;

/// Where a model is asked to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The first GPU in a build with CUDA, the processor in any other.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA device by number, from 0.
    Cuda(usize),
}

/// Bytes of a GPU's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GpuMemory {
    /// Free, as the driver sees it.
    pub free: u64,
    /// All there is.
    pub total: u64,
    /// Held by this process's pool.
    pub reserved: u64,
    /// Of what the pool holds, in use.
    pub used: u64,
    /// The most that was ever in use.
    pub most_used: u64,
}

impl GpuMemory {
    /// In use by all programs together.
    pub const fn in_use(self) -> u64 {
        self.total.saturating_sub(self.free)
    }

    /// What this process can still have: free, or in its pool and unused.
    pub const fn available(self) -> u64 {
        self.free + self.reserved.saturating_sub(self.used)
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "cuda" => Ok(DeviceChoice::Cuda(0)),
            _ => name
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(DeviceChoice::Cuda)
                .ok_or_else(|| format!("there is no device \"{name}\"; name auto, cpu or cuda:0")),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceChoice {
    /// What this build runs on: the device's name and memory, for people.
    ///
    /// # Errors
    /// There is no such device, or this build cannot use it.
    pub fn describe(self) -> Result<String, EngineError> {
        let device = self.open()?;
        let name = describe(&device);
        Ok(match memory(&device) {
            Some(GpuMemory { free, total, .. }) => {
                let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
                format!("{name}, {:.1} of {:.1} GiB free", gib(free), gib(total))
            }
            None => name,
        })
    }

    /// Memory of a GPU; `None` for the processor.
    pub fn gpu_memory(self) -> Option<GpuMemory> {
        memory(&self.open().ok()?)
    }

    /// Opens the device.
    pub(crate) fn open(self) -> Result<Device, EngineError> {
        match self {
            DeviceChoice::Cpu => Ok(Device::Cpu),
            #[cfg(feature = "cuda")]
            DeviceChoice::Auto => cuda(0),
            #[cfg(feature = "cuda")]
            DeviceChoice::Cuda(number) => cuda(number),
            #[cfg(not(feature = "cuda"))]
            DeviceChoice::Auto => Ok(Device::Cpu),
            #[cfg(not(feature = "cuda"))]
            DeviceChoice::Cuda(_) => {
                Err(EngineError::new(ErrorCode::BadOption, EngineRefusal::NoCuda))
            }
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device, EngineError> {
    crate::cuda::open(number).map_err(|error| {
        let error = error.to_string();
        EngineError::new(ErrorCode::BadOption, EngineRefusal::CudaUnusable { number, error })
    })
}

/// A device's name, for people and for records.
pub(crate) fn describe(device: &Device) -> String {
    #[cfg(feature = "cuda")]
    if let Some(name) = crate::cuda::name(device) {
        return name;
    }
    let _ = device;
    // Which instructions computed is part of where numbers come from: sums round differently.
    format!("cpu ({})", crate::processor::processor())
}

/// A GPU's memory; `None` for the processor.
pub(crate) fn memory(device: &Device) -> Option<GpuMemory> {
    #[cfg(feature = "cuda")]
    return crate::cuda::memory(device);
    #[cfg(not(feature = "cuda"))]
    {
        let _ = device;
        None
    }
}

/// A run is over: a GPU keeps what the largest needed, and gives the rest back.
pub(crate) fn settle(device: &Device) {
    #[cfg(feature = "cuda")]
    // A pool that cannot be trimmed is as good as before; the next run says what is wrong.
    let _ = crate::cuda::settle(device);
    #[cfg(not(feature = "cuda"))]
    let _ = device;
}
