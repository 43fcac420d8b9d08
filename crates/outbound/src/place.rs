//! An address as a setting has it.

use crate::Network;
use crate::network::{Leads, leads};
use std::net::IpAddr;
use url::{Host, Url};

/// HTTP, and on which ports unless another is named.
pub const WEB: &[(&str, u16)] = &[("https", 443), ("http", 80)];
/// Bytes of an address at most.
const LONGEST: usize = 2048;

/// Why an address, or where it leads, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none.
    #[error("it is not an address: {0}")]
    Form(&'static str),
    /// Its scheme is not one that is spoken there.
    #[error("it begins with none of {0}")]
    Scheme(String),
    /// Its host is written in another way than the one that it has.
    #[error("its host is written in a way that hides where it leads; write `{0}`")]
    Hidden(String),
    /// An address that nothing is sent to.
    #[error("{0} leads to one machine's own link, to many machines or to none")]
    Nowhere(IpAddr),
    /// A name that leads into the house, and no setting says so.
    #[error(
        "its name leads to {0}, inside the house; say so with `network`, such as `network = \"{0}/{1}\"`"
    )]
    Inside(IpAddr, u8),
    /// A name that leads to another network than the one set.
    #[error("its name leads to {0}, which is not in {1}")]
    Elsewhere(IpAddr, String),
    /// Not a network of a house.
    #[error("`network` is a network of the house, such as `10.20.0.0/16`, and not `{0}`")]
    Network(String),
}

/// Where the site sends to: scheme, host, port, path, and the network that its name leads into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    scheme: &'static str,
    host: String,
    /// The host, where it is an address and no name.
    literal: Option<IpAddr>,
    port: u16,
    path: String,
    network: Option<Network>,
}

