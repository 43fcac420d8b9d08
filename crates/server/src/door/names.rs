//! The names in a certificate: checked before one is made, and read from the one that is there.

use crate::failure::Error;
use rustls::pki_types::ServerName;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a certificate is good for if nothing else is asked: the machine itself.
const USUAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// `subjectAltName`, 2.5.29.17, and of its names those of hosts and addresses (RFC 5280, 4.2.1.6).
const NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const HOST: u8 = 0x82;
const ADDRESS: u8 = 0x87;
/// The field of a certificate that holds its extensions.
const EXTENSIONS: u8 = 0xa3;

/// Those that nobody asked for.
pub fn usual() -> Vec<String> {
    USUAL.map(str::to_owned).to_vec()
}

/// Refuses what is neither a host's name, perhaps with `*` for its first part, nor an address: no client would find
/// the site by it.
pub fn check(names: &[String]) -> Result<(), Error> {
    let right = |name: &str| {
        let host = name.strip_prefix("*.").unwrap_or(name);
        !host.ends_with('.') && ServerName::try_from(host).is_ok()
    };
    match names.iter().find(|name| !right(name)) {
        None => Ok(()),
        Some(wrong) => Err(Error::Value {
            field: "name",
            why: format!("`{}` is neither a host name nor an address", wrong.escape_debug()),
            how: Some("such as `lab.example` or `192.0.2.10`".to_owned()),
        }),
    }
}

/// Those of a certificate, in their order; none if it cannot be read.
pub fn of(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, whole, _) = value(certificate)?;
    let (_, signed, _) = value(whole)?;
    let (_, fields) = values(signed).into_iter().find(|(tag, _)| *tag == EXTENSIONS)?;
    let (_, extensions, _) = value(fields)?;
    let all = values(extensions).into_iter().map(|(_, one)| values(one));
    let named = all.into_iter().find(|one| one.first().is_some_and(|(_, oid)| *oid == NAMES))?;
    let (_, names, _) = value(named.last()?.1)?;
    Some(values(names).into_iter().filter_map(|(tag, bytes)| name(tag, bytes)).collect())
}

fn name(tag: u8, bytes: &[u8]) -> Option<String> {
    match tag {
        HOST => String::from_utf8(bytes.to_owned()).ok(),
        ADDRESS => {
            let short = <[u8; 4]>::try_from(bytes).map(|four| Ipv4Addr::from(four).to_string());
            short.or_else(|_| <[u8; 16]>::try_from(bytes).map(|all| Ipv6Addr::from(all).to_string())).ok()
        }
        _ => None,
    }
}

/// The values of DER one after the other, each with its tag; up to the first that is cut.
fn values(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut all = Vec::new();
    while let Some((tag, content, rest)) = value(bytes) {
        all.push((tag, content));
        bytes = rest;
    }
    all
}

/// A value of DER: its tag, its content, and what follows. Its length takes three bytes at most.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_client_would_look_for_is_refused() {
        let check = |name: &str| check(&[name.to_owned()]);
        for right in [
            "lab.example",
            "localhost",
            "*.lab.example",
            "192.0.2.10",
            "2001:db8::1",
            "xn--bcher-kva.example",
        ] {
            assert!(check(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            " ",
            "bad name",
            "a..b/../x",
            "a..b",
            "lab.example.",
            "-a.example",
            "*",
            "*.",
            "a.*.b",
            "bücher.example",
            "lab.example\n",
            "https://lab.example",
            "lab.example:8443",
            "192.0.2.10/24",
        ] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_come_back_from_a_certificate_and_bytes_that_are_none_give_none() {
        let names = ["lab.example", "192.0.2.10", "2001:db8::1", "*.lab.example"].map(str::to_owned).to_vec();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let made = rcgen::CertificateParams::new(names.clone()).unwrap().self_signed(&key).unwrap();
        assert_eq!(of(made.der()), Some(names));
        // Wherever it is cut or changed, it is read to some end.
        let whole = made.der().to_vec();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = of(&changed);
            assert_eq!(of(&whole[..at]), None, "cut at {at}");
        }
    }
}
