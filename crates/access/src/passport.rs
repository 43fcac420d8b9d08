//! From a passport to roles: the site as a clearing house (GA4GH Passport 1.2). The specification is
//! `docs/spec/passports.md`.

use crate::account::usable;
use crate::grant::{ByVisa, fit_for};
use crate::identity::{VISAS, named};
use crate::issuer::{IssuerKeys, Trust, Unreached};
use crate::mapping::Mapping;
use crate::table::{grant, identity, kept, mapping, presented, taken};
use crate::visa::{self, Refused, Visa};
use crate::{Access, Caller, Ends, Error};
use audit::What;
use base::{Blake3, Class, Fault, Id, ProjectId, Role, Sensitive, Timestamp, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use jwt::{Audience, Rules};
use serde_json::Value;
use std::collections::BTreeSet;

/// Bytes of a passport at most.
pub const LONGEST: usize = 256 << 10;
/// Visas of one at most.
const MOST: usize = 64;
/// A passport is made for a moment; this is more than any.
const LIFETIME: i64 = 366 * 86_400;
const TYPES: &[&str] = &["vnd.ga4gh.passport+jwt", "JWT"];

/// What came of one visa in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which visa of the passport, from 1.
    pub visa: usize,
    /// The settings' word for the issuer that it names, where that is trusted.
    pub issuer: Option<String>,
    /// Its value, where it could be read.
    pub value: Option<String>,
    /// Whom it is about, where nobody is linked to that: for who has the account linked. It does not print itself.
    pub subject: Option<Sensitive<String>>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a visa did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It gave a role now.
    Gave(Given),
    /// It gives what is held already: it, or another, gave that before.
    Held(Given),
    /// It is good, and of a type that others' conditions alone ask for.
    Good,
    /// It gives nothing.
    Refused(Refused),
}

/// A role that a visa gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where.
    pub project: ProjectId,
    /// Which.
    pub role: Role,
    /// Until when.
    pub until: Timestamp,
}

/// A visa that a project takes.
struct Offer<'a> {
    visa: &'a Visa<'a>,
    mapping: Mapping,
    until: i64,
    /// Whether who presents the visa made the mapping.
    own: bool,
    /// How strict the mapping's project is.
    class: Option<Class>,
}

impl Access {
    /// Takes the site's issuers. Once; later calls change nothing. Without any, no passport is taken.
    pub fn trust_issuers(&self, trust: Trust) {
        let _ = self.inner.trust.set(trust);
    }

    pub(crate) fn trust(&self) -> &Trust {
        self.inner.trust.get_or_init(Trust::default)
    }

    /// The keys of the issuers as they are now. It blocks: files are read, and addresses asked.
    pub fn issuer_keys(&self) -> IssuerKeys {
        self.trust().keys()
    }

    /// The issuers whose keys are known to be out of reach. It blocks for no longer than a file is read.
    pub fn issuers_not_reached(&self) -> Vec<Unreached> {
        self.trust().not_reached()
    }

    /// Fails for whoever presents no passport here: asked before anybody's keys are fetched for it.
    pub fn may_present(&self, caller: &Caller) -> Result<(), Error> {
        caller.own()?;
        if self.trust().is_empty() {
            return Err(Error::NoPassports);
        }
        self.read_only().map_or(Ok(()), |why| Err(Error::ReadOnly(why)))
    }

