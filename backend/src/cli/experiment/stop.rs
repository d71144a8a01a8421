//! Ending in good order: the first signal asks for it, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::serve::{signal_received, terminations};
use crate::workers::Stop;

/// Whether somebody asked for an end.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<AtomicBool>);

impl Asked {
    /// Listens for signals from now on.
    pub(super) fn on_signals() -> Result<Asked, String> {
        let stop = Asked::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| format!("signals cannot be heard: {e}"))?;
        let asked = stop.clone();
        let heard = move || {
            runtime.block_on(async {
                let mut terminations = terminations();
                signal_received(&mut terminations).await;
                asked.0.store(true, Ordering::Relaxed);
                signal_received(&mut terminations).await;
                std::process::exit(130);
            });
        };
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(heard)
            .map_err(|e| format!("signals cannot be heard: {e}"))?;
        Ok(stop)
    }

    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The same for workers.
    pub(super) fn stop(&self) -> Stop {
        let asked = self.clone();
        Arc::new(move || asked.asked())
    }
}
