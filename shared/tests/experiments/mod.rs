//! Experiments made up from a counter: outcomes whose numbers have a shape one knows, so that
//! tables and plots can be judged.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

use shared::experiment::aggregate::{Aggregate, Choice};
use shared::experiment::stats::SplitMix64;
use shared::experiment::tables::Tables;
use shared::experiment::{
    Condition, DatasetInfo, ExperimentState, ExperimentStatus, LeftOut, Outcome, SampleRef, Verdict,
};
use shared::masses::{Extent, LayerMasses, Masses};
use shared::*;

/// What is made up.
#[derive(Clone, Debug)]
pub struct Made {
    pub spec: ExperimentSpec,
    pub samples: u32,
    pub layers: fn(&str) -> usize,
}

pub const EVERY: [Group; 6] =
    [Group::Begin, Group::System, Group::Template, Group::Marker, Group::Image, Group::Instruction];

impl Made {
    /// Both demo models, prune and replicate, on the demo set.
    pub fn demo(samples: u32) -> Self {
        Made {
            spec: ExperimentSpec {
                title: "Both demo models · demo set · prune and replicate".into(),
                models: vec!["demo-llava".into(), "demo-qwen".into()],
                samples,
                prune: vec![0.0, 0.75, 0.9, 0.95],
                replicate: vec![1, 5, 10],
                ..ExperimentSpec::default()
            },
            samples,
            layers: |_| 8,
        }
    }

    /// The paper's models, plain and pruned.
    pub fn papers(samples: u32) -> Self {
        Made {
            spec: ExperimentSpec {
                title: "LLaVA-1.5 7B and Qwen2.5-VL 7B".into(),
                models: vec!["llava-1.5-7b".into(), "qwen2.5-vl-7b".into()],
                dataset: "mmmu-pro".into(),
                prune: vec![0.0, 0.75, 0.9, 0.95],
                samples,
                ..ExperimentSpec::default()
            },
            samples,
            layers: |model| if model.starts_with("llava") { 32 } else { 28 },
        }
    }

    pub fn grid(&self) -> Grid {
        Grid::new(&self.spec, self.samples, |_| Quant::Q8_0).unwrap()
    }

    pub fn status(&self) -> ExperimentStatus {
        let grid = self.grid();
        let model = |name: &str| ModelInfo {
            name: name.into(),
            family: if name.contains("llava") { "llava-1.5" } else { "qwen2.5-vl" }.into(),
            layers: (self.layers)(name) as u32,
            parameters: if name.starts_with("demo") { 8_270_848 } else { 7_063_427_072 },
            quant: Quant::Q8_0,
            dtype: "f32".into(),
            device: "cpu".into(),
            template: if name.contains("llava") { "vicuna_v1" } else { "chatml" }.into(),
            prune_score: if name.contains("llava") {
                "cls-attention"
            } else {
                "attention-received"
            }
            .into(),
            hash: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef".into(),
            ..ModelInfo::default()
        };
        ExperimentStatus {
            id: "secret".into(),
            title: self.spec.title.clone(),
            created: "2026-11-24T10:00:00Z".into(),
            lab: "0.1.0".into(),
            state: ExperimentState::Done,
            problem: None,
            problems: Vec::new(),
            dataset: DatasetInfo {
                name: self.spec.dataset.clone(),
                title: "Made up".into(),
                revision: "c0ffee".repeat(6),
                rows: 960,
                has_answers: true,
                note: String::new(),
            },
            models: self.spec.models.iter().map(|m| model(m)).collect(),
            done: grid.items(),
            left_out: 0,
            running: 0,
            rate: None,
            seconds_left: None,
            workers: 0,
            spec: self.spec.clone(),
            grid,
        }
    }

