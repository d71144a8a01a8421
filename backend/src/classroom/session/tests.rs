//! What a class does with boards, guesses and seats.

use super::*;
use crate::fair::Bound;
use shared::classroom::{Guess, Moment, ShowResults, Tally};

fn client(address: &str) -> Client {
    Client::at(address.parse().expect("an address"))
}

fn anybody() -> Client {
    client("192.0.2.1")
}

fn session(limits: ClassLimits) -> Arc<Session> {
    let code = Code::random().expect("randomness");
    Arc::new(Session::new(code, OwnerHash::of("secret"), anybody(), limits, Arc::default()))
}

fn name(n: usize) -> FollowerId {
    FollowerId::read(&format!("follower-number-{n}")).expect("a name")
}

fn guessed(guess: Guess) -> Answer {
    Answer::Side(guess)
}

fn board(round: u32, moment: Moment) -> Board {
    Board { run: Some("sample".into()), round, moment, ..Board::default() }
}

#[tokio::test]
async fn a_follower_has_one_guess_until_the_answer_shows_and_none_afterwards() {
    let class = session(ClassLimits::default());
    let me = name(1);
    let _seat = class.join(Some(me.clone()), anybody()).expect("a seat");
    let closed = class.answer(&me, 0, guessed(Guess::Words)).expect_err("nothing is asked");
    assert_eq!(closed.0.code, ErrorCode::GuessClosed);
    class.show(board(1, Moment::Asked), None);
    for guess in [Guess::Words, Guess::Words, Guess::Picture] {
        class.answer(&me, 1, guessed(guess)).expect("open");
        let state = class.state();
        assert_eq!((state.answered, state.open), (1, true), "the last one counts, once");
        assert_eq!(
            (state.tally, state.results),
            (Tally::default(), None),
            "told when it is closed"
        );
    }
    class.show(board(1, Moment::Answered), None);
    let state = class.state();
    assert!(!state.open);
    assert_eq!(state.tally, Tally::of([Guess::Picture]));
    // Whatever is shown next: who has seen the answer does not guess.
    for moment in [Moment::Answered, Moment::Asked, Moment::Revealed, Moment::Asked] {
        class.show(board(1, moment), None);
        let late = class.answer(&me, 1, guessed(Guess::Words)).expect_err("it is too late");
        assert_eq!(late.0.code, ErrorCode::GuessClosed);
        assert_eq!(class.state().tally, Tally::of([Guess::Picture]));
    }
    class.show(board(2, Moment::Asked), None);
    assert!(class.answer(&me, 1, guessed(Guess::Words)).is_err(), "about the question before");
    assert_eq!(class.answer_of(&me), ClassMessage::Guess { round: 2, guess: None });
    assert_eq!((class.state().answered, class.state().tally), (0, Tally::default()));
}

#[tokio::test]
async fn a_question_that_begins_with_the_answer_is_open_until_the_curve() {
    let class = session(ClassLimits::default());
    let _seat = class.join(Some(name(1)), anybody()).expect("a seat");
    class.show(board(1, Moment::Answered), None);
    class.answer(&name(1), 1, guessed(Guess::Words)).expect("it is about the curve");
    class.show(board(1, Moment::Revealed), None);
    assert!(class.answer(&name(1), 1, guessed(Guess::Picture)).is_err());
    assert_eq!(class.state().tally, Tally::of([Guess::Words]));
}

#[tokio::test]
async fn the_presenter_closes_and_opens_a_question_and_shows_results_when_wanted() {
    let class = session(ClassLimits::default());
    let _seat = class.join(Some(name(1)), anybody()).expect("a seat");
    let asked = board(1, Moment::Asked);
    class.show(asked.clone(), None);
    class.answer(&name(1), 1, guessed(Guess::Words)).expect("open");
    let with = |change: fn(&mut Board)| {
        let mut board = asked.clone();
        change(&mut board);
        class.show(board, None);
        let state = class.state();
        (state.open, state.results.is_some(), state.tally.words)
    };
    assert_eq!(with(|b| b.results = ShowResults::Now), (true, true, 1));
    assert_eq!(with(|b| b.closed = true), (false, true, 1));
    assert_eq!(
        class.answer(&name(1), 1, guessed(Guess::Picture)).expect_err("closed").0.code,
        ErrorCode::GuessClosed
    );
    assert_eq!(with(|_| ()), (true, false, 0), "opened again before anything was shown");
    assert_eq!(
        with(|b| (b.moment, b.results) = (Moment::Revealed, ShowResults::Later)),
        (false, false, 0)
    );
}