    /// Takes the caller's passport, and gives the roles that its visas give. Every visa gets an answer of its own; the
    /// presentation and each role are on record.
    pub async fn present(
        &self,
        caller: &Caller,
        text: &str,
        keys: &IssuerKeys,
    ) -> Result<Vec<Verdict>, Error> {
        self.may_present(caller)?;
        let user = caller.own()?;
        usable(self.inner.db.reader(), user.as_str()).await?;
        let (text, now) = (text.trim(), self.inner.clock.now());
        let digest = Blake3(*blake3::hash(text.as_bytes()).as_bytes());
        let visas = match unpacked(text, self.trust(), keys, now) {
            Ok(visas) => visas,
            Err(refused) => {
                self.tell_presented(caller, user, digest, 0, BTreeSet::from([refused.code()])).await?;
                return Err(refused.into());
            }
        };
        let mut read = Vec::with_capacity(visas.len());
        for visa in &visas {
            let one = Visa::read(visa, self.trust(), keys, now);
            read.push(self.own_visa(one.map_err(|refused| (self.signer(visa), refused)), user).await?);
        }
        let good: Vec<&Visa<'_>> = read.iter().filter_map(|visa| visa.as_ref().ok()).collect();
        let mut verdicts = Vec::new();
        let mut offers = Vec::new();
        for (number, visa) in (1..).zip(&read) {
            match visa {
                Err((shown, refused)) => {
                    verdicts.push(verdict(number, shown.clone(), Outcome::Refused(refused.clone())))
                }
                Ok(visa) if !visa.grants() => verdicts.push(verdict(number, visa.shown(), Outcome::Good)),
                Ok(visa) => match self.offers(visa, &good, user, now).await? {
                    Err(refused) => verdicts.push(verdict(number, visa.shown(), Outcome::Refused(refused))),
                    Ok(found) => offers.extend(found.into_iter().map(|offer| (number, offer))),
                },
            }
        }
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        // Whatever may refuse is asked before anything is recorded: the record has every refusal, and what it says was
        // given was given.
        let mut taken = Vec::new();
        for (number, offer) in offers {
            match self.refusal(&*look, user, &offer).await? {
                Some(refused) => {
                    verdicts.push(verdict(number, offer.visa.shown(), Outcome::Refused(refused)))
                }
                None => taken.push((number, offer)),
            }
        }
        let refused = verdicts.iter().filter_map(|one| one.outcome.refusal().map(Fault::code)).collect();
        let position = self.tell_presented(caller, user, digest, visas.len(), refused).await?;
        let tx = look.decided(position);
        for (number, offer) in taken {
            let outcome = self.take_up(&tx, caller, user, &offer).await?;
            verdicts.push(verdict(number, offer.visa.shown(), outcome));
        }
        tx.commit().await?;
        verdicts.sort_by_key(|verdict| verdict.visa);
        Ok(verdicts)
    }

    /// Who says to have signed a visa, where it could not be verified.
    fn signer(&self, visa: &str) -> Shown {
        let named = jwt::issuer_named(visa, visa::LONGEST).ok();
        let trusted = named.and_then(|issuer| self.trust().of(&issuer));
        Shown { issuer: trusted.map(|one| one.settings.name.clone()), ..Shown::default() }
    }

