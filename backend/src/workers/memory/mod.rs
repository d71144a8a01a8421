//! Whether something fits the memory that this process may still take: what the machine has, its control
//! groups and its limits leave it ([`Machine`]), or what a person said ([`MemoryLimit`]).

mod limit;
mod machine;

use std::path::Path;

use engine::{EngineError, Kernels, LoadOptions, Picture, PictureLimits, Weighed, amount};
use shared::sentence::{EngineRefusal, LabError};
use shared::{ErrorCode, Quant};

use crate::workers::lab::Lab;

pub use limit::MemoryLimit;
pub(crate) use limit::said;
pub use machine::{Machine, MemoryBound, MemoryRoom};

/// Gives memory that was freed back to the system, so that it counts as free there: glibc keeps what
/// lies below something that is still used (a model's smaller weights), and other allocators and
/// systems are left to themselves.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc's own function, which Rust's library does not offer")]
    // SAFETY: takes a number, touches only memory that is free, and may be called on any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What a model needs to be loaded and asked the shortest question, in bytes of the machine's
/// memory.
///
/// # Errors
/// What is wrong with its files, as far as it shows without its weights.
pub fn need(folder: &Path, quant: Quant) -> Result<u64, EngineError> {
    Ok(Weighed::files(folder, quant, Kernels::here())?.takes())
}

/// The refusal of a model that does not fit: what it needs, what there is (`back` of it once
/// other models are given up), and what would fit.
pub fn refusal(
    folder: &Path,
    options: &LoadOptions,
    need: u64,
    room: MemoryRoom,
    back: u64,
) -> EngineError {
    // From the most exact that would fit to the least.
    let smaller = [Quant::F16, Quant::Q8_0, Quant::Q6k, Quant::Q5k, Quant::Q4k];
    let would = smaller.into_iter().filter(|q| *q != options.quant).find_map(|q| {
        let bytes = self::need(folder, q).ok().filter(|bytes| *bytes < need)?;
        let (quant, bytes) = (q.name().to_owned(), room.holds(bytes, back).then_some(bytes)?);
        Some(EngineRefusal::OtherFits { quant, bytes: amount(bytes) })
    });
    let refusal = EngineRefusal::ModelNoMemory {
        name: options.name.clone(),
        quant: options.quant.name().to_owned(),
        need: amount(need),
        free: room.free_in_words(back),
        would: would.unwrap_or(EngineRefusal::NoneFits).into(),
    };
    EngineError::new(ErrorCode::OutOfMemory, refusal)
}

/// Whether a model fits what is free, and `back` besides: what other models would give back.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] with what it needs, what there is and what would fit; what is wrong
/// with its files.
pub fn fits(
    lab: &dyn Lab,
    folder: &Path,
    options: &LoadOptions,
    back: u64,
) -> Result<(), EngineError> {
    let Some(room) = lab.room() else { return Ok(()) };
    match lab.need(folder, options)? {
        Some(need) if !room.holds(need, back) => Err(refusal(folder, options, need, room, back)),
        _ => Ok(()),
    }
}

/// Whether a model could ever fit, with everything else gone: what is refused before it waits.
///
/// # Errors
/// As [`fits`].
pub fn could_fit(lab: &dyn Lab, folder: &Path, options: &LoadOptions) -> Result<(), EngineError> {
    let back = lab.room().map_or(0, |room| room.most.saturating_sub(room.free));
    fits(lab, folder, options, back)
}

/// Whether a picture file can be unpacked into the memory that is left.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] with what it needs and what there is.
pub fn fits_picture(
    file: &[u8],
    limits: &PictureLimits,
    room: impl Fn() -> Option<MemoryRoom>,
) -> Result<(), EngineError> {
    let Some(now) = room() else { return Ok(()) };
    // What is wrong with the file is said when it is decoded.
    let Some(need) = Picture::weigh(file, limits) else { return Ok(()) };
    if now.holds(need, 0) {
        return Ok(());
    }
    // What was freed and is still held back may be enough.
    give_back();
    match room() {
        Some(room) if !room.holds(need, 0) => {
            tracing::warn!(need, free = room.free, bound = ?room.bound, "a picture is not decoded");
            let (need, free) = (amount(need), amount(room.free));
            Err(EngineError::new(ErrorCode::OutOfMemory, LabError::PictureNoMemory { need, free }))
        }
        _ => Ok(()),
    }
}
