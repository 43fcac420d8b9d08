//! Ceremonies under way: what was asked of somebody and not answered yet.
//!
//! In memory alone: a process that ends forgets them, and people begin anew.

use crate::signed::Source;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base::Entropy;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an answer may take.
const LIFE: Duration = Duration::from_secs(300);
/// Most that are kept; one more ends the oldest, so that a flood of questions takes no memory.
const MOST: usize = 10_000;

/// What was asked, by the name that the answer must give.
pub(crate) struct Pending<T> {
    all: Mutex<BTreeMap<String, (Duration, T)>>,
    life: Duration,
    most: usize,
}

/// Whose room a question takes: a subscriber's, or a neighbourhood's.
type Share = fn(Source) -> Source;

/// How many questions people whom nobody knows yet may have open.
pub(crate) struct Room {
    /// Of one who asks.
    pub one: usize,
    /// Of those near one another.
    pub near: usize,
    /// Of all.
    pub all: usize,
}

impl Room {
    /// More than this of one neighbourhood is a crowd.
    const fn crowd(&self) -> usize {
        self.near / 4
    }
}

const fn raise(count: &mut usize, by_one: bool) {
    *count = count.saturating_add(by_one as usize);
}

/// Who is there most often, if that is more often than `least`.
fn largest(all: impl Iterator<Item = Source>, least: usize) -> Option<Source> {
    let mut counts = HashMap::<Source, usize>::new();
    for one in all {
        raise(counts.entry(one).or_default(), true);
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > least).map(|(who, _)| who)
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { all: Mutex::default(), life: LIFE, most: MOST }
    }
}

impl<T> Pending<T> {
    /// The same, of another size and patience.
    pub fn of(life: Duration, most: usize) -> Self {
        Self { all: Mutex::default(), life, most }
    }

    /// Keeps a question; gives the name that its answer must bring, which nobody else knows.
    pub fn ask(&self, entropy: &dyn Entropy, now: Duration, question: T) -> String {
        let name = secret(entropy);
        self.keep(name.clone(), now, question);
        name
    }

    /// Keeps a question under a name of the caller's.
    pub fn keep(&self, name: String, now: Duration, question: T) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (since, _)| now.saturating_sub(*since) < self.life);
        if all.len() >= self.most
            && let Some(oldest) =
                all.iter().min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone())
        {
            all.remove(&oldest);
        }
        all.insert(name, (now, question));
    }

    /// Keeps a question of somebody who may be anybody, if there is room for it. `from` tells where a question came from;
    /// none for those that are not counted.
    ///
    /// One who asks has their own room, and a neighbourhood and all of them have theirs. Where a neighbourhood's is full, the
    /// oldest of whoever has the most of it makes room; where that of all is, the oldest of the largest neighbourhood, if that
    /// is a crowd. So whoever floods the site floods themselves out; where many hosts do it together, it is the newcomers
    /// who wait.
    pub fn keep_of(
        &self,
        (name, question): (String, T),
        now: Duration,
        room: &Room,
        from: impl Fn(&T) -> Option<Source>,
    ) -> bool {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (since, _)| now.saturating_sub(*since) < self.life);
        if let Some(asker) = from(&question) {
            let sources = || all.values().filter_map(|(_, one)| from(one));
            let (mut count, mut near, mut own) = (0usize, 0usize, 0usize);
            for source in sources() {
                raise(&mut count, true);
                raise(&mut near, source.neighbourhood() == asker.neighbourhood());
                raise(&mut own, source.subscriber() == asker.subscriber());
            }
            let gives_way: Option<(Source, Share)> = if own >= room.one {
                None
            } else if near >= room.near {
                let beside = sources().filter(|one| one.neighbourhood() == asker.neighbourhood());
                let who = largest(beside.map(Source::subscriber), own.saturating_add(1));
                who.map(|one| (one, Source::subscriber as _))
            } else if count >= room.all {
                let who = largest(sources().map(Source::neighbourhood), room.crowd());
                who.map(|crowd| (crowd, Source::neighbourhood as _))
            } else {
                all.insert(name, (now, question));
                return true;
            };
            let Some((who, of)) = gives_way else { return false };
            let theirs = all.iter().filter(|(_, (_, one))| from(one).is_some_and(|source| of(source) == who));
            let oldest = theirs.min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone());
            oldest.and_then(|name| all.remove(&name));
        } else if all.values().filter(|(_, one)| from(one).is_none()).count() >= self.most {
            return false;
        }
        all.insert(name, (now, question));
        true
    }

    /// Keeps a question in the place of one that answers to `same`; gives its name, as [`ask`](Self::ask) does.
    pub fn ask_anew(
        &self,
        entropy: &dyn Entropy,
        now: Duration,
        question: T,
        same: impl Fn(&T) -> bool,
    ) -> String {
        self.drop_all(same);
        self.ask(entropy, now, question)
    }

    /// Ends the questions that answer to `which`.
    pub fn drop_all(&self, which: impl Fn(&T) -> bool) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (_, one)| !which(one));
    }

    /// Takes a question for its answer: each is answered once, rightly or wrongly.
    pub fn take(&self, name: &str, now: Duration) -> Option<T> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, question) = all.remove(name)?;
        (now.saturating_sub(since) < self.life).then_some(question)
    }

    /// Works on a question that stays.
    pub fn with<R>(&self, name: &str, now: Duration, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, question) = all.get_mut(name)?;
        (now.saturating_sub(*since) < self.life).then(|| work(question))
    }

    /// The name of the first question that answers to `which`.
    pub fn find(&self, now: Duration, which: impl Fn(&T) -> bool) -> Option<String> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let live = all.iter().filter(|(_, (since, _))| now.saturating_sub(*since) < self.life);
        live.into_iter().find(|(_, (_, question))| which(question)).map(|(name, _)| name.clone())
    }
}

