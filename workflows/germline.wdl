version 1.2

# Reads of one sample to annotated small variants.
#
# Trim each lane, align it, merge the lanes, mark duplicates, count, call, normalise, annotate.
# Every step writes whole files and stops at the first failing program of a pipe. Text that comes
# from outside reaches the shell through the environment alone, so no value can become a command.


workflow germline {
    meta {
        description: "Paired short reads of one sample to a duplicate-marked alignment and normalised, annotated small variants."
    }

    parameter_meta {
        sample_id: "Opaque id (`smp_…`): the sample name in the alignment and in the VCF."
        read_group_ids: "Opaque ids (`rds_…`), one a lane, in the order of the FASTQ arrays."
        fastq_1: "First reads of each lane, gzip."
        fastq_2: "Second reads of each lane, in the same order."
        reference_fasta: "The prepared reference (index.wdl): `reference_fasta` of its outputs."
        genes: "Gene models in Ensembl's GFF3; without them the annotation step is skipped."
        threads: "Threads of bwa and of the sort; the trimmer always runs with two."
        sort_memory_mib: "Memory of each sorting thread in MiB."
        min_trim_quality: "A base below this Phred quality counts as unqualified when fastp judges a read."
        min_read_length: "Reads shorter than this after trimming are dropped with their mate."
        min_base_quality: "Bases below this quality do not take part in calling."
        min_mapping_quality: "Alignments below this quality do not take part in calling."
        max_depth: "Reads looked at per position; deeper positions are cut here, not skipped."
        min_call_quality: "Calls below this QUAL stay in the file with FILTER `LowQual`."
        ploidy: "`2`, `1`, `GRCh37` or `GRCh38`, as `bcftools call --ploidy` takes it."
        sex: "`M` or `F`; used with the GRCh37 and GRCh38 ploidies."
    }

    input {
        String sample_id
        Array[String]+ read_group_ids
        Array[File]+ fastq_1
        Array[File]+ fastq_2
        File reference_fasta
        File reference_fai
        File reference_amb
        File reference_ann
        File reference_bwt
        File reference_pac
        File reference_sa
        File? genes
        Int threads = 2
        Int sort_memory_mib = 512
        Int min_trim_quality = 15
        Int min_read_length = 36
        Int min_base_quality = 13
        Int min_mapping_quality = 20
        Int max_depth = 1000
        Int min_call_quality = 10
        String ploidy = "2"
        String sex = "F"
    }

    call check {
        sample_id,
        read_group_ids,
        lanes_1 = length(fastq_1),
        lanes_2 = length(fastq_2),
        reference_fasta,
        reference_fai
    }

    scatter (lane in range(length(read_group_ids))) {
        call trim {
            fastq_1 = fastq_1[lane],
            fastq_2 = fastq_2[lane],
            min_trim_quality,
            min_read_length
        }

        call align {
            sample_id = check.checked_sample_id,
            read_group_id = read_group_ids[lane],
            fastq_1 = trim.trimmed_1,
            fastq_2 = trim.trimmed_2,
            reference_fasta,
            reference_amb,
            reference_ann,
            reference_bwt,
            reference_pac,
            reference_sa,
            threads,
            sort_memory_mib
        }
    }

    call merge {
        lanes = align.aligned,
        threads
    }

    call measure {
        alignment = merge.alignment,
        alignment_index = merge.alignment_index,
        lane_reads_before = trim.reads_before,
        lane_reads_after = trim.reads_after
    }

    call call_variants {
        sample_id,
        alignment = merge.alignment,
        alignment_index = merge.alignment_index,
        reference_fasta,
        reference_fai,
        min_base_quality,
        min_mapping_quality,
        max_depth,
        min_call_quality,
        ploidy,
        sex
    }

    if (defined(genes)) {
        call annotate {
            calls = call_variants.calls,
            reference_fasta,
            reference_fai,
            genes = select_first([genes])
        }
    }

    call finish {
        sample_id,
        calls = select_first([annotate.annotated, call_variants.calls]),
        called_records = call_variants.called_records
    }

    output {
        File alignment = merge.alignment
        File alignment_index = merge.alignment_index
        File variants = finish.variants
        File variants_index = finish.variants_index
        Array[File] trimming = trim.report
        File flagstat = measure.flagstat
        File alignment_stats = measure.stats
        File coverage = measure.coverage
        Array[Int] lane_reads_before = trim.reads_before
        Array[Int] lane_reads_after = trim.reads_after
        Int reads_before = measure.reads_before
        Int reads_after = measure.reads_after
        Int primary_reads = measure.primary_reads
        Int variant_records = finish.variant_records
        Boolean annotated = defined(genes)
    }
}

