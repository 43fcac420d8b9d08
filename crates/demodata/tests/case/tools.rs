//! The field's own tools agree with the case.

#[cfg(test)]
mod tests {
    use crate::files::{Case, Site, lines, site};
    use demodata::{Plan, write};
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::process::Command;

    /// What a pipeline called: genotype with its alleles in order, and consequences.
    type Calls = BTreeMap<Site, (String, Vec<String>)>;

    #[test]
    fn every_variant_is_called_with_its_genotype_and_consequence_and_nothing_else_is() {
        for tool in ["bwa", "samtools", "bcftools"] {
            let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap();
            assert!(found.status.success(), "`{tool}` is not installed: run `make deps`");
        }
        for seed in seeds() {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), seed, &Plan::default()).unwrap();
            let case = Case::read(dir.path());
            let calls = call(dir.path());
            let wrong = differences(&case, &calls);
            assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
            // The comparison notices what it must: a lost call, a false one, another genotype,
            // another consequence.
            let (site, made) = calls.first_key_value().unwrap();
            let moved = Site { position: site.position + 1, ..site.clone() };
            let mut lost = calls.clone();
            lost.remove(site);
            assert_eq!(differences(&case, &lost).len(), 1);
            let mut more = calls.clone();
            more.insert(moved, made.clone());
            assert_eq!(differences(&case, &more).len(), 1);
            let mut other = calls.clone();
            other.insert(site.clone(), ("0/0".into(), made.1.clone()));
            assert_eq!(differences(&case, &other).len(), 1);
            let mut silent = calls.clone();
            silent.values_mut().for_each(|c| c.1.clear());
            assert_eq!(differences(&case, &silent).len(), case.expected.len());
        }
    }

    /// Five seeds, or those that `DEMODATA_SEEDS` names, separated by commas.
    fn seeds() -> Vec<u64> {
        let named = std::env::var("DEMODATA_SEEDS").unwrap_or_else(|_| "1,2,3,4,5".into());
        named.split(',').map(|s| s.trim().parse().unwrap()).collect()
    }

    fn call(dir: &Path) -> Calls {
        let script = r#"set -eu -o pipefail
            bwa index reference.fa 2>bwa-index.log
            samtools faidx reference.fa
            bwa mem -t 2 -R '@RG\tID:rds_1\tSM:smp_1' reference.fa reads_L001_R1.fastq.gz reads_L001_R2.fastq.gz 2>bwa.log |
                samtools fixmate -u -m - - | samtools sort -u - 2>sort.log | samtools markdup -s - case.bam 2>markdup.log
            samtools index case.bam
            bcftools mpileup -Ou -f reference.fa -a DP,AD case.bam 2>mpileup.log |
                bcftools call -mv -Ou | bcftools norm -f reference.fa -m -both -Ou 2>norm.log |
                bcftools csq -p a -f reference.fa -g genes.gff3 -Oz -o called.vcf.gz 2>csq.log
            bcftools index called.vcf.gz
            bcftools view -T confident.bed called.vcf.gz |
                bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\t[%GT]\t%INFO/BCSQ\n' >calls.tsv
        "#;
        let run = Command::new("bash").args(["-c", script]).current_dir(dir).output().unwrap();
        assert!(run.status.success(), "the tools failed: {}", String::from_utf8_lossy(&run.stderr));
        let mut calls = Calls::new();
        for line in lines(&dir.join("calls.tsv")) {
            let f: Vec<&str> = line.split('\t').collect();
            let consequences = f[5].split(',').filter(|c| *c != ".").map(Into::into).collect();
            calls.insert(site(f[0], f[1], f[2], f[3]), (f[4].replace('|', "/"), consequences));
        }
        calls
    }

    fn differences(case: &Case, calls: &Calls) -> Vec<String> {
        let mut wrong = Vec::new();
        for variant in &case.truth {
            let genotype = if variant.genotype == "1|1" { "1/1" } else { "0/1" };
            let Some((called, consequences)) = calls.get(&variant.site) else {
                wrong.push(format!("not called: {variant:?}"));
                continue;
            };
            if called != genotype {
                wrong.push(format!("called {called}: {variant:?}"));
            }
            let expected = case.expected.iter().find(|e| e.site == variant.site);
            let agrees = match (expected, &consequences[..]) {
                (None, []) => true,
                (Some(e), [one]) => *one == e.consequence || one.starts_with(&format!("{}|", e.consequence)),
                _ => false,
            };
            if !agrees {
                wrong.push(format!("told {consequences:?}: {expected:?}"));
            }
        }
        let planted = |s: &&Site| case.truth.iter().any(|v| v.site == **s);
        wrong.extend(calls.keys().filter(|s| !planted(s)).map(|s| format!("called beside the truth: {s:?}")));
        wrong
    }
}
