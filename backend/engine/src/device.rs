//! Where a model runs.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use shared::ErrorCode;

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
            Some((free, total)) => {
                let gib = |bytes: usize| bytes as f64 / f64::from(1 << 30);
                format!("{name}, {:.1} of {:.1} GiB free", gib(free), gib(total))
            }
            None => name,
        })
    }

    /// Bytes of memory in use on a GPU, as its driver sees them: all programs' together.
    pub fn memory_in_use(self) -> Option<u64> {
        let (free, total) = memory(&self.open().ok()?)?;
        Some((total - free) as u64)
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
            DeviceChoice::Cuda(_) => Err(EngineError::new(
                ErrorCode::BadOption,
                "This build has no CUDA; cuda/build.sh makes one that has, and --device cpu runs \
                 here.",
            )),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device, EngineError> {
    crate::cuda::open(number).map_err(|error| {
        EngineError::new(
            ErrorCode::BadOption,
            format!(
                "CUDA device {number} cannot be used: {error}. --device cpu runs on the processor."
            ),
        )
    })
}

/// A device's name, for people and for records.
pub(crate) fn describe(device: &Device) -> String {
    #[cfg(feature = "cuda")]
    if let Some(name) = crate::cuda::name(device) {
        return name;
    }
    let _ = device;
    "cpu".to_owned()
}

/// Free and total bytes of a GPU's memory.
pub(crate) fn memory(device: &Device) -> Option<(usize, usize)> {
    #[cfg(feature = "cuda")]
    return crate::cuda::memory(device);
    #[cfg(not(feature = "cuda"))]
    {
        let _ = device;
        None
    }
}
