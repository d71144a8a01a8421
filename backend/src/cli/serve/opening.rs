//! What opening the lab checks, and what it says to whoever starts it.

use std::net::SocketAddr;

use engine::amount;
use tokio::net::TcpListener;

use super::ServeArgs;
use crate::cli::Failure;
use crate::fair::{Bound, Shares};
use crate::http::net;
use crate::models::registry::Entry;

/// What clients share, as asked for.
pub(super) fn shares(args: &ServeArgs) -> Result<Shares, String> {
    let mut shares = Shares::default();
    if let Some(queue) = args.queue {
        let queue = queue.max(1);
        shares.runs = Bound::new(queue, (2 * queue).div_ceil(3));
    }
    for (option, said) in [("--in-all", &args.in_all), ("--per-client", &args.per_client)] {
        for (at, share) in said.iter().enumerate() {
            let name = share.name();
            if said[..at].iter().any(|before| before.name() == name) {
                return Err(format!("{option} says twice how many {name}: leave one of them out"));
            }
            if args.queue.is_some() && option == "--in-all" && name == "runs" {
                return Err(
                    "--queue and --in-all runs=… are the same: leave one of them out".to_owned()
                );
            }
        }
    }
    for share in &args.in_all {
        shares.set_whole(share)?;
        if let Some(bound) = shares.bound(share.name()) {
            bound.client = bound.client.min((2 * bound.whole).div_ceil(3));
        }
    }
    for share in &args.per_client {
        shares.set_client(share);
        let name = share.name();
        if let Some(Bound { whole, client }) = shares.bound(name).filter(|b| b.client > b.whole) {
            return Err(format!(
                "--per-client {name}={client} is more than the {whole} that there are in all: raise \
                 those with --in-all {name}=…, or ask for fewer"
            ));
        }
    }
    Ok(shares)
}

/// What options say together.
pub(super) fn check(args: &ServeArgs) -> Result<(), Failure> {
    if let (Some(keep), Some(named)) = (args.keep, args.keep_named)
        && named < keep
    {
        let words = humantime::format_duration;
        return Err(format!(
            "--keep-named {} is shorter than --keep {}: what somebody named would go before what nobody \
             did; make it as long, or longer",
            words(named),
            words(keep)
        ));
    }
    Ok(())
}

/// Listens on an address.
pub(super) fn listen(bind: SocketAddr) -> Result<TcpListener, Failure> {
    net::listen(bind).map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            let (ip, port) = (bind.ip(), bind.port());
            let other = SocketAddr::new(ip, port.checked_add(1).unwrap_or(port - 1));
            format!(
                "{} is in use by another program; name another, such as --bind {other}",
                bind
            )
        }
        std::io::ErrorKind::AddrNotAvailable => format!(
            "{} is no address of this machine; name one of its own, 127.0.0.1 for this machine alone or \
             0.0.0.0 for all its networks",
            bind.ip()
        ),
        std::io::ErrorKind::PermissionDenied => format!(
            "this user may not listen on {}: ports below 1024 are the system's own; name another, such as \
             --bind {}, with a proxy before it",
            bind,
            SocketAddr::new(bind.ip(), 8080)
        ),
        _ => format!("cannot listen on {}: {e}", bind),
    })
}

/// What a person is told who has the demo models alone.
pub(super) fn for_photographs(entry: &Entry) -> String {
    let size = entry.download.map(amount);
    let licence = entry.licence.as_ref().map(|licence| licence.name.clone());
    let time = entry.answer_ms.map(crate::cli::list::per_question);
    let terms: Vec<String> = size.into_iter().chain(time).chain(licence).collect();
    format!(
        "Its models learned drawings. {name} understands photographs ({terms}): choose it on the page, or bring it with \
         'langoverrule models pull {name}'.\n",
        name = entry.name,
        terms = terms.join(", ")
    )
}

/// Opens the page with what the desktop has for it.
pub(super) fn open(url: &str) {
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    if let Err(error) = std::process::Command::new(program).arg(url).spawn() {
        tracing::warn!(%error, "no browser could be opened");
    }
}