task check {
    meta {
        description: "Refuse names in place of ids, uneven lanes, and a reference that was not prepared."
    }

    input {
        env String sample_id
        Array[String]+ read_group_ids
        Int lanes_1
        Int lanes_2
        env File reference_fasta
        env File reference_fai
    }

    env File ids = write_lines(read_group_ids)

    # Left alignment copies bases from the reference as they are written there. On a soft-masked
    # reference alleles would come out in mixed case and match nothing later, so only upper case
    # is taken; index.wdl writes it so. The `.fai` is made again because a stale one reads garbage.
    command <<<
        set -euo pipefail
        refuse() {
            printf 'refused: %s\n' "$1" >&2
            exit 3
        }
        [[ $sample_id =~ ^smp_[0-9a-z]+$ ]] || refuse 'the sample is not named by an opaque smp_ id'
        groups=0
        while IFS= read -r id; do
            [[ $id =~ ^rds_[0-9a-z]+$ ]] || refuse 'a read group is not named by an opaque rds_ id'
            groups=$(( groups + 1 ))
        done < "$ids"
        (( groups == ~{lanes_1} && groups == ~{lanes_2} )) || refuse 'the lanes and the FASTQ files do not pair up'

        ln -s "$reference_fasta" reference.fa
        samtools faidx reference.fa
        [[ $(<reference.fa.fai) == "$(<"$reference_fai")" ]] || refuse 'the index of the reference is not its own'
        while IFS=$'\t' read -r contig _; do
            lower=$(samtools faidx reference.fa "$contig" | tail -n +2 | tr -dc 'a-z' | wc -c)
            (( lower == 0 )) || refuse "the reference is soft-masked (contig $contig): prepare it with index.wdl"
        done < reference.fa.fai
        printf '%s\n' "$sample_id" > sample
    >>>

    output {
        String checked_sample_id = read_string("sample")
    }
}

