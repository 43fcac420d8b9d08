//! A run that goes well: results, figures, receipt, record, and nothing in clear.

use crate::site::{Site, a_read, case, files_below, helper, holds};
use access::thing::{self, Object};
use access::verb::{Manage, Read as ReadVerb, View};
use access::{Action, Ask, Permit};
use audit::What;
use base::{Fault, Id, Kind, ObjectId, Role, RunId, Sensitive};
use runs::State;
use std::io::Read;

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_becomes_variants_with_a_receipt_that_verifies() {
    let (site, sample, reference) = Site::ready().await;
    let id = site.start(&sample, &reference).await.unwrap();
    let queued = site.runs.show(&site.run_view(&id).await, &id).await.unwrap();
    assert!(!queued.state.is_final());

    let run = site.ended(&id).await;
    assert_eq!(run.state, State::Done, "{:#?}", (&run.error, &run.log));
    let kinds: Vec<&str> = run.results.iter().map(|(kind, _)| kind.as_str()).collect();
    for kind in
        ["alignment", "alignment-index", "variants", "variants-index", "coverage", "quality", "counts"]
    {
        assert_eq!(kinds.iter().filter(|k| **k == kind).count(), 1, "{kind} of {kinds:?}");
    }
    assert_eq!(kinds.iter().filter(|kind| **kind == "trimming").count(), 2);
    assert!(run.tasks.len() > 8 && run.tasks.iter().all(|task| task.state == "done"), "{:?}", run.tasks);
    assert!(run.resources.is_some_and(|used| used.cpu_seconds > 0.1 && used.max_memory_bytes > 1 << 20));
    assert_eq!(run.exit, Some(0));

    figures_are_sealed(&site, &run).await;
    headers_are_kept(&site, &run).await;
    variants_are_the_planted_ones(&site, object_of(&run, "variants")).await;
    receipts_verify(&site, &id, &run).await;
    the_record_is_whole(&site, &id);
    nothing_lies_in_clear(&site, &run);
    headers_go_with_keys(&site, &run).await;
}

fn object_of<'a>(run: &'a runs::RunView, kind: &str) -> &'a ObjectId {
    &run.results.iter().find(|(k, _)| k == kind).unwrap().1
}

