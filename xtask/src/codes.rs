//! Error codes and their page.
//!
//! A code is a string literal such as `SEAL-003` outside tests. Its message and kind are read from
//! the `Error` enum of the same file: `#[error("…")]` on the variant, and the arms of `fn code` and
//! `fn kind`; what to do, where that is always the same, from those of `fn hint` and `fn hint_of_…`.

use crate::source::{Source, Token};
use crate::{Finding, Workspace};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The page, from the root of the workspace.
pub const PAGE: &str = "docs/reference/errors.md";

/// Rooms that name codes of others: scenarios expect them, and the client asks for a confirmation by one.
const EXPECTS: &[&str] = &["cli", "evidence"];

/// One code where it stands in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Code {
    room: String,
    file: String,
    line: usize,
    kind: String,
    message: String,
    hint: String,
}

/// A page that is not what the code says, and codes that are not unique or not the room's own.
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let codes = collect(workspace);
    let usual = usual_prefixes(&codes);
    for (text, places) in &codes {
        for code in places {
            let prefix = prefix_of(text);
            let other = usual.get(code.room.as_str()).is_none_or(|usual| *usual != prefix);
            if other || !code.room.to_uppercase().starts_with(prefix) {
                let message =
                    format!("`{text}` does not start with the room's name, or not as its others do");
                findings.push(Finding::new(&code.file, code.line, message));
            }
        }
        for again in places.iter().skip(1) {
            findings.push(Finding::new(&again.file, again.line, format!("`{text}` is already taken")));
        }
    }
    if workspace.files.get(PAGE).map(String::as_str) != Some(page(workspace).as_str()) {
        findings.push(Finding::new(PAGE, 0, "is not current: run `cargo run -p xtask -- errors`"));
    }
    findings
}

/// What stands before the number.
fn prefix_of(code: &str) -> &str {
    code.rsplit_once('-').map(|(before, _)| before).unwrap_or_default()
}

/// Room → the prefix that most of its codes have.
fn usual_prefixes(codes: &BTreeMap<String, Vec<Code>>) -> BTreeMap<&str, &str> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (text, places) in codes {
        for code in places {
            *counts.entry((code.room.as_str(), prefix_of(text))).or_default() += 1;
        }
    }
    let mut by_count: Vec<_> = counts.into_iter().collect();
    by_count.sort_by_key(|(_, count)| *count);
    by_count.into_iter().map(|(pair, _)| pair).collect()
}

/// The page that lists every code.
pub fn page(workspace: &Workspace) -> String {
    let mut page = "# Error codes\n\n\
        Every failure has a code that keeps its meaning. A command that fails prints it with the message and,\n\
        where there is one, a hint; the kind decides the exit code.\n\n\
        | kind | exit code |\n|---|---|\n\
        | invalid | 2 |\n| not found | 3 |\n| denied | 4 |\n| conflict | 5 |\n| unavailable | 6 |\n\
        | integrity | 7 |\n| internal | 8 |\n\n\
        In messages, `{…}` stands for a value. What to do stands here where it is always the same; the command\n\
        that fails says it in any case. This page is written by `cargo run -p xtask -- errors`.\n"
        .to_owned();
    let mut room = String::new();
    for (text, places) in collect(workspace) {
        let Some(code) = places.first() else { continue };
        if code.room != room {
            room.clone_from(&code.room);
            let _ =
                write!(page, "\n## {room}\n\n| code | kind | message | what to do |\n|---|---|---|---|\n");
        }
        let [message, hint] = [&code.message, &code.hint].map(|text| text.replace('|', "\\|"));
        let _ = writeln!(page, "| {text} | {} | {message} | {hint} |", code.kind);
    }
    page
}

fn collect(workspace: &Workspace) -> BTreeMap<String, Vec<Code>> {
    let mut codes: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    for (file, text, place) in workspace.rust().filter(|(.., place)| place.is_source()) {
        if place.room == "xtask" {
            continue;
        }
        let Ok(source) = Source::parse(text) else { continue };
        let faults = Faults::of(&source);
        for token in source.tokens.iter().filter(|token| !token.test) {
            let Some(code) = token.string().filter(|text| is_code(text)) else { continue };
            if EXPECTS.contains(&place.room) && !prefix_of(code).eq_ignore_ascii_case(place.room) {
                continue;
            }
            let variant = faults.variants.get(code).map(String::as_str).unwrap_or_default();
            let kind = faults.kinds.get(variant).or(faults.kinds.get("_")).cloned();
            codes.entry(code.to_owned()).or_default().push(Code {
                room: place.room.to_owned(),
                file: file.to_owned(),
                line: token.line,
                kind: kind.unwrap_or_else(|| "see the message".to_owned()),
                message: faults.messages.get(variant).cloned().unwrap_or_else(|| "as its cause".to_owned()),
                hint: faults.hints.get(variant).cloned().flatten().unwrap_or_default(),
            });
        }
    }
    codes
}

