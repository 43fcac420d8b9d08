//! The only place that touches the VCF and BGZF codecs.
//!
//! The codec reads a cut BGZF as a clean end of file for many cut points, and a plain file cut
//! in a line as a short last line; so this module checks the end itself: the BGZF end marker, and
//! the newline of the last line. Lines are bounded, so that a small file cannot ask for much
//! memory.

use crate::{Error, Result};
use flate2::read::MultiGzDecoder;
use noodles::bgzf;
use noodles::vcf::{
    self as codec,
    variant::RecordBuf,
    variant::record_buf::{info, samples::Sample, samples::sample},
};
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

/// The marker that ends each whole BGZF file (SAM specification, 4.1.2).
pub(crate) const BGZF_END: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1b, 0, 0x03, 0, 0, 0, 0, 0,
    0, 0, 0, 0,
];
/// The longest line taken, in bytes.
const LINE_LIMIT: usize = 64 << 20;

/// One record, with what the lake takes from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub contig: String,
    /// From 1; 0 for a telomere.
    pub position: u64,
    pub reference: String,
    pub alternates: Vec<String>,
    pub id: Option<String>,
    pub quality: Option<f32>,
    pub filter: Option<String>,
    /// Entries of INFO/BCSQ.
    pub consequences: Vec<String>,
    pub calls: Vec<Call>,
}

/// What one sample has at a record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    pub alleles: Vec<Option<usize>>,
    pub genotype: String,
    pub depth: Option<u32>,
    /// Reads of each allele, the reference's first.
    pub allele_depths: Vec<Option<u32>>,
    pub genotype_quality: Option<u32>,
    /// FORMAT/BCSQ: which entries of INFO/BCSQ are this sample's; empty when not given.
    pub consequence_bits: Vec<i32>,
}

/// A VCF being read, checked to be whole at its end.
pub(crate) struct Reader<'a> {
    what: &'static str,
    inner: codec::io::Reader<BufReader<Lines<'a>>>,
    header: codec::Header,
    buffer: RecordBuf,
    records: u64,
    order: Option<Order>,
}

/// What a file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Calls of samples: plain or BGZF, contigs together and positions ascending.
    Calls,
    /// An annotation source: plain gzip too, in any order.
    Source,
}

impl<'a> Reader<'a> {
    /// Opens plain or BGZF text and reads the header. `what` names the file in errors.
    pub(crate) fn open(kind: Kind, what: &'static str, mut input: Box<dyn Read + 'a>) -> Result<Self> {
        let mut magic = Vec::with_capacity(4);
        input.by_ref().take(4).read_to_end(&mut magic).map_err(|source| Error::Read { what, source })?;
        let source = match magic.as_slice() {
            [0x1f, 0x8b, 0x08, flags] if flags & 4 == 0 => match kind {
                Kind::Calls => return Err(Error::NotBgzf { what }),
                Kind::Source => Source::Gzip(Box::new(MultiGzDecoder::new(Cursor::new(magic).chain(input)))),
            },
            [0x1f, 0x8b, ..] => {
                let inner = Cursor::new(magic).chain(input);
                Source::Bgzf(Box::new(bgzf::io::Reader::new(Tail { inner, last: Vec::new() })))
            }
            _ => Source::Plain(Cursor::new(magic).chain(input)),
        };
        let order = (kind == Kind::Calls).then(Order::default);
        let lines = Lines { source, last: None, in_line: 0 };
        let mut inner = codec::io::Reader::new(BufReader::with_capacity(64 << 10, lines));
        let header = read_header(&mut inner).map_err(|error| translate(what, 0, error))?;
        Ok(Self { what, inner, header, buffer: RecordBuf::default(), records: 0, order })
    }

    /// Names of the sample columns, in their order.
    pub(crate) fn sample_columns(&self) -> Vec<String> {
        self.header.sample_names().iter().cloned().collect()
    }

