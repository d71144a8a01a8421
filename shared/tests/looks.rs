//! Who looks at whom, even attention and patches, against whole attention maps.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Maps, close, definition, maps};
use proptest::prelude::*;
use shared::*;

/// The same maps with every row spread evenly over what it sees.
fn evened(maps: &Maps) -> Maps {
    let mut even = maps.clone();
    for row in even.p.iter_mut().flatten().flatten() {
        let n = row.len() as f64;
        row.fill(1.0 / n);
    }
    even
}

/// Mean attention of the rows of one group on the keys of another, straight from a map.
fn plain_share(maps: &Maps, l: usize, heads: &[usize], q: Group, k: Group) -> Option<f64> {
    let all = maps.prompt.len() + maps.written.max(1) - 1;
    let rows: Vec<usize> = (0..all).filter(|i| maps.group(*i) == q).collect();
    let on = |h: usize, i: usize| -> f64 {
        let keys = maps.p[l][h][i].iter().enumerate();
        keys.filter(|(j, _)| maps.group(*j) == k).map(|(_, v)| v).sum()
    };
    let sum: f64 = heads.iter().flat_map(|h| rows.iter().map(move |i| on(*h, *i))).sum();
    (!rows.is_empty()).then(|| sum / rows.len() as f64 / heads.len() as f64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_flow_matrix_is_the_map_by_groups(maps in maps()) {
        let observation = maps.observation();
        let masses = observation.masses().unwrap();
        let all: Vec<usize> = (0..maps.heads()).collect();
        for l in 0..maps.layers() {
            let ways = [(Heads::MeanFirst, all.as_slice()), (Heads::One(0), &[0][..])];
            for (heads, plain) in ways {
                let flow = observation.flow_matrix(&masses, l, heads).unwrap();
                for q in Group::ALL {
                    for k in Group::ALL {
                        let ours = flow.share(GroupSet::of(&[q]), GroupSet::of(&[k]));
                        match (ours, plain_share(&maps, l, plain, q, k)) {
                            (Some(a), Some(b)) => prop_assert!(close(a, b), "{q:?} {k:?} {a} {b}"),
                            (a, b) => prop_assert_eq!(a, b),
                        }
                    }
                    // Rows of attention sum to 1.
                    if let Some(all) = flow.share(GroupSet::of(&[q]), GroupSet::of(&Group::ALL)) {
                        prop_assert!(close(all, 1.0));
                    }
                }
            }
            let missing = observation.flow_matrix(&masses, l, Heads::One(maps.heads() as u32));
            prop_assert_eq!(missing, Err(Undefined::NoSuchHead));
        }
        let beyond = observation.flow_matrix(&masses, maps.layers(), Heads::MeanFirst);
        prop_assert_eq!(beyond, Err(Undefined::NotObserved));
    }

    #[test]
    fn even_attention_is_that_of_a_map_without_preference(maps in maps(), d in definition()) {
        let even = evened(&maps);
        let d = Definition { heads: Heads::MeanFirst, ..d };
        let (ours, measured) = (maps.observation().even_attention(&d, Seen::ALL), even.observation().attention(0, &d));
        match (ours, measured) {
            (Ok(a), Ok(b)) => {
                prop_assert!(close(a.text, b.text) && close(a.image, b.image), "{a:?} {b:?}");
                prop_assert_eq!((a.text_tokens, a.image_tokens), (b.text_tokens, b.image_tokens));
            }
            (a, b) => prop_assert_eq!(a.err(), b.err()),
        }
        let masses = even.observation().masses().unwrap();
        let measured = even.observation().flow_matrix(&masses, 0, Heads::MeanFirst).unwrap();
        let ours = maps.observation().even_matrix(Seen::ALL).unwrap();
        for q in Group::ALL {
            for k in Group::ALL {
                prop_assert!(close(ours.mass[q.index()][k.index()], measured.mass[q.index()][k.index()]));
            }
        }
        prop_assert_eq!(ours.rows, measured.rows);
    }

    #[test]
    fn rows_that_see_the_whole_prompt_and_have_no_preference_have_an_mdi_of_one(maps in maps()) {
        let last = Definition { queries: Queries::LastPrompt, ..Definition::default() };
        if let Ok(mdi) = maps.observation().even_attention(&last, Seen::ALL).and_then(|a| a.mdi()) {
            prop_assert!(close(mdi, 1.0), "{mdi}");
        }
    }

    #[test]
    fn a_tokens_groups_are_its_rows_attention(maps in maps()) {
        let observation = maps.observation();
        for t in 0..maps.written {
            let row = maps.prompt.len() - 1 + t;
            for (layer, layers) in [(Some(0), 0..1), (None, 0..maps.layers())] {
                let ours = observation.token_groups(t, layer, Heads::MeanFirst).unwrap();
                for k in Group::ALL {
                    let cells = layers.clone().flat_map(|l| (0..maps.heads()).map(move |h| (l, h)));
                    let of = |(l, h): (usize, usize)| -> f64 {
                        let keys = maps.p[l][h][row].iter().enumerate();
                        keys.filter(|(j, _)| maps.group(*j) == k).map(|(_, v)| v).sum()
                    };
                    let plain = cells.clone().map(of).sum::<f64>() / cells.count() as f64;
                    prop_assert!(close(ours[k.index()], plain));
                }
                prop_assert!(close(ours.iter().sum(), 1.0));
            }
        }
        prop_assert_eq!(observation.token_groups(maps.written, None, Heads::MeanFirst), None);
    }
}

/// A picture of two cells that stands twice in the prompt, one cell of it once.
fn observation() -> Observation {
    let token = |index: u32, group: Group, place| Token {
        medium: group.is_medium().then_some(0),
        place,
        ..Token::text(index, 0, "", group)
    };
    let cell = |col, copy| Some(Place::cell(0, col, copy));
    let tokens = vec![
        token(0, Group::Begin, None),
        token(1, Group::Image, cell(0, 0)),
        token(2, Group::Image, cell(1, 0)),
        token(3, Group::Image, cell(0, 1)),
        token(4, Group::Instruction, None),
    ];
    let flow = |rows: &[f32]| TokenFlow {
        layers: 1,
        heads: 1,
        mass: F32s(vec![0.0; FEW_BINS]),
        rows: F32s(rows.to_vec()),
    };
    let written = |index, flow| Event::Token {
        index,
        id: 0,
        text: String::new(),
        bytes: None,
        logprob: 0.0,
        alternatives: Vec::new(),
        flow,
    };
    let mut observation = Observation::default();
    observation.apply(&Event::Layout {
        layout: Layout::new(tokens, Vec::new()),
        layers: 1,
        heads: 1,
        model: ModelInfo::default(),
        options: RunOptions::default(),
    });
    observation.apply(&written(0, flow(&[0.5, 0.125, 0.25, 0.0625, 0.0625])));
    observation.apply(&written(1, flow(&[0.25, 0.25, 0.125, 0.25, 0.0625, 0.0625])));
    observation.apply(&written(2, flow(&[])));
    observation
}

#[test]
fn a_patch_knows_who_looked_at_it() {
    let observation = observation();
    assert_eq!(observation.patch_looks(0, 0, (0, 0)), [Some(0.1875), Some(0.5), None]);
    assert_eq!(observation.patch_looks(0, 0, (0, 1)), [Some(0.25), Some(0.125), None]);
    assert_eq!(observation.patch_looks(1, 0, (0, 1)), [None, None, None], "no such layer");
    assert!(observation.patch_looks(0, 0, (1, 0)).is_empty(), "the model never saw it");
}

#[test]
fn half_each_is_the_ratio_of_the_counts() {
    let attention = Attention { text: 0.9, image: 0.1, text_tokens: 28, image_tokens: 144 };
    assert_eq!(attention.halved().mdi().unwrap(), 144.0 / 28.0);
}
