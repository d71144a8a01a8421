//! What a run's owner calls it, which pages may frame it, and old runs and later ones.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

use crate::common::{Answer, Options, TestLab, same};
use axum::body::Body;
use axum::http::{Method, Request, header};
use langoverrule::store::{Store, StoreOptions};
use shared::api::{RunCreated, RunRecord, RunState};
use shared::{Definition, ErrorCode, Label, Observation, Report};
use tempfile::TempDir;

async fn patch(lab: &TestLab, id: &str, token: Option<&str>, body: &str) -> Answer {
    let mut request = Request::builder().method(Method::PATCH).uri(format!("/api/runs/{id}"));
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    lab.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn name(lab: &TestLab, run: &RunCreated, body: &str) -> Label {
    patch(lab, &run.id, Some(&run.owner_token), body).await.ok()
}

fn label(name: &str, note: &str) -> Label {
    Label { name: name.into(), note: note.into() }
}

#[tokio::test]
async fn no_cell_of_an_export_is_a_formula_whatever_people_type() {
    let lab = TestLab::new();
    let run = lab.ask(r#"=1,=HYPERLINK(\"http://x\") ; +cmd,\"@SUM(1)\""#).await;
    lab.ended(&run.id).await;
    let change = r#"{"name":"=cmd,=cmd","note":",-2+3;\t@x,\"=y\""}"#;
    let named = name(&lab, &run, change).await;
    let csv = lab.get(&format!("/api/runs/{}/export.csv", run.id)).await.text();
    for line in csv.lines() {
        // What spreadsheets part cells with, by country, and what they take away around them.
        for cell in line.split([',', ';', '\t']) {
            let cell = cell.trim_matches(['"', ' ']);
            assert!(!tables::neutral::is_formula(cell), "{cell:?} in {line}");
        }
    }
    // To whoever reads the JSON it is what was typed.
    let read = |key: &str| -> serde_json::Value {
        let line = csv.lines().find_map(|l| l.strip_prefix(key)).unwrap();
        serde_json::from_str(line).unwrap()
    };
    assert_eq!(read("# name: "), named.name.as_str());
    assert_eq!(read("# note: "), named.note.as_str());
    assert!(read("# options: ")["prompt"].as_str().unwrap().starts_with("=1,=HYPERLINK"));
}

#[tokio::test]
async fn a_name_is_everybodys_to_see_and_survives_a_restart() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    let before = lab.ended(&run.id).await;
    assert!(before.label.is_empty());
    let named =
        name(&lab, &run, r#"{"name":" A <b>cat</b>\n","note":"one\r\ntwo, \"three\""}"#).await;
    let expected = label("A <b>cat</b>", "one\ntwo, \"three\"");
    assert_eq!(named, expected);
    // What is left out stays.
    assert_eq!(name(&lab, &run, r#"{"name":"Cat"}"#).await, label("Cat", &expected.note));
    assert_eq!(name(&lab, &run, "{}").await.name, "Cat");
    let named = RunRecord { label: label("Cat", &expected.note), ..before };
    let check = async |lab: &TestLab| {
        assert_eq!(lab.record(&run.id).await, named);
        let report: Report = lab.get(&format!("/api/runs/{}/export.json", run.id)).await.ok();
        assert_eq!(report.label, named.label);
        let csv = lab.get(&format!("/api/runs/{}/export.csv", run.id)).await.text();
        assert!(csv.lines().any(|l| l == "# name: \"Cat\""), "{csv}");
        assert!(csv.lines().any(|l| l == r#"# note: "one\ntwo, \"three\"""#), "{csv}");
    };
    check(&lab).await;
    let folder = lab.close().await;
    let lab = TestLab::in_folder(folder, Options::default());
    check(&lab).await;
    // Taken away again, it is as if there had been none.
    assert!(name(&lab, &run, r#"{"name":"","note":" "}"#).await.is_empty());
    let json = lab.get(&format!("/api/runs/{}", run.id)).await.text();
    assert!(!json.contains("\"label\""));
}

#[tokio::test]
async fn only_the_owner_names_a_run() {
    let lab = TestLab::new();
    let (run, other) = (lab.ask("What is it?").await, lab.ask("And this?").await);
    lab.ended(&run.id).await;
    for token in [None, Some(""), Some("wrong"), Some(other.owner_token.as_str())] {
        patch(&lab, &run.id, token, r#"{"name":"Mine"}"#).await.is_error(ErrorCode::NotOwner);
    }
    assert!(lab.record(&run.id).await.label.is_empty());
    let path = format!("/api/runs/{}", run.id);
    assert_eq!(lab.as_owner(Method::DELETE, &path, &run.owner_token).await.status, 204);
    patch(&lab, &run.id, Some(&run.owner_token), "{}").await.is_error(ErrorCode::NotFound);
}

#[tokio::test]
async fn what_is_no_name_is_refused_and_changes_nothing() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    name(&lab, &run, r#"{"name":"Cat","note":"A note."}"#).await;
    let longest = "고".repeat(120);
    assert_eq!(name(&lab, &run, &format!(r#"{{"name":"{longest}"}}"#)).await.name, longest);
    name(&lab, &run, r#"{"name":"Cat"}"#).await;
    let huge = "x".repeat(70_000);
    for (body, code, says) in [
        (String::new(), ErrorCode::BadRequest, "not JSON"),
        ("null".into(), ErrorCode::BadRequest, "no object"),
        (r#"["Mine","x"]"#.into(), ErrorCode::BadRequest, "no object"),
        (r#"{"name":3}"#.into(), ErrorCode::BadRequest, "invalid type"),
        (r#"{"title":"Mine"}"#.into(), ErrorCode::BadRequest, "unknown field"),
        (format!(r#"{{"name":"{longest}고"}}"#), ErrorCode::BadOption, "121 characters"),
        (format!(r#"{{"note":"{}"}}"#, "x".repeat(2_001)), ErrorCode::BadOption, "2001 characters"),
        (format!(r#"{{"note":"{huge}"}}"#), ErrorCode::BodyTooLarge, "64 KiB"),
    ] {
        let error = patch(&lab, &run.id, Some(&run.owner_token), &body).await.is_error(code);
        assert!(error.message.contains(says), "{}", error.message);
    }
    assert_eq!(lab.record(&run.id).await.label, label("Cat", "A note."));
}

#[tokio::test]
async fn a_run_at_work_can_be_named() {
    let lab = TestLab::new();
    let run = lab.ask("[slow]").await;
    lab.until(&run.id, |r| r.state == RunState::Running).await;
    name(&lab, &run, r#"{"name":"Slow"}"#).await;
    assert_eq!(lab.record(&run.id).await.label.name, "Slow");
    let ended = lab.ended(&run.id).await;
    assert_eq!((ended.state, ended.label.name.as_str()), (RunState::Done, "Slow"));
    let folder = lab.close().await;
    let lab = TestLab::in_folder(folder, Options::default());
    assert_eq!(lab.record(&run.id).await.label.name, "Slow");
}

#[tokio::test]
async fn only_an_embedded_run_may_stand_in_another_pages_frame() {
    let lab = TestLab::new();
    let policy = async |path: &str| {
        let answer = lab.get(path).await;
        // No run of these names is there: the page says so, under the same policy.
        assert!(matches!(answer.status.as_u16(), 200 | 404), "{path}: {}", answer.status);
        let policies = answer.headers.get_all(header::CONTENT_SECURITY_POLICY);
        let all: Vec<_> = policies.iter().map(|v| v.to_str().unwrap().to_owned()).collect();
        assert_eq!(all.len(), 1, "{path}");
        all[0].clone()
    };
    for path in ["/embed/sample", "/embed/95t9q7p2p3vpbiw6i73snag2sa?def=forward"] {
        let policy = policy(path).await;
        assert!(!policy.contains("frame-ancestors") && policy.contains("script-src 'self'"));
        assert!(policy.contains("form-action 'none'"));
    }
    for path in [
        "/",
        "/r/sample",
        "/compare?runs=sample",
        "/embed",
        "/embed/",
        "/embed/a/b",
        "/experiments",
    ] {
        assert!(policy(path).await.contains("frame-ancestors 'none'"), "{path}");
    }
}

/// A store as the version before names wrote it: schema 1, one finished run of the scripted model.
const OLD: &str = include_str!("fixtures/lab-schema-1.sql");
/// That run's name.
const OLD_RUN: &str = "h23ybu3k7wj6dv8h8fgyvqr78h";

fn old_store(folder: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(folder.join("lab.sqlite")).unwrap();
    connection.execute_batch(OLD).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
}

#[tokio::test]
async fn a_run_of_the_version_before_opens_as_it_did() {
    let folder = TempDir::new().unwrap();
    drop(old_store(folder.path()));
    let lab = TestLab::in_folder(folder.into(), Options::default());
    let record = lab.record(OLD_RUN).await;
    assert_eq!((record.version, record.state), (1, RunState::Done));
    assert!(record.label.is_empty());
    assert_eq!(record.options.prompt, "What is in the picture?");
    let mut observation = Observation::default();
    record.events.iter().for_each(|e| observation.apply(&e.event));
    assert_eq!((observation.layers(), observation.tokens.len()), (8, 2));
    let mdi: Vec<f64> =
        (0..8).map(|l| observation.measure(l, &Definition::default()).mdi.unwrap()).collect();
    // As that version's own export had it.
    let report: Report = lab.get(&format!("/api/runs/{OLD_RUN}/export.json")).await.ok();
    assert_eq!(report.layers.iter().map(|l| l.numbers.mdi.unwrap()).collect::<Vec<_>>(), mdi);
    assert_eq!(mdi[7], OLD_LAST_MDI);
    assert_eq!(report.generated.text, "It looks");
    let picture = lab.get(&format!("/api/runs/{OLD_RUN}/picture")).await;
    assert!(image::load_from_memory(&picture.body).is_ok());
}

/// What the version that wrote the old store exported as its last layer's MDI.
const OLD_LAST_MDI: f64 = 7.952_483_634_928_83;

#[tokio::test]
async fn the_shipped_run_opens_and_is_nobodys_to_name() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
    let lab = TestLab::with(Options { samples: samples.clone(), ..Options::default() });
    let record = lab.record("sample").await;
    let file = std::fs::read(samples.join("samples/run.json")).unwrap();
    let shipped: RunRecord = serde_json::from_slice(&file).unwrap();
    same(&record.events, &shipped.events);
    assert_eq!(record.version, 1);
    patch(&lab, "sample", Some("x"), r#"{"name":"Mine"}"#).await.is_error(ErrorCode::NotOwner);
}

#[tokio::test]
async fn a_run_of_a_later_version_is_refused_in_a_sentence_and_harms_no_other() {
    let lab = TestLab::new();
    let (later, run) = (lab.ask("What is it?").await, lab.ask("And this?").await);
    lab.ended(&later.id).await;
    lab.ended(&run.id).await;
    let folder = lab.close().await;
    let file = folder.path().join("lab.sqlite");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute("UPDATE runs SET version = version + 100 WHERE id = ?1", [&later.id])
        .unwrap();
    // Of which nothing can be read here.
    let sql = "UPDATE events SET data = x'00112233' WHERE run = ?1";
    connection.execute(sql, [&later.id]).unwrap();
    // As a lab before checksums kept it; this one gives every row its own when it opens the store.
    let before = "DROP TABLE sums; ALTER TABLE runs DROP COLUMN sum;
                  ALTER TABLE runs DROP COLUMN heads; ALTER TABLE runs DROP COLUMN events;
                  PRAGMA user_version = 3;";
    connection.execute_batch(before).unwrap();
    drop(connection);
    let lab = TestLab::in_folder(folder, Options::default());
    for end in ["", "/export.json", "/export.csv"] {
        let path = format!("/api/runs/{}{end}", later.id);
        let error = lab.get(&path).await.is_error(ErrorCode::NewerVersion);
        assert!(error.message.contains("later version"), "{}", error.message);
    }
    assert_eq!(lab.record(&run.id).await.state, RunState::Done);
}

#[test]
fn a_store_of_the_version_before_is_brought_up_to_date_once() {
    let folder = TempDir::new().unwrap();
    drop(old_store(folder.path()));
    for _ in 0..2 {
        Store::open(folder.path(), &StoreOptions::default()).unwrap().close();
        let file = rusqlite::Connection::open(folder.path().join("lab.sqlite")).unwrap();
        let version: u32 = file.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
        assert!(version >= 2);
        let names: u32 = file
            .query_row("SELECT count(*) FROM runs WHERE name = '' AND note = ''", [], |r| r.get(0))
            .unwrap();
        assert_eq!(names, 1);
    }
}
