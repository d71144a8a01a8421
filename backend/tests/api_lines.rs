//! The lines that the page of the API shows are run as they stand there, against a lab.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::process::Command;

use crate::common::{Options, TestLab};
use langoverrule::http::routes;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../frontend/api.html");

/// The lines of a language, about the lab at an address.
fn lines(language: &str, lab: &str) -> String {
    let (_, rest) = PAGE.split_once(&format!("data-lines=\"{language}\"><code>")).unwrap();
    let (code, _) = rest.split_once("</code>").unwrap();
    assert!(code.contains("http://127.0.0.1:8080"), "the page puts its own address there");
    let code = code.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    code.replace("http://127.0.0.1:8080", lab)
}

/// What a program prints that is given a text; nothing where the machine lacks the program.
async fn run(program: &'static str, args: &'static [&str], text: String) -> Option<String> {
    let folder = TempDir::new().unwrap();
    let work = move || {
        let file = folder.path().join("lines");
        std::fs::write(&file, text).unwrap();
        let ran = Command::new(program).args(args).arg(&file).current_dir(folder.path()).output();
        let Ok(ran) = ran else {
            eprintln!("{program} is not here: its lines were not tried");
            return None;
        };
        let (out, err) = (String::from_utf8(ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{program}: {err}");
        Some(out.unwrap())
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn lab() -> (TestLab, String) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
    let lab = TestLab::with(Options { samples, ..Options::default() });
    let address = format!("http://{}", lab.listen().await);
    (lab, address)
}

fn is_here(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success())
}

#[tokio::test]
async fn the_lines_for_curl_run() {
    let (_lab, address) = lab().await;
    if !is_here("curl") {
        eprintln!("curl is not here: its lines were not tried");
        return;
    }
    let Some(out) = run("bash", &["-euo", "pipefail"], lines("curl", &address)).await else {
        return;
    };
    for part in ["\"state\":\"done\"", "\"late_mdi\":", "layer,mdi,", "\n0,", "\n3,"] {
        assert!(out.contains(part), "no {part} in\n{out}");
    }
    assert!(out.lines().last().unwrap().starts_with(&format!("{address}/r/")), "{out}");
}

#[tokio::test]
async fn the_lines_for_python_run() {
    let (_lab, address) = lab().await;
    let Some(out) = run("python3", &[], lines("python", &address)).await else { return };
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("done "), "{out}");
    assert_eq!(lines.len(), 1 + 4, "a line for each layer: {out}");
}

#[test]
fn every_route_that_takes_a_token_says_so_where_programs_look() {
    let document = serde_json::to_value(routes::api().1).unwrap();
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let paths = document["paths"].as_object().unwrap();
    let mut with = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let listed = operation["parameters"].as_array().into_iter().flatten();
            let takes = listed.clone().any(|p| p["name"] == "Authorization");
            assert_eq!(takes, operation.get("security").is_some(), "{method} {path}");
            with.extend(takes.then(|| format!("{method} {path}")));
        }
    }
    assert!(with.contains(&"delete /api/runs/{id}".to_owned()), "{with:?}");
    assert!(with.len() >= 5, "{with:?}");
}
