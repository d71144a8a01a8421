//! Who looks at whom: attention between groups in one layer, and which tokens of the answer looked at one patch.

use crate::bins::Bins;
use crate::definition::Heads;
use crate::group::{Counts, GROUPS, Group, GroupSet};
use crate::masses::{ByGroup, LayerMasses, Masses};
use crate::measure::{Attention, Undefined};
use crate::observation::Observation;
use crate::rows::Target;

/// Attention between groups in one layer: who looks (rows) at whom (columns).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlowMatrix {
    /// Rows of attention in each query group: prompt tokens, and for [`Group::Generated`] the
    /// tokens of the answer that predicted another.
    pub rows: Counts,
    /// `[GROUPS, GROUPS]`: attention summed over the rows of a query group and the keys of a key
    /// group. Each query group's sums add up to its number of rows.
    pub mass: [ByGroup; GROUPS],
}

impl FlowMatrix {
    pub(crate) fn new(masses: &LayerMasses, bins: &Bins, prompt: Counts, generated: u32) -> Self {
        let (mut mass, answer) = masses.by_group(bins);
        mass[Group::Generated.index()] = answer;
        FlowMatrix { rows: prompt.with(Group::Generated, generated), mass }
    }

    /// The part of the attention of `from`'s rows that falls on `to`'s keys, 0 to 1; `None` where
    /// `from` has no rows.
    pub fn share(&self, from: GroupSet, to: GroupSet) -> Option<f64> {
        let rows = self.rows.in_set(from);
        let on = |q: Group| to.iter().map(move |k| self.mass[q.index()][k.index()]).sum::<f64>();
        (rows > 0).then(|| from.iter().map(on).sum::<f64>() / f64::from(rows))
    }
}

impl Observation {
    /// Who looks at whom in one layer, in one head or, for every other choice, averaged over heads.
    /// `masses` are the observation's own ([`Observation::masses`]), so that looking at one layer
    /// after another does not average them anew.
    ///
    /// # Errors
    /// [`Undefined`] where the layer is not observed or the head does not exist.
    pub fn flow_matrix(
        &self,
        masses: &Masses,
        layer: usize,
        heads: Heads,
    ) -> Result<FlowMatrix, Undefined> {
        let flow = self.prefill.get(layer).and_then(Option::as_ref);
        let flow = flow.ok_or(Undefined::NotObserved)?;
        let (prompt, generated) = (masses.extent.prompt, masses.extent.generated);
        let of_head;
        let of_layer = match heads {
            Heads::One(head) if head < flow.heads => {
                of_head = self.of_head(flow, layer, head as usize);
                &of_head
            }
            Heads::One(_) => return Err(Undefined::NoSuchHead),
            Heads::MeanFirst | Heads::ShareThenMean => {
                let kept = masses.layers.get(layer).and_then(Option::as_ref);
                kept.ok_or(Undefined::NotObserved)?
            }
        };
        Ok(FlowMatrix::new(of_layer, &masses.extent.bins(), prompt, generated))
    }

    /// Where the row that predicted generated token `index` looked: its attention by key group, in
    /// one layer or, with `None`, averaged over layers; of one head or averaged over heads. `None`
    /// where there is no such token, layer or head.
    pub fn token_groups(
        &self,
        index: usize,
        layer: Option<usize>,
        heads: Heads,
    ) -> Option<ByGroup> {
        let flow = &self.tokens.get(index)?.flow;
        let (all_layers, all_heads) = (flow.layers as usize, flow.heads as usize);
        let layers = match layer {
            Some(l) if l < all_layers => l..l + 1,
            Some(_) => return None,
            None => 0..all_layers,
        };
        let heads = match heads {
            Heads::One(h) if (h as usize) < all_heads => h as usize..h as usize + 1,
            Heads::One(_) => return None,
            Heads::MeanFirst | Heads::ShareThenMean => 0..all_heads,
        };
        let rows = layers.len() * heads.len();
        if rows == 0 {
            return None;
        }
        let bins = self.bins();
        let on = |key: Group| {
            let of_layer = |l| heads.clone().map(move |h| (l, h));
            let of_layer = |l| of_layer(l).map(|(l, h)| f64::from(flow.get(&bins, l, h, key)));
            layers.clone().flat_map(of_layer).sum::<f64>() / rows as f64
        };
        Some(Group::ALL.map(on))
    }

    /// How much of its attention the row that predicted each generated token put on one cell of a
    /// picture in one layer, heads averaged and copies summed; `None` for the tokens whose rows were
    /// not kept, and no tokens at all for a cell that the model never saw.
    pub fn patch_looks(
        &self,
        layer: usize,
        medium: u8,
        (row, col): (u16, u16),
    ) -> Vec<Option<f32>> {
        let Some(layout) = &self.layout else { return Vec::new() };
        let target = Target::Patch { medium, row, col };
        if layout.places(target).is_empty() {
            return Vec::new();
        }
        let looks = self.looks(self.mean_rows(), target);
        (0..looks.tokens).map(|token| looks.get(token, layer)).collect()
    }
}

impl Attention {
    /// The same tokens with the attention split in half between text and picture, evenly inside
    /// each: its MDI, `n_O / n_T`, is what the numbers of tokens alone make of a model that gives
    /// both sides as much.
    #[must_use]
    pub fn halved(&self) -> Attention {
        Attention { text: 0.5, image: 0.5, ..*self }
    }
}
