//! The shipped workflows, their parameters and their outputs.

use crate::Error;
use crate::error::shown;
use crate::recipe;
use base::Blake3;
use executor::{Declared, OutputKind};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A shipped workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workflow {
    /// Its name, which is also the name in its text.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
}

/// Reads of one sample to annotated small variants.
pub const GERMLINE: Workflow =
    Workflow { name: "germline", source: include_str!("../../../workflows/germline.wdl") };
/// A reference and its companions.
pub const INDEX: Workflow = Workflow { name: "index", source: include_str!("../../../workflows/index.wdl") };

/// A parameter that a person may set: its name and the values it takes.
struct Parameter {
    name: &'static str,
    values: Values,
}

enum Values {
    Between(u64, u64),
    OneOf(&'static [&'static str]),
}

const PARAMETERS: &[Parameter] = &[
    Parameter { name: "threads", values: Values::Between(1, 256) },
    Parameter { name: "sort_memory_mib", values: Values::Between(64, 65_536) },
    Parameter { name: "min_trim_quality", values: Values::Between(0, 60) },
    Parameter { name: "min_read_length", values: Values::Between(15, 1000) },
    Parameter { name: "min_base_quality", values: Values::Between(0, 60) },
    Parameter { name: "min_mapping_quality", values: Values::Between(0, 60) },
    Parameter { name: "max_depth", values: Values::Between(1, 1_000_000) },
    Parameter { name: "min_call_quality", values: Values::Between(0, 1000) },
    Parameter { name: "ploidy", values: Values::OneOf(&["1", "2", "GRCh37", "GRCh38"]) },
    Parameter { name: "sex", values: Values::OneOf(&["F", "M"]) },
];

impl Workflow {
    /// The workflow of this name that runs on samples.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name {
            "germline" => Ok(GERMLINE),
            _ => Err(Error::Unknown { what: "workflow", name: shown(name), known: GERMLINE.name.to_owned() }),
        }
    }

    /// BLAKE3 of its text: what receipts name it by.
    pub fn digest(&self) -> Blake3 {
        Blake3(blake3::hash(self.source.as_bytes()).into())
    }

    /// The names of the tools that a job that runs it must hold.
    pub fn tools(&self) -> Result<Vec<String>, Error> {
        recipe::tools_of(self.name)
    }
}

/// Checks what a person set and gives it as the workflow's inputs, by their bare names.
///
/// Errors name the first parameter that there is not, or whose value is out of bounds.
pub(crate) fn parameters(
    set: &BTreeMap<String, String>,
    cpus: u32,
) -> Result<BTreeMap<&'static str, Json>, Error> {
    let mut checked = BTreeMap::new();
    for (name, value) in set {
        let refuse = |expected: String| Error::Parameter { name: shown(name), expected };
        let Some(known) = PARAMETERS.iter().find(|known| known.name == name) else {
            let names: Vec<&str> = PARAMETERS.iter().map(|p| p.name).collect();
            return Err(refuse(format!("one of {}", names.join(", "))));
        };
        let json = match &known.values {
            Values::Between(least, most) => {
                let most = if known.name == "threads" { u64::from(cpus).min(*most) } else { *most };
                let number = value.parse::<u64>().ok().filter(|n| (*least..=most).contains(n));
                json!(number.ok_or_else(|| refuse(format!("a whole number from {least} to {most}")))?)
            }
            Values::OneOf(words) if words.contains(&value.as_str()) => json!(value),
            Values::OneOf(words) => return Err(refuse(format!("one of {}", words.join(", ")))),
        };
        checked.insert(known.name, json);
    }
    Ok(checked)
}

/// An output of a workflow: its file and the kind of object that it becomes.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub kind: &'static str,
    pub declared: Declared,
}

fn output(kind: &'static str, name: impl Into<String>, what: OutputKind, required: bool) -> Output {
    Output { kind, declared: Declared { name: name.into(), kind: what, required } }
}

