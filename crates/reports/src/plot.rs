//! Small vector plots: points for the template, in the plot's own coordinates.

use crate::words;

/// Width of the drawing area.
pub(crate) const WIDTH: f64 = 280.0;
/// Height of the drawing area.
pub(crate) const HEIGHT: f64 = 84.0;
/// Most points drawn; longer series are summed into as many bins.
const MOST_POINTS: usize = 140;

/// A plot with its title, the words for those who do not see it, and marks on its axes.
pub(crate) struct Plot {
    pub title: &'static str,
    pub description: String,
    /// An SVG path of the filled area.
    pub area: String,
    /// An SVG path of its upper edge.
    pub line: String,
    /// Marks below: position and text.
    pub marks: Vec<(String, String)>,
    /// A dashed vertical: position and text.
    pub guide: Option<(String, String)>,
    pub x_label: &'static str,
    pub y_label: String,
}

/// Share of the reference by depth; the deepest half percent is left out to the right.
pub(crate) fn depth(histogram: &[u64]) -> Option<Plot> {
    let total: u64 = histogram.iter().sum();
    let shown = until_share(histogram, total, 0.995)?;
    let series: Vec<(f64, f64)> = shown.iter().enumerate().map(|(x, n)| (x as f64, *n as f64)).collect();
    let most = shown.iter().enumerate().max_by_key(|(_, n)| **n).map_or(0, |(depth, _)| depth);
    let description = format!("Bases by depth of coverage; most bases have a depth near {most}.");
    let mut plot = draw("Depth of coverage", description, &series, Some((20.0, "20×")))?;
    (plot.x_label, plot.y_label) = ("reads over a base", "bases".to_owned());
    Some(plot)
}

/// Read pairs by insert size.
pub(crate) fn insert_size(sizes: &[(u32, u64)]) -> Option<Plot> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let total: u64 = sizes.iter().map(|(_, n)| n).sum();
    let median = {
        let mut seen = 0;
        sizes.iter().find(|(_, n)| {
            seen += n;
            seen * 2 >= total
        })?
    }
    .0;
    let series: Vec<(f64, f64)> = sizes.iter().map(|(x, n)| (f64::from(*x), *n as f64)).collect();
    let description = format!("Read pairs by insert size; the median is {median} bases.");
    let mut plot = draw("Insert size", description, &series, Some((f64::from(median), "median")))?;
    (plot.x_label, plot.y_label) = ("bases", "pairs".to_owned());
    Some(plot)
}

/// Mean base quality by cycle.
pub(crate) fn by_cycle(qualities: &[f64]) -> Option<Plot> {
    let series: Vec<(f64, f64)> = qualities
        .iter()
        .enumerate()
        .map(|(x, q)| (x as f64 + 1.0, if q.is_finite() { *q } else { 0.0 }))
        .collect();
    let least = qualities.iter().copied().fold(f64::INFINITY, f64::min);
    let description = format!("Mean base quality by cycle; the lowest is {least:.0}.");
    let mut plot = draw("Base quality by cycle", description, &series, None)?;
    let most = qualities.iter().copied().filter(|q| q.is_finite()).fold(0.0, f64::max);
    (plot.x_label, plot.y_label) = ("cycle", format!("mean quality, from 0 to {most:.0}"));
    Some(plot)
}

fn until_share(histogram: &[u64], total: u64, share: f64) -> Option<&[u64]> {
    let mut seen = 0u64;
    let last = histogram.iter().position(|n| {
        seen = seen.saturating_add(*n);
        seen as f64 >= total as f64 * share
    })?;
    // Keep 20 in sight, so that the guide stands in the plot.
    histogram.get(..(last + 2).max(31).min(histogram.len()))
}

fn draw(
    title: &'static str,
    description: String,
    series: &[(f64, f64)],
    guide: Option<(f64, &str)>,
) -> Option<Plot> {
    let (left, right) = (series.first()?.0, series.last()?.0);
    let series = binned(series);
    let top = series.iter().map(|(_, y)| *y).fold(0.0, f64::max);
    if series.len() < 2 || right <= left || top <= 0.0 {
        return None;
    }
    let x_of = |x: f64| (x - left) / (right - left) * WIDTH;
    let y_of = |y: f64| HEIGHT - (y / top).clamp(0.0, 1.0) * (HEIGHT - 6.0);
    let points: Vec<String> =
        series.iter().map(|(x, y)| format!("{:.1} {:.1}", x_of(*x), y_of(*y))).collect();
    let line = format!("M{}", points.join("L"));
    let area = format!("{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z");
    let mark = |x: f64| (format!("{:.1}", x_of(x)), words::count(x.round() as u64));
    let guide = guide
        .filter(|(x, _)| *x > left && *x < right)
        .map(|(x, text)| (format!("{:.1}", x_of(x)), text.to_owned()));
    let marks = vec![mark(left), mark((left + right) / 2.0), mark(right)];
    Some(Plot { title, description, area, line, marks, guide, x_label: "", y_label: String::new() })
}

/// The series with at most [`MOST_POINTS`] points, each the mean of its bin.
fn binned(series: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = series.len().div_ceil(MOST_POINTS).max(1);
    let mean = |bin: &[(f64, f64)]| {
        let n = bin.len().max(1) as f64;
        let sum = bin.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / n, sum.1 / n)
    };
    series.chunks(size).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_stay_inside_their_frame_and_empty_ones_are_left_out() {
        assert!(depth(&[]).is_none());
        assert!(depth(&[0, 0, 0]).is_none());
        assert!(insert_size(&[]).is_none());
        assert!(insert_size(&[(300, 5)]).is_none());
        assert!(by_cycle(&[]).is_none());
        let histogram: Vec<u64> = (0..5000u64).map(|x| 10_000 / (1 + x.abs_diff(40))).collect();
        let plot = depth(&histogram).unwrap();
        assert!(plot.line.matches('L').count() < MOST_POINTS);
        assert!(plot.description.contains("near 40"));
        for point in plot.line.trim_start_matches('M').split('L') {
            let (x, y) = point.split_once(' ').unwrap();
            assert!((0.0..=WIDTH).contains(&x.parse().unwrap()), "{point}");
            assert!((0.0..=HEIGHT).contains(&y.parse().unwrap()), "{point}");
        }
        assert!(insert_size(&[(200, 1), (300, 9), (400, 1)]).unwrap().description.contains("300"));
        assert!(by_cycle(&[30.0, f64::NAN, 35.0]).unwrap().line.starts_with("M0.0"));
    }
}
