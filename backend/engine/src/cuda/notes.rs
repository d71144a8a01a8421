//! What was seen, on its way to the host: every layer's sums have a page of device memory, which
//! is copied behind the layer's back while the next one runs (DESIGN, section 5).

use std::collections::VecDeque;

use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, DevicePtr, PinnedHostSlice, result,
};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{Device, Result};

use super::attention::head_rows;
use super::{grid, launch};
use crate::attention::{Seen, Segment, kernel_bins};
use crate::memory::{head_pages, joint_scores};
use crate::observer::Wants;

/// Bytes on the device and their like on the host, which the device fills behind the back of what
/// runs.
struct Mirror {
    there: CudaSlice<u8>,
    here: PinnedHostSlice<u8>,
    at: *mut u8,
}

impl Mirror {
    fn new(device: &CudaDevice, bytes: usize) -> Result<Self> {
        let context = device.cuda_stream().context().clone();
        // SAFETY: the host side is written by the device before anybody reads it.
        let mut here = unsafe { context.alloc_pinned_with_flags(bytes, 0) }.w()?;
        let at = here.as_mut_ptr().w()?;
        Ok(Mirror { there: device.alloc_zeros(bytes)?, here, at })
    }

    /// Address on the device.
    fn address(&self) -> u64 {
        self.there.device_ptr(self.there.stream()).0
    }

    /// Sends a part to the host, behind what was launched so far.
    fn send(&self, part: std::ops::Range<usize>) -> Result<()> {
        assert!(part.end <= self.here.len(), "beyond what is mirrored");
        let source = self.address() + part.start as u64;
        // SAFETY: both sides hold this part; the host side is read after an event recorded later.
        unsafe {
            let to = std::slice::from_raw_parts_mut(self.at.add(part.start), part.len());
            result::memcpy_dtoh_async(to, source, self.there.stream().cu_stream()).w()
        }
    }

    /// A part that has arrived.
    fn read(&self, part: std::ops::Range<usize>) -> &[u8] {
        assert!(part.end <= self.here.len(), "beyond what is mirrored");
        // SAFETY: it arrived, so the device no longer writes it.
        unsafe { std::slice::from_raw_parts(self.at.add(part.start), part.len()) }
    }
}

/// Pages of one run, one a layer, and the bins of its positions.
pub(crate) struct Notes {
    device: CudaDevice,
    heads: usize,
    /// Bins of the run, and those that the kernels on its pages have.
    bins: usize,
    wide: usize,
    bytes: usize,
    pages: Mirror,
    /// The last row by layer and head, `[layers, heads, keys]`, where it is asked for.
    by_head: Option<Mirror>,
    bins_of: CudaSlice<u8>,
    runs: CudaSlice<i32>,
    /// Of a generated token's score rows what turns them into weights, `[layers, heads, 2]`, then
    /// the rows, `[layers, heads, keys]`. `None` where each layer's row is averaged by itself.
    scores: Option<CudaSlice<f32>>,
    copied: Vec<Option<CudaEvent>>,
}

/// Device addresses of a layer's page and of the positions' bins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Bins `B` of the kernels that write it.
    pub(super) bins: usize,
    /// `[heads, B, B]` f64, added to.
    pub(super) mass: u64,
    /// `[heads, B]` f32.
    pub(super) last: u64,
    /// `[keys]` f32.
    pub(super) row: u64,
    /// `[keys]` u8: the bin of each position.
    pub(super) bins_of: u64,
    /// `[runs, 2]` i32: where neighbours of one bin end, and their bin.
    pub(super) runs: u64,
    /// Where a generated token's scores go when rows are averaged later.
    pub(super) later: Option<Later>,
    /// Where the last row of every head goes.
    pub(super) by_head: Option<HeadPage>,
}

impl Page {
    /// The same page, without room for rows by head unless they are asked for.
    pub(crate) fn with_heads(self, asked: bool) -> Self {
        Page { by_head: self.by_head.filter(|_| asked), ..self }
    }
}

/// A layer's place among the rows by head.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadPage {
    rows: u64,
    layer: usize,
}

