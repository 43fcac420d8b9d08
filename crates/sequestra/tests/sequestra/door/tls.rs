//! Versions, certificates, clients' certificates.

use super::{Door, any, connect, openssl, read, until_limit};
use crate::site::Site;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What `openssl s_client` says, and whether it came to a session.
fn s_client(port: u16, args: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}")]).args(args);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// The pin of a certificate, computed by another program.
fn pin_of(certificate: &Path) -> String {
    let file = certificate.to_str().unwrap();
    let key = certificate.with_extension("spki");
    openssl(&["x509", "-in", file, "-noout", "-pubkey", "-out", key.to_str().unwrap()]);
    let der = key.with_extension("der");
    openssl(&[
        "pkey",
        "-pubin",
        "-in",
        key.to_str().unwrap(),
        "-outform",
        "DER",
        "-out",
        der.to_str().unwrap(),
    ]);
    let digest = openssl(&["dgst", "-sha256", "-r", der.to_str().unwrap()]);
    format!("sha256:{}", digest.split(' ').next().unwrap())
}

/// The certificate that a new connection sees.
fn shown(port: u16) -> CertificateDer<'static> {
    let stream = connect(port, &any()).unwrap();
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

#[test]
fn tls_1_3_is_spoken_and_nothing_else() {
    let door = Door::open();
    let (good, text) = s_client(door.port, &["-tls1_3"]);
    assert!(good && text.contains("TLSv1.3"), "{text}");
    for old in [&["-tls1_2"][..], &["-tls1_2", "-cipher", "ALL:@SECLEVEL=0"], &["-tls1_1"], &["-tls1"]] {
        let (good, text) = s_client(door.port, old);
        assert!(!good && !text.contains("HTTP"), "{old:?} {text}");
    }
    let (_, text) = s_client(door.port, &["-tls1_2"]);
    assert!(text.contains("alert protocol version"), "{text}");
    // No plaintext, and no early data and no ticket to come back with.
    let mut plain = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    plain.write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.windows(4).any(|window| window == b"HTTP"), "{answer:?}");
    let text = s_client(door.port, &["-tls1_3", "-ign_eof"]).1;
    assert!(!text.contains("Post-Handshake New Session Ticket"), "{text}");
    // What the process listens on: the door, by `site status` and by the kernel.
    let status = door.site.json("admin", &["site", "status"]);
    let listens = status["listens"].as_array().unwrap();
    assert_eq!(listens.len(), 2, "{listens:?}");
    assert_eq!(status["door"]["address"], format!("https://127.0.0.1:{}", door.port));
    assert_eq!(listening(door.pid().as_raw_nonzero().get()), [door.port]);
    assert_eq!(door.call(None, "GET", "/v1/health", b"").status, 200);
}

/// The TCP ports on which a process listens, from the kernel's own tables.
fn listening(pid: i32) -> Vec<u16> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let held: Vec<String> = links
        .filter_map(|entry| Some(fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned()))
        .collect();
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        for line in fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields[3] == "0A" && held.contains(&format!("socket:[{}]", fields[9])) {
                ports.push(u16::from_str_radix(fields[1].rsplit(':').next().unwrap(), 16).unwrap());
            }
        }
    }
    ports
}

#[test]
fn a_certificate_is_followed_and_a_broken_one_is_not() {
    let door = Door::open();
    let (certificate, key) =
        (door.site.folder.join("door/certificate.pem"), door.site.folder.join("door/key.pem"));
    let first = shown(door.port);
    let pin = door.site.json("admin", &["site", "status"])["door"]["pin"].as_str().unwrap().to_owned();
    assert_eq!(pin, pin_of(&certificate));
    let changed = |from: &CertificateDer<'_>| {
        crate::site::until("the door shows another certificate", || shown(door.port) != *from);
        shown(door.port)
    };
    // A renewal for the same key: another certificate, the same pin.
    let (good, good_key) = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());
    let renewed = door.site.json("admin", &["door", "certificate", "--renew", "--name", "lab.example"]);
    assert_eq!(
        (renewed["pin"].as_str().unwrap(), pin_of(&certificate).as_str()),
        (pin.as_str(), pin.as_str())
    );
    let second = changed(&first);
    // Broken ones, each of which keeps what there is: no certificate, another's key, a key that others read,
    // a certificate that has ended.
    let other = door.site.room.join("other.pem");
    let ended = door.site.room.join("ended.pem");
    let new =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"];
    let (other_text, made) = (other.to_str().unwrap(), door.site.room.join("made.pem"));
    openssl(&[&new[..], &["-keyout", other_text, "-out", made.to_str().unwrap()]].concat());
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    let own = rcgen::KeyPair::from_pem(std::str::from_utf8(&good_key).unwrap()).unwrap();
    fs::write(&ended, params.self_signed(&own).unwrap().pem()).unwrap();
    let spoil: [(&str, &dyn Fn()); 4] = [
        ("it holds no certificate", &|| fs::write(&certificate, "").unwrap()),
        ("may not be consistent", &|| fs::copy(&other, &key).map(drop).unwrap()),
        ("others than this process's user", &|| {
            fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
        }),
        ("has ended", &|| fs::copy(&ended, &certificate).map(drop).unwrap()),
    ];
    for (words, spoil) in spoil {
        spoil();
        until_limit(&door, words, true);
        assert_eq!(shown(door.port), second, "{words}");
        fs::write(&certificate, &good).unwrap();
        fs::write(&key, &good_key).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        until_limit(&door, "the door keeps its certificate", false);
        // The good pair was taken again; the next round begins from the renewed one.
        assert_eq!(shown(door.port), first);
        fs::write(&certificate, second_pem(&second)).unwrap();
        changed(&first);
    }
    let alarms = fs::read_to_string(door.site.folder.join("run/alarms.jsonl")).unwrap();
    let raised = alarms.lines().filter(|line| line.contains("door-certificate") && line.contains("raised"));
    assert_eq!(raised.count(), 4, "{alarms}");
}

