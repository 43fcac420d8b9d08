//! Service accounts: programs that act for a person, within a scope, from known places, until a day.

use crate::account::usable;
use crate::network::Range;
use crate::signed::Source;
use crate::table::{kept, service, service_key, service_person, service_token};
use crate::thing::Site;
use crate::verb::Manage;
use crate::{Access, Caller, Error, Permit, Proof};
use audit::What;
use base::{Boxed, Class, CredentialId, Id, ProjectId, ServiceId, Timestamp, UserId};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use policy::{Action, action::Scope};
use std::collections::BTreeSet;

/// The longest life of a service account, in days.
pub const MOST_DAYS: u32 = 90;
/// How long the key before goes on after a new one, in days.
pub const OVERLAP_DAYS: u32 = 7;
/// Days without use after which it is a finding.
const UNUSED_DAYS: i64 = 30;
/// Days before its end from which it is a finding.
const SOON_DAYS: i64 = 14;
const DAY: i64 = 86_400;

/// A service account that is to be made.
#[derive(Debug, Clone)]
pub struct NewService {
    /// Who answers for it.
    pub owner: UserId,
    /// What it is for, in one of the site's words or a few of one's own.
    pub purpose: String,
    /// Where it runs: `production`, `test`, …
    pub environment: String,
    /// The project it acts in.
    pub project: ProjectId,
    /// What it may ask for there.
    pub actions: BTreeSet<Action>,
    /// The strictest class that the project may have.
    pub class: Class,
    /// Where it may come from.
    pub networks: Vec<Range>,
    /// For how many days.
    pub days: u32,
    /// Its machine's public key, Ed25519.
    pub key: [u8; 32],
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Who answers for it.
    pub owner: UserId,
    /// What it is for.
    pub purpose: String,
    /// Where it runs.
    pub environment: String,
    /// The project it acts in.
    pub project: ProjectId,
    /// What it may ask for there.
    pub actions: Vec<Action>,
    /// The strictest class that the project may have.
    pub class: Class,
    /// Where it may come from.
    pub networks: Vec<Range>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// Its keys that are good now.
    pub keys: Vec<CredentialId>,
    /// Whether it was closed.
    pub closed: bool,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// What somebody should do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Its owner's account is closed.
    Ownerless,
    /// Nobody used it for a month.
    Unused,
    /// Its end has passed, and it was not closed.
    Overdue,
    /// It ends within two weeks.
    EndsSoon,
}

/// What becomes of the keys before a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// They are good for another week.
    Overlaps,
    /// They end at once, and the tokens that they got.
    Ends,
}

impl Finding {
    /// The word in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ownerless => "ownerless",
            Self::Unused => "unused",
            Self::Overdue => "overdue",
            Self::EndsSoon => "ends-soon",
        }
    }
}

impl NewService {
    fn check(&self) -> Result<(), Error> {
        let word = |text: &str| {
            let count = text.trim().chars().count();
            (1..=80).contains(&count) && !text.chars().any(char::is_control)
        };
        let wrong = |what: &'static str| Err(Error::Service(what));
        if !word(&self.purpose) {
            return wrong("its purpose has 1 to 80 printable characters");
        }
        if !word(&self.environment) {
            return wrong("its environment has 1 to 80 printable characters");
        }
        if !(1..=MOST_DAYS).contains(&self.days) {
            return wrong("it lasts 1 to 90 days");
        }
        if self.networks.is_empty() {
            return wrong("it comes from somewhere: name a network, or `socket` for this machine");
        }
        if self.actions.is_empty() || !self.actions.iter().all(|action| offered().any(|one| one == *action)) {
            return wrong("it does something in a project that no person has to do");
        }
        Ok(())
    }
}

/// What people alone do, whatever the project.
const NEVER: &[Action] = &[
    Action::AdministerProject,
    Action::MapVisas,
    Action::ShredKeys,
    Action::SetHold,
    Action::LiftHold,
    Action::DeleteObject,
];

