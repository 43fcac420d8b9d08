//! A sheet and a manifest together, judged before anything is stored.

use base::Sensitive;
use catalog::NewRow;
use sha2::{Digest as _, Sha256};

use crate::error::Findings;
use crate::sheet::{Sex, Status, place};
use crate::{Error, Manifest, Row, Sheet};

/// A package as it may be begun: every rule of sheet and manifest holds.
pub struct Offer {
    /// SHA-256 over both texts, each after its length in eight bytes, little end first: hexadecimal.
    /// The same package sent again is known by it.
    pub digest: String,
    /// Its rows, with the manifest's digests.
    pub rows: Vec<NewRow>,
}

impl Offer {
    /// Judges both texts.
    ///
    /// # Errors
    /// All that was found, in one [`Error::Sheet`], [`Error::Identifier`] or [`Error::Manifest`].
    pub fn parse(sheet: &[u8], manifest: &[u8]) -> Result<Self, Error> {
        let digest = digest(sheet, manifest);
        let (sheet, manifest) = match (Sheet::parse(sheet), Manifest::parse(manifest)) {
            (Ok(sheet), Ok(manifest)) => (sheet, manifest),
            (sheet, manifest) => {
                let sheet = sheet.map_or_else(|faults| faults, |sheet| sheet.single_ends());
                return Err(Findings { sheet, manifest: manifest.err().unwrap_or_default() }.into());
            }
        };
        let unlisted = manifest.match_files(sheet.placed_files()).err().unwrap_or_default();
        let found = Findings { sheet: sheet.single_ends(), manifest: unlisted };
        if found != Findings::default() {
            return Err(found.into());
        }
        let rows = (1..).zip(&sheet.rows).map(|(number, row)| new_row(number, row, &manifest));
        Ok(Self { digest, rows: rows.collect::<Result<_, _>>()? })
    }
}

fn digest(sheet: &[u8], manifest: &[u8]) -> String {
    let mut hasher = Sha256::new();
    for text in [sheet, manifest] {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(text);
    }
    hex::encode(hasher.finalize())
}

fn new_row(number: usize, row: &Row, manifest: &Manifest) -> Result<NewRow, Error> {
    let file = |name: Option<&Sensitive<String>>, mate: u8| {
        let name = name.cloned().unwrap_or_default();
        // Matched before; whatever is not listed is refused here too.
        let digest = manifest.digest(name.reveal());
        let digest = digest.ok_or_else(|| Error::Verdict { file: place(number, mate) })?;
        Ok::<_, Error>((name, digest.to_string()))
    };
    Ok(NewRow {
        row: number,
        subject: row.patient.clone(),
        sample: row.sample.clone(),
        lane: row.lane.reveal().clone(),
        files: [file(Some(&row.fastq_1), 1)?, file(row.fastq_2.as_ref(), 2)?],
        sex: (row.sex != Sex::Unknown).then(|| row.sex.spelling().unwrap_or_default().to_owned()),
        status: match row.status {
            Status::Normal => Some("normal".to_owned()),
            Status::Tumor => Some("tumor".to_owned()),
            Status::Unknown => None,
        },
        specimen_type: row.specimen.spelling().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Fault;

    const HEAD: &str = "patient,sample,lane,fastq_1,fastq_2,sex,status,specimen_type\n";
    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn refusal(sheet: &str, manifest: &str) -> (&'static str, String) {
        let error = Offer::parse(sheet.as_bytes(), manifest.as_bytes()).err().unwrap();
        (error.code(), error.to_string())
    }

    #[test]
    fn a_package_is_taken_with_its_digests() {
        let sheet = format!("{HEAD}C-1,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,XX,0,blood\n");
        let manifest = format!("{MD5}  a_R1.fq.gz\n{MD5}  a_R2.fq.gz\n");
        let offer = Offer::parse(sheet.as_bytes(), manifest.as_bytes()).unwrap();
        let row = &offer.rows[0];
        assert_eq!((row.row, row.lane.as_str(), row.files[1].1.as_str()), (1, "L001", MD5));
        let stated = [&row.sex, &row.status, &row.specimen_type].map(|s| s.as_deref().unwrap_or_default());
        assert_eq!(stated, ["XX", "normal", "blood"]);
        // Where one text ends and the other begins is part of the digest.
        assert_ne!(digest(b"ab", b"c"), digest(b"a", b"bc"));
    }

    #[test]
    fn everything_is_told_at_once() {
        let sheet = format!("{HEAD}C-1,C-1-B,L001,a_R1.fq.gz,,,,\nC-2,C-2-B,L001,b_R1.fq.gz,b_R2.fq.gz,,,\n");
        let manifest = format!("{MD5}  a_R1.fq.gz\n{MD5}  b_R1.fq.gz\n{MD5}  c.fq.gz\n");
        let (code, told) = refusal(&sheet, &manifest);
        assert_eq!(code, "INTAKE-001");
        for part in [
            "row 1, column `fastq_2`: second reads are missing: only pairs are taken",
            "manifest: row 2, fastq_2: `b_R2.fq.gz` is in the sheet and not in the manifest",
            "manifest: `c.fq.gz` is in the manifest and not in the sheet",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let sheet = format!("{HEAD}Zorbina Quibbleton,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,,,\n");
        let (code, told) = refusal(&sheet, "hello\n");
        assert_eq!(code, "INTAKE-002");
        assert!(told.contains("manifest: line 1") && !told.contains("uibbleton"), "{told}");
        let sheet = format!("{HEAD}C-1,C-1-B,L001,a_R1.fq.gz,a_R2.fq.gz,,,\n");
        assert_eq!(refusal(&sheet, "").0, "INTAKE-003");
    }
}
