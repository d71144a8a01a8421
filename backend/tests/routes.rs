//! Every route, asked as it should be.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeSet;

use crate::common::{Form, Options, TestLab, png, same};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use langoverrule::export::Observed;
use langoverrule::http::routes;
use shared::api::{ModelEntry, RunCreated, RunState, Sample};
use shared::{Definition, Preset, Quant, Queries, Report, Resizing, RunOptions};
use tempfile::TempDir;

#[tokio::test]
async fn a_run_from_submit_to_export() {
    let lab = TestLab::new();
    let picture = png(64, 48);
    let form = Form::empty()
        .with("options", br#"{"prompt":"What\r\nis it?","max_new_tokens":2,"quant":"f32"}"#)
        .with("picture", &picture);
    let answer = lab.submit_form(form).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let run: RunCreated = answer.json();
    assert_eq!(answer.header(header::LOCATION), format!("/api/runs/{}", run.id));
    assert_eq!((run.id.len(), run.owner_token.len()), (26, 26), "128 bits each");
    // Asked for before it is there, it comes as soon as it is.
    let prepared = lab.get(&format!("/api/runs/{}/prepared.png", run.id)).await;
    assert_eq!(prepared.status, StatusCode::OK, "{}", prepared.text());
    assert_eq!(prepared.header(header::CONTENT_TYPE), "image/png");
    assert!(image::load_from_memory(&prepared.body).is_ok(), "it is a picture");

    let record = lab.ended(&run.id).await;
    assert_eq!((record.id.as_str(), record.version, record.state), (&*run.id, 2, RunState::Done));
    let expected = RunOptions {
        model: "scripted".into(),
        prompt: "What\nis it?".into(),
        quant: Quant::F32,
        max_new_tokens: 2,
        resize: Resizing::Torchvision,
        ..RunOptions::default()
    };
    assert_eq!(record.options, expected, "defaults filled in");
    assert!(record.created.starts_with("20") && record.created.ends_with('Z'));

    let given = lab.get(&format!("/api/runs/{}/picture", run.id)).await;
    assert_eq!(given.body, picture, "byte for byte");
    assert_eq!(given.header(header::CONTENT_TYPE), "image/png");
    assert_eq!(given.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(given.header(header::CONTENT_SECURITY_POLICY).contains("sandbox"));

    // The server's numbers are those that `shared` gives for the same events.
    let observed = Observed::of(record.events.iter().map(|e| &e.event)).unwrap();
    let custom = Definition { queries: Queries::AllPrompt, ..Definition::default() };
    let json = serde_json::to_string(&custom).unwrap();
    let encoded: String = json.bytes().map(|b| format!("%{b:02X}")).collect();
    for (asked, definition) in [
        ("", Preset::Paper.definition()),
        ("?definition=paper", Preset::Paper.definition()),
        ("?definition=forward", Preset::Forward.definition()),
        ("?definition=reimplementation", Preset::Reimplementation.definition()),
        (&format!("?definition={encoded}"), custom),
    ] {
        let path = format!("/api/runs/{}/export.json{asked}", run.id);
        let answer = lab.get(&path).await;
        assert!(answer.header(header::CONTENT_DISPOSITION).contains(&run.id));
        let report: Report = answer.ok();
        assert_eq!(report, observed.report(&definition, false), "{asked}");
        assert_eq!(report.definition, definition);
        check_csv(&lab, &format!("/api/runs/{}/export.csv{asked}", run.id), &report).await;
    }
}

async fn check_csv(lab: &TestLab, path: &str, report: &Report) {
    let csv = lab.get(path).await;
    assert_eq!(csv.header(header::CONTENT_TYPE), "text/csv; charset=utf-8");
    let text = csv.text();
    let comments: Vec<&str> = text.lines().take_while(|l| l.starts_with('#')).collect();
    for needed in [&report.model.hash, &report.definition_name, "What\\nis it?", "# early,"] {
        assert!(comments.iter().any(|l| l.contains(needed)), "no {needed} in {comments:#?}");
    }
    let mut rows = text.lines().skip(comments.len());
    let columns: Vec<&str> = rows.next().unwrap().split(',').collect();
    let mdi = columns.iter().position(|c| *c == "mdi").unwrap();
    for (layer, row) in report.layers.iter().zip(rows.by_ref()) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells.len(), columns.len());
        assert_eq!(cells[0].parse::<u32>().unwrap(), layer.index);
        assert_eq!(cells[mdi].parse::<f64>().ok(), layer.numbers.mdi, "to the last bit");
    }
    assert_eq!(rows.next(), None);
}

#[tokio::test]
async fn models_health_and_metrics() {
    let lab = TestLab::new();
    let models: Vec<ModelEntry> = lab.get("/api/models").await.ok();
    assert_eq!((models.len(), models[0].name.as_str()), (1, "scripted"));
    assert!(models[0].default && !models[0].loaded);
    assert_eq!(models[0].quants, Quant::ALL);
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    let models: Vec<ModelEntry> = lab.get("/api/models").await.ok();
    assert!(models[0].loaded);
    let health: serde_json::Value = lab.get("/healthz").await.ok();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["loaded"][0], "scripted/q8_0");
    lab.get("/api/runs/secret-address").await;
    let metrics = lab.get("/metrics").await;
    assert!(metrics.header(header::CONTENT_TYPE).starts_with("text/plain; version=0.0.4"));
    let text = metrics.text();
    for line in [
        "langoverrule_runs_submitted_total 1",
        "langoverrule_runs_ended_total{state=\"done\"} 1",
        "langoverrule_run_seconds_count 1",
        "langoverrule_run_seconds_bucket{le=\"+Inf\"} 1",
        "langoverrule_http_requests_total{route=\"/api/runs\",status=\"202\"} 1",
        "langoverrule_http_requests_total{route=\"/api/runs/{id}\",status=\"404\"} 1",
        "langoverrule_run_waited_seconds_count 1",
        "langoverrule_http_request_seconds_count{route=\"/api/runs\"} 1",
        "langoverrule_refusals_total{code=\"not_found\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
    }
    assert!(!text.contains("secret-address") && !text.contains(&run.id));
}

