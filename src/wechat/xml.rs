//! The flat XML of WeChat: one root `<xml>`, one text per element.
//!
//! What arrives here comes from the network, so reading is strict: no document type and no entities but the five of
//! XML itself, at most [`MAX_BYTES`] and [`MAX_DEPTH`], nothing twice. Whatever is not read for certain is an error;
//! for a payment that means "unknown", never "failed".

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, Event};
use quick_xml::reader::Reader;

/// Largest document that is read, bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Deepest nesting that is read: `xml/hblist/hbinfo/openid` is the deepest that WeChat documents.
pub const MAX_DEPTH: usize = 4;

/// Why a document was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// More than [`MAX_BYTES`].
    #[error("the document is larger than 64 KiB")]
    TooLarge,
    /// Not UTF-8, or declared as something else.
    #[error("the document is not UTF-8")]
    NotUtf8,
    /// Not well-formed, no root `<xml>`, or something after it.
    #[error("the document is not well-formed")]
    Malformed,
    /// A document type, an entity or a processing instruction.
    #[error("the document declares or uses something that is not allowed")]
    Forbidden,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the document is nested too deeply")]
    TooDeep,
    /// The same element twice: nobody can say which one counts.
    #[error("the document has the same element twice")]
    Duplicate,
}

/// The fields of a flat document, by name. Texts are exactly what the sender wrote: nothing is trimmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    flat: BTreeMap<String, String>,
    nested: bool,
    inner: Vec<(String, String)>,
}

impl Fields {
    /// The text of a field; `None` when the element is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.flat.get(name).map(String::as_str)
    }

    /// The text of a field, empty when the element is absent.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// A field of decimal digits only, as WeChat writes amounts and counts.
    pub fn number(&self, name: &str) -> Option<i64> {
        let text = self.get(name)?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.parse().ok()
    }

    /// All fields in the order of their names, as the signature wants them.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.flat.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The texts of the deepest elements of this name (`xml/hblist/hbinfo/openid`), in their order: there may be several.
    pub fn inner(&self, name: &str) -> impl Iterator<Item = &str> {
        self.inner.iter().filter(move |(inner, _)| inner == name).map(|(_, value)| value.as_str())
    }

    /// Whether the document had nested elements (such as `hblist`), which are no fields. A signature over such a
    /// document cannot be checked: how the inner part is signed is not documented.
    pub fn has_nested(&self) -> bool {
        self.nested
    }
}

/// Reads a flat document.
pub fn parse(bytes: &[u8]) -> Result<Fields, XmlError> {
    if bytes.len() > MAX_BYTES {
        return Err(XmlError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().expand_empty_elements = true;
    let mut state = Parser::default();
    loop {
        match reader.read_event().map_err(|_| XmlError::Malformed)? {
            Event::Start(start) => state.open(start.name().into_inner())?,
            Event::End(_) => state.close()?,
            Event::Text(text) => state.text(&text.xml10_content())?,
            Event::CData(text) => state.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => state.text(&resolve(&reference)?)?,
            Event::Decl(declaration) => check_declaration(&declaration)?,
            Event::Comment(_) => {}
            Event::DocType(_) | Event::PI(_) => return Err(XmlError::Forbidden),
            Event::Eof => return state.finish(),
            // Empty elements arrive as a start and an end, see above.
            Event::Empty(_) => return Err(XmlError::Malformed),
        }
    }
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), XmlError> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err(XmlError::NotUtf8),
    }
}

/// A character reference or one of the five entities of XML itself; any other entity is refused.
fn resolve(reference: &BytesRef<'_>) -> Result<String, XmlError> {
    if let Some(found) = reference.resolve_char_ref().map_err(|_| XmlError::Malformed)? {
        return if is_xml_char(found) { Ok(found.to_string()) } else { Err(XmlError::Malformed) };
    }
    let name = reference.xml_content(XmlVersion::Implicit1_0);
    resolve_predefined_entity(&name).map(str::to_owned).ok_or(XmlError::Forbidden)
}

#[derive(Default)]
struct Parser {
    fields: Fields,
    depth: usize,
    root_seen: bool,
    name: String,
    value: String,
    field_is_nested: bool,
    nested_names: Vec<String>,
}

