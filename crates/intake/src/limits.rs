//! How much a stream may ask of us before it is refused.

use serde::{Deserialize, Serialize};

/// Caps that hold while a file is streamed, before anything of it is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most bytes after inflation.
    pub max_plain_bytes: u64,
    /// Most bytes after inflation for each byte before, counted once `ratio_grace_bytes` have come out.
    pub max_ratio: u64,
    /// Inflated bytes that no ratio is asked of.
    pub ratio_grace_bytes: u64,
    /// Most gzip members or BGZF blocks.
    pub max_members: u64,
    /// Most members that hold fewer than 512 bytes: a file of tiny members costs time, not space.
    pub max_small_members: u64,
    /// Most bytes of one sequence or quality line.
    pub max_line_bytes: usize,
    /// Most bytes of a read's name line, comment included.
    pub max_header_bytes: usize,
    /// Whether text that is not compressed may pass. Nothing in such a file shows that it is whole, so
    /// accept it only where the generator's digest is checked too.
    pub accept_plain: bool,
    /// Whether to compute a BLAKE3 digest of the inflated text.
    pub plain_digest: bool,
}

impl Default for Limits {
    /// 4 TiB inflated, 100:1, 2^27 members of which 65,536 small, lines of 16 MiB, compressed only.
    fn default() -> Self {
        Self {
            max_plain_bytes: 4 << 40,
            max_ratio: 100,
            ratio_grace_bytes: 1 << 20,
            max_members: 1 << 27,
            max_small_members: 1 << 16,
            max_line_bytes: 16 << 20,
            max_header_bytes: 8 << 10,
            accept_plain: false,
            plain_digest: false,
        }
    }
}
