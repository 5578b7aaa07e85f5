//! How many heaps glibc keeps. Each thread would get one of its own, eight times as many as there are processors, and what
//! a thousand handshakes leave free in one of them helps no other: measured with ten thousand sockets, a third of all
//! memory. As many as there are processors cost no time.

/// Starts this program once more in its own place, with that variable: glibc reads it only at the start. Where that
/// fails, the program runs as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_few_heaps() {
    use std::{env, os::unix::process::CommandExt, process::Command, thread};

    /// The variable by which glibc takes it; whoever has set it has chosen.
    const NAME: &str = "MALLOC_ARENA_MAX";

    if env::var_os(NAME).is_some() {
        return;
    }
    let (Ok(program), cores) = (env::current_exe(), thread::available_parallelism()) else { return };
    let mut given = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = given.next() {
        again.arg0(name);
    }
    let heaps = cores.map_or(2, usize::from).max(2);
    let _ = again.args(given).env(NAME, heaps.to_string()).exec();
}

/// Other allocators have no such heaps.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_few_heaps() {}
