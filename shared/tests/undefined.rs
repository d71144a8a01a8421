//! Every reason why a number does not exist, reached the way a run reaches it; and what an
//! observation does with events that do not belong.
#![allow(clippy::unwrap_used, missing_docs)]

use shared::*;

const HEADS: usize = 2;

fn token(index: u32, group: Group) -> Token {
    Token { medium: group.is_medium().then_some(0), ..Token::text(index, index, "", group) }
}

fn layout(groups: &[Group]) -> Event {
    let tokens = groups.iter().zip(0..).map(|(g, i)| token(i, *g)).collect();
    Event::Layout {
        layout: Layout::new(tokens, Vec::new()),
        layers: 2,
        heads: HEADS as u32,
        model: ModelInfo::default(),
        options: RunOptions::default(),
    }
}

/// A layer in which every row spreads its attention evenly over the prompt's tokens.
fn even(groups: &[Group]) -> LayerFlow {
    let counts = Counts::of(groups.iter().copied());
    let share = |k: Group| counts.get(k) as f32 / groups.len() as f32;
    let seven = || Group::ALL.into_iter().take(FEW_BINS);
    let row = |q: Group| seven().map(move |k| counts.get(q) as f32 * share(k));
    let head: Vec<f32> = seven().flat_map(row).collect();
    let last: Vec<f32> = seven().map(share).collect();
    LayerFlow {
        heads: HEADS as u32,
        mass: F32s(head.repeat(HEADS)),
        last: F32s(last.repeat(HEADS)),
    }
}

fn observed(groups: &[Group]) -> Observation {
    let mut observation = Observation::default();
    observation.apply(&layout(groups));
    for layer in 0..2 {
        observation.apply(&Event::PrefillLayer { layer, flow: even(groups) });
    }
    observation
}

const PROMPT: [Group; 5] =
    [Group::Begin, Group::System, Group::Image, Group::Image, Group::Instruction];

fn paper() -> Definition {
    Preset::Paper.definition()
}

#[test]
fn even_attention_gives_one_under_every_preset() {
    for preset in Preset::ALL {
        let measure = observed(&PROMPT).measure(0, &preset.definition());
        assert!((measure.mdi.unwrap() - 1.0).abs() < 1e-6, "{preset:?}");
        assert!((measure.aei_text.unwrap() - 1.0).abs() < 1e-6, "{preset:?}");
    }
}

#[test]
fn no_picture() {
    let words = [Group::Begin, Group::System, Group::Instruction];
    let measure = observed(&words).measure(0, &paper());
    assert_eq!(measure.mdi, Err(Undefined::NoImageTokens));
    assert_eq!(measure.aei_text, Err(Undefined::NoImageTokens));
    assert_eq!(measure.share_text, Ok(1.0), "all attention on words is a true statement");
}

#[test]
fn no_text_under_this_definition() {
    for text in [GroupSet::EMPTY, GroupSet::of(&[Group::Marker]), GroupSet::of(&[Group::Image])] {
        let measure = observed(&PROMPT).measure(0, &Definition { text, ..paper() });
        assert_eq!(measure.mdi, Err(Undefined::NoTextTokens), "{text:?}");
    }
}

#[test]
fn no_attention_on_the_picture_or_on_anything() {
    let without = |groups: &[Group]| {
        let mut observation = observed(&PROMPT);
        let flow = observation.prefill[0].as_mut().unwrap();
        for h in 0..HEADS {
            groups.iter().for_each(|g| flow.last.0[h * FEW_BINS + g.index()] = 0.0);
        }
        observation
    };
    let measure = without(&[Group::Image]).measure(0, &paper());
    assert_eq!(measure.mdi, Err(Undefined::NoImageAttention));
    assert_eq!(measure.aei_image, Ok(0.0));
    assert!((measure.aei_text.unwrap() - 5.0 / 3.0).abs() < 1e-6, "all on words: 1/Q_T");
    for heads in [Heads::MeanFirst, Heads::ShareThenMean, Heads::One(1)] {
        let nothing = without(&Group::ALL[..FEW_BINS]).measure(0, &Definition { heads, ..paper() });
        assert_eq!(nothing.mdi, Err(Undefined::NoAttention), "{heads:?}");
        assert_eq!(nothing.share_text, Err(Undefined::NoAttention), "{heads:?}");
    }
}

