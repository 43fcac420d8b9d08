//! From sealed drafts to visible objects.

use crate::count::{Change, Counted, count};
use crate::draft::Sealed;
use crate::retain::Floor;
use crate::table::object;
use crate::withdraw::ARRIVING;
use crate::{Archive, Error};
use access::Permit;
use access::thing::Thing;
use access::verb::Seals;
use audit::{Manifest, What};
use base::{Id, ObjectId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::EntityTrait;
use keys::Binding;
use keys::wrap::WrappingKey;

/// What the ledger holds about a draft that is being admitted.
struct Recorded {
    sealed_digest: String,
    position: u64,
}

impl Archive {
    /// Makes sealed drafts objects of the permit's project, all or, when `tx` does not commit,
    /// none.
    ///
    /// 1. Each object's links to what it belongs to are queued and then its manifest recorded
    ///    durably, which makes the links durable too: no object is seen that the chain of its
    ///    sample or subject does not lead to. Crash here: the ledger names objects that never
    ///    became visible; their bodies are cleared.
    /// 2. Records and wrapped keys are written in `tx`. Crash before its commit: the same.
    /// 3. The caller commits `tx`: the objects are visible and whole.
    ///
    /// A draft that was begun for another project than the permit's is refused. A project's object is
    /// kept from its sealing on for as long as the project's class says; the time of sealing is the clock's
    /// or, when the clock was set back, that of the newest object on record, within a year.
    pub async fn admit<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        tx: &Tx,
        drafts: &mut [Sealed],
    ) -> Result<Vec<ObjectId>, Error> {
        permit.live()?;
        if let Some(foreign) = drafts.iter().find(|draft| draft.project.as_ref() != permit.project()) {
            return Err(access::Error::NotCovered(foreign.id.to_string()).into());
        }
        let sealed_at = self.sealing_moment(tx).await?;
        let floor = Floor::of(permit.retention(), sealed_at);
        for draft in drafts.iter_mut() {
            self.link(permit, draft).await?;
            let manifest = self.manifest(draft, &floor)?;
            let sealed_digest = manifest.sealed_digest.clone();
            let what = What::ObjectSealed(Box::new(manifest));
            let event =
                permit.event(what).in_project(permit.project().cloned()).about([draft.id.to_string()]);
            let position = self.audit.gate(&event).await?.position;
            let binding = Binding {
                object: draft.id.clone(),
                version: draft.version,
                project: permit.project().cloned(),
                subject: draft.spec.subject.clone(),
            };
            self.keys.store_session(permit, tx, &binding, &draft.key).await?;
            self.insert(tx, draft, &binding, &floor, Recorded { sealed_digest, position }).await?;
        }
        Ok(drafts
            .iter_mut()
            .map(|draft| {
                draft.admitted = true;
                draft.id.clone()
            })
            .collect())
    }

    async fn link<V: Seals, T: Thing>(&self, permit: &Permit<V, T>, draft: &Sealed) -> Result<(), Error> {
        if draft.spec.links.is_empty() && draft.spec.subject.is_none() {
            return Ok(());
        }
        let subject = draft.spec.subject.iter().map(ToString::to_string);
        let event = permit.event(What::Linked {}).in_project(permit.project().cloned()).about(
            std::iter::once(draft.id.to_string()).chain(draft.spec.links.iter().cloned()).chain(subject),
        );
        Ok(self.audit.follow(&event).await?)
    }

    /// The digest of the content is sealed under a key made from the object's own: it is shown
    /// only to those who may open the object.
    fn manifest(&self, draft: &Sealed, floor: &Floor) -> Result<Manifest, Error> {
        let key = digest_key(&draft.key);
        let sealed = key.wrap(&draft.digest.0, draft.id.as_str(), &*self.entropy)?;
        Ok(Manifest {
            object: draft.id.clone(),
            version: draft.version,
            plain_length: draft.plain_length,
            cipher_length: draft.cipher_length,
            segments: draft.segments,
            root: draft.root,
            sealed_digest: STANDARD.encode(sealed),
            kept_until: floor.until,
        })
    }

    async fn insert(
        &self,
        tx: &Tx,
        draft: &Sealed,
        binding: &Binding,
        floor: &Floor,
        recorded: Recorded,
    ) -> Result<(), Error> {
        let number = |n: u64| i64::try_from(n).map_err(|_| Error::Record);
        let row = object::ActiveModel {
            id: Set(draft.id.to_string()),
            version: Set(i32::try_from(draft.version).map_err(|_| Error::Record)?),
            project: Set(binding.project.as_ref().map(ToString::to_string)),
            subject: Set(binding.subject.as_ref().map(ToString::to_string)),
            kind: Set(draft.spec.kind.to_owned()),
            form: Set(draft.form.as_str().to_owned()),
            body: Set(draft.name.as_str().to_owned()),
            plain_length: Set(number(draft.plain_length)?),
            cipher_length: Set(number(draft.cipher_length)?),
            segments: Set(number(draft.segments)?),
            root: Set(draft.root.to_string()),
            base_nonce: Set(draft.base_nonce.map(|n| n.to_vec())),
            sealed_digest: Set(recorded.sealed_digest),
            position: Set(number(recorded.position)?),
            created_at: Set(floor.sealed_at.to_string()),
            retention: Set(floor.class.map(|class| class.to_string())),
            kept_until: Set(floor.until.map(|until| until.to_string())),
            arriving: Set(i32::from(draft.spec.kind == ARRIVING)),
            locked: Set(0),
            held: Set(0),
            quarantined: Set(None),
            scrubbed_at: Set(floor.sealed_at.to_string()),
            deleted_at: Set(None),
        };
        let counted = Counted { version: i64::from(draft.version), bytes: number(draft.cipher_length)? };
        object::Entity::insert(row).exec_without_returning(&**tx).await?;
        let project = binding.project.as_ref().map(Id::as_str);
        count(tx, project, [counted], Change::Come).await
    }
}

/// The key that seals an object's content digest.
pub(crate) fn digest_key(key: &seal::SessionKey) -> WrappingKey {
    WrappingKey::from_bytes(blake3::derive_key("Sequestra 2026-11 content digest of an object", key.expose()))
}
