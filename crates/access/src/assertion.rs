//! From a machine's signed assertion to a short-lived token (RFC 7523's shape, one algorithm).

use crate::caller::Acting;
use crate::signed::{SignedIn, Source, session_id};
use crate::table::{service, service_token};
use crate::token::ServiceToken;
use crate::{Access, Caller, Error, Proof};
use audit::{Actor, Event, What};
use base::{Id, RequestId, ServiceId, UserId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;

/// How long a token lasts, in seconds.
pub const TOKEN_SECONDS: i64 = 900;
/// The longest that an assertion may be good for, in seconds.
const ASSERTION_SECONDS: i64 = 300;
/// How far the machine's clock may be off, in seconds.
const SKEW: i64 = 30;
/// Longest assertion that is looked at.
const LONGEST: usize = 4096;
const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What an assertion says: each of these, each of its type, and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: ServiceId,
    sub: ServiceId,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    on_behalf_of: UserId,
}

impl Access {
    /// Turns an assertion into a token. Every refusal is the same, and counts.
    pub async fn redeem_assertion(
        &self,
        text: &str,
        audience: &str,
        source: Source,
        request: &RequestId,
    ) -> Result<ServiceToken, Error> {
        let asserted = self.asserted(text, audience).await;
        let (key, claims) = self.counted(asserted)?;
        let service = self.usable_service(&claims.iss, &claims.on_behalf_of, &key).await;
        let (service, _) = self.counted(service)?;
        if !service.comes_from(source) {
            return self.counted(Err(Error::NotSignedIn));
        }
        let token = ServiceToken::mint(&*self.inner.entropy);
        let what = What::SessionOpened { proof: Some(Proof::ServiceKey.as_str().to_owned()) };
        let mut event = Event::new(Actor::Service(claims.iss.clone()), what)
            .during(Some(request.clone()))
            .about([session_id(&token.digest()).to_string()]);
        event.on_behalf_of = Some(claims.on_behalf_of.clone());
        let position = self.inner.audit.gate(&event).await?.position;
        let now = self.now();
        let row = service_token::ActiveModel {
            digest: Set(token.digest()),
            name: Set(claims.name()),
            service: Set(claims.iss.to_string()),
            key: Set(key),
            account: Set(claims.on_behalf_of.to_string()),
            source: Set(source.to_string()),
            ends_at: Set(now.saturating_add(TOKEN_SECONDS)),
        };
        let tx = self.inner.db.begin(position).await?;
        service_token::Entity::delete_many()
            .filter(service_token::Column::EndsAt.lte(now))
            .exec(&*tx)
            .await?;
        // Once more where nobody else writes: two may have come at the same time.
        if named(&claims.name()).one(&*tx).await?.is_some() {
            return self.counted(Err(Error::NotSignedIn));
        }
        service_token::Entity::insert(row).exec_without_returning(&*tx).await?;
        service::Entity::update_many()
            .col_expr(service::Column::UsedAt, Expr::value(now))
            .filter(service::Column::Id.eq(claims.iss.to_string()))
            .exec(&*tx)
            .await?;
        tx.commit().await?;
        Ok(token)
    }

    async fn asserted(&self, text: &str, audience: &str) -> Result<(String, Claims), Error> {
        let no = || Error::NotSignedIn;
        if text.len() > LONGEST {
            return Err(no());
        }
        let header = jsonwebtoken::decode_header(text).map_err(|_| no())?;
        let id = plain(&header).ok_or_else(no)?;
        let (service, public) = self.service_key(id).await?.ok_or_else(no)?;
        let encoded = base64::Engine::encode(&BASE64, public);
        let key = DecodingKey::from_ed_components(&encoded).map_err(|_| no())?;
        // One algorithm, whatever the header says. Times are compared below, by the site's own clock.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.set_audience(&[audience]);
        let claims = jsonwebtoken::decode::<Claims>(text, &key, &validation).map_err(|_| no())?.claims;
        let now = self.now();
        let timely = claims.nbf <= now.saturating_add(SKEW)
            && claims.iat <= now.saturating_add(SKEW)
            && claims.exp > now.saturating_sub(SKEW)
            && claims.exp <= now.saturating_add(ASSERTION_SECONDS + SKEW);
        let whole = claims.iss == service
            && claims.sub == service
            && claims.aud == audience
            && (16..=64).contains(&claims.jti.len())
            && claims.jti.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !timely || !whole {
            return Err(no());
        }
        // Once: its name is kept for longer than it can be good.
        if named(&claims.name()).one(self.inner.db.reader()).await?.is_some() {
            return Err(no());
        }
        Ok((id.to_owned(), claims))
    }

    /// The caller behind a service's token, for one request.
    pub(crate) async fn admit_service(&self, token: &str, source: Source) -> Result<Caller, Error> {
        let token = self.counted(ServiceToken::parse(token).map_err(|_| Error::NotSignedIn))?;
        let row = service_token::Entity::find_by_id(token.digest()).one(self.inner.db.reader()).await?;
        let row = row.filter(|row| row.ends_at > self.now() && row.source == source.to_string());
        let row = self.counted(row.ok_or(Error::NotSignedIn))?;
        let ids = row.service.parse::<ServiceId>().ok().zip(row.account.parse::<UserId>().ok());
        let (id, person) = self.counted(ids.ok_or(Error::NotSignedIn))?;
        // With its key a token ends as well.
        let (service, lent) = self.counted(self.usable_service(&id, &person, &row.key).await)?;
        if !service.comes_from(source) {
            return self.counted(Err(Error::NotSignedIn));
        }
        if service.used_at.is_none_or(|used| self.now().saturating_sub(used.as_second()) >= 60) {
            let _ = self.note_use(&id).await;
        }
        let session = SignedIn {
            session: session_id(&row.digest),
            proof: Proof::ServiceKey,
            confirmed: true,
            at: self.inner.clock.monotonic(),
            digest: row.digest,
        };
        let request = RequestId::mint(&*self.inner.entropy);
        Ok(Caller::of_service(Acting { service, person, lent, key: row.key }, request, session))
    }
}

impl Claims {
    /// What tells this assertion from all others.
    fn name(&self) -> String {
        format!("{} {}", self.iss, self.jti)
    }
}

fn named(name: &str) -> Select<service_token::Entity> {
    service_token::Entity::find().filter(service_token::Column::Name.eq(name))
}

/// The key's id, of a header that names nothing else: no key of its own, no address of one, no extension.
fn plain(header: &Header) -> Option<&str> {
    let nothing = header.jku.is_none()
        && header.jwk.is_none()
        && header.x5u.is_none()
        && header.x5c.is_none()
        && header.x5t.is_none()
        && header.x5t_s256.is_none()
        && header.crit.is_none()
        && header.cty.is_none()
        && header.enc.is_none()
        && header.zip.is_none()
        && header.url.is_none()
        && header.nonce.is_none()
        && header.extras.inner().is_empty();
    let jwt = header.typ.as_deref().is_none_or(|typ| typ == "JWT");
    let key = header.kid.as_deref().filter(|kid| kid.parse::<base::CredentialId>().is_ok());
    key.filter(|_| nothing && jwt && header.alg == Algorithm::EdDSA)
}
