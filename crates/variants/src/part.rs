//! The Parquet schema, writer and reader.
//!
//! A part is encrypted with Parquet modular encryption: AES-256-GCM for every module, the footer
//! too, all under one key. The footer's own metadata is inside the encryption, so that the
//! file in clear shows two magic words, the algorithm and a random file id.

mod columns;

use crate::load::Loaded;
use crate::{Error, Result, Row};
use arrow_schema::Field;
use base::{ReferenceId, RunId, SampleId};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::encryption::{decrypt::FileDecryptionProperties, encrypt::FileEncryptionProperties};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData, RowGroupMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, Length};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What the footer says that the file is.
pub const FORMAT: &str = "sequestra-variant-part";
/// The version of the schema.
pub const SCHEMA_VERSION: u32 = 1;

/// Rows of a row group: small enough to prune a region well, large enough to compress.
const GROUP_ROWS: usize = 16_384;
/// Rows decoded at once.
const BATCH_ROWS: usize = 4_096;
const MAGIC: &[u8; 4] = b"PARE";

/// What the footer carries besides the schema: ids and counts, no label.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub samples: Vec<SampleId>,
    pub run: Option<RunId>,
    pub reference: Option<ReferenceId>,
    pub loaded: Loaded,
    pub contigs: BTreeMap<String, u64>,
}

/// What a part says about itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct About {
    /// The schema's version.
    pub schema_version: u32,
    /// The samples in it.
    pub samples: Vec<SampleId>,
    /// The run that made the variant file.
    pub run: Option<RunId>,
    /// The reference it was called against.
    pub reference: Option<ReferenceId>,
    /// What became of the variant file.
    pub loaded: Loaded,
    /// Rows by contig.
    pub contigs: BTreeMap<String, u64>,
}

/// An encrypted part and its key. The key is wiped when the part is dropped.
pub struct Part {
    source: Source,
    key: Zeroizing<[u8; 32]>,
}

#[derive(Clone)]
enum Source {
    Bytes(Bytes),
    File(Arc<File>),
}

impl Part {
    /// A part in memory.
    pub fn from_bytes(bytes: impl Into<Bytes>, key: &[u8; 32]) -> Self {
        Self { source: Source::Bytes(bytes.into()), key: Zeroizing::new(*key) }
    }

    /// A part in an open file. Its position is not used.
    pub fn from_file(file: File, key: &[u8; 32]) -> Self {
        Self { source: Source::File(Arc::new(file)), key: Zeroizing::new(*key) }
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.metadata().map_or(0, |data| data.len()),
        }
    }
}

impl ChunkReader for Source {
    type T = Box<dyn Read>;
    fn get_read(&self, start: u64) -> parquet::errors::Result<Box<dyn Read>> {
        match self {
            Self::Bytes(bytes) => Ok(Box::new(bytes.get_read(start)?)),
            Self::File(file) => Ok(Box::new(ChunkReader::get_read(file.as_ref(), start)?)),
        }
    }
    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // Lengths come from bytes that may have been changed: none reaches beyond the file.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF("a range beyond the end".to_owned()));
        }
        match self {
            Self::Bytes(bytes) => bytes.get_bytes(start, length),
            Self::File(file) => ChunkReader::get_bytes(file.as_ref(), start, length),
        }
    }
}

/// The order of rows in a part: contig by its bytes, so that it is the order of the statistics,
/// then position, alleles and sample.
pub(crate) fn order(a: &Row, b: &Row) -> Ordering {
    a.contig
        .cmp(&b.contig)
        .then_with(|| a.position.cmp(&b.position))
        .then_with(|| a.reference.cmp(&b.reference))
        .then_with(|| a.alternate.cmp(&b.alternate))
        .then_with(|| a.sample.cmp(&b.sample))
}

