//! A sound's file as a wave to be drawn. The browser decodes it; no number of the lab's comes of it.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioBuffer, OfflineAudioContext};

/// Columns of a wave.
const COLUMNS: usize = 480;

/// A wave as it is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wave {
    /// How long the sound lasts, in seconds.
    pub(super) seconds: f64,
    /// The least and the most in each column.
    pub(super) peaks: Vec<(f32, f32)>,
}

/// Reads a sound's file; `None` where the browser cannot decode it.
pub(super) async fn read(bytes: &[u8]) -> Option<Wave> {
    // What it renders does not matter: it decodes without a person having clicked.
    let context =
        OfflineAudioContext::new_with_number_of_channels_and_length_and_sample_rate(1, 1, 16_000.0);
    let file = js_sys::Uint8Array::from(bytes).buffer();
    let decoded = JsFuture::from(context.ok()?.decode_audio_data(&file).ok()?).await.ok()?;
    let buffer: AudioBuffer = decoded.dyn_into().ok()?;
    let channels: Vec<Vec<f32>> = (0..buffer.number_of_channels())
        .map(|channel| buffer.get_channel_data(channel))
        .collect::<Result<_, _>>()
        .ok()?;
    let samples = channels.first()?.len();
    let wide = samples.div_ceil(COLUMNS).max(1);
    let column = |from: usize| {
        let to = (from + wide).min(samples);
        let all = channels.iter().flat_map(|channel| channel.get(from..to).unwrap_or_default());
        all.fold((0.0_f32, 0.0_f32), |(low, high), v| (low.min(*v), high.max(*v)))
    };
    let peaks = (0..samples).step_by(wide).map(column).collect();
    Some(Wave { seconds: buffer.duration(), peaks })
}
