//! Who counts as one of those who ask.

use std::net::IpAddr;

/// One who counts as one: an IPv4 address, or the first 64 bits of an IPv6 address, which one subscriber has.
pub fn one_who_asks(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_one() {
        let one = |text: &str| one_who_asks(text.parse().unwrap()).to_string();
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(one("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
