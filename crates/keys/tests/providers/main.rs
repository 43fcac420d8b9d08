//! The providers that need nothing but this program.

#![cfg(test)]

#[path = "../conformance/mod.rs"]
mod conformance;

use base::{Id, SiteId, SystemEntropy};
use keys::{Error, Passphrase, Provider, Share, Shares};

#[test]
fn a_passphrase_conforms() {
    let made = |text: &str| Passphrase::new(text.to_owned());
    let wrong = || Ok(Box::new(made("another good sentence")) as Box<dyn Provider>);
    conformance::check(&made("a right good sentence"), || Box::new(made("a right good sentence")), wrong);
}

#[test]
fn shares_conform() {
    let site = SiteId::mint(&SystemEntropy);
    let (key, shares) = Shares::mint(&site, 2, 3, &SystemEntropy).unwrap();
    let copy = |at: &usize| Share::parse(&shares[*at].text()).unwrap();
    let of = |which: &[usize]| Shares::combine(&which.iter().map(copy).collect::<Vec<_>>());
    let again = || Box::new(of(&[2, 1]).unwrap()) as Box<dyn Provider>;
    conformance::check(&key, again, || Ok(Box::new(of(&[0])?)));
    let (other, _) = Shares::mint(&site, 2, 3, &SystemEntropy).unwrap();
    let file = keys::SiteSecrets::mint(&SystemEntropy).seal(&site, &key, &SystemEntropy).unwrap();
    let file = keys::SealedFile::parse(&file).unwrap();
    assert!(matches!(file.open(&other), Err(Error::ForeignShare)));
}
