//! The whole story, by the ordinary commands: each is printed, run as a program of its own, and
//! timed. What must be refused is shown to be refused.
//!
//! * `stage`: runs one command and shows it
//! * `people`: who acts in the story
//! * `refusals`: what must not happen

mod people;
mod refusals;
mod stage;

use crate::error::Error;
use anyhow::{Context, Result};
use cli::{Console, DemoArgs};
use people::Role;
use stage::{Stage, text_of};
use std::fs;
use std::path::{Path, PathBuf};

/// What the story makes on its way.
struct Case {
    project: String,
    reference: String,
    sample: String,
    run: String,
}

/// Runs the story.
pub fn run(args: &DemoArgs, console: &mut Console) -> Result<()> {
    let room = tempfile::Builder::new().prefix("sequestra-demo-").tempdir()?;
    let room_path = room.path().to_owned();
    let site = match &args.site {
        Some(site) => std::path::absolute(site)?,
        None => room_path.join("site"),
    };
    if fs::read_dir(&site).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::NotEmpty(site).into());
    }
    if let Some(data) = &args.data {
        has_data(data)?;
    }
    let mut stage = Stage::new(console, &site, &room_path, args.json)?;
    let told = story(&mut stage, args.data.as_deref());
    stage.stop();
    told?;
    let kept = args.keep || args.site.is_some();
    stage.finish(kept)?;
    if kept {
        // The passphrase and the sessions stay with the site that they open.
        let _ = room.keep();
    }
    Ok(())
}

/// Before seconds of work: the folder has what the story reads.
fn has_data(data: &Path) -> Result<(), Error> {
    let lacks = |file: &&str| !data.join(file).is_file();
    match ["samplesheet.csv", "md5sums.txt", "reference.fa"].into_iter().find(lacks) {
        Some(file) => Err(Error::NoData { folder: data.to_owned(), file }),
        None => Ok(()),
    }
}

fn story(stage: &mut Stage<'_>, data: Option<&Path>) -> Result<()> {
    let data = match data {
        Some(data) => std::path::absolute(data)?,
        None => made_data(stage)?,
    };
    people::gather(stage)?;
    let case = prepare(stage, &data)?;
    let case = analyse(stage, case)?;
    results(stage, &case)?;
    proofs(stage, &case)?;
    release(stage, &case)?;
    refusals::show(stage, &case, &data)?;
    stage.act(Role::Administrator, "site status", &[])?;
    stage.act(Role::Administrator, "site lock", &[])?;
    Ok(())
}

fn made_data(stage: &mut Stage<'_>) -> Result<PathBuf> {
    let folder = stage.room().join("data");
    stage.say("Reads: a small case is made on the spot, the same for the same seed.");
    stage.alone(&["demo-data", text_of(&folder)?, "--seed", "1"])?;
    Ok(folder)
}

/// A project, its reads and a reference.
fn prepare(stage: &mut Stage<'_>, data: &Path) -> Result<Case> {
    let project = people::project(stage)?;
    stage.say("Tools are registered once, each with everything it loads, as one digest.");
    stage.act(Role::Approver, "tool add", &["--all"])?;
    stage.say("A reference is registered once: indexed in a sealed job, kept as sealed objects.");
    let fasta = data.join("reference.fa");
    let mut add = vec![text_of(&fasta)?.to_owned(), "--label".into(), "demo reference".into()];
    for (file, option) in [
        ("genes.gff3", "--genes"),
        ("frequencies.vcf.gz", "--frequencies"),
        ("significance.vcf.gz", "--significance"),
    ] {
        let path = data.join(file);
        if path.exists() {
            add.extend([option.to_owned(), text_of(&path)?.to_owned()]);
        } else {
            stage.say(&format!("There is no {file}: that annotation is skipped."));
        }
    }
    stage.act(Role::Approver, "reference add", &add.iter().map(String::as_str).collect::<Vec<_>>())?;
    let reference = stage.id(Role::Approver, &["reference", "list"])?;
    stage.say("Reads come in through the controlled door: checked whole, verified, sealed, then visible.");
    let (sheet, manifest) = (data.join("samplesheet.csv"), data.join("md5sums.txt"));
    let put = [&project, "--sheet", text_of(&sheet)?, "--manifest", text_of(&manifest)?];
    stage.act(Role::Analyst, "intake put", &put)?;
    stage.say("Sending the same package again is harmless.");
    stage.act(Role::Analyst, "intake put", &put)?;
    let sample = stage.id(Role::Analyst, &["sample", "list", &project])?;
    Ok(Case { project, reference, sample, run: String::new() })
}

fn analyse(stage: &mut Stage<'_>, case: Case) -> Result<Case> {
    stage.say("One workflow, inside one sealed job: no network, encrypted scratch, pinned tools.");
    let start = ["germline", "--sample", &case.sample, "--reference", &case.reference, "--wait"];
    stage.act(Role::Analyst, "run start", &start)?;
    let run = stage.id(Role::Analyst, &["run", "list", &case.project])?;
    stage.act(Role::Analyst, "run show", &[&run])?;
    Ok(Case { run, ..case })
}

fn results(stage: &mut Stage<'_>, case: &Case) -> Result<()> {
    stage.say("The called variants lie in an encrypted lake; each rank comes with its reasons.");
    stage.act(Role::Analyst, "variant query", &["--sample", &case.sample, "--limit", "5", "--why"])?;
    stage.act(Role::Analyst, "variant query", &["--sample", &case.sample, "--count"])?;
    let report = stage.room().join("report.html");
    stage.act(Role::Viewer, "report show", &[&case.sample, "--out", text_of(&report)?])?;
    Ok(())
}

fn proofs(stage: &mut Stage<'_>, case: &Case) -> Result<()> {
    stage
        .say("Every result has a signed receipt. It verifies with the file and the site's public key alone.");
    let receipt = stage.room().join("receipt.json");
    stage.act(Role::Analyst, "receipt show", &[&case.run, "--out", text_of(&receipt)?])?;
    let key = stage.site().join("site.pub");
    stage.alone(&["receipt", "verify", text_of(&receipt)?, "--site-key", text_of(&key)?])?;
    stage.say("A receipt with one byte changed is none.");
    let forged = stage.room().join("forged.json");
    let mut bytes = fs::read(&receipt).context("the receipt is not there")?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    fs::write(&forged, bytes)?;
    stage.refused_alone(&["receipt", "verify", text_of(&forged)?, "--site-key", text_of(&key)?])?;
    stage.say("Who did what to this sample: in order, complete by proof.");
    stage.act(Role::Steward, "audit search", &["--about", &case.sample])?;
    let checkpoint = stage.room().join("checkpoint.txt");
    stage.act(Role::Auditor, "ledger checkpoint", &["--out", text_of(&checkpoint)?])?;
    stage.act(Role::Auditor, "ledger verify", &["--against", text_of(&checkpoint)?])?;
    Ok(())
}

fn release(stage: &mut Stage<'_>, case: &Case) -> Result<()> {
    stage.say("What leaves is re-addressed to a recipient's key, with a reason, on record.");
    let recipient = people::recipient(stage)?;
    let object = stage.object(Role::Exporter, &case.sample, "variants")?;
    let out = stage.room().join("variants.vcf.gz.c4gh");
    let reason = "second opinion";
    let get = [object.as_str(), "--to", text_of(&recipient)?, "--reason", reason, "--out", text_of(&out)?];
    stage.act(Role::Exporter, "object get", &get)?;
    stage.say("Any Crypt4GH tool opens it: crypt4gh decrypt --sk recipient.sec < variants.vcf.gz.c4gh");
    people::open_released(stage, &out)
}
