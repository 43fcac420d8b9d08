//! What somebody signs in with, and who acts for whom, after a restore.

use crate::Site;
use access::service::{NewService, Service};
use access::thing::Site as SiteThing;
use access::verb::Manage;
use access::{Action, Permit};
use base::{Class, UserId};
use testkit::authenticator;

async fn manage(site: &Site) -> Permit<Manage, SiteThing> {
    site.spine.permit(&site.spine.admin, Action::ManageAccounts, &site.spine.site).await
}

async fn service(site: &Site, owner: &UserId) -> Service {
    let new = NewService {
        owner: owner.clone(),
        purpose: "nightly".into(),
        environment: "test".into(),
        project: site.members.project.clone(),
        actions: [Action::ViewRun].into(),
        class: Class::Research,
        networks: vec!["socket".parse().unwrap()],
        days: 90,
        key: [7; 32],
    };
    site.spine.access.create_service(&manage(site).await, new).await.unwrap()
}

#[tokio::test]
async fn what_people_and_programs_lost_since_does_not_come_back() {
    let site = Site::new().await;
    let access = &site.spine.access;
    let (caller, user) = site.spine.account("somebody").await;
    let (_, strong) = site.spine.with_passkey(&caller).await;
    let asked = access.begin_enrolment(&strong).await.unwrap();
    let answer = authenticator().enrol(&asked.options);
    access.finish_enrolment(&strong, &asked.ceremony, "second", answer).await.unwrap();
    let (_, other) = site.spine.account("other").await;
    let (closed, kept) = (service(&site, &other).await, service(&site, &other).await);
    access.allow_service(&strong, &kept.id, &[7; 32]).await.unwrap();
    site.create().await;

    let first = access.own_passkeys(&strong).await.unwrap().remove(0).id;
    access.remove_passkey(&strong, &first).await.unwrap();
    access.close_service(&manage(&site).await, &closed.id).await.unwrap();
    access.withdraw_service(&strong, &kept.id).await.unwrap();
    let ledger = site.saved_ledger().await;

    // What the set holds, and what a ledger that goes further takes away.
    let own = format!("access_passkey WHERE account = '{user}'");
    let acts = format!("access_service_person WHERE account = '{user}'");
    for (ledger, passkeys, open, people) in [(None, 2, 2, 1), (Some(ledger.as_path()), 1, 1, 0)] {
        let into = site.beside.path().join(format!("back-{}", ledger.is_some()));
        let back = site.restore(&into, ledger, 0).await.unwrap();
        assert_eq!(back.count(&own).await, passkeys);
        assert_eq!(back.count("access_service WHERE NOT closed").await, open);
        assert_eq!(back.count(&acts).await, people);
        assert_eq!(back.count("access_service_key").await, 0, "each gets a new key");
    }
}
