//! Dice and words as a host types them, or as a program sends them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use proptest::prelude::*;

use super::convert;
use crate::{
    draw::entropy::{QUICKNET, Source, Value},
    hostile::{cases, damaged, quickly},
    http::parse,
    wire::EntropyRequest,
};

fn examples() -> Vec<Vec<u8>> {
    let signature = "ab".repeat(48);
    [
        r#"{"i":0,"value":{"rolls":[3,1,4,1,5,9,2,6,5,3,5,8]}}"#.to_owned(),
        r#"{"i":0,"value":{"words":["星河","2026","gala"]}}"#.to_owned(),
        format!(r#"{{"i":0,"value":{{"signature":"{signature}"}}}}"#),
        r#"{"i":0}"#.to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn sources() -> [Source; 5] {
    [
        Source::Audience,
        Source::Dice { sides: 10, count: 12 },
        Source::Dice { sides: 6, count: 12 },
        Source::Words { count: 3 },
        Source::Drand { chain: QUICKNET.parse().unwrap(), round: 1 },
    ]
}

proptest! {
    #![proptest_config(cases(900))]

    #[test]
    fn only_what_fits_its_source_enters_a_seed(body in damaged(examples())) {
        let Ok(request) = quickly(|| parse::<EntropyRequest>(&body)) else { return Ok(()) };
        let Some(value) = request.value.and_then(convert::value) else { return Ok(()) };
        for source in sources().into_iter().filter(|source| source.accepts(&value, 100)) {
            match (&source, &value) {
                (Source::Dice { sides, .. }, Value::Dice { rolls }) => {
                    let faces = if *sides == 10 { 0..=9 } else { 1..=*sides };
                    prop_assert!(rolls.len() == 12 && rolls.iter().all(|roll| faces.contains(roll)));
                    prop_assert_eq!(value.seed_bytes().len(), 12);
                }
                (Source::Words { .. }, Value::Words { words }) => {
                    let plain = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() || ('一'..='\u{9fff}').contains(&c);
                    prop_assert!(words.len() == 3 && words.iter().all(|word| word.chars().all(plain)));
                }
                (Source::Drand { .. }, Value::Drand { .. }) => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