/// What `germline.wdl` leaves behind for a sample of so many lanes.
pub(crate) fn germline_outputs(lanes: usize) -> Vec<Output> {
    let mut outputs = vec![
        output("alignment", "alignment.bam", OutputKind::Bam, true),
        output("alignment-index", "alignment_index.bai", OutputKind::Other, true),
        output("variants", "variants.vcf.gz", OutputKind::BgzfVcf, true),
        output("variants-index", "variants_index.tbi", OutputKind::Gzip, true),
        output("flagstat", "flagstat.json", OutputKind::Json, true),
        output("alignment-stats", "alignment_stats.txt", OutputKind::Text, true),
        output("coverage", "coverage.tsv", OutputKind::Text, true),
        output("counts", "outputs.json", OutputKind::Json, true),
    ];
    let trimming = |lane| output("trimming", format!("trimming_{lane}.json"), OutputKind::Json, true);
    outputs.extend((0..lanes).map(trimming));
    outputs
}

/// What `index.wdl` leaves behind: the file, and the role that it plays in a reference.
pub(crate) fn index_outputs(optional: impl Fn(&str) -> bool) -> Vec<(&'static str, Declared)> {
    let table = [
        ("reference.fa", "reference_fasta.fa", OutputKind::Text, None),
        ("reference.fa.fai", "reference_fai.fai", OutputKind::Text, None),
        ("reference.dict", "reference_dict.dict", OutputKind::Text, None),
        ("reference.fa.amb", "reference_amb.amb", OutputKind::Text, None),
        ("reference.fa.ann", "reference_ann.ann", OutputKind::Text, None),
        ("reference.fa.bwt", "reference_bwt.bwt", OutputKind::Other, None),
        ("reference.fa.pac", "reference_pac.pac", OutputKind::Other, None),
        ("reference.fa.sa", "reference_sa.sa", OutputKind::Other, None),
        ("genes.gff3", "gene_models.gff3", OutputKind::Text, Some("genes.gff3")),
        (
            "frequencies.vcf.gz",
            "frequencies_normalised.vcf.gz",
            OutputKind::BgzfVcf,
            Some("frequencies.vcf.gz"),
        ),
        ("frequencies.vcf.gz.tbi", "frequencies_index.tbi", OutputKind::Gzip, Some("frequencies.vcf.gz")),
        (
            "significance.vcf.gz",
            "significance_normalised.vcf.gz",
            OutputKind::BgzfVcf,
            Some("significance.vcf.gz"),
        ),
        ("significance.vcf.gz.tbi", "significance_index.tbi", OutputKind::Gzip, Some("significance.vcf.gz")),
    ];
    let wanted = table.into_iter().filter(|(.., needs)| needs.is_none_or(&optional));
    wanted
        .map(|(role, name, kind, _)| (role, Declared { name: name.to_owned(), kind, required: true }))
        .collect()
}

/// The roles that `germline.wdl` needs of a reference, with the input each becomes.
pub(crate) const GERMLINE_REFERENCE: &[(&str, &str)] = &[
    ("reference.fa", "reference_fasta"),
    ("reference.fa.fai", "reference_fai"),
    ("reference.fa.amb", "reference_amb"),
    ("reference.fa.ann", "reference_ann"),
    ("reference.fa.bwt", "reference_bwt"),
    ("reference.fa.pac", "reference_pac"),
    ("reference.fa.sa", "reference_sa"),
];

/// The role that makes annotation possible, with its input.
pub(crate) const GENES: (&str, &str) = ("genes.gff3", "genes");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_bounded() {
        let check = |name: &str, value: &str| parameters(&BTreeMap::from([(name.into(), value.into())]), 4);
        assert_eq!(check("threads", "4").unwrap()["threads"], json!(4));
        assert_eq!(check("ploidy", "GRCh38").unwrap()["ploidy"], json!("GRCh38"));
        for (name, value) in [
            ("threads", "5"),
            ("threads", "0"),
            ("max_depth", "-1"),
            ("sex", "$(id)"),
            ("sample_id", "smp_x"),
        ] {
            assert!(matches!(check(name, value), Err(Error::Parameter { .. })), "{name}={value}");
        }
    }

    #[test]
    fn every_parameter_and_reference_input_stands_in_the_text() {
        for name in
            PARAMETERS.iter().map(|p| p.name).chain(GERMLINE_REFERENCE.iter().map(|(_, input)| *input))
        {
            assert!(
                GERMLINE.source.contains(&format!(" {name}\n"))
                    || GERMLINE.source.contains(&format!(" {name} =")),
                "{name}"
            );
        }
    }
}
