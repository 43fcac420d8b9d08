//! Where a site's sealed secrets lie, and how what they are sealed under is reached.

use crate::ask::Asking;
use crate::provider::{Custody, Provider, Wrapped};
use crate::token::Token;
use crate::transit::{Service, Transit};
use crate::{Error, Passphrase, SealedFile, Share, Shares, SiteSecrets};
use base::{Entropy, SiteId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// `[keys]` of `site.toml`: how tokens and services are reached. Which of them a site is under
/// stands in the sealed file itself, so that moving from one to another is one rename.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// The PKCS#11 library of the site's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkcs11_module: Option<PathBuf>,
    /// The Vault or OpenBao service of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit: Option<Service>,
    /// How often either is asked again while the site is open.
    #[serde(default, skip_serializing_if = "Asking::is_usual")]
    pub asking: Asking,
}

/// What people bring: a passphrase or a PIN as one line, or shares, one a line. Wiped when dropped.
pub struct Credential(Zeroizing<String>);

/// What a site is to be sealed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Plan {
    /// A passphrase; the credential is the new one.
    Passphrase,
    /// So many shares of so many.
    Shares {
        /// How many it takes.
        needed: u8,
        /// How many are made.
        made: u8,
    },
    /// A key in a PKCS#11 token; the credential is its PIN.
    Pkcs11 {
        /// The token's label.
        token: String,
        /// The key's label; the key is made if the token has none of this name.
        label: String,
    },
    /// A key of a Vault or OpenBao transit engine; the credential is a token, or an AppRole's secret id.
    Transit {
        /// Where the engine is mounted.
        mount: String,
        /// The key's name; the key is made if the engine has none of this name.
        name: String,
    },
}

/// A provider that was made ready for new secrets, with the shares to hand out.
pub struct Ready {
    /// What seals.
    pub provider: Box<dyn Provider>,
    /// Shares for their holders; none but for shares.
    pub shares: Vec<Share>,
}

/// The number of a sealing that is in force now. It goes on record, so that an older file that is put back
/// is noticed at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub struct Sealing(pub u64);

/// The sealed file of one site.
#[derive(Debug, Clone)]
pub struct Safe {
    path: PathBuf,
    reach: Reach,
}

impl Credential {
    /// Takes what was typed or read.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    fn line(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn shares(&self) -> Result<Vec<Share>, Error> {
        self.0.lines().filter(|line| !line.trim().is_empty()).map(Share::parse).collect()
    }
}

impl Plan {
    /// Makes the provider ready. `credential` is the new passphrase or the token's PIN; shares need
    /// none, they are made here.
    pub fn prepare(
        &self,
        site: &SiteId,
        reach: &Reach,
        credential: &Credential,
        entropy: &dyn Entropy,
    ) -> Result<Ready, Error> {
        let (provider, shares): (Box<dyn Provider>, Vec<Share>) = match self {
            Self::Passphrase => {
                let passphrase = Passphrase::new(credential.line().to_string());
                passphrase.check_strength()?;
                (Box::new(passphrase), Vec::new())
            }
            Self::Shares { needed, made } => {
                let (key, shares) = Shares::mint(site, *needed, *made, entropy)?;
                (Box::new(key), shares)
            }
            Self::Pkcs11 { token, label } => {
                let device = Token::open(reach, token, label, &credential.line())?;
                device.make_key_if_absent()?;
                (Box::new(device), Vec::new())
            }
            Self::Transit { mount, name } => {
                let service = Transit::open(reach, mount, name, &credential.line())?;
                service.make_key_if_absent()?;
                (Box::new(service), Vec::new())
            }
        };
        Ok(Ready { provider, shares })
    }

    /// Who could unseal.
    pub fn custody(&self) -> Custody {
        match self {
            Self::Passphrase => Custody::Passphrase,
            Self::Shares { needed, made } => Custody::Shares { needed: *needed, made: *made },
            Self::Pkcs11 { .. } => Custody::Token,
            Self::Transit { .. } => Custody::Service,
        }
    }
}

impl Safe {
    /// The safe whose sealed file is at `path`.
    pub fn new(path: PathBuf, reach: Reach) -> Self {
        Self { path, reach }
    }

    /// How tokens and services are reached.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The sealed file as it is now.
    pub fn file(&self) -> Result<SealedFile, Error> {
        SealedFile::parse(&std::fs::read(&self.path)?)
    }

    /// The provider that `credential` makes, for this file.
    pub fn provider(&self, file: &SealedFile, credential: &Credential) -> Result<Box<dyn Provider>, Error> {
        Ok(match file.wrapped() {
            Wrapped::Passphrase { .. } => Box::new(Passphrase::new(credential.line().to_string())),
            Wrapped::Shares { needed, .. } => {
                let shares = credential.shares()?;
                if shares.len() < usize::from(*needed) {
                    return Err(Error::FewShares { needed: *needed, given: shares.len() });
                }
                Box::new(Shares::combine(&shares)?)
            }
            Wrapped::Pkcs11 { token, label, .. } => {
                Box::new(Token::open(&self.reach, token, label, &credential.line())?)
            }
            Wrapped::Transit { mount, name, .. } => {
                Box::new(Transit::open(&self.reach, mount, name, &credential.line())?)
            }
        })
    }

    /// Opens the sealed file.
    pub fn unseal(
        &self,
        credential: &Credential,
    ) -> Result<(SealedFile, SiteSecrets, Box<dyn Provider>), Error> {
        let file = self.file()?;
        let provider = self.provider(&file, credential)?;
        let secrets = file.open(&*provider)?;
        Ok((file, secrets, provider))
    }

