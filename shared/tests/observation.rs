//! Every choice a definition offers, against a plain formula on whole attention maps.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Maps, close, definition, maps};
use proptest::prelude::*;
use shared::*;

/// MDI and AEI of text as PAPER.md 1.2 has them.
fn formula((t, o, n_t, n_o): (f64, f64, f64, f64)) -> (f64, f64) {
    let mdi = (t / n_t) / (o / n_o);
    let aei = (t / (t + o)) / (n_t / (n_t + n_o));
    (mdi, aei)
}

fn floats((t, o, n_t, n_o): (f64, f64, usize, usize)) -> (f64, f64, f64, f64) {
    (t, o, n_t as f64, n_o as f64)
}

/// Layers of a stage, written out rather than computed the way `shared` does.
fn layers_of(stage: Stage, stages: Stages, n: usize) -> Vec<usize> {
    let pick = |wanted: &dyn Fn(usize) -> bool| (0..n).filter(|l| wanted(*l)).collect();
    match (stages, stage) {
        (Stages::All, _) => pick(&|_| true),
        (Stages::Two, Stage::Early) => pick(&|l| l < 2),
        (Stages::Two, Stage::Middle) => pick(&|l| l + 1 == n / 2 || l == n / 2),
        (Stages::Two, Stage::Late) => pick(&|l| l + 2 >= n),
        (Stages::Thirds, _) if n == 1 => vec![0],
        (Stages::Thirds, Stage::Early) => pick(&|l| l < n.div_ceil(3)),
        (Stages::Thirds, Stage::Middle) if n == 2 => vec![1],
        (Stages::Thirds, Stage::Late) if n == 2 => vec![1],
        (Stages::Thirds, Stage::Middle) => pick(&|l| l >= n.div_ceil(3) && l < n - n / 3),
        (Stages::Thirds, Stage::Late) => pick(&|l| l >= n - n / 3),
    }
}

