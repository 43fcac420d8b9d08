//! The framing of gzip and BGZF, checked while a stream passes.
//!
//! flate2 inflates; what stands around the deflate data (headers, trailers, BGZF block sizes, the block
//! that ends a BGZF file) is read here, because common readers take a cut file for a whole one.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// The empty block that ends every whole BGZF file (SAM specification, section 4.1.2).
pub const BGZF_EOF: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1b, 0, 0x03, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
];

const SMALL_MEMBER: u64 = 512;
const MAX_HEADER: usize = 128 << 10;
const OUT_BYTES: usize = 64 << 10;

/// How the bytes of a file are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrapping {
    /// One or more gzip members.
    Gzip,
    /// Blocked gzip: members of at most 64 KiB that state their size, the last one empty.
    Bgzf,
    /// Not compressed.
    Plain,
}

/// What is wrong with the wrapping of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum WrapFault {
    /// No byte at all.
    #[error("the file is empty: not even a gzip header")]
    Empty,
    /// The first bytes are no gzip header and plain text is not accepted.
    #[error("not a gzip file")]
    NotGzip,
    /// The stream ends inside a member.
    #[error("the gzip stream ends early, inside member {member}")]
    Cut {
        /// The member, counted from 1.
        member: u64,
    },
    /// The last block of a BGZF file is missing.
    #[error("the block that ends a BGZF file is missing: the file was cut at a block border")]
    NoEof,
    /// Bytes after a member that start no other.
    #[error("bytes after member {member} start no further member")]
    Trailing {
        /// The last whole member, counted from 1.
        member: u64,
    },
    /// A header that breaks RFC 1952 or uses what no sequencer writes.
    #[error("malformed header of member {member}")]
    Header {
        /// The member, counted from 1.
        member: u64,
    },
    /// The deflate data cannot be inflated.
    #[error("damaged deflate data in member {member}")]
    Deflate {
        /// The member, counted from 1.
        member: u64,
    },
    /// CRC or length in the trailer differ from what came out.
    #[error("the checksum or length at the end of member {member} does not match its data")]
    Trailer {
        /// The member, counted from 1.
        member: u64,
    },
    /// A BGZF block whose size differs from what its header says, or a plain member among BGZF blocks.
    #[error("BGZF block {member} is not of the size that its header states")]
    BlockSize {
        /// The block, counted from 1.
        member: u64,
    },
    /// More inflated bytes than allowed.
    #[error("more than {limit} bytes after inflation")]
    TooLarge {
        /// The cap in bytes.
        limit: u64,
    },
    /// Inflates too much for its size.
    #[error("inflates to more than {limit} times its size")]
    Ratio {
        /// The cap.
        limit: u64,
    },
    /// Too many members.
    #[error("more than {limit} gzip members")]
    Members {
        /// The cap.
        limit: u64,
    },
    /// Too many members with next to nothing in them.
    #[error("more than {limit} gzip members of under 512 bytes")]
    SmallMembers {
        /// The cap.
        limit: u64,
    },
}

/// What [`Unwrapper::finish`] says of a whole stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapped {
    /// The form found.
    pub wrapping: Wrapping,
    /// Members or blocks, the closing BGZF block included; 0 for plain text.
    pub members: u64,
    /// Bytes before inflation.
    pub packed_bytes: u64,
    /// Bytes after inflation.
    pub plain_bytes: u64,
}

/// Takes compressed bytes in pieces of any size and hands out inflated ones.
///
/// INVARIANT (all pieces alike): the result does not depend on where the input was divided.
pub struct Unwrapper {
    limits: Limits,
    state: State,
    wrapping: Option<Wrapping>,
    held: Vec<u8>,
    inflate: Decompress,
    out: Vec<u8>,
    crc: Crc,
    member_start: u64,
    member_size: Option<u64>,
    member_plain: u64,
    members: u64,
    small: u64,
    packed: u64,
    plain: u64,
    tail: Tail,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Body,
    Trailer,
    Plain,
}