impl HeadPage {
    /// Where the layer's rows over so many keys begin.
    pub(super) fn of(self, heads: usize, keys: usize) -> u64 {
        self.rows + 4 * (self.layer * heads * keys) as u64
    }
}

/// Score rows of all layers, kept until the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Later {
    scores: u64,
    norms: u64,
    layer: usize,
}

impl Later {
    /// Where a layer's scores over so many keys begin, and its norms.
    pub(super) fn of(self, heads: usize, keys: usize) -> (u64, u64) {
        let scores = self.scores + 4 * (self.layer * heads * keys) as u64;
        (scores, self.norms + 8 * (self.layer * heads) as u64)
    }
}

impl Notes {
    /// Pages for `layers` layers of `heads` heads over `capacity` positions, with so many bins, one of
    /// which is `answer`: positions beyond the prompt's `segments` are generated ones. A generated token's rows are averaged in all layers
    /// at once if `joint`, where their scores fit. Rows by head that are read later fit `head_rows`
    /// bytes.
    pub(crate) fn new(
        on: &Device,
        layers: usize,
        heads: usize,
        capacity: usize,
        (bins, answer, segments): (usize, usize, &[Segment]),
        joint: bool,
        head_rows: u64,
    ) -> Result<Self> {
        let device = on.as_cuda_device()?.clone();
        let wide = kernel_bins(bins);
        let bytes = (heads * wide * (8 * wide + 4) + 4 * capacity).next_multiple_of(16);
        let by_head = head_pages(layers, heads, capacity, head_rows);
        let mut bins_of = vec![answer as u8; capacity];
        for (bin, start, end) in segments {
            bins_of[*start..*end].fill(*bin as u8);
        }
        // Neighbours of one bin, the last without an end.
        let mut runs: Vec<i32> = Vec::new();
        for (i, bin) in bins_of.iter().enumerate() {
            match runs.last() {
                Some(last) if *last == i32::from(*bin) => {}
                _ => runs.extend([0, i32::from(*bin)]),
            }
            let end = runs.len() - 2;
            runs[end] = i as i32 + 1;
        }
        if let Some(end) = runs.iter_mut().nth_back(1) {
            *end = i32::MAX;
        }
        let scores = if joint { joint_scores(layers, heads, capacity) / 4 } else { 0 };
        // SAFETY: the decode kernels write what is read.
        let scores = (scores > 0).then(|| unsafe { device.alloc::<f32>(scores) }).transpose()?;
        Ok(Notes {
            scores,
            heads,
            bins,
            wide,
            bytes,
            pages: Mirror::new(&device, layers * bytes)?,
            by_head: (by_head > 0).then(|| Mirror::new(&device, by_head)).transpose()?,
            bins_of: device.clone_htod(&bins_of)?,
            runs: device.clone_htod(&runs)?,
            copied: (0..layers).map(|_| None).collect(),
            device,
        })
    }

    /// How many pages there are.
    pub(crate) fn layers(&self) -> usize {
        self.copied.len()
    }

    /// A layer's page.
    pub(crate) fn page(&self, layer: usize) -> Page {
        let start = |s: &CudaSlice<u8>| s.device_ptr(s.stream()).0;
        let mass = self.pages.address() + (layer * self.bytes) as u64;
        let last = mass + (8 * self.heads * self.wide * self.wide) as u64;
        Page {
            bins: self.wide,
            mass,
            last,
            row: last + (4 * self.heads * self.wide) as u64,
            bins_of: start(&self.bins_of),
            runs: self.runs.device_ptr(self.runs.stream()).0,
            later: self.scores.as_ref().map(|scores| {
                let norms = scores.device_ptr(scores.stream()).0;
                let all = (8 * self.layers() * self.heads) as u64;
                Later { scores: norms + all, norms, layer }
            }),
            by_head: self.by_head.as_ref().map(|pages| HeadPage { rows: pages.address(), layer }),
        }
    }

