//! What people hold: a role, on the site or in a project, until it ends.

use crate::account::{closed, is_strict, usable};
use crate::passkey::passkeys_of;
use crate::passport::Given;
use crate::table::{account, grant, kept, taken};
use crate::thing::{Project, Site, Thing};
use crate::verb::{Manage, Verb, View};
use crate::{Access, Caller, Error, Permit};
use audit::{Actor, Event, What};
use base::{
    Boxed, BreakGlassId, Class, GrantId, Id, ProjectId, Role, SupportId, Timestamp, UserId, VisaMappingId,
};
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::{Expr, Query};
use db::sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};

const DAY_SECONDS: i64 = 24 * 3600;

/// When a role ends: with its time, or with the first of the conditions it stands on that ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// Its own end; what the site sets, when absent.
    pub until: Option<Timestamp>,
    /// The end of the training that it asks for.
    pub training_until: Option<Timestamp>,
    /// The end of the agreement that it stands on, such as one about the use of data.
    pub agreement_until: Option<Timestamp>,
    /// The end of the approval that it stands on, such as an ethics committee's.
    pub approval_until: Option<Timestamp>,
}

impl Ends {
    /// The first end, and the closed word for what ends then.
    pub fn first(&self) -> Option<(Timestamp, &'static str)> {
        let all = [
            (self.until, "time"),
            (self.training_until, "training"),
            (self.agreement_until, "agreement"),
            (self.approval_until, "approval"),
        ];
        all.into_iter().filter_map(|(end, word)| Some((end?, word))).min_by_key(|(end, _)| *end)
    }
}

/// A role that an account holds, or held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who holds it.
    pub account: UserId,
    /// The role.
    pub role: Role,
    /// The project, or none for a role on the site.
    pub project: Option<ProjectId>,
    /// When it ends, if it does.
    pub ends: Ends,
    /// Whether it ended: on record, or with the trust in who gave it.
    pub lapsed: bool,
    /// What gave it, if no person did.
    pub by: Option<ByVisa>,
    /// Under what it is held, if by way of exception.
    pub under: Option<ByException>,
}

/// What a role is held under that shows data by way of exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByException {
    /// A break-glass.
    BreakGlass(BreakGlassId),
    /// A support session.
    Support(SupportId),
}

impl ByException {
    /// Its id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BreakGlass(id) => id.as_str(),
            Self::Support(id) => id.as_str(),
        }
    }

    fn read(id: &str) -> Result<Self, Error> {
        match id.parse() {
            Ok(id) => Ok(Self::BreakGlass(id)),
            Err(_) => Ok(Self::Support(kept(id.parse())?)),
        }
    }
}

/// The visa that a role is held by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByVisa {
    /// Its issuer: the `iss` of its tokens.
    pub issuer: String,
    /// In whose name.
    pub source: String,
    /// The mapping.
    pub mapping: VisaMappingId,
}

impl Grant {
    /// Whether it has not ended. What is on record as ended stays so, also under a clock that was set back.
    pub fn holds(&self, now: Timestamp) -> bool {
        !self.lapsed && self.ends.first().is_none_or(|(end, _)| end > now)
    }
}

impl Access {
    /// Gives `account` a role in the permit's project.
    pub async fn add_member(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        account: &UserId,
        role: Role,
        ends: &Ends,
    ) -> Result<Grant, Error> {
        if role.is_site_wide() {
            return Err(Error::RolePlace { role, expected: "on the site, not in a project" });
        }
        let project = permit.in_project()?;
        self.still(permit, tx).await?;
        usable(&**tx, account.as_str()).await.map_err(closed)?;
        fit_for(&**tx, account, permit.class()).await?;
        let ends = self.ends(ends)?;
        let made = self.insert_grant(tx, account, role, Some(project), ends).await?;
        self.tell(permit.caller(), &made, true).await?;
        // Whom somebody makes a member may be one by their visas again.
        taken::Entity::delete_by_id((account.to_string(), project.to_string())).exec(&**tx).await?;
        Ok(made)
    }

    /// Takes all roles of `account` in the permit's project away; gives how many there were. What visas gave is not given
    /// by visas again, until somebody makes the account a member.
    pub async fn remove_member(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        account: &UserId,
    ) -> Result<u64, Error> {
        let project = permit.in_project()?;
        self.still(permit, tx).await?;
        let of = Condition::all()
            .add(grant::Column::Account.eq(account.to_string()))
            .add(grant::Column::Project.eq(project.to_string()));
        self.note_taken(tx, account, project).await?;
        self.take(permit.caller(), tx, of).await
    }

