//! Small requests that unpack, nest or announce far more than they are.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use shared::classroom::ClassCreated;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::people::{OPTIONS, answers, picture, runs, submit};
use super::report::{Report, Tally};
use super::wire::{self, Answer, BOUNDARY, HOST, connect, form, head, run_of, send, with_body};
use super::{HONEST, RUDE, Siege, files};

/// What an answer to a bomb may be.
#[derive(Clone, Copy)]
enum Due {
    /// A refusal in words.
    Refusal,
    /// That, or the small thing that it is.
    Either,
}

struct Bomb {
    name: String,
    request: Vec<u8>,
    due: Due,
}

/// Pictures that unpack into so many bytes, or announce more.
fn pictures(unpacked: u64) -> Vec<Bomb> {
    let bomb = |name: &str, due, file: Vec<u8>| Bomb {
        name: name.to_owned(),
        request: run_of(&form(&file, OPTIONS)),
        due,
    };
    let (no, either) = (Due::Refusal, Due::Either);
    vec![
        bomb("PNG of 30000 x 30000", no, files::png_bomb(30_000, 30_000, unpacked)),
        bomb(
            "PNG of 7000 x 7000, within the limit",
            either,
            files::png_bomb(7_000, 7_000, u64::MAX),
        ),
        bomb("PNG of 7000 x 7000 in 16 bits", no, files::png_of_16_bits(7_000, 7_000)),
        bomb("PNG of 5000 x 5000 in 16 bits", either, files::png_of_16_bits(5_000, 5_000)),
        bomb("PNG of one column", no, files::png_bomb(1, 50_000_000, u64::MAX)),
        bomb("PNG of 500 x 100000", either, files::png_bomb(500, 100_000, u64::MAX)),
        bomb("PNG of one pixel with far more data", either, files::png_with_more_data(unpacked)),
        bomb("PNG with a packed profile", either, files::png_with_packed(b"iCCP", unpacked)),
        bomb("PNG with a packed text", either, files::png_with_packed(b"zTXt", unpacked)),
        bomb("PNG with packed XMP", either, files::png_with_packed(b"iTXt", unpacked)),
        bomb("GIF of 65535 x 65535", no, files::gif(65_535, 65_535)),
        bomb("GIF of 7000 x 7000", either, files::gif(7_000, 7_000)),
        bomb("WebP of 16383 x 16383", no, files::webp_lossless()),
        bomb("WebP of the largest canvas", no, files::webp_canvas()),
        bomb("BMP of 100000 x 100000", no, files::bmp(100_000, 100_000, false)),
        bomb("BMP of 7000 x 7000, packed", either, files::bmp(7_000, 7_000, true)),
        bomb("BMP of a negative size", no, files::bmp(i32::MIN, i32::MIN, false)),
        bomb("JPEG of 65500 x 65500", no, files::jpeg(65_500, 65_500)),
        bomb("JPEG of 7000 x 7000 without data", no, files::jpeg(7_000, 7_000)),
        bomb("gzip for a picture", no, files::gzip_of_zeros(unpacked)),
    ]
}

