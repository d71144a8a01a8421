//! How the lab ends: on a signal, in order, within a time.

use std::time::Duration;

use tokio::signal;
use tokio_util::sync::CancellationToken;

use crate::http::app::AppState;
use crate::runs::StopReason;

/// How long viewers and the model may take to notice that the lab is going down.
pub(super) const NOTICE: Duration = Duration::from_secs(3);

/// Brings the lab to rest: no new runs, the run at work finishes or is stopped, viewers leave.
pub(super) async fn close(state: &AppState, grace: Duration) {
    let runs = &state.runs;
    state.pulls.stop_all();
    runs.close().await;
    let idle = async || {
        while runs.live() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(grace, idle()).await.is_err() {
        runs.stop_live(StopReason::ShuttingDown);
        if tokio::time::timeout(NOTICE, idle()).await.is_err() {
            tracing::warn!("a run did not stop in time");
        }
    }
    // Viewers of runs that are over get the last events before they are sent away.
    tokio::time::sleep(Duration::from_millis(50)).await;
    state.closing.cancel();
    state.viewers.close();
    if tokio::time::timeout(NOTICE, state.viewers.wait()).await.is_err() {
        tracing::warn!("a viewer did not leave in time");
    }
}

/// Waits for the first signal that asks for an orderly stop; the second ends the process.
pub(super) async fn wait_for_signal(
    stopping: CancellationToken,
    mut terminations: Terminations,
    leave: impl FnOnce(),
) {
    signal_received(&mut terminations).await;
    stopping.cancel();
    signal_received(&mut terminations).await;
    leave();
    std::process::exit(130);
}

/// Requests to end, where the system has them; noted from the moment this is made.
#[cfg(unix)]
pub(in crate::cli) type Terminations = Option<signal::unix::Signal>;
#[cfg(not(unix))]
pub(in crate::cli) type Terminations = ();

#[cfg(unix)]
pub(in crate::cli) fn terminations() -> Terminations {
    signal::unix::signal(signal::unix::SignalKind::terminate()).ok()
}
#[cfg(not(unix))]
pub(in crate::cli) fn terminations() -> Terminations {}

pub(in crate::cli) async fn signal_received(terminations: &mut Terminations) {
    let interrupt = async {
        // Without a handler for it there is nothing to wait for.
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match terminations {
            Some(terminated) => terminated.recv().await,
            None => std::future::pending().await,
        };
    };
    #[cfg(not(unix))]
    let terminate = {
        let _ = terminations;
        std::future::pending::<()>()
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
