//! A batch as it lies in a segment: a header line, its leaves, a signed commit line.
//!
//! ```text
//! batch <first> <count> <bytes of leaves> <bytes of commit line> <check>
//! <leaf> × count
//! commit <first> <count> <size> <previous root> <root> <time> <signature>
//! ```
//! Numbers are decimal, hashes and the signature base64, lines end in one line feed. A frame holds
//! no NUL byte and unwritten space is all NUL, so that an unfinished write can be told from damage.

use crate::leaf::number;
use crate::pieces::Window;
use crate::{Hash, SigningKey, VerifierKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::io;

/// The unit that storage writes whole or not at all.
const SECTOR: usize = 512;
/// No header line is longer.
pub(crate) const HEADER_LIMIT: usize = 128;
/// What a commit signature covers begins with this line, then the ledger's name.
const COMMIT_CONTEXT: &str = "sequestra.dev/ledger/commit/v1";

/// The commit record of a batch: positions `first..first + count`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Commit {
    pub first: u64,
    pub count: u64,
    pub previous_root: Hash,
    pub root: Hash,
    pub time: String,
}

impl Commit {
    fn statement(&self) -> String {
        format!(
            "commit {} {} {} {} {} {}",
            self.first,
            self.count,
            self.first + self.count,
            self.previous_root,
            self.root,
            self.time
        )
    }

    /// The commit line, signed for the ledger `origin`.
    pub(crate) fn line(&self, origin: &str, key: &SigningKey) -> String {
        let statement = self.statement();
        let signature = key.sign(&signed_bytes(origin, &statement));
        format!("{statement} {}\n", BASE64_STANDARD.encode(signature))
    }

    /// The record and its signature, if `line` (without line feed) is the one text of a record.
    fn parse(line: &str) -> Option<(Self, Vec<u8>)> {
        let (statement, signature) = line.rsplit_once(' ')?;
        let mut words = statement.split(' ');
        (words.next()? == "commit").then_some(())?;
        let (first, count, _size) = (number(words.next()?)?, number(words.next()?)?, words.next()?);
        let commit = Self {
            first,
            count,
            previous_root: Hash::parse_hash(words.next()?).ok()?,
            root: Hash::parse_hash(words.next()?).ok()?,
            time: words.next()?.to_owned(),
        };
        first.checked_add(count)?;
        let same = commit.statement() == statement;
        same.then_some(())?;
        Some((commit, BASE64_STANDARD.decode(signature).ok()?))
    }
}

fn signed_bytes(origin: &str, statement: &str) -> Vec<u8> {
    format!("{COMMIT_CONTEXT}\n{origin}\n{statement}\n").into_bytes()
}

/// Lengths from a frame's header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub first: u64,
    pub count: u64,
    pub leaves: usize,
    pub commit: usize,
    /// The header line itself with its line feed.
    pub length: usize,
}

impl Header {
    /// The header line for the given lengths.
    pub(crate) fn line(first: u64, count: u64, leaves: usize, commit: usize) -> String {
        let words = format!("batch {first} {count} {leaves} {commit}");
        let check = check_of(&words);
        format!("{words} {check}\n")
    }

    /// The header at the start of `bytes`, if a whole and sound one is there.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(HEADER_LIMIT).position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let (words, check) = line.rsplit_once(' ')?;
        (check_of(words) == check).then_some(())?;
        let mut parts = words.split(' ');
        (parts.next()? == "batch").then_some(())?;
        let mut next = || number(parts.next()?);
        let (first, count, leaves, commit) = (next()?, next()?, next()?, next()?);
        Some(Self {
            first,
            count,
            leaves: usize::try_from(leaves).ok()?,
            commit: usize::try_from(commit).ok()?,
            length: end + 1,
        })
    }

    /// The whole frame's length.
    pub(crate) fn total(&self) -> Option<usize> {
        self.length.checked_add(self.leaves)?.checked_add(self.commit)
    }
}

