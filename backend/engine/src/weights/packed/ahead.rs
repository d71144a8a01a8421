//! Asking for memory before it is needed.
#![allow(unsafe_code, reason = "an instruction of one processor")]

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// How far ahead of what is read, in bytes: a single row goes through weights as fast as memory gives
/// them, and the processor itself does not look far enough (32 GB/s without, 46 with, two cores).
const AHEAD: usize = 9 << 10;

/// Asks for the tile so far behind this one, whether or not there is one.
#[inline(always)]
pub(super) fn ahead<T>(tile: &T) {
    let bytes = size_of::<T>();
    let away = (AHEAD / bytes).max(1) * bytes;
    let first = std::ptr::from_ref(tile).cast::<i8>().wrapping_add(away);
    for line in (0..bytes).step_by(64) {
        // SAFETY: a hint, which touches no memory and may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(line)) };
    }
}
