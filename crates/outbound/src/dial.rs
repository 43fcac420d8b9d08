//! Looking up and connecting: once for each connection, and to no other address than the ones that were judged.

use crate::{Place, Refused};
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

impl Place {
    /// A connection to it.
    ///
    /// # Errors
    /// [`Refused`] inside, when any of the addresses that its name leads to is not meant by the setting.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((self.host(), self.port())).await?.collect();
        TcpStream::connect(self.judged(found)?.as_slice()).await
    }

    /// All of them, or none: a name that leads to good addresses and to a bad one is somebody's trick.
    fn judged(&self, found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
        for address in &found {
            self.judge(address.ip())?;
        }
        if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }
}

/// Why nothing was sent, where that is because of where it would have gone.
pub fn refused(error: &Error) -> Option<&Refused> {
    match error {
        Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refused)
    }
}

/// Looks names up for blocking requests, and refuses what the setting does not mean.
#[derive(Debug)]
pub struct Judged {
    place: Place,
    inner: DefaultResolver,
}

impl Judged {
    pub(crate) fn new(place: Place, inner: DefaultResolver) -> Self {
        Self { place, inner }
    }
}

impl Resolver for Judged {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        // A bucket may stand before the host's name.
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let own = self.place.host();
        let below = host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if !below {
            return Err(Error::HostNotFound);
        }
        let found = self.inner.resolve(uri, config, timeout)?;
        self.place.judged(found.iter().copied().collect())?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::parse(text, &[("http", 80)], None).unwrap()
    }

    #[test]
    fn one_bad_address_among_good_ones_refuses_the_name() {
        let name = place("http://siem.example/");
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let good = at("93.184.216.34:80");
        assert_eq!(name.judged(vec![good]).unwrap(), [good]);
        let refused = name.judged(vec![good, at("169.254.169.254:80")]).unwrap_err();
        assert!(refused.get_ref().is_some_and(|inner| inner.is::<Refused>()), "{refused}");
        assert!(name.judged(vec![good, at("[::1]:80")]).is_err());
        assert_eq!(name.judged(Vec::new()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn what_was_judged_is_what_is_dialled() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        place(&format!("http://127.0.0.1:{port}/")).connect().await.unwrap();
        place(&format!("http://localhost:{port}/")).connect().await.unwrap();
    }
}
