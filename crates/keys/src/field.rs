//! Readable audit fields under the field keys of their scopes.

use crate::scope::Scope;
use crate::table::shredded;
use crate::{Error, Keys};
use audit::field::{Erased, FieldAnswer, SealedField, Whose, Words};
use audit::{Error as Failure, FieldSealer};
use base::{Id, Sensitive};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use db::sea_orm::EntityTrait;
use std::sync::Arc;

/// What a project's words are bound to.
const BINDING: &str = "audit-field";

impl FieldSealer for Keys {
    fn seal<'a>(
        &'a self,
        whose: &'a Whose,
        text: &'a Sensitive<String>,
    ) -> FieldAnswer<'a, Option<SealedField>> {
        Box::pin(async move {
            match self.seal_field(whose, text).await {
                Ok(sealed) => Ok(Some(sealed)),
                Err(Error::Shredded(_)) => Ok(None),
                Err(Error::NoKey(_)) => Err(Failure::Field("sealed: no key")),
                Err(_) => Err(Failure::Field("sealed")),
            }
        })
    }

    fn open<'a>(&'a self, whose: &'a Whose, sealed: &'a str) -> FieldAnswer<'a, Words> {
        Box::pin(async move {
            let opened = match self.open_field(whose, sealed).await {
                Err(Error::Shredded(scope)) => self.erased(scope).await.map(Words::Erased),
                opened => opened.map(Words::Said),
            };
            opened.map_err(|error| match error {
                Error::NoKey(_) => Failure::Field("opened: no key"),
                _ => Failure::Field("opened"),
            })
        })
    }
}

impl Keys {
    /// Inside under the subject's key, where there is one, outside under the project's: reading takes both.
    async fn seal_field(&self, whose: &Whose, text: &Sensitive<String>) -> Result<SealedField, Error> {
        let outer = self.field_scope(whose.project.as_str()).await?;
        let inner = match &whose.subject {
            Some(subject) => match self.field_scope(subject.as_str()).await {
                // Nothing of this subject was ever sealed here: the words are the project's.
                Err(Error::NoKey(_)) => None,
                scope => Some((subject, scope?)),
            },
            None => None,
        };
        let entropy = &*self.inner.entropy;
        let words = text.reveal().as_bytes();
        let (bytes, subject) = match inner {
            Some((subject, inner)) => {
                let binding = binding(whose);
                let bytes = inner.field.wrap(words, &binding, entropy)?;
                (outer.field.wrap(&bytes, &binding, entropy)?, Some(subject.clone()))
            }
            None => (outer.field.wrap(words, BINDING, entropy)?, None),
        };
        Ok(SealedField { text: STANDARD.encode(bytes), subject })
    }

    async fn open_field(&self, whose: &Whose, sealed: &str) -> Result<Sensitive<String>, Error> {
        let outer = self.field_scope(whose.project.as_str()).await?;
        let inner = match &whose.subject {
            Some(subject) => Some(self.field_scope(subject.as_str()).await?),
            None => None,
        };
        let bytes = STANDARD.decode(sealed).map_err(|_| Error::Unwrap)?;
        let binding = binding(whose);
        let mut plain = outer.field.unwrap(&bytes, &binding)?;
        if let Some(inner) = inner {
            plain = inner.field.unwrap(&plain, &binding)?;
        }
        Ok(Sensitive::new(String::from_utf8(plain.to_vec()).map_err(|_| Error::Unwrap)?))
    }

    async fn field_scope(&self, id: &str) -> Result<Arc<Scope>, Error> {
        self.scope(self.inner.db.reader(), id).await
    }

    async fn erased(&self, scope: String) -> Result<Erased, Error> {
        let row = shredded::Entity::find_by_id(&scope).one(self.inner.db.reader()).await?;
        let row = row.ok_or_else(|| Error::NoKey(scope.clone()))?;
        Ok(Erased {
            scope,
            position: u64::try_from(row.position).map_err(|_| Error::Unwrap)?,
            certificate: row.certificate.and_then(|id| id.parse().ok()),
        })
    }
}

/// A field's words stay with their project and subject.
fn binding(whose: &Whose) -> String {
    match &whose.subject {
        Some(subject) => format!("{BINDING}/{}/{subject}", whose.project),
        None => BINDING.to_owned(),
    }
}
