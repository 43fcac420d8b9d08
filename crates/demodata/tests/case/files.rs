//! Reads a case back from its files, with code that shares nothing with the writer.

use std::collections::BTreeMap;
use std::path::Path;

/// A row's place and alleles; the position counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    pub contig: String,
    pub position: usize,
    pub reference: String,
    pub alternate: String,
}

#[derive(Debug)]
pub struct Variant {
    pub site: Site,
    pub genotype: String,
}

#[derive(Debug)]
pub struct Expected {
    pub site: Site,
    /// The whole field, and its first part.
    pub consequence: String,
    pub term: String,
    pub gene: String,
    pub causing: bool,
}

/// A gene from the GFF3 file. All positions count from 1.
#[derive(Debug)]
pub struct Model {
    pub symbol: String,
    pub contig: String,
    pub forward: bool,
    /// First and last base of each part, ascending.
    pub exons: Vec<(usize, usize)>,
    pub coding: Vec<(usize, usize)>,
}

impl Model {
    pub fn meets(&self, site: &Site) -> bool {
        let (start, end) = (self.exons[0].0, self.exons[self.exons.len() - 1].1);
        self.contig == site.contig && site.position + site.reference.len() > start && site.position <= end
    }
}

pub struct Case {
    pub contigs: BTreeMap<String, String>,
    pub genes: Vec<Model>,
    pub truth: Vec<Variant>,
    pub expected: Vec<Expected>,
    pub frequencies: Vec<(Site, String)>,
    pub significance: Vec<(Site, String)>,
}

pub fn lines(path: &Path) -> Vec<String> {
    text(path).lines().map(Into::into).collect()
}

/// The text of a file, inflated block by block if it is BGZF.
pub fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    if !path.to_string_lossy().ends_with(".gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut data = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let size = usize::from(u16::from_le_bytes([rest[16], rest[17]])) + 1;
        data.extend(miniz_oxide::inflate::decompress_to_vec(&rest[18..size - 8]).unwrap());
        rest = &rest[size..];
    }
    String::from_utf8(data).unwrap()
}

impl Case {
    pub fn read(dir: &Path) -> Self {
        let mut contigs: BTreeMap<String, String> = BTreeMap::new();
        let mut name = String::new();
        for line in lines(&dir.join("reference.fa")) {
            match line.strip_prefix('>') {
                Some(new) => name = new.into(),
                None => contigs.entry(name.clone()).or_default().push_str(&line),
            }
        }
        let truth = rows(&dir.join("truth.vcf.gz"));
        let info = |file: &str| {
            let rows = rows(&dir.join(file));
            rows.into_iter().map(|r| (site(&r[0], &r[1], &r[3], &r[4]), r[7].clone())).collect()
        };
        Self {
            genes: genes(&dir.join("genes.gff3")),
            truth: truth
                .into_iter()
                .map(|r| Variant { site: site(&r[0], &r[1], &r[3], &r[4]), genotype: r[9].clone() })
                .collect(),
            expected: expected(&dir.join("expected.tsv")),
            frequencies: info("frequencies.vcf.gz"),
            significance: info("significance.vcf.gz"),
            contigs,
        }
    }

    /// The term for a change: made on the contig, spliced by the moved exon borders, translated.
    pub fn effect(&self, gene: &Model, site: &Site) -> String {
        let contig = &self.contigs[&site.contig];
        // What changes: the base itself, the bases after the anchor, or the gap after it.
        let single = site.reference.len() == 1 && site.alternate.len() == 1;
        let first = site.position + usize::from(!single);
        let last = site.position + (site.reference.len() - 1).max(usize::from(site.alternate.len() > 1));
        let exon = gene.exons.iter().position(|e| e.0 <= first && last <= e.1);
        let Some(exon) = exon else { return intronic(gene, first, last).into() };
        let coding = gene.coding.iter().any(|c| c.0 <= first && last <= c.1);
        let (low, high) = (gene.coding[0].0, gene.coding[gene.coding.len() - 1].1);
        if !coding {
            return if (last < low) == gene.forward { "5_prime_utr" } else { "3_prime_utr" }.into();
        }
        assert!(low <= first && last <= high);
        let after = site.position - 1 + site.reference.len();
        let changed = format!(
            "{}{}{}",
            contig.get(..site.position - 1).unwrap(),
            site.alternate,
            contig.get(after..).unwrap()
        );
        let moved = |p: usize| p + site.alternate.len() - site.reference.len();
        let ends = |(i, e): (usize, &(usize, usize))| {
            (if i > exon { moved(e.0) } else { e.0 }, if i >= exon { moved(e.1) } else { e.1 })
        };
        let exons: Vec<(usize, usize)> = gene.exons.iter().enumerate().map(ends).collect();
        let start = if gene.forward { low } else { moved(high) };
        let was = read(contig, &gene.exons, if gene.forward { low } else { high }, gene.forward);
        let is = read(&changed, &exons, start, gene.forward);
        compare(&was, &is, site).into()
    }
}

fn intronic(gene: &Model, first: usize, last: usize) -> &'static str {
    for pair in gene.exons.windows(2) {
        let (left, right) = (first.wrapping_sub(pair[0].1), pair[1].0.wrapping_sub(last));
        if first <= pair[0].1 || last >= pair[1].0 {
            continue;
        }
        return match (left.min(right), (left < right) == gene.forward) {
            (1..=2, true) => "splice_donor",
            (1..=2, false) => "splice_acceptor",
            (3..=8, _) => "splice_region",
            _ => "intron",
        };
    }
    "between"
}

