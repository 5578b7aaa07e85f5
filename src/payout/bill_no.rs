//! Bill numbers: the same award and attempt always give the same number, whatever crashed or was restored between.

use crate::keys::{Keys, Purpose};

/// Longest number that WeChat takes.
const LONGEST: usize = 28;
/// Characters made from the award.
const TAIL: usize = 10;
/// Characters of a date.
const DAY: usize = 8;

/// Longest merchant number that leaves room for the rest.
pub const MERCHANT_CHARS: usize = LONGEST - TAIL - DAY;

/// Merchant number, the Beijing day (`yyyymmdd`) on which the meeting was made, and ten characters of
/// HMAC-SHA256(instance key, award ‖ attempt).
pub fn bill_no(keys: &Keys, mch_id: &str, day: &str, award: &str, attempt: i64) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mac = keys.mac(Purpose::BillNumber, &[award.as_bytes(), attempt.to_string().as_bytes()]);
    let mut number = mac.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let mut tail = String::with_capacity(TAIL);
    for _ in 0..TAIL {
        let place = usize::try_from(number % 62).unwrap_or(0);
        tail.push(char::from(LETTERS[place]));
        number /= 62;
    }
    format!("{mch_id}{day}{tail}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_number_depends_on_key_award_and_attempt_only() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(&folder.path().join("a.key")).unwrap();
        let other = Keys::open(&folder.path().join("b.key")).unwrap();
        let number =
            |keys: &Keys, award: &str, attempt| bill_no(keys, "1900000109", "20261123", award, attempt);
        let first = number(&keys, "award", 1);
        assert_eq!(first, number(&keys, "award", 1));
        assert!(first.starts_with("190000010920261123"));
        assert_eq!(first.len(), LONGEST);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let all: BTreeSet<_> = [
            first,
            number(&keys, "award", 2),
            number(&keys, "award2", 1),
            number(&keys, "awar", 1),
            number(&other, "award", 1),
        ]
        .into();
        assert_eq!(all.len(), 5);
    }
}
