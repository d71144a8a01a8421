//! What a JPEG file's markers say: where the picture ends, how it is coded, what is told of it.
//!
//! Read before any decoder sees the file, for decoders fill what is missing with gray and may read
//! what comes after the picture. The markers are those of ITU-T T.81, annex B.

use super::Refusal;

/// Most scans of a progressive file. Encoders make about ten; each costs a pass over the picture.
const MOST_SCANS: usize = 256;

/// Most pixels times scans: ten scans of the largest picture that is accepted, three times.
const MOST_WORK: u64 = 1_500_000_000;

/// A colour component of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    id: u8,
    /// Sampling factors, horizontal and vertical, 1 to 4.
    pub(super) sampling: (u8, u8),
}

/// What the markers of a whole JPEG file say.
#[derive(Debug)]
pub(super) struct Structure<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
    /// The number of components of each scan.
    pub(super) scans: Vec<usize>,
    /// Bytes up to the picture's own end mark, that mark included.
    pub(super) length: usize,
    /// Most zero bytes at the end of a scan's data: of scans in which they are no code for a flat
    /// part of the picture, and of those in which they are.
    pub(super) zeros: [usize; 2],
    /// EXIF data without its heading; Pillow joins several segments.
    pub(super) exif: Vec<u8>,
    /// XMP, the last segment of several, as in Pillow.
    pub(super) xmp: Option<&'a [u8]>,
}

/// The frame header.
struct Frame {
    size: (u32, u32),
    progressive: bool,
    components: Vec<Component>,
    /// By component and coefficient: bits that are still to come, none where nothing came yet.
    missing: Vec<[Option<u8>; 64]>,
}

const ENDS: &str = "the file ends before the picture does";

fn cut() -> Refusal {
    Refusal::Damaged(ENDS.into())
}

fn broken(what: &str) -> Refusal {
    Refusal::Damaged(what.into())
}

