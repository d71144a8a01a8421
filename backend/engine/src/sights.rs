//! What layers saw, on its way to the lookout.
//!
//! On the CPU a layer's sums are there when the layer is done. On a GPU they follow some layers
//! later, so that no layer waits for the host; while generating they come with the token.

use candle_core::{Device, Result};

use crate::attention::Seen;
use crate::decoder::Lookout;
use crate::observer::Control;

/// Delivers what layers saw, in order.
pub(crate) struct Sights {
    layers: usize,
    #[cfg(feature = "cuda")]
    gpu: Option<gpu::Queue>,
    #[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "pages of a GPU"))]
    size: Size,
}

/// What the pages of a GPU are made for.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "pages of a GPU"))]
struct Size {
    heads: usize,
    width: usize,
    capacity: usize,
}

impl Sights {
    /// For runs of a decoder of so many layers and heads of some width over at most `capacity`
    /// positions.
    pub(crate) fn new(layers: usize, heads: usize, width: usize, capacity: usize) -> Self {
        Sights {
            layers,
            #[cfg(feature = "cuda")]
            gpu: None,
            size: Size { heads, width, capacity },
        }
    }

    /// `rows` rows are about to run on a device; `plain` where no layer blocks keys.
    pub(crate) fn begin(
        &mut self,
        on: &Device,
        rows: usize,
        plain: bool,
        lookout: &dyn Lookout,
    ) -> Result<()> {
        #[cfg(feature = "cuda")]
        if on.is_cuda() {
            match &mut self.gpu {
                Some(queue) => queue.begin(rows),
                None => {
                    self.gpu =
                        Some(gpu::Queue::new(on, self.layers, self.size, (rows, plain), lookout)?)
                }
            }
        }
        let _ = (on, rows, plain, lookout, self.layers);
        Ok(())
    }

    /// Where a layer's sums go on the GPU.
    #[cfg(feature = "cuda")]
    pub(crate) fn page(&self, layer: usize) -> Option<crate::cuda::Page> {
        self.gpu.as_ref().and_then(|queue| queue.page(layer))
    }

    /// A layer was run (launched, on a GPU); `last` when no more rows of the prompt follow.
    pub(crate) fn layer(
        &mut self,
        layer: usize,
        last: bool,
        seen: Option<Seen>,
        lookout: &mut dyn Lookout,
    ) -> Result<Control> {
        if let Some(seen) = seen {
            return Ok(lookout.layer(layer, seen));
        }
        #[cfg(feature = "cuda")]
        if let Some(queue) = &mut self.gpu {
            return queue.layer(layer, last, lookout);
        }
        let _ = last;
        Ok(Control::Continue(()))
    }

    /// All layers ran over the last `rows` rows.
    pub(crate) fn send(&mut self, rows: usize, lookout: &dyn Lookout) -> Result<()> {
        #[cfg(feature = "cuda")]
        if let Some(queue) = &mut self.gpu {
            return queue.send(rows, self.layers, lookout.wants().head_rows > 0);
        }
        let _ = (rows, lookout);
        Ok(())
    }

    /// Waits for what is still on its way and delivers it.
    pub(crate) fn finish(&mut self, lookout: &mut dyn Lookout) -> Result<Control> {
        #[cfg(feature = "cuda")]
        if let Some(queue) = &mut self.gpu {
            return queue.finish(lookout);
        }
        let _ = lookout;
        Ok(Control::Continue(()))
    }
}

#[cfg(feature = "cuda")]
mod gpu {
    use std::collections::VecDeque;

    use candle_core::{Device, Result};

    use super::Size;
    use crate::cuda::{Notes, Pace, Page};
    use crate::decoder::Lookout;
    use crate::observer::Control;

    /// Layers launched before the host waits for one: enough that the GPU never runs dry, few
    /// enough that a stop is heeded at once.
    const AHEAD: usize = 3;

    pub(super) struct Queue {
        notes: Option<Notes>,
        waiting: VecDeque<usize>,
        pace: Pace,
        rows: usize,
        keys: usize,
    }

    impl Queue {
        pub(super) fn new(
            on: &Device,
            layers: usize,
            Size { heads, width, capacity }: Size,
            (rows, plain): (usize, bool),
            lookout: &dyn Lookout,
        ) -> Result<Self> {
            let wants = lookout.wants();
            let notes = if wants.flows || wants.rows || wants.maps || wants.head_rows > 0 {
                // Maps, blocked keys and unusual widths go through whole score rows, which average
                // their own.
                let split = plain && !wants.maps && crate::cuda::decodes(width);
                let joint = (wants.rows || wants.head_rows > 0) && split;
                let (bins, answer) = lookout.bins();
                let bins = (bins, answer, lookout.segments());
                Some(Notes::new(on, layers, heads, capacity, bins, joint, wants.head_rows)?)
            } else {
                None
            };
            Ok(Queue { notes, waiting: VecDeque::new(), pace: Pace::new(on)?, rows, keys: rows })
        }

        pub(super) fn begin(&mut self, rows: usize) {
            self.rows = rows;
            self.keys += rows;
        }

        pub(super) fn page(&self, layer: usize) -> Option<Page> {
            self.notes.as_ref().map(|notes| notes.page(layer))
        }

        pub(super) fn layer(
            &mut self,
            layer: usize,
            last: bool,
            lookout: &mut dyn Lookout,
        ) -> Result<Control> {
            if self.rows > 1 {
                self.pace.step(AHEAD)?;
            }
            let Some(notes) = self.notes.as_mut().filter(|_| last) else {
                return Ok(Control::Continue(()));
            };
            self.waiting.push_back(layer);
            if self.rows == 1 {
                return Ok(Control::Continue(()));
            }
            let wants = lookout.wants();
            notes.send(layer..layer + 1, (wants.head_rows > 0).then_some(self.keys))?;
            while let Some(first) = self.waiting.front().copied().filter(|l| notes.ready(*l)) {
                self.waiting.pop_front();
                if lookout.layer(first, notes.read(first, true, self.keys, wants)).is_break() {
                    return Ok(Control::Break(()));
                }
            }
            Ok(Control::Continue(()))
        }

        pub(super) fn send(&mut self, rows: usize, layers: usize, by_head: bool) -> Result<()> {
            match &mut self.notes {
                Some(notes) if rows == 1 => {
                    notes.average(self.keys, by_head)?;
                    notes.send(0..layers, by_head.then_some(self.keys))
                }
                _ => Ok(()),
            }
        }

        pub(super) fn finish(&mut self, lookout: &mut dyn Lookout) -> Result<Control> {
            let Some(notes) = &self.notes else { return Ok(Control::Continue(())) };
            while let Some(layer) = self.waiting.pop_front() {
                // One copy brings all pages of a generated token, noted at the last of them.
                notes.wait(if self.rows == 1 { notes.layers() - 1 } else { layer })?;
                let seen = notes.read(layer, self.rows > 1, self.keys, lookout.wants());
                if lookout.layer(layer, seen).is_break() {
                    return Ok(Control::Break(()));
                }
            }
            Ok(Control::Continue(()))
        }
    }
}
