//! Which of candle's quantized products this processor gets, and what they keep beside a matrix.
//!
//! Candle 0.11.1 arranges a quantized matrix anew when it is first used, as its fast kernels read
//! it, and keeps the blocks and every arrangement for as long as the matrix lives (`PackedCache` in
//! its `quantized/repack.rs`; `level`, `select` and `amx_available` in `repack_x86.rs`):
//!
//! | kernels | q4k | q6k | q8_0 | others |
//! | --- | --- | --- | --- | --- |
//! | AVX2 | 0.75 bytes a weight | 1.25, but for single rows | none | none |
//! | AVX-VNNI, AVX-512 VNNI | 0.75 | 1.25, but for single rows | 1.0625 | none |
//! | AMX | 0.75 for fewer than 32 rows, 1.25 more for 32 and more | 1.25, but for single rows | 1.0625 | none |
//! | ARM with dotprod | 0.5625 | 0.8203 | 1.0625 | q4_0 0.5625, q5k 0.6875 |
//!
//! On x86 for matrices of which the rows are a multiple of 16 and the columns of 256; on ARM where
//! the rows are a multiple of 8, of 4 for q4_0 and q8_0.

use std::fmt;
use std::sync::OnceLock;

use candle_core::quantized::GgmlDType;

/// The kernels of candle's quantized products.
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
    /// The same, and AMX for q4k products of 32 rows and more.
    Amx,
    /// ARM's with 8-bit dot products.
    Dotprod,
}

/// Bytes of the arrangements of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copies {
    /// Once single rows have gone through it.
    pub(crate) single: usize,
    /// Once a prompt's rows have, and no single ones.
    pub(crate) prompt: usize,
    /// Once both have.
    pub(crate) all: usize,
}

impl Kernels {
    /// Whether products of so many rows take the arrangement of a prompt, and not that of a single
    /// row: AMX's of fewer than 32 rows do not.
    pub(crate) fn is_prompt(self, rows: usize) -> bool {
        rows >= if self == Kernels::Amx { 32 } else { 2 }
    }

    /// Every kind, for tables of what other machines would need.
    pub const ALL: [Kernels; 6] = [
        Kernels::Plain,
        Kernels::Avx2,
        Kernels::AvxVnni,
        Kernels::Avx512Vnni,
        Kernels::Amx,
        Kernels::Dotprod,
    ];

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
            Kernels::Amx => "amx-int8",
            Kernels::Dotprod => "neon-dotprod",
        }
    }

    /// What is kept of a matrix `[rows, columns]` in blocks of `block`.
    pub(crate) fn copies(self, block: GgmlDType, rows: usize, columns: usize) -> Copies {
        let values = rows * columns;
        let always = |bytes: usize| Copies { single: bytes, prompt: bytes, all: bytes };
        if self == Kernels::Dotprod {
            let (of, bytes) = match block {
                GgmlDType::Q4_0 => (4, values / 32 * 18),
                GgmlDType::Q8_0 => (4, values / 32 * 34),
                GgmlDType::Q4K => (8, values / 256 * 144),
                GgmlDType::Q5K => (8, values / 256 * 176),
                GgmlDType::Q6K => (8, values / 256 * 210),
                _ => return Copies::default(),
            };
            return if rows.is_multiple_of(of) { always(bytes) } else { Copies::default() };
        }
        if self == Kernels::Plain || !rows.is_multiple_of(16) || !columns.is_multiple_of(256) {
            return Copies::default();
        }
        match block {
            // Scales and minima in f32 (1,024 bytes) for 16 rows of 256 values in 4 bits, and for
            // AMX in 8.
            GgmlDType::Q4K if self == Kernels::Amx => {
                let (single, prompt) = (values / 4 * 3, values / 4 * 5);
                Copies { single, prompt, all: single + prompt }
            }
            GgmlDType::Q4K => always(values / 4 * 3),
            GgmlDType::Q6K => Copies { single: 0, prompt: values / 4 * 5, all: values / 4 * 5 },
            GgmlDType::Q8_0 if self != Kernels::Avx2 => always(values / 32 * 34),
            _ => Copies::default(),
        }
    }
}

