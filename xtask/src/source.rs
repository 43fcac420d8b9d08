//! Rust files as tokens with lines: comments and docs left out, tests told apart.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::ops::Range;

/// A Rust file, flattened: a group becomes its opening token, what is inside, its closing token.
#[derive(Debug)]
pub struct Source {
    /// The tokens in order, without doc comments.
    pub tokens: Vec<Token>,
}

/// One token.
#[derive(Debug, Clone)]
pub struct Token {
    /// As written; a string literal with its quotes.
    pub text: String,
    /// First line, from 1.
    pub line: usize,
    /// Last line.
    pub end: usize,
    /// Whether it stands inside something marked `#[test]` or `#[cfg(test)]`.
    pub test: bool,
    /// For an opening token, the index of its closing one; otherwise its own index.
    pub partner: usize,
}

impl Source {
    /// Reads `text`.
    ///
    /// # Errors
    /// The reason when it is not Rust.
    pub fn parse(text: &str) -> Result<Self, String> {
        let stream: TokenStream = text.parse().map_err(|e| format!("does not parse: {e}"))?;
        let mut source = Self { tokens: Vec::new() };
        source.flatten(stream, false);
        Ok(source)
    }

    /// The tokens whose texts are `pattern`, as ranges.
    pub fn find<'a>(&'a self, pattern: &'a [&str]) -> impl Iterator<Item = &'a [Token]> {
        self.tokens
            .windows(pattern.len())
            .filter(move |window| window.iter().zip(pattern).all(|(token, want)| token.text == **want))
    }

    /// How many lines of `range` hold code outside tests.
    pub fn code_lines(&self, range: Range<usize>) -> usize {
        let tokens = self.tokens.get(range).unwrap_or_default();
        let lines: BTreeSet<usize> =
            tokens.iter().filter(|token| !token.test).flat_map(|token| token.line..=token.end).collect();
        lines.len()
    }

    /// Functions with a body: name, and the range of tokens from `fn` to the closing brace.
    pub fn functions(&self) -> Vec<(&str, Range<usize>)> {
        let mut found = Vec::new();
        for (at, pair) in self.tokens.windows(2).enumerate() {
            let [keyword, name] = pair else { continue };
            let named = name.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if keyword.text == "fn"
                && named
                && let Some(end) = self.body_end(at)
            {
                found.push((name.text.as_str(), at..end + 1));
            }
        }
        found
    }

    /// The closing brace of the first braces at the level of `at`, unless a `;` comes first.
    fn body_end(&self, mut at: usize) -> Option<usize> {
        loop {
            let token = self.tokens.get(at)?;
            match token.text.as_str() {
                ";" | "}" => return None,
                "{" => return Some(token.partner),
                _ => at = token.partner + 1,
            }
        }
    }

    fn flatten(&mut self, stream: TokenStream, test: bool) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut level_is_test = test;
        let mut item_is_test = false;
        let mut rest = trees.as_slice();
        while let Some((tree, after)) = rest.split_first() {
            let (group, inner, length) = attribute(rest);
            if let Some(group) = group {
                if inner {
                    level_is_test |= marks_test(group);
                } else {
                    item_is_test |= marks_test(group);
                }
                let (taken, after) = rest.split_at(length);
                if !is_doc(group) {
                    taken.iter().for_each(|tree| self.push(tree, level_is_test || item_is_test));
                }
                rest = after;
                continue;
            }
            self.push(tree, level_is_test || item_is_test);
            if ends_item(tree) {
                item_is_test = false;
            }
            rest = after;
        }
    }

    fn push(&mut self, tree: &TokenTree, test: bool) {
        let span = tree.span();
        let index = self.tokens.len();
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                self.add(open, group.span_open().start().line, test);
                self.flatten(group.stream(), test);
                let partner = self.tokens.len();
                self.add(close, group.span_close().start().line, test);
                if let Some(token) = self.tokens.get_mut(index) {
                    token.partner = partner;
                }
            }
            other => {
                self.add(&other.to_string(), span.start().line, test);
                if let Some(token) = self.tokens.get_mut(index) {
                    token.end = span.end().line;
                }
            }
        }
    }

    fn add(&mut self, text: &str, line: usize, test: bool) {
        let partner = self.tokens.len();
        self.tokens.push(Token { text: text.to_owned(), line, end: line, test, partner });
    }
}

impl Token {
    /// The content of a plain or raw string literal, escapes left as written.
    pub fn string(&self) -> Option<&str> {
        let body = self.text.trim_start_matches(['r', '#']);
        body.strip_prefix('"')?.trim_end_matches('#').strip_suffix('"')
    }
}

/// The attribute at the start of `trees`: its brackets, whether it is an inner one, its length.
fn attribute(trees: &[TokenTree]) -> (Option<&Group>, bool, usize) {
    let is = |tree: &TokenTree, c: char| matches!(tree, TokenTree::Punct(p) if p.as_char() == c);
    match trees {
        [hash, TokenTree::Group(group), ..] if is(hash, '#') && group.delimiter() == Delimiter::Bracket => {
            (Some(group), false, 2)
        }
        [hash, bang, TokenTree::Group(group), ..]
            if is(hash, '#') && is(bang, '!') && group.delimiter() == Delimiter::Bracket =>
        {
            (Some(group), true, 3)
        }
        _ => (None, false, 0),
    }
}

fn is_doc(attribute: &Group) -> bool {
    attribute.stream().into_iter().next().is_some_and(|tree| tree.to_string() == "doc")
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn marks_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "test"
        || text.ends_with("::test")
        || text.contains("::test(")
        || text == "cfg(test)"
        || text.starts_with("cfg(all(test,")
}

fn ends_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"//! Docs.
use a::b;

/// Docs.
pub fn long<const N: usize>(x: [u8; 3]) -> u8 {
    // A comment.

    let s = r#"todo!()"#;
    0
}
trait T { fn declared(&self); }
#[cfg(test)]
mod tests {
    fn helper() {}
    #[tokio::test]
    async fn t() { dbg!(1) }
}
const AFTER: fn(u8) = f;
"##;

    #[test]
    fn functions_lines_and_tests() {
        let source = Source::parse(TEXT).unwrap();
        let names: Vec<&str> = source.functions().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["long", "helper", "t"]);
        let (_, long) = source.functions().swap_remove(0);
        assert_eq!(source.code_lines(long), 4);
        assert_eq!(source.code_lines(0..source.tokens.len()), 7);
        assert!(source.find(&["dbg", "!"]).all(|found| found[0].test));
        assert_eq!(source.find(&["dbg", "!"]).count(), 1);
        assert_eq!(source.find(&["todo", "!"]).count(), 0);
        assert!(source.find(&["AFTER"]).all(|found| !found[0].test));
    }

    #[test]
    fn strings_and_broken_files() {
        let source = Source::parse(r###"const A: &str = "one"; const B: &str = r#"t"wo"#;"###).unwrap();
        let strings: Vec<&str> = source.tokens.iter().filter_map(Token::string).collect();
        assert_eq!(strings, ["one", "t\"wo"]);
        assert!(Source::parse("fn (").is_err());
    }
}
