//! How bytes are changed.

use crate::crash::Dice;

/// No input grows beyond this.
const LONGEST: usize = 1 << 20;
/// Numbers at which parsers change their minds.
const EDGES: [u64; 12] =
    [0, 1, 2, 127, 128, 255, 256, 65_535, 65_536, u32::MAX as u64, i64::MAX as u64, u64::MAX];

/// One of `inputs`, changed in one to four places.
pub fn change(inputs: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = inputs.get(dice.below(inputs.len())).cloned().unwrap_or_default();
    for _ in 0..=dice.below(4) {
        change_once(&mut bytes, inputs, dice);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change_once(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let end = (at + 1 + dice.below(64)).min(bytes.len());
    let some: Vec<u8> = bytes.get(at..end).unwrap_or_default().to_vec();
    match dice.below(10) {
        0 | 1 => set(bytes, at, |byte, dice| byte ^ (1 << dice.below(8)), dice),
        2 => set(bytes, at, |_, dice| dice.roll() as u8, dice),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..end)),
        5 => drop(bytes.splice(at..at, some)),
        6 => {
            let other = dice.below(bytes.len());
            drop(bytes.splice(other..other, some));
        }
        7 => overwrite(bytes, at, &edge(dice)),
        8 => {
            let digits = EDGES.get(dice.below(EDGES.len())).copied().unwrap_or(0).to_string();
            overwrite(bytes, at, digits.as_bytes());
        }
        _ => splice(bytes, inputs, dice),
    }
}

fn set(bytes: &mut [u8], at: usize, to: impl Fn(u8, &mut Dice) -> u8, dice: &mut Dice) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = to(*byte, dice);
    }
}

/// An edge in the least byte first or last, with 2, 4 or 8 bytes.
fn edge(dice: &mut Dice) -> Vec<u8> {
    let number = EDGES.get(dice.below(EDGES.len())).copied().unwrap_or(0);
    let width = 2 << dice.below(3);
    let mut bytes: Vec<u8> = number.to_le_bytes().into_iter().take(width).collect();
    if dice.below(2) == 0 {
        bytes.reverse();
    }
    bytes
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(with) {
        *place = *byte;
    }
}

/// Goes on as another input does, from some place of it.
fn splice(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], dice: &mut Dice) {
    let Some(other) = inputs.get(dice.below(inputs.len())) else { return };
    let (here, there) = (dice.below(bytes.len()), dice.below(other.len()));
    bytes.truncate(here);
    bytes.extend(other.iter().skip(there));
}
