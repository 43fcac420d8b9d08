//! Agents of blocking requests: over TLS to whom an authority of the settings vouches for, in clear to this machine.

use crate::dial::{Judged, refused};
use crate::{Place, Refused};
use rustls::crypto::aws_lc_rs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::config::{Config, ConfigBuilder};
use ureq::http::Response;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Error};

/// Why nobody is asked at a place, whatever its name leads to. Each says it of the setting, which is "it".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// In clear, to another machine.
    #[error("it is not `https`, and it is not on this machine")]
    Clear,
    /// Nobody vouches for it.
    #[error("it is `https` and names no `ca` to know it by")]
    Nobody,
    /// The file of the authorities is not there.
    #[error("its `ca` `{}` cannot be read: {}", .0.display(), .1)]
    Unread(PathBuf, io::ErrorKind),
    /// It is of another form.
    #[error("its `ca` `{}` is not PEM, or holds no certificate", .0.display())]
    Form(PathBuf),
}

impl Place {
    /// Whether what is said there can be read on the way by nobody: it is under TLS, or it does not leave this machine.
    pub fn is_private(&self) -> bool {
        self.scheme() == "https" || self.is_here()
    }

    /// The beginnings of an agent for this place, which [`Place::agent`] makes. It believes whom a certificate in the
    /// file `ca` vouches for, follows no redirect, asks no proxy, and takes every status for an answer.
    ///
    /// # Errors
    /// A place that is not known by TLS, unless it is on this machine.
    pub fn known_by(&self, ca: Option<&Path>) -> Result<ConfigBuilder<AgentScope>, Unknown> {
        let mut tls =
            TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()));
        match (self.scheme(), ca) {
            ("https", Some(ca)) => tls = tls.root_certs(authorities(ca)?),
            ("https", None) => return Err(Unknown::Nobody),
            _ if self.is_private() => {}
            _ => return Err(Unknown::Clear),
        }
        Ok(Agent::config_builder()
            .tls_config(tls.build())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .https_only(self.scheme() == "https")
            // A proxy from the environment would see what is asked, and the setting does not name it.
            .proxy(None)
            .user_agent("sequestra"))
    }

    /// An agent of blocking requests that goes to this place and to no other.
    pub fn agent(&self, config: Config) -> Agent {
        let resolver = Judged::new(self.clone(), DefaultResolver::default());
        Agent::with_parts(config, DefaultConnector::default(), resolver)
    }
}

/// Why there is no answer, said of the place, which is "it". None for an answer that is not HTTP as it should be.
pub fn unanswered(error: &Error) -> Option<String> {
    let why = match error {
        Error::Io(_) if refused(error).is_some() => return refused(error).map(Refused::to_string),
        Error::Timeout(_) => "it does not answer in time",
        Error::HostNotFound => "its host is not known",
        Error::Tls(_) | Error::Rustls(_) => "it is not the one that `ca` vouches for",
        Error::Io(error) if is_tls(error) => "it is not the one that `ca` vouches for",
        Error::Io(_) | Error::ConnectionFailed => "there is no connection to it",
        Error::BodyExceedsLimit(_) => "its answer is longer than is read",
        _ => return None,
    };
    Some(why.to_owned())
}

/// What a place says to a question to which there is one good answer: status 200, and at most so many bytes.
///
/// # Errors
/// Why it says nothing that counts, said of the place, which is "it".
pub fn body(answer: Result<Response<Body>, Error>, most: u64) -> Result<Vec<u8>, String> {
    let failed = |error: Error| unanswered(&error).unwrap_or_else(|| "its answer is not HTTP".to_owned());
    let mut answer = answer.map_err(failed)?;
    if answer.status() != 200 {
        // A redirect as well: an answer names no address.
        return Err(format!("it answers with status {}", answer.status().as_u16()));
    }
    answer.body_mut().with_config().limit(most).read_to_vec().map_err(failed)
}

/// Whether a broken connection was one that TLS refused.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn authorities(ca: &Path) -> Result<RootCerts, Unknown> {
    let pem = std::fs::read(ca).map_err(|error| Unknown::Unread(ca.to_owned(), error.kind()))?;
    let form = || Unknown::Form(ca.to_owned());
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| form())? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(form()) } else { Ok(found.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::parse(text, crate::WEB, None).unwrap()
    }

    #[test]
    fn an_agent_goes_nowhere_else() {
        let agent = place("http://127.0.0.1:9/").agent(Agent::config_builder().build());
        for elsewhere in ["http://127.0.0.2:9/", "http://example.org/", "http://localhost:9/"] {
            let asked = agent.get(elsewhere).call();
            assert!(matches!(asked, Err(Error::HostNotFound)), "{elsewhere}: {asked:?}");
        }
        // However it is written, its own name is its own: here it is looked up, and nobody listens.
        let agent = place("http://Localhost:9/").agent(Agent::config_builder().build());
        for own in ["http://localhost:9/", "http://LOCALHOST:9/"] {
            let asked = agent.get(own).call();
            assert!(matches!(asked, Err(Error::Io(_) | Error::ConnectionFailed)), "{own}: {asked:?}");
        }
    }

    #[test]
    fn nobody_is_asked_who_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let refused = |url: &str, ca: Option<&Path>| place(url).known_by(ca).err();
        assert_eq!(refused("http://127.0.0.1/", None), None);
        assert_eq!(refused("http://localhost/", None), None);
        assert_eq!(refused("http://10.0.0.1/", None), Some(Unknown::Clear));
        assert_eq!(refused("http://idp.example/", None), Some(Unknown::Clear));
        assert_eq!(refused("https://127.0.0.1/", None), Some(Unknown::Nobody));
        let absent = folder.path().join("absent");
        let unread = Some(Unknown::Unread(absent.clone(), io::ErrorKind::NotFound));
        assert_eq!(refused("https://idp.example/", Some(&absent)), unread);
        for (name, text) in [
            ("empty", ""),
            ("text", "no certificate"),
            ("torn", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
            ("key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ] {
            let path = at(name, text);
            assert_eq!(
                refused("https://idp.example/", Some(&path)),
                Some(Unknown::Form(path.clone())),
                "{name}"
            );
        }
        let good = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(refused("https://idp.example/", Some(&at("good", good))), None);
    }

    #[test]
    fn what_is_asked_goes_in_clear_to_nobody_else() {
        for (url, private) in [
            ("https://idp.example/", true),
            ("http://[::1]/", true),
            ("http://localhost:8080/", true),
            ("http://idp.example/", false),
            ("http://192.168.1.1/", false),
        ] {
            assert_eq!(place(url).is_private(), private, "{url}");
        }
    }
}
