//! The Crypt4GH header, version 1: made for recipients, and opened with a recipient's key.
//!
//! `crypt4gh ‖ version (4) ‖ packets (4) ‖ packet …`, all numbers little-endian. A packet is
//! `length (4) ‖ method (4) ‖ writer's public key (32) ‖ nonce (12) ‖ payload ‖ tag (16)`.
//! Sections of the standard are those of GA4GH File Encryption Standard, version 1.

use crate::key::KeyPair;
use crate::segment::{Cipher, NONCE, OVERHEAD};
use crate::{EditList, Error, PublicKey, Result, SecretKey, SessionKey};
use base::Entropy;
use std::collections::BTreeSet;
use std::io::Read;
use zeroize::Zeroizing;

/// Bytes of a header for one recipient without an edit list.
pub const ONE_RECIPIENT: usize = 124;
/// Packets that a header may have. The standard names no bound; each costs an agreement.
pub const MAX_PACKETS: u32 = 4_096;
/// Bytes that a header may have. The standard names no bound.
pub const MAX_BYTES: usize = 16 << 20;

const MAGIC: &[u8; 8] = b"crypt4gh";
const VERSION: u32 = 1;
const START: usize = 16;
/// `X25519_chacha20_ietf_poly1305`, and for data `chacha20_ietf_poly1305`.
const METHOD: u32 = 0;
const DATA_KEY: u32 = 0;
const EDIT_LIST: u32 = 1;
/// Bytes of a packet before its nonce: length, method, writer's public key.
const PACKET_START: usize = 4 + 4 + 32;

/// What a header tells its reader.
#[derive(Debug)]
pub struct Opened {
    /// The keys of the body; a segment opens with one of them. Never empty.
    pub session_keys: Vec<SessionKey>,
    /// What to keep of the plaintext.
    pub edit_list: Option<EditList>,
    /// The public keys of those who wrote the packets that opened.
    pub writers: BTreeSet<PublicKey>,
}

/// Makes a header that gives `recipients` the session key and the edit list.
///
/// `sender` is minted for this header and dropped after it, unless the recipient shall recognise
/// the sender. A recipient named twice gets one packet, as readers refuse a second edit list.
///
/// Errors: [`Error::NoRecipients`]; [`Error::LowOrder`] for a recipient's key that is none.
pub fn make(
    session_key: &SessionKey,
    recipients: &[PublicKey],
    sender: &SecretKey,
    edit_list: Option<&EditList>,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>> {
    let recipients: BTreeSet<&PublicKey> = recipients.iter().collect();
    if recipients.is_empty() {
        return Err(Error::NoRecipients);
    }
    let sender = KeyPair::new(sender)?;
    let payloads: Vec<_> =
        [Some(data_key_payload(session_key)), edit_list.map(edit_list_payload).transpose()?]
            .into_iter()
            .flatten()
            .collect();
    let packets = recipients.len().checked_mul(payloads.len()).and_then(|n| u32::try_from(n).ok());
    let packets = packets.filter(|n| *n <= MAX_PACKETS).ok_or(Error::HeaderForm("too many packets"))?;

    let mut out = Vec::with_capacity(ONE_RECIPIENT);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&packets.to_le_bytes());
    for recipient in recipients {
        let cipher = Cipher::from_bytes(&*sender.packet_key_to(recipient)?)?;
        for payload in &payloads {
            push_packet(&mut out, &cipher, &sender.public, payload, entropy)?;
        }
    }
    if out.len() > MAX_BYTES {
        return Err(Error::HeaderForm("too many bytes"));
    }
    Ok(out)
}

/// Opens a whole header with a recipient's key. Packets for others are passed over.
///
/// Errors: [`Error::NotRecipient`] when no session key opens; [`Error::NotCrypt4gh`],
/// [`Error::Version`], [`Error::HeaderForm`], [`Error::HeaderUnsupported`] for other headers.
pub fn open(bytes: &[u8], secret: &SecretKey) -> Result<Opened> {
    let (mut packets, mut rest) = read_start(bytes)?;
    let pair = KeyPair::new(secret)?;
    let mut opened = Opened { session_keys: Vec::new(), edit_list: None, writers: BTreeSet::new() };
    // Packets of one writer share a key; the agreement is the slow part.
    let mut last: Option<(PublicKey, Cipher)> = None;
    while packets > 0 {
        let (packet, after) = split_packet(rest)?;
        if let Some((writer, payload)) = open_packet(packet, &pair, &mut last)? {
            opened.take(&payload)?;
            opened.writers.insert(writer);
        }
        rest = after;
        packets -= 1;
    }
    if !rest.is_empty() {
        return Err(Error::HeaderForm("bytes after the last packet"));
    }
    if opened.session_keys.is_empty() { Err(Error::NotRecipient) } else { Ok(opened) }
}

