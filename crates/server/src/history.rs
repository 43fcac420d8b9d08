//! Histories: who did what to a thing.

use crate::attend::Signed;
use crate::body::{Asked, blocking, id};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::{self, Thing};
use access::verb::View;
use access::{Action, Ask, Caller, Ended, Permit};
use api::record::{Decision, Entry, Erased, History, Search};
use audit::field::{Whose, Words};
use audit::{Actor, Completeness, Cursor, Event, FieldSealer, Hit, Outcome, Page, Question, Recorded, What};
use axum::Json as Answer;
use axum::extract::State;
use base::{ProjectId, UserId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, BTreeSet};

/// Most events of one answer.
const MOST: usize = 10_000;
/// Events when the question does not say.
const USUAL: usize = 1000;

pub(crate) async fn search(
    State(site): State<Site>,
    Signed(caller): Signed,
    Asked(body): Asked<Search>,
) -> Result<Answer<History>, Failure> {
    let mut question = question_of(&body)?;
    let cursor = body.cursor.as_deref().map(str::parse::<Cursor>).transpose()?;
    let reach = decide(&site, &caller, &question).await?;
    question.within.clone_from(&reach.project);
    let limit = body.limit.unwrap_or(USUAL).clamp(1, MOST);
    let audit = site.audit.clone();
    let (page, proofs) = blocking(move || {
        let page = audit.search(&question, cursor, limit)?;
        let proofs = if body.proof { Some(Proofs::of(&audit, &page)?) } else { None };
        Ok::<_, audit::Error>((page, proofs))
    })
    .await??;
    let names = names_of(&site, page.hits.iter().map(|hit| &hit.recorded.event.actor)).await?;
    let Page { hits, chains, size, from, next, completeness, .. } = page;
    let (checkpoint, mut proofs) = match proofs {
        Some(proofs) => (Some(proofs.checkpoint), proofs.each.into_iter().map(Some).collect()),
        None => (None, vec![None; hits.len()]),
    };
    let mut events = Vec::with_capacity(hits.len());
    for (hit, proof) in hits.into_iter().zip(proofs.drain(..)) {
        events.push(Entry {
            leaf: proof.as_ref().and_then(|_| String::from_utf8(hit.leaf).ok()),
            proof,
            ..entry(&site, hit.recorded, &names, &reach).await
        });
    }
    let (complete, broken, why_not) = told(&completeness);
    Ok(Answer(History {
        events,
        chains: chains.into_iter().collect(),
        size,
        from,
        complete,
        broken,
        why_not,
        cursor: next.map(|next| next.to_string()),
        checkpoint,
    }))
}

