//! Phone numbers: one canonical form for what people and spreadsheets write, and never shown whole by accident.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::keys::{Keys, Purpose};

/// A phone number in canonical form (`+8613800138000`). `Debug` and `Display` show the mask only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

/// Why a text is no phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Nothing there.
    #[error("没有手机号")]
    Missing,
    /// Not a number that can be called.
    #[error("手机号不正确：大陆号码应为 11 位，以 1 开头；其他地区请写成 +区号 号码")]
    Invalid,
    /// A spreadsheet shortened it, so its last digits are gone.
    #[error("手机号被表格软件写成了科学计数（如 1.38E+10），末几位已丢失；请把该列设为文本后重新填写")]
    Rounded,
}

impl PhoneError {
    /// The stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "phone_missing",
            Self::Invalid | Self::Rounded => "phone_invalid",
        }
    }
}

impl Phone {
    /// Reads what a person or a spreadsheet wrote: full-width digits, spaces, dashes, brackets, invisible marks of
    /// address books, `+86`, `0086` or `86` in front, `13800138000.0`, `1.3800138E10`, `="13800138000"`.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let mut digits = String::new();
        let text: String = text.nfkc().collect();
        let text = text.trim();
        let text = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let plain = unscientific(text.trim_start_matches('\''))?;
        for letter in plain.chars() {
            match letter {
                '0'..='9' => digits.push(letter),
                '+' if digits.is_empty() => digits.push('+'),
                _ if is_decoration(letter) => {}
                _ => return Err(PhoneError::Invalid),
            }
        }
        if digits.is_empty() {
            return Err(PhoneError::Missing);
        }
        canonical(&digits).map(Self).ok_or(PhoneError::Invalid)
    }

    /// The canonical number, `+` and digits. Only for sealing, indexing and sending.
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// As Aliyun wants it: 11 digits for the mainland, country code and number without `+` otherwise.
    pub fn dialled(&self) -> &str {
        self.mainland().unwrap_or(&self.0[1..])
    }

    /// Whether it is a number of the mainland, not of Hong Kong, Macau, Taiwan or abroad.
    pub fn is_mainland(&self) -> bool {
        self.mainland().is_some()
    }

    fn mainland(&self) -> Option<&str> {
        self.0.strip_prefix("+86").filter(|rest| is_mainland(rest))
    }

    /// `138****1234`; other countries keep the first four and the last two characters.
    pub fn mask(&self) -> String {
        match self.mainland() {
            Some(number) => format!("{}****{}", &number[..3], &number[7..]),
            None => format!("{}****{}", &self.0[..4], &self.0[self.0.len() - 2..]),
        }
    }

    /// What finds the number in SQL without showing it.
    pub fn index(&self, keys: &Keys, meeting: &str) -> String {
        hex::encode(keys.mac(Purpose::PhoneIndex, &[meeting.as_bytes(), self.0.as_bytes()]))
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.mask())
    }
}

/// A phone as read from where it cannot be shown: for messages about texts that are no phone number.
pub fn mask_any(text: &str) -> String {
    let count = text.chars().count();
    if count <= 4 {
        return "*".repeat(count);
    }
    let head: String = text.chars().take(2).collect();
    let tail: String = text.chars().skip(count - 2).collect();
    format!("{head}****{tail}")
}

/// Spaces, dashes, brackets, and the invisible marks that address books put around numbers.
fn is_decoration(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '-' | '(' | ')' | '.' | '·' | '/')
        || matches!(letter, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}')
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_mainland(number: &str) -> bool {
    let bytes = number.as_bytes();
    bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1])
}

fn canonical(digits: &str) -> Option<String> {
    let abroad = digits.strip_prefix('+').or_else(|| digits.strip_prefix("00"));
    let Some(number) = abroad else {
        let home = digits.strip_prefix("86").filter(|rest| is_mainland(rest)).unwrap_or(digits);
        return is_mainland(home).then(|| format!("+86{home}"));
    };
    let valid = if let Some(rest) = number.strip_prefix("86") {
        is_mainland(rest)
    } else if let Some(rest) = number.strip_prefix("852").or_else(|| number.strip_prefix("853")) {
        rest.len() == 8
    } else if let Some(rest) = number.strip_prefix("886") {
        rest.len() == 9 && rest.starts_with('9')
    } else {
        (8..=15).contains(&number.len()) && !number.starts_with('0')
    };
    valid.then(|| format!("+{number}"))
}

