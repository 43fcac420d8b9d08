//! Shares as provider: a key that so many of a number of people hold together.
//!
//! Shamir's scheme over GF(2⁸) with the polynomial of AES, byte by byte: share *i* holds the value
//! at *i* of a random polynomial whose value at 0 is the key, so fewer shares than needed say
//! nothing about it. Multiplication is without tables and branches: its time does not depend on
//! the key. A share's check finds typing mistakes; that shares belong to the key is found by
//! unwrapping, which is authenticated.

use crate::Error;
use crate::provider::{Provider, Wrapped, binding};
use crate::wrap::WrappingKey;
use base::{Entropy, SiteId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use zeroize::Zeroizing;

const LEAST: u8 = 2;
const MOST: u8 = 16;
const FORM: &str = "share1";

/// One holder's part. Has no form that prints but [`Share::text`].
pub struct Share {
    site: SiteId,
    set: String,
    needed: u8,
    made: u8,
    index: u8,
    value: Zeroizing<[u8; 32]>,
}

/// The key that shares make together.
pub struct Shares {
    set: String,
    needed: u8,
    made: u8,
    key: WrappingKey,
}

impl Shares {
    /// A fresh key for `site`, and the shares of it.
    pub fn mint(
        site: &SiteId,
        needed: u8,
        made: u8,
        entropy: &dyn Entropy,
    ) -> Result<(Self, Vec<Share>), Error> {
        if needed < LEAST || needed > made || made > MOST {
            return Err(Error::Split { needed, made });
        }
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(base::entropy::bytes(entropy));
        let set = hex(&base::entropy::bytes::<8>(entropy));
        // Coefficients from the highest power down to the key itself, as Horner's rule takes them.
        let mut polynomial: Vec<Zeroizing<[u8; 32]>> =
            (1..needed).map(|_| Zeroizing::new(base::entropy::bytes(entropy))).collect();
        polynomial.push(key.clone());
        let share = |index: u8| {
            let mut value = Zeroizing::new([0u8; 32]);
            for coefficient in &polynomial {
                for (sum, own) in value.iter_mut().zip(coefficient.iter()) {
                    *sum = multiply(*sum, index) ^ own;
                }
            }
            Share { site: site.clone(), set: set.clone(), needed, made, index, value }
        };
        let shares = (1..=made).map(share).collect();
        Ok((Self { set, needed, made, key: WrappingKey::from_bytes(*key) }, shares))
    }

    /// The key that `shares` make, as many as are needed or more.
    pub fn combine(shares: &[Share]) -> Result<Self, Error> {
        let Some(first) = shares.first() else { return Err(Error::Share) };
        for (at, share) in shares.iter().enumerate() {
            let same_set = (&share.site, &share.set) == (&first.site, &first.set)
                && (share.needed, share.made) == (first.needed, first.made);
            if !same_set {
                return Err(Error::ForeignShare);
            }
            if shares.iter().take(at).any(|other| other.index == share.index) {
                return Err(Error::SameShare(share.index));
            }
        }
        let used: Vec<&Share> = shares.iter().take(usize::from(first.needed)).collect();
        if used.len() < usize::from(first.needed) {
            return Err(Error::FewShares { needed: first.needed, given: shares.len() });
        }
        let mut key = Zeroizing::new([0u8; 32]);
        for one in &used {
            // Lagrange's coefficient at 0; subtraction is addition in this field.
            let others = used.iter().filter(|other| other.index != one.index);
            let weight = others.fold(1, |weight, other| {
                multiply(weight, multiply(other.index, invert(other.index ^ one.index)))
            });
            for (sum, value) in key.iter_mut().zip(one.value.iter()) {
                *sum ^= multiply(weight, *value);
            }
        }
        let (set, needed, made) = (first.set.clone(), first.needed, first.made);
        Ok(Self { set, needed, made, key: WrappingKey::from_bytes(*key) })
    }
}

impl Provider for Shares {
    fn wrap(&self, site: &SiteId, key: &[u8], entropy: &dyn Entropy) -> Result<Wrapped, Error> {
        let (set, needed, made) = (self.set.clone(), self.needed, self.made);
        let key = STANDARD.encode(self.key.wrap(key, &binding(site), entropy)?);
        Ok(Wrapped::Shares { needed, made, set, key })
    }

    fn unwrap(&self, site: &SiteId, wrapped: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Wrapped::Shares { needed, set, key, .. } = wrapped else { return Err(wrapped.other()) };
        if *set != self.set || *needed != self.needed {
            return Err(Error::ForeignShare);
        }
        let key = STANDARD.decode(key).map_err(|_| Error::SealedFile)?;
        self.key.unwrap(&key, &binding(site)).map_err(|_| Error::ForeignShare)
    }
}

impl Share {
    /// The line that its holder keeps: form, site, split, number, set, value, check.
    pub fn text(&self) -> Zeroizing<String> {
        let value = base32(&*self.value);
        let mut text = Zeroizing::new(String::with_capacity(160));
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{FORM}.{}.{}of{}.{}.{}.{}",
            self.site, self.needed, self.made, self.index, self.set, *value
        );
        let check = check(&text);
        let _ = write!(text, ".{check}");
        text
    }

    /// Reads such a line. Letters may be large or small.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = Zeroizing::new(text.trim().to_ascii_lowercase());
        let (body, told) = text.rsplit_once('.').ok_or(Error::Share)?;
        let parts: Vec<&str> = body.split('.').collect();
        let [FORM, site, split, index, set, value] = parts.as_slice() else { return Err(Error::Share) };
        if check(body) != told {
            return Err(Error::Share);
        }
        let (needed, made) = split.split_once("of").ok_or(Error::Share)?;
        let number = |text: &str| text.parse::<u8>().map_err(|_| Error::Share);
        let share = Self {
            site: site.parse().map_err(|_| Error::Share)?,
            set: (*set).to_owned(),
            needed: number(needed)?,
            made: number(made)?,
            index: number(index)?,
            value: unbase32(value)?,
        };
        let sound = (LEAST..=MOST).contains(&share.needed) && (1..=share.made).contains(&share.index);
        if sound && share.made <= MOST { Ok(share) } else { Err(Error::Share) }
    }

    /// Its number, from 1.
    pub fn index(&self) -> u8 {
        self.index
    }
}