/// Writes rows, which are in [`order`].
pub(crate) fn write(
    rows: &[Row],
    description: &Description,
    key: &[u8; 32],
    out: impl Write + Send,
) -> Result<()> {
    let schema = columns::schema();
    let properties = properties(description, key).map_err(Error::Write)?;
    let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(Error::Write)?;
    for group in rows.chunks(GROUP_ROWS) {
        for rows in group.chunks(BATCH_ROWS) {
            let batch = columns::batch(&schema, rows).map_err(Error::Write)?;
            writer.write(&batch).map_err(Error::Write)?;
        }
        writer.flush().map_err(Error::Write)?;
    }
    writer.close().map_err(Error::Write)?;
    Ok(())
}

fn properties(description: &Description, key: &[u8; 32]) -> parquet::errors::Result<WriterProperties> {
    let mut pairs = vec![
        ("format", FORMAT.to_owned()),
        ("schema_version", SCHEMA_VERSION.to_string()),
        ("samples", json(&description.samples)),
        ("loaded", json(&description.loaded)),
        ("contigs", json(&description.contigs)),
    ];
    pairs.extend(description.run.as_ref().map(|id| ("run", id.to_string())));
    pairs.extend(description.reference.as_ref().map(|id| ("reference", id.to_string())));
    let pairs = pairs.into_iter().map(|(k, v)| KeyValue::new(format!("sequestra.{k}"), v)).collect();
    let sorted =
        columns::SORTED.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: false });
    Ok(WriterProperties::builder()
        .set_created_by(format!("sequestra variants {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_sorting_columns(Some(sorted.to_vec()))
        .set_key_value_metadata(Some(pairs))
        .with_file_encryption_properties(FileEncryptionProperties::builder(key.to_vec()).build()?)
        .build())
}

/// What a part says about itself.
///
/// # Errors
/// [`Error::Sealed`] for another key or changed bytes, [`Error::Foreign`] for another format.
pub fn about(part: &Part) -> Result<About> {
    guarded(|| {
        let opened = open(part)?;
        let pairs = opened.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let find = |name: &str| {
            let name = format!("sequestra.{name}");
            pairs.iter().find(|pair| pair.key == name).and_then(|pair| pair.value.clone())
        };
        if find("format").as_deref() != Some(FORMAT) {
            return Err(Error::Foreign("another format"));
        }
        let version = find("schema_version").and_then(|text| text.parse().ok());
        if version != Some(SCHEMA_VERSION) {
            return Err(Error::Foreign("another schema version"));
        }
        let parsed = || -> Option<About> {
            Some(About {
                schema_version: SCHEMA_VERSION,
                samples: serde_json::from_str(&find("samples")?).ok()?,
                loaded: serde_json::from_str(&find("loaded")?).ok()?,
                contigs: serde_json::from_str(&find("contigs")?).ok()?,
                run: find("run").map(|id| id.parse()).transpose().ok()?,
                reference: find("reference").map(|id| id.parse()).transpose().ok()?,
            })
        };
        parsed().ok_or(Error::Foreign("its description does not parse"))
    })
}

/// Reads every module of a part and returns the number of rows, which must be the number that
/// the part says it has.
///
/// # Errors
/// [`Error::Sealed`] for another key or changed bytes, [`Error::Foreign`] for another format.
pub fn verify(part: &Part) -> Result<u64> {
    let expected = about(part)?.loaded.rows;
    let mut rows = 0;
    read(part, |_| true, |_| rows += 1)?;
    if rows == expected {
        Ok(rows)
    } else {
        Err(Error::Foreign("it holds another number of rows than it says"))
    }
}

/// Row groups of a part: how many there are and how many were read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Groups {
    pub all: usize,
    pub read: usize,
}

/// Hands each row of the row groups that `wanted` keeps to `take`.
pub(crate) fn read(
    part: &Part,
    wanted: impl Fn(&RowGroupMetaData) -> bool,
    mut take: impl FnMut(Row),
) -> Result<Groups> {
    about(part)?;
    guarded(|| {
        let opened = open(part)?;
        let all = opened.metadata().num_row_groups();
        let groups: Vec<usize> = opened
            .metadata()
            .row_groups()
            .iter()
            .enumerate()
            .filter(|(_, g)| wanted(g))
            .map(|(i, _)| i)
            .collect();
        let read = groups.len();
        check_frames(&part.source, opened.metadata(), &groups)?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(part.source.clone(), opened)
            .with_row_groups(groups)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|_| Error::Sealed)?;
        for batch in reader {
            let batch = batch.map_err(|_| Error::Sealed)?;
            for row in columns::rows(&batch).ok_or(Error::Foreign("a row does not parse"))? {
                take(row);
            }
        }
        Ok(Groups { all, read })
    })
}

