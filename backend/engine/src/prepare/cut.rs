//! Parts of pictures, and pictures with more around them.

use shared::Resizing;

use crate::picture::Picture;

/// Where the middle of `whole` begins: before it, where there is less than `part`. Of an odd number of
/// lines that are missing, transformers' processors with torchvision add the smaller half in front,
/// those with Pillow the larger one.
pub(crate) fn middle(whole: u32, part: u32, resize: Resizing) -> i64 {
    let (whole, part) = (i64::from(whole), i64::from(part));
    if whole >= part {
        return (whole - part) / 2;
    }
    let missing = part - whole;
    -(if resize == Resizing::Torchvision { missing / 2 } else { (missing + 1) / 2 })
}

/// The picture in the middle of a square of this colour, and where it begins there.
pub(crate) fn pad_to_square(picture: &Picture, background: [u8; 3]) -> (Picture, (u32, u32)) {
    let side = picture.width.max(picture.height);
    let (left, top) = ((side - picture.width) / 2, (side - picture.height) / 2);
    let mut rgb = background.repeat(side as usize * side as usize);
    let row = 3 * picture.width as usize;
    for (y, source) in picture.rgb.chunks(row).enumerate() {
        let at = 3 * ((top as usize + y) * side as usize + left as usize);
        rgb[at..at + row].copy_from_slice(source);
    }
    (Picture { width: side, height: side, rgb }, (left, top))
}

/// The part of a picture that begins at `(left, top)`; black where the picture does not reach.
pub(crate) fn crop(
    picture: &Picture,
    (left, top): (i64, i64),
    (width, height): (u32, u32),
) -> Picture {
    let mut rgb = vec![0; 3 * width as usize * height as usize];
    let stride = 3 * picture.width as usize;
    let (from, to) = (left.max(0), (left + i64::from(width)).min(i64::from(picture.width)));
    let bytes = 3 * (to - from).max(0) as usize;
    for (y, row) in rgb.chunks_mut(3 * width as usize).enumerate() {
        let line = top + y as i64;
        if (0..i64::from(picture.height)).contains(&line) && bytes > 0 {
            let at = line as usize * stride + 3 * from as usize;
            row[3 * (from - left) as usize..][..bytes]
                .copy_from_slice(&picture.rgb[at..at + bytes]);
        }
    }
    Picture { width, height, rgb }
}