    /// Notes that an account was taken out of a project. Whatever it holds now: a visa may be on its way, or be shown
    /// tomorrow.
    pub(crate) async fn note_taken(
        &self,
        tx: &Tx,
        account: &UserId,
        project: &ProjectId,
    ) -> Result<(), Error> {
        let (account, project) = (account.to_string(), project.to_string());
        if taken::Entity::find_by_id((account.clone(), project.clone())).one(&**tx).await?.is_none() {
            let row = taken::ActiveModel { account: Set(account), project: Set(project) };
            taken::Entity::insert(row).exec_without_returning(&**tx).await?;
        }
        Ok(())
    }

    /// Gives `account` a role on the site.
    pub async fn grant_on_site(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        account: &UserId,
        role: Role,
        ends: &Ends,
    ) -> Result<Grant, Error> {
        self.still(permit, tx).await?;
        on_site(role)?;
        let ends = self.ends(ends)?;
        let made = self.insert_grant(tx, account, role, None, ends).await?;
        self.tell(permit.caller(), &made, true).await?;
        Ok(made)
    }

    /// Takes a role on the site away from `account`.
    pub async fn revoke_on_site(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        account: &UserId,
        role: Role,
    ) -> Result<(), Error> {
        self.still(permit, tx).await?;
        on_site(role)?;
        let of = Condition::all()
            .add(grant::Column::Account.eq(account.to_string()))
            .add(grant::Column::Project.is_null())
            .add(grant::Column::Role.eq(role.as_str()));
        if self.take(permit.caller(), tx, of).await? == 0 { Err(Error::NotHeld(role)) } else { Ok(()) }
    }

    /// Makes accounts the administrators of a project that has none: it is being made under `permit`, or two people
    /// named one. All of them, or nobody.
    pub async fn adopt_project(
        &self,
        permit: &Permit<Manage, Site>,
        tx: &Tx,
        (project, class): (&ProjectId, Class),
        accounts: &[UserId],
    ) -> Result<Vec<Grant>, Error> {
        self.still(permit, tx).await?;
        for account in accounts {
            usable(&**tx, account.as_str()).await.map_err(closed)?;
            fit_for(&**tx, account, Some(class)).await?;
        }
        self.grows_as_strict_as(class);
        let (mut all, ends) = (Vec::new(), self.ends(&Ends::default())?);
        for account in accounts {
            let role = Role::ProjectAdministrator;
            let made = self.insert_grant(tx, account, role, Some(project), ends.clone()).await?;
            self.tell(permit.caller(), &made, true).await?;
            taken::Entity::delete_by_id((account.to_string(), project.to_string())).exec(&**tx).await?;
            all.push(made);
        }
        Ok(all)
    }

    /// The roles given in the permit's project, those that have ended too: each says when.
    pub async fn members(&self, permit: &Permit<View, Project>) -> Result<Vec<Grant>, Error> {
        let project = permit.in_project()?;
        let rows = grant::Entity::find()
            .filter(grant::Column::Project.eq(project.to_string()))
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(|row| self.granted(row)).collect()
    }

    /// The roles given on the site, those that have ended too.
    pub async fn grants_on_site(&self, permit: &Permit<Manage, Site>) -> Result<Vec<Grant>, Error> {
        permit.live()?;
        let rows = grant::Entity::find()
            .filter(grant::Column::Project.is_null())
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(|row| self.granted(row)).collect()
    }

    /// The roles that the caller holds now.
    pub async fn own_grants(&self, caller: &Caller) -> Result<Vec<Grant>, Error> {
        match caller.user() {
            Some(user) => self.live_grants(user).await,
            None => Ok(Vec::new()),
        }
    }

