//! What this machine offers.

use crate::layout::{Layout, Settings};
use access::issuer::Unreached;
use anyhow::Result;
use base::{Clock, SystemClock};
use cli::host::State;
use cli::{Diagnosis, Finding};
use executor::Closure;
use runs::Recipe;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

/// Open files of the process that are no connections.
const FILES: u64 = 256;

/// Looks at sandbox, scratch, kernel and tools.
pub fn diagnose(site: Option<&Path>) -> Result<Diagnosis> {
    let mut findings: Vec<Finding> = executor::capabilities::capabilities()
        .capabilities
        .into_iter()
        .map(|item| Finding {
            area: "machine".to_owned(),
            name: item.name,
            state: match item.state {
                executor::State::Ok => State::Ok,
                executor::State::Degraded => State::Limited,
                executor::State::Missing => State::Missing,
            },
            detail: format!("{} ({})", item.found, item.why),
            remedy: (!item.remedy.is_empty()).then_some(item.remedy),
        })
        .collect();
    findings.push(cipher());
    let helper = std::env::current_exe()?.with_file_name("sequestra-wdl");
    for name in Recipe::names().map_err(|e| crate::host::failure(&e))? {
        findings.push(tool(&name, &helper));
    }
    if let Some(site) = site {
        let layout = Layout::at(site)?;
        match layout.settings() {
            Ok(settings) => findings.extend(of_site(&layout, &settings)),
            Err(error) => {
                let remedy = crate::host::fault(&error).and_then(|fault| fault.hint());
                findings.push(finding("site", "settings", State::Missing, format!("{error:#}"), remedy));
            }
        }
    }
    Ok(Diagnosis { findings })
}

/// What a start would refuse, or do less well than it could.
fn of_site(layout: &Layout, settings: &Settings) -> Vec<Finding> {
    let listens = layout.run().join(Layout::SOCKET).exists();
    let mut findings = vec![lock(layout.root())];
    findings.extend(database(settings));
    findings.extend(door(layout.root(), settings, listens));
    findings.extend(settings.log.as_ref().and_then(|log| log.file.as_deref()).map(log));
    let mut sends = |name: &str, count: usize, checked: Result<(), feed::Error>| match checked {
        _ if count == 0 => {}
        Ok(()) => findings.push(finding("site", name, State::Ok, format!("{count} destinations"), None)),
        Err(error) => findings.push(refused("site", name, &error)),
    };
    sends("alarms", settings.alarm.len(), feed::Alarms::check(&settings.alarm));
    let notify = feed::notify::check_all(settings.mail.as_ref(), &settings.notify);
    sends("notifications", settings.notify.len(), notify);
    sends("streams", settings.audit.stream.len(), feed::settings::check_all(&settings.audit.stream));
    findings.extend(issuers(layout, settings));
    findings.extend(provider(layout, settings));
    let socket = match listens {
        true => "the site's process listens",
        false => "the site is locked; the next command asks for the passphrase",
    };
    findings.push(finding("site", "socket", State::Ok, socket.to_owned(), None));
    findings
}

/// Those whose visas count, and whether their keys can be had.
fn issuers(layout: &Layout, settings: &Settings) -> Vec<Finding> {
    if settings.passports.is_empty() {
        return Vec::new();
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let trust = match settings.passports.clone().checked(layout.root(), &clock) {
        Ok(trust) => trust,
        Err(error) => return vec![refused("site", "passports", &error)],
    };
    let unreached = trust.out_of_reach();
    if unreached.is_empty() {
        let detail = format!("{} issuers, keys of all", settings.passports.issuer.len());
        return vec![finding("site", "passports", State::Ok, detail, None)];
    }
    let told = |one: Unreached| {
        let detail = format!("{}: {}", one.place, base::fault::chain(&one.why));
        let remedy = "look at `keys` of this issuer in `site.toml`; a `file` that is relative lies below the site's folder";
        finding("site", &format!("passports: {}", one.name), State::Missing, detail, Some(remedy.to_owned()))
    };
    unreached.into_iter().map(told).collect()
}

/// The provider through which people sign in, and whether it can be asked.
fn provider(layout: &Layout, settings: &Settings) -> Vec<Finding> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let provider = match crate::open::provider(settings, layout, &clock) {
        Ok(Some(provider)) => provider,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![refused("site", "oidc", &error)],
    };
    match provider.out_of_reach() {
        None => vec![finding("site", "oidc", State::Ok, format!("{} answers", provider.name()), None)],
        Some(why) => {
            let remedy =
                Some("docs/guide/organisation.md says what `[oidc]` needs of the provider".to_owned());
            vec![finding("site", "oidc", State::Missing, why, remedy)]
        }
    }
}

