//! By which names the lab is reached, from whose pages, and whom it takes requests to come from.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, Request, Version, header};
use langoverrule::fair::Client;
use langoverrule::http::net::{Access, Peer};
use shared::ErrorCode;

use crate::common::{Answer, TestLab};

const STRANGER: &str = "198.51.100.7";
const PROXY: &str = "10.0.0.2";

fn access(origins: &[&str], proxies: &[&str]) -> Access {
    Access {
        origins: origins.iter().map(|o| o.parse().unwrap()).collect(),
        proxies: proxies.iter().map(|p| p.parse().unwrap()).collect(),
        ..Access::default()
    }
}

fn lab(access: Access) -> TestLab {
    let mut lab = TestLab::new();
    lab.change(|state| state.access = Arc::new(access));
    lab
}

async fn ask(lab: &TestLab, from: &str, method: &str, headers: &[(&str, &str)]) -> Answer {
    // Refused for having no such run, where it is not refused before.
    let path = if method == "GET" {
        "/api/samples"
    } else {
        "/api/runs/aaaaaaaaaaaaaaaaaaaaaaaaaa/cancel"
    };
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    lab.send_from(from, request.body(Body::empty()).unwrap()).await
}

fn client(access: &Access, from: &str, headers: &[(&str, &str)]) -> Client {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).unwrap();
    access.client(
        Some(Peer((from.parse::<std::net::IpAddr>().unwrap(), 50_000).into())),
        request.headers(),
    )
}

fn at(address: &str) -> Client {
    Client::at(address.parse().unwrap())
}

#[tokio::test]
async fn a_name_that_is_not_the_labs_is_refused() {
    let lab = lab(access(&["https://lab.school", "http://lab.local:8080"], &[]));
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "demo.localhost:1",
        "127.0.0.1:8080",
        "127.0.0.2",
        "[::1]:9000",
        "lab.school",
        "lab.school:443",
        "lab.school:8443",
        "Lab.School.",
        "lab.local:8080",
    ] {
        let answer = ask(&lab, STRANGER, "GET", &[("host", host)]).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8080",
        "lab.school.evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.0.2.5:8080",
        "notlocalhost",
        "school",
    ] {
        let answer = ask(&lab, "127.0.0.1", "GET", &[("host", host)]).await;
        let body = answer.is_error(ErrorCode::UnknownHost);
        assert_eq!(answer.status, 421);
        assert!(body.message.contains("--origin"), "{}", body.message);
    }
    for host in ["", "a b", "x@localhost", "localhost/x"] {
        ask(&lab, STRANGER, "GET", &[("host", host)]).await.is_error(ErrorCode::BadRequest);
    }
    let twice = [("host", "localhost"), ("host", "localhost")];
    ask(&lab, STRANGER, "GET", &twice).await.is_error(ErrorCode::BadRequest);
    // HTTP/1.1 wants a host, and an old program's request has none.
    for (version, status) in [(Version::HTTP_11, 400), (Version::HTTP_10, 200)] {
        for line in ["/api/samples", "http://localhost/api/samples"] {
            let request = Request::get(line).version(version).body(Body::empty()).unwrap();
            let answer = lab.send_as_it_is(STRANGER, request).await;
            assert_eq!(answer.status, status, "{version:?} {line}");
        }
    }
    // A header that only a named proxy may set helps nobody.
    let told = [("host", "evil.example"), ("x-forwarded-host", "lab.school")];
    ask(&lab, STRANGER, "GET", &told).await.is_error(ErrorCode::UnknownHost);
    // The request's own line may name a host too.
    let absolute = Request::get("http://evil.example/api/samples").header("host", "localhost");
    lab.send(absolute.body(Body::empty()).unwrap()).await.is_error(ErrorCode::UnknownHost);
}

#[tokio::test]
async fn a_lab_that_listens_everywhere_goes_by_every_address_but_by_no_name() {
    let everywhere = Access { bound: "0.0.0.0".parse().unwrap(), ..Access::default() };
    let here = Access { bound: "192.0.2.5".parse().unwrap(), ..Access::default() };
    let (everywhere, here) = (lab(everywhere), lab(here));
    for (lab, host, good) in [
        (&everywhere, "192.0.2.5:8080", true),
        (&everywhere, "[2001:db8::1]:8080", true),
        (&everywhere, "lab-pc.local", false),
        (&here, "192.0.2.5:8080", true),
        (&here, "192.0.2.6:8080", false),
        (&here, "127.0.0.1", true),
    ] {
        let answer = ask(lab, STRANGER, "GET", &[("host", host)]).await;
        assert_eq!(answer.status, if good { 200 } else { 421 }, "{host}");
    }
}