    /// A generated token's rows over so many keys, averaged over heads in every layer, and those of
    /// every head if `by_head`.
    pub(crate) fn average(&self, keys: usize, by_head: bool) -> Result<()> {
        let Page { later, row, by_head, .. } = self.page(0).with_heads(by_head);
        let Some(later) = later else { return Ok(()) };
        if let Some(by_head) = by_head {
            let (all, rows) = (self.layers() * self.heads, by_head.of(self.heads, keys));
            head_rows(&self.device, (later.scores, later.norms), rows, all, keys)?;
        }
        let blocks = grid((keys.div_ceil(32) as u32, self.layers() as u32, 1), 128);
        let (heads, keys) = (self.heads as i32, keys as i32);
        let stride = (self.bytes / size_of::<f32>()) as i64;
        launch!(
            &self.device,
            "decode_row",
            blocks,
            later.scores,
            later.norms,
            row,
            heads,
            keys,
            stride
        );
        Ok(())
    }

    /// Sends the pages of these layers to the host, behind what was launched so far, with their rows
    /// by head over so many keys where they are asked for.
    pub(crate) fn send(
        &mut self,
        layers: std::ops::Range<usize>,
        by_head: Option<usize>,
    ) -> Result<()> {
        let Some(last) = layers.clone().last() else { return Ok(()) };
        self.pages.send(layers.start * self.bytes..layers.end * self.bytes)?;
        if let (Some(pages), Some(keys)) = (&self.by_head, by_head) {
            let bytes = 4 * self.heads * keys;
            pages.send(layers.start * bytes..layers.end * bytes)?;
        }
        self.copied[last] = Some(self.device.cuda_stream().record_event(None).w()?);
        Ok(())
    }

    /// Whether a layer's page has arrived, or nothing of it was sent.
    pub(crate) fn ready(&self, layer: usize) -> bool {
        self.copied[layer].as_ref().is_none_or(CudaEvent::is_complete)
    }

    /// Waits for what was sent with a layer.
    pub(crate) fn wait(&self, layer: usize) -> Result<()> {
        self.copied[layer].as_ref().map_or(Ok(()), |event| event.synchronize().w())
    }

    /// Reads a page that has arrived: sums over query bins if `sums`, the last row's masses, and
    /// its `keys` values, averaged and by head, where `wants` says so.
    pub(crate) fn read(&self, layer: usize, sums: bool, keys: usize, wants: Wants) -> Seen {
        let page = self.pages.read(layer * self.bytes..(layer + 1) * self.bytes);
        let (wide, bins) = (self.wide, self.bins);
        let (mass, rest) = page.split_at(8 * self.heads * wide * wide);
        let (last, row) = rest.split_at(4 * self.heads * wide);
        let floats = |bytes: &[u8]| -> Vec<f32> {
            bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        };
        Seen {
            // The kernels may have more bins than the run: those are empty.
            mass: if sums {
                let sums = mass.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32);
                let is_own = |at: &usize| at / wide % wide < bins && at % wide < bins;
                sums.enumerate().filter(|(at, _)| is_own(at)).map(|(_, sum)| sum).collect()
            } else {
                Vec::new()
            },
            last: floats(last).chunks(wide).flat_map(|head| &head[..bins]).copied().collect(),
            row: if wants.rows { floats(&row[..4 * keys]) } else { Vec::new() },
            by_head: match &self.by_head {
                Some(pages) if wants.head_rows > 0 => {
                    let bytes = 4 * self.heads * keys;
                    floats(pages.read(layer * bytes..(layer + 1) * bytes))
                }
                _ => Vec::new(),
            },
        }
    }
}

/// Keeps the host a few layers ahead of the device, not more.
pub(crate) struct Pace {
    device: CudaDevice,
    passed: VecDeque<CudaEvent>,
}

impl Pace {
    /// Of a device's stream.
    pub(crate) fn new(on: &Device) -> Result<Self> {
        Ok(Pace { device: on.as_cuda_device()?.clone(), passed: VecDeque::new() })
    }

    /// A layer was launched: waits until at most `ahead` layers are still running.
    pub(crate) fn step(&mut self, ahead: usize) -> Result<()> {
        self.passed.push_back(self.device.cuda_stream().record_event(None).w()?);
        while self.passed.len() > ahead {
            if let Some(event) = self.passed.pop_front() {
                event.synchronize().w()?;
            }
        }
        Ok(())
    }
}
