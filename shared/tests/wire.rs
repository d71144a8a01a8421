//! The two forms of everything that travels: JSON and MessagePack with named fields.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::api::{RunRecord, RunState, ServerMessage, ViewerMessage};
use shared::event::Stop;
use shared::masses::{Extent, LayerMasses};
use shared::options::resolve;
use shared::report::{Comparison, Fidelity};
use shared::sentence::LabError;
use shared::*;

/// Numbers with an exact binary form of few digits: what is tested here is the form, not how
/// serde_json rounds the seventeenth digit of a double.
fn ms() -> impl Strategy<Value = f64> {
    (0u32..1 << 24).prop_map(|n| f64::from(n) / 64.0)
}

fn finite() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<f32>().prop_filter("finite", |v| v.is_finite()),
        0.0f32..1.0,
        Just(0.0),
        Just(f32::MIN_POSITIVE),
        Just(1.0e-45),
    ]
}

fn f32s(len: usize) -> impl Strategy<Value = F32s> {
    prop::collection::vec(finite(), len).prop_map(F32s)
}

fn group() -> impl Strategy<Value = Group> {
    prop::sample::select(&Group::ALL[..])
}

fn token() -> impl Strategy<Value = Token> {
    let cell = prop::option::of((any::<u16>(), any::<u16>(), any::<u16>()));
    (any::<u32>(), any::<u32>(), any::<String>(), group(), cell).prop_map(
        |(index, id, text, group, cell)| {
            let place = cell.map(|(row, col, copy)| Place::cell(row, col, copy));
            // Tokens of no medium have no place in one.
            let group = if place.is_some() { Group::Image } else { group };
            let medium = group.is_medium().then_some((index % 9) as u8);
            Token { medium, place, ..Token::text(index, id, text, group) }
        },
    )
}

fn layout() -> impl Strategy<Value = Layout> {
    let picture =
        (any::<[u32; 4]>(), prop::array::uniform4(finite()), any::<[u16; 2]>()).prop_map(
            |([width, height, source_width, source_height], covers, [rows, cols])| {
                PreparedPicture { width, height, source_width, source_height, covers, rows, cols }
            },
        );
    (prop::collection::vec(token(), 0..6), prop::collection::vec(picture, 0..4)).prop_map(
        |(tokens, pictures)| Layout::new(tokens, pictures.into_iter().map(Medium::image).collect()),
    )
}

fn groups(bits: u32) -> GroupSet {
    Group::ALL.into_iter().filter(|g| bits & (1 << g.index()) != 0).collect::<Vec<_>>().into()
}

