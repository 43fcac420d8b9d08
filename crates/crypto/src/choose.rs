//! Self-test, timing, and the choice that lasts for the process.

use crate::compiled::Compiled;
use crate::openssl::OpenSsl;
use crate::provider::{NONCE, Provider, TAG};
use base::{Clock, Fault, Kind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Bytes of the pieces that are timed: those of a segment of a sealed body.
const PIECE: usize = 65_536;
/// Pieces of one measurement, and measurements, of which the shortest counts: others may be at work.
const PIECES: u64 = 4;
const TIMES: usize = 5;
/// The compiled one is kept unless another takes less than this part of its time.
const WORTH_IT: f64 = 0.95;

/// What was chosen, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The provider in use from now on.
    pub name: String,
    /// All that passed their self-test, the compiled one first.
    pub timings: Vec<Timing>,
}

/// How fast a provider is here.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// The provider.
    pub name: String,
    /// Sealing one piece of 64 KiB, and opening it.
    pub each: Duration,
}

/// Why there is no cipher to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The one that is compiled in gives wrong answers.
    #[error("the built-in ChaCha20-Poly1305 fails its self-test")]
    SelfTest,
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        Kind::Internal
    }

    fn code(&self) -> &'static str {
        match self {
            Self::SelfTest => "CRYPTO-001",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = "the program file or the machine is damaged: run it on another machine, from a fresh copy";
        Some(hint.to_owned())
    }
}

static OFFERED: OnceLock<Vec<Box<dyn Provider>>> = OnceLock::new();
/// The place in [`OFFERED`] of the provider in use.
static CURRENT: AtomicUsize = AtomicUsize::new(0);

/// The providers of this host that pass their self-test. The compiled one is first, and there in any case.
pub fn offered() -> &'static [Box<dyn Provider>] {
    OFFERED.get_or_init(|| {
        let mut all: Vec<Box<dyn Provider>> = vec![Box::new(Compiled)];
        all.extend(
            OpenSsl::load().filter(|host| self_test(host)).map(|host| Box::new(host) as Box<dyn Provider>),
        );
        all
    })
}

/// The provider in use: the compiled one, until another was chosen.
pub fn current() -> &'static dyn Provider {
    let compiled: &'static dyn Provider = &Compiled;
    match CURRENT.load(Ordering::Relaxed) {
        0 => compiled,
        place => offered().get(place).map_or(compiled, |provider| &**provider),
    }
}

/// Uses the provider `name` from now on, for those who compare them. Whether there is one of that name.
pub fn prefer(name: &str) -> bool {
    let place = offered().iter().position(|provider| provider.name() == name);
    if let Some(place) = place {
        CURRENT.store(place, Ordering::Relaxed);
    }
    place.is_some()
}

/// Tests and times what the host offers, and uses the fastest from now on. Takes a few milliseconds.
///
/// # Errors
/// [`Error::SelfTest`] when the compiled provider gives wrong answers: then nothing is to be sealed or opened.
pub fn choose(clock: &dyn Clock) -> Result<Choice, Error> {
    if !self_test(&Compiled) {
        return Err(Error::SelfTest);
    }
    let timed = |provider: &dyn Provider| {
        (0..TIMES).filter_map(|_| once(provider, clock)).min().unwrap_or(Duration::MAX)
    };
    let timings: Vec<Timing> = offered()
        .iter()
        .map(|provider| Timing { name: provider.name().to_owned(), each: timed(&**provider) })
        .collect();
    let place = fastest(&timings);
    CURRENT.store(place, Ordering::Relaxed);
    let name = timings.get(place).map_or_else(String::new, |timing| timing.name.clone());
    Ok(Choice { name, timings })
}

/// The place of the fastest; the first unless another is clearly faster.
fn fastest(timings: &[Timing]) -> usize {
    let worth = timings.first().map_or(Duration::ZERO, |first| first.each.mul_f64(WORTH_IT));
    let others = timings.iter().enumerate().skip(1).filter(|(_, timing)| timing.each < worth);
    others.min_by_key(|(_, timing)| timing.each).map_or(0, |(place, _)| place)
}

/// Seals some pieces and opens the last; what one of them took on average.
fn once(provider: &dyn Provider, clock: &dyn Clock) -> Option<Duration> {
    let key = provider.key(&[0x5a; 32]).ok()?;
    let (plain, mut text) = (vec![0xa5; PIECE], vec![0; PIECE]);
    let (mut back, mut tag, mut nonce) = (vec![0; PIECE], [0; TAG], [0; NONCE]);
    let began = clock.monotonic();
    for piece in 0..PIECES {
        nonce.iter_mut().zip(piece.to_le_bytes()).for_each(|(byte, part)| *byte = part);
        key.seal(&nonce, &plain, &mut text, &mut tag).ok()?;
        key.open(&nonce, &text, &tag, &mut back).ok()?;
    }
    Some(clock.monotonic().saturating_sub(began) / u32::try_from(PIECES).unwrap_or(1))
}