fn second_pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[test]
fn a_door_does_not_open_with_what_it_should_not_take() {
    let site = Site::fresh(&[]);
    let refused = |words: &str| {
        let done = site.run("admin", &["serve"]);
        assert!(
            done.exit != 0 && done.err.contains(words) && done.err.contains("hint: "),
            "{words}: {}",
            done.err
        );
        assert!(site.process().is_none());
    };
    refused("SERVER-013");
    let settings = fs::read_to_string(site.folder.join("site.toml")).unwrap();
    let set = |door: &str| {
        let text = format!("{settings}\n[door]\naddress = \"127.0.0.1:0\"\n{door}");
        fs::write(site.folder.join("site.toml"), text).unwrap();
    };
    set("");
    refused("SERVER-014");
    assert_eq!(site.run("admin", &["door", "certificate"]).exit, 0);
    let key = site.folder.join("door/key.pem");
    assert_eq!(key.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(key.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        refused("SERVER-014");
    }
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    set("[door.limits]\nconnections = 0");
    refused("SERVER-013");
    set("\n[metrics]\naddress = \"0.0.0.0:9464\"");
    refused("SERVER-013");
    // There is one already, and a renewal without one.
    assert_eq!(site.run("admin", &["door", "certificate"]).exit, 2);
    fs::remove_dir_all(site.folder.join("door")).unwrap();
    assert_eq!(site.run("admin", &["door", "certificate", "--renew"]).exit, 2);
    // A command that opens the site opens no port.
    set("");
    assert_eq!(site.run("admin", &["door", "certificate"]).exit, 0);
    let pid = site.start();
    assert_eq!(listening(pid.as_raw_nonzero().get()), [0u16; 0]);
}

#[test]
fn who_needs_a_certificate_and_has_none_does_not_get_in() {
    let site = Site::fresh(&[]);
    assert_eq!(site.run("admin", &["door", "certificate"]).exit, 0);
    let room = site.room.clone();
    let path = |name: &str| room.join(name).to_str().unwrap().to_owned();
    authority(&room, "ours");
    authority(&room, "theirs");
    issue(&room, "known", "ours");
    issue(&room, "stranger", "theirs");
    let papers = |name: &str| {
        let chain = CertificateDer::pem_file_iter(path(&format!("{name}.pem"))).unwrap();
        let chain = chain.map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(path(&format!("{name}.key"))).unwrap();
        (chain, key)
    };
    let ca = format!("client_ca = \"{}\"", path("ours.pem"));
    let asked = |door: &Door, name: Option<&str>| {
        let mut config = any();
        if let Some(name) = name {
            let (chain, key) = papers(name);
            let resolver = rustls::sign::SingleCertAndKey::from(
                rustls::sign::CertifiedKey::from_der(chain, key, config.crypto_provider()).unwrap(),
            );
            config.client_auth_cert_resolver = std::sync::Arc::new(resolver);
        }
        let Ok(mut stream) = connect(door.port, &config) else { return String::new() };
        let _ = stream.write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        read(&mut stream)
    };
    let door = Door::serve(site, &ca, "");
    assert!(asked(&door, Some("known")).starts_with("HTTP/1.1 200"));
    for who in [None, Some("stranger")] {
        assert_eq!(asked(&door, who), "", "{who:?}");
    }
    assert_eq!(door.site.json("admin", &["site", "status"])["door"]["mutual"], true);
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// An authority of its own: `NAME.pem` and `NAME.key` in `room`.
pub fn authority(room: &Path, name: &str) {
    let (key, ca) = (room.join(format!("{name}.key")), room.join(format!("{name}.pem")));
    let subject = format!("/CN={name}");
    let files = ["-subj", &subject, "-keyout", key.to_str().unwrap(), "-out", ca.to_str().unwrap()];
    openssl(&[&["req", "-x509"][..], &KEY, &files].concat());
}

/// A client's certificate of an authority.
pub fn issue(room: &Path, name: &str, by: &str) {
    let path = |name: String| room.join(name).to_str().unwrap().to_owned();
    let (key, request) = (path(format!("{name}.key")), path(format!("{name}.csr")));
    let subject = format!("/CN={name}");
    openssl(&[&["req", "-new"][..], &KEY, &["-subj", &subject, "-keyout", &key, "-out", &request]].concat());
    let extensions = path("client.ext".to_owned());
    fs::write(&extensions, "extendedKeyUsage=clientAuth\n").unwrap();
    let (ca, ca_key, out) =
        (path(format!("{by}.pem")), path(format!("{by}.key")), path(format!("{name}.pem")));
    let from = ["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-extfile", &extensions, "-out", &out];
    openssl(&[&["x509", "-req", "-in", &request][..], &from].concat());
}
