//! Files that pass, files that must not, and the same files in other pieces.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::{
    gzip::{BGZF_EOF, Wrapping},
    testing::{bgzf, fastq, gzip},
};

fn check(file: &[u8], limits: Limits, piece: usize) -> Result<Verdict, FastqFault> {
    let mut checker = Checker::new(limits);
    for bytes in file.chunks(piece) {
        checker.feed(bytes)?;
    }
    checker.finish()
}

fn plain(text: &[u8]) -> Result<Verdict, FastqFault> {
    check(text, Limits { accept_plain: true, ..Limits::default() }, 1 << 20)
}

#[test]
fn a_whole_file_is_counted() {
    let text = fastq(10_000, 2);
    for (file, wrapping) in [(gzip(&text), Wrapping::Gzip), (bgzf(&text, 65_280), Wrapping::Bgzf)] {
        let verdict = check(&file, Limits::default(), 1000).unwrap();
        assert_eq!(verdict.wrapping, wrapping);
        assert_eq!(verdict.reads, 10_000);
        assert_eq!((verdict.min_length, verdict.max_length), (60, 99));
        assert_eq!(verdict.mean_quality, 37.0);
        assert_eq!(verdict.mate, Mate::Second);
        assert_eq!(verdict.packed_bytes, file.len() as u64);
        assert_eq!(verdict.plain_bytes, text.len() as u64);
        assert!(verdict.warnings.is_empty());
    }
}

#[test]
fn the_name_digest_is_blake3_over_bare_names() {
    let verdict = plain(b"@a/1\nA\n+\nF\n@b 1:N:0:X\nA\n+\nF\n").unwrap();
    assert_eq!(verdict.name_digest.0, *blake3::hash(b"a\nb\n").as_bytes());
    let other = plain(b"@a/2\nA\n+\nF\n@b 2:N:0:X\nA\n+\nF\n").unwrap();
    assert_eq!(verdict.name_digest, other.name_digest);
}

#[test]
fn a_cut_at_any_byte_is_refused() {
    let text = fastq(40, 1);
    for file in [gzip(&text), bgzf(&text, 1000), [gzip(&text), gzip(&text)].concat()] {
        let one = gzip(&text).len();
        assert!(check(&file, Limits::default(), 100).is_ok());
        for end in 0..file.len() {
            let result = check(&file[..end], Limits::default(), 100);
            // Two members cut between them are one whole file: only the generator's digest can tell.
            let whole_member = file.len() == 2 * one && end == one;
            assert_eq!(result.is_ok(), whole_member, "cut to {end} of {}", file.len());
        }
    }
}

#[test]
fn a_bgzf_file_without_its_end_is_refused() {
    let file = bgzf(&fastq(100, 1), 1000);
    let cut = &file[..file.len() - BGZF_EOF.len()];
    assert_eq!(check(cut, Limits::default(), 64), Err(WrapFault::NoEof.into()));
    let joined = [file.clone(), file].concat();
    assert_eq!(check(&joined, Limits::default(), 64).unwrap().reads, 200);
}

#[test]
fn any_flipped_bit_of_a_member_is_refused_or_changes_nothing() {
    let file = gzip(&fastq(3, 1));
    let limits = Limits { plain_digest: true, ..Limits::default() };
    let whole = check(&file, limits.clone(), 1 << 16).unwrap();
    let mut harmless = 0;
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut bad = file.clone();
            bad[at] ^= 1 << bit;
            if let Ok(verdict) = check(&bad, limits.clone(), 1 << 16) {
                assert_eq!(verdict, whole, "bit {bit} of byte {at}");
                harmless += 1;
            }
        }
    }
    // Time, extra flags, system and FTEXT of the header, and the bits that fill the last deflate byte.
    assert!((49..=49 + 7).contains(&harmless), "{harmless} flips passed");
}

