//! `[mail]` and `[[notify]]`, as `site.toml` has them.

use crate::notify::Word;
use crate::settings::is_encrypted;
use crate::{Error, Settings};
use base::{ProjectId, Sensitive};
use outbound::{Place, Refused};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// `[mail]`: the relay that takes mail, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `smtp+tls://host:465`, `smtp+starttls://host:587`, or `smtp://` to this machine.
    pub server: String,
    /// Whom it is from.
    pub from: String,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The account at the relay, if it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// File whose first line is its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// One `[[notify]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its name: 1 to 32 of `a-z0-9-`. It names the kept position, too: another name begins anew.
    pub name: String,
    /// Where to: `mailto:team@site.example`, `https://host/path`, or `http://` to this machine.
    pub to: Address,
    /// The project that it is told of; of all, and of the site's own matters, unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// What it is told of; everything unless set.
    #[serde(default = "everything")]
    pub what: Vec<Word>,
    /// Seconds for which further events are waited for, so that a burst is one message.
    #[serde(default = "a_minute")]
    pub within_seconds: u32,
    /// As a stream's, for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// As a stream's, for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// As a stream's, for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// As a stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

/// Somebody's address. It is written in the settings, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Sensitive<String>);

impl Address {
    /// The address, as the settings have it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Sensitive::new(text.into()))
    }

    pub(crate) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.reveal())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

fn everything() -> Vec<Word> {
    Word::ALL.to_vec()
}

const fn a_minute() -> u32 {
    60
}

/// What a relay speaks, and on which port unless another is named.
const SCHEMES: &[(&str, u16)] = &[("smtp+tls", 465), ("smtp+starttls", 587), ("smtp", 25)];
/// Bytes of an address at most (RFC 5321, with its brackets: 256).
const LONGEST: usize = 254;
/// An hour: who waits longer hears too late.
const LONGEST_WAIT: u32 = 3600;

/// How mail goes to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// TLS from the first byte.
    Tls,
    /// TLS before anything else is said.
    StartTls,
    /// In clear, to this machine.
    Clear,
}

/// Where a destination is.
#[derive(Debug)]
pub(crate) enum Target {
    Mail(String),
    Post(Place, Box<Settings>),
}

/// Checks all destinations of a site: each by itself, and that no two have one name, which names the kept position.
///
/// # Errors
/// Whatever cannot be one, by its name.
pub fn check_all(mail: Option<&Mail>, all: &[Destination]) -> Result<(), Error> {
    if let Some(mail) = mail {
        mail.place()?;
    }
    let mut names = BTreeSet::new();
    for one in all {
        let target = one.target()?;
        if mail.is_none() && matches!(target, Target::Mail(_)) {
            return Err(one.refuse("mail needs `[mail]`"));
        }
        if !names.insert(one.name.as_str()) {
            return Err(one.refuse("another destination has its name"));
        }
    }
    Ok(())
}

impl Mail {
    pub(crate) fn place(&self) -> Result<(Place, Speech), Error> {
        let refuse = |why: String| Error::Notify { name: "[mail]".to_owned(), why };
        let place = Place::parse(&self.server, SCHEMES, self.network.as_deref());
        let place = place.map_err(|why| match why {
            Refused::Scheme(all) => refuse(format!("`server` begins with none of {all}")),
            why => refuse(format!("`server`: {why}")),
        })?;
        if place.path() != "/" {
            return Err(refuse("`server` is a host and a port".to_owned()));
        }
        if !is_address(&self.from) {
            return Err(refuse("`from` is no address".to_owned()));
        }
        let speech = match place.scheme() {
            "smtp+tls" => Speech::Tls,
            "smtp+starttls" => Speech::StartTls,
            _ if place.is_here() => Speech::Clear,
            _ => return Err(refuse("`smtp` without TLS goes to this machine alone".to_owned())),
        };
        if speech != Speech::Clear && self.ca.is_some() == self.pin.is_some() {
            return Err(refuse("it takes either `ca` or `pin`".to_owned()));
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err(refuse("`user` and `password_file` go together".to_owned()));
        }
        if speech == Speech::Clear && self.user.is_some() {
            return Err(refuse("a password goes under TLS alone".to_owned()));
        }
        Ok((place, speech))
    }
}

impl Destination {
    pub(crate) fn target(&self) -> Result<Target, Error> {
        // Names are checked as a stream's are.
        let named = self.as_stream("file:/");
        named.check().map_err(|error| self.own(error))?;
        if self.what.is_empty() {
            return Err(self.refuse("`what` is empty"));
        }
        if self.within_seconds > LONGEST_WAIT {
            return Err(self.refuse("`within_seconds` is more than an hour"));
        }
        if let Some(to) = self.to.reveal().strip_prefix("mailto:") {
            return self.mailbox(to);
        }
        // What the address is, no failure tells.
        let stream = self.as_stream(self.to.reveal());
        match stream.target().map_err(|error| self.own(error))? {
            crate::settings::Target::Post(place) => {
                if is_encrypted(&place) && self.ca.is_some() == self.pin.is_some() {
                    return Err(self.refuse("it takes either `ca` or `pin`"));
                }
                Ok(Target::Post(place, Box::new(stream)))
            }
            _ => Err(self.refuse("`to` begins with none of `mailto:`, `https://`, `http://`")),
        }
    }

