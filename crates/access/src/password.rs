//! A password with a second factor (RFC 6238): what people sign in with who cannot have a passkey, on sites without
//! strictly kept data. Both can be typed into a stranger's page, so neither opens a controlled or clinical project.

use crate::account::usable;
use crate::ceremony::{Pending, same};
use crate::passkey::{confirmed, keep_confirmation, own};
use crate::session::Opening;
use crate::signed::Source;
use crate::table::{account, password};
use crate::token::SessionToken;
use crate::{Access, Caller, Error, Proof};
use argon2::{Algorithm, Argon2, Params, Version};
use audit::What;
use base::{Class, CredentialId, Entropy, Id, RequestId, UserId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use db::Cell;
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::Expr;
use db::sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use std::time::Duration;
use tokio::sync::Semaphore;
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

/// Argon2id (RFC 9106, the second choice but for its lanes): what a guess costs in memory, and in passes over it.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// Most that are computed at once: what strangers ask for must not take the machine's memory.
const AT_ONCE: usize = 2;
/// Shortest and longest password, in characters.
const SHORTEST: usize = 12;
const LONGEST: usize = 128;
/// Bytes of a second factor's secret (RFC 4226, 4).
const SECRET: usize = 20;
/// How long a code is shown, in seconds, and how many steps before and after count: clocks are off, people are slow.
const STEP: u64 = 30;
const DRIFT: u16 = 1;
/// Wrong tries for one name, and from one address, after which nobody gets in there for a quarter of an hour.
const TRIES: u32 = 5;
const TRIES_FROM_ONE: u32 = 20;
const LOCKED: Duration = Duration::from_secs(900);

/// Passwords that are being chosen, and tries that were wrong.
pub(crate) struct Passwords {
    begun: Pending<Begun>,
    tries: Pending<u32>,
    work: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        let tries = Pending::of(LOCKED, 100_000);
        Self { begun: Pending::default(), tries, work: Semaphore::new(AT_ONCE) }
    }
}

/// Who was shown a second factor's secret, in which session.
#[derive(Clone)]
struct Begun {
    user: UserId,
    session: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
}

/// What somebody typed to prove who they are.
pub struct Typed {
    /// The password.
    pub password: Zeroizing<String>,
    /// The code that the second factor shows.
    pub code: String,
}

/// A second factor's secret, for the program that shows its codes. It is shown once.
pub struct SecondFactor {
    /// The name that the answer must bring.
    pub ceremony: String,
    /// The secret in base32.
    pub secret: Zeroizing<String>,
    /// The same as an address that such programs read.
    pub url: Zeroizing<String>,
}

/// What a sign-in is compared with: somebody's, or nobody's, which costs as much.
struct Stored {
    salt: Vec<u8>,
    hash: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
    used_step: i64,
}

impl Access {
    /// Shows the secret of a new second factor. Whoever has something to sign in with confirms with it first.
    pub async fn begin_password(&self, caller: &Caller) -> Result<SecondFactor, Error> {
        self.passwords_offered().await?;
        let account = self.own_account(caller).await?;
        self.may_set(caller, &account.id).await?;
        let secret = Zeroizing::new(base::entropy::bytes::<SECRET>(&*self.inner.entropy).to_vec());
        let totp = named(&secret, &account.name)?;
        let url = Zeroizing::new(totp.to_url().map_err(|_| Error::Password)?);
        let text = Zeroizing::new(totp.secret().to_base32());
        let (_, signed) = own(caller)?;
        let asked = Begun { user: account.id, session: signed.digest.clone(), secret };
        let now = self.inner.clock.monotonic();
        let ceremony = self.inner.passwords.begun.ask(&*self.inner.entropy, now, asked);
        Ok(SecondFactor { ceremony, secret: text, url })
    }