/// Whether `provider` gives the known answers, both ways, and refuses what was altered.
fn self_test(provider: &dyn Provider) -> bool {
    let mut key = [0u8; 32];
    key.iter_mut().zip(0x80..).for_each(|(byte, value)| *byte = value);
    ANSWERS.iter().all(|(length, tag)| answers(provider, &key, *length, tag).unwrap_or(false))
}

fn answers(provider: &dyn Provider, key: &[u8; 32], length: usize, expected: &[u8; TAG]) -> Option<bool> {
    const AT: [u8; NONCE] = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
    let key = provider.key(key).ok()?;
    let plain: Vec<u8> = (0..length).map(|at| ((at * 7 + at / 251) & 0xff) as u8).collect();
    let (mut text, mut tag, mut back) = (vec![0; length], [0; TAG], vec![0; length]);
    key.seal(&AT, &plain, &mut text, &mut tag).ok()?;
    key.open(&AT, &text, &tag, &mut back).ok()?;
    let mut right = tag == *expected && back == plain;
    // A changed bit anywhere is refused: in the tag, the text, the nonce.
    let (mut other_tag, mut other_nonce) = (tag, AT);
    other_tag[TAG - 1] ^= 0x80;
    other_nonce[0] ^= 1;
    right &= key.open(&AT, &text, &other_tag, &mut back).is_err();
    right &= key.open(&other_nonce, &text, &tag, &mut back).is_err();
    if let Some(last) = text.last_mut() {
        *last ^= 1;
        right &= key.open(&AT, &text, &tag, &mut back).is_err();
    }
    Some(right)
}

