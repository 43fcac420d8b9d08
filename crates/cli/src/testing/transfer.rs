//! Files on their way up and down.

use super::*;
use base::{ObjectId, PackageId, ProjectId, ReadsetId, SampleId, SubjectId};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

const SHEET: &str = "patient,sample,lane,fastq_1,fastq_2\nP,S,L1,r1.fq.gz,./sub/r2.fq.gz\n";

fn package(sealed: [bool; 2], committed: bool) -> impl Fn(&Seen) -> Reply + Send + Sync {
    let [package, project] =
        [PackageId::mint(&SystemEntropy).to_string(), ProjectId::mint(&SystemEntropy).to_string()];
    move |seen| match seen.line.rsplit('/').next().unwrap() {
        "packages" => Reply::Json(
            200,
            json!({"id": package, "committed": committed, "files": [
                {"number": 0, "row": 1, "mate": 1, "name": "r1.fq.gz", "sealed": sealed[0]},
                {"number": 1, "row": 1, "mate": 2, "name": "sub/r2.fq.gz", "sealed": sealed[1]},
            ]}),
        ),
        "commit" => Reply::Json(
            200,
            json!({"id": package, "samples": [{
                "id": SampleId::mint(&SystemEntropy), "subject": SubjectId::mint(&SystemEntropy),
                "project": project, "label": "S\u{1b}[2J\u{202e}x", "readsets": [{
                    "id": ReadsetId::mint(&SystemEntropy), "lane": "L1", "reads": 4000, "bases": 600000,
                    "objects": [ObjectId::mint(&SystemEntropy), ObjectId::mint(&SystemEntropy)],
                }],
            }]}),
        ),
        _ => Reply::Json(
            200,
            json!({"object": ObjectId::mint(&SystemEntropy), "bytes": 1, "reads": 2000, "bases": 300000}),
        ),
    }
}

fn put(site: &Site) -> Came {
    let sheet = site.file("sheet.csv", SHEET);
    let manifest = site.file("md5", "x");
    let project = ProjectId::mint(&SystemEntropy);
    site.run(&format!("intake put {project} --sheet {} --manifest {}", sheet.display(), manifest.display()))
}

fn reads(site: &Site) -> [Vec<u8>; 2] {
    let reads = [vec![1u8; 700_000], vec![2u8; 3]];
    std::fs::create_dir_all(site.temp.path().join("sub")).unwrap();
    site.file("r1.fq.gz", &reads[0]);
    site.file("sub/r2.fq.gz", &reads[1]);
    reads
}

#[test]
fn a_package_goes_up_file_by_file_and_its_samples_come_back() {
    let site = Site::open(package([false, false], false));
    let reads = reads(&site);
    let came = put(&site);
    assert_eq!(came.code, 0, "{came:?}");
    let seen = site.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&seen[0].body).unwrap()["sheet"], SHEET);
    for (at, bytes) in reads.iter().enumerate() {
        assert!(
            seen[at + 1].line.starts_with("PUT ") && seen[at + 1].line.ends_with(&format!("/files/{at}"))
        );
        assert_eq!(seen[at + 1].length, Some(bytes.len().to_string()));
        assert!(seen[at + 1].body == *bytes);
        assert_eq!(seen[at + 1].authorization.as_deref(), Some("Bearer ses_secret"));
    }
    assert!(came.out.starts_with("SAMPLE") && came.out.contains("smp_") && came.out.contains("4,000"));
    assert!(came.out.contains("S\\u{1b}[2J\\u{202e}x"), "{}", came.out);
    assert!(!came.out.contains('\u{1b}') && !came.out.contains('\u{202e}'));
}

#[test]
fn what_is_sealed_is_not_sent_again() {
    let site = Site::open(package([true, false], false));
    let reads = reads(&site);
    std::fs::remove_file(site.temp.path().join("r1.fq.gz")).unwrap();
    let came = put(&site);
    assert_eq!(came.code, 0, "{came:?}");
    assert!(came.err.contains("1 of 2 files are in already"));
    let seen = site.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[1].line.ends_with("/files/1") && seen[1].body == reads[1]);

    let site = Site::open(package([true, true], true));
    assert_eq!((put(&site).code, site.seen().len()), (0, 2));
}

#[test]
fn nothing_goes_up_when_a_file_is_missing_or_a_link() {
    let site = Site::open(package([false, false], false));
    reads(&site);
    let second = site.temp.path().join("sub/r2.fq.gz");
    std::fs::remove_file(&second).unwrap();
    let came = put(&site);
    assert!(came.code == 2 && came.err.contains("(CLI-018)"), "{came:?}");
    std::os::unix::fs::symlink("/etc/hostname", &second).unwrap();
    let came = put(&site);
    assert!(came.code == 2 && came.err.contains("(CLI-019)"), "{came:?}");
    assert!(!site.lines().iter().any(|line| line.starts_with("PUT")), "{:?}", site.lines());
}

#[test]
fn a_refusal_in_the_middle_of_a_file_is_told_as_it_is() {
    for hasty in [false, true] {
        let good = package([false, false], false);
        let mut site = Site::locked(move |seen| match seen.line.starts_with("PUT") {
            true => Reply::Json(
                422,
                json!({"code": "INTAKE-009", "kind": "invalid", "message": "the file is cut", "hint": "send it whole"}),
            ),
            false => good(seen),
        });
        site.hasty = hasty;
        site.serve();
        site.sign_in();
        reads(&site);
        site.file("r1.fq.gz", vec![7u8; 20 << 20]);
        let came = put(&site);
        assert_eq!(came.code, 2, "hasty {hasty}: {came:?}");
        assert_eq!(came.err, "error: the file is cut (INTAKE-009)\nhint: send it whole\n");
        assert_eq!(site.lines().iter().filter(|line| line.starts_with("PUT")).count(), 1);
    }
}

