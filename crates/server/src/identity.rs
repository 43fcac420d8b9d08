//! Who people are: taken out of sheets, and told to whoever may ask. `docs/spec/identity-map.md`.

use crate::attend::{Signed, made};
use crate::body::{Json, id};
use crate::failure::Error;
use crate::{Failure, Site};
use access::thing::{Project, Subject};
use access::verb::{Identify, Split};
use access::{Action, Ask, Permit};
use api::identity::{
    Corrected, Correction, FoundSubject, Identity, KnownValue, NewSplit, SplitColumn, SplitDone, WhoHas,
    WhyAsked,
};
use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use base::{ProjectId, Sensitive, SubjectId, Timestamp};
use db::Tx;
use intake::name::is_hidden;
use intake::split::{self, Day, Heading};
use subjects::map::{BIRTH, Field, Learned, NAME, NUMBER};

/// Most bytes of an issuer's name.
const LONGEST_ISSUER: usize = 64;

/// Most bytes of what a correction puts into the map.
const LONGEST_VALUE: usize = 500;

/// The steps stand in the specification, "How an entry comes about".
pub(crate) async fn split(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<NewSplit>,
) -> Result<Response, Failure> {
    let project: ProjectId = id(&project)?;
    let permit: Permit<Split, Project> = site.permit(&caller, Action::SplitIdentity, &project).await?;
    let NewSplit { sheet, issuer, keep, age_at, dry_run } = body;
    let issuer = issuer_of(issuer)?;
    let asked = split::Asked { keep, age_at: age_at.map(|day| day_of(&day)).transpose()? };
    let split = split::Split::parse(sheet.as_bytes(), &asked).map_err(refused)?;
    let tx = site.begin(&permit).await?;
    let mut learned = site.map.meet(&permit, &tx, &issuer, split.people()).await?;
    let texts = split.write(&learned.subjects, &learned.samples, &learned.known).map_err(refused);
    if dry_run || texts.is_err() {
        // Nobody comes of it, and no key of theirs stays in memory.
        site.keys.forget_unborn(&learned.fresh);
    }
    let texts = texts?;
    let changed: Vec<String> = learned.changed.iter().map(ToString::to_string).collect();
    let mut done = SplitDone {
        columns: split.headings().into_iter().map(wire).collect(),
        people: learned.subjects.len() as u64,
        fresh: learned.fresh.len() as u64,
        clean: None,
        table: None,
    };
    if dry_run {
        return Ok(made(done, Vec::<String>::new()));
    }
    if !learned.is_known() {
        let stored = store(&site, &permit, tx, &mut learned).await;
        if stored.is_err() {
            site.keys.forget_unborn(&learned.fresh);
        }
        stored?;
    }
    (done.clean, done.table) = (Some(texts.clean), Some(texts.table));
    Ok(made(done, changed))
}

async fn store(
    site: &Site,
    permit: &Permit<Split, Project>,
    tx: Tx,
    learned: &mut Learned,
) -> Result<(), Failure> {
    for subject in &learned.fresh {
        site.catalog.name_subject(permit, &tx, subject).await?;
    }
    site.map.learn(permit, &tx, learned).await?;
    Ok(tx.commit().await?)
}

pub(crate) async fn identify(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
    Json(body): Json<WhyAsked>,
) -> Result<Answer<Identity>, Failure> {
    let subject: SubjectId = id(&subject)?;
    let ask = Ask::<Subject>::new(Action::ReIdentify, [subject.clone()]);
    let ask = ask.because(body.reason.map(Sensitive::new));
    let permit: Permit<Identify, Subject> = site.access.decide(&caller, ask).await?;
    let known = site.map.who(&permit).await?.into_iter().map(|one| KnownValue {
        kind: one.kind,
        column: one.column.into_revealed(),
        value: one.value.into_revealed(),
        shown: one.shown,
    });
    Ok(Answer(Identity { known: known.collect(), subject }))
}

/// Whom the number leads to is on record, on that person's chain, before the answer says so. The words for why are kept
/// once it is known about whom they are: an erasure of that person takes them along.
pub(crate) async fn find(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(project): Path<String>,
    Json(body): Json<WhoHas>,
) -> Result<Answer<FoundSubject>, Failure> {
    let project: ProjectId = id(&project)?;
    let WhoHas { number, issuer, reason } = body;
    let (number, reason) = (Sensitive::new(number), reason.map(Sensitive::new));
    let asked = Ask::<Project>::new(Action::ReIdentify, [project]).because(reason.clone());
    let permit: Permit<Identify, Project> = site.access.decide(&caller, asked.clone().words_follow()).await?;
    let subject = match site.map.find(&permit, &issuer_of(issuer)?, &number).await {
        // The words are about nobody whom the map knows.
        Err(subjects::Error::NotFound) => {
            let _: Permit<Identify, Project> = site.access.decide(&caller, asked).await?;
            return Err(subjects::Error::NobodyHas.into());
        }
        found => found?,
    };
    let ask = Ask::<Subject>::new(Action::ReIdentify, [subject.clone()]).because(reason);
    let _: Permit<Identify, Subject> = site.access.decide(&caller, ask).await?;
    Ok(Answer(FoundSubject { subject }))
}

