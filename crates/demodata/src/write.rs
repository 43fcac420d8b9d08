//! Writes a whole case.

use crate::error::{Error, Result};
use crate::genome::Genome;
use crate::plan::Plan;
use crate::{bgzf, plant, reads, tables};
use md5::{Digest as _, Md5};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The files' names in the folder, in the order in which they were written; the sample sheet
    /// is the last.
    pub files: Vec<PathBuf>,
    /// Reads, two for each pair.
    pub reads: u64,
    /// Planted variants, those between genes included.
    pub variants: usize,
}

/// Writes the case of `seed` into `dir`, which is made if it is not there.
///
/// The same seed and plan give the same bytes on every machine. The sample sheet is written last,
/// so a folder where this was interrupted is not taken for a case.
///
/// # Errors
/// * [`Error::Plan`] if the plan asks for what cannot be made.
/// * [`Error::NotEmpty`] if `dir` holds anything; nothing is changed.
/// * [`Error::Write`] if the folder or a file cannot be written.
pub fn write(dir: &Path, seed: u64, plan: &Plan) -> Result<Made> {
    plan.check()?;
    claim(dir)?;
    let genome = Genome::invent(seed);
    let planted = plant::plant(&genome, seed)?;
    let (patient, sample) = (plan.patient(), plan.sample());
    let mut out = Out { dir, made: Made { files: Vec::new(), reads: 0, variants: planted.len() } };
    out.put("reference.fa", tables::reference(&genome).as_bytes())?;
    out.put("genes.gff3", tables::genes(&genome).as_bytes())?;
    out.put("confident.bed", tables::confident(&genome).as_bytes())?;
    out.put("expected.tsv", tables::expected(&genome, &planted).as_bytes())?;
    for (name, text) in [
        ("truth.vcf.gz", tables::truth(&genome, &planted, &sample)),
        ("frequencies.vcf.gz", tables::frequencies(&genome, &planted, seed)),
        ("significance.vcf.gz", tables::significance(&genome, &planted, seed)),
    ] {
        out.put(name, &bgzf::compress(text.as_bytes())?)?;
    }
    let mut sums = String::new();
    let mut sheet = String::from("patient,sample,lane,fastq_1,fastq_2,sex,status,specimen_type\n");
    for (lane, made) in (1..).zip(reads::sequence(&genome, &planted, seed, plan.coverage, plan.lanes)) {
        out.made.reads += 2 * made.pairs;
        let mut names = Vec::new();
        for (mate, text) in (1..).zip(&made.mates) {
            let name = format!("reads_L{lane:03}_R{mate}.fastq.gz");
            let bytes = bgzf::compress(text)?;
            let _ = writeln!(sums, "{}  {name}", hex::encode(Md5::digest(&bytes)));
            out.put(&name, &bytes)?;
            names.push(name);
        }
        let _ = writeln!(sheet, "{patient},{sample},L{lane:03},{},XX,0,blood", names.join(","));
    }
    out.put("md5sums.txt", sums.as_bytes())?;
    out.put("samplesheet.csv", sheet.as_bytes())?;
    Ok(out.made)
}

/// Makes the folder, or makes sure that it is empty.
fn claim(dir: &Path) -> Result<()> {
    let failed = |source| Error::Write { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    match fs::read_dir(dir).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(Error::NotEmpty { path: dir.to_owned() }),
    }
}

struct Out<'a> {
    dir: &'a Path,
    made: Made,
}

impl Out<'_> {
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.dir.join(name);
        // Never over a file that appeared since the folder was looked at.
        let written = fs::File::create_new(&path).and_then(|mut file| file.write_all(bytes));
        written.map_err(|source| Error::Write { path, source })?;
        self.made.files.push(name.into());
        Ok(())
    }
}