impl Pending<u32> {
    /// Counts one more under a name, from its first on; gives how many there are.
    pub fn raise(&self, name: String, now: Duration) -> u32 {
        if let Some(count) = self.with(&name, now, |count| {
            *count = count.saturating_add(1);
            *count
        }) {
            return count;
        }
        self.keep(name, now, 1);
        1
    }
}

/// Compares in a time that does not depend on where two differ.
pub(crate) fn same(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    verify_slices_are_equal(one.as_ref(), other.as_ref()).is_ok()
}

/// 256 random bits as text.
pub(crate) fn secret(entropy: &dyn Entropy) -> String {
    let mut text = String::with_capacity(64);
    for byte in base::entropy::bytes::<32>(entropy) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    #[test]
    fn a_question_is_answered_once_and_in_time() {
        let pending = Pending::default();
        let name = pending.ask(&SystemEntropy, Duration::ZERO, 7);
        assert_eq!(pending.take(&name, Duration::ZERO), Some(7));
        assert_eq!(pending.take(&name, Duration::ZERO), None);
        let late = pending.ask(&SystemEntropy, Duration::ZERO, 8);
        assert_eq!(pending.take(&late, LIFE), None);
    }

    #[test]
    fn whoever_floods_floods_themselves_out() {
        let room = Room { one: 3, near: 8, all: 12 };
        let pending = Pending::of(LIFE, 2);
        let second = std::cell::Cell::new(0);
        let now = || {
            second.set(second.get() + 1);
            Duration::from_secs(second.get())
        };
        let ask = |name: &str, from: &str| {
            let question = (name.to_owned(), Some(Source::Network(from.parse().unwrap())));
            pending.keep_of(question, now(), &room, |one: &Option<Source>| *one)
        };
        let there = |name: &str| pending.with(name, now(), |_| ()).is_some();
        // One subscriber has a /64, and no more than its own.
        for host in 1..=3 {
            assert!(ask(&format!("a{host}"), &format!("2001:db8:0:1::{host}")));
            assert!(ask(&format!("b{host}"), &format!("2001:db8:0:2::{host}")));
        }
        assert!(!ask("a4", "2001:db8:0:1::4"));
        // A neighbourhood, a /48, is full: who has the most of it makes room for who has less.
        assert!(ask("c1", "2001:db8:0:3::1") && ask("c2", "2001:db8:0:3::2"));
        assert!(ask("d1", "2001:db8:0:4::1"), "a neighbour of a flood is let in");
        assert_eq!([there("a1"), there("b1")].into_iter().filter(|there| !there).count(), 1);
        assert!(there("c1") && there("c2"));
        // All is full: the largest crowd makes room, and those who are none do not.
        for other in 1..=4 {
            assert!(ask(&format!("e{other}"), &format!("192.0.{other}.1")));
        }
        assert!(ask("f", "203.0.113.1"));
        assert!((1..=4).all(|other| there(&format!("e{other}"))));
        // What is not counted takes nobody's place, and has an end as well.
        let own = |name: &str| pending.keep_of((name.to_owned(), None), now(), &room, |one| *one);
        assert!(own("own") && own("other") && !own("third"));
    }

    #[test]
    fn where_many_hosts_flood_together_nobody_loses_what_waits() {
        let room = Room { one: 3, near: 8, all: 6 };
        let pending = Pending::of(LIFE, 100);
        let ask = |name: &str, from: &str| {
            let question = (name.to_owned(), Some(Source::Network(from.parse().unwrap())));
            pending.keep_of(question, Duration::ZERO, &room, |one: &Option<Source>| *one)
        };
        assert!(ask("house", "198.51.100.1") && ask("beside", "198.51.100.2"));
        for host in 0..10 {
            ask(&format!("flood {host}"), &format!("10.{host}.0.1"));
        }
        let there = |name: &str| pending.with(name, Duration::ZERO, |_| ()).is_some();
        assert!(there("house") && there("beside") && there("flood 0") && !there("flood 9"));
    }

    #[test]
    fn a_question_asked_anew_takes_the_place_of_the_one_before() {
        let pending = Pending::default();
        let ask =
            |question: u8| pending.ask_anew(&SystemEntropy, Duration::ZERO, question, |one| *one == question);
        let (first, other, again) = (ask(1), ask(2), ask(1));
        assert_eq!(
            [first, other, again].map(|name| pending.take(&name, Duration::ZERO)),
            [None, Some(2), Some(1)]
        );
    }

    #[test]
    fn a_flood_ends_the_oldest() {
        let pending = Pending::of(LIFE, 3);
        for second in 0..4 {
            pending.keep(second.to_string(), Duration::from_secs(second), second);
        }
        assert_eq!(pending.take("0", Duration::from_secs(4)), None);
        assert_eq!(pending.take("3", Duration::from_secs(4)), Some(3));
        assert_eq!(pending.all.lock().unwrap().len(), 2);
    }
}
