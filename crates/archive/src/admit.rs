//! From sealed drafts to visible objects.

use crate::draft::Sealed;
use crate::table::object;
use crate::{Archive, Error};
use access::Permit;
use access::thing::Thing;
use access::verb::Seals;
use audit::{Event, Manifest, What};
use base::{Id, ObjectId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use db::Tx;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::EntityTrait;
use keys::Binding;
use keys::wrap::WrappingKey;

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
    /// A draft that was begun for another project than the permit's is refused.
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
        for draft in drafts.iter_mut() {
            self.link(permit, draft).await?;
            let manifest = self.manifest(draft)?;
            let sealed_digest = manifest.sealed_digest.clone();
            let what = What::ObjectSealed(Box::new(manifest));
            let event = Event::new(permit.actor().clone(), what)
                .during(Some(permit.caller().request().clone()))
                .in_project(permit.project().cloned())
                .about([draft.id.to_string()]);
            let position = self.audit.gate(&event).await?.position;
            let binding = Binding {
                object: draft.id.clone(),
                version: 1,
                project: permit.project().cloned(),
                subject: draft.spec.subject.clone(),
            };
            self.keys.store_session(permit, tx, &binding, &draft.key).await?;
            self.insert(tx, draft, &binding, sealed_digest, position).await?;
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
        let event = Event::new(permit.actor().clone(), What::Linked {})
            .during(Some(permit.caller().request().clone()))
            .in_project(permit.project().cloned())
            .about(
                std::iter::once(draft.id.to_string()).chain(draft.spec.links.iter().cloned()).chain(subject),
            );
        Ok(self.audit.follow(&event).await?)
    }

    /// The digest of the content is sealed under a key made from the object's own: it is shown
    /// only to those who may open the object.
    fn manifest(&self, draft: &Sealed) -> Result<Manifest, Error> {
        let key = digest_key(&draft.key);
        let sealed = key.wrap(&draft.digest.0, draft.id.as_str(), &*self.entropy)?;
        Ok(Manifest {
            object: draft.id.clone(),
            version: 1,
            plain_length: draft.plain_length,
            cipher_length: draft.cipher_length,
            segments: draft.segments,
            root: draft.root,
            sealed_digest: STANDARD.encode(sealed),
        })
    }

    async fn insert(
        &self,
        tx: &Tx,
        draft: &Sealed,
        binding: &Binding,
        sealed_digest: String,
        position: u64,
    ) -> Result<(), Error> {
        let number = |n: u64| i64::try_from(n).map_err(|_| Error::Record);
        let row = object::ActiveModel {
            id: Set(draft.id.to_string()),
            version: Set(1),
            project: Set(binding.project.as_ref().map(ToString::to_string)),
            subject: Set(binding.subject.as_ref().map(ToString::to_string)),
            kind: Set(draft.spec.kind.to_owned()),
            form: Set(draft.form.as_str().to_owned()),
            body: Set(draft.name.clone()),
            plain_length: Set(number(draft.plain_length)?),
            cipher_length: Set(number(draft.cipher_length)?),
            segments: Set(number(draft.segments)?),
            root: Set(draft.root.to_string()),
            base_nonce: Set(draft.base_nonce.map(|n| n.to_vec())),
            sealed_digest: Set(sealed_digest),
            position: Set(number(position)?),
            created_at: Set(self.clock.now().to_string()),
        };
        object::Entity::insert(row).exec_without_returning(&**tx).await?;
        Ok(())
    }
}

/// The key that seals an object's content digest.
pub(crate) fn digest_key(key: &seal::SessionKey) -> WrappingKey {
    WrappingKey::from_bytes(blake3::derive_key("Sequestra 2026-11 content digest of an object", key.expose()))
}
