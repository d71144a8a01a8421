//! Picture files, honest ones and small ones that unpack into large ones.

use std::io::Write;

use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(content);
    let length = (content.len() as u32).to_be_bytes();
    [length.as_slice(), kind, content, &crc.sum().to_be_bytes()].concat()
}

fn deflated(content: impl FnOnce(&mut dyn Write)) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    content(&mut encoder);
    encoder.finish().unwrap()
}

/// So many zero bytes, a MiB at a time.
fn zeros(into: &mut dyn Write, mut bytes: u64) {
    let part = vec![0; 1 << 20];
    while bytes > 0 {
        let now = bytes.min(part.len() as u64) as usize;
        into.write_all(&part[..now]).unwrap();
        bytes -= now as u64;
    }
}

/// Zero bytes as a gzip file, a thousandth of their size.
pub fn gzip_of_zeros(bytes: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    zeros(&mut encoder, bytes);
    encoder.finish().unwrap()
}

fn png_of(width: u32, height: u32, colour: u8, more: &[u8], data: &[u8]) -> Vec<u8> {
    png_in((width, height), (8, colour), more, data)
}

/// A PNG file of so many bits a channel and a colour type.
fn png_in(
    (width, height): (u32, u32),
    (bits, colour): (u8, u8),
    more: &[u8],
    data: &[u8],
) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([bits, colour, 0, 0, 0]);
    let parts = [chunk(b"IHDR", &header), more.to_vec(), chunk(b"IDAT", data), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".as_slice(), &parts.concat()].concat()
}

/// An honest picture with something to see.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let data = deflated(|into| {
        for y in 0..height {
            let row = (0..width).flat_map(|x| [x as u8, y as u8, (x * y) as u8]);
            into.write_all(&std::iter::once(0).chain(row).collect::<Vec<u8>>()).unwrap();
        }
    });
    png_of(width, height, 2, b"", &data)
}

/// A gray picture whose rows are there, in a thousandth of their size, up to so many bytes of them.
pub fn png_bomb(width: u32, height: u32, most: u64) -> Vec<u8> {
    let rows = u64::from(width + 1) * u64::from(height);
    let data = deflated(|into| zeros(into, rows.min(most)));
    png_of(width, height, 0, b"", &data)
}

/// A black picture of 16 bits in each of four channels: twice the bytes of the largest ordinary one.
pub fn png_of_16_bits(width: u32, height: u32) -> Vec<u8> {
    let rows = (8 * u64::from(width) + 1) * u64::from(height);
    png_in((width, height), (16, 6), b"", &deflated(|into| zeros(into, rows)))
}

/// A picture of one pixel whose data unpack into so many bytes.
pub fn png_with_more_data(bytes: u64) -> Vec<u8> {
    png_of(1, 1, 0, b"", &deflated(|into| zeros(into, bytes)))
}

/// A small picture with a packed colour profile or text of so many bytes.
pub fn png_with_packed(kind: &[u8; 4], bytes: u64) -> Vec<u8> {
    let packed = deflated(|into| zeros(into, bytes));
    let content = match kind {
        b"iTXt" => [b"XML:com.adobe.xmp\0\x01\0\0\0".as_slice(), &packed].concat(),
        _ => [b"name\0\0".as_slice(), &packed].concat(),
    };
    let more = chunk(kind, &content);
    let side = 64;
    png_of(side, side, 2, &more, &deflated(|into| zeros(into, u64::from((3 * side + 1) * side))))
}

/// A GIF file that claims a size.
pub fn gif(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let parts: [&[u8]; 6] = [
        b"GIF89a",
        &size,
        b"\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0",
        &size,
        b"\0\x02\x02\x44\x01\0",
        b";",
    ];
    parts.concat()
}

fn webp(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    let body = [b"WEBP".as_slice(), kind, &length, content].concat();
    [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// A lossless WebP file that claims the most pixels that the format can.
pub fn webp_lossless() -> Vec<u8> {
    let size = (16_383_u32 | 16_383 << 14).to_le_bytes();
    webp(b"VP8L", &[b"\x2f".as_slice(), &size, &[0; 11]].concat())
}

/// A WebP file whose canvas is the largest that the format can claim.
pub fn webp_canvas() -> Vec<u8> {
    webp(b"VP8X", &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
}

/// A BMP file that claims a size and has no pixels; with `packed`, as runs of equal ones.
pub fn bmp(width: i32, height: i32, packed: bool) -> Vec<u8> {
    let mut file = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend(width.to_le_bytes());
    file.extend(height.to_le_bytes());
    let (bits, packing) = if packed { (8_u8, 1_u8) } else { (24, 0) };
    file.extend([1, 0, bits, 0, packing, 0, 0, 0]);
    file.extend([0; 20]);
    file.extend([0xff, 0, 0, 1]);
    file
}

/// A JPEG file that claims a size and has no data.
pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
    file.extend([1; 64]);
    file.extend(b"\xff\xc2\0\x0b\x08");
    file.extend(height.to_be_bytes());
    file.extend(width.to_be_bytes());
    file.extend(b"\x01\x01\x11\0");
    file.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\0\xff\xd9");
    file
}