/// Capitals, a dash, three digits.
fn is_code(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(room, number)| {
        room.len() >= 2
            && room.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
            && number.len() == 3
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// What one file says about its errors.
#[derive(Default)]
struct Faults {
    /// Code → variant.
    variants: BTreeMap<String, String>,
    /// Variant → kind in words; `_` for all others.
    kinds: BTreeMap<String, String>,
    /// Variant → message.
    messages: BTreeMap<String, String>,
    /// Variant → what to do; none where it depends on more than the variant.
    hints: BTreeMap<String, Option<String>>,
}

impl Faults {
    fn of(source: &Source) -> Self {
        let mut faults = Self { messages: messages(&source.tokens), ..Self::default() };
        for (name, range) in source.functions() {
            let body = source.tokens.get(range).unwrap_or_default();
            match name {
                "code" => {
                    for (variant, value) in arms(body) {
                        let code = value.iter().find_map(Token::string).unwrap_or_default();
                        faults.variants.entry(code.to_owned()).or_insert(variant);
                    }
                }
                "kind" => {
                    for (variant, value) in arms(body) {
                        if let Some(kind) = kind_in(value) {
                            faults.kinds.insert(variant, kind);
                        }
                    }
                    if faults.kinds.is_empty()
                        && let Some(kind) = kind_in(body)
                    {
                        faults.kinds.insert("_".to_owned(), kind);
                    }
                }
                name if name == "hint" || name.starts_with("hint_of_") => {
                    for (variant, value) in arms(body) {
                        let hint = constant(value).filter(|_| !faults.hints.contains_key(&variant));
                        faults.hints.insert(variant, hint);
                    }
                }
                _ => {}
            }
        }
        faults
    }
}

/// The one text that a value is, as it is read.
fn constant(value: &[Token]) -> Option<String> {
    let mut texts = value.iter().filter_map(Token::string);
    let (text, others) = (texts.next()?, texts.next());
    let made = value.iter().any(|token| ["format", "match", "if"].contains(&token.text.as_str()));
    let lines = text.split("\\\n").enumerate();
    let whole: String = lines.map(|(at, line)| if at == 0 { line } else { line.trim_start() }).collect();
    (others.is_none() && !made).then(|| whole.replace("\\\"", "\""))
}

/// `#[error("…")]`, then other attributes, then the variant's name.
fn messages(tokens: &[Token]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending: Option<String> = None;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = |n: usize| tokens.get(at + n).map(|token| token.text.as_str()).unwrap_or_default();
        if token.text == "#" && next(1) == "[" {
            if next(2) == "error" {
                pending = Some(match tokens.get(at + 4).and_then(Token::string) {
                    Some(message) => message.replace("\\\"", "\""),
                    None => "as its cause".to_owned(),
                });
            }
            at = tokens.get(at + 1).map_or(at, |open| open.partner) + 1;
            // Attributes and their tokens are one step.
            continue;
        }
        if let Some(message) = pending.take()
            && !matches!(token.text.as_str(), "pub" | "enum" | "struct")
        {
            found.insert(token.text.clone(), message);
        }
        at += 1;
    }
    found
}

/// The arms of the first `match` in a function: variant → tokens of its value. A pattern of
/// several variants gives several.
fn arms(body: &[Token]) -> Vec<(String, &[Token])> {
    let offset = body.first().map_or(0, |first| first.partner);
    let after = |at: usize| body.get(at).map_or(body.len(), |token| token.partner.saturating_sub(offset) + 1);
    let text = |at: usize| body.get(at).map(|token| token.text.as_str()).unwrap_or_default();
    let Some(start) = body.iter().position(|token| token.text == "match") else { return Vec::new() };
    let Some(open) = (start..body.len()).find(|at| text(*at) == "{") else { return Vec::new() };
    let end = after(open) - 1;
    let mut found = Vec::new();
    let mut at = open + 1;
    while at < end {
        let mut variants = Vec::new();
        while at < end && !(text(at) == "=" && text(at + 1) == ">") {
            let is_variant = text(at) != "Self" && text(at).starts_with(|c: char| c.is_alphabetic());
            if text(at) == "_" || (is_variant && text(at.saturating_sub(1)) == ":") {
                variants.push(text(at).to_owned());
            }
            at = after(at);
        }
        let value = at + 2;
        at = value;
        while at < end && text(at) != "," && !(at > value && text(at - 1) == "}") {
            at = after(at);
        }
        let tokens = body.get(value..at.min(end)).unwrap_or_default();
        found.extend(variants.into_iter().map(|variant| (variant, tokens)));
        if text(at) == "," {
            at += 1;
        }
    }
    found
}

/// `Kind::NotFound` → `not found`.
fn kind_in(tokens: &[Token]) -> Option<String> {
    let name = tokens.windows(4).find_map(|window| match window {
        [kind, first, second, name] if kind.text == "Kind" && first.text == ":" && second.text == ":" => {
            Some(name)
        }
        _ => None,
    })?;
    let mut words = String::new();
    for c in name.text.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"//! Errors.
/// Docs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Docs.
    #[error("segment {index} is not \"whole\" | cut")]
    Segment { index: u64 },
    #[error("not a key")]
    #[cfg(unix)]
    Key,
    #[error(transparent)]
    Db(#[from] db::Error),
}
impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Segment { .. } | Self::Db(_) => { Kind::Integrity }
            Self::Other(e) => e.kind(),
            _ => Kind::NotFound,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Segment { .. } => "SEAL-001",
            Self::Key => "SEAL-002",
            Self::Db(_) => "SEAL-003",
            Self::Other(e) => e.code(),
        }
    }
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Segment { index } if index > 0 => "read it again",
            Self::Segment { .. } => "ask",
            Self::Key => "give \"it\" \
                again",
            Self::Other(e) => return e.hint(),
            other => return other.hint_of_more(),
        };
        Some(text.to_owned())
    }
    fn hint_of_more(&self) -> Option<String> {
        match self {
            Self::Db(_) => Some(format!("{self}")),
            _ => None,
        }
    }
}
#[cfg(test)]
mod tests { const A: &str = "SEAL-099"; }
"#;

    #[test]
    fn the_page_lists_codes_with_kind_and_message() {
        let page = page(&Workspace::of(&[("crates/seal/src/error.rs", ERROR)]));
        let (_, rows) = page.split_once("## seal\n").unwrap();
        assert_eq!(
            rows,
            "\n| code | kind | message | what to do |\n|---|---|---|---|\n\
             | SEAL-001 | integrity | segment {index} is not \"whole\" \\| cut |  |\n\
             | SEAL-002 | not found | not a key | give \"it\" again |\n\
             | SEAL-003 | integrity | as its cause |  |\n"
        );
    }

    #[test]
    fn one_kind_for_all_is_read_too() {
        let text = "impl Fault for E { fn kind(&self) -> Kind { Kind::Invalid } fn code(&self) -> &str { \"SEAL-001\" } }";
        assert!(page(&Workspace::of(&[("crates/seal/src/e.rs", text)])).contains("| SEAL-001 | invalid |"));
    }

    #[test]
    fn a_stale_page_and_wrong_codes_are_found() {
        let current = |error: &str| {
            let made = page(&Workspace::of(&[("crates/seal/src/error.rs", error)]));
            check(&Workspace::of(&[("crates/seal/src/error.rs", error), (PAGE, &made)]))
        };
        assert!(current(ERROR).is_empty());
        let stale = check(&Workspace::of(&[("crates/seal/src/error.rs", ERROR), (PAGE, "# Error codes\n")]));
        assert_eq!(stale.len(), 1);
        assert_eq!(current(&ERROR.replacen("SEAL-002", "SEAL-001", 1)).len(), 1);
        assert_eq!(current(&ERROR.replacen("SEAL-002", "KEYS-002", 1)).len(), 1);
        assert_eq!(current(&ERROR.replacen("SEAL-002", "SEA-002", 1)).len(), 1);
        assert!(current(&ERROR.replace("SEAL-", "SEA-")).is_empty());
    }
}