impl Unwrapper {
    /// A reader of one stream.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            state: State::Header,
            wrapping: None,
            held: Vec::new(),
            inflate: Decompress::new(false),
            out: vec![0; OUT_BYTES],
            crc: Crc::new(),
            member_start: 0,
            member_size: None,
            member_plain: 0,
            members: 0,
            small: 0,
            packed: 0,
            plain: 0,
            tail: Tail::default(),
        }
    }

    /// Takes the next bytes; `sink` receives what they inflate to, in pieces.
    ///
    /// # Errors
    /// The first fault of the wrapping, or whatever `sink` returns.
    pub fn feed<E: From<WrapFault>>(
        &mut self,
        mut input: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.tail.push(input);
        while !input.is_empty() {
            input = match self.state {
                State::Header => self.header(input, sink)?,
                State::Body => self.body(input, sink)?,
                State::Trailer => self.trailer(input)?,
                State::Plain => {
                    self.packed = self.packed.saturating_add(input.len() as u64);
                    self.grew(input.len() as u64)?;
                    sink(input)?;
                    &[]
                }
            };
        }
        Ok(())
    }

    /// Says whether the stream was whole.
    ///
    /// # Errors
    /// [`WrapFault::Empty`], [`WrapFault::Cut`] or [`WrapFault::NoEof`].
    pub fn finish<E: From<WrapFault>>(
        &mut self,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Wrapped, E> {
        if self.wrapping.is_none() && self.state == State::Header {
            if self.held.is_empty() {
                return Err(WrapFault::Empty.into());
            }
            if self.held.first() != Some(&0x1f) && self.limits.accept_plain {
                let held = std::mem::take(&mut self.held);
                self.start_plain(&held, sink)?;
            }
        }
        let wrapping = match (self.state, self.wrapping) {
            (State::Plain, Some(w)) => w,
            (State::Header, Some(w)) if self.held.is_empty() => w,
            (State::Header, None) if self.held.first() != Some(&0x1f) => {
                return Err(WrapFault::NotGzip.into());
            }
            _ => return Err(WrapFault::Cut { member: self.members + 1 }.into()),
        };
        if wrapping == Wrapping::Bgzf && !self.tail.is(&BGZF_EOF) {
            return Err(WrapFault::NoEof.into());
        }
        Ok(Wrapped { wrapping, members: self.members, packed_bytes: self.packed, plain_bytes: self.plain })
    }

    fn header<'a, E: From<WrapFault>>(
        &mut self,
        input: &'a [u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<&'a [u8], E> {
        let member = self.members + 1;
        // A header is held until it is whole; those of sequencers have 10 to 60 bytes, so take little at
        // a time and copy the rest of the input never.
        let before = self.held.len();
        let take = input.len().min(64);
        let (head, _) = input.split_at(take);
        self.held.extend_from_slice(head);
        match parse_header(&self.held) {
            Header::Whole { length, block } => {
                let used = length.saturating_sub(before);
                self.held.clear();
                self.begin_member(block)?;
                self.packed = self.packed.saturating_add(length as u64);
                self.state = State::Body;
                Ok(input.get(used..).unwrap_or_default())
            }
            Header::More if self.held.len() <= MAX_HEADER => Ok(input.get(take..).unwrap_or_default()),
            Header::NotGzip if self.wrapping.is_none() => {
                if !self.limits.accept_plain {
                    return Err(WrapFault::NotGzip.into());
                }
                let held = std::mem::take(&mut self.held);
                self.start_plain(&held, sink)?;
                Ok(input.get(take..).unwrap_or_default())
            }
            Header::NotGzip => Err(WrapFault::Trailing { member: self.members }.into()),
            Header::More | Header::Bad => Err(WrapFault::Header { member }.into()),
        }
    }

    fn start_plain<E: From<WrapFault>>(
        &mut self,
        held: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.state = State::Plain;
        self.wrapping = Some(Wrapping::Plain);
        self.packed = self.packed.saturating_add(held.len() as u64);
        self.grew(held.len() as u64)?;
        sink(held)
    }

    fn begin_member(&mut self, block: Option<u64>) -> Result<(), WrapFault> {
        let member = self.members + 1;
        let kind = if block.is_some() { Wrapping::Bgzf } else { Wrapping::Gzip };
        match self.wrapping {
            None => self.wrapping = Some(kind),
            // A BGZF block inside plain gzip is legal gzip; a plain member inside BGZF is not BGZF.
            Some(Wrapping::Bgzf) if kind != Wrapping::Bgzf => return Err(WrapFault::BlockSize { member }),
            Some(_) => {}
        }
        if member > self.limits.max_members {
            return Err(WrapFault::Members { limit: self.limits.max_members });
        }
        self.member_start = self.packed;
        self.member_size = block.filter(|_| self.wrapping == Some(Wrapping::Bgzf));
        self.member_plain = 0;
        self.crc.reset();
        self.inflate.reset(false);
        Ok(())
    }

    fn body<'a, E: From<WrapFault>>(
        &mut self,
        input: &'a [u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<&'a [u8], E> {
        let member = self.members + 1;
        let (in0, out0) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, &mut self.out, FlushDecompress::None)
            .map_err(|_| WrapFault::Deflate { member })?;
        let used = (self.inflate.total_in() - in0) as usize;
        let made = (self.inflate.total_out() - out0) as usize;
        self.packed = self.packed.saturating_add(used as u64);
        self.member_plain = self.member_plain.saturating_add(made as u64);
        self.grew(made as u64)?;
        if used == 0 && made == 0 && status != Status::StreamEnd {
            return Err(WrapFault::Deflate { member }.into());
        }
        let out = self.out.get(..made).unwrap_or_default();
        self.crc.update(out);
        if status == Status::StreamEnd {
            self.state = State::Trailer;
        }
        if made > 0 {
            sink(out)?;
        }
        Ok(input.get(used..).unwrap_or_default())
    }

    fn trailer<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], WrapFault> {
        let member = self.members + 1;
        let take = 8usize.saturating_sub(self.held.len()).min(input.len());
        let (head, rest) = input.split_at(take);
        self.held.extend_from_slice(head);
        self.packed = self.packed.saturating_add(take as u64);
        let Ok(bytes) = <[u8; 8]>::try_from(self.held.as_slice()) else { return Ok(rest) };
        self.held.clear();
        let word = u64::from_le_bytes(bytes);
        // ISIZE is the length modulo 2^32.
        if word as u32 != self.crc.sum() || (word >> 32) as u32 != self.member_plain as u32 {
            return Err(WrapFault::Trailer { member });
        }
        if self.member_size.is_some_and(|size| self.packed - self.member_start != size) {
            return Err(WrapFault::BlockSize { member });
        }
        self.members = member;
        if self.member_plain < SMALL_MEMBER {
            self.small += 1;
            if self.small > self.limits.max_small_members {
                return Err(WrapFault::SmallMembers { limit: self.limits.max_small_members });
            }
        }
        self.state = State::Header;
        Ok(rest)
    }

    fn grew(&mut self, made: u64) -> Result<(), WrapFault> {
        self.plain = self.plain.saturating_add(made);
        if self.plain > self.limits.max_plain_bytes {
            return Err(WrapFault::TooLarge { limit: self.limits.max_plain_bytes });
        }
        let allowed =
            self.packed.saturating_mul(self.limits.max_ratio).saturating_add(self.limits.ratio_grace_bytes);
        if self.plain > allowed {
            return Err(WrapFault::Ratio { limit: self.limits.max_ratio });
        }
        Ok(())
    }
}