fn bodies(unpacked: u64) -> Vec<Bomb> {
    let fine = picture();
    let mut bombs = Vec::new();
    let mut add = |name: &str, due, request| bombs.push(Bomb { name: name.into(), request, due });
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    let options = |json: &str| run_of(&form(&fine, json));
    add("options nested 60,000 deep", Due::Refusal, options(&nested(60_000)));
    let inside = format!(r#"{{"prompt":"a","intervention":{}}}"#, nested(50_000));
    add("an option nested 50,000 deep", Due::Refusal, options(&inside));
    let prompt = |n: usize| format!(r#"{{"prompt":"{}"}}"#, "word ".repeat(n));
    add("a prompt of 250 KB", Due::Refusal, options(&prompt(50_000)));
    add("a prompt of 5 MB", Due::Refusal, options(&prompt(1_000_000)));
    let tokens = r#"{"prompt":"a","max_new_tokens":4294967295}"#;
    add("four billion new tokens", Due::Refusal, options(tokens));
    let number = format!(r#"{{"prompt":"a","max_new_tokens":{}}}"#, "9".repeat(100_000));
    add("a number of 100,000 digits", Due::Refusal, options(&number));
    let experiment = |body: &[u8]| with_body("POST /api/experiments", "application/json", body);
    add("an experiment nested 30,000 deep", Due::Refusal, experiment(nested(30_000).as_bytes()));
    let many = format!(r#"{{"models":["a"],"prune":[{}]}}"#, vec!["0.5"; 9_000].join(","));
    add("an experiment of 9,000 conditions", Due::Refusal, experiment(many.as_bytes()));
    let samples = br#"{"models":["a"],"samples":4294967295}"#;
    add("an experiment of four billion samples", Due::Refusal, experiment(samples));
    let packed = files::gzip_of_zeros(unpacked);
    let encoded = format!(
        "{}Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        head("POST /api/experiments"),
        packed.len()
    );
    add("a packed body", Due::Refusal, [encoded.as_bytes(), &packed].concat());
    let part = |name: &str| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n\r\n")
    };
    let parts = |n: usize| format!("{}--{BOUNDARY}--\r\n", part("options").repeat(n)).into_bytes();
    add("a form of 20,000 fields", Due::Refusal, run_of(&parts(20_000)));
    let named = format!("{}--{BOUNDARY}--\r\n", part(&"n".repeat(300_000)));
    add("a field's name of 300 KB", Due::Refusal, run_of(named.as_bytes()));
    let endless = format!("--{BOUNDARY}\r\n{}", "X-Header: 1\r\n".repeat(50_000));
    add("a field of 50,000 headers", Due::Refusal, run_of(endless.as_bytes()));
    add("a form that never begins", Due::Refusal, run_of(&b"-".repeat(2 << 20)));
    let boundary = format!("multipart/form-data; boundary={}", "b".repeat(20_000));
    add("a boundary of 20 KB", Due::Refusal, with_body("POST /api/runs", &boundary, b"--b"));
    bombs
}

fn heads() -> Vec<Bomb> {
    let bomb = |name: &str, request: String| Bomb {
        name: name.to_owned(),
        request: request.into_bytes(),
        due: Due::Refusal,
    };
    let get = head("GET /healthz");
    let post = head("POST /api/experiments");
    let long = |n: usize| "x".repeat(n);
    vec![
        bomb("a header line of 1 MB", format!("{get}X: {}\r\n\r\n", long(1 << 20))),
        bomb("a header's name of 100 KB", format!("{get}{}: x\r\n\r\n", long(100_000))),
        bomb("5,000 headers", format!("{get}{}\r\n", "X: 1\r\n".repeat(5_000))),
        bomb("an address of 100 KB", format!("{}\r\n", head(&format!("GET /{}", long(100_000))))),
        bomb("a method of 100 KB", format!("{}\r\n", head(&format!("{} /", long(100_000))))),
        bomb("two lengths", format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
        bomb(
            "a length that is none",
            format!("{post}Content-Length: 99999999999999999999\r\n\r\n"),
        ),
        bomb(
            "a chunk of 2^64 bytes",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab"),
        ),
        bomb(
            "a chunk's extension of 1 MB",
            format!(
                "{post}Transfer-Encoding: chunked\r\n\r\n1;{}\r\na\r\n0\r\n\r\n",
                long(1 << 20)
            ),
        ),
        bomb("what is no HTTP", "\u{16}\u{3}\u{1}\0\u{5}".repeat(10_000)),
    ]
}

/// Whether an answer is what is due.
fn is_due(due: Due, answer: std::io::Result<Answer>) -> Result<bool, String> {
    match (due, answer) {
        (Due::Refusal, Ok(answer)) => match answer.verdict()? {
            false => Ok(false),
            true => Err(format!("it was accepted with {}", answer.status)),
        },
        (Due::Either, Ok(answer)) => answer.verdict(),
        (_, Err(e)) => Err(format!("no answer: {e}")),
    }
}

pub async fn run(siege: &Siege, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let mut lab = siege.program.start(data.path())?;
    let to = lab.address;
    runs(to, 1).await?;
    let kinds = [
        ("pictures that unpack", pictures(siege.scale.unpacked)),
        ("bodies that nest, repeat or unpack", bodies(siege.scale.unpacked)),
        ("heads that do not end", heads()),
    ];
    for (what, bombs) in kinds {
        let mut tally = Tally::default();
        // One after another, and the honest client after each.
        for Bomb { name, request, due } in &bombs {
            tally.count(name, is_due(*due, send(RUDE, to, request).await));
            if let Err(why) = answers(to).await {
                tally.lose(name, why);
            }
        }
        // And all at once, to see what they take of memory together. Some of them are told that there
        // are too many.
        let mut at_once = JoinSet::new();
        for Bomb { name, request, .. } in bombs {
            let answered = async move { is_due(Due::Either, send(RUDE, to, &request).await) };
            at_once.spawn(async move { (answered.await, name) });
        }
        while let Some(ended) = at_once.join_next().await {
            let (verdict, name) = ended.map_err(|e| e.to_string())?;
            tally.count(&format!("{name}, beside the others"), verdict);
        }
        report.tally(what, tally);
    }
    report.tally("messages of websockets", sockets(to).await?);
    runs(to, 1).await?;
    if lab.lives() { Ok(()) } else { Err("the lab ended".to_owned()) }
}

/// What a websocket may be sent.
async fn sockets(to: SocketAddr) -> Result<Tally, String> {
    let run = submit(HONEST, to).await?.id;
    let class = send(HONEST, to, &with_body("POST /api/classrooms", "text/plain", b"")).await;
    let class: ClassCreated = class.map_err(|e| e.to_string())?.json()?;
    let mut tally = Tally::default();
    for path in
        [format!("/api/runs/{run}/events"), format!("/api/classrooms/{}/events", class.code)]
    {
        let messages = [
            ("a message of 4 MiB", Message::Text("x".repeat(4 << 20).into())),
            ("a message nested 15,000 deep", Message::Text("[".repeat(15_000).into())),
            ("bytes nested 15,000 deep", Message::Binary(vec![0x91_u8; 15_000].into())),
            (
                "bytes that claim four billion",
                Message::Binary(b"\xdf\xff\xff\xff\xff\xa4type".to_vec().into()),
            ),
        ];
        for (name, message) in messages {
            // It is closed, or told what is wrong; it must end when this side leaves.
            let mut socket = wire::socket(RUDE, to, &path).await?;
            let _ = socket.send(message).await;
            let _ = socket.send(Message::Close(None)).await;
            let ending = async { while let Some(Ok(_)) = socket.next().await {} };
            let ended = timeout(Duration::from_secs(20), ending).await;
            tally.count(name, ended.map(|()| false).map_err(|_| "it does not end".to_owned()));
        }
        let frames: [(&str, Vec<u8>); 4] = [
            ("a frame of 2^63 bytes", [b"\x82\xff\x7f".as_slice(), &[0xff; 7], b"1234"].concat()),
            ("a frame without a mask", b"\x81\x02ab".to_vec()),
            ("a frame of an unknown kind", b"\xff\x80\x01\x02\x03\x04".to_vec()),
            ("20,000 pings", b"\x89\x80\x01\x02\x03\x04".repeat(20_000)),
        ];
        for (name, frame) in frames {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            let (mut read, mut write) =
                connect(RUDE, to).await.map_err(|e| e.to_string())?.into_split();
            let talking = async {
                let sending = async {
                    let _ = write.write_all(request.as_bytes()).await;
                    let _ = write.write_all(&frame).await;
                    let _ = write.shutdown().await;
                };
                let mut all = Vec::new();
                let reading = read.read_to_end(&mut all);
                let _ = futures_util::future::join(sending, reading).await;
            };
            let ended = timeout(Duration::from_secs(20), talking).await;
            tally.count(name, ended.map(|()| false).map_err(|_| "it does not end".to_owned()));
        }
        if let Err(why) = answers(to).await {
            tally.lose("websockets", why);
        }
    }
    Ok(tally)
}
