//! C-VLT-01: nothing of a person in clear.

use crate::site::{Site, below, change};
use crate::{Control, Error, Play, Result};
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

pub const CONTROL: Control = Control {
    id: "C-VLT-01",
    statement: "Every stored byte of protected data is encrypted; none lies in clear in the store, the database, \
                the ledger or the log, nor in scratch while no run is on, and none can go to a core dump",
    test: "take reads in whose bases and label are known, search every file of the locked site and of scratch for \
           them, and look at what the process may dump",
    references: &["H 164.312(a)(2)(iv)", "53 SC-28(1)", "SA 2.8.01"],
    scenario,
};

/// Bases, or bytes of a compressed file, that make a canary: long enough to occur nowhere by chance.
const CANARY: usize = 32;

fn scenario(play: &mut Play) -> Result<()> {
    let site = play.site()?;
    let project = site.project("research")?;
    let package = site.package(&project, 41)?;
    let canaries = canaries(&package.from)?;
    play.does("take reads in");
    let process = site.open()?;
    let limits = format!("/proc/{}/limits", process.as_raw_nonzero());
    let limits = fs::read_to_string(&limits).map_err(Error::io(Path::new(&limits)))?;
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    let numbers: Vec<&str> = core.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    play.expect("the process may write no core dump", numbers == ["0", "0"], core);
    site.lock()?;
    play.spoil("a read is written to the log", || {
        let read = canaries.first().map(|canary| canary.bytes.clone()).unwrap_or_default();
        change(&site.folder().join("run/process.log"), |log| log.extend(read))
    })?;
    let (files, hits) = search(&site, &canaries)?;
    play.expect("files were searched for canaries", files > 10 && canaries.len() > 20, {
        format!("{files} files, {} canaries", canaries.len())
    });
    play.expect(
        "no canary is found",
        hits.is_empty(),
        match hits.first() {
            Some(hit) => format!("{} hits, the first is {hit}", hits.len()),
            None => "0 hits".to_owned(),
        },
    );
    Ok(())
}

struct Canary {
    what: &'static str,
    bytes: Vec<u8>,
}

/// The label, reads, and pieces of the compressed files as they came.
fn canaries(from: &Path) -> Result<Vec<Canary>> {
    let mut found = Vec::new();
    let sheet = from.join("samplesheet.csv");
    let sheet = fs::read_to_string(&sheet).map_err(Error::io(&sheet))?;
    let mut files = Vec::new();
    for line in sheet.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let labels = cells.iter().take(2).filter(|label| label.starts_with("CASE-"));
        found.extend(labels.map(|label| Canary { what: "a label", bytes: label.as_bytes().to_vec() }));
        files.extend(cells.iter().filter(|cell| cell.ends_with(".fastq.gz")).map(|name| from.join(name)));
    }
    for file in files {
        let packed = fs::read(&file).map_err(Error::io(&file))?;
        let pieces = packed.chunks_exact(CANARY).skip(4).step_by(packed.len() / (CANARY * 16) + 1);
        found.extend(pieces.map(|piece| Canary { what: "a piece of a file", bytes: piece.to_vec() }));
        let mut text = String::new();
        let file = File::open(&file).map_err(Error::io(&file))?;
        MultiGzDecoder::new(file).read_to_string(&mut text).map_err(Error::io(from))?;
        let reads =
            text.lines().skip(1).step_by(4 * 97).filter_map(|read| read.as_bytes().get(20..20 + CANARY));
        found.extend(reads.map(|read| Canary { what: "a read", bytes: read.to_vec() }));
    }
    // Reads first: they are what a spoiled play writes.
    found.sort_by_key(|canary| canary.what != "a read");
    Ok(found)
}

/// Files searched, and where something was found.
fn search(site: &Site, canaries: &[Canary]) -> Result<(usize, Vec<String>)> {
    let mut files = below(site.folder())?;
    let scratch = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    for entry in scratch.filter(|e| e.file_name().to_string_lossy().starts_with("sequestra-")) {
        // Another site's scratch may go while it is looked at.
        files.extend(below(&entry.path()).unwrap_or_default());
    }
    let mut hits = Vec::new();
    for file in &files {
        let bytes = fs::read(file).unwrap_or_default();
        let found =
            canaries.iter().filter(|canary| bytes.windows(canary.bytes.len()).any(|at| at == canary.bytes));
        hits.extend(found.map(|canary| format!("{} in {}", canary.what, within(site, file))));
    }
    Ok((files.len(), hits))
}

fn within(site: &Site, file: &Path) -> String {
    file.strip_prefix(site.folder()).unwrap_or(file).display().to_string()
}
