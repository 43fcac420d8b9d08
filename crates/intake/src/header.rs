//! The header of a BAM, CRAM, BCF or VCF: taken from the start of the file, and screened once it is whole.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::whole::{Form, WholeFault};

/// Bytes of a header that are held. The largest public references come to some hundred thousand contigs, which
/// take a quarter of it.
const MOST: usize = 16 << 20;
/// Findings that are told.
const MOST_FINDINGS: usize = 16;
/// Magic, version and file id (CRAM specification, section 6).
const CRAM_DEFINITION: usize = 26;

pub(crate) struct Header {
    form: Form,
    held: Vec<u8>,
    /// Lines before this are of a VCF's header.
    lines: usize,
    done: bool,
}

impl Header {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, held: Vec::new(), lines: 0, done: false }
    }

    /// Takes inflated bytes, of a CRAM those of the file. Those beyond the header do not matter.
    pub(crate) fn hold(&mut self, bytes: &[u8]) -> Result<(), WholeFault> {
        if !self.done {
            // One more than may be, so that too many are seen.
            let room = (MOST + 1).saturating_sub(self.held.len()).min(bytes.len());
            self.held.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
        Ok(())
    }

    /// Screens the header, once it is there.
    pub(crate) fn judge(&mut self) -> Result<(), WholeFault> {
        if self.done {
            return Ok(());
        }
        self.look(false)
    }

    /// The file has ended: what there is, is all.
    pub(crate) fn end(&mut self) -> Result<(), WholeFault> {
        self.judge()?;
        if self.done { Ok(()) } else { self.look(true) }
    }

    fn look(&mut self, ended: bool) -> Result<(), WholeFault> {
        let too_long = || WholeFault::LongHeader { limit: MOST as u64 };
        if self.form == Form::VcfGz {
            self.walk_lines();
        }
        let text = match self.form {
            Form::Bam => counted(&self.held, 4)?.map(Cow::Borrowed),
            Form::Bcf => counted(&self.held, 5)?.map(Cow::Borrowed),
            Form::Cram => cram(&self.held)?,
            Form::VcfGz if ended || self.lines < self.held.len() && !self.in_header(self.lines) => {
                let end = if self.in_header(self.lines) { self.held.len() } else { self.lines };
                self.held.get(..end).map(Cow::Borrowed)
            }
            Form::VcfGz => None,
        };
        let Some(text) = text else {
            return match (ended, self.held.len() > MOST) {
                (_, true) => Err(too_long()),
                (true, false) => Err(WholeFault::Header),
                (false, false) => Ok(()),
            };
        };
        let text = String::from_utf8_lossy(&text);
        let mut findings = match self.form {
            Form::Bam | Form::Cram => screen::screen_sam_header(&text),
            Form::Bcf | Form::VcfGz => screen::screen_vcf_header(&text),
        };
        findings.truncate(MOST_FINDINGS);
        self.done = true;
        self.held = Vec::new();
        if findings.is_empty() { Ok(()) } else { Err(WholeFault::Identifier { findings }) }
    }

    fn in_header(&self, at: usize) -> bool {
        self.held.get(at) == Some(&b'#')
    }

    /// Goes on to the first line that is not of the header, or not whole yet.
    fn walk_lines(&mut self) {
        while self.in_header(self.lines) {
            let rest = self.held.get(self.lines..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            self.lines += end + 1;
        }
    }
}

/// Text behind its length in four bytes, at `at`; none while it is not there.
fn counted(bytes: &[u8], at: usize) -> Result<Option<&[u8]>, WholeFault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some((length, text)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MOST {
        return Err(WholeFault::LongHeader { limit: MOST as u64 });
    }
    Ok(text.get(..length))
}

/// The text in the first block of the first container (CRAM specification, sections 7 to 9).
fn cram(bytes: &[u8]) -> Result<Option<Cow<'_, [u8]>>, WholeFault> {
    let Some((packed, gzip)) = cram_block(bytes)? else { return Ok(None) };
    if !gzip {
        return Ok(Some(Cow::Borrowed(counted(packed, 0)?.ok_or(WholeFault::Header)?)));
    }
    let mut plain = Vec::new();
    // Four for the length, one to see that it is too long.
    let most = MOST as u64 + 5;
    GzDecoder::new(packed).take(most).read_to_end(&mut plain).map_err(|_| WholeFault::Header)?;
    if plain.len() as u64 == most {
        return Err(WholeFault::LongHeader { limit: MOST as u64 });
    }
    let text = counted(&plain, 0)?.ok_or(WholeFault::Header)?;
    Ok(Some(Cow::Owned(text.to_vec())))
}

