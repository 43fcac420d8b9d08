//! Readable audit fields under a scope's field key.

use crate::Keys;
use audit::{Error, FieldSealer};
use base::{Id, ProjectId, Sensitive};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BINDING: &str = "audit-field";

impl FieldSealer for Keys {
    fn seal(&self, project: &ProjectId, text: &Sensitive<String>) -> Result<String, Error> {
        let scope = self.cached(project.as_str()).ok_or(Error::Field("sealed: no key"))?;
        let sealed = scope.field.wrap(text.reveal().as_bytes(), BINDING, &*self.inner.entropy);
        Ok(STANDARD.encode(sealed.map_err(|_| Error::Field("sealed"))?))
    }

    fn open(&self, project: &ProjectId, sealed: &str) -> Result<Sensitive<String>, Error> {
        let scope = self.cached(project.as_str()).ok_or(Error::Field("opened: no key"))?;
        let bytes = STANDARD.decode(sealed).map_err(|_| Error::Field("opened: not base64"))?;
        let plain = scope.field.unwrap(&bytes, BINDING).map_err(|_| Error::Field("opened"))?;
        let text = String::from_utf8(plain.to_vec()).map_err(|_| Error::Field("opened: not text"))?;
        Ok(Sensitive::new(text))
    }
}
