//! Every guard of the reader, shown red on a body or a record that was tampered with.

use crate::support::Object;
use seal::{Error, Expected, SessionKey, TreeBuilder, body, segment::STORED};
use std::io::{Cursor, Read, Seek, SeekFrom};

const LENGTH: usize = 4 * 65_536 + 777;

fn blocks(stored: &[u8]) -> Vec<Vec<u8>> {
    stored.chunks(STORED).map(<[u8]>::to_vec).collect()
}

/// Ways to tamper with segments, each with the first segment that is then wrong.
fn tampered(stored: &[u8]) -> Vec<(&'static str, u64, Vec<u8>)> {
    let change = |name, first, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut parts = blocks(stored);
        change(&mut parts);
        (name, first, parts.concat())
    };
    vec![
        change("first two swapped", 0, &|parts| parts.swap(0, 1)),
        change("far ones swapped", 1, &|parts| parts.swap(1, 3)),
        change("one put in the place of the next", 2, &|parts| parts[2] = parts[1].clone()),
        change("one repeated", 2, &|parts| parts.insert(2, parts[1].clone())),
        change("the first dropped", 0, &|parts| drop(parts.remove(0))),
        change("one in the middle dropped", 2, &|parts| drop(parts.remove(2))),
        change("the last dropped", 4, &|parts| drop(parts.pop())),
        change("the last full one dropped", 3, &|parts| drop(parts.remove(3))),
        change("the last moved to the front", 0, &|parts| parts.rotate_right(1)),
    ]
}

#[test]
fn moved_repeated_and_dropped_segments_are_refused() {
    let object = Object::new(LENGTH);
    for (name, first, stored) in tampered(&object.stored) {
        let (plain, error) = object.read(&stored);
        assert!(error.is_some(), "{name} was read");
        assert!(object.plain.starts_with(&plain) && plain.len() <= first as usize * 65_536, "{name}");
        if stored.len() != object.stored.len() {
            assert!(matches!(error, Some(Error::BodyLength { .. })), "{name}");
        } else {
            assert!(matches!(error, Some(Error::Leaf { segment }) if segment == first), "{name}");
        }
    }
}

