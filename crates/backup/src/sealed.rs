//! The databases under a set's key: the metadata, and the identity map.

use crate::set::{Database, Set};
use crate::{Error, files};
use base::{Blake3, Entropy};
use seal::{Expected, SessionKey, Tree, body};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

/// Seals the file `from` into `folder`.
pub(crate) fn write(
    from: &Path,
    (folder, [sealed_name, tree_name]): (&Path, [&str; 2]),
    key: &SessionKey,
    entropy: &dyn Entropy,
) -> Result<Database, Error> {
    let path = folder.join(sealed_name);
    let draft = files::Draft::create(&path)?;
    let nonce = base::entropy::bytes(entropy);
    let failed = |error: seal::Error| Error::Io { path: path.clone(), source: io::Error::from(error) };
    let out = BufWriter::with_capacity(1 << 20, &draft.file);
    let mut writer = body::Writer::new(out, key, nonce).map_err(failed)?;
    let mut hash = blake3::Hasher::new();
    let mut file = files::open(from)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(Error::io(from))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
        writer.write_all(bytes).map_err(Error::io(&path))?;
    }
    let (out, sealed) = writer.finish().map_err(failed)?;
    out.into_inner().map_err(|error| Error::Io { path: path.clone(), source: error.into_error() })?;
    draft.keep()?;
    files::write(&folder.join(tree_name), &sealed.tree.to_bytes())?;
    Ok(Database {
        length: sealed.plain_len,
        sealed: sealed.cipher_len,
        nonce: sealed.base_nonce,
        root: sealed.tree.root(),
        digest: Blake3(*hash.finalize().as_bytes()),
    })
}

/// Opens a set's database and writes it to `to`, every segment checked.
pub(crate) fn read(
    set: &Set,
    (database, [sealed_name, tree_name]): (&Database, [&str; 2]),
    key: &SessionKey,
    to: &Path,
) -> Result<(), Error> {
    let damaged = |error: seal::Error| Error::damaged(&set.name(sealed_name), base::fault::chain(&error));
    let tree = Tree::from_bytes(&set.read_file(tree_name)?, &database.root)
        .map_err(|error| Error::damaged(&set.name(tree_name), base::fault::chain(&error)))?;
    let expected = Expected {
        plain_len: database.length,
        cipher_len: database.sealed,
        base_nonce: Some(database.nonce),
        root: database.root,
    };
    let file = files::open(&set.path(sealed_name))?;
    let mut reader = body::Reader::new(file, key, &expected, tree).map_err(damaged)?;
    let (length, digest) = files::copy(&mut reader, to)
        .map_err(|error| Error::damaged(&set.name(sealed_name), base::fault::chain(&error)))?;
    if (length, digest) != (database.length, database.digest) {
        return Err(Error::damaged(&set.name(sealed_name), "it does not hold what the head states"));
    }
    Ok(())
}
