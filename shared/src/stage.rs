//! Stages: the parts of the decoder that the paper's tables speak of.

use serde::{Deserialize, Serialize};

use crate::definition::Stages;

/// Early, middle or late layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The first layers.
    Early,
    /// The middle layers.
    Middle,
    /// The last layers.
    Late,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Stage; 3] = [Stage::Early, Stage::Middle, Stage::Late];

    /// The name used in JSON and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Early => "early",
            Stage::Middle => "middle",
            Stage::Late => "late",
        }
    }

    /// The layers of this stage in a decoder of `layers` layers.
    ///
    /// `Two` is the paper's choice (PAPER.md 1.2): layers 0 and 1; `L/2-1` and `L/2`; the last two.
    /// With fewer layers than a choice asks for, the stages shrink to what there is and share
    /// layers; only a decoder without layers has empty stages.
    pub fn layers(self, stages: Stages, layers: usize) -> std::ops::Range<usize> {
        match (stages, self) {
            (Stages::All, _) => 0..layers,
            (Stages::Two, Stage::Early) => 0..layers.min(2),
            (Stages::Two, Stage::Middle) => {
                let mid = layers / 2;
                mid.saturating_sub(1)..(mid + 1).min(layers)
            }
            (Stages::Two, Stage::Late) => layers.saturating_sub(2)..layers,
            (Stages::Thirds, Stage::Early) => 0..layers.div_ceil(3),
            (Stages::Thirds, Stage::Middle) => {
                let start = layers.div_ceil(3).min(layers.saturating_sub(1));
                start..(layers - layers / 3).max(start + 1).min(layers)
            }
            (Stages::Thirds, Stage::Late) => layers - (layers / 3).max(1).min(layers)..layers,
        }
    }
}
