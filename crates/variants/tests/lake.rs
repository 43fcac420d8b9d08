//! Parts from made variant files: what goes in comes out, and nothing else does.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its input has failed")]

use base::{Entropy, Id, SampleId, SystemEntropy};
use bytes::Bytes;
use noodles::bgzf;
use std::io::{Read, Write};
use variants::consequence::Severity;
use variants::filter::{ConsequenceFilter, Region};
use variants::significance::Class;
use variants::*;

const A: &str = "smp_0000000000000000000a";
const B: &str = "smp_0000000000000000000b";
const KEY: [u8; 32] = [7; 32];

const HEADER: &str = "##fileformat=VCFv4.2\n\
##FILTER=<ID=PASS,Description=\"All filters passed\">\n\
##FILTER=<ID=low,Description=\"low\">\n\
##contig=<ID=chr2,length=100000>\n\
##contig=<ID=chr10,length=100000>\n\
##INFO=<ID=DP,Number=1,Type=Integer,Description=\"d\">\n\
##INFO=<ID=BCSQ,Number=.,Type=String,Description=\"c\">\n\
##FORMAT=<ID=GT,Number=1,Type=String,Description=\"g\">\n\
##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"d\">\n\
##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"a\">\n\
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"q\">\n\
##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"p\">\n\
##FORMAT=<ID=BCSQ,Number=.,Type=Integer,Description=\"Use \\\"query -f'[%CHROM\\t%TBCSQ\\n]'\\\" to translate\">\n";

const LINES: &str = "\
chr2\t100\trs1\tA\tG\t60\tPASS\tBCSQ=intron|GA|T1|protein_coding,missense|GA|T2|protein_coding|+|5K>5E|100A>G\tGT:DP:AD:GQ\t0/1:30:14,16:50\t0/0:20:20,0:40\n\
chr2\t200\t.\tCTT\tC\t12\tlow\tBCSQ=frameshift|GB|T3|protein_coding|-|9L..|200CTT>C\tGT:DP:AD:GQ\t1|1:6:0,6:9\t./.:.:.:.\n\
chr10\t50\t.\tA\tC,T\t80\tPASS\tDP=60\tGT:DP:AD:PL\t1/2:31:0,15,16:90,80,70,60,0,50\t0/2:29:14,0,15:40,0,60,5,6,7\n\
chr10\t60\t.\tG\tT\t99\tPASS\tBCSQ=stop_gained|GC|T4|protein_coding|+|7G>7*|60G>T\tGT:DP:AD:GQ\t0/1:40:20,20:99\t0/1:44:21,23:99\n";

const FREQUENCIES: &str = "##fileformat=VCFv4.2\n##contig=<ID=chr2>\n\
##INFO=<ID=AF,Number=A,Type=Float,Description=\"f\">\n##INFO=<ID=AC,Number=A,Type=Integer,Description=\"c\">\n\
##INFO=<ID=AN,Number=1,Type=Integer,Description=\"n\">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
chr2\t100\t.\tA\tG\t.\t.\tAF=0.2\nchr2\t199\t.\tACTT\tAC\t.\t.\tAC=1;AN=20000\nchr10\t50\t.\tA\tG,T\t.\t.\tAF=0.5,0.03\n";

const SIGNIFICANCE: &str = "##fileformat=VCFv4.1\n##INFO=<ID=CLNSIG,Number=.,Type=String,Description=\"s\">\n\
##INFO=<ID=CLNDISDB,Number=.,Type=String,Description=\"d\">\n##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description=\"r\">\n\
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
chr10\t60\t12345\tG\tT\t.\t.\tCLNSIG=Pathogenic/Likely_pathogenic;CLNDISDB=MedGen:C1,OMIM:7|Orphanet:3;CLNREVSTAT=criteria_provided,_single_submitter\n";

fn vcf(lines: &str) -> String {
    format!("{HEADER}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{A}\t{B}\n{lines}")
}

fn bgzf(text: &str) -> Vec<u8> {
    let mut writer = bgzf::io::Writer::new(Vec::new());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

fn sources() -> Sources<'static> {
    Sources {
        frequencies: Some(Box::new(FREQUENCIES.as_bytes())),
        significance: Some(Box::new(SIGNIFICANCE.as_bytes())),
    }
}

