//! Whole-file checks of blocked gzip: samtools reads half a BAM that was cut between two blocks and
//! exits 0, so the chain and its end are checked here.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use flate2::read::DeflateDecoder;

/// The empty block that ends a file (SAM specification, section 4.1.2).
const END: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1b, 0, 0x03, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
];

/// Bytes of a block before its deflate stream when it has the one extra field of the format.
const SMALLEST_HEADER: usize = 18;

pub fn check_bam(file: &File, len: u64) -> Result<(), String> {
    chain(file, len)?;
    let head = first_bytes(file, 4)?;
    if head == *b"BAM\x01" { Ok(()) } else { Err("it does not begin with the BAM magic".to_owned()) }
}

pub fn check_vcf(file: &File, len: u64) -> Result<(), String> {
    chain(file, len)?;
    let wanted = b"##fileformat=VCF";
    let head = first_bytes(file, wanted.len())?;
    if head == *wanted { Ok(()) } else { Err("its first line is not `##fileformat=VCF…`".to_owned()) }
}

/// Walks from block to block: each must begin where the one before ends, and the last must be the
/// empty end block.
fn chain(file: &File, len: u64) -> Result<(), String> {
    let mut at = 0;
    let mut last = 0;
    while at < len {
        last = at;
        let size = block_size(file, at)?;
        at += size;
        if at > len {
            return Err(format!("the block at byte {last} is cut"));
        }
    }
    let mut end = [0u8; 28];
    let whole = len - last == 28 && file.read_exact_at(&mut end, last).is_ok() && end == END;
    if whole { Ok(()) } else { Err("the end-of-file block is missing: the file is cut".to_owned()) }
}

fn block_size(file: &File, at: u64) -> Result<u64, String> {
    let broken = || format!("there is no BGZF block at byte {at}");
    let mut head = [0u8; SMALLEST_HEADER];
    file.read_exact_at(&mut head, at).map_err(|_| broken())?;
    let [0x1f, 0x8b, 8, 4, _, _, _, _, _, _, x0, x1, ref first @ ..] = head else { return Err(broken()) };
    let extra = usize::from(u16::from_le_bytes([x0, x1]));
    // Nearly every file has the size field first and alone.
    let size = match *first {
        [b'B', b'C', 2, 0, low, high] => u16::from_le_bytes([low, high]),
        _ => {
            let mut fields = vec![0u8; extra];
            file.read_exact_at(&mut fields, at + 12).map_err(|_| broken())?;
            size_field(&fields).ok_or_else(broken)?
        }
    };
    let size = u64::from(size) + 1;
    // Header, extra fields, at least one byte of data, sum and length.
    if size < 12 + u64::try_from(extra).unwrap_or(u64::MAX) + 1 + 8 { Err(broken()) } else { Ok(size) }
}

fn size_field(mut fields: &[u8]) -> Option<u16> {
    while let [a, b, l0, l1, rest @ ..] = fields {
        let length = usize::from(u16::from_le_bytes([*l0, *l1]));
        if (a, b, length) == (&b'B', &b'C', 2) {
            return Some(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        }
        fields = rest.get(length..)?;
    }
    None
}

/// The first `count` bytes of the first block's content.
fn first_bytes(file: &File, count: usize) -> Result<Vec<u8>, String> {
    let size = usize::try_from(block_size(file, 0)?).unwrap_or(usize::MAX);
    let mut block = vec![0u8; size];
    file.read_exact_at(&mut block, 0).map_err(|e| e.to_string())?;
    let extra =
        block.get(10..).and_then(<[u8]>::first_chunk).map_or(0, |x| usize::from(u16::from_le_bytes(*x)));
    let data = block.get(12 + extra..).unwrap_or_default();
    let mut out = vec![];
    let limit = u64::try_from(count).unwrap_or(u64::MAX);
    DeflateDecoder::new(data)
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|_| "its first block does not decode".to_owned())?;
    Ok(out)
}
