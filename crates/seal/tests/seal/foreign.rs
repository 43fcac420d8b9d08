//! Ordinary Crypt4GH streams, read to their end with a recipient's key.

use crate::support::{Drip, LENGTHS, Object, plaintext};
use base::SystemEntropy;
use seal::{EditList, Error, PublicKey, SecretKey, foreign, header, segment::STORED};
use std::io::Read;

fn pair() -> (SecretKey, PublicKey) {
    let secret = SecretKey::mint(&SystemEntropy);
    let public = secret.public().unwrap();
    (secret, public)
}

fn header(object: &Object, to: &[PublicKey], list: Option<&EditList>) -> Vec<u8> {
    header::make(&object.key, to, &SecretKey::mint(&SystemEntropy), list, &SystemEntropy).unwrap()
}

fn read(stream: &[u8], secret: &SecretKey) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    foreign::Reader::new(Drip::new(stream), secret)?.read_to_end(&mut out).map_err(Error::from_io)?;
    Ok(out)
}

#[test]
fn whole_streams_come_back_for_each_recipient() {
    for length in LENGTHS {
        let object = Object::new(length);
        let (a, b, nobody) = (pair(), pair(), pair());
        let stream = [header(&object, &[a.1, b.1], None), object.stored.clone()].concat();
        assert!(read(&stream, &a.0).unwrap() == object.plain, "{length}");
        assert!(read(&stream, &b.0).unwrap() == object.plain, "{length}");
        assert!(matches!(read(&stream, &nobody.0), Err(Error::NotRecipient)));
    }
}

#[test]
fn edit_lists_are_applied_over_borders() {
    let object = Object::new(3 * 65_536 + 9);
    let (secret, public) = pair();
    let plain = &object.plain;
    let end = plain.len();
    for (list, ranges) in [
        (&[][..], &[(0, end)][..]),
        (&[0][..], &[(0, end)][..]),
        (&[65_536][..], &[(65_536, end)][..]),
        (&[65_530, 12][..], &[(65_530, 65_542)][..]),
        (&[1, 2, 3, 4][..], &[(1, 3), (6, 10)][..]),
        (&[0, 65_536, 65_536, 10][..], &[(0, 65_536), (131_072, 131_082)][..]),
        (&[10, 65_536, 100_000, 5, 7][..], &[(10, 65_546), (165_546, 165_551), (165_558, end)][..]),
        (&[131_072, u64::MAX][..], &[(131_072, end)][..]),
        (&[u64::MAX, 9][..], &[][..]),
        (&[5, 0][..], &[][..]),
    ] {
        let stream = [header(&object, &[public], Some(&EditList::new(list.to_vec()))), object.stored.clone()];
        let wanted: Vec<u8> = ranges.iter().flat_map(|(from, to)| plain[*from..*to].to_vec()).collect();
        assert!(read(&stream.concat(), &secret).unwrap() == wanted, "{list:?}");
    }
}

#[test]
fn a_cut_of_an_object_is_its_segments_and_an_edit_list() {
    let object = Object::new(5 * 65_536 + 100);
    let (secret, public) = pair();
    for range in [0..1, 65_535..65_537, 65_536..131_072, 70_000..200_000, 327_000..327_780, 3..3] {
        let (segments, list) = EditList::cut(range.clone());
        let body: Vec<u8> = object
            .stored
            .chunks(STORED)
            .enumerate()
            .filter(|(index, _)| segments.contains(&(*index as u64)))
            .flat_map(|(_, one)| one.to_vec())
            .collect();
        let stream = [header(&object, &[public], Some(&list)), body].concat();
        assert!(read(&stream, &secret).unwrap() == object.plain[range.start as usize..range.end as usize]);
    }
}

#[test]
fn a_stream_under_two_keys_opens() {
    let (first, second) = (Object::new(2 * 65_536), Object::new(70_000));
    let (secret, public) = pair();
    let (one, two) = (header(&first, &[public], None), header(&second, &[public], None));
    let mut both = one.clone();
    both[12] = 2;
    both.extend_from_slice(&two[16..]);
    let stream = [&both[..], &first.stored, &second.stored].concat();
    assert!(read(&stream, &secret).unwrap() == [&first.plain[..], &second.plain].concat());
}

#[test]
fn altered_and_cut_segments_are_refused_and_stay_refused() {
    let object = Object::new(2 * 65_536 + 50);
    let (secret, public) = pair();
    let start = header(&object, &[public], None);
    let whole = [&start[..], &object.stored].concat();
    for at in [start.len(), start.len() + STORED + 20, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        assert!(matches!(read(&altered, &secret), Err(Error::Tag { .. })));
    }
    for cut in [1, 27, 28, 29, STORED - 1, STORED + 1, STORED + 28, object.stored.len() - 1] {
        let error = read(&whole[..start.len() + cut], &secret).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. } | Error::Tag { .. }), "{cut}: {error}");
    }
    let mut altered = whole.clone();
    altered[start.len()] ^= 1;
    let mut reader = foreign::Reader::new(&altered[..], &secret).unwrap();
    let mut out = [0; 100];
    assert!(reader.read(&mut out).is_err());
    let again = Error::from_io(reader.read(&mut out).unwrap_err());
    assert!(matches!(again, Error::Spent), "nothing is given after a refused segment");
    assert_eq!(out, [0; 100]);
}

#[test]
fn what_crypt4gh_does_not_notice_is_known() {
    // The reason for the tree: a plain Crypt4GH reader takes all of these.
    let object = Object::new(3 * 65_536);
    let (secret, public) = pair();
    let start = header(&object, &[public], None);
    let plain = |order: &[usize]| -> Vec<u8> {
        order.iter().flat_map(|at| plaintext(3 * 65_536)[at * 65_536..][..65_536].to_vec()).collect()
    };
    for order in [&[1, 0, 2][..], &[0, 1, 1], &[0, 2], &[0, 1]] {
        let body: Vec<u8> =
            order.iter().flat_map(|at| object.stored[at * STORED..][..STORED].to_vec()).collect();
        assert!(read(&[&start[..], &body].concat(), &secret).unwrap() == plain(order));
        assert!(object.read(&body).1.is_some(), "and the tree refuses them");
    }
}