impl<'a> Structure<'a> {
    /// Walks through the markers up to the picture's end.
    ///
    /// # Errors
    /// The file ends before the picture does or contradicts itself; or it is of a kind that no
    /// decoder here reads.
    pub(super) fn read(file: &'a [u8], most_pixels: u64) -> Result<Structure<'a>, Refusal> {
        let mut frame: Option<Frame> = None;
        let (mut scans, mut zeros, mut exif, mut xmp) = (Vec::new(), [0; 2], Vec::new(), None);
        let mut flat = [false; 4];
        let mut at = 2;
        let length = loop {
            let (marker, after) = next_marker(file, at).ok_or_else(cut)?;
            match marker {
                0xD9 => break after,
                0xD8 => return Err(broken("a second picture begins inside the first")),
                0x01 | 0xD0..=0xD7 => {
                    at = after;
                    continue;
                }
                _ => {}
            }
            let body = segment(file, after)?;
            at = after + 2 + body.len();
            match marker {
                0xC4 => zeros_end_blocks(body, &mut flat),
                0xC8 | 0xCC => {}
                0xC0..=0xCF => {
                    if frame.is_some() {
                        return Err(broken("it has two frame headers"));
                    }
                    frame = Some(Frame::read(marker, body)?);
                }
                0xDA => {
                    let frame = frame.as_mut().ok_or_else(|| broken("it has no frame header"))?;
                    scans.push(frame.scan(body)?);
                    let pixels = u64::from(frame.size.0) * u64::from(frame.size.1);
                    // A picture of too many pixels is refused as that, later.
                    let work = pixels.min(most_pixels) * scans.len() as u64;
                    if scans.len() > MOST_SCANS || work > MOST_WORK {
                        return Err(Refusal::Kind(format!("a JPEG of {}+ scans", scans.len())));
                    }
                    let end = entropy_end(file, at).ok_or_else(cut)?;
                    let data = &file[at..end];
                    let zeros = &mut zeros[usize::from(is_flat(body, flat))];
                    *zeros = (*zeros).max(data.iter().rev().take_while(|b| **b == 0).count());
                    at = end;
                }
                0xE1 => {
                    if let Some(data) = body.strip_prefix(b"Exif\0\0") {
                        exif.extend_from_slice(data);
                    } else if let Some(data) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0")
                    {
                        xmp = Some(data);
                    }
                }
                _ => {}
            }
        };
        let frame = frame.ok_or_else(|| broken("it has no frame header"))?;
        frame.is_whole()?;
        let (width, height) = frame.size;
        let Frame { progressive, components, .. } = frame;
        Ok(Structure { width, height, progressive, components, scans, length, zeros, exif, xmp })
    }

    /// Bytes of the whole picture's coefficients, which are held where they come in several scans.
    pub(super) fn coefficients(&self) -> u64 {
        let one_by_one = self.scans.as_slice() == [self.components.len()];
        if one_by_one && !self.progressive {
            return 0;
        }
        let most =
            |of: fn(&Component) -> u8| self.components.iter().map(of).max().unwrap_or(1).max(1);
        let (across, down) = (most(|c| c.sampling.0), most(|c| c.sampling.1));
        let blocks = |size: u32, own: u8, most: u8| {
            (u64::from(size) * u64::from(own)).div_ceil(u64::from(most)).div_ceil(8)
        };
        // Of each block 64, two bytes each.
        let of = |c: &Component| {
            blocks(self.width, c.sampling.0, across) * blocks(self.height, c.sampling.1, down) * 128
        };
        self.components.iter().map(of).sum()
    }
}

/// The next marker from `at` on and where it ends; bytes that are no marker are passed over, as
/// libjpeg does.
fn next_marker(file: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut at = at;
    loop {
        at += file.get(at..)?.iter().position(|b| *b == 0xFF)?;
        while *file.get(at)? == 0xFF {
            at += 1;
        }
        if file[at] != 0 {
            return Some((file[at], at + 1));
        }
    }
}

/// Where a scan's data that begin at `at` end: before the first marker that is no restart.
fn entropy_end(file: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        let start = from + file.get(from..)?.iter().position(|b| *b == 0xFF)?;
        let mut code = start + 1;
        while *file.get(code)? == 0xFF {
            code += 1;
        }
        if !matches!(file[code], 0 | 0xD0..=0xD7) {
            return Some(start);
        }
        from = code + 1;
    }
}

/// Notes of each Huffman table of AC coefficients whether its code of zeros, which is the first
/// (T.81, C.2), ends a block or a run of blocks.
fn zeros_end_blocks(mut tables: &[u8], flat: &mut [bool; 4]) {
    while let Some(([class, counts @ ..], rest)) = tables.split_first_chunk::<17>() {
        let symbols = counts.iter().map(|n| usize::from(*n)).sum();
        let Some((of, next)) = rest.split_at_checked(symbols) else { break };
        if class >> 4 == 1 {
            flat[usize::from(class & 3)] = of.first().is_some_and(|symbol| symbol & 15 == 0);
        }
        tables = next;
    }
}

/// Whether zeros code a flat part of the picture in a scan with this header: in all its tables, or
/// in a progressive scan of DC coefficients.
fn is_flat(header: &[u8], flat: [bool; 4]) -> bool {
    let count = usize::from(header[0]);
    let (components, first) = (&header[1..=2 * count], header[2 * count + 1]);
    let last = header[2 * count + 2];
    let tables = components.as_chunks::<2>().0;
    (first == 0 && last == 0) || tables.iter().all(|[_, table]| flat[usize::from(table & 3)])
}

/// What a segment holds behind its two bytes of length.
fn segment(file: &[u8], at: usize) -> Result<&[u8], Refusal> {
    let [high, low] = *file.get(at..at + 2).and_then(|b| b.as_array()).ok_or_else(cut)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < 2 {
        return Err(broken("a part of it has an impossible length"));
    }
    file.get(at + 2..at + length).ok_or_else(cut)
}

