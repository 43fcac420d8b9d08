//! What must not happen, shown not to happen.

use super::Case;
use super::people::Role;
use super::stage::{Stage, text_of};
use anyhow::{Context, Result, ensure};
use intake::manifest::Digest;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub fn show(stage: &mut Stage<'_>, case: &Case, data: &Path) -> Result<()> {
    identifiers(stage, case, data)?;
    half_a_file(stage, case, data)?;
    wrong_checksum(stage, case, data)?;
    changed_tool(stage, case)?;
    viewer_downloads(stage, case)?;
    no_record_no_act(stage, case)
}

fn identifiers(stage: &mut Stage<'_>, case: &Case, data: &Path) -> Result<()> {
    stage.say("Refused: a sheet with names and record numbers. Nothing is stored.");
    let folder = copy(stage, data, "named")?;
    let sheet = fs::read_to_string(folder.join("samplesheet.csv"))?;
    let mut lines = sheet.lines();
    let head = lines.next().context("the sheet is empty")?;
    let row = lines.next().context("the sheet has no row")?;
    let named = format!("patient_name,mrn,{head}\nFamily Given,MRN 00123456,{row}\n");
    fs::write(folder.join("samplesheet.csv"), named)?;
    put(stage, case, &folder, "INTAKE")
}

fn half_a_file(stage: &mut Stage<'_>, case: &Case, data: &Path) -> Result<()> {
    stage.say("Refused: a FASTQ cut in half, though its checksum is that of the half.");
    let folder = copy(stage, data, "cut")?;
    let fastq = first_fastq(&folder)?;
    let bytes = fs::read(&fastq)?;
    let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
    fs::write(&fastq, half)?;
    relabel(&folder)?;
    remake_manifest(&folder)?;
    put(stage, case, &folder, "is not a whole one")
}

fn wrong_checksum(stage: &mut Stage<'_>, case: &Case, data: &Path) -> Result<()> {
    stage.say("Refused: a file that does not have the generator's checksum.");
    let folder = copy(stage, data, "flipped")?;
    relabel(&folder)?;
    let manifest = folder.join("md5sums.txt");
    let text = fs::read_to_string(&manifest)?;
    let other = if text.starts_with('0') { "1" } else { "0" };
    fs::write(&manifest, format!("{other}{}", text.get(1..).context("the manifest is empty")?))?;
    put(stage, case, &folder, "does not have the digest")
}

fn changed_tool(stage: &mut Stage<'_>, case: &Case) -> Result<()> {
    stage.say("Refused: a tool whose stored binary changed by one byte. No job starts.");
    let largest = largest_file(&stage.site().join("tools"))?;
    let original = fs::read(&largest)?;
    let mut changed = original.clone();
    let middle = changed.len() / 2;
    if let Some(byte) = changed.get_mut(middle) {
        *byte ^= 1;
    }
    rewrite(&largest, &changed)?;
    let start = ["germline", "--sample", &case.sample, "--reference", &case.reference, "--wait"];
    let told = stage.refused(Role::Analyst, "run start", &start);
    rewrite(&largest, &original)?;
    expect(&told?, "RUNS")
}

fn viewer_downloads(stage: &mut Stage<'_>, case: &Case) -> Result<()> {
    stage.say("Refused: a viewer who asks to download. The refusal is on record.");
    let object = stage.object(Role::Viewer, &case.sample, "variants")?;
    let key = stage.room().join("recipient.pub");
    let get = [object.as_str(), "--to", text_of(&key)?, "--reason", "curiosity"];
    let told = stage.refused(Role::Viewer, "object get", &get)?;
    expect(&told, "ACCESS-")?;
    stage.act(Role::Steward, "audit search", &["--about", &object])
}