#[tokio::test]
async fn ones_own_page_is_known_behind_the_usual_proxies() {
    let lab = lab(access(&["https://lab.school:8443", "https://lab.school"], &[PROXY]));
    let own: [&[(&str, &str)]; 12] = [
        &[("host", "lab.school:8443"), ("origin", "https://lab.school:8443")],
        // nginx' $host leaves the port out.
        &[("host", "lab.school"), ("origin", "https://lab.school:8443")],
        &[("host", "lab.school:443"), ("origin", "https://lab.school")],
        &[("host", "localhost:80"), ("origin", "http://localhost")],
        // nginx, where nothing was said of the host.
        &[("host", "127.0.0.1:8080"), ("origin", "https://lab.school")],
        &[
            ("host", "10.0.0.9:8080"),
            ("x-forwarded-host", "lab.school, inner.local"),
            ("origin", "https://lab.school"),
        ],
        &[
            ("host", "10.0.0.9:8080"),
            ("x-forwarded-host", "lab.school:443"),
            ("origin", "https://lab.school"),
        ],
        &[
            ("host", "x"),
            ("x-forwarded-host", "lab.school"),
            ("x-forwarded-port", "8443"),
            ("origin", "https://lab.school:8443"),
        ],
        &[
            ("host", "x"),
            ("forwarded", "for=192.0.2.1;host=lab.school;proto=https"),
            ("origin", "https://lab.school"),
        ],
        // ssh -L with another port, IPv6, a name with its final dot.
        &[("host", "localhost:9000"), ("origin", "http://localhost:9000")],
        &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
        &[("host", "lab.school."), ("origin", "https://lab.school.")],
    ];
    for headers in own {
        ask(&lab, PROXY, "POST", headers).await.is_error(ErrorCode::NotFound);
    }
    // What a browser that compares by itself says counts, where the host is one of the lab's.
    let browser = [
        ("host", "127.0.0.1:8080"),
        ("origin", "https://name-8080.app.example"),
        ("sec-fetch-site", "same-origin"),
    ];
    ask(&lab, STRANGER, "POST", &browser).await.is_error(ErrorCode::NotFound);
    let rebound = [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "same-origin"),
    ];
    ask(&lab, STRANGER, "POST", &rebound).await.is_error(ErrorCode::UnknownHost);
}

#[tokio::test]
async fn another_websites_page_neither_changes_nor_listens() {
    let lab = lab(access(&["https://lab.school"], &[PROXY]));
    let foreign: [&[(&str, &str)]; 7] = [
        &[("host", "lab.school"), ("origin", "https://evil.example")],
        &[("host", "lab.school"), ("origin", "http://lab.school:81")],
        &[("host", "lab.school"), ("origin", "null")],
        &[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8081")],
        &[("host", "lab.school"), ("sec-fetch-site", "cross-site")],
        &[
            ("host", "lab.school"),
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ],
        // No proxy that was named says this.
        &[
            ("host", "lab.school"),
            ("x-forwarded-host", "evil.example"),
            ("origin", "https://evil.example"),
        ],
    ];
    for headers in foreign {
        let answer = ask(&lab, STRANGER, "POST", headers).await;
        let body = answer.is_error(ErrorCode::ForeignPage);
        assert_eq!(answer.status, 403);
        assert!(body.message.contains("--origin"), "{}", body.message);
        let upgrade = [headers, &[("upgrade", "websocket"), ("connection", "upgrade")]].concat();
        ask(&lab, STRANGER, "GET", &upgrade).await.is_error(ErrorCode::ForeignPage);
        let read = ask(&lab, STRANGER, "GET", headers).await;
        assert_eq!(read.status, 200, "what it asks for it cannot read");
        assert_eq!(
            read.header(HeaderName::from_static("cross-origin-resource-policy")),
            "same-origin"
        );
    }
}

#[test]
fn the_client_is_the_last_address_that_a_named_proxy_vouches_for() {
    let access = access(&[], &["10.0.0.0/8", "127.0.0.1"]);
    let said = |value| [("x-forwarded-for", value)];
    let standard = |value| [("forwarded", value)];
    assert_eq!(client(&access, STRANGER, &said("192.0.2.1")), at(STRANGER), "nobody's proxy");
    assert_eq!(client(&access, PROXY, &said("192.0.2.1")), at("192.0.2.1"));
    assert_eq!(
        client(&access, PROXY, &said("203.0.113.9, 192.0.2.1, 10.9.9.9")),
        at("192.0.2.1"),
        "forged on the left"
    );
    assert_eq!(
        client(&access, PROXY, &said("10.1.1.1, 10.9.9.9")),
        at("10.1.1.1"),
        "a proxy's own request"
    );
    assert_eq!(client(&access, PROXY, &said("192.0.2.1, hidden")), at(PROXY));
    assert_eq!(client(&access, PROXY, &said("192.0.2.1, hidden, 10.9.9.9")), at("10.9.9.9"));
    assert_eq!(
        client(&access, PROXY, &standard("for=192.0.2.1, for=\"10.9.9.9:80\"")),
        at("192.0.2.1")
    );
    assert_eq!(
        client(&access, PROXY, &standard("For=\"[2001:db8::1]:4711\"")),
        at("2001:db8::77"),
        "one /64"
    );
    assert_eq!(client(&access, PROXY, &standard("for=_secret")), at(PROXY));
    assert_eq!(client(&access, PROXY, &[]), at(PROXY));
    let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2")];
    assert_eq!(client(&access, PROXY, &both), at(PROXY), "one of the two is forged");
    let agreed = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
    assert_eq!(client(&access, PROXY, &agreed), at("192.0.2.1"));
    assert_eq!(access.client(None, &header::HeaderMap::new()), Client::UNKNOWN);
}

#[test]
fn only_a_connection_from_this_machine_is_local_and_only_with_nobody_behind_it() {
    let (plain, behind) = (Access::default(), access(&["https://lab.school"], &["127.0.0.1"]));
    for access in [&plain, &behind] {
        for headers in [
            &[][..],
            &[("host", "localhost:8080")],
            &[("host", "127.0.0.1"), ("origin", "http://127.0.0.1")],
        ] {
            for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
                assert!(client(access, here, headers).is_local(), "{here} {headers:?}");
            }
            for there in [STRANGER, PROXY, "fe80::1", "0.0.0.0"] {
                assert!(!client(access, there, headers).is_local(), "{there} {headers:?}");
            }
        }
        for header in [
            "x-forwarded-for",
            "forwarded",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip",
            "via",
        ] {
            // Also where it names this machine: that is the proxy's word.
            for value in ["127.0.0.1", "for=127.0.0.1", "1.1 proxy"] {
                assert!(
                    !client(access, "127.0.0.1", &[(header, value)]).is_local(),
                    "{header}: {value}"
                );
            }
        }
        for headers in
            [[("host", "lab.school")], [("origin", "https://lab.school")], [("origin", "null")]]
        {
            assert!(!client(access, "127.0.0.1", &headers).is_local(), "{headers:?}");
        }
    }
}

