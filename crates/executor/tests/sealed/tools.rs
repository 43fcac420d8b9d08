//! The field's own tools run inside, and a changed tool does not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use base::{Fault, Kind};
use executor::{Closure, Declared, Error, OutputKind, outputs, store};

use crate::common::{Site, on_path, quick};

/// Letters without order, the same every time.
fn letters(count: usize) -> String {
    let mut x = 88_172_645_463_325_252u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    (0..count).map(|_| ['A', 'C', 'G', 'T'][(next() % 4) as usize]).collect()
}

#[test]
fn bwa_and_samtools_align_reads_inside_a_job() {
    let site = Site::new();
    let store_dir = tempfile::tempdir().unwrap();
    let mut closures = vec![];
    for name in ["bwa", "samtools", "sh"] {
        let closure = Closure::collect(&[(name, on_path(name))], &[]).unwrap();
        let json = store::store(&closure, store_dir.path()).unwrap();
        closures.push(Closure::from_json(&json, closure.digest).unwrap());
    }
    let begun = Instant::now();
    let root = site.executor.root(store_dir.path(), &closures.iter().collect::<Vec<_>>()).unwrap();
    let built = begun.elapsed();
    let scratch = site.scratch();
    let reference = letters(20_000);
    fs::write(scratch.inputs().join("ref.fa"), format!(">chrT\n{reference}\n")).unwrap();
    let mut reads = String::new();
    for i in 0..500 {
        let at = i * 37;
        reads += &format!("@r{i}\n{}\n+\n{}\n", reference.get(at..at + 100).unwrap(), "I".repeat(100));
    }
    fs::write(scratch.inputs().join("reads.fq"), reads).unwrap();
    fs::set_permissions(scratch.inputs().join("reads.fq"), Permissions::from_mode(0o600)).unwrap();
    let script = "set -e; bwa index -p /work/ref /in/ref.fa; bwa mem -t 2 /work/ref /in/reads.fq > /work/x.sam; \
                  samtools sort -@ 2 -o /out/x.bam /work/x.sam; samtools view -c -F 4 /out/x.bam";
    let begun = Instant::now();
    let (finished, said) = site.limited(&root, &scratch, script, quick());
    println!(
        "root {built:?}, job {:?}, cpu {:?}, memory {}",
        begun.elapsed(),
        finished.cpu,
        finished.max_rss
    );
    assert!(finished.success(), "{finished:?}");
    assert_eq!(said.lines().last(), Some("500"));
    assert!(finished.cpu.as_millis() > 0 && finished.max_rss > 1 << 20, "{finished:?}");
    let declared = [Declared { name: "x.bam".to_owned(), kind: OutputKind::Bam, required: true }];
    let found = outputs::collect(&scratch.outputs(), &declared).unwrap();
    assert!(found[0].len > 1000);
    drop(found);

    // The same file without its last block: samtools would read it and say nothing.
    let path = scratch.outputs().join("x.bam");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 28]).unwrap();
    let error = outputs::collect(&scratch.outputs(), &declared).unwrap_err();
    assert!(matches!(&error, Error::Output { why, .. } if why.contains("cut")), "{error}");
    scratch.destroy().unwrap();
}

#[test]
fn a_tool_says_its_version_inside_the_walls() {
    let site = Site::new();
    let expected =
        [("samtools", vec!["samtools", "--version"], "samtools 1."), ("bwa", vec!["bwa"], "Version: 0.")];
    for (name, argv, begin) in expected {
        let closure = Closure::collect(&[(name, on_path(name))], &[]).unwrap();
        let said = site.executor.probe_version(site.executor.root_here(&[&closure]).unwrap(), &argv).unwrap();
        assert!(said.starts_with(begin), "{said}");
    }
    let closure = Closure::collect(&[("true", on_path("true"))], &[]).unwrap();
    let root = site.executor.root_here(&[&closure]).unwrap();
    assert!(matches!(site.executor.probe_version(root, &["true"]), Err(Error::NoVersion)));
}

#[test]
fn a_tool_that_changed_by_one_byte_does_not_start() {
    let site = Site::new();
    let store_dir = tempfile::tempdir().unwrap();
    let closure = Closure::collect(&[("bwa", on_path("bwa"))], &[]).unwrap();
    store::store(&closure, store_dir.path()).unwrap();
    drop(site.executor.root(store_dir.path(), &[&closure]).unwrap());
    let entry = closure.entries.iter().find(|e| e.path == "/usr/bin/bwa").unwrap();
    let executor::Item::File { blake3, .. } = entry.item else { panic!("not a file") };
    let path = store::path_in(store_dir.path(), blake3);
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, &bytes).unwrap();
    let error = site.executor.root(store_dir.path(), &[&closure]).unwrap_err();
    assert!(matches!(&error, Error::ToolChanged { path, .. } if path == "/usr/bin/bwa"), "{error}");
    assert_eq!((error.kind(), error.code()), (Kind::Integrity, "EXEC-003"));
    assert_eq!(fs::read_dir(&site.memory).unwrap().count(), 0, "nothing of the refused root is left");
}

#[test]
fn two_tools_with_different_files_at_one_path_do_not_share_a_job() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let mut closures = vec![];
    for (at, text) in [("a", "1"), ("b", "2")] {
        let script = folder.path().join(at);
        fs::write(&script, format!("#!/bin/sh\necho {text}\n")).unwrap();
        closures.push(Closure::collect(&[("tool", script)], &[]).unwrap());
    }
    site.executor.root_here(&[&closures[0]]).unwrap();
    let error = site.executor.root_here(&[&closures[0], &closures[1]]).unwrap_err();
    assert!(matches!(&error, Error::Clash { path } if path == "/usr/bin/tool"), "{error}");
}

#[test]
fn a_job_costs_little_beyond_its_work() {
    let site = Site::new();
    let root = site.shell(&[]);
    let begun = Instant::now();
    let scratch = site.scratch();
    let mounted = begun.elapsed();
    let (finished, _) = site.sh(&root, &scratch, "exit 0");
    let ran = begun.elapsed() - mounted;
    scratch.destroy().unwrap();
    let whole = begun.elapsed();
    println!("scratch {mounted:?}, job {ran:?}, end {:?}, together {whole:?}", whole - mounted - ran);
    assert!(finished.success());
    assert!(whole.as_secs() < 5, "{whole:?}");
}
