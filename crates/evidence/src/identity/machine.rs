//! A machine of a service account: its key, and what it signs.

use crate::site::{Answer, Site, Who};
use crate::{Error, Play, Result};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Seconds from the making of an assertion to its end.
const GOOD_FOR: i64 = 60;

/// What an assertion that is none has to be answered with.
pub(crate) fn expect_refused(play: &mut Play, answer: &Answer) {
    let held = answer.status == 401 && token(answer).is_empty();
    play.expect("401, and no token", held, format!("status {}: {}", answer.status, answer.body));
}

/// A service account with the machine that has its key.
pub(crate) struct Machine {
    key: Ed25519KeyPair,
    /// The account, `svc_…`.
    pub(crate) service: String,
    kid: String,
    audience: String,
    /// For whom it acts, `usr_…`.
    pub(crate) person: String,
}

impl Machine {
    /// A service account that an analyst answers for and has allowed, to see samples of a project.
    pub(crate) fn make(play: &Play, site: &Site, project: &str, network: &str) -> Result<Self> {
        let key = Ed25519KeyPair::from_seed_unchecked(&play.key())
            .map_err(|_| Error::unplayable("a key pair cannot be made"))?;
        let public = STANDARD.encode(key.public_key());
        let words = Self::words(project, network, &public, "90");
        let made = site.json(Who::Administrator, &words.split(' ').collect::<Vec<_>>())?;
        let word = |of: &Value, path: &str| {
            let word = of.pointer(path).and_then(Value::as_str).map(str::to_owned);
            word.ok_or_else(|| Error::unplayable(format!("an answer lacks `{path}`")))
        };
        let (service, kid) = (word(&made, "/id")?, word(&made, "/keys/0")?);
        site.json(Who::Analyst, &["service", "allow", &service, "--key", &public])?;
        let person = word(&site.json(Who::Analyst, &["whoami"])?, "/account/id")?;
        let settings = site.settings()?;
        let own = settings.lines().find_map(|line| line.strip_prefix("site = \""));
        let audience = own.unwrap_or_default().trim_end_matches('"').to_owned();
        Ok(Self { key, service, kid, audience, person })
    }

    /// The words that make one.
    pub(crate) fn words(project: &str, network: &str, public: &str, days: &str) -> String {
        format!(
            "service create --owner analyst --purpose nightly --environment test --project {project} --action \
             view-samples --class research --network {network} --days {days} --key {public}"
        )
    }

    /// Its public key, as bytes.
    pub(crate) fn public(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// A header that is right.
    pub(crate) fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid})
    }

    /// Claims that are right at this second.
    pub(crate) fn claims(&self, play: &Play, now: i64) -> Value {
        json!({
            "iss": self.service, "sub": self.service, "aud": self.audience, "exp": now.saturating_add(GOOD_FOR),
            "nbf": now, "iat": now, "jti": play.secret(), "on_behalf_of": self.person,
        })
    }

    /// What it signs of these texts.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes())))
    }

    /// A right assertion of this second.
    pub(crate) fn assertion(&self, play: &Play, now: i64) -> String {
        self.sign(&self.header().to_string(), &self.claims(play, now).to_string())
    }
}

/// Presents an assertion.
pub(crate) fn present(site: &Site, assertion: &str) -> Result<Answer> {
    let body = json!({"assertion": assertion}).to_string();
    site.answer("none", "POST", "/v1/services/token", &body)
}

/// The token that came of it; none is empty.
pub(crate) fn token(answer: &Answer) -> String {
    let told: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    told.get("token").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The second that it is.
pub(crate) fn now(play: &Play) -> i64 {
    play.clock().now().as_second()
}