#[test]
fn a_number_that_is_none_is_never_shown_as_one() {
    let mut observation = observed(&PROMPT);
    observation.prefill[0].as_mut().unwrap().last.0[Group::Image.index()] = f32::NAN;
    assert_eq!(observation.measure(0, &paper()).mdi, Err(Undefined::NoAttention));
}

#[test]
fn no_such_queries() {
    let observation = observed(&PROMPT);
    let generated = Definition { queries: Queries::GeneratedPositions, ..paper() };
    assert_eq!(observation.measure(0, &generated).mdi, Err(Undefined::NoQueries));
    let wordless = [Group::Begin, Group::Marker, Group::Image];
    let forward = Preset::Forward.definition();
    assert_eq!(observed(&wordless).measure(0, &forward).mdi, Err(Undefined::NoQueries));
}

#[test]
fn no_such_head() {
    let measure = observed(&PROMPT).measure_head(0, HEADS as u32, &paper());
    assert_eq!(measure.mdi, Err(Undefined::NoSuchHead));
    assert!(observed(&PROMPT).measure_head(0, HEADS as u32 - 1, &paper()).mdi.is_ok());
}

#[test]
fn not_observed_yet() {
    let mut observation = Observation::default();
    assert_eq!(observation.measure(0, &paper()).mdi, Err(Undefined::NotObserved));
    observation.apply(&layout(&PROMPT));
    observation.apply(&Event::PrefillLayer { layer: 0, flow: even(&PROMPT) });
    assert!(observation.measure(0, &paper()).mdi.is_ok());
    assert_eq!(observation.measure(1, &paper()).mdi, Err(Undefined::NotObserved));
    assert_eq!(observation.measure(9, &paper()).mdi, Err(Undefined::NotObserved));
    let late = observation.stage(Stage::Late, &paper());
    assert_eq!(late.mdi, Err(Undefined::NotObserved), "not the mean of the layers there are");
}

#[test]
fn numbers_carry_the_reason() {
    let words = [Group::Begin, Group::Instruction];
    let numbers = report::Numbers::from(&observed(&words).measure(0, &paper()));
    assert_eq!((numbers.mdi, numbers.undefined), (None, Some(Undefined::NoImageTokens)));
    assert_eq!((numbers.text_tokens, numbers.image_tokens), (Some(2), Some(0)));
    let json = serde_json::to_value(&numbers).unwrap();
    assert!(json["mdi"].is_null());
    assert_eq!(json["undefined"], "no_image_tokens");
}

#[test]
fn events_that_do_not_belong_are_ignored() {
    let mut observation = observed(&PROMPT);
    let before = observation.clone();
    let flow = |mass: usize, last: usize| LayerFlow {
        heads: HEADS as u32,
        mass: F32s(vec![0.0; mass]),
        last: F32s(vec![0.0; last]),
    };
    let full = HEADS * FEW_BINS * FEW_BINS;
    let token = |index, flow| {
        let (text, alternatives) = ("a".into(), Vec::new());
        Event::Token { index, id: 1, text, bytes: None, logprob: 0.0, alternatives, flow }
    };
    let well = TokenFlow { layers: 2, heads: 2, mass: F32s(vec![0.0; 28]), rows: F32s(vec![]) };
    for event in [
        Event::PrefillLayer { layer: 0, flow: flow(full - 1, HEADS * FEW_BINS) },
        Event::PrefillLayer { layer: 0, flow: flow(full, 0) },
        Event::PrefillLayer { layer: 2, flow: flow(full, HEADS * FEW_BINS) },
        Event::PrefillLayer {
            layer: 0,
            flow: LayerFlow { heads: 0, mass: F32s(vec![]), last: F32s(vec![]) },
        },
        token(1, well.clone()),
        token(0, TokenFlow { heads: 3, ..well.clone() }),
        token(0, TokenFlow { layers: u32::MAX, heads: u32::MAX, ..well.clone() }),
        token(0, TokenFlow { rows: F32s(vec![0.0; 3]), ..well.clone() }),
        Event::Queued { position: 1 },
        Event::Cancelled,
    ] {
        observation.apply(&event);
        assert_eq!(observation, before, "{event:?}");
    }
    observation.apply(&token(0, well.clone()));
    observation.apply(&token(0, well));
    assert_eq!(observation.tokens.len(), 1, "a token that comes twice counts once");
    assert_eq!(observation.answer(), "a");
}