fn check_of(words: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, words.as_bytes());
    hex::encode(digest.as_ref().get(..4).unwrap_or_default())
}

/// A whole frame, borrowed from a segment's bytes. Its hashes and signature are not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame<'a> {
    pub commit: Commit,
    signature: Vec<u8>,
    leaves: &'a [u8],
    /// The frame's length in bytes.
    pub length: usize,
}

impl<'a> Frame<'a> {
    /// The leaves in order, without their line feeds.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let all = self.leaves;
        let mut begin = 0;
        memchr::memchr_iter(b'\n', all).filter_map(move |end| {
            let leaf = all.get(begin..end);
            begin = end + 1;
            leaf
        })
    }

    /// The commit record and its signature alone: they outlive the bytes.
    pub(crate) fn without_leaves(self) -> Frame<'static> {
        Frame { commit: self.commit, signature: self.signature, leaves: &[], length: self.length }
    }

    /// Whether the ledger of `verifier` signed the commit record.
    pub(crate) fn is_signed_by(&self, verifier: &VerifierKey) -> bool {
        verifier.verifies(&signed_bytes(verifier.name(), &self.commit.statement()), &self.signature)
    }
}

/// What lies at a place of a segment where a frame may begin.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<'a> {
    /// A whole frame.
    Frame(Frame<'a>),
    /// Unwritten space up to the end.
    End,
    /// A write that did not finish: no commit, nothing acknowledged.
    Unfinished,
    /// Written bytes that are not what was written.
    Damaged(&'static str),
}

/// Looks at what lies in a segment from `offset` on, without having the whole rest of it in memory where a
/// sound header says that less will do.
pub(crate) fn next_in(window: &mut Window, offset: u64) -> io::Result<Next<'_>> {
    let at = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = usize::try_from(window.length.saturating_sub(offset)).unwrap_or(usize::MAX);
    let whole = Header::parse(window.at(offset, HEADER_LIMIT)?).and_then(|header| header.total());
    match whole.filter(|total| *total <= rest) {
        Some(total) => Ok(next(window.at(offset, total)?.get(..total).unwrap_or_default(), at)),
        None if window.is_unwritten(offset)? => Ok(Next::End),
        None => Ok(next(window.at(offset, rest)?, at)),
    }
}

/// Looks at `rest`, the bytes of a segment from `offset` to its end.
pub(crate) fn next(rest: &[u8], offset: usize) -> Next<'_> {
    if is_unwritten(rest) {
        return Next::End;
    }
    let Some(header) = Header::parse(rest) else {
        // The first of NUL, line feed or limit says whether the header was cut or changed.
        let stop = rest.iter().take(HEADER_LIMIT).position(|byte| matches!(byte, 0 | b'\n'));
        let cut = match stop.and_then(|at| rest.get(at)) {
            Some(0) => holes_are_unwritten(rest, rest.len(), offset, true),
            None => rest.len() < HEADER_LIMIT,
            Some(_) => false,
        };
        return if cut { Next::Unfinished } else { Next::Damaged("a batch header is not sound") };
    };
    let Some(total) = header.total() else {
        return Next::Damaged("a batch header is not sound");
    };
    let frame = rest.get(..total).unwrap_or(rest);
    if frame.len() < total || memchr::memchr(0, frame).is_some() {
        return if holes_are_unwritten(frame, total, offset, false) {
            Next::Unfinished
        } else {
            Next::Damaged("a batch has bytes that were never written")
        };
    }
    match whole(frame, &header) {
        Some(frame) => Next::Frame(frame),
        None => Next::Damaged("a commit record is not sound"),
    }
}

/// Whether all bytes are NUL. In pieces, as most of a segment may be unwritten.
pub(crate) fn is_unwritten(rest: &[u8]) -> bool {
    rest.chunks(4096).all(|piece| piece.iter().fold(0, |any, byte| any | byte) == 0)
}

