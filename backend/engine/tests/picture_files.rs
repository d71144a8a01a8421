//! Picture files of every kind beside Pillow 13 (`tests/goldens/make_pictures.py`), and JPEG files
//! with something behind them, without their end, or with an end too early.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::fuzz;
use engine::{Picture, PictureLimits};
use safetensors::SafeTensors;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use shared::ErrorCode;

#[derive(Deserialize)]
struct Expected {
    width: u32,
    height: u32,
    sha256: String,
}

fn goldens() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/pictures")
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(goldens().join("files.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    tensors.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect()
}

fn decode(file: &[u8]) -> Result<Picture, ErrorCode> {
    Picture::decode(file, &PictureLimits::default()).map_err(|e| e.code)
}

fn hash(picture: &Picture) -> String {
    Sha256::digest(&picture.rgb).iter().map(|b| format!("{b:02x}")).collect()
}

/// Pillow reads these and the lab does not; it says so by their kind.
const REFUSED: [&str; 2] = ["jpeg/lossless", "jpeg/arithmetic"];

/// Pillow does not read these, and the lab reads them as others do: channels in another order, and
/// rows that skip pixels.
const MORE: [&str; 2] = ["bmp/rgbx-32", "bmp/rle-8-jump"];

#[test]
fn equal_pillows_to_the_last_bit_or_are_refused() {
    let json = std::fs::read(goldens().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Option<Expected>> = serde_json::from_slice(&json).unwrap();
    let files = files();
    assert_eq!(files.len(), expected.len());
    let mut wrong = Vec::new();
    for (name, want) in &expected {
        let got = decode(&files[name]);
        match (want, &got) {
            (_, Err(ErrorCode::PictureUnreadable))
                if REFUSED.iter().any(|kind| name.starts_with(kind)) => {}
            (None, Ok(_)) if MORE.contains(&name.as_str()) => {}
            (None, Err(_)) => {}
            (Some(want), Ok(got)) => {
                let size = (got.width, got.height);
                if size != (want.width, want.height) || hash(got) != want.sha256 {
                    wrong.push(format!("{name}: {size:?}, other levels than Pillow's"));
                }
            }
            (_, Ok(_)) => wrong.push(format!("{name}: read, which Pillow refuses")),
            (_, Err(code)) => wrong.push(format!("{name}: refused as {code}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), expected.len(), wrong.join("\n"));
}

/// JPEG files of each coding, larger than their headers.
fn whole_jpegs() -> Vec<(String, Vec<u8>)> {
    let kept = |name: &String| {
        name.starts_with("jpeg/")
            && !name.contains("arithmetic")
            && [
                "2x2-37",
                "each-2x1-32",
                "part-1x2-37",
                "cmyk-32",
                "gray-1x1-37",
                "flat-optimised",
                "-large",
            ]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let files: Vec<_> = files().into_iter().filter(|(name, _)| kept(name)).collect();
    assert!(files.len() > 15, "{} files", files.len());
    files
}

/// What is found behind pictures: padding, line ends, another picture, a film.
fn trailers(other: &[u8]) -> Vec<Vec<u8>> {
    let mut trailers =
        vec![vec![0; 2], vec![0; 4096], b"\n".to_vec(), b"\r\n".to_vec(), other.to_vec()];
    for seed in 0..24_u64 {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        let mut film = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42".to_vec();
        film.extend(noise.take(20_000));
        // The marks that a search of the whole file would stumble over, either last.
        film.extend([[0xFF, 0xDA], [0xFF, 0xD9]][seed as usize % 2]);
        trailers.push(film);
    }
    trailers
}

#[test]
fn what_follows_a_jpegs_end_is_no_part_of_it() {
    let jpegs = whole_jpegs();
    for (name, file) in &jpegs {
        let plain = decode(file).unwrap();
        for trailer in trailers(&jpegs[0].1) {
            let got = decode(&[file.as_slice(), &trailer].concat());
            assert!(got == Ok(plain.clone()), "{name} with {} bytes behind it", trailer.len());
        }
    }
}

/// Where the first scan's data begin.
fn data(file: &[u8]) -> usize {
    let mut at = 2;
    while file[at + 1] != 0xDA {
        at += 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
    }
    at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]))
}

/// A whole JPEG's first bytes: up to its data and this share of them.
fn cut(file: &[u8], percent: usize) -> &[u8] {
    let data = data(file);
    &file[..data + (file.len() - 2 - data) * percent / 100]
}

#[test]
fn a_cut_jpeg_is_damaged_whatever_follows_it() {
    for (name, file) in whole_jpegs() {
        for percent in [0, 10, 50, 90, 98] {
            let short = cut(&file, percent);
            assert_eq!(decode(short), Err(ErrorCode::PictureDamaged), "{name} at {percent} %");
            for trailer in trailers(&file) {
                let got = decode(&[short, &trailer].concat());
                assert!(got.is_err(), "{name} at {percent} % with {} bytes", trailer.len());
            }
        }
        for headers in [2, 20, data(&file) - 3] {
            assert!(decode(&file[..headers]).is_err(), "{name}: {headers} bytes");
        }
    }
}

#[test]
fn a_cut_jpeg_that_was_ended_is_damaged() {
    for (name, file) in whole_jpegs() {
        // Of a picture of one colour the same zeros are whole picture and gap.
        let percents: &[usize] = if name.contains("flat") { &[0] } else { &[0, 10, 50, 90, 98] };
        for percent in percents {
            let short = cut(&file, *percent);
            let missing = file.len() - 2 - short.len();
            for gap in [0, missing, 4 * missing, 4096] {
                // A few zero bytes may be data.
                if gap > 0 && missing < 64 {
                    continue;
                }
                let mut ended = short.to_vec();
                ended.resize(short.len() + gap, 0);
                ended.extend([0xFF, 0xD9]);
                let got = decode(&ended);
                let what = format!("{name} at {percent} % and {gap} zeros");
                assert_eq!(got.err(), Some(ErrorCode::PictureDamaged), "{what}");
                ended.extend([0; 200]);
                ended.extend([0xFF, 0xD9]);
                assert_eq!(decode(&ended).err(), Some(ErrorCode::PictureDamaged), "{what}, twice");
            }
        }
        let header = &file[..data(&file) - 14];
        assert!(decode(&[header, &[0xFF, 0xD9]].concat()).is_err(), "{name}: no data at all");
    }
}

#[test]
fn padding_before_a_jpegs_end_spoils_nothing() {
    for (name, file) in whole_jpegs() {
        let plain = decode(&file).unwrap();
        // Of a picture of one colour zeros are data.
        if name.contains("flat") {
            continue;
        }
        for padding in [vec![0; 1], vec![0; 15], vec![0; 300], vec![0xA5; 16], vec![0xFF; 9]] {
            let padded = [&file[..file.len() - 2], &padding, &[0xFF, 0xD9]].concat();
            assert!(decode(&padded) == Ok(plain.clone()), "{name}: {padding:02x?}");
        }
    }
}

#[test]
fn a_jpeg_of_very_many_scans_is_refused_at_once() {
    let files = files();
    let file = &files["jpeg/progressive-each-2x2-37"];
    let start = data(file) - 10;
    // The last scan again and again.
    let scan = file.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    let again = file[scan..file.len() - 2].repeat(100_000);
    let bomb = [&file[..file.len() - 2], &again, &[0xFF, 0xD9]].concat();
    assert!(start < scan && bomb.len() > 1_000_000);
    let began = Instant::now();
    assert_eq!(decode(&bomb), Err(ErrorCode::PictureUnreadable));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn headers_that_contradict_the_data_are_errors() {
    let limits = PictureLimits { pixels: 1_000_000, ..PictureLimits::default() };
    let (mut tried, mut read) = (0, 0);
    for (name, file) in files() {
        if !["webp/", "bmp/", "gif/"].iter().any(|kind| name.starts_with(kind)) {
            continue;
        }
        for at in 0..file.len().min(64) {
            for value in [0, 1, 2, 0x7F, 0xFF] {
                let mut bytes = file.clone();
                bytes[at] = value;
                tried += 1;
                read += u32::from(Picture::decode(&bytes, &limits).is_ok());
            }
        }
    }
    assert!(tried > 10_000 && read < tried, "{read} of {tried}");
}

/// The picture files of the goldens, damaged.
#[test]
fn fuzz_pictures() {
    let files: Vec<_> = files().into_values().collect();
    let limits = PictureLimits { pixels: 1_000_000, ..PictureLimits::default() };
    let words: [&[u8]; 9] = [
        b"\xFF\xD8\xFF",
        b"\xFF\xDA",
        b"\xFF\xD9",
        b"\x89PNG\r\n\x1A\n",
        b"IDAT",
        b"RIFF\xFF\xFF\xFF\xFFWEBPVP8X",
        b"GIF89a\xFF\xFF\xFF\xFF",
        b"\x2C\0\0\0\0\xFF\xFF\xFF\xFF",
        b"Exif\0\0MM\0\x2A",
    ];
    fuzz::each("pictures", &files, &words, |bytes| match Picture::decode(bytes, &limits) {
        Ok(picture) => {
            let pixels = u64::from(picture.width) * u64::from(picture.height);
            assert!(pixels > 0 && pixels <= limits.pixels);
            assert_eq!(picture.rgb.len() as u64, 3 * pixels);
            true
        }
        Err(error) => {
            assert_ne!(error.code, ErrorCode::Internal, "{error:?}");
            false
        }
    });
}
