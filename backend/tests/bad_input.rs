//! Whatever comes in, the answer is one envelope with a stable code, and the lab lives on.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use crate::common::{Form, Options, TestLab, png};
use axum::body::Body;
use axum::http::{Method, Request, header};
use langoverrule::http::app::Limits;
use langoverrule::http::net::Pace;
use shared::ErrorCode;

const FINE: &[u8] = br#"{"prompt":"What is it?"}"#;

#[tokio::test]
async fn bad_pictures() {
    let limits = Limits { upload: 100_000, ..Limits::default() };
    let lab = TestLab::with(Options { limits, ..Options::default() });
    let whole = png(64, 48);
    // A picture of 20000 × 20000 in a file of a few bytes: only its header says so.
    let mut bomb = whole.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
    let crc = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let cases: [(&str, &[u8], ErrorCode); 6] = [
        ("empty", b"", ErrorCode::PictureEmpty),
        ("no picture", b"hello, this is a text", ErrorCode::PictureUnreadable),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", ErrorCode::PictureUnreadable),
        ("truncated", &whole[..whole.len() / 2], ErrorCode::PictureDamaged),
        ("bomb", &bomb, ErrorCode::PictureTooManyPixels),
        ("over the limit", &[0x89; 100_001], ErrorCode::PictureTooLarge),
    ];
    for (name, picture, code) in cases {
        let form = Form::empty().with("picture", picture).with("options", FINE);
        let body = lab.submit_form(form).await.is_error(code);
        assert!(!body.message.contains("panicked"), "{name}: {}", body.message);
    }
    assert_eq!(lab.state.runs.store.totals().unwrap().runs, 0, "nothing was kept");
    lab.ask("fine").await;
}

#[tokio::test]
async fn a_form_far_over_the_limit_is_read_to_the_reason() {
    let limits = Limits { upload: 1000, ..Limits::default() };
    let lab = TestLab::with(Options { limits, ..Options::default() });
    for size in [1001, 4000, 100_000] {
        let form = Form::empty().with("picture", &vec![1; size]).with("options", FINE);
        lab.submit_form(form).await.is_error(ErrorCode::PictureTooLarge);
    }
}

#[tokio::test]
async fn a_form_of_many_fields_is_bounded_as_a_whole() {
    let limits = Limits { upload: 100_000, ..Limits::default() };
    let lab = TestLab::with(Options { limits, ..Options::default() });
    // Each field is within what one field may have; all together are not.
    let mut form = Form::empty().with("picture", &png(8, 8));
    for _ in 0..10 {
        form = form.with("picture", &vec![1; 90_000]);
    }
    lab.submit_form(form.with("options", FINE)).await.is_error(ErrorCode::PictureTooLarge);
    let mut form = Form::empty();
    for _ in 0..10_000 {
        form = form.with("options", b"");
    }
    lab.submit_form(form).await.is_error(ErrorCode::BadRequest);
}

#[tokio::test]
async fn another_sites_page_starts_nothing() {
    let lab = TestLab::new();
    let ask = |origin: &'static str| {
        let mut request = Form::new(r#"{"prompt":"a","max_new_tokens":1}"#).request();
        let headers = request.headers_mut();
        headers.insert(header::HOST, header::HeaderValue::from_static("127.0.0.1:3000"));
        headers.insert(header::ORIGIN, header::HeaderValue::from_static(origin));
        request
    };
    for origin in ["https://evil.example", "http://127.0.0.1:8000", "null"] {
        let body = lab.send(ask(origin)).await.is_error(ErrorCode::ForeignPage);
        assert!(body.message.contains("another website"), "{}", body.message);
    }
    assert_eq!(lab.state.runs.store.totals().unwrap().runs, 0, "nothing was kept");
    assert_eq!(lab.send(ask("http://127.0.0.1:3000")).await.status, 202);
    let page = lab.get("/").await;
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("wasm-unsafe-eval"));
}