fn load_text(text: &str) -> Result<(Loaded, Vec<u8>)> {
    let mut out = Vec::new();
    let loaded = load(text.as_bytes(), sources(), &Plan::default(), &KEY, &mut out)?;
    Ok((loaded, out))
}

fn part(bytes: &[u8]) -> Part {
    Part::from_bytes(bytes.to_vec(), &KEY)
}

fn ask(bytes: &[u8], filter: &Filter) -> Answer {
    query(&[part(bytes)], filter, &Options::default()).unwrap()
}

fn by_place() -> Options {
    Options { order: Order::Place, ..Options::default() }
}

#[test]
fn what_goes_in_comes_out() {
    let (loaded, bytes) = load_text(&vcf(LINES)).unwrap();
    assert_eq!((loaded.records, loaded.genotypes, loaded.rows), (4, 8, 7));
    assert_eq!((loaded.skipped.reference_genotypes, loaded.skipped.missing_genotypes), (1, 1));
    assert_eq!((loaded.with_frequency, loaded.with_significance), (Some(4), Some(2)));
    assert_eq!(verify(&part(&bytes)).unwrap(), 7);
    let about = about(&part(&bytes)).unwrap();
    assert_eq!(about.samples.iter().map(ToString::to_string).collect::<Vec<_>>(), [A, B]);
    assert_eq!(about.loaded, loaded);

    let answer = query(&[part(&bytes)], &Filter::default(), &by_place()).unwrap();
    assert_eq!(answer.total, 7);
    let rows: Vec<&Row> = answer.rows.iter().map(|r| &r.row).collect();
    let first = rows[0];
    assert_eq!((first.contig.as_str(), first.position, first.id.as_deref()), ("chr2", 100, Some("rs1")));
    assert_eq!((first.genotype.as_str(), first.zygosity), ("0/1", Zygosity::Heterozygous));
    assert_eq!((first.depth, first.alternate_depth, first.genotype_quality), (Some(30), Some(16), Some(50)));
    assert_eq!(first.top().unwrap().terms, "missense");
    assert_eq!(first.consequences.len(), 2);
    assert_eq!(first.allele_frequency, Some(0.2));
    let second = rows[1];
    assert_eq!((second.genotype.as_str(), second.zygosity), ("1|1", Zygosity::Homozygous));
    assert_eq!(second.filter.as_deref(), Some("low"));
    assert_eq!(second.allele_frequency, Some(0.00005), "matched in its shortest form");
    let both: Vec<_> =
        rows.iter().filter(|r| r.position == 50).map(|r| (r.sample.as_str(), &*r.alternate)).collect();
    assert_eq!(both, [(A, "C"), (A, "T"), (B, "T")]);
    assert_eq!(rows[2].genotype_quality, Some(50), "from the likelihoods");
    let stop = rows.iter().find(|r| r.position == 60).unwrap();
    assert_eq!(stop.significance_class, Some(Class::Pathogenic));
    assert_eq!(stop.conditions, ["MedGen:C1", "OMIM:7", "Orphanet:3"]);
}

#[test]
fn plain_and_bgzf_give_the_same_rows() {
    let (_, plain) = load_text(&vcf(LINES)).unwrap();
    let mut packed = Vec::new();
    load(bgzf(&vcf(LINES)).as_slice(), sources(), &Plan::default(), &KEY, &mut packed).unwrap();
    assert_eq!(ask(&plain, &Filter::default()), ask(&packed, &Filter::default()));
}

#[test]
fn every_cut_is_refused() {
    let whole = bgzf(&vcf(LINES));
    for cut in 0..whole.len() {
        let mut out = Vec::new();
        let result = load(&whole[..cut], Sources::default(), &Plan::default(), &KEY, &mut out);
        assert!(result.is_err() && out.is_empty(), "cut at {cut}");
    }
    let text = vcf(LINES);
    let lines = text.len() - LINES.len();
    for cut in lines + 1..text.len() {
        let at_line_end = text.as_bytes()[cut - 1] == b'\n';
        let plan = Plan { expected_records: Some(4), ..Plan::default() };
        assert!(load(&text.as_bytes()[..cut], Sources::default(), &plan, &KEY, Vec::new()).is_err());
        let uncounted = load(&text.as_bytes()[..cut], Sources::default(), &Plan::default(), &KEY, Vec::new());
        assert_eq!(uncounted.is_ok(), at_line_end, "cut at {cut}");
    }
}