#[tokio::test]
async fn the_shipped_run_and_samples_need_no_model() {
    // A finished run as `analyze --record` leaves it.
    let (made, folder) = (TestLab::new(), TempDir::new().unwrap());
    let run = made.ask("What is it?").await;
    let mut record = made.ended(&run.id).await;
    let samples = folder.path().join("samples");
    std::fs::create_dir(&samples).unwrap();
    std::fs::write(samples.join("run.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    std::fs::write(samples.join("cat.png"), png(9, 9)).unwrap();
    std::fs::write(samples.join("run.prepared.png"), png(5, 5)).unwrap();
    let list = r#"[{"file":"cat.png","title":"A cat","prompt":"What is it?"}]"#;
    std::fs::write(samples.join("samples.json"), list).unwrap();

    let lab = TestLab::with(Options { samples: folder.path().into(), ..Options::default() });
    record.id = "sample".into();
    let shipped = lab.record("sample").await;
    same(&shipped.events, &record.events);
    assert_eq!(shipped, record);
    assert_eq!(lab.get("/api/runs/sample/picture").await.body, png(9, 9), "by its prompt");
    assert_eq!(lab.get("/api/runs/sample/prepared.png").await.body, png(5, 5));
    let report: Report = lab.get("/api/runs/sample/export.json").await.ok();
    assert_eq!(report.layers.len(), 4);
    let listed: Vec<Sample> = lab.get("/api/samples").await.ok();
    assert_eq!((listed.len(), listed[0].title.as_str()), (1, "A cat"));
    let cat = lab.get("/api/samples/cat.png").await;
    assert_eq!((cat.status, cat.body.to_vec()), (StatusCode::OK, png(9, 9)));
    let server = lab.listen().await;
    let seen = crate::common::socket::Viewer::of_run(server, "sample").await.rest().await;
    same(&seen.events, &record.events);
    let owner = lab.as_owner(axum::http::Method::DELETE, "/api/runs/sample", "").await;
    owner.is_error(shared::ErrorCode::NotOwner);
    let health: serde_json::Value = lab.get("/healthz").await.ok();
    assert_eq!(health["loaded"], serde_json::json!([]));
}

#[tokio::test]
async fn the_page_or_how_to_build_it() {
    let lab = TestLab::new();
    let nowhere = StatusCode::NOT_FOUND;
    for (path, status) in [
        ("/", StatusCode::OK),
        ("/r/abcdef", nowhere),
        ("/anything", nowhere),
        ("/runs", StatusCode::OK),
    ] {
        let page = lab.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.header(header::CONTENT_TYPE).starts_with("text/html"), "{path}");
        assert!(page.text().to_lowercase().starts_with("<!doctype html>"));
        assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
    if langoverrule::assets::PAGE.get("index.html").is_none() {
        assert!(lab.get("/").await.text().contains("cargo xtask page"));
        return;
    }
    let page = lab.get("/").await;
    let tag = page.header(header::ETAG).to_owned();
    assert_eq!(page.header(header::CACHE_CONTROL), "no-cache");
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
        let again = Request::get("/").header(header::IF_NONE_MATCH, known);
        let again = lab.send(again.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    }
    let html = page.text();
    let wasm = html.split('"').find(|s| s.ends_with(".wasm")).expect("the page loads wasm");
    let wasm = wasm.strip_prefix('.').expect("relative to the page");
    let plain = lab.get(wasm).await;
    assert_eq!(plain.header(header::CONTENT_TYPE), "application/wasm");
    assert!(plain.header(header::CACHE_CONTROL).contains("immutable"));
    assert!(plain.body.starts_with(b"\0asm"));
    for encoding in ["br", "gzip", "gzip, deflate, br;q=0.9"] {
        let packed = Request::get(wasm).header(header::ACCEPT_ENCODING, encoding);
        let packed = lab.send(packed.body(Body::empty()).unwrap()).await;
        let used = packed.header(header::CONTENT_ENCODING).to_owned();
        assert!(encoding.contains(&used) && !used.is_empty(), "{encoding}: {used}");
        assert!(packed.body.len() < plain.body.len() / 2);
        assert_eq!(packed.header(header::CONTENT_TYPE), "application/wasm");
    }
}

/// The paths a router serves, as its debug output has them: there is no other way to ask it.
fn paths_of(router: &axum::Router<langoverrule::http::app::AppState>) -> BTreeSet<String> {
    let debug = format!("{router:?}");
    let paths = debug.split('"').filter(|s| s.starts_with('/'));
    // The fallback of every router is at "/" with a path of its own; neither is a route of ours.
    paths.filter(|s| s.len() > 1 && !s.contains("__private")).map(str::to_owned).collect()
}

#[test]
fn every_route_is_in_the_document() {
    let (router, document) = routes::api();
    let documented: BTreeSet<String> = document.paths.paths.keys().cloned().collect();
    assert_eq!(paths_of(&router), documented);
    assert!(documented.len() >= 12);
}

#[test]
fn the_committed_document_is_current() {
    let current = routes::openapi::text();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, &current).unwrap();
    }
    let committed = std::fs::read(file).unwrap_or_default();
    assert!(
        committed == current,
        "backend/openapi.json is out of date; rewrite it with\n  \
         UPDATE=1 cargo test -p langoverrule --test lab the_committed_document_is_current"
    );
}
