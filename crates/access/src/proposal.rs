//! A site's own policies: proposed by an administrator, in force when a pipeline approver approved them.

use crate::table::proposal;
use crate::thing::Site;
use crate::verb::{Manage, View};
use crate::{Access, Error, Permit};
use audit::{Actor, Event, What};
use base::{ApprovalId, Id, Sha256, Timestamp, UserId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use policy::Policies;
use policy::set::{SHIPPED, digest_of};
use std::collections::BTreeMap;

/// File name → text.
pub type Texts = BTreeMap<String, String>;

/// Most files and bytes of a site's own policies.
const MOST_FILES: usize = 64;
const MOST_BYTES: usize = 128 << 10;

/// How it is with a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for a pipeline approver.
    Open,
    /// It is in force.
    InForce,
    /// It was in force.
    Replaced,
    /// It was withdrawn or refused.
    Withdrawn,
}

/// A proposed set of a site's own policies.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its id.
    pub id: ApprovalId,
    /// Who proposed it.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
    /// How it is with it.
    pub state: State,
    /// The digest of the whole set, shipped files included.
    pub digest: Sha256,
    /// The digest of the set that it would replace.
    pub replaces: Sha256,
    /// The site's own files.
    pub texts: Texts,
}

impl State {
    const ALL: [Self; 4] = [Self::Open, Self::InForce, Self::Replaced, Self::Withdrawn];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InForce => "in-force",
            Self::Replaced => "replaced",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The names of the files that the program ships.
pub fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The set that the shipped files and a site's own make. Own files never replace a shipped one, nor the schema.
pub fn with_shipped(own: &Texts) -> Result<Policies, Error> {
    let bytes: usize = own.values().map(String::len).sum();
    if own.len() > MOST_FILES || bytes > MOST_BYTES {
        return Err(Error::OwnPolicies("they take at most 64 files and 128 KiB".to_owned()));
    }
    let named = |name: &str| {
        let stem = name.strip_suffix(".cedar").unwrap_or_default();
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=64).contains(&stem.len()) && stem.bytes().all(word)
    };
    for (name, text) in own {
        // What hides, turns a line around, or looks like another letter would be approved for what it is not.
        if !text.bytes().all(is_plain) {
            let why = "a text is printable ASCII, line ends and tabulators";
            return Err(Error::OwnPolicies(why.to_owned()));
        }
        if !named(name) {
            return Err(Error::OwnPolicies("a file is named `words-like-these.cedar`".to_owned()));
        }
        if shipped().any(|shipped| shipped == name) {
            return Err(Error::OwnPolicies(format!("`{name}` is shipped, and cannot be replaced")));
        }
    }
    let all = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let all = all.chain(own.iter().map(|(name, text)| (name.clone(), text.clone())));
    Ok(Policies::load(all.collect())?)
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t')
}

impl Access {
    /// Checks and stores a proposal. It changes nothing until a pipeline approver approves it.
    pub async fn propose(&self, permit: &Permit<Manage, Site>, texts: &Texts) -> Result<Proposal, Error> {
        permit.live()?;
        let policies = with_shipped(texts)?;
        let by = permit.caller().user().ok_or(Error::NotSignedIn)?.clone();
        let (id, at) = (ApprovalId::mint(&*self.inner.entropy), self.inner.clock.now());
        let (digest, replaces) = (policies.digest(), self.policy_digest());
        let proposal = Proposal { id, by, at, state: State::Open, digest, replaces, texts: texts.clone() };
        let row = proposal::ActiveModel {
            id: Set(proposal.id.to_string()),
            account: Set(proposal.by.to_string()),
            created_at: Set(at.to_string()),
            state: Set(State::Open.as_str().to_owned()),
            digest: Set(digest.to_string()),
            replaces: Set(replaces.to_string()),
            texts: Set(serde_json::to_string(texts).map_err(corrupt)?),
        };
        self.record_act(permit, What::PolicyProposed { policy: digest }, [proposal.id.to_string()]).await?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        proposal::Entity::insert(row).exec_without_returning(&*tx).await?;
        tx.commit().await?;
        Ok(proposal)
    }

