//! Block types of ggml: numbers, names, and what can be said of a block without decoding it.

use candle_core::quantized::GgmlDType;

/// The block type of a number in a GGUF header, of those that can be read.
pub(super) const fn block(number: u32) -> Option<GgmlDType> {
    Some(match number {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}

/// What people call a type that cannot be read, where it has a name.
pub(super) const fn foreign(number: u32) -> Option<&'static str> {
    Some(match number {
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => return None,
    })
}

/// Where the 16-bit scales of a block lie. A block whose scales are finite decodes to finite
/// values: everything else in it is a small whole number.
const fn scales(block: GgmlDType) -> &'static [usize] {
    match block {
        GgmlDType::Q4_1 | GgmlDType::Q5_1 | GgmlDType::Q4K | GgmlDType::Q5K => &[0, 2],
        GgmlDType::Q2K => &[80, 82],
        GgmlDType::Q3K => &[108],
        GgmlDType::Q6K => &[208],
        _ => &[0],
    }
}

/// The first value of a tensor that is not finite: its index, or for blocks that of their first
/// value.
pub(super) fn not_finite(block: GgmlDType, raw: &[u8]) -> Option<usize> {
    let half = |b: &[u8], at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
    match block {
        GgmlDType::F32 => {
            raw.as_chunks::<4>().0.iter().position(|b| !f32::from_le_bytes(*b).is_finite())
        }
        GgmlDType::BF16 => {
            raw.as_chunks::<2>().0.iter().position(|b| !half::bf16::from_le_bytes(*b).is_finite())
        }
        GgmlDType::F16 => {
            raw.as_chunks::<2>().0.iter().position(|b| !half::f16::from_le_bytes(*b).is_finite())
        }
        quantized => raw
            .chunks_exact(quantized.type_size())
            .position(|b| {
                let finite = |at: &usize| half::f16::from_bits(half(b, *at)).is_finite();
                !scales(quantized).iter().all(finite)
            })
            .map(|at| at * quantized.block_size()),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{QStorage, QTensor};
    use candle_core::{Device, Tensor};

    use super::*;

    const QUANTIZED: [GgmlDType; 10] = [
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q2K,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ];

    /// The scales are where this module says: with them broken, and only then, decoding gives
    /// values that are not finite.
    #[test]
    fn scales_that_are_not_finite_are_found() {
        let values: Vec<f32> = (0..512).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let tensor = Tensor::from_vec(values, (2, 256), &Device::Cpu).expect("a tensor");
        for kind in QUANTIZED {
            let raw = QTensor::quantize(&tensor, kind).expect("quantized");
            let raw = raw.data().expect("blocks").into_owned();
            assert_eq!(not_finite(kind, &raw), None, "{kind:?}");
            let decoded_finite = |raw: Vec<u8>| {
                let storage = QStorage::from_data(raw.into(), &Device::Cpu, kind).expect("blocks");
                let decoded = QTensor::new(storage, (2, 256))
                    .and_then(|q| q.dequantize(&Device::Cpu))
                    .and_then(|t| t.flatten_all()?.to_vec1::<f32>())
                    .expect("decoded");
                decoded.iter().all(|v| v.is_finite())
            };
            for at in 0..kind.type_size() - 1 {
                let mut broken = raw.clone();
                broken[at..at + 2].copy_from_slice(&half::f16::NAN.to_le_bytes());
                // Two bytes across the end of a scale may make a large finite one.
                let found = not_finite(kind, &broken);
                assert_eq!(found.is_some(), !decoded_finite(broken), "{kind:?} at {at}");
                assert!(found.is_none_or(|value| value == 0));
            }
            let mut last = raw.clone();
            let at = raw.len() - kind.type_size() + scales(kind)[0];
            last[at..at + 2].copy_from_slice(&half::f16::INFINITY.to_le_bytes());
            assert_eq!(not_finite(kind, &last), Some(512 - kind.block_size()), "{kind:?}");
        }
    }
}
