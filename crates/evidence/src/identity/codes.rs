//! A password with a second factor, as its owner's program of codes has it.

use crate::site::{Answer, Site};
use crate::{Error, Play, Result};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

/// Seconds that a code lasts.
const STEP: i64 = 30;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Somebody's password, and what makes their codes.
pub(crate) struct Codes {
    name: String,
    password: String,
    secret: Vec<u8>,
}

impl Codes {
    /// Sets a password for whoever has the session in `name`'s file.
    pub(crate) fn set(play: &Play, site: &Site, name: &str, now: i64) -> Result<Self> {
        let token = site.session_in(&format!("{name}.session"))?;
        let begun = site.answer(&token, "POST", "/v1/me/password/challenge", "")?;
        let begun: Value = serde_json::from_str(&begun.body).unwrap_or_default();
        let word = |name: &str| begun.get(name).and_then(Value::as_str).unwrap_or_default();
        let codes = Self { name: name.to_owned(), password: play.secret(), secret: base32(word("secret")) };
        // The step before: sign-ins then have this one.
        let code = codes.at(now.saturating_sub(STEP));
        let body = json!({"ceremony": word("ceremony"), "password": codes.password, "code": code});
        match site.ask(&token, "POST", "/v1/me/password", &body.to_string())? {
            200 | 201 => Ok(codes),
            status => Err(Error::unplayable(format!("`password set` was answered with {status}"))),
        }
    }

    /// Signs in at this second.
    pub(crate) fn sign_in(&self, site: &Site, now: i64) -> Result<Answer> {
        self.sign_in_with(site, &self.password, now)
    }

    /// The same with another password.
    pub(crate) fn sign_in_with(&self, site: &Site, password: &str, now: i64) -> Result<Answer> {
        let body = json!({"name": self.name, "password": password, "code": self.at(now)});
        site.answer("none", "POST", "/v1/passwords/sessions", &body.to_string())
    }

    /// Confirms the session of this token; the status.
    pub(crate) fn confirm(&self, site: &Site, token: &str, now: i64) -> Result<u16> {
        let body = json!({"password": self.password, "code": self.at(now)});
        site.ask(token, "POST", "/v1/me/confirmation/password", &body.to_string())
    }

    /// A sign-in that has to give a session; its token.
    pub(crate) fn session(&self, site: &Site, now: i64) -> Result<String> {
        let answer = self.sign_in(site, now)?;
        let told: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let token = told.get("token").and_then(Value::as_str).map(str::to_owned);
        token.ok_or_else(|| {
            Error::unplayable(format!("`login --password` was answered with {}", answer.status))
        })
    }

    /// The code of a second (RFC 6238: SHA-1, 30 s, six digits).
    fn at(&self, second: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let step = second.div_euclid(STEP);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let from = tag.last().map_or(0, |last| usize::from(last & 0x0f));
        let four = tag.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    }
}

fn base32(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes() {
        let Some(value) = ALPHABET.iter().position(|one| *one == letter) else { continue };
        held = (held << 5 | u32::try_from(value).unwrap_or(0)) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.extend(u8::try_from(held >> bits & 0xff));
        }
    }
    bytes
}
