version 1.2

# A reference and its companions, prepared once in a sealed job.
#
# The FASTA is rewritten in upper case with bare contig names, so that alleles are spelt one way;
# everything else is made from, or checked against, the rewritten file. Gene models are loaded as
# annotation will load them, so a set that would stop a run is refused here. Variant sets are
# normalised as calls are, so that annotation can join on contig, position, REF and ALT.

workflow index {
    meta {
        description: "Index a reference FASTA; check gene models; normalise frequency and significance sets."
    }

    parameter_meta {
        fasta: "The reference, plain or gzip, upper or lower case."
        genes: "Gene models in Ensembl's GFF3, plain or gzip."
        frequencies: "VCF with population frequencies on the same contigs."
        significance: "VCF with clinical significance on the same contigs."
    }

    input {
        File fasta
        File? genes
        File? frequencies
        File? significance
    }

    call prepare {
        fasta
    }

    if (defined(genes)) {
        call check_genes {
            reference_fasta = prepare.reference_fasta,
            reference_fai = prepare.reference_fai,
            genes = select_first([genes])
        }
    }

    if (defined(frequencies)) {
        call normalise as normalise_frequencies {
            reference_fasta = prepare.reference_fasta,
            reference_fai = prepare.reference_fai,
            records = select_first([frequencies])
        }
    }

    if (defined(significance)) {
        call normalise as normalise_significance {
            reference_fasta = prepare.reference_fasta,
            reference_fai = prepare.reference_fai,
            records = select_first([significance])
        }
    }

    output {
        File reference_fasta = prepare.reference_fasta
        File reference_fai = prepare.reference_fai
        File reference_dict = prepare.reference_dict
        File reference_amb = prepare.reference_amb
        File reference_ann = prepare.reference_ann
        File reference_bwt = prepare.reference_bwt
        File reference_pac = prepare.reference_pac
        File reference_sa = prepare.reference_sa
        Int contigs = prepare.contigs
        Int bases = prepare.bases
        File? gene_models = check_genes.checked
        Int? transcripts = check_genes.transcripts
        File? frequencies_normalised = normalise_frequencies.normalised
        File? frequencies_index = normalise_frequencies.normalised_index
        Int? frequency_records = normalise_frequencies.count
        File? significance_normalised = normalise_significance.normalised
        File? significance_index = normalise_significance.normalised_index
        Int? significance_records = normalise_significance.count
    }
}

task prepare {
    meta {
        description: "Rewrite the FASTA, index it for samtools and bwa, write its dictionary."
    }

    input {
        env File fasta
    }

    command <<<
        set -euo pipefail
        # samtools indexes plain text and BGZF; common gzip is neither, and bgzip reads it.
        if [[ $(od -An -N2 -tx1 "$fasta") == ' 1f 8b' ]]; then
            bgzip -dc "$fasta" > given.fa
        else
            cat "$fasta" > given.fa
        fi
        samtools faidx given.fa

        # One name, one sequence: a name that stands twice would answer for the wrong one.
        cut -f 1 given.fa.fai | sort > names
        if [[ -n $(uniq -d names) ]]; then
            printf 'refused: a contig name stands twice\n' >&2
            exit 3
        fi
        while IFS=$'\t' read -r contig _; do
            printf '>%s\n' "$contig"
            samtools faidx -n 60 given.fa "$contig" | tail -n +2 | tr 'a-z' 'A-Z'
        done < given.fa.fai > reference.fa
        rm given.fa

        samtools faidx reference.fa
        if [[ $(cut -f 1,2 given.fa.fai) != "$(cut -f 1,2 reference.fa.fai)" ]]; then
            printf 'refused: the rewritten reference is not the given one\n' >&2
            exit 3
        fi
        samtools dict -u reference.fa -o reference.dict reference.fa
        bwa index reference.fa

        bases=0
        contigs=0
        while IFS=$'\t' read -r _ length _; do
            contigs=$(( contigs + 1 ))
            bases=$(( bases + length ))
        done < reference.fa.fai
        printf '%s\n' "$contigs" > contigs
        printf '%s\n' "$bases" > bases
    >>>

    output {
        File reference_fasta = "reference.fa"
        File reference_fai = "reference.fa.fai"
        File reference_dict = "reference.dict"
        File reference_amb = "reference.fa.amb"
        File reference_ann = "reference.fa.ann"
        File reference_bwt = "reference.fa.bwt"
        File reference_pac = "reference.fa.pac"
        File reference_sa = "reference.fa.sa"
        Int contigs = read_int("contigs")
        Int bases = read_int("bases")
    }
}

