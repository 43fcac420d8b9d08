//! From a browser that leaves for the provider to a session.

use super::exchange::Asked;
use super::link::account_of;
use super::{Provider, Refused};
use crate::account::usable;
use crate::ceremony::{Pending, Room, secret};
use crate::session::Opening;
use crate::signed::Source;
use crate::token::SessionToken;
use crate::{Access, Error, Proof};
use base::{Entropy, RequestId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::sync::Arc;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Browsers that are away at once for people whom nobody knows yet.
const ROOM: Room = Room { one: 500, near: 2000, all: 10_000 };
/// How many answers of the provider are waited for at once.
const AT_ONCE: usize = 16;
/// Bytes of a code at most.
const LONGEST_CODE: usize = 4096;

/// Browsers that are away, by the `state` that they bring back.
pub(crate) struct Ceremonies {
    away: Pending<Away>,
    waiting: Semaphore,
}

impl Default for Ceremonies {
    fn default() -> Self {
        Self { away: Pending::default(), waiting: Semaphore::new(AT_ONCE) }
    }
}

/// What a browser left for.
struct Away {
    /// Of the secret that it keeps.
    browser: blake3::Hash,
    source: Source,
    asked: Asked,
    /// The session that asked for a link; none for a sign-in.
    links: Option<Vec<u8>>,
}

/// Where a browser goes, and the secret that it keeps meanwhile.
pub struct Departure {
    /// The address at the provider.
    pub address: String,
    /// The secret, for a cookie.
    pub browser: Zeroizing<String>,
}

/// What a browser brings back.
pub struct Arrival {
    /// The name of what was asked.
    pub state: String,
    /// What the provider gives its token for.
    pub code: Zeroizing<String>,
    /// Who says that it answers.
    pub issuer: Option<String>,
    /// The secret that it kept; none if it lost it.
    pub browser: Option<Zeroizing<String>>,
}

impl Access {
    /// Lets people sign in through a provider. Once; later calls change nothing.
    pub fn use_provider(&self, provider: Provider) {
        let _ = self.inner.provider.set(Arc::new(provider));
    }

    /// The word for the site's provider, if it has one.
    pub fn provider(&self) -> Option<&str> {
        self.inner.provider.get().map(|provider| provider.name())
    }

    pub(super) fn the_provider(&self) -> Result<Arc<Provider>, Error> {
        self.inner.provider.get().cloned().ok_or(Error::NoProvider)
    }

    /// Sends a browser to the provider, to sign in.
    pub async fn begin_oidc(&self, source: Source) -> Result<Departure, Error> {
        let minutes = self.the_provider()?.settings.max_age_minutes;
        self.depart(source, None, minutes.map(|minutes| i64::from(minutes) * 60)).await
    }

    /// Turns what it brings back into a session. Every refusal is the same to whoever asks: nobody is told which accounts
    /// there are, or what was wrong.
    pub async fn finish_oidc(
        &self,
        arrival: Arrival,
        source: Source,
        request: &RequestId,
    ) -> Result<SessionToken, Error> {
        let subject = self.arrive(arrival, None).await?;
        let provider = self.the_provider()?;
        let limits = self.limits().await?;
        // Where nobody else writes: what ends the link ends what begins by it.
        let look = self.inner.db.look().await?;
        let known = account_of(&*look, &provider, &subject).await?.ok_or(Refused::Stranger);
        let user = usable(&*look, &self.vouched(known)?).await;
        let user = self.vouched(user.map_err(|_| Refused::Closed))?;
        self.open_session(look, Opening::of(&user, Proof::Oidc, source), &limits, request).await
    }

    /// Sends a browser to the provider, for a session's link or for a sign-in.
    pub(super) async fn depart(
        &self,
        source: Source,
        links: Option<Vec<u8>>,
        max_age: Option<i64>,
    ) -> Result<Departure, Error> {
        let provider = self.the_provider()?;
        let found = self.off_thread(&provider, |provider| provider.find()).await;
        let found = found.map_err(Error::ProviderAway)?;
        let (away, entropy) = (&self.inner.oidc.away, &*self.inner.entropy);
        let now = self.inner.clock.monotonic();
        let browser = Zeroizing::new(secret(entropy));
        let asked = Asked { nonce: secret(entropy), verifier: verifier(entropy), max_age };
        let state = secret(entropy);
        let mut address = found.authorize.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("scope", "openid")
            .append_pair("client_id", &provider.settings.client_id)
            .append_pair("redirect_uri", &provider.redirect)
            .append_pair("state", &state)
            .append_pair("nonce", &asked.nonce)
            .append_pair("code_challenge_method", "S256")
            .append_pair("code_challenge", &challenge(&asked.verifier));
        if let Some(seconds) = max_age {
            address.query_pairs_mut().append_pair("max_age", &seconds.to_string());
        }
        let kept = Away { browser: blake3::hash(browser.as_bytes()), source, asked, links };
        if let Some(session) = &kept.links {
            away.drop_all(|one| one.links.as_ref() == Some(session));
        }
        // A session that is there asks for itself: strangers take no place of its, nor it of theirs.
        let stranger = |one: &Away| one.links.is_none().then_some(one.source);
        if !away.keep_of((state, kept), now, &ROOM, stranger) {
            return Err(Error::ManyWait);
        }
        Ok(Departure { address: address.into(), browser })
    }

    /// Whom the provider says that a browser brings, which left for this.
    ///
    /// INVARIANT (one-answer-one-browser): a `state` is taken by the first answer that names it, right or wrong, and is good
    /// for the browser that began alone: an answer that somebody else fetched signs nobody in.
    pub(super) async fn arrive(&self, arrival: Arrival, links: Option<&[u8]>) -> Result<String, Error> {
        let provider = self.the_provider()?;
        let taken = self.inner.oidc.away.take(&arrival.state, self.inner.clock.monotonic());
        let away = self.vouched(taken.ok_or(Refused::State))?;
        let kept = arrival.browser.as_ref().map(|browser| blake3::hash(browser.as_bytes()));
        if kept != Some(away.browser) {
            return self.vouched(Err(Refused::Browser));
        }
        if away.links.as_deref() != links {
            return self.vouched(Err(Refused::Purpose));
        }
        let Arrival { code, issuer, .. } = arrival;
        if code.is_empty() || code.len() > LONGEST_CODE {
            return self.vouched(Err(Refused::Exchange("there is no code".into())));
        }
        let clock = Arc::clone(&self.inner.clock);
        let subject = self.off_thread(&provider, move |provider| {
            let found = provider.find()?;
            // RFC 9207: another provider's code is not brought to this one.
            let answers = match &issuer {
                Some(issuer) => issuer == provider.issuer(),
                None => !found.names_itself,
            };
            if answers {
                provider.redeem(&found, &code, &away.asked, &*clock)
            } else {
                Err(Refused::Answerer)
            }
        });
        self.vouched(subject.await)
    }

    /// Work that waits for the provider, off the threads that answer, and no more of it at once than they can spare.
    async fn off_thread<T: Send + 'static>(
        &self,
        provider: &Arc<Provider>,
        work: impl FnOnce(&Provider) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let ended = || Refused::Away("the work ended without an answer".into());
        let _turn = self.inner.oidc.waiting.acquire().await.map_err(|_| ended())?;
        let provider = Arc::clone(provider);
        let done = tokio::task::spawn_blocking(move || work(&provider)).await;
        done.unwrap_or_else(|_| Err(ended()))
    }

    /// A refusal counts with refused tokens.
    pub(super) fn vouched<T>(&self, result: Result<T, Refused>) -> Result<T, Error> {
        result.map_err(|refused| {
            self.inner.audit.count_refused_session();
            Error::NotVouched(refused)
        })
    }
}

/// 256 random bits in the letters of RFC 7636.
fn verifier(entropy: &dyn Entropy) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(Zeroizing::new(base::entropy::bytes::<32>(entropy)).as_slice()))
}

fn challenge(verifier: &str) -> String {
    BASE64.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn a_challenge_is_that_of_the_rfc() {
        let challenged = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenged, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(verifier(&base::SystemEntropy).len(), 43);
    }
}