fn get(site: &Site) -> (Came, PathBuf) {
    get_for(site, "PUBLIC")
}

fn get_for(site: &Site, kind: &str) -> (Came, PathBuf) {
    let (label, key) = (format!("CRYPT4GH {kind} KEY-----"), "Q".repeat(43));
    let key = site.file("recipient.pub", format!("-----BEGIN {label}\n{key}=\n-----END {label}\n"));
    let out = site.temp.path().join("out.c4gh");
    let object = ObjectId::mint(&SystemEntropy);
    let line = format!("object get {object} --to {} --reason why --out {}", key.display(), out.display());
    (site.run(&line), out)
}

#[test]
fn an_object_is_written_whole_for_its_owner_alone() {
    let site = Site::open(|_| Reply::Bytes(vec![9; 1 << 20]));
    let (came, out) = get(&site);
    assert_eq!(came.code, 0, "{came:?}");
    assert!(std::fs::read(&out).unwrap() == vec![9; 1 << 20]);
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let asked: serde_json::Value = serde_json::from_slice(&site.seen()[0].body).unwrap();
    assert_eq!(asked["reason"], "why");
    // A second time nothing is asked for, since nothing could be kept.
    let (came, _) = get(&site);
    assert!(came.code == 5 && came.err.contains("(CLI-021)"), "{came:?}");
    assert_eq!(site.seen().len(), 1);
}

#[test]
fn what_is_no_public_key_is_not_sent() {
    let site = Site::open(|_| Reply::Bytes(vec![9; 1 << 20]));
    for (kind, code) in [("PRIVATE", "CLI-055"), ("ENCRYPTED PRIVATE", "CLI-055"), ("OTHER", "CLI-054")] {
        let (came, out) = get_for(&site, kind);
        assert!(came.code == 2 && came.err.contains(code) && came.err.contains("hint: "), "{came:?}");
        assert!(!out.exists() && !came.err.contains("QQQ"), "{came:?}");
    }
    assert!(site.seen().is_empty());
}

#[test]
fn a_shredding_is_asked_for_when_its_certificates_can_be_kept() {
    let (project, id) = (ProjectId::mint(&SystemEntropy), base::DeletionId::mint(&SystemEntropy).to_string());
    let answer = json!({
        "project": project, "scopes": [project], "objects": 3,
        "certificates": [{"id": id, "receipt": "{}"}],
    });
    let site = Site::open(move |_| Reply::Json(200, answer.clone()));
    let shred = |out: &str| {
        let out = site.temp.path().join(out);
        site.run(&format!("keys shred --project {project} --yes --out {}", out.display()))
    };
    site.file("file", "");
    for out in ["file", "file/below"] {
        let came = shred(out);
        assert!(came.code != 0 && came.err.contains("hint: "), "{came:?}");
    }
    assert!(site.seen().is_empty(), "nothing was shredded");
    let came = shred("made/here");
    assert_eq!(came.code, 0, "{came:?}");
    let kept = site.temp.path().join("made/here").join(format!("{id}.receipt.json"));
    assert_eq!(std::fs::read(&kept).unwrap(), b"{}");
    // What cannot be written all the same: the failure says that it is done, and where the certificate is.
    let came = shred("made/here");
    assert!(came.code == 5 && came.err.contains("the keys are shredded"), "{came:?}");
    assert!(came.err.contains(&format!("receipt show {id}")), "{came:?}");
}

#[test]
fn a_cut_or_refused_download_leaves_no_file() {
    let site = Site::open(|_| Reply::Cut(vec![9; 300_000]));
    let before = std::fs::read_dir(site.temp.path()).unwrap().count();
    let (came, out) = get(&site);
    assert!(came.code == 6 && came.err.contains("(CLI-016)"), "{came:?}");
    assert!(!out.exists());
    assert_eq!(std::fs::read_dir(site.temp.path()).unwrap().count(), before + 1, "the key alone is new");

    let denied =
        json!({"code": "ACCESS-002", "kind": "denied", "message": "the policy denies `download-object`"});
    let site = Site::open(move |_| Reply::Json(403, denied.clone()));
    let (came, out) = get(&site);
    assert!(came.code == 4 && !out.exists(), "{came:?}");
}

#[test]
fn a_reference_goes_up_in_its_roles() {
    let site = Site::open(|seen| match seen.line.as_str() {
        "POST /v1/references" => Reply::Json(200, json!({"upload": "u-1"})),
        "POST /v1/references/uploads/u-1/finish" => Reply::Json(
            200,
            json!({"id": base::ReferenceId::mint(&SystemEntropy), "label": "l", "created_at": "t", "files": {}}),
        ),
        _ => Reply::Json(200, json!(5)),
    });
    let (fasta, genes) = (site.file("some.fa", ">a\nACGT\n"), site.file("models.gff3", "##gff\n"));
    let came = site.run(&format!("reference add {} --label l --genes {}", fasta.display(), genes.display()));
    assert!(came.code == 0 && came.out.starts_with("ref_") && came.out.lines().count() == 1, "{came:?}");
    let lines = site.lines();
    assert_eq!(lines[1], "PUT /v1/references/uploads/u-1/reference.fa");
    assert_eq!(lines[2], "PUT /v1/references/uploads/u-1/genes.gff3");
    assert_eq!(lines.len(), 4);
    // Names that the user gave their files stay with the user.
    assert!(!site.seen().iter().any(|s| String::from_utf8_lossy(&s.body).contains("some.fa")));
}