#[test]
fn a_flipped_byte_of_a_packed_file_is_refused() {
    let whole = bgzf(&vcf(LINES));
    let plain = ask(&load_text(&vcf(LINES)).unwrap().1, &Filter::default());
    for i in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[i] ^= 0x40;
        let mut out = Vec::new();
        // Some header bytes mean nothing (time, operating system); then the rows are the same.
        if load(bytes.as_slice(), sources(), &Plan::default(), &KEY, &mut out).is_ok() {
            assert_eq!(ask(&out, &Filter::default()), plain, "byte {i}");
        }
    }
}

#[test]
fn a_source_that_is_cut_refuses_the_load() {
    let cut = FREQUENCIES.trim_end_matches("3\n");
    let sources = Sources { frequencies: Some(Box::new(cut.as_bytes())), significance: None };
    let error = load(vcf(LINES).as_bytes(), sources, &Plan::default(), &KEY, Vec::new()).unwrap_err();
    assert!(matches!(error, Error::Cut { what: "the frequency file", .. }), "{error}");
}

#[test]
fn another_count_is_refused() {
    let plan = Plan { expected_records: Some(5), ..Plan::default() };
    let mut out = Vec::new();
    let error = load(vcf(LINES).as_bytes(), Sources::default(), &plan, &KEY, &mut out).unwrap_err();
    assert!(matches!(error, Error::Count { expected: 5, found: 4 }));
    assert!(out.is_empty());
}

#[test]
fn a_label_as_a_sample_column_is_refused_and_not_repeated() {
    let text = vcf(LINES).replace(B, "JANE_DOE");
    let error = load_text(&text).unwrap_err();
    assert!(matches!(error, Error::NoId { column: 2 }));
    assert!(!base::fault::chain(&error).contains("JANE"));
    let named = [("JANE_DOE".to_owned(), B.parse().unwrap()), (A.to_owned(), A.parse().unwrap())];
    let plan = Plan { columns: Columns::Named(named.into()), ..Plan::default() };
    assert!(load(text.as_bytes(), Sources::default(), &plan, &KEY, Vec::new()).is_ok());
    let only = Plan { columns: Columns::Only(A.parse().unwrap()), ..Plan::default() };
    assert!(load(text.as_bytes(), Sources::default(), &only, &KEY, Vec::new()).is_err());
    let twice = [("JANE_DOE".to_owned(), A.parse().unwrap()), (A.to_owned(), A.parse().unwrap())];
    let plan = Plan { columns: Columns::Named(twice.into()), ..Plan::default() };
    let error = load(text.as_bytes(), Sources::default(), &plan, &KEY, Vec::new()).unwrap_err();
    assert!(matches!(error, Error::TwiceTheSample(_)));
}

#[test]
fn the_wrong_key_opens_nothing() {
    let (_, bytes) = load_text(&vcf(LINES)).unwrap();
    for i in [0, 15, 16, 31] {
        let mut key = KEY;
        key[i] ^= 1;
        let part = Part::from_bytes(bytes.clone(), &key);
        assert!(matches!(about(&part), Err(Error::Sealed)));
        assert!(matches!(query(&[part], &Filter::default(), &Options::default()), Err(Error::Sealed)));
    }
}

#[test]
fn any_flipped_byte_of_a_part_is_refused() {
    let (_, bytes) = load_text(&vcf(LINES)).unwrap();
    let mut accepted = Vec::new();
    for i in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[i] ^= 1 << (i % 8);
        if verify(&part(&changed)).is_ok() {
            accepted.push(i);
        }
    }
    assert!(accepted.is_empty(), "accepted flips in {accepted:?} of {} bytes", bytes.len());
    for cut in 0..bytes.len() {
        assert!(verify(&part(&bytes[..cut])).is_err(), "cut at {cut}");
    }
}

#[test]
fn two_parts_with_one_key_share_no_ciphertext() {
    let (_, one) = load_text(&vcf(LINES)).unwrap();
    let (_, two) = load_text(&vcf(LINES)).unwrap();
    let windows: std::collections::HashSet<&[u8]> = one.windows(16).collect();
    let shared = two.windows(16).filter(|window| windows.contains(window)).count();
    assert!(shared <= 16, "{shared} shared windows");
}

