//! Names that programs, links and stored runs rely on. A name here may be added, never changed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;

use shared::*;

fn json<T: serde::Serialize>(value: T) -> String {
    serde_json::to_string(&value).unwrap()
}

#[test]
fn error_codes_are_unique_and_stable() {
    let promised = [
        ("picture_missing", 400),
        ("picture_empty", 400),
        ("picture_unreadable", 415),
        ("picture_damaged", 400),
        ("picture_too_large", 413),
        ("picture_too_many_pixels", 413),
        ("prompt_empty", 400),
        ("prompt_too_long", 400),
        ("unknown_model", 404),
        ("bad_option", 400),
        ("bad_request", 400),
        ("not_found", 404),
        ("method_not_allowed", 405),
        ("not_owner", 403),
        ("queue_full", 503),
        ("bad_message", 400),
        ("classroom_full", 503),
        ("guess_closed", 409),
        ("model_unusable", 422),
        ("not_finite", 500),
        ("over_budget", 413),
        ("storage_full", 507),
        ("storage_damaged", 500),
        ("interrupted", 500),
        ("shutting_down", 503),
        ("internal", 500),
    ];
    let names: HashSet<_> = ErrorCode::ALL.iter().map(|c| c.name()).collect();
    assert_eq!(names.len(), ErrorCode::ALL.len(), "no two codes share a name");
    for (name, status) in promised {
        let code = ErrorCode::ALL.iter().find(|c| c.name() == name);
        let code = code.unwrap_or_else(|| panic!("the code {name} is gone"));
        assert_eq!(code.http_status(), status, "{name}");
    }
    for code in ErrorCode::ALL {
        assert!((400..600).contains(&code.http_status()), "{code}");
        assert_eq!(json(code), format!("\"{code}\""), "name() and serde agree");
        assert_eq!(serde_json::from_str::<ErrorCode>(&json(code)).unwrap(), *code);
    }
}

