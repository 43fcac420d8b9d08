//! The picture of how a site grows, drawn from the measured table beside it.
//!
//! The table has lines of `panel,series,size,value`; a panel is a diagram with both axes logarithmic, in which each
//! series is a line. Straight lines of slope one are growth in proportion.

use crate::{Finding, Workspace};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;

/// The measured table, from the root of the workspace.
pub const TABLE: &str = "docs/reference/growth.csv";
/// The picture that is drawn from it.
pub const PICTURE: &str = "docs/images/growth.svg";

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;
const COLUMNS: usize = 2;
/// Around the area in which lines are drawn: left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (56.0, 34.0, 116.0, 40.0);
/// From one line of text to the next.
const LINE: f64 = 12.0;
const COLOURS: [&str; 5] = ["#0b6e99", "#b4451f", "#4a7c2c", "#7a4a9e", "#555555"];

/// A diagram.
#[derive(Debug, Clone, PartialEq)]
struct Panel {
    name: String,
    series: Vec<(String, Vec<(f64, f64)>)>,
}

/// A table or a picture that is missing, and a picture that is not what the table gives.
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let Some(table) = workspace.files.get(TABLE) else { return Vec::new() };
    match picture(table) {
        Err(error) => vec![Finding::new(TABLE, 0, format!("{error:#}"))],
        Ok(drawn) if workspace.files.get(PICTURE) == Some(&drawn) => Vec::new(),
        Ok(_) => vec![Finding::new(PICTURE, 0, "is not current: run `cargo run -p xtask -- plot`")],
    }
}

/// The picture of `table`, as SVG.
///
/// # Errors
/// When a line of the table is not of its form.
pub fn picture(table: &str) -> Result<String> {
    let panels = panels(table)?;
    let rows = panels.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * rows as f64);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (place, panel) in panels.iter().enumerate() {
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        writeln!(out, "<g transform=\"translate({},{})\">", WIDTH * column as f64, HEIGHT * row as f64)?;
        draw(&mut out, panel)?;
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn panels(table: &str) -> Result<Vec<Panel>> {
    let mut panels: Vec<Panel> = Vec::new();
    for (number, line) in (1..).zip(table.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split(',').collect();
        let [panel, series, size, value] = words.as_slice() else {
            bail!("line {number}: not `panel,series,size,value`");
        };
        let positive = |text: &str| -> Result<f64> {
            let number: f64 =
                text.parse().with_context(|| format!("line {number}: `{text}` is no number"))?;
            if number > 0.0 {
                Ok(number)
            } else {
                bail!("line {number}: `{text}` has no place on a logarithmic axis")
            }
        };
        let point = (positive(size)?, positive(value)?);
        let at = panels.iter().position(|known| known.name == *panel).unwrap_or(panels.len());
        if at == panels.len() {
            panels.push(Panel { name: (*panel).to_owned(), series: Vec::new() });
        }
        let Some(panel) = panels.get_mut(at) else { continue };
        match panel.series.iter_mut().find(|(name, _)| name == series) {
            Some((_, points)) => points.push(point),
            None => panel.series.push(((*series).to_owned(), vec![point])),
        }
    }
    Ok(panels)
}

/// A logarithmic axis over whole decades.
struct Axis {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (i32::MAX, i32::MIN);
        for value in values {
            low = low.min(value.log10().floor() as i32);
            high = high.max(value.log10().ceil() as i32);
        }
        Self { low, high: high.max(low + 1), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + part * (self.to - self.from)
    }
}

fn draw(out: &mut String, panel: &Panel) -> Result<()> {
    let (left, top, right, bottom) = MARGIN;
    let points = || panel.series.iter().flat_map(|(_, points)| points.iter());
    let x = Axis::over(points().map(|point| point.0), left, WIDTH - right);
    let y = Axis::over(points().map(|point| point.1), HEIGHT - bottom, top);
    writeln!(out, "<text x=\"{left}\" y=\"18\" font-weight=\"bold\">{}</text>", panel.name)?;
    for decade in x.low..=x.high {
        let at = x.place(10f64.powi(decade));
        writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#dddddd\"/>",
            y.from
        )?;
        writeln!(
            out,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y.from + 16.0,
            label(decade)
        )?;
    }
    for decade in y.low..=y.high {
        let at = y.place(10f64.powi(decade));
        writeln!(
            out,
            "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>",
            x.to
        )?;
        let (edge, down) = (left - 6.0, at + 4.0);
        writeln!(out, "<text x=\"{edge:.1}\" y=\"{down:.1}\" text-anchor=\"end\">{}</text>", label(decade))?;
    }
    let mut named: Vec<f64> = Vec::new();
    for ((name, points), colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        let places: Vec<(f64, f64)> =
            points.iter().map(|(size, value)| (x.place(*size), y.place(*value))).collect();
        let line: Vec<String> =
            places.iter().map(|(across, down)| format!("{across:.1},{down:.1}")).collect();
        writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            line.join(" ")
        )?;
        for (across, down) in &places {
            writeln!(out, "<circle cx=\"{across:.1}\" cy=\"{down:.1}\" r=\"2.5\" fill=\"{colour}\"/>")?;
        }
        if let Some((across, down)) = places.last() {
            let (beside, mut level) = (across + 7.0, down + 4.0);
            // Names of lines that end close together stand below each other.
            while let Some(near) = named.iter().find(|other| (level - **other).abs() < LINE) {
                level = near + LINE;
            }
            named.push(level);
            writeln!(out, "<text x=\"{beside:.1}\" y=\"{level:.1}\" fill=\"{colour}\">{name}</text>")?;
        }
    }
    Ok(())
}

