//! Picture decoding and preparation against Pillow and transformers' CLIPImageProcessor.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::common::images;
use engine::{Picture, PictureLimits};
use shared::ErrorCode;

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".png") || n.ends_with(".jpg"))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "the goldens are incomplete");
    names
}

#[test]
fn decodes_as_pillow_does() {
    let (folder, golden) = images();
    for name in names(&folder) {
        if name == "photo.jpg" {
            continue;
        }
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        let got = Picture::decode(&bytes, &PictureLimits::default()).unwrap();
        let (shape, want) = golden.u8(&format!("{name}/rgb"));
        assert_eq!(shape, [got.height as usize, got.width as usize, 3], "{name}: size");
        assert!(got.rgb == want, "{name}: other levels than Pillow's");
    }
}

#[test]
fn refuses_what_is_not_a_picture() {
    let limits = PictureLimits::default();
    let code = |bytes: &[u8]| Picture::decode(bytes, &limits).unwrap_err().code;
    assert_eq!(code(b""), ErrorCode::PictureEmpty);
    assert_eq!(code(b"hello, this is text"), ErrorCode::PictureUnreadable);
    let (folder, _) = images();
    for name in names(&folder) {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        // A JPEG of a few rows hides its end in few bytes: cut well before it.
        for part in [bytes.len() / 2, bytes.len() - 20] {
            let cut = Picture::decode(&bytes[..part], &limits);
            assert!(cut.is_err(), "{name} cut at {part} of {} was accepted", bytes.len());
            let code = cut.unwrap_err().code;
            let expected = [ErrorCode::PictureDamaged, ErrorCode::PictureUnreadable];
            assert!(expected.contains(&code), "{name}: {code}");
        }
    }
}

/// A PNG header that promises so many pixels, and nothing else.
fn promise(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(width.to_be_bytes());
    png.extend(height.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    let crc = crc32(&png[12..]);
    png.extend(crc.to_be_bytes());
    png.extend(b"\0\0\0\x01IDAT\0\0\0\0\0");
    png
}

#[test]
fn refuses_more_pixels_than_allowed_before_decoding_them() {
    let error = Picture::decode(&promise(20_000, 20_000), &PictureLimits::default()).unwrap_err();
    assert_eq!(error.code, ErrorCode::PictureTooManyPixels);
    assert!(error.message.contains("20000 × 20000"), "{}", error.message);
}

#[test]
fn refuses_pictures_that_are_too_narrow_before_decoding_them() {
    let code = |width, height| {
        Picture::decode(&promise(width, height), &PictureLimits::default()).unwrap_err()
    };
    for (width, height) in [(1, 40_000_000), (40_000_000, 1), (1, 201), (100, 20_001)] {
        let error = code(width, height);
        assert_eq!(error.code, ErrorCode::PictureTooNarrow, "{width} × {height}");
        let size = format!("{width} × {height}");
        assert!(error.message.contains(&size) && error.message.contains("200 times"), "{error}");
    }
    // As long as may be: it is decoded, and found to have no pixels.
    assert_eq!(code(100, 20_000).code, ErrorCode::PictureDamaged);
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, b| {
        (0..8).fold(
            crc ^ u32::from(*b),
            |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 },
        )
    })
}

#[test]
fn reads_other_formats() {
    use image::{ImageFormat, Rgb, RgbImage};

    let red = RgbImage::from_pixel(6, 4, Rgb([200, 10, 20]));
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        let mut file = std::io::Cursor::new(Vec::new());
        red.write_to(&mut file, format).unwrap();
        let got = Picture::decode(&file.into_inner(), &PictureLimits::default()).unwrap();
        assert_eq!((got.width, got.height), (6, 4), "{format:?}");
        assert!(got.rgb.as_chunks().0.iter().all(|p| *p == [200, 10, 20]), "{format:?}");
    }
}

#[test]
fn a_thumbnail_does_not_hide_that_the_picture_is_cut_off() {
    let (folder, _) = images();
    let whole = std::fs::read(folder.join("photo.jpg")).unwrap();
    let small = std::fs::read(folder.join("gray.jpg")).unwrap();
    // The small one as an application segment right after the start mark, as cameras put it.
    let mut bytes = whole[..2].to_vec();
    bytes.extend([0xFF, 0xE5]);
    bytes.extend((small.len() as u16 + 2).to_be_bytes());
    bytes.extend(&small);
    bytes.extend(&whole[2..]);
    assert!(Picture::decode(&bytes, &PictureLimits::default()).is_ok());
    bytes.truncate(bytes.len() * 2 / 3);
    let error = Picture::decode(&bytes, &PictureLimits::default()).unwrap_err();
    assert_eq!(error.code, ErrorCode::PictureDamaged);
}