#[test]
fn flows_answer_zero_where_there_is_nothing() {
    let flow = TokenFlow { layers: 2, heads: 1, mass: F32s(vec![1.0; 14]), rows: F32s(vec![]) };
    let bins = Bins::default();
    assert_eq!(flow.get(&bins, 0, 0, Group::Begin), 1.0);
    assert_eq!(flow.get(&bins, 0, 1, Group::Begin), 0.0, "not the next layer's first head");
    assert_eq!(flow.get(&bins, 2, 0, Group::Begin), 0.0);
    assert_eq!(flow.row(0), None);
    assert_eq!(even(&PROMPT).get(&Bins::default(), HEADS, Group::Begin, Group::Begin), 0.0);
}

#[test]
fn an_overlay_sums_copies_and_leaves_pruned_patches_out() {
    // A 2 × 2 grid twice over, of which the lower right patch was pruned both times.
    let cell = |row, col, copy| Some(Place::cell(row, col, copy));
    let cells = [None, cell(0, 0, 0), cell(0, 1, 0), cell(1, 0, 0)];
    let again = [cell(0, 0, 1), cell(0, 1, 1), cell(1, 0, 1), None];
    let tokens = cells.into_iter().chain(again).zip(0..).map(|(cell, i)| Token {
        place: cell,
        ..token(i, if cell.is_some() { Group::Image } else { Group::Instruction })
    });
    let picture = PreparedPicture {
        width: 8,
        height: 8,
        source_width: 8,
        source_height: 8,
        covers: [0.0, 0.0, 8.0, 8.0],
        rows: 2,
        cols: 2,
    };
    let mut observation = Observation {
        layout: Some(Layout::new(tokens.collect(), vec![Medium::image(picture)])),
        ..Observation::default()
    };
    let row = [0.25, 0.125, 0.0625, 0.0, 0.125, 0.25, 0.125, 0.0625];
    observation.tokens.push(shared::observation::Generated {
        id: 0,
        text: "cat".into(),
        bytes: None,
        logprob: 0.0,
        alternatives: Vec::new(),
        flow: TokenFlow { layers: 1, heads: 1, mass: F32s(vec![0.0; 7]), rows: F32s(row.into()) },
    });
    let overlay = observation.overlay(0, 0, 0).unwrap();
    assert_eq!(overlay, [Some(0.25), Some(0.3125), Some(0.125), None]);
    assert_eq!(observation.overlay(0, 0, 1), None);
    assert_eq!(observation.overlay(0, 1, 0), None);
}

#[test]
fn segments_and_positions_of_a_layout() {
    let Event::Layout { layout, .. } = layout(&PROMPT) else { unreachable!() };
    assert_eq!(
        layout.segments(),
        [
            (Group::Begin, 0, 1),
            (Group::System, 1, 2),
            (Group::Image, 2, 4),
            (Group::Instruction, 4, 5)
        ]
    );
    assert_eq!(layout.image_positions().collect::<Vec<_>>(), [2, 3]);
    assert_eq!((layout.len(), layout.is_empty()), (5, false));
}
