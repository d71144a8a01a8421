//! WAV files: RIFF chunks, of which `fmt ` and `data` count.

use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use super::resample::resampled;
use super::{SOUND_RATE, Sound, SoundLimits};
use crate::error::EngineError;

/// How samples lie in the file.
#[derive(Clone, Copy, Debug)]
struct Format {
    kind: Kind,
    channels: usize,
    rate: u32,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// 8 bits, from 0 to 255.
    U8,
    I16,
    I24,
    I32,
    F32,
    F64,
}

impl Kind {
    const fn bytes(self) -> usize {
        match self {
            Kind::U8 => 1,
            Kind::I16 => 2,
            Kind::I24 => 3,
            Kind::I32 | Kind::F32 => 4,
            Kind::F64 => 8,
        }
    }

    /// A sample of [`Kind::bytes`] bytes.
    fn sample(self, b: &[u8]) -> f32 {
        match (self, b) {
            (Kind::U8, [a]) => (f32::from(*a) - 128.0) / 128.0,
            (Kind::I16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
            // Shifted into the upper bytes, it is divided as one of 32 bits.
            (Kind::I24, [a, b, c]) => of_i32(i32::from_le_bytes([0, *a, *b, *c])),
            (Kind::I32, [a, b, c, d]) => of_i32(i32::from_le_bytes([*a, *b, *c, *d])),
            (Kind::F32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Kind::F64, b) => <[u8; 8]>::try_from(b).map_or(0.0, |b| f64::from_le_bytes(b) as f32),
            _ => 0.0,
        }
    }
}

fn of_i32(value: i32) -> f32 {
    (f64::from(value) / 2_147_483_648.0) as f32
}

pub(super) fn decode(bytes: &[u8], limits: &SoundLimits) -> Result<Sound, EngineError> {
    if shared::sound_type(bytes).is_none() {
        return Err(EngineError::new(ErrorCode::WrongContentType, EngineRefusal::NoSound));
    }
    let (mut format, mut at) = (None, 12);
    loop {
        let Some(head) = bytes.get(at..at + 8) else {
            return Err(damaged("it has no samples"));
        };
        let (name, length) = (&head[..4], u32_at(head, 4).unwrap_or_default());
        let from = at + 8;
        // What is written to a pipe does not know its length.
        let open = length == u32::MAX;
        let end = if open { bytes.len() } else { from.saturating_add(length as usize) };
        match name {
            b"fmt " => {
                let chunk = bytes.get(from..end).ok_or_else(|| damaged("its head is cut off"))?;
                format = Some(Format::read(chunk, limits)?);
            }
            b"data" => {
                let format =
                    format.ok_or_else(|| damaged("its samples come before their format"))?;
                let data = bytes.get(from..end).ok_or_else(|| damaged("it ends early"))?;
                return format.samples(data, limits);
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = end.saturating_add(end % 2);
    }
}

impl Format {
    fn read(chunk: &[u8], limits: &SoundLimits) -> Result<Self, EngineError> {
        let short = |at| u16_at(chunk, at).ok_or_else(|| damaged("its head is too short"));
        let (mut tag, channels, bits) = (short(0)?, short(2)?, short(14)?);
        let rate = u32_at(chunk, 4).ok_or_else(|| damaged("its head is too short"))?;
        // WAVE_FORMAT_EXTENSIBLE: what is meant stands further behind.
        if tag == 0xFFFE {
            tag = short(24)?;
        }
        let kind = match (tag, bits) {
            (1, 8) => Kind::U8,
            (1, 16) => Kind::I16,
            (1, 24) => Kind::I24,
            (1, 32) => Kind::I32,
            (3, 32) => Kind::F32,
            (3, 64) => Kind::F64,
            _ => {
                let kind = format!("WAV {tag}, {bits} bits");
                let refusal = EngineRefusal::SoundKind { kind };
                return Err(EngineError::new(ErrorCode::WrongContentType, refusal));
            }
        };
        if channels == 0 || channels > limits.channels || rate == 0 {
            return Err(damaged(&format!("{channels} channels of {rate} samples a second")));
        }
        let format = Format { kind, channels: usize::from(channels), rate };
        if usize::from(short(12)?) != format.frame() {
            return Err(damaged("its head contradicts itself"));
        }
        Ok(format)
    }

    /// Bytes of a sample of all channels.
    const fn frame(self) -> usize {
        self.channels * self.kind.bytes()
    }

    fn samples(self, data: &[u8], limits: &SoundLimits) -> Result<Sound, EngineError> {
        let n = data.len() / self.frame();
        if n == 0 {
            return Err(EngineError::new(ErrorCode::BadRequest, EngineRefusal::SoundEmpty));
        }
        if n as u64 > u64::from(limits.seconds) * u64::from(self.rate) {
            let (seconds, most) = (n as u64 / u64::from(self.rate), u64::from(limits.seconds));
            let refusal = EngineRefusal::SoundTooLong { seconds, most };
            return Err(EngineError::new(ErrorCode::BodyTooLarge, refusal));
        }
        let channels = self.channels as f32;
        let frame = |frame: &[u8]| {
            let values = frame.chunks_exact(self.kind.bytes()).map(|b| self.kind.sample(b));
            values.sum::<f32>() / channels
        };
        let samples: Vec<f32> = data.chunks_exact(self.frame()).map(frame).collect();
        if samples.iter().any(|sample| !sample.is_finite()) {
            return Err(damaged("a sample is no number"));
        }
        let samples = match self.rate {
            SOUND_RATE => samples,
            rate => resampled(&samples, rate)?,
        };
        Ok(Sound { samples, rate: self.rate })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn damaged(what: &str) -> EngineError {
    let what = what.to_owned();
    EngineError::new(ErrorCode::BadRequest, EngineRefusal::SoundDamaged { what })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file of such a format with these samples.
    fn file((tag, bits, channels, rate): (u16, u16, u16, u32), data: &[u8]) -> Vec<u8> {
        let frame = channels * bits / 8;
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(frame)).to_le_bytes());
        bytes.extend(frame.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        // A chunk that nobody asks for, of an odd length.
        bytes.extend(b"LIST\x03\0\0\0abc\0data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn read(format: (u16, u16, u16, u32), data: &[u8]) -> Result<Vec<f32>, ErrorCode> {
        let sound = Sound::decode(&file(format, data), &SoundLimits::default());
        sound.map(|sound| sound.samples).map_err(|e| e.code)
    }

    #[test]
    fn every_kind_of_sample_is_read_to_full_scale() {
        let le16: Vec<u8> = [i16::MIN, 0, 16_384].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read((1, 16, 1, 16_000), &le16), Ok(vec![-1.0, 0.0, 0.5]));
        assert_eq!(read((1, 8, 1, 16_000), &[0, 128, 192]), Ok(vec![-1.0, 0.0, 0.5]));
        let le24 = [0, 0, 0x80, 0, 0, 0, 0, 0, 0x40];
        assert_eq!(read((1, 24, 1, 16_000), &le24), Ok(vec![-1.0, 0.0, 0.5]));
        let le32: Vec<u8> = [i32::MIN, 0, 1 << 30].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read((1, 32, 1, 16_000), &le32), Ok(vec![-1.0, 0.0, 0.5]));
        let floats: Vec<u8> = [-1f32, 0.0, 0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read((3, 32, 1, 16_000), &floats), Ok(vec![-1.0, 0.0, 0.5]));
        // Two channels are averaged.
        assert_eq!(read((1, 16, 2, 16_000), &le16[..4]), Ok(vec![-0.5]));
    }

    #[test]
    fn what_cannot_be_heard_is_refused() {
        let of = |bytes: &[u8]| Sound::decode(bytes, &SoundLimits::default()).map_err(|e| e.code);
        assert_eq!(of(&[]), Err(ErrorCode::BadRequest));
        assert_eq!(of(b"OggS and so on"), Err(ErrorCode::WrongContentType));
        assert_eq!(read((1, 16, 1, 4_000), &[0, 0]), Err(ErrorCode::WrongContentType));
        assert_eq!(read((6, 8, 1, 16_000), &[0]), Err(ErrorCode::WrongContentType));
        assert_eq!(read((1, 16, 1, 16_000), &[]), Err(ErrorCode::BadRequest));
        assert_eq!(read((3, 32, 1, 16_000), &f32::NAN.to_le_bytes()), Err(ErrorCode::BadRequest));
        let long = vec![0; 10 * 16_000 + 1];
        let limits = SoundLimits { seconds: 10, ..SoundLimits::default() };
        let refused = Sound::decode(&file((1, 8, 1, 16_000), &long), &limits);
        assert_eq!(refused.map_err(|e| e.code), Err(ErrorCode::BodyTooLarge));
        let whole = file((1, 16, 1, 16_000), &[0; 100]);
        assert!(of(&whole).is_ok());
        assert_eq!(of(&whole[..whole.len() - 1]), Err(ErrorCode::BadRequest), "it ends early");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..80) {
            let _ = Sound::decode(&bytes, &SoundLimits::default());
            let mut cut = file((1, 16, 1, 16_000), &bytes);
            cut.truncate(at);
            let _ = Sound::decode(&cut, &SoundLimits::default());
        }

        #[test]
        fn a_head_of_any_bytes_makes_no_panic(head in prop::collection::vec(any::<u8>(), 16), data in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = file((1, 16, 1, 16_000), &data);
            bytes[20..36].copy_from_slice(&head);
            let _ = Sound::decode(&bytes, &SoundLimits::default());
        }
    }
}