/// Reads the bytes of a header from a stream, and no byte more.
///
/// Errors: as [`open`], and [`Error::HeaderForm`] for a stream that ends in the header or a
/// header beyond [`MAX_BYTES`].
pub fn read(mut stream: impl Read) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    read_more(&mut stream, &mut out, START)?;
    let (packets, _) = read_start(&out)?;
    for _ in 0..packets {
        let at = out.len();
        read_more(&mut stream, &mut out, 4)?;
        let length = out.get(at..).and_then(|four| four.first_chunk::<4>()).ok_or(Error::Library)?;
        let left = (u32::from_le_bytes(*length) as usize).checked_sub(4);
        read_more(&mut stream, &mut out, left.ok_or(Error::HeaderForm("a packet is too short"))?)?;
    }
    Ok(out)
}

impl Opened {
    /// Takes the plaintext of a packet. Packets may be padded at the end.
    fn take(&mut self, payload: &[u8]) -> Result<()> {
        let (kind, rest) = split_u32(payload)?;
        let (number, rest) = split_u32(rest)?;
        match kind {
            DATA_KEY if number == METHOD => {
                let key = rest.first_chunk::<32>().ok_or(Error::HeaderForm("a session key is cut short"))?;
                self.session_keys.push(SessionKey::from_bytes(*key));
                Ok(())
            }
            DATA_KEY => Err(Error::HeaderUnsupported("a method other than chacha20_ietf_poly1305 for data")),
            EDIT_LIST if self.edit_list.is_some() => Err(Error::HeaderForm("more than one edit list")),
            EDIT_LIST => {
                let (lengths, _padding) = rest.as_chunks::<8>();
                let lengths = lengths.get(..number as usize);
                let lengths = lengths.ok_or(Error::HeaderForm("an edit list is cut short"))?;
                self.edit_list =
                    Some(EditList::new(lengths.iter().map(|n| u64::from_le_bytes(*n)).collect()));
                Ok(())
            }
            _ => Err(Error::HeaderUnsupported("an unknown type of packet")),
        }
    }
}

fn data_key_payload(key: &SessionKey) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(40));
    out.extend_from_slice(&DATA_KEY.to_le_bytes());
    out.extend_from_slice(&METHOD.to_le_bytes());
    out.extend_from_slice(key.expose());
    out
}

fn edit_list_payload(list: &EditList) -> Result<Zeroizing<Vec<u8>>> {
    let count = u32::try_from(list.lengths().len()).map_err(|_| Error::TooLong)?;
    let mut out = Zeroizing::new(Vec::new());
    out.extend_from_slice(&EDIT_LIST.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    list.lengths().iter().for_each(|length| out.extend_from_slice(&length.to_le_bytes()));
    Ok(out)
}

fn push_packet(
    out: &mut Vec<u8>,
    cipher: &Cipher,
    writer: &PublicKey,
    payload: &[u8],
    entropy: &dyn Entropy,
) -> Result<()> {
    let length = PACKET_START + OVERHEAD + payload.len();
    out.extend_from_slice(&u32::try_from(length).map_err(|_| Error::TooLong)?.to_le_bytes());
    out.extend_from_slice(&METHOD.to_le_bytes());
    out.extend_from_slice(writer.as_bytes());
    let nonce: [u8; NONCE] = base::entropy::bytes(entropy);
    let at = out.len();
    out.resize(at + OVERHEAD + payload.len(), 0);
    let sealed = out.get_mut(at..).ok_or(Error::Library)?;
    cipher.seal(&nonce, payload, sealed)
}

/// The number of packets, and what follows the header's start.
fn read_start(bytes: &[u8]) -> Result<(u32, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Error::NotCrypt4gh)?;
    let (version, rest) = split_u32(rest)?;
    if version != VERSION {
        return Err(Error::Version(version));
    }
    let (packets, rest) = split_u32(rest)?;
    match packets {
        0 => Err(Error::HeaderForm("no packets")),
        1..=MAX_PACKETS => Ok((packets, rest)),
        _ => Err(Error::HeaderForm("too many packets")),
    }
}

/// A packet without its length, and what follows it.
fn split_packet(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = split_u32(bytes)?;
    let length = (length as usize).checked_sub(4).ok_or(Error::HeaderForm("a packet is too short"))?;
    rest.split_at_checked(length).ok_or(Error::HeaderForm("a packet is cut short"))
}