    /// Records the roles that have ended since the last time. They gave nothing since their end; this says so.
    ///
    /// A record is made before it is noted that it was: what a crash leaves between is recorded twice.
    pub async fn record_lapses(&self, actor: &Actor) -> Result<u64, Error> {
        let now = self.inner.clock.now();
        let ended = |column: grant::Column| column.lte(now.as_second());
        let due = Condition::any()
            .add(ended(grant::Column::ExpiresAt))
            .add(ended(grant::Column::TrainingUntil))
            .add(ended(grant::Column::AgreementUntil))
            .add(ended(grant::Column::ApprovalUntil));
        let rows = grant::Entity::find()
            .filter(grant::Column::Lapsed.eq(false))
            .filter(due)
            .all(self.inner.db.reader())
            .await?;
        let mut count = 0;
        for ended in rows.into_iter().map(from_row) {
            let ended = ended?;
            let Some((_, cause)) = ended.ends.first() else { continue };
            self.record_lapse(actor, &ended, cause).await?;
            count += 1;
        }
        let by_visas = grant::Entity::find()
            .filter(grant::Column::Lapsed.eq(false))
            .filter(grant::Column::Mapping.is_not_null())
            .all(self.inner.db.reader())
            .await?;
        for distrusted in by_visas.into_iter().filter(|row| !self.is_trusted(row)) {
            self.record_lapse(actor, &from_row(distrusted)?, "issuer").await?;
            count += 1;
        }
        Ok(count)
    }

