//! The columns of a part, and rows to and from them.

use crate::consequence::{Consequence, Severity};
use crate::significance::Class;
use crate::{Row, Zygosity};
use arrow_array::builder::{
    BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    StructBuilder, make_builder,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray, cast::AsArray, types,
};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use parquet::errors::ParquetError;
use std::sync::Arc;

/// The places of the columns by which rows are sorted.
pub(super) const SORTED: [i32; 2] = [1, 2];

/// The columns. `consequence` to `gene` repeat the first entry of `consequences`, and `end` is the
/// last base of the reference allele, so that row groups have statistics of them and simple
/// readers need neither lists nor arithmetic.
pub(super) fn schema() -> SchemaRef {
    let must = |name: &str, kind: DataType| Field::new(name, kind, false);
    let may = |name: &str, kind: DataType| Field::new(name, kind, true);
    let entry = Field::new("item", DataType::Struct(entry_fields()), false);
    Arc::new(Schema::new(vec![
        must("sample", DataType::Utf8),
        must("contig", DataType::Utf8),
        must("position", DataType::Int64),
        must("end", DataType::Int64),
        must("reference", DataType::Utf8),
        must("alternate", DataType::Utf8),
        may("id", DataType::Utf8),
        may("quality", DataType::Float32),
        may("filter", DataType::Utf8),
        must("genotype", DataType::Utf8),
        must("zygosity", DataType::Utf8),
        may("depth", DataType::Int32),
        may("reference_depth", DataType::Int32),
        may("alternate_depth", DataType::Int32),
        may("allele_fraction", DataType::Float32),
        may("genotype_quality", DataType::Int32),
        may("consequence", DataType::Utf8),
        may("severity", DataType::Int32),
        may("impact", DataType::Utf8),
        may("gene", DataType::Utf8),
        must("consequences", DataType::List(Arc::new(entry))),
        may("allele_frequency", DataType::Float64),
        may("significance", DataType::Utf8),
        may("significance_class", DataType::Utf8),
        must("conditions", DataType::List(Arc::new(must("item", DataType::Utf8)))),
        may("review_status", DataType::Utf8),
        must("frequency_source", DataType::Boolean),
        must("significance_source", DataType::Boolean),
    ]))
}

fn entry_fields() -> Fields {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    Fields::from(vec![
        text("terms", false),
        Field::new("severity", DataType::Int32, false),
        Field::new("behind_stop", DataType::Boolean, false),
        text("gene", true),
        text("transcript", true),
        text("biotype", true),
        text("strand", true),
        text("amino_acid_change", true),
        text("dna_change", true),
        Field::new("compound", DataType::Boolean, false),
    ])
}

