//! Films of every kind, and what is wrong with those that are none.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use proptest::prelude::*;

use super::*;

/// A frame's level, and how long it is shown in hundredths of a second.
type Frame = (u8, u16);

/// A GIF file of plain frames of 6 × 4 pixels.
fn gif(frames: &[Frame]) -> Vec<u8> {
    let mut file = Vec::new();
    let palette: Vec<u8> = (0..=255).flat_map(|level: u8| [level; 3]).collect();
    let mut encoder = gif::Encoder::new(&mut file, 6, 4, &palette).expect("a file");
    for (level, delay) in frames {
        let mut frame = gif::Frame::from_indexed_pixels(6, 4, vec![*level; 24], None);
        frame.delay = *delay;
        encoder.write_frame(&frame).expect("a frame");
    }
    drop(encoder);
    file
}

/// An animated PNG file of gray frames of 6 × 4 pixels, each shown a fifth of a second.
fn apng(levels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 6, 4);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(levels.len() as u32, 0).expect("frames");
    encoder.set_frame_delay(1, 5).expect("a delay");
    let mut writer = encoder.write_header().expect("a header");
    levels.iter().for_each(|level| writer.write_image_data(&[*level; 24]).expect("a frame"));
    writer.finish().expect("an end");
    file
}

fn still(width: u32, height: u32, level: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let pixels = vec![level; 3 * (width * height) as usize];
    let encoder = PngEncoder::new(&mut file);
    encoder.write_image(&pixels, width, height, ExtendedColorType::Rgb8).expect("a picture");
    file
}

fn y4m(settings: &str, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = format!("YUV4MPEG2 {settings}\n").into_bytes();
    for frame in frames {
        file.extend_from_slice(b"FRAME\n");
        file.extend_from_slice(frame);
    }
    file
}

fn read(bytes: &[u8]) -> Result<Film, EngineError> {
    Film::decode(bytes, &FilmLimits::default())
}

/// The first pixel of every frame.
fn pixels(film: &Film) -> Vec<[u8; 3]> {
    let frames: Vec<u32> = (0..film.extent().frames).collect();
    let mut all = vec![[0; 3]; frames.len()];
    film.each(&frames, &mut |places, picture| {
        assert_eq!((picture.width, picture.height), (film.extent().width, film.extent().height));
        for place in places {
            all[*place] = [picture.rgb[0], picture.rgb[1], picture.rgb[2]];
        }
        Ok(())
    })
    .expect("frames");
    all
}

fn grays(film: &Film) -> Vec<u8> {
    pixels(film).into_iter().map(|[r, ..]| r).collect()
}

#[test]
fn animations_become_frames_of_equal_length() {
    let film = read(&gif(&[(10, 50), (20, 50), (30, 50)])).expect("a film");
    assert_eq!((film.extent().frames, film.extent().rate), (3, 2.0));
    assert_eq!(grays(&film), [10, 20, 30]);
    // One is shown three times as long as the others.
    let film = read(&gif(&[(10, 50), (20, 150), (30, 50)])).expect("a film");
    assert_eq!((grays(&film), film.extent().rate), (vec![10, 20, 20, 20, 30], 2.0));
    assert_eq!(film.time(4), 2.0);
    // What is shown for no time is shown as long as browsers do.
    let film = read(&gif(&[(10, 0), (20, 0)])).expect("a film");
    assert_eq!(film.extent().rate, 10.0);
    // A picture that is shown long is several frames.
    let film = read(&gif(&[(10, 200), (20, 200)])).expect("a film");
    assert_eq!((grays(&film), film.extent().rate), (vec![10, 10, 10, 10, 20, 20, 20, 20], 2.0));
    // Thirty a second, as files count it in hundredths.
    let film = read(&gif(&[(1, 3), (2, 3), (3, 4)])).expect("a film");
    assert_eq!((film.extent().frames, film.extent().rate), (3, 30.0));
    let film = read(&apng(&[7, 8, 9])).expect("a film");
    assert_eq!((grays(&film), film.extent().rate), (vec![7, 8, 9], 5.0));
}

#[test]
fn y4m_files_have_bt601_colours() {
    // Black, white and red, of 4 × 2 pixels.
    let frame = |y: u8, cb: u8, cr: u8| [vec![y; 8], vec![cb; 2], vec![cr; 2]].concat();
    let frames = [frame(16, 128, 128), frame(235, 128, 128), frame(81, 90, 240)];
    let film = read(&y4m("W4 H2 F30000:1001 Ip A1:1 C420jpeg", &frames)).expect("a film");
    assert_eq!(pixels(&film), [[0, 0, 0], [255, 255, 255], [254, 0, 0]]);
    assert!((film.extent().rate - 29.97).abs() < 1e-3);
    let film = read(&y4m("W4 H2 F10:1 Cmono XCOLORRANGE=FULL", &[vec![77; 8]])).expect("a film");
    assert_eq!(pixels(&film), [[77; 3]]);
    let said = |settings: &str| read(&y4m(settings, &[vec![0; 12]])).expect_err("refused");
    assert_eq!(said("W4 H2 F10:1 C420p10").code, ErrorCode::WrongContentType);
    assert!(said("W4 H2 F10:1 It").message.contains("interlaced"));
    assert!(said("W4 H2").message.contains("rate"));
    assert!(said("H2 F10:1").message.contains("width"));
    assert_eq!(said("W100000 H100000 F1:1").code, ErrorCode::PictureTooManyPixels);
}

