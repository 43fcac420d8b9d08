//! An object for a recipient's key.

use crate::object::Form;
use crate::{Archive, Error};
use access::Permit;
use access::thing;
use access::verb::Release;
use base::ObjectId;
use seal::{PublicKey, SecretKey, header, verified};
use std::fs::File;
use std::io::{Cursor, Read};

/// An object re-addressed: a Crypt4GH header for the recipient, then the body as it lies.
pub struct Addressed {
    /// The whole Crypt4GH file, the body checked against its tree while it is read.
    pub bytes: std::io::Chain<Cursor<Vec<u8>>, verified::Reader<File>>,
    /// Its length in bytes.
    pub length: u64,
}

impl Archive {
    /// Makes a header for `recipient` and puts it before the body. No body byte is rewritten.
    pub async fn address(
        &self,
        permit: &Permit<Release, thing::Object>,
        id: &ObjectId,
        recipient: &PublicKey,
    ) -> Result<Addressed, Error> {
        permit.covers(id)?;
        let object = self.record(id).await?;
        if object.form != Form::Crypt4gh {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_session(permit, &object.binding()).await?;
        let sender = SecretKey::mint(&*self.entropy);
        let head = header::make(&key, &[*recipient], &sender, None, &*self.entropy).map_err(Error::Seal)?;
        let damaged = |source| Error::Damaged { object: id.clone(), source };
        let body =
            verified::Reader::new(self.open_body(&object.body)?, self.tree_of(&object)?).map_err(damaged)?;
        let length = object.cipher_length.saturating_add(u64::try_from(head.len()).unwrap_or(u64::MAX));
        Ok(Addressed { bytes: Cursor::new(head).chain(body), length })
    }
}
