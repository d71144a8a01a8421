//! What was seen, on its way to the host: every layer's sums have a page of device memory, which
//! is copied behind the layer's back while the next one runs (DESIGN, section 5).

use std::collections::VecDeque;

use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, DevicePtr, PinnedHostSlice, result,
};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{Device, Result};
use shared::{GROUPS, Group};

use super::{grid, launch};
use crate::attention::{Seen, Segment};
use crate::memory::joint_scores;

/// Pages of one run, one a layer, and the groups of its positions.
pub(crate) struct Notes {
    device: CudaDevice,
    heads: usize,
    bytes: usize,
    pages: CudaSlice<u8>,
    host: PinnedHostSlice<u8>,
    at: *mut u8,
    groups: CudaSlice<u8>,
    runs: CudaSlice<i32>,
    /// Of a generated token's score rows what turns them into weights, `[layers, heads, 2]`, then
    /// the rows, `[layers, heads, keys]`. `None` where each layer's row is averaged by itself.
    scores: Option<CudaSlice<f32>>,
    copied: Vec<Option<CudaEvent>>,
}

/// Device addresses of a layer's page and of the groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// `[heads, GROUPS, GROUPS]` f64, added to.
    pub(super) mass: u64,
    /// `[heads, GROUPS]` f32.
    pub(super) last: u64,
    /// `[keys]` f32.
    pub(super) row: u64,
    /// `[keys]` u8.
    pub(super) groups: u64,
    /// `[runs, 2]` i32: where neighbours of one group end, and their group.
    pub(super) runs: u64,
    /// Where a generated token's scores go when rows are averaged later.
    pub(super) later: Option<Later>,
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
    /// Pages for `layers` layers of `heads` heads over `capacity` positions. Positions beyond the
    /// prompt's `segments` are generated ones. A generated token's rows are averaged in all layers
    /// at once if `joint`, where their scores fit.
    pub(crate) fn new(
        on: &Device,
        layers: usize,
        heads: usize,
        capacity: usize,
        segments: &[Segment],
        joint: bool,
    ) -> Result<Self> {
        let device = on.as_cuda_device()?.clone();
        let stream = device.cuda_stream();
        let bytes = (heads * GROUPS * (8 * GROUPS + 4) + 4 * capacity).next_multiple_of(16);
        // SAFETY: the host side is written by the device before anybody reads it.
        let mut host =
            unsafe { stream.context().alloc_pinned_with_flags(layers * bytes, 0) }.w()?;
        let at = host.as_mut_ptr().w()?;
        let mut groups = vec![Group::Generated.index() as u8; capacity];
        for (group, start, end) in segments {
            groups[*start..*end].fill(group.index() as u8);
        }
        // Neighbours of one group, the last without an end.
        let mut runs: Vec<i32> = Vec::new();
        for (i, group) in groups.iter().enumerate() {
            match runs.last() {
                Some(last) if *last == i32::from(*group) => {}
                _ => runs.extend([0, i32::from(*group)]),
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
            bytes,
            pages: device.alloc_zeros(layers * bytes)?,
            host,
            at,
            groups: device.clone_htod(&groups)?,
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
        let mass = start(&self.pages) + (layer * self.bytes) as u64;
        let last = mass + (8 * self.heads * GROUPS * GROUPS) as u64;
        Page {
            mass,
            last,
            row: last + (4 * self.heads * GROUPS) as u64,
            groups: start(&self.groups),
            runs: self.runs.device_ptr(self.runs.stream()).0,
            later: self.scores.as_ref().map(|scores| {
                let norms = scores.device_ptr(scores.stream()).0;
                let all = (8 * self.layers() * self.heads) as u64;
                Later { scores: norms + all, norms, layer }
            }),
        }
    }

    /// A generated token's rows over so many keys, averaged over heads in every layer.
    pub(crate) fn average(&self, keys: usize) -> Result<()> {
        let Some(later) = self.page(0).later else { return Ok(()) };
        let blocks = grid((keys.div_ceil(32) as u32, self.layers() as u32, 1), 128);
        let (row, heads, keys) = (self.page(0).row, self.heads as i32, keys as i32);
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

    /// Sends the pages of these layers to the host, behind what was launched so far.
    pub(crate) fn send(&mut self, layers: std::ops::Range<usize>) -> Result<()> {
        let (from, len) = (layers.start * self.bytes, layers.len() * self.bytes);
        let stream = self.device.cuda_stream();
        let source = self.page(layers.start).mass;
        // SAFETY: both sides hold these pages; the host side is read after the event below.
        unsafe {
            let to = std::slice::from_raw_parts_mut(self.at.add(from), len);
            result::memcpy_dtoh_async(to, source, stream.cu_stream()).w()?;
        }
        let Some(last) = layers.last() else { return Ok(()) };
        self.copied[last] = Some(stream.record_event(None).w()?);
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

    /// Reads a page that has arrived: sums over query groups if `sums`, the last row, and its `keys`
    /// values where they were asked for.
    pub(crate) fn read(&self, layer: usize, sums: bool, keys: Option<usize>) -> Seen {
        let _whole = &self.host;
        // SAFETY: the page arrived, so the device no longer writes it.
        let page =
            unsafe { std::slice::from_raw_parts(self.at.add(layer * self.bytes), self.bytes) };
        let (mass, rest) = page.split_at(8 * self.heads * GROUPS * GROUPS);
        let (last, row) = rest.split_at(4 * self.heads * GROUPS);
        let floats = |bytes: &[u8]| -> Vec<f32> {
            bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        };
        Seen {
            mass: if sums {
                mass.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()
            } else {
                Vec::new()
            },
            last: floats(last),
            row: floats(&row[..4 * keys.unwrap_or(0)]),
            // The kernels average the rows of all heads where they stand (`Wants::head_rows`).
            by_head: Vec::new(),
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
