//! What the system says of this process.

/// What this process holds and has taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Now {
    /// Memory, bytes.
    pub(crate) resident: u64,
    /// Open file descriptors.
    pub(crate) files: u64,
    /// Most open file descriptors.
    pub(crate) most_files: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Processor time, seconds, of all threads.
    pub(crate) cpu_seconds: f64,
}

/// Reads it; `None` where there is no `/proc`.
pub(crate) fn now() -> Option<Now> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let files = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    let of = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    // `unlimited` where there is no limit.
    let most_files = most.split_whitespace().next()?.parse().unwrap_or(u64::MAX);
    Some(Now {
        resident: of("VmRSS:")? * 1024,
        files,
        most_files,
        threads: of("Threads:")?,
        cpu_seconds: cpu_seconds(&stat)?,
    })
}

/// Processor time in a line of `/proc/PID/stat`, whose second field may hold blanks and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // What Linux tells programs, whatever its own clock.
    const TICKS: f64 = 100.0;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 4 0 77 0 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("12 (a"), None);
    }
}
