//! What becomes of pictures of all shapes.

use std::path::Path;

use safetensors::SafeTensors;
use shared::Resizing;

use super::*;

/// Against transformers' processor on the goldens' pictures: at most one 8-bit level off.
#[test]
fn equals_the_clip_image_processor() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/images");
    let bytes = std::fs::read(folder.join("golden.safetensors")).expect("goldens");
    let golden = SafeTensors::deserialize(&bytes).expect("goldens");
    let mut compared = 0;
    for name in golden.names().into_iter().filter_map(|n| n.strip_suffix("/rgb")) {
        let rgb = golden.tensor(&format!("{name}/rgb")).expect("named above");
        let source = Picture {
            width: rgb.shape()[1] as u32,
            height: rgb.shape()[0] as u32,
            rgb: rgb.data().to_vec(),
        };
        for size in [42, 56] {
            let clip = ClipPrepare::standard(size, 14);
            for (fit, kind) in [(ImageFit::Crop, "crop"), (ImageFit::Pad, "pad")] {
                let options = RunOptions { fit, ..RunOptions::default() };
                let got = clip.prepare(&source, &options).expect("prepares");
                let want = golden.tensor(&format!("{name}/{size}/{kind}")).expect("golden");
                let levels = got.picture.rgb.iter().zip(want.data());
                let off = levels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(u8::MAX);
                assert!(off <= 1, "{name} {size} {kind}: {off} levels off");
                compared += 1;
            }
        }
    }
    assert!(compared >= 80, "only {compared} pictures compared");
}

/// The first and last row and column that transformers 5.17 fills (`CLIPImageProcessor` and
/// `CLIPImageProcessorPil` with this size, `crop_size` 50, white pictures).
#[test]
fn pads_before_the_crop_where_transformers_does() {
    let (torchvision, pillow) = (Resizing::Torchvision, Resizing::Pillow13);
    for (size, edge, resize, rows, columns) in [
        ((49, 49), 49, pillow, (1, 49), (1, 49)),
        ((49, 49), 49, torchvision, (0, 48), (0, 48)),
        ((47, 47), 47, pillow, (2, 48), (2, 48)),
        ((47, 47), 47, torchvision, (1, 47), (1, 47)),
        ((60, 49), 49, pillow, (1, 49), (0, 49)),
        ((60, 49), 49, torchvision, (0, 48), (0, 49)),
        ((47, 53), 47, pillow, (0, 49), (2, 48)),
        ((47, 53), 47, torchvision, (0, 49), (1, 47)),
        ((48, 48), 48, pillow, (1, 48), (1, 48)),
    ] {
        let mut clip = ClipPrepare::standard(50, 14);
        clip.resize = Some(Resize::ShortestEdge(edge));
        let (width, height) = size;
        let rgb = vec![255; 3 * width as usize * height as usize];
        let options = RunOptions { resize, ..RunOptions::default() };
        let white = Picture { width, height, rgb };
        let seen = clip.prepare(&white, &options).expect("prepares");
        let lit: Vec<usize> = (0..2500).filter(|at| seen.picture.rgb[3 * at] > 0).collect();
        let ends =
            |places: Vec<usize>| (places.iter().min().copied(), places.iter().max().copied());
        let got = (
            ends(lit.iter().map(|at| at / 50).collect()),
            ends(lit.iter().map(|at| at % 50).collect()),
        );
        let want = |(first, last): (usize, usize)| (Some(first), Some(last));
        assert_eq!(got, (want(rows), want(columns)), "{size:?} {resize:?}");
        let [left, top, ..] = seen.views[0].covers;
        if rows.0 > 0 {
            assert_eq!(top, -(rows.0 as f32), "{size:?} {resize:?}");
        }
        if columns.0 > 0 {
            assert_eq!(left, -(columns.0 as f32), "{size:?} {resize:?}");
        }
    }
}

#[test]
fn says_which_part_of_the_picture_is_seen() {
    let clip = ClipPrepare::standard(50, 14);
    let wide = Picture { width: 200, height: 100, rgb: vec![0; 60_000] };
    let fit = |fit| RunOptions { fit, ..RunOptions::default() };
    let covers = |kind| clip.prepare(&wide, &fit(kind)).expect("prepares").views[0].covers;
    let crop = covers(ImageFit::Crop);
    assert_eq!(crop, [50.0, 0.0, 100.0, 100.0]);
    let pad = covers(ImageFit::Pad);
    assert_eq!(pad, [0.0, -50.0, 200.0, 200.0]);
}

#[test]
fn needles_are_refused_before_memory_is_set_aside() {
    let clip = ClipPrepare::standard(168, 14);
    // 25,565,282 rows would wrap around in 32 bits and come out at 80.
    for (width, height) in [(1, 25_565_282), (1, 25_565_283), (65_535, 1), (65_536, 1)] {
        let rgb = vec![0; 3 * width as usize * height as usize];
        let needle = Picture { width, height, rgb };
        for fit in [ImageFit::Crop, ImageFit::Pad] {
            let result = clip.prepare(&needle, &RunOptions { fit, ..RunOptions::default() });
            match result {
                Err(e) => assert_eq!(e.code, ErrorCode::PictureTooManyPixels),
                Ok(pixels) => assert_eq!(pixels.picture.rgb.len(), 3 * 168 * 168),
            }
        }
    }
    let needle = Picture { width: 1, height: 25_565_282, rgb: vec![0; 3 * 25_565_282] };
    for fit in [ImageFit::Crop, ImageFit::Pad] {
        let options = RunOptions { fit, ..RunOptions::default() };
        assert!(clip.prepare(&needle, &options).is_err());
    }
}