/// Rows as columns.
pub(super) fn batch(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch, ParquetError> {
    let columns = vec![
        texts(rows, |row| Some(row.sample.to_string())),
        texts(rows, |row| Some(&row.contig)),
        positions(rows, |row| row.position),
        positions(rows, Row::end),
        texts(rows, |row| Some(&row.reference)),
        texts(rows, |row| Some(&row.alternate)),
        texts(rows, |row| row.id.as_ref()),
        floats(rows, |row| row.quality),
        texts(rows, |row| row.filter.as_ref()),
        texts(rows, |row| Some(&row.genotype)),
        texts(rows, |row| Some(row.zygosity.as_str())),
        counts(rows, |row| row.depth),
        counts(rows, |row| row.reference_depth),
        counts(rows, |row| row.alternate_depth),
        floats(rows, |row| row.allele_fraction),
        counts(rows, |row| row.genotype_quality),
        texts(rows, |row| row.top().map(|top| &top.terms)),
        counts(rows, |row| row.severity().map(|severity| u32::from(severity.place()))),
        texts(rows, |row| row.severity().map(|severity| severity.term().impact.as_str())),
        texts(rows, |row| row.top().and_then(|top| top.gene.as_ref())),
        consequences(rows)?,
        frequencies(rows),
        texts(rows, |row| row.significance.as_ref()),
        texts(rows, |row| row.significance_class.map(Class::as_str)),
        conditions(rows),
        texts(rows, |row| row.review_status.as_ref()),
        flags(rows, |row| row.frequency_source),
        flags(rows, |row| row.significance_source),
    ];
    RecordBatch::try_new(schema.clone(), columns).map_err(internal)
}

fn internal(error: ArrowError) -> ParquetError {
    ParquetError::ArrowError(error.to_string())
}

fn texts<'r, T: AsRef<str>>(rows: &'r [Row], get: impl Fn(&'r Row) -> Option<T>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    rows.iter().for_each(|row| builder.append_option(get(row)));
    Arc::new(builder.finish())
}

fn floats(rows: &[Row], get: impl Fn(&Row) -> Option<f32>) -> ArrayRef {
    let mut builder = Float32Builder::new();
    rows.iter().for_each(|row| builder.append_option(get(row)));
    Arc::new(builder.finish())
}

fn frequencies(rows: &[Row]) -> ArrayRef {
    let mut builder = Float64Builder::new();
    rows.iter().for_each(|row| builder.append_option(row.allele_frequency));
    Arc::new(builder.finish())
}

fn positions(rows: &[Row], get: impl Fn(&Row) -> u64) -> ArrayRef {
    let mut builder = Int64Builder::new();
    rows.iter().for_each(|row| builder.append_value(i64::try_from(get(row)).unwrap_or(i64::MAX)));
    Arc::new(builder.finish())
}

fn counts(rows: &[Row], get: impl Fn(&Row) -> Option<u32>) -> ArrayRef {
    let mut builder = Int32Builder::new();
    rows.iter().for_each(|row| builder.append_option(get(row).map(|n| i32::try_from(n).unwrap_or(i32::MAX))));
    Arc::new(builder.finish())
}

fn flags(rows: &[Row], get: impl Fn(&Row) -> bool) -> ArrayRef {
    let mut builder = BooleanBuilder::new();
    rows.iter().for_each(|row| builder.append_value(get(row)));
    Arc::new(builder.finish())
}

fn conditions(rows: &[Row]) -> ArrayRef {
    let item = Field::new("item", DataType::Utf8, false);
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item);
    for row in rows {
        row.conditions.iter().for_each(|id| builder.values().append_value(id));
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn consequences(rows: &[Row]) -> Result<ArrayRef, ParquetError> {
    let fields = entry_fields();
    let builders = fields.iter().map(|field| make_builder(field.data_type(), rows.len())).collect();
    let item = Field::new("item", DataType::Struct(fields.clone()), false);
    let mut builder = ListBuilder::new(StructBuilder::new(fields, builders)).with_field(item);
    for row in rows {
        for consequence in &row.consequences {
            append(builder.values(), consequence).ok_or_else(|| {
                ParquetError::General("the consequence columns do not fit their builders".to_owned())
            })?;
        }
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}

fn append(entry: &mut StructBuilder, consequence: &Consequence) -> Option<()> {
    entry.field_builder::<StringBuilder>(0)?.append_value(&consequence.terms);
    entry.field_builder::<Int32Builder>(1)?.append_value(i32::from(consequence.severity.place()));
    entry.field_builder::<BooleanBuilder>(2)?.append_value(consequence.behind_stop);
    let texts = [
        &consequence.gene,
        &consequence.transcript,
        &consequence.biotype,
        &consequence.strand,
        &consequence.amino_acid_change,
        &consequence.dna_change,
    ];
    for (i, text) in texts.into_iter().enumerate() {
        entry.field_builder::<StringBuilder>(i + 3)?.append_option(text.as_ref());
    }
    entry.field_builder::<BooleanBuilder>(9)?.append_value(consequence.compound);
    entry.append(true);
    Some(())
}

/// Columns as rows; nothing when a value is not what this room writes.
pub(super) fn rows(batch: &RecordBatch) -> Option<Vec<Row>> {
    let columns = Columns::of(batch)?;
    (0..batch.num_rows()).map(|i| columns.row(i)).collect()
}

/// The columns of a batch, found and typed once.
struct Columns<'a> {
    sample: &'a StringArray,
    contig: &'a StringArray,
    position: &'a Int64Array,
    reference: &'a StringArray,
    alternate: &'a StringArray,
    id: &'a StringArray,
    quality: &'a Float32Array,
    filter: &'a StringArray,
    genotype: &'a StringArray,
    zygosity: &'a StringArray,
    depth: &'a Int32Array,
    reference_depth: &'a Int32Array,
    alternate_depth: &'a Int32Array,
    allele_fraction: &'a Float32Array,
    genotype_quality: &'a Int32Array,
    consequences: &'a ListArray,
    entries: Entries<'a>,
    allele_frequency: &'a Float64Array,
    significance: &'a StringArray,
    significance_class: &'a StringArray,
    conditions: &'a ListArray,
    condition: &'a StringArray,
    review_status: &'a StringArray,
    frequency_source: &'a BooleanArray,
    significance_source: &'a BooleanArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let float = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<types::Float32Type>();
        let count = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<types::Int32Type>();
        let flag = |name: &str| batch.column_by_name(name)?.as_boolean_opt();
        let list = |name: &str| batch.column_by_name(name)?.as_list_opt::<i32>();
        let consequences = list("consequences")?;
        let conditions = list("conditions")?;
        Some(Self {
            sample: text("sample")?,
            contig: text("contig")?,
            position: batch.column_by_name("position")?.as_primitive_opt::<types::Int64Type>()?,
            reference: text("reference")?,
            alternate: text("alternate")?,
            id: text("id")?,
            quality: float("quality")?,
            filter: text("filter")?,
            genotype: text("genotype")?,
            zygosity: text("zygosity")?,
            depth: count("depth")?,
            reference_depth: count("reference_depth")?,
            alternate_depth: count("alternate_depth")?,
            allele_fraction: float("allele_fraction")?,
            genotype_quality: count("genotype_quality")?,
            entries: Entries::of(consequences.values().as_struct_opt()?)?,
            consequences,
            allele_frequency: batch
                .column_by_name("allele_frequency")?
                .as_primitive_opt::<types::Float64Type>()?,
            significance: text("significance")?,
            significance_class: text("significance_class")?,
            condition: conditions.values().as_string_opt::<i32>()?,
            conditions,
            review_status: text("review_status")?,
            frequency_source: flag("frequency_source")?,
            significance_source: flag("significance_source")?,
        })
    }

    fn row(&self, i: usize) -> Option<Row> {
        let conditions = range(self.conditions, i)?;
        let class = self.significance_class;
        Some(Row {
            sample: self.sample.value(i).parse().ok()?,
            contig: self.contig.value(i).to_owned(),
            position: u64::try_from(self.position.value(i)).ok()?,
            reference: self.reference.value(i).to_owned(),
            alternate: self.alternate.value(i).to_owned(),
            id: text(self.id, i),
            quality: float(self.quality, i),
            filter: text(self.filter, i),
            genotype: self.genotype.value(i).to_owned(),
            zygosity: zygosity(self.zygosity.value(i))?,
            depth: count(self.depth, i),
            reference_depth: count(self.reference_depth, i),
            alternate_depth: count(self.alternate_depth, i),
            allele_fraction: float(self.allele_fraction, i),
            genotype_quality: count(self.genotype_quality, i),
            consequences: range(self.consequences, i)?.map(|i| self.entries.get(i)).collect(),
            allele_frequency: self.allele_frequency.is_valid(i).then(|| self.allele_frequency.value(i)),
            significance: text(self.significance, i),
            significance_class: class.is_valid(i).then(|| class.value(i).parse()).transpose().ok()?,
            conditions: conditions.map(|i| self.condition.value(i).to_owned()).collect(),
            review_status: text(self.review_status, i),
            frequency_source: self.frequency_source.value(i),
            significance_source: self.significance_source.value(i),
        })
    }
}

/// The columns of the consequence entries.
struct Entries<'a> {
    terms: &'a StringArray,
    severity: &'a Int32Array,
    behind_stop: &'a BooleanArray,
    gene: &'a StringArray,
    transcript: &'a StringArray,
    biotype: &'a StringArray,
    strand: &'a StringArray,
    amino_acid_change: &'a StringArray,
    dna_change: &'a StringArray,
    compound: &'a BooleanArray,
}

