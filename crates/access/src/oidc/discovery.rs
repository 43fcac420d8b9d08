//! Where the provider answers: its document (OpenID Connect Discovery 1.0), read when it is needed.

use super::{Provider, Refused};
use jwt::source::Where;
use jwt::{Source, json};
use outbound::{Place, WEB, body};
use serde_json::{Map, Value};
use std::fmt::Display;
use std::sync::Arc;
use ureq::Agent;
use url::Url;

/// Where the document lies below the issuer.
const DOCUMENT: &str = "/.well-known/openid-configuration";
/// Bytes of an answer at most.
pub(super) const LONGEST: u64 = 64 << 10;

/// What the provider's document says, as far as it is followed.
pub(super) struct Found {
    /// Where browsers go.
    pub authorize: Url,
    /// Where codes are redeemed.
    pub token: Endpoint,
    /// Its keys.
    pub keys: Source,
    /// Whether its answers say who answers (RFC 9207).
    pub names_itself: bool,
}

/// An address of the provider that the site asks.
pub(super) struct Endpoint {
    pub agent: Agent,
    pub url: String,
}

impl Provider {
    /// Where the provider answers now. Asks it where what is known is old, so it blocks.
    pub(super) fn find(&self) -> Result<Arc<Found>, Refused> {
        self.known.get(&*self.clock, || self.read())
    }

    /// Why nobody could sign in through the provider now, if so. It blocks.
    pub fn out_of_reach(&self) -> Option<String> {
        let reached = || {
            let found = self.find()?;
            self.authorization()?;
            found.keys.keys().map_err(Refused::Token).map(|_| ())
        };
        match reached() {
            Ok(()) => None,
            Err(Refused::Away(why) | Refused::Document(why)) => Some(why),
            Err(Refused::Token(why)) => Some(base::fault::chain(&why)),
            Err(other) => Some(other.word().to_owned()),
        }
    }

    fn read(&self) -> Result<Found, Refused> {
        let issuer = &self.settings.issuer;
        let at = self.endpoint(&format!("{}{DOCUMENT}", issuer.trim_end_matches('/')))?;
        let said = object(at.agent.get(&at.url).header("accept", "application/json").call(), Refused::Away)?;
        let text = |member: &'static str| {
            let wrong = || Refused::Document(format!("it says no `{member}`"));
            said.get(member).and_then(Value::as_str).ok_or_else(wrong)
        };
        // INVARIANT (issuer-as-set): a document that speaks for another issuer is another provider's.
        if text("issuer")? != issuer {
            return Err(Refused::Document(
                "it is of another issuer than the one that the settings name".into(),
            ));
        }
        if lists(&said, "code_challenge_methods_supported").is_some_and(|all| !all.contains(&"S256")) {
            return Err(Refused::Document("it takes no PKCE by S256".into()));
        }
        let way = if self.settings.client_secret_file.is_some() { "client_secret_basic" } else { "none" };
        if lists(&said, "token_endpoint_auth_methods_supported").is_some_and(|all| !all.contains(&way)) {
            return Err(Refused::Document(format!("it does not know a client by `{way}`")));
        }
        let authorize = text("authorization_endpoint")?;
        self.place(authorize)?;
        let authorize = Url::parse(authorize).map_err(|_| Refused::Document("where browsers go".into()))?;
        let keys = text("jwks_uri")?;
        self.place(keys)?;
        let (ca, network) = (self.settings.ca.clone(), self.settings.network.clone());
        let keys = Where { file: None, url: Some(keys.to_owned()), ca, network };
        let keys = Source::open(&keys, &self.folder, self.clock.clone()).map_err(Refused::Token)?;
        let names_itself =
            said.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true));
        Ok(Found { authorize, token: self.endpoint(text("token_endpoint")?)?, keys, names_itself })
    }

    /// An address that the provider's document names.
    ///
    /// INVARIANT (settings-name-places): the site asks, and sends browsers to, the issuer's own origin and those that the
    /// settings list beside it. What an answer says adds none.
    fn place(&self, url: &str) -> Result<Place, Refused> {
        let wrong = |why: &dyn Display| Refused::Document(format!("an address in it: {why}"));
        let place = Place::parse(url, WEB, self.settings.network.as_deref()).map_err(|why| wrong(&why))?;
        let origin = |one: &Place| (one.scheme(), one.host().to_ascii_lowercase(), one.port());
        if self.origins.iter().any(|one| origin(one) == origin(&place)) {
            Ok(place)
        } else {
            Err(wrong(&"it is neither at the issuer nor at one of `also`"))
        }
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint, Refused> {
        let place = self.place(url)?;
        let ca = self.settings.ca.as_ref().map(|ca| self.folder.join(ca));
        let config = place.known_by(ca.as_deref()).map_err(|why| Refused::Away(why.to_string()))?;
        let config = config.timeout_global(Some(self.patience)).timeout_connect(Some(self.patience / 2));
        Ok(Endpoint { agent: place.agent(config.build()), url: url.to_owned() })
    }
}

/// The object that the provider answers with. Nothing else than 200 is one: an answer leads nowhere else.
pub(super) fn object(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    refused: fn(String) -> Refused,
) -> Result<Map<String, Value>, Refused> {
    let bytes = body(answer, LONGEST).map_err(refused)?;
    match json::parse(&bytes) {
        Ok(Value::Object(said)) => Ok(said),
        _ => Err(refused("its answer is no JSON object that says each thing once".to_owned())),
    }
}

/// The texts of a list, where there is one.
fn lists<'a>(said: &'a Map<String, Value>, member: &str) -> Option<Vec<&'a str>> {
    Some(said.get(member)?.as_array()?.iter().filter_map(Value::as_str).collect())
}
