//! Tables' numbers, against what numpy makes of the same attention sums (`experiments/reference.py`).
#![allow(clippy::unwrap_used, missing_docs)]

use serde::Deserialize;
use serde_json::Value as Json;
use shared::experiment::aggregate::{Aggregate, Choice};
use shared::experiment::{Outcome, SampleRef, Verdict};
use shared::{Definition, ExperimentSpec, Grid, Masses, Quant, Stage};

#[derive(Deserialize)]
struct Golden {
    items: Vec<Vec<Masses>>,
    right: Vec<Vec<u8>>,
    stages: Json,
    right_change: Json,
}

/// Every number of `expected` stands in `found` under the same name.
fn agrees(found: &impl serde::Serialize, expected: &Json, what: &str) {
    let found = serde_json::to_value(found).unwrap();
    for (name, wanted) in expected.as_object().unwrap() {
        match (found.get(name).and_then(Json::as_f64), wanted.as_f64()) {
            (Some(a), Some(b)) => {
                assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{what} {name}: {a} for {b}");
            }
            (a, b) => assert_eq!(a, b, "{what} {name}"),
        }
    }
}

#[test]
fn tables_say_what_numpy_says() {
    let golden: Golden = serde_json::from_str(include_str!("experiments/golden.json")).unwrap();
    let samples = golden.items[0].len() as u32;
    let spec = ExperimentSpec {
        models: vec!["model".into()],
        prune: vec![0.0, 0.75],
        ..ExperimentSpec::default()
    };
    let grid = Grid::new(&spec, samples, |_| Quant::F32).unwrap();
    let mut aggregate = Aggregate::new(grid, Choice::around(Definition::default()));
    for (condition, (masses, right)) in golden.items.iter().zip(&golden.right).enumerate() {
        for (sample, (masses, right)) in masses.iter().zip(right).enumerate() {
            let outcome = Outcome {
                sample: SampleRef::default(),
                answer: String::new(),
                tokens: 4,
                verdict: Some(if *right == 1 { Verdict::Right } else { Verdict::Wrong }),
                masses: masses.clone(),
                model_ms: 1.0,
                made_with: None,
            };
            aggregate.add(condition as u32 * samples + sample as u32, &outcome).unwrap();
        }
    }
    let changes = aggregate.stage_changes(0, 1, 0);
    for (at, stage) in Stage::ALL.into_iter().enumerate() {
        let (name, wanted) = (stage.name(), &golden.stages[stage.name()]);
        for condition in 0..2 {
            let found = aggregate.summary(condition, 0).stages[at].clone();
            let index = condition as usize;
            agrees(&found.mdi.estimate, &wanted["mdi"][index], name);
            agrees(&found.share_text.estimate, &wanted["share_text"][index], name);
        }
        let change = &changes[at];
        assert_eq!(change.stage, stage);
        agrees(&change.mdi, &wanted["change"], name);
        agrees(&change.counts, &wanted["counts"], name);
        agrees(&change.null_mdi, &wanted["null_mdi"], name);
        agrees(&change.beyond, &wanted["beyond"], name);
        agrees(&change.share_text, &wanted["share_change"], name);
    }
    agrees(&aggregate.right_change(0, 1), &golden.right_change, "right answers");
}