async fn read(site: &Site, id: &ObjectId) -> Vec<u8> {
    let viewer = site.members.with(Role::Viewer);
    let permit: Permit<ReadVerb, Object> = site.spine.permit(viewer, Action::ViewVariants, id).await;
    let mut bytes = Vec::new();
    site.spine.archive.open_object(&permit, id).await.unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

async fn figures_are_sealed(site: &Site, run: &runs::RunView) {
    let id = object_of(run, "quality");
    let viewer = site.members.with(Role::Viewer);
    let permit: Permit<ReadVerb, Object> = site.spine.permit(viewer, Action::ViewVariants, id).await;
    let quality = site.runs.quality(&permit, id).await.unwrap();
    assert!(quality.reads_before > 10_000 && quality.reads <= quality.reads_before);
    assert!(quality.mapped > quality.reads / 10 * 9 && quality.duplicates > 0);
    assert!(quality.mean_coverage.is_some_and(|depth| (8.0..14.0).contains(&depth)), "{quality:?}");
    assert!(quality.q30.is_some_and(|share| share > 0.5));
    assert_eq!(quality.depth_histogram.iter().sum::<u64>(), 300_000);
    assert!(!quality.insert_sizes.is_empty() && quality.quality_by_cycle.len() > 100);
}

async fn headers_are_kept(site: &Site, run: &runs::RunView) {
    let steward = site.members.with(Role::DataSteward);
    let permit: Permit<View, thing::Project> =
        site.spine.permit(steward, Action::DiscoverIdentifiers, &site.members.project).await;
    let headers = site.runs.headers(&permit, 1).await.unwrap();
    let of = |kind| headers.iter().find(|one| one.object == *object_of(run, kind)).unwrap().text.reveal();
    let sample = run.sample.as_str();
    assert!(of("alignment").lines().any(|line| line.starts_with("@RG") && line.contains(sample)));
    let columns = of("variants").lines().last().unwrap();
    assert!(columns.starts_with("#CHROM") && columns.ends_with(sample), "{columns}");
    assert_eq!(headers.len(), 2);
    assert!(site.runs.headers(&permit, 0).await.unwrap().is_empty());

    let steward = site.members.with(Role::DataSteward);
    let shred: Permit<Manage, thing::Project> =
        site.spine.permit(steward, Action::ShredKeys, &site.members.project).await;
    let tx = site.spine.db.begin(shred.decision()).await.unwrap();
    let alignment = object_of(run, "alignment").clone();
    site.runs.forget_headers(&shred, &tx, std::slice::from_ref(&alignment)).await.unwrap();
    tx.commit().await.unwrap();
    let left = site.runs.headers(&permit, 1).await.unwrap();
    assert!(left.len() == 1 && left[0].object != alignment, "what goes with its key goes alone");
}

async fn headers_go_with_keys(site: &Site, run: &runs::RunView) {
    assert_eq!(site.runs.forget_unreadable_headers(None).await.unwrap(), 0);
    let (steward, id) = (site.members.with(Role::DataSteward), object_of(run, "variants"));
    let why = Some(Sensitive::new("as asked".to_owned()));
    let ask = Ask::<Object>::new(Action::DeleteObject, [id.clone()]).because(why);
    let permit: Permit<Manage, Object> = site.spine.access.decide(steward, ask).await.unwrap();
    let tx = site.spine.db.begin(permit.decision()).await.unwrap();
    site.spine.keys.forget_session(&permit, &tx, id).await.unwrap();
    tx.commit().await.unwrap();
    let other = object_of(run, "alignment");
    assert_eq!(site.runs.forget_unreadable_headers(Some(other)).await.unwrap(), 0);
    assert_eq!(site.runs.forget_unreadable_headers(Some(id)).await.unwrap(), 1);
    let steward = site.members.with(Role::DataSteward);
    let permit: Permit<View, thing::Project> =
        site.spine.permit(steward, Action::DiscoverIdentifiers, &site.members.project).await;
    assert!(site.runs.headers(&permit, 1).await.unwrap().is_empty());
}

async fn variants_are_the_planted_ones(site: &Site, id: &ObjectId) {
    let calls = positions(&read(site, id).await);
    let truth = positions(&std::fs::read(case().join("truth.vcf.gz")).unwrap());
    let found = truth.iter().filter(|variant| calls.contains(variant)).count();
    assert!(found * 10 > truth.len() * 8, "{found} of {} planted variants", truth.len());
    let text = String::from_utf8(unpack(&read(site, id).await)).unwrap();
    assert!(text.contains("BCSQ="), "annotated");
}

fn positions(vcf: &[u8]) -> Vec<(String, String, String, String)> {
    let text = String::from_utf8(unpack(vcf)).unwrap();
    let fields = |line: &str| {
        let part = |n: usize| line.split('\t').nth(n).unwrap().to_owned();
        (part(0), part(1), part(3), part(4))
    };
    text.lines().filter(|line| !line.starts_with('#')).map(fields).collect()
}

fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

async fn receipts_verify(site: &Site, id: &RunId, run: &runs::RunView) {
    let public = site.public();
    let viewer = site.members.with(Role::Viewer);
    let permit: Permit<View, thing::Run> = site.spine.permit(viewer, Action::ViewReceipt, id).await;
    let json = site.runs.receipts().receipt(&permit, id.as_str()).await.unwrap();
    let verified = receipt::verify(json.as_bytes(), &public).unwrap();
    let said = &verified.statement.predicate;
    assert_eq!(said.id, id.as_str());
    assert_eq!(said.inputs.len(), 4 + 8);
    assert_eq!(verified.statement.subject.len(), run.results.len());
    assert_eq!(said.tools.len(), 7);
    let version = |name: &str| said.tools.iter().find(|tool| tool.name == name).unwrap().version.clone();
    assert!(version("samtools").contains("1.") && version("bwa").contains("0.7"), "{:?}", said.tools);
    assert!(said.quality["mean_coverage"] > 8.0);
    let changed = json.replacen(id.as_str(), RunId::mint(&base::SystemEntropy).as_str(), 1).into_bytes();
    let mut flipped = json.clone().into_bytes();
    flipped[40] ^= 1;
    assert!(
        receipt::verify(&flipped, &public).is_err()
            && (changed == json.as_bytes() || receipt::verify(&changed, &public).is_err())
    );

    let permit: Permit<View, thing::Site> = site.site_view().await;
    let json = site.runs.receipts().receipt(&permit, run.reference.as_str()).await.unwrap();
    receipt::verify(json.as_bytes(), &public).unwrap();
    let refused = site.runs.receipts().receipt(&permit, id.as_str()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::NotFound);
}

fn the_record_is_whole(site: &Site, id: &RunId) {
    let history = site.spine.audit.history(id.as_str()).unwrap();
    let count = |wanted: fn(&What) -> bool| history.events.iter().filter(|e| wanted(&e.event.what)).count();
    assert_eq!(count(|what| matches!(what, What::JobStarted { closures } if closures.len() == 7)), 1);
    assert_eq!(
        count(|what| matches!(
            what,
            What::JobEnded { accepted: true, exit: Some(0), scratch_destroyed: true }
        )),
        1
    );
    assert_eq!(count(|what| matches!(what, What::ReceiptIssued { .. })), 1);
    assert!(count(|what| matches!(what, What::ObjectSealed(_))) >= 11);
}

fn nothing_lies_in_clear(site: &Site, run: &runs::RunView) {
    site.no_scratch();
    let (read, other) = (a_read(), a_read().chars().rev().collect::<String>());
    let words = [read.as_str(), other.as_str(), "CASE-0100"];
    let shown = serde_json::to_string(run).unwrap();
    let folder = site.spine.folder.path();
    let mut looked_at = 0;
    for path in files_below(folder).iter().filter(|path| !path.starts_with(folder.join("tools"))) {
        looked_at += 1;
        for word in words {
            assert!(!holds(path, word), "{} holds {word}", path.display());
        }
    }
    assert!(looked_at > 20);
    assert!(words.iter().all(|word| !shown.contains(word)));
    // The search finds what is there.
    assert!(holds(&case().join("samplesheet.csv"), "CASE-0100") && holds(helper(), "workflow-started"));
}
