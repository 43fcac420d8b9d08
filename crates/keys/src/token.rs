//! A PKCS#11 token as provider: an AES key that the device keeps wraps the file key by AES-GCM.
//!
//! The key is made in the token, sensitive and not extractable. The nonce is ours, from
//! `base::Entropy`; a token that insists on choosing nonces itself (some in FIPS mode do) refuses,
//! and is no provider. Sessions of PKCS#11 are not for several threads, and a PIN is asked once for
//! all sessions of a process: so one lock covers each exchange, which opens a session, signs in,
//! acts and closes it. A wrong PIN is then always noticed.

use crate::Error;
use crate::provider::{Provider, Wrapped, binding};
use crate::safe::Reach;
use base::{Entropy, SiteId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Failure, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

const NONCE: usize = 12;
const TAG_BITS: u64 = 128;
const WHAT: &str = "token";

/// Libraries that were loaded. They stay until the process ends: unloading one would end the
/// sessions of every other holder.
static LIBRARIES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// One key of one token, and the PIN that lets us use it.
pub struct Token {
    module: PathBuf,
    token: String,
    label: String,
    pin: AuthPin,
}

impl Token {
    /// The key `label` of the token `token`, found by the library that `reach` names.
    pub fn open(reach: &Reach, token: &str, label: &str, pin: &str) -> Result<Self, Error> {
        let module = reach.pkcs11_module.clone().ok_or_else(|| Error::Unavailable {
            what: WHAT,
            why: "site.toml names no `pkcs11_module` under `[keys]`".into(),
        })?;
        let (token, label) = (token.to_owned(), label.to_owned());
        Ok(Self { module, token, label, pin: AuthPin::from(pin.to_owned()) })
    }

    /// Makes the key in the token, unless it has one of this name.
    pub fn make_key_if_absent(&self) -> Result<(), Error> {
        self.exchange(|session| {
            if self.find(session)?.is_some() {
                return Ok(());
            }
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::ValueLen(32.into()),
                Attribute::Label(self.label.as_bytes().to_vec()),
            ];
            session.generate_key(&Mechanism::AesKeyGen, &template).map_err(|e| told(&e))?;
            Ok(())
        })
    }

    fn exchange<T>(&self, act: impl FnOnce(&Session) -> Result<T, Error>) -> Result<T, Error> {
        let mut libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
        let library = loaded(&mut libraries, &self.module)?;
        let slot = self.slot(&library)?;
        let session = library.open_rw_session(slot).map_err(|e| told(&e))?;
        session.login(UserType::User, Some(&self.pin)).map_err(|e| told(&e))?;
        let done = act(&session);
        session.close().map_err(|e| told(&e))?;
        done
    }

    fn slot(&self, library: &Pkcs11) -> Result<Slot, Error> {
        for slot in library.get_slots_with_token().map_err(|e| told(&e))? {
            let found = library.get_token_info(slot).map_err(|e| told(&e))?;
            if found.label().trim_end() == self.token {
                return Ok(slot);
            }
        }
        Err(unavailable("there is no token of that label"))
    }

    fn find(&self, session: &Session) -> Result<Option<ObjectHandle>, Error> {
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Token(true),
            Attribute::Label(self.label.as_bytes().to_vec()),
        ];
        let found = session.find_objects(&wanted).map_err(|e| told(&e))?;
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(unavailable("the token has several keys of that label")),
        }
    }

    fn key(&self, session: &Session) -> Result<ObjectHandle, Error> {
        self.find(session)?.ok_or_else(|| unavailable("the token has no key of that label"))
    }
}

impl Provider for Token {
    fn wrap(&self, site: &SiteId, key: &[u8], entropy: &dyn Entropy) -> Result<Wrapped, Error> {
        let mut nonce: [u8; NONCE] = base::entropy::bytes(entropy);
        let mut text = nonce.to_vec();
        let bound = binding(site);
        let sealed = self.exchange(|session| {
            let parameters =
                GcmParams::new(&mut nonce, bound.as_bytes(), TAG_BITS.into()).map_err(|_| Error::Wrap)?;
            let own = self.key(session)?;
            session.encrypt(&Mechanism::AesGcm(parameters), own, key).map_err(|e| told(&e))
        })?;
        // A token that chose its own nonce would have put it where ours was.
        if text != nonce {
            return Err(unavailable("the token chose another nonce than it was given"));
        }
        text.extend(sealed);
        let (token, label) = (self.token.clone(), self.label.clone());
        Ok(Wrapped::Pkcs11 { token, label, key: STANDARD.encode(text) })
    }

    fn unwrap(&self, site: &SiteId, wrapped: &Wrapped) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Wrapped::Pkcs11 { token, label, key } = wrapped else { return Err(wrapped.other()) };
        if (token, label) != (&self.token, &self.label) {
            return Err(Error::SealedFile);
        }
        let bytes = STANDARD.decode(key).map_err(|_| Error::SealedFile)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(Error::SealedFile)?;
        let (mut nonce, bound) = (*nonce, binding(site));
        self.exchange(|session| {
            let parameters =
                GcmParams::new(&mut nonce, bound.as_bytes(), TAG_BITS.into()).map_err(|_| Error::Unwrap)?;
            let own = self.key(session)?;
            match session.decrypt(&Mechanism::AesGcm(parameters), own, sealed) {
                Ok(plain) => Ok(Zeroizing::new(plain)),
                Err(error) if is_credential(&error) || is_gone(&error) => Err(told(&error)),
                Err(_) => Err(Error::Unwrap),
            }
        })
    }
}

fn loaded(libraries: &mut MutexGuard<'_, BTreeMap<PathBuf, Pkcs11>>, module: &Path) -> Result<Pkcs11, Error> {
    if let Some(library) = libraries.get(module) {
        return Ok(library.clone());
    }
    if !module.is_absolute() {
        // A bare name would be searched for along a path that is not ours to trust.
        return Err(unavailable("`pkcs11_module` is no absolute path"));
    }
    let library = Pkcs11::new(module).map_err(|_| unavailable("its library cannot be loaded"))?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Failure::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(told(&error)),
    }
    libraries.insert(module.to_owned(), library.clone());
    Ok(library)
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable { what: WHAT, why: why.to_owned() }
}

fn is_credential(error: &Failure) -> bool {
    use RvError::{PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked};
    matches!(error, Failure::Pkcs11(PinIncorrect | PinInvalid | PinLenRange | PinLocked | PinExpired, _))
}

fn is_gone(error: &Failure) -> bool {
    use RvError::{DeviceError, DeviceRemoved, SessionHandleInvalid, TokenNotPresent, TokenNotRecognized};
    matches!(
        error,
        Failure::Pkcs11(
            DeviceError | DeviceRemoved | SessionHandleInvalid | TokenNotPresent | TokenNotRecognized,
            _
        )
    )
}

/// What the library says: a function's name and a code, no value.
fn told(error: &Failure) -> Error {
    if is_credential(error) { Error::Credential(WHAT) } else { unavailable(&error.to_string()) }
}
