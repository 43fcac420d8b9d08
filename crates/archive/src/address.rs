//! An object for a recipient's key.

use crate::object::Form;
use crate::open::Stored;
use crate::{Archive, Error};
use access::Permit;
use access::thing;
use access::verb::Release;
use base::ObjectId;
use seal::{PublicKey, SecretKey, header};
use std::io::{Cursor, Read};

/// An object re-addressed: a Crypt4GH header for the recipient, then the body as it lies.
pub struct Addressed {
    /// The whole Crypt4GH file, the body checked against its tree while it is read.
    pub bytes: std::io::Chain<Cursor<Vec<u8>>, Stored>,
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
        let object = self.readable(id).await?;
        if object.form != Form::Crypt4gh {
            return Err(Error::Form(id.clone()));
        }
        let key = self.keys.open_session(permit, &object.binding()).await?;
        let sender = SecretKey::mint(&*self.entropy);
        let head = header::make(&key, &[*recipient], &sender, None, &*self.entropy).map_err(Error::Seal)?;
        let body = self.open_stored(&object).await?;
        let length = object.cipher_length.saturating_add(u64::try_from(head.len()).unwrap_or(u64::MAX));
        Ok(Addressed { bytes: Cursor::new(head).chain(body), length })
    }
}
