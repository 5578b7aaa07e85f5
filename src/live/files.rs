//! Open files: each socket is one, and a process may have only so many.

/// Files that are no sockets of viewers: databases, the store, requests, outside services.
const OTHERS: usize = 300;

/// How many sockets there may be: as many as are `wanted`, or as the system allows open files for. The second value
/// says what to raise when that is fewer.
pub fn sockets(wanted: usize) -> (usize, Option<String>) {
    match raise() {
        Some(files) => fit(wanted, files),
        None => (wanted, None),
    }
}

/// Raises the soft limit to the hard one, which needs no rights; `None` when there is no limit.
#[cfg(unix)]
fn raise() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    now.map(|files| usize::try_from(files).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn raise() -> Option<usize> {
    None
}

fn fit(wanted: usize, files: usize) -> (usize, Option<String>) {
    let needed = wanted.saturating_add(OTHERS);
    if needed <= files {
        return (wanted, None);
    }
    // Something must be served, or nobody could even read what is wrong.
    let fewer = files.saturating_sub(OTHERS).max(files / 2).min(wanted);
    let words = format!(
        "limits.sockets is {wanted}, but this process may open only {files} files: at most {fewer} sockets will be \
         served. Raise LimitNOFILE= in the systemd unit (or `ulimit -Hn`) to {needed}, or lower limits.sockets"
    );
    (fewer, Some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_files_need_no_words() {
        assert_eq!(fit(20_000, 20_300), (20_000, None));
    }

    #[test]
    fn too_few_files_serve_fewer_sockets_and_say_what_to_raise() {
        let (fewer, words) = fit(20_000, 20_299);
        let words = words.unwrap();
        assert_eq!(fewer, 19_999);
        assert!(
            words.contains("20300") && words.contains("LimitNOFILE") && words.contains("19999"),
            "{words}"
        );
        assert_eq!(fit(20_000, 1024).0, 724);
        assert_eq!(fit(20_000, 256).0, 128, "never none");
        assert_eq!(fit(10, 256).0, 10);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let hard = raise();
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words[3], words[3].parse().ok()), (words[4], hard));
    }
}
