//! Whether BAM, CRAM and compressed VCF files are whole, by their own ends, and their headers opaque.
//!
//! The usual readers exit with success on a BAM cut at a block border, so the ends are checked here:
//! blocks are walked and inflated, their checksums compared, and the closing block demanded.

use screen::Finding;
use serde::{Deserialize, Serialize};

use crate::{
    gzip::{Tail, Unwrapper, WrapFault, Wrapping},
    header::Header,
    limits::Limits,
};

/// The container that ends a CRAM 3 file (CRAM specification, section 9).
const CRAM3_EOF: [u8; 38] = [
    0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 0x01, 0, 0x05, 0xbd,
    0xd9, 0x4f, 0, 0x01, 0, 0x06, 0x06, 0x01, 0, 0x01, 0, 0x01, 0, 0xee, 0x63, 0x01, 0x4b,
];

/// The container that ends a CRAM 2.1 file.
const CRAM2_EOF: [u8; 30] = [
    0x0b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 0x01, 0, 0, 0x01, 0,
    0x06, 0x06, 0x01, 0, 0x01, 0, 0x01, 0,
];

/// What a file is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Binary alignments in BGZF.
    Bam,
    /// Reference-compressed alignments, version 2.1 or 3.
    Cram,
    /// Variants as text in BGZF.
    VcfGz,
    /// Binary variants in BGZF.
    Bcf,
}

/// Why a file is not a whole one of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
pub enum WholeFault {
    /// Its blocks are cut or damaged.
    #[error(transparent)]
    Wrap(#[from] WrapFault),
    /// It does not start as its form does.
    #[error("the file does not start as its form does")]
    Magic,
    /// Compressed, but not in blocks.
    #[error("the file is gzip, but not blocked gzip")]
    NotBlocked,
    /// A CRAM of a version that has no end mark, or an unknown one.
    #[error("CRAM version {major}.{minor} is not accepted")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// The container that ends a CRAM is missing.
    #[error("the container that ends a CRAM is missing: the file was cut")]
    NoEof,
    /// The header is cut, or in no form that is known.
    #[error("the header cannot be read")]
    Header,
    /// The header is longer than the cap.
    #[error("the header is longer than {limit} bytes")]
    LongHeader {
        /// The cap in bytes.
        limit: u64,
    },
    /// The header holds what looks like direct identifiers.
    #[error("the header holds what looks like direct identifiers")]
    Identifier {
        /// What, by place and kind; at most sixteen.
        findings: Vec<Finding>,
    },
}

/// Checks one file of a known form, fed in pieces of any size.
pub struct Whole {
    form: Form,
    blocks: Option<Unwrapper>,
    tail: Tail,
    start: Vec<u8>,
    header: Header,
}

impl Whole {
    /// A check for one file.
    pub fn new(form: Form, limits: &Limits) -> Self {
        let limits = Limits { accept_plain: false, ..limits.clone() };
        let blocks = (form != Form::Cram).then(|| Unwrapper::new(&limits));
        Self { form, blocks, tail: Tail::default(), start: Vec::new(), header: Header::new(form) }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// The first fault of its blocks, a start that is not its form's, or a header with identifiers.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), WholeFault> {
        let (start, header) = (&mut self.start, &mut self.header);
        let mut keep = |text: &[u8]| {
            let room = START.saturating_sub(start.len()).min(text.len());
            start.extend_from_slice(text.get(..room).unwrap_or_default());
            header.hold(text)
        };
        match &mut self.blocks {
            Some(blocks) => blocks.feed(bytes, &mut keep)?,
            None => {
                keep(bytes)?;
                self.tail.push(bytes);
            }
        }
        if self.start.len() < START {
            return Ok(());
        }
        // What does not start as its form does has no header either.
        self.magic()?;
        self.header.judge()
    }

