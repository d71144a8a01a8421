//! Devices and their kernels.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Mutex, OnceLock};

use candle_core::cuda_backend::cudarc::driver::{CudaFunction, LaunchConfig, sys};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{Device, Result, bail};

use crate::attention::bins;
use crate::device::GpuMemory;

type Attribute = sys::CUmemPool_attribute_enum;

/// Bytes that the pool may hold beyond the most that was in use: it grows in pieces of 32 MiB.
const LOOSE: u64 = 64 << 20;

/// A file of kernels: its machine code, what kernels it has, the dynamic shared memory that one
/// needs, and whether they may begin before the kernel before them has ended (`kernels/order.cuh`).
struct Module {
    code: &'static [u8],
    names: &'static [&'static str],
    shared: fn(&str) -> usize,
    early: bool,
    /// Of the kernels that are compiled once more for many bins: that code, and their names.
    many: Option<(&'static [u8], &'static [&'static str])>,
}

macro_rules! code {
    ($file:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".cubin"))
    };
}

/// Kernels of `flash.cu`.
const FLASH: &[&str] = &[
    "flash_32",
    "flash_64",
    "flash_80",
    "flash_128",
    "flash_32_causal",
    "flash_64_causal",
    "flash_80_causal",
    "flash_128_causal",
    "flash_32_observed",
    "flash_64_observed",
    "flash_80_observed",
    "flash_128_observed",
    "flash_32_causal_observed",
    "flash_64_causal_observed",
    "flash_80_causal_observed",
    "flash_128_causal_observed",
    "flash_fold",
];
/// Those that Hopper has of its own.
#[cfg(hopper)]
const FLASH_HOPPER: &[&str] = &[
    "flash_64",
    "flash_128",
    "flash_64_causal",
    "flash_128_causal",
    "flash_64_observed",
    "flash_128_observed",
    "flash_64_causal_observed",
    "flash_128_causal_observed",
];
/// Kernels of `decode.cu`.
const DECODE: &[&str] = &[
    "decode_f16_32",
    "decode_f16_64",
    "decode_f16_128",
    "decode_f32_32",
    "decode_f32_64",
    "decode_f32_128",
    "decode_row",
    "decode_heads",
];

/// All kernels. A later module's take the place of an earlier one's of the same name.
const MODULES: &[Module] = &[
    Module {
        code: code!("flash"),
        names: FLASH,
        shared: |name| flash_shared(name, 4 * 64, 0),
        early: false,
        many: Some((code!("flash_many"), FLASH)),
    },
    #[cfg(hopper)]
    Module {
        code: code!("flash_hopper"),
        names: FLASH_HOPPER,
        shared: |name| flash_shared(name, 4 * 128, 1024),
        early: false,
        many: Some((code!("flash_hopper_many"), FLASH_HOPPER)),
    },
    Module {
        code: code!("decode"),
        names: DECODE,
        shared: |_| 0,
        early: true,
        many: Some((code!("decode_many"), DECODE)),
    },
    Module {
        code: code!("rows"),
        names: &[
            "norm_f32",
            "norm_f16",
            "norm_eight",
            "turn_f32_f32",
            "turn_f32_f16",
            "turn_f16_f16",
            "gate_f32",
            "gate_f16",
            "gate_eight",
            "add_bias_f32",
            "add_bias_f16",
            "softmax_rows",
            "fold_rows",
            "mean_last_row",
            "last_rows",
            "choose",
        ],
        shared: |_| 0,
        early: true,
        many: Some((code!("rows_many"), &["softmax_rows", "fold_rows"])),
    },
    Module {
        code: code!("blocks"),
        names: &["decode_q4k"],
        shared: |_| 0,
        early: false,
        many: None,
    },
    Module {
        code: code!("products"),
        names: &["product_q4k", "eight"],
        shared: |_| 0,
        early: true,
        many: None,
    },
];

/// Shared memory of a flash kernel: 128 query rows, two stages of keys and of values in f16, what
/// alignment takes, and the masses where somebody watches.
fn flash_shared(name: &str, stages: usize, alignment: usize) -> usize {
    let width = name.split('_').nth(1).and_then(|width| width.parse().ok()).unwrap_or(0);
    let bins = if name.ends_with("_many") { bins::MANY } else { bins::FEW };
    let masses = if name.contains("observed") { masses(bins) } else { 0 };
    if width == 0 { 0 } else { (128 + stages) * width * 2 + alignment + masses }
}

/// Bytes of the masses of 128 query rows, each with the maximum that they are relative to, of eight
/// warps, and of what lies between.
const fn masses(bins: usize) -> usize {
    4 * (128 * (bins + 1) + 8 * bins * bins) + 160
}
const _: () = assert!(masses(bins::FEW) == 5824, "few bins cost what they did");

/// A device and its loaded kernels.
struct Opened {
    device: CudaDevice,
    kernels: HashMap<String, Kernel>,
}

/// A kernel, the dynamic shared memory it is launched with, in bytes, and whether it may begin
/// early.
#[derive(Clone)]
pub(super) struct Kernel {
    function: CudaFunction,
    shared: u32,
    early: bool,
}