    /// Replaces the sealed file: the old or the new one is there, whole, whenever the machine stops.
    pub fn replace(
        &self,
        site: &SiteId,
        secrets: &SiteSecrets,
        provider: &dyn Provider,
        entropy: &dyn Entropy,
    ) -> Result<Sealing, Error> {
        base::durable::replace(&self.path, &secrets.seal(site, provider, entropy)?)?;
        Ok(Sealing(secrets.sealings.saturating_add(1)))
    }

    /// Prepares a move to another provider, and gives the shares to hand out.
    ///
    /// 1. The secrets are sealed under the new provider beside the file in force. Crash here, or
    ///    shares lost: the site opens as before; a later preparation replaces this one.
    /// 2. [`Safe::complete`] proves that what people now hold opens it, and puts it in force.
    pub fn prepare(
        &self,
        old: &Credential,
        plan: &Plan,
        new: &Credential,
        entropy: &dyn Entropy,
    ) -> Result<Vec<Share>, Error> {
        let (file, secrets, _) = self.unseal(old)?;
        let Ready { provider, shares } = plan.prepare(file.site(), &self.reach, new, entropy)?;
        base::durable::replace(&self.prepared(), &secrets.seal(file.site(), &*provider, entropy)?)?;
        Ok(shares)
    }

    /// Puts the prepared file in force, if `new` opens it, it holds the roots of now, and `allow` does
    /// not refuse who could then unseal.
    pub fn complete(
        &self,
        new: &Credential,
        roots: &crate::Roots,
        allow: impl FnOnce(Custody) -> Result<(), Error>,
    ) -> Result<(Custody, Sealing), Error> {
        let bytes = match std::fs::read(self.prepared()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Error::NotPrepared),
            read => read?,
        };
        let file = SealedFile::parse(&bytes)?;
        let secrets = file.open(&*self.provider(&file, new)?)?;
        if !secrets.roots.same_as(roots) {
            return Err(Error::NotPrepared);
        }
        allow(file.custody())?;
        std::fs::rename(self.prepared(), &self.path)?;
        base::durable::flush_folder_of(&self.path)?;
        Ok((file.custody(), Sealing(secrets.sealings)))
    }

    fn prepared(&self) -> PathBuf {
        self.path.with_extension("prepared")
    }

    /// Where the sealed file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Id, SystemEntropy};

    fn credential(text: &str) -> Credential {
        Credential::new(text.to_owned())
    }

    #[test]
    fn a_move_takes_place_only_when_what_people_hold_was_seen_to_open() {
        let folder = tempfile::tempdir().unwrap();
        let safe = Safe::new(folder.path().join("site.sealed"), Reach::default());
        let site = SiteId::mint(&SystemEntropy);
        let secrets = SiteSecrets::mint(&SystemEntropy);
        let old = credential("a right good sentence\n");
        let passphrase = Passphrase::new("a right good sentence".into());
        assert_eq!(safe.replace(&site, &secrets, &passphrase, &SystemEntropy).unwrap(), Sealing(1));
        let plan = Plan::Shares { needed: 2, made: 3 };
        assert!(matches!(safe.complete(&old, &secrets.roots, |_| Ok(())), Err(Error::NotPrepared)));
        let wrong = safe.prepare(&credential("a wrong bad sentence"), &plan, &credential(""), &SystemEntropy);
        assert!(matches!(wrong, Err(Error::Passphrase)));

        // Prepared and lost: the old passphrase still opens. Prepared again: the lost shares do not.
        let lost = safe.prepare(&old, &plan, &credential(""), &SystemEntropy).unwrap();
        assert!(safe.unseal(&old).is_ok());
        let shares = safe.prepare(&old, &plan, &credential(""), &SystemEntropy).unwrap();
        let lines = |which: &[&Share]| {
            credential(&which.iter().map(|s| s.text().to_string()).collect::<Vec<_>>().join("\n"))
        };
        let stale = lines(&[&lost[0], &lost[1]]);
        assert!(matches!(safe.complete(&stale, &secrets.roots, |_| Ok(())), Err(Error::ForeignShare)));
        let one = lines(&[&shares[0]]);
        assert!(matches!(
            safe.complete(&one, &secrets.roots, |_| Ok(())),
            Err(Error::FewShares { needed: 2, given: 1 })
        ));
        assert_eq!(safe.file().unwrap().custody(), Custody::Passphrase);

        let refused = safe.complete(&lines(&[&shares[0], &shares[1]]), &secrets.roots, |custody| {
            Err(Error::OtherProvider(custody.words()))
        });
        assert!(matches!(refused, Err(Error::OtherProvider(_))));
        assert_eq!(safe.file().unwrap().custody(), Custody::Passphrase);

        // A root that was rotated in between would be lost with the old file.
        let mut other = secrets.roots.clone();
        other.grow(&SystemEntropy);
        let two = lines(&[&shares[2], &shares[0]]);
        assert!(matches!(safe.complete(&two, &other, |_| Ok(())), Err(Error::NotPrepared)));

        assert_eq!(
            safe.complete(&two, &secrets.roots, |_| Ok(())).unwrap(),
            (Custody::Shares { needed: 2, made: 3 }, Sealing(2))
        );
        let (read, opened, _) = safe.unseal(&two).unwrap();
        assert!(read.site() == &site && opened.roots.same_as(&secrets.roots));
        assert!(matches!(safe.unseal(&old), Err(Error::Share)));
        assert!(matches!(safe.complete(&two, &secrets.roots, |_| Ok(())), Err(Error::NotPrepared)));
    }
}
