//! Columns that name people or say something about them, sealed one value at a time.
//!
//! The database is encrypted at rest only where it is a file. So these values are ciphertext in both:
//! AES-256-GCM-SIV with a random nonce, bound to table, column and row, so that a value that was moved
//! to another row does not open. Equal values look different; their length shows in steps of 32 bytes.
//! What has to be found by its value has an index beside it: a keyed hash, under a key of its own.

use crate::{Db, Error};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::Entropy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::sync::{Arc, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// Values are filled up to a multiple of this.
const STEP: usize = 32;
const SEALING: &str = "sequestra 2026 sealed columns";
const INDEX: &str = "sequestra 2026 indexes of sealed columns";

/// The keys of sealed columns.
pub struct Columns {
    cipher: LessSafeKey,
    index: Zeroizing<[u8; 32]>,
    entropy: Arc<dyn Entropy>,
}

/// Whether the keys are there.
#[derive(Default)]
pub(crate) enum Held {
    #[default]
    Awaited,
    Here(Arc<Columns>),
    GivenUp,
}

/// A place in the tables: `catalog_sample.label`, and the row's id.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// Table and column.
    pub column: &'static str,
    /// What tells the row from others for good.
    pub row: &'a str,
}

impl Columns {
    /// The keys that follow from `key`.
    pub fn new(key: &[u8; 32], entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let mut derived = blake3::derive_key(SEALING, key);
        let cipher = UnboundKey::new(&AES_256_GCM_SIV, &derived).map(LessSafeKey::new);
        derived.zeroize();
        Ok(Self {
            cipher: cipher.map_err(|_| Error::Sealed)?,
            index: Zeroizing::new(blake3::derive_key(INDEX, key)),
            entropy,
        })
    }

    /// Seals a value for its place.
    pub fn seal(&self, cell: Cell<'_>, text: &str) -> Result<String, Error> {
        // Filled with NUL, which no value holds.
        if text.contains('\0') {
            return Err(Error::Sealed);
        }
        let mut body = Zeroizing::new(Vec::with_capacity(text.len() + STEP + AES_256_GCM_SIV.tag_len()));
        body.extend_from_slice(text.as_bytes());
        body.resize((text.len() / STEP + 1) * STEP, 0);
        let nonce: [u8; NONCE_LEN] = base::entropy::bytes(&*self.entropy);
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound(cell)), &mut *body)
            .map_err(|_| Error::Sealed)?;
        Ok(STANDARD_NO_PAD.encode([&nonce[..], &body].concat()))
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, cell: Cell<'_>, sealed: &str) -> Result<String, Error> {
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| Error::Sealed)?;
        let (nonce, body) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Error::Sealed)?;
        let mut body = Zeroizing::new(body.to_vec());
        let (nonce, bound) = (Nonce::assume_unique_for_key(*nonce), Aad::from(bound(cell)));
        let plain = self.cipher.open_in_place(nonce, bound, &mut body).map_err(|_| Error::Sealed)?;
        let text = std::str::from_utf8(plain).map_err(|_| Error::Sealed)?;
        Ok(text.trim_end_matches('\0').to_owned())
    }

    /// The index of a value within `scope`: equal values of a column have equal ones there, and nowhere else.
    pub fn index(&self, column: &'static str, scope: &str, text: &str) -> Vec<u8> {
        let mut hash = blake3::Hasher::new_keyed(&self.index);
        for part in [column, scope, text] {
            hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hash.finalize().as_bytes().to_vec()
    }
}

/// The two parts are kept apart by a byte that neither holds.
fn bound(cell: Cell<'_>) -> Vec<u8> {
    [cell.column.as_bytes(), b"\0", cell.row.as_bytes()].concat()
}

impl Db {
    /// Attaches the keys of sealed columns, when the site is unsealed. Once; later calls change nothing.
    pub fn attach_columns(&self, columns: Columns) {
        let mut held = self.columns.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(*held, Held::Awaited) {
            *held = Held::Here(Arc::new(columns));
        }
    }

    /// Lets go of the keys of sealed columns, for as long as this lives. They are wiped as their last user ends.
    pub fn detach_columns(&self) {
        *self.columns.write().unwrap_or_else(PoisonError::into_inner) = Held::GivenUp;
    }

    /// The keys of sealed columns. Without them nothing that is sealed is read or written.
    pub fn columns(&self) -> Result<Arc<Columns>, Error> {
        match &*self.columns.read().unwrap_or_else(PoisonError::into_inner) {
            Held::Here(columns) => Ok(columns.clone()),
            Held::Awaited | Held::GivenUp => Err(Error::NoColumns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SystemEntropy;

    fn columns(key: u8) -> Columns {
        Columns::new(&[key; 32], Arc::new(SystemEntropy)).unwrap()
    }

    const CELL: Cell<'_> = Cell { column: "canary_cage.label", row: "smp_1" };

    #[test]
    fn a_value_opens_in_its_place_alone() {
        let own = columns(1);
        for text in ["", "CASE-1", "é", &"x".repeat(31), &"x".repeat(32), &"x".repeat(200)] {
            let sealed = own.seal(CELL, text).unwrap();
            assert_eq!(own.open(CELL, &sealed).unwrap(), text);
            assert_ne!(own.seal(CELL, text).unwrap(), sealed, "equal values look different");
            assert!(text.is_empty() || !sealed.contains(text));
            assert!(columns(2).open(CELL, &sealed).is_err());
            assert!(own.open(Cell { row: "smp_2", ..CELL }, &sealed).is_err());
            assert!(own.open(Cell { column: "canary_cage.note", ..CELL }, &sealed).is_err());
            let mut bytes = STANDARD_NO_PAD.decode(&sealed).unwrap();
            for at in 0..bytes.len() {
                bytes[at] ^= 1;
                assert!(own.open(CELL, &STANDARD_NO_PAD.encode(&bytes)).is_err(), "byte {at}");
                bytes[at] ^= 1;
            }
        }
        let length = |text: &str| own.seal(CELL, text).unwrap().len();
        assert_eq!(length("a"), length(&"a".repeat(31)));
        assert!(own.seal(CELL, "a\0b").is_err());
        for bad in ["", "AAAA", "not base64!", "CASE-1"] {
            assert!(own.open(CELL, bad).is_err(), "what was never sealed is not taken for a value: {bad}");
        }
    }

    #[tokio::test]
    async fn keys_that_were_let_go_do_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("a.db"), crate::DbKey::new([7; 32]));
        let db = Db::open(&path, &key, &[]).await.unwrap();
        assert!(matches!(db.columns(), Err(Error::NoColumns)));
        db.attach_columns(columns(1));
        let sealed = db.columns().unwrap().seal(CELL, "CASE-1").unwrap();
        db.attach_columns(columns(2));
        assert_eq!(db.columns().unwrap().open(CELL, &sealed).unwrap(), "CASE-1");
        db.detach_columns();
        db.attach_columns(columns(1));
        assert!(matches!(db.columns(), Err(Error::NoColumns)));
    }

    #[test]
    fn an_index_tells_equal_values_of_one_scope_alone() {
        let own = columns(1);
        let index = own.index("a.b", "prj_1", "CASE-1");
        assert_eq!(index, own.index("a.b", "prj_1", "CASE-1"));
        let others = [
            own.index("a.b", "prj_2", "CASE-1"),
            own.index("a.c", "prj_1", "CASE-1"),
            own.index("a.b", "prj_1", "CASE-2"),
            own.index("a.b", "prj_1C", "ASE-1"),
            columns(2).index("a.b", "prj_1", "CASE-1"),
        ];
        assert!(others.iter().all(|other| *other != index));
    }
}
