//! A class: joining, following, guessing, presenting, and everything that may go wrong with it.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::process::Process;
use crate::common::socket::Viewer;
use crate::common::{Answer as Reply, Options, TestLab};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use langoverrule::classroom::ClassLimits;
use langoverrule::fair::Bound;
use langoverrule::http::app::Limits;
use langoverrule::http::classes;
use shared::classroom::{
    Answer, Board, CLASSROOM_VERSION, ClassCreated, ClassMessage, ClassRequest, ClassState, Guess,
    Moment, Question, ShownStep, ShownToken, Tally,
};
use shared::lesson::Told;
use shared::{ErrorCode, Preset};

const NORMAL: Option<u16> = Some(1000);
const POLICY: Option<u16> = Some(1008);

/// A lab that listens, with a class and a finished run.
struct School {
    lab: TestLab,
    server: SocketAddr,
    class: ClassCreated,
    run: String,
}

impl School {
    async fn new() -> School {
        Self::with(ClassLimits::default()).await
    }

    async fn with(classes: ClassLimits) -> School {
        Self::within(Limits { classes, ..Limits::default() }).await
    }

    async fn within(limits: Limits) -> School {
        let lab = TestLab::with(Options { limits, ..Options::default() });
        let server = lab.listen().await;
        let run = lab.ask("What is it?").await.id;
        lab.ended(&run).await;
        let class = open(&lab).await;
        School { lab, server, class, run }
    }

    fn events(&self, follower: Option<&str>) -> String {
        let name = follower.map(|f| format!("?follower={f}")).unwrap_or_default();
        format!("/api/classrooms/{}/events{name}", self.class.code)
    }

    async fn follower(&self, n: usize) -> Viewer {
        Viewer::open(self.server, &self.events(Some(&name(n))), None).await
    }

    async fn presenter(&self) -> Viewer {
        let mut presenter = Viewer::open(self.server, &self.events(None), Some("json")).await;
        let presenter_token = self.class.presenter_token.clone();
        say(&mut presenter, &ClassRequest::Present { presenter_token }).await;
        presenter
    }

    fn board(&self, round: u32, moment: Moment) -> Board {
        Board { run: Some(self.run.clone()), round, moment, ..Board::default() }
    }

    async fn state(&self) -> ClassState {
        self.lab.get(&format!("/api/classrooms/{}", self.class.code)).await.ok()
    }
}

