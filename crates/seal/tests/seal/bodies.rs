//! What is sealed comes back: whole, from any place, through any stream.

use crate::support::{Drip, LENGTHS, Object, plaintext};
use proptest::prelude::*;
use seal::{Error, SessionKey, Tree, body, segment};
use std::collections::HashSet;
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom, Write};

#[test]
fn every_length_around_the_borders_comes_back() {
    for length in LENGTHS {
        let object = Object::new(length);
        let segments = length.div_ceil(65_536);
        assert_eq!(object.sealed.segments, segments as u64, "{length}");
        assert_eq!(object.sealed.plain_len, length as u64);
        assert_eq!(object.sealed.cipher_len, object.stored.len() as u64);
        assert_eq!(object.stored.len(), length + 28 * segments);
        let (plain, error) = object.read(&object.stored);
        assert!(error.is_none() && plain == object.plain, "{length}");
        let sidecar = object.sealed.tree.to_bytes();
        assert_eq!(Tree::from_bytes(&sidecar, &object.sealed.root).unwrap(), object.sealed.tree);
    }
}

#[test]
fn streams_of_one_byte_lose_nothing() {
    for length in [0, 1, 65_535, 65_536, 65_537, 131_073] {
        let key = SessionKey::from_bytes([length as u8; 32]);
        let plain = plaintext(length);
        let mut writer = body::Writer::new(Drip::new(Vec::new()), &key, [7; 12]).unwrap();
        plain.iter().for_each(|byte| writer.write_all(&[*byte]).unwrap());
        let (stored, sealed) = writer.finish().unwrap();
        let mut reader =
            body::Reader::new(Drip::new(Cursor::new(stored.inner)), &key, &sealed.expected(), sealed.tree)
                .unwrap();
        let mut back = Vec::new();
        let mut one = [0];
        while reader.read(&mut one).unwrap() == 1 {
            back.push(one[0]);
        }
        assert!(back == plain, "{length}");
    }
}

#[test]
fn no_nonce_is_used_twice() {
    let object = Object::new(40 * 65_536);
    let nonces: HashSet<_> = object.stored.chunks(segment::STORED).map(|one| one[..12].to_vec()).collect();
    assert_eq!(nonces.len(), 40);
    for (index, one) in object.stored.chunks(segment::STORED).enumerate() {
        assert_eq!(one[..12], segment::nonce(&object.sealed.base_nonce, index as u64));
    }
    let other = Object::new(1);
    assert_ne!(other.sealed.base_nonce, object.sealed.base_nonce);
    assert_ne!(other.key.expose(), object.key.expose());
}

#[test]
fn reading_through_the_buffer_and_into_slices_agree() {
    let object = Object::new(3 * 65_536 + 10);
    let mut reader = object.reader(Cursor::new(&object.stored)).unwrap();
    let first = reader.fill_buf().unwrap()[..100].to_vec();
    reader.consume(100);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!([first, rest].concat() == object.plain);
    assert!(reader.fill_buf().unwrap().is_empty());
    let mut large = vec![0; 1 << 20];
    reader.rewind().unwrap();
    assert_eq!(reader.read(&mut large).unwrap(), 65_536, "a whole segment at once");
    assert!(large[..65_536] == object.plain[..65_536]);
}

#[test]
fn seeking_outside_is_as_with_files() {
    let object = Object::new(70_000);
    let mut reader = object.reader(Cursor::new(&object.stored)).unwrap();
    assert_eq!(reader.seek(SeekFrom::End(10)).unwrap(), 70_010);
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(reader.seek(SeekFrom::Start(u64::MAX)).unwrap(), u64::MAX);
    assert_eq!(reader.read(&mut [0; 100_000]).unwrap(), 0);
    assert!(reader.seek(SeekFrom::Current(1)).is_err());
    assert!(reader.seek(SeekFrom::End(-70_001)).is_err());
    assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 69_999);
    let mut last = [0; 8];
    assert_eq!(reader.read(&mut last).unwrap(), 1);
    assert_eq!(last[0], object.plain[69_999]);
}

/// A stream that fails once, after so many bytes.
struct FailsOnce(usize, Vec<u8>);

