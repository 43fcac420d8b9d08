//! What every provider promises, run on each that the host offers.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use base::{Entropy, SystemEntropy};
use crypto::{Failed, NONCE, Provider, TAG, offered};
use std::sync::Arc;

/// Around the sizes of blocks, of the widths in which vector code works, and of a segment.
const LENGTHS: [usize; 18] =
    [0, 1, 15, 16, 17, 63, 64, 65, 127, 191, 192, 256, 511, 1_023, 1_025, 4_097, 65_535, 65_536];

fn bytes(length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    SystemEntropy.fill(&mut out);
    out
}

fn sealed(
    provider: &dyn Provider,
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    plain: &[u8],
) -> (Vec<u8>, [u8; TAG]) {
    let (mut text, mut tag) = (vec![0; plain.len()], [0; TAG]);
    provider.key(key).unwrap().seal(nonce, plain, &mut text, &mut tag).unwrap();
    (text, tag)
}

/// Every clause of the contract of [`crypto::Provider`] and [`crypto::Key`], beside `other`.
fn suite(provider: &dyn Provider, other: &dyn Provider) {
    let key: [u8; 32] = base::entropy::bytes(&SystemEntropy);
    let ready = provider.key(&key).unwrap();
    for length in LENGTHS {
        let (plain, nonce) = (bytes(length), base::entropy::bytes(&SystemEntropy));
        let (text, tag) = sealed(provider, &key, &nonce, &plain);
        assert!((text.clone(), tag) == sealed(other, &key, &nonce, &plain), "{length}");
        let mut back = vec![0; length];
        // One key serves both ways, in any order.
        ready.open(&nonce, &text, &tag, &mut back).unwrap();
        assert!(back == plain, "{length}");
        let (mut again, mut same) = (vec![0; length], [0; TAG]);
        ready.seal(&nonce, &plain, &mut again, &mut same).unwrap();
        assert!(again == text && same == tag, "{length}");
        refuses(&*ready, &nonce, &text, &tag);
        // A refusal leaves the key as it was.
        ready.open(&nonce, &text, &tag, &mut back).unwrap();
        assert!(back == plain, "{length}");
    }
    lengths_must_fit(&*ready);
}

fn refuses(key: &dyn crypto::Key, nonce: &[u8; NONCE], text: &[u8], tag: &[u8; TAG]) {
    let mut plain = vec![0; text.len()];
    for bit in 0..TAG * 8 {
        let mut other = *tag;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.open(nonce, text, &other, &mut plain), Err(Failed), "tag bit {bit}");
    }
    for bit in 0..NONCE * 8 {
        let mut other = *nonce;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.open(&other, text, tag, &mut plain), Err(Failed), "nonce bit {bit}");
    }
    let step = (text.len() / 50).max(1);
    for at in (0..text.len()).step_by(step) {
        let mut other = text.to_vec();
        other[at] ^= 1 << (at % 8);
        assert_eq!(key.open(nonce, &other, tag, &mut plain), Err(Failed), "byte {at}");
    }
    if let Some((_, shorter)) = text.split_last() {
        assert_eq!(key.open(nonce, shorter, tag, &mut plain[1..]), Err(Failed));
    }
}

fn lengths_must_fit(key: &dyn crypto::Key) {
    let (nonce, mut tag) = ([1; NONCE], [0; TAG]);
    let (short, long) = (vec![0; 99], vec![0; 100]);
    assert_eq!(key.seal(&nonce, &long, &mut short.clone(), &mut tag), Err(Failed));
    assert_eq!(key.seal(&nonce, &short, &mut long.clone(), &mut tag), Err(Failed));
    assert_eq!(key.open(&nonce, &long, &tag, &mut short.clone()), Err(Failed));
    assert_eq!(key.open(&nonce, &short, &tag, &mut long.clone()), Err(Failed));
}

#[test]
fn every_provider_keeps_the_contract_and_gives_the_same_bytes() {
    assert_eq!(offered()[0].name(), "aws-lc");
    for provider in offered() {
        for other in offered() {
            suite(&**provider, &**other);
        }
    }
}

/// `make deps` installs OpenSSL 3: a test run that does not see it would say little about it.
#[test]
fn the_library_of_the_host_is_found() {
    assert!(offered().iter().any(|provider| provider.name().starts_with("OpenSSL 3.")));
}

#[test]
fn threads_share_a_key() {
    for provider in offered() {
        let key = Arc::new(provider.key(&[9; 32]).unwrap());
        let threads: Vec<_> = (0..4u8)
            .map(|thread| {
                let key = Arc::clone(&key);
                std::thread::spawn(move || {
                    for n in 0..200u8 {
                        let nonce = [thread, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                        let plain = vec![n; 1_000];
                        let (mut text, mut tag, mut back) = (vec![0; 1_000], [0; TAG], vec![0; 1_000]);
                        key.seal(&nonce, &plain, &mut text, &mut tag).unwrap();
                        key.open(&nonce, &text, &tag, &mut back).unwrap();
                        assert!(back == plain);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
