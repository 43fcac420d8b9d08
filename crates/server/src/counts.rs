//! What is counted of requests and connections, in the text form of Prometheus. Labels are a route's name and a
//! status class: nothing of a caller, a thing or a question.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The name of a request that has no route.
pub const NO_ROUTE: &str = "none";
/// Status classes, from `1xx`.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Upper bounds of the histogram, in milliseconds.
const BOUNDS: [u64; 9] = [5, 10, 25, 100, 250, 1_000, 5_000, 30_000, 300_000];

/// What is counted.
pub struct Counts {
    /// In the order of `api::ROUTES`, and one more for what has none.
    routes: Vec<Route>,
    limited: AtomicU64,
    refused: AtomicU64,
    handshakes: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct Route {
    classes: [AtomicU64; CLASSES.len()],
    /// Not cumulative; the last is for all above the bounds.
    times: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// Which count of bytes.
type BytesOf = fn(&Route) -> &AtomicU64;

/// One request that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Its place in `api::ROUTES`.
    pub route: Option<usize>,
    /// The answer's status.
    pub status: u16,
    /// From its head to the answer's last byte.
    pub time: Duration,
    /// Bytes of its body that came.
    pub received: u64,
    /// Bytes of the answer's body that left.
    pub sent: u64,
}

/// What stands now, told beside what was counted.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Whether the site takes work.
    pub ready: bool,
    /// Connections that the door holds.
    pub connections: u64,
    /// Events in the ledger.
    pub events: u64,
}

impl Default for Counts {
    fn default() -> Self {
        let routes = (0..=api::ROUTES.len()).map(|_| Route::default()).collect();
        let zero = AtomicU64::default;
        Self { routes, limited: zero(), refused: zero(), handshakes: zero(), lost: zero() }
    }
}

impl Counts {
    /// A request ended.
    pub fn ended(&self, ended: &Ended) {
        let Some(route) = self.routes.get(ended.route.unwrap_or(api::ROUTES.len())) else { return };
        let class = usize::from(ended.status / 100).saturating_sub(1);
        let millis = u64::try_from(ended.time.as_millis()).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(BOUNDS.len());
        let one = [route.classes.get(class), route.times.get(place)];
        one.into_iter().flatten().for_each(|count| add(count, 1));
        add(&route.micros, u64::try_from(ended.time.as_micros()).unwrap_or(u64::MAX));
        add(&route.received, ended.received);
        add(&route.sent, ended.sent);
    }

    /// A request was refused for its number.
    pub fn limited(&self) {
        add(&self.limited, 1);
    }

    /// A connection was dropped before TLS.
    pub fn refused(&self) {
        add(&self.refused, 1);
    }

    /// A handshake failed, or took too long.
    pub fn handshake_failed(&self) {
        add(&self.handshakes, 1);
    }

    /// A line of the log was lost.
    pub fn line_lost(&self) {
        add(&self.lost, 1);
    }

    /// Lines of the log that were lost.
    pub fn lines_lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Everything, as text. Routes that nobody asked are left out.
    pub fn text(&self, now: Now) -> String {
        let mut out = String::new();
        let asked: Vec<(&str, &Route)> = self
            .routes
            .iter()
            .enumerate()
            .map(|(index, route)| (api::ROUTES.get(index).map_or(NO_ROUTE, |route| route.name), route))
            .filter(|(_, route)| route.answers() > 0)
            .collect();
        head(&mut out, "sequestra_requests_total", "counter", "Answers");
        for (name, route) in &asked {
            for (class, count) in CLASSES.iter().zip(&route.classes) {
                let count = count.load(Relaxed);
                if count > 0 {
                    let labels = format!("route=\"{name}\",status=\"{class}\"");
                    line(&mut out, "sequestra_requests_total", &labels, &count.to_string());
                }
            }
        }
        head(&mut out, "sequestra_request_seconds", "histogram", "Time to the answer's last byte");
        for (name, route) in &asked {
            route.histogram(&mut out, name);
        }
        let bytes: [(&str, &str, BytesOf); 2] = [
            ("sequestra_received_bytes_total", "Bytes of requests' bodies", |route| &route.received),
            ("sequestra_sent_bytes_total", "Bytes of answers' bodies", |route| &route.sent),
        ];
        for (metric, help, of) in bytes {
            head(&mut out, metric, "counter", help);
            for (name, route) in &asked {
                let count = of(route).load(Relaxed).to_string();
                line(&mut out, metric, &format!("route=\"{name}\""), &count);
            }
        }
        self.plain(&mut out, now);
        out
    }

    fn plain(&self, out: &mut String, now: Now) {
        let counted = |count: &AtomicU64| ("counter", count.load(Relaxed));
        for (name, (kind, value), help) in [
            ("sequestra_requests_limited_total", counted(&self.limited), "Requests refused for their number"),
            ("sequestra_connections_refused_total", counted(&self.refused), "Connections dropped before TLS"),
            ("sequestra_handshakes_failed_total", counted(&self.handshakes), "Handshakes that failed"),
            ("sequestra_log_lines_lost_total", counted(&self.lost), "Lines of the log that were lost"),
            ("sequestra_connections", ("gauge", now.connections), "Connections that the door holds"),
            ("sequestra_ready", ("gauge", now.ready.into()), "Whether the site takes work"),
            ("sequestra_ledger_events", ("gauge", now.events), "Events in the ledger"),
        ] {
            head(out, name, kind, help);
            line(out, name, "", &value.to_string());
        }
    }
}

