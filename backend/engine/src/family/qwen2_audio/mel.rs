//! Log-mel energies as transformers' WhisperFeatureExtractor computes them, in f64.

use std::f64::consts::PI;

use crate::sound::SOUND_RATE;
use crate::threads::each_piece;

/// Samples of a window of the Fourier transform.
pub(super) const WINDOW: usize = 400;
/// Samples from one window to the next.
pub(super) const HOP: usize = 160;
/// Frequencies of a window, 0 and the half of the rate among them.
const BINS: usize = WINDOW / 2 + 1;
/// The least energy that a logarithm is taken of.
const LEAST: f64 = 1e-10;

/// Frames whose middle lies within so many samples.
pub(super) const fn heard(samples: usize) -> usize {
    samples.div_ceil(HOP)
}

/// `[bands, frames]` of samples that are padded with zeros to a clip of `clip`, and how many frames there
/// are: those that are heard and two more, which the convolutions reach into and the last samples
/// may reach. All behind them are silent.
///
/// Windows are Hann's (periodic) and centred, the clip is reflected at its ends, energies are squared
/// amplitudes, bands are Slaney's; then log10 of at least 1e-10, at most 8 below the clip's loudest,
/// (x + 4) / 4.
pub(super) fn log_mel(samples: &[f32], bands: usize, clip: usize) -> (Vec<f32>, usize) {
    let frames = (heard(samples.len()) + 2).min(clip / HOP);
    let filters = filters(bands);
    let waves = Waves::new();
    let mut by_frame = vec![0f64; frames * bands];
    each_piece(&mut by_frame, bands, &|frame, energies| {
        let power = waves.power(&window(samples, frame, clip));
        for (energy, (first, weights)) in energies.iter_mut().zip(&filters) {
            let sum: f64 = weights.iter().zip(&power[*first..]).map(|(w, p)| w * p).sum();
            *energy = sum.max(LEAST).log10();
        }
    });
    let loudest = by_frame.iter().copied().fold(LEAST.log10(), f64::max);
    let mut values = vec![0f32; bands * frames];
    for (frame, energies) in by_frame.chunks(bands.max(1)).enumerate() {
        for (band, energy) in energies.iter().enumerate() {
            values[band * frames + frame] = ((energy.max(loudest - 8.0) + 4.0) / 4.0) as f32;
        }
    }
    (values, frames)
}

/// The samples of a frame's window in a clip that is reflected at its ends.
fn window(samples: &[f32], frame: usize, clip: usize) -> [f64; WINDOW] {
    let start = (frame * HOP) as i64 - (WINDOW / 2) as i64;
    let last = clip as i64 - 1;
    std::array::from_fn(|i| {
        let at = (start + i as i64).abs();
        let at = if at > last { 2 * last - at } else { at };
        let sample = usize::try_from(at).ok().and_then(|at| samples.get(at));
        sample.map_or(0.0, |sample| f64::from(*sample))
    })
}

/// A window's weights, and a wave's values at [`WINDOW`] steps.
struct Waves {
    hann: [f64; WINDOW],
    cos: [f64; WINDOW],
    sin: [f64; WINDOW],
}

impl Waves {
    fn new() -> Self {
        let angle = |i: usize| 2.0 * PI * i as f64 / WINDOW as f64;
        Waves {
            hann: std::array::from_fn(|i| 0.5 * (1.0 - angle(i).cos())),
            cos: std::array::from_fn(|i| angle(i).cos()),
            sin: std::array::from_fn(|i| angle(i).sin()),
        }
    }

    /// Squared amplitudes of a window's frequencies.
    fn power(&self, window: &[f64; WINDOW]) -> [f64; BINS] {
        let half = WINDOW / 2;
        let x: [f64; WINDOW] = std::array::from_fn(|i| window[i] * self.hann[i]);
        // A cosine is the same from both ends, a sine is its opposite: half the products.
        let even: [f64; WINDOW / 2] = std::array::from_fn(|i| x[i] + x[(WINDOW - i) % WINDOW]);
        let odd: [f64; WINDOW / 2] = std::array::from_fn(|i| x[i] - x[(WINDOW - i) % WINDOW]);
        std::array::from_fn(|k| {
            let middle = if k % 2 == 0 { x[half] } else { -x[half] };
            let (mut re, mut im, mut at) = (x[0] + middle, 0.0, 0);
            for i in 1..half {
                at += k;
                if at >= WINDOW {
                    at -= WINDOW;
                }
                re += even[i] * self.cos[at];
                im += odd[i] * self.sin[at];
            }
            re * re + im * im
        })
    }
}

/// Slaney's bands from 0 to half the rate, each with its first frequency and its weights from there on.
fn filters(bands: usize) -> Vec<(usize, Vec<f64>)> {
    let nyquist = f64::from(SOUND_RATE) / 2.0;
    let top = mel_of(nyquist);
    let edge = |i: usize| hertz_of(top * i as f64 / (bands + 1) as f64);
    let frequency = |bin: usize| nyquist * bin as f64 / (BINS - 1) as f64;
    let band = |i: usize| {
        let (low, middle, high) = (edge(i), edge(i + 1), edge(i + 2));
        let weight = |bin: usize| {
            let f = frequency(bin);
            let slope = ((f - low) / (middle - low)).min((high - f) / (high - middle));
            // Slaney's norm: all bands have the same area.
            slope.max(0.0) * 2.0 / (high - low)
        };
        let there: Vec<usize> = (0..BINS).filter(|bin| weight(*bin) > 0.0).collect();
        let (first, end) = match there.as_slice() {
            [] => (0, 0),
            [only] => (*only, only + 1),
            [first, .., last] => (*first, last + 1),
        };
        (first, (first..end).map(weight).collect())
    };
    (0..bands).map(band).collect()
}

/// From where Slaney's scale is logarithmic, in Hz and in its own steps.
const BEND: (f64, f64) = (1000.0, 15.0);

/// Slaney's scale: linear up to 1000 Hz, logarithmic above.
fn mel_of(hertz: f64) -> f64 {
    let (bend, steps) = BEND;
    if hertz < bend {
        3.0 * hertz / 200.0
    } else {
        steps + 27.0 * (hertz / bend).ln() / 6.4f64.ln()
    }
}

fn hertz_of(mel: f64) -> f64 {
    let (bend, steps) = BEND;
    if mel < steps { 200.0 * mel / 3.0 } else { bend * (6.4f64.ln() * (mel - steps) / 27.0).exp() }
}