#[test]
fn frames_keep_their_numbers_and_their_rate() {
    let files = [still(5, 3, 1), still(5, 3, 2), still(5, 3, 3)];
    let said = Frames {
        source_fps: Some(30.0),
        source_frames: Some(90),
        indices: vec![0, 45, 89],
        fps: None,
    };
    let film = read(&said.packed(&files)).expect("a film");
    assert_eq!(
        film.extent(),
        FilmExtent { width: 5, height: 3, frames: 3, rate: 1.0, chosen: true }
    );
    assert_eq!((film.number(1), film.of(), film.time(1)), (45, 90, 1.5));
    assert_eq!(grays(&film), [1, 2, 3]);
    let film =
        read(&Frames { fps: Some(4.0), ..Frames::default() }.packed(&files)).expect("a film");
    assert_eq!((film.number(2), film.of(), film.time(2)), (2, 3, 0.5));
    // An animated file in an archive is the film that it is alone.
    let film = read(&Frames::default().packed(&[gif(&[(1, 50), (2, 50)])])).expect("a film");
    assert_eq!((grays(&film), film.extent().chosen), (vec![1, 2], false));
}

#[test]
fn what_is_wrong_with_frames_is_said() {
    let files = [still(5, 3, 1), still(5, 3, 2)];
    let id = |said: Frames, files: &[Vec<u8>]| {
        let error = read(&said.packed(files)).expect_err("refused");
        error.sentence.expect("a sentence").id
    };
    let fps = |fps| Frames { fps: Some(fps), ..Frames::default() };
    for rate in [0.0, -2.0, 1e6] {
        assert_eq!(id(fps(rate), &files), "frames_rate_wrong");
    }
    assert_eq!(id(Frames::default(), &files), "frames_rate_wrong", "nothing is said");
    let taken = |indices: &[u32], source_frames| Frames {
        source_fps: Some(30.0),
        source_frames,
        indices: indices.to_vec(),
        fps: None,
    };
    for (indices, of) in [(&[0][..], None), (&[1, 1], None), (&[5, 2], None), (&[0, 9], Some(9))] {
        assert_eq!(id(taken(indices, of), &files), "frames_indices_wrong", "{indices:?}");
    }
    let other = [still(5, 3, 1), still(3, 5, 2)];
    assert_eq!(id(fps(2.0), &other), "frames_of_other_sizes");
    assert_eq!(id(fps(2.0), &[still(5, 3, 1), b"no picture".to_vec()]), "of_frame");
    assert_eq!(id(fps(2.0), &[]), "film_file_empty");
    assert_eq!(id(Frames::default(), &[still(5, 3, 1)]), "file_is_no_film", "a still picture");
}

#[test]
fn films_beyond_the_limits_are_refused() {
    let limits = FilmLimits { frames: 3, pixels: 24, all: 60 };
    let id = |bytes: &[u8], limits: &FilmLimits| {
        let error = Film::decode(bytes, limits).expect_err("refused");
        error.sentence.expect("a sentence").id
    };
    let frames = |n: usize| gif(&vec![(1, 50); n]);
    assert!(Film::decode(&frames(2), &limits).is_ok());
    assert_eq!(id(&frames(3), &limits), "film_too_many_pixels");
    let more = FilmLimits { all: 1000, ..limits };
    assert_eq!(id(&frames(4), &more), "film_too_many_frames");
    let less = FilmLimits { pixels: 23, ..limits };
    assert_eq!(id(&frames(1), &less), "frame_too_many_pixels");
    assert_eq!(id(&apng(&[1, 2]), &less), "frame_too_many_pixels");
    // A frame that is shown for eleven minutes beside one of a hundredth of a second.
    assert_eq!(id(&gif(&[(1, 65_535), (2, 11)]), &limits), "film_too_many_frames");
}

/// Whatever a file holds and wherever it ends, it is refused in a sentence or read, and what is read is whole.
#[test]
fn cut_files_are_refused_or_read_as_far_as_they_go() {
    let files = [still(5, 3, 1), still(5, 3, 2)];
    let archive = Frames { fps: Some(2.0), ..Frames::default() }.packed(&files);
    let frame = vec![9; 12];
    for whole in [
        gif(&[(10, 50), (20, 50), (30, 50)]),
        apng(&[7, 8, 9]),
        y4m("W4 H2 F10:1", &[frame.clone(), frame]),
        archive,
    ] {
        let film = read(&whole).expect("a film");
        for end in 0..whole.len() {
            if let Ok(cut) = read(&whole[..end]) {
                assert!(cut.extent().frames <= film.extent().frames, "at {end}");
                pixels(&cut);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Bytes of a film that somebody changed never take the lab down.
    #[test]
    fn changed_bytes_are_refused_or_read(
        kind in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let files = [still(5, 3, 1), still(5, 3, 2)];
        let mut file = match kind {
            0 => gif(&[(10, 50), (20, 70), (30, 50)]),
            1 => apng(&[7, 8, 9]),
            2 => y4m("W4 H2 F10:1", &[vec![9; 12], vec![8; 12]]),
            _ => Frames { fps: Some(2.0), ..Frames::default() }.packed(&files),
        };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let limits = FilmLimits { frames: 100, pixels: 1 << 16, all: 1 << 20 };
        if let Ok(film) = Film::decode(&file, &limits) {
            prop_assert!(film.extent().frames > 0 && film.extent().rate > 0.0);
        }
    }
}
