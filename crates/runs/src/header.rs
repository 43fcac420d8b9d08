//! What the headers of results say, kept sealed beside their run: whoever looks for identifiers later opens no object.
//! Specification: `docs/spec/discovery.md`.

use crate::table::{header, run};
use crate::{Error, Runs};
use access::Permit;
use access::thing::Project;
use access::verb::{Manage, Sees};
use base::{Id, ObjectId, ProjectId, RunId, Sensitive};
use db::sea_orm::ActiveValue::Set;
use db::sea_orm::sea_query::{Order, Query};
use db::sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use db::{Cell, Tx};
use executor::OutputKind;
use flate2::read::MultiGzDecoder;
use std::io::{BufRead, BufReader, Read};

/// The longest header that is read, bytes. Those of the largest public references come to a quarter of it.
const LONGEST: u64 = 16 << 20;
/// The most that is kept of one, bytes: without its contigs it has some dozens of lines.
const MOST: usize = 256 << 10;
/// Objects whose headers are forgotten in one statement.
const AT_ONCE: usize = 400;
const TEXT: &str = "runs_header.text";

/// How a header is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// SAM text, as a BAM holds it.
    Sam,
    /// VCF, up to its column line.
    Vcf,
}

impl Form {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sam => "sam",
            Self::Vcf => "vcf",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        [Self::Sam, Self::Vcf].into_iter().find(|form| form.as_str() == text).ok_or(Error::Record)
    }

    /// Lines that name a sequence of the reference and nothing else; there can be a hundred thousand.
    fn is_contig(self, line: &str) -> bool {
        let name_and_length = |fields: &str| {
            fields.trim_end().split('\t').all(|field| field.starts_with("SN:") || field.starts_with("LN:"))
        };
        match self {
            Self::Sam => line.strip_prefix("@SQ\t").is_some_and(name_and_length),
            Self::Vcf => line.starts_with("##contig="),
        }
    }
}

/// The header of a result, without its contigs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The result.
    pub object: ObjectId,
    /// How it is written.
    pub form: Form,
    /// What it says.
    pub text: Sensitive<String>,
}

/// Reads the header of an output that was found whole, from its start; none, if its kind has none.
///
/// # Errors
/// A header that cannot be read or is too long, and a kind whose headers this cannot read: no result is stored of which
/// nobody could say later what its header holds.
pub(crate) fn read(kind: OutputKind, file: impl Read) -> Result<Option<(Form, Sensitive<String>)>, Error> {
    let plain = BufReader::new(MultiGzDecoder::new(file).take(LONGEST));
    let (form, text) = match kind {
        OutputKind::Bam => (Form::Sam, of_bam(plain)?),
        OutputKind::BgzfVcf => (Form::Vcf, lines(Form::Vcf, plain)?),
        OutputKind::Cram => return Err(Error::Output("the header of a CRAM is not read yet")),
        OutputKind::Gzip | OutputKind::Json | OutputKind::Text | OutputKind::Html | OutputKind::Other => {
            return Ok(None);
        }
    };
    Ok(Some((form, Sensitive::new(text))))
}

/// The text behind magic and length (SAM specification, section 4.2).
fn of_bam(mut plain: impl BufRead) -> Result<String, Error> {
    let mut start = [0; 8];
    plain.read_exact(&mut start).map_err(unreadable)?;
    let [_, _, _, _, length @ ..] = start;
    let length = u64::from(u32::from_le_bytes(length));
    if length > LONGEST {
        return Err(Error::Output("its header is too long"));
    }
    let mut bytes = Vec::new();
    plain.take(length).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 != length {
        return Err(Error::Output("its header is cut short"));
    }
    lines(Form::Sam, bytes.as_slice())
}

fn lines(form: Form, mut from: impl BufRead) -> Result<String, Error> {
    let (mut line, mut text) = (Vec::new(), String::new());
    loop {
        line.clear();
        let count = from.read_until(b'\n', &mut line).map_err(unreadable)?;
        if count == 0 || (form == Form::Vcf && !line.starts_with(b"#")) {
            return Ok(text);
        }
        // BAM fills its header up with zero bytes.
        let said = String::from_utf8_lossy(&line).replace('\0', "");
        if !form.is_contig(&said) {
            text.push_str(&said);
        }
        if text.len() > MOST {
            return Err(Error::Output("its header is too long"));
        }
    }
}

fn unreadable(_: std::io::Error) -> Error {
    Error::Output("its header does not decompress")
}

impl Runs {
    /// Keeps what the headers of a run's results say.
    pub(crate) async fn keep_headers(&self, tx: &Tx, run: &RunId, headers: &[Header]) -> Result<(), Error> {
        let columns = self.inner.db.columns()?;
        for one in headers {
            let cell = Cell { column: TEXT, row: one.object.as_str() };
            let row = header::ActiveModel {
                object: Set(one.object.to_string()),
                run: Set(run.to_string()),
                form: Set(one.form.as_str().to_owned()),
                text: Set(columns.seal(cell, one.text.reveal())?),
            };
            header::Entity::insert(row).exec_without_returning(&**tx).await?;
        }
        Ok(())
    }

