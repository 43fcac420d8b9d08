//! What a server answered, and the little XML in it.

use crate::Error;
use crate::error::Result;
use roxmltree::{Document, Node, ParsingOptions};
use ureq::http::HeaderMap;

/// An answer that is whole.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The text of the answer.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).map_err(|_| Error::Answer("not a text"))
    }

    /// The server's word for a failure. Nothing else of what it says is shown: it is a stranger's text.
    pub fn code(&self) -> String {
        let found = self.text().ok().and_then(|text| {
            let document = parse(text).ok()?;
            text_of(document.root_element(), "Code").map(str::to_owned)
        });
        let word = |code: &String| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
        found.filter(word).unwrap_or_else(|| "no code".to_owned())
    }
}

/// Takes an answer's XML apart. Definitions of types and entities are refused.
pub(crate) fn parse(text: &str) -> Result<Document<'_>> {
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|_| Error::Answer("not XML"))
}

/// The text of the first child of that name.
pub(crate) fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let child = node.children().find(|child| child.is_element() && child.tag_name().name() == name)?;
    Some(child.text().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_words_are_taken_as_a_word_or_not_at_all() {
        let code = |body: &str| {
            Answer { status: 403, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }.code()
        };
        assert_eq!(code("<Error><Code>AccessDenied</Code><Message>x</Message></Error>"), "AccessDenied");
        for other in [
            "",
            "<html>",
            "<Error/>",
            "<Error><Code>a b\u{1b}[31m</Code></Error>",
            "<!DOCTYPE x [<!ENTITY e 'AccessDenied'>]><Error><Code>&e;</Code></Error>",
        ] {
            assert_eq!(code(other), "no code", "{other}");
        }
    }
}
