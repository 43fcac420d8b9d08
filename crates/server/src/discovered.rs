//! Identifiers in what is stored already. Specification: `docs/spec/discovery.md`.

use crate::attend::Signed;
use crate::body::{blocking, id};
use crate::{Failure, Site, discovery};
use access::thing::Project as ProjectThing;
use access::verb::{Sees, View};
use access::{Action, Permit};
use api::subject::{Discovered, DiscoveredAt};
use axum::Json as Answer;
use axum::extract::{Path, State};
use base::{Id, ProjectId};
use runs::RunView;
use runs::header::Form;
use screen::{Finding, Place, Reason, finding, label};
use screen::{screen_file_name, screen_log, screen_sam_header, screen_text, screen_vcf_header};

/// Runs whose logs and headers of results are looked at, the newest.
const RUNS: u16 = 1_000;

pub(crate) async fn look(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
) -> Result<Answer<Discovered>, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<View, ProjectThing> =
        site.permit(&caller, Action::DiscoverIdentifiers, &project).await?;
    let words = words(&site, &permit, &project).await?;
    let (looked, findings) = (words.len() as u64, blocking(move || screened(&words)).await?);
    let mut findings: Vec<DiscoveredAt> = findings.into_iter().map(|(_, one)| one).collect();
    findings.sort_by(|a, b| (&a.about, &a.what).cmp(&(&b.about, &b.what)));
    Ok(Answer(Discovered { looked, findings, by_itself: discovery::last(&site, &project) }))
}

/// Where a word is, for counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    Project,
    Label,
    File,
    Consent,
    Run,
    Header,
}

/// What a word is taken for.
enum As {
    Text,
    Label,
    FileName,
    Log,
    Header(Form),
}

/// A word that is stored, and where.
pub(crate) struct Word {
    place: Where,
    about: String,
    what: String,
    text: String,
    kind: As,
}

/// Everything that is looked at.
pub(crate) async fn words<V: Sees>(
    site: &Site,
    permit: &Permit<V, ProjectThing>,
    project: &ProjectId,
) -> Result<Vec<Word>, Failure> {
    let mut all = Vec::new();
    let mut add = |place: Where, about: &str, what: &str, text: String, kind: As| {
        all.push(Word { place, about: about.to_owned(), what: what.to_owned(), text, kind });
    };
    let own = site.catalog.project(permit).await?;
    add(Where::Project, project.as_str(), "name of the project", own.name, As::Text);
    add(Where::Project, project.as_str(), "consent reference of the project", own.consent, As::Text);
    for subject in site.catalog.subjects(permit).await? {
        add(Where::Label, subject.id.as_str(), "label", subject.label.into_revealed(), As::Label);
    }
    for sample in site.catalog.samples(permit).await? {
        add(Where::Label, sample.id.as_str(), "label", sample.label.into_revealed(), As::Label);
    }
    for (package, number, name) in site.catalog.file_names(permit).await? {
        add(
            Where::File,
            package.as_str(),
            &format!("name of file {number}"),
            name.into_revealed(),
            As::FileName,
        );
    }
    for (subject, standing) in site.subjects.standings(permit).await? {
        if let Some(consent) = standing.consent() {
            add(Where::Consent, subject.as_str(), "form of the consent", consent.form.clone(), As::Label);
        }
    }
    let mut runs = site.runs.list(permit).await?;
    runs.sort_by(|a, b| b.created_at.cmp(&a.created_at));
    for run in runs.into_iter().take(RUNS.into()) {
        for (what, text) in of_run(&run) {
            add(Where::Run, run.id.as_str(), &what, text, As::Log);
        }
    }
    for header in site.runs.headers(permit, RUNS.into()).await? {
        let (text, kind) = (header.text.into_revealed(), As::Header(header.form));
        add(Where::Header, header.object.as_str(), "header", text, kind);
    }
    Ok(all)
}

/// What tools and people said in a run.
fn of_run(run: &RunView) -> Vec<(String, String)> {
    let parameters = run.parameters.iter().map(|(name, value)| (format!("parameter {name}"), value.clone()));
    let failure = run.error.iter().flat_map(|error| {
        let hint = error.hint.clone().map(|hint| ("hint of the failure".to_owned(), hint));
        [("message of the failure".to_owned(), error.message.clone())].into_iter().chain(hint)
    });
    let log = (1..)
        .zip(&run.log)
        .map(|(number, line): (u32, _)| (format!("line {number} of the log"), line.clone()));
    parameters.chain(failure).chain(log).collect()
}

pub(crate) fn screened(words: &[Word]) -> Vec<(Where, DiscoveredAt)> {
    let mut found = Vec::new();
    for word in words {
        let label = |text: &str| {
            let one = |reason: Reason| Finding {
                place: Place::Line { line: 1, column: 1 },
                reason,
                preview: finding::shape(text),
            };
            label::identifier(text).map(one).into_iter().collect::<Vec<_>>()
        };
        let findings = match word.kind {
            As::Text => screen_text(&word.text),
            As::Label => label(&word.text),
            As::FileName => screen_file_name(&word.text),
            As::Log => screen_log(&word.text),
            As::Header(Form::Sam) => screen_sam_header(&word.text),
            As::Header(Form::Vcf) => screen_vcf_header(&word.text),
        };
        found.extend(findings.into_iter().map(|one| {
            let found = DiscoveredAt {
                about: word.about.clone(),
                what: word.what.clone(),
                looks_like: one.reason.phrase().to_owned(),
                shape: one.preview,
                advice: one.reason.advice().to_owned(),
            };
            (word.place, found)
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, kind: As) -> Word {
        Word { place: Where::Label, about: "smp_1".into(), what: "label".into(), text: text.into(), kind }
    }

    #[test]
    fn each_word_is_judged_as_what_it_is_and_no_value_is_told() {
        let words = [
            word("Heart cohort", As::Text),
            word("of zorbina@ward.example", As::Text),
            word("CASE-0100", As::Label),
            word("79213340", As::Label),
            word("reads_L001_R1.fastq.gz", As::FileName),
            word("Quibbleton_Zorbina_19900130.fastq.gz", As::FileName),
            word("[M::main] Version: 0.7.17", As::Log),
            word("cannot open /srv/cohort/zorb/x.bam", As::Log),
            word("@HD\tVN:1.6\n@RG\tID:1\tSM:smp_0123456789abcdefghjk\n", As::Header(Form::Sam)),
            word("@HD\tVN:1.6\n@RG\tID:1\tSM:Quibbleton_Zorbina\n", As::Header(Form::Sam)),
            word("##fileformat=VCFv4.3\n##call=run -o /srv/cohort/zorb/x.vcf\n", As::Header(Form::Vcf)),
        ];
        let found = screened(&words);
        assert_eq!(found.len(), 6, "{found:?}");
        let told = format!("{found:?}");
        for value in ["zorbina", "79213340", "Quibbleton", "cohort"] {
            assert!(!told.to_lowercase().contains(&value.to_lowercase()), "{told}");
        }
        assert_eq!(found[1].1.shape, "99999999");
    }
}