    /// Says whether the file was whole.
    ///
    /// # Errors
    /// A start that is not its form's, a cut, a missing end.
    pub fn finish(mut self) -> Result<(), WholeFault> {
        if let Some(blocks) = &mut self.blocks {
            let header = &mut self.header;
            let wrapped = blocks.finish(&mut |text: &[u8]| header.hold(text))?;
            self.magic()?;
            self.header.end()?;
            return if wrapped.wrapping == Wrapping::Bgzf { Ok(()) } else { Err(WholeFault::NotBlocked) };
        }
        self.magic()?;
        self.header.end()?;
        let ended = match self.start.get(4) {
            Some(2) => self.tail.is(&CRAM2_EOF),
            _ => self.tail.is(&CRAM3_EOF),
        };
        if ended { Ok(()) } else { Err(WholeFault::NoEof) }
    }

    fn magic(&self) -> Result<(), WholeFault> {
        let magic: &[u8] = match self.form {
            Form::Bam => b"BAM\x01",
            Form::Cram => b"CRAM",
            Form::VcfGz => b"##fileformat=VCFv",
            Form::Bcf => b"BCF\x02",
        };
        if !self.start.starts_with(magic) {
            return Err(WholeFault::Magic);
        }
        if self.form == Form::Cram {
            let (major, minor) = match self.start.get(4..6) {
                Some(&[major, minor]) => (major, minor),
                _ => return Err(WholeFault::Magic),
            };
            if !matches!((major, minor), (2, 1) | (3, 0 | 1)) {
                return Err(WholeFault::Version { major, minor });
            }
        }
        Ok(())
    }
}

/// Bytes that tell a form.
const START: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gzip::BGZF_EOF,
        testing::{bgzf, cram},
    };

    fn check(form: Form, bytes: &[u8]) -> Result<(), WholeFault> {
        let mut whole = Whole::new(form, &Limits::default());
        for piece in bytes.chunks(7) {
            whole.feed(piece)?;
        }
        whole.finish()
    }

    #[test]
    fn a_cut_anywhere_is_seen() {
        for (form, start) in [
            (Form::Bam, &b"BAM\x01"[..]),
            (Form::VcfGz, b"##fileformat=VCFv4.3\n"),
            (Form::Bcf, b"BCF\x02\x02"),
        ] {
            let mut text = start.to_vec();
            text.extend((0..3000u32).flat_map(u32::to_le_bytes));
            let file = bgzf(&text, 4000);
            assert_eq!(check(form, &file), Ok(()));
            for end in 0..file.len() {
                assert!(check(form, &file[..end]).is_err(), "{form:?} cut to {end} bytes passed");
            }
        }
    }

    #[test]
    fn other_forms_are_refused() {
        assert_eq!(check(Form::Bam, &bgzf(b"##fileformat=VCFv4.3\n", 100)), Err(WholeFault::Magic));
        assert_eq!(check(Form::Bam, &BGZF_EOF), Err(WholeFault::Magic));
        let gzip = crate::testing::gzip(b"##fileformat=VCFv4.3\n");
        assert_eq!(check(Form::VcfGz, &gzip), Err(WholeFault::NotBlocked));
        assert!(check(Form::Cram, b"CRAM").is_err());
    }

    #[test]
    fn cram_needs_the_end_of_its_version() {
        let file = |major: u8, minor: u8, end: &[u8]| cram((major, minor), 0, b"@HD\tVN:1.6\n", end);
        assert_eq!(check(Form::Cram, &file(3, 0, &CRAM3_EOF)), Ok(()));
        assert_eq!(check(Form::Cram, &file(3, 1, &CRAM3_EOF)), Ok(()));
        assert_eq!(check(Form::Cram, &file(2, 1, &CRAM2_EOF)), Ok(()));
        assert_eq!(check(Form::Cram, &file(3, 0, &CRAM2_EOF)), Err(WholeFault::NoEof));
        assert_eq!(check(Form::Cram, &file(3, 0, &CRAM3_EOF[..37])), Err(WholeFault::NoEof));
        assert_eq!(
            check(Form::Cram, &file(4, 0, &CRAM3_EOF)),
            Err(WholeFault::Version { major: 4, minor: 0 })
        );
    }
}
