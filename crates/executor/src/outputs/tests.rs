//! Outputs that may leave, and all the ways in which they may not.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn one(name: &str, kind: OutputKind) -> Declared {
    Declared { name: name.to_owned(), kind, required: true }
}

/// What `collect` says of a folder with one file of these bytes.
fn verdict(kind: OutputKind, bytes: &[u8]) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), bytes).unwrap();
    let found = collect(folder.path(), &[one("x", kind)])?;
    assert_eq!(found[0].len, bytes.len() as u64);
    let mut again = vec![];
    std::io::Read::read_to_end(&mut &found[0].file, &mut again).unwrap();
    assert_eq!(again, bytes, "the file is handed over at its start");
    Ok(())
}

fn why(result: Result<()>) -> String {
    match result {
        Err(Error::Output { why, .. }) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn block(content: &[u8]) -> Vec<u8> {
    let mut deflate = flate2::write::DeflateEncoder::new(vec![], Compression::default());
    deflate.write_all(content).unwrap();
    let data = deflate.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = (18 + data.len() + 8 - 1) as u16;
    let mut out = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0];
    out.extend(size.to_le_bytes());
    out.extend(data);
    out.extend(crc.sum().to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out
}

#[test]
fn a_bam_cut_anywhere_is_refused() {
    let blocks = [block(b"BAM\x01header"), block(b"first records"), block(b"more records"), block(b"")];
    let whole = blocks.concat();
    verdict(OutputKind::Bam, &whole).unwrap();
    let mut border = 0;
    for part in &blocks[..3] {
        border += part.len();
        assert!(
            why(verdict(OutputKind::Bam, &whole[..border])).contains("cut"),
            "at the block border {border}"
        );
    }
    for cut in 1..whole.len() {
        verdict(OutputKind::Bam, &whole[..cut]).unwrap_err();
    }
    let shifted = [blocks[0].as_slice(), b"?", &blocks[3]].concat();
    assert!(why(verdict(OutputKind::Bam, &shifted)).contains("no BGZF block"));
    let other = [block(b"not that"), block(b"")].concat();
    assert!(why(verdict(OutputKind::Bam, &other)).contains("magic"));
}

#[test]
fn a_vcf_needs_its_first_line_and_its_end() {
    let whole = [block(b"##fileformat=VCFv4.3\n#CHROM\n"), block(b"")].concat();
    verdict(OutputKind::BgzfVcf, &whole).unwrap();
    assert!(why(verdict(OutputKind::BgzfVcf, &whole[..whole.len() - 28])).contains("cut"));
    let other = [block(b"#CHROM\tPOS\tID\tREF\n"), block(b"")].concat();
    assert!(why(verdict(OutputKind::BgzfVcf, &other)).contains("first line"));
}

#[test]
fn a_gzip_is_decoded_to_its_end() {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(&b"@read\nACGT\n+\nFFFF\n".repeat(500)).unwrap();
    let whole = encoder.finish().unwrap();
    verdict(OutputKind::Gzip, &whole).unwrap();
    verdict(OutputKind::Gzip, &[whole.as_slice(), &whole].concat()).unwrap();
    verdict(OutputKind::Gzip, &whole[..whole.len() - 1]).unwrap_err();
    let mut flipped = whole.clone();
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    verdict(OutputKind::Gzip, &flipped).unwrap_err();
    verdict(OutputKind::Gzip, b"plain").unwrap_err();
}

#[test]
fn texts_are_what_they_say() {
    verdict(OutputKind::Json, b"{\"a\": [1, 2]}\n").unwrap();
    verdict(OutputKind::Json, b"{\"a\": [1, 2]").unwrap_err();
    verdict(OutputKind::Json, b"{} {}").unwrap_err();
    verdict(OutputKind::Text, "größer\n".as_bytes()).unwrap();
    verdict(OutputKind::Text, b"a\0b").unwrap_err();
    verdict(OutputKind::Text, b"\xff\xfe").unwrap_err();
    verdict(OutputKind::Text, "ö".as_bytes().split_last().unwrap().1).unwrap_err();
    let long = "ö".repeat(300_000);
    verdict(OutputKind::Text, long.as_bytes()).unwrap();
    verdict(OutputKind::Text, format!("a{long}").as_bytes()).unwrap();
    verdict(OutputKind::Html, b"\n<!DOCTYPE html><p>x").unwrap();
    verdict(OutputKind::Html, b"{}").unwrap_err();
    verdict(OutputKind::Other, b"\0\xff").unwrap();
    verdict(OutputKind::Other, b"").unwrap_err();
}

#[test]
fn only_plain_declared_files_leave() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "s").unwrap();
    let declared = [one("x", OutputKind::Other)];
    let refused = |reason: &str| {
        let said = why(collect(&out, &declared).map(drop));
        assert!(said.contains(reason), "`{said}` should say `{reason}`");
        let _ = fs::remove_dir_all(out.join("x"));
        for item in fs::read_dir(&out).unwrap().flatten() {
            let _ = fs::remove_file(item.path());
        }
    };
    refused("did not write");
    symlink(&secret, out.join("x")).unwrap();
    refused("symbolic link");
    fs::hard_link(&secret, out.join("x")).unwrap();
    refused("more than one name");
    rustix::fs::mknodat(rustix::fs::CWD, out.join("x"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
    refused("not a regular file");
    fs::create_dir(out.join("x")).unwrap();
    refused("not a regular file");
    fs::write(out.join("x"), "x").unwrap();
    fs::set_permissions(out.join("x"), Permissions::from_mode(0o4755)).unwrap();
    refused("set-user-id");
    fs::write(out.join("x"), "x").unwrap();
    fs::write(out.join("y"), "y").unwrap();
    refused("not declared");
    fs::write(out.join("x"), "x").unwrap();
    assert_eq!(collect(&out, &declared).unwrap().len(), 1);
    for name in ["../secret", "/etc/passwd", "a//b", ".", "a/../b", ""] {
        collect(&out, &[one(name, OutputKind::Other)]).unwrap_err();
    }
}

#[test]
fn a_folder_that_became_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    fs::write(folder.path().join("elsewhere/r.json"), "{}").unwrap();
    symlink(folder.path().join("elsewhere"), out.join("qc")).unwrap();
    collect(&out, &[one("qc/r.json", OutputKind::Json)]).unwrap_err();
    fs::remove_file(out.join("qc")).unwrap();
    fs::create_dir(out.join("qc")).unwrap();
    fs::write(out.join("qc/r.json"), "{}").unwrap();
    assert_eq!(collect(&out, &[one("qc/r.json", OutputKind::Json)]).unwrap()[0].name, "qc/r.json");
}
