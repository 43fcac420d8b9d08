//! Where an address leads: out, into the house, or to where nothing of ours belongs.

use crate::Refused;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network of the house, as `10.20.0.0/16` or `fd12:3456::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(base::Network);

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To the world.
    Out,
    /// To this machine.
    Here,
    /// To addresses that a house gives itself (RFC 1918, RFC 4193, RFC 6598).
    In,
    /// To one machine's own link, where clouds keep what says who a machine is, to many machines, or to none.
    Nowhere,
}

/// What says who a machine is, beyond a link's own addresses: of Alibaba, of Azure, of Google, Oracle and Scaleway over IPv6.
const SPEAKS_FOR_THE_MACHINE: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042)),
];

/// Where `ip` leads. An address of one family that carries one of the other leads where that does, but never here: what
/// goes to it goes over the network.
pub(crate) fn leads(ip: IpAddr) -> Leads {
    let inner = carried(ip);
    if inner != ip && of(inner) == Leads::Here && ip.to_canonical() == ip {
        return Leads::Nowhere;
    }
    of(inner)
}

fn of(ip: IpAddr) -> Leads {
    if SPEAKS_FOR_THE_MACHINE.contains(&ip) {
        return Leads::Nowhere;
    }
    match ip {
        IpAddr::V4(ip) => of_four(ip),
        IpAddr::V6(ip) => of_six(ip),
    }
}

fn of_four(ip: Ipv4Addr) -> Leads {
    match ip.octets() {
        [127, ..] => Leads::Here,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Leads::In,
        // This network, link-local, protocols, benchmarks, multicast and beyond.
        [0, ..] | [169, 254, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [224..=255, ..] => Leads::Nowhere,
        _ => Leads::Out,
    }
}

fn of_six(ip: Ipv6Addr) -> Leads {
    if ip == Ipv6Addr::LOCALHOST {
        return Leads::Here;
    }
    match ip.segments() {
        // What AWS keeps for itself: who a machine is, who a pod is, the time.
        [0xfd00, 0x0ec2, ..] => Leads::Nowhere,
        [0xfc00..=0xfdff, ..] => Leads::In,
        // 6to4 and Teredo carry addresses of others' choice; NAT64's own are carried already.
        [0x2002, ..] | [0x2001, 0, ..] => Leads::Nowhere,
        [0x2000..=0x3fff, ..] => Leads::Out,
        _ => Leads::Nowhere,
    }
}

/// The address of the other family that an address carries: mapped, compatible, or of NAT64.
fn carried(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = ip else { return ip };
    let [_, _, _, _, _, _, high, low] = six.segments();
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    let four = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    match six.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => four,
        [0, 0, 0, 0, 0, 0, ..] if high != 0 => four,
        _ => ip,
    }
}

impl Network {
    /// Whether `ip` is one of its addresses, or carries one of them.
    pub fn holds(&self, ip: IpAddr) -> bool {
        self.0.has(carried(ip))
    }
}

impl FromStr for Network {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refuse = || Refused::Network(text.chars().filter(|c| !c.is_control()).take(60).collect());
        let network: base::Network =
            text.contains('/').then(|| text.parse().ok()).flatten().ok_or_else(refuse)?;
        let (first, last) = network.ends();
        // A network so wide that it is no network of a house.
        let least = if first.is_ipv4() { 8 } else { 16 };
        // From its first address to its last: a network that reaches out of the house is none of the house's.
        let inside = |ip| carried(ip) == ip && matches!(leads(ip), Leads::In | Leads::Here);
        let good = network.bits() >= least && inside(first) && inside(last);
        if good { Ok(Self(network)) } else { Err(refuse()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_address_leads_where_it_should() {
        let all = |leading: Leads, ips: &[&str]| {
            for ip in ips {
                assert_eq!(leads(ip.parse().unwrap()), leading, "{ip}");
            }
        };
        all(
            Leads::Out,
            &["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "2606:4700::1111", "::ffff:8.8.8.8"],
        );
        all(Leads::Here, &["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"]);
        all(
            Leads::In,
            &["10.0.0.1", "172.16.0.1", "192.168.9.9", "100.64.0.1", "fd12::1", "::ffff:10.1.2.3"],
        );
        all(
            Leads::Nowhere,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "169.254.169.254",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "224.0.0.1",
                "255.255.255.255",
                "240.0.0.1",
                "192.0.0.8",
                "198.18.0.1",
                "::",
                "fe80::1",
                "fec0::1",
                "ff02::1",
                "2002:7f00:1::",
                "2001:0:1::1",
                "fd00:ec2::254",
                "fd00:ec2::23",
                "fd20:ce::254",
                "fd00:c1::a9fe:a9fe",
                "fd00:42::42",
                "100.100.100.200",
                "64:ff9b::7f00:1",
                "::127.0.0.1",
                "168.63.129.16",
                "100::1",
            ],
        );
    }

    #[test]
    fn a_network_holds_its_addresses_alone() {
        let network: Network = "10.20.0.0/16".parse().unwrap();
        let holds = |ip: &str| network.holds(ip.parse().unwrap());
        assert!(holds("10.20.0.0") && holds("10.20.255.255") && holds("::ffff:10.20.1.1"));
        assert!(!holds("10.21.0.0") && !holds("8.8.8.8") && !holds("fd00::1"));
        let one: Network = "fd12::7/128".parse().unwrap();
        assert!(one.holds("fd12::7".parse().unwrap()) && !one.holds("fd12::8".parse().unwrap()));
        for wide in [
            "192.168.0.0/8",
            "172.16.0.0/11",
            "100.64.0.0/8",
            "::ffff:10.0.0.0/112",
            "0.0.0.0/0",
            "10.0.0.0/7",
            "8.8.8.0/24",
            "169.254.0.0/16",
            "::/0",
            "10.0.0.0/33",
            "10.0.0.0",
            "x/8",
        ] {
            assert!(wide.parse::<Network>().is_err(), "{wide}");
        }
        assert!("127.0.0.0/8".parse::<Network>().is_ok());
    }
}
