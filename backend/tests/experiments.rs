//! Experiments over HTTP, on a scripted model and the demo dataset.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use crate::common::{Answer, Options, TestLab, png};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use langoverrule::experiments::{End, Reach, plan};
use langoverrule::models::pulls::Allowed;
use langoverrule::workers::lab::Script;
use shared::api::RunState;
use shared::experiment::aggregate::{Aggregate, Choice};
use shared::experiment::tables::Tables;
use shared::experiment::{
    ExperimentCreated, ExperimentList, ExperimentProgress, ExperimentSpec, ExperimentState,
    ExperimentStatus, ItemRecord, ItemRun, Verdict,
};
use shared::{Definition, ErrorCode, Observation, Preset, Queries, Stage};

fn lab() -> TestLab {
    paced(Duration::ZERO)
}

fn paced(step: Duration) -> TestLab {
    let script = Script { layers: 4, heads: 2, grid: 3, step, ..Script::default() };
    TestLab::with(Options { script, experiments: true, ..Options::default() })
}

const SMALL: &str = r#"{"models":["scripted"],"samples":6,"prune":[0,0.5],
    "base":{"max_new_tokens":3}}"#;

async fn post(lab: &TestLab, path: &str, body: impl Into<Body>) -> Answer {
    lab.send(Request::post(path).body(body.into()).unwrap()).await
}

