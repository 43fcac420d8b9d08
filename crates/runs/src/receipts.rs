//! Signed, recorded, stored: the receipts of what the site made.

use crate::Error;
use crate::table::receipt as table;
use access::thing::Thing;
use access::verb::{Seals, Verb};
use access::{Caller, Permit};
use audit::Audit;
use base::{Blake3, Clock, ObjectId, ProjectId, SiteId, Timestamp};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::EntityTrait;
use db::{Db, Tx};
use ledger::SigningKey;
use receipt::{Inclusion, Ledger, Object, Predicate, Receipt, Statement, What};
use std::sync::Arc;

/// Issues and shows receipts. Cheap to clone.
#[derive(Clone)]
pub struct Receipts {
    db: Db,
    audit: Audit,
    clock: Arc<dyn Clock>,
    site: SiteId,
    key: SigningKey,
}

impl Receipts {
    pub(crate) fn new(db: Db, audit: Audit, clock: Arc<dyn Clock>, site: SiteId, key: SigningKey) -> Self {
        Self { db, audit, clock, site, key }
    }

    /// A predicate about `id` with what the permit vouches for: site, project, actor and the
    /// decision's position. The other fields are empty and public.
    pub fn predicate<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        what: What,
        id: &str,
        started: Timestamp,
    ) -> Predicate {
        let place =
            Ledger { origin: self.audit.ledger().verifier().name().to_owned(), position: permit.decision() };
        let time = (started, self.clock.now());
        let mut made = Predicate::new(what, id, self.site.clone(), permit.actor().to_string(), time, place);
        made.project = permit.project().cloned();
        made.on_behalf_of = permit.caller().on_behalf_of().cloned();
        made
    }

    /// Issues the receipt of what `predicate` says, about `outputs` by their ciphertext roots, and
    /// stores it in `tx`. One thing has one receipt.
    ///
    /// 1. The statement is signed. Crash here: nothing happened.
    /// 2. Its digest is recorded durably. Crash here: the ledger names a receipt nobody holds.
    /// 3. Document and proof are stored with the results, in the same transaction.
    pub async fn issue<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        tx: &Tx,
        predicate: Predicate,
        outputs: &[(ObjectId, Blake3)],
    ) -> Result<Receipt, Error> {
        permit.live()?;
        self.sign(permit.caller(), tx, predicate, outputs).await
    }

    /// What is said of a run that was stopped. It stands on no permit: that none is given any more is what it says.
    pub(crate) fn stop(
        &self,
        caller: &Caller,
        project: &ProjectId,
        run: &str,
        (begun, decision): (Timestamp, u64),
    ) -> Predicate {
        let place = Ledger { origin: self.audit.ledger().verifier().name().to_owned(), position: decision };
        let time = (begun, self.clock.now());
        let mut made =
            Predicate::new(What::Stop, run, self.site.clone(), caller.actor().to_string(), time, place);
        made.project = Some(project.clone());
        made.on_behalf_of = caller.on_behalf_of().cloned();
        made
    }

    /// Signs, records and stores what was said: [`Receipts::issue`] for what a permit stands behind.
    pub(crate) async fn sign(
        &self,
        caller: &Caller,
        tx: &Tx,
        predicate: Predicate,
        outputs: &[(ObjectId, Blake3)],
    ) -> Result<Receipt, Error> {
        let (about, project) = (predicate.id.clone(), predicate.project.clone());
        let named: Vec<String> = std::iter::once(about.clone())
            .chain(predicate.about.iter().cloned())
            .chain(outputs.iter().map(|(id, _)| id.to_string()))
            .collect();
        let outputs = outputs.iter().map(|(id, root)| Object { id: id.clone(), root: *root });
        let envelope = receipt::sign(&Statement::new(outputs, predicate), &self.key)?;
        let event = audit::What::ReceiptIssued { payload: envelope.payload_digest()? };
        let event = caller.event(event).in_project(project.clone()).about(named);
        let position = self.audit.gate(&event).await?.position;
        let inclusion = Inclusion::from_ledger(self.audit.ledger(), position)?;
        let made = Receipt { envelope, inclusion };
        let json = String::from_utf8(made.to_json()?).map_err(|_| Error::Record)?;
        let row = table::ActiveModel {
            about: Set(about),
            project: Set(project.map(|id| id.to_string())),
            json: Set(json),
            created_at: Set(self.clock.now().to_string()),
        };
        table::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(made)
    }

    /// The project of the receipt about `about`; none if there is none. For decisions.
    pub async fn project_of(&self, about: &str) -> Result<Option<ProjectId>, Error> {
        let row = table::Entity::find_by_id(about).one(self.db.reader()).await?;
        let project = row.and_then(|row| row.project).map(|id| id.parse());
        project.transpose().map_err(|_| Error::Record)
    }

    /// The receipt about `about`, as the bytes that verify: of the permit's project or, for a
    /// permit on things of the site, of the site.
    pub async fn receipt<V: Verb, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        about: &str,
    ) -> Result<String, Error> {
        permit.live()?;
        let row = table::Entity::find_by_id(about).one(self.db.reader()).await?;
        let own = permit.project().map(ToString::to_string);
        row.filter(|row| row.project == own).map(|row| row.json).ok_or(Error::NotFound)
    }
}
