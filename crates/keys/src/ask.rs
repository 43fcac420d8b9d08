//! Asking the provider again while a site is open.
//!
//! A token or a key service unwraps the file key again, as at unsealing, and what it gives is wiped at once. So
//! whoever takes the key away takes it from the open site, too. A passphrase and shares are brought by people, once:
//! they are not kept, and there is nobody to ask.

use crate::provider::{Custody, Provider, Wrapped};
use crate::{Credential, Error, Keys, Roots, Safe, SealedFile};
use base::SiteId;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// While the provider is silent it is asked at least so often.
const IN_SILENCE: Duration = Duration::from_secs(10);
/// An asking that lasts longer counts as silence; no provider takes so long.
const LONGEST: Duration = Duration::from_secs(15);

/// How often a provider is asked again, and how long it may be silent: `[keys.asking]` in `site.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    /// Seconds between two askings.
    #[serde(default = "minute")]
    pub every_seconds: u64,
    /// Seconds that it may give no answer before the site locks itself; with 0, none.
    #[serde(default = "five_minutes")]
    pub silent_seconds: u64,
}

/// What an open site asks: the provider with its credential, and the file key as it is wrapped now.
pub struct Asked {
    provider: Box<dyn Provider>,
    site: SiteId,
    under: Wrapped,
}

/// What the answers so far come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It opened the file key when it was last asked.
    Answers,
    /// It gives no answer, for less time than it may.
    Silent(String),
    /// It gave no answer for as long as it may.
    Lost(String),
    /// It answered, and does not open the file key any more.
    Refused(String),
}

/// The answers of a provider, at moments of the clock that only goes forward.
#[derive(Debug)]
pub struct Answers {
    asking: Asking,
    /// When it is asked next.
    next: Duration,
    /// Since when an asking is under way.
    under_way: Option<Duration>,
    /// When it was first asked without an answer, and why there was none.
    silent: Option<(Duration, String)>,
    refused: Option<String>,
}

impl Default for Asking {
    fn default() -> Self {
        Self { every_seconds: minute(), silent_seconds: five_minutes() }
    }
}

const fn minute() -> u64 {
    60
}

const fn five_minutes() -> u64 {
    300
}

impl Asking {
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// # Errors
    /// [`Error::Asking`] for an interval that is none, or so long that nothing would come of it.
    pub fn checked(self) -> Result<Self, Error> {
        let Self { every_seconds, silent_seconds } = self;
        let fits = (1..=3600).contains(&every_seconds) && silent_seconds <= 86_400;
        if fits { Ok(self) } else { Err(Error::Asking) }
    }
}

impl Asked {
    /// What is asked of the provider of a file; none when people unseal it.
    fn of(file: &SealedFile, provider: Box<dyn Provider>) -> Option<Self> {
        match file.custody() {
            Custody::Passphrase | Custody::Shares { .. } => None,
            Custody::Token | Custody::Service => {
                Some(Self { provider, site: file.site().clone(), under: file.wrapped().clone() })
            }
        }
    }

    /// Asks it once. Blocks for as long as the provider takes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no answer; any other is a refusal.
    pub fn ask(&self) -> Result<(), Error> {
        self.provider.unwrap(&self.site, &self.under).map(drop)
    }
}

impl Safe {
    /// What an open site asks again, of the file as it is now. Keeps `credential` only where there is somebody to ask.
    pub fn asked(&self, credential: &Credential) -> Result<Option<Asked>, Error> {
        let file = self.file()?;
        let provider = self.provider(&file, credential)?;
        Ok(Asked::of(&file, provider))
    }
}

impl Answers {
    /// It was asked at `now`, when the site was unsealed.
    pub fn since(now: Duration, asking: Asking) -> Self {
        let next = now.saturating_add(Duration::from_secs(asking.every_seconds));
        Self { asking, next, under_way: None, silent: None, refused: None }
    }

    /// Whether it is to be asked now. If so, that is under way until [`Answers::hear`].
    pub fn begin(&mut self, now: Duration) -> bool {
        if self.under_way.is_some() || now < self.next {
            return false;
        }
        self.under_way = Some(now);
        true
    }

    /// Takes an answer.
    pub fn hear(&mut self, now: Duration, answer: Result<(), Error>) {
        let asked = self.under_way.take().unwrap_or(now);
        let every = Duration::from_secs(self.asking.every_seconds);
        self.next = asked.saturating_add(every);
        match answer {
            Ok(()) => self.silent = None,
            Err(error @ Error::Unavailable { .. }) => {
                self.next = now.saturating_add(every.min(IN_SILENCE));
                self.silence(asked, error.to_string());
            }
            Err(error) => self.refused = Some(error.to_string()),
        }
    }

    /// What it comes to at `now`.
    pub fn standing(&mut self, now: Duration) -> Standing {
        if let Some(why) = &self.refused {
            return Standing::Refused(why.clone());
        }
        if let Some(asked) = self.under_way.filter(|asked| now.saturating_sub(*asked) > LONGEST) {
            self.silence(asked, "it does not come back".to_owned());
        }
        match &self.silent {
            None => Standing::Answers,
            Some((since, why)) => {
                let allowed = Duration::from_secs(self.asking.silent_seconds);
                match now.saturating_sub(*since) >= allowed {
                    true => Standing::Lost(why.clone()),
                    false => Standing::Silent(why.clone()),
                }
            }
        }
    }