enum Header {
    /// Of `length` bytes; `block` is the whole block's size where a BGZF field states it.
    Whole {
        length: usize,
        block: Option<u64>,
    },
    More,
    NotGzip,
    Bad,
}

/// Reads a member header (RFC 1952, section 2.3) from its first bytes.
fn parse_header(bytes: &[u8]) -> Header {
    for (have, want) in bytes.iter().zip([0x1f, 0x8b]) {
        if *have != want {
            return Header::NotGzip;
        }
    }
    let Some(&[_, _, method, flags, ..]) = bytes.first_chunk::<10>() else { return Header::More };
    if method != 8 || flags & 0xe0 != 0 {
        return Header::Bad;
    }
    let mut at = 10usize;
    let mut block = None;
    if flags & 4 != 0 {
        let Some(&[low, high]) = bytes.get(at..).and_then(|b| b.first_chunk::<2>()) else {
            return Header::More;
        };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some(extra) = bytes.get(at + 2..at + 2 + length) else { return Header::More };
        match block_size(extra) {
            Ok(found) => block = found,
            Err(()) => return Header::Bad,
        }
        at += 2 + length;
    }
    for flag in [8u8, 16] {
        if flags & flag != 0 {
            match bytes.get(at..).and_then(|rest| memchr::memchr(0, rest)) {
                Some(end) => at += end + 1,
                None => return Header::More,
            }
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    if bytes.len() < at { Header::More } else { Header::Whole { length: at, block } }
}

/// Finds the `BC` subfield; `Err` when the extra field is malformed.
fn block_size(mut extra: &[u8]) -> Result<Option<u64>, ()> {
    while let Some((&[a, b, low, high], rest)) = extra.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let (data, next) = rest.split_at_checked(length).ok_or(())?;
        if [a, b] == *b"BC" {
            let size = <[u8; 2]>::try_from(data).map_err(|_| ())?;
            return Ok(Some(u64::from(u16::from_le_bytes(size)) + 1));
        }
        extra = next;
    }
    Ok(None)
}

/// The last 38 bytes of a stream.
#[derive(Default)]
pub(crate) struct Tail(Vec<u8>);

impl Tail {
    const KEEP: usize = 38;

    pub(crate) fn push(&mut self, input: &[u8]) {
        if input.len() >= Self::KEEP {
            self.0.clear();
        }
        self.0.extend_from_slice(input.get(input.len().saturating_sub(Self::KEEP)..).unwrap_or_default());
        let surplus = self.0.len().saturating_sub(Self::KEEP);
        self.0.drain(..surplus);
    }

    pub(crate) fn is(&self, ending: &[u8]) -> bool {
        self.0.ends_with(ending)
    }
}