fn options() -> impl Strategy<Value = RunOptions> {
    (
        (any::<String>(), any::<String>(), prop::sample::select(&Quant::ALL[..]), any::<u32>()),
        (any::<bool>(), any::<bool>(), any::<String>(), 0.0f32..1.0, any::<[u32; 2]>()),
    )
        .prop_map(|((model, prompt, quant, max_new_tokens), rest)| {
            let (ignore_eos, pad, template, prune, [replicate, pixels]) = rest;
            let fit = if pad { ImageFit::Pad } else { ImageFit::Crop };
            RunOptions {
                model,
                prompt,
                quant,
                max_new_tokens,
                ignore_eos,
                fit,
                resize: Resizing::ALL[pixels as usize % 3],
                template,
                prune,
                prune_by: match replicate % 2 {
                    0 => PruneBy::Score,
                    _ => PruneBy::Random(replicate),
                },
                prune_count: PruneCount::ALL[replicate as usize % 2],
                prune_positions: match replicate % 3 {
                    0 => None,
                    n => Some(PrunePositions::ALL[n as usize - 1]),
                },
                replicate,
                copies: CopyPositions::ALL[replicate as usize % 5 % 2],
                max_pixels: (pixels % 2 == 1).then_some(pixels),
                picture: [
                    PictureUse::Own,
                    PictureUse::Blank,
                    PictureUse::Noise(pixels),
                    PictureUse::None,
                ][pixels as usize % 4],
                film: FilmOptions {
                    sampling: FilmSampling::ALL[pixels as usize % 3],
                    fps: (replicate % 3 == 1).then_some(0.5),
                    after: AfterFilm::ALL[pixels as usize % 2],
                    order: [FrameOrder::Own, FrameOrder::Reversed, FrameOrder::Shuffled(pixels)]
                        [replicate as usize % 3],
                },
                knockout: (replicate % 2 == 1).then(|| Knockout {
                    from: groups(replicate),
                    to: groups(pixels),
                    layers: (pixels % 5 > 1)
                        .then_some(LayerBand { first: pixels, last: replicate }),
                    heads: (0..replicate % 4).collect(),
                }),
                sampling: match pixels % 3 {
                    0 => Sampling::default(),
                    _ => Sampling {
                        repetition_penalty: 1.25,
                        temperature: f64::from(pixels % 64) / 64.0,
                        top_p: 0.75,
                        seed: pixels,
                    },
                },
                repeat: (replicate % 5 == 1)
                    .then(|| Repeat { times: pixels, claim: replicate.to_string() }),
                verify: pixels % 3 == 1,
                changed: (pixels % 7 == 1)
                    .then(|| Changed {
                        option: "max_pixels".into(),
                        asked: pixels.to_string(),
                        used: replicate.to_string(),
                        why: WhyChanged::AboveModelLimit,
                    })
                    .into_iter()
                    .collect(),
            }
        })
}

fn model() -> impl Strategy<Value = ModelInfo> {
    (any::<[String; 3]>(), any::<[u32; 6]>(), any::<[u64; 2]>(), any::<Vec<String>>()).prop_map(
        |([name, family, device], n, [parameters, bytes], fallbacks)| ModelInfo {
            name,
            family,
            layers: n[0],
            heads: n[1],
            kv_heads: n[2],
            hidden: n[3],
            vocab: n[4],
            max_positions: n[5],
            parameters,
            notes: fallbacks.iter().rev().cloned().collect(),
            fallbacks,
            device,
            bytes,
            ..ModelInfo::default()
        },
    )
}

fn layer_flow() -> impl Strategy<Value = LayerFlow> {
    (0usize..4).prop_flat_map(|heads| {
        (f32s(heads * FEW_BINS * FEW_BINS), f32s(heads * FEW_BINS))
            .prop_map(move |(mass, last)| LayerFlow { heads: heads as u32, mass, last })
    })
}

fn token_flow() -> impl Strategy<Value = TokenFlow> {
    (0usize..4, 0usize..4, 0usize..9).prop_flat_map(|(layers, heads, keys)| {
        (f32s(layers * heads * FEW_BINS), f32s(layers * keys)).prop_map(move |(mass, rows)| {
            TokenFlow { layers: layers as u32, heads: heads as u32, mass, rows }
        })
    })
}

/// Masses of a run of one picture.
fn masses() -> impl Strategy<Value = Masses> {
    let row = || prop::collection::vec(ms(), FEW_BINS);
    let layer = (row(), row(), prop::collection::vec(row(), FEW_BINS))
        .prop_map(|(last, generated, prompt)| LayerMasses { last, generated, prompt });
    let layers = prop::collection::vec(prop::option::of(layer), 0..3);
    (layers, any::<u32>()).prop_map(|(layers, generated)| {
        let extent = Extent { generated, ..Extent::default() };
        Masses { extent, layers }
    })
}

fn alternatives() -> impl Strategy<Value = Vec<Alternative>> {
    let one = (any::<u32>(), any::<String>(), finite());
    let one = one.prop_map(|(id, text, logprob)| Alternative { id, text, logprob });
    prop::collection::vec(one, 0..4)
}

