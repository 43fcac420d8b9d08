//! The columns of a part, and rows to and from them.

use crate::consequence::{Consequence, Severity};
use crate::significance::Class;
use crate::{Row, Zygosity};
use arrow_array::builder::{
    BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    StructBuilder, make_builder,
};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, cast::AsArray, types};
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
    let columns = Columns { batch };
    (0..batch.num_rows()).map(|i| columns.row(i)).collect()
}

struct Columns<'a> {
    batch: &'a RecordBatch,
}

impl Columns<'_> {
    fn row(&self, i: usize) -> Option<Row> {
        Some(Row {
            sample: self.text("sample", i)?.parse().ok()?,
            contig: self.text("contig", i)?,
            position: self.position(i)?,
            reference: self.text("reference", i)?,
            alternate: self.text("alternate", i)?,
            id: self.text("id", i),
            quality: self.float("quality", i),
            filter: self.text("filter", i),
            genotype: self.text("genotype", i)?,
            zygosity: zygosity(&self.text("zygosity", i)?)?,
            depth: self.count("depth", i),
            reference_depth: self.count("reference_depth", i),
            alternate_depth: self.count("alternate_depth", i),
            allele_fraction: self.float("allele_fraction", i),
            genotype_quality: self.count("genotype_quality", i),
            consequences: self.consequences(i)?,
            allele_frequency: self.frequency(i),
            significance: self.text("significance", i),
            significance_class: self.text("significance_class", i).and_then(|text| text.parse().ok()),
            conditions: self.conditions(i)?,
            review_status: self.text("review_status", i),
            frequency_source: self.flag("frequency_source", i)?,
            significance_source: self.flag("significance_source", i)?,
        })
    }

    fn column(&self, name: &str, i: usize) -> Option<&ArrayRef> {
        self.batch.column_by_name(name).filter(|column| i < column.len() && column.is_valid(i))
    }

    fn text(&self, name: &str, i: usize) -> Option<String> {
        Some(self.column(name, i)?.as_string_opt::<i32>()?.value(i).to_owned())
    }

    fn float(&self, name: &str, i: usize) -> Option<f32> {
        Some(self.column(name, i)?.as_primitive_opt::<types::Float32Type>()?.value(i))
    }

    fn frequency(&self, i: usize) -> Option<f64> {
        Some(self.column("allele_frequency", i)?.as_primitive_opt::<types::Float64Type>()?.value(i))
    }

    fn count(&self, name: &str, i: usize) -> Option<u32> {
        let n = self.column(name, i)?.as_primitive_opt::<types::Int32Type>()?.value(i);
        u32::try_from(n).ok()
    }

    fn position(&self, i: usize) -> Option<u64> {
        let n = self.column("position", i)?.as_primitive_opt::<types::Int64Type>()?.value(i);
        u64::try_from(n).ok()
    }

    fn flag(&self, name: &str, i: usize) -> Option<bool> {
        Some(self.column(name, i)?.as_boolean_opt()?.value(i))
    }

    fn conditions(&self, i: usize) -> Option<Vec<String>> {
        let list = self.column("conditions", i)?.as_list_opt::<i32>()?.value(i);
        let texts = list.as_string_opt::<i32>()?;
        Some(texts.iter().flatten().map(str::to_owned).collect())
    }

    fn consequences(&self, i: usize) -> Option<Vec<Consequence>> {
        let list = self.column("consequences", i)?.as_list_opt::<i32>()?.value(i);
        let entries = list.as_struct_opt()?;
        (0..entries.len()).map(|i| consequence(entries, i)).collect()
    }
}

fn consequence(entries: &StructArray, i: usize) -> Option<Consequence> {
    let column = |name: &str| entries.column_by_name(name).filter(|column| column.is_valid(i));
    let text = |name: &str| Some(column(name)?.as_string_opt::<i32>()?.value(i).to_owned());
    let flag = |name: &str| Some(column(name)?.as_boolean_opt()?.value(i));
    let place = column("severity")?.as_primitive_opt::<types::Int32Type>()?.value(i);
    Some(Consequence {
        terms: text("terms")?,
        severity: Severity::from_place(place),
        behind_stop: flag("behind_stop")?,
        gene: text("gene"),
        transcript: text("transcript"),
        biotype: text("biotype"),
        strand: text("strand"),
        amino_acid_change: text("amino_acid_change"),
        dna_change: text("dna_change"),
        compound: flag("compound")?,
    })
}

fn zygosity(text: &str) -> Option<Zygosity> {
    Zygosity::ALL.iter().copied().find(|zygosity| zygosity.as_str() == text)
}