impl Parser {
    fn open(&mut self, name: &str) -> Result<(), XmlError> {
        self.depth += 1;
        match self.depth {
            1 if self.root_seen || name != "xml" => return Err(XmlError::Malformed),
            1 => self.root_seen = true,
            2 => {
                name.clone_into(&mut self.name);
                self.value.clear();
                self.field_is_nested = false;
            }
            3.. if self.depth > MAX_DEPTH => return Err(XmlError::TooDeep),
            MAX_DEPTH => self.fields.inner.push((name.to_owned(), String::new())),
            _ => self.field_is_nested = true,
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.depth {
            0 | 1 if !text.chars().all(char::is_whitespace) => return Err(XmlError::Malformed),
            2 => self.value.push_str(text),
            MAX_DEPTH => {
                if let Some((_, value)) = self.fields.inner.last_mut() {
                    value.push_str(text);
                }
            }
            // Between the fields stands only white space; what lies between is not kept.
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        self.depth = self.depth.checked_sub(1).ok_or(XmlError::Malformed)?;
        if self.depth != 1 {
            return Ok(());
        }
        let name = std::mem::take(&mut self.name);
        let mut value = std::mem::take(&mut self.value);
        if self.field_is_nested {
            if !value.chars().all(char::is_whitespace) {
                return Err(XmlError::Malformed);
            }
            self.fields.nested = true;
            self.nested_names.push(name.clone());
            value.clear();
        }
        match self.fields.flat.insert(name, value) {
            Some(_) => Err(XmlError::Duplicate),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Fields, XmlError> {
        if self.depth != 0 || !self.root_seen {
            return Err(XmlError::Malformed);
        }
        for name in &self.nested_names {
            // Nested elements were entered only to find duplicates.
            self.fields.flat.remove(name);
        }
        Ok(self.fields)
    }
}

/// Whether XML 1.0 can carry this character. Texts are checked when they are entered (a campaign's name, a wish),
/// not when a packet is sent.
pub fn is_xml_char(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Writes a flat document, every text as CDATA. A `]]>` inside a text is split over two sections; a carriage return
/// goes as a reference, since a reader would turn it into a line feed.
pub fn write<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("<xml>");
    for (name, value) in fields {
        let safe = value.replace("]]>", "]]]]><![CDATA[>").replace('\r', "]]>&#13;<![CDATA[");
        // Writing to a String cannot fail.
        let _ = write!(out, "<{name}><![CDATA[{safe}]]></{name}>");
    }
    out.push_str("</xml>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::vectors;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Fields, XmlError> {
        parse(text.as_bytes())
    }

    #[test]
    fn numbers_cdata_escapes_and_a_bom_are_read_alike() {
        let fields = read(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n <a>1</a>\n <b><![CDATA[ x < y ]]></b>\
             <c>1 &amp; 2 &#x597D;&lt;</c><d/><e></e><!-- note --></xml>\n",
        )
        .expect("readable");
        assert_eq!(fields.number("a"), Some(1));
        assert_eq!(fields.text("b"), " x < y ");
        assert_eq!(fields.text("c"), "1 & 2 好<");
        assert_eq!((fields.get("d"), fields.get("e"), fields.get("f")), (Some(""), Some(""), None));
        assert!(!fields.has_nested());
    }

    #[test]
    fn a_number_is_digits_only() {
        let fields =
            read("<xml><a>-1</a><b> 1</b><c></c><d>99999999999999999999</d></xml>").expect("readable");
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(fields.number(name), None, "{name}");
        }
    }

    #[test]
    fn nested_lists_are_passed_over() {
        let fields = read(
            "<xml><status>RECEIVED</status><reason/><hblist>\n<hbinfo><openid>o1</openid><amount>1</amount></hbinfo>\
             <hbinfo><openid>o2</openid></hbinfo></hblist></xml>",
        )
        .expect("readable");
        assert_eq!(fields.text("status"), "RECEIVED");
        assert_eq!(fields.get("reason"), Some(""));
        assert_eq!(fields.get("hblist"), None);
        assert_eq!(fields.get("openid"), None);
        assert!(fields.has_nested());
    }

    #[test]
    fn each_of_several_receivers_is_read() {
        let text = "<xml><a>1</a><hblist><hbinfo><openid><![CDATA[o1]]></openid><amount>1</amount></hbinfo>\
                    <hbinfo><openid>o2</openid><amount/></hbinfo></hblist></xml>";
        let fields = parse(text.as_bytes()).expect("readable");
        assert_eq!(fields.inner("openid").collect::<Vec<_>>(), ["o1", "o2"]);
        assert_eq!(fields.inner("amount").collect::<Vec<_>>(), ["1", ""]);
        assert_eq!((fields.get("openid"), fields.get("hblist"), fields.has_nested()), (None, None, true));
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        let cases = [
            ("", XmlError::Malformed),
            ("OK", XmlError::Malformed),
            ("<html></html>", XmlError::Malformed),
            ("<xml><a>1</a>", XmlError::Malformed),
            ("<xml><a>1</b></xml>", XmlError::Malformed),
            ("<xml></xml><xml></xml>", XmlError::Malformed),
            ("<xml>stray<a>1</a></xml>", XmlError::Malformed),
            ("<xml></xml>stray", XmlError::Malformed),
            ("<xml><a>x<b>1</b></a></xml>", XmlError::Malformed),
            ("<xml><a>&#0;</a></xml>", XmlError::Malformed),
            ("<xml><a>1 & 2</a></xml>", XmlError::Malformed),
            ("<xml><a>1</a><a>1</a></xml>", XmlError::Duplicate),
            ("<xml><a>&b;</a></xml>", XmlError::Forbidden),
            (
                "<!DOCTYPE x [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><xml><a>&b;</a></xml>",
                XmlError::Forbidden,
            ),
            ("<?php x ?><xml></xml>", XmlError::Forbidden),
            ("<?xml version=\"1.0\" encoding=\"GBK\"?><xml></xml>", XmlError::NotUtf8),
            ("<xml><a><b><c><d>1</d></c></b></a></xml>", XmlError::TooDeep),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text), Err(wanted), "{text}");
        }
        assert_eq!(parse(b"<xml><a>\xff</a></xml>"), Err(XmlError::NotUtf8));
        let large = format!("<xml><a>{}</a></xml>", "x".repeat(MAX_BYTES));
        assert_eq!(read(&large), Err(XmlError::TooLarge));
    }

    #[test]
    fn hard_characters_survive_the_way_there_and_back() {
        for case in vectors::all()["v2_sign"].as_array().expect("a list") {
            let params = case["params"].as_object().expect("params");
            let pairs: Vec<_> =
                params.iter().map(|(name, value)| (name.as_str(), vectors::text(value))).collect();
            let read = parse(write(pairs.clone()).as_bytes()).expect("readable");
            for (name, value) in pairs {
                assert_eq!(read.get(name), Some(value), "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_allowed_text_survives(value in proptest::collection::vec(any::<char>(), 0..40)) {
            let value: String = value.into_iter().filter(|c| is_xml_char(*c)).collect();
            let read = parse(write([("a", value.as_str())]).as_bytes()).expect("readable");
            prop_assert_eq!(read.text("a"), value);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