fn timing() -> impl Strategy<Value = Timing> {
    prop::array::uniform5(ms()).prop_map(|t| Timing {
        prepare_ms: t[0],
        vision_ms: t[1],
        prefill_ms: t[2],
        decode_ms: t[3],
        total_ms: t[4],
    })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    (any::<[u32; 3]>(), finite(), finite()).prop_map(|(n, difference, logit)| Comparison {
        same_tokens: n[0],
        tokens: n[1],
        largest_logit_difference: difference,
        largest_logit: logit,
        rows: n[2],
    })
}

fn code() -> impl Strategy<Value = ErrorCode> {
    prop::sample::select(ErrorCode::ALL)
}

fn event() -> impl Strategy<Value = Event> {
    let stop = prop::sample::select(&[Stop::EndOfSequence, Stop::Length, Stop::Context][..]);
    prop_oneof![
        any::<u32>().prop_map(|position| Event::Queued { position }),
        any::<[u64; 2]>().prop_map(|[bytes, total]| Event::Loading { bytes, total }),
        (layout(), any::<u32>(), any::<u32>(), model(), options()).prop_map(
            |(layout, layers, heads, model, options)| Event::Layout {
                layout,
                layers,
                heads,
                model,
                options
            }
        ),
        (any::<u32>(), layer_flow()).prop_map(|(layer, flow)| Event::PrefillLayer { layer, flow }),
        (any::<[u32; 2]>(), any::<String>(), finite(), alternatives(), token_flow()).prop_map(
            |([index, id], text, logprob, alternatives, flow)| Event::Token {
                index,
                id,
                text,
                bytes: None,
                logprob,
                alternatives,
                flow
            }
        ),
        (any::<[u32; 3]>(), any::<String>(), masses()).prop_map(
            |([index, seed, tokens], answer, masses)| {
                Event::Sampled(Sampled { index, seed, answer, tokens, masses })
            }
        ),
        Just(Event::Verifying),
        (comparison(), prop::option::of(comparison())).prop_map(|(observed, quantized)| {
            Event::Verified { fidelity: Fidelity { quantized, ..Fidelity::of(observed) } }
        }),
        (any::<String>(), any::<u32>(), stop, timing()).prop_map(
            |(answer, tokens, stop, timing)| Event::Done {
                summary: Summary { answer, tokens, stop, timing }
            }
        ),
        (code(), any::<String>(), any::<bool>()).prop_map(|(code, message, is_sentence)| {
            match is_sentence {
                true => Event::failed(code, LabError::PullBusy { name: message }),
                false => Event::failed(code, message),
            }
        }),
        Just(Event::Cancelled),
    ]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    (any::<u64>(), ms(), event()).prop_map(|(seq, at_ms, event)| Envelope { seq, at_ms, event })
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    prop_oneof![
        4 => envelope().prop_map(ServerMessage::Event),
        1 => any::<[u64; 2]>().prop_map(|[from, to]| ServerMessage::Gap { from, to }),
        1 => Just(ServerMessage::Alive),
        1 => (code(), any::<String>())
            .prop_map(|(code, message)| ServerMessage::Error(ErrorBody::new(code, message))),
    ]
}

