//! How somebody must have proved who they are before a decision lets them act. No policy loosens it: it is
//! about the session, not about a right.

use crate::exception::Refused;
use crate::service::for_programs;
use crate::{Access, Caller, Error, Place, Proof};
use base::{Boxed, Class};
use policy::Action;

/// How long a confirmation lasts, in seconds.
pub(crate) const FRESH_SECONDS: i64 = 300;

/// What asks for a fresh confirmation: what leaves, what is done to keys, who gets a project that nobody administers, and
/// who opens one to themselves.
pub(crate) const CONFIRMED: &[Action] = &[
    Action::DownloadObject,
    Action::ManageKeys,
    Action::ShredKeys,
    Action::NameAdministrator,
    Action::BreakGlass,
];

impl Access {
    /// What is missing for `action` at `place`, if something is.
    ///
    /// * In controlled and clinical projects people act with a passkey.
    /// * What is [`CONFIRMED`] is so within five minutes before the request began,
    ///   wherever the account has something to confirm with, and in controlled and clinical projects always; on sites
    ///   that have such and offer passkeys, what opens these from the site as well.
    /// * Nobody breaks the glass by a one-time token alone, wherever.
    pub(crate) fn unproved<'a>(
        &'a self,
        caller: &'a Caller,
        action: Action,
        place: &'a Place,
    ) -> Boxed<'a, Result<Option<Error>, Error>> {
        Box::pin(self.missing_proof(caller, action, place))
    }

    async fn missing_proof(
        &self,
        caller: &Caller,
        action: Action,
        place: &Place,
    ) -> Result<Option<Error>, Error> {
        let strict = place.class.is_some_and(|class| class >= Class::Controlled);
        if let Some(acting) = caller.acting() {
            // What it was made for, and no more: its person's rights are asked beside this.
            let service = &acting.service;
            let inside = place.project.as_ref() == Some(&service.project)
                && place.class.is_some_and(|class| class <= service.class && for_programs(action, class))
                && service.actions.contains(&action);
            let lent = !strict || acting.lent.resists_phishing();
            return Ok((!inside || !lent).then_some(Error::OutsideScope));
        }
        if caller.signed().is_none() {
            return Ok(Some(Error::NotSignedIn));
        }
        let opens = [Action::ManageKeys, Action::NameAdministrator].contains(&action);
        let strict = strict || (opens && self.asks_for_passkeys().await?);
        if strict && !is_strong(caller)? {
            return Ok(Some(Error::PasskeyNeeded));
        }
        if !CONFIRMED.contains(&action) {
            return Ok(None);
        }
        let missing = self.unconfirmed(caller, strict).await?;
        if missing.is_none() && action == Action::BreakGlass && !is_proved_twice(caller) {
            return Ok(Some(Refused::NoSecondFactor.into()));
        }
        Ok(missing)
    }

    /// Whether what opens the site's strictest project, its own keys for one, is for passkeys alone. Where no passkey can
    /// be enrolled, these must still be rotated.
    async fn asks_for_passkeys(&self) -> Result<bool, Error> {
        Ok(self.pages().is_some() && self.strictest().await? >= Class::Controlled)
    }

    /// What a person lacks who has to have confirmed that it is them: always where it is `strict`, else where
    /// their account has something to confirm with.
    pub(crate) async fn unconfirmed(&self, caller: &Caller, strict: bool) -> Result<Option<Error>, Error> {
        let (user, signed) = (caller.own()?, caller.signed().ok_or(Error::NotSignedIn)?);
        if strict && !is_strong(caller)? {
            return Ok(Some(Error::PasskeyNeeded));
        }
        // By the strongest that there is: who has a passkey does not confirm with less.
        let passkeys = !self.passkeys_of(user).await?.is_empty();
        let enough = match signed.proof {
            Proof::OneTimeToken | Proof::Oidc => false,
            Proof::PasswordTotp => !passkeys,
            Proof::Terminal | Proof::Passkey | Proof::ServiceKey => true,
        };
        if signed.confirmed && enough {
            return Ok(None);
        }
        // Whom a provider vouches for has more than a one-time token, and confirms by something of this site's.
        let vouched = signed.proof == Proof::Oidc;
        let can_confirm = strict || passkeys || vouched || self.password_of(user).await?.is_some();
        Ok(can_confirm.then_some(Error::Confirm))
    }
}

/// Whether the caller proved by a second factor of this site's, just now, who they are.
fn is_proved_twice(caller: &Caller) -> bool {
    let own = |proof| matches!(proof, Proof::PasswordTotp | Proof::Terminal | Proof::Passkey);
    caller.signed().is_some_and(|signed| signed.confirmed && own(signed.proof))
}

/// Whether what proved the caller is enough for controlled and clinical projects. A terminal that asked from
/// elsewhere than its approver is, where the site's own networks are: a stranger who had a code approved is not there.
fn is_strong(caller: &Caller) -> Result<bool, Error> {
    let proof = caller.signed().ok_or(Error::NotSignedIn)?.proof;
    Ok(proof.resists_phishing() || (proof == Proof::Terminal && caller.network() != policy::Network::Outside))
}

/// The record's word for why such a decision denies.
pub(crate) const fn word(missing: &Error) -> &'static str {
    match missing {
        Error::PasskeyNeeded => "passkey-needed",
        Error::Confirm => "confirmation-needed",
        Error::OutsideScope => "outside-the-service",
        Error::Exception(_) => "second-factor-needed",
        _ => "not-signed-in",
    }
}
