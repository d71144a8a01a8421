//! The websocket's two forms, pinned byte for byte: `fixtures/messages.json` has one of every
//! message as JSON text and as MessagePack in hexadecimal. A change here is a change for every
//! client and every stored run. `fixtures/messages-1.json` is what version 1 of the event format
//! wrote, and is never rewritten.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use serde::{Deserialize, Serialize};
use shared::api::{RunCreated, ServerMessage, ViewerMessage};
use shared::event::Stop;
use shared::masses::LayerMasses;
use shared::moved::{LayersShift, Moved, Shift};
use shared::report::{Comparison, Fidelity};
use shared::sentence::LabError;
use shared::{
    Alternative, AskedOptions, CopyPositions, Envelope, ErrorBody, ErrorCode, Event, F32s,
    FEW_BINS, Group, ImageFit, LayerFlow, Layout, Masses, Medium, ModelInfo, PictureUse, Place,
    PreparedPicture, PruneCount, PrunePositions, Quant, Repeat, Resizing, RunOptions, Sampled,
    Summary, Timing, Token, TokenFlow,
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pinned {
    name: String,
    json: String,
    msgpack: String,
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/messages.json");

fn pinned() -> Vec<Pinned> {
    serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
}

fn floats(n: usize) -> F32s {
    F32s((0..n).map(|i| i as f32 / 8.0).collect())
}

fn events() -> Vec<Event> {
    let token = |index, text: &str, group: Group, place| Token {
        medium: group.is_medium().then_some(0),
        place,
        ..Token::text(index, 300 + index, text, group)
    };
    let layout = Layout::new(
        vec![
            token(0, "<s>", Group::Begin, None),
            token(1, "<image>", Group::Image, Some(Place::cell(0, 1, 2))),
            token(2, " Wörter", Group::Instruction, None),
        ],
        vec![Medium::image(PreparedPicture {
            width: 336,
            height: 336,
            source_width: 640,
            source_height: 480,
            covers: [80.0, 0.0, 480.0, 480.0],
            rows: 24,
            cols: 24,
        })],
    );
    let options = RunOptions {
        model: "demo-llava".into(),
        prompt: "What is it?".into(),
        quant: Quant::Q4k,
        max_new_tokens: 2,
        ignore_eos: true,
        fit: ImageFit::Pad,
        resize: Resizing::Pillow12,
        template: "plain".into(),
        prune: 0.75,
        prune_by: shared::PruneBy::default(),
        prune_count: PruneCount::Floor,
        prune_positions: Some(PrunePositions::Kept),
        replicate: 5,
        copies: CopyPositions::Shared,
        max_pixels: None,
        picture: PictureUse::Noise(7),
        film: shared::FilmOptions::default(),
        knockout: Some("text>image@1-2#0".parse().unwrap()),
        sampling: shared::Sampling {
            repetition_penalty: 1.05,
            temperature: 0.7,
            top_p: 0.9,
            seed: 3,
        },
        repeat: None,
        verify: true,
        changed: Vec::new(),
    };
    let model = ModelInfo {
        name: "demo-llava".into(),
        family: "llava-1.5".into(),
        layers: 1,
        heads: 1,
        hash: "ab".repeat(32),
        jpeg_decoder: "libjpeg-turbo (mozjpeg)".into(),
        fallbacks: vec!["lm_head: f16".into()],
        ..ModelInfo::default()
    };
    let flow = LayerFlow { heads: 1, mass: floats(FEW_BINS * FEW_BINS), last: floats(FEW_BINS) };
    let looked = TokenFlow { layers: 1, heads: 1, mass: floats(FEW_BINS), rows: floats(3) };
    let timing =
        Timing { prepare_ms: 1.0, vision_ms: 2.5, prefill_ms: 3.0, decode_ms: 4.0, total_ms: 10.5 };
    let summary = Summary { answer: "A cat.".into(), tokens: 2, stop: Stop::EndOfSequence, timing };
    let equal = Comparison {
        same_tokens: 2,
        tokens: 2,
        largest_logit_difference: 0.0,
        largest_logit: 8.5,
        rows: 4,
    };
    let shift = Shift { mdi: Some(1.02), aei_text: Some(1.001), aei_image: None };
    let layers = LayersShift { layers: 8, mean: 1.01, farthest: 0.96, layer: 3 };
    let moved = Moved { early: shift, middle: shift, late: shift, layers: Some(layers) };
    let near = Comparison { same_tokens: 1, largest_logit_difference: 0.25, ..equal };
    vec![
        Event::Queued { position: 3 },
        Event::Loading { bytes: 5_000_000_000, total: 14_000_000_000 },
        Event::Layout { layout, layers: 1, heads: 1, model, options },
        Event::PrefillLayer { layer: 0, flow },
        Event::Token {
            index: 0,
            id: 310,
            text: " cat".into(),
            bytes: None,
            logprob: -0.125,
            alternatives: vec![Alternative { id: 311, text: " dog".into(), logprob: -2.5 }],
            flow: looked,
        },
        Event::Verifying,
        Event::Verified {
            fidelity: Fidelity { quantized: Some(near), moved: Some(moved), ..Fidelity::of(equal) },
        },
        Event::Done { summary },
        Event::failed(ErrorCode::StorageFull, "No space."),
        Event::Cancelled,
    ]
}

/// What version 3 of the event format added: an answer of a run that is asked several times.
fn sampled() -> ServerMessage {
    let layers = vec![Some(LayerMasses::none(FEW_BINS)), None];
    let event = Event::Sampled(Sampled {
        index: 1,
        seed: 7,
        answer: "A dog.".into(),
        tokens: 2,
        masses: Masses { layers, ..Masses::default() },
    });
    ServerMessage::Event(Envelope { seq: 9, at_ms: 12.5, event })
}

/// Options that ask several times.
fn asked_again() -> AskedOptions {
    let repeat = Some(Repeat { times: 8, claim: "a dog".into() });
    AskedOptions { repeat, ..AskedOptions::default() }
}

fn messages() -> Vec<ServerMessage> {
    let envelope = |(i, event)| Envelope { seq: i as u64, at_ms: 12.5, event };
    let mut messages: Vec<ServerMessage> =
        events().into_iter().enumerate().map(envelope).map(ServerMessage::Event).collect();
    messages.push(ServerMessage::Gap { from: 3, to: 70_000 });
    let body = ErrorBody::new(ErrorCode::BadMessage, "What?");
    messages.push(ServerMessage::Error(body));
    messages.push(ServerMessage::Alive);
    messages
}

/// What says something that the lab has in every language.
fn with_sentences() -> [ServerMessage; 2] {
    let full = LabError::StorageFull { what: LabError::RunNotKept.into() };
    let event = Event::failed(ErrorCode::StorageFull, full);
    let waiting = ErrorBody::new(ErrorCode::TooManyRequests, LabError::RunsWaiting { n: 4 });
    [
        ServerMessage::Event(Envelope { seq: 3, at_ms: 12.5, event }),
        ServerMessage::Error(ErrorBody { retry_after: Some(2), ..waiting }),
    ]
}

fn pin<T: Serialize>(name: &str, value: &T) -> Pinned {
    let packed = rmp_serde::to_vec_named(value).unwrap();
    Pinned {
        name: name.to_owned(),
        json: serde_json::to_string(value).unwrap(),
        msgpack: packed.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().as_chunks::<2>().0;
    pairs.iter().map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

#[test]
fn messages_are_what_they_were() {
    let mut current: Vec<Pinned> = messages()
        .iter()
        .map(|m| {
            let json = serde_json::to_value(m).unwrap();
            let kind = json["kind"].as_str().unwrap();
            let name =
                json["event"]["type"].as_str().map_or(kind.to_owned(), |t| format!("{kind} {t}"));
            pin(&name, m)
        })
        .collect();
    current.push(pin("viewer cancel", &ViewerMessage::Cancel { owner_token: "secret".into() }));
    let created = RunCreated { id: "abc".into(), owner_token: "secret".into() };
    current.push(pin("run created", &created));
    current.push(pin("event sampled", &sampled()));
    current.push(pin("options that ask again", &asked_again()));
    current.extend(with_sentences().iter().map(|message| pin("with its sentence", message)));

    if std::env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&current).unwrap() + "\n";
        std::fs::write(FILE, text).unwrap();
    }
    let pinned = pinned();
    for (now, then) in current.iter().zip(&pinned) {
        assert_eq!(
            now, then,
            "the form of a message changed; if that is meant, raise EVENT_VERSION where old runs \
             cannot be read any more, and rewrite the fixture with\n  \
             UPDATE=1 cargo test -p langoverrule --test lab contract"
        );
    }
    assert_eq!(current.len(), pinned.len());
}

/// Messages as version 1 of the event format wrote them: each reads as the same message of today.
#[test]
fn messages_of_version_1_read_back() {
    const FIRST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/messages-1.json");
    let pinned: Vec<Pinned> = serde_json::from_slice(&std::fs::read(FIRST).unwrap()).unwrap();
    for (message, pinned) in messages().iter().zip(&pinned) {
        assert_eq!(serde_json::from_str::<ServerMessage>(&pinned.json).unwrap(), *message);
        let packed = bytes(&pinned.msgpack);
        assert_eq!(rmp_serde::from_slice::<ServerMessage>(&packed).unwrap(), *message);
    }
}

#[test]
fn pinned_messages_read_back() {
    let (messages, pinned) = (messages(), pinned());
    assert!(pinned.len() > messages.len(), "what the viewer sends is pinned as well");
    let more = with_sentences();
    let last = pinned.len() - more.len();
    let said = more.iter().zip(&pinned[last..]);
    for (message, pinned) in messages.iter().zip(&pinned).chain(said) {
        assert_eq!(serde_json::from_str::<ServerMessage>(&pinned.json).unwrap(), *message);
        let packed = bytes(&pinned.msgpack);
        assert_eq!(rmp_serde::from_slice::<ServerMessage>(&packed).unwrap(), *message);
    }
}

#[test]
fn what_version_3_added_reads_back() {
    let pinned = pinned();
    let named = |name: &str| pinned.iter().find(|pinned| pinned.name == name).unwrap();
    let event = named("event sampled");
    assert_eq!(serde_json::from_str::<ServerMessage>(&event.json).unwrap(), sampled());
    let packed = rmp_serde::from_slice::<ServerMessage>(&bytes(&event.msgpack)).unwrap();
    assert_eq!(packed, sampled());
    let options = named("options that ask again");
    assert_eq!(serde_json::from_str::<AskedOptions>(&options.json).unwrap(), asked_again());
    assert_eq!(options.json, r#"{"repeat":{"times":8,"claim":"a dog"}}"#);
}

#[test]
fn numbers_travel_as_their_own_bytes() {
    // What makes a live page cheap: a flow is one copy, not a parse of its digits.
    let flow = messages().remove(3);
    let packed = rmp_serde::to_vec_named(&flow).unwrap();
    let raw: Vec<u8> = floats(FEW_BINS * FEW_BINS).0.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert!(packed.windows(raw.len()).any(|w| w == raw));
}