/// The writer and the plaintext of a packet, or nothing when it is not for this reader: another
/// method, another reader's key, or a writer's key of low order, which would open to anybody.
fn open_packet(
    packet: &[u8],
    pair: &KeyPair,
    last: &mut Option<(PublicKey, Cipher)>,
) -> Result<Option<(PublicKey, Zeroizing<Vec<u8>>)>> {
    let (method, rest) = split_u32(packet)?;
    if method != METHOD {
        return Ok(None);
    }
    let (writer, sealed) =
        rest.split_first_chunk::<32>().ok_or(Error::HeaderForm("a packet is too short"))?;
    let length = sealed.len().checked_sub(OVERHEAD).ok_or(Error::HeaderForm("a packet is too short"))?;
    let writer = PublicKey::from_bytes(*writer);
    let cipher = match last {
        Some((known, cipher)) if *known == writer => cipher,
        _ => match pair.packet_key_from(&writer) {
            Ok(key) => &mut last.insert((writer, Cipher::from_bytes(&key)?)).1,
            Err(_) => return Ok(None),
        },
    };
    let mut payload = Zeroizing::new(vec![0; length]);
    Ok(cipher.open(sealed, &mut payload).map(|_| (writer, payload)))
}

fn split_u32(bytes: &[u8]) -> Result<(u32, &[u8])> {
    let (four, rest) = bytes.split_first_chunk::<4>().ok_or(Error::HeaderForm("cut short"))?;
    Ok((u32::from_le_bytes(*four), rest))
}

