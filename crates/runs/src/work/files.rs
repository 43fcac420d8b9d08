//! A run's files: inputs into the scratch, outputs out of it, checked and sealed.

use super::{RunLease, Work};
use crate::contract::{self, Counts};
use crate::header::{self, Header};
use crate::workflow::{GENES, GERMLINE_REFERENCE, Output, germline_outputs};
use crate::{Error, Quality, plaintext, quality};
use archive::{Sealed, Spec};
use base::ObjectId;
use executor::{OutputFile, Scratch, outputs};
use serde_json::{Map, Value as Json, json};
use std::io::{Read, Seek, Write};

/// Bytes between two questions whether to go on.
const PIECE: usize = 1 << 20;
/// Scratch of a run beyond what its inputs ask for: logs and reports of the engine and the tools.
const ROOM: u64 = 256 << 20;
/// The largest table or report that is read whole, bytes.
const LARGEST_REPORT: u64 = 64 << 20;

/// Outputs that passed every check, sealed and still visible to nobody.
pub(super) struct Produced {
    pub kinds: Vec<&'static str>,
    pub sealed: Vec<Sealed>,
    /// What the headers of those say that have one.
    pub headers: Vec<Header>,
    pub quality: Quality,
}

impl Work {
    /// The files of the reference that the workflow takes: role, input and object.
    pub(super) fn reference_files(&self) -> impl Iterator<Item = (&'static str, &'static str, &ObjectId)> {
        let wanted = GERMLINE_REFERENCE.iter().chain(std::iter::once(&GENES));
        wanted.filter_map(|(role, input)| Some((*role, *input, self.reference.file(role)?)))
    }

    /// Decrypts the inputs into the scratch, each byte checked against its object's tree, and gives
    /// the workflow's inputs. Names inside are ids and roles.
    pub(super) fn decrypt_inputs(
        &self,
        scratch: &Scratch,
        lease: &RunLease,
    ) -> Result<Map<String, Json>, Error> {
        let folder = scratch.inputs();
        let archive = &self.runs.inner.archive;
        let mut go_on = || self.go_on(lease);
        let mut lanes: [Vec<Json>; 2] = Default::default();
        for readset in &self.sample.readsets {
            for (mate, (object, paths)) in (1..).zip(readset.objects.iter().zip(&mut lanes)) {
                let name = format!("{}_{mate}.fastq.gz", readset.id);
                let mut opened = self.handle.block_on(archive.open_object(&lease.permit(), object))?;
                plaintext::write(&folder.join(&name), &mut opened, &mut go_on)?;
                paths.push(json!(format!("/in/{name}")));
            }
        }
        let mut inputs: Map<String, Json> =
            self.inputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        for (role, input, object) in self.reference_files() {
            let mut opened = self.handle.block_on(archive.open_site_object(&lease.permit(), object))?;
            plaintext::write(&folder.join(role), &mut opened, &mut go_on)?;
            inputs.insert(input.to_owned(), json!(format!("/in/{role}")));
        }
        let [first, second] = lanes;
        let groups: Vec<&str> =
            self.sample.readsets.iter().map(|readset| base::Id::as_str(&readset.id)).collect();
        inputs.insert("sample_id".to_owned(), json!(self.sample.id));
        inputs.insert("read_group_ids".to_owned(), json!(groups));
        inputs.insert("fastq_1".to_owned(), Json::Array(first));
        inputs.insert("fastq_2".to_owned(), Json::Array(second));
        Ok(inputs)
    }

    /// What the scratch may come to hold: the reference, and compressed reads several times over.
    ///
    /// Clear text of reads is at most about eight times its compressed form; trimmed reads and
    /// alignments are compressed again, and the workflow keeps no text. It decides where the scratch
    /// lies, and bounds it when that is memory.
    pub(super) fn expected_bytes(&self, lease: &RunLease) -> Result<u64, Error> {
        let inner = &self.runs.inner;
        let permit = lease.permit();
        let reads: Vec<_> = permit.things().iter().cloned().collect();
        let files: Vec<_> = self.reference.files.iter().map(|file| file.object.clone()).collect();
        let reads = self.handle.block_on(inner.archive.describe(&permit, &reads))?;
        let files = self.handle.block_on(inner.archive.describe_site(&permit, &files))?;
        let total = |objects: &[archive::Object]| objects.iter().map(|o| o.plain_length).sum::<u64>();
        let bytes = total(&reads).saturating_mul(16).saturating_add(total(&files).saturating_mul(2));
        Ok(bytes.saturating_add(ROOM).min(inner.settings.limits.output_bytes))
    }