    /// Records read so far.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// The next record's place and alleles and whatever `pick` takes of it; nothing at the end,
    /// once the file has been found whole.
    pub(crate) fn next<T>(&mut self, pick: impl FnOnce(&Site<'_>) -> T) -> Result<Option<T>> {
        let what = self.what;
        let read = self
            .inner
            .read_record_buf(&self.header, &mut self.buffer)
            .map_err(|error| translate(what, self.records + 1, error))?;
        if read == 0 {
            self.check_end()?;
            return Ok(None);
        }
        self.records += 1;
        let site = Site { record: &self.buffer };
        site.check(&self.header)
            .and_then(|()| self.order.as_mut().map_or(Ok(()), |order| order.check(&site)))
            .map_err(|why| Error::Malformed { what, record: self.records, why })?;
        Ok(Some(pick(&site)))
    }

    /// The error for the record just read.
    pub(crate) fn malformed(&self, why: &'static str) -> Error {
        Error::Malformed { what: self.what, record: self.records, why }
    }

    fn check_end(&mut self) -> Result<()> {
        let what = self.what;
        let lines = self.inner.get_mut().get_mut();
        if lines.last.is_some_and(|byte| byte != b'\n') {
            return Err(Error::Cut { what, how: "its last line does not end" });
        }
        match &mut lines.source {
            Source::Bgzf(reader) if reader.get_ref().last.as_slice() != BGZF_END.as_slice() => {
                Err(Error::Cut { what, how: "the BGZF end marker is missing" })
            }
            _ => Ok(()),
        }
    }
}

/// Reads the header line by line. `bcftools csq` writes a tab and a newline as `\\t` and `\\n` in
/// the description of FORMAT/BCSQ, which the specification has no such escapes for and the codec
/// refuses: here they are kept as a backslash and a letter.
fn read_header(reader: &mut codec::io::Reader<BufReader<Lines<'_>>>) -> io::Result<codec::Header> {
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut source = reader.header_reader();
    let mut parser = codec::header::Parser::default();
    let mut line = Vec::new();
    let mut total = 0usize;
    while source.read_until(b'\n', &mut line)? > 0 {
        total = total.saturating_add(line.len());
        if total > LINE_LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        parser.parse_partial(&with_known_escapes(text)).map_err(invalid)?;
        line.clear();
    }
    parser.finish().map_err(invalid)
}

/// The line with each backslash doubled that escapes neither a quotation mark nor a backslash.
fn with_known_escapes(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        out.push(byte);
        if byte == b'\\' {
            match bytes.next_if(|next| matches!(next, b'"' | b'\\')) {
                Some(escaped) => out.push(escaped),
                None => out.push(b'\\'),
            }
        }
    }
    out
}

/// The order in which calls must come.
#[derive(Default)]
struct Order {
    done: HashSet<String>,
    contig: String,
    position: u64,
}

impl Order {
    fn check(&mut self, site: &Site<'_>) -> std::result::Result<(), &'static str> {
        let contig = site.record.reference_sequence_name();
        if contig != self.contig {
            if self.done.contains(contig) {
                return Err("the contig's records do not stand together");
            }
            self.done.insert(std::mem::replace(&mut self.contig, contig.to_owned()));
            self.position = 0;
        }
        if site.position() < self.position {
            return Err("it lies before the record above it");
        }
        self.position = site.position();
        Ok(())
    }
}

/// A record as read, before anything is taken from it.
pub(crate) struct Site<'a> {
    record: &'a RecordBuf,
}

