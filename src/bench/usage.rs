//! What a process uses, from `/proc`; `None` where there is none.

use std::{fs, time::Duration};

/// Kernel ticks of a second; the same on every Linux that we run on.
const TICK: Duration = Duration::from_millis(10);

/// Processor time and memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// User and system time.
    pub(super) cpu: Duration,
    /// Resident memory, bytes.
    pub(super) rss: u64,
}

/// Of some processes together.
pub(super) fn of(pids: &[u32]) -> Option<Usage> {
    if pids.is_empty() {
        return None;
    }
    pids.iter().try_fold(Usage::default(), |sum, pid| {
        let one = of_one(*pid)?;
        Some(Usage { cpu: sum.cpu + one.cpu, rss: sum.rss + one.rss })
    })
}

fn of_one(pid: u32) -> Option<Usage> {
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
        let me = std::process::id();
        assert!(of(&[me]).is_some_and(|usage| usage.rss > 100_000));
        assert!(of(&[me, u32::MAX]).is_none());
        assert!(of(&[]).is_none());
    }
}
