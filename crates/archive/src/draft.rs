//! Bytes on their way in, visible to nobody.

use crate::object::Form;
use crate::{Archive, Error};
use access::Permit;
use access::thing::Thing;
use access::verb::Seals;
use base::{Blake3, Id, ObjectId, ProjectId, SubjectId};
use seal::{SessionKey, Tree, TreeBuilder, body};
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Bytes gathered before a write to the body's file.
const BUFFER: usize = 1 << 20;

/// What a new object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// A closed word: `fastq`, `alignment`, `variants`, `lake`, `report`, …
    pub kind: &'static str,
    /// Its subject, when there is exactly one.
    pub subject: Option<SubjectId>,
    /// Ids of the things it belongs to: their chains will lead to it.
    pub links: Vec<String>,
}

/// An object being written. Dropping it discards what was written.
pub struct Draft {
    archive: Archive,
    id: ObjectId,
    name: String,
    project: Option<ProjectId>,
    spec: Spec,
    key: SessionKey,
    hash: blake3::Hasher,
    sink: Option<Sink>,
}

enum Sink {
    Crypt4gh(Box<body::Writer<BufWriter<File>>>),
    Parquet { file: BufWriter<File>, tree: Box<TreeBuilder> },
}

/// A draft that is whole, sealed and flushed, and still visible to nobody.
pub struct Sealed {
    pub(crate) archive: Archive,
    pub(crate) id: ObjectId,
    pub(crate) name: String,
    pub(crate) project: Option<ProjectId>,
    pub(crate) spec: Spec,
    pub(crate) key: SessionKey,
    pub(crate) form: Form,
    pub(crate) plain_length: u64,
    pub(crate) cipher_length: u64,
    pub(crate) segments: u64,
    pub(crate) root: Blake3,
    pub(crate) base_nonce: Option<[u8; 12]>,
    pub(crate) digest: Blake3,
    pub(crate) admitted: bool,
}

impl Archive {
    /// Starts an object of plaintext, sealed as Crypt4GH segments while it is written.
    pub fn draft<V: Seals, T: Thing>(&self, permit: &Permit<V, T>, spec: Spec) -> Result<Draft, Error> {
        let key = self.keys.mint_session(permit)?;
        let (name, file) = self.create_body()?;
        let nonce = base::entropy::bytes(&*self.entropy);
        let writer =
            body::Writer::new(BufWriter::with_capacity(BUFFER, file), &key, nonce).map_err(Error::Seal)?;
        Ok(self.begin(permit.project(), spec, key, name, Sink::Crypt4gh(Box::new(writer))))
    }

    /// Starts an object that the writer encrypts itself under [`Draft::footer_key`]: Parquet with
    /// modular encryption.
    pub fn draft_parquet<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        spec: Spec,
    ) -> Result<Draft, Error> {
        let key = self.keys.mint_session(permit)?;
        let (name, file) = self.create_body()?;
        let sink = Sink::Parquet {
            file: BufWriter::with_capacity(BUFFER, file),
            tree: Box::new(TreeBuilder::new()),
        };
        Ok(self.begin(permit.project(), spec, key, name, sink))
    }

    fn begin(
        &self,
        project: Option<&ProjectId>,
        spec: Spec,
        key: SessionKey,
        name: String,
        sink: Sink,
    ) -> Draft {
        let id = ObjectId::mint(&*self.entropy);
        let (project, hash) = (project.cloned(), blake3::Hasher::new());
        Draft { archive: self.clone(), id, name, project, spec, key, hash, sink: Some(sink) }
    }
}

impl Draft {
    /// The id that the object will have.
    pub fn id(&self) -> &ObjectId {
        &self.id
    }

    /// The key under which the writer of a Parquet draft encrypts. The bytes it writes must hold
    /// nothing in clear.
    pub fn footer_key(&self) -> &SessionKey {
        &self.key
    }

    /// Ends the object: flushes body and tree.
    ///
    /// 1. The body is flushed. Crash here: a body without record, cleared at the next start.
    /// 2. The tree is written beside it and flushed, and with it the folder. Crash here: the same.
    pub fn seal(mut self) -> Result<Sealed, Error> {
        let sink = self.sink.take().ok_or(Error::Record)?;
        let (form, sealed) = match sink {
            Sink::Crypt4gh(writer) => {
                let (file, sealed) = writer.finish().map_err(Error::Seal)?;
                flush(file)?;
                let base_nonce = Some(sealed.base_nonce);
                let parts = (sealed.plain_len, sealed.cipher_len, sealed.segments, base_nonce, sealed.tree);
                (Form::Crypt4gh, parts)
            }
            Sink::Parquet { file, tree } => {
                flush(file)?;
                let tree = tree.finish();
                (Form::Parquet, (tree.stored_len(), tree.stored_len(), tree.blocks(), None, tree))
            }
        };
        let (plain_length, cipher_length, segments, base_nonce, tree): (
            u64,
            u64,
            u64,
            Option<[u8; 12]>,
            Tree,
        ) = sealed;
        self.archive.write_tree(&self.name, &tree.to_bytes())?;
        Ok(Sealed {
            archive: self.archive.clone(),
            id: self.id.clone(),
            name: std::mem::take(&mut self.name),
            project: self.project.clone(),
            spec: self.spec.clone(),
            key: SessionKey::from_bytes(*self.key.expose()),
            form,
            plain_length,
            cipher_length,
            segments,
            root: tree.root(),
            base_nonce,
            digest: Blake3(*self.hash.finalize().as_bytes()),
            admitted: false,
        })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self.sink.as_mut() {
            Some(Sink::Crypt4gh(writer)) => writer.write(bytes)?,
            Some(Sink::Parquet { file, tree }) => {
                file.write_all(bytes)?;
                tree.update(bytes);
                bytes.len()
            }
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    /// Does nothing: bytes reach the disk when the object is sealed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            self.archive.discard(&self.name);
        }
    }
}

impl Sealed {
    /// The id that the object will have.
    pub fn id(&self) -> &ObjectId {
        &self.id
    }

    /// Root of the integrity tree over the stored bytes: what receipts name it by.
    pub fn root(&self) -> Blake3 {
        self.root
    }

    /// Length in clear, bytes.
    pub fn plain_length(&self) -> u64 {
        self.plain_length
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if !self.admitted {
            self.archive.discard(&self.name);
        }
    }
}

fn flush(file: BufWriter<File>) -> io::Result<()> {
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
