//! The part of the bench that measures a class: `classroom LAB PICTURE [PHONES]`.
//!
//! Starts the lab, lets that many websocket clients join one class on loopback, and prints how long
//! a presenter's step takes to reach the slowest of them, and what the model's time is with and
//! without a class that is stepped through meanwhile. The clients run beside the lab on the same
//! machine, which a class's phones do not: what they cost is measured with it.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool")]

mod common;

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use shared::Event;
use shared::api::{RunCreated, ServerMessage};
use shared::classroom::{Board, ClassCreated, ClassMessage, ClassRequest, Moment};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use common::{Lab, form, http, median};

/// Steps whose way to the slowest phone is measured.
const STEPS: u32 = 100;
/// Pairs of runs, with and without a class.
const PAIRS: usize = 40;
/// While the model is at work, a step this often: a held arrow key.
const HELD_KEY: Duration = Duration::from_millis(100);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Asks once; the model's own time and the time from submitting to the last event, in milliseconds.
async fn ask(host: &str, form: &[u8]) -> [f64; 2] {
    let start = Instant::now();
    let created: RunCreated =
        serde_json::from_slice(&http(host, "POST /api/runs", form).await).unwrap();
    let address = format!("ws://{host}/api/runs/{}/events", created.id);
    let (mut socket, _) = connect_async(address).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else { continue };
        if let Ok(ServerMessage::Event(envelope)) = rmp_serde::from_slice(&bytes)
            && let Event::Done { summary } = envelope.event
        {
            return [summary.timing.total_ms, start.elapsed().as_secs_f64() * 1e3];
        }
    }
    panic!("the run did not finish");
}

/// A phone: notes the layer of each state it gets.
async fn phone(mut socket: Socket, seen: mpsc::Sender<(u32, Instant)>) {
    while let Some(Ok(message)) = socket.next().await {
        let now = Instant::now();
        let Message::Binary(bytes) = message else { continue };
        if let Ok(ClassMessage::State(state)) = rmp_serde::from_slice(&bytes)
            && let Some(layer) = state.board.layer
            && seen.send((layer, now)).await.is_err()
        {
            return;
        }
    }
}

async fn say(socket: &mut Socket, request: &ClassRequest) {
    socket.send(Message::Text(serde_json::to_string(request).unwrap().into())).await.unwrap();
}

fn board(layer: u32) -> Board {
    Board {
        run: Some("sample".into()),
        round: 1,
        moment: Moment::Revealed,
        layer: Some(layer),
        ..Board::default()
    }
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let (program, picture) = (args.next().unwrap(), args.next().unwrap());
    let phones: usize = args.next().map_or(60, |n| n.parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let lab = Lab::start(&program, data.path());
    let host = lab.host.clone();

    let class: ClassCreated =
        serde_json::from_slice(&http(&host, "POST /api/classrooms", b"").await).unwrap();
    let events = format!("ws://{host}/api/classrooms/{}/events", class.code);
    let (seen, mut noted) = mpsc::channel(4 * phones);
    for n in 0..phones {
        let (socket, _) = connect_async(format!("{events}?follower={n:032x}")).await.unwrap();
        tokio::spawn(phone(socket, seen.clone()));
    }
    let (mut presenter, _) = connect_async(&events).await.unwrap();
    let presenter_token = class.presenter_token.clone();
    say(&mut presenter, &ClassRequest::Present { presenter_token }).await;
    // What the presenter is sent is read as the page reads it.
    let (mut presenter, mut reading) = {
        let (sink, stream) = presenter.split();
        (sink, stream)
    };
    tokio::spawn(async move { while let Some(Ok(_)) = reading.next().await {} });
    let mut show = async |layer: u32| {
        let text = serde_json::to_string(&ClassRequest::Show { board: board(layer), after: None })
            .unwrap();
        presenter.send(Message::Text(text.into())).await.unwrap();
    };

    // Each step begins when the one before has reached everybody, as the slowest phone's time is asked.
    let mut slowest = Vec::new();
    for step in 1..=STEPS {
        let start = Instant::now();
        show(step).await;
        let (mut there, mut last) = (0, start);
        while there < phones {
            let (layer, at) = noted.recv().await.unwrap();
            if layer == step {
                there += 1;
                last = last.max(at);
            }
        }
        slowest.push((last - start).as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let worst = slowest.iter().copied().fold(0.0, f64::max);
    println!("\n| a class of {phones} on loopback | median ms | worst ms |\n|---|---|---|");
    println!(
        "| a step to the slowest of {phones}, {STEPS} steps | {:.1} | {worst:.1} |",
        median(slowest)
    );

    // The model's time with a class that is stepped through, and without: in pairs, so that what else
    // the machine does meets both alike.
    tokio::spawn(async move { while noted.recv().await.is_some() {} });
    let (stepping, mut asked) = watch::channel(false);
    let form = form("Describe the picture.", &picture);
    let measuring = async {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for i in 0..PAIRS + 2 {
            for class_steps in [i % 2 == 0, i % 2 != 0] {
                stepping.send_replace(class_steps);
                // As a person would: not before the lab has put the last one away.
                tokio::time::sleep(Duration::from_millis(150)).await;
                let times = ask(&host, &form).await;
                if i >= 2 {
                    if class_steps { &mut with } else { &mut without }.push(times);
                }
            }
        }
        (with, without)
    };
    let driving = async {
        let mut layer = STEPS;
        loop {
            if *asked.borrow_and_update() {
                layer += 1;
                show(layer).await;
                tokio::time::sleep(HELD_KEY).await;
            } else if asked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let (with, without) = tokio::select! {
        measured = measuring => measured,
        () = driving => unreachable!("it drives until all is measured"),
    };
    println!(
        "\n| a run (demo-llava, q8_0), median of {PAIRS} | alone ms | beside the class ms | ratio, median of pairs |\n|---|---|---|---|"
    );
    for (i, what) in ["the model’s own time", "submit to the last event"].iter().enumerate() {
        let of = |times: &[[f64; 2]]| times.iter().map(|t| t[i]).collect::<Vec<f64>>();
        let (with, without) = (of(&with), of(&without));
        let ratios: Vec<f64> = with.iter().zip(&without).map(|(w, o)| w / o).collect();
        println!(
            "| {what} | {:.1} | {:.1} | {:.3} |",
            median(without),
            median(with),
            median(ratios)
        );
    }
}
