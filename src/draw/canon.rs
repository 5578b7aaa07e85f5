//! Canonical JSON (§3): one text for each value, so that the bytes can be hashed.
//!
//! The reader accepts the canonical text only. It has its own grammar instead of a general JSON
//! reader, because leading zeros, escapes, white space, key order and repeated keys all have to be
//! refused, and it never descends deeper than [`MAX_DEPTH`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Objects and arrays in one another, the line's own object being 1.
pub const MAX_DEPTH: usize = 8;
/// The largest integer of the protocol, 2^53 − 1.
pub const MAX_INT: u64 = (1 << 53) - 1;

/// A value of canonical JSON: no floats, booleans, null or negative numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// 0 … [`MAX_INT`].
    Int(u64),
    /// Text without control characters and line separators.
    Str(String),
    /// A list.
    Arr(Vec<Value>),
    /// Keys sorted by bytes.
    Obj(BTreeMap<String, Value>),
}

impl Value {
    /// Text from anything that can be shown.
    pub fn str(text: &(impl ToString + ?Sized)) -> Self {
        Self::Str(text.to_string())
    }

    /// An object from key-value pairs.
    pub fn obj<const N: usize>(pairs: [(&str, Self); N]) -> Self {
        Self::Obj(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The canonical text. Forbidden characters and too large integers are written as they are:
    /// [`parse`] then refuses the text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Int(number) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{number}");
            }
            Self::Str(text) => write_text(text, out),
            Self::Arr(items) => {
                for (i, item) in items.iter().enumerate() {
                    out.push(if i == 0 { '[' } else { ',' });
                    item.write(out);
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Self::Obj(fields) => {
                for (i, (key, value)) in fields.iter().enumerate() {
                    out.push(if i == 0 { '{' } else { ',' });
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if fields.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// Whether strings of a line may hold this character.
fn allowed(c: char) -> bool {
    !matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}')
}

/// Reads one object from its canonical text; `None` for any other text.
pub fn parse(text: &str) -> Option<BTreeMap<String, Value>> {
    let mut reader = Reader { text, at: 0 };
    if reader.peek() != Some(b'{') {
        return None;
    }
    let value = reader.value(1)?;
    match value {
        Value::Obj(fields) if reader.at == text.len() => Some(fields),
        _ => None,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Value::Str),
            b'0'..=b'9' => self.integer(),
            _ => None,
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.take(b'{')?;
        let mut fields = BTreeMap::new();
        if self.take(b'}').is_some() {
            return Some(Value::Obj(fields));
        }
        loop {
            let key = self.string()?;
            let sorted = fields.last_key_value().is_none_or(|(last, _)| *last < key);
            if !sorted || !is_key(&key) {
                return None;
            }
            self.take(b':')?;
            let value = self.value(depth + 1)?;
            fields.insert(key, value);
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(Value::Obj(fields));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.take(b']').is_some() {
            return Some(Value::Arr(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b',').is_none() {
                self.take(b']')?;
                return Some(Value::Arr(items));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let rest = self.text.get(self.at..)?;
        let mut out = String::new();
        let mut chars = rest.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 1;
                    return Some(out);
                }
                '\\' => match chars.next()?.1 {
                    c @ ('"' | '\\') => out.push(c),
                    _ => return None,
                },
                c if allowed(c) => out.push(c),
                _ => return None,
            }
        }
        None
    }

    fn integer(&mut self) -> Option<Value> {
        let rest = self.text.get(self.at..)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let text = rest.get(..digits)?;
        if digits > 1 && text.starts_with('0') {
            return None;
        }
        let number = text.parse().ok().filter(|n| *n <= MAX_INT)?;
        self.at += digits;
        Some(Value::Int(number))
    }
}

/// `[a-z][a-z0-9_]*`
fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_text_is_read() {
        for good in [
            r"{}",
            r#"{"a":0,"a_1":"x/é\"\\红","b":[],"c":{}}"#,
            r#"{"a":9007199254740991}"#,
            r#"{"a":[[[[[[[]]]]]]]}"#,
        ] {
            let value = Value::Obj(parse(good).expect(good));
            assert_eq!(value.to_text(), good);
        }
        for bad in [
            "",
            "[]",
            "1",
            "{",
            r#"{"a":1}x"#,
            r#" {"a":1}"#,
            r#"{"a": 1}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":01}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e2}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":99999999999999999999999}"#,
            r#"{"a":true}"#,
            r#"{"a":null}"#,
            r#"{"A":1}"#,
            r#"{"1a":1}"#,
            r#"{"":1}"#,
            r#"{"a":"\n"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"a":"\/"}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":\"\u{85}\"}",
            "{\"a\":\"\u{2028}\"}",
            r#"{"a":[[[[[[[[]]]]]]]]}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":1,}"#,
            r#"{"a":"x}"#,
            r#"{"a":"\"#,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        // Far too deep must not use up the stack.
        assert_eq!(parse(&format!("{{\"a\":{}", "[".repeat(1_000_000))), None);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (0..=MAX_INT).prop_map(Value::Int),
            "\\PC{0,12}".prop_map(|s: String| Value::Str(s.chars().filter(|c| allowed(*c)).collect())),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Arr),
                proptest::collection::btree_map("[a-z][a-z0-9_]{0,5}", inner, 0..5).prop_map(Value::Obj),
            ]
        })
    }

    proptest! {
        #[test]
        fn round_trip_and_agreement_with_a_general_reader(fields in proptest::collection::btree_map("[a-z][a-z0-9_]{0,5}", value(), 0..6)) {
            let text = Value::Obj(fields.clone()).to_text();
            prop_assert_eq!(parse(&text), Some(fields));
            let general: serde_json::Value = serde_json::from_str(&text).expect("canonical JSON is JSON");
            prop_assert_eq!(general.to_string(), text);
        }

        #[test]
        fn any_text_is_refused_or_is_its_own_canonical_text(text in "\\PC*") {
            if let Some(fields) = parse(&text) {
                prop_assert_eq!(Value::Obj(fields).to_text(), text);
            }
        }
    }
}