/// Writes and reads a value in both forms.
fn both_ways<T>(value: &T) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let json = serde_json::to_string(value).unwrap();
    let back: T =
        serde_json::from_str(&json).map_err(|e| TestCaseError::fail(format!("{e}: {json}")))?;
    prop_assert_eq!(&back, value, "JSON");
    let packed = rmp_serde::to_vec_named(value).unwrap();
    let back: T = rmp_serde::from_slice(&packed)
        .map_err(|e| TestCaseError::fail(format!("MessagePack: {e}: {value:?}")))?;
    prop_assert_eq!(&back, value, "MessagePack");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_event_survives_both_forms(event in event()) {
        both_ways(&event)?;
    }

    #[test]
    fn every_server_message_survives_both_forms(message in server_message()) {
        both_ways(&message)?;
    }

    #[test]
    fn records_and_viewer_messages_survive_both_forms(
        events in prop::collection::vec(envelope(), 0..4),
        options in options(),
        owner_token in any::<String>(),
    ) {
        both_ways(&ViewerMessage::Cancel { owner_token: owner_token.clone() })?;
        both_ways(&RunRecord {
            id: "r".into(),
            version: shared::event::EVENT_VERSION,
            created: "2026-11-23T21:08:00Z".into(),
            state: RunState::Done,
            options,
            label: shared::Label { name: "A".into(), note: owner_token },
            events,
        })?;
    }

    #[test]
    fn floats_are_a_list_in_json_and_four_bytes_each_in_messagepack(values in f32s(5)) {
        let json = serde_json::to_value(&values).unwrap();
        prop_assert_eq!(json.as_array().unwrap().len(), 5);
        let packed = rmp_serde::to_vec_named(&values).unwrap();
        prop_assert_eq!(packed.len(), 2 + 5 * 4, "a bin8 header, then the floats");
        let bytes: Vec<u8> = values.0.iter().flat_map(|v| v.to_le_bytes()).collect();
        prop_assert_eq!(&packed[2..], &bytes[..]);
        // A client in another language may send a plain list in MessagePack too.
        let list = rmp_serde::to_vec_named(&values.0).unwrap();
        prop_assert_eq!(rmp_serde::from_slice::<F32s>(&list).unwrap(), values);
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = rmp_serde::from_slice::<ServerMessage>(&bytes);
        let _ = serde_json::from_slice::<ServerMessage>(&bytes);
        let _ = serde_json::from_slice::<ViewerMessage>(&bytes);
    }

    #[test]
    fn definitions_survive_both_forms(bits in 0u16..1024, head in prop::option::of(any::<u32>()), queries in 0usize..5) {
        let text = Group::ALL.into_iter().filter(|g| bits & (1 << g.index()) != 0).collect::<Vec<_>>();
        let queries = [
            Queries::Predicting,
            Queries::GeneratedPositions,
            Queries::LastPrompt,
            Queries::PromptText,
            Queries::AllPrompt,
        ][queries];
        both_ways(&Definition {
            queries,
            text: GroupSet::from(text),
            heads: head.map_or(Heads::ShareThenMean, Heads::One),
            stages: Stages::Thirds,
            layers: Ratio::RatioOfMeans,
            other: [Media::All, Media::Kind(Group::Audio), Media::Item(2)][head.unwrap_or(0) as usize % 3],
            instead: head.map(|head| Media::Item((head % 9) as u8)),
        })?;
    }
}

#[test]
fn bytes_that_are_no_floats_are_refused() {
    // bin8 of three bytes.
    assert!(rmp_serde::from_slice::<F32s>(&[0xc4, 3, 0, 0, 0]).is_err());
    assert!(serde_json::from_str::<F32s>("\"text\"").is_err());
}