/// What programs may be made for.
pub fn offered() -> impl Iterator<Item = Action> {
    let all = Action::ALL.iter().copied();
    all.filter(|action| action.scope() == Scope::Project && !NEVER.contains(action))
}

impl Access {
    /// Makes a service account, on record.
    pub async fn create_service(
        &self,
        permit: &Permit<Manage, Site>,
        new: NewService,
    ) -> Result<Service, Error> {
        permit.live()?;
        new.check()?;
        usable(self.inner.db.reader(), new.owner.as_str()).await.map_err(|_| Error::Closed)?;
        let class = self.class_of(&new.project).await?.ok_or(Error::NotFound)?;
        if class > new.class {
            return Err(Error::Service("the project's class is stricter than the class it may work in"));
        }
        if !new.actions.iter().all(|action| for_programs(*action, class)) {
            return Err(Error::Service("what leaves a controlled or clinical project is for people"));
        }
        let id = ServiceId::mint(&*self.inner.entropy);
        let about = [id.to_string(), new.owner.to_string(), new.project.to_string()];
        let position = self.note_service(permit.caller(), "created", about).await?;
        let now = self.now();
        let actions: Vec<&str> = new.actions.iter().map(|action| action.as_str()).collect();
        let networks: Vec<String> = new.networks.iter().map(ToString::to_string).collect();
        let row = service::ActiveModel {
            id: Set(id.to_string()),
            owner: Set(new.owner.to_string()),
            purpose: Set(new.purpose),
            environment: Set(new.environment),
            project: Set(new.project.to_string()),
            actions: Set(actions.join(" ")),
            class: Set(new.class.as_str().to_owned()),
            networks: Set(networks.join(" ")),
            created_at: Set(now),
            expires_at: Set(now.saturating_add(i64::from(new.days).saturating_mul(DAY))),
            used_at: Set(None),
            closed: Set(false),
        };
        let tx = self.inner.db.begin(position).await?;
        service::Entity::insert(row).exec_without_returning(&*tx).await?;
        self.insert_key(&tx, &id, &new.key, now.saturating_add(i64::from(new.days).saturating_mul(DAY)))
            .await?;
        tx.commit().await?;
        self.service(&id).await
    }

    /// Gives a service account a new key. The ones before end a week later, so that machines can change over
    /// and people can let the new one act for them; or at once, when somebody else may have one.
    pub async fn rotate_service(
        &self,
        permit: &Permit<Manage, Site>,
        id: &ServiceId,
        key: &[u8; 32],
        before: Before,
    ) -> Result<Service, Error> {
        permit.live()?;
        let row = self.open_service(id).await?;
        if self.keys_of(id).await?.iter().any(|known| known.public == key) {
            return Err(Error::SameKey);
        }
        let about = [id.to_string(), row.owner.clone()];
        let change = match before {
            Before::Overlaps => "key-added",
            Before::Ends => "key-replaced",
        };
        let position = self.note_service(permit.caller(), change, about).await?;
        let overlap = match before {
            Before::Overlaps => self.now().saturating_add(i64::from(OVERLAP_DAYS).saturating_mul(DAY)),
            Before::Ends => self.now(),
        };
        let tx = self.inner.db.begin(position).await?;
        service_key::Entity::update_many()
            .col_expr(service_key::Column::EndsAt, Expr::value(overlap))
            .filter(service_key::Column::Service.eq(id.to_string()))
            .filter(service_key::Column::EndsAt.gt(overlap))
            .exec(&*tx)
            .await?;
        self.insert_key(&tx, id, key, row.expires_at).await?;
        tx.commit().await?;
        self.service(id).await
    }