#[test]
fn the_same_is_refused_when_the_stream_hides_its_length() {
    /// Says that it is as long as it should be, whatever it holds.
    struct Liar<'a>(Cursor<&'a [u8]>, u64);
    impl Read for Liar<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(out)
        }
    }
    impl Seek for Liar<'_> {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            match to {
                SeekFrom::End(0) => Ok(self.1),
                _ => self.0.seek(to),
            }
        }
    }
    let object = Object::new(LENGTH);
    let mut cases = tampered(&object.stored);
    for cut in [0, 1, 11, 12, STORED - 1, STORED, STORED + 1, 4 * STORED, object.stored.len() - 1] {
        cases.push(("cut", (cut / STORED) as u64, object.stored[..cut].to_vec()));
    }
    for (name, first, stored) in cases {
        let mut reader = object.reader(Liar(Cursor::new(&stored), object.sealed.cipher_len)).unwrap();
        let mut plain = Vec::new();
        let error = Error::from_io(reader.read_to_end(&mut plain).unwrap_err());
        assert!(plain == object.plain[..first as usize * 65_536], "{name}");
        match error {
            Error::Leaf { segment } | Error::Truncated { segment } => assert_eq!(segment, first, "{name}"),
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn a_cut_or_longer_body_is_refused_at_once() {
    let object = Object::new(LENGTH);
    let longer = [&object.stored[..], &[0]].concat();
    let longer_by_a_segment = [&object.stored[..], &object.stored[..STORED]].concat();
    for stored in [&longer[..], &longer_by_a_segment, &object.stored[..STORED], &object.stored[..1], &[]] {
        assert!(matches!(object.reader(Cursor::new(stored)), Err(Error::BodyLength { .. })));
    }
    let empty = Object::new(0);
    assert!(matches!(empty.reader(Cursor::new(&[0u8; 28][..])), Err(Error::BodyLength { .. })));
}

#[test]
fn every_flipped_bit_is_refused_where_it_lies_and_elsewhere_not() {
    let object = Object::new(LENGTH);
    let end = object.stored.len();
    for at in [0, 11, 12, 13, STORED - 17, STORED - 16, STORED - 1, STORED, 3 * STORED + 5, end - 16, end - 1]
    {
        for bit in [0x01, 0x80] {
            let mut stored = object.stored.clone();
            stored[at] ^= bit;
            let mut reader = object.reader(Cursor::new(&stored)).unwrap();
            let wrong = at / STORED;
            for index in 0..5 {
                reader.seek(SeekFrom::Start(index as u64 * 65_536 + 5)).unwrap();
                let mut few = [0x55; 9];
                match reader.read(&mut few) {
                    Ok(9) if index != wrong => assert!(few == object.plain[index * 65_536 + 5..][..9]),
                    Err(error) if index == wrong => {
                        assert!(matches!(Error::from_io(error), Error::Leaf { .. }));
                        assert_eq!(few, [0x55; 9], "no byte of a refused segment is given");
                    }
                    other => panic!("byte {at}, segment {index}: {other:?}"),
                }
            }
        }
    }
}

/// What the reader still notices when somebody rewrote tree and record to fit tampered bytes.
fn read_with_forged_record(object: &Object, stored: &[u8]) -> Option<Error> {
    let mut builder = TreeBuilder::new();
    builder.update(stored);
    let tree = builder.finish();
    let cipher_len = stored.len() as u64;
    let forged = Expected {
        plain_len: cipher_len - 28 * cipher_len.div_ceil(STORED as u64),
        cipher_len,
        base_nonce: Some(object.sealed.base_nonce),
        root: tree.root(),
    };
    let mut reader = body::Reader::new(Cursor::new(stored), &object.key, &forged, tree).unwrap();
    reader.read_to_end(&mut Vec::new()).map_err(Error::from_io).err()
}

#[test]
fn tag_and_nonce_hold_where_the_tree_was_forged() {
    let object = Object::new(LENGTH);
    assert!(read_with_forged_record(&object, &object.stored).is_none());
    for (name, first, stored) in tampered(&object.stored) {
        match read_with_forged_record(&object, &stored) {
            Some(Error::Nonce { segment } | Error::Tag { segment }) => assert!(segment <= first, "{name}"),
            // Only the record says that there was more: that is what its signature is for.
            None => assert_eq!(name, "the last dropped"),
            Some(other) => panic!("{name}: {other}"),
        }
    }
    let mut flipped = object.stored.clone();
    flipped[STORED + 100] ^= 1;
    assert!(matches!(read_with_forged_record(&object, &flipped), Some(Error::Tag { segment: 1 })));
}

#[test]
fn a_segment_of_another_place_is_refused_without_a_known_base() {
    let object = Object::new(3 * 65_536);
    let mut parts = blocks(&object.stored);
    parts.swap(1, 2);
    let stored = parts.concat();
    let mut builder = TreeBuilder::new();
    builder.update(&stored);
    let tree = builder.finish();
    let expected = Expected { base_nonce: None, root: tree.root(), ..object.expected() };
    let mut reader = body::Reader::new(Cursor::new(&stored), &object.key, &expected, tree).unwrap();
    let mut first = vec![0; 65_536];
    reader.read_exact(&mut first).unwrap();
    let error = Error::from_io(reader.read(&mut first).unwrap_err());
    assert!(matches!(error, Error::Nonce { segment: 1 }));
    assert!(first.iter().all(|byte| *byte == 0), "what opened under a wrong nonce is wiped");
}

#[test]
fn wrong_key_wrong_base_wrong_record() {
    let object = Object::new(LENGTH);
    let open = |key: &SessionKey, expected: &Expected, tree| {
        let mut reader = body::Reader::new(Cursor::new(&object.stored), key, expected, tree)?;
        reader.read(&mut [0; 10]).map_err(Error::from_io)
    };
    let expected = object.expected();
    assert_eq!(open(&object.key, &expected, object.tree()).unwrap(), 10);
    let other_key = SessionKey::from_bytes([0; 32]);
    assert!(matches!(open(&other_key, &expected, object.tree()), Err(Error::Tag { segment: 0 })));
    let mut other = expected.clone();
    other.base_nonce = Some([0; 12]);
    assert!(matches!(open(&object.key, &other, object.tree()), Err(Error::Nonce { segment: 0 })));
    for (plain, cipher) in [(-1, 0), (1, 0), (0, 1), (-1, -1), (1, 1), (-777, -805)] {
        let mut other = expected.clone();
        other.plain_len = other.plain_len.checked_add_signed(plain).unwrap();
        other.cipher_len = other.cipher_len.checked_add_signed(cipher).unwrap();
        assert!(matches!(open(&object.key, &other, object.tree()), Err(Error::Lengths)), "{plain} {cipher}");
    }
    let elsewhere = Object::new(LENGTH);
    assert!(matches!(open(&object.key, &expected, elsewhere.tree()), Err(Error::Root)));
    let mixed = Expected { root: elsewhere.sealed.root, ..expected };
    let error = open(&object.key, &mixed, elsewhere.tree()).unwrap_err();
    assert!(matches!(error, Error::Leaf { segment: 0 }), "the body of another object: {error}");
}

#[test]
fn a_body_with_a_segment_too_short_to_be_one_is_no_object() {
    // 28 bytes would be a segment without plaintext; no plaintext length leads to such a body.
    let object = Object::new(65_536);
    let mut builder = TreeBuilder::new();
    let stored = [&object.stored[..], &[0; 28]].concat();
    builder.update(&stored);
    let tree = builder.finish();
    let expected = Expected { cipher_len: stored.len() as u64, root: tree.root(), ..object.expected() };
    let refused = body::Reader::new(Cursor::new(&stored), &object.key, &expected, tree);
    assert!(matches!(refused, Err(Error::Lengths)));
}