    /// All proposals, the newest first.
    pub async fn proposals(&self, permit: &Permit<View, Site>) -> Result<Vec<Proposal>, Error> {
        permit.live()?;
        let rows = proposal::Entity::find()
            .order_by_desc(proposal::Column::CreatedAt)
            .all(self.inner.db.reader())
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// One proposal. Whose it is is asked before it is approved: for the decision's target.
    pub async fn proposal(&self, id: &ApprovalId) -> Result<Proposal, Error> {
        let row = proposal::Entity::find_by_id(id.to_string()).one(self.inner.db.reader()).await?;
        from_row(row.ok_or(Error::NotFound)?)
    }

    /// Puts a proposal in force. Every permit that stands on the set before ends at once.
    ///
    /// 1. The record that it is in force. Crash here: the record says so, the set before decides; the outcome of
    ///    the approval is `unknown`, and the proposal is still open.
    /// 2. The database. From here on every start has it in force.
    /// 3. This process. Another on the same database follows within seconds.
    pub async fn approve(&self, permit: &Permit<Manage, Site>, id: &ApprovalId) -> Result<Proposal, Error> {
        permit.live()?;
        self.follow_policies().await?;
        let proposal = self.open_proposal(id).await?;
        let (before, own) = (self.policy_digest(), self.inner.judge.own());
        if proposal.replaces != before {
            return Err(Error::Overtaken);
        }
        let policies = with_shipped(&proposal.texts)?;
        self.was_proposed(&proposal, policies.digest())?;
        let (from, to, own_digest) = (before, policies.digest(), digest_of(&proposal.texts));
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        // Only one transaction goes on at a time: what is found from here on stays so.
        let epoch = self.inner.judge.epoch();
        if stored(&*tx).await?.map(|stored| stored.texts).unwrap_or_default() != own {
            return Err(Error::Overtaken);
        }
        self.mark(&*tx, State::InForce, State::Replaced, None).await?;
        if self.mark(&*tx, State::Open, State::InForce, Some(id)).await? != 1 {
            return Err(Error::Overtaken);
        }
        self.record_act(permit, What::PolicyChanged { from, to, own: own_digest }, [id.to_string()]).await?;
        tx.commit().await?;
        self.inner.judge.replace_since(&epoch, policies, proposal.texts.clone());
        Ok(Proposal { state: State::InForce, digest: to, ..proposal })
    }

    /// Ends an open proposal.
    pub async fn withdraw(&self, permit: &Permit<Manage, Site>, id: &ApprovalId) -> Result<Proposal, Error> {
        permit.live()?;
        let proposal = self.open_proposal(id).await?;
        let tx = self.inner.db.begin(permit.decision()).await?;
        self.still(permit, &tx).await?;
        if self.mark(&*tx, State::Open, State::Withdrawn, Some(id)).await? != 1 {
            return Err(Error::Overtaken);
        }
        self.record_act(permit, What::PolicyWithdrawn { policy: proposal.digest }, [id.to_string()]).await?;
        tx.commit().await?;
        Ok(Proposal { state: State::Withdrawn, ..proposal })
    }

    /// The site's own files that are in force.
    pub async fn own_policies(&self) -> Result<Texts, Error> {
        Ok(stored(self.inner.db.reader()).await?.map(|proposal| proposal.texts).unwrap_or_default())
    }

    /// Has what is stored as in force decide, if another set does. At start, before the first decision, and
    /// again and again: an approval that was cut off may have been stored.
    ///
    /// A set that does not fit is an error, and the one before keeps deciding; at start there is none, and the
    /// site does not open: to go on without a site's own policies could be to go on without its prohibitions.
    pub async fn follow_policies(&self) -> Result<(), Error> {
        let epoch = self.inner.judge.epoch();
        let proposal = stored(self.inner.db.reader()).await?;
        let texts = proposal.as_ref().map(|proposal| proposal.texts.clone()).unwrap_or_default();
        if self.inner.judge.own() == texts {
            return Ok(());
        }
        if let Some(proposal) = &proposal {
            self.was_approved(proposal)?;
        }
        self.inner.judge.replace_since(&epoch, with_shipped(&texts)?, texts);
        Ok(())
    }

    /// INVARIANT (approved-text): what decides is, letter by letter, what the record says was approved, whoever can
    /// write to the database.
    fn was_approved(&self, proposal: &Proposal) -> Result<(), Error> {
        let texts = digest_of(&proposal.texts);
        let record = self.inner.audit.history(proposal.id.as_str())?;
        let approved = record.events.iter().any(|recorded| match recorded.event.what {
            What::PolicyChanged { own, .. } => own == texts,
            _ => false,
        });
        if approved {
            return Ok(());
        }
        Err(Error::OwnPolicies(crate::error::NOT_APPROVED.to_owned()))
    }

    /// INVARIANT (proposed-text): what is approved is, letter by letter and by whom, what the record says was proposed:
    /// nobody approves what was changed since in the database.
    fn was_proposed(&self, proposal: &Proposal, digest: Sha256) -> Result<(), Error> {
        let by = Actor::User(proposal.by.clone());
        let record = self.inner.audit.history(proposal.id.as_str())?;
        let mut events = record.events.iter().map(|recorded| &recorded.event);
        let as_stored = |event: &Event| match event.what {
            What::PolicyProposed { policy } => policy == digest && event.actor == by,
            _ => false,
        };
        if events.any(as_stored) {
            return Ok(());
        }
        Err(Error::OwnPolicies(crate::error::NOT_PROPOSED.to_owned()))
    }

    async fn open_proposal(&self, id: &ApprovalId) -> Result<Proposal, Error> {
        let proposal = self.proposal(id).await?;
        match proposal.state {
            State::Open => Ok(proposal),
            other => Err(Error::NotOpen(other.as_str())),
        }
    }

    async fn mark(
        &self,
        connection: &impl ConnectionTrait,
        from: State,
        to: State,
        only: Option<&ApprovalId>,
    ) -> Result<u64, Error> {
        let mut update = proposal::Entity::update_many()
            .col_expr(proposal::Column::State, Expr::value(to.as_str()))
            .filter(proposal::Column::State.eq(from.as_str()));
        if let Some(id) = only {
            update = update.filter(proposal::Column::Id.eq(id.to_string()));
        }
        Ok(update.exec(connection).await?.rows_affected)
    }
}

async fn stored(connection: &impl ConnectionTrait) -> Result<Option<Proposal>, Error> {
    let row = proposal::Entity::find()
        .filter(proposal::Column::State.eq(State::InForce.as_str()))
        .one(connection)
        .await?;
    row.map(from_row).transpose()
}

fn from_row(row: proposal::Model) -> Result<Proposal, Error> {
    let state = State::ALL.into_iter().find(|state| state.as_str() == row.state);
    Ok(Proposal {
        id: row.id.parse().map_err(corrupt)?,
        by: row.account.parse().map_err(corrupt)?,
        at: row.created_at.parse().map_err(corrupt)?,
        state: state.ok_or_else(|| corrupt(()))?,
        digest: row.digest.parse().map_err(corrupt)?,
        replaces: row.replaces.parse().map_err(corrupt)?,
        texts: serde_json::from_str(&row.texts).map_err(corrupt)?,
    })
}

fn corrupt<E>(_: E) -> Error {
    Error::OwnPolicies(crate::error::NOT_READ.to_owned())
}