#[test]
fn nothing_stands_in_clear() {
    let (_, bytes) = load_text(&vcf(LINES)).unwrap();
    let canaries = [
        A,
        B,
        "chr10",
        "rs1",
        "missense",
        "frameshift",
        "CTT",
        "protein_coding",
        "MedGen",
        "sequestra",
        "genotype",
    ];
    for canary in canaries {
        assert!(!contains(&bytes, canary), "`{canary}` stands in clear");
        // The check itself can fail: the plain columns do hold the word once decrypted.
    }
    let answer = format!("{:?} {:?}", ask(&bytes, &Filter::default()), about(&part(&bytes)).unwrap());
    assert!(["missense", "MedGen", A].iter().all(|word| answer.contains(word)));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn each_condition_keeps_and_drops() {
    let (_, bytes) = load_text(&vcf(LINES)).unwrap();
    let check = |name: &str, filter: Filter, expected: u64| {
        assert_eq!(ask(&bytes, &filter).total, expected, "{name}");
    };
    let region = |text: &str| Filter { regions: vec![text.parse::<Region>().unwrap()], ..Filter::default() };
    check("all", Filter::default(), 7);
    check("contig", region("chr10"), 5);
    check("range", region("chr2:100-150"), 1);
    check("reaches in", region("chr2:202-300"), 1);
    check("just behind", region("chr2:203-300"), 0);
    check("gene", Filter { genes: vec!["ga".into()], ..Filter::default() }, 1);
    check("term", with(|f| f.consequences = vec!["intron".parse().unwrap()]), 1);
    check("impact", with(|f| f.consequences = vec!["high".parse().unwrap()]), 3);
    check("severer", with(|f| f.consequences = vec!["missense+".parse().unwrap()]), 4);
    check("homozygous", with(|f| f.genotypes = vec![Zygosity::Homozygous]), 1);
    check("quality", with(|f| f.min_quality = Some(70.0)), 5);
    check("depth", with(|f| f.min_depth = Some(40)), 2);
    check("genotype quality", with(|f| f.min_genotype_quality = Some(99)), 2);
    check("significance", with(|f| f.significance = vec![Class::Pathogenic]), 2);
    check("passing", with(|f| f.passing_only = true), 6);
    let rare = ask(&bytes, &with(|f| f.max_frequency = Some(0.01)));
    assert_eq!((rare.total, rare.counts.kept_without_frequency), (4, 3));
    assert!(rare.notes.iter().any(|note| note.contains("3 rows have no frequency")), "{:?}", rare.notes);
    let misnamed = ask(&bytes, &region("10:1-100"));
    assert!(misnamed.notes.iter().any(|note| note.contains("`chr10`")), "{:?}", misnamed.notes);
    let genes = |names: &[&str]| Filter {
        genes: names.iter().map(|n| (*n).to_owned()).collect(),
        ..Filter::default()
    };
    let mistyped = ask(&bytes, &genes(&["ga", "NOSUCH"]));
    assert_eq!(mistyped.total, 1);
    assert!(mistyped.notes.len() == 1 && mistyped.notes[0].contains("`NOSUCH`"), "{:?}", mistyped.notes);
    assert!(ask(&bytes, &genes(&["ga"])).notes.is_empty());
    assert!(matches!("high".parse(), Ok(ConsequenceFilter::Impact(_))));
}

fn with(set: impl Fn(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    set(&mut filter);
    filter
}

#[test]
fn a_known_pathogenic_rare_stop_ranks_first_and_reasons_add_up() {
    let (_, bytes) = load_text(&vcf(LINES)).unwrap();
    let answer = ask(&bytes, &Filter::default());
    let first = &answer.rows[0];
    assert_eq!(first.row.position, 60);
    assert!(first.rank.reasons.iter().any(|r| r.words.contains("stop gained in GC (T4)")));
    for ranked in &answer.rows {
        assert_eq!(ranked.rank.score, ranked.rank.reasons.iter().map(|r| r.points).sum::<i32>());
        assert_eq!(ranked.rank.rule, RULE);
    }
    let scores: Vec<i32> = answer.rows.iter().map(|r| r.rank.score).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    // The same score in two samples: the sample decides, always in the same way.
    assert_eq!(answer.rows[0].row.sample.as_str(), A);
    assert_eq!(answer.rows[1].row.sample.as_str(), B);
}

#[test]
fn limits_and_offsets_cut_one_order() {
    let many: String =
        (1..=3000).map(|i| format!("chr2\t{i}\t.\tA\tG\t{}\tPASS\t.\tGT\t0/1\t0/0\n", 10 + i % 50)).collect();
    let (loaded, bytes) = load_text(&vcf(&many)).unwrap();
    assert_eq!(loaded.rows, 3000);
    let all =
        query(&[part(&bytes)], &Filter::default(), &Options { limit: 3000, ..Options::default() }).unwrap();
    let page =
        query(&[part(&bytes)], &Filter::default(), &Options { limit: 7, offset: 100, ..Options::default() });
    assert_eq!(page.unwrap().rows, all.rows[100..107]);
    let none =
        query(&[part(&bytes)], &Filter::default(), &Options { limit: 0, ..Options::default() }).unwrap();
    assert_eq!((none.total, none.rows.len()), (3000, 0));
}

#[test]
fn statistics_spare_row_groups() {
    let many: String = (1..=50_000)
        .map(|i| format!("chr2\t{i}\t.\tA\tG\t50\tPASS\t.\tGT\t0/1\t0/0\n"))
        .chain((1..=50).map(|i| format!("chr10\t{i}\t.\tA\tG\t90\tPASS\t.\tGT\t1/1\t0/0\n")))
        .collect();
    let (_, bytes) = load_text(&vcf(&many)).unwrap();
    let check = |filter: Filter, total, read| {
        let answer = ask(&bytes, &filter);
        assert_eq!((answer.total, answer.counts.row_groups_read), (total, read));
        assert_eq!(answer.counts.row_groups, 4);
    };
    check(Filter::default(), 50_050, 4);
    check(with(|f| f.regions = vec!["chr2:40,000-40,009".parse().unwrap()]), 10, 1);
    check(with(|f| f.regions = vec!["chr10".parse().unwrap()]), 50, 1);
    check(with(|f| f.regions = vec!["chr7".parse().unwrap()]), 0, 0);
    check(with(|f| f.min_quality = Some(80.0)), 50, 1);
    check(with(|f| f.genotypes = vec![Zygosity::Homozygous]), 50, 1);
}

#[test]
fn a_pointer_takes_the_consequence_that_names_it() {
    let change = "inframe_altering|XDH|T1|protein_coding|-|215EL>215VL|100A>AGC+101ACT>A";
    let lines = format!(
        "chr2\t100\t.\tA\tAGC\t50\tPASS\tBCSQ=@101\tGT:BCSQ\t0|1:2\t0|0:0\n\
         chr2\t101\t.\tACT\tA\t50\tPASS\tBCSQ={change},intron|Q|T9|protein_coding\tGT:BCSQ\t0|1:10\t0|0:0\n\
         chr2\t500\t.\tA\tC\t50\tPASS\tBCSQ=@501\tGT\t0|1\t0|0\n"
    );
    let (loaded, bytes) = load_text(&vcf(&lines)).unwrap();
    let answer = query(&[part(&bytes)], &Filter::default(), &by_place()).unwrap();
    let first = answer.rows[0].row.top().unwrap();
    assert_eq!((first.gene.as_deref(), first.compound), (Some("XDH"), true));
    assert_eq!(first.severity, Severity::of_word("protein_altering_variant").unwrap());
    assert_eq!(answer.rows[1].row.consequences.len(), 2);
    assert!(!answer.rows[1].row.top().unwrap().compound);
    assert_eq!(loaded.skipped.unresolved_compounds, 1);
}

#[test]
fn the_bit_mask_gives_each_sample_its_own_consequences() {
    let lines = "chr2\t100\t.\tA\tG\t50\tPASS\tBCSQ=missense|GA|T2|protein_coding|+|5K>5E|100A>G,synonymous|GA|T2|protein_coding|+|5K|100A>G+101C>T\tGT:BCSQ\t0|1:2\t1|0:4\n";
    let (_, bytes) = load_text(&vcf(lines)).unwrap();
    let answer = query(&[part(&bytes)], &Filter::default(), &by_place()).unwrap();
    let terms: Vec<_> = answer.rows.iter().map(|r| r.row.top().unwrap().terms.clone()).collect();
    assert_eq!(terms, ["missense", "synonymous"]);
}

#[test]
fn malformed_lines_are_refused_without_being_quoted() {
    let check = |line: &str, why: &str| {
        let error = load_text(&vcf(line)).unwrap_err();
        let text = base::fault::chain(&error);
        assert!(text.contains(why), "{text}");
        assert!(!text.contains("GATTACA"), "{text}");
    };
    check("chr2\t5\t.\tGATTACA\tG\t50\tPASS\t.\tGT\t0/7\t0/0\n", "a genotype names an allele");
    check("chr2\t5\t.\tGATTACAX\tG\t50\tPASS\t.\tGT\t0/1\t0/0\n", "something else than bases");
    check("chr2\t5\t.\tA\tGATTACA!\t50\tPASS\t.\tGT\t0/1\t0/0\n", "neither bases");
    check("chr2\t200000\t.\tGATTACA\tA\t50\tPASS\t.\tGT\t0/1\t0/0\n", "behind the contig's end");
    check("chr2\tGATTACA\t.\tA\tC\t50\tPASS\t.\tGT\t0/1\t0/0\n", "record 1");
}

#[test]
fn numbers_of_values_must_fit_the_alleles() {
    let line = |format: &str, values: &str| {
        vcf(&format!("chr2\t5\t.\tA\tG\t50\tPASS\t.\t{format}\t{values}\t{values}\n"))
    };
    let check = |format: &str, values: &str, ok: bool| {
        let declared = line(format, values);
        assert_eq!(load_text(&declared).is_ok(), ok, "{format} {values}");
        let undeclared: String =
            declared.split_inclusive('\n').filter(|line| !line.starts_with("##FORMAT")).collect();
        let result = load_text(&undeclared);
        assert_eq!(result.is_ok(), ok, "undeclared {format} {values}");
        if let Ok((loaded, _)) = result {
            assert_eq!(loaded.rows, 2, "undeclared {format} {values}");
        }
    };
    check("GT:PL", "0/1:50,0,50", true);
    check("GT:PL", "0/1:50,0", false);
    check("GT:PL", "1:50,0", true);
    check("GT:PL", "1:50,0,50", false);
    check("GT:AD", "0/1:9,9", true);
    check("GT:AD", "0/1:9,9,9", false);
    check("GT:AD", "0/1:.", true);
}

#[test]
fn calls_out_of_order_are_refused() {
    let call =
        |contig: &str, position: u32| format!("{contig}\t{position}\t.\tA\tG\t50\tPASS\t.\tGT\t0/1\t0/0\n");
    let check = |places: &[(&str, u32)], why: &str| {
        let lines: String = places.iter().map(|(contig, position)| call(contig, *position)).collect();
        let error = load_text(&vcf(&lines)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    check(&[("chr2", 9), ("chr2", 8)], "before the record above");
    check(&[("chr2", 9), ("chr10", 9), ("chr2", 10)], "do not stand together");
}

#[test]
fn a_plain_gzip_is_named_as_such() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(vcf(LINES).as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let error = load(bytes.as_slice(), Sources::default(), &Plan::default(), &KEY, Vec::new()).unwrap_err();
    assert!(matches!(error, Error::NotBgzf { .. }), "{error}");
}

#[test]
fn a_part_in_a_file_reads_as_one_in_memory() {
    let (_, bytes) = load_text(&vcf(LINES)).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let answer = query(&[Part::from_file(file, &KEY)], &Filter::default(), &Options::default()).unwrap();
    assert_eq!(answer, ask(&bytes, &Filter::default()));
}

#[test]
fn random_bytes_are_no_part_and_no_vcf() {
    for length in [0, 1, 4, 12, 100, 5000] {
        let mut bytes = vec![0; length];
        SystemEntropy.fill(&mut bytes);
        assert!(about(&Part::from_bytes(Bytes::from(bytes.clone()), &KEY)).is_err());
        let mut framed = b"PARE".to_vec();
        framed.extend(&bytes);
        framed.extend(b"PARE");
        assert!(about(&Part::from_bytes(framed, &KEY)).is_err());
        assert!(load(bytes.as_slice(), Sources::default(), &Plan::default(), &KEY, Vec::new()).is_err());
    }
}

#[test]
fn a_reader_that_gives_one_byte_at_a_time_loses_nothing() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = buffer.len().min(1);
            (&mut self.0).take(n as u64).read(buffer)
        }
    }
    let packed = bgzf(&vcf(LINES));
    let mut out = Vec::new();
    load(Slow(&packed), sources(), &Plan::default(), &KEY, &mut out).unwrap();
    let _: SampleId = A.parse().unwrap();
    assert_eq!(ask(&out, &Filter::default()), ask(&load_text(&vcf(LINES)).unwrap().1, &Filter::default()));
}
