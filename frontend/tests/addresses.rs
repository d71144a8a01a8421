//! The lab may lie below a path of its host: no address of the page's may be given to a browser as if it
//! lay at the top. `base::at` makes what a browser is given. And only the room `source` knows what the
//! lab's addresses are and opens connections, so that a run may come from elsewhere.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code, reason = "the catalogue’s tests use the rest")]
mod source;

use std::path::Path;

/// What a browser is given an address by.
const GIVEN: [&str; 9] = [
    "href=\"/",
    "src=\"/",
    "href=format!(\"/",
    "src=format!(\"/",
    "href=move || format!(\"/",
    "src=move || format!(\"/",
    "Request::get(\"/",
    "Request::post(\"/",
    "Request::post(&format!(\"/",
];

/// What opens a connection.
const CONNECTS: [&str; 8] = [
    "gloo_net",
    "Request::",
    "WebSocket",
    "EventSource",
    "XmlHttpRequest",
    "send_beacon",
    "fetch_with",
    "Worker::new",
];

fn page() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn every_address_goes_through_the_base() {
    let files = source::files(&page(), "rs");
    assert!(files.len() > 50);
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let given = GIVEN.iter().any(|way| line.contains(way));
            // The origin alone leaves the path out; `browser::absolute` has both.
            let origin = line.contains(".origin()") && !line.contains("at(");
            if given || origin {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "use base::at:\n{}", wrong.join("\n"));
}

/// Where a source knows an address of the lab or opens a connection: file and line.
fn reaches(source: &source::Source) -> Vec<String> {
    let addresses = source.literals.iter().filter(|l| l.text.contains("/api/")).map(|l| l.start);
    // A whole name: the class's own requests are no connection.
    let whole = |at: &usize| !source.code[..*at].ends_with(|c: char| c.is_alphanumeric());
    let connections = CONNECTS.iter().flat_map(|what| source.code.match_indices(what));
    let connections = connections.filter(|(at, _)| whole(at));
    let found = addresses.chain(connections.map(|(at, _)| at));
    found.map(|at| format!("{}:{}", source.path.display(), source.line(at))).collect()
}

#[test]
fn only_the_room_source_knows_addresses_and_connections() {
    let (room, others): (Vec<_>, Vec<_>) = source::sources(&page())
        .into_iter()
        .partition(|s| s.path.strip_prefix(page()).is_ok_and(|p| p.starts_with("source")));
    let outside: Vec<String> = others.iter().flat_map(reaches).collect();
    assert!(outside.is_empty(), "ask `source` instead:\n{}", outside.join("\n"));
    // That nothing is found elsewhere says something only while it is found here.
    let inside: Vec<String> = room.iter().flat_map(reaches).collect();
    assert!(inside.len() > 30, "the room was not read: {inside:?}");
}
