//! What a process uses, from `/proc`; `None` where there is none.

use std::{fs, time::Duration};

/// Kernel ticks of a second; the same on every Linux that we run on.
const TICK: Duration = Duration::from_millis(10);

/// Processor time and memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// User and system time.
    pub(super) cpu: Duration,
    /// Resident memory, bytes.
    pub(super) rss: u64,
}

/// Of a process.
pub(super) fn of(pid: Option<u32>) -> Option<Usage> {
    let pid = pid?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, blanks too.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u32 = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(Usage { cpu: TICK * ticks, rss: kib * 1024 })
}

#[cfg(test)]
mod tests {
    use super::of;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_memory_and_an_absent_one_nothing() {
        assert!(of(Some(std::process::id())).is_some_and(|usage| usage.rss > 100_000));
        assert!(of(Some(u32::MAX)).is_none());
    }
}