    async fn record_lapse(&self, actor: &Actor, ended: &Grant, cause: &str) -> Result<(), Error> {
        let what = What::GrantLapsed { role: ended.role, cause: cause.to_owned() };
        let position = self.inner.audit.gate(&about(actor.clone(), ended, what)).await?.position;
        let tx = self.inner.db.begin(position).await?;
        grant::Entity::update_many()
            .col_expr(grant::Column::Lapsed, Expr::value(true))
            .filter(grant::Column::Id.eq(ended.id.to_string()))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Fails when whoever acts was closed, or lost a role that counted, since it was decided that they may.
    ///
    /// INVARIANT (one-after-the-other): each change of rights asks this within its transaction, and transactions do not
    /// overlap. So of two administrators who close each other at once one does.
    pub(crate) async fn still<V: Verb, T: Thing>(&self, permit: &Permit<V, T>, tx: &Tx) -> Result<(), Error> {
        permit.live()?;
        let Some(user) = permit.caller().user() else { return Ok(()) };
        usable(&**tx, user.as_str()).await?;
        let counted = permit.grants();
        let held = grant::Entity::find().filter(grant::Column::Id.is_in(counted.iter().map(String::as_str)));
        if held.all(&**tx).await?.len() == counted.len() { Ok(()) } else { Err(Error::PermitEnded) }
    }

    /// The roles that `account` holds now: none of those that have ended, and none if it is closed.
    pub(crate) async fn live_grants(&self, account: &UserId) -> Result<Vec<Grant>, Error> {
        self.live(self.inner.db.reader(), held_by(account)).await
    }

    /// The roles that anybody holds now.
    pub(crate) async fn all_live_grants(&self) -> Result<Vec<Grant>, Error> {
        self.live(self.inner.db.reader(), Condition::all()).await
    }

    /// Every role that was given to `account` and not taken away, those that have ended too.
    pub(crate) async fn grants_of(&self, account: &UserId) -> Result<Vec<Grant>, Error> {
        let rows = grant::Entity::find()
            .filter(grant::Column::Account.eq(account.to_string()))
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(|row| self.granted(row)).collect()
    }

    /// Those of `which` that are held now by accounts that are open.
    pub(crate) async fn live(
        &self,
        from: &impl ConnectionTrait,
        which: Condition,
    ) -> Result<Vec<Grant>, Error> {
        let now = self.inner.clock.now();
        let open = Query::select()
            .column(account::Column::Id)
            .from(account::Entity)
            .and_where(account::Column::Closed.eq(false))
            .to_owned();
        let rows = grant::Entity::find()
            .filter(which)
            .filter(grant::Column::Account.in_subquery(open))
            .all(from)
            .await?;
        let grants = rows.into_iter().map(|row| self.granted(row)).collect::<Result<Vec<Grant>, Error>>()?;
        Ok(grants.into_iter().filter(|grant| grant.holds(now)).collect())
    }

    /// Takes every role of an account away.
    pub(crate) async fn take_all(&self, caller: &Caller, tx: &Tx, account: &UserId) -> Result<u64, Error> {
        self.take(caller, tx, held_by(account)).await
    }

    /// A role as it is held now: one that a visa gave has ended where nobody trusts its issuer any more.
    fn granted(&self, row: grant::Model) -> Result<Grant, Error> {
        let distrusted = !self.is_trusted(&row);
        let grant = from_row(row)?;
        Ok(Grant { lapsed: grant.lapsed || distrusted, ..grant })
    }

    fn is_trusted(&self, row: &grant::Model) -> bool {
        match (&row.mapping, &row.issuer, &row.source) {
            (None, None, None) => true,
            (Some(_), Some(issuer), Some(source)) => self.trust().still(issuer, source),
            _ => false,
        }
    }

    /// Whether a role that a visa gave is held now.
    pub(crate) fn counts(&self, row: &grant::Model) -> bool {
        let now = self.inner.clock.now().as_second();
        !row.lapsed && self.is_trusted(row) && row.expires_at.is_some_and(|end| end > now)
    }

    pub(crate) async fn take(&self, caller: &Caller, tx: &Tx, of: Condition) -> Result<u64, Error> {
        let rows = grant::Entity::find().filter(of.clone()).all(&**tx).await?;
        for row in rows {
            self.tell(caller, &from_row(row)?, false).await?;
        }
        Ok(grant::Entity::delete_many().filter(of).exec(&**tx).await?.rows_affected)
    }

    /// Records that a role was given or taken, before that is stored.
    async fn tell(&self, caller: &Caller, changed: &Grant, given: bool) -> Result<(), Error> {
        let until = changed.ends.first().map(|(end, _)| end).filter(|_| given);
        let what = What::RightsChanged { role: changed.role, given, until };
        let event = about(caller.actor().clone(), changed, what).during(Some(caller.request().clone()));
        self.inner.audit.gate(&event).await?;
        Ok(())
    }

    /// The ends of a role that is given now. Its own is never later than the site allows.
    pub(crate) fn ends(&self, asked: &Ends) -> Result<Ends, Error> {
        let (now, days) = (self.inner.clock.now(), self.settings().settings.grant_days);
        let most = now.as_second().saturating_add(i64::from(days).saturating_mul(DAY_SECONDS));
        let latest = Timestamp::from_second(most).unwrap_or(Timestamp::MAX);
        if asked.until.is_some_and(|until| until > latest) {
            return Err(Error::TooLong { days });
        }
        let ends = Ends { until: asked.until.or(Some(latest)), ..asked.clone() };
        match ends.first() {
            Some((end, what)) if end <= now => Err(Error::EndedBefore(what)),
            _ => Ok(ends),
        }
    }

    /// `ends` as they are: the first administrator's role has none. A closed account gets none: whoever opens it
    /// again would have its sign-in in hand.
    pub(crate) fn insert_grant<'a>(
        &'a self,
        tx: &'a Tx,
        account: &'a UserId,
        role: Role,
        project: Option<&'a ProjectId>,
        ends: Ends,
    ) -> Boxed<'a, Result<Grant, Error>> {
        Box::pin(self.inserted_grant(tx, account, role, project, ends))
    }

    async fn inserted_grant(
        &self,
        tx: &Tx,
        account: &UserId,
        role: Role,
        project: Option<&ProjectId>,
        ends: Ends,
    ) -> Result<Grant, Error> {
        usable(&**tx, account.as_str()).await.map_err(closed)?;
        // A role that is given again is held until the new end, be it later or sooner.
        let place = match project {
            Some(project) => grant::Column::Project.eq(project.to_string()),
            None => grant::Column::Project.is_null(),
        };
        grant::Entity::delete_many()
            .filter(grant::Column::Account.eq(account.to_string()))
            .filter(grant::Column::Role.eq(role.as_str()))
            .filter(place)
            .filter(grant::Column::Mapping.is_null())
            .filter(grant::Column::Under.is_null())
            .exec(&**tx)
            .await?;
        let made = Grant {
            id: GrantId::mint(&*self.inner.entropy),
            account: account.clone(),
            role,
            project: project.cloned(),
            ends,
            lapsed: false,
            by: None,
            under: None,
        };
        self.store(tx, &made).await?;
        Ok(made)
    }

    /// Gives a role by a visa, on record, in the place of one that another visa gave before. What people gave stays beside
    /// it: neither makes the other longer or shorter.
    pub(crate) async fn insert_by_visa(
        &self,
        tx: &Tx,
        caller: &Caller,
        account: &UserId,
        given: &Given,
        by: ByVisa,
    ) -> Result<(), Error> {
        if !crate::mapping::ROLES.contains(&given.role) {
            return Err(Error::RolePlace {
                role: given.role,
                expected: "by a person's word, and by no visa's",
            });
        }
        grant::Entity::delete_many()
            .filter(grant::Column::Account.eq(account.to_string()))
            .filter(grant::Column::Role.eq(given.role.as_str()))
            .filter(grant::Column::Project.eq(given.project.to_string()))
            .filter(grant::Column::Mapping.is_not_null())
            .exec(&**tx)
            .await?;
        let made = Grant {
            id: GrantId::mint(&*self.inner.entropy),
            account: account.clone(),
            role: given.role,
            project: Some(given.project.clone()),
            ends: Ends { until: Some(given.until), ..Ends::default() },
            lapsed: false,
            by: Some(by),
            under: None,
        };
        self.tell(caller, &made, true).await?;
        self.store(tx, &made).await
    }

    /// Gives the role of a viewer by way of exception, on record. It stands beside what the account holds otherwise: neither
    /// makes the other longer or shorter.
    pub(crate) async fn insert_by_exception(
        &self,
        tx: &Tx,
        caller: &Caller,
        (account, project): (&UserId, &ProjectId),
        under: ByException,
        until: Timestamp,
    ) -> Result<(), Error> {
        usable(&**tx, account.as_str()).await.map_err(closed)?;
        let made = Grant {
            id: GrantId::mint(&*self.inner.entropy),
            account: account.clone(),
            role: Role::Viewer,
            project: Some(project.clone()),
            ends: Ends { until: Some(until), ..Ends::default() },
            lapsed: false,
            by: None,
            under: Some(under),
        };
        self.tell(caller, &made, true).await?;
        self.store(tx, &made).await
    }

    async fn store(&self, tx: &Tx, made: &Grant) -> Result<(), Error> {
        let second = |end: Option<Timestamp>| Set(end.map(Timestamp::as_second));
        let row = grant::ActiveModel {
            id: Set(made.id.to_string()),
            account: Set(made.account.to_string()),
            role: Set(made.role.as_str().to_owned()),
            project: Set(made.project.as_ref().map(ToString::to_string)),
            created_at: Set(self.inner.clock.now().to_string()),
            expires_at: second(made.ends.until),
            training_until: second(made.ends.training_until),
            agreement_until: second(made.ends.agreement_until),
            approval_until: second(made.ends.approval_until),
            lapsed: Set(made.lapsed),
            issuer: Set(made.by.as_ref().map(|by| by.issuer.clone())),
            source: Set(made.by.as_ref().map(|by| by.source.clone())),
            mapping: Set(made.by.as_ref().map(|by| by.mapping.to_string())),
            under: Set(made.under.as_ref().map(|under| under.as_str().to_owned())),
        };
        grant::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }
}

