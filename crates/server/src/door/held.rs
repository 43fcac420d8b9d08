//! How many connections the door holds, in total and by who asks.

use super::bucket::Buckets;
use super::settings::{Limits, Settings};
use base::network::subscriber;
use base::{Clock, UserId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is held, and what each has used up. Cheap to clone.
#[derive(Clone)]
pub struct Held {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    clock: Arc<dyn Clock>,
    connections: Mutex<Connections>,
    addresses: Buckets<IpAddr>,
    accounts: Buckets<UserId>,
}

#[derive(Default)]
struct Connections {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Held {
    /// Nothing held yet.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            clock,
            connections: Mutex::default(),
            addresses: Buckets::new(settings.limits.requests_per_second_per_address),
            accounts: Buckets::new(settings.limits.requests_per_second_per_account),
            settings: settings.clone(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.inner.settings.limits
    }

    /// From where somebody at this address speaks, as policies know it.
    pub fn network(&self, address: IpAddr) -> access::Network {
        let inside = self.inner.settings.inside.iter().any(|network| network.has(address));
        if inside { access::Network::Inside } else { access::Network::Outside }
    }

    /// Takes a connection; none if there is no place for it.
    pub fn admit(&self, address: IpAddr) -> Option<Place> {
        let networks = &self.inner.settings.networks;
        if !networks.is_empty() && !networks.iter().any(|network| network.has(address)) {
            return None;
        }
        // A handshake costs more than a request.
        self.address(address).ok()?;
        let (limits, who) = (self.limits(), subscriber(address));
        let mut connections = self.inner.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let own = connections.by_address.get(&who).copied().unwrap_or(0);
        if connections.total >= limits.connections || own >= limits.connections_per_address {
            return None;
        }
        connections.total = connections.total.saturating_add(1);
        connections.by_address.insert(who, own.saturating_add(1));
        Some(Place { held: self.clone(), who })
    }

    /// Counts a request from an address; else how long until it may ask again.
    pub fn address(&self, address: IpAddr) -> Result<(), Duration> {
        self.inner.addresses.take(subscriber(address), self.inner.clock.monotonic())
    }

    /// Counts a request of an account; else how long until it may ask again.
    pub fn account(&self, account: &UserId) -> Result<(), Duration> {
        self.inner.accounts.take(account.clone(), self.inner.clock.monotonic())
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.inner.connections.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

/// A connection's place; it is free again when this drops.
pub struct Place {
    held: Held,
    who: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.held.inner.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.total = connections.total.saturating_sub(1);
        let own = connections.by_address.get(&self.who).copied().unwrap_or(0);
        if own > 1 {
            connections.by_address.insert(self.who, own.saturating_sub(1));
        } else {
            connections.by_address.remove(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::FixedClock;
    use base::Timestamp;

    fn held(text: &str) -> Held {
        let settings: Settings = toml::from_str(&format!("address = \"127.0.0.1:0\"\n{text}")).unwrap();
        Held::new(&settings, Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH)))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_limited_in_all_and_by_address_and_come_back() {
        let held = held("[limits]\nconnections = 3\nconnections_per_address = 2");
        let one = held.admit(ip("192.0.2.1")).unwrap();
        let _two = held.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert!(held.admit(ip("192.0.2.1")).is_none(), "a third of one address");
        let _other = held.admit(ip("192.0.2.2")).unwrap();
        assert!(held.admit(ip("192.0.2.3")).is_none(), "a fourth of all");
        drop(one);
        assert_eq!(held.connections(), 2);
        assert!(held.admit(ip("192.0.2.1")).is_some());
        assert_eq!(held.inner.connections.lock().unwrap().by_address.len(), 2);
    }

    #[test]
    fn who_comes_from_elsewhere_gets_no_place() {
        let held = held("networks = [\"192.0.2.0/24\", \"2001:db8::/32\"]");
        assert!(held.admit(ip("192.0.2.9")).is_some() && held.admit(ip("2001:db8::9")).is_some());
        assert!(held.admit(ip("198.51.100.1")).is_none() && held.admit(ip("::1")).is_none());
    }

    #[test]
    fn policies_know_who_speaks_from_inside() {
        let held = held("inside = [\"192.0.2.0/24\"]");
        assert_eq!(held.network(ip("192.0.2.9")), access::Network::Inside);
        assert_eq!(held.network(ip("198.51.100.1")), access::Network::Outside);
        // Not even the machine itself, unless it is said.
        assert_eq!(held.network(ip("127.0.0.1")), access::Network::Outside);
    }

    #[test]
    fn connections_use_up_requests() {
        let held = held("[limits]\nrequests_per_second_per_address = 1");
        let given = (0..100).filter(|_| held.admit(ip("192.0.2.1")).is_some()).count();
        assert_eq!(given, 10);
        assert!(held.address(ip("192.0.2.1")).is_err() && held.address(ip("192.0.2.2")).is_ok());
    }
}