fn whole<'a>(frame: &'a [u8], header: &Header) -> Option<Frame<'a>> {
    let (leaves, commit) = frame.get(header.length..)?.split_at_checked(header.leaves)?;
    let line = std::str::from_utf8(commit.strip_suffix(b"\n")?).ok()?;
    let (commit, signature) = Commit::parse(line)?;
    let lines = memchr::memchr_iter(b'\n', leaves).count();
    let agrees = commit.first == header.first
        && commit.count == header.count
        && u64::try_from(lines).ok()? == header.count
        && leaves.ends_with(b"\n");
    agrees.then_some(Frame { commit, signature, leaves, length: frame.len() })
}

/// Whether each run of NULs in `frame` is what an unfinished write leaves: whole sectors, or
/// everything from some byte to the end of the frame (`total` bytes long, of which the file may
/// lack the last). One changed byte never looks like that.
fn holes_are_unwritten(frame: &[u8], total: usize, offset: usize, first_run_only: bool) -> bool {
    let mut at = 0;
    let mut any = frame.len() < total;
    while let Some(hole) = frame.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0)) {
        let start = at + hole;
        let length = frame.iter().skip(start).take_while(|byte| **byte == 0).count();
        let end = start + length;
        let from_boundary = start == 0 || (offset + start).is_multiple_of(SECTOR);
        let sectors = from_boundary && (offset + end).is_multiple_of(SECTOR);
        if !sectors && end != frame.len() {
            return false;
        }
        any = true;
        if first_run_only {
            break;
        }
        at = end;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(leaves: &[&str]) -> Vec<u8> {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        let text: String = leaves.iter().map(|leaf| format!("{leaf}\n")).collect();
        let commit = Commit {
            first: 3,
            count: leaves.len() as u64,
            previous_root: Hash([1; 32]),
            root: Hash([2; 32]),
            time: "2026-01-02T03:04:05.000000Z".into(),
        }
        .line("o", &key);
        let header = Header::line(3, leaves.len() as u64, text.len(), commit.len());
        [header, text, commit].concat().into_bytes()
    }

    #[test]
    fn a_frame_parses_back_and_is_signed() {
        let bytes = frame(&["{a}", "{bb}"]);
        let Next::Frame(found) = next(&bytes, 40) else { panic!("a frame") };
        assert_eq!(found.leaves().collect::<Vec<_>>(), [b"{a}".as_slice(), b"{bb}"]);
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        assert!(found.is_signed_by(&key.verifier("o").unwrap()));
        assert!(!found.is_signed_by(&key.verifier("other").unwrap()));
    }

    #[test]
    fn a_write_cut_anywhere_is_unfinished() {
        let long = "x".repeat(1500);
        let bytes = frame(&[&long, "{b}"]);
        for cut in 1..bytes.len() {
            assert_eq!(next(&bytes[..cut], 100), Next::Unfinished, "file ends at {cut}");
            let mut padded = bytes.clone();
            padded[cut..].fill(0);
            padded.extend([0; 700]);
            assert_eq!(next(&padded, 100), Next::Unfinished, "zeros from {cut}");
        }
        // Any set of sectors missing, the frame lying at offset 100.
        let bounds = [0, 412, 924, 1436, bytes.len()];
        for mask in 1..15u32 {
            let mut torn = bytes.clone();
            for (at, pair) in bounds.windows(2).enumerate() {
                if mask & (1 << at) != 0 {
                    torn[pair[0]..pair[1]].fill(0);
                }
            }
            torn.extend([0; 700]);
            assert_eq!(next(&torn, 100), Next::Unfinished, "sectors {mask:b}");
        }
    }

    #[test]
    fn a_changed_bit_is_never_taken_for_an_unfinished_write() {
        let mut bytes = frame(&["{\"a\": \"b c@d\"}", "{b}"]);
        bytes.extend([0; 700]);
        let length = bytes.iter().position(|b| *b == 0).unwrap();
        for at in 0..length {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let found = next(&changed, 100);
                assert!(!matches!(found, Next::End | Next::Unfinished), "byte {at} bit {bit}: {found:?}");
            }
        }
    }
}