async fn start(lab: &TestLab, spec: &str) -> ExperimentCreated {
    let answer = post(lab, "/api/experiments", spec.to_owned()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let created: ExperimentCreated = answer.json();
    assert_eq!(answer.header(header::LOCATION), format!("/api/experiments/{}", created.id));
    created
}

async fn done(lab: &TestLab, id: &str) -> ExperimentStatus {
    lab.experiment_until(id, |s| s.state == ExperimentState::Done).await
}

fn encoded(definition: &Definition) -> String {
    serde_json::to_string(definition).unwrap().bytes().map(|b| format!("%{b:02X}")).collect()
}

#[tokio::test]
async fn a_link_is_previewed_by_its_experiment() {
    let lab = lab();
    let nowhere = lab.get("/e/95t9q7p2p3vpbiw6i73snag2sa").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(nowhere.text().to_lowercase().starts_with("<!doctype html>"));
    let created = start(&lab, SMALL).await;
    let status = done(&lab, &created.id).await;
    let page = lab.get(&format!("/e/{}?def=forward", created.id)).await;
    assert_eq!(page.status, StatusCode::OK);
    if langoverrule::assets::PAGE.get("index.html").is_none() {
        return;
    }
    let text = page.text();
    let property = |name: &str| {
        let from = text.split_once(&format!("property=\"{name}\" content=\"")).unwrap().1;
        from.split_once('"').unwrap().0.to_owned()
    };
    assert_eq!(property("og:title"), plots::text::escaped(&status.title));
    assert!(property("og:description").contains("12 of 12"), "{text}");
    assert!(property("og:url").ends_with(&format!("/e/{}?def=forward", created.id)));
    let picture = property("og:image");
    let drawn = lab.get(&picture[picture.find("/api/").unwrap()..]).await;
    assert_eq!((drawn.status, drawn.header(header::CONTENT_TYPE)), (StatusCode::OK, "image/png"));
}

#[tokio::test]
async fn from_start_to_tables_to_a_run() {
    let lab = lab();
    let created = start(&lab, SMALL).await;
    assert_eq!((created.id.len(), created.owner_token.len()), (26, 26), "128 bits each");
    let status = done(&lab, &created.id).await;
    assert_eq!((status.done, status.left_out, status.items()), (12, 0, 12));
    assert_eq!(status.models.len(), 1);
    assert_eq!(status.dataset.name, "demo");
    let at = |rest: &str| format!("/api/experiments/{}{rest}", created.id);

    // The tables are those that `shared` makes of the same outcomes, to the last bit.
    let queue = lab.state.experiments.clone().unwrap().book;
    let id = langoverrule::id::RunId::parse(&created.id).unwrap();
    let custom = Definition { queries: Queries::AllPrompt, ..Definition::default() };
    for (asked, base, definition) in [
        (String::new(), Definition::default(), Definition::default()),
        ("?definition=forward".into(), Definition::default(), Preset::Forward.definition()),
        (format!("?definition={}", encoded(&custom)), custom, custom),
    ] {
        let mut aggregate = Aggregate::new(status.grid.clone(), Choice::around(base));
        for ended in queue.ends(&id, 0, 100).unwrap() {
            let End::Done(outcome) = ended.end else { panic!("left out") };
            aggregate.add(ended.item, &outcome).unwrap();
        }
        let choice = aggregate.choices().position(|c| c.definition == definition).unwrap();
        let expected = Tables::new(&mut aggregate, &status, choice).unwrap();
        let tables: Tables = lab.get(&at(&format!("/tables{asked}"))).await.ok();
        assert_eq!(tables, expected, "{asked}");
        assert_eq!(tables.choice.definition, definition);
        let file = lab.get(&at(&format!("/export.json{asked}"))).await;
        assert!(file.header(header::CONTENT_DISPOSITION).ends_with(".json\""));
        assert_eq!(file.ok::<Tables>(), expected);
    }

    // One click from a sample to its run, which shows the same number.
    let items: Vec<ItemRecord> = lab.get(&at("/items?condition=0&sort=highest")).await.ok();
    assert_eq!(items.len(), 6);
    assert!(items.windows(2).all(|w| w[0].mdi >= w[1].mdi), "{items:?}");
    let lowest: Vec<ItemRecord> = lab.get(&at("/items?condition=0&sort=lowest&limit=1")).await.ok();
    assert_eq!(lowest[0].mdi, items[5].mdi);
    let first = &items[0];
    assert_eq!((first.condition, first.run.as_deref()), (0, None));
    let picture = lab.get(&at(&format!("/items/{}/picture", first.item))).await;
    assert_eq!(picture.header(header::CONTENT_TYPE), "image/png");
    assert!(picture.header(header::CONTENT_SECURITY_POLICY).contains("sandbox"));
    assert!(picture.header(header::CACHE_CONTROL).contains("max-age"));
    let opening = at(&format!("/items/{}/run", first.item));
    let (a, b) = tokio::join!(post(&lab, &opening, ""), post(&lab, &opening, ""));
    let (a, b): (ItemRun, ItemRun) = (a.ok(), b.ok());
    assert_eq!(a.id, b.id, "two who ask get one run");
    assert!(a.owner_token.is_some() != b.owner_token.is_some(), "one of them owns it");
    let record = lab.ended(&a.id).await;
    assert_eq!(record.state, RunState::Done);
    assert_eq!(record.options.prompt, first.sample.prompt);
    let mut observation = Observation::default();
    record.events.iter().for_each(|e| observation.apply(&e.event));
    let mdi = observation.stage(Stage::Late, &Definition::default()).mdi.unwrap();
    assert!((mdi - first.mdi.unwrap()).abs() < 1e-9 * mdi);
    assert_eq!(lab.get(&format!("/api/runs/{}/picture", a.id)).await.body, picture.body);
    let again: Vec<ItemRecord> = lab.get(&at("/items?condition=0")).await.ok();
    assert_eq!(again[0].run.as_deref(), Some(&*a.id));
    // A run that was deleted is made again.
    let token = a.owner_token.or(b.owner_token).unwrap();
    lab.as_owner(Method::DELETE, &format!("/api/runs/{}", a.id), &token).await;
    let new: ItemRun = post(&lab, &opening, "").await.ok();
    assert_ne!(new.id, a.id);

    // From the lines alone the same tables are made again, and they name no address.
    let lines = lab.get(&at("/export.jsonl")).await;
    assert_eq!(lines.status, StatusCode::OK);
    assert!(!lines.text().contains(&created.id));
    let (mut aggregate, read) = tables::lines::read(&lines.body[..]).unwrap();
    let made = Tables::new(&mut aggregate, &read, 0).unwrap();
    assert_eq!(made, lab.get(&at("/tables")).await.ok::<Tables>());
    for (file, kind, begins) in [
        ("/export.md", "text/markdown", "#"),
        ("/export.tex", "application/x-tex", "%"),
        ("/export.csv", "text/csv", ""),
        ("/plots/layers.svg", "image/svg+xml", "<svg"),
        ("/plots/prune.png", "image/png", "\u{fffd}PNG"),
    ] {
        let file = lab.get(&at(&format!("{file}?definition=forward"))).await;
        assert!(file.header(header::CONTENT_TYPE).starts_with(kind), "{}", file.text());
        assert!(file.header(header::CONTENT_DISPOSITION).starts_with("attachment; filename="));
        assert!(!file.header(header::CONTENT_DISPOSITION).contains(&created.id));
        assert!(file.text().starts_with(begins), "{}", &file.text()[..40]);
    }
    for missing in ["/plots/replicate.svg", "/plots/layers.gif", "/plots/pie.png"] {
        lab.get(&at(missing)).await.is_error(ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn only_the_owner_pauses_resumes_cancels_and_deletes() {
    let lab = paced(Duration::from_millis(4));
    let created = start(&lab, r#"{"models":["scripted"],"samples":300}"#).await;
    let token = &created.owner_token;
    let at = |rest: &str| format!("/api/experiments/{}{rest}", created.id);
    for (method, path) in [
        (Method::POST, "/pause"),
        (Method::POST, "/resume"),
        (Method::POST, "/cancel"),
        (Method::DELETE, ""),
    ] {
        let not_mine = lab.as_owner(method.clone(), &at(path), "a stranger's").await;
        not_mine.is_error(ErrorCode::NotOwner);
        let nobody = Request::builder().method(method).uri(at(path)).body(Body::empty()).unwrap();
        lab.send(nobody).await.is_error(ErrorCode::NotOwner);
    }
    lab.experiment_until(&created.id, |s| s.done > 2).await;
    let paused: ExperimentProgress = lab.as_owner(Method::POST, &at("/pause"), token).await.ok();
    assert_eq!(paused.state, ExperimentState::Paused);
    let resting = lab.experiment_until(&created.id, |s| s.running == 0).await;
    // The device looks for work after every run: it was there to take an item, and took none.
    for _ in 0..2 {
        let run = lab.ask("What is it?").await;
        lab.ended(&run.id).await;
    }
    let later = lab.experiment(&created.id).await;
    assert_eq!((later.done, later.state), (resting.done, ExperimentState::Paused));
    let resumed: ExperimentProgress = lab.as_owner(Method::POST, &at("/resume"), token).await.ok();
    assert_eq!(resumed.state, ExperimentState::Running);
    lab.experiment_until(&created.id, |s| s.done > later.done).await;
    let cancelled: ExperimentProgress =
        lab.as_owner(Method::POST, &at("/cancel"), token).await.ok();
    assert_eq!(cancelled.state, ExperimentState::Cancelled);
    // For good; and what was measured stays.
    let still: ExperimentProgress = lab.as_owner(Method::POST, &at("/resume"), token).await.ok();
    assert_eq!(still.state, ExperimentState::Cancelled);
    let tables: Tables = lab.get(&at("/tables")).await.ok();
    assert!(tables.provenance.done > 2);
    let gone = lab.as_owner(Method::DELETE, &at(""), token).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    for path in
        ["", "/tables", "/items", "/events", "/export.json", "/export.jsonl", "/items/0/picture"]
    {
        lab.get(&at(path)).await.is_error(ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn what_cannot_be_is_said() {
    let lab = lab();
    let models = |rest: &str| format!(r#"{{"models":["scripted"]{rest}}}"#);
    let many: Vec<String> = (0..500).map(|i| format!("0.{i:03}")).collect();
    for (spec, code) in [
        ("{".to_owned(), ErrorCode::BadRequest),
        (String::new(), ErrorCode::BadRequest),
        ("[]".to_owned(), ErrorCode::BadOption),
        (models(r#","temperature":1"#), ErrorCode::BadOption),
        (models(r#","samples":-1"#), ErrorCode::BadOption),
        (models(r#","prune":[1]"#), ErrorCode::BadOption),
        (models(r#","prune":[]"#), ErrorCode::BadOption),
        (models(r#","base":{"verify":true}"#), ErrorCode::BadOption),
        (models(r#","title":"two\nlines""#), ErrorCode::BadOption),
        (models(&format!(r#","prune":[{}]"#, many.join(","))), ErrorCode::BadOption),
        (models(r#","samples":20001"#), ErrorCode::BadOption),
        (models(r#","samples":10001,"prune":[0,0.5]"#), ErrorCode::BadOption),
        (
            format!(r#"{{"models":["scripted"],"title":"{}"}}"#, "x".repeat(70_000)),
            ErrorCode::BodyTooLarge,
        ),
        (r#"{"models":["no-such-model"]}"#.to_owned(), ErrorCode::UnknownModel),
        (r#"{"models":["/etc"]}"#.to_owned(), ErrorCode::UnknownModel),
        (models(r#","dataset":"folder:/etc""#), ErrorCode::BadOption),
        (models(r#","dataset":"jsonl:/etc/passwd""#), ErrorCode::BadOption),
    ] {
        let shown: String = spec.chars().take(80).collect();
        let answer = post(&lab, "/api/experiments", spec).await;
        let body: shared::ErrorBody = answer.json();
        assert_eq!(body.code, code, "{shown}: {}", body.message);
        answer.is_error(code);
    }
    let unknown = post(&lab, "/api/experiments", models(r#","dataset":"no-such-set""#)).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    lab.get("/api/experiments/nobody").await.is_error(ErrorCode::NotFound);
    let created = start(&lab, SMALL).await;
    let at = |rest: &str| format!("/api/experiments/{}{rest}", created.id);
    lab.get(&at("/tables?definition=mine")).await.is_error(ErrorCode::BadOption);
    lab.get(&at("/items?sort=best")).await.is_error(ErrorCode::BadRequest);
    lab.get(&at("/items?colour=red")).await.is_error(ErrorCode::BadRequest);
    lab.get(&at("/items/12/picture")).await.is_error(ErrorCode::NotFound);
    lab.get(&at("/items/x/picture")).await.is_error(ErrorCode::NotFound);
    post(&lab, &at("/items/12/run"), "").await.is_error(ErrorCode::NotFound);
    // A lab without experiments says so.
    let without = TestLab::new();
    without.get("/api/experiments").await.is_error(ErrorCode::NotFound);
    post(&without, "/api/experiments", SMALL).await.is_error(ErrorCode::NotFound);
}

#[tokio::test]
async fn one_visitor_cannot_fill_the_lab() {
    let lab = paced(Duration::from_millis(50));
    let spec = r#"{"models":["scripted"],"samples":100}"#;
    let mut created = Vec::new();
    for _ in 0..8 {
        created.push(start(&lab, spec).await);
    }
    let full = post(&lab, "/api/experiments", spec).await.is_error(ErrorCode::QueueFull);
    assert!(full.message.contains("8 experiments"));
    let path = format!("/api/experiments/{}/cancel", created[3].id);
    assert_eq!(
        lab.as_owner(Method::POST, &path, &created[3].owner_token).await.status,
        StatusCode::OK
    );
    start(&lab, spec).await;
}

#[tokio::test]
async fn strangers_are_told_no_names() {
    let mut lab = lab();
    let first = start(&lab, SMALL).await;
    let second = start(&lab, SMALL).await;
    let from = async |lab: &TestLab, address: &str| -> ExperimentList {
        let request =
            Request::get("/api/experiments").header("host", "localhost").body(Body::empty());
        lab.send_from(address, request.unwrap()).await.ok()
    };
    for (listed, address, shown) in [
        (Allowed::Nobody, "127.0.0.1", false),
        (Allowed::Local, "127.0.0.1", true),
        (Allowed::Local, "192.0.2.1", false),
        (Allowed::Everybody, "192.0.2.1", true),
    ] {
        lab.change(|state| state.listed = listed);
        let list = from(&lab, address).await;
        assert_eq!(list.shown, shown, "{listed:?} {address}");
        let ids: Vec<&str> = list.experiments.iter().map(|e| &*e.id).collect();
        let expected = if shown { vec![&*second.id, &*first.id] } else { vec![] };
        assert_eq!(ids, expected, "the newest first");
    }
}

#[tokio::test]
async fn what_is_told_while_it_runs_ends_with_it() {
    let lab = paced(Duration::from_millis(2));
    let created = start(&lab, r#"{"models":["scripted"],"samples":60}"#).await;
    let answer = lab.get(&format!("/api/experiments/{}/events", created.id)).await;
    assert!(answer.header(header::CONTENT_TYPE).starts_with("text/event-stream"));
    let text = answer.text();
    let told: Vec<ExperimentProgress> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(text.matches("event: status").count(), told.len());
    assert!(told.len() > 1, "{text}");
    assert!(told.windows(2).all(|w| w[0].done <= w[1].done && w[0] != w[1]));
    let last = told.last().unwrap();
    assert_eq!((last.state, last.done), (ExperimentState::Done, 60));
    // Whoever comes later is told once.
    let later = lab.get(&format!("/api/experiments/{}/events", created.id)).await;
    assert_eq!(later.text().matches("event: status").count(), 1);
    // The tables know all of it as soon as its end is told.
    let tables: Tables = lab.get(&format!("/api/experiments/{}/tables", created.id)).await.ok();
    assert_eq!(tables.provenance.done, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_readers_see_one_experiment_grow() {
    let lab = paced(Duration::from_millis(2));
    let created = start(&lab, r#"{"models":["scripted"],"samples":40,"prune":[0,0.5]}"#).await;
    let path = format!("/api/experiments/{}", created.id);
    let means = lab.state.experiments.as_ref().unwrap();
    let id = langoverrule::id::RunId::parse(&created.id).unwrap();
    let readers = (0..60).map(async |_| {
        let mut seen = 0;
        let mut changes = lab.state.live.watch(means, &id).await.unwrap();
        loop {
            let status = lab.experiment(&created.id).await;
            let tables: Tables = lab.get(&format!("{path}/tables")).await.ok();
            let now = tables.provenance.done;
            assert!(now >= seen, "{now} after {seen}");
            seen = now;
            if status.state == ExperimentState::Done {
                // Asked after its end was known, nothing is missing.
                assert_eq!(now, 80);
                return;
            }
            // Closed once it is over, which is then looked at.
            let _ = changes.changed().await;
        }
    });
    let all = futures_util::future::join_all(readers);
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("it goes on");
}

#[tokio::test]
async fn what_was_left_out_and_what_was_claimed_can_be_looked_at() {
    let lab = lab();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("a.png"), png(20, 20)).unwrap();
    std::fs::write(files.path().join("broken.png"), b"no picture").unwrap();
    let rows = [
        r#"{"image":"a.png","prompt":"Is this a dog?","answers":["It is a dog."],"claimed":"cat","claimed_answers":["It looks like a cat."],"claim":"false"}"#,
        r#"{"image":"broken.png","prompt":"What is it?","answers":["A dog."]}"#,
        r#"{"image":"a.png","prompt":"What is it?","answers":["A dog."]}"#,
    ];
    let list = files.path().join("rows.jsonl");
    std::fs::write(&list, rows.join("\n")).unwrap();
    let spec = ExperimentSpec {
        models: vec!["scripted".into()],
        dataset: format!("jsonl:{}", list.display()),
        samples: 0,
        base: shared::AskedOptions { max_new_tokens: Some(6), ..Default::default() },
        ..ExperimentSpec::default()
    };
    let means = lab.state.experiments.clone().unwrap();
    let (new, _) = plan(spec, &means.catalog, &means.shelves, Reach::Local).unwrap();
    means.book.create(&new).unwrap();
    let status = done(&lab, new.id.as_str()).await;
    assert_eq!((status.done, status.left_out), (2, 1));
    let at = |rest: &str| format!("/api/experiments/{}{rest}", new.id);
    let left_out: Vec<ItemRecord> = lab.get(&at("/items?sort=left_out")).await.ok();
    assert_eq!(left_out.len(), 1);
    let why = left_out[0].left_out.as_ref().unwrap();
    assert_eq!((why.code, left_out[0].sample.row), (ErrorCode::PictureUnreadable, 1));
    let claimed: Vec<ItemRecord> = lab.get(&at("/items?sort=claimed")).await.ok();
    assert_eq!(claimed.len(), 1, "{:?}", lab.get(&at("/items")).await.text());
    assert_eq!((claimed[0].verdict, claimed[0].sample.row), (Some(Verdict::Claimed), 0));
    // A broken picture is shown as it lies there, and is no run.
    let picture = lab.get(&at(&format!("/items/{}/picture", left_out[0].item))).await;
    assert_eq!(picture.header(header::CONTENT_TYPE), "application/octet-stream");
    let run = post(&lab, &at(&format!("/items/{}/run", left_out[0].item)), "").await;
    run.is_error(ErrorCode::PictureUnreadable);
    // A dataset that changed is not shown as what it was.
    let fresh =
        TestLab::in_folder(lab.close().await, Options { experiments: true, ..Options::default() });
    std::fs::write(&list, rows[2]).unwrap();
    let gone = fresh.get(&at("/items/0/picture")).await.is_error(ErrorCode::DatasetUnusable);
    assert!(gone.message.contains("changed"), "{}", gone.message);
    // Its tables are.
    let tables: Tables = fresh.get(&at("/tables")).await.ok();
    assert_eq!(tables.provenance.left_out.len(), 1);
}

#[tokio::test]
async fn a_damaged_item_is_said_in_the_lines() {
    let lab = lab();
    let spec =
        r#"{"models":["scripted"],"samples":60,"prune":[0,0.5],"base":{"max_new_tokens":1}}"#;
    let created = start(&lab, spec).await;
    done(&lab, &created.id).await;
    let path = format!("/api/experiments/{}/export.jsonl", created.id);
    let whole = lab.get(&path).await.text();
    assert_eq!(whole.lines().count(), 121);
    let file = lab.folder.path().join("experiments.sqlite");
    let connection = rusqlite::Connection::open(file).unwrap();
    let damage = |which: &str| {
        let sql = format!(
            "UPDATE ends SET data = zeroblob(9) WHERE seq = (SELECT {which}(seq) FROM ends)"
        );
        assert_eq!(connection.execute(&sql, []).unwrap(), 1);
    };
    // Some lines are on their way: the last one says what is wrong.
    damage("max");
    let answer = lab.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    let cut: tables::lines::Cut = serde_json::from_str(lines[lines.len() - 1]).unwrap();
    assert_eq!(cut.error.code, ErrorCode::StorageDamaged);
    assert!(cut.error.message.starts_with("This file is not whole"), "{}", cut.error.message);
    assert_eq!(lines.len(), 102);
    assert!(whole.lines().take(101).eq(lines[..101].iter().copied()));
    let error = tables::lines::read(&answer.body[..]).err().unwrap().to_string();
    assert!(error.starts_with("line 102 says that the file is not whole"), "{error}");
    // Nothing was sent yet: an answer of its own.
    damage("min");
    lab.get(&path).await.is_error(ErrorCode::StorageDamaged);
}
