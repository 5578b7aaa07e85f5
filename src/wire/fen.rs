//! Money on the wire.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use utoipa::ToSchema;

/// An amount in fen (1/100 yuan), a whole number.
///
/// A number with a fraction is refused with the code `amount_precision`, anything that is no number of fen at all
/// (negative, above 10^12, text) with `amount_range`: `security.md`'s answers to bad amounts. Zero passes here; the
/// command decides whether it makes sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(value_type = i64, minimum = 0, example = 888)]
pub struct Fen(pub i64);

/// Ten billion yuan: above it something else was meant, and sums stay far from overflow.
const MAX: i64 = 1_000_000_000_000;

impl<'de> Deserialize<'de> for Fen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let range = || D::Error::custom("amount_range");
        let serde_json::Value::Number(number) = serde_json::Value::deserialize(from)? else {
            return Err(range());
        };
        match number.as_i64() {
            Some(fen) if (0..=MAX).contains(&fen) => Ok(Self(fen)),
            Some(_) => Err(range()),
            None if number.as_u64().is_some() => Err(range()),
            None => match number.as_f64() {
                Some(value) if value.fract() == 0.0 => Err(range()),
                _ => Err(D::Error::custom("amount_precision")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fen;

    #[test]
    fn bad_amounts_are_told_apart() {
        let code = |text: &str| serde_json::from_str::<Fen>(text).unwrap_err().to_string();
        assert_eq!(serde_json::from_str::<Fen>("888").unwrap(), Fen(888));
        for text in ["-1", "1000000000001", "1e20", "\"8\"", "null", "18446744073709551615"] {
            assert!(code(text).contains("amount_range"), "{text}");
        }
        for text in ["0.99", "100.5"] {
            assert!(code(text).contains("amount_precision"), "{text}");
        }
    }
}
