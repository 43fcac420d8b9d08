//! A passkey of somebody who acts, in a browser that shows the site's pages.

use crate::site::Site;
use crate::{Authenticator, Error, Play, Result};
use serde_json::{Value, json};

/// Where the pages are.
pub(crate) const ORIGIN: &str = "https://controls.example";
/// The settings that say so.
pub(crate) const PAGES: &str = "[pages]\norigin = \"https://controls.example\"\n";

pub(crate) struct Passkey(Authenticator);

impl Passkey {
    /// Enrols one for whoever has just signed in in `name`'s file.
    pub(crate) fn enrol(play: &Play, site: &Site, name: &str) -> Result<Self> {
        let token = site.session_in(&format!("{name}.session"))?;
        let mut passkey = play.passkey(ORIGIN)?;
        let asked = told(site, &token, "/v1/me/passkeys/challenge", &Value::Null)?;
        let credential = passkey.enrol(&part(&asked, "options"));
        let body = json!({"ceremony": part(&asked, "ceremony"), "label": "made", "credential": credential});
        told(site, &token, "/v1/me/passkeys", &body)?;
        Ok(Self(passkey))
    }

    /// A session that it begins; its token.
    pub(crate) fn sign_in(&mut self, site: &Site) -> Result<String> {
        let asked = told(site, "none", "/v1/passkeys/challenge", &Value::Null)?;
        let credential = self.0.answer(&part(&asked, "options"))?;
        let body = json!({"ceremony": part(&asked, "ceremony"), "credential": credential});
        let session = told(site, "none", "/v1/passkeys/sessions", &body)?;
        let token = session.get("token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| Error::unplayable("a passkey began no session"))
    }
}

/// What is answered where something has to be.
fn told(site: &Site, token: &str, path: &str, body: &Value) -> Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = site.answer(token, "POST", path, &body)?;
    match answer.status {
        200 | 201 => Ok(serde_json::from_str(&answer.body).unwrap_or_default()),
        status => Err(Error::unplayable(format!("{path} was answered with {status}: {}", answer.body))),
    }
}

fn part(asked: &Value, name: &str) -> Value {
    asked.get(name).cloned().unwrap_or_default()
}