fn finding(area: &str, name: &str, state: State, detail: String, remedy: Option<String>) -> Finding {
    Finding { area: area.to_owned(), name: name.to_owned(), state, detail, remedy }
}

fn refused(area: &str, name: &str, error: &dyn base::Fault) -> Finding {
    finding(area, name, State::Missing, base::fault::chain(error), error.hint())
}

/// Whether the log of requests has a folder to lie in.
fn log(file: &Path) -> Finding {
    match file.parent().is_some_and(Path::is_dir) && file.is_absolute() {
        true => finding("site", "log", State::Ok, file.display().to_string(), None),
        false => {
            let detail = format!("`{}` has no folder to lie in, by its absolute path", file.display());
            let remedy = Some("make the folder, or name another `file` under `[log]`".to_owned());
            finding("site", "log", State::Missing, detail, remedy)
        }
    }
}

/// Which implementation of the cipher of bodies is the fastest that passes its self-test here.
fn cipher() -> Finding {
    let found = crypto::choose(&base::SystemClock::default());
    let speed =
        |timing: &crypto::Timing| format!("{} {:.1} µs", timing.name, timing.each.as_secs_f64() * 1e6);
    let (state, detail, remedy) = match found {
        Ok(choice) => {
            let all: Vec<String> = choice.timings.iter().map(speed).collect();
            let other = if all.len() == 1 { "; no OpenSSL 3 on this host to compare with" } else { "" };
            let detail =
                format!("{}; sealing and opening 64 KiB takes {}{other}", choice.name, all.join(", "));
            (State::Ok, detail, None)
        }
        Err(error) => (State::Missing, base::fault::chain(&error), base::Fault::hint(&error)),
    };
    Finding { area: "machine".to_owned(), name: "cipher".to_owned(), state, detail, remedy }
}

/// Whether the server that the metadata is on can be used: tried, as a start does.
fn database(settings: &Settings) -> Option<Finding> {
    let server = settings.database.as_ref()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let asked = async {
        db::refuse_environment(|name| std::env::var_os(name).is_some())?;
        db::probe(server).await
    };
    let (state, detail, remedy) = match runtime.block_on(asked) {
        Ok(version) => {
            let place = server.place().unwrap_or_default();
            (State::Ok, format!("PostgreSQL {version} at {place} answers and is fit"), None)
        }
        Err(error) => (State::Missing, base::fault::chain(&error), base::Fault::hint(&error)),
    };
    Some(Finding { area: "site".to_owned(), name: "database".to_owned(), state, detail, remedy })
}

/// How well what is stored is locked.
fn lock(site: &Path) -> Finding {
    let settings = Layout::at(site).and_then(|layout| layout.settings());
    match settings.ok().and_then(|settings| settings.archive.s3) {
        Some(s3) => in_bucket(&s3),
        None => immutable(site),
    }
}

/// Whether the site's bucket locks what it keeps: tried, as a start does.
fn in_bucket(settings: &bucket::Settings) -> Finding {
    let key = format!("doctor-{}", hex_of(&base::SystemEntropy));
    let clock = std::sync::Arc::new(base::SystemClock::default());
    let tried = crate::store::bucket(settings, clock)
        .and_then(|bucket| bucket.probe(&key).map_err(archive::Error::from));
    let (state, detail, remedy) = match tried {
        Ok(()) => {
            (State::Ok, format!("the bucket `{}` refuses to remove what is held", settings.bucket), None)
        }
        Err(error) => (State::Missing, base::fault::chain(&error), base::Fault::hint(&error)),
    };
    Finding { area: "site".to_owned(), name: "lock".to_owned(), state, detail, remedy }
}