    /// Closes a service account, on record: nothing comes from it any more, within a minute.
    pub async fn close_service(
        &self,
        permit: &Permit<Manage, Site>,
        id: &ServiceId,
    ) -> Result<Service, Error> {
        permit.live()?;
        let row = self.open_service(id).await?;
        let about = [id.to_string(), row.owner.clone()];
        let position = self.note_service(permit.caller(), "closed", about).await?;
        let tx = self.inner.db.begin(position).await?;
        service::Entity::update_many()
            .col_expr(service::Column::Closed, Expr::value(true))
            .filter(service::Column::Id.eq(id.to_string()))
            .exec(&*tx)
            .await?;
        service_key::Entity::delete_many()
            .filter(service_key::Column::Service.eq(id.to_string()))
            .exec(&*tx)
            .await?;
        service_token::Entity::delete_many()
            .filter(service_token::Column::Service.eq(id.to_string()))
            .exec(&*tx)
            .await?;
        tx.commit().await?;
        self.service(id).await
    }

    /// All service accounts with what is wrong with them.
    pub async fn services(&self, permit: &Permit<Manage, Site>) -> Result<Vec<Service>, Error> {
        permit.live()?;
        let rows = service::Entity::find()
            .order_by_asc(service::Column::CreatedAt)
            .all(self.inner.db.reader())
            .await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            all.push(self.told(row).await?);
        }
        Ok(all)
    }

    /// The service accounts that act for the caller.
    pub async fn own_services(&self, caller: &Caller) -> Result<Vec<Service>, Error> {
        let mut all = Vec::new();
        for id in self.lent_by(caller.own()?).await? {
            all.push(self.service(&id).await?);
        }
        Ok(all)
    }

    /// Lets a service account act for the caller: with the key that they name, and with no other that somebody
    /// gives it.
    ///
    /// INVARIANT (lent-by-its-owner): whoever keeps accounts can make a service account and give it keys, and
    /// acts by that for nobody.
    pub async fn allow_service(&self, caller: &Caller, id: &ServiceId, key: &[u8; 32]) -> Result<(), Error> {
        let user = caller.own()?;
        let row = self.open_service(id).await?;
        let project: ProjectId = kept(row.project.parse())?;
        let strict = self.class_of(&project).await?.is_none_or(|class| class >= Class::Controlled);
        if let Some(missing) = self.unconfirmed(caller, strict).await? {
            return Err(missing);
        }
        let keys = self.keys_of(id).await?;
        let key = keys.into_iter().find(|known| known.public == key).ok_or(Error::ServiceKey)?;
        let (service, account) = (Set(id.to_string()), Set(user.to_string()));
        let proof = caller.signed().ok_or(Error::NotSignedIn)?.proof;
        let (key_id, proof) = (Set(key.id.clone()), Set(proof.as_str().to_owned()));
        let row = service_person::ActiveModel { service, account, key: key_id, proof };
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        let position = self.note_service(caller, "delegated", [id.to_string(), user.to_string()]).await?;
        let tx = look.decided(position);
        service_person::Entity::delete_many()
            .filter(service_person::Column::Account.eq(user.to_string()))
            .filter(service_person::Column::Key.eq(key.id))
            .exec(&*tx)
            .await?;
        service_person::Entity::insert(row).exec_without_returning(&*tx).await?;
        Ok(tx.commit().await?)
    }

    /// Lets a service account act for the caller no longer, with any key.
    pub async fn withdraw_service(&self, caller: &Caller, id: &ServiceId) -> Result<(), Error> {
        let user = caller.own()?;
        if !self.lent_by(user).await?.contains(id) {
            return Err(Error::NotFound);
        }
        self.end_lending(caller, id, user).await
    }

    /// Has nothing act for an account any more: its owner begins anew.
    pub(crate) async fn forget_services(&self, caller: &Caller, account: &UserId) -> Result<(), Error> {
        for service in self.lent_by(account).await? {
            self.end_lending(caller, &service, account).await?;
        }
        Ok(())
    }

    /// The service accounts that somebody let act for them.
    async fn lent_by(&self, account: &UserId) -> Result<BTreeSet<ServiceId>, Error> {
        let rows = service_person::Entity::find()
            .filter(service_person::Column::Account.eq(account.to_string()))
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(|row| kept(row.service.parse())).collect()
    }

    /// On record; the tokens that it got for this person end with it.
    async fn end_lending(&self, caller: &Caller, id: &ServiceId, user: &UserId) -> Result<(), Error> {
        let position = self.note_service(caller, "withdrawn", [id.to_string(), user.to_string()]).await?;
        let tx = self.inner.db.begin(position).await?;
        service_person::Entity::delete_many()
            .filter(service_person::Column::Service.eq(id.to_string()))
            .filter(service_person::Column::Account.eq(user.to_string()))
            .exec(&*tx)
            .await?;
        let theirs = Condition::all()
            .add(service_token::Column::Service.eq(id.to_string()))
            .add(service_token::Column::Account.eq(user.to_string()));
        for row in service_token::Entity::find().filter(theirs.clone()).all(&*tx).await? {
            service_token::Entity::delete_by_id(row.digest.clone()).exec(&*tx).await?;
            // What it was given for stays spent, under a digest that no token has: were they let act again, the same
            // assertion would be good once more.
            let spent = blake3::hash(&row.digest).as_bytes().to_vec();
            let row = service_token::ActiveModel { digest: Set(spent), ..row.into() };
            service_token::Entity::insert(row).exec_without_returning(&*tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The service account, if it can be used now for this person with this key, and what proved who they are when
    /// they let it.
    pub(crate) fn usable_service<'a>(
        &'a self,
        id: &'a ServiceId,
        person: &'a UserId,
        key: &'a str,
    ) -> Boxed<'a, Result<(Service, Proof), Error>> {
        Box::pin(self.acting_service(id, person, key))
    }

    async fn acting_service(
        &self,
        id: &ServiceId,
        person: &UserId,
        key: &str,
    ) -> Result<(Service, Proof), Error> {
        let row = service::Entity::find_by_id(id.to_string()).one(self.inner.db.reader()).await?;
        let now = self.now();
        let row = row.filter(|row| !row.closed && row.expires_at > now).ok_or(Error::NotSignedIn)?;
        usable(self.inner.db.reader(), &row.owner).await?;
        usable(self.inner.db.reader(), person.as_str()).await?;
        let good = self.keys_of(id).await?.iter().any(|known| known.id == key);
        let let_act = service_person::Entity::find()
            .filter(service_person::Column::Account.eq(person.to_string()))
            .filter(service_person::Column::Key.eq(key))
            .one(self.inner.db.reader())
            .await?;
        let let_act = let_act.filter(|_| good).ok_or(Error::NotSignedIn)?;
        // A word that this program does not know proved nothing.
        let lent = let_act.proof.parse().map_err(|_| Error::NotSignedIn)?;
        Ok((parsed(row, Vec::new())?, lent))
    }

    /// Notes that a service account was used. As for sessions: what cannot be noted looks unused, and is a finding.
    pub(crate) async fn note_use(&self, id: &ServiceId) -> Result<(), Error> {
        let tx = self.inner.db.begin_without_decision().await?;
        service::Entity::update_many()
            .col_expr(service::Column::UsedAt, Expr::value(self.now()))
            .filter(service::Column::Id.eq(id.to_string()))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// The public key of this id with its service account, while it is good.
    pub(crate) async fn service_key(&self, id: &str) -> Result<Option<(ServiceId, Vec<u8>)>, Error> {
        let row = service_key::Entity::find_by_id(id).one(self.inner.db.reader()).await?;
        let row = row.filter(|row| row.ends_at > self.now());
        Ok(row.and_then(|row| Some((row.service.parse().ok()?, row.public))))
    }

    /// The keys that are good now, the newest last.
    async fn keys_of(&self, id: &ServiceId) -> Result<Vec<service_key::Model>, Error> {
        let keys = service_key::Entity::find()
            .filter(service_key::Column::Service.eq(id.to_string()))
            .filter(service_key::Column::EndsAt.gt(self.now()))
            .order_by_asc(service_key::Column::CreatedAt)
            .all(self.inner.db.reader())
            .await?;
        Ok(keys)
    }

    async fn open_service(&self, id: &ServiceId) -> Result<service::Model, Error> {
        let row = service::Entity::find_by_id(id.to_string()).one(self.inner.db.reader()).await?;
        let row = row.ok_or(Error::NotFound)?;
        if row.closed { Err(Error::ServiceClosed) } else { Ok(row) }
    }

    async fn service(&self, id: &ServiceId) -> Result<Service, Error> {
        let row = service::Entity::find_by_id(id.to_string()).one(self.inner.db.reader()).await?;
        self.told(row.ok_or(Error::NotFound)?).await
    }

    async fn told(&self, row: service::Model) -> Result<Service, Error> {
        let now = self.now();
        let id: ServiceId = kept(row.id.parse())?;
        let keys = self.keys_of(&id).await?.iter().filter_map(|key| key.id.parse().ok()).collect();
        let mut findings = Vec::new();
        if !row.closed {
            let owned = usable(self.inner.db.reader(), &row.owner).await.is_ok();
            let unused = now.saturating_sub(row.used_at.unwrap_or(row.created_at)) >= UNUSED_DAYS * DAY;
            let overdue = row.expires_at <= now;
            let soon = !overdue && row.expires_at.saturating_sub(now) <= SOON_DAYS * DAY;
            let all = [
                (!owned, Finding::Ownerless),
                (unused, Finding::Unused),
                (overdue, Finding::Overdue),
                (soon, Finding::EndsSoon),
            ];
            findings.extend(all.into_iter().filter(|(is, _)| *is).map(|(_, finding)| finding));
        }
        Ok(Service { keys, ..parsed(row, findings)? })
    }

    async fn insert_key(&self, tx: &Tx, id: &ServiceId, key: &[u8; 32], ends_at: i64) -> Result<(), Error> {
        let row = service_key::ActiveModel {
            id: Set(CredentialId::mint(&*self.inner.entropy).to_string()),
            service: Set(id.to_string()),
            public: Set(key.to_vec()),
            created_at: Set(self.now()),
            ends_at: Set(ends_at),
        };
        service_key::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }

    async fn note_service(
        &self,
        caller: &Caller,
        change: &str,
        about: impl IntoIterator<Item = String>,
    ) -> Result<u64, Error> {
        let event = caller.event(What::ServiceChanged { change: change.to_owned() }).about(about);
        Ok(self.inner.audit.gate(&event).await?.position)
    }
}

impl Service {
    /// Whether it may come from `source`.
    pub(crate) fn comes_from(&self, source: Source) -> bool {
        self.networks.iter().any(|network| network.holds(source))
    }
}

/// Whether a program may do it where data are of this class.
pub(crate) fn for_programs(action: Action, class: Class) -> bool {
    class < Class::Controlled || !crate::proof::CONFIRMED.contains(&action)
}

fn parsed(row: service::Model, findings: Vec<Finding>) -> Result<Service, Error> {
    let words = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    Ok(Service {
        id: kept(row.id.parse())?,
        owner: kept(row.owner.parse())?,
        purpose: row.purpose,
        environment: row.environment,
        project: kept(row.project.parse())?,
        actions: kept(words(&row.actions).iter().map(|one| one.parse()).collect())?,
        class: kept(row.class.parse())?,
        networks: kept(words(&row.networks).iter().map(|one| one.parse()).collect())?,
        expires_at: kept(Timestamp::from_second(row.expires_at))?,
        used_at: kept(row.used_at.map(Timestamp::from_second).transpose())?,
        keys: Vec::new(),
        closed: row.closed,
        findings,
    })
}