#[test]
fn the_json_form_is_what_clients_were_promised() {
    let event = Envelope {
        seq: 3,
        at_ms: 41.5,
        event: Event::PrefillLayer {
            layer: 2,
            flow: LayerFlow { heads: 0, mass: F32s(vec![0.5]), last: F32s(vec![]) },
        },
    };
    assert_eq!(
        serde_json::to_string(&ServerMessage::Event(event)).unwrap(),
        r#"{"kind":"event","seq":3,"at_ms":41.5,"event":{"type":"prefill_layer","layer":2,"flow":{"heads":0,"mass":[0.5],"last":[]}}}"#
    );
    assert_eq!(
        serde_json::to_string(&ServerMessage::Gap { from: 2, to: 9 }).unwrap(),
        r#"{"kind":"gap","from":2,"to":9}"#
    );
    assert_eq!(serde_json::to_string(&ServerMessage::Alive).unwrap(), r#"{"kind":"alive"}"#);
    assert_eq!(
        serde_json::to_string(&Preset::Forward.definition()).unwrap(),
        r#"{"queries":"prompt_text","text":["system","template","instruction"],"heads":"mean_first","stages":"two","layers":"mean_of_ratios"}"#
    );
    assert_eq!(serde_json::to_string(&Heads::One(3)).unwrap(), r#"{"one":3}"#);
    let cancel: ViewerMessage =
        serde_json::from_str(r#"{"type":"cancel","owner_token":"t"}"#).unwrap();
    assert_eq!(cancel, ViewerMessage::Cancel { owner_token: "t".into() });
    for refused in [
        r#"{"type":"cancel"}"#,
        r#"{"type":"stop"}"#,
        r#"{"type":"cancel","owner_token":"t","x":1}"#,
    ] {
        assert!(serde_json::from_str::<ViewerMessage>(refused).is_err(), "{refused}");
    }
}

#[test]
fn options_left_out_take_their_defaults_and_unknown_ones_are_refused() {
    let asked: AskedOptions = serde_json::from_str(r#"{"prompt":"what is it?"}"#).unwrap();
    assert_eq!(asked, AskedOptions { prompt: "what is it?".into(), ..AskedOptions::default() });
    let options = resolve(&asked, &ModelDefaults::default(), &ModelTraits::default()).unwrap();
    let resize = ModelTraits::default().resize;
    assert_eq!(
        options,
        RunOptions { prompt: "what is it?".into(), resize, ..RunOptions::default() }
    );
    // What runs and links of an earlier lab hold reads the same, and still is what is written.
    let written = serde_json::to_string(&options).unwrap();
    for new in ["prune_by", "prune_count", "prune_positions", "copies", "picture", "knockout"] {
        assert!(!written.contains(new), "{written}");
    }
    let json = r#"{"prune_count":"floor","prune_positions":"kept","copies":"shared"}"#;
    let levers: AskedOptions = serde_json::from_str(json).unwrap();
    assert_eq!(levers.prune_count, Some(PruneCount::Floor));
    assert_eq!(levers.prune_positions, Some(PrunePositions::Kept));
    assert_eq!(levers.copies, Some(CopyPositions::Shared));
    let json = r#"{"picture":{"noise":7},"knockout":{"from":["instruction","generated"],
        "to":["image"],"layers":{"first":1,"last":2}}}"#;
    let options: AskedOptions = serde_json::from_str(json).unwrap();
    assert_eq!(options.picture, Some(PictureUse::Noise(7)));
    assert_eq!(options.knockout, Some("instruction+generated>image@1-2".parse().unwrap()));
    for wrong in [
        r#"{"picture":"noise"}"#,
        r#"{"knockout":{"from":["instruction"]}}"#,
        r#"{"knockout":{"from":["instruction"],"to":["image"],"layer":1}}"#,
    ] {
        assert!(serde_json::from_str::<AskedOptions>(wrong).is_err(), "{wrong}");
    }
    assert!(serde_json::from_str::<AskedOptions>(r#"{"copies":"both"}"#).is_err());
    assert!(serde_json::from_str::<AskedOptions>(r#"{"promt":"a typing error"}"#).is_err());
    assert!(serde_json::from_str::<AskedOptions>(r#"{"quant":"q9"}"#).is_err());
}

/// What earlier labs stored as a run's options and as an experiment's is read as both types.
#[test]
fn options_of_earlier_labs_are_read() {
    let stored = r#"{"model":"demo-llava","prompt":"What is it?","quant":"q4k","max_new_tokens":6,
        "ignore_eos":false,"fit":"pad","template":null,"prune":0.75,"replicate":1}"#;
    let run: RunOptions = serde_json::from_str(stored).unwrap();
    assert_eq!((run.template.as_str(), run.fit, run.quant), ("", ImageFit::Pad, Quant::Q4k));
    // Runs that do not say whose arithmetic resized their picture were resized as Pillow 13 does it.
    assert_eq!(run.resize, Resizing::Pillow13);
    let asked: AskedOptions = serde_json::from_str(stored).unwrap();
    assert_eq!((asked.template, asked.prune, asked.fit), (None, Some(0.75), Some(ImageFit::Pad)));
    let named: RunOptions = serde_json::from_str(r#"{"template":"vicuna-v1"}"#).unwrap();
    assert_eq!(named.template, "vicuna-v1");
}
