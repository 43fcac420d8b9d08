//! What stands between the letters of a line and is not seen: a detector reads past it, a reader sees it escaped.

/// A line as detectors read it, and what was taken out of it or stands there as a space.
pub(crate) struct Clean {
    pub(crate) text: String,
    marks: Vec<Mark>,
}

struct Mark {
    /// Where in the text, in bytes.
    at: usize,
    /// How much of the text stands for it: nothing, or one space.
    length: usize,
    shown: String,
}

/// The longest terminal sequence that is one; behind more than that something else is hidden.
const LONGEST_SEQUENCE: usize = 512;

impl Clean {
    pub(crate) fn of(line: &str) -> Self {
        let mut clean = Self { text: String::with_capacity(line.len()), marks: Vec::new() };
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let (taken, shown) = match c {
                '\u{1b}' | '\u{9b}' | '\u{9d}' => sequence(rest),
                c => (c.len_utf8(), escaped(c)),
            };
            match shown {
                None => clean.text.push(c),
                // A tab, a line feed, a zero byte set words apart.
                Some(shown) if parts(c) => {
                    clean.marks.push(Mark { at: clean.text.len(), length: 1, shown });
                    clean.text.push(' ');
                }
                Some(shown) => clean.marks.push(Mark { at: clean.text.len(), length: 0, shown }),
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        clean
    }

    /// The text up to `end` with `pieces` (start, end, what stands there instead; sorted, apart) put in, and all
    /// that was taken out shown where it was, except within a piece.
    pub(crate) fn render(&self, pieces: &[(usize, usize, String)], end: usize) -> String {
        let mut out = String::new();
        let mut marks = self.marks.iter().peekable();
        let mut at = 0;
        let mut copy = |out: &mut String, from: usize, to: usize| {
            let mut at = from;
            while let Some(mark) = marks.next_if(|mark| mark.at < to || (mark.at == to && mark.length == 0)) {
                if mark.at < from {
                    continue;
                }
                out.push_str(self.text.get(at..mark.at).unwrap_or_default());
                out.push_str(&mark.shown);
                at = mark.at + mark.length;
            }
            out.push_str(self.text.get(at..to).unwrap_or_default());
        };
        for (start, stop, text) in pieces.iter().take_while(|(start, ..)| *start < end) {
            copy(&mut out, at, *start);
            out.push_str(text);
            at = *stop;
        }
        copy(&mut out, at, end.max(at));
        out
    }
}

/// Control characters that stand where a space could.
fn parts(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\0' | '\u{1c}'..='\u{1f}' | '\u{85}')
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// How a character that misleads is shown; none for one that does not.
pub(crate) fn escaped(c: char) -> Option<String> {
    match c {
        c if c.is_control() => Some(c.escape_default().to_string()),
        '\u{ad}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Some(c.escape_unicode().to_string()),
        _ => None,
    }
}

/// A sequence for a terminal at the start of `text` (ECMA-48, 5.4 and 5.6): its bytes, and how it is shown.
/// Colours are not shown; the text within a string sequence, which a terminal does not show either, is dropped.
fn sequence(text: &str) -> (usize, Option<String>) {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return (0, None) };
    let alone = (first.len_utf8(), Some(first.escape_default().to_string()));
    let kind = match first {
        '\u{9b}' => '[',
        '\u{9d}' => ']',
        _ => match chars.next() {
            Some((_, kind)) => kind,
            None => return alone,
        },
    };
    let body = chars.as_str();
    let before = text.len() - body.len();
    match kind {
        '[' => {
            let ends = |c: char| matches!(c, '\u{40}'..='\u{7e}');
            let within = |c: char| matches!(c, '\u{20}'..='\u{3f}');
            let Some((at, last)) = body.char_indices().find(|(_, c)| !within(*c)) else { return alone };
            if !ends(last) || at > 32 {
                return alone;
            }
            let whole = before + at + last.len_utf8();
            let shown =
                if last == 'm' { String::new() } else { shown(text.get(..whole).unwrap_or_default()) };
            (whole, Some(shown))
        }
        ']' | 'P' | 'X' | '^' | '_' => {
            let stop = |c: char| matches!(c, '\u{7}' | '\u{1b}' | '\u{9c}');
            let end = body.char_indices().take(LONGEST_SEQUENCE).find(|(_, c)| stop(*c));
            let Some((at, last)) = end else { return alone };
            let tail = body.get(at..).unwrap_or_default();
            let last = if tail.starts_with("\u{1b}\\") { 2 } else { last.len_utf8() };
            (before + at + last, Some(format!("{}…", first.escape_default())))
        }
        _ => alone,
    }
}

fn shown(text: &str) -> String {
    text.chars().map(|c| escaped(c).unwrap_or_else(|| c.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_again_and_what_broke_them_is_shown() {
        let clean = Clean::of(
            "Qui\u{200b}bb\x1b[31mle\x1b[0mton\t\u{202e}x\0y\x08z\x1b]8;;file:///Users/zq\x07link\x1b",
        );
        assert_eq!(clean.text, "Quibbleton x yzlink");
        let all = clean.render(&[], clean.text.len());
        assert_eq!(all, "Qui\\u{200b}bbleton\\t\\u{202e}x\\u{0}y\\u{8}z\\u{1b}…link\\u{1b}");
        let hidden = clean.render(&[(0, 10, "<name>".to_owned())], clean.text.len());
        assert!(hidden.starts_with("<name>\\t\\u{202e}x"), "{hidden}");
    }

    #[test]
    fn a_sequence_without_end_hides_nothing() {
        for line in ["\x1b]0;title without end", "\x1b[", "\x1b", "\x1b[31\u{e9}", "\x1b[1;1"] {
            let clean = Clean::of(line);
            assert_eq!(clean.text, line.replace('\x1b', ""), "{line:?}");
        }
    }
}
