//! Ceremonies under way: what was asked of somebody and not answered yet.
//!
//! In memory alone: a process that ends forgets them, and people begin anew.

use crate::signed::Source;
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

/// How many questions people whom nobody knows yet may have open.
pub(crate) struct Room {
    /// Of one who asks.
    pub one: usize,
    /// Of those near one another.
    pub near: usize,
    /// Of all.
    pub all: usize,
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

    /// Keeps a question of somebody who may be anybody, if there is room for it. Where there is none left for all, the
    /// oldest of the largest crowd makes room: whoever floods the site floods themselves out. `from` tells where a
    /// question came from; none for those that are not counted.
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
            let mut crowds = HashMap::<Source, usize>::new();
            let mut own = 0usize;
            for source in all.values().filter_map(|(_, one)| from(one)) {
                own = own.saturating_add(usize::from(source.subscriber() == asker.subscriber()));
                let crowd = crowds.entry(source.neighbourhood()).or_default();
                *crowd = crowd.saturating_add(1);
            }
            let near = crowds.get(&asker.neighbourhood()).copied().unwrap_or_default();
            if own >= room.one || near >= room.near {
                return false;
            }
            if crowds.values().sum::<usize>() >= room.all {
                let largest = crowds.into_iter().max_by_key(|(_, size)| *size);
                let Some((crowd, _)) = largest.filter(|(_, size)| *size > near.saturating_add(1)) else {
                    return false;
                };
                let theirs = |one: &T| from(one).is_some_and(|source| source.neighbourhood() == crowd);
                let oldest = all.iter().filter(|(_, (_, one))| theirs(one));
                let oldest = oldest.min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone());
                oldest.and_then(|name| all.remove(&name));
            }
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
    fn a_crowd_floods_itself_out_and_nobody_else() {
        let room = Room { one: 2, near: 4, all: 6 };
        let pending = Pending::of(LIFE, 100);
        let ask = |name: &str, from: &str, second: u64| {
            let from = Source::Network(from.parse().unwrap());
            let question = (name.to_owned(), Some(from));
            pending.keep_of(question, Duration::from_secs(second), &room, |one: &Option<Source>| *one)
        };
        assert!(ask("a1", "2001:db8:0:1::1", 0) && ask("a2", "2001:db8:0:1::2", 1));
        assert!(!ask("a3", "2001:db8:0:1::3", 2), "one subscriber has a /64");
        assert!(ask("b1", "2001:db8:0:2::1", 3) && ask("b2", "2001:db8:0:3::1", 4));
        assert!(!ask("b3", "2001:db8:0:4::1", 5), "one neighbourhood has a /48");
        assert!(ask("c", "192.0.2.1", 6) && ask("d", "198.51.100.1", 7), "six are there");
        assert!(ask("e", "203.0.113.1", 8), "and the seventh takes the place of one of the crowd");
        let there = |name: &str| pending.with(name, Duration::from_secs(9), |_| ()).is_some();
        assert_eq!(
            ["a1", "a2", "b1", "b2", "c", "d", "e"].map(there),
            [false, true, true, true, true, true, true]
        );
        // What is not counted takes nobody's place.
        assert!(pending.keep_of(("own".into(), None), Duration::from_secs(9), &room, |one| *one));
        assert!(ask("f", "203.0.114.1", 9) && !there("a2"));
        // Where all are alike, those who came first stay.
        assert!(ask("g", "203.0.115.1", 9) && !there("b1"));
        assert!(!ask("h", "203.0.116.1", 9), "six of six neighbourhoods");
        assert!(there("own"));
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
