//! File names that a client gives: looked up beneath the package, used for nothing else.

use serde::{Deserialize, Serialize};

/// Longest part of a name, and longest name with its folders, in bytes.
const MAX_PART: usize = 200;
const MAX_NAME: usize = 500;
const MAX_DEPTH: usize = 4;

/// Why a file name is refused. The name itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameFault {
    /// Nothing, or nothing between two slashes.
    #[error("the name, or a part of it, is empty")]
    Empty,
    /// Starts at the root, a drive, a share or a home folder.
    #[error("the name is absolute; give it relative to the sheet")]
    Absolute,
    /// A web or storage address.
    #[error("the name is an address; only files beside the sheet are taken")]
    Address,
    /// Holds `.` or `..` as a part.
    #[error("the name holds `.` or `..` as a part")]
    Parent,
    /// A NUL or other control character.
    #[error("the name holds a control character")]
    Control,
    /// A character that reorders or hides text.
    #[error("the name holds a character that changes the direction of text or is invisible")]
    Bidi,
    /// Any other character beyond letters, digits and `. _ - + = @ #` of ASCII.
    #[error("the name holds a character other than letters, digits and . _ - + = @ #")]
    Character,
    /// A backslash, which some systems take for a folder mark.
    #[error("the name holds a backslash")]
    Backslash,
    /// Starts with a dot or a dash, or ends with a dot.
    #[error("a part of the name starts with a dot or dash, or ends with a dot")]
    Edge,
    /// A device of some systems, such as `CON` or `LPT1`.
    #[error("a part of the name is reserved by some systems")]
    Reserved,
    /// Too long or too deep.
    #[error("the name is longer than 500 bytes, has a part of over 200, or more than 4 parts")]
    TooLong,
}

/// Checks a client's file name and gives it without a leading `./`. Folders below the sheet are allowed,
/// separated by `/`. Whether the file is a plain one and no link is for the one who opens it.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(name: &str) -> Result<&str, NameFault> {
    if name.chars().any(char::is_control) {
        return Err(NameFault::Control);
    }
    if name.chars().any(is_hidden) {
        return Err(NameFault::Bidi);
    }
    if name.contains("://") {
        return Err(NameFault::Address);
    }
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if name.starts_with(['/', '\\', '~']) || drive {
        return Err(NameFault::Absolute);
    }
    if name.contains('\\') {
        return Err(NameFault::Backslash);
    }
    let name = name.strip_prefix("./").unwrap_or(name);
    if name.len() > MAX_NAME || name.split('/').count() > MAX_DEPTH {
        return Err(NameFault::TooLong);
    }
    name.split('/').try_for_each(part)?;
    Ok(name)
}

fn part(part: &str) -> Result<(), NameFault> {
    const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];
    if part.is_empty() {
        return Err(NameFault::Empty);
    }
    if part == "." || part == ".." {
        return Err(NameFault::Parent);
    }
    if part.len() > MAX_PART {
        return Err(NameFault::TooLong);
    }
    if part.bytes().any(|b| !(b.is_ascii_alphanumeric() || b"._-+=@#".contains(&b))) {
        return Err(NameFault::Character);
    }
    if part.starts_with(['.', '-']) || part.ends_with('.') {
        return Err(NameFault::Edge);
    }
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let device = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    if DEVICES.contains(&device) && stem.len() - device.len() <= 1 {
        return Err(NameFault::Reserved);
    }
    Ok(())
}

/// Direction marks, joiners, spaces of no width, tags.
pub fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for (name, fault) in [
            ("", NameFault::Empty),
            ("a//b", NameFault::Empty),
            ("a/", NameFault::Empty),
            ("/etc/passwd", NameFault::Absolute),
            ("~/a", NameFault::Absolute),
            ("C:a.fastq", NameFault::Absolute),
            ("\\\\host\\a", NameFault::Absolute),
            ("../a", NameFault::Parent),
            ("a/../../b", NameFault::Parent),
            ("a/./b", NameFault::Parent),
            ("a\0b", NameFault::Control),
            ("a\nb", NameFault::Control),
            ("a\u{202e}gz.qtsaf", NameFault::Bidi),
            ("a\u{200b}", NameFault::Bidi),
            ("s3://b/a", NameFault::Address),
            ("https://h/a", NameFault::Address),
            ("a\\b", NameFault::Backslash),
            ("a b", NameFault::Character),
            ("a -> b", NameFault::Character),
            ("\u{430}.fastq", NameFault::Character),
            ("a|b", NameFault::Character),
            ("a$(b)", NameFault::Character),
            ("-rf", NameFault::Edge),
            (".hidden", NameFault::Edge),
            ("a.", NameFault::Edge),
            ("CON", NameFault::Reserved),
            ("x/con.fastq.gz", NameFault::Reserved),
            ("LPT1.gz", NameFault::Reserved),
            ("a/b/c/d/e", NameFault::TooLong),
        ] {
            assert_eq!(check(name), Err(fault), "{name:?}");
        }
        assert_eq!(check(&"n".repeat(201)), Err(NameFault::TooLong));
    }

    #[test]
    fn ordinary_names_pass() {
        for name in
            ["reads_R1.fastq.gz", "run1/S1_L001_R1_001.fastq.gz", "a+b=c@d#e-1.fq", "control.fq", "com12.fq"]
        {
            assert_eq!(check(name), Ok(name));
        }
        assert_eq!(check("./a.fq"), Ok("a.fq"));
    }
}