/// Whoever corrects is not told what was there: the answer is the same whatever that is.
pub(crate) async fn correct(
    State(site): State<Site>,
    Signed(caller): Signed,
    Path(subject): Path<String>,
    Json(body): Json<Correction>,
) -> Result<Answer<Corrected>, Failure> {
    let subject: SubjectId = id(&subject)?;
    let Correction { field, column, issuer, value, reason } = body;
    let ask = Ask::<Subject>::new(Action::SplitIdentity, [subject.clone()]);
    let ask = ask.because(reason.map(Sensitive::new));
    let permit: Permit<Split, Subject> = site.access.decide(&caller, ask).await?;
    let field = field_of(&field, column, issuer)?;
    let value = right(&field, value, site.clock.now())?;
    let tx = site.begin(&permit).await?;
    let wrong = site.map.find_wrong(&permit, &tx, &field, &value).await?;
    let entries = wrong.entries() as u64;
    // The map may have it, whatever becomes of the note of how far it is.
    let noted = site.map.correct(&permit, &tx, wrong).await;
    let committed = if noted.is_ok() { tx.commit().await } else { Ok(()) };
    site.map.forget_replaced().await?;
    noted?;
    committed?;
    Ok(Answer(Corrected { subject, field: field.kind().to_owned(), entries }))
}

/// What a correction is of.
fn field_of(word: &str, column: Option<String>, issuer: Option<String>) -> Result<Field, Failure> {
    let column = column.map(Sensitive::new);
    match (word, column, issuer) {
        (NAME, column, None) => Ok(Field::Name(column)),
        (BIRTH, column, None) => Ok(Field::Birth(column)),
        (NUMBER, None, Some(issuer)) => Ok(Field::Number(issuer_of(issuer)?)),
        _ => {
            let why = format!("it is `{NAME}` or `{BIRTH}`, or `{NUMBER}` with its issuer and no column");
            Err(Error::Value { field: "field", why, how: None }.into())
        }
    }
}

/// What a correction puts there.
fn right(field: &Field, value: String, now: Timestamp) -> Result<Sensitive<String>, Failure> {
    let refuse = |why: String| Err(Error::Value { field: "right value", why, how: None }.into());
    let value = value.trim_start_matches('\u{feff}').trim().to_owned();
    // A number that looks like another one and is none would cut somebody off from what is known of them.
    let strange = |c: char| c.is_control() || is_hidden(c);
    if !(1..=LONGEST_VALUE).contains(&value.len()) || value.chars().any(strange) {
        return refuse(format!(
            "it is 1 to {LONGEST_VALUE} bytes of text, on one line and without hidden characters"
        ));
    }
    if !matches!(field, Field::Birth(_)) {
        return Ok(Sensitive::new(value));
    }
    let today: String = now.to_string().chars().take(10).collect();
    match Day::read(&value).map(|day| day.to_string()) {
        // As a sheet's is kept.
        Some(day) if day <= today => Ok(Sensitive::new(day)),
        Some(_) => refuse("it is a day to come".to_owned()),
        None => refuse("it is no day that can be read, as 1931-05-03".to_owned()),
    }
}

/// Everything that was found goes to the person, each on its own; the record has the code alone.
fn refused(error: intake::Error) -> Failure {
    let intake::Error::Split(faults) = &error else { return error.into() };
    let found = faults.iter().map(ToString::to_string).collect();
    let mut failure = Failure::from(error);
    if let Some((first, _)) = failure.0.message.split_once(":\n") {
        failure.0.message = first.to_owned();
    }
    failure.with_findings(found)
}

fn issuer_of(issuer: String) -> Result<String, Failure> {
    let right = (1..=LONGEST_ISSUER).contains(&issuer.len())
        && issuer.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if right {
        return Ok(issuer);
    }
    let why = "it is 1 to 64 of letters, digits and `. _ -`".to_owned();
    Err(Error::Value { field: "issuer of record numbers", why, how: None }.into())
}

fn day_of(text: &str) -> Result<Day, Failure> {
    let day = Day::read(text).filter(|day| day.to_string() == text);
    let why = || "it is written as 2026-01-01".to_owned();
    Ok(day.ok_or_else(|| Error::Value { field: "day of the ages", why: why(), how: None })?)
}

fn wire(heading: Heading) -> SplitColumn {
    SplitColumn {
        position: heading.position as u64,
        name: heading.name,
        goes: heading.goes.to_owned(),
        holds: heading.holds.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_right_is_text_that_can_be_seen_and_a_day_that_has_been() {
        let now = "2031-05-14T12:00:00Z".parse().unwrap();
        let number = Field::Number("gh".to_owned());
        let is =
            |field: &Field, text: &str| right(field, text.to_owned(), now).ok().map(Sensitive::into_revealed);
        assert_eq!(is(&number, "\u{feff}QX-4471 ").as_deref(), Some("QX-4471"), "as Windows begins a text");
        assert_eq!(is(&Field::Birth(None), "03.05.1931").as_deref(), Some("1931-05-03"));
        assert_eq!(is(&Field::Birth(None), "2031-05-14").as_deref(), Some("2031-05-14"));
        for text in ["", "a\nb", "\u{200b}", "QX\u{200b}-4471", "QX-4471\u{feff}"] {
            assert_eq!(is(&number, text), None, "{text:?}");
        }
        for text in ["2031-05-15", "9999-12-31", "1931", "soon"] {
            assert_eq!(is(&Field::Birth(None), text), None, "{text}");
        }
    }
}
