//! Prompts with several media: bins, sides of a definition, and what version 1 of the event format
//! becomes.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use shared::masses::Masses;
use shared::*;

/// A prompt of words and media, in bins, and one layer's attention weights `[rows, keys]`, causal.
#[derive(Clone, Debug)]
struct Prompt {
    layout: Layout,
    weights: Vec<Vec<f64>>,
}

fn view(cols: u16) -> PreparedPicture {
    PreparedPicture {
        width: 28 * u32::from(cols),
        height: 28,
        source_width: 10,
        source_height: 10,
        covers: [0.0, 0.0, 10.0, 10.0],
        rows: 1,
        cols,
    }
}

fn prompt() -> impl Strategy<Value = Prompt> {
    let lengths = prop::collection::vec(1u16..5, 2..5);
    let scores = prop::collection::vec(-4.0f64..4.0, 997);
    (lengths, any::<bool>(), scores).prop_map(|(lengths, film, scores)| {
        let mut tokens = vec![Token::text(0, 0, "<s>", Group::Begin)];
        let mut media = Vec::new();
        for (medium, n) in (0u8..).zip(&lengths) {
            let is_film = film && medium == 1;
            let group = if is_film { Group::Video } else { Group::Image };
            media.push(match is_film {
                true => Medium::Video {
                    view: view(*n),
                    times: vec![0],
                    frames: vec![0, 1],
                    of: 2,
                    rate: 2.0,
                    rule: shared::FilmSampling::All,
                },
                false => Medium::image(view(*n)),
            });
            for col in 0..*n {
                let place = (!is_film).then(|| Place::cell(0, col, 0));
                let text = Token::text(tokens.len() as u32, 1, "<image>", group);
                tokens.push(Token { medium: Some(medium), place, ..text });
            }
            tokens.push(Token::text(tokens.len() as u32, 2, "and", Group::Instruction));
        }
        let mut scores = scores.iter().cycle();
        let row = |i: usize| {
            let e: Vec<f64> = (0..=i).map(|_| scores.next().unwrap().exp()).collect();
            let sum: f64 = e.iter().sum();
            e.iter().map(|v| v / sum).collect()
        };
        let weights = (0..tokens.len()).map(row).collect();
        Prompt { layout: Layout::new(tokens, media), weights }
    })
}

impl Prompt {
    /// Attention of the last row, and the number of keys, of the positions that are so.
    fn on(&self, is: impl Fn(&Token) -> bool) -> (f64, f64) {
        let last = self.weights.last().unwrap();
        let keys = self.layout.tokens.iter().zip(last).filter(|(t, _)| is(t));
        keys.fold((0.0, 0.0), |(sum, n), (_, weight)| (sum + weight, n + 1.0))
    }

    fn observation(&self) -> Observation {
        let bins = self.layout.bins.len();
        let (mut mass, mut last) = (vec![0.0; bins * bins], vec![0.0; bins]);
        for (query, row) in self.layout.tokens.iter().zip(&self.weights) {
            last.fill(0.0);
            for (key, weight) in self.layout.tokens.iter().zip(row) {
                mass[self.layout.bin(query) * bins + self.layout.bin(key)] += *weight as f32;
                last[self.layout.bin(key)] += *weight as f32;
            }
        }
        let mut observation = Observation::default();
        observation.apply(&Event::Layout {
            layout: self.layout.clone(),
            layers: 1,
            heads: 1,
            model: ModelInfo::default(),
            options: RunOptions::default(),
        });
        let flow = LayerFlow { heads: 1, mass: F32s(mass), last: F32s(last) };
        observation.apply(&Event::PrefillLayer { layer: 0, flow });
        observation
    }
}

