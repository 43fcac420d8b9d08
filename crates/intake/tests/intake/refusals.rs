//! What is refused, why, and that nothing of it stays.

use base::{Fault, PackageId};
use intake::Error;

use crate::site::{Files, HEAD, Site, fastq, gzip, md5, name};

/// Begins a package of one pair whose first file is `bytes`, sends that, and gives the refusal.
async fn refused(site: &Site, bytes: Vec<u8>) -> Error {
    let mut files = Files::lanes(&[50]);
    files.bytes[0] = bytes;
    let files = files.signed();
    let begun = site.begin(&files).await.unwrap();
    let error = site.send(&begun.package.id, 0, &files.bytes[0]).await.unwrap_err();
    assert_eq!(site.stored(), 0, "{error}");
    give_up(site, &begun.package.id).await;
    error
}

async fn give_up(site: &Site, package: &PackageId) {
    site.door.abandon(&site.permit().await, package).await.unwrap();
    let rows = site.rows().await;
    site.assert_empty(&rows, "after giving up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_with_identifiers_leaves_a_decision_and_its_outcome_alone() {
    let site = Site::new().await;
    let analyst = site.members.with(base::Role::Analyst);
    let permit = site.permit().await;
    let decided = permit.decision();
    let sheet = "patient,patient_name,mrn,sample,lane,fastq_1,fastq_2\n\
        C-1,Zorbina Quibbleton,79213340,C-1-B,L001,a_R1.fastq.gz,a_R2.fastq.gz\n";
    let error = site.door.begin(&permit, sheet.as_bytes(), b"").await.unwrap_err();
    assert_eq!(error.code(), "INTAKE-002");
    let told = format!("{error} {error:?}");
    assert!(told.contains("column 2") && told.contains("column 3"), "{told}");
    for value in ["Zorbina", "uibbleton", "79213340"] {
        assert!(!told.contains(value), "{told}");
    }
    let rows = site.rows().await;
    site.assert_empty(&rows, "identifiers");
    let ended = access::Ended { code: Some(error.code()), ..Default::default() };
    site.spine.access.close(analyst, ended).await.unwrap();
    // A gate event waits for all before it.
    let next = site.permit().await.decision();
    assert_eq!(next - decided, 2, "a decision, an outcome, and nothing between");
    let outcome = site.spine.audit.recorded(decided + 1).unwrap().event.what;
    let failed = audit::What::Outcome {
        stored: false,
        decision: decided,
        result: audit::Outcome::Failed,
        code: Some("INTAKE-002".to_owned()),
        bytes: None,
        unwraps: None,
    };
    assert_eq!(outcome, failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn sheet_and_manifest_must_name_the_same_files() {
    let site = Site::new().await;
    let files = Files::lanes(&[10, 10]);
    let mut short = files.clone();
    short.manifest = files.manifest.lines().take(3).map(|line| format!("{line}\n")).collect();
    let error = site.begin(&short).await.unwrap_err();
    assert_eq!(error.code(), "INTAKE-003");
    let expected =
        format!("manifest: row 2, fastq_2: `{}` is in the sheet and not in the manifest", name(2, 2));
    assert!(error.to_string().contains(&expected), "{error}");

    let mut more = files.clone();
    more.manifest.push_str(&format!("{}  other.fastq.gz\n", md5(b"")));
    let error = site.begin(&more).await.unwrap_err();
    assert!(
        error.to_string().contains("`other.fastq.gz` is in the manifest and not in the sheet"),
        "{error}"
    );

    let mut single = files;
    single.sheet = format!("{HEAD}C-1,C-1-B,L001,{},,,,\n", name(1, 1));
    let error = site.begin(&single).await.unwrap_err();
    assert_eq!(error.code(), "INTAKE-001");
    assert!(error.to_string().contains("row 1, column `fastq_2`: second reads are missing"), "{error}");
    let rows = site.rows().await;
    site.assert_empty(&rows, "sheet and manifest");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_what_they_should_be_leave_nothing() {
    let site = Site::new().await;
    let whole = gzip(&fastq(1, 3000, 1));
    let cut = refused(&site, whole[..whole.len() / 2].to_vec()).await;
    assert_eq!(cut.code(), "INTAKE-005");
    assert!(cut.to_string().contains("row 1, fastq_1"), "{cut}");

    let mut text = fastq(1, 400, 1);
    let at = text.windows(7).position(|w| w == b":300:77").unwrap();
    let plus = at + text[at..].windows(3).position(|w| w == b"\n+\n").unwrap() + 1;
    text[plus] = b'x';
    let malformed = refused(&site, gzip(&text)).await;
    assert_eq!(malformed.code(), "INTAKE-006");
    assert!(
        base::fault::chain(&malformed).contains("record 301, line 1203"),
        "{}",
        base::fault::chain(&malformed)
    );

    let zeros = refused(&site, gzip(&vec![0u8; 64 << 20])).await;
    assert!(["INTAKE-006", "INTAKE-007"].contains(&zeros.code()), "{zeros:?}");
    let line = "A".repeat(1 << 20);
    let record = format!("@r\n{line}\n+\n{}\n", line.replace('A', "I"));
    let bomb = refused(&site, gzip(record.repeat(32).as_bytes())).await;
    assert_eq!(bomb.code(), "INTAKE-007");
    let plain = refused(&site, fastq(1, 10, 1)).await;
    assert_eq!(plain.code(), "INTAKE-005");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_are_named_after_a_person_leave_nothing() {
    let site = Site::new().await;
    let text = String::from_utf8(fastq(1, 400, 1)).unwrap();
    for (what, place) in [
        ("@QUIBBLETON-ZORBINA:9:HX:1:1101:300:77 1:N:0:ACGT", "record 301, character 1 of the name line"),
        ("@A01:9:HX:1:1101:300:77 sampleid=Quibbleton read=12", "record 301, character 33 of the name line"),
    ] {
        let bad = text.replace("@A01:9:HX:1:1101:300:77 1:N:0:ACGT", what);
        assert_ne!(bad, text);
        let error = refused(&site, gzip(bad.as_bytes())).await;
        assert_eq!((error.code(), error.kind()), ("INTAKE-016", base::Kind::Invalid));
        let told = format!("{error} {error:?} {:?}", error.hint());
        assert!(told.contains("row 1, fastq_1") && told.contains(place), "{told}");
        assert!(told.contains("a person's name"), "{told}");
        for value in ["UIBBLE", "uibble", "ORBINA"] {
            assert!(!told.contains(value), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_the_manifest_does_not_give_are_refused() {
    let site = Site::new().await;
    let files = Files::lanes(&[200]);
    let begun = site.begin(&files).await.unwrap();
    // The second file in place of the first: whole, well formed, and not the one.
    let swapped = site.send(&begun.package.id, 0, &files.bytes[1]).await.unwrap_err();
    assert_eq!(swapped.code(), "INTAKE-004");
    let told = swapped.to_string();
    assert!(told.contains(&md5(&files.bytes[0])) && told.contains(&md5(&files.bytes[1])), "{told}");
    assert_eq!(site.stored(), 0);
    // SHA-256 is compared just so.
    let mut sha = files.clone();
    use sha2::Digest;
    let digests = files.bytes.iter().map(|bytes| hex::encode(sha2::Sha256::digest(bytes)));
    let lines = digests.zip([name(1, 1), name(1, 2)]).map(|(digest, name)| format!("{digest} *{name}\n"));
    sha.manifest = lines.collect();
    let begun = site.begin(&sha).await.unwrap();
    let swapped = site.send(&begun.package.id, 1, &files.bytes[0]).await.unwrap_err();
    assert_eq!((swapped.code(), site.stored()), ("INTAKE-004", 0));
    assert_eq!(site.send(&begun.package.id, 1, &files.bytes[1]).await.unwrap().reads, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_pair_take_their_package_with_them() {
    let site = Site::new().await;
    let mut cases = Vec::new();
    let mut ends = Files::lanes(&[60]);
    ends.bytes.swap(0, 1);
    cases.push(("swapped", ends, "by its names the"));
    let mut fewer = Files::lanes(&[60]);
    fewer.bytes[1] = gzip(&fastq(1, 59, 2));
    cases.push(("fewer", fewer, "60 reads and the second 59"));
    let mut others = Files::lanes(&[9000]);
    let text = String::from_utf8(fastq(1, 9000, 2)).unwrap().replace(":5000:77 ", ":5001:78 ");
    others.bytes[1] = gzip(text.as_bytes());
    cases.push(("others", others, "between records 4097 and 8192"));
    for (case, files, says) in cases {
        let error = site.put(&files.signed()).await.unwrap_err();
        assert_eq!(error.code(), "INTAKE-008", "{case}: {error}");
        let told = base::fault::chain(&error);
        assert!(told.contains("row 1") && told.contains(says), "{case}: {told}");
        assert_eq!(error.withdrawn().len(), 1, "{case}");
        let rows = site.rows().await;
        site.assert_empty(&rows, case);
    }
    // What was refused bars nothing: the right files come in, and are then beyond giving up.
    let files = Files::lanes(&[60]);
    assert_eq!(site.put(&files).await.unwrap().len(), 1);
    let begun = site.begin(&files).await.unwrap();
    let late = site.door.abandon(&site.permit().await, &begun.package.id).await.unwrap_err();
    assert_eq!(late.code(), "CATALOG-004");
    assert_eq!(site.stored(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_packages_brought_stays_when_one_is_given_up() {
    let site = Site::new().await;
    let kept = site.put(&Files::lanes(&[40])).await.unwrap();
    let (rows, stored) = (site.rows().await, site.stored());
    let mut files = Files::lanes(&[40]);
    files.sheet = files.sheet.replace(",L001,", ",L777,");
    let begun = site.begin(&files).await.unwrap();
    assert_eq!(begun.package.files[0].sample, kept[0].sample);
    site.send(&begun.package.id, 0, &files.bytes[0]).await.unwrap();
    let gone = site.door.abandon(&site.permit().await, &begun.package.id).await.unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!((site.rows().await, site.stored()), (rows, stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_cannot_be_believed_refuses() {
    for (word, says) in [
        ("die", "it failed"),
        ("babble", "no answer that can be read"),
        ("quote", "no answer that can be read"),
        ("flatter", "did not judge the whole file"),
        ("hog", "without a verdict"),
        ("no-such-word", "it failed"),
    ] {
        let site = Site::with_child(word).await;
        let error = refused(&site, gzip(&fastq(1, 20_000, 1))).await;
        assert_eq!(error.code(), "INTAKE-010", "{word}: {error}");
        assert!(error.to_string().contains(says), "{word}: {error}");
    }
}
