//! What is written for those who operate the lab names what there is.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::common::TestLab;

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(name)).expect(name)
}

/// The names of metrics in a text.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|w| w.starts_with("langoverrule_") || w.starts_with("process_")).collect()
}

#[tokio::test]
async fn the_board_and_its_page_name_metrics_that_there_are() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    lab.get("/api/runs/none").await;
    let said = lab.get("/metrics").await.text();
    let said = metrics(&said);
    let known = |name: &str| {
        said.contains(name) || said.iter().any(|s| s.strip_prefix(name) == Some("_bucket"))
    };
    let board: serde_json::Value = serde_json::from_str(&file("deploy/grafana.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let asked: Vec<&str> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(asked.len() >= 15);
    for expression in asked {
        let names = metrics(expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(known(name), "the board asks for {name}, which the lab does not say");
        }
    }
    let page = file("docs/deploy.md");
    for name in metrics(&page) {
        assert!(known(name), "docs/deploy.md names {name}, which the lab does not say");
    }
}

#[test]
fn unit_and_image_start_the_lab_with_options_that_there_are() {
    let help = Command::new(env!("CARGO_BIN_EXE_langoverrule")).args(["serve", "--help"]).output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    let unit = file("deploy/langoverrule.service");
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let said =
        unit.lines().find_map(|line| line.strip_prefix("#   LANGOVERRULE_OPTIONS=")).unwrap();
    let image = file("deploy/Containerfile");
    let image = image.lines().find_map(|line| line.strip_prefix("CMD [")).unwrap();
    let mut options = 0;
    for text in [started, said, image] {
        for word in text.split([' ', '"', ',']).filter(|word| word.starts_with("--")) {
            options += 1;
            assert!(help.contains(&format!("{word} ")), "there is no {word}");
        }
    }
    assert_eq!(options, 6);
}

/// In an archive there is no folder `deploy/`: what it brings lies beside the page.
#[test]
fn the_page_says_where_files_lie_in_the_archive_and_in_the_repository() {
    let (page, script) = (file("docs/deploy.md"), file("run.sh"));
    let pack = script.split("\npack() {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let brought: Vec<&str> =
        pack.split_whitespace().filter_map(|word| word.strip_prefix("deploy/")).collect();
    assert_eq!(brought, ["langoverrule.service", "grafana.json"]);
    for name in brought {
        let (there, here) = page
            .match_indices(name)
            .partition::<Vec<_>, _>(|(at, _)| page[..*at].ends_with("deploy/"));
        assert!(!there.is_empty() && !here.is_empty(), "{name}: {} {}", there.len(), here.len());
    }
}