async fn open(lab: &TestLab) -> ClassCreated {
    let answer = lab.send(Request::post("/api/classrooms").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

fn name(n: usize) -> String {
    format!("{n:032x}")
}

async fn say(viewer: &mut Viewer, request: &ClassRequest) {
    viewer.say(&serde_json::to_string(request).unwrap()).await;
}

async fn show(viewer: &mut Viewer, board: &Board) {
    say(viewer, &ClassRequest::Show { board: board.clone(), after: None }).await;
}

async fn guess(viewer: &mut Viewer, round: u32, guess: Guess) {
    say(viewer, &ClassRequest::Guess { round, guess }).await;
}

/// Reads states until one fits.
async fn until(viewer: &mut Viewer, fits: impl Fn(&ClassState) -> bool) -> ClassState {
    loop {
        match viewer.next_of::<ClassMessage>().await.unwrap() {
            ClassMessage::State(state) if fits(&state) => return state,
            ClassMessage::Error(body) => panic!("{body:?}"),
            _ => {}
        }
    }
}

/// Reads until an error comes.
async fn refused(viewer: &mut Viewer) -> ErrorCode {
    loop {
        if let ClassMessage::Error(body) = viewer.next_of().await.unwrap() {
            assert!(body.message.ends_with('.'), "{}", body.message);
            return body.code;
        }
    }
}

/// Reads until the lab says what it holds of this follower's guesses.
async fn held(viewer: &mut Viewer) -> (u32, Option<Guess>) {
    loop {
        if let ClassMessage::Guess { round, guess } = viewer.next_of().await.unwrap() {
            return (round, guess);
        }
    }
}

#[tokio::test]
async fn where_nothing_happens_the_state_comes_again() {
    let limits = Limits { ping: Duration::from_millis(50), ..Limits::default() };
    let school = School::within(limits).await;
    let mut phone = school.follower(1).await;
    let present = until(&mut phone, |s| s.present == 1).await;
    for _ in 0..3 {
        assert_eq!(until(&mut phone, |_| true).await, present);
    }
}

#[tokio::test]
async fn a_class_from_joining_to_its_end() {
    let school = School::new().await;
    assert_eq!((school.class.code.len(), school.class.presenter_token.len()), (9, 26));
    assert_eq!(school.class.network_address, None, "this lab does not know where it listens");
    let mut phone = school.follower(1).await;
    let first = until(&mut phone, |_| true).await;
    assert_eq!((first.version, &first.board.run), (CLASSROOM_VERSION, &None));
    let mut presenter = school.presenter().await;

    let asked = school.board(1, Moment::Asked);
    show(&mut presenter, &asked).await;
    assert_eq!(until(&mut phone, |s| s.board.round == 1).await.board, asked);
    guess(&mut phone, 1, Guess::Words).await;
    let told = until(&mut presenter, |s| s.answered == 1).await;
    assert_eq!((told.present, told.open, told.results), (1, true, None), "counted when it closes");
    guess(&mut phone, 1, Guess::Picture).await;
    assert_eq!(held(&mut phone).await, (1, Some(Guess::Words)));
    assert_eq!(held(&mut phone).await, (1, Some(Guess::Picture)));
    // The lab closes the question, whatever pages do.
    show(&mut presenter, &school.board(1, Moment::Answered)).await;
    let closed = until(&mut phone, |s| s.board.moment == Moment::Answered).await;
    assert_eq!((closed.open, closed.tally), (false, Tally { words: 0, picture: 1 }));
    guess(&mut phone, 1, Guess::Words).await;
    assert_eq!(refused(&mut phone).await, ErrorCode::GuessClosed);

    // Everything that is looked at travels.
    let revealed = Board {
        layer: Some(3),
        token: ShownToken::Token(1),
        definition: Preset::Forward.definition(),
        ..school.board(1, Moment::Revealed)
    };
    show(&mut presenter, &revealed).await;
    let seen = until(&mut phone, |s| s.board.moment == Moment::Revealed).await;
    assert_eq!(seen.board, revealed);
    assert_eq!(school.state().await.board, revealed, "over HTTP too");
    guess(&mut phone, 1, Guess::Words).await;
    assert_eq!(refused(&mut phone).await, ErrorCode::GuessClosed);
    assert_eq!(school.state().await.tally, Tally { words: 0, picture: 1 });

    let path = format!("/api/classrooms/{}", school.class.code);
    let ended = school.lab.as_owner(Method::DELETE, &path, &school.class.presenter_token).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    for viewer in [&mut phone, &mut presenter] {
        loop {
            match viewer.next_of::<ClassMessage>().await {
                Ok(ClassMessage::Ended) => break,
                Ok(_) => {}
                Err(code) => panic!("closed with {code:?} before it was said"),
            }
        }
        assert_eq!(viewer.next_of::<ClassMessage>().await, Err(NORMAL));
    }
    school.lab.get(&path).await.is_error(ErrorCode::NotFound);
    let mut late = school.follower(2).await;
    assert_eq!(refused(&mut late).await, ErrorCode::NotFound);
    assert_eq!(late.next_of::<ClassMessage>().await, Err(POLICY));
}

#[tokio::test]
async fn both_forms_carry_the_same_state() {
    let school = School::new().await;
    let mut presenter = school.presenter().await;
    let board = school.board(1, Moment::Asked);
    show(&mut presenter, &board).await;
    for (asked, given) in [("json", "json"), ("msgpack", "msgpack"), ("json, msgpack", "msgpack")] {
        let mut viewer = Viewer::open(school.server, &school.events(None), Some(asked)).await;
        assert_eq!(viewer.protocol.as_deref(), Some(given));
        assert_eq!(until(&mut viewer, |s| s.board.round == 1).await.board, board);
        assert_eq!((viewer.text > 0, viewer.binary > 0), (given == "json", given == "msgpack"));
    }
    // What is said is understood in either form.
    let mut phone = school.follower(1).await;
    let request = ClassRequest::Guess { round: 1, guess: Guess::Words };
    phone.say_bytes(rmp_serde::to_vec_named(&request).unwrap()).await;
    until(&mut phone, |s| s.answered == 1).await;
}

#[tokio::test]
async fn a_guess_is_kept_over_a_lost_connection_and_counts_once() {
    let school = School::new().await;
    let mut presenter = school.presenter().await;
    show(&mut presenter, &school.board(7, Moment::Asked)).await;
    until(&mut presenter, |s| s.board.round == 7).await;
    let mut phone = school.follower(1).await;
    assert_eq!(held(&mut phone).await, (7, None));
    guess(&mut phone, 7, Guess::Picture).await;
    assert_eq!(held(&mut phone).await, (7, Some(Guess::Picture)));
    drop(phone);
    until(&mut presenter, |s| s.present == 0 && s.answered == 1).await;
    let mut again = school.follower(1).await;
    assert_eq!(held(&mut again).await, (7, Some(Guess::Picture)));
    guess(&mut again, 7, Guess::Picture).await;
    let mut other = school.follower(2).await;
    guess(&mut other, 7, Guess::Words).await;
    until(&mut presenter, |s| s.answered == 2).await;
    show(&mut presenter, &school.board(7, Moment::Answered)).await;
    let state = until(&mut presenter, |s| s.tally.guessed() == 2).await;
    assert_eq!((state.tally, state.present), (Tally { words: 1, picture: 1 }, 2));
    // The next question begins without guesses, and a guess of the one before is none of it.
    show(&mut presenter, &school.board(8, Moment::Asked)).await;
    assert_eq!(until(&mut again, |s| s.board.round == 8).await.tally, Tally::default());
    guess(&mut again, 7, Guess::Words).await;
    assert_eq!(refused(&mut again).await, ErrorCode::GuessClosed);
}

#[tokio::test]
async fn only_the_presenter_presents() {
    let school = School::new().await;
    let mut phone = school.follower(1).await;
    show(&mut phone, &school.board(1, Moment::Asked)).await;
    assert_eq!(refused(&mut phone).await, ErrorCode::NotOwner);
    let wrong = ClassRequest::Present { presenter_token: "guessed".into() };
    say(&mut phone, &wrong).await;
    assert_eq!(refused(&mut phone).await, ErrorCode::NotOwner);
    show(&mut phone, &school.board(1, Moment::Asked)).await;
    assert_eq!(refused(&mut phone).await, ErrorCode::NotOwner);
    assert_eq!(school.state().await.board, Board::default());
    let path = format!("/api/classrooms/{}", school.class.code);
    school.lab.as_owner(Method::DELETE, &path, "guessed").await.is_error(ErrorCode::NotOwner);
    let nobody = Request::delete(&path).body(Body::empty()).unwrap();
    school.lab.send(nobody).await.is_error(ErrorCode::NotOwner);
    // Another class's presenter is nobody here.
    let other = open(&school.lab).await;
    assert_ne!(other.code, school.class.code);
    school
        .lab
        .as_owner(Method::DELETE, &path, &other.presenter_token)
        .await
        .is_error(ErrorCode::NotOwner);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_whoever_goes_on_is_sent_away() {
    let school = School::new().await;
    for path in ["/api/classrooms/XXXX", "/api/classrooms/toolong", "/api/classrooms/%ff"] {
        school.lab.get(path).await.is_error(ErrorCode::NotFound);
    }
    let mut nowhere = Viewer::open(school.server, "/api/classrooms/XXXX/events", None).await;
    assert_eq!(refused(&mut nowhere).await, ErrorCode::NotFound);
    let plain = school.lab.get(&school.events(None)).await;
    plain.is_error(ErrorCode::BadRequest);
    assert!(
        Viewer::try_open(school.server, &school.events(Some("short")), None).await.is_err(),
        "a name that could be guessed"
    );

    let mut presenter = school.presenter().await;
    let nowhere = Board { run: Some("a".repeat(26)), ..school.board(1, Moment::Asked) };
    show(&mut presenter, &nowhere).await;
    assert_eq!(refused(&mut presenter).await, ErrorCode::NotFound);
    assert_eq!(school.state().await.board.run, None, "nothing empty is shown");
    let mut onlooker = Viewer::open(school.server, &school.events(None), None).await;
    guess(&mut onlooker, 0, Guess::Words).await;
    assert_eq!(refused(&mut onlooker).await, ErrorCode::BadRequest);

    let mut noisy = school.follower(1).await;
    for i in 0..8 {
        noisy.say(&format!("nonsense {i}")).await;
    }
    let closed = loop {
        match noisy.next_of::<ClassMessage>().await {
            Ok(ClassMessage::Error(body)) => assert_eq!(body.code, ErrorCode::BadMessage),
            Ok(_) => {}
            Err(code) => break code,
        }
    };
    assert_eq!(closed, POLICY);
    // Guesses that come too late are nobody's mistake, however many.
    let mut late = school.follower(2).await;
    for _ in 0..20 {
        guess(&mut late, 99, Guess::Words).await;
        assert_eq!(refused(&mut late).await, ErrorCode::GuessClosed);
    }
}

#[tokio::test]
async fn a_class_has_so_many_seats() {
    let limits = ClassLimits { followers: Bound::new(2, 3), ..ClassLimits::default() };
    let school = School::with(limits).await;
    let (mut first, mut second) = (school.follower(1).await, school.follower(2).await);
    until(&mut first, |s| s.present == 2).await;
    until(&mut second, |_| true).await;
    let mut third = school.follower(3).await;
    assert_eq!(refused(&mut third).await, ErrorCode::ClassroomFull);
    assert_eq!(third.next_of::<ClassMessage>().await, Err(POLICY));
    drop(second);
    until(&mut first, |s| s.present == 1).await;
    let mut fourth = school.follower(4).await;
    until(&mut fourth, |s| s.present == 2).await;
}

#[tokio::test]
async fn sixty_phones_all_see_every_step_that_stays_and_a_slow_one_holds_up_nobody() {
    const PHONES: usize = 60;
    let school = School::new().await;
    // Connected and never read from until the end: its buffers fill, nobody else's do.
    let mut asleep = school.follower(PHONES).await;
    let mut phones = Vec::new();
    for n in 0..PHONES {
        phones.push(school.follower(n).await);
    }
    let mut presenter = school.presenter().await;
    for round in 1..=3 {
        show(&mut presenter, &school.board(round, Moment::Asked)).await;
        for (n, phone) in phones.iter_mut().enumerate() {
            until(phone, |s| s.board.round == round).await;
            let side = if n % 3 == 0 { Guess::Picture } else { Guess::Words };
            guess(phone, round, side).await;
        }
        until(&mut presenter, |s| s.answered == 60).await;
        show(&mut presenter, &school.board(round, Moment::Answered)).await;
        let all = Tally { words: 40, picture: 20 };
        until(&mut presenter, |s| s.tally == all).await;
        for step in 0..400_u32 {
            let board = Board { layer: Some(step), ..school.board(round, Moment::Revealed) };
            show(&mut presenter, &board).await;
        }
        for phone in &mut phones {
            let last = std::cell::Cell::new(0);
            until(phone, |s| {
                assert!(s.number > last.replace(s.number), "no state twice, none out of order");
                s.board.round == round && s.board.layer == Some(399)
            })
            .await;
        }
    }
    // Whoever slept sees where the class is now.
    until(&mut asleep, |s| s.board.round == 3 && s.board.layer == Some(399)).await;
    let state = school.state().await;
    assert_eq!((state.present, state.tally.guessed()), (61, 60));
}

/// Has time pass for the lab, and none for the test.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_abandoned_class_is_gone() {
    let limits = ClassLimits { idle: Duration::from_secs(1), ..ClassLimits::default() };
    let school = School::with(limits).await;
    let path = format!("/api/classrooms/{}", school.class.code);
    let mut phone = school.follower(1).await;
    until(&mut phone, |_| true).await;
    pass(2 * limits.idle).await;
    school.lab.get(&path).await.ok::<ClassState>();
    // The lab goes down: whoever is there is told why.
    school.lab.state.closing.cancel();
    assert_eq!(refused(&mut phone).await, ErrorCode::ShuttingDown);
    assert_eq!(phone.next_of::<ClassMessage>().await, Err(Some(1001)));
    pass(2 * limits.idle).await;
    school.lab.get(&path).await.is_error(ErrorCode::NotFound);
}

async fn answer(viewer: &mut Viewer, round: u32, answer: Answer) {
    say(viewer, &ClassRequest::Answer { round, answer }).await;
}

async fn record(lab: &TestLab, class: &ClassCreated, token: &str) -> Reply {
    let path = format!("/api/classrooms/{}/record.csv", class.code);
    lab.as_owner(Method::GET, &path, token).await
}

#[tokio::test]
async fn a_question_of_ones_own_and_its_record() {
    let school = School::new().await;
    let mut presenter = school.presenter().await;
    let (mut ada, mut other) = (school.follower(1).await, school.follower(2).await);
    let told = |en: &str| Told { en: en.into(), ko: String::new() };
    let step =
        ShownStep { title: told("Cats, dogs"), ask: told("How many?"), ..ShownStep::default() };
    let board = |moment| Board {
        question: Question::Number,
        step: Some(Box::new(step.clone())),
        ..school.board(1, moment)
    };
    show(&mut presenter, &board(Moment::Asked)).await;
    until(&mut ada, |s| s.board.round == 1).await;
    until(&mut other, |s| s.board.round == 1).await;
    say(&mut ada, &ClassRequest::Name { name: " Ada\tL. ".into() }).await;
    answer(&mut ada, 1, Answer::Number(3.0)).await;
    until(&mut presenter, |s| s.answered == 1).await;
    answer(&mut other, 1, Answer::Number(2.5)).await;
    answer(&mut other, 1, Answer::Text("two".into())).await;
    assert_eq!(refused(&mut other).await, ErrorCode::BadMessage);
    until(&mut presenter, |s| s.answered == 2).await;
    show(&mut presenter, &board(Moment::Answered)).await;
    let results = until(&mut ada, |s| !s.open && s.board.round == 1).await.results.unwrap();
    assert_eq!(results.numbers.unwrap().median, 2.75);
    assert!(!serde_json::to_string(&results).unwrap().contains("Ada"), "no names on any screen");

    let (lab, token) = (&school.lab, &school.class.presenter_token);
    record(lab, &school.class, "guessed").await.is_error(ErrorCode::NotOwner);
    let there = record(lab, &school.class, token).await;
    assert_eq!(there.status, StatusCode::OK);
    let csv = there.text();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.contains("\"How many?\"") && csv.contains("1,\"Ada L.\",\"3\""), "{csv}");
    assert!(csv.contains("2,\"\",\"2.5\""), "{csv}");

    // Afterwards, too; and in a lab that was started anew.
    let path = format!("/api/classrooms/{}", school.class.code);
    let ended = lab.as_owner(Method::DELETE, &path, token).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(record(lab, &school.class, token).await.text(), csv);
    record(lab, &school.class, "guessed").await.is_error(ErrorCode::NotOwner);
    let (class, token) = (school.class.clone(), token.clone());
    drop((presenter, ada, other));
    let again = TestLab::in_folder(school.lab.close().await, Options::default());
    classes::restore(&again.state).await;
    again.get(&path).await.is_error(ErrorCode::NotFound);
    assert_eq!(record(&again, &class, &token).await.text(), csv);
    // After seven days it is gone.
    again.state.runs.store.expire_records(u64::MAX).await.unwrap();
    record(&again, &class, &token).await.is_error(ErrorCode::NotFound);
}

#[tokio::test]
async fn a_class_outlives_a_restart_with_its_board_its_guesses_and_what_is_closed() {
    let school = School::new().await;
    let mut presenter = school.presenter().await;
    let mut phone = school.follower(1).await;
    show(&mut presenter, &school.board(4, Moment::Asked)).await;
    until(&mut phone, |s| s.board.round == 4).await;
    guess(&mut phone, 4, Guess::Picture).await;
    until(&mut presenter, |s| s.answered == 1).await;
    drop((presenter, phone));
    assert!(classes::save(&school.lab.state).await);
    let (class, run) = (school.class.clone(), school.run.clone());
    let lab = TestLab::in_folder(school.lab.close().await, Options::default());
    classes::restore(&lab.state).await;
    let server = lab.listen().await;
    let school = School { lab, server, class, run };
    let state = school.state().await;
    assert_eq!((state.board.round, state.answered, state.open), (4, 1, true));
    assert_eq!((&state.board.run, state.unkept), (&Some(school.run.clone()), None));
    // Phones and wall come back as themselves.
    let mut phone = school.follower(1).await;
    assert_eq!(held(&mut phone).await, (4, Some(Guess::Picture)));
    let mut presenter = school.presenter().await;
    show(&mut presenter, &school.board(4, Moment::Answered)).await;
    let closed = until(&mut phone, |s| !s.open).await;
    assert_eq!(closed.tally, Tally { words: 0, picture: 1 });
    assert_eq!(
        school
            .lab
            .state
            .classrooms
            .presented_with(&school.class.presenter_token)
            .map(|c| c.as_str().to_owned()),
        Some(school.class.code.clone())
    );
}

#[tokio::test]
async fn a_class_that_is_damaged_on_the_disk_is_said_to_be_lost_and_takes_no_other_along() {
    let school = School::new().await;
    let other = open(&school.lab).await;
    let code = school.class.code.clone();
    let folder = school.lab.close().await;
    let file = rusqlite::Connection::open(folder.path().join("lab.sqlite")).unwrap();
    let damage = "UPDATE classes SET seen = seen + 1 WHERE code = ?1";
    assert_eq!(file.execute(damage, [&code]).unwrap(), 1);
    drop(file);
    let lab = TestLab::in_folder(folder, Options::default());
    classes::restore(&lab.state).await;
    let lost = lab.get(&format!("/api/classrooms/{code}")).await.is_error(ErrorCode::NotFound);
    assert_eq!(lost.sentence.unwrap().id, "class_lost");
    lab.get(&format!("/api/classrooms/{}", other.code)).await.ok::<ClassState>();
}

#[tokio::test]
async fn a_class_that_nobody_came_back_to_is_over_after_a_restart_too() {
    let idle = Duration::ZERO;
    let school = School::new().await;
    let code = school.class.code.clone();
    let folder = school.lab.close().await;
    let limits =
        Limits { classes: ClassLimits { idle, ..ClassLimits::default() }, ..Limits::default() };
    let lab = TestLab::in_folder(folder, Options { limits, ..Options::default() });
    classes::restore(&lab.state).await;
    lab.get(&format!("/api/classrooms/{code}")).await.is_error(ErrorCode::NotFound);
    assert!(classes::save(&lab.state).await, "and it is let go of");
    assert_eq!(lab.state.runs.store.class(&code).unwrap(), None);
}

#[test]
fn a_class_that_was_opened_survives_a_kill() {
    let folder = tempfile::TempDir::new().unwrap();
    let lab = Process::start(folder.path());
    let class: ClassCreated = lab.post("/api/classrooms");
    lab.signal("-KILL");
    drop(lab);
    let again = Process::start(folder.path());
    let state: ClassState = again.get(&format!("/api/classrooms/{}", class.code));
    assert_eq!((state.board, state.unkept), (Board::default(), None));
}

#[tokio::test]
async fn a_class_that_cannot_be_kept_says_so_until_it_is() {
    let lab = TestLab::new();
    // Nothing can be written there, as on a disk that fails.
    let file = rusqlite::Connection::open(lab.folder.path().join("lab.sqlite")).unwrap();
    let broken =
        "CREATE TRIGGER broken BEFORE INSERT ON classes BEGIN SELECT RAISE(ABORT, 'no'); END";
    file.execute_batch(broken).unwrap();
    let class = open(&lab).await;
    let path = format!("/api/classrooms/{}", class.code);
    let unkept = lab.get(&path).await.ok::<ClassState>().unkept.expect("it says why");
    assert_eq!(unkept.sentence.unwrap().id, "class_not_written");
    file.execute_batch("DROP TRIGGER broken").unwrap();
    assert!(classes::save(&lab.state).await, "it is tried again");
    assert_eq!(lab.get(&path).await.ok::<ClassState>().unkept, None);
    assert!(lab.state.runs.store.class(&class.code).unwrap().is_some());
}