impl Site<'_> {
    /// The place and alleles alone.
    pub(crate) fn place(&self) -> Record {
        Record {
            contig: self.record.reference_sequence_name().to_owned(),
            position: self.position(),
            reference: self.record.reference_bases().to_ascii_uppercase(),
            alternates: self.record.alternate_bases().as_ref().iter().map(|a| upper(a)).collect(),
            id: joined(self.record.ids().as_ref().iter()),
            ..Record::default()
        }
    }

    /// Everything that the lake takes.
    pub(crate) fn whole(&self) -> Record {
        let calls: Vec<_> = self.record.samples().values().map(|sample| call(&sample)).collect();
        let mut record = Record {
            quality: self.record.quality_score().filter(|quality| quality.is_finite()),
            filter: joined(self.record.filters().as_ref().iter()),
            consequences: self.texts("BCSQ"),
            calls,
            ..self.place()
        };
        self.complete_single_call(&mut record);
        record
    }

    /// The values of an INFO field as texts; empty when absent.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        use info::field::{Value, value::Array};
        let split = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        match self.record.info().get(key).flatten() {
            Some(Value::String(text)) => split(text),
            Some(Value::Array(Array::String(texts))) => texts.iter().flatten().cloned().collect(),
            Some(Value::Integer(n)) => vec![n.to_string()],
            Some(Value::Character(c)) => vec![c.to_string()],
            _ => Vec::new(),
        }
    }

    /// The values of a numeric INFO field; `None` for a missing one, empty when absent.
    pub(crate) fn numbers(&self, key: &str) -> Vec<Option<f64>> {
        use info::field::{Value, value::Array};
        let finite = |x: f32| Some(precise(x)).filter(|x| x.is_finite());
        match self.record.info().get(key).flatten() {
            Some(Value::Integer(n)) => vec![Some(f64::from(*n))],
            Some(Value::Float(x)) => vec![finite(*x)],
            Some(Value::Array(Array::Integer(ns))) => ns.iter().map(|n| n.map(f64::from)).collect(),
            Some(Value::Array(Array::Float(xs))) => xs.iter().map(|x| x.and_then(finite)).collect(),
            // An undeclared field is text.
            Some(Value::String(text)) => text.split(',').map(|part| part.parse().ok()).collect(),
            _ => Vec::new(),
        }
    }

    fn position(&self) -> u64 {
        self.record.variant_start().map_or(0, |position| position.get() as u64)
    }

    /// What the specification demands and the codec does not check.
    fn check(&self, header: &codec::Header) -> std::result::Result<(), &'static str> {
        let reference = self.record.reference_bases();
        if reference.is_empty() || !reference.bytes().all(is_base) {
            return Err("the reference allele holds something else than bases");
        }
        let alternates = self.record.alternate_bases();
        if !alternates.as_ref().iter().all(|alternate| is_alternate(alternate)) {
            return Err("an alternate allele is neither bases nor a symbol nor a breakend");
        }
        if !is_contig(self.record.reference_sequence_name()) {
            return Err("the contig's name holds a character that names may not hold");
        }
        if self.record.quality_score().is_some_and(|quality| quality < 0.0) {
            return Err("the quality is below zero");
        }
        if !self.record.ids().as_ref().iter().all(|id| is_word(id)) {
            return Err("an identifier is empty or holds a space");
        }
        let filters = self.record.filters().as_ref();
        let alone = |filter: &str| matches!(filter, "PASS" | "." | "0");
        if !filters.iter().all(|filter| is_word(filter) && (filters.len() == 1 || !alone(filter))) {
            return Err("a filter's name is not allowed");
        }
        self.check_numbers(alternates.as_ref().len() + 1)?;
        let length =
            header.contigs().get(self.record.reference_sequence_name()).and_then(|contig| contig.length());
        // One position behind the end is the telomere's.
        if length.is_some_and(|length| self.position() > length as u64 + 1) {
            return Err("the position lies behind the contig's end");
        }
        if self.record.samples().values().count() > header.sample_names().len() {
            return Err("more sample columns than the header names");
        }
        Ok(())
    }

    /// AD has a value for each allele, PL one for each genotype of one or two alleles.
    fn check_numbers(&self, alleles: usize) -> std::result::Result<(), &'static str> {
        for sample in self.record.samples().values() {
            let given = |key: &str| match integers(&sample, key) {
                values if values.iter().all(Option::is_none) => None,
                values => Some(values.len()),
            };
            if given("AD").is_some_and(|n| n != alleles) {
                return Err("a sample has another number of allele depths than the record has alleles");
            }
            let genotypes = match genotype(&sample).0.len() {
                1 => alleles,
                2 => alleles * (alleles + 1) / 2,
                _ => continue,
            };
            if given("PL").is_some_and(|n| n != genotypes) {
                return Err("a sample has another number of likelihoods than there are genotypes");
            }
        }
        Ok(())
    }

    /// With one sample, site-wide INFO/DP and INFO/DP4 are that sample's.
    fn complete_single_call(&self, record: &mut Record) {
        let [call] = record.calls.as_mut_slice() else { return };
        if call.allele_depths.is_empty()
            && record.alternates.len() == 1
            && let [Some(a), Some(b), Some(c), Some(d)] = self.numbers("DP4").as_slice()
        {
            call.allele_depths = vec![whole_number(a + b), whole_number(c + d)];
        }
        if call.depth.is_none() {
            let total = call.allele_depths.iter().flatten().fold(0u32, |sum, n| sum.saturating_add(*n));
            call.depth = match self.numbers("DP").first() {
                Some(Some(depth)) => whole_number(*depth),
                _ => Some(total).filter(|_| !call.allele_depths.is_empty()),
            };
        }
    }
}

