//! One rude client beside a polite one: each has its part of the lab, and neither has all.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::stream;
use langoverrule::classroom::ClassLimits;
use langoverrule::fair::{Bound, Rate, Shares};
use langoverrule::http::app::Limits;
use langoverrule::models::catalog::Catalog;
use langoverrule::workers::lab::ScriptedLab;
use shared::api::{RunCreated, RunState, ServerMessage};
use shared::classroom::{CODE_ALPHABET, ClassCreated, ClassMessage, ClassRequest};
use shared::experiment::ExperimentCreated;
use shared::{ErrorCode, Event};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::common::socket::Viewer;
use crate::common::{Answer, Form, Options, TestLab};

const RUDE: &str = "127.0.0.2";
const POLITE: &str = "127.0.0.3";
/// Not on the lab's machine.
const FAR: &str = "192.0.2.7";

fn lab(shares: Shares) -> TestLab {
    let limits = Limits { classes: ClassLimits::of(&shares), ..Limits::default() };
    TestLab::with(Options { shares: Some(shares), limits, experiments: true, ..Options::default() })
}

/// A lab whose model stays at the run that is asked for first until [`Held::release`].
struct Held {
    lab: TestLab,
    steps: PathBuf,
    first: String,
}

impl Held {
    async fn at(client: &str, shares: Shares) -> Held {
        let folder = Arc::new(TempDir::new().unwrap());
        let steps = folder.path().join("steps");
        let options = Options { shares: Some(shares), ..Options::default() };
        let allowed = Some(steps.clone());
        let lab = Arc::new(ScriptedLab { script: options.script, allowed });
        let lab = TestLab::of(lab, Catalog::scripted(), folder, options);
        let first = ask(&lab, client, "[held]").await;
        assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text());
        let first = first.json::<RunCreated>().id;
        lab.until(&first, |r| r.state == RunState::Running).await;
        Held { lab, steps, first }
    }

    fn release(&self) {
        std::fs::write(&self.steps, "1000").unwrap();
    }
}

fn form(prompt: &str) -> Request<Body> {
    Form::new(&format!("{{\"prompt\":\"{prompt}\",\"max_new_tokens\":2}}")).request()
}

async fn ask(lab: &TestLab, client: &str, prompt: &str) -> Answer {
    lab.send_from(client, form(prompt)).await
}

async fn ask_as(lab: &TestLab, client: &str, token: &str) -> Answer {
    let mut request = form("What is it?");
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    lab.send_from(client, request).await
}

async fn post(lab: &TestLab, client: &str, path: &str, body: &str) -> Answer {
    lab.send_from(client, Request::post(path).body(Body::from(body.to_owned())).unwrap()).await
}

async fn get(lab: &TestLab, client: &str, path: &str) -> Answer {
    lab.send_from(client, Request::get(path).body(Body::empty()).unwrap()).await
}

/// Checks that a client is told that it has its part, and when to come again; gives the seconds.
#[track_caller]
fn has_its_part(answer: &Answer) -> u32 {
    let body = answer.is_error(ErrorCode::TooManyRequests);
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let after = body.retry_after.unwrap();
    assert_eq!(answer.header(header::RETRY_AFTER), after.to_string());
    assert!(after > 0, "{body:?}");
    after
}

/// The first place that a run was told.
async fn place(lab: &TestLab, id: &str) -> u32 {
    let events = lab.record(id).await.events;
    let places = events.iter().filter_map(|e| match e.event {
        Event::Queued { position } => Some(position),
        _ => None,
    });
    places.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_greedy_client_has_two_thirds_of_the_line_and_every_second_run() {
    let held = Held::at(RUDE, Shares { runs: Bound::new(9, 6), ..Shares::default() }).await;
    let lab = &held.lab;
    let mut greedy = vec![held.first.clone()];
    loop {
        let answer = ask(lab, RUDE, "What is it?").await;
        if answer.status != StatusCode::ACCEPTED {
            assert_eq!(has_its_part(&answer), 5);
            assert!(answer.text().contains("6 runs"), "{}", answer.text());
            break;
        }
        greedy.push(answer.json::<RunCreated>().id);
    }
    assert_eq!(greedy.len(), 1 + 6, "one is at work");
    let mut polite = Vec::new();
    for _ in 0..3 {
        polite.push(ask(lab, POLITE, "What is it?").await.json::<RunCreated>().id);
    }
    // The run at work, then one of each in turn.
    assert_eq!(place(lab, &polite[0]).await, 1);
    assert_eq!(place(lab, &polite[1]).await, 3);
    // Who comes when all places are taken is told something else.
    let full = ask(lab, "127.0.0.4", "What is it?").await;
    assert!(full.is_error(ErrorCode::QueueFull).retry_after.is_some());
    assert_eq!(full.header(header::RETRY_AFTER), "5");
    held.release();
    for id in greedy.iter().chain(&polite) {
        assert_eq!(lab.ended(id).await.state, RunState::Done);
    }
    let answer = ask(lab, RUDE, "What is it?").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "its places are free again");
}