fn read_more(stream: &mut impl Read, out: &mut Vec<u8>, count: usize) -> Result<()> {
    if count > MAX_BYTES.saturating_sub(out.len()) {
        return Err(Error::HeaderForm("too many bytes"));
    }
    // Room is taken as bytes arrive, not as a length field promises.
    let taken = stream.by_ref().take(count as u64).read_to_end(out).map_err(Error::from_io)?;
    if taken == count { Ok(()) } else { Err(Error::HeaderForm("cut short")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    const ENTROPY: &SystemEntropy = &SystemEntropy;

    fn pair() -> (SecretKey, PublicKey) {
        let secret = SecretKey::mint(ENTROPY);
        let public = secret.public().unwrap();
        (secret, public)
    }

    fn header(to: &[PublicKey], list: Option<&EditList>) -> (SessionKey, Vec<u8>) {
        let key = SessionKey::mint(ENTROPY);
        let bytes = make(&key, to, &SecretKey::mint(ENTROPY), list, ENTROPY).unwrap();
        (key, bytes)
    }

    /// A header whose packets hold these plaintexts.
    fn crafted(to: &PublicKey, payloads: &[&[u8]]) -> Vec<u8> {
        let sender = KeyPair::new(&SecretKey::mint(ENTROPY)).unwrap();
        let cipher = Cipher::from_bytes(&sender.packet_key_to(to).unwrap()).unwrap();
        let mut out = [&MAGIC[..], &1u32.to_le_bytes(), &(payloads.len() as u32).to_le_bytes()].concat();
        for payload in payloads {
            push_packet(&mut out, &cipher, &sender.public, payload, ENTROPY).unwrap();
        }
        out
    }

    #[test]
    fn every_recipient_opens_it_and_nobody_else() {
        let people: Vec<_> = (0..3).map(|_| pair()).collect();
        let publics: Vec<_> = people.iter().map(|p| p.1).collect();
        let list = EditList::new(vec![3, 4, 5]);
        let (key, bytes) = header(&publics, Some(&list));
        for (secret, _) in &people {
            let opened = open(&bytes, secret).unwrap();
            assert_eq!(opened.session_keys.len(), 1);
            assert_eq!(opened.session_keys[0].expose(), key.expose());
            assert_eq!(opened.edit_list.as_ref(), Some(&list));
        }
        assert!(matches!(open(&bytes, &pair().0), Err(Error::NotRecipient)));
    }

    #[test]
    fn one_recipient_costs_124_bytes_even_when_named_twice() {
        let (secret, public) = pair();
        let (key, bytes) = header(&[public, public], None);
        assert_eq!(bytes.len(), ONE_RECIPIENT);
        let opened = open(&bytes, &secret).unwrap();
        assert_eq!(opened.session_keys[0].expose(), key.expose());
        assert_eq!(opened.writers.len(), 1);
        let mut stream = [&bytes[..], b"body"].concat();
        assert_eq!(read(&stream[..]).unwrap(), bytes);
        stream.truncate(100);
        assert!(matches!(read(&stream[..]), Err(Error::HeaderForm("cut short"))));
    }

    #[test]
    fn no_alteration_of_a_header_opens_to_another_key() {
        let (secret, public) = pair();
        let (key, bytes) = header(&[public], None);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            // One bit of X25519's last byte is ignored by the standard, but is hashed here.
            assert!(open(&altered, &secret).is_err(), "byte {at}");
            assert!(open(&bytes[..at], &secret).is_err(), "cut at {at}");
        }
        assert!(open(&[&bytes[..], &[0]].concat(), &secret).is_err());
        assert_eq!(open(&bytes, &secret).unwrap().session_keys[0].expose(), key.expose());
    }

    #[test]
    fn payloads_that_the_standard_forbids_are_refused() {
        let (secret, public) = pair();
        let key = data_key_payload(&SessionKey::from_bytes([7; 32]));
        let list = edit_list_payload(&EditList::new(vec![1, 2])).unwrap();
        let (mut other_method, mut other_type, mut long_list) = (key.to_vec(), key.to_vec(), list.to_vec());
        other_method[4] = 1;
        other_type[0] = 2;
        long_list[4] = 3;
        let check =
            |payloads: &[&[u8]]| open(&crafted(&public, payloads), &secret).map(|opened| opened.edit_list);
        assert!(matches!(check(&[&other_method]), Err(Error::HeaderUnsupported(_))));
        assert!(matches!(check(&[&key, &other_method]), Err(Error::HeaderUnsupported(_))));
        assert!(matches!(check(&[&key, &other_type]), Err(Error::HeaderUnsupported(_))));
        assert!(matches!(check(&[&key, &list, &list]), Err(Error::HeaderForm(_))));
        assert!(matches!(check(&[&key, &long_list]), Err(Error::HeaderForm(_))));
        assert!(matches!(check(&[&key[..39]]), Err(Error::HeaderForm(_))));
        assert!(matches!(check(&[&list]), Err(Error::NotRecipient)));
        let padded = [&list[..], &[0; 9]].concat();
        assert_eq!(check(&[&key, &padded]).unwrap(), Some(EditList::new(vec![1, 2])));
    }

    #[test]
    fn bounds_hold_before_memory_is_taken() {
        let (secret, public) = pair();
        let (_, mut bytes) = header(&[public], None);
        bytes[12..16].copy_from_slice(&(MAX_PACKETS + 1).to_le_bytes());
        assert!(matches!(open(&bytes, &secret), Err(Error::HeaderForm("too many packets"))));
        bytes[12..16].copy_from_slice(&1u32.to_le_bytes());
        bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read(&bytes[..]), Err(Error::HeaderForm("too many bytes"))));
        bytes[16..20].copy_from_slice(&3u32.to_le_bytes());
        assert!(matches!(read(&bytes[..]), Err(Error::HeaderForm("a packet is too short"))));
        bytes[8] = 2;
        assert!(matches!(open(&bytes, &secret), Err(Error::Version(2))));
        bytes[0] = b'C';
        assert!(matches!(open(&bytes, &secret), Err(Error::NotCrypt4gh)));
    }

    #[test]
    fn points_of_low_order_are_refused_on_both_sides() {
        let (secret, public) = pair();
        let zero = PublicKey::from_bytes([0; 32]);
        let key = SessionKey::mint(ENTROPY);
        let refused = make(&key, &[public, zero], &SecretKey::mint(ENTROPY), None, ENTROPY);
        assert!(matches!(refused, Err(Error::LowOrder)));
        // What anybody could seal for anybody: the packet key of the all-zero agreement.
        use blake2::Digest as _;
        let hash = blake2::Blake2b512::new()
            .chain_update([0u8; 32])
            .chain_update(public.as_bytes())
            .chain_update([0u8; 32]);
        let packet_key: [u8; 64] = hash.finalize().into();
        let cipher = Cipher::from_bytes(packet_key[..32].try_into().unwrap()).unwrap();
        let mut bytes = [&MAGIC[..], &1u32.to_le_bytes(), &1u32.to_le_bytes()].concat();
        push_packet(&mut bytes, &cipher, &zero, &data_key_payload(&key), ENTROPY).unwrap();
        assert!(matches!(open(&bytes, &secret), Err(Error::NotRecipient)));
    }

    #[test]
    fn nobody_and_too_many_are_no_recipients() {
        let key = SessionKey::mint(ENTROPY);
        let nobody = make(&key, &[], &SecretKey::mint(ENTROPY), None, ENTROPY);
        assert!(matches!(nobody, Err(Error::NoRecipients)));
    }
}
