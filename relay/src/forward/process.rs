//! What this process takes of its host, for the hub: it compares this before and after a change of
//! what relays are told.

use std::fs;

use protocol::wire::ProcessReport;

/// Length of a clock tick as `/proc` counts them, in milliseconds: the kernel's own 100 a second,
/// whatever it runs with.
const TICK_MS: u64 = 10;

/// CPU time and memory so far; `None` where `/proc` does not tell.
pub(super) fn usage() -> Option<ProcessReport> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(ProcessReport {
        cpu_ms: cpu_ms(&stat)?,
        rss_bytes: rss_bytes(&status)?,
    })
}

/// User and system time, fields 14 and 15. The name before them may hold anything, so they are
/// counted from behind its bracket.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ticks = next()?.checked_add(next()?)?;
    ticks.checked_mul(TICK_MS)
}

/// The line `VmRSS:   12345 kB`.
fn rss_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_are_read_behind_a_name_that_holds_brackets() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 8 0 1 2 3";
        assert_eq!(cpu_ms(stat), Some(420));
        assert_eq!(cpu_ms("7 (a"), None);
        assert_eq!(cpu_ms("7 (a) S 1 7"), None);
        let status = "Name:\tx\nVmRSS:\t   2048 kB\nVmSwap:\t0 kB\n";
        assert_eq!(rss_bytes(status), Some(2 << 20));
        assert_eq!(rss_bytes("Name:\tx"), None);
    }

    #[test]
    fn a_running_process_has_memory() {
        assert!(usage().unwrap().rss_bytes > 0);
    }
}