#[tokio::test]
async fn a_presenter_has_a_place_when_the_line_is_full() {
    let held = Held::at(RUDE, Shares { runs: Bound::new(3, 2), ..Shares::default() }).await;
    let lab = &held.lab;
    let class: ClassCreated = post(lab, RUDE, "/api/classrooms", "").await.json();
    while ask(lab, RUDE, "What is it?").await.status == StatusCode::ACCEPTED {}
    // At the same address as the rude one, as a teacher in a school is.
    has_its_part(&ask_as(lab, RUDE, "no-token").await);
    let answer = ask_as(lab, RUDE, &class.presenter_token).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let run: RunCreated = answer.json();
    assert_eq!(place(lab, &run.id).await, 1, "before the others of its address");
    has_its_part(&ask_as(lab, RUDE, &class.presenter_token).await);
    held.release();
    assert_eq!(lab.ended(&run.id).await.state, RunState::Done);
}

#[tokio::test]
async fn one_client_cannot_send_everybodys_pictures() {
    let lab = lab(Shares { uploads: Bound::new(3, 1), ..Shares::default() });
    let (begun, begins) = oneshot::channel();
    let (finish, finishes) = oneshot::channel::<()>();
    let whole = Form::new(r#"{"prompt":"What is it?"}"#);
    let parts = stream::unfold((whole.body(), Some((begun, finishes))), async |(body, wait)| {
        let (begun, finishes) = wait?;
        let _ = begun.send(());
        let _ = finishes.await;
        Some((Ok::<_, std::io::Error>(Bytes::from(body)), (Vec::new(), None)))
    });
    let slow = Request::post("/api/runs")
        .header(header::CONTENT_TYPE, Form::content_type())
        .body(Body::from_stream(parts))
        .unwrap();
    let sending = lab.send_from(RUDE, slow);
    let meanwhile = async {
        begins.await.unwrap();
        has_its_part(&ask(&lab, RUDE, "What is it?").await);
        let polite = ask(&lab, POLITE, "What is it?").await;
        assert_eq!(polite.status, StatusCode::ACCEPTED, "{}", polite.text());
        finish.send(()).unwrap();
    };
    let (sent, ()) = futures_util::future::join(sending, meanwhile).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
    assert_eq!(ask(&lab, RUDE, "What is it?").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn one_client_cannot_fill_the_disk() {
    let disk = Rate { burst: 1.0, each_second: 1e-3 };
    let held = Held::at(FAR, Shares { disk, ..Shares::default() }).await;
    let lab = &held.lab;
    // A thousand seconds for each byte of its picture.
    let after = has_its_part(&ask(lab, FAR, "What is it?").await);
    assert!(after > 100_000, "{after} s");
    for client in [POLITE, "192.0.2.8"] {
        assert_eq!(ask(lab, client, "What is it?").await.status, StatusCode::ACCEPTED);
    }
    held.release();
    lab.ended(&held.first).await;
    let more = has_its_part(&ask(lab, FAR, "What is it?").await);
    assert!(more > after + 100_000, "what was seen of the run counts too: {after} s, {more} s");
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else_does() {
    let requests = Rate { burst: 3.0, each_second: 0.01 };
    let lab = lab(Shares { requests, ..Shares::default() });
    for _ in 0..3 {
        assert_eq!(get(&lab, FAR, "/healthz").await.status, StatusCode::OK);
    }
    assert!(has_its_part(&get(&lab, FAR, "/healthz").await) > 1);
    assert_eq!(get(&lab, "192.0.2.8", "/healthz").await.status, StatusCode::OK);
    // Whoever sits at the lab's machine, with a notebook that asks again and again.
    for _ in 0..10 {
        assert_eq!(get(&lab, POLITE, "/healthz").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn one_client_cannot_open_all_classes_or_experiments() {
    let (classes, experiments) = (Bound::new(3, 2), Bound::new(3, 2));
    let lab = lab(Shares { classes, experiments, ..Shares::default() });
    let spec = r#"{"models":["scripted"],"samples":100}"#;
    for (path, body, made, full) in [
        ("/api/classrooms", "", StatusCode::CREATED, ErrorCode::ClassroomFull),
        ("/api/experiments", spec, StatusCode::ACCEPTED, ErrorCode::QueueFull),
    ] {
        for _ in 0..2 {
            assert_eq!(post(&lab, RUDE, path, body).await.status, made);
        }
        assert_eq!(has_its_part(&post(&lab, RUDE, path, body).await), 60);
        assert_eq!(post(&lab, POLITE, path, body).await.status, made, "{path}");
        let body = post(&lab, POLITE, path, body).await.is_error(full);
        assert_eq!(body.retry_after, Some(60));
    }
}

/// Three experiments run, and no more may: a paused one makes room, and waits for room to go on.
#[tokio::test]
async fn paused_experiments_keep_nobody_out() {
    let lab = lab(Shares { experiments: Bound::new(2, 2), ..Shares::default() });
    let spec = r#"{"models":["scripted"],"samples":100}"#;
    let start = |from| post(&lab, from, "/api/experiments", spec);
    let first: ExperimentCreated = start(RUDE).await.json();
    let second: ExperimentCreated = start(RUDE).await.json();
    start(POLITE).await.is_error(ErrorCode::QueueFull);
    let act = async |of: &ExperimentCreated, what: &str| {
        let path = format!("/api/experiments/{}/{what}", of.id);
        lab.as_owner(axum::http::Method::POST, &path, &of.owner_token).await
    };
    for of in [&first, &second] {
        assert_eq!(act(of, "pause").await.status, StatusCode::OK);
    }
    assert!(has_its_part(&start(RUDE).await) > 1, "they are not finished");
    for _ in 0..2 {
        assert_eq!(start(POLITE).await.status, StatusCode::ACCEPTED);
    }
    let body = act(&first, "resume").await.is_error(ErrorCode::QueueFull);
    assert_eq!(body.retry_after, Some(60));
    assert_eq!(act(&first, "cancel").await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_codes_keep_nobody_with_the_right_one_out() {
    let lab = lab(Shares::default());
    let server = lab.listen().await;
    let class: ClassCreated = post(&lab, POLITE, "/api/classrooms", "").await.json();
    let path = format!("/api/classrooms/{}", class.code);
    let events = |follower: u32| format!("{path}/events?follower={follower:032}");

    // One pupil tries codes; wrong ones, old ones and what is no code at all are answered alike.
    let signs: Vec<char> = CODE_ALPHABET.chars().collect();
    for n in 0..100 {
        let tail: String = [n / 25 % 25, n % 25].map(|i| signs[i]).iter().collect();
        for typed in [format!("CCCCCC{tail}"), format!("CCCC{tail}"), format!("none{n}")] {
            assert_ne!(typed, class.code);
            get(&lab, RUDE, &format!("/api/classrooms/{typed}"))
                .await
                .is_error(ErrorCode::NotFound);
        }
    }
    // A class-mate at the same address joins by the right one, and so does the presenter.
    assert_eq!(get(&lab, RUDE, &path).await.status, StatusCode::OK);
    let mut phone = Viewer::open_from(RUDE, server, &events(1)).await;
    assert!(matches!(phone.next_of().await, Ok(ClassMessage::Guess { .. })));
    let mut presenter = Viewer::open_from(RUDE, server, &format!("{path}/events")).await;
    let present = ClassRequest::Present { presenter_token: class.presenter_token.clone() };
    presenter.say(&serde_json::to_string(&present).unwrap()).await;
    assert!(matches!(presenter.next_of().await, Ok(ClassMessage::State(_))));
    let end = |token: &str| {
        let request = Request::delete(&path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        lab.send_from(RUDE, request.body(Body::empty()).unwrap())
    };
    end("guessed").await.is_error(ErrorCode::NotOwner);
    assert_eq!(end(&class.presenter_token).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn one_client_cannot_hold_all_sockets_or_seats() {
    let (sockets, followers) = (Bound::new(6, 4), Bound::new(4, 2));
    let lab = lab(Shares { sockets, followers, ..Shares::default() });
    let server = lab.listen().await;
    let run = lab.ask("What is it?").await.id;
    lab.ended(&run).await;
    let class: ClassCreated = post(&lab, POLITE, "/api/classrooms", "").await.json();
    let join = async |client: &str, follower: u32| {
        let path = format!("/api/classrooms/{}/events?follower={follower:032}", class.code);
        let mut viewer = Viewer::open_from(client, server, &path).await;
        let first = viewer.next_of::<ClassMessage>().await.unwrap();
        (viewer, first)
    };
    let (_one, _) = join(RUDE, 1).await;
    let (_two, _) = join(RUDE, 2).await;
    let (_third, told) = join(RUDE, 3).await;
    let ClassMessage::Error(body) = told else { panic!("{told:?}") };
    assert_eq!((body.code, body.retry_after), (ErrorCode::TooManyRequests, Some(30)));
    let (_pupil, told) = join(POLITE, 4).await;
    assert!(matches!(told, ClassMessage::Guess { .. }), "{told:?}");
    // Two sockets follow the class, and one more may.
    let look = async |client: &str| {
        let path = format!("/api/runs/{run}/events");
        let mut viewer = Viewer::open_from(client, server, &path).await;
        match viewer.next().await {
            Ok(ServerMessage::Event(_)) => Ok(viewer),
            Ok(ServerMessage::Error(body)) => Err(body.code),
            other => panic!("{other:?}"),
        }
    };
    let mut held = Vec::new();
    let refused = loop {
        match look(RUDE).await {
            Ok(viewer) => held.push(viewer),
            Err(code) => break code,
        }
        assert!(held.len() <= 2);
    };
    assert_eq!(refused, ErrorCode::TooManyRequests);
    assert!(look(POLITE).await.is_ok());
}