    fn mailbox(&self, to: &str) -> Result<Target, Error> {
        let for_http = [self.ca.is_some(), self.pin.is_some(), self.network.is_some()];
        if for_http.contains(&true) || self.token_file.is_some() {
            return Err(self.refuse("what a relay is known by stands in `[mail]`"));
        }
        match is_address(to) {
            true => Ok(Target::Mail(to.to_owned())),
            false => Err(self.refuse("`to` is not one plain address")),
        }
    }

    fn as_stream(&self, to: &str) -> Settings {
        let Self { name, ca, pin, network, token_file, .. } = self.clone();
        Settings {
            name,
            to: to.to_owned(),
            ca,
            pin,
            network,
            token_file,
            agreement: None,
            rotate_bytes: 1,
            lag_seconds: 0,
        }
    }

    pub(crate) fn refuse(&self, why: &str) -> Error {
        self.own(self.as_stream("").refuse(why))
    }

    /// A stream's failure, said of a notification.
    pub(crate) fn own(&self, error: Error) -> Error {
        match error {
            Error::Settings { name, why } => Error::Notify { name, why },
            other => other,
        }
    }
}

/// One address of plain letters: nothing that ends a line, a bracket or a list, and no quoted part.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    let host = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let dotted = |text: &str, plain: fn(u8) -> bool| {
        text.split('.').all(|part| !part.is_empty() && part.bytes().all(plain))
    };
    text.len() <= LONGEST && local.len() <= 64 && dotted(local, atom) && dotted(domain, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(server: &str) -> Mail {
        Mail {
            server: server.into(),
            from: "sequestra@site.example".into(),
            ca: None,
            pin: Some("00".repeat(32)),
            network: None,
            user: None,
            password_file: None,
        }
    }

    fn to(to: &str) -> Destination {
        Destination {
            name: "stewards".into(),
            to: Address::new(to),
            project: None,
            what: everything(),
            within_seconds: 1,
            ca: None,
            pin: None,
            network: None,
            token_file: None,
        }
    }

    #[test]
    fn mail_leaves_the_machine_only_under_tls_to_a_known_relay() {
        for good in ["smtp+tls://relay.example:465", "smtp+starttls://relay.example", "smtp+tls://10.0.0.7"] {
            mail(good).place().unwrap();
            let nobody = Mail { pin: None, ..mail(good) };
            assert!(nobody.place().is_err(), "{good}");
        }
        mail("smtp://127.0.0.1:25").place().unwrap();
        for bad in
            ["smtp://relay.example", "smtp://10.0.0.7", "smtps://relay.example", "smtp+tls://r/x", "relay"]
        {
            assert!(matches!(mail(bad).place(), Err(Error::Notify { .. })), "{bad}");
        }
        let clear =
            Mail { user: Some("u".into()), password_file: Some("/p".into()), ..mail("smtp://127.0.0.1") };
        assert!(clear.place().unwrap_err().to_string().contains("under TLS alone"));
        let half = Mail { user: Some("u".into()), ..mail("smtp+tls://relay.example") };
        assert!(half.place().is_err());
        let whose = Mail { from: "no address".into(), ..mail("smtp+tls://relay.example") };
        assert!(whose.place().is_err());
    }

    #[test]
    fn an_address_is_one_and_says_nothing_more() {
        for good in
            ["mailto:team@site.example", "mailto:a.b+c@x", "http://127.0.0.1:9/", "http://localhost/in"]
        {
            to(good).target().unwrap();
        }
        for bad in [
            "mailto:",
            "mailto:team",
            "mailto:@site.example",
            "mailto:team@",
            "mailto:a@b,c@d",
            "mailto:a@b?bcc=c@d",
            "mailto:a@b\r\nBcc: c@d",
            "mailto:<a@b>",
            "mailto:\"a b\"@c",
            "mailto:a@b>",
            "mailto:a b@c",
            "mailto:a@[10.0.0.1]",
            "file:/var/x",
            "syslog+tls://x:1",
            "http://hook.example/",
            "https://hook.example/",
            "https://169.254.169.254/",
        ] {
            let refused = to(bad).target().unwrap_err();
            assert!(matches!(refused, Error::Notify { .. }), "{bad}: {refused}");
        }
        assert!(Destination { what: Vec::new(), ..to("mailto:a@b") }.target().is_err());
        assert!(Destination { within_seconds: 3601, ..to("mailto:a@b") }.target().is_err());
        assert!(Destination { pin: Some("00".into()), ..to("mailto:a@b") }.target().is_err());
        assert!(Destination { name: "A".into(), ..to("mailto:a@b") }.target().is_err());
    }

    #[test]
    fn names_are_given_once_and_mail_needs_a_relay() {
        let one = to("mailto:team@site.example");
        let relay = mail("smtp+tls://relay.example");
        check_all(Some(&relay), std::slice::from_ref(&one)).unwrap();
        assert!(check_all(None, std::slice::from_ref(&one)).is_err());
        assert!(check_all(Some(&relay), &[one.clone(), one]).is_err());
    }

    #[test]
    fn an_address_does_not_print_itself() {
        let one = to("mailto:zorbina@ward.example");
        let refused = to("mailto:zorbina@ward.example,x").target().unwrap_err();
        assert!(!format!("{one:?} {refused} {refused:?}").contains("zorbina"));
        let kept = serde_json::to_string(&one).unwrap();
        assert!(kept.contains("zorbina"), "the settings keep it");
    }
}