#[test]
fn an_error_reads_as_its_message() {
    let error = ErrorBody::new(ErrorCode::PromptEmpty, "Type a question.");
    assert_eq!(error.to_string(), "Type a question.");
    assert_eq!(json(error), r#"{"code":"prompt_empty","message":"Type a question."}"#);
}

#[test]
fn groups_have_stable_names_and_indices() {
    let promised = [
        "begin",
        "system",
        "template",
        "marker",
        "image",
        "instruction",
        "generated",
        "video",
        "audio",
        "series",
    ];
    assert_eq!(Group::ALL.map(Group::name), promised);
    for (index, group) in Group::ALL.into_iter().enumerate() {
        assert_eq!(group.index(), index);
        assert_eq!(json(group), format!("\"{}\"", group.name()));
    }
}

#[test]
fn sets_of_groups_are_sets() {
    let set = GroupSet::of(&[Group::Image, Group::Begin, Group::Image]);
    assert_eq!(json(set), r#"["begin","image"]"#);
    assert_eq!(serde_json::from_str::<GroupSet>(r#"["image","begin","begin"]"#).unwrap(), set);
    assert!(set.contains(Group::Begin) && !set.contains(Group::System));
    assert_eq!(set.without(Group::Image).with(Group::Image), set);
    assert!(set.without(Group::Image).without(Group::Begin).is_empty());
    assert_eq!(GroupSet::EMPTY.iter().count(), 0);
    assert!(serde_json::from_str::<GroupSet>(r#"["picture"]"#).is_err());
}

#[test]
fn counts_count() {
    use Group::{Begin, Image, System};
    let counts = Counts::of([Begin, System, System, Image]);
    assert_eq!(counts.get(System), 2);
    assert_eq!(counts.in_set(GroupSet::of(&[System, Image])), 3);
    assert_eq!(counts.with(Image, 5).get(Image), 5);
}

#[test]
fn presets_choose_what_they_promise() {
    assert_eq!(Preset::ALL.map(Preset::name), ["paper", "reimplementation", "forward"]);
    for preset in Preset::ALL {
        assert_eq!(Preset::from_name(preset.name()), Some(preset));
        assert_eq!(preset.definition().preset(), Some(preset));
        assert_eq!(preset.definition().name(), preset.name());
        assert!(!preset.definition().text.contains(Group::Image));
        assert!(!preset.definition().text.contains(Group::Generated));
        assert_eq!(json(preset), format!("\"{}\"", preset.name()));
    }
    assert_eq!(Preset::from_name("custom"), None);
    let paper = Preset::Paper.definition();
    assert_eq!(Definition::default(), paper);
    assert_eq!(paper.queries, Queries::Predicting);
    assert_eq!(paper.text.iter().count(), 5, "every prompt group that is not Image");
    assert_eq!(Preset::Reimplementation.definition().text, paper.text.without(Group::Begin));
    let forward = Preset::Forward.definition();
    assert_eq!(forward.queries, Queries::PromptText);
    assert_eq!(forward.text, paper.text.without(Group::Begin).without(Group::Marker));
    assert_eq!(Definition { heads: Heads::One(0), ..paper }.name(), "custom");
}

#[test]
fn the_papers_stages_are_two_layers_each() {
    // PAPER.md 1.2: LLaVA-1.5-7B has 32 layers, Qwen2.5-VL-7B 28.
    let of = |layers| Stage::ALL.map(|s| s.layers(Stages::Two, layers));
    assert_eq!(of(32), [0..2, 15..17, 30..32]);
    assert_eq!(of(28), [0..2, 13..15, 26..28]);
    assert_eq!(of(8), [0..2, 3..5, 6..8]);
}

#[test]
fn stages_stay_inside_the_decoder_and_are_empty_only_without_layers() {
    for layers in 0..40 {
        for stages in [Stages::Two, Stages::Thirds, Stages::All] {
            for stage in Stage::ALL {
                let range = stage.layers(stages, layers);
                assert!(range.start <= range.end && range.end <= layers, "{range:?} of {layers}");
                assert_eq!(range.is_empty(), layers == 0, "{stages:?} {stage:?} of {layers}");
            }
        }
        if layers >= 3 {
            let thirds = Stage::ALL.map(|s| s.layers(Stages::Thirds, layers));
            assert_eq!(thirds.iter().map(ExactSizeIterator::len).sum::<usize>(), layers);
            assert_eq!((thirds[0].end, thirds[1].end), (thirds[1].start, thirds[2].start));
        }
    }
}

#[test]
fn quantizations_are_found_by_name() {
    assert_eq!(
        Quant::ALL.map(Quant::name),
        ["f32", "f16", "bf16", "q8_0", "q6k", "q5k", "q4k", "stored"]
    );
    for quant in Quant::ALL {
        assert_eq!(Quant::from_name(quant.name()), Some(quant));
        assert_eq!(json(quant), format!("\"{}\"", quant.name()));
    }
    assert_eq!(Quant::from_name("q2"), None);
    for fit in [ImageFit::Crop, ImageFit::Pad] {
        assert_eq!(json(fit), format!("\"{}\"", fit.name()));
    }
    for value in PruneCount::ALL {
        assert_eq!(json(value), format!("\"{}\"", value.name()));
    }
    for value in PrunePositions::ALL {
        assert_eq!(json(value), format!("\"{}\"", value.name()));
    }
    for value in CopyPositions::ALL {
        assert_eq!(json(value), format!("\"{}\"", value.name()));
    }
}

#[test]
fn every_reason_is_a_sentence_of_its_own() {
    use Undefined::*;
    let reasons = [
        (NoImageTokens, "no_image_tokens"),
        (NoTextTokens, "no_text_tokens"),
        (NoImageAttention, "no_image_attention"),
        (NoAttention, "no_attention"),
        (NoQueries, "no_queries"),
        (NoSuchHead, "no_such_head"),
        (NotObserved, "not_observed"),
        (HeadsAveraged, "heads_averaged"),
        (Unfinished, "unfinished"),
    ];
    for (reason, name) in reasons {
        assert_eq!(json(reason), format!("\"{name}\""));
    }
    let sentences: HashSet<_> = reasons.iter().map(|(r, _)| r.to_string()).collect();
    assert_eq!(sentences.len(), reasons.len());
}

#[test]
fn only_the_last_events_are_last() {
    assert!(Event::Cancelled.is_last());
    assert!(Event::failed(ErrorCode::Internal, "").is_last());
    assert!(!Event::Queued { position: 0 }.is_last());
}
