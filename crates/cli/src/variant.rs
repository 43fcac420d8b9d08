//! `variant`: questions to the encrypted lake.

use crate::app::App;
use crate::{Console, Failure, text};
use api::variant::{Answer, Query, Variant as Row};
use base::{ProjectId, SampleId};
use clap::{Args, Subcommand};

/// Called variants, filtered and ranked
#[derive(Subcommand)]
pub enum Variant {
    Query(Box<Ask>),
}

impl Variant {
    pub fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        match self {
            Self::Query(args) => args.run(app),
        }
    }
}

/// List a sample's variants, the most noteworthy first, with counts.
///
/// Filters of different kinds must all hold; several values of one kind, any of them. The order is that of a
/// published rule (consequence severity, clinical significance, rarity, quality); `--why` shows the points that put each
/// variant where it stands.
#[derive(Args)]
#[command(
    after_help = "Example:\n  sequestra variant query --sample smp_… --consequence high --max-frequency 0.01 --passing --why\n  \
    sequestra variant query --sample smp_… --region chr20:10,000-20,000 --count\n\n\
    Role: viewer or analyst in the project."
)]
pub struct Ask {
    /// The sample, smp_…
    #[arg(long)]
    sample: SampleId,
    /// A region such as chr20:10,000-20,000, chr20:500 or chr20; may be given several times
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<String>,
    /// A gene symbol; may be given several times
    #[arg(long = "gene", value_name = "GENE")]
    genes: Vec<String>,
    /// A consequence term, or an impact: high, moderate, low, modifier; may be given several times
    #[arg(long = "consequence", value_name = "TERM")]
    consequences: Vec<String>,
    /// A zygosity: het, hom, …; may be given several times
    #[arg(long = "genotype", value_name = "GENOTYPE")]
    genotypes: Vec<String>,
    /// A clinical significance such as pathogenic; may be given several times
    #[arg(long, value_name = "TERM")]
    significance: Vec<String>,
    /// Least variant quality
    #[arg(long, value_name = "QUAL")]
    min_quality: Option<f32>,
    /// Least depth
    #[arg(long, value_name = "READS")]
    min_depth: Option<u32>,
    /// Greatest population frequency, 0 to 1; variants without one are kept
    #[arg(long, value_name = "FREQUENCY")]
    max_frequency: Option<f64>,
    /// Only variants that passed their caller's filters
    #[arg(long)]
    passing: bool,
    /// Order by position instead of by rank
    #[arg(long)]
    by_position: bool,
    /// Rows to show, 1,000 at most [default: 50]
    #[arg(long, value_name = "ROWS")]
    limit: Option<usize>,
    /// Rows to skip
    #[arg(long, value_name = "ROWS", default_value_t = 0, hide_default_value = true)]
    offset: usize,
    /// The project whose results are asked for, prj_…, where another one lends the sample to it [default: the sample's]
    #[arg(long = "in", value_name = "PROJECT")]
    workspace: Option<ProjectId>,
    /// Show the counts alone
    #[arg(long, conflicts_with_all = ["limit", "offset", "why"])]
    count: bool,
    /// Show under each variant the reasons for its rank
    #[arg(long)]
    why: bool,
}

impl Ask {
    fn run(self, app: &mut App<'_>) -> Result<(), Failure> {
        let (count, why) = (self.count, self.why);
        let query = Query {
            regions: self.regions,
            genes: self.genes,
            consequences: self.consequences,
            genotypes: self.genotypes,
            significance: self.significance,
            min_quality: self.min_quality,
            min_depth: self.min_depth,
            max_frequency: self.max_frequency,
            passing: self.passing,
            by_position: self.by_position,
            limit: if count { Some(0) } else { self.limit },
            offset: self.offset,
            workspace: self.workspace,
        };
        let answer: Answer =
            app.client()?.post("variant query", &[&self.sample.to_string()], &query)?.json()?;
        if app.console.is_json() {
            return app.console.json(&answer);
        }
        let console = &mut *app.console;
        if count {
            counts(console, &answer)?;
        } else {
            if why {
                with_reasons(console, &answer.rows)?
            } else {
                table(console, &answer.rows)?
            }
            let (from, shown) = (query.offset, answer.rows.len());
            let all = text::count(answer.total);
            console.say(&format!(
                "{shown} of {all} variants, after the first {from}; ranking rule {}",
                answer.rule
            ));
        }
        // What makes an answer mean less than it seems to is told to those who asked for quiet, too.
        answer.notes.iter().for_each(|note| console.talk(&format!("note: {note}")));
        Ok(())
    }
}

const HEAD: [&str; 11] = [
    "RANK",
    "SCORE",
    "PLACE",
    "CHANGE",
    "GENOTYPE",
    "GENE",
    "CONSEQUENCE",
    "PROTEIN",
    "FREQUENCY",
    "QUALITY",
    "SIGNIFICANCE",
];

fn table(console: &mut Console, rows: &[Row]) -> Result<(), Failure> {
    console.table(&HEAD, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn cells(v: &Row) -> Vec<String> {
    let quality = v.quality.map(|q| format!("{q:.0}"));
    let filter = v.filter.as_deref().filter(|f| *f != "PASS");
    vec![
        text::or_dash(v.rank),
        v.score.to_string(),
        format!("{}:{}", v.contig, v.position),
        format!("{}>{}", text::short(&v.reference, 12), text::short(&v.alternate, 12)),
        v.genotype.clone(),
        text::or_dash(v.gene.as_ref()),
        text::or_dash(v.consequence.as_ref()),
        text::or_dash(v.amino_acid_change.as_ref()),
        text::or_dash(v.frequency),
        format!("{}{}", text::or_dash(quality), filter.map(|f| format!(" {f}")).unwrap_or_default()),
        text::or_dash(v.significance.as_ref()),
    ]
}

fn with_reasons(console: &mut Console, rows: &[Row]) -> Result<(), Failure> {
    for v in rows {
        let cells = cells(v);
        let named: Vec<String> =
            HEAD.iter().zip(cells).skip(2).filter(|(_, cell)| cell != "-").map(|(_, cell)| cell).collect();
        console.line(&format!("{:>4}  {:>5}  {}", text::or_dash(v.rank), v.score, named.join("  ")))?;
        for reason in &v.reasons {
            let points = format!("{:+}", reason.points);
            console
                .line(&format!("      {points:>5}  {} {}: {}", reason.factor, reason.value, reason.words))?;
        }
        if !v.conditions.is_empty() {
            console.line(&format!("             conditions: {}", v.conditions.join("; ")))?;
        }
    }
    Ok(())
}

fn counts(console: &mut Console, answer: &Answer) -> Result<(), Failure> {
    let mut rows = vec![vec!["all".to_owned(), String::new(), text::count(answer.total)]];
    for (by, counts) in &answer.counts {
        rows.extend(counts.iter().map(|(value, n)| vec![by.clone(), value.clone(), text::count(*n)]));
    }
    console.table(&["BY", "VALUE", "VARIANTS"], &rows)
}
