//! Where a service account may come from.

use crate::signed::Source;
use base::Network;
use std::fmt;
use std::str::FromStr;

/// The site's socket, or the addresses of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The socket inside the site.
    Socket,
    /// Addresses.
    Addresses(Network),
}

/// A text that names neither.
#[derive(Debug, thiserror::Error)]
#[error(
    "not an address, nor a network of /8 to /32 (IPv6: /32 to /128): write `192.0.2.0/24`, `2001:db8::/32` or `socket`"
)]
pub struct ParseRangeError;

impl Range {
    /// Whether `source` is in it.
    pub fn holds(&self, source: Source) -> bool {
        match (self, source) {
            (Self::Socket, Source::Socket) => true,
            (Self::Addresses(network), Source::Network(address)) => network.has(address),
            _ => false,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket => f.write_str("socket"),
            Self::Addresses(network) => network.fmt(f),
        }
    }
}

impl FromStr for Range {
    type Err = ParseRangeError;
    fn from_str(text: &str) -> Result<Self, ParseRangeError> {
        if text == "socket" {
            return Ok(Self::Socket);
        }
        let network: Network = text.parse().map_err(|_| ParseRangeError)?;
        // A half of all addresses, or two of them, would bind it to nothing.
        if network.is_wide() { Err(ParseRangeError) } else { Ok(Self::Addresses(network)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_own_and_never_the_socket_beside_it() {
        let range: Range = "192.0.2.0/24".parse().unwrap();
        assert_eq!(range.to_string().parse::<Range>().unwrap(), range);
        for (source, inside) in
            [("192.0.2.255", true), ("::ffff:192.0.2.7", true), ("192.0.3.0", false), ("::192.0.2.7", false)]
        {
            assert_eq!(range.holds(Source::Network(source.parse().unwrap())), inside, "{source}");
        }
        assert!(!range.holds(Source::Socket) && Range::Socket.holds(Source::Socket));
        assert!(!Range::Socket.holds(Source::Network("127.0.0.1".parse().unwrap())));
        for bad in [
            "",
            "/",
            "0.0.0.0/0",
            "128.0.0.0/1",
            "::/0",
            "2000::/3",
            "192.0.2.0/33",
            "192.0.2.0/",
            "host",
            "2001:db8::/129",
        ] {
            assert!(bad.parse::<Range>().is_err(), "{bad}");
        }
    }
}