#[tokio::test]
async fn other_questions_take_their_own_answers_alone() {
    let class = session(ClassLimits::default());
    let _seat = class.join(Some(name(1)), anybody()).expect("a seat");
    class.show(Board { question: Question::Text, ..board(1, Moment::Asked) }, None);
    let odd = class.answer(&name(1), 1, guessed(Guess::Words)).expect_err("no text");
    assert_eq!(odd.0.code, ErrorCode::BadMessage);
    class.answer(&name(1), 1, Answer::Text(" a  dog ".into())).expect("a text");
    let held = Some(Answer::Text("a dog".into()));
    assert_eq!(class.answer_of(&name(1)), ClassMessage::Answer { round: 1, answer: held });
    class.show(Board { question: Question::Text, ..board(1, Moment::Answered) }, None);
    let results = class.state().results.expect("it is closed");
    assert_eq!((results.rows[0].answer.as_str(), results.rows[0].count), ("a dog", 1));
    assert_eq!(class.state().tally, Tally::default());
}

#[tokio::test]
async fn it_is_counted_who_looks_around() {
    let class = session(ClassLimits::default());
    let seats = [1, 2].map(|n| class.join(Some(name(n)), anybody()).expect("a seat"));
    seats[0].look_around(true);
    seats[0].look_around(true);
    assert_eq!((class.state().around, class.state().present), (1, 2));
    seats[1].look_around(true);
    drop(seats);
    assert_eq!(class.state().around, 0);
}

/// Has a class kept and brought back, as a restart does.
fn restarted(class: &Session) -> Arc<Session> {
    let json = serde_json::to_vec(&class.kept(1000)).expect("it can be written");
    let kept = serde_json::from_slice(&json).expect("it can be read");
    let limits = ClassLimits::default();
    let again = Session::kept_before(kept, Duration::from_secs(5), limits, Arc::default());
    Arc::new(again.expect("a class"))
}

#[tokio::test]
async fn a_class_is_brought_back_with_board_answers_record_and_what_is_closed() {
    let class = session(ClassLimits::default());
    let seat = class.join(Some(name(1)), anybody()).expect("a seat");
    class.name(&name(1), " Ada\n").expect("a name");
    class.show(board(1, Moment::Asked), None);
    class.answer(&name(1), 1, guessed(Guess::Words)).expect("open");
    let again = restarted(&class);
    assert_eq!(
        (again.code.clone(), again.state().board),
        (class.code.clone(), class.state().board)
    );
    assert_eq!((again.state().answered, again.state().present), (1, 0));
    assert!(again.is_presenter("secret"));
    let _back = again.join(Some(name(1)), anybody()).expect("its seat");
    let held = ClassMessage::Guess { round: 1, guess: Some(Guess::Words) };
    assert_eq!(again.answer_of(&name(1)), held);
    again.show(board(1, Moment::Answered), None);
    again.show(board(1, Moment::Asked), None);
    assert!(again.answer(&name(1), 1, guessed(Guess::Picture)).is_err());
    let third = restarted(&again);
    assert!(!third.state().open, "what is closed stays closed");
    third.show(board(2, Moment::Asked), None);
    let record = third.kept(1000).record(|_| "Which?".into());
    assert!(record.contains(",1,\"Ada\",\"words\","), "{record}");
    drop(seat);
}

#[tokio::test]
async fn no_more_people_are_told_apart_than_there_is_room_for() {
    let followers = Bound::new(2, 1);
    let class = session(ClassLimits { followers, ..ClassLimits::default() });
    for round in 1..=4 {
        class.show(board(round, Moment::Asked), None);
        let me = name(round as usize);
        let _seat = class.join(Some(me.clone()), anybody()).expect("a seat");
        class.answer(&me, round, guessed(Guess::Words)).expect("open");
    }
    let record = class.kept(0).record(|_| String::new());
    let people: Vec<&str> =
        record.lines().skip(1).filter_map(|line| line.split(',').nth(7)).collect();
    assert_eq!(people, ["1", "2", "", ""], "{record}");
}

#[tokio::test]
async fn a_class_says_while_it_is_not_kept() {
    let class = session(ClassLimits::default());
    assert!(class.take_dirty() && !class.take_dirty());
    class.keeping(Some(LabError::ClassNotWritten.into()));
    assert!(class.state().unkept.is_some() && class.take_dirty(), "it is to be tried again");
    class.keeping(None);
    assert_eq!((class.state().unkept, class.take_dirty()), (None, false));
}

#[tokio::test]
async fn a_guess_survives_a_lost_connection_and_counts_once() {
    let class = session(ClassLimits::default());
    class.show(board(1, Moment::Asked), None);
    let seat = class.join(Some(name(1)), anybody()).expect("a seat");
    let second = class.join(Some(name(1)), anybody()).expect("the same browser's other page");
    assert_eq!(class.state().present, 1);
    class.answer(&name(1), 1, guessed(Guess::Words)).expect("open");
    drop((seat, second));
    assert_eq!((class.state().present, class.state().answered), (0, 1));
    let _again = class.join(Some(name(1)), anybody()).expect("a seat");
    let held = ClassMessage::Guess { round: 1, guess: Some(Guess::Words) };
    assert_eq!(class.answer_of(&name(1)), held);
    assert_eq!(class.state().answered, 1);
}