impl<'a> Entries<'a> {
    fn of(entries: &'a StructArray) -> Option<Self> {
        let text = |name: &str| entries.column_by_name(name)?.as_string_opt::<i32>();
        let flag = |name: &str| entries.column_by_name(name)?.as_boolean_opt();
        Some(Self {
            terms: text("terms")?,
            severity: entries.column_by_name("severity")?.as_primitive_opt::<types::Int32Type>()?,
            behind_stop: flag("behind_stop")?,
            gene: text("gene")?,
            transcript: text("transcript")?,
            biotype: text("biotype")?,
            strand: text("strand")?,
            amino_acid_change: text("amino_acid_change")?,
            dna_change: text("dna_change")?,
            compound: flag("compound")?,
        })
    }

    fn get(&self, i: usize) -> Consequence {
        Consequence {
            terms: self.terms.value(i).to_owned(),
            severity: Severity::from_place(self.severity.value(i)),
            behind_stop: self.behind_stop.value(i),
            gene: text(self.gene, i),
            transcript: text(self.transcript, i),
            biotype: text(self.biotype, i),
            strand: text(self.strand, i),
            amino_acid_change: text(self.amino_acid_change, i),
            dna_change: text(self.dna_change, i),
            compound: self.compound.value(i),
        }
    }
}

fn text(column: &StringArray, i: usize) -> Option<String> {
    column.is_valid(i).then(|| column.value(i).to_owned())
}

fn float(column: &Float32Array, i: usize) -> Option<f32> {
    column.is_valid(i).then(|| column.value(i))
}

fn count(column: &Int32Array, i: usize) -> Option<u32> {
    column.is_valid(i).then(|| u32::try_from(column.value(i)).ok()).flatten()
}

/// The places of the entries of list `i`.
fn range(list: &ListArray, i: usize) -> Option<std::ops::Range<usize>> {
    let offsets = list.value_offsets();
    let offset = |i: usize| usize::try_from(*offsets.get(i)?).ok();
    Some(offset(i)?..offset(i + 1)?)
}

fn zygosity(text: &str) -> Option<Zygosity> {
    Zygosity::ALL.iter().copied().find(|zygosity| zygosity.as_str() == text)
}
