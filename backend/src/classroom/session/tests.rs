//! What a class does with boards, guesses and seats.

use super::*;
use crate::fair::Bound;
use shared::classroom::Moment;

fn client(address: &str) -> Client {
    Client::at(address.parse().expect("an address"))
}

fn anybody() -> Client {
    client("192.0.2.1")
}

fn session(limits: ClassLimits) -> Arc<Session> {
    let code = Code::random().expect("randomness");
    Arc::new(Session::new(code, OwnerHash::of("secret"), anybody(), limits))
}

fn name(n: usize) -> FollowerId {
    FollowerId::read(&format!("follower-number-{n}")).expect("a name")
}

fn board(round: u32, moment: Moment) -> Board {
    Board { run: Some("sample".into()), round, moment, ..Board::default() }
}

#[tokio::test]
async fn a_follower_has_one_guess_until_the_curve_is_there() {
    let class = session(ClassLimits::default());
    let me = name(1);
    let _seat = class.join(Some(me.clone()), anybody()).expect("a seat");
    let closed = class.guess(&me, 0, Guess::Words).expect_err("nothing is asked");
    assert_eq!(closed.0.code, ErrorCode::GuessClosed);
    class.show(board(1, Moment::Asked), None);
    for guess in [Guess::Words, Guess::Words, Guess::Picture] {
        class.guess(&me, 1, guess).expect("open");
        assert_eq!(class.state().tally, Tally::of([guess]), "the last one counts, once");
    }
    class.show(board(1, Moment::Answered), None);
    assert_eq!(class.guess_of(&me), (1, Some(Guess::Picture)), "an answer closes nothing");
    class.show(board(1, Moment::Revealed), None);
    assert!(class.guess(&me, 1, Guess::Words).is_err());
    class.show(board(2, Moment::Asked), None);
    assert!(class.guess(&me, 1, Guess::Words).is_err(), "about the question before");
    assert_eq!((class.guess_of(&me), class.state().tally), ((2, None), Tally::default()));
}

#[tokio::test]
async fn a_guess_survives_a_lost_connection_and_counts_once() {
    let class = session(ClassLimits::default());
    class.show(board(1, Moment::Asked), None);
    let seat = class.join(Some(name(1)), anybody()).expect("a seat");
    let second = class.join(Some(name(1)), anybody()).expect("the same browser's other page");
    assert_eq!(class.state().present, 1);
    class.guess(&name(1), 1, Guess::Words).expect("open");
    drop((seat, second));
    assert_eq!((class.state().present, class.state().tally.words), (0, 1));
    let _again = class.join(Some(name(1)), anybody()).expect("a seat");
    assert_eq!(class.guess_of(&name(1)), (1, Some(Guess::Words)));
    assert_eq!(class.state().tally.guessed(), 1);
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
    class.guess(&name(1), 1, Guess::Words).expect("open");
    let second = class.join(Some(name(2)), anybody()).expect("a seat");
    assert_eq!(
        class.join(Some(name(3)), anybody()).expect_err("full").0.code,
        ErrorCode::ClassroomFull
    );
    let _again = class.join(Some(name(1)), anybody()).expect("one's own seat is never taken");
    drop((first, second));
    let _third = class.join(Some(name(3)), anybody()).expect("the second left nothing");
    assert_eq!(class.state().tally.words, 1);
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
        class.guess(&name(n), 1, Guess::Words).expect("open");
    }
    let ApiError(body) = class.join(Some(name(9)), rude).expect_err("three names are held");
    assert_eq!((body.code, body.retry_after), (ErrorCode::TooManyRequests, Some(30)));
    assert_eq!(class.state().tally.words, 3);
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
        class.guess(&name(n), 1, Guess::Words).expect("open");
    }
    assert!(!latest.has_changed().expect("open"), "they wait");
    latest.changed().await.expect("open");
    let sheet = latest.borrow_and_update().clone();
    assert_eq!(number(&sheet), before + 1);
    let ClassMessage::State(state) = &sheet.message else { panic!("{sheet:?}") };
    assert_eq!((state.tally.words, state.present), (60, 60));
    drop(seats);
    class.end();
    assert!(latest.borrow_and_update().is_last());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(latest.borrow().is_last(), "nothing follows the end");
}
