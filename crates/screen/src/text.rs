//! Prose, JSON, sheets of no fixed shape: line by line.

use crate::{
    finding::{Finding, Place, Span, shape},
    value::{self, Context},
};

/// Screens a text. Lines and characters are counted from 1.
pub fn screen_text(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for span in value::spans(line, Context::Text) {
            findings.push(finding(line, at + 1, span));
        }
    }
    findings
}

pub(crate) fn finding(line: &str, number: usize, span: Span) -> Finding {
    let before = line.get(..span.start).unwrap_or_default();
    let value = line.get(span.start..span.end).unwrap_or_default();
    Finding {
        place: Place::Line { line: number, column: before.chars().count() + 1 },
        reason: span.reason,
        preview: shape(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let findings = screen_text("ok\nżółć someone@ward.example\n");
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].to_string(),
            "line 2, character 6: looks like an e-mail address (shape `xxxxxxx@xxxx.xxxxxxx`)"
        );
    }
}