    /// Keeps a password and the second factor that was shown, on record, once a code of it is right. What the account had
    /// of these before is no more.
    pub async fn set_password(
        &self,
        caller: &Caller,
        ceremony: &str,
        typed: Typed,
    ) -> Result<CredentialId, Error> {
        self.passwords_offered().await?;
        let (_, signed) = own(caller)?;
        if !(SHORTEST..=LONGEST).contains(&typed.password.chars().count()) {
            return Err(Error::ShortPassword(SHORTEST, LONGEST));
        }
        let begun =
            self.inner.passwords.begun.with(ceremony, self.inner.clock.monotonic(), |one| one.clone());
        let for_this = |one: &Begun| Some(&one.user) == caller.user() && one.session == signed.digest;
        let begun = begun.filter(for_this).ok_or_else(|| self.wrong())?;
        let step = step_of(&begun.secret, &typed.code, self.now()).ok_or_else(|| self.wrong())?;
        let id = CredentialId::mint(&*self.inner.entropy);
        let row = self.sealed(&id, &begun, typed.password, step).await?;
        let what = What::CredentialAdded { proof: Proof::PasswordTotp.as_str().to_owned() };
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        self.may_set_by(&*look, caller, &begun.user).await?;
        let tx = look.decided(self.note(caller, what, [id.to_string(), begun.user.to_string()]).await?);
        password::Entity::delete_by_id(begun.user.to_string()).exec(&*tx).await?;
        password::Entity::insert(row).exec_without_returning(&*tx).await?;
        tx.commit().await?;
        // A wrong code is typed again; what is set is set once.
        self.inner.passwords.begun.take(ceremony, self.inner.clock.monotonic());
        Ok(id)
    }

    /// Turns a sign-in name, its password and a code into a session. Every refusal is the same and costs the same:
    /// nobody is told which accounts there are.
    pub async fn sign_in_by_password(
        &self,
        name: &str,
        typed: Typed,
        source: Source,
        request: &RequestId,
    ) -> Result<SessionToken, Error> {
        self.passwords_offered().await?;
        let (user, step) = self.proved(name, typed, source).await?;
        let limits = self.limits().await?;
        let look = self.inner.db.look().await?;
        self.keep_step(&*look, &user, step).await?;
        self.open_session(look, Opening::of(&user, Proof::PasswordTotp, source), &limits, request).await
    }

    /// Notes, on record, that the caller's session was confirmed by password and code. Where the account has a passkey
    /// it takes that: a confirmation is no weaker than what there is.
    pub async fn confirm_by_password(
        &self,
        caller: &Caller,
        typed: Typed,
        source: Source,
    ) -> Result<(), Error> {
        self.passwords_offered().await?;
        let account = self.own_account(caller).await?;
        if !self.passkeys_of(&account.id).await?.is_empty() {
            return Err(Error::Confirm);
        }
        let (user, step) = self.proved(&account.name, typed, source).await?;
        let (_, signed) = own(caller)?;
        let what = What::SessionConfirmed { proof: Proof::PasswordTotp.as_str().to_owned() };
        let at = self.now();
        let look = self.inner.db.look().await?;
        self.keep_step(&*look, &user, step).await?;
        keep_confirmation(&*look, &signed.digest, Proof::PasswordTotp, at).await?;
        let position = self.note(caller, what, [signed.session.to_string()]).await?;
        Ok(look.decided(position).commit().await?)
    }

    /// Takes the caller's password away, on record, after a confirmation. It stays where it is all there is.
    pub async fn remove_password(&self, caller: &Caller) -> Result<(), Error> {
        let (user, _) = own(caller)?;
        let row = self.password_of(user).await?.ok_or(Error::NotFound)?;
        self.may_set(caller, user).await?;
        if self.passkeys_of(user).await?.iter().all(|one| one.suspended) {
            return Err(Error::LastPasskey);
        }
        let what = What::CredentialRemoved { proof: Proof::PasswordTotp.as_str().to_owned() };
        let look = self.inner.db.look().await?;
        self.still_own(&*look, caller).await?;
        // Once more where nobody else writes: it may be another by now, or all there is.
        let now = password::Entity::find_by_id(user.to_string()).one(&*look).await?;
        if now.is_none_or(|now| now.name != row.name) {
            return Err(Error::NotFound);
        }
        if crate::passkey::passkeys_of(&*look, user).await?.iter().all(|one| one.suspended) {
            return Err(Error::LastPasskey);
        }
        let tx = look.decided(self.note(caller, what, [row.name, user.to_string()]).await?);
        password::Entity::delete_by_id(user.to_string()).exec(&*tx).await?;
        Ok(tx.commit().await?)
    }