/// Lengths, and the tags of texts of that length under the self-test's key, nonce and pattern; computed by another
/// implementation, in plain Python from RFC 8439. A tag covers the whole text, so a right tag is a right text.
const ANSWERS: [(usize, [u8; TAG]); 16] = [
    (0, [0xa0, 0x78, 0x4d, 0x7a, 0x47, 0x16, 0xf3, 0xfe, 0xb4, 0xf6, 0x4e, 0x7f, 0x4b, 0x39, 0xbf, 0x04]),
    (1, [0xbb, 0x75, 0x8e, 0x73, 0x7c, 0xb5, 0x6e, 0x18, 0xdf, 0x47, 0x48, 0x42, 0x1b, 0x08, 0x5b, 0xb0]),
    (16, [0xa6, 0xe8, 0x9d, 0xc6, 0x5e, 0xce, 0x58, 0x9b, 0xc3, 0x15, 0xc1, 0x7e, 0xe3, 0x6e, 0x35, 0x1a]),
    (63, [0x6e, 0x21, 0x95, 0xae, 0xb1, 0x87, 0x99, 0xdb, 0x22, 0x3e, 0x5a, 0x13, 0x4e, 0x4d, 0xfc, 0x67]),
    (64, [0x4f, 0x6a, 0x36, 0x86, 0x83, 0x02, 0x93, 0x75, 0xa8, 0x80, 0x72, 0x27, 0x61, 0xb4, 0x74, 0xc9]),
    (65, [0x1b, 0xbc, 0x36, 0x50, 0x22, 0xa0, 0x44, 0xf7, 0xcf, 0x0c, 0xeb, 0xac, 0x45, 0x91, 0x9f, 0x98]),
    (255, [0x95, 0xf8, 0xa2, 0x03, 0x32, 0x20, 0xbb, 0x04, 0xc1, 0xfc, 0x1e, 0xb0, 0xa1, 0xc2, 0x9e, 0x92]),
    (256, [0x2f, 0xa6, 0xfe, 0x2d, 0x16, 0xb3, 0x67, 0xa6, 0x50, 0xdd, 0x04, 0x4f, 0x44, 0xa2, 0xc1, 0xa9]),
    (257, [0xbb, 0xbe, 0x64, 0xf8, 0x82, 0x9c, 0x56, 0x35, 0x1c, 0x5a, 0xfe, 0x71, 0x89, 0xb8, 0x5e, 0xd2]),
    (511, [0xe9, 0xc5, 0x33, 0xaf, 0x5d, 0x71, 0x5b, 0x0c, 0xf0, 0x0f, 0xea, 0xcd, 0x7b, 0x34, 0x9a, 0x96]),
    (1024, [0x05, 0xac, 0xd6, 0x8a, 0xc0, 0xaa, 0xc9, 0xa7, 0xbe, 0x72, 0x77, 0x48, 0x01, 0x7c, 0x8e, 0x00]),
    (1025, [0x67, 0x23, 0x9f, 0xd2, 0x44, 0x0c, 0x4f, 0x0b, 0xc2, 0x21, 0x49, 0xed, 0xfc, 0x4f, 0x0d, 0xe4]),
    (4095, [0x52, 0x93, 0xff, 0xc2, 0x91, 0x65, 0x3c, 0x94, 0x05, 0x0e, 0x56, 0x45, 0x6d, 0x33, 0xae, 0x4e]),
    (16384, [0x6e, 0xa9, 0x2e, 0x42, 0x11, 0x09, 0x12, 0xe8, 0x3f, 0xce, 0xf8, 0x58, 0xa0, 0xfc, 0x88, 0x0c]),
    (65535, [0x08, 0x25, 0x93, 0xf3, 0xf2, 0xfa, 0x2d, 0x85, 0x5c, 0x22, 0x39, 0x8c, 0xef, 0xbb, 0xe2, 0xd8]),
    (65536, [0x92, 0x74, 0x02, 0x97, 0x13, 0xf0, 0x03, 0x7a, 0x5f, 0x3f, 0x96, 0xdc, 0x48, 0xf6, 0xce, 0x25]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Failed, Key};
    use base::{FixedClock, SystemClock};

    /// Gives right answers until `spoil` changes them.
    struct Spoilt(fn(&mut [u8], &mut [u8; TAG]), fn(Result<(), Failed>) -> Result<(), Failed>);
    struct SpoiltKey(
        Box<dyn Key>,
        fn(&mut [u8], &mut [u8; TAG]),
        fn(Result<(), Failed>) -> Result<(), Failed>,
    );

    impl Provider for Spoilt {
        fn name(&self) -> &str {
            "spoilt"
        }
        fn key(&self, key: &[u8; 32]) -> Result<Box<dyn Key>, Failed> {
            Ok(Box::new(SpoiltKey(Compiled.key(key)?, self.0, self.1)))
        }
    }

    impl Key for SpoiltKey {
        fn seal(
            &self,
            nonce: &[u8; NONCE],
            plain: &[u8],
            text: &mut [u8],
            tag: &mut [u8; TAG],
        ) -> Result<(), Failed> {
            self.0.seal(nonce, plain, text, tag)?;
            (self.1)(text, tag);
            Ok(())
        }
        fn open(
            &self,
            nonce: &[u8; NONCE],
            text: &[u8],
            tag: &[u8; TAG],
            plain: &mut [u8],
        ) -> Result<(), Failed> {
            (self.2)(self.0.open(nonce, text, tag, plain))
        }
    }

    #[test]
    fn a_provider_with_wrong_answers_fails_its_self_test() {
        assert!(self_test(&Spoilt(|_, _| (), |done| done)));
        assert!(!self_test(&Spoilt(|_, tag| tag[3] ^= 1, |done| done)));
        assert!(!self_test(&Spoilt(|text, _| text.iter_mut().take(1).for_each(|b| *b ^= 1), |done| done)));
        // One that never compares a tag opens everything.
        assert!(!self_test(&Spoilt(|_, _| (), |_| Ok(()))));
        assert!(!self_test(&Spoilt(|_, _| (), |_| Err(Failed))));
    }

    #[test]
    fn the_fastest_is_taken_and_the_compiled_one_when_it_is_close() {
        let of = |times: &[u64]| -> Vec<Timing> {
            times.iter().map(|n| Timing { name: n.to_string(), each: Duration::from_micros(*n) }).collect()
        };
        for (times, place) in [
            (&[100][..], 0),
            (&[100, 94], 1),
            (&[100, 96], 0),
            (&[100, 90, 80], 2),
            (&[100, 200], 0),
            (&[], 0),
        ] {
            assert_eq!(fastest(&of(times)), place, "{times:?}");
        }
    }

    #[test]
    fn what_is_chosen_is_in_use_and_without_time_it_is_the_compiled_one() {
        let still = FixedClock::at("2031-05-14T00:00:00Z".parse().unwrap());
        assert_eq!(choose(&still).unwrap().name, "aws-lc");
        let choice = choose(&SystemClock::default()).unwrap();
        assert_eq!(current().name(), choice.name);
        assert_eq!(choice.timings.len(), offered().len());
        assert!(choice.timings.iter().all(|timing| timing.each > Duration::ZERO));
        assert!(!prefer("another"));
        assert!(prefer("aws-lc"));
        assert_eq!(current().name(), "aws-lc");
    }
}
