//! What travels in a class, pinned: a page that was opened yesterday talks to the lab of today.
#![allow(clippy::unwrap_used, missing_docs)]

use shared::classroom::*;
use shared::lesson::{LessonStep, Told};
use shared::{Definition, ErrorBody, ErrorCode, Preset};

fn board() -> Board {
    Board {
        run: Some("sample".into()),
        round: 3,
        moment: Moment::Answered,
        definition: Preset::Paper.definition(),
        layer: Some(4),
        token: ShownToken::Token(2),
        curve: ShownCurve::Mdi,
        lesson: Some(LessonPlace { lesson: "cats".into(), step: 1 }),
        // What came with version 2 is left out where it is as usual, so boards read as they did.
        ..Board::default()
    }
}

#[test]
fn messages_keep_their_form() {
    let definition = serde_json::to_string(&Definition::default()).unwrap();
    let board_json = format!(
        r#"{{"run":"sample","round":3,"moment":"answered","definition":{definition},"layer":4,"token":{{"token":2}},"curve":"mdi","lesson":{{"lesson":"cats","step":1}}}}"#
    );
    let state = ClassState {
        version: 1,
        number: 9,
        board: board(),
        shown: 5,
        tally: Tally { words: 41, picture: 17 },
        present: 60,
        answered: 58,
        around: 2,
        open: false,
        results: None,
        unkept: None,
    };
    let error = ErrorBody::new(ErrorCode::GuessClosed, "Closed.");
    let messages = [
        (
            ClassMessage::State(state),
            format!(
                r#"{{"kind":"state","version":1,"number":9,"board":{board_json},"shown":5,"tally":{{"words":41,"picture":17}},"present":60,"answered":58,"around":2,"open":false}}"#
            ),
        ),
        (
            ClassMessage::Guess { round: 3, guess: Some(Guess::Picture) },
            r#"{"kind":"guess","round":3,"guess":"picture"}"#.into(),
        ),
        (
            ClassMessage::Answer { round: 3, answer: Some(Answer::Text("a dog".into())) },
            r#"{"kind":"answer","round":3,"answer":{"text":"a dog"}}"#.into(),
        ),
        (ClassMessage::Ended, r#"{"kind":"ended"}"#.into()),
        (
            ClassMessage::Error(error),
            r#"{"kind":"error","code":"guess_closed","message":"Closed."}"#.into(),
        ),
    ];
    for (message, json) in messages {
        assert_eq!(serde_json::to_string(&message).unwrap(), json);
        assert_eq!(serde_json::from_str::<ClassMessage>(&json).unwrap(), message);
        let packed = rmp_serde::to_vec_named(&message).unwrap();
        assert_eq!(rmp_serde::from_slice::<ClassMessage>(&packed).unwrap(), message);
    }
    let requests = [
        (
            ClassRequest::Guess { round: 3, guess: Guess::Words },
            r#"{"type":"guess","round":3,"guess":"words"}"#.to_owned(),
        ),
        (
            ClassRequest::Answer { round: 3, answer: Answer::Choice(2) },
            r#"{"type":"answer","round":3,"answer":{"choice":2}}"#.into(),
        ),
        (
            ClassRequest::Answer { round: 3, answer: Answer::Number(1.5) },
            r#"{"type":"answer","round":3,"answer":{"number":1.5}}"#.into(),
        ),
        (ClassRequest::Around { around: true }, r#"{"type":"around","around":true}"#.into()),
        (ClassRequest::Name { name: "Ada".into() }, r#"{"type":"name","name":"Ada"}"#.into()),
        (
            ClassRequest::Present { presenter_token: "secret".into() },
            r#"{"type":"present","presenter_token":"secret"}"#.into(),
        ),
        (
            ClassRequest::Show { board: board(), after: None },
            format!(r#"{{"type":"show","board":{board_json}}}"#),
        ),
        (
            ClassRequest::Show { board: board(), after: Some(4) },
            format!(r#"{{"type":"show","board":{board_json},"after":4}}"#),
        ),
    ];
    for (request, json) in requests {
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert_eq!(serde_json::from_str::<ClassRequest>(&json).unwrap(), request);
        let packed = rmp_serde::to_vec_named(&request).unwrap();
        assert_eq!(rmp_serde::from_slice::<ClassRequest>(&packed).unwrap(), request);
    }
    // What a board leaves out is at its default; what it misspells is not silently so.
    let short: Board = serde_json::from_str(r#"{"run":"sample","round":1}"#).unwrap();
    assert_eq!(short, Board { run: Some("sample".into()), round: 1, ..Board::default() });
    assert!(serde_json::from_str::<Board>(r#"{"layers":3}"#).is_err());
    assert_eq!(CLASSROOM_VERSION, 2);
    // A state of version 1, as a lab that was not restarted yet sends it.
    let old = format!(
        r#"{{"version":1,"number":9,"board":{board_json},"shown":5,"tally":{{"words":1,"picture":0}},"present":2}}"#
    );
    assert!(serde_json::from_str::<ClassState>(&old).is_ok());
}

#[test]
fn codes_are_read_as_people_type_them() {
    assert_eq!(CODE_ALPHABET.len(), 25);
    let code = code_of("K7F2CDXM").unwrap();
    let (signs, check) = code.split_at(8);
    assert_eq!(signs, "K7F2CDXM");
    for typed in [
        code.clone(),
        format!(" k7f2 cdxm {check}\n"),
        format!("k7\u{2009}f\u{2002}z-Cdxm{}", check.to_lowercase()),
    ] {
        assert_eq!(read_code(&typed).as_deref(), Some(code.as_str()), "{typed:?}");
    }
    for (typed, code) in [
        (format!("{code}M"), None),
        (format!("KAF2CDXM{check}"), None),
        (format!("K0F2CDXM{check}"), None),
        // As codes were: they stand in links that were given out.
        ("b5S1ZIXM".to_owned(), Some("855L2LXM")),
        ("K7F2CD".to_owned(), Some("K7F2CD")),
        ("K7F2".to_owned(), Some("K7F2")),
        ("k7-fz".to_owned(), Some("K7F2")),
        ("K7F2CDX".to_owned(), None),
        ("K7F".to_owned(), None),
        (String::new(), None),
        ("ﬀﬀﬀﬀ".to_owned(), None),
    ] {
        assert_eq!(read_code(&typed).as_deref(), code, "{typed:?}");
    }
    let sign = |c: char| CODE_ALPHABET.contains(c);
    assert!(!"AEIOU01".chars().any(sign), "no word, no look-alike");
}

#[test]
fn a_tally_counts_and_its_bars_fit() {
    let tally = Tally::of([Guess::Words, Guess::Picture, Guess::Words]);
    assert_eq!((tally.words, tally.picture, tally.guessed()), (2, 1, 3));
    assert_eq!((tally.length(Guess::Words), tally.length(Guess::Picture)), (1.0, 0.5));
    assert_eq!(Tally::default().length(Guess::Words), 0.0);
}

#[test]
fn a_question_goes_through_its_moments() {
    assert_eq!(Moment::Asked.next(), Some(Moment::Answered));
    assert_eq!(Moment::Answered.next(), Some(Moment::Revealed));
    assert_eq!(Moment::Revealed.next(), None);
    let open = |began: Moment| {
        [Moment::Asked, Moment::Answered, Moment::Revealed].map(|moment| moment.is_open(began))
    };
    assert_eq!(open(Moment::Asked), [true, false, false], "closed when the answer shows");
    assert_eq!(open(Moment::Answered), [true, true, false], "asked about the curve");
    assert_eq!(open(Moment::Revealed), [true, true, false]);
}

#[test]
fn a_board_that_is_too_long_is_refused() {
    assert_eq!(board().check(), Ok(()));
    let place = LessonPlace { lesson: "x".repeat(65), step: 0 };
    assert!(Board { lesson: Some(place), ..board() }.check().is_err());
    let ask = Told { en: "가".repeat(1201), ko: String::new() };
    let step = Some(Box::new(ShownStep { ask, ..ShownStep::default() }));
    assert!(Board { step, ..board() }.check().is_err());
    let question = Question::Choice { choices: vec!["one".into()] };
    assert!(Board { question, ..board() }.check().is_err());
}

#[test]
fn a_step_says_how_it_is_run() {
    let told = Told { en: "cat".into(), ko: "고양이".into() };
    assert_eq!((told.in_language("ko"), told.in_language("de")), ("고양이", "cat"));
    let json = r#"{"picture":"a.png","prompt":"What?","model":"demo-llava",
        "knockout":"text+generated>image","ask":{"en":"?","ko":"?"},"definition":"paper",
        "shows":{"en":"","ko":""},"shows_not":{"en":"","ko":""},"follows":"words",
        "answer":"It","late_mdi":1.5}"#;
    let step: LessonStep = serde_json::from_str(json).unwrap();
    let options = step.options().unwrap();
    assert_eq!(options.prompt, "What?");
    assert_eq!(options.knockout, Some("text+generated>image".parse().unwrap()));
    assert_eq!(step.begins, Moment::Asked);
    let wrong = LessonStep { knockout: Some("words>picture".into()), ..step };
    assert!(wrong.options().is_err());
}
