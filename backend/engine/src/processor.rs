//! Which quantized products this processor gets, and what candle's keep beside a matrix.
//!
//! On x86-64 with AVX2 and better, products of q4k, q5k, q6k and q8_0 are our own
//! ([`crate::weights::packed`]): weights are arranged once, when they are loaded. Everywhere else, and
//! for other blocks, they are candle's. On ARM with dotprod candle 0.11.1 arranges a matrix anew when it
//! is first used, and keeps the blocks too for as long as the matrix lives (`PackedCache` in its
//! `quantized/repack.rs`): 0.5625 bytes a weight of q4_0 and q4k, 0.6875 of q5k, 0.8203 of q6k, 1.0625 of
//! q8_0, where the rows are a multiple of 8, of 4 for q4_0 and q8_0.

use std::fmt;
use std::sync::OnceLock;

use candle_core::quantized::GgmlDType;

/// The kernels of quantized products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernels {
    /// Those that read the blocks as they are.
    Plain,
    /// 256 bits wide.
    Avx2,
    /// The same with 8-bit dot products (AVX-VNNI).
    AvxVnni,
    /// 512 bits wide with 8-bit dot products.
    Avx512Vnni,
    /// ARM's with 8-bit dot products.
    Dotprod,
}

impl Kernels {
    /// Every kind, for tables of what other machines would need.
    pub const ALL: [Kernels; 5] =
        [Kernels::Plain, Kernels::Avx2, Kernels::AvxVnni, Kernels::Avx512Vnni, Kernels::Dotprod];

    /// What this process's products take.
    pub fn here() -> Self {
        static HERE: OnceLock<Kernels> = OnceLock::new();
        *HERE.get_or_init(detect)
    }

    /// A name for records.
    pub const fn name(self) -> &'static str {
        match self {
            Kernels::Plain => "plain",
            Kernels::Avx2 => "avx2",
            Kernels::AvxVnni => "avx-vnni",
            Kernels::Avx512Vnni => "avx512-vnni",
            Kernels::Dotprod => "neon-dotprod",
        }
    }

    /// Whether products of our own read blocks that were arranged for them.
    pub(crate) const fn arranges(self) -> bool {
        matches!(self, Kernels::Avx2 | Kernels::AvxVnni | Kernels::Avx512Vnni)
    }

    /// What candle keeps of a matrix `[rows, columns]` in blocks of `block` beside them, in bytes.
    pub(crate) fn copies(self, block: GgmlDType, rows: usize, columns: usize) -> usize {
        let values = rows * columns;
        let (of, bytes) = match block {
            GgmlDType::Q4_0 => (4, values / 32 * 18),
            GgmlDType::Q8_0 => (4, values / 32 * 34),
            GgmlDType::Q4K => (8, values / 256 * 144),
            GgmlDType::Q5K => (8, values / 256 * 176),
            GgmlDType::Q6K => (8, values / 256 * 210),
            _ => return 0,
        };
        if self == Kernels::Dotprod && rows.is_multiple_of(of) { bytes } else { 0 }
    }
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The best that the processor has. Candle's two switches for tests hold fewer of them back, in its
/// products as in ours.
#[cfg(target_arch = "x86_64")]
fn detect() -> Kernels {
    let forced = |name: &str| std::env::var(name).as_deref() == Ok("1");
    let (avx2, vnni) = (forced("MISTRALRS_FORCE_AVX2"), forced("MISTRALRS_FORCE_AVXVNNI"));
    let narrow = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    let wide = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni");
    if narrow && wide && !avx2 && !vnni {
        Kernels::Avx512Vnni
    } else if narrow && is_x86_feature_detected!("avxvnni") && !avx2 {
        Kernels::AvxVnni
    } else if narrow {
        Kernels::Avx2
    } else {
        Kernels::Plain
    }
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Kernels {
    if std::arch::is_aarch64_feature_detected!("dotprod") {
        Kernels::Dotprod
    } else {
        Kernels::Plain
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Kernels {
    Kernels::Plain
}

/// The processor as records name it: its architecture, the vector instructions that f32 products
/// (the crate gemm) take, and the kernels of quantized ones, as in
/// `x86_64 avx512, quantized avx512-vnni`.
pub fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let plain = if is_x86_feature_detected!("avx512f") {
        " avx512"
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        " avx2+fma"
    } else {
        " sse2"
    };
    #[cfg(target_arch = "aarch64")]
    let plain = " neon";
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let plain = "";
    format!("{}{plain}, quantized {}", std::env::consts::ARCH, Kernels::here())
}

#[cfg(test)]
mod tests {
    use GgmlDType::{F16, Q4_0, Q4K, Q5K, Q6K, Q8_0};

    use super::*;

    /// Candle's `BlockQ*x4` and `BlockQ*x8` on ARM, in bytes for 16 rows of 256 values.
    #[test]
    fn copies_are_candles_tiles() {
        for (block, bytes) in [
            (Q4_0, 4 * 8 * 72),
            (Q4K, 2 * 1152),
            (Q5K, 2 * 1408),
            (Q6K, 2 * 1680),
            (Q8_0, 4 * 8 * 136),
            (F16, 0),
        ] {
            for kernels in Kernels::ALL {
                let kept = if kernels == Kernels::Dotprod { bytes } else { 0 };
                assert_eq!(kernels.copies(block, 16, 256), kept, "{kernels} {block:?}");
                assert_eq!(kernels.copies(block, 17, 256), 0, "{kernels} {block:?}");
            }
        }
    }
}
