//! How far the numbers of a run lie from those of the same prompt on more exact weights.

use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::measure::{Measure, Value};
use crate::observation::Observation;
use crate::stage::Stage;

/// Numbers over those of the more exact run: 1.02 is 2 % more; null where one of the two is
/// undefined or 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shift {
    /// Of MDI.
    pub mdi: Option<f64>,
    /// Of the text's AEI.
    pub aei_text: Option<f64>,
    /// Of the picture's AEI.
    pub aei_image: Option<f64>,
}

impl Shift {
    fn between(ours: &Measure, exact: &Measure) -> Self {
        let over = |ours: Value, exact: Value| {
            let (ours, exact) = (ours.ok()?, exact.ok()?);
            (ours > 0.0 && exact > 0.0).then(|| ours / exact)
        };
        Shift {
            mdi: over(ours.mdi, exact.mdi),
            aei_text: over(ours.aei_text, exact.aei_text),
            aei_image: over(ours.aei_image, exact.aei_image),
        }
    }
}

/// The MDI of every layer over that of the more exact run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayersShift {
    /// Layers in which both are defined.
    pub layers: u32,
    /// The geometric mean over them: where it is not 1, the weights shift MDI to one side.
    pub mean: f64,
    /// The one farthest from 1.
    pub farthest: f64,
    /// Its layer, from 0.
    pub layer: u32,
}

/// How far the paper's numbers of a run lie from those of the same prompt on more exact weights,
/// layer by layer. The prompt's rows are the same; where the answers part, generated rows are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Moved {
    /// The first layers.
    pub early: Shift,
    /// The middle layers.
    pub middle: Shift,
    /// The last layers.
    pub late: Shift,
    /// All of them, one by one; absent where MDI is defined in none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layers: Option<LayersShift>,
}

impl Moved {
    /// From one observation to a more exact one of the same prompt.
    pub fn between(ours: &Observation, exact: &Observation, definition: &Definition) -> Self {
        let stage = |s| Shift::between(&ours.stage(s, definition), &exact.stage(s, definition));
        let layer = |l| Shift::between(&ours.measure(l, definition), &exact.measure(l, definition));
        let layers = ours.layers().min(exact.layers());
        let logs: Vec<(u32, f64)> =
            (0..layers).filter_map(|l| Some((l as u32, layer(l).mdi?.ln()))).collect();
        let farthest = logs.iter().copied().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        Moved {
            early: stage(Stage::Early),
            middle: stage(Stage::Middle),
            late: stage(Stage::Late),
            layers: farthest.map(|(layer, log)| LayersShift {
                layers: logs.len() as u32,
                mean: (logs.iter().map(|(_, log)| log).sum::<f64>() / logs.len() as f64).exp(),
                farthest: log.exp(),
                layer,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bins::FEW_BINS;
    use crate::event::Event;
    use crate::flow::LayerFlow;
    use crate::group::Group;
    use crate::layout::{Layout, Token};
    use crate::{F32s, TokenFlow};

    /// Two layers of one head, two text tokens and one picture token: the last row gives the picture
    /// `image` of its attention in each, and generated rows the same.
    fn observed(image: [f32; 2]) -> Observation {
        let groups = [Group::Begin, Group::Image, Group::Instruction];
        let tokens = groups.iter().enumerate().map(|(i, group)| {
            let medium = group.is_medium().then_some(0);
            Token { medium, ..Token::text(i as u32, 1, "", *group) }
        });
        let layout = Layout::new(tokens.collect(), Vec::new());
        let mut observation =
            Observation { layout: Some(layout), prefill: vec![None; 2], tokens: Vec::new() };
        for (layer, image) in (0u32..).zip(image) {
            let mut last = vec![0.0; FEW_BINS];
            last[Group::Image.index()] = image;
            last[Group::Instruction.index()] = 1.0 - image;
            let flow = LayerFlow {
                heads: 1,
                mass: F32s(vec![0.0; FEW_BINS * FEW_BINS]),
                last: F32s(last),
            };
            observation.apply(&Event::PrefillLayer { layer, flow });
        }
        observation.apply(&Event::Token {
            index: 0,
            id: 1,
            text: String::new(),
            bytes: None,
            logprob: 0.0,
            alternatives: Vec::new(),
            flow: TokenFlow::default(),
        });
        observation
    }

    #[test]
    fn ratios_are_taken_layer_by_layer() {
        // MDI is (1 - x)/2 over x/1: 0.5 and 1.5 exact; 2/3 and 1.5 ours.
        let exact = observed([0.5, 0.25]);
        let ours = observed([3.0 / 7.0, 0.25]);
        let moved = Moved::between(&ours, &exact, &Definition::default());
        let layers = moved.layers.expect("defined");
        assert_eq!((layers.layers, layers.layer), (2, 0));
        assert!((layers.farthest - 4.0 / 3.0).abs() < 1e-6, "{layers:?}");
        assert!((layers.mean - (4.0f64 / 3.0).sqrt()).abs() < 1e-6, "{layers:?}");
        // Both layers are early and late here: (2/3 + 3/2) over (1/2 + 3/2), halved alike.
        let late = moved.late.mdi.expect("defined");
        assert!((late - (2.0 / 3.0 + 1.5) / 2.0).abs() < 1e-6, "{late}");
        assert!(moved.late.aei_text.is_some_and(|r| r > 1.0), "{moved:?}");
        assert!(moved.late.aei_image.is_some_and(|r| r < 1.0), "{moved:?}");
        let same = Moved::between(&exact, &exact, &Definition::default());
        assert_eq!(same.layers.map(|l| (l.mean, l.farthest)), Some((1.0, 1.0)));
    }

    #[test]
    fn what_is_undefined_has_no_ratio() {
        let moved =
            Moved::between(&observed([0.0, 0.5]), &observed([0.5; 2]), &Definition::default());
        assert_eq!(moved.layers.map(|l| (l.layers, l.mean)), Some((1, 1.0)));
        assert_eq!(moved.early.mdi, None);
        let none =
            Moved::between(&Observation::default(), &observed([0.5; 2]), &Definition::default());
        assert_eq!(none, Moved::default());
    }
}