task check_genes {
    meta {
        description: "Load the gene models as annotation will, and refuse what would stop or silence it."
    }

    input {
        env File reference_fasta
        env File reference_fai
        env File genes
    }

    # csq passes over contigs that it does not know and over lines that it does not understand,
    # and then annotates nothing. So every transcript must stand on a contig of the reference and have
    # a biotype, and none may stand on two contigs, on which csq 1.16 aborts.
    command <<<
        set -euo pipefail
        refuse() {
            printf 'refused: %s\n' "$1" >&2
            exit 3
        }
        ln -s "$reference_fasta" reference.fa
        ln -s "$reference_fai" reference.fa.fai
        if [[ $(od -An -N2 -tx1 "$genes") == ' 1f 8b' ]]; then
            bgzip -dc "$genes" > genes.gff3
        else
            cat "$genes" > genes.gff3
        fi

        declare -A contigs=() places=()
        while IFS=$'\t' read -r contig _; do contigs[$contig]=1; done < reference.fa.fai
        transcripts=0
        while IFS=$'\t' read -r contig _ _ _ _ _ _ _ attributes; do
            if [[ $attributes == *ID=transcript:* && $attributes =~ (^|;)ID=transcript:([^;]+) ]]; then
                id=${BASH_REMATCH[2]}
                [[ -n ${contigs[$contig]:-} ]] || refuse "transcript $id stands on contig $contig, which the reference lacks"
                if [[ -n ${places[$id]:-} && ${places[$id]} != "$contig" ]]; then
                    refuse "transcript $id stands on two contigs"
                fi
                [[ $attributes =~ (^|;)biotype= ]] || refuse "transcript $id has no biotype"
                places[$id]=$contig
                transcripts=$(( transcripts + 1 ))
            fi
        done < genes.gff3
        (( transcripts > 0 )) || refuse 'no transcript in the form of Ensembl (ID=transcript:…)'
        printf '%s\n' "$transcripts" > transcripts

        {
            printf '##fileformat=VCFv4.2\n'
            while IFS=$'\t' read -r contig length _; do
                printf '##contig=<ID=%s,length=%s>\n' "$contig" "$length"
            done < reference.fa.fai
            printf '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            printf '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tnobody\n'
        } > empty.vcf
        bcftools csq --no-version -p a -f reference.fa -g genes.gff3 -Ou -o loaded.bcf empty.vcf 2> loading \
            || { cat loading >&2; refuse 'bcftools csq does not load the gene models'; }
        loading=$(<loading)
        [[ $loading =~ Indexed\ ([0-9]+)\ transcripts ]] || refuse 'bcftools csq does not say what it loaded'
        (( BASH_REMATCH[1] > 0 )) || refuse 'bcftools csq finds no transcript in the gene models'
    >>>

    output {
        File checked = "genes.gff3"
        Int transcripts = read_int("transcripts")
    }
}

task normalise {
    meta {
        description: "Left-align, split, sort and index a set of variants, checking REF against the reference."
    }

    input {
        env File reference_fasta
        env File reference_fai
        env File records
    }

    # `-c e` stops at the first REF that is not the reference's: such a set belongs to another
    # assembly and would silently match nothing.
    command <<<
        set -euo pipefail
        ln -s "$reference_fasta" reference.fa
        ln -s "$reference_fai" reference.fa.fai
        bcftools view --no-version -Ou "$records" \
            | bcftools norm --no-version -f reference.fa -c e -m - -Ou - \
            | bcftools sort -T sorting -Oz -o normalised.vcf.gz -
        bcftools index -t normalised.vcf.gz
        bcftools index -n normalised.vcf.gz > count
    >>>

    output {
        File normalised = "normalised.vcf.gz"
        File normalised_index = "normalised.vcf.gz.tbi"
        Int count = read_int("count")
    }
}
