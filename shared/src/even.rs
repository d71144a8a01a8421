//! What attention without any preference would give: every row's attention lies evenly on all the keys
//! it can see. What it can see is what stands before it, but for what a knockout hides.

use crate::bins::Bins;
use crate::definition::{Definition, Heads};
use crate::group::{GROUPS, Group};
use crate::intervention::Knockout;
use crate::looks::FlowMatrix;
use crate::masses::{ByBin, ByGroup, Extent, LayerMasses};
use crate::measure::{Attention, Undefined};
use crate::observation::Observation;

/// Where one looks: what a knockout hides differs by layer and head.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The run's knockout.
    pub knockout: Option<&'a Knockout>,
    /// The layer; `None` for the average over all.
    pub layer: Option<usize>,
    /// The head; for every other choice the average over heads.
    pub heads: Heads,
}

impl Seen<'_> {
    /// Everything that stands before a row: no knockout.
    pub const ALL: Seen<'static> = Seen { knockout: None, layer: None, heads: Heads::MeanFirst };
}

/// One row's even attention by key bin, from how many keys of each bin stand up to it, its own key
/// among them. A row of a group that a knockout is about does not see the hidden ones; one that would be
/// left with none keeps its own.
fn row(bins: &Bins, own: usize, keys: &[f64], knockout: Option<&Knockout>) -> ByBin {
    let mut left = keys.to_vec();
    let group = bins.get(own).map(|bin| bin.group);
    if let Some(knockout) = knockout.filter(|k| group.is_some_and(|g| k.from.contains(g))) {
        let hidden = bins.iter().filter(|(_, bin)| knockout.to.contains(bin.group));
        hidden.for_each(|(hidden, _)| left[hidden] = 0.0);
        if left.iter().all(|n| *n == 0.0) {
            left[own] = 1.0;
        }
    }
    let all: f64 = left.iter().sum();
    left.iter_mut().for_each(|n| *n /= all);
    left
}

impl Observation {
    /// The part of what is averaged over, layers and heads, in which a knockout hides something.
    fn hidden(&self, seen: Seen<'_>) -> f64 {
        let Some(knockout) = seen.knockout else { return 0.0 };
        let heads = match seen.heads {
            _ if knockout.heads.is_empty() => 1.0,
            Heads::One(head) if knockout.heads.contains(&head) => 1.0,
            Heads::One(_) => 0.0,
            Heads::MeanFirst | Heads::ShareThenMean => {
                knockout.heads.len() as f64 / self.heads().max(1) as f64
            }
        };
        let layers = match seen.layer {
            Some(layer) => f64::from(u8::from(knockout.is_in(layer as u32))),
            None => {
                let all = self.layers();
                let inside = (0..all as u32).filter(|layer| knockout.is_in(*layer)).count();
                inside as f64 / all.max(1) as f64
            }
        };
        heads * layers
    }

    /// A row's even attention, averaged over where a knockout hides something and where it does not.
    fn even_row(&self, bins: &Bins, own: usize, keys: &[f64], seen: Seen<'_>) -> ByBin {
        let hidden = self.hidden(seen);
        let mut mixed = row(bins, own, keys, None);
        let blocked = row(bins, own, keys, seen.knockout);
        mixed.iter_mut().zip(blocked).for_each(|(m, b)| *m += hidden * (b - *m));
        mixed
    }

    /// The masses of a layer without preference; `None` before the layout is known.
    fn even_masses(&self, seen: Seen<'_>) -> Option<LayerMasses> {
        let layout = self.layout.as_ref()?;
        let bins = &layout.bins;
        let mut masses = LayerMasses::none(bins.len());
        let mut keys = vec![0.0; bins.len()];
        for token in &layout.tokens {
            let bin = layout.bin(token);
            keys[bin] += 1.0;
            masses.last = self.even_row(bins, bin, &keys, seen);
            let sums = masses.prompt[bin].iter_mut();
            sums.zip(&masses.last).for_each(|(sum, share)| *sum += share);
        }
        let answer = bins.find(Group::Generated, None)?;
        for row in 1..self.tokens.len() {
            keys[answer] = row as f64;
            let row = self.even_row(bins, answer, &keys, seen);
            masses.generated.iter_mut().zip(row).for_each(|(sum, share)| *sum += share);
        }
        Some(masses)
    }

    /// Who would look at whom if every row's attention lay evenly on all that it can see; `None`
    /// before the layout is known.
    pub fn even_matrix(&self, seen: Seen<'_>) -> Option<FlowMatrix> {
        let layout = self.layout.as_ref()?;
        let generated = self.tokens.len().saturating_sub(1) as u32;
        Some(FlowMatrix::new(&self.even_masses(seen)?, &layout.bins, layout.counts(), generated))
    }

    /// The attention sums of a layer that has no preference, under a definition. For rows that see
    /// the whole prompt its MDI is 1. Rows of the prompt see only what stands before them, and rows
    /// that a knockout is about do not see what it hides: for those it is another number.
    ///
    /// # Errors
    /// [`Undefined`] before the layout is known, and where the definition's queries do not occur.
    pub fn even_attention(
        &self,
        definition: &Definition,
        seen: Seen<'_>,
    ) -> Result<Attention, Undefined> {
        let masses = self.even_masses(seen).ok_or(Undefined::NotObserved)?;
        let layout = self.layout.as_ref().ok_or(Undefined::NotObserved)?;
        let generated = self.tokens.len().saturating_sub(1) as u32;
        let (text_tokens, image_tokens) = Extent::of(layout, generated).tokens(definition)?;
        let (text, image) = masses.sides(&layout.bins, definition);
        Ok(Attention { text, image, text_tokens, image_tokens })
    }

    /// Where the row that predicted generated token `index` would look without preference, by key
    /// group; `None` before the layout is known and where there is no such token.
    pub fn even_groups(&self, index: usize, seen: Seen<'_>) -> Option<ByGroup> {
        let layout = self.layout.as_ref()?;
        self.tokens.get(index)?;
        let bins = &layout.bins;
        let mut keys = vec![0.0; bins.len()];
        layout.tokens.iter().for_each(|t| keys[layout.bin(t)] += 1.0);
        let answer = bins.find(Group::Generated, None)?;
        // The last prompt token predicts the first one, and each token the next.
        let own = match index {
            0 => layout.bin(layout.tokens.last()?),
            _ => answer,
        };
        keys[answer] = index as f64;
        let mut sums = [0.0; GROUPS];
        let row = self.even_row(bins, own, &keys, seen);
        for ((_, bin), share) in bins.iter().zip(row) {
            sums[bin.group.index()] += share;
        }
        Some(sums)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn even(group: Group, keys: [f64; 7], knockout: &str) -> ByBin {
        row(&Bins::default(), group.index(), &keys, Some(&knockout.parse().unwrap()))
    }

    #[test]
    fn hidden_keys_share_nothing_and_the_rest_all() {
        // Begin, system, template, marker, image, instruction, generated.
        let keys = [1.0, 0.0, 3.0, 0.0, 16.0, 4.0, 0.0];
        let open = even(Group::Instruction, keys, "generated>image");
        assert_eq!(open, keys.map(|n| n / 24.0), "the knockout is about other rows");
        let hidden = even(Group::Instruction, keys, "text>image");
        assert_eq!(hidden, [1.0 / 8.0, 0.0, 3.0 / 8.0, 0.0, 0.0, 4.0 / 8.0, 0.0]);
        let own = even(Group::Image, keys, "image>all");
        assert_eq!(own[Group::Image.index()], 1.0, "left with nothing, it keeps its own");
    }
}
