//! Parameters of a workflow: names and values.

use crate::{
    finding::{Finding, Place, Reason, shape},
    header, label,
    table::Column,
};

/// Screens parameters, each a name and a value. One finding for each name or value, none holds either.
///
/// A name may announce an identifier; then its value is not listed again. A value is judged by what its name says
/// that it is for, as a cell of a sheet is, and looked through for paths and for names.
pub fn screen_parameters<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, (name, value)) in parameters.into_iter().enumerate() {
        let column = Column::of(name);
        let key = column.announces.or_else(|| judge_name(name));
        let shown = column.shown.clone().filter(|_| key.is_none() || column.announces.is_some());
        let place = |key| Place::Parameter { parameter: at + 1, name: shown.clone(), key };
        if let Some(reason) = key {
            findings.push(Finding { place: place(true), reason, preview: shape(name) });
        } else if let Some(reason) = judge_value(&column, value) {
            findings.push(Finding { place: place(false), reason, preview: shape(value) });
        }
    }
    findings
}

fn judge_name(name: &str) -> Option<Reason> {
    crate::value::spans(name, crate::value::Context::Cell).first().map(|span| span.reason)
}

fn judge_value(column: &Column, value: &str) -> Option<Reason> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let path = || header::paths(value).first().map(|span| span.reason);
    column.judge(value).or_else(|| label::two_names(value)).or_else(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: Option<(bool, Reason)>) {
        let told = screen_parameters([(name, value)]);
        let seen: Vec<_> = told
            .iter()
            .map(|f| (matches!(f.place, Place::Parameter { parameter: 1, key: true, .. }), f.reason))
            .collect();
        assert_eq!(seen, expected.into_iter().collect::<Vec<_>>(), "{name}={value}");
        let json = serde_json::to_string(&told).unwrap();
        assert!(!json.contains("uibbleton") && !json.contains("7921"), "{json}");
    }

    #[test]
    fn names_and_values_are_judged() {
        use Reason::*;
        check("patient_name", "x", Some((true, PersonName)));
        check("mrn", "79213340", Some((true, RecordNumber)));
        check("zq@ward.example", "1", Some((true, Email)));
        check("sample", "Quibbleton", Some((false, PersonName)));
        check("sample_id", "79213340", Some((false, RecordNumber)));
        check("note", "Zorbina Quibbleton", Some((false, PersonName)));
        check("outdir", "quibbleton_zorbina", Some((false, PersonName)));
        check("outdir", "/data/quibbleton", Some((false, Path)));
        check("input", "Quibbleton_Zorbina.bam", Some((false, PersonName)));
        check("since", "1990-01-30", Some((false, BirthDate)));
        check("email", "zq@ward.example", Some((true, Email)));
    }

    #[test]
    fn what_workflows_take_passes() {
        for (name, value) in [
            ("threads", "8"),
            ("max_memory", "4000000000"),
            ("genome", "GRCh38"),
            ("aligner", "bwa-mem2"),
            ("tools", "strelka,mutect2,haplotypecaller"),
            ("sample", "smp_0123456789abcdefghjk"),
            ("intervals", "chr20:10000117-10000200"),
            ("known_indels", "hg38.known_indels.vcf.gz"),
            ("sex", "F"),
            ("mode", "strict"),
            ("step", "variant_calling"),
            ("patient", "CASE-0001"),
        ] {
            check(name, value, None);
        }
    }
}