#[tokio::test]
async fn the_lab_lies_below_a_path_whether_a_proxy_takes_it_away_or_not() {
    let lab = lab(Access { base: "/lab".parse().unwrap(), ..Access::default() });
    for path in
        ["/lab/api/samples", "/api/samples", "/lab/healthz", "/lab/", "/lab/compare?layer=2"]
    {
        assert_eq!(lab.get(path).await.status, 200, "{path}");
    }
    let answer = lab.get("/lab").await;
    assert_eq!((answer.status.as_u16(), answer.header(header::LOCATION)), (308, "/lab/"));
    // Not below it: a place in the page, as any other.
    let other = lab.get("/laboratory/api/samples").await;
    assert!(other.header(header::CONTENT_TYPE).starts_with("text/html"));
    let mut request = crate::common::Form::new(r#"{"prompt":"a","max_new_tokens":1}"#).request();
    *request.uri_mut() = "/lab/api/runs".parse().unwrap();
    let answer = lab.send(request).await;
    assert_eq!(answer.status, 202);
    assert!(answer.header(header::LOCATION).starts_with("/lab/api/runs/"));
    assert_eq!(lab.get(answer.header(header::LOCATION)).await.status, 200);
}

#[tokio::test]
async fn the_page_names_its_files_relative_to_its_address() {
    let lab = TestLab::new();
    if langoverrule::assets::PAGE.get("index.html").is_none() {
        return;
    }
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    let (below, folder) = (format!("/r/{}", run.id), format!("/r/{}/", run.id));
    for (path, up) in [
        ("/", "./"),
        ("/runs", "./"),
        (below.as_str(), "../"),
        (folder.as_str(), "../../"),
        ("/index.html", "./"),
    ] {
        let page = lab.get(path).await;
        let text = page.text();
        assert!(text.contains(&format!("src=\"{up}theme.js\"")), "{path}: {text}");
        assert!(!text.contains("src=\"/") && !text.contains("href=\"/"), "{path}: {text}");
        // The tag is of this text.
        let again = Request::get(path).header(header::IF_NONE_MATCH, page.header(header::ETAG));
        assert_eq!(lab.send(again.body(Body::empty()).unwrap()).await.status, 304, "{path}");
    }
}

#[tokio::test]
async fn every_answer_keeps_other_websites_out() {
    let lab = TestLab::new();
    for path in ["/", "/r/x", "/api/samples", "/api/nothing", "/healthz", "/embed/sample"] {
        let answer = lab.get(path).await;
        let of = |name: &'static str| answer.header(HeaderName::from_static(name)).to_owned();
        assert_eq!(of("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(of("cross-origin-resource-policy"), "same-origin", "{path}");
        let permissions = of("permissions-policy");
        assert!(permissions.contains("microphone=(self)"), "{path}: {permissions}");
        assert!(
            permissions.contains("camera=()") && permissions.contains("geolocation=()"),
            "{path}"
        );
        assert_eq!(of("x-content-type-options"), "nosniff", "{path}");
    }
    let refused = ask(&lab, STRANGER, "GET", &[("host", "evil.example")]).await;
    assert_eq!(
        refused.header(HeaderName::from_static("cross-origin-resource-policy")),
        "same-origin"
    );
}
