//! Words that are no names: what laboratories write in labels and logs, and what sentences start with.

use std::{collections::HashSet, sync::LazyLock};

/// Whether `word` (lower case, letters only) is a term of the laboratory or of file naming.
pub(crate) fn is_lab_word(word: &str) -> bool {
    static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| LAB.split_whitespace().collect());
    SET.contains(word)
}

/// Whether `word` (lower case) is common at the start of a sentence or in titles, places and months, so that
/// its capital says nothing about a person.
pub(crate) fn is_common_word(word: &str) -> bool {
    static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.split_whitespace().collect());
    SET.contains(word)
}

const LAB: &str = "
    a adapter aff affected aligned alignment alignments all allele alleles amplicon annotated annotation
    anon anonymous array assay bai bam bams baseline baserecalibrator batch bcf bed bgz biopsy blood
    bone bp brain breast brother buccal buffy bwa call called caller calling calls cancer capture
    carrier case cases ccs cell cells cfdna checksum checksums child chr chrom chromosome clean
    cleanname clinic clinical clone cnvkit coat code cohort colon combined concat confident config
    consensus control controls copy coverage crai cram cramer csi csv ctdna culture custom dad data
    dedup deduplicated deep deepvariant default demo depth diagnostic dict dna donor duplex duplicate
    ega embryo end ended enrichment err exome exon expected experiment external fa fai fail failed false
    fam family fasta fastp fastq father female ffpe fibroblast filter filtered filtering final fq
    freebayes frequencies fresh frozen gatk gene genes genome genomes genomic genotype genotypes germ
    germline gff grch group gtf gvcf gz haplotype haplotypecaller hard hek hela hepg hg hi hidepth hiseq
    homo hpo hs html human idx illumina indel indels index input insert integration interval intervals
    json jurkat kb kidney known lane left leukocyte lib library line list liver log long low lung
    lymphocyte main manifest manta map mapped mapping markdup marked marrow master mat maternal mb md
    merged merging metrics minimap miseq mock mother mouse multi mum mus musculus mutant mutect myeloid
    nanopore negative nextera nextseq nf nipt no none norm normal normalised normalized novaseq null of
    old ont opaque out output pacbio pair paired panel parent pass passed pat paternal patient pbmc pcr
    pdf ped phased pipeline plasma plate pon pool pooled positive post pre primary proband project
    prostate pseudonym qc quality raw read readgroup readname reads recal recalibrated ref reference
    region regions relapse rep repeat replicate report research result results right rna run runs saliva
    sam sample samples samplesheet sapiens sentieon seq sequence sequencing sheet short sib sibling
    significance single sister site sites skin slice snp snpeff snps snv soft somatic sort sorted
    sorting specimen split spring sra standard stderr stdout strelka study subject subset summary sv
    swab synth synthetic tar target targets tbi template terms test testing tiddit tissue tmp treated
    trim trimmed trimming trio true truth tsv tumor tumour twin twist txt ucsc umi unaffected unaligned
    unclassified undetermined unknown unmapped untreated validation variant variants vcf wes wgs whole
    wild wildtype work xenograft xml yaml zip
";

const COMMON: &str = "
    a about access accession account action actions add address after all also am an analysis and any
    apr april are argument array as at aug august author available avenue bad bank base be because
    before being between block body book both broad build but by call can cannot card case caused center
    centre change check church city class clinic close code college command commission committee company
    complete completed configuration contact copyright core corp corporation could council country court
    credit data database date day dear debug dec december default department description device did
    directory disk do does done dr drive during each east email end error european every exception
    executing execution exit failed failure fatal fax feb february female file files first for format
    found foundation frau free fri friday from function further general genome genomic get go good
    government great group had has have he header health heap hello her here herr hi him his history
    home hospital how however i id if in inc info information input institute insurance international
    internet into invalid is island islands it its jan january java job journal jul july jun june just
    key kingdom laboratory last launcher let library license like limit line link linux list loaded
    loading local log ltd madame made main make male manager many mar march may medical medicine memory
    message min ministry miss missing mme mon monday monitor monsieur more most mr mrs ms much music my
    name national need network never new next nextflow no node north not note nov november now null
    number object oct october of off office ok old on once one only open option options or order other
    our out output over page paper parameter park parliament part party password path patient people per
    permission personal phone please president prime process processing prof professor program project
    public quality queue read reading reads ref reference report republic request research resource
    result results return road royal run running runtime saint sample sat saturday school science search
    second secret secrets see send sep september sequence sequencing server service services session set
    she should show since sir site slurm so social society some source south space sra start started
    state states station status step stop store street study such suite sun sunday support system
    systems table target task technology tell temporary test than thank thanks that the their then there
    these they this those thread through thu thursday time to today too tool total tue tuesday type
    unable under union unit united university unknown unlike until update us use user using valid value
    variant version very wall want warn warning was we web website wed wednesday welcome west what when
    where which while who why will with within without work world would writing year years yes york you
    your zealand zip
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_lower_case_letters_and_stands_once() {
        for list in [LAB, COMMON] {
            let words: Vec<&str> = list.split_whitespace().collect();
            assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "sorted, none twice");
            assert!(words.iter().all(|w| w.chars().all(|c| c.is_ascii_lowercase())));
        }
        assert!(is_lab_word("proband") && !is_lab_word("Proband") && !is_lab_word("quibbleton"));
        assert!(is_common_word("monday") && !is_common_word("quibbleton"));
    }
}