#[tokio::test]
async fn an_upload_that_stalls_is_given_up() {
    let grace = std::time::Duration::from_millis(50);
    let limits = Limits { body: Pace { grace, ..Limits::default().body }, ..Limits::default() };
    let lab = TestLab::with(Options { limits, ..Options::default() });
    let whole = Form::new(r#"{"prompt":"a"}"#).body();
    let half = axum::body::Bytes::from(whole[..whole.len() / 2].to_vec());
    // A body that sends one half and then nothing, for ever.
    let stuck = futures_util::stream::once(async { Ok::<_, std::io::Error>(half) });
    let stuck = futures_util::StreamExt::chain(stuck, futures_util::stream::pending());
    let request = Request::post("/api/runs")
        .header(header::CONTENT_TYPE, Form::content_type())
        .body(Body::from_stream(stuck))
        .unwrap();
    let body = lab.send(request).await.is_error(ErrorCode::TooSlow);
    assert!(body.message.contains("too slowly"));
}

#[tokio::test]
async fn bad_forms() {
    let lab = TestLab::new();
    let picture = png(8, 8);
    let cases = [
        (Form::empty().with("options", FINE), ErrorCode::PictureMissing),
        (Form::empty().with("picture", &picture), ErrorCode::BadRequest),
        (Form::new("{").with("more", b"x"), ErrorCode::BadRequest),
        (Form::new("{}").with("options", b"{}"), ErrorCode::BadRequest),
        (Form::new("{"), ErrorCode::BadRequest),
        (Form::new("{\"prompt\":\"\u{fffd}\"").with("options", b"{}"), ErrorCode::BadRequest),
        (Form::new(&" ".repeat(300_000)), ErrorCode::BodyTooLarge),
    ];
    for (i, (form, code)) in cases.into_iter().enumerate() {
        let answer = lab.submit_form(form).await;
        eprintln!("form {i}");
        answer.is_error(code);
    }
    let kinds = [
        (None, ErrorCode::WrongContentType),
        (Some("text/plain"), ErrorCode::WrongContentType),
        (Some("application/json"), ErrorCode::WrongContentType),
        (Some("multipart/mixed; boundary=a"), ErrorCode::WrongContentType),
        // A form whose parts cannot be told.
        (Some("multipart/form-data"), ErrorCode::BadRequest),
        (Some("Multipart/Form-Data; boundary=a"), ErrorCode::BadRequest),
    ];
    for (kind, code) in kinds {
        let mut plain = Request::post("/api/runs");
        if let Some(kind) = kind {
            plain = plain.header(header::CONTENT_TYPE, kind);
        }
        let said = lab.send(plain.body(Body::from("hello")).unwrap()).await.is_error(code);
        let named = kind.is_none_or(|k| said.message.contains(k.split(';').next().unwrap()));
        assert!(code == ErrorCode::BadRequest || named, "{kind:?}: {}", said.message);
    }
    let mut packed = Form::new(r#"{"prompt":"a"}"#).request();
    packed.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
    let said = lab.send(packed).await.is_error(ErrorCode::WrongContentType);
    assert!(said.message.contains("gzip"), "{}", said.message);
    let cut = Form::new("{\"prompt\":\"a\"}").body();
    let cut = Request::post("/api/runs")
        .header(header::CONTENT_TYPE, Form::content_type())
        .body(Body::from(cut[..cut.len() / 2].to_vec()))
        .unwrap();
    lab.send(cut).await.is_error(ErrorCode::BadRequest);
}

#[tokio::test]
async fn json_of_another_kind_or_too_much_of_it() {
    let lab = TestLab::with(Options { experiments: true, ..Options::default() });
    let run = lab.ask("What is it?").await;
    let label = format!("/api/runs/{}", run.id);
    let json = |n: usize| format!("{{\"a\":\"{}\"}}", "a".repeat(n));
    for (method, path) in [(Method::POST, "/api/experiments"), (Method::PATCH, &label)] {
        let send = async |kind: &[&str], encoding: &[&str], body: String| {
            let mut request = Request::builder().method(&method).uri(path);
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", run.owner_token));
            let kinds = kind.iter().map(|kind| (header::CONTENT_TYPE, *kind));
            let encodings = encoding.iter().map(|how| (header::CONTENT_ENCODING, *how));
            for (name, value) in kinds.chain(encodings) {
                request = request.header(name, value);
            }
            lab.send(request.body(Body::from(body)).unwrap()).await
        };
        let too_large = send(&["application/json"], &[], json(64 << 10)).await;
        assert_eq!(too_large.status, 413, "{path}");
        too_large.is_error(ErrorCode::BodyTooLarge);
        for kind in ["multipart/form-data; boundary=a", "image/png", "text/html", "application/xml"]
        {
            send(&[kind], &[], json(1)).await.is_error(ErrorCode::WrongContentType);
        }
        send(&["application/json"], &["gzip"], json(1)).await.is_error(ErrorCode::WrongContentType);
        // What is JSON, or may be, is read, and refused for what it says.
        for kind in [
            &[][..],
            &["application/json; charset=utf-8"],
            &["application/merge-patch+json"],
            &["application/x-www-form-urlencoded"],
        ] {
            let answer = send(kind, &["identity"], json(1)).await;
            assert_eq!(answer.status, 400, "{path} {kind:?} {}", answer.text());
        }
    }
}

#[tokio::test]
async fn bad_options() {
    let lab = TestLab::new();
    let cases = [
        (r#"{}"#, ErrorCode::PromptEmpty),
        (r#"{"prompt":" \n "}"#, ErrorCode::PromptEmpty),
        (r#"{"prompt":"a\u0000b"}"#, ErrorCode::BadOption),
        (r#"{"prompt":"a","model":"gpt"}"#, ErrorCode::UnknownModel),
        (r#"{"prompt":"a","quant":"q2"}"#, ErrorCode::BadOption),
        (r#"{"prompt":"a","temperature":1}"#, ErrorCode::BadOption),
        (r#"{"prompt":"a","prune":1}"#, ErrorCode::BadOption),
        (r#"{"prompt":"a","prune":"x"}"#, ErrorCode::BadOption),
        (r#"{"prompt":"a","replicate":65}"#, ErrorCode::BadOption),
        (r#"{"prompt":"a","max_new_tokens":0}"#, ErrorCode::BadOption),
        (r#"{"prompt":"a","max_new_tokens":513}"#, ErrorCode::BadOption),
        (r#"{"prompt":7}"#, ErrorCode::BadOption),
    ];
    for (options, code) in cases {
        eprintln!("{options}");
        lab.submit_form(Form::new(options)).await.is_error(code);
    }
    let long = format!("{{\"prompt\":\"{}\"}}", "a".repeat(8193));
    lab.submit_form(Form::new(&long)).await.is_error(ErrorCode::PromptTooLong);
}

#[tokio::test]
async fn bad_addresses_and_methods() {
    let lab = TestLab::new();
    let nobody = "a".repeat(26);
    for path in [
        "/api/nothing".to_owned(),
        "/api/runs/x".to_owned(),
        "/api/runs/%ff".to_owned(),
        "/api/runs/%2e%2e%2f%2e%2e%2fetc%2fpasswd".to_owned(),
        "/api/runs/sample".to_owned(),
        format!("/api/runs/{nobody}"),
        format!("/api/runs/{nobody}/picture"),
        format!("/api/runs/{nobody}/prepared.png"),
        format!("/api/runs/{nobody}/export.json"),
        format!("/api/runs/{nobody}/export.csv"),
        "/api/samples/x.png".to_owned(),
        "/api/samples/..%2frun.json".to_owned(),
        "/missing.js".to_owned(),
    ] {
        eprintln!("{path}");
        lab.get(&path).await.is_error(ErrorCode::NotFound);
    }
    for (method, path) in [
        (Method::GET, "/api/runs"),
        (Method::PUT, "/api/runs/x"),
        (Method::GET, "/api/runs/x/cancel"),
        (Method::POST, "/api/models"),
        (Method::POST, "/healthz"),
        (Method::POST, "/"),
        (Method::DELETE, "/r/x"),
    ] {
        let request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
        eprintln!("{method} {path}");
        lab.send(request).await.is_error(ErrorCode::MethodNotAllowed);
    }
    lab.get(&format!("/api/runs/{nobody}/events")).await.is_error(ErrorCode::BadRequest);
}

#[tokio::test]
async fn bad_definitions() {
    let lab = TestLab::new();
    let run = lab.ask("What is it?").await;
    lab.ended(&run.id).await;
    for (query, code) in [
        ("definition=mine", ErrorCode::BadOption),
        ("definition=%7B", ErrorCode::BadOption),
        ("definition=%7B%22queries%22%3A1%7D", ErrorCode::BadOption),
        ("preset=paper", ErrorCode::BadRequest),
    ] {
        let path = format!("/api/runs/{}/export.csv?{query}", run.id);
        lab.get(&path).await.is_error(code);
    }
}

/// The checksum of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            (c >> 1) ^ (0xedb8_8320 & (!(c & 1)).wrapping_add(1))
        })
    })
}
