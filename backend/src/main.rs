//! The `langoverrule` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    leave_a_core_free();
    let_nobody_else_write();
    langoverrule::cli::main()
}

/// What the program makes, its caches too, only its user may change, whatever the shell it was started from
/// allows.
fn let_nobody_else_write() {
    #[cfg(unix)]
    {
        use rustix::fs::Mode;
        let mask = rustix::process::umask(Mode::empty());
        rustix::process::umask(mask | Mode::WGRP | Mode::WOTH);
    }
}

/// Products of our own take all cores and wait for nobody who has not begun. Candle's quantized
/// products, which other processors than x86-64 and rarer blocks take, wait for each other's threads by
/// spinning. Where another program holds one of the cores they count on, every product waits for the
/// scheduler: 20 tokens of a small model took 460 ms instead of 60 (two cores, one busy), and 70 with
/// one thread fewer. So they leave one core to the others unless the person says otherwise.
fn leave_a_core_free() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_none() && std::env::var_os("RAYON_NUM_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = cores.saturating_sub(1).max(1).to_string();
        #[expect(unsafe_code, reason = "candle reads its thread count from the environment alone")]
        // SAFETY: the first thing the program does; no other thread exists yet.
        unsafe {
            std::env::set_var(THREADS, threads);
        }
    }
}
