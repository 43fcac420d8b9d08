//! An entry bundle at rest: compressed, with a check of the compressed bytes behind it.
//!
//! ```text
//! one Zstandard frame (RFC 8878) that names its content's length
//! 5e 2a 4d 18  08 00 00 00  a skippable frame of 8 bytes: XXH64 (seed 0) of the frame above,
//! <8 bytes>                 little-endian
//! ```
//! Any Zstandard tool reads it. The check is there because some bits of a compressed frame can
//! change without changing its content.

use crate::leaves::Leaves;
use crate::tree::{TILE_WIDTH, bundle_path};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use tlog_tiles::Tile;
use twox_hash::XxHash64;
use zstd::bulk::{Compressor, Decompressor};

/// Chosen by measurement: docs/decisions/0014.
const LEVEL: i32 = 1;
const MARK: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 8, 0, 0, 0];
const TRAILER: usize = 16;
/// No bundle is longer.
const LIMIT: u64 = TILE_WIDTH * (crate::entry::LEAF_LIMIT as u64 + 2);

/// The path of the stored form of a bundle below the ledger's folder.
pub(crate) fn stored_path(tile: &Tile) -> PathBuf {
    let mut path: OsString = bundle_path(tile).into_os_string();
    path.push(".zst");
    PathBuf::from(path)
}

/// Compresses and decompresses; kept for its memory.
pub(crate) struct Codec {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
}

impl Codec {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { compressor: Compressor::new(LEVEL)?, decompressor: Decompressor::new()? })
    }

    /// The stored form of `bundle`.
    pub(crate) fn pack(&mut self, bundle: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = self.compressor.compress(bundle)?;
        let check = XxHash64::oneshot(0, &out);
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&check.to_le_bytes());
        Ok(out)
    }

    /// The leaves in `stored`, if it is a sound bundle.
    pub(crate) fn unpack(&mut self, stored: &[u8]) -> Option<Leaves> {
        let mut leaves = Leaves::default();
        self.unpack_into(stored, &mut leaves)?;
        Some(leaves)
    }

    /// As [`Codec::unpack`], into the memory of other leaves. They are gone in any case.
    pub(crate) fn unpack_into(&mut self, stored: &[u8], leaves: &mut Leaves) -> Option<()> {
        leaves.take_bundle(|bytes| {
            let (frame, trailer) = stored.split_at_checked(stored.len().checked_sub(TRAILER)?)?;
            let check = trailer.strip_prefix(&MARK)?;
            (check == XxHash64::oneshot(0, frame).to_le_bytes()).then_some(())?;
            let length = zstd::zstd_safe::get_frame_content_size(frame).ok()??;
            (length <= LIMIT).then_some(())?;
            let length = usize::try_from(length).ok()?;
            bytes.reserve(length);
            self.decompressor.decompress_to_buffer(frame, bytes).ok()?;
            (bytes.len() == length).then_some(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_bit_of_a_stored_bundle_is_refused_and_any_zstd_reads_it() {
        let mut leaves = Leaves::default();
        for n in 0..40 {
            leaves.push(
                format!("{{\"position\":{n},\"event\":{{\"about\":\"obj_{}\"}}}}", n * 7919).as_bytes(),
            );
        }
        let mut codec = Codec::new().unwrap();
        let stored = codec.pack(leaves.bundle(0..40).unwrap()).unwrap();
        assert_eq!(codec.unpack(&stored).unwrap(), leaves);
        let foreign = zstd::stream::decode_all(stored.as_slice()).unwrap();
        assert_eq!(foreign, leaves.bundle(0..40).unwrap());
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(codec.unpack(&changed), None, "byte {at} bit {bit}");
            }
        }
        for cut in 0..stored.len() {
            assert_eq!(codec.unpack(&stored[..cut]), None, "{cut}");
        }
    }
}
