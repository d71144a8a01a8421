//! The engine's own CUDA kernels: observed attention, and what stands between matrix products.
//!
//! Kernels live in `kernels/*.cu` and travel as machine code. Everything of a device runs on one stream, in
//! order of launching but for what a kernel does before its `begin` (`kernels/order.cuh`), which
//! touches nothing that another one writes; memory comes from the driver's stream-ordered pool, so
//! that a tensor may be dropped as soon as the kernel that reads it is launched.
#![allow(unsafe_code, reason = "kernels take raw device addresses")]

mod attention;
mod blocks;
mod device;
mod matmul;
mod notes;
mod products;
mod rows;
#[cfg(test)]
mod tests;

use std::ffi::c_void;

use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, LaunchConfig};
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice};
use candle_core::{Result, Storage, Tensor, bail};

pub(crate) use attention::{attend, attend_spans, decodes};
pub(crate) use blocks::decoded;
pub(crate) use device::{memory, name, open, settle};
pub(crate) use matmul::matmul;
pub(crate) use notes::{Notes, Pace, Page};
pub(crate) use products::{eight, is_q4k, product};
pub(crate) use rows::{add_bias, choose, gate, norm, turn};

/// A device address of a tensor's first value.
///
/// The tensor must outlive the launch that uses it, not the kernel's run.
fn address(tensor: &Tensor) -> Result<u64> {
    use candle_core::cuda_backend::cudarc::driver::DevicePtr;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(cuda) = &*storage else { bail!("a kernel was given a tensor of the CPU") };
    let base = match &cuda.slice {
        CudaStorageSlice::F32(s) => s.device_ptr(s.stream()).0,
        CudaStorageSlice::F16(s) => s.device_ptr(s.stream()).0,
        CudaStorageSlice::BF16(s) => s.device_ptr(s.stream()).0,
        CudaStorageSlice::U8(s) => s.device_ptr(s.stream()).0,
        CudaStorageSlice::U32(s) => s.device_ptr(s.stream()).0,
        _ => bail!("a kernel was given a tensor of {:?}", tensor.dtype()),
    };
    Ok(base + (layout.start_offset() * tensor.dtype().size_in_bytes()) as u64)
}

/// The CUDA device a tensor lies on.
fn device(tensor: &Tensor) -> Result<CudaDevice> {
    Ok(tensor.device().as_cuda_device()?.clone())
}

/// A launch of `blocks` blocks of `threads` threads.
const fn grid(blocks: (u32, u32, u32), threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: blocks, block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}

/// Launches a kernel of ours: `launch!(&device, "name", grid, arg, arg…)`.
macro_rules! launch {
    ($device:expr, $name:expr, $grid:expr, $($arg:expr),+ $(,)?) => {{
        let (device, grid) = ($device, $grid);
        let kernel = $crate::cuda::device::kernel(device, $name)?;
        let mut arguments = [$($crate::cuda::Argument::new($arg)),+];
        let mut args = arguments.each_mut().map($crate::cuda::Argument::address);
        // SAFETY: each caller hands the kernel the arguments its source declares, and addresses
        // of tensors that are at least as large as it writes.
        unsafe { kernel.launch(device, grid, &mut args) }?;
    }};
}
use launch;

/// A kernel's argument, where launching finds it.
#[repr(align(8))]
struct Argument([u8; Argument::MOST]);

impl Argument {
    /// Bytes of the largest argument.
    const MOST: usize = 128;

    fn new<T: DeviceRepr>(value: T) -> Self {
        const { assert!(size_of::<T>() <= Self::MOST && align_of::<T>() <= 8) };
        let mut bytes = [0; Self::MOST];
        // SAFETY: the value fits, and is aligned as its type asks.
        unsafe { bytes.as_mut_ptr().cast::<T>().write_unaligned(value) };
        Argument(bytes)
    }

    fn address(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }
}
