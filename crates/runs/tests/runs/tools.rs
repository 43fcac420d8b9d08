//! Tools and references: registered once, checked before each use.

use crate::site::{Site, case, files_below};
use base::{Fault, Kind};
use runs::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn here(name: &str) -> PathBuf {
    ["/usr/bin", "/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_registered_once_and_its_newest_closure_is_current() {
    let site = Site::bare().await;
    let plain = [("cat".to_owned(), here("cat"))];
    let first = site.add_tool("reader", &plain).await.unwrap();
    assert!(first.version.contains("coreutils"), "{}", first.version);
    assert_eq!(site.add_tool("reader", &plain).await.unwrap().id, first.id);

    let more = [("cat".to_owned(), here("cat")), ("wc".to_owned(), here("wc"))];
    let second = site.add_tool("reader", &more).await.unwrap();
    assert!(second.id != first.id && second.closure != first.closure);
    let current = |tools: Vec<runs::Tool>| tools.into_iter().find(|tool| tool.current).unwrap().id;
    let view = site.site_view().await;
    let all = site.runs.tools(&view).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(current(all), second.id);
    site.add_tool("reader", &plain).await.unwrap();
    assert_eq!(current(site.runs.tools(&view).await.unwrap()), first.id, "registered again");

    for name in ["", "a b", "../x", &"x".repeat(41)] {
        assert!(matches!(site.add_tool(name, &plain).await, Err(Error::ToolName(_))), "{name:?}");
    }
    let absent = [("cat".to_owned(), PathBuf::from("/nowhere/cat"))];
    assert!(site.add_tool("reader", &absent).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tool_refuses_the_start_by_name_until_it_is_registered_again() {
    let (site, sample, reference) = Site::ready().await;
    let bodies = site.bodies();
    let view = site.site_view().await;
    let tools = site.runs.check_tools(&view).await.unwrap();
    let fastp = tools.iter().find(|tool| tool.name == "fastp").unwrap();

    // One byte of the stored program.
    let name = blake3::hash(&fs::read(here("fastp")).unwrap()).to_hex().to_string();
    let stored = files_below(&site.spine.folder.path().join("tools"));
    let stored = stored.iter().find(|path| path.ends_with(&name)).expect("the stored program");
    let mut bytes = fs::read(stored).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(stored, Permissions::from_mode(0o600)).unwrap();
    fs::write(stored, &bytes).unwrap();

    for refused in
        [site.start(&sample, &reference).await.unwrap_err(), site.runs.check_tools(&view).await.unwrap_err()]
    {
        assert_eq!((refused.kind(), refused.code()), (Kind::Integrity, "RUNS-006"));
        assert!(refused.to_string().contains("`fastp`"), "{refused}");
        assert!(refused.hint().unwrap().contains("tool add fastp"));
    }
    assert_eq!(site.bodies(), bodies);
    let members = site.spine.view(&site.members).await;
    assert!(site.runs.list(&members).await.unwrap().is_empty(), "there is no run");

    let again = site.add_tool("fastp", &[("fastp".to_owned(), here("fastp"))]).await.unwrap();
    assert_eq!(again.id, fastp.id);
    site.runs.check_tools(&view).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_prepared_behind_the_walls_or_not_at_all() {
    let site = Site::with_tools().await;
    let files = ["reference.fa", "genes.gff3", "frequencies.vcf.gz", "significance.vcf.gz"];
    let id = site.add_reference(&files).await.unwrap();
    let reference = site.spine.catalog.reference(&id).await.unwrap();
    assert_eq!(reference.files.len(), 13);
    for role in
        ["reference.fa", "reference.fa.bwt", "genes.gff3", "frequencies.vcf.gz", "significance.vcf.gz.tbi"]
    {
        assert!(reference.file(role).is_some(), "{role}");
    }
    let bodies = site.bodies();
    assert_eq!(bodies, 2 * 13);

    let view = site.site_view().await;
    let none = site.add_reference(&["genes.gff3"]).await.unwrap_err();
    assert_eq!(none.code(), "RUNS-009");
    // A variant set in the place of the gene models does not load.
    let permit = site.spine.permit(&site.approver, access::Action::RegisterReference, &site.spine.site).await;
    let mut upload = site.runs.begin_reference(&permit, "Broken").await.unwrap();
    let fasta = || fs::File::open(case().join("reference.fa")).unwrap();
    upload.write_file(runs::ReferenceRole::Sequence, fasta()).unwrap();
    assert_eq!(upload.write_file(runs::ReferenceRole::Sequence, fasta()).unwrap_err().code(), "RUNS-009");
    upload.write_file(runs::ReferenceRole::Genes, &b"##gff-version 3\n"[..]).unwrap();
    let broken = upload.finish(permit, |_| ()).await.unwrap_err();
    assert_eq!(broken.code(), "RUNS-011");
    assert!(
        broken.to_string().contains("check_genes") && broken.hint().unwrap().contains("refused"),
        "{broken}"
    );
    assert_eq!(site.bodies(), bodies, "nothing of it was kept");
    assert_eq!(site.spine.catalog.references(&view).await.unwrap().len(), 1);
    site.no_scratch();
    assert!(runs::ReferenceRole::parse("passwd").is_err());
}
