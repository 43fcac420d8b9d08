//! Bytes on their way in, visible to nobody.

use crate::object::{Form, Object};
use crate::store::{Incoming, Name};
use crate::{Archive, Error};
use access::Permit;
use access::thing::Thing;
use access::verb::Seals;
use base::{Blake3, Id, ObjectId, ProjectId, SubjectId};
use seal::{SessionKey, Tree, TreeBuilder, body};
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

/// An object being written. Dropping it discards what was written. Its body is begun with the first
/// byte, so that making a draft blocks nobody.
pub struct Draft {
    archive: Archive,
    id: ObjectId,
    version: u32,
    name: Option<Name>,
    project: Option<ProjectId>,
    spec: Spec,
    key: SessionKey,
    hash: blake3::Hasher,
    form: Form,
    sink: Option<Sink>,
}

type Body = BufWriter<Box<dyn Incoming>>;

enum Sink {
    Crypt4gh(Box<body::Writer<Body>>),
    Parquet { body: Body, tree: Box<TreeBuilder> },
}

/// A draft that is whole, sealed and flushed, and still visible to nobody.
pub struct Sealed {
    pub(crate) archive: Archive,
    pub(crate) id: ObjectId,
    pub(crate) version: u32,
    pub(crate) name: Name,
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
        self.begin(permit, self.first(), spec, Form::Crypt4gh)
    }

    /// Starts an object that the writer encrypts itself under [`Draft::footer_key`]: Parquet with
    /// modular encryption.
    pub fn draft_parquet<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        spec: Spec,
    ) -> Result<Draft, Error> {
        self.begin(permit, self.first(), spec, Form::Parquet)
    }

    /// Starts the next version of `object`, of the same kind, form and subject, with a body and a key of
    /// its own. The versions before stay as they are. Of two drafts of one next version, one is admitted.
    pub fn draft_version<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        object: &Object,
        spec: Spec,
    ) -> Result<Draft, Error> {
        if permit.project() != object.project.as_ref() {
            return Err(access::Error::NotCovered(object.id.to_string()).into());
        }
        if spec.kind != object.kind || spec.subject != object.subject {
            return Err(Error::Version(object.id.clone()));
        }
        let next = object.version.checked_add(1).ok_or(Error::Record)?;
        self.begin(permit, (object.id.clone(), next), spec, object.form)
    }

    fn first(&self) -> (ObjectId, u32) {
        (ObjectId::mint(&*self.entropy), 1)
    }

    fn begin<V: Seals, T: Thing>(
        &self,
        permit: &Permit<V, T>,
        (id, version): (ObjectId, u32),
        spec: Spec,
        form: Form,
    ) -> Result<Draft, Error> {
        let key = self.keys.mint_session(permit)?;
        Ok(Draft {
            archive: self.clone(),
            id,
            version,
            name: None,
            project: permit.project().cloned(),
            spec,
            key,
            hash: blake3::Hasher::new(),
            form,
            sink: None,
        })
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

    /// Ends the object: body and tree are durable. Blocks.
    ///
    /// 1. The body is kept. Crash here: a body without record, put aside after the next start.
    /// 2. The tree is kept beside it. Crash here: the same.
    pub fn seal(mut self) -> Result<Sealed, Error> {
        self.sink()?;
        let parts = match self.sink.take() {
            Some(Sink::Crypt4gh(writer)) => {
                let (body, sealed) = writer.finish().map_err(io::Error::from)?;
                keep(body)?;
                Parts {
                    plain_length: sealed.plain_len,
                    cipher_length: sealed.cipher_len,
                    segments: sealed.segments,
                    base_nonce: Some(sealed.base_nonce),
                    tree: sealed.tree,
                }
            }
            Some(Sink::Parquet { body, tree }) => {
                keep(body)?;
                let tree = tree.finish();
                let length = tree.stored_len();
                Parts {
                    plain_length: length,
                    cipher_length: length,
                    segments: tree.blocks(),
                    base_nonce: None,
                    tree,
                }
            }
            None => return Err(Error::Record),
        };
        let name = self.name.clone().ok_or(Error::Record)?;
        self.archive.write_tree(&name, &parts.tree.to_bytes())?;
        // From here on the sealed draft answers for the body.
        self.name = None;
        Ok(Sealed {
            archive: self.archive.clone(),
            id: self.id.clone(),
            version: self.version,
            name,
            project: self.project.clone(),
            spec: self.spec.clone(),
            key: SessionKey::from_bytes(*self.key.expose()),
            form: self.form,
            plain_length: parts.plain_length,
            cipher_length: parts.cipher_length,
            segments: parts.segments,
            root: parts.tree.root(),
            base_nonce: parts.base_nonce,
            digest: Blake3(*self.hash.finalize().as_bytes()),
            admitted: false,
        })
    }

    /// Begins the body, if that was not done yet.
    fn sink(&mut self) -> Result<&mut Sink, Error> {
        let begun = match self.sink.take() {
            Some(sink) => sink,
            // Begun and lost: a draft that failed goes no further.
            None if self.name.is_some() => return Err(Error::Seal(seal::Error::Spent)),
            None => {
                let (name, body) = self.archive.create_body()?;
                self.name = Some(name);
                let body = BufWriter::with_capacity(BUFFER, body);
                match self.form {
                    Form::Parquet => Sink::Parquet { body, tree: Box::new(TreeBuilder::new()) },
                    Form::Crypt4gh => {
                        let nonce = base::entropy::bytes(&*self.archive.entropy);
                        Sink::Crypt4gh(Box::new(
                            body::Writer::beside(body, &self.key, nonce).map_err(Error::Seal)?,
                        ))
                    }
                }
            }
        };
        Ok(self.sink.insert(begun))
    }
}

/// What sealing gave, whatever the form.
struct Parts {
    plain_length: u64,
    cipher_length: u64,
    segments: u64,
    base_nonce: Option<[u8; 12]>,
    tree: Tree,
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self.sink().map_err(Error::into_io)? {
            Sink::Crypt4gh(writer) => writer.write(bytes)?,
            Sink::Parquet { body, tree } => {
                body.write_all(bytes)?;
                tree.update(bytes);
                bytes.len()
            }
        };
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    /// Does nothing: bytes reach the store when the object is sealed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // The part that was not kept goes first, then whatever else lies under the name.
        self.sink = None;
        if let Some(name) = &self.name {
            self.archive.discard(name);
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

fn keep(body: Body) -> io::Result<()> {
    body.into_inner().map_err(io::IntoInnerError::into_error)?.keep()
}