    /// Takes an account's password away, on record: its owner begins anew.
    pub(crate) async fn forget_password(&self, caller: &Caller, account: &UserId) -> Result<(), Error> {
        let Some(row) = self.password_of(account).await? else { return Ok(()) };
        let what = What::CredentialRemoved { proof: Proof::PasswordTotp.as_str().to_owned() };
        let position = self.note(caller, what, [row.name, account.to_string()]).await?;
        let tx = self.inner.db.begin(position).await?;
        password::Entity::delete_by_id(account.to_string()).exec(&*tx).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn password_of(&self, account: &UserId) -> Result<Option<password::Model>, Error> {
        let row = password::Entity::find_by_id(account.to_string());
        Ok(row.one(self.inner.db.reader()).await?)
    }

    /// INVARIANT (no-password-beside-strict-data): a password opens a site only while no project of it is controlled or
    /// clinical. What was begun by one before does nothing in such a project (`proof`).
    async fn passwords_offered(&self) -> Result<(), Error> {
        if self.strictest().await? >= Class::Controlled { Err(Error::NoPasswords) } else { Ok(()) }
    }

    pub(crate) async fn may_set(&self, caller: &Caller, user: &UserId) -> Result<(), Error> {
        self.may_set_by(self.inner.db.reader(), caller, user).await
    }

    /// Fails unless the caller confirmed with the strongest that they have, or signed in just now by a one-time token if
    /// they have nothing.
    pub(crate) async fn may_set_by<C: ConnectionTrait>(
        &self,
        from: &C,
        caller: &Caller,
        user: &UserId,
    ) -> Result<(), Error> {
        if !crate::passkey::passkeys_of(from, user).await?.is_empty() {
            return confirmed(caller);
        }
        let own = password::Entity::find_by_id(user.to_string()).one(from).await?;
        let fresh = caller.signed().filter(|signed| signed.confirmed).map(|signed| signed.proof);
        match (own, fresh) {
            (None, Some(_)) | (Some(_), Some(Proof::PasswordTotp)) => Ok(()),
            (None, None) => Err(Error::FirstPasskey),
            (Some(_), _) => Err(Error::Confirm),
        }
    }

    /// Whose name, password and code these are, and the code's step.
    async fn proved(&self, name: &str, typed: Typed, source: Source) -> Result<(UserId, i64), Error> {
        self.count_try(name, source)?;
        let found = account::Entity::find().filter(account::Column::Name.eq(name));
        let found = found.one(self.inner.db.reader()).await?;
        // A name that nobody has, or somebody without a password, costs the same: a guess at nobody's.
        let id = found.map_or_else(String::new, |row| row.id);
        let row = password::Entity::find_by_id(id.clone()).one(self.inner.db.reader()).await?;
        let (stored, real) = match row {
            Some(row) => (self.opened(row)?, true),
            None => (self.nobody(), false),
        };
        let hash = self.hash(typed.password, stored.salt).await?;
        let step = step_of(&stored.secret, &typed.code, self.now());
        let right = same(&hash, &stored.hash);
        let step =
            step.filter(|step| real && right && *step > stored.used_step).ok_or_else(|| self.wrong())?;
        let user = usable(self.inner.db.reader(), &id).await.map_err(|_| self.wrong())?;
        // It was no wrong try: the name begins to count anew, and the address, which others may share, has one less.
        let (now, tries) = (self.inner.clock.monotonic(), &self.inner.passwords.tries);
        tries.take(&of_name(name), now);
        tries.with(&of_address(source), now, |count| *count = count.saturating_sub(1));
        Ok((user, step))
    }

    /// Counts a try before it is judged, so that many at once are not more than many one after the other. Names that
    /// nobody has are counted as others are.
    fn count_try(&self, name: &str, source: Source) -> Result<(), Error> {
        let now = self.inner.clock.monotonic();
        let tries = &self.inner.passwords.tries;
        let most = [(of_name(name), TRIES), (of_address(source), TRIES_FROM_ONE)];
        let over = most.into_iter().map(|(key, most)| tries.raise(key, now) > most);
        // Both are counted, whichever is over.
        if over.fold(false, |any, one| any | one) { Err(self.wrong()) } else { Ok(()) }
    }

    /// Keeps the code's step: of two sign-ins by one code the second is refused, also after a restart.
    ///
    /// INVARIANT (code-once): the step of a code that counts is above every step that counted before.
    async fn keep_step<C: ConnectionTrait>(&self, within: &C, user: &UserId, step: i64) -> Result<(), Error> {
        let kept = password::Entity::update_many()
            .col_expr(password::Column::UsedStep, Expr::value(step))
            .col_expr(password::Column::UsedAt, Expr::value(self.now()))
            .filter(password::Column::Account.eq(user.to_string()))
            .filter(password::Column::UsedStep.lt(step))
            .exec(within)
            .await?;
        if kept.rows_affected == 1 { Ok(()) } else { Err(self.wrong()) }
    }

    /// Argon2id, a few at once, off the threads that answer.
    async fn hash(&self, password: Zeroizing<String>, salt: Vec<u8>) -> Result<Vec<u8>, Error> {
        let _turn = self.inner.passwords.work.acquire().await.map_err(|_| Error::Password)?;
        let work = tokio::task::spawn_blocking(move || {
            let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).ok()?;
            let mut hash = vec![0u8; 32];
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon.hash_password_into(password.as_bytes(), &salt, &mut hash).ok()?;
            Some(hash)
        });
        work.await.ok().flatten().ok_or(Error::Password)
    }

