//! Numbered crash points for tests that kill the process between two durable steps.
//!
//! With `KAIJIANG_FAILPOINT=name` the process aborts when it reaches the point of that name, with `panic:name` it only
//! panics there, with a text made at run time. Only in debug builds or
//! with the feature `failpoints`; in a release build [`hit`] is empty.

/// Aborts the process here when the environment names this point.
///
/// # Panics
///
/// In place of that, when the environment names it as `panic:name`.
#[cfg(any(debug_assertions, feature = "failpoints"))]
pub fn hit(name: &str) {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let Some(wanted) = WANTED.get_or_init(|| std::env::var("KAIJIANG_FAILPOINT").ok()) else { return };
    assert!(wanted.strip_prefix("panic:") != Some(name), "a failpoint of the name {name}");
    if wanted == name {
        tracing::error!(name, "failpoint reached");
        std::process::abort();
    }
}

/// Nothing in a release build.
#[cfg(not(any(debug_assertions, feature = "failpoints")))]
#[inline(always)]
pub const fn hit(_: &str) {}
