//! How people sign in: a one-time token becomes a session.

use crate::account::usable;
use crate::table::{session, token};
use crate::{Access, Caller, Error};
use audit::{Actor, Event, What};
use base::{Entropy, Id, RequestId, Timestamp};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use zeroize::Zeroizing;

/// A session ends when it was not used for this long: eight hours.
const IDLE_SECONDS: i64 = 8 * 3600;
/// A session ends this long after sign-in, used or not: a day.
const ABSOLUTE_SECONDS: i64 = 24 * 3600;
/// The last use is stored at most once a minute, so that reading does not write.
const TOUCH_SECONDS: i64 = 60;

macro_rules! secret_token {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        pub struct $name(Zeroizing<String>);

        impl $name {
            pub(crate) fn mint(entropy: &dyn Entropy) -> Self {
                use std::fmt::Write;
                let mut text = Zeroizing::new(String::with_capacity(80));
                text.push_str($prefix);
                for byte in base::entropy::bytes::<32>(entropy) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{byte:02x}");
                }
                Self(text)
            }

            /// Takes a token as its owner gave it.
            pub fn parse(text: &str) -> Result<Self, Error> {
                let text = text.trim();
                let hex = text.strip_prefix($prefix).ok_or(Error::Token)?;
                if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(Error::Token);
                }
                Ok(Self(Zeroizing::new(text.to_owned())))
            }

            /// The token in clear, to be given to its owner once.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What the database keeps: the token has 256 random bits, so a plain hash suffices.
            pub(crate) fn digest(&self) -> Vec<u8> {
                blake3::hash(self.0.as_bytes()).as_bytes().to_vec()
            }
        }
    };
}

secret_token!(
    /// Signs its owner in once.
    OneTimeToken,
    "once_"
);
secret_token!(
    /// Signs its owner's commands in until it ends.
    SessionToken,
    "ses_"
);

impl Access {
    /// Takes the one-time token that someone typed. One that cannot be a token counts as refused.
    pub fn one_time_token(&self, text: &str) -> Result<OneTimeToken, Error> {
        self.counted(OneTimeToken::parse(text))
    }

    /// Turns a one-time token into a session. The token is spent.
    pub async fn redeem(&self, once: &OneTimeToken, request: &RequestId) -> Result<SessionToken, Error> {
        let now = self.inner.clock.now().as_second();
        let found = token::Entity::find_by_id(once.digest()).one(self.inner.db.reader()).await?;
        let Some(found) = found.filter(|row| row.expires_at > now) else {
            self.inner.audit.count_refused_session();
            return Err(Error::Token);
        };
        let user = self.counted(usable(self.inner.db.reader(), &found.account).await)?;
        let event = Event::new(Actor::User(user), What::SessionOpened {}).during(Some(request.clone()));
        let position = self.inner.audit.gate(&event).await?.position;
        let made = SessionToken::mint(&*self.inner.entropy);
        let tx = self.inner.db.begin(position).await?;
        let spent = token::Entity::delete_by_id(once.digest()).exec(&*tx).await?;
        if spent.rows_affected != 1 {
            self.inner.audit.count_refused_session();
            return Err(Error::Token);
        }
        let row = session::ActiveModel {
            digest: Set(made.digest()),
            account: Set(found.account),
            created_at: Set(now),
            used_at: Set(now),
        };
        session::Entity::insert(row).exec_without_returning(&*tx).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// The caller behind a session token, for one request.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let now = self.inner.clock.now().as_second();
        let Ok(token) = SessionToken::parse(token) else {
            self.inner.audit.count_refused_session();
            return Err(Error::NotSignedIn);
        };
        let row = session::Entity::find_by_id(token.digest()).one(self.inner.db.reader()).await?;
        let live = |row: &session::Model| {
            now.saturating_sub(row.used_at) < IDLE_SECONDS
                && now.saturating_sub(row.created_at) < ABSOLUTE_SECONDS
        };
        let Some(row) = row.filter(live) else {
            self.inner.audit.count_refused_session();
            return Err(Error::NotSignedIn);
        };
        let user = self.counted(usable(self.inner.db.reader(), &row.account).await)?;
        if now.saturating_sub(row.used_at) >= TOUCH_SECONDS {
            // A session whose use cannot be noted ends sooner, never later; what it is used for says
            // for itself whether it can be recorded.
            let _ = self.touch(row.digest, now).await;
        }
        Ok(Caller::new(user, RequestId::mint(&*self.inner.entropy)))
    }

    /// The newest time at which anybody used a session, if there is one.
    pub async fn last_use(&self) -> Result<Option<Timestamp>, Error> {
        let rows = session::Entity::find().all(self.inner.db.reader()).await?;
        let newest = rows.into_iter().map(|row| row.used_at.max(row.created_at)).max();
        Ok(newest.and_then(|seconds| Timestamp::from_second(seconds).ok()))
    }

    /// The time by which sessions, tokens and roles end.
    pub fn judged_at(&self) -> Timestamp {
        self.inner.clock.now()
    }

    async fn touch(&self, digest: Vec<u8>, now: i64) -> Result<(), Error> {
        let tx = self.inner.db.begin_without_decision().await?;
        session::Entity::update_many()
            .col_expr(session::Column::UsedAt, Expr::value(now))
            .filter(session::Column::Digest.eq(digest))
            .exec(&*tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Ends the caller's session, on record. Ending one that is not there is no error.
    pub async fn sign_out(&self, caller: &Caller, token: &str) -> Result<(), Error> {
        let Ok(token) = SessionToken::parse(token) else { return Ok(()) };
        let event = Event::new(caller.actor().clone(), What::SessionEnded {});
        let position = self.inner.audit.gate(&event.during(Some(caller.request().clone()))).await?.position;
        let tx = self.inner.db.begin(position).await?;
        session::Entity::delete_by_id(token.digest()).exec(&*tx).await?;
        Ok(tx.commit().await?)
    }

    /// Counts a refused token; other failures are no attempt of anybody.
    fn counted<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if matches!(result, Err(Error::NotSignedIn | Error::Token)) {
            self.inner.audit.count_refused_session();
        }
        result
    }
}
