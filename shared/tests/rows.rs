//! Rows of the answer, averaged or of one head, and what they looked at.
#![allow(clippy::unwrap_used, missing_docs)]

use shared::rows::{HEAD_ROWS_BUDGET, head_rows_that_fit};
use shared::*;

/// `[layers, heads, keys]` of numbers that say where they stand.
fn token(layers: u32, heads: u32, keys: u32) -> TokenHeads {
    let weights = (0..layers).flat_map(|l| {
        (0..heads).flat_map(move |h| (0..keys).map(move |k| (l * 100 + h * 10 + k) as f32))
    });
    TokenHeads { layers, heads, weights: F32s(weights.collect()) }
}

#[test]
fn one_head_is_picked_out_of_all() {
    let tokens = [token(2, 3, 4), token(2, 3, 5)];
    let picked = HeadRows::pick(1, 0, &tokens);
    assert_eq!(picked.row(0, 0).unwrap(), [10.0, 11.0, 12.0, 13.0]);
    assert_eq!(picked.row(1, 1).unwrap(), [110.0, 111.0, 112.0, 113.0, 114.0]);
    for (t, token) in tokens.iter().enumerate() {
        for layer in 0..2 {
            assert_eq!(picked.row(t, layer), token.row(layer, 1));
        }
    }
    assert_eq!((picked.row(2, 0), picked.row(0, 2)), (None, None));
    assert_eq!(tokens[0].row(0, 3), None);
    assert!(HeadRows::pick(7, 0, &tokens).row(0, 0).is_none(), "no such head");
    // What comes later is added where it belongs, and nowhere else.
    let mut grown = HeadRows::pick(1, 0, &tokens[..1]);
    grown.extend(HeadRows::pick(2, 1, &tokens[1..]));
    grown.extend(HeadRows::pick(1, 2, &tokens[1..]));
    assert_eq!(grown.end(), 1);
    grown.extend(HeadRows::pick(1, 1, &tokens[1..]));
    assert_eq!(grown, picked);
    let late = HeadRows::pick(1, 1, &tokens[1..]);
    assert_eq!((late.row(0, 0), late.row(1, 0)), (None, picked.row(1, 0)));
}

#[test]
fn buffers_of_another_size_have_no_rows() {
    let odd = TokenHeads { layers: 2, heads: 0, weights: F32s(vec![1.0; 3]) };
    assert_eq!((odd.row(0, 0), odd.head(0)), (None, F32s::default()));
    let huge = HeadRows { layers: u32::MAX, tokens: vec![F32s(vec![1.0])], ..HeadRows::default() };
    assert_eq!(huge.row(0, usize::MAX), None);
}

#[test]
fn the_budget_holds_as_many_tokens_as_it_can() {
    for (layers, heads, prompt) in [(8, 8, 171), (32, 32, 620), (28, 28, 400), (1, 1, 1)] {
        for budget in [0, 1, 43_775, 43_776, HEAD_ROWS_BUDGET, 1 << 40] {
            let bytes = |token: u64| u64::from(layers * heads) * 4 * (prompt as u64 + token);
            let tokens = u64::from(head_rows_that_fit(layers, heads, prompt, budget));
            let sum = |tokens: u64| (0..tokens).map(bytes).sum::<u64>();
            assert!(sum(tokens) <= budget, "{layers} {heads} {prompt} {budget}");
            assert!(sum(tokens + 1) > budget, "{layers} {heads} {prompt} {budget}");
        }
    }
    assert_eq!(head_rows_that_fit(0, 8, 10, 1 << 20), 0);
    assert_eq!(head_rows_that_fit(8, 8, 0, 1 << 20), 0);
}

#[test]
fn why_rows_by_head_are_missing_is_known() {
    let model =
        |layers, heads, head_rows| ModelInfo { layers, heads, head_rows, ..ModelInfo::default() };
    // The demo models' answers fit.
    let HeadRowsKept::First(tokens) = HeadRowsKept::of(&model(8, 8, true), 171) else { panic!() };
    assert!(tokens > 300, "{tokens}");
    let HeadRowsKept::First(tokens) = HeadRowsKept::of(&model(32, 32, true), 620) else { panic!() };
    assert!((5..20).contains(&tokens), "{tokens}");
    assert_eq!(HeadRowsKept::of(&model(80, 64, true), 4000), HeadRowsKept::TooLarge(81_920_000));
    assert_eq!(HeadRowsKept::of(&model(8, 8, false), 171), HeadRowsKept::NotHandedOut);
}

