//! Much honest use: many who watch one run, and many who ask.

use std::net::Ipv4Addr;

use tokio::task::JoinSet;

use super::people::{runs, submit, watch};
use super::report::{Report, Row};
use super::{HONEST, Siege};

/// Addresses that a class's viewers have.
const HOMES: usize = 5;

pub async fn run(siege: &Siege, report: &mut Report) -> Result<(), String> {
    let data = tempfile::tempdir().unwrap();
    let mut lab = siege.program.start(data.path())?;
    let to = lab.address;
    let viewers = siege.scale.viewers;
    // The model is loaded when the viewers come.
    runs(to, 1).await?;
    let run = submit(HONEST, to).await?;
    let mut watching = JoinSet::new();
    for n in 0..viewers {
        let (id, home) = (run.id.clone(), Ipv4Addr::new(127, 0, 1, 1 + (n % HOMES) as u8));
        watching.spawn(async move { watch(home, to, &id).await });
    }
    let mut row = Row { attack: "viewers of one run".to_owned(), ..Row::default() };
    let mut events = Vec::new();
    while let Some(seen) = watching.join_next().await {
        row.tried += 1;
        match seen.map_err(|e| e.to_string())? {
            Ok(n) => {
                row.survived += 1;
                events.push(n);
            }
            Err(why) => report.broken("viewers", why),
        }
    }
    if events.iter().any(|n| *n != events[0]) {
        report.broken("viewers", "they did not come to the same number of events");
    }
    row.told = format!("each came to the last of {} events", events.first().unwrap_or(&0));
    report.row(row);

    // Several clients ask one question after another, each as often.
    let mut asking = JoinSet::new();
    let (clients, each) = (4, siege.scale.runs.div_ceil(2));
    for client in 0..clients {
        asking.spawn(async move {
            let from = Ipv4Addr::new(127, 0, 2, 1 + client);
            let mut done = 0;
            for _ in 0..each {
                let created = submit(from, to).await?;
                watch(from, to, &created.id).await?;
                done += 1;
            }
            Ok::<_, String>(done)
        });
    }
    let tried = u64::from(clients) * each as u64;
    let mut row = Row { attack: "honest runs of 4 clients".to_owned(), tried, ..Row::default() };
    while let Some(done) = asking.join_next().await {
        match done.map_err(|e| e.to_string())? {
            Ok(done) => row.survived += done,
            Err(why) => report.broken("honest runs", why),
        }
    }
    report.row(row);
    if lab.lives() { Ok(()) } else { Err("the lab ended".to_owned()) }
}