#[tokio::test]
async fn a_full_class_keeps_guesses_and_lets_go_of_who_left_without_one() {
    let class = session(ClassLimits {
        followers: Bound::new(2, 3),
        onlookers: Bound::new(1, 2),
        ..ClassLimits::default()
    });
    class.show(board(1, Moment::Asked), None);
    let first = class.join(Some(name(1)), anybody()).expect("a seat");
    class.answer(&name(1), 1, guessed(Guess::Words)).expect("open");
    let second = class.join(Some(name(2)), anybody()).expect("a seat");
    assert_eq!(
        class.join(Some(name(3)), anybody()).expect_err("full").0.code,
        ErrorCode::ClassroomFull
    );
    let _again = class.join(Some(name(1)), anybody()).expect("one's own seat is never taken");
    drop((first, second));
    let _third = class.join(Some(name(3)), anybody()).expect("the second left nothing");
    assert_eq!(class.state().answered, 1);
    let _onlooker = class.join(None, anybody()).expect("to look");
    assert!(class.join(None, anybody()).is_err());
}

#[tokio::test]
async fn one_client_cannot_fill_a_class() {
    let (followers, onlookers) = (Bound::new(5, 3), Bound::new(3, 2));
    let class = session(ClassLimits { followers, onlookers, ..ClassLimits::default() });
    class.show(board(1, Moment::Asked), None);
    let (rude, pupil) = (client("192.0.2.1"), client("192.0.2.2"));
    // Joining, guessing and leaving, under ever new names.
    for n in 0..9 {
        let Ok(_seat) = class.join(Some(name(n)), rude) else { continue };
        class.answer(&name(n), 1, guessed(Guess::Words)).expect("open");
    }
    let ApiError(body) = class.join(Some(name(9)), rude).expect_err("three names are held");
    assert_eq!((body.code, body.retry_after), (ErrorCode::TooManyRequests, Some(30)));
    assert_eq!(class.state().answered, 3);
    let _seat = class.join(Some(name(20)), pupil).expect("the other part is others'");
    let looking: Vec<_> = (0..9).filter_map(|_| class.join(None, rude).ok()).collect();
    assert_eq!(looking.len(), 2);
    let _presenter = class.join(None, pupil).expect("one is left");
    assert_eq!(class.join(None, pupil).expect_err("full").0.code, ErrorCode::ClassroomFull);
    // Who changes networks keeps the seat.
    let _moved = class.join(Some(name(20)), rude).expect("one's own seat is never taken");
}

#[tokio::test]
async fn a_board_replaces_the_one_it_was_meant_to() {
    let class = session(ClassLimits::default());
    assert!(class.show(board(1, Moment::Asked), Some(0)));
    assert!(!class.show(board(9, Moment::Revealed), Some(0)), "another page was first");
    let state = class.state();
    assert_eq!((state.shown, state.board), (1, board(1, Moment::Asked)));
    assert!(class.show(board(1, Moment::Answered), Some(1)));
    assert!(class.show(board(2, Moment::Asked), None), "whatever is shown");
    assert_eq!(class.state().shown, 3);
}

#[tokio::test]
async fn one_browser_has_a_few_pages_and_no_more() {
    let class = session(ClassLimits { pages: 2, ..ClassLimits::default() });
    let seats = [1, 2].map(|_| class.join(Some(name(1)), anybody()).expect("a page"));
    assert_eq!(
        class.join(Some(name(1)), anybody()).expect_err("a third").0.code,
        ErrorCode::ClassroomFull
    );
    let _other = class.join(Some(name(2)), anybody()).expect("another browser");
    drop(seats);
    let _again = class.join(Some(name(1)), anybody()).expect("they were closed");
}

#[tokio::test]
async fn many_guesses_are_told_together_and_a_step_at_once() {
    let class = session(ClassLimits::default());
    let mut latest = class.watch();
    class.show(board(1, Moment::Asked), None);
    assert!(latest.has_changed().expect("open"));
    let number = |sheet: &Sheet| match &sheet.message {
        ClassMessage::State(state) => state.number,
        other => panic!("{other:?}"),
    };
    let before = number(&latest.borrow_and_update());
    let seats: Vec<Seat> =
        (0..60).map(|n| class.join(Some(name(n)), anybody()).expect("a seat")).collect();
    for n in 0..60 {
        class.answer(&name(n), 1, guessed(Guess::Words)).expect("open");
    }
    assert!(!latest.has_changed().expect("open"), "they wait");
    latest.changed().await.expect("open");
    let sheet = latest.borrow_and_update().clone();
    assert_eq!(number(&sheet), before + 1);
    let ClassMessage::State(state) = &sheet.message else { panic!("{sheet:?}") };
    assert_eq!((state.answered, state.present), (60, 60));
    drop(seats);
    class.end();
    assert!(latest.borrow_and_update().is_last());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(latest.borrow().is_last(), "nothing follows the end");
}
