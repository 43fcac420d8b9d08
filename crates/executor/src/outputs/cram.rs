//! Whole-file check of CRAM: the file definition, then container after container to the one that
//! the format defines as the end.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// The end-of-file container of CRAM 3.x (CRAM specification, section 9).
const END_3: &[u8] = &[
    0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 1, 0, 0x05, 0xbd, 0xd9,
    0x4f, 0, 1, 0, 6, 6, 1, 0, 1, 0, 1, 0, 0xee, 0x63, 1, 0x4b,
];
/// The same of CRAM 2.1.
const END_2: &[u8] = &[
    0x0b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 1, 0, 0, 1, 0, 6, 6, 1,
    0, 1, 0, 1, 0,
];
/// Magic, version, file id.
const DEFINITION: u64 = 26;
/// More than any container header with a sane number of landmarks needs.
const LONGEST_HEADER: usize = 1 << 20;

pub fn check(file: &File, len: u64) -> Result<(), String> {
    let mut head = [0u8; 6];
    file.read_exact_at(&mut head, 0).map_err(|_| "it is shorter than a CRAM's first lines".to_owned())?;
    let [b'C', b'R', b'A', b'M', major, _] = head else {
        return Err("it does not begin with the CRAM magic".to_owned());
    };
    let end = match major {
        3 => END_3,
        2 => END_2,
        other => return Err(format!("CRAM version {other} is not known")),
    };
    let mut at = DEFINITION;
    let mut last = (0, 0);
    while at < len {
        let size = container(file, at, len, major)?;
        last = (at, size);
        at = at.saturating_add(size);
    }
    if at > len {
        return Err(format!("the container at byte {} is cut", last.0));
    }
    let mut bytes = vec![0u8; end.len()];
    let right_size = usize::try_from(last.1) == Ok(end.len());
    let whole = right_size && file.read_exact_at(&mut bytes, last.0).is_ok() && bytes == end;
    if whole { Ok(()) } else { Err("the end-of-file container is missing: the file is cut".to_owned()) }
}

/// Bytes of the container at `at`, header and blocks.
fn container(file: &File, at: u64, len: u64, major: u8) -> Result<u64, String> {
    let broken = || format!("there is no CRAM container at byte {at}");
    let window = usize::try_from(len - at).unwrap_or(usize::MAX);
    // Headers are short; only one with very many slices needs the longer look.
    for look in [256, LONGEST_HEADER] {
        let mut bytes = vec![0u8; look.min(window)];
        file.read_exact_at(&mut bytes, at).map_err(|_| broken())?;
        if let Some((header, blocks)) = parse(&bytes, major) {
            return Ok(header + blocks);
        }
    }
    Err(broken())
}

/// Length of the header and of the blocks behind it.
fn parse(bytes: &[u8], major: u8) -> Option<(u64, u64)> {
    let (length, mut rest) = bytes.split_first_chunk::<4>()?;
    let blocks = u64::try_from(i32::from_le_bytes(*length)).ok()?;
    // Reference, start, span, number of records.
    for _ in 0..4 {
        rest = skip_itf8(rest)?.1;
    }
    // Record counter (longer in version 3), bases.
    rest = if major >= 3 { skip_ltf8(rest)? } else { skip_itf8(rest)?.1 };
    rest = skip_ltf8(rest)?;
    // Number of blocks, landmarks.
    rest = skip_itf8(rest)?.1;
    let (landmarks, mut rest) = skip_itf8(rest)?;
    if usize::try_from(landmarks).ok()? > bytes.len() {
        return None;
    }
    for _ in 0..landmarks {
        rest = skip_itf8(rest)?.1;
    }
    if major >= 3 {
        let (sum, after) = rest.split_first_chunk::<4>()?;
        let header = bytes.get(..bytes.len() - rest.len())?;
        let mut crc = flate2::Crc::new();
        crc.update(header);
        if crc.sum() != u32::from_le_bytes(*sum) {
            return None;
        }
        rest = after;
    }
    Some((u64::try_from(bytes.len() - rest.len()).ok()?, blocks))
}

/// ITF8: the leading ones of the first byte say how many bytes follow, four at most.
fn skip_itf8(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let more = usize::try_from(first.leading_ones()).ok()?.min(4);
    let (tail, rest) = rest.split_at_checked(more)?;
    let mut value =
        if more == 4 { u32::from(first & 0x0f) } else { u32::from(first & (0xff_u8 >> (more + 1))) };
    for (index, byte) in tail.iter().enumerate() {
        let last_of_five = more == 4 && index == 3;
        value =
            if last_of_five { value << 4 | u32::from(byte & 0x0f) } else { value << 8 | u32::from(*byte) };
    }
    Some((value, rest))
}

/// LTF8: the same with up to eight.
fn skip_ltf8(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    rest.get(usize::try_from(first.leading_ones()).ok()?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_containers_parse_to_their_own_length() {
        for (end, major) in [(END_3, 3), (END_2, 2)] {
            let (header, blocks) = parse(end, major).unwrap();
            assert_eq!(header + blocks, end.len() as u64, "version {major}");
        }
        let mut wrong = END_3.to_vec();
        wrong[9] ^= 1;
        assert_eq!(parse(&wrong, 3), None);
    }
}