/// The bytes of the header's block, and whether they are gzip.
fn cram_block(bytes: &[u8]) -> Result<Option<(&[u8], bool)>, WholeFault> {
    let Some(major) = bytes.get(4).copied() else { return Ok(None) };
    let check = if major >= 3 { 4 } else { 0 };
    let mut rest = bytes.get(CRAM_DEFINITION + 4..).unwrap_or_default();
    // Reference, start, span and number of records; the counter of records is one of long form since version 3,
    // and the number of bases always.
    for long in [false, false, false, false, major >= 3, true] {
        if number(&mut rest, long).is_none() {
            return Ok(None);
        }
    }
    let Some(_blocks) = number(&mut rest, false) else { return Ok(None) };
    let Some(landmarks) = number(&mut rest, false) else { return Ok(None) };
    for _ in 0..landmarks.min(MOST as u64) {
        if number(&mut rest, false).is_none() {
            return Ok(None);
        }
    }
    let Some((&[method, kind], mut rest)) =
        rest.get(check..).and_then(|block| block.split_first_chunk::<2>())
    else {
        return Ok(None);
    };
    if kind != 0 || method > 1 {
        return Err(WholeFault::Header);
    }
    let (Some(_id), Some(packed), Some(_plain)) =
        (number(&mut rest, false), number(&mut rest, false), number(&mut rest, false))
    else {
        return Ok(None);
    };
    if packed > MOST as u64 {
        return Err(WholeFault::LongHeader { limit: MOST as u64 });
    }
    Ok(usize::try_from(packed).ok().and_then(|packed| rest.get(..packed)).map(|block| (block, method == 1)))
}

/// A number in ITF8, or with `long` in LTF8 (section 2.3): the ones that lead the first byte count the bytes
/// that follow. Only its length matters beyond 32 bits.
fn number(rest: &mut &[u8], long: bool) -> Option<u64> {
    let (first, tail) = rest.split_first()?;
    let most = if long { 8 } else { 4 };
    let more = first.leading_ones().min(most);
    let (follow, after) = tail.split_at_checked(more as usize)?;
    let mask = match more {
        // The longest of the short form has no zero behind its ones.
        4 if !long => 0x0f,
        7.. => 0,
        more => 0x7f >> more,
    };
    let kept = u64::from(first & mask);
    let mut value = kept;
    for byte in follow {
        value = (value << 8) | u64::from(*byte);
    }
    if !long && more == 4 {
        // Of the last byte four bits count.
        value = ((value >> 8) << 4) | (value & 0x0f);
    }
    *rest = after;
    Some(value)
}

#[cfg(test)]
mod tests {
    use screen::{Place, Reason};

    use super::*;
    use crate::{
        Limits,
        testing::{bgzf, cram as cram_file},
        whole::Whole,
    };

    fn check(form: Form, file: &[u8], piece: usize) -> Result<(), WholeFault> {
        let mut whole = Whole::new(form, &Limits::default());
        for bytes in file.chunks(piece) {
            whole.feed(bytes)?;
        }
        whole.finish()
    }

    const END: [u8; 38] = [
        0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 0x01, 0, 0x05, 0xbd,
        0xd9, 0x4f, 0, 0x01, 0, 0x06, 0x06, 0x01, 0, 0x01, 0, 0x01, 0, 0xee, 0x63, 0x01, 0x4b,
    ];

    /// The header in each form that holds it.
    fn files(sam: &str, vcf: &str) -> Vec<(Form, Vec<u8>)> {
        let counted = |magic: &[u8], text: &str| {
            let length = u32::try_from(text.len()).unwrap().to_le_bytes();
            bgzf(&[magic, &length, text.as_bytes(), &[0; 400]].concat(), 100)
        };
        let records = format!("{vcf}20\t1\trs1\tA\tC\t.\t.\t.\n");
        vec![
            (Form::Bam, counted(b"BAM\x01", sam)),
            (Form::Bcf, counted(b"BCF\x02\x02", vcf)),
            (Form::VcfGz, bgzf(records.as_bytes(), 60)),
            (Form::VcfGz, bgzf(vcf.as_bytes(), 60)),
            (Form::VcfGz, bgzf(vcf.trim_end().as_bytes(), 60)),
            (Form::Cram, cram_file((3, 0), 0, sam.as_bytes(), &END)),
            (Form::Cram, cram_file((3, 1), 1, sam.as_bytes(), &END)),
        ]
    }