impl Place {
    /// Reads an address of one of `schemes`, each with the port that it has unless another is written. `network` is
    /// where its name has to lead; none for the world.
    ///
    /// # Errors
    /// Whatever is not a scheme, a host, a port and a path in plain words: a user, a fragment, a host as one number, in
    /// octal, in escapes or with a dot at its end; an address that nothing is sent to.
    pub fn parse(
        text: &str,
        schemes: &[(&'static str, u16)],
        network: Option<&str>,
    ) -> Result<Self, Refused> {
        if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refused::Form("it holds more than printable ASCII, or too much of it"));
        }
        let found = schemes.iter().find_map(|(scheme, port)| {
            let rest = text.strip_prefix(scheme)?.strip_prefix("://")?;
            Some((*scheme, *port, rest))
        });
        let Some((scheme, usual, rest)) = found else {
            let all: Vec<String> = schemes.iter().map(|(scheme, _)| format!("`{scheme}://`")).collect();
            return Err(Refused::Scheme(all.join(", ")));
        };
        if rest.contains(['@', '#', '\\']) {
            return Err(Refused::Form("it names a user or a place within a page"));
        }
        // Read as `https` whatever its scheme: of others the hosts are not looked at.
        let url = Url::parse(&["https://", rest].concat()).map_err(|_| Refused::Form("its host is none"))?;
        let host = url.host_str().unwrap_or_default();
        let written = rest.split(['/', '?']).next().unwrap_or_default();
        let port = written.rsplit_once(':').and_then(|(before, port)| {
            // The colons of an address within brackets are none of a port.
            (!before.is_empty() && !port.ends_with(']')).then_some((before, port))
        });
        let (written, port) = match port {
            Some((before, port)) => {
                let number = port.parse().ok().filter(|port| *port > 0);
                (before, number.ok_or(Refused::Form("its port is none"))?)
            }
            None => (written, usual),
        };
        if !written.eq_ignore_ascii_case(host) || host.ends_with('.') {
            return Err(Refused::Hidden(host.trim_end_matches('.').to_owned()));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        if let Some(ip) = literal.filter(|ip| leads(*ip) == Leads::Nowhere) {
            return Err(Refused::Nowhere(ip));
        }
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let network = network.map(str::parse).transpose()?;
        let place = Self { scheme, host, literal, port, path, network };
        match (literal, network) {
            (Some(ip), Some(_)) => place.judge(ip).map(|()| place),
            _ => Ok(place),
        }
    }

    /// Its scheme.
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Its host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its path and query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and port, as the header of that name has them.
    pub fn authority(&self) -> String {
        match self.literal {
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// Whether it is on this machine, by what is written: what goes there leaves nothing.
    pub fn is_here(&self) -> bool {
        self.host == "localhost" || self.literal.is_some_and(|ip| ip.is_loopback())
    }

    /// Refuses an address that the host leads to, unless the setting means it.
    pub(crate) fn judge(&self, ip: IpAddr) -> Result<(), Refused> {
        match (leads(ip), self.network) {
            (Leads::Nowhere, _) => Err(Refused::Nowhere(ip)),
            // This machine, whatever a resolver makes of its name: what is said to it is not encrypted.
            (Leads::Here, _) if self.host == "localhost" => Ok(()),
            (_, Some(network)) if self.host == "localhost" => {
                Err(Refused::Elsewhere(ip, network.to_string()))
            }
            (_, Some(network)) if network.holds(ip) => Ok(()),
            (_, Some(network)) => Err(Refused::Elsewhere(ip, network.to_string())),
            (Leads::Out, None) => Ok(()),
            // An address is meant as it is written.
            _ if self.literal == Some(ip) => Ok(()),
            _ => Err(Refused::Inside(ip, if ip.is_ipv4() { 24 } else { 64 })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: &[(&str, u16)] = &[("https", 443), ("syslog+tls", 6514)];

    fn parse(text: &str) -> Result<Place, Refused> {
        Place::parse(text, SCHEMES, None)
    }

    #[test]
    fn a_plain_address_is_read_as_it_is_written() {
        let place = parse("https://siem.example:8443/in?x=1").unwrap();
        let read = (place.scheme(), place.host(), place.port(), place.path());
        assert_eq!(read, ("https", "siem.example", 8443, "/in?x=1"));
        let place = parse("syslog+tls://[::1]").unwrap();
        assert_eq!((place.host(), place.port(), place.is_here()), ("::1", 6514, true));
        assert_eq!(place.authority(), "[::1]:6514");
        assert_eq!(parse("https://10.0.0.7/").unwrap().host(), "10.0.0.7");
        assert!(!parse("https://10.0.0.7/").unwrap().is_here());
    }

    #[test]
    fn what_hides_where_it_leads_is_refused() {
        for bad in [
            "",
            "siem.example",
            "//siem.example/",
            "http://siem.example/",
            "gopher://siem.example/",
            "file:///etc/passwd",
            "HTTPS://siem.example/",
            "https://",
            "https://:443/",
            "https:/siem.example",
            "https://a@siem.example/",
            "https://siem.example#@169.254.169.254/",
            "https://siem.example\\@10.0.0.1/",
            "https://siem.example:0/",
            "https://siem.example:99999/",
            "https://siem.example:443:443/",
            "https://si em.example/",
            "https://siem.example\n/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://127.0.0.1./",
            "https://siem.example./",
            "https://%31%32%37.0.0.1/",
            "https://①②⑦.0.0.1/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fe80::1]/",
            "https://0.0.0.0/",
            "https://[::]/",
            "https://[fd00:ec2::254]/",
            "https://224.0.0.1/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[::1%25lo]/",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_leads_into_the_house_only_where_its_setting_says_so() {
        let judged = |text: &str, network: Option<&str>, ip: &str| {
            Place::parse(text, SCHEMES, network).and_then(|place| place.judge(ip.parse().unwrap()))
        };
        let name = "https://siem.example/";
        assert_eq!(judged(name, None, "93.184.216.34"), Ok(()));
        for inside in ["10.1.2.3", "127.0.0.1", "::1", "fd12::1", "::ffff:10.0.0.1", "100.64.1.1"] {
            assert!(matches!(judged(name, None, inside), Err(Refused::Inside(..))), "{inside}");
        }
        assert_eq!(judged(name, Some("10.1.0.0/16"), "10.1.2.3"), Ok(()));
        for elsewhere in ["10.2.0.1", "127.0.0.1", "93.184.216.34"] {
            let refused = judged(name, Some("10.1.0.0/16"), elsewhere);
            assert!(matches!(refused, Err(Refused::Elsewhere(..))), "{elsewhere}");
        }
        // Nothing lets the link's own in.
        assert!(matches!(judged(name, Some("10.1.0.0/16"), "169.254.169.254"), Err(Refused::Nowhere(_))));
        // An address is meant as it is written, and no other.
        assert_eq!(judged("https://10.0.0.7/", None, "10.0.0.7"), Ok(()));
        assert!(judged("https://10.0.0.7/", None, "10.0.0.8").is_err());
        assert!(judged("https://10.0.0.7/", Some("10.1.0.0/16"), "10.0.0.7").is_err());
        assert_eq!(judged("https://localhost/", None, "::1"), Ok(()));
        assert!(judged("https://localhost/", None, "10.0.0.1").is_err());
        assert!(judged("https://localhost/", Some("10.0.0.0/8"), "10.0.0.1").is_err());
    }
}
