//! Sounds of other rates, resampled to the one that models hear.

use std::ops::RangeInclusive;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use super::SOUND_RATE;
use crate::error::EngineError;

/// Rates that are read: what telephones to studios record.
const RATES: RangeInclusive<u32> = 8_000..=192_000;
/// About how many samples are transformed at a time.
const CHUNK: usize = 1024;

/// Samples of one channel at `rate`, at [`SOUND_RATE`]: band-limited, as long as they were.
///
/// # Errors
/// The rate is not one of [`RATES`].
pub(super) fn resampled(samples: &[f32], rate: u32) -> Result<Vec<f32>, EngineError> {
    if !RATES.contains(&rate) {
        let (least, most) = (u64::from(*RATES.start()), u64::from(*RATES.end()));
        let refusal = EngineRefusal::SoundRate { rate: rate.into(), least, most };
        return Err(EngineError::new(ErrorCode::WrongContentType, refusal));
    }
    let values: Vec<f64> = samples.iter().copied().map(f64::from).collect();
    let frames = values.len();
    let source = InterleavedSlice::new(&values, 1, frames).map_err(EngineError::internal)?;
    let (from, to) = (rate as usize, SOUND_RATE as usize);
    // Whole steps of both rates, and an even number of them: the middle of rubato's filter lies half a
    // sample beside that of an odd one, and what is heard would be late by as much.
    let step = 2 * (from / gcd(from, to));
    let chunk = step * CHUNK.div_ceil(step);
    let mut resampler =
        Fft::<f64>::new(from, to, chunk, 1, FixedSync::Both).map_err(EngineError::internal)?;
    let heard = resampler.process_all(&source, frames, None).map_err(EngineError::internal)?;
    Ok(heard.take_data().into_iter().map(|value| value as f32).collect())
}

/// The greatest common divisor.
const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(hertz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        let n = (seconds * f64::from(rate)) as usize;
        (0..n).map(|i| (0.5 * (TAU * hertz * i as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    /// A tone stays the tone, at the same time and as loud; one above what can be heard is gone.
    #[test]
    fn tones_stay_what_they_are() {
        for rate in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000] {
            let heard = resampled(&tone(440.0, rate, 0.5), rate).expect("resamples");
            let want = tone(440.0, SOUND_RATE, 0.5);
            assert!(heard.len().abs_diff(want.len()) <= 2, "{rate}: {}", heard.len());
            // The ends are those of a tone that begins and stops at once.
            let middle = 800..want.len() - 800;
            let off = heard[middle.clone()].iter().zip(&want[middle]);
            let off = off.fold(0f32, |most, (got, want)| most.max((got - want).abs()));
            assert!(off < 1e-5, "{rate}: off by {off}");
        }
        let gone = resampled(&tone(10_000.0, 48_000, 0.5), 48_000).expect("resamples");
        let loudest = gone[800..gone.len() - 800].iter().fold(0f32, |most, x| most.max(x.abs()));
        assert!(loudest < 1e-3, "{loudest}");
    }

    #[test]
    fn other_rates_are_refused() {
        for rate in [1, 7_999, 192_001, u32::MAX] {
            assert!(resampled(&[0.0; 9], rate).is_err());
        }
        assert_eq!(resampled(&[], 48_000).map(|heard| heard.len()), Ok(0));
    }
}
