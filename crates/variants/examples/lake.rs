//! Tries the lake on a variant file, without a site:
//! `cargo run -p variants --example lake -- calls.vcf.gz [frequencies.vcf.gz|-] [significance.vcf.gz|-]`
//!
//! The part is written to `part.parquet` in the current directory under a key of zeros, so this
//! is for public data only.

use base::{Id, SampleId, SystemEntropy};
use std::fs::File;
use std::io::Read;
use std::time::Instant;
use variants::{Columns, Filter, Options, Part, Plan, Sources, load, query};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let calls = arguments.next().ok_or("a variant file is needed")?;
    let mut source = || -> std::io::Result<Option<Box<dyn Read>>> {
        match arguments.next().filter(|path| path != "-") {
            Some(path) => Ok(Some(Box::new(File::open(path)?))),
            None => Ok(None),
        }
    };
    let sources = Sources { frequencies: source()?, significance: source()? };
    let key = [0; 32];
    let sample = SampleId::mint(&SystemEntropy);
    let plan = Plan { columns: Columns::Only(sample), ..Plan::default() };
    let start = Instant::now();
    let loaded = load(File::open(&calls)?, sources, &plan, &key, File::create("part.parquet")?)?;
    println!("loaded in {:?}: {loaded:#?}", start.elapsed());

    let start = Instant::now();
    let part = Part::from_file(File::open("part.parquet")?, &key);
    let answer = query(&[part], &Filter::default(), &Options { limit: 10, ..Options::default() })?;
    println!("queried in {:?}: {} rows, {:#?}", start.elapsed(), answer.total, answer.counts);
    for ranked in &answer.rows {
        let row = &ranked.row;
        let terms = row.top().map_or("-", |top| top.terms.as_str());
        println!("{:>4} {}:{} {} {terms}", ranked.rank.score, row.contig, row.position, row.genotype);
        for reason in &ranked.rank.reasons {
            println!("       {:>+4} {}", reason.points, reason.words);
        }
    }
    Ok(())
}
