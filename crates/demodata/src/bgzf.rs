//! Blocked gzip, as in the SAM specification, section 4.1.
//!
//! Written here and not by a library, because the bytes must be the same on every machine: the
//! block size, the compression level and the compressor are fixed.

use crate::error::{Error, Result};

/// How many bytes of data go into a block, as in htslib.
const BLOCK: usize = 0xff00;
/// The compressor's level: reads are mostly random, so higher levels cost time and save little.
const LEVEL: u8 = 2;
/// The empty block that marks a whole file.
pub const END: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1b, 0, 0x03, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
];

/// `data` as a whole BGZF file, with the end block.
///
/// # Errors
/// [`Error::Block`] if a block does not fit its length field, which this block size rules out.
pub fn compress(data: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() / 3 + END.len());
    for block in data.chunks(BLOCK) {
        let body = miniz_oxide::deflate::compress_to_vec(block, LEVEL);
        // The header is 18 bytes and the trailer 8; the field holds the block's length less one.
        let size = u16::try_from(body.len() + 18 + 8 - 1).map_err(|_| Error::Block)?;
        let length = u32::try_from(block.len()).map_err(|_| Error::Block)?;
        out.extend_from_slice(&END[..16]);
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(&crc32fast::hash(block).to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
    }
    out.extend_from_slice(&END);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks the blocks by their length fields and inflates each.
    fn expand(mut file: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        while !file.is_empty() {
            let size = usize::from(u16::from_le_bytes([file[16], file[17]])) + 1;
            let (block, rest) = file.split_at(size);
            let part = miniz_oxide::inflate::decompress_to_vec(&block[18..size - 8]).unwrap();
            assert_eq!(crc32fast::hash(&part).to_le_bytes(), block[size - 8..size - 4]);
            data.extend(part);
            file = rest;
        }
        data
    }

    #[test]
    fn blocks_give_the_data_back_and_end_with_the_empty_one() {
        let mut rng = crate::rng::Rng::stream(1, "test");
        for length in [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let data: Vec<u8> = (0..length).map(|_| rng.next().to_le_bytes()[0]).collect();
            let file = compress(&data).unwrap();
            assert!(file.ends_with(&END), "{length}");
            assert!(expand(&file) == data, "{length}");
        }
    }
}
