//! Finding a site, opening it, signing in and out.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn me() -> serde_json::Value {
    serde_json::json!({"account": {"id": base::UserId::mint(&SystemEntropy), "name": "worker"}, "roles": []})
}

#[test]
fn a_locked_site_is_opened_with_the_passphrase_of_a_file_or_credential() {
    let site = Site::locked(|_| Reply::Json(200, me()));
    site.sign_in();
    let came = site.run("whoami");
    assert_eq!(came.code, 6);
    assert!(came.err.contains("(CLI-009)") && came.err.contains("--passphrase-file"), "{}", came.err);
    let file = site.file("secret", "open sesame\nand more\n");
    let came = site.run(&format!("whoami --passphrase-file {}", file.display()));
    assert_eq!((came.code, site.started_with()), (0, vec!["open sesame".to_owned()]), "{came:?}");
    assert!(came.out.starts_with("worker  usr_"));
    assert_eq!(site.seen()[0].authorization.as_deref(), Some("Bearer ses_secret"));

    let site = Site::locked(|_| Reply::Json(200, me()));
    site.sign_in();
    site.file("sequestra-passphrase", "from systemd");
    site.set("CREDENTIALS_DIRECTORY", site.temp.path());
    assert_eq!((site.run("whoami").code, site.started_with()), (0, vec!["from systemd".to_owned()]));
}

#[test]
fn a_passphrase_that_everyone_can_read_or_that_is_wrong_opens_nothing() {
    let site = Site::locked(|_| Reply::Json(200, me()));
    let file = site.file("secret", "wrong\n");
    let line = format!("whoami --passphrase-file {}", file.display());
    let came = site.run(&line);
    assert_eq!(came.code, 8);
    assert!(came.err.contains("the passphrase does not open this site"), "{}", came.err);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let came = site.run(&line);
    assert_eq!((came.code, site.started_with().len()), (2, 1));
    assert!(came.err.contains("(CLI-010)"), "{}", came.err);
    assert!(site.seen().is_empty());
}

#[test]
fn a_socket_that_nobody_listens_on_is_as_good_as_none() {
    let site = Site::locked(|_| Reply::Json(200, me()));
    site.sign_in();
    drop(std::os::unix::net::UnixListener::bind(site.folder.join("run/site.sock")).unwrap());
    assert_eq!(site.run("site status").code, 6);
    assert_eq!(site.run("site lock").code, 0);
    let file = site.file("secret", "x");
    assert_eq!(site.run(&format!("whoami --passphrase-file {}", file.display())).code, 0);
}

#[test]
fn a_site_may_lie_deeper_than_a_socket_path_is_long() {
    let deep = format!("{}/{}/site", "a".repeat(90), "b".repeat(90));
    let site = Site::locked_in(&deep, |_| Reply::Json(200, me()));
    assert!(site.folder.join("run/site.sock").as_os_str().len() > 200);
    site.serve();
    site.sign_in();
    let came = site.run("whoami");
    assert_eq!(came.code, 0, "{came:?}");
}

#[test]
fn a_session_that_others_can_read_is_not_used() {
    let site = Site::open(|_| Reply::Json(200, me()));
    std::fs::set_permissions(site.session(), PermissionsExt::from_mode(0o640)).unwrap();
    let came = site.run("whoami");
    assert_eq!(came.code, 4);
    assert!(came.err.contains("(CLI-005)"), "{}", came.err);
    assert!(site.seen().is_empty());
}

