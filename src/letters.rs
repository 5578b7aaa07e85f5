//! Letters that nobody sees, and those of one alphabet, in names and fields that are not to look like others, or filled while
//! they are empty.

/// Zero-width and fillers, marks of direction, and controls.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        )
}

/// Chinese characters as they are written today: no radicals and compatibility forms, which look the same.
pub fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Whether there is nothing to see.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || is_invisible(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_blank_and_names_are_not() {
        for text in ["", " \u{3000}", "\u{200b}", "\u{202e}\u{feff}\t"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["迪丽·热巴", "O'Neil", "0", "👍"] {
            assert!(!is_blank(text) && !text.chars().any(is_invisible), "{text:?}");
        }
    }
}