impl Kernel {
    /// Launches it on a device's stream.
    ///
    /// # Safety
    /// `args` point to the arguments that the kernel's source declares, and what those point to is
    /// as large as it reads and writes.
    pub(super) unsafe fn launch(
        &self,
        device: &CudaDevice,
        grid: LaunchConfig,
        args: &mut [*mut c_void],
    ) -> Result<()> {
        let stream = device.cuda_stream();
        stream.context().bind_to_thread().w()?;
        let mut early = sys::CUlaunchAttribute {
            id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
            pad: [0; 4],
            value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
        };
        let config = sys::CUlaunchConfig {
            gridDimX: grid.grid_dim.0,
            gridDimY: grid.grid_dim.1,
            gridDimZ: grid.grid_dim.2,
            blockDimX: grid.block_dim.0,
            blockDimY: grid.block_dim.1,
            blockDimZ: grid.block_dim.2,
            sharedMemBytes: self.shared,
            hStream: stream.cu_stream(),
            attrs: &raw mut early,
            numAttrs: u32::from(self.early),
        };
        // SAFETY: the caller vouches for the arguments; the configuration outlives the call.
        unsafe {
            let function = self.function.cu_function();
            sys::cuLaunchKernelEx(&raw const config, function, args.as_mut_ptr(), null_mut())
        }
        .result()
        .w()
    }
}

fn opened() -> &'static Mutex<HashMap<usize, Opened>> {
    static OPENED: OnceLock<Mutex<HashMap<usize, Opened>>> = OnceLock::new();
    OPENED.get_or_init(Mutex::default)
}

/// The CUDA device of a number, from 0; the same one every time it is asked for.
pub(crate) fn open(ordinal: usize) -> Result<Device> {
    let mut all = opened().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(opened) = all.get(&ordinal) {
        return Ok(Device::Cuda(opened.device.clone()));
    }
    let device = CudaDevice::new_with_stream(ordinal)?;
    // SAFETY: all work of this device runs on its one stream, so that nothing needs tracking.
    unsafe { device.disable_event_tracking() };
    keep_freed_memory(ordinal)?;
    let stream = device.cuda_stream();
    let context = stream.context();
    let mut kernels = HashMap::new();
    for module in MODULES {
        let of_few = (module.code, module.names, "");
        let of_many = module.many.map(|(code, names)| (code, names, "_many"));
        let all = std::iter::once(of_few).chain(of_many);
        for (code, names, suffix) in all {
            let loaded = context.load_module(Ptx::from_binary(code.to_vec())).w()?;
            for kernel in names {
                let function = loaded.load_function(kernel).w()?;
                let name = format!("{kernel}{suffix}");
                let shared = (module.shared)(&name) as u32;
                if shared > 0 {
                    let attribute =
                    sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                    function.set_attribute(attribute, shared as i32).w()?;
                }
                let early = module.early && cfg!(hopper);
                kernels.insert(name, Kernel { function, shared, early });
            }
        }
    }
    all.insert(ordinal, Opened { device: device.clone(), kernels });
    Ok(Device::Cuda(device))
}

/// The pool that a device's memory comes from.
fn pool(ordinal: usize) -> Result<sys::CUmemoryPool> {
    let mut device = 0;
    let mut pool = null_mut();
    // SAFETY: plain calls of the driver with places for their results.
    unsafe {
        sys::cuDeviceGet(&mut device, ordinal as i32).result().w()?;
        sys::cuDeviceGetDefaultMemPool(&mut pool, device).result().w()?;
    }
    Ok(pool)
}

/// The pool gives memory back to the driver at every synchronisation unless told to keep it, and
/// asking for it again costs more than most kernels.
fn keep_freed_memory(ordinal: usize) -> Result<()> {
    let mut threshold = u64::MAX;
    let attribute = Attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the attribute is a u64.
    unsafe {
        sys::cuMemPoolSetAttribute(pool(ordinal)?, attribute, (&raw mut threshold).cast())
            .result()
            .w()
    }
}

/// Memory of a device: what its driver sees, and what the pool holds of it.
pub(crate) fn memory(device: &Device) -> Option<GpuMemory> {
    let Device::Cuda(cuda) = device else { return None };
    let stream = cuda.cuda_stream();
    let (free, total) = stream.context().mem_get_info().ok()?;
    let pool = pool(stream.context().ordinal()).ok()?;
    let read = |attribute| {
        let mut bytes = 0u64;
        // SAFETY: these attributes are u64.
        let asked = unsafe { sys::cuMemPoolGetAttribute(pool, attribute, (&raw mut bytes).cast()) };
        asked.result().ok().map(|()| bytes)
    };
    Some(GpuMemory {
        free: free as u64,
        total: total as u64,
        reserved: read(Attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT)?,
        used: read(Attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT)?,
        most_used: read(Attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH)?,
    })
}

/// Gives back what the pool holds beyond the most that was ever used at once: runs of ever other
/// lengths leave pieces behind that fit nothing.
pub(crate) fn settle(device: &Device) -> Result<()> {
    let Device::Cuda(cuda) = device else { return Ok(()) };
    let Some(memory) = memory(device) else { return Ok(()) };
    if memory.reserved <= memory.most_used + LOOSE {
        return Ok(());
    }
    let stream = cuda.cuda_stream();
    // What was freed behind the last kernel counts as free once the device got there.
    stream.synchronize().w()?;
    let pool = pool(stream.context().ordinal())?;
    // SAFETY: a plain call of the driver; memory in use is not touched.
    unsafe { sys::cuMemPoolTrimTo(pool, memory.most_used as usize).result().w() }
}

/// A kernel of a device opened before.
pub(super) fn kernel(device: &CudaDevice, name: &str) -> Result<Kernel> {
    let all = opened().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let ordinal = device.cuda_stream().context().ordinal();
    match all.get(&ordinal).and_then(|o| o.kernels.get(name)) {
        Some(kernel) => Ok(kernel.clone()),
        None => bail!("there is no kernel '{name}' on CUDA device {ordinal}"),
    }
}

/// The device's name, as the driver gives it.
pub(crate) fn name(device: &Device) -> Option<String> {
    let Device::Cuda(cuda) = device else { return None };
    cuda.cuda_stream().context().name().ok()
}