impl Write for FailsOnce {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => {
                self.0 = left;
                self.1.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            None => {
                self.0 = usize::MAX;
                Err(std::io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_failed_seals_nothing_more() {
    type Wrap = Box<dyn Write + Send>;
    let key = SessionKey::from_bytes([1; 32]);
    let fails = || -> Wrap { Box::new(FailsOnce(70_000, Vec::new())) };
    for beside in [false, true] {
        for piece in [usize::MAX, 1000] {
            let mut writer = match beside {
                false => body::Writer::new(fails(), &key, [0; 12]).unwrap(),
                true => body::Writer::beside(fails(), &key, [0; 12]).unwrap(),
            };
            // On a thread beside, the failure shows with a later piece.
            let plain = plaintext(70 * 65_536);
            let failed = plain.chunks(piece.min(plain.len())).try_for_each(|piece| writer.write_all(piece));
            assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
            assert!(matches!(Error::from_io(writer.write(b"x").unwrap_err()), Error::Spent));
            assert!(matches!(Error::from_io(writer.flush().unwrap_err()), Error::Spent));
            assert!(matches!(writer.finish(), Err(Error::Spent)));
        }
    }
}

#[test]
fn a_failure_beside_shows_at_the_end_at_the_latest() {
    let key = SessionKey::from_bytes([1; 32]);
    for length in [17, 20, 33] {
        let failing: Box<dyn Write + Send> = Box::new(FailsOnce(70_000, Vec::new()));
        let mut writer = body::Writer::beside(failing, &key, [0; 12]).unwrap();
        let written = writer.write_all(&plaintext(length * 65_536));
        assert!(written.is_err() || writer.finish().is_err(), "{length}");
    }
}

#[test]
fn a_body_made_on_two_threads_is_the_same() {
    let key = SessionKey::from_bytes([7; 32]);
    for length in [0, 1, 65_536, 16 * 65_536, 16 * 65_536 + 1, 65 * 65_536 + 17] {
        let plain = plaintext(length);
        let made = |mut writer: body::Writer<Vec<u8>>, flush: bool| {
            for (piece, at) in plain.chunks(300_000).zip(0..) {
                writer.write_all(piece).unwrap();
                if flush && at == 7 {
                    writer.flush().unwrap();
                }
            }
            writer.finish().unwrap()
        };
        let (one, sealed) = made(body::Writer::new(Vec::new(), &key, [3; 12]).unwrap(), false);
        for flush in [false, true] {
            let (two, same) = made(body::Writer::beside(Vec::new(), &key, [3; 12]).unwrap(), flush);
            assert!(one == two && sealed.tree == same.tree, "{length}");
            assert_eq!(sealed.expected(), same.expected());
        }
    }
}

/// Notes when it is dropped.
struct Noted(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Write for Noted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::thread::sleep(std::time::Duration::from_millis(20));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_writer_that_is_dropped_has_let_go_of_its_stream() {
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let key = SessionKey::from_bytes([1; 32]);
    let mut writer = body::Writer::beside(Noted(gone.clone()), &key, [0; 12]).unwrap();
    writer.write_all(&plaintext(40 * 65_536)).unwrap();
    drop(writer);
    assert!(gone.load(std::sync::atomic::Ordering::SeqCst));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_write_pattern_gives_the_same_body(
        length in prop_oneof![0usize..200_000, 65_530usize..65_542, 131_066usize..131_078],
        pieces in prop::collection::vec(prop_oneof![1usize..100, 1usize..200_000], 1..20),
    ) {
        let key = SessionKey::from_bytes([3; 32]);
        let plain = plaintext(length);
        let write = |pieces: &[usize]| {
            let mut writer = body::Writer::new(Vec::new(), &key, [9; 12]).unwrap();
            let mut rest = &plain[..];
            for size in pieces {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                writer.write_all(piece).unwrap();
                rest = after;
            }
            writer.write_all(rest).unwrap();
            let (stored, sealed) = writer.finish().unwrap();
            (stored, sealed.root)
        };
        prop_assert!(write(&pieces) == write(&[]));
    }

    #[test]
    fn any_seek_and_any_length_reads_as_from_the_plaintext(
        length in prop_oneof![0usize..200_000, 65_530usize..65_542, 131_066usize..131_078],
        reads in prop::collection::vec(
            (prop_oneof![0u64..200_100, 65_530u64..65_542, 131_066u64..131_078], prop_oneof![0usize..50, 0usize..140_000]),
            1..12,
        ),
    ) {
        let object = Object::new(length);
        let mut reader = object.reader(Cursor::new(&object.stored)).unwrap();
        let mut model = Cursor::new(&object.plain);
        for (at, count) in reads {
            reader.seek(SeekFrom::Start(at)).unwrap();
            model.seek(SeekFrom::Start(at)).unwrap();
            let (mut found, mut wanted) = (Vec::new(), Vec::new());
            reader.by_ref().take(count as u64).read_to_end(&mut found).unwrap();
            model.by_ref().take(count as u64).read_to_end(&mut wanted).unwrap();
            prop_assert!(found == wanted, "at {at}, {count} bytes");
            prop_assert_eq!(reader.stream_position().unwrap(), at + found.len() as u64);
        }
    }
}

#[test]
fn what_one_provider_seals_every_other_opens() {
    for sealing in crypto::offered() {
        assert!(crypto::prefer(sealing.name()));
        let object = Object::new(200_000);
        for opening in crypto::offered() {
            assert!(crypto::prefer(opening.name()));
            let (plain, error) = object.read(&object.stored);
            assert!(error.is_none() && plain == object.plain, "{} and {}", sealing.name(), opening.name());
            // Past the tree, the tag alone has to notice.
            let mut forged = object.stored.clone();
            forged[70_000] ^= 1;
            let mut tree = seal::TreeBuilder::new();
            tree.update(&forged);
            let tree = tree.finish();
            let expected = seal::Expected { root: tree.root(), ..object.expected() };
            let mut reader =
                seal::body::Reader::new(Cursor::new(&forged), &object.key, &expected, tree).unwrap();
            let refused = reader.read_to_end(&mut Vec::new()).map_err(seal::Error::from_io).unwrap_err();
            assert!(matches!(refused, seal::Error::Tag { segment: 1 }), "{}", opening.name());
        }
    }
}