/// `13800138000.0` and `1.3800138E10` to digits, by moving the point in the text. Spreadsheets show at most five
/// decimals with `E+10`: such a number has lost its last digits, and guessing them would text a stranger.
fn unscientific(text: &str) -> Result<String, PhoneError> {
    let upper = text.to_ascii_uppercase();
    let Some((mantissa, exponent)) = upper.split_once('E') else {
        let whole = text.strip_suffix('0').and_then(|rest| rest.strip_suffix('.'));
        return Ok(whole.unwrap_or(text).to_owned());
    };
    let (head, tail) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let shown_by_sheet = exponent.starts_with('+');
    let shift: usize = exponent.trim_start_matches('+').parse().map_err(|_| PhoneError::Invalid)?;
    if head.is_empty() || !is_number(head) || !is_number(tail) || shift > 20 || tail.len() > shift {
        return Err(PhoneError::Invalid);
    }
    if shown_by_sheet && tail.len() < 6 {
        return Err(PhoneError::Rounded);
    }
    Ok(format!("{head}{tail}{}", "0".repeat(shift - tail.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> String {
        Phone::parse(text).unwrap().e164().to_owned()
    }

    #[test]
    fn the_ways_people_write_a_number() {
        for text in [
            "13800138000",
            " 138 0013 8000 ",
            "138-0013-8000",
            "１３８００１３８０００",
            "+86 138 0013 8000",
            "＋86-13800138000",
            "0086 13800138000",
            "8613800138000",
            "(86)13800138000",
            "\u{202d}13800138000\u{202c}",
            "138\u{a0}0013\u{3000}8000",
            "13800138000.0",
            "1.3800138E10",
            "1.3800138000E+10",
            "'13800138000",
            "=\"13800138000\"",
        ] {
            assert_eq!(Phone::parse(text).map(|phone| phone.0), Ok("+8613800138000".to_owned()), "{text:?}");
        }
    }

    #[test]
    fn other_regions_need_their_code() {
        assert_eq!(e164("+852 9123 4567"), "+85291234567");
        assert_eq!(e164("00853 6612 3456"), "+85366123456");
        assert_eq!(e164("+886 912 345 678"), "+886912345678");
        assert_eq!(e164("+1 (415) 555-2671"), "+14155552671");
        for text in ["91234567", "+852 912345678", "+8861234567", "+0123456789", "+1234567890123456"] {
            assert_eq!(Phone::parse(text), Err(PhoneError::Invalid), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number() {
        assert_eq!(Phone::parse(" - "), Err(PhoneError::Missing));
        assert_eq!(Phone::parse(""), Err(PhoneError::Missing));
        for text in
            ["1380013800", "138001380000", "12800138000", "+8612345", "abc", "138001380oo", "1+3800138000"]
        {
            assert_eq!(Phone::parse(text), Err(PhoneError::Invalid), "{text:?}");
        }
        assert_eq!(Phone::parse("1.38001E+10"), Err(PhoneError::Rounded));
        assert_eq!(Phone::parse("1.38E+10"), Err(PhoneError::Rounded));
        assert_eq!(Phone::parse("E10"), Err(PhoneError::Invalid));
        assert_eq!(Phone::parse("1.3E999999999999999999999"), Err(PhoneError::Invalid));
    }

    #[test]
    fn nothing_shows_the_whole_number() {
        let phone = Phone::parse("13812341234").unwrap();
        assert_eq!(format!("{phone} {phone:?}"), "138****1234 138****1234");
        assert_eq!(phone.dialled(), "13812341234");
        let abroad = Phone::parse("+85291234567").unwrap();
        assert_eq!(abroad.mask(), "+852****67");
        assert_eq!(abroad.dialled(), "85291234567");
        assert_eq!(mask_any("1380013800"), "13****00");
        assert_eq!(mask_any("张三"), "**");
    }
}

#[cfg(test)]
mod hostile {
    use proptest::prelude::*;

    use super::{Phone, mask_any};
    use crate::hostile::{cases, damaged_text, quickly};

    proptest! {
        #![proptest_config(cases(900))]

        #[test]
        fn what_is_taken_for_a_number_is_one_and_its_mask_hides_it(
            text in damaged_text(&["13800138000", "+86 138-0013-8000", "+1 (202) 555-0143"]),
        ) {
            let _ = quickly(|| mask_any(&text));
            let Ok(phone) = quickly(|| Phone::parse(&text)) else { return Ok(()) };
            let digits = phone.e164().strip_prefix('+').unwrap_or_default();
            prop_assert!((8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert!(!phone.mask().contains(&digits[2..]), "{}", phone.mask());
            prop_assert_eq!(Phone::parse(phone.e164()).ok().map(|same| same.e164().to_owned()), Some(phone.e164().to_owned()));
        }
    }
}