impl fmt::Display for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// As candle's `level` and `amx_available` decide, its two switches for tests included.
#[cfg(target_arch = "x86_64")]
fn detect() -> Kernels {
    let forced = |name: &str| std::env::var(name).as_deref() == Ok("1");
    let (avx2, vnni) = (forced("MISTRALRS_FORCE_AVX2"), forced("MISTRALRS_FORCE_AVXVNNI"));
    if !avx2
        && !vnni
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vnni")
    {
        return if has_amx() { Kernels::Amx } else { Kernels::Avx512Vnni };
    }
    if !avx2 && (vnni || is_x86_feature_detected!("avxvnni")) && is_x86_feature_detected!("avx2") {
        return Kernels::AvxVnni;
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        return Kernels::Avx2;
    }
    Kernels::Plain
}

/// Whether the system lets programs use AMX: Linux lists it then. Elsewhere candle does not use it.
#[cfg(target_arch = "x86_64")]
fn has_amx() -> bool {
    let cpu = if cfg!(target_os = "linux") {
        std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
    } else {
        String::new()
    };
    lists_amx(&cpu)
}

#[cfg(target_arch = "x86_64")]
fn lists_amx(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|f| f == flag);
    has("amx_tile") && has("amx_int8")
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
/// `x86_64 avx2+fma, quantized amx-int8`.
pub fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let plain = if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
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

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn amx_is_what_linux_lists() {
        let flags =
            |list: &str| format!("processor\t: 0\nflags\t\t: fpu {list} sse\nbugs\t: none\n");
        assert!(lists_amx(&flags("amx_bf16 avx512_fp16 amx_tile amx_int8")));
        assert!(!lists_amx(&flags("amx_tile")));
        assert!(!lists_amx(&flags("amx_int8x amx_tile")));
        assert!(!lists_amx(""));
    }

    /// Sizes of candle's tiles, in bytes for 16 rows of 256 values: `TileQ4K`, `TileQ4KAmx`,
    /// `TileQ6K`, and eight `TileQ8_0`; its `BlockQ*x4` and `BlockQ*x8` on ARM.
    #[test]
    fn copies_are_candles_tiles() {
        let tile = (16, 256);
        let copies = |k: Kernels, block| {
            let Copies { single, prompt, all } = k.copies(block, tile.0, tile.1);
            assert!(prompt == all || prompt + single == all, "{k} {block:?}");
            (single, all)
        };
        let q4k = 2 * 8 * 16 * 4 + 256 / 8 * 16 * 4;
        let amx = 2 * 8 * 16 * 4 + 256 * 16;
        let q6k = 16 * 16 * 4 + 256 / 4 * 16 * 4;
        let q8 = 8 * (16 * 2 + 32 * 16);
        for kernels in [Kernels::Avx2, Kernels::AvxVnni, Kernels::Avx512Vnni] {
            assert_eq!(copies(kernels, Q4K), (q4k, q4k));
            assert_eq!(copies(kernels, Q6K), (0, q6k));
        }
        assert_eq!(copies(Kernels::Amx, Q4K), (q4k, q4k + amx));
        assert_eq!(copies(Kernels::Amx, Q6K), (0, q6k));
        assert_eq!(copies(Kernels::Avx2, Q8_0), (0, 0));
        for kernels in [Kernels::AvxVnni, Kernels::Avx512Vnni, Kernels::Amx] {
            assert_eq!(copies(kernels, Q8_0), (q8, q8));
        }
        for (block, bytes) in [
            (Q4_0, 4 * 8 * 72),
            (Q4K, 2 * 1152),
            (Q5K, 2 * 1408),
            (Q6K, 2 * 1680),
            (Q8_0, 4 * 8 * 136),
        ] {
            assert_eq!(copies(Kernels::Dotprod, block), (bytes, bytes), "{block:?}");
            assert_eq!(copies(Kernels::Plain, block), (0, 0), "{block:?}");
        }
        for kernels in Kernels::ALL {
            assert_eq!(copies(kernels, F16), (0, 0));
            assert_eq!(kernels.copies(Q4K, 17, 256), Copies::default(), "{kernels}");
        }
        assert_eq!(Kernels::Amx.copies(Q8_0, 16, 128), Copies::default());
        assert_eq!(Kernels::Avx2.copies(Q5K, 16, 256), Copies::default());
    }
}
