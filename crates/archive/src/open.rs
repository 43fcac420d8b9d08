//! Reading in place.

use crate::object::{Form, Object};
use crate::{Archive, Error};
use access::Permit;
use access::thing;
use access::verb::Opens;
use base::ObjectId;
use seal::{Expected, SessionKey, Tree, body, verified};
use std::fs::File;

/// An object's content in clear: `Read` and `Seek`, each segment checked before a byte of it is
/// given.
pub type Opened = body::Reader<File>;

/// A Parquet object: its stored bytes, checked block by block, and the key of its footer.
pub struct OpenedRaw {
    /// The stored bytes: `Read` and `Seek`.
    pub bytes: verified::Reader<File>,
    /// Length of the stored bytes.
    pub length: u64,
    /// The footer key.
    pub key: SessionKey,
}

impl Archive {
    /// Opens the content of an object that `permit` covers.
    pub async fn open_object<V: Opens>(
        &self,
        permit: &Permit<V, thing::Object>,
        id: &ObjectId,
    ) -> Result<Opened, Error> {
        permit.covers(id)?;
        let object = self.record(id).await?;
        if object.form != Form::Crypt4gh {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_session(permit, &object.binding()).await?;
        self.open_with(&object, &key)
    }

    /// Opens the content of an object of the site, such as a file of a reference. It holds nobody's
    /// data, so any live permit to open will do; who opens it names it in the record of the act.
    pub async fn open_site_object<V: Opens, T: thing::Thing>(
        &self,
        permit: &Permit<V, T>,
        id: &ObjectId,
    ) -> Result<Opened, Error> {
        permit.live()?;
        let object = self.record(id).await?;
        if object.form != Form::Crypt4gh {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_site_session(permit, &object.binding()).await?;
        self.open_with(&object, &key)
    }

    fn open_with(&self, object: &Object, key: &SessionKey) -> Result<Opened, Error> {
        let tree = self.tree_of(object)?;
        let expected = Expected {
            plain_len: object.plain_length,
            cipher_len: object.cipher_length,
            base_nonce: object.base_nonce,
            root: object.root,
        };
        let damaged = |source| Error::Damaged { object: object.id.clone(), source };
        body::Reader::new(self.open_body(&object.body)?, key, &expected, tree).map_err(damaged)
    }

    /// Opens a Parquet object that `permit` covers.
    pub async fn open_parquet<V: Opens>(
        &self,
        permit: &Permit<V, thing::Object>,
        id: &ObjectId,
    ) -> Result<OpenedRaw, Error> {
        permit.covers(id)?;
        let object = self.record(id).await?;
        if object.form != Form::Parquet {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_session(permit, &object.binding()).await?;
        let tree = self.tree_of(&object)?;
        let damaged = |source| Error::Damaged { object: id.clone(), source };
        let bytes = verified::Reader::new(self.open_body(&object.body)?, tree).map_err(damaged)?;
        Ok(OpenedRaw { bytes, length: object.cipher_length, key })
    }

    pub(crate) fn tree_of(&self, object: &Object) -> Result<Tree, Error> {
        let bytes = self.read_tree(&object.body)?;
        let damaged = |source| Error::Damaged { object: object.id.clone(), source };
        Tree::from_bytes(&bytes, &object.root).map_err(damaged)
    }
}