task trim {
    meta {
        description: "Cut adapters and drop bad reads of one lane."
    }

    input {
        env File fastq_1
        env File fastq_2
        env Int min_trim_quality
        env Int min_read_length
    }

    # The number of threads is fixed because the order of fastp's output may depend on it.
    command <<<
        set -euo pipefail
        ln -s "$fastq_1" in_1.fastq.gz
        ln -s "$fastq_2" in_2.fastq.gz
        fastp --in1 in_1.fastq.gz --in2 in_2.fastq.gz \
            --out1 trimmed_1.fastq.gz --out2 trimmed_2.fastq.gz \
            --detect_adapter_for_pe \
            --qualified_quality_phred "$min_trim_quality" \
            --length_required "$min_read_length" \
            --compression 1 --thread 2 \
            --json fastp.json --html /dev/null --report_title trimming

        report=$(<fastp.json)
        count() {
            if [[ $report =~ \"$1\":[^}]*\"total_reads\":[[:space:]]*([0-9]+) ]]; then
                printf '%s\n' "${BASH_REMATCH[1]}"
            else
                printf 'no count of reads under %s in the report of fastp\n' "$1" >&2
                return 1
            fi
        }
        count before_filtering > before
        count after_filtering > after
    >>>

    output {
        File trimmed_1 = "trimmed_1.fastq.gz"
        File trimmed_2 = "trimmed_2.fastq.gz"
        File report = "fastp.json"
        Int reads_before = read_int("before")
        Int reads_after = read_int("after")
    }

    requirements {
        cpu: 2
    }
}

task align {
    meta {
        description: "Align one lane, repair mate fields, sort by position."
    }

    input {
        env String sample_id
        env String read_group_id
        env File fastq_1
        env File fastq_2
        env File reference_fasta
        env File reference_amb
        env File reference_ann
        env File reference_bwt
        env File reference_pac
        env File reference_sa
        env Int threads
        env Int sort_memory_mib
    }

    # bwa writes its command line into the header: every name in it is relative and says nothing.
    # It emits the reads of a pair together, so fixmate needs no collation. `-K` fixes the batch,
    # which makes the alignment independent of the number of threads.
    command <<<
        set -euo pipefail
        ln -s "$reference_fasta" reference.fa
        ln -s "$reference_amb" reference.fa.amb
        ln -s "$reference_ann" reference.fa.ann
        ln -s "$reference_bwt" reference.fa.bwt
        ln -s "$reference_pac" reference.fa.pac
        ln -s "$reference_sa" reference.fa.sa
        ln -s "$fastq_1" reads_1.fastq.gz
        ln -s "$fastq_2" reads_2.fastq.gz

        bwa mem -t "$threads" -K 100000000 -Y \
            -R "@RG\tID:$read_group_id\tSM:$sample_id\tPL:ILLUMINA\tLB:$sample_id" \
            reference.fa reads_1.fastq.gz reads_2.fastq.gz \
            | samtools fixmate --no-PG -m -u - - \
            | samtools sort --no-PG -@ "$threads" -m "${sort_memory_mib}M" -l 1 -T sorting -o aligned.bam -
        samtools quickcheck aligned.bam
    >>>

    output {
        File aligned = "aligned.bam"
    }

    requirements {
        cpu: threads
    }
}

task merge {
    meta {
        description: "Join the lanes of the sample, mark duplicates over all of them, index."
    }

    input {
        Array[File]+ lanes
        env Int threads
    }

    # Lanes bring a program line of the same name each; merge tells them apart by a random suffix,
    # hence the fixed seed.
    command <<<
        set -euo pipefail
        lanes=(~{sep(" ", squote(lanes))})
        if (( ${#lanes[@]} == 1 )); then
            ln -s "${lanes[0]}" merged.bam
        else
            samtools merge --no-PG -c -s 1 -@ "$threads" -l 1 -o merged.bam "${lanes[@]}"
        fi
        samtools markdup --no-PG -@ "$threads" -T marking merged.bam alignment.bam
        samtools index -@ "$threads" alignment.bam alignment.bam.bai
        samtools quickcheck alignment.bam
    >>>

    output {
        File alignment = "alignment.bam"
        File alignment_index = "alignment.bam.bai"
    }

    requirements {
        cpu: threads
    }
}

task measure {
    meta {
        description: "Count reads and depth, and compare the reads with those that trimming left."
    }

    input {
        env File alignment
        env File alignment_index
        Array[Int]+ lane_reads_before
        Array[Int]+ lane_reads_after
    }

    command <<<
        set -euo pipefail
        ln -s "$alignment" alignment.bam
        ln -s "$alignment_index" alignment.bam.bai
        samtools flagstat -O json alignment.bam > flagstat.json
        samtools coverage alignment.bam > coverage.tsv
        samtools stats alignment.bam > stats.full
        # The first comment of the report repeats the command line; the rest is the report.
        while IFS= read -r line; do
            [[ $line == '# The command line'* ]] || printf '%s\n' "$line"
        done < stats.full > stats.txt

        before=0
        for count in ~{sep(" ", lane_reads_before)}; do before=$(( before + count )); done
        after=0
        for count in ~{sep(" ", lane_reads_after)}; do after=$(( after + count )); done
        flagstat=$(<flagstat.json)
        [[ $flagstat =~ \"primary\":[[:space:]]*([0-9]+) ]]
        primary=${BASH_REMATCH[1]}
        printf '%s\n' "$before" > before
        printf '%s\n' "$after" > after
        printf '%s\n' "$primary" > primary
        if (( primary != after )); then
            printf 'the alignment holds %s primary reads, trimming left %s\n' "$primary" "$after" >&2
            exit 4
        fi
    >>>

    output {
        File flagstat = "flagstat.json"
        File stats = "stats.txt"
        File coverage = "coverage.tsv"
        Int reads_before = read_int("before")
        Int reads_after = read_int("after")
        Int primary_reads = read_int("primary")
    }
}

task call_variants {
    meta {
        description: "Call SNVs and short indels; left-align, split, sort."
    }

    input {
        env String sample_id
        env File alignment
        env File alignment_index
        env File reference_fasta
        env File reference_fai
        env Int min_base_quality
        env Int min_mapping_quality
        env Int max_depth
        env Int min_call_quality
        env String ploidy
        env String sex
    }

    command <<<
        set -euo pipefail
        ln -s "$alignment" alignment.bam
        ln -s "$alignment_index" alignment.bam.bai
        ln -s "$reference_fasta" reference.fa
        ln -s "$reference_fai" reference.fa.fai
        printf '%s\t%s\n' "$sample_id" "$sex" > sexes

        bcftools mpileup --no-version -a AD,DP -f reference.fa \
            -q "$min_mapping_quality" -Q "$min_base_quality" -d "$max_depth" \
            -Ou alignment.bam \
            | bcftools call --no-version --ploidy "$ploidy" -S sexes -mv -Ou - \
            | bcftools norm --no-version -f reference.fa -c e -m -any -Ou - \
            | bcftools filter --no-version -s LowQual -e "QUAL<$min_call_quality" -Ou - \
            | bcftools sort -T sorting -Ob -o calls.bcf -

        bcftools query -f '\n' calls.bcf | wc -l > records
    >>>

    output {
        File calls = "calls.bcf"
        Int called_records = read_int("records")
    }
}

task annotate {
    meta {
        description: "Consequences on genes, aware of neighbouring variants on a haplotype."
    }

    input {
        env File calls
        env File reference_fasta
        env File reference_fai
        env File genes
    }

    # `-p a` takes genotypes as they stand: calls of short reads carry no phase.
    command <<<
        set -euo pipefail
        ln -s "$reference_fasta" reference.fa
        ln -s "$reference_fai" reference.fa.fai
        case $genes in
            *.gz) ln -s "$genes" genes.gff3.gz; models=genes.gff3.gz ;;
            *) ln -s "$genes" genes.gff3; models=genes.gff3 ;;
        esac
        bcftools csq --no-version -p a -f reference.fa -g "$models" -Ob -o annotated.bcf "$calls"
    >>>

    output {
        File annotated = "annotated.bcf"
    }
}

task finish {
    meta {
        description: "Write the VCF, index it, count its records and check its one sample."
    }

    input {
        env String sample_id
        env File calls
        env Int called_records
    }

    command <<<
        set -euo pipefail
        bcftools view --no-version -Oz -o variants.vcf.gz "$calls"
        bcftools index -t variants.vcf.gz
        samples=$(bcftools query -l variants.vcf.gz)
        if [[ $samples != "$sample_id" ]]; then
            printf 'the sample column is not the id of the sample\n' >&2
            exit 6
        fi
        records=$(bcftools index -n variants.vcf.gz)
        if (( records != called_records )); then
            printf 'the VCF holds %s records, calling made %s\n' "$records" "$called_records" >&2
            exit 7
        fi
        printf '%s\n' "$records" > records
    >>>

    output {
        File variants = "variants.vcf.gz"
        File variants_index = "variants.vcf.gz.tbi"
        Int variant_records = read_int("records")
    }
}