    /// The headers of the results of the newest runs of the permit's project.
    pub async fn headers<V: Sees>(
        &self,
        permit: &Permit<V, Project>,
        newest: u64,
    ) -> Result<Vec<Header>, Error> {
        self.headers_in(permit.in_project()?, newest).await
    }

    /// Apart from the permit's kind, so that it is compiled once.
    async fn headers_in(&self, project: &ProjectId, newest: u64) -> Result<Vec<Header>, Error> {
        let runs = Query::select()
            .column(run::Column::Id)
            .from(run::Entity)
            .and_where(run::Column::Project.eq(project.as_str()))
            .order_by(run::Column::Position, Order::Desc)
            .limit(newest)
            .to_owned();
        let rows = header::Entity::find()
            .filter(header::Column::Run.in_subquery(runs))
            .order_by_asc(header::Column::Object)
            .all(self.inner.db.reader())
            .await?;
        let columns = self.inner.db.columns()?;
        let read = |row: header::Model| {
            let text = columns.open(Cell { column: TEXT, row: &row.object }, &row.text);
            Ok(Header {
                object: row.object.parse().map_err(|_| Error::Record)?,
                form: Form::parse(&row.form)?,
                text: Sensitive::new(text.map_err(|_| Error::Record)?),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Forgets what the headers of results said that nobody can open any more: of one that was deleted, or of all at
    /// the start, when the database may be an older copy. It takes no permit: what goes opens nothing.
    pub async fn forget_unreadable_headers(&self, one: Option<&ObjectId>) -> Result<u64, Error> {
        let all = header::Entity::find().select_only().column(header::Column::Object);
        let some = match one {
            Some(one) => all.filter(header::Column::Object.eq(one.as_str())),
            None => all,
        };
        let rows: Vec<String> = some.into_tuple().all(self.inner.db.reader()).await?;
        let ids = rows.iter().map(|id| id.parse::<ObjectId>().map_err(|_| Error::Record));
        let gone = self.inner.archive.unreadable(&ids.collect::<Result<_, _>>()?).await?;
        if gone.is_empty() {
            return Ok(0);
        }
        let tx = self.inner.db.begin_without_decision().await?;
        for some in gone.iter().collect::<Vec<_>>().chunks(AT_ONCE) {
            let those = header::Column::Object.is_in(some.iter().map(|id| id.as_str()));
            header::Entity::delete_many().filter(those).exec(&*tx).await?;
        }
        tx.commit().await?;
        Ok(gone.len() as u64)
    }

    /// Forgets what the headers of objects said whose keys are destroyed in the same transaction.
    pub async fn forget_headers(
        &self,
        permit: &Permit<Manage, Project>,
        tx: &Tx,
        objects: &[ObjectId],
    ) -> Result<(), Error> {
        permit.live()?;
        for some in objects.chunks(AT_ONCE) {
            let those = header::Column::Object.is_in(some.iter().map(Id::as_str));
            header::Entity::delete_many().filter(those).exec(&**tx).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    fn bam(text: &str, length: usize) -> Vec<u8> {
        let length = u32::try_from(length).unwrap().to_le_bytes();
        gz(&[b"BAM\x01".as_slice(), &length, text.as_bytes(), &[7; 64]].concat())
    }

    fn said(kind: OutputKind, file: &[u8]) -> Result<String, String> {
        match read(kind, file) {
            Ok(found) => Ok(found.unwrap().1.into_revealed()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn all_but_contigs_is_kept_of_a_header_and_nothing_of_what_follows() {
        let kept = "@HD\tVN:1.6\n@RG\tID:1\tSM:smp_1\n@SQ\tSN:21\tLN:4\tUR:/srv/x.fa\n@CO\tby hand\n";
        let sam = format!("@SQ\tSN:20\tLN:63025520\n{kept}\0\0");
        assert_eq!(said(OutputKind::Bam, &bam(&sam, sam.len())).unwrap(), kept);
        let kept = "##fileformat=VCFv4.2\n##call=run\n#CHROM\tPOS\tsmp_1\n";
        let vcf = gz(format!("##contig=<ID=20>\n{kept}20\t1\t#\n").as_bytes());
        assert_eq!(said(OutputKind::BgzfVcf, &vcf).unwrap(), kept);
        for kind in
            [OutputKind::Json, OutputKind::Text, OutputKind::Gzip, OutputKind::Html, OutputKind::Other]
        {
            assert!(read(kind, &b"{}"[..]).unwrap().is_none(), "{kind:?}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_kept_whole_fails_its_output() {
        let refused = |kind, file: &[u8], word: &str| {
            let error = said(kind, file).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        refused(OutputKind::Bam, &bam("@HD", usize::try_from(LONGEST).unwrap() + 1), "too long");
        refused(OutputKind::Bam, &bam("@HD", 100), "cut short");
        refused(OutputKind::Bam, &bam("@HD", 3)[..20], "decompress");
        refused(OutputKind::BgzfVcf, &gz("##x\n".repeat(MOST / 4 + 1).as_bytes()), "too long");
        refused(OutputKind::Cram, b"CRAM", "CRAM");
    }
}
