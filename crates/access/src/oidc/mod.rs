//! Sign-in through the site's own OpenID Connect provider: `[oidc]` of `site.toml`.
//!
//! The provider says who somebody is there; which account that is here, its owner said before, and nothing else does. The
//! specification is `docs/spec/identity.md`.
//!
//! * `discovery`: where the provider answers, by its own document
//! * `exchange`: from a code to a subject
//! * `sign_in`: from a browser that leaves to a session
//! * `link`: which account a subject signs in to

mod discovery;
mod exchange;
mod link;
mod sign_in;

pub use link::Link;
pub use sign_in::{Arrival, Departure};

pub(crate) use sign_in::Ceremonies;

use crate::Error;
use base::Clock;
use discovery::Found;
use jwt::Fresh;
use outbound::{Place, WEB};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer of the provider may take unless less is asked for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Minutes for which a sign-in at the provider may be old, at most.
const MOST_MINUTES: u32 = 24 * 60;
/// Bytes of an issuer, and of a client's id, at most.
const LONGEST: usize = 255;

/// `[oidc]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// One word for the provider, on the pages and in commands.
    pub name: String,
    /// Its issuer, letter by letter: its document lies below.
    pub issuer: String,
    /// By which id it knows this site.
    pub client_id: String,
    /// The file of the secret that goes with it; none for a public client. Read anew for each sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// PEM file of the authorities that its certificate must come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The network that its name leads into, where that is one of the house.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Origins other than its issuer's that its document may name, such as `https://tokens.example.org`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// For how many minutes a sign-in there is taken here; for as long as the provider takes it unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_minutes: Option<u32>,
}

/// The site's provider, as its settings have it.
pub struct Provider {
    settings: Settings,
    /// Where its answers come back to.
    redirect: String,
    /// The places that its document may name.
    origins: Vec<Place>,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// How long an answer of the provider may take, all of it.
    patience: Duration,
    known: Fresh<Found, Refused>,
}

/// Why a sign-in through the provider does not count. The site's own log has the word, and nobody else is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Nothing was asked under that state, or it was answered, or it is too old.
    State,
    /// Another browser was asked.
    Browser,
    /// What was asked was another thing: a sign-in and no link, or another session's link.
    Purpose,
    /// Another provider answers, or one that does not say who it is though it said that it would.
    Answerer,
    /// The provider, or the secret that it knows the site by, is out of reach.
    Away(String),
    /// What its document says cannot be followed.
    Document(String),
    /// It gives no token for the code.
    Exchange(String),
    /// The token is none.
    Token(jwt::Error),
    /// It was asked for by another sign-in.
    Nonce,
    /// It was issued to somebody else.
    Party,
    /// It goes with another access token.
    AccessToken,
    /// It does not say that its subject signed in there as lately as was asked for.
    Age,
    /// No account is linked to its subject.
    Stranger,
    /// The account is closed.
    Closed,
}

impl Refused {
    /// The word for it in the log.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Browser => "browser",
            Self::Purpose => "purpose",
            Self::Answerer => "answerer",
            Self::Away(_) => "away",
            Self::Document(_) => "document",
            Self::Exchange(_) => "exchange",
            Self::Token(_) => "token",
            Self::Nonce => "nonce",
            Self::Party => "party",
            Self::AccessToken => "access-token",
            Self::Age => "age",
            Self::Stranger => "stranger",
            Self::Closed => "closed",
        }
    }
}

impl Provider {
    /// The provider of a site whose pages are at `origin`. Nothing is asked yet; relative files lie below `folder`.
    ///
    /// # Errors
    /// Settings that cannot be, or an address that the site may not send to.
    pub fn open(
        settings: Settings,
        origin: &str,
        folder: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let refuse = |why: &str| Error::Provider(why.to_owned());
        settings.check().map_err(refuse)?;
        let ca = settings.ca.as_ref().map(|ca| folder.join(ca));
        let network = settings.network.as_deref();
        let place = |what: &str, text: &str| {
            let wrong = |why: &dyn std::fmt::Display| Error::Provider(format!("`{what}`: {why}"));
            let place = Place::parse(text, WEB, network).map_err(|why| wrong(&why))?;
            place.known_by(ca.as_deref()).map_err(|why| wrong(&why))?;
            Ok::<Place, Error>(place)
        };
        let issuer = place("issuer", &settings.issuer)?;
        if issuer.path().contains('?') {
            return Err(refuse("`issuer` has no query"));
        }
        let mut origins = vec![issuer];
        for text in &settings.also {
            let also = place("also", text)?;
            if also.path() != "/" {
                return Err(refuse("`also` lists origins, such as `https://tokens.example.org`"));
            }
            origins.push(also);
        }
        let (redirect, known) = (format!("{origin}/oidc"), Fresh::default());
        let (folder, patience) = (folder.to_owned(), PATIENCE);
        Ok(Self { settings, redirect, origins, folder, clock, patience, known })
    }

    /// The same, which waits for an answer no longer than that.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// One word for it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What its tokens have as `iss`.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }
}

impl Settings {
    fn check(&self) -> Result<(), &'static str> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            return Err("`name` is one word of small letters, digits and `-`");
        }
        let text =
            |text: &str| (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !text(&self.issuer) || !text(&self.client_id) {
            return Err("`issuer` and `client_id` are 1 to 255 printable characters");
        }
        if self.max_age_minutes.is_some_and(|minutes| !(1..=MOST_MINUTES).contains(&minutes)) {
            return Err("`max_age_minutes` is 1 to 1440");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Fault, SystemClock};

    fn check(change: impl Fn(&mut Settings)) -> Result<Provider, Error> {
        let mut settings = Settings {
            name: "uni".into(),
            issuer: "http://localhost:9/realm".into(),
            client_id: "sequestra".into(),
            client_secret_file: None,
            ca: None,
            network: None,
            also: Vec::new(),
            max_age_minutes: None,
        };
        change(&mut settings);
        Provider::open(settings, "https://site.example", Path::new("/"), Arc::new(SystemClock::default()))
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(check(|_| {}).unwrap().redirect, "https://site.example/oidc");
        check(|s| s.also = vec!["http://127.0.0.1:7".into()]).unwrap();
        let wrong: [fn(&mut Settings); 13] = [
            |s| s.name = "The University".into(),
            |s| s.name.clear(),
            |s| s.issuer.clear(),
            |s| s.issuer = "http://idp.example".into(),
            |s| s.issuer = "https://idp.example".into(),
            |s| s.issuer = "https://169.254.169.254".into(),
            |s| s.issuer = "http://localhost:9/?realm=1".into(),
            |s| s.client_id.clear(),
            |s| s.client_id = "se questra".into(),
            |s| s.also = vec!["http://idp.example".into()],
            |s| s.also = vec!["http://localhost:9/token".into()],
            |s| s.max_age_minutes = Some(0),
            |s| s.max_age_minutes = Some(1441),
        ];
        for change in wrong {
            let Err(error) = check(change) else { panic!("taken") };
            assert_eq!((error.code(), error.hint().is_some()), ("ACCESS-051", true), "{error}");
        }
    }
}