impl Route {
    fn answers(&self) -> u64 {
        self.times.iter().fold(0, |sum: u64, count| sum.saturating_add(count.load(Relaxed)))
    }

    fn histogram(&self, out: &mut String, name: &str) {
        let mut below = 0u64;
        for (bound, count) in BOUNDS.iter().map(Some).chain([None]).zip(&self.times) {
            below = below.saturating_add(count.load(Relaxed));
            let bound =
                bound.map_or_else(|| "+Inf".to_owned(), |millis| seconds(millis.saturating_mul(1000)));
            let labels = format!("route=\"{name}\",le=\"{bound}\"");
            line(out, "sequestra_request_seconds_bucket", &labels, &below.to_string());
        }
        let labels = format!("route=\"{name}\"");
        line(out, "sequestra_request_seconds_sum", &labels, &seconds(self.micros.load(Relaxed)));
        line(out, "sequestra_request_seconds_count", &labels, &below.to_string());
    }
}

fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Relaxed);
}

fn seconds(micros: u64) -> String {
    format!("{}", Duration::from_micros(micros).as_secs_f64())
}

// Writing to a `String` cannot fail.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: &str) {
    let _ = match labels {
        "" => writeln!(out, "{name} {value}"),
        labels => writeln!(out, "{name}{{{labels}}} {value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn ended(route: Option<usize>, status: u16, millis: u64) -> Ended {
        Ended { route, status, time: Duration::from_millis(millis), received: 3, sent: 7 }
    }

    const NOW: Now = Now { ready: true, connections: 2, events: 9 };

    #[test]
    fn what_ended_is_counted_by_route_and_class() {
        let counts = Counts::default();
        counts.ended(&ended(Some(0), 200, 4));
        counts.ended(&ended(Some(0), 204, 40));
        counts.ended(&ended(Some(0), 404, 999_999));
        counts.ended(&ended(None, 404, 0));
        let text = counts.text(NOW);
        for line in [
            "sequestra_requests_total{route=\"health\",status=\"2xx\"} 2",
            "sequestra_requests_total{route=\"health\",status=\"4xx\"} 1",
            "sequestra_requests_total{route=\"none\",status=\"4xx\"} 1",
            "sequestra_request_seconds_bucket{route=\"health\",le=\"0.005\"} 1",
            "sequestra_request_seconds_bucket{route=\"health\",le=\"300\"} 2",
            "sequestra_request_seconds_bucket{route=\"health\",le=\"+Inf\"} 3",
            "sequestra_request_seconds_count{route=\"health\"} 3",
            "sequestra_received_bytes_total{route=\"health\"} 9",
            "sequestra_sent_bytes_total{route=\"none\"} 7",
            "sequestra_ready 1",
            "sequestra_ledger_events 9",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    /// The sets of labels, and every value that a label has.
    fn labels(text: &str) -> BTreeSet<(String, String)> {
        let of =
            |line: &str| -> Option<String> { Some(line.split_once('{')?.1.split_once('}')?.0.to_owned()) };
        let all = text.lines().filter(|line| !line.starts_with('#')).filter_map(of);
        let pairs = all.flat_map(|labels| labels.split(',').map(str::to_owned).collect::<Vec<_>>());
        pairs
            .filter_map(|pair| pair.split_once('=').map(|(k, v)| (k.into(), v.trim_matches('"').into())))
            .collect()
    }

    #[test]
    fn labels_name_a_route_a_status_class_or_a_bound() {
        let counts = Counts::default();
        for route in (0..api::ROUTES.len()).map(Some).chain([None, Some(10_000)]) {
            for status in [0, 99, 100, 200, 302, 404, 503, 599, 600, 999] {
                counts.ended(&ended(route, status, 1));
            }
        }
        let mut allowed: BTreeSet<(String, String)> =
            CLASSES.iter().map(|c| ("status".into(), (*c).into())).collect();
        allowed.extend(api::ROUTES.iter().map(|route| ("route".into(), route.name.into())));
        allowed.insert(("route".into(), NO_ROUTE.into()));
        allowed.extend(BOUNDS.iter().map(|ms| ("le".into(), seconds(ms * 1000))));
        allowed.insert(("le".into(), "+Inf".into()));
        let found = labels(&counts.text(NOW));
        assert!(found.is_subset(&allowed), "{:?}", found.difference(&allowed).collect::<Vec<_>>());
        assert_eq!(found.len(), allowed.len());
        // The check itself sees a label that names somebody.
        assert!(!labels("x{route=\"health\",account=\"usr_1\"} 1").is_subset(&allowed));
    }
}