fn open(part: &Part) -> Result<ArrowReaderMetadata> {
    let head = part.source.get_bytes(0, MAGIC.len()).map_err(|_| Error::Sealed)?;
    if head.as_ref() != MAGIC {
        return Err(Error::Foreign("it does not begin as an encrypted Parquet file"));
    }
    check_tail(&part.source)?;
    let decryption =
        FileDecryptionProperties::builder(part.key.to_vec()).build().map_err(|_| Error::Sealed)?;
    let options = ArrowReaderOptions::new().with_file_decryption_properties(decryption);
    let opened = ArrowReaderMetadata::load(&part.source, options).map_err(|_| Error::Sealed)?;
    let found: Vec<&Field> = opened.schema().fields().iter().map(AsRef::as_ref).collect();
    let known = columns::schema();
    if found != known.fields().iter().map(AsRef::as_ref).collect::<Vec<_>>() {
        return Err(Error::Foreign("other columns"));
    }
    Ok(opened)
}

/// The clear bytes before the encrypted footer, in the one form that this room's writer gives
/// them: AES-GCM, a file id of eight bytes, and the footer's length. The Parquet reader skips
/// fields that it does not know and does not compare the length.
fn check_tail(source: &Source) -> Result<()> {
    const ALGORITHM: [u8; 4] = [0x1c, 0x1c, 0x28, 8];
    const ENDS: [u8; 3] = [0; 3];
    const CLEAR: u64 = 19;
    let all = source.len();
    let word = |at: u64| -> Result<u64> {
        let bytes = source.get_bytes(at, 4).map_err(|_| Error::Sealed)?;
        let bytes = <[u8; 4]>::try_from(bytes.as_ref()).map_err(|_| Error::Sealed)?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    };
    let length = word(all.checked_sub(8).ok_or(Error::Sealed)?)?;
    let start = (all - 8).checked_sub(length).ok_or(Error::Sealed)?;
    let clear = source.get_bytes(start, CLEAR as usize).map_err(|_| Error::Sealed)?;
    let known = clear.get(..4) == Some(&ALGORITHM) && clear.get(12..15) == Some(&ENDS);
    let fits = length.checked_sub(CLEAR).is_some_and(|rest| word(start + 15).is_ok_and(|n| n == rest));
    if known && fits { Ok(()) } else { Err(Error::Sealed) }
}

/// Each module begins with its length, which the Parquet reader takes from elsewhere for pages
/// and does not compare. Here the lengths of a column chunk's modules must fill it exactly, and
/// the chunks must follow one another, so that no byte of a part goes unread.
fn check_frames(source: &Source, metadata: &ParquetMetaData, groups: &[usize]) -> Result<()> {
    for group in groups.iter().filter_map(|i| metadata.row_groups().get(*i)) {
        let mut expected = group.columns().first().map_or(0, |chunk| chunk.byte_range().0);
        for chunk in group.columns() {
            let (start, length) = chunk.byte_range();
            let end = start.checked_add(length).ok_or(Error::Sealed)?;
            if start != expected {
                return Err(Error::Sealed);
            }
            let mut at = start;
            while at < end {
                let prefix = source.get_bytes(at, 4).map_err(|_| Error::Sealed)?;
                let prefix = <[u8; 4]>::try_from(prefix.as_ref()).map_err(|_| Error::Sealed)?;
                at += 4 + u64::from(u32::from_le_bytes(prefix));
            }
            if at != end {
                return Err(Error::Sealed);
            }
            expected = end;
        }
    }
    Ok(())
}

/// The Parquet reader subtracts lengths that it has not yet authenticated; a changed byte can
/// make it panic. Here that is a part that does not open.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Sealed))
}

/// JSON of plain data: ids and counts, for which writing cannot fail.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