/// The roles that were given to an account.
pub(crate) fn held_by(account: &UserId) -> Condition {
    Condition::all().add(grant::Column::Account.eq(account.to_string()))
}

/// Fails for whoever could do nothing in a project of this class: people act there by passkeys. Nobody could make them a
/// new one-time token either, to enrol one: a role there forbids it.
pub(crate) async fn fit_for(
    from: &impl ConnectionTrait,
    account: &UserId,
    class: Option<Class>,
) -> Result<(), Error> {
    if !is_strict(class) || passkeys_of(from, account).await?.iter().any(|passkey| !passkey.suspended) {
        return Ok(());
    }
    Err(Error::WithoutPasskey)
}

pub(crate) fn on_site(role: Role) -> Result<(), Error> {
    match role.is_site_wide() {
        true => Ok(()),
        false => Err(Error::RolePlace { role, expected: "in a project, not on the site" }),
    }
}

fn about(actor: Actor, grant: &Grant, what: What) -> Event {
    Event::new(actor, what)
        .in_project(grant.project.clone())
        .about([grant.account.to_string(), grant.id.to_string()])
        .about(grant.under.iter().map(|under| under.as_str().to_owned()))
}

fn from_row(row: grant::Model) -> Result<Grant, Error> {
    let time = |second: Option<i64>| kept(second.map(Timestamp::from_second).transpose());
    Ok(Grant {
        id: kept(row.id.parse())?,
        account: kept(row.account.parse())?,
        role: kept(row.role.parse())?,
        project: kept(row.project.map(|p| p.parse()).transpose())?,
        ends: Ends {
            until: time(row.expires_at)?,
            training_until: time(row.training_until)?,
            agreement_until: time(row.agreement_until)?,
            approval_until: time(row.approval_until)?,
        },
        lapsed: row.lapsed,
        by: match (row.issuer, row.source, row.mapping) {
            (Some(issuer), Some(source), Some(mapping)) => {
                Some(ByVisa { issuer, source, mapping: kept(mapping.parse())? })
            }
            _ => None,
        },
        under: row.under.as_deref().map(ByException::read).transpose()?,
    })
}
