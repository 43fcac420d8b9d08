//! Prose, JSON, sheets of no fixed shape: line by line.

use crate::{
    finding::{Finding, Place, Reason, Span, settle, shape},
    value::{self, Context},
};

/// Screens a text. Lines and characters are counted from 1.
pub fn screen_text(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        findings.extend(of_line(line, at + 1, value::spans(line, Context::Text)));
    }
    findings
}

/// Screens a line of a log, in which dates and numbers of its own kind mean nothing and paths do.
pub fn screen_log(line: &str) -> Vec<Finding> {
    let paths = crate::redact::paths(line).into_iter().filter(|(_, _, harmless)| !harmless);
    let paths = paths.map(|(start, end, _)| Span { start, end, reason: Reason::Path });
    let all = value::spans(line, Context::Log).into_iter().chain(paths).collect();
    of_line(line, 1, settle(all)).collect()
}

/// The findings of a line, from spans in their order.
pub(crate) fn of_line(line: &str, number: usize, spans: Vec<Span>) -> impl Iterator<Item = Finding> + '_ {
    // Characters are counted on from span to span: from the line's start each time would cost its square.
    let (mut at, mut column) = (0, 1);
    spans.into_iter().map(move |span| {
        column += line.get(at..span.start).unwrap_or_default().chars().count();
        at = span.start;
        let value = line.get(span.start..span.end).unwrap_or_default();
        Finding { place: Place::Line { line: number, column }, reason: span.reason, preview: shape(value) }
    })
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
