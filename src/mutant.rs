//! Planted bugs: small wrong versions of the rules of money, which the tests must catch. This is the test of the tests.
//!
//! Only a build with the feature `mutants` has them, and it behaves well until `KAIJIANG_MUTANT` names one. `make
//! mutants` finds all names in the sources and runs the simulations once with each.

/// Whether this bug is switched on.
#[cfg(feature = "mutants")]
pub fn planted(name: &str) -> bool {
    use std::sync::OnceLock;
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    WANTED.get_or_init(|| std::env::var("KAIJIANG_MUTANT").ok()).as_deref() == Some(name)
}

/// Never: this build has no planted bugs.
#[cfg(not(feature = "mutants"))]
pub const fn planted(_: &str) -> bool {
    false
}