/// Two patches of 1 × 3, the second of them twice, the third pruned; then a word.
fn observation() -> Observation {
    let cell = |col, copy| Some(Place::cell(0, col, copy));
    let cells = [None, cell(0, 0), cell(1, 0), cell(0, 1), cell(1, 1), None];
    let groups =
        [Group::Begin, Group::Image, Group::Image, Group::Image, Group::Image, Group::Instruction];
    let tokens = cells.into_iter().zip(groups).enumerate();
    let tokens = tokens.map(|(i, (place, group))| Token {
        medium: group.is_medium().then_some(0),
        place,
        ..Token::text(i as u32, 0, "", group)
    });
    let picture = PreparedPicture {
        width: 3,
        height: 1,
        source_width: 3,
        source_height: 1,
        covers: [0.0, 0.0, 3.0, 1.0],
        rows: 1,
        cols: 3,
    };
    let layout = Layout::new(tokens.collect(), vec![Medium::image(picture)]);
    let mut observation = Observation::default();
    observation.apply(&Event::Layout {
        layout,
        layers: 1,
        heads: 2,
        model: ModelInfo::default(),
        options: RunOptions::default(),
    });
    let rows = [
        vec![0.5, 0.125, 0.0, 0.125, 0.0625, 0.1875],
        vec![0.25, 0.0, 0.25, 0.0, 0.25, 0.125, 0.125],
    ];
    for (i, row) in rows.into_iter().enumerate() {
        let (mass, rows) = (F32s(vec![0.0; 2 * FEW_BINS]), F32s(row));
        observation.apply(&Event::Token {
            index: i as u32,
            id: 1,
            text: "x".into(),
            bytes: None,
            logprob: 0.0,
            alternatives: Vec::new(),
            flow: TokenFlow { layers: 1, heads: 2, mass, rows },
        });
    }
    observation
}

#[test]
fn looks_are_told_by_token_and_layer_for_patches_and_positions() {
    let o = observation();
    let on = |target| o.looks(o.mean_rows(), target);
    let patch = on(Target::Patch { medium: 0, row: 0, col: 1 });
    assert_eq!(patch.shares, [Some(0.0625), Some(0.5)], "both copies");
    assert_eq!(patch.ranked(0), [(1, 0.5), (0, 0.0625)]);
    assert_eq!(patch.most(), Some((1, 0, 0.5)));
    assert_eq!(on(Target::Position(5)).shares, [Some(0.1875), Some(0.125)]);
    // The first token of the answer is seen by the second alone.
    assert_eq!(on(Target::Position(6)).shares, [None, Some(0.125)]);
    let pruned = on(Target::Patch { medium: 0, row: 0, col: 2 });
    assert_eq!((pruned.shares.as_slice(), pruned.most()), ([None, None].as_slice(), None));
    assert_eq!((patch.get(0, 1), patch.get(2, 0)), (None, None));
    // The same of one head.
    let heads =
        TokenHeads { layers: 1, heads: 2, weights: F32s((0..12).map(|i| i as f32).collect()) };
    let head = HeadRows::pick(1, 0, [&heads]);
    let looks = o.looks(Rows::Head(&head), Target::Patch { medium: 0, row: 0, col: 0 });
    assert_eq!(looks.shares, [Some(7.0 + 9.0), None]);
    assert_eq!(o.map(Rows::Head(&head), 0, 0, 0), Some(vec![Some(16.0), Some(18.0), None]));
}

#[test]
fn maps_and_groups_follow_the_layout() {
    let o = observation();
    assert_eq!(o.overlay(0, 1, 0), Some(vec![Some(0.0), Some(0.5), None]));
    assert_eq!(o.layout.as_ref().unwrap().copies(0), Some(vec![2, 2, 0]));
    assert_eq!(
        [0, 1, 5, 7, 8].map(|p| o.group_at(p)),
        [
            Some(Group::Begin),
            Some(Group::Image),
            Some(Group::Instruction),
            Some(Group::Generated),
            None
        ]
    );
}