pub(crate) fn question_of(body: &Search) -> Result<Question, Failure> {
    fn parse<T: std::str::FromStr>(field: &'static str, text: Option<&String>) -> Result<Option<T>, Failure>
    where
        T::Err: std::fmt::Display,
    {
        let refuse = |e: T::Err| Error::Value { field, why: e.to_string(), how: None };
        Ok(text.map(|text| text.parse().map_err(refuse)).transpose()?)
    }
    for chain in [&body.about, &body.actor].into_iter().flatten() {
        if !is_id(chain) {
            return Err(Error::Id("not the id of a thing that has a history".into()).into());
        }
    }
    if let Some(word) = body.action.as_deref().filter(|word| !is_action(word)) {
        let why = format!("no act and no kind of event is called `{}`", shown(word));
        let how = "docs/spec/audit.md and docs/spec/policy.md list them".to_owned();
        return Err(Error::Value { field: "action", why, how: Some(how) }.into());
    }
    if body.since.zip(body.until).is_some_and(|(since, until)| since >= until) {
        let why = "it ends before it begins".to_owned();
        return Err(
            Error::Value { field: "time", why, how: Some("`since` is before `until`".to_owned()) }.into()
        );
    }
    Ok(Question {
        about: body.about.clone(),
        actor: body.actor.clone(),
        on_behalf_of: parse("person acted for", body.on_behalf_of.as_ref())?,
        project: parse("project", body.project.as_ref())?,
        request: parse("request", body.request.as_ref())?,
        action: body.action.clone(),
        allowed: body.decision.map(|decision| decision == Decision::Allowed),
        since: body.since,
        until: body.until,
        within: None,
    })
}

/// Whether a word is an act that policies decide, or a kind of event. A word that is neither would be answered by
/// nothing, which reads as if nothing had happened.
fn is_action(word: &str) -> bool {
    api::trail::is_kind(word) || Action::ALL.iter().any(|action| action.as_str() == word)
}

/// As much of a word as an error repeats.
fn shown(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect()
}

/// Things and accounts that events are about.
const KINDS: &[&str] = &[
    "prj", "smp", "obj", "run", "usr", "svc", "sit", "ref", "tol", "sub", "rds", "pkg", "dst", "spc", "sgn",
    "bgl", "sup", "apl", "agr", "rcp",
];

/// Whether a text is an id of such a thing. What is asked about is recorded, so it must be no word that
/// somebody chose.
fn is_id(text: &str) -> bool {
    let random = |b: u8| b.is_ascii_digit() || (b.is_ascii_lowercase() && !b"ilou".contains(&b));
    text.split_once('_')
        .is_some_and(|(kind, rest)| KINDS.contains(&kind) && rest.len() == 20 && rest.bytes().all(random))
}

/// How far a right to ask reaches.
pub(crate) struct Reach {
    /// Only events of this project, and events of none.
    pub project: Option<ProjectId>,
    /// Whether the caller holds a role in it, and so may read people's own words.
    inside: bool,
    /// Whether the permit still holds.
    live: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Reach {
    fn of<T: Thing>(permit: Permit<View, T>, project: Option<ProjectId>, inside: bool) -> Self {
        Self { project, inside, live: Box::new(move || permit.live().is_ok()) }
    }

    /// Whether the permit that it stands on still holds; work that outlives it asks anew.
    pub fn is_live(&self) -> bool {
        (self.live)()
    }
}

/// A question about a project or a thing of one asks there, and is answered from there alone; any
/// other asks on the site.
pub(crate) async fn decide(site: &Site, caller: &Caller, asked: &Question) -> Result<Reach, Failure> {
    let about = asked.about.as_deref().unwrap_or_default();
    match (about.get(..4).unwrap_or_default(), &asked.project) {
        ("prj_", _) => in_project::<thing::Project>(site, caller, about).await,
        ("smp_", _) => in_project::<thing::Sample>(site, caller, about).await,
        ("sub_", _) => in_project::<thing::Subject>(site, caller, about).await,
        ("obj_", _) => in_project::<thing::Object>(site, caller, about).await,
        ("run_", _) => in_project::<thing::Run>(site, caller, about).await,
        ("bgl_", _) => in_project::<thing::BreakGlass>(site, caller, about).await,
        ("sup_", _) => in_project::<thing::Support>(site, caller, about).await,
        (_, Some(project)) => in_project::<thing::Project>(site, caller, base::Id::as_str(project)).await,
        _ => {
            let named = [&asked.about, &asked.actor].into_iter().flatten().cloned();
            let named = named.chain(asked.on_behalf_of.iter().map(ToString::to_string));
            // Who looked someone up stands on that one's own chain.
            let ask = Ask::<thing::Site>::new(Action::SearchAuditSite, [site.id.clone()]).about(named);
            let permit: Permit<View, thing::Site> = site.access.decide(caller, ask).await?;
            Ok(Reach::of(permit, None, false))
        }
    }
}

/// Asks again when the permit has ended, so that a right that was taken away ends the work.
pub(crate) async fn renew(
    site: &Site,
    caller: &Caller,
    asked: &Question,
    reach: &mut Reach,
) -> Result<(), Failure> {
    if !reach.is_live() {
        site.access.close(caller, Ended { code: None, released: None, made: &[] }).await?;
        *reach = decide(site, caller, asked).await?;
    }
    Ok(())
}

async fn in_project<T: Thing>(site: &Site, caller: &Caller, about: &str) -> Result<Reach, Failure>
where
    <T::Id as std::str::FromStr>::Err: std::fmt::Display,
{
    let permit: Permit<View, T> = site.permit(caller, Action::SearchAudit, &id::<T::Id>(about)?).await?;
    let grants = site.access.own_grants(caller).await?;
    let project = permit.project().cloned();
    let inside = project.is_some() && grants.iter().any(|grant| grant.project == project);
    Ok(Reach::of(permit, project, inside))
}

/// Proofs of a page's hits, all against one checkpoint.
struct Proofs {
    checkpoint: String,
    each: Vec<Vec<String>>,
}

impl Proofs {
    fn of(audit: &audit::Audit, page: &Page) -> Result<Self, audit::Error> {
        let ledger = audit.ledger();
        let checkpoint = ledger.checkpoint().map_err(audit::Error::Unreadable)?;
        let signed = ledger::verify::checkpoint(&checkpoint, ledger.verifier());
        let size = signed.map_err(audit::Error::Unreadable)?.size;
        let one = |hit: &Hit| {
            let hashes = ledger.inclusion(hit.recorded.position, size).map_err(audit::Error::Unreadable)?;
            Ok(hashes.iter().map(|hash| STANDARD.encode(hash.0)).collect())
        };
        Ok(Self { each: page.hits.iter().map(one).collect::<Result<_, audit::Error>>()?, checkpoint })
    }
}

pub(crate) fn told(completeness: &Completeness) -> (bool, bool, Option<String>) {
    match completeness {
        Completeness::Proven => (true, false, None),
        Completeness::More => (false, false, Some("there are more pages; no gap so far".into())),
        Completeness::NoChain => (
            false,
            false,
            Some(
                "the question names no thing, account or project, so no chain of predecessors proves that \
                 nothing is left out"
                    .into(),
            ),
        ),
        Completeness::Broken(why) => (false, true, Some(why.clone())),
    }
}

pub(crate) async fn names_of<'a>(
    site: &Site,
    actors: impl Iterator<Item = &'a Actor>,
) -> Result<BTreeMap<UserId, String>, Failure> {
    let ids: BTreeSet<UserId> = actors
        .filter_map(|actor| match actor {
            Actor::User(id) => Some(id.clone()),
            _ => None,
        })
        .collect();
    let accounts = site.access.names_of(&ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(accounts.into_iter().map(|account| (account.id, account.name)).collect())
}

pub(crate) fn name_of(names: &BTreeMap<UserId, String>, actor: &Actor) -> Option<String> {
    match actor {
        Actor::User(id) => names.get(id).cloned(),
        _ => None,
    }
}

async fn entry(site: &Site, recorded: Recorded, names: &BTreeMap<UserId, String>, reach: &Reach) -> Entry {
    let event = recorded.event;
    let (reason, erased) = match said(site, &event, reach).await {
        Some(Words::Said(reason)) => (Some(reason.into_revealed()), None),
        Some(Words::Erased(by)) => (None, Some(erased(by))),
        None => (None, None),
    };
    let name = name_of(names, &event.actor);
    Entry {
        position: recorded.position,
        time: recorded.time,
        actor: event.actor.to_string(),
        name,
        what: line(&event),
        about: event.about.clone(),
        purpose: event.purpose.clone(),
        reason,
        erased,
        event: serde_json::to_value(&event).unwrap_or_default(),
        leaf: None,
        proof: None,
    }
}

/// What somebody said in an event, as far as the caller may know: the words inside the project alone;
/// that they were erased, wherever the event may be seen.
pub(crate) async fn said(site: &Site, event: &Event, reach: &Reach) -> Option<Words> {
    let (sealed, subject) = match &event.what {
        What::Decision { sealed_reason: Some(sealed), sealed_under, .. } => (sealed, sealed_under.clone()),
        What::BreakGlassOpened { sealed_reason: Some(sealed), .. }
        | What::BreakGlassReviewed { sealed_reason: Some(sealed), .. }
        | What::SupportAsked { sealed_reason: Some(sealed) } => (sealed, None),
        _ => return None,
    };
    let project = event.project.clone()?;
    // The right is one in this project: another project's words stay sealed.
    let inside = reach.inside && reach.project.as_ref() == Some(&project);
    let words = site.keys.open(&Whose { project, subject }, sealed).await;
    words.ok().filter(|words| inside || matches!(words, Words::Erased(_)))
}

fn erased(by: audit::field::Erased) -> Erased {
    Erased { scope: by.scope, position: by.position, certificate: by.certificate }
}

/// The upper half of a sealing's number is the branch, which a restore drew.
fn sealed_anew(sealing: u64) -> String {
    format!("site's secrets sealed anew, sealing {}", sealing & u64::from(u32::MAX))
}

/// The same, of signing in.
fn of_people(what: &What) -> String {
    match what {
        What::SessionOpened { proof } => with("signed in", proof.as_deref()),
        What::SessionEnded { cause: None } => "signed out".into(),
        What::SessionEnded { cause } => with("session ended", cause.as_deref()),
        What::SessionConfirmed { proof } => with("confirmed who they are", Some(proof.as_str())),
        What::TerminalDecided { approved: true } => "approved a terminal".into(),
        What::TerminalDecided { approved: false } => "REFUSED a terminal".into(),
        What::CredentialAdded { proof } => with("credential added", Some(proof.as_str())),
        What::CredentialRemoved { proof } => with("credential removed", Some(proof.as_str())),
        What::CredentialSuspended {} => "passkey SUSPENDED: its counter went back, there is a copy".into(),
        What::ServiceChanged { change } => with("service account", Some(change.as_str())),
        What::AccountClosed {} => "account closed".into(),
        What::AccountReopened {} => "account opened again, without any role".into(),
        What::AccountsLinked {} => "two accounts are one person's".into(),
        What::IdentityChanged { issuer, linked: true } => format!("linked to a subject of {issuer}"),
        What::IdentityChanged { issuer, .. } => format!("linked to no subject of {issuer} any more"),
        What::VisaMappingChanged { issuer, role, given: true, .. } => {
            format!("visas of {issuer} give the role {role}")
        }
        What::VisaMappingChanged { issuer, role, .. } => {
            format!("visas of {issuer} give the role {role} no more")
        }
        What::PassportPresented { visas, refused, .. } if refused.is_empty() => {
            format!("passport with {visas} visas")
        }
        What::PassportPresented { visas, refused, .. } => {
            format!("passport with {visas} visas; refused: {}", refused.join(", "))
        }
        What::VisaAccepted { issuer, role, until, .. } => {
            format!("a visa of {issuer} gives {role} until {until}")
        }
        other => other.kind().to_owned(),
    }
}

/// What happened, and the word that says how.
fn with(what: &str, word: Option<&str>) -> String {
    word.map_or_else(|| what.to_owned(), |word| format!("{what}: {word}"))
}

/// One line for people. A receipt is got by what it is about, a certificate of an erasure by an id that stands nowhere
/// else.
fn line(event: &Event) -> String {
    match (&event.what, event.about.first()) {
        (What::ReceiptIssued { .. }, Some(about)) => format!("receipt issued: {about}"),
        (what, _) => words(what),
    }
}

fn words(what: &What) -> String {
    match what {
        What::SiteCreated { program } => format!("site created by version {program}"),
        What::SiteOpened { program, .. } => format!("site unsealed by version {program}"),
        What::SiteClosed { .. } => "site locked".into(),
        What::KeysSealed { sealing } => sealed_anew(*sealing),
        What::SessionOpened { .. }
        | What::SessionEnded { .. }
        | What::SessionConfirmed { .. }
        | What::TerminalDecided { .. }
        | What::CredentialAdded { .. }
        | What::CredentialRemoved { .. }
        | What::CredentialSuspended {}
        | What::ServiceChanged { .. }
        | What::AccountClosed {}
        | What::AccountReopened {}
        | What::IdentityChanged { .. }
        | What::VisaMappingChanged { .. }
        | What::PassportPresented { .. }
        | What::VisaAccepted { .. }
        | What::AccountsLinked {} => of_people(what),
        What::SessionsRefused { count } => format!("{count} tokens refused"),
        What::Decision { action, allowed: true, .. } => format!("{action}: allowed"),
        What::Decision { action, .. } => format!("{action}: DENIED"),
        What::Outcome { .. } => how_it_ended(what),
        What::ObjectSealed(manifest) => format!("object sealed, {} bytes", manifest.plain_length),
        What::ObjectsWithdrawn {} => "withdrawn at the door: package refused".into(),
        What::BackupMade { .. } | What::BackupKeysDestroyed { .. } | What::SiteRestored { .. } => {
            of_backups(what)
        }
        What::AdministratorMade {} => "ADMINISTRATOR made by whoever opens the site".into(),
        What::HoldChanged { held } => format!("legal hold {}", if *held { "set" } else { "lifted" }),
        What::ObjectDeleted { versions } => format!("object deleted, versions: {versions}"),
        What::ObjectDamaged { version, found } => format!("DAMAGE found in version {version}: {found}"),
        What::ObjectWhole { version } => format!("version {version} found whole: quarantine ended"),
        What::ObjectsScrubbed { objects, bytes, damaged } => {
            format!("{} scrubbed, {bytes} bytes, {damaged} DAMAGED", many(*objects, "object", "objects"))
        }
        What::Linked {} => "linked".into(),
        What::JobStarted { .. } | What::JobEnded { .. } => of_jobs(what),
        What::ReplicaDiffers { .. } | What::StreamLags { .. } | What::StreamCaughtUp { .. } => {
            of_copies(what)
        }
        What::ConsentGiven { .. } | What::ConsentWithdrawn {} | What::IdentityRecorded {} => of_uses(what),
        What::IdentifiersFound { .. } | What::IdentityCorrected { .. } => of_uses(what),
        What::UseReviewed {} | What::UseApproved { .. } | What::UseRevoked {} => of_uses(what),
        What::DatasetStands { .. } | What::ApplicationStands { .. } => of_sharing(what),
        What::AgreementStands { .. } => of_sharing(what),
        What::RightsChanged { .. }
        | What::GrantLapsed { .. }
        | What::AdministratorProposed {}
        | What::BreakGlassOpened { .. }
        | What::BreakGlassClosed {}
        | What::BreakGlassReviewed { .. }
        | What::SupportAsked { .. }
        | What::SupportApproved { .. }
        | What::SupportEnded {}
        | What::PolicyProposed { .. }
        | What::PolicyWithdrawn { .. }
        | What::PolicyChanged { .. }
        | What::PolicyChecked { .. }
        | What::PolicyDisagreed { .. } => of_policies(what),
        What::StreamClosed { .. } | What::StreamOpened { .. } => of_copies(what),
        What::RoomLow { .. } | What::RoomBack { .. } => of_copies(what),
        What::WitnessSilent { .. } | What::WitnessReturned { .. } => of_witnesses(what),
        What::SiteStopped { cause } => format!("site STOPPED by itself: {cause}"),
        What::DatabaseMoved { to, rows } => format!("metadata database moved to a {to}: {rows} rows"),
        What::ReceiptIssued { .. } => "receipt issued".into(),
    }
}

/// The same, of backups.
fn of_backups(what: &What) -> String {
    match what {
        What::BackupMade { set, objects, epoch, expires, .. } => {
            format!(
                "backup made: set {set}, {objects} versions, opens until {expires} by the key of epoch {epoch}"
            )
        }
        What::BackupKeysDestroyed { epochs } => {
            let epochs: Vec<String> = epochs.iter().map(ToString::to_string).collect();
            format!("keys of backup epochs destroyed: {}", epochs.join(", "))
        }
        What::SiteRestored { set, made, newer, .. } => {
            let ledger = if *newer { "with a newer ledger" } else { "WITHOUT a newer ledger" };
            format!("site RESTORED from set {set} of {made}, {ledger}")
        }
        other => other.kind().to_owned(),
    }
}

/// The line of a decided act that ended.
fn how_it_ended(what: &What) -> String {
    let What::Outcome { decision, result, code, bytes, unwraps, .. } = what else { return String::new() };
    let mut text = ended(*result, *decision);
    if let Some(code) = code {
        text.push_str(&format!(", {code}"));
    }
    if let Some(bytes) = bytes {
        text.push_str(&format!(", {bytes} bytes released"));
    }
    if let Some(unwraps) = unwraps {
        text.push_str(&format!(", {} unwrapped", many(*unwraps, "key", "keys")));
    }
    text
}

/// So many of something, by the word for one and that for several.
pub(crate) fn many(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// The line of a witness.
fn of_witnesses(what: &What) -> String {
    match what {
        What::WitnessSilent { witness, size } => {
            format!("witness {witness} is SILENT: it cosigned {size} events")
        }
        What::WitnessReturned { witness, size } => {
            format!("witness {witness} cosigns again: {size} events")
        }
        other => other.kind().to_owned(),
    }
}

/// The line of a sealed job.
fn of_jobs(what: &What) -> String {
    match what {
        What::JobStarted { closures } => format!("sealed job started with {} tools", closures.len()),
        What::JobEnded { accepted, scratch_destroyed, .. } => format!(
            "sealed job ended, outputs {}, scratch {}",
            if *accepted { "accepted" } else { "refused" },
            if *scratch_destroyed { "destroyed" } else { "NOT destroyed" }
        ),
        other => other.kind().to_owned(),
    }
}

/// The line of what people agreed to, and of what a steward made of it.
fn of_uses(what: &What) -> String {
    match what {
        What::ConsentGiven { until: Some(until), .. } => format!("consent given until {until}"),
        What::ConsentGiven { .. } => "consent given".into(),
        What::ConsentWithdrawn {} => {
            "consent WITHDRAWN: nothing of this subject is used in this project".into()
        }
        What::UseApproved { reasons, until } => {
            let reasons = many(*reasons, "reason", "reasons");
            format!("use approved until {until}, where terms leave it to a person: {reasons}")
        }
        What::UseRevoked {} => {
            "approvals of the use REVOKED: what terms leave to a person is open again".into()
        }
        What::IdentityRecorded {} => "who this is was put into the identity map, or compared with it".into(),
        What::IdentityCorrected { field } => format!("who this is was corrected: {field}"),
        What::UseReviewed {} => "changed consent reviewed: used as it says now".into(),
        What::IdentifiersFound { words, labels, files, consents, runs, headers } => format!(
            "what looks like identifiers found in {words} words of the project, {labels} labels, {files} names of files, \
             {consents} forms of consents, {runs} words of runs, {headers} words of headers"
        ),
        other => other.kind().to_owned(),
    }
}

/// The line of where the record goes, and of the room for it.
fn of_copies(what: &What) -> String {
    match what {
        What::ReplicaDiffers { replica, found } => format!("REPLICA {replica} of the ledger: {found}"),
        What::StreamLags { stream, next } => format!("stream {stream} lags: events from {next} on wait"),
        What::StreamCaughtUp { stream, .. } => format!("stream {stream} has caught up"),
        What::StreamClosed { stream, why } => format!("stream {stream} CLOSED: its agreement is {why}"),
        What::StreamOpened { stream } => format!("stream {stream} open again"),
        What::RoomLow { free } => format!("LITTLE ROOM, {free} bytes free: nothing is changed"),
        What::RoomBack { free } => format!("room again, {free} bytes free"),
        other => other.kind().to_owned(),
    }
}

/// The line of what is shared with other projects.
fn of_sharing(what: &What) -> String {
    match what {
        What::DatasetStands { state, samples, persons } => {
            let samples = many(*samples, "sample", "samples");
            format!("dataset {state}: {samples} of {}", many(*persons, "person", "people"))
        }
        What::ApplicationStands { state, until, people } => {
            format!("application {state}: until {until}, for {}", many(*people, "person", "people"))
        }
        What::AgreementStands { state, contract, until } => format!("{contract} {state}: until {until}"),
        other => other.kind().to_owned(),
    }
}

/// The line of what happens to policies, and to what people hold.
fn of_policies(what: &What) -> String {
    match what {
        What::RightsChanged { role, given: true, until } => match until {
            Some(until) => format!("role {role} given until {until}"),
            None => format!("role {role} given"),
        },
        What::RightsChanged { role, .. } => format!("role {role} taken away"),
        What::GrantLapsed { role, cause } => format!("role {role} ended, by its {cause}"),
        What::AdministratorProposed {} => "administrator of the project proposed".into(),
        What::BreakGlassOpened { until, .. } => format!("BREAK-GLASS opened until {until}"),
        What::BreakGlassClosed {} => "break-glass closed".into(),
        What::BreakGlassReviewed { justified: true, .. } => "break-glass reviewed: justified".into(),
        What::BreakGlassReviewed { .. } => "break-glass reviewed: NOT justified".into(),
        What::SupportAsked { .. } => "support session asked for".into(),
        What::SupportApproved { until } => format!("support session let in until {until}"),
        What::SupportEnded {} => "support session ended".into(),
        What::PolicyProposed { policy } => format!("policies {policy} proposed"),
        What::PolicyWithdrawn { policy } => format!("proposal of the policies {policy} withdrawn"),
        What::PolicyChanged { from, to, .. } => format!("policies {to} in force, instead of {from}"),
        What::PolicyChecked { decisions, checked, disagreed, .. } => format!(
            "{checked} of {decisions} decisions put to Cedar as well, {disagreed} answered differently"
        ),
        What::PolicyDisagreed { action, .. } => {
            format!("POLICIES DISAGREE about {action}: denied, and Cedar alone decides from now on")
        }
        other => other.kind().to_owned(),
    }
}

/// How an act ended, in one word.
pub(crate) const fn ended_word(result: Outcome) -> &'static str {
    match result {
        Outcome::Done => "done",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
    }
}

fn ended(result: Outcome, decision: u64) -> String {
    match result {
        Outcome::Done => format!("done (decided at {decision})"),
        Outcome::Failed => format!("failed (decided at {decision})"),
        Outcome::Unknown => format!("unknown: the process ended (decided at {decision})"),
    }
}