fn last(text: &str) -> Definition {
    Definition { queries: Queries::LastPrompt, ..Definition::from_text(text).unwrap() }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 2e-5 * a.abs().max(b.abs()).max(1e-3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sides_are_what_they_name(p in prompt()) {
        let observation = p.observation();
        let words = p.on(|t| !t.group.is_medium());
        let item = |i: u8| p.on(move |t| t.medium == Some(i));
        let images = p.on(|t| t.group == Group::Image);
        let media = p.on(|t| t.group.is_medium());
        for (text, (a, n), (b, m)) in [
            ("paper", words, media),
            ("paper:all", words, media),
            ("paper:image", words, images),
            ("paper:1", words, item(0)),
            ("paper:2", words, item(1)),
            ("paper:1/2", item(0), item(1)),
            ("paper:2/1", item(1), item(0)),
        ] {
            let measure = observation.measure(0, &last(text));
            let mdi = measure.mdi.unwrap();
            prop_assert!(close(mdi, (a / n) / (b / m)), "{text}: {mdi} is not {}", (a / n) / (b / m));
            // The identities hold whatever stands on the two sides.
            let (t, o) = (measure.aei_text.unwrap(), measure.aei_image.unwrap());
            prop_assert!(close(mdi, t / o) && measure.identity_residual().unwrap() < 1e-9);
            prop_assert!(close(measure.share_text.unwrap(), a / (a + b)));
            prop_assert!(close(measure.share_tokens_text.unwrap(), n / (n + m)));
            // What is kept of a run in an experiment says the same, to the last bit.
            let kept = observation.masses().unwrap();
            prop_assert_eq!(kept.measure(0, &last(text)), measure);
            let json = serde_json::to_string(&kept).unwrap();
            let back: Masses = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&back, &kept);
            let even = observation.even_attention(&last(text), Seen::ALL).unwrap();
            prop_assert!(close(even.mdi().unwrap(), 1.0), "no preference");
        }
        let of = |text: &str| observation.measure(0, &last(text)).mdi.unwrap();
        prop_assert!(close(of("paper:1/2") * of("paper:2/1"), 1.0), "each other's inverse");
        prop_assert!(close(of("paper:1/2") * of("paper:1"), of("paper:2")), "words cancel");
    }

    #[test]
    fn all_media_are_the_sum_of_the_items(p in prompt()) {
        let observation = p.observation();
        let items = p.layout.media.len() as u8;
        let sum = |pick: fn(&Attention) -> f64| -> f64 {
            let of = |i| observation.attention(0, &Definition { other: Media::Item(i), ..last("paper") });
            (0..items).map(|i| pick(&of(i).unwrap())).sum()
        };
        let all = observation.attention(0, &last("paper")).unwrap();
        prop_assert!(close(all.image, sum(|a| a.image)));
        prop_assert_eq!(f64::from(all.image_tokens), sum(|a| f64::from(a.image_tokens)));
        prop_assert_eq!(p.layout.media_counts().iter().sum::<u32>(), all.image_tokens);
    }

    #[test]
    fn layouts_travel(p in prompt()) {
        let json = serde_json::to_string(&p.layout).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Layout>(&json).unwrap(), &p.layout);
        let packed = rmp_serde::to_vec_named(&p.layout).unwrap();
        prop_assert_eq!(&rmp_serde::from_slice::<Layout>(&packed).unwrap(), &p.layout);
    }
}

#[test]
fn what_is_not_there_is_undefined() {
    let tokens = vec![
        Token::text(0, 0, "<s>", Group::Begin),
        Token { medium: Some(0), ..Token::text(1, 1, "<image>", Group::Image) },
        Token::text(2, 2, "and", Group::Instruction),
    ];
    let layout = Layout::new(tokens, vec![Medium::image(view(1))]);
    let p = Prompt { layout, weights: vec![vec![1.0], vec![0.5, 0.5], vec![0.2, 0.3, 0.5]] };
    let observation = p.observation();
    let of = |text: &str| observation.measure(0, &last(text)).mdi;
    assert!(of("paper:1").is_ok() && of("paper:image").is_ok());
    assert_eq!(of("paper:1"), of("paper"), "there is one");
    assert_eq!(of("paper:2"), Err(Undefined::NoImageTokens));
    assert_eq!(of("paper:audio"), Err(Undefined::NoImageTokens));
    assert_eq!(of("paper:2/1"), Err(Undefined::NoTextTokens));
    assert_eq!(of("paper:1/1"), Err(Undefined::NoTextTokens), "nothing stands on both sides");
}

