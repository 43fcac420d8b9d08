//! Sealed objects: headers, streams, bodies under their tree, trees, edit lists.

use super::{Target, Verdict, must};
use crate::crash::Dice;
use anyhow::Result;
use base::Entropy;
use seal::{EditList, Expected, PublicKey, SecretKey, SessionKey, Tree, body, foreign, header};
use std::io::{Cursor, Read, Write};
use std::sync::Mutex;

/// The same bytes in every run, so that seeds are.
pub(crate) struct Fixed(Mutex<Dice>);

impl Fixed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Dice::new(seed)))
    }
}

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        bytes.iter_mut().for_each(|byte| *byte = dice.roll() as u8);
    }
}

fn secret() -> SecretKey {
    SecretKey::from_bytes([0x42; 32])
}

fn session() -> SessionKey {
    SessionKey::from_bytes([7; 32])
}

fn head(others: u8, list: Option<&EditList>, seed: u64) -> Result<Vec<u8>> {
    let mut recipients: Vec<PublicKey> = vec![secret().public()?];
    for other in 0..others {
        recipients.push(SecretKey::from_bytes([other + 1; 32]).public()?);
    }
    let sender = SecretKey::from_bytes([0x51; 32]);
    Ok(header::make(&session(), &recipients, &sender, list, &Fixed::new(seed))?)
}

/// A content, its body and what its record says.
fn sealed(content: &[u8]) -> Result<(Vec<u8>, seal::Sealed)> {
    let mut writer = body::Writer::new(Vec::new(), &session(), [3; 12])?;
    writer.write_all(content)?;
    Ok(writer.finish()?)
}

/// Contents whose segments differ: one of a few bytes, one of two segments.
fn contents() -> [Vec<u8>; 2] {
    let mut dice = Dice::new(5);
    let long = (0..65_536 + 50).map(|_| dice.roll() as u8).collect();
    [b"@r1\nGATTACA\n+\nIIIIIII\n".to_vec(), long]
}

/// The targets.
pub fn targets() -> Result<Vec<Target>> {
    Ok(vec![headers()?, streams()?, bodies()?, trees()?, edit_lists()?])
}

fn headers() -> Result<Target> {
    let list = EditList::new(vec![3, 4, 5]);
    let seeds = vec![head(0, None, 1)?, head(2, None, 2)?, head(1, Some(&list), 3)?];
    let run = move |input: &[u8]| -> Verdict {
        let Ok(opened) = header::open(input, &secret()) else { return Ok(()) };
        must(
            opened.session_keys.iter().all(|key| key.expose() == session().expose()),
            "a header gives a key that nobody wrote",
        )?;
        must(opened.edit_list.is_none_or(|found| found == list), "a header gives an edit list of nobody's")
    };
    Ok(Target { name: "header", seeds, run: Box::new(run) })
}

fn streams() -> Result<Target> {
    let [short, long] = contents();
    let mut seeds = Vec::new();
    for content in [&short, &long] {
        seeds.push([head(0, None, 4)?, sealed(content)?.0].concat());
    }
    let (first, last) = long.split_at(65_536);
    let parts = [short.clone(), first.to_vec(), last.to_vec()];
    let run = move |input: &[u8]| -> Verdict {
        let Ok(mut reader) = foreign::Reader::new(input, &secret()) else { return Ok(()) };
        let mut out = Vec::new();
        // What was read before an error counts too.
        let _ = reader.read_to_end(&mut out);
        let mut rest = out.as_slice();
        while !rest.is_empty() {
            let Some(part) = parts.iter().find(|part| rest.starts_with(part)) else {
                return Err("a stream gives bytes that nobody sealed".to_owned());
            };
            rest = rest.get(part.len()..).unwrap_or_default();
        }
        Ok(())
    };
    Ok(Target { name: "stream", seeds, run: Box::new(run) })
}

fn bodies() -> Result<Target> {
    let [_, long] = contents();
    let (stored, record) = sealed(&long)?;
    let (expected, tree, seeds): (Expected, Tree, _) =
        (record.expected(), record.tree.clone(), vec![stored.clone()]);
    let run = move |input: &[u8]| -> Verdict {
        let opened = body::Reader::new(Cursor::new(input), &session(), &expected, tree.clone());
        let Ok(mut reader) = opened else { return Ok(()) };
        let mut out = Vec::new();
        let whole = reader.read_to_end(&mut out).is_ok();
        must(long.starts_with(&out), "a changed body gives bytes that nobody sealed")?;
        must(!whole || input == stored, "a changed body is read to its end")
    };
    Ok(Target { name: "body", seeds, run: Box::new(run) })
}

fn trees() -> Result<Target> {
    let [_, long] = contents();
    let (_, record) = sealed(&long)?;
    let (bytes, root) = (record.tree.to_bytes(), record.root);
    let seeds = vec![bytes.clone()];
    let run = move |input: &[u8]| -> Verdict {
        must(Tree::from_bytes(input, &root).is_err() || input == bytes, "another tree has the same root")
    };
    Ok(Target { name: "tree", seeds, run: Box::new(run) })
}

/// The input is a list of counts, 8 bytes each.
fn edit_lists() -> Result<Target> {
    let list = |counts: &[u64]| counts.iter().flat_map(|count| count.to_le_bytes()).collect::<Vec<u8>>();
    let seeds = vec![
        list(&[]),
        list(&[3]),
        list(&[3, 4, 5]),
        list(&[0, 1, 1, 1]),
        list(&[65_530, 12]),
        list(&[u64::MAX; 2]),
    ];
    let [_, long] = contents();
    let stored = sealed(&long)?.0;
    let run = move |input: &[u8]| -> Verdict {
        let counts: Vec<u64> =
            input.as_chunks::<8>().0.iter().take(64).map(|n| u64::from_le_bytes(*n)).collect();
        let head = head(0, Some(&EditList::new(counts.clone())), 6).map_err(|error| error.to_string())?;
        let stream = [head, stored.clone()].concat();
        let mut reader = foreign::Reader::new(&stream[..], &secret()).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        reader.read_to_end(&mut out).map_err(|error| error.to_string())?;
        must(out == kept(&counts, &long), "an edit list keeps other bytes than it says")
    };
    Ok(Target { name: "edit-list", seeds, run: Box::new(run) })
}

/// What the standard says of an edit list, in the simplest words.
fn kept(counts: &[u64], content: &[u8]) -> Vec<u8> {
    if counts.is_empty() {
        return content.to_vec();
    }
    let (mut out, mut at) = (Vec::new(), 0_usize);
    for (number, count) in counts.iter().enumerate() {
        let end = usize::try_from(*count)
            .ok()
            .and_then(|n| at.checked_add(n))
            .unwrap_or(usize::MAX)
            .min(content.len());
        if number % 2 == 1 {
            out.extend_from_slice(content.get(at..end).unwrap_or_default());
        }
        at = end;
    }
    if counts.len() % 2 == 1 {
        out.extend_from_slice(content.get(at..).unwrap_or_default());
    }
    out
}