fn call(sample: &Sample<'_>) -> Call {
    let (alleles, genotype) = genotype(sample);
    let counts = |key: &str| -> Vec<Option<u32>> {
        integers(sample, key).into_iter().map(|n| n.and_then(|n| u32::try_from(n).ok())).collect()
    };
    let first = |key: &str| counts(key).first().copied().flatten();
    let allele_depths = counts("AD");
    Call {
        depth: first("DP"),
        genotype_quality: first("GQ").or_else(|| quality_from_likelihoods(&integers(sample, "PL"))),
        consequence_bits: integers(sample, "BCSQ").into_iter().flatten().collect(),
        alleles,
        genotype,
        allele_depths,
    }
}

fn genotype(sample: &Sample<'_>) -> (Vec<Option<usize>>, String) {
    use codec::variant::record::samples::series::value::genotype::Phasing;
    // An undeclared GT is text.
    let genotype: sample::value::Genotype = match sample.get("GT").flatten() {
        Some(sample::Value::Genotype(genotype)) => genotype.clone(),
        Some(sample::Value::String(text)) => text.parse().unwrap_or_default(),
        _ => return (Vec::new(), String::new()),
    };
    let mut text = String::new();
    let mut alleles = Vec::new();
    for (i, allele) in genotype.as_ref().iter().enumerate() {
        if i > 0 {
            text.push(if allele.phasing() == Phasing::Phased { '|' } else { '/' });
        }
        match allele.position() {
            Some(n) => text.push_str(&n.to_string()),
            None => text.push('.'),
        }
        alleles.push(allele.position());
    }
    (alleles, text)
}

fn integers(sample: &Sample<'_>, key: &str) -> Vec<Option<i32>> {
    use sample::{Value, value::Array};
    match sample.get(key).flatten() {
        Some(Value::Integer(n)) => vec![Some(*n)],
        Some(Value::Float(x)) => vec![Some(x.round() as i32)],
        Some(Value::Array(Array::Integer(ns))) => ns.clone(),
        Some(Value::String(text)) => text.split(',').map(|part| part.parse().ok()).collect(),
        _ => Vec::new(),
    }
}

/// The distance of the second likeliest genotype from the likeliest, at most 99.
fn quality_from_likelihoods(likelihoods: &[Option<i32>]) -> Option<u32> {
    let mut known: Vec<i32> = likelihoods.iter().copied().collect::<Option<_>>()?;
    known.sort_unstable();
    match known.as_slice() {
        [best, second, ..] => u32::try_from(second.saturating_sub(*best)).ok().map(|q| q.min(99)),
        _ => None,
    }
}