#[test]
fn bombs_stop_at_their_caps() {
    let zeros = vec![0u8; 16 << 20];
    // Zeros are no FASTQ, so the shape stops them first; the ratio stops what is well formed.
    assert!(check(&bgzf(&zeros, 65_280), Limits::default(), 1 << 16).is_err());
    let mut same = Vec::new();
    for _ in 0..60_000 {
        same.extend(b"@r\n");
        same.extend([b'A'; 200]);
        same.extend(b"\n+\n");
        same.extend([b'F'; 200]);
        same.push(b'\n');
    }
    let file = bgzf(&same, 65_280);
    let bomb = check(&file, Limits::default(), 1 << 16);
    assert_eq!(bomb, Err(WrapFault::Ratio { limit: 100 }.into()));
    let free = Limits { max_ratio: 10_000, ..Limits::default() };
    assert_eq!(check(&file, free.clone(), 1 << 16).unwrap().reads, 60_000);
    let small = Limits { max_plain_bytes: 1 << 20, ..free.clone() };
    assert_eq!(check(&file, small, 1 << 16), Err(WrapFault::TooLarge { limit: 1 << 20 }.into()));
    let few = Limits { max_members: 5, ..free };
    assert_eq!(check(&file, few, 1 << 16), Err(WrapFault::Members { limit: 5 }.into()));
}

#[test]
fn a_million_tiny_members_are_refused_early() {
    let member = gzip(b"");
    let file = member.repeat(1_000_000);
    let mut checker = Checker::new(Limits::default());
    let mut fed = 0;
    let fault = loop {
        match checker.feed(&file[fed..(fed + 4096).min(file.len())]) {
            Ok(()) => fed += 4096,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, WrapFault::SmallMembers { limit: 65_536 }.into());
    assert!(fed < 65_600 * member.len());
    assert_eq!(checker.feed(b"x"), Err(fault.clone()));
    assert_eq!(checker.finish(), Err(fault));
}

#[test]
fn gzip_in_gzip_is_no_fastq() {
    let nested = gzip(&gzip(&fastq(10, 1)));
    assert!(matches!(
        check(&nested, Limits::default(), 100),
        Err(FastqFault::Record { record: 1, line: 1, what: RecordFault::NoAt })
    ));
}

#[test]
fn faults_name_record_and_line() {
    for (text, expected) in [
        (&b"@a\nAC\n+\nFF\nb\nAC\n+\nFF\n"[..], "record 2, line 5: the name line does not start with @"),
        (b"@a\nAC\n+\nFF\n@b\nA-\n+\nFF\n", "record 2, line 6: base `-` is no nucleotide code"),
        (b"@a\nAC\nFF\n+\n", "record 1, line 3: separator is not +"),
        (b"@a\nAC\n+b\nFF\n", "record 1, line 3: the separator repeats another name than the read's"),
        (b"@a\nAC\n+\nF\n", "record 1, line 4: quality has 1 characters, the sequence 2"),
        (b"@a\nAC\n+\nF F\n", "record 1, line 4: quality has 3 characters, the sequence 2"),
        (b"@a\nAC\n+\nF\x7f\n", "record 1, line 4: quality byte 0x7f lies outside ! to ~"),
        (b"@\nAC\n+\nFF\n", "record 1, line 1: the read has no name"),
        (b"@ x\nAC\n+\nFF\n", "record 1, line 1: the read has no name"),
        (
            b"@a\x1b[2J\nAC\n+\nFF\n",
            "record 1, line 1: the name line holds a byte that is not printable ASCII",
        ),
        (b"@a\nAC\n+\n", "record 1, line 4: the file ends inside the record"),
        (b"@a\nAC\n+\nFF\n\n", "record 2, line 5: the name line does not start with @"),
    ] {
        assert_eq!(plain(text).unwrap_err().to_string(), expected, "{}", text.escape_ascii());
    }
    let long = [b"@".as_slice(), &[b'n'; 255], b"\nA\n+\nF\n"].concat();
    assert!(plain(&long).unwrap_err().to_string().contains("254"));
    let limits = Limits { accept_plain: true, max_line_bytes: 10, ..Limits::default() };
    let wide = b"@a\nACGTACGTACG\n+\nFFFFFFFFFFF\n";
    assert!(check(wide, limits.clone(), 4).unwrap_err().to_string().contains("longer than 10 bytes"));
    assert!(check(wide, limits, 400).unwrap_err().to_string().contains("longer than 10 bytes"));
}

#[test]
fn what_is_unusual_but_right_passes() {
    for (text, reads) in [
        (&b"@a\nACGTURYSWKMBDHVN.acgtn\n+a\n@AAAAAAAAAAAAAAAAAAAAA\n"[..], 1),
        (b"@a\nAC\n+\nFF", 1),
        (b"@a\n\n+\n\n@b\nA\n+\n!\n", 2),
        (b"@a\n\n+\n", 1),
        (b"@a\r\nAC\r\n+\r\nFF\r\n", 1),
    ] {
        assert_eq!(plain(text).map(|v| v.reads), Ok(reads), "{}", text.escape_ascii());
    }
    let dos = plain(b"@a\r\nAC\r\n+\r\nFF\r\n").unwrap();
    assert_eq!(dos.bases, 2);
    assert_eq!(dos.warnings, [Warning::DosLineEnds, Warning::Plain]);
}

#[test]
fn plain_text_needs_leave() {
    let text = fastq(3, 1);
    assert_eq!(check(&text, Limits::default(), 100), Err(WrapFault::NotGzip.into()));
    assert_eq!(plain(&text).unwrap().wrapping, Wrapping::Plain);
    assert_eq!(plain(b"").unwrap_err(), WrapFault::Empty.into());
    assert_eq!(plain(b"\x1f").unwrap_err(), WrapFault::Cut { member: 1 }.into());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_matter(reads in 0u64..60, block in 200usize..3000, cuts in prop::collection::vec(1usize..400, 1..20),
                            damage in prop::option::of((0usize..10_000, 1u8..=255)), blocked: bool) {
        let text = fastq(reads, 1);
        let mut file = if blocked { bgzf(&text, block) } else { gzip(&text) };
        if let Some((at, flip)) = damage {
            let at = at % file.len();
            file[at] ^= flip;
        }
        let whole = check(&file, Limits::default(), usize::MAX);
        let mut checker = Checker::new(Limits::default());
        let mut rest = file.as_slice();
        let mut sizes = cuts.iter().cycle();
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            let _ = checker.feed(piece);
            rest = tail;
        }
        let pieces = checker.finish();
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        if let (Ok(a), Ok(b)) = (whole, pieces) {
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), head: bool) {
        let mut file = if head { BGZF_EOF.to_vec() } else { Vec::new() };
        file.extend(bytes);
        let limits = Limits { accept_plain: true, ..Limits::default() };
        let _ = check(&file, limits, 13);
    }
}