#[test]
fn definitions_with_sides_are_written_and_read() {
    for text in ["paper", "forward:image", "paper:1", "reimplementation:1/2", "paper:image/video"] {
        let definition = Definition::from_text(text).unwrap();
        assert_eq!(definition.to_text().as_deref(), Some(text));
        let json = serde_json::to_string(&definition).unwrap();
        assert_eq!(serde_json::from_str::<Definition>(&json).unwrap(), definition);
    }
    // What was written before there were sides is written as it was.
    let json = serde_json::to_string(&Definition::default()).unwrap();
    assert!(!json.contains("other") && !json.contains("instead"), "{json}");
    for wrong in ["papr", "paper:", "paper:0", "paper:10", "paper:x", "paper:1/", "paper:/1"] {
        assert!(Definition::from_text(wrong).is_err(), "{wrong}");
    }
    let wrong = r#"{"queries":"predicting","text":[],"heads":"mean_first","stages":"two",
        "layers":"mean_of_ratios","other":"ten"}"#;
    assert!(serde_json::from_str::<Definition>(wrong).is_err());
}

/// A layout as version 1 of the event format wrote it.
#[test]
fn a_layout_of_version_1_is_one_picture() {
    let json = r#"{"tokens":[
        {"index":0,"id":1,"text":"<s>","group":"begin"},
        {"index":1,"id":9,"text":"<image>","group":"image","cell":{"row":0,"col":1,"copy":2}},
        {"index":2,"id":5,"text":"a","group":"instruction"}],
        "picture":{"width":28,"height":28,"source_width":10,"source_height":10,
        "covers":[0,0,10,10],"rows":1,"cols":2}}"#;
    let layout: Layout = serde_json::from_str(json).unwrap();
    assert!(layout.bins.is_one_picture());
    assert_eq!(layout.media.len(), 1);
    assert_eq!(layout.picture().unwrap().cols, 2);
    assert_eq!((layout.tokens[1].medium, layout.tokens[2].medium), (Some(0), None));
    assert_eq!(layout.tokens[1].place, Some(Place::cell(0, 1, 2)));
    assert_eq!(layout.bin_segments(), [(0, 0, 1), (4, 1, 2), (5, 2, 3)]);
    let without = r#"{"tokens":[],"picture":null}"#;
    assert_eq!(serde_json::from_str::<Layout>(without).unwrap().media, []);
}

/// An outcome's masses as they were written before there were several media.
#[test]
fn masses_of_one_picture_are_written_as_they_were() {
    let seven = "[0.0,0.0,0.0,0.0,0.5,0.5,0.0]";
    let rows = [seven; 7].join(",");
    let json = format!(
        "{{\"extent\":{{\"prompt\":[1,0,0,0,4,2,0],\"generated\":0}},\
         \"layers\":[{{\"last\":{seven},\"generated\":{seven},\"prompt\":[{rows}]}}]}}"
    );
    let masses: Masses = serde_json::from_str(&json).unwrap();
    assert_eq!(masses.measure(0, &last("paper")).mdi, Ok((0.5 / 3.0) / (0.5 / 4.0)));
    assert_eq!(serde_json::to_string(&masses).unwrap(), json);
}

/// Two steps of 1 × 2 cells, of which one was pruned, given twice.
#[test]
fn attention_on_a_film_is_summed_over_copies_and_by_step() {
    let (frames, rule) = (vec![0, 1, 2, 3], FilmSampling::QwenVlUtils);
    let film =
        Medium::Video { view: view(2), times: vec![0, 1000], frames, of: 4, rate: 2.0, rule };
    let mut tokens = vec![Token::text(0, 0, "<s>", Group::Begin)];
    for _ in 0..2 {
        for (step, col) in [(0, 0), (0, 1), (1, 1)] {
            let place = Some(Place::Moment(Moment { step, row: 0, col }));
            let text = Token::text(tokens.len() as u32, 1, "<video>", Group::Video);
            tokens.push(Token { medium: Some(0), place, ..text });
        }
    }
    let layout = Layout::new(tokens, vec![film, Medium::image(view(2))]);
    let row = [0.25, 0.125, 0.0625, 0.03125, 0.25, 0.125, 0.15625];
    let cells = layout.on_moments(0, &row).unwrap();
    assert_eq!(cells, [vec![Some(0.375), Some(0.1875)], vec![None, Some(0.1875)]]);
    assert_eq!(layout.on_steps(0, &row).unwrap(), [(0.0, 0.5625), (1.0, 0.1875)]);
    assert_eq!(layout.on_steps(0, &row[..5]), None, "the row ends before the film does");
    assert_eq!(layout.on_steps(1, &row), None, "a picture has no steps");
    assert_eq!(layout.on_moments(2, &row), None, "there is no such medium");
}