/// The decimal number that was written, not the binary neighbour of it: `0.01` stays `0.01`.
fn precise(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

fn whole_number(x: f64) -> Option<u32> {
    (x.is_finite() && x >= 0.0 && x <= f64::from(u32::MAX)).then_some(x as u32)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

/// VCF 4.3's rule, which allows what HLA contigs are called; `<…>` names an assembly's contig.
fn is_contig(name: &str) -> bool {
    let inner = name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(name);
    let forbidden = ['\\', ',', '"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>'];
    is_word(inner) && !inner.starts_with(['*', '=']) && !inner.contains(forbidden)
}

fn is_base(byte: u8) -> bool {
    matches!(byte.to_ascii_uppercase(), b'A' | b'C' | b'G' | b'T' | b'N')
}

fn is_alternate(text: &str) -> bool {
    let symbol = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    match symbol {
        Some(name) => !name.is_empty() && !name.contains(['<', '>', ',', ' ']),
        None if text == "*" => true,
        None if text.contains(['[', ']']) => is_breakend(text),
        // A single breakend has a dot at one end.
        None => {
            let bases = text.strip_prefix('.').or_else(|| text.strip_suffix('.')).unwrap_or(text);
            !bases.is_empty() && bases.bytes().all(is_base)
        }
    }
}

/// `t[p[`, `t]p]`, `]p]t` or `[p[t`: bases, and a place between two equal brackets.
fn is_breakend(text: &str) -> bool {
    let bracket = if text.contains('[') { '[' } else { ']' };
    let parts: Vec<&str> = text.split(bracket).collect();
    let is_place = |place: &str| {
        place.rsplit_once(':').is_some_and(|(contig, position)| {
            !contig.is_empty() && !position.is_empty() && position.bytes().all(|b| b.is_ascii_digit())
        })
    };
    match parts.as_slice() {
        [bases, place, ""] | ["", place, bases] => {
            !bases.is_empty() && bases.bytes().all(|b| is_base(b) || b == b'.') && is_place(place)
        }
        _ => false,
    }
}

/// Bases in upper case; symbols and breakends as they are.
fn upper(alternate: &str) -> String {
    if alternate.bytes().all(is_base) { alternate.to_ascii_uppercase() } else { alternate.to_owned() }
}

fn joined<'a>(texts: impl Iterator<Item = &'a String>) -> Option<String> {
    let texts: Vec<&str> = texts.map(String::as_str).collect();
    if texts.is_empty() { None } else { Some(texts.join(";")) }
}

/// The codec's messages can quote a line, so they are not passed on.
fn translate(what: &'static str, record: u64, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Cut { what, how: "a compressed block or a line ends early" },
        io::ErrorKind::FileTooLarge => Error::Malformed { what, record, why: "a line is longer than 64 MiB" },
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            let why = if record == 0 { "the header does not parse" } else { "the line does not parse" };
            Error::Malformed { what, record, why }
        }
        _ => Error::Read { what, source: error },
    }
}

type Input<'a> = Chain<Cursor<Vec<u8>>, Box<dyn Read + 'a>>;

enum Source<'a> {
    Plain(Input<'a>),
    Gzip(Box<MultiGzDecoder<Input<'a>>>),
    Bgzf(Box<bgzf::io::Reader<Tail<Input<'a>>>>),
}

/// Keeps the last bytes that went through.
struct Tail<R> {
    inner: R,
    last: Vec<u8>,
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let read = buffer.get(..n).unwrap_or_default();
        let fresh = read.get(n.saturating_sub(BGZF_END.len())..).unwrap_or_default();
        let keep = BGZF_END.len().saturating_sub(fresh.len());
        self.last.drain(..self.last.len().saturating_sub(keep));
        self.last.extend_from_slice(fresh);
        Ok(n)
    }
}

/// Plain text, with bounded lines and the last byte remembered.
struct Lines<'a> {
    source: Source<'a>,
    last: Option<u8>,
    in_line: usize,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = match &mut self.source {
            Source::Plain(inner) => inner.read(buffer)?,
            Source::Gzip(inner) => inner.read(buffer)?,
            Source::Bgzf(inner) => inner.read(buffer)?,
        };
        let read = buffer.get(..n).unwrap_or_default();
        self.last = read.last().copied().or(self.last);
        self.in_line = match read.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => n - newline - 1,
            None => self.in_line.saturating_add(n),
        };
        if self.in_line > LINE_LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(n)
    }
}
