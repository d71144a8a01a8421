//! `models pull`: brings a model from the hub to this machine; and what pulls of anything show.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failure, ModelFolders, print};
use crate::models::hub::{Hub, Meter, Progress, Pulled, Repository, Wanted, size};
use crate::models::registry::Origin;

/// A log gets a line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(super) fn pull(model: &str, folders: &ModelFolders) -> Result<(), Failure> {
    let catalog = folders.catalog()?;
    let hub = catalog.hub().ok_or("there is no hub to pull from")?;
    let entry = catalog.entry(model);
    let (repository, wanted): (Repository, Wanted) = match entry.map(|e| &e.origin) {
        Some(Origin::Hub(repository, wanted)) => (repository.clone(), wanted.clone()),
        Some(Origin::Shipped) => {
            return Err(format!("{model} ships with the lab; nothing to pull"));
        }
        Some(Origin::Folder(folder)) => {
            // Where no model is there, that is what is said.
            catalog.by_name(model).map_err(|e| e.to_string())?;
            return Err(format!("{model} lies in {}; nothing to pull", folder.display()));
        }
        None if model.contains('/') => {
            (model.parse::<Repository>().map_err(|e| e.in_full())?, Wanted::Model)
        }
        None => {
            let known = catalog.known().into_iter().filter(|m| m.entry.is_some());
            let on_hub = known.filter(|m| m.entry.is_some_and(|e| e.download.is_some()));
            let names: Vec<&str> = on_hub.map(|m| m.name).collect();
            return Err(format!(
                "there is no model named \"{model}\" to pull; there is {}, and any \
                 ORGANISATION/NAME of the hub",
                names.join(", ")
            ));
        }
    };
    if let Some(licence) = entry.and_then(|e| e.licence.as_ref()) {
        let note = if licence.note.is_empty() { "" } else { " " };
        let _ = writeln!(
            std::io::stderr(),
            "{model} comes under the {}{note}{} ({})",
            licence.name,
            if licence.note.is_empty() { String::new() } else { format!("· {}", licence.note) },
            licence.url
        );
    }
    let pulled = fetch(hub, &repository, &wanted)?;
    print(&format!("{}\n", pulled.folder.display()))
}

/// Pulls, and shows on standard error how far it is and what came of it.
pub(super) fn fetch(
    hub: &Hub,
    repository: &Repository,
    wanted: &Wanted,
) -> Result<Pulled, Failure> {
    let shown = Shown::new();
    let mut meter = Meter::default();
    let mut last_line = None;
    let pulled = hub.pull(repository, wanted, &mut |progress| {
        meter.mark(Instant::now(), progress.done);
        shown.tell(progress, meter.per_second(), &mut last_line);
        ControlFlow::Continue(())
    });
    shown.bar.finish_and_clear();
    let pulled = pulled.map_err(|e| e.in_full())?;
    if let Some(why) = &pulled.unasked {
        let _ = writeln!(std::io::stderr(), "the hub was not asked ({why}); this is the copy here");
    }
    let fetched = match pulled.fetched {
        0 => "everything was here".to_owned(),
        bytes => format!("{} fetched", size(bytes)),
    };
    let _ = writeln!(std::io::stderr(), "{repository}: {fetched}");
    Ok(pulled)
}

/// A bar on a terminal, a line now and then elsewhere.
struct Shown {
    bar: ProgressBar,
    terminal: bool,
}

impl Shown {
    fn new() -> Shown {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let look = "{wide_bar:.blue} {bytes} of {total_bytes}  {msg}";
        if let Ok(style) = ProgressStyle::with_template(look) {
            bar.set_style(style);
        }
        Shown { bar, terminal }
    }

    fn tell(&self, progress: &Progress, speed: Option<u64>, last: &mut Option<Instant>) {
        let (done, total) = (progress.done, progress.total);
        let pace = speed.map(|s| {
            let left = total.saturating_sub(done).checked_div(s);
            format!("{}/s, {}", size(s), left.map(rest).unwrap_or_default())
        });
        let message = pace.unwrap_or_default();
        if self.terminal {
            self.bar.set_length(total);
            self.bar.set_position(done);
            self.bar.set_message(format!("{message}  {}", progress.file));
        } else if last.is_none_or(|at| at.elapsed() >= LINE_EVERY) && total > 0 {
            *last = Some(Instant::now());
            let _ = writeln!(
                std::io::stderr(),
                "{} of {}  {message}  {}",
                size(done),
                size(total),
                progress.file
            );
        }
    }
}

/// Time left, for people.
fn rest(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s left"),
        60..5_400 => format!("{} min left", seconds.div_ceil(60)),
        _ => format!("{:.1} h left", seconds as f64 / 3_600.0),
    }
}
