//! From the code that a browser brings to the subject that signed in at the provider.

use super::discovery::{Found, object};
use super::{Provider, Refused};
use crate::ceremony::same;
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base::{Clock, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt::verify::LEEWAY;
use jwt::{Audience, Claims, Rules, verify};
use rustix::fs::{Mode, OFlags};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// Seconds for which a provider may make its tokens good.
const LIFETIME: i64 = 24 * 3600;
/// Bytes of a token at most.
const LONGEST_TOKEN: usize = 16 << 10;
/// Bytes of a client's secret at most.
const LONGEST_SECRET: u64 = 1024;

/// What was asked of the provider, by which its answer is judged.
pub(super) struct Asked {
    pub nonce: String,
    pub verifier: Zeroizing<String>,
    /// Seconds for which the sign-in there may be old.
    pub max_age: Option<i64>,
}

impl Provider {
    /// Who signed in at the provider. It asks the provider, so it blocks. Nothing that it gives is kept but the subject.
    pub(super) fn redeem(
        &self,
        found: &Found,
        code: &str,
        asked: &Asked,
        clock: &dyn Clock,
    ) -> Result<String, Refused> {
        let said = self.exchange(found, code, &asked.verifier)?;
        let token = text(&said, "id_token").ok_or_else(|| Refused::Exchange("it gives no token".into()))?;
        let keys = found.keys.keys().map_err(Refused::Token)?;
        let rules = Rules {
            issuer: &self.settings.issuer,
            keys: &keys,
            jku: None,
            types: &["JWT", ""],
            audience: Audience::Alone(&self.settings.client_id),
            not_before: false,
            lifetime: LIFETIME,
            longest: LONGEST_TOKEN,
        };
        // Not before the provider answered: what it made meanwhile is from no future.
        let now = clock.now();
        let claims = verify(token, &rules, now).map_err(Refused::Token)?;
        self.judge(&claims, text(&said, "access_token"), asked, now)?;
        Ok(claims.subject)
    }

    /// What the provider gives for a code (RFC 6749, 4.1.3; RFC 7636).
    fn exchange(&self, found: &Found, code: &str, verifier: &str) -> Result<Map<String, Value>, Refused> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", verifier),
        ];
        let authorization = self.authorization()?;
        if authorization.is_none() {
            form.push(("client_id", &self.settings.client_id));
        }
        let mut request = found.token.agent.post(&found.token.url).header("accept", "application/json");
        if let Some(basic) = authorization {
            request = request.header("authorization", basic.as_str());
        }
        let said = object(request.send_form(form), Refused::Exchange)?;
        let bearer = text(&said, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        if bearer { Ok(said) } else { Err(Refused::Exchange("its token is of another type".into())) }
    }

    /// How the provider knows this site: `client_secret_basic` (RFC 6749, 2.3.1), or by nothing.
    pub(super) fn authorization(&self) -> Result<Option<Zeroizing<String>>, Refused> {
        let Some(path) = &self.settings.client_secret_file else { return Ok(None) };
        let away = |why: &str| Refused::Away(format!("`client_secret_file`: {why}"));
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let file = rustix::fs::open(self.folder.join(path), flags, Mode::empty());
        let mut file = File::from(file.map_err(|_| away("it cannot be read"))?);
        let about = file.metadata().map_err(|_| away("it cannot be read"))?;
        if !about.is_file() || about.mode() & 0o077 != 0 {
            return Err(away("others can read or write it: `chmod 600` it"));
        }
        let mut secret = Zeroizing::new(String::with_capacity(LONGEST_SECRET as usize));
        let read = (&mut file).take(LONGEST_SECRET).read_to_string(&mut secret);
        read.map_err(|_| away("it is no text"))?;
        if secret.trim().is_empty() {
            return Err(away("it is empty"));
        }
        let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (client, secret) = (escaped(&self.settings.client_id), Zeroizing::new(escaped(secret.trim())));
        let pair = Zeroizing::new([client.as_str(), ":", &secret].concat());
        Ok(Some(Zeroizing::new(["Basic ", &STANDARD.encode(pair.as_bytes())].concat())))
    }

    /// What a token says beyond what every token has to (OpenID Connect Core, 3.1.3.7).
    fn judge(
        &self,
        claims: &Claims,
        access_token: Option<&str>,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let more = &claims.more;
        if !text(more, "nonce").is_some_and(|nonce| same(nonce, &asked.nonce)) {
            return Err(Refused::Nonce);
        }
        if more.get("azp").is_some_and(|party| party.as_str() != Some(&self.settings.client_id)) {
            return Err(Refused::Party);
        }
        if more.get("at_hash").is_some_and(|hash| !goes_with(hash, access_token)) {
            return Err(Refused::AccessToken);
        }
        let Some(most) = asked.max_age else { return Ok(()) };
        // Some say it with a fraction.
        let at = more.get("auth_time").and_then(Value::as_f64).filter(|at| at.is_finite());
        let age = at.map(|at| now.as_second() as f64 - at).ok_or(Refused::Age)?;
        let (least, most) = (-(LEEWAY as f64), most.saturating_add(LEEWAY) as f64);
        if (least..=most).contains(&age) { Ok(()) } else { Err(Refused::Age) }
    }
}

/// Whether a token's `at_hash` is of this access token: half of the hash that its algorithm uses.
fn goes_with(hash: &Value, access_token: Option<&str>) -> bool {
    let (Some(hash), Some(token)) = (hash.as_str(), access_token) else { return false };
    let half = |algorithm| {
        let whole = digest(algorithm, token.as_bytes());
        let (half, _) = whole.as_ref().split_at(whole.as_ref().len() / 2);
        URL_SAFE_NO_PAD.encode(half)
    };
    same(hash, half(&SHA256)) || same(hash, half(&SHA512))
}

fn text<'a>(said: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    said.get(member).and_then(Value::as_str)
}
