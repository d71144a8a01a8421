//! What decoding a picture file is said to take of memory, against what a process takes.
#![allow(clippy::print_stdout, reason = "what was measured, and how a process says it")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use engine::{Picture, PictureLimits};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use image::{DynamicImage, ImageFormat};
use shared::ErrorCode;

/// Names the file that a process decodes.
const FILE: &str = "LAB_TEST_DECODES";
const MIB: f64 = 1_048_576.0;
const SIDE: u32 = 3000;

/// KiB of this process, by the system's name for them.
fn status(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Decodes one file, and says what that took at most.
fn decode(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let weighed = Picture::weigh(&bytes, &PictureLimits::default()).unwrap() as f64;
    // From here on the system notes the most anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:").unwrap();
    let picture = Picture::decode(&bytes, &PictureLimits::default()).unwrap();
    assert_eq!(u64::from(picture.width) * u64::from(picture.height), u64::from(SIDE).pow(2));
    let took = (status("VmHWM:").unwrap() - before) * 1024.0;
    println!("\ntook {took} of {weighed}");
}

fn written(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A gray JPEG file: every code is one bit and 0, so its data are zeros.
fn jpeg(components: u8, progressive: bool, turned: bool) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, body: &[u8]| {
        file.extend([0xFF, marker]);
        file.extend((body.len() as u16 + 2).to_be_bytes());
        file.extend(body);
    };
    if turned {
        // A directory of one entry: orientation 6.
        let mut exif = b"Exif\0\0II\x2A\0\x08\0\0\0\x01\0".to_vec();
        exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
        segment(0xE1, &exif);
    }
    segment(0xDB, &[&[0_u8][..], &[1; 64]].concat());
    let side = (SIDE as u16).to_be_bytes();
    let mut frame = vec![8, side[0], side[1], side[0], side[1], components];
    (1..=components).for_each(|id| frame.extend([id, 0x11, 0]));
    segment(if progressive { 0xC2 } else { 0xC0 }, &frame);
    for class in [0x00, 0x10] {
        // One code of one bit, whose symbol is 0: no difference, and the end of the block.
        segment(0xC4, &[&[class, 1_u8][..], &[0; 15], &[0]].concat());
    }
    let blocks = (SIDE as usize).div_ceil(8).pow(2);
    let scan = |ids: std::ops::RangeInclusive<u8>, first: u8, last: u8, bits: usize| {
        let mut header = vec![ids.clone().count() as u8];
        ids.for_each(|id| header.extend([id, 0]));
        header.extend([first, last, 0]);
        let mut body = vec![0xFF, 0xDA];
        body.extend((header.len() as u16 + 2).to_be_bytes());
        body.extend(header);
        body.extend(vec![0; bits / 8]);
        // What is left of the last byte is filled with ones.
        if !bits.is_multiple_of(8) {
            body.push(0xFF >> (bits % 8));
        }
        body
    };
    let all = usize::from(components);
    let mut scans = Vec::new();
    if progressive {
        scans.push(scan(1..=components, 0, 0, blocks * all));
        (1..=components).for_each(|id| scans.push(scan(id..=id, 1, 63, blocks)));
    } else {
        scans.push(scan(1..=components, 0, 63, 2 * blocks * all));
    }
    file.extend(scans.concat());
    file.extend([0xFF, 0xD9]);
    file
}

/// A PNG file with a colour profile of 256 MiB, packed into a thousandth of that.
fn profiled(png: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(b"iCCPx\0\0".to_vec(), Compression::best());
    (0..256).for_each(|_| packed.write_all(&vec![0; 1 << 20]).unwrap());
    let chunk = packed.finish().unwrap();
    let mut crc = Crc::new();
    crc.update(&chunk);
    let length = (chunk.len() as u32 - 4).to_be_bytes();
    // Behind the header, before the palette and the pixels.
    [&png[..33], &length, &chunk, &crc.sum().to_be_bytes(), &png[33..]].concat()
}

fn gif() -> Vec<u8> {
    let (mut file, side) = (Vec::new(), SIDE as u16);
    let mut encoder = gif::Encoder::new(&mut file, side, side, &[9, 8, 7, 6, 5, 4]).unwrap();
    let pixels = vec![1; usize::from(side).pow(2)];
    encoder.write_frame(&gif::Frame::from_indexed_pixels(side, side, pixels, None)).unwrap();
    drop(encoder);
    file
}

/// Each file in a process of its own, for what a process once had it may still hold.
#[test]
fn decoding_takes_no_more_than_was_weighed() {
    if let Some(file) = std::env::var_os(FILE) {
        return decode(Path::new(&file));
    }
    if std::fs::write("/proc/self/clear_refs", "5").is_err() {
        println!("this system does not say what a process took: nothing is compared");
        return;
    }
    let rgb = || DynamicImage::new_rgb8(SIDE, SIDE);
    let files = [
        ("rgb.png", written(rgb(), ImageFormat::Png)),
        ("rgba.png", written(DynamicImage::new_rgba8(SIDE, SIDE), ImageFormat::Png)),
        ("gray.png", written(DynamicImage::new_luma8(SIDE, SIDE), ImageFormat::Png)),
        ("rgb16.png", written(DynamicImage::new_rgb16(SIDE, SIDE), ImageFormat::Png)),
        ("rgb.bmp", written(rgb(), ImageFormat::Bmp)),
        ("rgb.webp", written(rgb(), ImageFormat::WebP)),
        ("rgba.webp", written(DynamicImage::new_rgba8(SIDE, SIDE), ImageFormat::WebP)),
        ("profiled.png", profiled(&written(rgb(), ImageFormat::Png))),
        ("plain.gif", gif()),
        ("rgb.jpg", jpeg(3, false, false)),
        ("gray.jpg", jpeg(1, false, false)),
        ("inks.jpg", jpeg(4, false, false)),
        ("turned.jpg", jpeg(3, false, true)),
        ("progressive.jpg", jpeg(3, true, false)),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (name, bytes) in files {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "picture_memory::decoding_takes_no_more_than_was_weighed",
            ])
            .env(FILE, &file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find_map(|line| line.strip_prefix("took "));
        let Some((took, weighed)) = line.and_then(|line| line.split_once(" of ")) else {
            panic!("{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        };
        let (took, weighed) = (took.parse::<f64>().unwrap(), weighed.parse::<f64>().unwrap());
        println!("{name}: {:.1} MiB, {:.2} of them weighed", took / MIB, weighed / took);
        if took > weighed || weighed > 2.0 * took {
            wrong.push(format!("{name}: {:.1} MiB, weighed {:.1}", took / MIB, weighed / MIB));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What cannot be decoded weighs nothing: decoding says why.
#[test]
fn what_is_no_picture_weighs_nothing() {
    let limits = PictureLimits::default();
    for file in [&b""[..], b"no picture", b"\x89PNG\r\n\x1a\n", b"GIF89a", &[0xFF, 0xD8, 0xFF]] {
        assert_eq!(Picture::weigh(file, &limits), None);
        assert!(Picture::decode(file, &limits).is_err());
    }
    let small = PictureLimits { pixels: 3, ..limits };
    let png = written(DynamicImage::new_rgb8(2, 2), ImageFormat::Png);
    assert_eq!(Picture::weigh(&png, &small), None);
    assert!(Picture::weigh(&png, &limits).is_some_and(|bytes| bytes < 2 << 20));
    for (width, height) in [(1, 200), (1, 201), (402, 2), (400, 2)] {
        let fits = width.max(height) <= 200 * width.min(height);
        let picture = DynamicImage::new_rgb8(width.into(), height.into());
        let mut gif = Vec::new();
        let mut encoder = gif::Encoder::new(&mut gif, width, height, &[0; 6]).unwrap();
        let pixels = vec![0; usize::from(width) * usize::from(height)];
        let frame = gif::Frame::from_indexed_pixels(width, height, pixels, None);
        encoder.write_frame(&frame).unwrap();
        drop(encoder);
        let png = written(picture.clone(), ImageFormat::Png);
        for file in [png, written(picture, ImageFormat::Bmp), gif] {
            assert_eq!(Picture::weigh(&file, &limits).is_some(), fits, "{width} × {height}");
            let decoded = Picture::decode(&file, &limits).map(|picture| picture.rgb.len());
            let narrow = decoded.as_ref().is_err_and(|e| e.code == ErrorCode::PictureTooNarrow);
            assert_eq!((decoded.is_ok(), narrow), (fits, !fits), "{decoded:?}");
        }
    }
}