/// The kernel is told to fail every further write of the site's process, as a full disk would.
fn no_record_no_act(stage: &mut Stage<'_>, case: &Case) -> Result<()> {
    stage.say("Refused: a read while the ledger cannot be written. No record, no act.");
    let pid = Pid::from_raw(stage.process()?).context("the site's process has no id")?;
    let none = Rlimit { current: Some(0), maximum: None };
    prlimit(Some(pid), Resource::Fsize, none).context("cannot limit the site's process")?;
    let told = stage.refused(Role::Analyst, "variant query", &["--sample", &case.sample])?;
    expect(&told, "AUDIT-")?;
    stage.say("The process ended itself. With the ledger writable again, the next command goes on.");
    wait_until_gone(stage.site());
    stage.act(Role::Analyst, "variant query", &["--sample", &case.sample, "--count"])
}

fn put(stage: &mut Stage<'_>, case: &Case, folder: &Path, code: &str) -> Result<()> {
    let (sheet, manifest) = (folder.join("samplesheet.csv"), folder.join("md5sums.txt"));
    let args = [&case.project, "--sheet", text_of(&sheet)?, "--manifest", text_of(&manifest)?];
    let told = stage.refused(Role::Analyst, "intake put", &args)?;
    fs::remove_dir_all(folder)?;
    expect(&told, code)
}

fn expect(told: &[String], code: &str) -> Result<()> {
    ensure!(told.iter().any(|line| line.contains(code)), "it was refused for another reason than {code}");
    ensure!(told.iter().any(|line| line.starts_with("hint:")), "it was refused without a hint");
    Ok(())
}

fn copy(stage: &Stage<'_>, data: &Path, name: &str) -> Result<PathBuf> {
    let folder = stage.room().join(name);
    fs::create_dir(&folder)?;
    for entry in fs::read_dir(data)? {
        let path = entry?.path();
        let wanted = path.extension().is_some_and(|e| e == "gz" || e == "csv" || e == "txt");
        if let Some(file) = path.file_name().filter(|_| wanted && path.is_file()) {
            fs::copy(&path, folder.join(file))?;
            fs::set_permissions(folder.join(file), fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(folder)
}

/// Another sample, so that the package is a new one.
fn relabel(folder: &Path) -> Result<()> {
    let path = folder.join("samplesheet.csv");
    let sheet = fs::read_to_string(&path)?;
    Ok(fs::write(&path, sheet.replace(",L001,", ",L009,"))?)
}

fn first_fastq(folder: &Path) -> Result<PathBuf> {
    let sheet = fs::read_to_string(folder.join("samplesheet.csv"))?;
    let row = sheet.lines().nth(1).context("the sheet has no row")?;
    let name = row.split(',').find(|cell| cell.ends_with(".gz")).context("the sheet names no file")?;
    Ok(folder.join(name))
}

fn remake_manifest(folder: &Path) -> Result<()> {
    let path = folder.join("md5sums.txt");
    let manifest = fs::read_to_string(&path)?;
    let mut lines = String::new();
    let unlike = Digest::parse(&"0".repeat(32)).context("32 digits are an MD5")?;
    for line in manifest.lines() {
        let name = line.split_whitespace().nth(1).context("the manifest has an empty line")?;
        let mut hasher = unlike.hasher();
        hasher.update(&fs::read(folder.join(name))?);
        let digest = hasher.finish();
        lines.push_str(&format!("{digest}  {name}\n"));
    }
    Ok(fs::write(path, lines)?)
}

fn largest_file(folder: &Path) -> Result<PathBuf> {
    let mut largest = None;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                largest = largest.max(Some((entry.metadata()?.len(), entry.path())));
            }
        }
    }
    Ok(largest.context("no tool is stored")?.1)
}

fn rewrite(path: &Path, bytes: &[u8]) -> Result<()> {
    let mode = fs::metadata(path)?.permissions();
    fs::remove_file(path)?;
    fs::write(path, bytes)?;
    Ok(fs::set_permissions(path, mode)?)
}

fn wait_until_gone(site: &Path) {
    let socket = site.join("run").join(crate::layout::Layout::SOCKET);
    for _ in 0..100 {
        if !socket.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