fn head_exists(maps: &Maps, d: &Definition) -> bool {
    !matches!(d.heads, Heads::One(h) if h as usize >= maps.heads())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn masses_averaged_over_heads_keep_every_number_to_the_last_bit(
        maps in maps(),
        d in definition(),
    ) {
        let observation = maps.observation();
        let kept = observation.masses().unwrap();
        for l in 0..maps.layers() {
            if d.heads == Heads::MeanFirst {
                prop_assert_eq!(kept.measure(l, &d), observation.measure(l, &d));
            } else {
                prop_assert_eq!(kept.measure(l, &d).mdi, Err(Undefined::HeadsAveraged));
            }
        }
        let d = Definition { heads: Heads::MeanFirst, ..d };
        for stage in Stage::ALL {
            prop_assert_eq!(kept.stage(stage, &d), observation.stage(stage, &d));
        }
    }

    #[test]
    fn every_layer_agrees_with_the_plain_formula(maps in maps(), d in definition()) {
        let observation = maps.observation();
        for l in 0..maps.layers() {
            let measure = observation.measure(l, &d);
            let plain = head_exists(&maps, &d).then(|| maps.plain(l, &d)).flatten();
            let Some((t, o, n_t, n_o)) = plain else {
                prop_assert!(measure.mdi.is_err() && measure.aei_text.is_err());
                continue;
            };
            let a = measure.attention.unwrap();
            prop_assert!(close(a.text, t) && close(a.image, o), "{a:?} against {t} {o}");
            prop_assert_eq!((a.text_tokens as usize, a.image_tokens as usize), (n_t, n_o));
            if n_t == 0 || n_o == 0 {
                prop_assert!(measure.mdi.is_err() && measure.aei_text.is_err());
                continue;
            }
            if o > 0.0 {
                let (mdi, aei) = formula(floats((t, o, n_t, n_o)));
                prop_assert!(close(measure.mdi.unwrap(), mdi), "{measure:?} against {mdi}");
                prop_assert!(close(measure.aei_text.unwrap(), aei), "{measure:?} against {aei}");
            } else {
                prop_assert_eq!(measure.mdi, Err(Undefined::NoImageAttention));
                prop_assert_eq!(measure.aei_image, Ok(0.0));
            }
        }
    }

    #[test]
    fn every_stage_agrees_with_the_plain_formula(maps in maps(), d in definition()) {
        let observation = maps.observation();
        for stage in Stage::ALL {
            let layers = layers_of(stage, d.stages, maps.layers());
            prop_assert_eq!(
                stage.layers(d.stages, maps.layers()).collect::<Vec<_>>(),
                layers.clone(),
                "{:?} of {} layers", stage, maps.layers()
            );
            let measure = observation.stage(stage, &d);
            let plain: Option<Vec<_>> = layers
                .iter()
                .map(|l| head_exists(&maps, &d).then(|| maps.plain(*l, &d)).flatten())
                .collect();
            let Some(plain) = plain.filter(|p| p.iter().all(|a| a.1 > 0.0 && a.2 > 0 && a.3 > 0))
            else {
                if d.layers == Ratio::MeanOfRatios {
                    prop_assert!(measure.mdi.is_err(), "a stage averages all its layers or none");
                }
                continue;
            };
            let n = plain.len() as f64;
            let (mdi, aei) = match d.layers {
                Ratio::MeanOfRatios => {
                    let each: Vec<_> = plain.iter().map(|a| formula(floats(*a))).collect();
                    let mean = |f: fn(&(f64, f64)) -> f64| each.iter().map(f).sum::<f64>() / n;
                    (mean(|v| v.0), mean(|v| v.1))
                }
                Ratio::RatioOfMeans => {
                    let sum = |f: fn(&(f64, f64, usize, usize)) -> f64| plain.iter().map(f).sum();
                    formula((sum(|a| a.0), sum(|a| a.1), plain[0].2 as f64, plain[0].3 as f64))
                }
            };
            prop_assert!(close(measure.mdi.unwrap(), mdi), "{measure:?} against {mdi}");
            prop_assert!(close(measure.aei_text.unwrap(), aei), "{measure:?} against {aei}");
            prop_assert!(measure.identity_residual().unwrap() < 1e-9);
        }
    }

    #[test]
    fn the_mass_from_a_group_is_its_number_of_tokens(maps in maps()) {
        let counts = maps.layout().counts();
        for l in 0..maps.layers() {
            let flow = maps.layer_flow(l);
            for h in 0..maps.heads() {
                for q in Group::ALL {
                    let sum: f64 = Group::ALL.iter().map(|k| f64::from(flow.get(&Bins::default(), h, q, *k))).sum();
                    prop_assert!(close(sum, f64::from(counts.get(q))), "{sum} from {q:?}");
                }
                let last: f64 = Group::ALL.iter().map(|k| f64::from(flow.last(&Bins::default(), h, *k))).sum();
                prop_assert!(close(last, 1.0));
            }
        }
    }

    #[test]
    fn the_order_of_tokens_inside_a_group_changes_nothing(
        maps in maps(), d in definition(), keys in prop::collection::vec(any::<u64>(), 32)
    ) {
        // Exchange positions of one group with each other, as queries and as keys. The last prompt
        // row keeps its place: it is a query of its own. (Maps are no longer causal then; no
        // formula asks for that.)
        let s = maps.prompt.len();
        let mut order: Vec<usize> = (0..s).collect();
        for g in Group::ALL {
            let places: Vec<usize> = (0..s - 1).filter(|i| maps.prompt[*i] == g).collect();
            let mut shuffled = places.clone();
            shuffled.sort_by_key(|i| keys[*i % keys.len()].wrapping_mul(*i as u64 + 1));
            for (place, from) in places.iter().zip(shuffled) {
                order[*place] = from;
            }
        }
        let mut moved = maps.clone();
        for l in 0..maps.layers() {
            for h in 0..maps.heads() {
                for i in 0..maps.p[l][h].len() {
                    let row = &maps.p[l][h][order.get(i).copied().unwrap_or(i)];
                    let at = |j: usize| {
                        row.get(order.get(j).copied().unwrap_or(j)).copied().unwrap_or(0.0)
                    };
                    moved.p[l][h][i] = (0..row.len().max(s)).map(at).collect();
                }
            }
        }
        for l in 0..maps.layers() {
            let (a, b) = (maps.observation().measure(l, &d), moved.observation().measure(l, &d));
            match (a.mdi, b.mdi) {
                (Ok(a), Ok(b)) => prop_assert!(close(a, b), "{a} became {b}"),
                (a, b) => prop_assert_eq!(a.is_ok(), b.is_ok()),
            }
        }
    }

    #[test]
    fn merging_two_groups_sums_them(maps in maps(), d in definition()) {
        let mut merged = maps.clone();
        for g in &mut merged.prompt {
            if *g == Group::System {
                *g = Group::Template;
            }
        }
        for l in 0..maps.layers() {
            let (apart, together) = (maps.layer_flow(l), merged.layer_flow(l));
            for h in 0..maps.heads() {
                for q in [Group::Begin, Group::Image, Group::Instruction] {
                    let sum = apart.get(&Bins::default(), h, q, Group::System) + apart.get(&Bins::default(), h, q, Group::Template);
                    let one = together.get(&Bins::default(), h, q, Group::Template);
                    prop_assert!(close(f64::from(sum), f64::from(one)));
                }
            }
            let both = d.text.with(Group::System).with(Group::Template);
            let d = Definition { text: both, ..d };
            let (a, b) = (maps.observation().measure(l, &d), merged.observation().measure(l, &d));
            match (a.mdi, b.mdi) {
                (Ok(a), Ok(b)) => prop_assert!(close(a, b), "{a} became {b}"),
                (a, b) => prop_assert_eq!(a.is_ok(), b.is_ok()),
            }
        }
    }

    #[test]
    fn a_definition_computed_twice_is_the_same_to_the_last_bit(maps in maps(), d in definition()) {
        // What the page and the server rely on: events through either wire give equal bits.
        let mut over_json = Observation::default();
        let mut over_msgpack = Observation::default();
        for event in maps.events() {
            let json = serde_json::to_string(&event).unwrap();
            over_json.apply(&serde_json::from_str(&json).unwrap());
            let packed = rmp_serde::to_vec_named(&event).unwrap();
            over_msgpack.apply(&rmp_serde::from_slice(&packed).unwrap());
        }
        prop_assert_eq!(&over_json, &maps.observation());
        for l in 0..maps.layers() {
            let here = maps.observation().measure(l, &d);
            prop_assert_eq!(over_json.measure(l, &d), here);
            prop_assert_eq!(over_msgpack.measure(l, &d), here);
        }
    }

    #[test]
    fn a_tokens_share_and_a_report_agree_with_the_layers(maps in maps(), d in definition()) {
        let observation = maps.observation();
        for t in 0..maps.written {
            for l in 0..maps.layers() {
                let flow = maps.token_flow(t);
                let heads: Vec<usize> = match d.heads {
                    Heads::One(h) => vec![h as usize],
                    _ => (0..maps.heads()).collect(),
                };
                let measure = observation.token_measure(t, Some(l), &d);
                if heads[0] >= maps.heads() {
                    prop_assert_eq!(measure.mdi, Err(Undefined::NoSuchHead));
                    continue;
                }
                let on = |g: Group| -> f64 {
                    let sum: f64 = heads.iter().map(|h| f64::from(flow.get(&Bins::default(), l, *h, g))).sum();
                    sum / heads.len() as f64
                };
                let text: f64 = d.text.without(Group::Image).iter().map(on).sum();
                let image: f64 = on(Group::Image);
                let counts = observation.layout.as_ref().unwrap().counts();
                let counts = counts.with(Group::Generated, t as u32);
                let n_text = f64::from(counts.in_set(d.text.without(Group::Image)));
                let n_image = f64::from(counts.get(Group::Image));
                match measure.mdi {
                    Ok(mdi) => prop_assert!(close(mdi, (text / n_text) / (image / n_image))),
                    Err(Undefined::NoTextTokens) => prop_assert_eq!(n_text, 0.0),
                    Err(Undefined::NoImageTokens) => prop_assert_eq!(n_image, 0.0),
                    Err(Undefined::NoAttention) => prop_assert_eq!(text + image, 0.0),
                    Err(Undefined::NoImageAttention) => prop_assert_eq!(image, 0.0),
                    Err(reason) => prop_assert!(false, "{:?} has no cause here", reason),
                }
                if let Ok(share) = observation.token_share(t, Some(l), &d) {
                    prop_assert!(close(share, text / (text + image)));
                }
            }
        }
        let summary = Summary {
            answer: observation.answer(),
            tokens: maps.written as u32,
            stop: shared::event::Stop::Length,
            timing: Timing::default(),
        };
        let report =
            Report::new(&observation, &d, ModelInfo::default(), RunOptions::default(), &summary);
        prop_assert_eq!(report.layers.len(), maps.layers());
        for (l, layer) in report.layers.iter().enumerate() {
            let measure = observation.measure(l, &d);
            prop_assert_eq!(layer.numbers.mdi, measure.mdi.ok());
            prop_assert_eq!(layer.numbers.aei_text, measure.aei_text.ok());
            prop_assert_eq!(layer.numbers.undefined.is_some(), measure.mdi.is_err());
            prop_assert_eq!(layer.heads.len(), maps.heads());
        }
        prop_assert_eq!(report.stages.late.mdi, observation.stage(Stage::Late, &d).mdi.ok());
        let json = serde_json::to_string(&report).unwrap();
        let back: Report = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(back.flows, report.flows);
        prop_assert_eq!(back.definition, report.definition);
    }
}
