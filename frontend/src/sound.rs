//! Sounds that the lab does not take as they are, made by the browser into ones that it does: a WAV file of
//! one channel and 16,000 samples a second, which is what models hear.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioBuffer, File, FilePropertyBag, OfflineAudioContext};

use crate::language::fill;

/// Samples a second that models hear.
const RATE: f32 = 16_000.0;
/// Most bytes of a file that is decoded: an hour of a compressed sound.
const MOST_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
/// Most seconds that are kept: no model hears more.
const MOST_SECONDS: f64 = 300.0;

/// What the lab takes of a sound's file, and what was done to it; `None` where the browser cannot decode it.
pub async fn for_the_lab(file: &File) -> Option<(File, String)> {
    if file.size() > MOST_BYTES {
        return None;
    }
    // The context's rate is the one that the browser resamples to while it decodes.
    let context =
        OfflineAudioContext::new_with_number_of_channels_and_length_and_sample_rate(1, 1, RATE);
    let bytes = JsFuture::from(file.array_buffer()).await.ok()?;
    let decoding = context.ok()?.decode_audio_data(bytes.unchecked_ref()).ok()?;
    let buffer: AudioBuffer = JsFuture::from(decoding).await.ok()?.dyn_into().ok()?;
    let mut channels = Vec::new();
    for channel in 0..buffer.number_of_channels() {
        channels.push(buffer.get_channel_data(channel).ok()?);
    }
    let most = (MOST_SECONDS * f64::from(RATE)) as usize;
    let samples = mixed(&channels, most);
    let seconds = format!("{:.1}", samples.len() as f64 / f64::from(RATE));
    let wave = Uint8Array::from(wav(&samples).as_slice());
    let kind = FilePropertyBag::new();
    kind.set_type("audio/wav");
    let name = file.name();
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let name = format!("{stem}.wav");
    let parts = Array::of1(&wave.into());
    let made = File::new_with_u8_array_sequence_and_options(&parts, &name, &kind).ok()?;
    let note = fill(
        "Your browser made the sound into {n} seconds of one channel at 16 kHz, which is what models hear.",
        &[("n", &seconds)],
    );
    Some((made, note))
}

/// The mean of all channels, as far as so many samples.
fn mixed(channels: &[Vec<f32>], most: usize) -> Vec<f32> {
    let length = channels.first().map_or(0, Vec::len).min(most);
    let share = 1.0 / channels.len().max(1) as f32;
    let at = |i: usize| channels.iter().filter_map(|c| c.get(i)).sum::<f32>() * share;
    (0..length).map(at).collect()
}

/// A WAV file of 16-bit samples.
fn wav(samples: &[f32]) -> Vec<u8> {
    let rate = RATE as u32;
    let data = (samples.len() * 2) as u32;
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend(b"RIFF");
    file.extend((36 + data).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    file.extend(1_u16.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    let whole = |v: &f32| (v.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
    file.extend(samples.iter().flat_map(|v| whole(v).to_le_bytes()));
    file
}
