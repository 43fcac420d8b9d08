//! From sealed drafts to results: objects, lineage, receipt and state in one transaction.

use super::files::Produced;
use super::{Account, Work};
use crate::progress::State;
use crate::table::run;
use crate::{Error, Failure, reference};
use access::Permit;
use access::thing::Object;
use access::verb::Run;
use base::{Blake3, Fault, ObjectId, Timestamp};
use catalog::NewResult;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::EntityTrait;
use receipt::What;

impl Work {
    /// Makes the results visible, all or none, and gives their ids.
    pub(super) async fn admit(
        &self,
        permit: &Permit<Run, Object>,
        mut produced: Produced,
        started: Timestamp,
        account: &Account,
    ) -> Result<Vec<String>, Error> {
        let inner = &self.runs.inner;
        let predicate = self.predicate(permit, &produced, started).await?;
        let outputs: Vec<(ObjectId, Blake3)> =
            produced.sealed.iter().map(|sealed| (sealed.id().clone(), sealed.root())).collect();
        let tx = inner.db.begin(permit.decision()).await?;
        let ids = inner.archive.admit(permit, &tx, &mut produced.sealed).await?;
        let parents: Vec<String> = self.opened().chain([self.reference.id.to_string()]).collect();
        let results: Vec<NewResult> = ids
            .iter()
            .zip(&produced.kinds)
            .map(|(id, kind)| NewResult {
                object: id.clone(),
                sample: self.sample.id.clone(),
                run: self.id.clone(),
                kind: (*kind).to_owned(),
                parents: parents.clone(),
            })
            .collect();
        inner.catalog.add_results(permit, &tx, &results).await?;
        self.runs.keep_headers(&tx, &self.id, &produced.headers).await?;
        inner.receipts.issue(permit, &tx, predicate, &outputs).await?;
        run::Entity::update(self.ended_row(State::Done, account)).exec(&*tx).await?;
        permit.live()?;
        self.not_cancelled()?;
        tx.commit().await?;
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    async fn predicate(
        &self,
        permit: &Permit<Run, Object>,
        produced: &Produced,
        started: Timestamp,
    ) -> Result<receipt::Predicate, Error> {
        let inner = &self.runs.inner;
        let mut predicate = inner.receipts.predicate(permit, What::Run, base::Id::as_str(&self.id), started);
        let reads: Vec<ObjectId> = permit.things().iter().cloned().collect();
        let files: Vec<ObjectId> = self.reference.files.iter().map(|file| file.object.clone()).collect();
        let reads = inner.archive.describe(permit, &reads).await?;
        let files = inner.archive.describe_site(permit, &files).await?;
        let pinned = reference::digest(&self.reference, &files)?;
        let used: Vec<&ObjectId> = self.reference_files().map(|(_, _, object)| object).collect();
        let inputs = reads.iter().chain(files.iter().filter(|file| used.contains(&&file.id)));
        predicate.inputs = inputs.map(|o| receipt::Object { id: o.id.clone(), root: o.root }).collect();
        predicate.about = vec![self.sample.id.to_string(), self.reference.id.to_string()];
        predicate.workflow =
            Some(receipt::Workflow { name: self.workflow.name.to_owned(), source: self.workflow.digest() });
        predicate.tools = self.tools.iter().map(crate::Tool::in_receipt).collect();
        predicate.reference = Some(receipt::Reference { id: self.reference.id.clone(), digest: pinned });
        predicate.parameters = self.parameters.clone();
        predicate.quality = produced.quality.figures();
        Ok(predicate)
    }

    /// Stores how the run ended, with a receipt that nothing came of it, and why: for those whose data it was.
    pub(super) async fn certify_stop(
        &self,
        why: &Error,
        begun: Timestamp,
        account: &Account,
    ) -> Result<(), Error> {
        let inner = &self.runs.inner;
        let id = base::Id::as_str(&self.id);
        let mut said = inner.receipts.stop(&self.caller, &self.project, id, (begun, account.decision));
        said.about = vec![self.sample.id.to_string(), self.sample.subject.to_string()];
        said.workflow =
            Some(receipt::Workflow { name: self.workflow.name.to_owned(), source: self.workflow.digest() });
        said.parameters.insert("code".to_owned(), why.code().to_owned());
        said.parameters.insert("why".to_owned(), why.to_string());
        let mut row = self.ended_row(State::Stopped, account);
        let failure = Failure::of(why, &self.runs.redactor(Some(&self.sample)));
        row.error = Set(Some(failure.to_json()));
        let tx = inner.db.begin(account.decision).await?;
        inner.receipts.sign(&self.caller, &tx, said, &[]).await?;
        run::Entity::update(row).exec(&*tx).await?;
        Ok(tx.commit().await?)
    }
}
