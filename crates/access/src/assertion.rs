//! From a machine's signed assertion to a short-lived token (RFC 7523's shape, one algorithm).

use crate::caller::Acting;
use crate::signed::{SignedIn, Source, session_id};
use crate::table::{service, service_token};
use crate::token::ServiceToken;
use crate::{Access, Caller, Error, Proof};
use audit::{Actor, Event, What};
use base::{CredentialId, Id, RequestId, ServiceId, Timestamp, UserId};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};
use jwt::{Audience, Claims, Keys, Rules};

/// How long a token lasts, in seconds.
pub const TOKEN_SECONDS: i64 = 900;
/// The longest that an assertion may be good for, in seconds.
const ASSERTION_SECONDS: i64 = 300;
/// Longest assertion that is looked at.
const LONGEST: usize = 4096;

/// What an assertion says that was verified.
struct Asserted {
    service: ServiceId,
    key: String,
    person: UserId,
    /// What tells this assertion from all others.
    name: String,
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
        let Asserted { service: id, key, person, name } = self.counted(asserted)?;
        let service = self.usable_service(&id, &person, &key).await;
        let (service, _) = self.counted(service)?;
        if !service.comes_from(source) {
            return self.counted(Err(Error::NotSignedIn));
        }
        let token = ServiceToken::mint(&*self.inner.entropy);
        let what = What::SessionOpened { proof: Some(Proof::ServiceKey.as_str().to_owned()) };
        let mut event = Event::new(Actor::Service(id.clone()), what)
            .during(Some(request.clone()))
            .about([session_id(&token.digest()).to_string()]);
        event.on_behalf_of = Some(person.clone());
        let now = self.now();
        let row = service_token::ActiveModel {
            digest: Set(token.digest()),
            name: Set(name.clone()),
            service: Set(id.to_string()),
            key: Set(key),
            account: Set(person.to_string()),
            source: Set(source.to_string()),
            ends_at: Set(now.saturating_add(TOKEN_SECONDS)),
        };
        let look = self.inner.db.look().await?;
        service_token::Entity::delete_many()
            .filter(service_token::Column::EndsAt.lte(now))
            .exec(&*look)
            .await?;
        // Once more where nobody else writes: two may have come at the same time.
        if named(&name).one(&*look).await?.is_some() {
            return self.counted(Err(Error::NotSignedIn));
        }
        let tx = look.decided(self.inner.audit.gate(&event).await?.position);
        service_token::Entity::insert(row).exec_without_returning(&*tx).await?;
        service::Entity::update_many()
            .col_expr(service::Column::UsedAt, Expr::value(now))
            .filter(service::Column::Id.eq(id.to_string()))
            .exec(&*tx)
            .await?;
        tx.commit().await?;
        Ok(token)
    }

    async fn asserted(&self, text: &str, audience: &str) -> Result<Asserted, Error> {
        let no = || Error::NotSignedIn;
        let key = jwt::key_named(text, LONGEST).map_err(|_| no())?;
        // An id and nothing else goes to the database.
        let key = key.parse::<CredentialId>().map_err(|_| no())?.to_string();
        let (service, public) = self.service_key(&key).await?.ok_or_else(no)?;
        let public = public.as_slice().try_into().map_err(|_| no())?;
        let rules = Rules {
            issuer: &service.to_string(),
            keys: &Keys::ed25519(&key, public),
            jku: None,
            types: &["", "JWT"],
            audience: Audience::Alone(audience),
            not_before: true,
            lifetime: ASSERTION_SECONDS,
            longest: LONGEST,
        };
        let now = Timestamp::from_second(self.now()).map_err(|_| no())?;
        let asserted = Asserted::read(jwt::verify(text, &rules, now).map_err(|_| no())?, service, key);
        let asserted = asserted.ok_or_else(no)?;
        // Once: its name is kept for as long as it can be good.
        if named(&asserted.name).one(self.inner.db.reader()).await?.is_some() {
            return Err(no());
        }
        Ok(asserted)
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

impl Asserted {
    /// None for claims that are not all there, or more than these.
    fn read(claims: Claims, service: ServiceId, key: String) -> Option<Self> {
        let id = claims.id.filter(|id| (16..=64).contains(&id.len()) && id.bytes().all(is_plain))?;
        let person = claims.more.get("on_behalf_of")?.as_str()?.parse().ok()?;
        let whole = claims.subject == service.to_string() && claims.more.len() == 1;
        whole.then(|| Self { name: format!("{service} {id}"), service, key, person })
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn named(name: &str) -> Select<service_token::Entity> {
    service_token::Entity::find().filter(service_token::Column::Name.eq(name))
}
