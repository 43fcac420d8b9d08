//! Reading in place.

use crate::archive::blocking;
use crate::object::{Form, Object};
use crate::store::Source;
use crate::watched::Watched;
use crate::{Archive, Error};
use access::Permit;
use access::thing;
use access::verb::Opens;
use base::ObjectId;
use seal::{Expected, SessionKey, Tree, body, verified};

/// An object's content in clear: `Read` and `Seek`, each segment checked before a byte of it is
/// given.
pub type Opened = Watched<body::Reader<Box<dyn Source>>>;

/// Stored bytes, checked block by block.
pub type Stored = Watched<verified::Reader<Box<dyn Source>>>;

/// A Parquet object: its stored bytes, checked block by block, and the key of its footer.
pub struct OpenedRaw {
    /// The stored bytes: `Read` and `Seek`.
    pub bytes: Stored,
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
        let object = self.readable(id).await?;
        if object.form != Form::Crypt4gh {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_session(permit, &object.binding()).await?;
        self.open_with(object, key).await
    }

    /// Opens the content of an object of the site, such as a file of a reference. It holds nobody's
    /// data, so any live permit to open will do; who opens it names it in the record of the act.
    pub async fn open_site_object<V: Opens, T: thing::Thing>(
        &self,
        permit: &Permit<V, T>,
        id: &ObjectId,
    ) -> Result<Opened, Error> {
        permit.live()?;
        let object = self.readable(id).await?;
        if object.form != Form::Crypt4gh {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_site_session(permit, &object.binding()).await?;
        self.open_with(object, key).await
    }

    /// Opens the content of one version of an object that `permit` covers.
    pub async fn open_version<V: Opens>(
        &self,
        permit: &Permit<V, thing::Object>,
        id: &ObjectId,
        version: u32,
    ) -> Result<Opened, Error> {
        permit.covers(id)?;
        let found = self.all_versions(id).await?.into_iter().find(|object| object.version == version);
        let object = self.check_readable(found.ok_or(Error::NotFound)?)?;
        if object.form != Form::Crypt4gh {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_session(permit, &object.binding()).await?;
        self.open_with(object, key).await
    }

    async fn open_with(&self, object: Object, key: SessionKey) -> Result<Opened, Error> {
        let archive = self.clone();
        blocking(move || {
            let expected = Expected {
                plain_len: object.plain_length,
                cipher_len: object.cipher_length,
                base_nonce: object.base_nonce,
                root: object.root,
            };
            let (body, tree) = archive.parts_of(&object)?;
            let reader = body::Reader::new(body, &key, &expected, tree);
            Ok(archive.watch(&object, reader.map_err(|source| archive.damaged(&object, source))?))
        })
        .await
    }

    /// The stored bytes of an object, checked block by block.
    pub(crate) async fn open_stored(&self, object: &Object) -> Result<Stored, Error> {
        let (archive, object) = (self.clone(), object.clone());
        blocking(move || {
            let (body, tree) = archive.parts_of(&object)?;
            let reader = verified::Reader::new(body, tree);
            Ok(archive.watch(&object, reader.map_err(|source| archive.damaged(&object, source))?))
        })
        .await
    }

    /// Opens a Parquet object that `permit` covers.
    pub async fn open_parquet<V: Opens>(
        &self,
        permit: &Permit<V, thing::Object>,
        id: &ObjectId,
    ) -> Result<OpenedRaw, Error> {
        permit.covers(id)?;
        let object = self.readable(id).await?;
        if object.form != Form::Parquet {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_session(permit, &object.binding()).await?;
        let bytes = self.open_stored(&object).await?;
        Ok(OpenedRaw { bytes, length: object.cipher_length, key })
    }

    /// The stored body and the tree that leads to the recorded root. Blocks.
    pub(crate) fn parts_of(&self, object: &Object) -> Result<(Box<dyn Source>, Tree), Error> {
        let lost = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => self.lost(object),
            _ => Error::from(error),
        };
        let bytes = self.read_tree(&object.body).map_err(lost)?;
        let tree = Tree::from_bytes(&bytes, &object.root).map_err(|source| self.damaged(object, source))?;
        let body = self.open_body(&object.body).map_err(lost)?;
        self.known.set_away(false);
        Ok((body, tree))
    }
}