    /// The row of a new password: the hash and the secret are sealed, as the database of a server does not do it.
    async fn sealed(
        &self,
        id: &CredentialId,
        begun: &Begun,
        password: Zeroizing<String>,
        step: i64,
    ) -> Result<password::ActiveModel, Error> {
        let salt = base::entropy::bytes::<16>(&*self.inner.entropy).to_vec();
        let hash = self.hash(password, salt.clone()).await?;
        let columns = self.inner.db.columns()?;
        let row = begun.user.as_str();
        Ok(password::ActiveModel {
            account: Set(begun.user.to_string()),
            name: Set(id.to_string()),
            salt: Set(salt),
            hash: Set(columns.seal(Cell { column: HASH, row }, &BASE64.encode(hash))?),
            secret: Set(columns.seal(Cell { column: FACTOR, row }, &BASE64.encode(&*begun.secret))?),
            used_step: Set(step),
            created_at: Set(self.now()),
            used_at: Set(self.now()),
        })
    }

    fn opened(&self, row: password::Model) -> Result<Stored, Error> {
        let columns = self.inner.db.columns()?;
        let open = |column, text: &str| -> Result<Vec<u8>, Error> {
            let text = Zeroizing::new(columns.open(Cell { column, row: &row.account }, text)?);
            BASE64.decode(text.as_bytes()).map_err(|_| Error::Password)
        };
        let (hash, secret) = (open(HASH, &row.hash)?, Zeroizing::new(open(FACTOR, &row.secret)?));
        Ok(Stored { salt: row.salt, hash, secret, used_step: row.used_step })
    }

    /// What nobody's password is compared with.
    fn nobody(&self) -> Stored {
        let random = |entropy: &dyn Entropy| base::entropy::bytes::<32>(entropy).to_vec();
        let (salt, hash) = (random(&*self.inner.entropy), random(&*self.inner.entropy));
        Stored { salt, hash, secret: Zeroizing::new(vec![0; SECRET]), used_step: 0 }
    }

    /// A refusal counts as a refused sign-in. What was wrong is told to nobody.
    fn wrong(&self) -> Error {
        self.inner.audit.count_refused_session();
        Error::Password
    }
}

/// Where the sealed values stand.
const HASH: &str = "access_password.hash";
const FACTOR: &str = "access_password.secret";

fn of_name(name: &str) -> String {
    format!("name {}", blake3::hash(name.as_bytes()))
}

fn of_address(source: Source) -> String {
    format!("from {}", source.subscriber())
}

fn named(secret: &[u8], account: &str) -> Result<Totp, Error> {
    let builder = Builder::new().with_secret(Secret::from(secret.to_vec())).with_step_duration(STEP);
    let builder = builder.with_skew(DRIFT).with_account_name(account).with_issuer(Some("Sequestra"));
    builder.build().map_err(|_| Error::Password)
}

/// The step of a code that is right at `now`.
fn step_of(secret: &[u8], code: &str, now: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).take(8).collect();
    let step = named(secret, "account").ok()?.check(&code, u64::try_from(now).ok()?)?;
    i64::try_from(step).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1, its codes' last six digits.
    #[test]
    fn codes_are_those_of_the_rfc_within_a_step_on_each_side() {
        let secret = b"12345678901234567890";
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(step_of(secret, code, time), Some(time / 30), "{time}");
            assert_eq!(step_of(secret, code, time + 30), Some(time / 30), "a step late");
            assert_eq!(step_of(secret, code, time - 30), Some(time / 30), "a step early");
            assert_eq!(step_of(secret, code, time + 60), None, "two steps late");
            assert_eq!(step_of(secret, code, time - 60), None, "two steps early");
        }
        for wrong in ["", "28708", "2870822", "aaaaaa", "٢٨٧٠٨٢"] {
            assert_eq!(step_of(secret, wrong, 59), None, "{wrong}");
        }
    }
}
