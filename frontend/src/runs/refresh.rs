//! What the lab tells of the runs on the list: all of them once, and again those that have not ended.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::listing::MOST_LISTED;

use crate::browser;
use crate::lab::Lab;
use crate::own::OwnRun;
use crate::owner;
use crate::source::Source;

/// How often runs that have not ended are asked after.
const EVERY: Duration = Duration::from_secs(2);

/// Keeps the list as the lab tells it, while the page is open.
pub(super) fn keep_told(lab: Lab, runs: RwSignal<Vec<OwnRun>>) {
    spawn_local(async move {
        let ids = |open: bool| {
            runs.try_with_untracked(|all| {
                let wanted = all.iter().filter(|run| !open || run.told.standing.is_open());
                wanted.map(|run| run.id.clone()).collect::<Vec<_>>()
            })
        };
        let mut wanted = ids(false);
        let mut tries = 0;
        while let Some(all) = wanted.take() {
            for some in all.chunks(MOST_LISTED) {
                match Source::default().listed(some.to_vec()).await {
                    Ok(listed) => {
                        tries = 0;
                        owner::told(&listed);
                        // Another page may have changed the list, too.
                        let now = owner::runs();
                        if runs
                            .try_maybe_update(|kept| {
                                (kept != &now)
                                    .then(|| *kept = now)
                                    .map_or((false, ()), |()| (true, ()))
                            })
                            .is_none()
                        {
                            return;
                        }
                    }
                    Err(failure) => {
                        // What is on the list stays as it was told before.
                        if tries == 1 {
                            lab.complain(failure.code_name(), failure.message);
                        }
                        tries += 1;
                        break;
                    }
                }
            }
            browser::sleep(EVERY).await;
            wanted = if tries > 0 { ids(false) } else { ids(true) };
        }
    });
}