    fn silence(&mut self, since: Duration, why: String) {
        let since = self.silent.as_ref().map_or(since, |(first, _)| *first);
        self.silent = Some((since, why));
    }
}

impl Keys {
    /// Takes what is asked again from now on; none where people unseal the site.
    pub fn set_asked(&self, asked: Option<Asked>) {
        let mut held = self.inner.asked.write().unwrap_or_else(PoisonError::into_inner);
        // Where the keys were given up nobody is asked for them any more.
        *held = asked.filter(|_| self.roots().current().is_ok()).map(Arc::new);
    }

    /// What is asked again.
    pub fn asked(&self) -> Option<Arc<Asked>> {
        self.inner.asked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives up every wrapping key and those of sealed columns: from here on this process unwraps and wraps nothing. Each is wiped as its last
    /// user ends.
    pub fn give_up(&self) {
        // INVARIANT (given-up): the roots go first. Whoever loads a scope looks at them once more before it is kept.
        *self.inner.roots.write().unwrap_or_else(PoisonError::into_inner) = Roots::none();
        self.inner.scopes.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.inner.db.detach_columns();
        self.set_asked(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn gone() -> Result<(), Error> {
        Err(Error::Unavailable { what: "token", why: "it is away".into() })
    }

    /// Asks whenever it is due from `from` to `to`, each answer by `says`, and gives what it came to at each second.
    fn course(
        answers: &mut Answers,
        from: u64,
        to: u64,
        says: impl Fn() -> Result<(), Error>,
    ) -> Vec<Standing> {
        let second = |n: u64| {
            let now = Duration::from_secs(n);
            if answers.begin(now) {
                answers.hear(now, says());
            }
            answers.standing(now)
        };
        (from..=to).map(second).collect()
    }

    #[test]
    fn silence_is_borne_for_a_while_and_no_longer() {
        let asking = Asking { every_seconds: 60, silent_seconds: 300 };
        let mut answers = Answers::since(Duration::ZERO, asking);
        assert!(course(&mut answers, 0, 599, || Ok(())).iter().all(|one| *one == Standing::Answers));
        // Asked at 600; a silence of 299 s is over with the first answer.
        let silent = course(&mut answers, 600, 899, gone);
        assert!(silent.iter().all(|one| matches!(one, Standing::Silent(why) if why.contains("away"))));
        assert_eq!(course(&mut answers, 900, 909, || Ok(())).last(), Some(&Standing::Answers));
        // The next begins anew, wherever it begins: never longer than an interval and the patience.
        let silent = course(&mut answers, 910, 2000, gone);
        let lost = silent.iter().position(|one| matches!(one, Standing::Lost(_))).unwrap();
        assert!((300..=360).contains(&lost), "{lost}");
        assert!(silent[lost..].iter().all(|one| matches!(one, Standing::Lost(_))));
    }

    #[test]
    fn a_refusal_is_final_and_an_asking_that_hangs_is_silence() {
        let asking = Asking { every_seconds: 5, silent_seconds: 20 };
        let mut answers = Answers::since(Duration::ZERO, asking);
        let refused = course(&mut answers, 0, 5, || Err(Error::Credential("token")));
        assert!(refused[..5].iter().all(|one| *one == Standing::Answers));
        assert!(matches!(&refused[5], Standing::Refused(why) if why.contains("token")));
        let later = course(&mut answers, 6, 30, || Ok(()));
        assert!(later.iter().all(|one| matches!(one, Standing::Refused(_))));

        let mut answers = Answers::since(Duration::ZERO, asking);
        assert!(answers.begin(5 * SECOND) && !answers.begin(6 * SECOND));
        assert_eq!(answers.standing(20 * SECOND), Standing::Answers);
        assert!(matches!(answers.standing(21 * SECOND), Standing::Silent(_)));
        assert!(matches!(answers.standing(25 * SECOND), Standing::Lost(_)));
    }

    #[test]
    fn where_people_unseal_nobody_is_asked_and_nothing_is_kept() {
        use crate::{Passphrase, Shares};
        use base::{Id, SystemEntropy};
        let folder = tempfile::tempdir().unwrap();
        let safe = Safe::new(folder.path().join("site.sealed"), crate::Reach::default());
        let (site, secrets) = (SiteId::mint(&SystemEntropy), crate::SiteSecrets::mint(&SystemEntropy));
        let sentence = "a right good sentence";
        let (key, shares) = Shares::mint(&site, 2, 2, &SystemEntropy).unwrap();
        let lines: Vec<String> = shares.iter().map(|share| share.text().to_string()).collect();
        let passphrase = Passphrase::new(sentence.to_owned());
        let providers: [(&dyn Provider, String); 2] =
            [(&passphrase, sentence.to_owned()), (&key, lines.join("\n"))];
        for (provider, credential) in providers {
            let _ = safe.replace(&site, &secrets, provider, &SystemEntropy).unwrap();
            assert!(safe.asked(&Credential::new(credential)).unwrap().is_none());
        }
    }

    #[test]
    fn intervals_that_make_no_sense_are_refused() {
        let checked = |every_seconds, silent_seconds| Asking { every_seconds, silent_seconds }.checked();
        for (ask, silent) in [(1, 0), (60, 300), (3600, 86_400)] {
            checked(ask, silent).unwrap();
        }
        for (ask, silent) in [(0, 300), (3601, 300), (60, 86_401)] {
            assert!(matches!(checked(ask, silent), Err(Error::Asking)), "{ask} {silent}");
        }
    }
}
