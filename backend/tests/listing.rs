//! Runs in a list: what was asked, what came out, and why there is nothing.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use crate::common::{Answer, Options, TestLab};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use langoverrule::export::Observed;
use langoverrule::workers::lab::Script;
use shared::api::RunState;
use shared::listing::{MOST_LISTED, RunsListed};
use shared::{Definition, ErrorCode, Undefined};

async fn post(lab: &TestLab, body: &str) -> Answer {
    let request = Request::post("/api/runs/summaries")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()));
    lab.send(request.unwrap()).await
}

async fn listed(lab: &TestLab, ids: &[&str]) -> RunsListed {
    post(lab, &serde_json::json!({ "ids": ids }).to_string()).await.ok()
}

#[tokio::test]
async fn a_row_has_the_number_that_exports_have_live_kept_and_after_a_restart() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    let record = lab.ended(&run.id).await;
    let observed = Observed::of(record.events.iter().map(|e| &e.event)).unwrap();
    let report = observed.report(&Definition::default(), false);
    let there = listed(&lab, &[&run.id]).await;
    let [row] = &there.runs[..] else { panic!("{there:?}") };
    assert_eq!((row.id.as_str(), row.state), (run.id.as_str(), RunState::Done));
    assert_eq!((row.prompt.as_str(), row.model.as_str()), ("What is it?", "scripted"));
    assert_eq!(row.answer, report.generated.text.trim());
    assert!(row.late_mdi.is_some());
    assert_eq!((row.late_mdi, row.undefined), (report.stages.late.mdi, None));
    assert_eq!(row.created, record.created);

    // A new name is told at once, though the row is kept.
    let path = format!("/api/runs/{}", run.id);
    let rename = Request::patch(&path)
        .header(header::AUTHORIZATION, format!("Bearer {}", run.owner_token))
        .body(Body::from(r#"{"name":"Mine"}"#));
    assert_eq!(lab.send(rename.unwrap()).await.status, StatusCode::OK);
    assert_eq!(listed(&lab, &[&run.id]).await.runs[0].name, "Mine");

    let again = TestLab::in_folder(lab.close().await, Options::default());
    let stored = listed(&again, &[&run.id, "sample", &"a".repeat(26), "no name"]).await;
    assert_eq!(stored.runs[0].late_mdi, report.stages.late.mdi, "to the last bit");
    assert_eq!((stored.runs.len(), stored.missing.len()), (1, 3));
    assert!(stored.missing.iter().all(|missing| missing.why.code == ErrorCode::NotFound));

    let deleted = again.as_owner(Method::DELETE, &path, &run.owner_token).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert!(listed(&again, &[&run.id]).await.runs.is_empty(), "a row outlives no run");
}

#[tokio::test]
async fn a_run_that_failed_says_why_and_one_that_was_stopped_has_no_number() {
    let script = Script { layers: 4, heads: 2, grid: 3, ..Script::default() };
    let lab = TestLab::with(Options { script, ..Options::default() });
    let failed = lab.ask("[fail] What is it?").await;
    let record = lab.ended(&failed.id).await;
    assert_eq!(record.state, RunState::Failed, "the script fails on that prompt");
    let there = listed(&lab, &[&failed.id]).await;
    let row = &there.runs[0];
    let why = row.failed.as_ref().unwrap();
    assert!(why.message.ends_with('.') && why.message.len() > 10, "{}", why.message);
    assert_eq!((row.state, row.late_mdi), (RunState::Failed, None));
    assert_eq!(row.undefined, Some(Undefined::Unfinished));
}

#[tokio::test]
async fn what_is_asked_is_bounded() {
    let lab = TestLab::new();
    let many = vec!["sample"; MOST_LISTED + 1];
    let many = serde_json::json!({ "ids": many }).to_string();
    post(&lab, &many).await.is_error(ErrorCode::BadRequest);
    for broken in ["", "[]", "{}", r#"{"ids":7}"#, r#"{"ids":[],"more":1}"#] {
        post(&lab, broken).await.is_error(ErrorCode::BadRequest);
    }
    let large = format!(r#"{{"ids":["{}"]}}"#, "a".repeat(20 << 10));
    post(&lab, &large).await.is_error(ErrorCode::BodyTooLarge);
    assert_eq!(listed(&lab, &[]).await, RunsListed::default());
}