fn hex_of(entropy: &dyn base::Entropy) -> String {
    base::entropy::bytes::<10>(entropy).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the kernel can refuse the removal of locked bodies, and whether the site asks it to.
fn immutable(site: &Path) -> Finding {
    let asked = Layout::at(site)
        .and_then(|layout| layout.settings())
        .is_ok_and(|settings| settings.archive.immutable);
    let can = archive::store::Local::try_flag(site);
    let (state, detail, remedy) = match (asked, &can) {
        (true, Ok(())) => {
            (State::Ok, "locked bodies are immutable: the kernel refuses their removal".to_owned(), None)
        }
        (true, Err(why)) => (
            State::Missing,
            format!("the site asks for immutable bodies and the machine refuses ({why}): it does not open"),
            Some(
                "give the process CAP_LINUX_IMMUTABLE and a file system with flags (ext4, xfs, btrfs)"
                    .to_owned(),
            ),
        ),
        (false, Ok(())) => (
            State::Limited,
            "the store alone refuses the removal of locked bodies; this machine's kernel could as well"
                .to_owned(),
            Some("set `immutable = true` under `[archive]` in site.toml".to_owned()),
        ),
        (false, Err(why)) => (
            State::Limited,
            format!("the store alone refuses the removal of locked bodies; the kernel cannot here ({why})"),
            None,
        ),
    };
    Finding { area: "site".to_owned(), name: "lock".to_owned(), state, detail, remedy }
}

/// Whether the site's door would open, and hold as much as it says; nothing of a site without one.
fn door(site: &Path, settings: &Settings, listens: bool) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(door) = &settings.door {
        all.push(match door.limits.check() {
            Ok(()) => address(door.address, listens),
            Err(error) => refused("door", "address", &error),
        });
        let clock = base::SystemClock::default();
        let shown = server::door::tls::Files::of(door, site);
        all.extend(settings.pages.as_ref().map(|pages| of_pages(&pages.origin, &shown, &clock)));
        all.push(match shown.load(&clock) {
            Ok(shown) => {
                let detail = format!("sha256:{} until {}", shown.pin, shown.until);
                finding("door", "certificate", State::Ok, detail, None)
            }
            Err(error) => refused("door", "certificate", &error),
        });
        all.push(files(door.limits.connections));
    }
    if let Some(metrics) = &settings.metrics {
        all.push(match metrics.check() {
            Ok(()) => {
                let place = metrics.address.map_or("run/metrics.sock".to_owned(), |a| format!("http://{a}"));
                finding("door", "metrics", State::Ok, place, None)
            }
            Err(error) => refused("door", "metrics", &error),
        });
    }
    all
}

/// Whether browsers would take what the door shows for the site's pages.
fn of_pages(origin: &str, shown: &server::door::tls::Files, clock: &dyn Clock) -> Finding {
    if let Err(error) = access::Passkeys::at(origin) {
        return refused("door", "pages", &error);
    }
    let host = origin.split_once("://").and_then(|(_, rest)| rest.split(':').next()).unwrap_or_default();
    match shown.distrusted_at(host, clock) {
        None => finding("door", "pages", State::Ok, origin.to_owned(), None),
        Some(why) => {
            let remedy = "have one made for that name by an authority that people's machines trust (docs/guide/door.md)";
            let detail = format!("{origin}: {why}: browsers refuse it");
            finding("door", "pages", State::Limited, detail, Some(remedy.to_owned()))
        }
    }
}

/// Whether the door's address can be listened on: tried for a moment. An open site may be what holds it.
fn address(address: SocketAddr, listens: bool) -> Finding {
    let told = format!("https://{address} under `serve`");
    match TcpListener::bind(address) {
        Ok(_) => finding("door", "address", State::Ok, told, None),
        Err(error) if listens && error.kind() == ErrorKind::AddrInUse => {
            let detail =
                format!("{told}: something listens there, which is the site itself if it is served now");
            finding("door", "address", State::Limited, detail, None)
        }
        Err(error) => {
            refused("door", "address", &server::failure::Error::Listen { address, why: error.to_string() })
        }
    }
}

/// Each connection is an open file.
fn files(connections: usize) -> Finding {
    let wanted = (connections as u64).saturating_add(FILES);
    let (state, detail, remedy) = match crate::serve::most_files() {
        Some(most) if most < wanted => (
            State::Limited,
            format!("{most} open files at most; {connections} connections need {wanted}"),
            Some("raise the limit (`LimitNOFILE=` of the unit), or lower `connections`".to_owned()),
        ),
        _ => (State::Ok, format!("open files for {connections} connections"), None),
    };
    Finding { area: "door".to_owned(), name: "files".to_owned(), state, detail, remedy }
}

fn tool(name: &str, helper: &Path) -> Finding {
    let missing = |detail: String, remedy: Option<String>| Finding {
        area: "tool".to_owned(),
        name: name.to_owned(),
        state: State::Missing,
        detail,
        remedy,
    };
    let recipe = match Recipe::find(name, OsStr::new(base::host::PATH), helper) {
        Ok(recipe) => recipe,
        Err(error) => return missing(base::fault::chain(&error), base::Fault::hint(&error)),
    };
    let programs: Vec<(&str, std::path::PathBuf)> =
        recipe.programs.iter().map(|(program, path)| (program.as_str(), path.clone())).collect();
    match Closure::collect(&programs, &[]) {
        Ok(closure) => Finding {
            area: "tool".to_owned(),
            name: name.to_owned(),
            state: State::Ok,
            detail: format!("closure blake3:{}, {} files", closure.digest, closure.entries.len()),
            remedy: None,
        },
        Err(error) => missing(base::fault::chain(&error), base::Fault::hint(&error)),
    }
}