    /// Takes the declared outputs, each a whole file of its kind, holds them to the contract, and
    /// seals them.
    pub(super) fn seal_outputs(&self, scratch: &Scratch, lease: &RunLease) -> Result<Produced, Error> {
        let wanted = germline_outputs(self.sample.readsets.len());
        let declared: Vec<_> = wanted.iter().map(|output| output.declared.clone()).collect();
        let mut files = outputs::collect(&scratch.outputs(), &declared)?;
        let quality = self.hold_to_contract(&wanted, &mut files)?;
        let mut produced = Produced { kinds: Vec::new(), sealed: Vec::new(), headers: Vec::new(), quality };
        for file in &mut files {
            let output = wanted.iter().find(|output| output.declared.name == file.name);
            let Output { kind, declared } = output.ok_or(Error::Output("it was not declared"))?;
            file.file.rewind()?;
            let header = header::read(declared.kind, &file.file)?;
            file.file.rewind()?;
            let sealed = self.seal(kind, &mut file.file, lease)?;
            let of = |(form, text)| Header { object: sealed.id().clone(), form, text };
            produced.headers.extend(header.map(of));
            produced.sealed.push(sealed);
            produced.kinds.push(kind);
        }
        let figures = serde_json::to_vec(&produced.quality).map_err(|_| Error::Record)?;
        produced.sealed.push(self.seal("quality", &mut figures.as_slice(), lease)?);
        produced.kinds.push("quality");
        Ok(produced)
    }

    fn hold_to_contract(&self, wanted: &[Output], files: &mut [OutputFile]) -> Result<Quality, Error> {
        let mut find = |kind: &str| {
            let names: Vec<&str> = names_of(wanted, kind);
            files
                .iter_mut()
                .filter(|file| names.contains(&file.name.as_str()))
                .map(text_of)
                .collect::<Result<Vec<_>, _>>()
        };
        let trimming = find("trimming")?.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        let one = |texts: Vec<String>| texts.into_iter().next().ok_or(Error::Output("a report is missing"));
        let flagstat = parse(&one(find("flagstat")?)?)?;
        let index = parse(&one(find("counts")?)?)?;
        let (coverage, stats) = (one(find("coverage")?)?, one(find("alignment-stats")?)?);
        let calls = names_of(wanted, "variants");
        let vcf = files.iter_mut().find(|file| calls.contains(&file.name.as_str()));
        let vcf = vcf.ok_or(Error::Output("there are no variants"))?;
        vcf.file.rewind()?;
        let variant_records = contract::count_records(&vcf.file, base::Id::as_str(&self.sample.id))?;
        let taken_in: Vec<u64> = self.sample.readsets.iter().map(|readset| readset.reads).collect();
        let counts = Counts {
            taken_in: &taken_in,
            trimming: &trimming,
            flagstat: &flagstat,
            index: &index,
            variant_records,
        };
        contract::check(&counts)?;
        let from = quality::Sources {
            trimming: &trimming,
            flagstat: &flagstat,
            coverage: &coverage,
            stats: &stats,
            variant_records,
        };
        quality::read(&from)
    }

    fn seal(&self, kind: &'static str, from: &mut dyn Read, lease: &RunLease) -> Result<Sealed, Error> {
        let spec = Spec {
            kind,
            subject: Some(self.sample.subject.clone()),
            links: vec![self.sample.id.to_string(), self.id.to_string()],
        };
        let mut draft = self.runs.inner.archive.draft(&lease.permit(), spec)?;
        let mut buffer = vec![0u8; PIECE];
        loop {
            self.go_on(lease)?;
            let count = from.read(&mut buffer)?;
            match buffer.get(..count) {
                Some(piece) if !piece.is_empty() => draft.write_all(piece)?,
                _ => return Ok(draft.seal()?),
            }
        }
    }
}

fn names_of<'a>(wanted: &'a [Output], kind: &str) -> Vec<&'a str> {
    wanted.iter().filter(|output| output.kind == kind).map(|output| output.declared.name.as_str()).collect()
}

fn text_of(file: &mut OutputFile) -> Result<String, Error> {
    if file.len > LARGEST_REPORT {
        return Err(Error::Output("a report is too long"));
    }
    let mut text = String::new();
    file.file.rewind()?;
    (&mut file.file).take(LARGEST_REPORT).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Result<Json, Error> {
    serde_json::from_str(text).map_err(|_| Error::Output("a report is not JSON"))
}
