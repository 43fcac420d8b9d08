//! Ceremonies under way: what was asked of somebody and not answered yet.
//!
//! In memory alone: a process that ends forgets them, and people begin anew.

use base::Entropy;
use std::collections::BTreeMap;
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

    /// How many questions answer to `which`.
    pub fn count(&self, now: Duration, which: impl Fn(&T) -> bool) -> usize {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|(since, one)| now.saturating_sub(*since) < self.life && which(one)).count()
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
