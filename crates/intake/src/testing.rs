//! Files made for tests.

use std::io::Write as _;

use flate2::{Compression, Crc, write::DeflateEncoder, write::GzEncoder};

use crate::gzip::BGZF_EOF;

/// One gzip member.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Blocked gzip with `block` bytes of text to a block, and its end.
pub(crate) fn bgzf(text: &[u8], block: usize) -> Vec<u8> {
    let mut file = Vec::new();
    for piece in text.chunks(block) {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(piece).unwrap();
        let body = encoder.finish().unwrap();
        let mut crc = Crc::new();
        crc.update(piece);
        file.extend([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0]);
        file.extend(u16::try_from(body.len() + 25).unwrap().to_le_bytes());
        file.extend(body);
        file.extend(crc.sum().to_le_bytes());
        file.extend(u32::try_from(piece.len()).unwrap().to_le_bytes());
    }
    file.extend(BGZF_EOF);
    file
}

/// `reads` records with names, varied bases and qualities.
pub(crate) fn fastq(reads: u64, mate: u8) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = 12345u64;
    for read in 0..reads {
        let bases: String = (0..60 + read % 40)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                char::from(b"ACGT"[(state >> 33) as usize % 4])
            })
            .collect();
        let quality = "F".repeat(bases.len());
        writeln!(text, "@M01:7:FC:1:1101:{read}:9 {mate}:N:0:ACGT\n{bases}\n+\n{quality}").unwrap();
    }
    text
}

/// A CRAM of one header in a container of its own, `method` 0 raw or 1 gzip, and `end`.
pub(crate) fn cram(version: (u8, u8), method: u8, header: &[u8], end: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    let raw = [length.as_slice(), header].concat();
    let packed = if method == 1 { gzip(&raw) } else { raw.clone() };
    // ITF8 of two bytes.
    let itf8 = |n: usize| [0x80 | u8::try_from(n >> 8).unwrap(), (n & 0xff) as u8];
    let mut block = vec![method, 0, 0];
    block.extend(itf8(packed.len()));
    block.extend(itf8(raw.len()));
    block.extend(packed);
    let mut bytes = [b"CRAM".as_slice(), &[version.0, version.1], &[b'x'; 20]].concat();
    let check: &[u8] = if version.0 == 2 { &[] } else { &[0; 4] };
    block.extend(check);
    bytes.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
    // Reference, start, span, records, counter, bases, one block, one landmark at 0.
    bytes.extend([0, 0, 0, 0, 0, 0, 1, 1, 0]);
    bytes.extend(check);
    bytes.extend(block);
    bytes.extend(end);
    bytes
}