/// A power of ten as people write it.
fn label(decade: i32) -> String {
    match decade {
        ..0 => format!("{:.*}", decade.unsigned_abs() as usize, 10f64.powi(decade)),
        0..=2 => format!("{}", 10u32.pow(decade.unsigned_abs())),
        3..=5 => format!("{} k", 10u32.pow(decade.unsigned_abs() - 3)),
        _ => format!("{} M", 10u64.pow(decade.unsigned_abs() - 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# made\na (ms),start,10,1\na (ms),start,1000,100\nb,x,1,0.5\n";

    #[test]
    fn points_lie_where_their_logarithms_say() {
        let drawn = picture(SMALL).unwrap();
        let (left, top, right, bottom) = MARGIN;
        let corners = format!("points=\"{left:.1},{:.1} {:.1},{top:.1}\"", HEIGHT - bottom, WIDTH - right);
        assert!(drawn.contains(&corners), "{drawn}");
        assert!(
            drawn.contains(">a (ms)<") && drawn.contains(">start<") && drawn.contains(">1 k<"),
            "{drawn}"
        );
        assert_eq!(drawn.matches("<circle").count(), 3);
    }

    #[test]
    fn names_of_lines_that_end_together_do_not_lie_on_each_other() {
        let drawn = picture("a,x,1,5\na,y,1,5\na,z,1,5\n").unwrap();
        let names = drawn
            .lines()
            .filter(|line| ["x", "y", "z"].iter().any(|name| line.contains(&format!(">{name}<"))));
        let levels: std::collections::BTreeSet<&str> =
            names.filter_map(|line| line.split("y=").nth(1)).collect();
        assert_eq!(levels.len(), 3, "{drawn}");
    }

    #[test]
    fn lines_of_another_form_are_refused() {
        for bad in ["a,b,1", "a,b,1,2,3", "a,b,x,1", "a,b,1,0", "a,b,-1,1", "a,b,1,NaN"] {
            assert!(picture(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_picture_that_is_not_the_tables_is_found() {
        let drawn = picture(SMALL).unwrap();
        assert!(check(&Workspace::of(&[(TABLE, SMALL), (PICTURE, &drawn)])).is_empty());
        assert_eq!(check(&Workspace::of(&[(TABLE, SMALL), (PICTURE, "<svg/>")])).len(), 1);
        assert_eq!(check(&Workspace::of(&[(TABLE, SMALL)])).len(), 1);
        assert_eq!(check(&Workspace::of(&[(TABLE, "a,b"), (PICTURE, &drawn)])).len(), 1);
    }

    #[test]
    fn labels() {
        let labels: Vec<String> = (-2..=8).map(label).collect();
        assert_eq!(labels, ["0.01", "0.1", "1", "10", "100", "1 k", "10 k", "100 k", "1 M", "10 M", "100 M"]);
    }
}