/// Reads codons from the position `start` on, through the exons.
fn read(contig: &str, exons: &[(usize, usize)], start: usize, forward: bool) -> String {
    let mut positions: Vec<usize> = exons.iter().flat_map(|e| e.0..=e.1).collect();
    if !forward {
        positions.reverse();
    }
    let bases: String = positions
        .into_iter()
        .skip_while(|p| *p != start)
        .map(|p| {
            let base = contig.as_bytes()[p - 1] as char;
            match (forward, base) {
                (true, b) => b,
                (false, 'A') => 'T',
                (false, 'C') => 'G',
                (false, 'G') => 'C',
                (false, _) => 'A',
            }
        })
        .collect();
    let mut protein = String::new();
    for codon in bases.as_bytes().chunks_exact(3) {
        let letter = amino(codon);
        protein.push(letter);
        if letter == '*' {
            break;
        }
    }
    protein
}

/// The standard code, by its regularities and not as a table.
fn amino(codon: &[u8]) -> char {
    let purine = matches!(codon[2], b'A' | b'G');
    match (codon[0], codon[1]) {
        (b'G', b'C') => 'A',
        (b'G', b'G') => 'G',
        (b'G', b'T') => 'V',
        (b'C', b'T') => 'L',
        (b'C', b'C') => 'P',
        (b'C', b'G') => 'R',
        (b'A', b'C') => 'T',
        (b'T', b'C') => 'S',
        (b'T', b'T') => {
            if purine {
                'L'
            } else {
                'F'
            }
        }
        (b'A', b'T') => {
            if codon[2] == b'G' {
                'M'
            } else {
                'I'
            }
        }
        (b'T', b'A') => {
            if purine {
                '*'
            } else {
                'Y'
            }
        }
        (b'C', b'A') => {
            if purine {
                'Q'
            } else {
                'H'
            }
        }
        (b'A', b'A') => {
            if purine {
                'K'
            } else {
                'N'
            }
        }
        (b'G', b'A') => {
            if purine {
                'E'
            } else {
                'D'
            }
        }
        (b'A', b'G') => {
            if purine {
                'R'
            } else {
                'S'
            }
        }
        _ => match codon[2] {
            b'A' => '*',
            b'G' => 'W',
            _ => 'C',
        },
    }
}

fn compare(was: &str, is: &str, site: &Site) -> &'static str {
    let (less, more) =
        (site.reference.len() > site.alternate.len(), site.reference.len() < site.alternate.len());
    let ended = is.ends_with('*');
    let differ = was.bytes().zip(is.bytes()).filter(|(a, b)| a != b).count();
    if !is.starts_with('M') {
        "start_lost"
    } else if !(site.reference.len() + 2 * site.alternate.len()).is_multiple_of(3) {
        if ended { "frameshift" } else { "endless" }
    } else if less && is.len() + (site.reference.len() - 1) / 3 == was.len() {
        "inframe_deletion"
    } else if more && was.len() + (site.alternate.len() - 1) / 3 == is.len() {
        "inframe_insertion"
    } else if was == is {
        "synonymous"
    } else if is.len() < was.len() && ended {
        "stop_gained"
    } else if is.len() > was.len() && ended {
        "stop_lost"
    } else if differ == 1 {
        "missense"
    } else {
        "several"
    }
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let rows = lines(path).into_iter().filter(|l| !l.starts_with('#'));
    rows.map(|l| l.split('\t').map(Into::into).collect()).collect()
}

pub fn site(contig: &str, position: &str, reference: &str, alternate: &str) -> Site {
    Site {
        contig: contig.into(),
        position: position.parse().unwrap(),
        reference: reference.into(),
        alternate: alternate.into(),
    }
}

fn expected(path: &Path) -> Vec<Expected> {
    let rows = rows(path);
    assert_eq!(rows[0].join(" "), "contig pos ref alt expected_consequence gene disease_causing");
    rows[1..]
        .iter()
        .map(|r| Expected {
            site: site(&r[0], &r[1], &r[2], &r[3]),
            consequence: r[4].clone(),
            term: r[4].split('|').next().unwrap().into(),
            gene: r[5].clone(),
            causing: r[6] == "yes",
        })
        .collect()
}

/// Genes with their exons and coding parts, and whether the phases are what the parts before make
/// them.
fn genes(path: &Path) -> Vec<Model> {
    let mut genes: Vec<Model> = Vec::new();
    let mut read = 0;
    for row in rows(path) {
        let part = (row[3].parse().unwrap(), row[4].parse().unwrap());
        match row[2].as_str() {
            "gene" => {
                let symbol = row[8].split(';').find_map(|a| a.strip_prefix("Name=")).unwrap().into();
                let forward = row[6] == "+";
                genes.push(Model { symbol, contig: row[0].clone(), forward, exons: vec![], coding: vec![] });
                read = 0;
            }
            "exon" => genes.last_mut().unwrap().exons.push(part),
            "CDS" => {
                assert_eq!(row[7].parse::<usize>().unwrap(), (3 - read % 3) % 3, "phase of {row:?}");
                read += part.1 - part.0 + 1;
                genes.last_mut().unwrap().coding.push(part);
            }
            _ => {}
        }
    }
    for gene in &mut genes {
        gene.exons.sort_unstable();
        gene.coding.sort_unstable();
    }
    genes
}