    /// A visa that is about the account's owner.
    async fn own_visa<'a>(
        &self,
        read: Result<Visa<'a>, (Shown, Refused)>,
        user: &UserId,
    ) -> Result<Result<Visa<'a>, (Shown, Refused)>, Error> {
        let visa = match read {
            Ok(visa) => visa,
            Err(refused) => return Ok(Err(refused)),
        };
        let row = identity::Entity::find_by_id(visa.whose()).one(self.inner.db.reader()).await?;
        let theirs = row.is_some_and(|row| row.account == user.to_string());
        if theirs {
            return Ok(Ok(visa));
        }
        let subject = Some(Sensitive::new(visa.subject.clone()));
        Ok(Err((Shown { subject, ..visa.shown() }, Refused::Unlinked)))
    }

    /// Where a visa gives something, or is refused.
    async fn offers<'a>(
        &self,
        visa: &'a Visa<'a>,
        good: &[&Visa<'_>],
        user: &UserId,
        now: Timestamp,
    ) -> Result<Result<Vec<Offer<'a>>, Refused>, Error> {
        let met = match &visa.conditions {
            None => i64::MAX,
            Some(conditions) => match conditions.met_until(good) {
                Some(until) => until,
                None => return Ok(Err(Refused::Unmet)),
            },
        };
        // No longer than any role lasts here.
        let most = self.ends(&Ends::default())?.until.map_or(0, Timestamp::as_second);
        let until = visa.until.min(met).min(most);
        if until <= now.as_second() {
            return Ok(Err(Refused::Ended));
        }
        let mappings = self.mappings_for(&visa.trusted.settings.issuer, &visa.value).await?;
        if mappings.is_empty() {
            return Ok(Err(Refused::Unmapped));
        }
        let mut offers = Vec::with_capacity(mappings.len());
        for mapping in mappings {
            // INVARIANT (nobody-gains-by-their-own): whoever says which visas a project takes could hold one.
            let own = self.same_person(&mapping.by, user).await?;
            let class = self.class_of(&mapping.project).await?;
            offers.push(Offer { visa, mapping, until, own, class });
        }
        Ok(Ok(offers))
    }

    /// Why a visa gives nothing in a place, if something changed since it was found to give it, or always.
    async fn refusal<C: ConnectionTrait>(
        &self,
        from: &C,
        user: &UserId,
        offer: &Offer<'_>,
    ) -> Result<Option<Refused>, Error> {
        let Offer { visa, mapping, until, own, class } = offer;
        let (id, project) = (mapping.id.to_string(), mapping.project.to_string());
        let is_there = mapping::Entity::find_by_id(id.clone()).one(from).await?.is_some();
        let link = identity::Entity::find_by_id(visa.whose()).one(from).await?;
        let taken = taken::Entity::find_by_id((user.to_string(), project)).one(from).await?;
        let before = presented::Entity::find_by_id((visa.name.clone(), id)).one(from).await?;
        let until = before.map_or(*until, |row| row.until.min(*until));
        let unfit = match fit_for(from, user, *class).await {
            Err(Error::WithoutPasskey) => true,
            other => other.map(|()| false)?,
        };
        let refused = [
            (*own, Refused::Own),
            (!is_there || !crate::mapping::ROLES.contains(&mapping.role), Refused::Unmapped),
            (link.is_none_or(|row| row.account != user.to_string()), Refused::Unlinked),
            (taken.is_some(), Refused::Taken),
            (unfit, Refused::WithoutPasskey),
            (until <= self.inner.clock.now().as_second(), Refused::Ended),
        ];
        Ok(refused.into_iter().find_map(|(refuses, why)| refuses.then_some(why)))
    }

    /// Gives a role for a visa that nothing refuses.
    ///
    /// INVARIANT (twice-is-once): what a visa gives in a place is kept with its end. Presented again it gives the same
    /// until then, and nothing afterwards.
    async fn take_up(
        &self,
        tx: &Tx,
        caller: &Caller,
        user: &UserId,
        offer: &Offer<'_>,
    ) -> Result<Outcome, Error> {
        let Offer { visa, mapping, until, .. } = offer;
        let (id, project) = (mapping.id.to_string(), mapping.project.to_string());
        let before = presented::Entity::find_by_id((visa.name.clone(), id.clone())).one(&**tx).await?;
        let until = before.as_ref().map_or(*until, |row| row.until.min(*until));
        let given = |second| {
            let until = kept(Timestamp::from_second(second))?;
            Ok::<_, Error>(Given { project: mapping.project.clone(), role: mapping.role, until })
        };
        let same = grant::Entity::find()
            .filter(grant::Column::Account.eq(user.to_string()))
            .filter(grant::Column::Project.eq(project))
            .filter(grant::Column::Role.eq(mapping.role.as_str()))
            .filter(grant::Column::Mapping.is_not_null());
        let rows = same.all(&**tx).await?;
        let held = rows.iter().filter(|row| self.counts(row)).filter_map(|row| row.expires_at).max();
        if let Some(held) = held.filter(|held| *held >= until) {
            self.keep(tx, visa, (id, until), before.is_none()).await?;
            return Ok(Outcome::Held(given(held)?));
        }
        let given = given(until)?;
        let what = What::VisaAccepted {
            issuer: visa.trusted.settings.name.clone(),
            visa: visa.digest,
            role: given.role,
            until: given.until,
        };
        let event =
            caller.event(what).in_project(Some(given.project.clone())).about([user.to_string(), id.clone()]);
        self.inner.audit.gate(&event).await?;
        let by = ByVisa {
            issuer: visa.trusted.settings.issuer.clone(),
            source: visa.source.clone(),
            mapping: mapping.id.clone(),
        };
        self.insert_by_visa(tx, caller, user, &given, by).await?;
        self.keep(tx, visa, (id, until), before.is_none()).await?;
        Ok(Outcome::Gave(given))
    }

    /// Keeps what a visa gave, until the visa is none any more.
    async fn keep(
        &self,
        tx: &Tx,
        visa: &Visa<'_>,
        (mapping, until): (String, i64),
        new: bool,
    ) -> Result<(), Error> {
        if !new {
            return Ok(());
        }
        let now = self.inner.clock.now().as_second();
        presented::Entity::delete_many().filter(presented::Column::Expires.lte(now)).exec(&**tx).await?;
        let row = presented::ActiveModel {
            visa: Set(visa.name.clone()),
            mapping: Set(mapping),
            until: Set(until),
            expires: Set(visa.expires),
        };
        presented::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    async fn tell_presented(
        &self,
        caller: &Caller,
        user: &UserId,
        passport: Blake3,
        visas: usize,
        refused: BTreeSet<&'static str>,
    ) -> Result<u64, Error> {
        let refused = refused.into_iter().map(str::to_owned).collect();
        let what = What::PassportPresented { passport, visas: visas as u64, refused };
        Ok(self.inner.audit.gate(&caller.event(what).about([user.to_string()])).await?.position)
    }
}