#[test]
fn signing_in_keeps_the_session_and_shows_it_to_nobody() {
    let site = Site::locked(|seen| match seen.line.as_str() {
        "POST /v1/sessions" => {
            assert_eq!(seen.body, br#"{"token":"once_abc"}"#);
            Reply::Json(200, serde_json::json!({"token": "ses_new", "account": me()["account"]}))
        }
        "DELETE /v1/sessions" => Reply::Bytes(Vec::new()),
        other => panic!("{other}"),
    });
    site.serve();
    let came = site.run("login");
    assert_eq!(came.code, 2, "{came:?}");
    let token = site.file("token", "once_abc\n");
    let came = site.run(&format!("login --json --token-file {}", token.display()));
    assert_eq!(came.code, 0, "{came:?}");
    assert!(!came.out.contains("ses_new") && !came.err.contains("ses_new"));
    let kept = std::fs::read_to_string(site.session()).unwrap();
    assert!(kept.contains("ses_new"));
    assert_eq!(site.session().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(site.run("logout").code, 0);
    assert!(!site.session().exists());
    assert_eq!(site.seen().last().unwrap().authorization.as_deref(), Some("Bearer ses_new"));
    assert_eq!(site.run("logout").code, 4);
}

#[test]
fn a_folder_that_is_no_site_is_told() {
    let site = Site::open(|_| Reply::Json(200, me()));
    std::fs::remove_file(site.folder.join("site.toml")).unwrap();
    let came = site.run("whoami");
    assert!(came.code == 2 && came.err.contains("(CLI-003)"), "{came:?}");
}

#[test]
fn a_new_site_gives_its_token_alone_on_stdout() {
    let site = Site::locked(|_| Reply::Json(200, me()));
    let file = site.file("secret", "long enough");
    let args = ["sequestra", "init", "new", "--name", "ledger.example/1", "--passphrase-file"];
    let mut args: Vec<String> = args.map(str::to_owned).to_vec();
    args.push(file.display().to_string());
    let came = run(&args, &site);
    assert_eq!((came.code, came.out.as_str()), (0, "once_first\n"), "{came:?}");
    assert!(!came.err.contains("once_first") && came.err.contains("ledger.example/1"));
    assert_eq!(site.started_with(), ["long enough"]);
    let token = site.temp.path().join("first");
    args.extend(["--token-out".to_owned(), token.display().to_string()]);
    let came = run(&args, &site);
    assert_eq!((came.code, came.out.as_str()), (0, ""), "{came:?}");
    assert_eq!(std::fs::read_to_string(&token).unwrap(), "once_first\n");
    assert_eq!(token.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // A token that cannot be kept is not made.
    assert_eq!((run(&args, &site).code, site.started_with().len()), (5, 2));
}

#[test]
fn a_site_under_shares_takes_one_file_for_each_holder() {
    let site = Site::locked(|_| Reply::Json(200, me()));
    *site.unsealing.lock().unwrap() = crate::host::Unsealing::Shares { needed: 2, made: 3 };
    site.sign_in();
    let came = site.run("whoami");
    assert_eq!(came.code, 6);
    assert!(came.err.contains("2 shares") && came.err.contains("--share-file"), "{}", came.err);
    // An open site takes them too, to rotate its root or to move: nothing is said that may not be so.
    assert!(!came.err.contains("is locked"), "{}", came.err);
    let (one, two) = (site.file("one", "share1.a\nmore\n"), site.file("two", "share1.b"));
    let line = format!("whoami --share-file {} --share-file {}", one.display(), two.display());
    assert_eq!((site.run(&line).code, site.started_with()), (0, vec!["share1.a\nshare1.b\n".to_owned()]));
}

#[test]
fn a_new_site_under_shares_asks_for_no_passphrase_and_keeps_each_share_apart() {
    let site = Site::locked(|_| Reply::Json(200, me()));
    let folder = site.temp.path().join("shares");
    std::fs::create_dir(&folder).unwrap();
    let words = |more: &[&str]| {
        let args = ["sequestra", "init", "new", "--split"].iter().chain(more);
        args.map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let came = run(&words(&["2-of-3", "--shares-out", folder.to_str().unwrap()]), &site);
    assert_eq!((came.code, came.out.as_str()), (0, "once_first\n"), "{came:?}");
    for number in 1..=3 {
        let file = folder.join(format!("share-{number}"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("share1.{}\n", number - 1));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let came = run(&words(&["2-of-2"]), &site);
    assert_eq!((came.code, came.out.as_str()), (0, "share1.0\nshare1.1\nonce_first\n"));
    assert_eq!(run(&words(&["two"]), &site).code, 2);
    // A share that cannot be kept is not made.
    let begun = site.started_with().len();
    assert_eq!(run(&words(&["2-of-3", "--shares-out", folder.to_str().unwrap()]), &site).code, 5);
    assert_eq!(site.started_with().len(), begun);
}