/// Product in GF(2⁸) modulo x⁸ + x⁴ + x³ + x + 1, in constant time.
fn multiply(mut a: u8, b: u8) -> u8 {
    let mut product = 0;
    for bit in 0..8 {
        product ^= a & 0u8.wrapping_sub((b >> bit) & 1);
        a = (a << 1) ^ (0x1b & 0u8.wrapping_sub(a >> 7));
    }
    product
}

/// The inverse: the power 254, since a nonzero element's power 255 is 1.
fn invert(a: u8) -> u8 {
    let mut power = a;
    for _ in 0..6 {
        power = multiply(multiply(power, power), a);
    }
    multiply(power, power)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn check(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    base32(digest.as_ref().get(..5).unwrap_or_default()).to_string()
}

/// RFC 4648's alphabet in small letters, without padding.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn base32(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

fn letter(value: u32) -> char {
    ALPHABET.get((value & 31) as usize).map_or('a', |byte| char::from(*byte))
}

fn unbase32(text: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(32));
    let (mut held, mut bits) = (0u32, 0u32);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter).ok_or(Error::Share)?;
        held = (held << 5) | u32::try_from(value).map_err(|_| Error::Share)?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 255).map_err(|_| Error::Share)?);
            held &= (1 << bits) - 1;
        }
    }
    let whole = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| Error::Share)?;
    // One value has one text.
    if held == 0 { Ok(Zeroizing::new(whole)) } else { Err(Error::Share) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};

    fn made(needed: u8, made: u8) -> (Shares, Vec<Share>) {
        Shares::mint(&SiteId::mint(&SystemEntropy), needed, made, &SystemEntropy).unwrap()
    }

    fn copies(shares: &[Share], which: &[usize]) -> Vec<Share> {
        which.iter().map(|at| Share::parse(&shares[*at].text()).unwrap()).collect()
    }

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, section 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        assert_eq!(invert(0x53), 0xca);
        assert!((1..=255u8).all(|a| multiply(a, invert(a)) == 1));
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (plain, text) in
            [("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb")]
        {
            assert_eq!(*base32(plain.as_bytes()), text);
        }
        let bytes: [u8; 32] = base::entropy::bytes(&SystemEntropy);
        assert_eq!(*unbase32(&base32(&bytes)).unwrap(), bytes);
        let loose = format!("{}b", "a".repeat(51));
        assert!(unbase32(&loose).is_err(), "loose bits are no second text");
    }

    #[test]
    fn any_so_many_make_the_key_and_fewer_do_not() {
        let (key, shares) = made(3, 5);
        for which in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            let same = Shares::combine(&copies(&shares, &which)).unwrap();
            assert_eq!(same.key.expose(), key.key.expose());
        }
        assert!(Shares::combine(&shares).is_ok(), "more than needed will do");
        let few = Shares::combine(&copies(&shares, &[0, 4]));
        assert!(matches!(few, Err(Error::FewShares { needed: 3, given: 2 })));
        let twice = Shares::combine(&copies(&shares, &[0, 1, 0]));
        assert!(matches!(twice, Err(Error::SameShare(1))));
        let (_, others) = made(3, 5);
        let mut mixed = copies(&shares, &[0, 1]);
        mixed.extend(copies(&others, &[2]));
        assert!(matches!(Shares::combine(&mixed), Err(Error::ForeignShare)));
    }

    #[test]
    fn fewer_shares_fit_every_key() {
        // With one share less than needed, each value at 0 has a polynomial: nothing is learnt.
        let (_, shares) = made(2, 2);
        let known = shares[0].value[0];
        let keys: std::collections::BTreeSet<u8> = (0..=255u8)
            .map(|other| {
                let weights = [multiply(2, invert(3)), multiply(1, invert(3))];
                multiply(weights[0], known) ^ multiply(weights[1], other)
            })
            .collect();
        assert_eq!(keys.len(), 256);
    }

    #[test]
    fn a_mistyped_share_is_refused() {
        let (_, shares) = made(2, 3);
        let text = shares[0].text();
        assert!(Share::parse(&text.to_uppercase()).is_ok());
        for at in 0..text.len() {
            let mut typed = text.as_bytes().to_vec();
            typed[at] = if typed[at] == b'7' { b'2' } else { b'7' };
            assert!(Share::parse(std::str::from_utf8(&typed).unwrap()).is_err(), "character {at}");
        }
        let cut: String = text.chars().take(text.len() - 1).collect();
        assert!(Share::parse(&cut).is_err());
        for (needed, made) in [(1, 3), (4, 3), (2, 17), (0, 0)] {
            let split = Shares::mint(&SiteId::mint(&SystemEntropy), needed, made, &SystemEntropy);
            assert!(matches!(split, Err(Error::Split { .. })), "{needed} of {made}");
        }
    }
}