/// What is told of a visa to who presented it.
#[derive(Default, Clone)]
struct Shown {
    issuer: Option<String>,
    value: Option<String>,
    subject: Option<Sensitive<String>>,
}

impl Visa<'_> {
    fn shown(&self) -> Shown {
        let (issuer, value) = (Some(self.trusted.settings.name.clone()), Some(self.value.clone()));
        Shown { issuer, value, subject: None }
    }

    /// What the account of its subject is found by.
    fn whose(&self) -> Vec<u8> {
        named(VISAS, &self.trusted.settings.issuer, &self.subject)
    }
}

impl Outcome {
    /// Why it gives nothing, if so.
    pub fn refusal(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

fn verdict(visa: usize, shown: Shown, outcome: Outcome) -> Verdict {
    let Shown { issuer, value, subject } = shown;
    Verdict { visa, issuer, value, subject, outcome }
}

/// The visas of a passport that a trusted broker signed.
fn unpacked(text: &str, trust: &Trust, keys: &IssuerKeys, now: Timestamp) -> Result<Vec<String>, Refused> {
    if jwt::has_claim(text, visa::CLAIM, LONGEST)? {
        return Err(Refused::NotAPassport);
    }
    let issuer = jwt::issuer_named(text, LONGEST)?;
    let broker = trust.of(&issuer).ok_or(Refused::Issuer)?;
    let named = broker.settings.name.clone();
    if !broker.settings.broker {
        return Err(Refused::NoBroker(named));
    }
    let rules = Rules {
        issuer: &broker.settings.issuer,
        keys: keys.of(&issuer).map_err(|why| Refused::Keys { broker: named, why })?,
        jku: broker.settings.jku.as_deref(),
        types: TYPES,
        audience: broker.settings.audience.as_deref().map_or(Audience::Nobody, Audience::Among),
        not_before: false,
        lifetime: LIFETIME,
        longest: LONGEST,
    };
    let claims = jwt::verify(text, &rules, now)?;
    let visas = claims.more.get("ga4gh_passport_v1").and_then(Value::as_array);
    let visas = visas.ok_or(Refused::Form("it is no passport: it has no list `ga4gh_passport_v1`"))?;
    if visas.is_empty() || visas.len() > MOST {
        return Err(Refused::Form("a passport holds 1 to 64 visas"));
    }
    let text = |visa: &Value| visa.as_str().map(str::to_owned);
    visas.iter().map(text).collect::<Option<_>>().ok_or(Refused::Form("one of its visas is no text"))
}
