//! Proofs that somebody has made up: the verifier is run on every phone and by every auditor, on files of anybody.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use super::evening::{Evening, check, proved};
use super::line::Line;
use super::verify::{Report, verify};
use crate::hostile::{cases, damaged, damaged_text, quickly};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static EVENING: LazyLock<Evening> = LazyLock::new(|| Evening::run(7));
static BUNDLE: LazyLock<String> = LazyLock::new(|| EVENING.bundle());

/// What a proof says, however it is written: white space and the like prove nothing and disprove nothing.
fn meaning(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

proptest! {
    #![proptest_config(cases(360))]

    #[test]
    fn a_damaged_proof_proves_the_same_or_nothing(bytes in damaged(vec![BUNDLE.clone().into_bytes()])) {
        if let Report::Proved(_) = quickly(|| verify(&bytes, None, &BTreeMap::new())) {
            prop_assert_eq!(meaning(&bytes), meaning(BUNDLE.as_bytes()));
        }
    }

    #[test]
    fn damaged_notes_of_a_phone_never_make_a_wrong_proof_right(
        local in damaged(vec![EVENING.local().into_bytes()]),
        wrong in damaged(vec![BUNDLE.clone().into_bytes()]),
    ) {
        let good = quickly(|| verify(BUNDLE.as_bytes(), Some(&local), &BTreeMap::new()));
        prop_assert!(!matches!(good, Report::Proved(told) if told.code != proved(check(&BUNDLE, None)).code));
        if let Report::Proved(_) = quickly(|| verify(&wrong, Some(&local), &BTreeMap::new())) {
            prop_assert_eq!(meaning(&wrong), meaning(BUNDLE.as_bytes()));
        }
    }

    #[test]
    fn a_line_is_read_only_as_it_is_written(text in damaged_text(
        &EVENING.lines().iter().map(String::as_str).collect::<Vec<_>>(),
    )) {
        if let Ok(line) = quickly(|| Line::parse(&text)) {
            prop_assert_eq!(line.to_text(), text);
        }
    }
}