/// The folder of public test data, beside the repository or where `SEQUESTRA_SHARED` says.
fn bad_fastq() -> PathBuf {
    let shared = std::env::var_os("SEQUESTRA_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    shared.join("data/conformance/bad_fastq")
}

#[test]
fn the_public_bad_files_get_their_verdicts() {
    let folder = bad_fastq();
    let Ok(expected) = std::fs::read_to_string(folder.join("expected.tsv")) else {
        println!("not run: no test data in {}", folder.display());
        return;
    };
    let read = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        check(&bytes, Limits { accept_plain: true, ..Limits::default() }, 777)
    };
    let mut seen = 0;
    for line in expected.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, verdict, why) = (fields[0], fields[1], fields[2]);
        let got = read(name);
        match verdict {
            "accept" | "reject pair" => assert!(got.is_ok(), "{name}: {got:?}"),
            "reject" => {
                let fault = got.unwrap_err().to_string();
                if let Some((record, _)) = why.split_once(':') {
                    assert!(fault.starts_with(&format!("{record},")), "{name}: {fault}, expected {why}");
                }
            }
            _ => assert!(!got.unwrap().warnings.is_empty(), "{name}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 12);
    assert_eq!(read("multimember.fastq.gz").unwrap().reads, 60);
    assert_eq!(read("crlf.fastq").unwrap().warnings, [Warning::DosLineEnds, Warning::Plain]);
    assert_eq!(read("empty.fastq.gz").unwrap().warnings, [Warning::NoReads]);
    let pair = |a: &str, b: &str| crate::pairing::check_pair(&read(a).unwrap(), &read(b).unwrap());
    assert_eq!(pair("ok_R1.fastq.gz", "ok_R2.fastq.gz"), Ok(()));
    let fault = pair("unequal_R1.fastq", "unequal_R2.fastq").unwrap_err();
    assert!(matches!(fault, crate::pairing::PairFault::Count { first, second, .. } if first == second + 1));
    assert!(
        pair("ok_R2.fastq.gz", "ok_R1.fastq.gz").is_err()
            || read("ok_R1.fastq.gz").unwrap().mate == Mate::Unsaid
    );
}