    #[test]
    fn a_header_with_identifiers_refuses_the_file_in_every_form() {
        let sam = |label: &str| format!("@HD\tVN:1.6\n@SQ\tSN:20\tLN:63025520\n@RG\tID:1\tSM:{label}\n");
        let vcf = |label: &str| {
            format!(
                "##fileformat=VCFv4.3\n##contig=<ID=20>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{label}\n"
            )
        };
        for piece in [1, 7, 1 << 16] {
            for (form, file) in files(&sam("P0001"), &vcf("P0001")) {
                assert_eq!(check(form, &file, piece), Ok(()), "{form:?} by {piece}");
            }
            for (form, file) in files(&sam("Quibbleton_Zorbina"), &vcf("Quibbleton_Zorbina")) {
                let Err(WholeFault::Identifier { findings }) = check(form, &file, piece) else {
                    panic!("{form:?} by {piece} passed")
                };
                let place = match form {
                    Form::Bam | Form::Cram => Place::Line { line: 3, column: 13 },
                    Form::VcfGz | Form::Bcf => Place::Sample { line: 3, sample: 1 },
                };
                assert_eq!((findings.len(), &findings[0].place), (1, &place), "{form:?}");
                assert_eq!(findings[0].reason, Reason::PersonName);
                assert!(findings[0].is_plain());
            }
        }
    }

    #[test]
    fn headers_that_cannot_be_read_or_are_too_long_are_refused() {
        let long = WholeFault::LongHeader { limit: MOST as u64 };
        let bam = [b"BAM\x01".as_slice(), &u32::MAX.to_le_bytes(), &[0; 40]].concat();
        assert_eq!(check(Form::Bam, &bgzf(&bam, 100), 9), Err(long.clone()));
        let short = [b"BAM\x01".as_slice(), &100u32.to_le_bytes(), &[0; 40]].concat();
        assert_eq!(check(Form::Bam, &bgzf(&short, 100), 9), Err(WholeFault::Header));
        let endless = ["##fileformat=VCFv4.3\n", &"#x\n".repeat(MOST / 3 + 9)].concat();
        let limits = Limits { max_ratio: u64::MAX, ..Limits::default() };
        let mut whole = Whole::new(Form::VcfGz, &limits);
        let fed = bgzf(endless.as_bytes(), 60_000).chunks(1 << 16).try_for_each(|piece| whole.feed(piece));
        assert_eq!(fed.and_then(|()| whole.finish()), Err(long));
        let odd = cram_file((3, 0), 2, b"@HD\tVN:1.6\n", &END);
        assert_eq!(check(Form::Cram, &odd, 9), Err(WholeFault::Header));
    }

    /// Files of other programs: their headers are found, and two of them say where somebody's reference lay.
    #[test]
    fn headers_of_public_files_are_read() {
        let shared = std::env::var_os("SEQUESTRA_SHARED")
            .map(std::path::PathBuf::from)
            .unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
        let folder = shared.join("data");
        if !folder.is_dir() {
            println!("not run: no test data in {}", folder.display());
            return;
        }
        for (name, form, clean) in [
            ("reads/na12878_chr20/NA12878_S1.chr20.10_10p1mb.bam", Form::Bam, true),
            ("conformance/htsget/reads/htsnexus_test_NA12878.bam", Form::Bam, true),
            ("conformance/htsget/reads/htsnexus_test_NA12878.cram", Form::Cram, true),
            ("conformance/htsget/variants/spec-v4.3.bcf", Form::Bcf, false),
            ("conformance/htsget/variants/spec-v4.3.vcf.gz", Form::VcfGz, false),
        ] {
            let file = std::fs::read(folder.join(name)).unwrap();
            let told = match check(form, &file, 1 << 16) {
                Ok(()) => Vec::new(),
                Err(WholeFault::Identifier { findings }) => findings.into_iter().map(|f| f.reason).collect(),
                Err(fault) => panic!("{name}: {fault}"),
            };
            let expected: &[Reason] = if clean { &[] } else { &[Reason::Path] };
            assert_eq!(told, expected, "{name}");
        }
    }

    #[test]
    fn numbers_of_cram_are_read_in_every_length() {
        for (bytes, long, value) in [
            (&[0x05][..], false, 5),
            (&[0x81, 0x02], false, 0x102),
            (&[0xc1, 2, 3], false, 0x1_0203),
            (&[0xe1, 2, 3, 4], false, 0x102_0304),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], false, 0xffff_ffff),
            (&[0xff, 0, 0, 0, 0, 0, 0, 0, 9], true, 9),
            (&[0xf1, 0, 0, 0, 2], true, 0x1_0000_0002),
        ] {
            let mut rest = bytes;
            assert_eq!((number(&mut rest, long), rest.len()), (Some(value), 0), "{bytes:x?}");
            for cut in 0..bytes.len() {
                assert_eq!(number(&mut &bytes[..cut], long), None);
            }
        }
    }
}