    /// What an item leaves, or why it does not run: one sample in fifty is broken.
    #[allow(clippy::result_large_err, reason = "made rarely, and only in tests")]
    pub fn item(&self, item: u32) -> Result<Outcome, LeftOut> {
        let grid = self.grid();
        let (condition, sample) = grid.item(item).unwrap();
        let reference = SampleRef {
            row: u64::from(sample),
            id: format!("sample-{sample}"),
            prompt: "What is in this picture?".into(),
            expected: "a cat".into(),
            kind: if sample.is_multiple_of(3) { "claim-false" } else { "name" }.into(),
        };
        if sample % 50 == 17 {
            let message = "The picture file ends early.";
            return Err(LeftOut::new(reference, ErrorCode::PictureDamaged, message));
        }
        Ok(self.outcome(condition, sample, reference))
    }

    fn outcome(&self, condition: &Condition, sample: u32, reference: SampleRef) -> Outcome {
        // The same sample draws the same numbers under every condition, so that pairs are pairs.
        let seed = u64::from(sample) + u64::from(condition.model.len() as u32) * 1000;
        let mut bits = SplitMix64::new(seed);
        let mut unit = || (bits.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let spread = ((unit() + unit() + unit() - 1.5) * 1.2).exp();
        let kept = (1.0 - f64::from(condition.prune)) * f64::from(condition.replicate);
        let image = ((64.0 * kept).round() as u32).max(1);
        let counts: [u32; 6] = [1, 18, 4, 2, image, 8 + sample % 7];
        let mut prompt = Counts::default();
        for (group, n) in EVERY.into_iter().zip(counts) {
            prompt = prompt.with(group, n);
        }
        let layers = (self.layers)(&condition.model);
        let strength = if condition.model.contains("llava") { 1.0 } else { 0.55 };
        let of_layer = |layer: usize| {
            let depth = layer as f64 / (layers - 1) as f64;
            // How many times a word token weighs an image token; fewer image tokens weigh more.
            let lean =
                (1.4 + strength * 12.0 * depth * (1.6 - 0.6 * depth)) * spread * kept.powf(0.7);
            let mut last = [0.0; FEW_BINS];
            let weights =
                [40.0 * lean * (0.3 + depth), lean * 0.6, lean * 1.5, lean, 1.0, lean * 0.9];
            for ((group, n), weight) in EVERY.into_iter().zip(counts).zip(weights) {
                last[group.index()] = f64::from(n) * weight;
            }
            let all: f64 = last.iter().sum();
            last.iter_mut().for_each(|m| *m /= all);
            let mut masses = LayerMasses { last: last.to_vec(), ..LayerMasses::default() };
            masses.generated = last.map(|m| m * 2.7).to_vec();
            masses.generated[Group::Generated.index()] = 0.3;
            for (group, n) in EVERY.into_iter().zip(counts) {
                masses.prompt[group.index()] = last.map(|m| m * f64::from(n)).to_vec();
            }
            masses
        };
        let luck = unit();
        let right = 0.86 - 0.35 * f64::from(condition.prune).powi(6);
        let verdict = match luck {
            x if x < right => Verdict::Right,
            x if x < right + 0.08 && sample.is_multiple_of(3) => Verdict::Claimed,
            x if x > 0.99 => Verdict::Unreadable,
            _ => Verdict::Wrong,
        };
        Outcome {
            sample: reference,
            answer: "a cat, \"said\" the model\n".into(),
            tokens: 4,
            verdict: Some(verdict),
            masses: Masses {
                extent: Extent { prompt, generated: 3, media: Vec::new() },
                layers: (0..layers).map(|l| Some(of_layer(l))).collect(),
            },
            model_ms: 12.5,
            made_with: None,
        }
    }

    /// Everything folded in, items in this order.
    pub fn aggregate(&self, items: impl IntoIterator<Item = u32>) -> Aggregate {
        let choices = Choice::around(Definition::default());
        let mut aggregate = Aggregate::new(self.grid(), choices);
        for item in items {
            match self.item(item) {
                Ok(outcome) => aggregate.add(item, &outcome).unwrap(),
                Err(left_out) => aggregate.leave_out(item, &left_out).unwrap(),
            }
        }
        aggregate
    }

    /// Every item, in the order they run.
    pub fn items(&self) -> Vec<u32> {
        (0..self.grid().items()).collect()
    }

    pub fn tables(&self) -> Tables {
        Tables::new(&mut self.aggregate(self.items()), &self.status(), 0).unwrap()
    }
}
