//! What a process that dies may leave behind: its memory holds keys, and the text of a panic may hold what it stumbled over.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{PanicHookInfo, set_hook},
};

/// With this variable as `allow` both are left as the system does them, for whoever hunts a fault with made-up data.
const DUMPS: &str = "KAIJIANG_DUMPS";

/// No core dump, nobody but root looks into this process's memory, and panics tell only what stands in the source.
pub(super) fn keep_secrets() {
    if std::env::var(DUMPS).is_ok_and(|word| word == "allow") {
        return;
    }
    set_hook(Box::new(tell));
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        // Lowering a limit needs no rights; where it fails all the same, the evening goes on.
        let _ = setrlimit(Resource::Core, none);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// A text that was put together at run time is withheld; the place in the source says where to look.
fn tell(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "somewhere".to_owned(), ToString::to_string);
    let fixed = info.payload().downcast_ref::<&'static str>();
    let text = fixed.copied().unwrap_or("its text is withheld: it may hold data");
    let trace = Backtrace::capture();
    let trace =
        if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
    if tracing::dispatcher::has_been_set() {
        // In the span of the request, so with its id.
        tracing::error!(place, text, trace, "panicked");
    } else {
        eprintln!("kaijiang: panicked at {place}: {text}{trace}");
    }
}
