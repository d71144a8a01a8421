//! The decoder of the browser's build beside the native one, which gives Pillow's bytes
//! (`tests/picture_files.rs`).

use std::path::Path;

use safetensors::SafeTensors;

use super::{Decoded, Decoder, decode_with, pure, turbo};
use crate::error::EngineError;
use crate::picture::PictureLimits;

fn with(decoder: Decoder, file: &[u8]) -> Result<Decoded, EngineError> {
    decode_with(file, &PictureLimits::default(), decoder)
}

fn each(mut of: impl FnMut(&str, &[u8])) {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/pictures");
    let bytes = std::fs::read(goldens.join("files.safetensors")).expect("goldens");
    let files = SafeTensors::deserialize(&bytes).expect("goldens");
    let mut names: Vec<&str> = files.names().into_iter().collect();
    names.retain(|n| n.starts_with("jpeg/"));
    names.sort_unstable();
    assert!(names.len() > 200, "only {} files", names.len());
    for name in names {
        of(name, files.tensor(name).expect("named above").data());
    }
}

#[test]
fn in_rust_alone_a_picture_is_nearly_the_same_or_refused_by_its_kind() {
    let (mut read, mut refused) = (0, 0);
    each(|name, file| {
        let Ok(want) = with(turbo::decode, file) else { return };
        match with(pure::decode, file) {
            Ok(got) => {
                assert_eq!((got.width, got.height), (want.width, want.height), "{name}");
                let off = || got.rgb.iter().zip(&want.rgb).map(|(a, b)| a.abs_diff(*b));
                let most = off().max().expect("a picture has pixels");
                let mean = off().map(f64::from).sum::<f64>() / got.rgb.len() as f64;
                assert!(
                    most <= 16 && mean <= 1.0,
                    "{name}: {most} levels off, {mean:.2} on average"
                );
                read += 1;
            }
            Err(e) => {
                assert_eq!(e.code, shared::ErrorCode::PictureUnreadable, "{name}: {}", e.message);
                refused += 1;
            }
        }
    });
    assert!(read > 90 && refused > 40, "{read} read, {refused} refused");
}

#[test]
fn in_rust_alone_a_cut_picture_that_was_ended_is_refused() {
    each(|name, file| {
        if with(pure::decode, file).is_err() {
            return;
        }
        let scan = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).expect("it has a scan");
        let data = scan + 2 + usize::from(u16::from_be_bytes([file[scan + 2], file[scan + 3]]));
        // Of a picture of one colour what is missing looks like what is there.
        let percents: &[usize] = if name.contains("flat") { &[0] } else { &[0, 10, 50, 90] };
        for percent in percents {
            let cut = data + (file.len() - 2 - data) * percent / 100;
            let ended = [&file[..cut], &[0xFF, 0xD9]].concat();
            assert!(with(pure::decode, &ended).is_err(), "{name} cut at {percent} %");
        }
    });
}