impl Frame {
    fn read(marker: u8, body: &[u8]) -> Result<Frame, Refusal> {
        let short = || broken("its frame header is too short");
        let [precision, h1, h0, w1, w0, count, rest @ ..] = body else { return Err(short()) };
        let progressive = match marker {
            0xC0 | 0xC1 => false,
            0xC2 => true,
            // Nothing in such data tells a picture that is cut from a whole one.
            0xC9 | 0xCA => return Err(Refusal::Kind("a JPEG with arithmetic coding".into())),
            0xC3 | 0xCB => return Err(Refusal::Kind("a lossless JPEG".into())),
            _ => return Err(Refusal::Kind("a hierarchical JPEG".into())),
        };
        if *precision != 8 {
            return Err(Refusal::Kind(format!("a JPEG of {precision} bits a colour")));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(Refusal::Kind(format!("a JPEG of {count} colour components")));
        }
        let (of, _) = rest.as_chunks::<3>();
        if of.len() != usize::from(*count) {
            return Err(short());
        }
        let height = u32::from(u16::from_be_bytes([*h1, *h0]));
        let width = u32::from(u16::from_be_bytes([*w1, *w0]));
        if width == 0 || height == 0 {
            return Err(Refusal::Kind("a JPEG whose header leaves its size out".into()));
        }
        let components: Vec<Component> = of
            .iter()
            .map(|[id, factors, _]| Component { id: *id, sampling: (factors >> 4, factors & 15) })
            .collect();
        let legal = |n: u8| (1..=4).contains(&n);
        if components.iter().any(|c| !legal(c.sampling.0) || !legal(c.sampling.1)) {
            return Err(broken("its frame header has impossible sampling factors"));
        }
        let missing = vec![[None; 64]; components.len()];
        Ok(Frame { size: (width, height), progressive, components, missing })
    }

    /// Notes what a scan brings; the number of its components.
    fn scan(&mut self, body: &[u8]) -> Result<usize, Refusal> {
        let wrong = || broken("a scan header contradicts the frame header");
        let (count, rest) = body.split_first().ok_or_else(wrong)?;
        let count = usize::from(*count);
        let (of, rest) = rest.split_at_checked(2 * count).ok_or_else(wrong)?;
        let [first, last, bits, ..] = *rest else { return Err(wrong()) };
        if !(1..=4).contains(&count) {
            return Err(wrong());
        }
        let mut blocks = 0;
        for [id, _] in of.as_chunks::<2>().0 {
            let index = self.components.iter().position(|c| c.id == *id).ok_or_else(wrong)?;
            let (h, v) = self.components[index].sampling;
            blocks += u32::from(h) * u32::from(v);
            let (range, left) = if self.progressive {
                (usize::from(first)..=usize::from(last), bits & 15)
            } else {
                (0..=63, 0)
            };
            self.missing[index].get_mut(range).ok_or_else(wrong)?.fill(Some(left));
        }
        // T.81, B.2.3: at most ten blocks in a unit of several components.
        if count > 1 && blocks > 10 {
            return Err(Refusal::Kind("a JPEG with such sampling factors in one scan".into()));
        }
        Ok(count)
    }

    /// Nothing of the picture may be left out: a decoder takes what did not come for gray, or for
    /// nought.
    fn is_whole(&self) -> Result<(), Refusal> {
        let whole = self.missing.as_flattened().iter().all(|left| *left == Some(0));
        if whole { Ok(()) } else { Err(broken("a part of the picture's data is missing")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_bytes_restarts_and_fill_bytes_are_data() {
        let data = [1, 0xFF, 0, 2, 0xFF, 0xD3, 0xFF, 0xFF, 0, 3, 0xFF, 0xFF, 0xD9];
        assert_eq!(entropy_end(&data, 0), Some(10));
        assert_eq!(next_marker(&data, 10), Some((0xD9, 13)));
        assert_eq!(entropy_end(&data[..12], 0), None);
        assert_eq!(next_marker(&[0, 0xFF, 0, 7], 0), None);
    }
}
