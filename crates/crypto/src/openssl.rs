//! OpenSSL's libcrypto, version 3, if the host has it: loaded at run time, never linked.
//!
//! The cipher comes from a library context of its own. The host's `openssl.cnf` is not read for it, and what
//! other users of the same library in this process do (a PKCS#11 module, say) does not touch it.

use crate::provider::{Failed, Key, NONCE, Provider, TAG};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Mutex, PoisonError};

/// The name under which version 3 is installed. Version 1.1 has another name and is not looked for.
const FILE: &str = "libcrypto.so.3";
const CIPHER: &CStr = c"ChaCha20-Poly1305";
const OWN_PROVIDER: &CStr = c"provider=default";

// From OpenSSL's headers: crypto.h and evp.h of version 3.
const INIT_NO_ATEXIT: u64 = 0x0008_0000;
const VERSION_TEXT: c_int = 6;
const GET_TAG: c_int = 0x10;
const SET_TAG: c_int = 0x11;
const TAG_LENGTH: c_int = TAG as c_int;

type Handle = *mut c_void;

/// The functions used, with the signatures of OpenSSL's manual.
struct Functions {
    /// `EVP_CIPHER_CTX_new`
    new: unsafe extern "C" fn() -> Handle,
    /// `EVP_CIPHER_CTX_free`: wipes key and state.
    free: unsafe extern "C" fn(Handle),
    /// `EVP_CipherInit_ex2`
    init: unsafe extern "C" fn(Handle, Handle, *const u8, *const u8, c_int, *const c_void) -> c_int,
    /// `EVP_CipherUpdate`
    update: unsafe extern "C" fn(Handle, *mut u8, *mut c_int, *const u8, c_int) -> c_int,
    /// `EVP_CipherFinal_ex`
    end: unsafe extern "C" fn(Handle, *mut u8, *mut c_int) -> c_int,
    /// `EVP_CIPHER_CTX_ctrl`
    control: unsafe extern "C" fn(Handle, c_int, c_int, *mut c_void) -> c_int,
}

/// The host's library, loaded for as long as the process lives.
pub(crate) struct OpenSsl {
    name: String,
    functions: Functions,
    /// The cipher, from `EVP_CIPHER_fetch`. Read-only from then on.
    cipher: Handle,
}

// SAFETY: `cipher` is a fetched `EVP_CIPHER`: immutable, and shared between threads by OpenSSL's own rules.
#[expect(unsafe_code, reason = "a pointer that is only read")]
unsafe impl Send for OpenSsl {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a pointer that is only read")]
unsafe impl Sync for OpenSsl {}

impl OpenSsl {
    /// The host's library, if there is one that has the cipher.
    #[expect(unsafe_code, reason = "a library is loaded, and its functions are taken at their word")]
    pub(crate) fn load() -> Option<Self> {
        // SAFETY: the loader's search for this name finds the system's libcrypto; its initialisers are those
        // of a library that half of the system's programs load. Whoever can put another file there, or sets
        // the loader's environment, already decides what this process runs.
        let library = unsafe { libloading::Library::new(FILE) }.ok()?;
        // It stays loaded: its functions are used until the process ends.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        // SAFETY: each name is given the type that OpenSSL 3 documents for it.
        let (functions, settle, make_context, fetch, version) = unsafe {
            let functions = Functions {
                new: *library.get(b"EVP_CIPHER_CTX_new\0").ok()?,
                free: *library.get(b"EVP_CIPHER_CTX_free\0").ok()?,
                init: *library.get(b"EVP_CipherInit_ex2\0").ok()?,
                update: *library.get(b"EVP_CipherUpdate\0").ok()?,
                end: *library.get(b"EVP_CipherFinal_ex\0").ok()?,
                control: *library.get(b"EVP_CIPHER_CTX_ctrl\0").ok()?,
            };
            let settle: unsafe extern "C" fn(u64, *const c_void) -> c_int =
                *library.get(b"OPENSSL_init_crypto\0").ok()?;
            let make_context: unsafe extern "C" fn() -> Handle = *library.get(b"OSSL_LIB_CTX_new\0").ok()?;
            let fetch: unsafe extern "C" fn(Handle, *const c_char, *const c_char) -> Handle =
                *library.get(b"EVP_CIPHER_fetch\0").ok()?;
            let version: unsafe extern "C" fn(c_int) -> *const c_char =
                *library.get(b"OpenSSL_version\0").ok()?;
            (functions, settle, make_context, fetch, version)
        };
        // SAFETY: called once each, before any other use; the strings end in NUL and live for ever. No exit
        // handler is asked for: it would free what threads that still seal stand on.
        let (cipher, text) = unsafe {
            settle(INIT_NO_ATEXIT, null());
            let context = make_context();
            if context.is_null() {
                return None;
            }
            (fetch(context, CIPHER.as_ptr(), OWN_PROVIDER.as_ptr()), version(VERSION_TEXT))
        };
        if cipher.is_null() || text.is_null() {
            return None;
        }
        // SAFETY: a static string of the library.
        let name = format!("OpenSSL {}", unsafe { CStr::from_ptr(text) }.to_string_lossy());
        Some(Self { name, functions, cipher })
    }
}

impl Provider for &'static OpenSsl {
    fn name(&self) -> &str {
        &self.name
    }

    #[expect(unsafe_code, reason = "calls into the library")]
    fn key(&self, key: &[u8; 32]) -> Result<Box<dyn Key>, Failed> {
        // SAFETY: no arguments.
        let context = unsafe { (self.functions.new)() };
        if context.is_null() {
            return Err(Failed);
        }
        let context = Context { library: self, handle: context };
        // SAFETY: a fresh context, a fetched cipher whose keys have 32 bytes; no nonce yet.
        let done =
            unsafe { (self.functions.init)(context.handle, self.cipher, key.as_ptr(), null(), 1, null()) };
        succeeded(done)?;
        Ok(Box::new(Ready(Mutex::new(context))))
    }
}

/// An `EVP_CIPHER_CTX` that holds a key. Freeing it wipes it.
struct Context {
    library: &'static OpenSsl,
    handle: Handle,
}

// SAFETY: a context belongs to nobody's thread; it is used by one at a time, as it lies in a mutex.
#[expect(unsafe_code, reason = "a pointer with one owner")]
unsafe impl Send for Context {}

impl Drop for Context {
    #[expect(unsafe_code, reason = "calls into the library")]
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { (self.library.functions.free)(self.handle) }
    }
}

/// OpenSSL changes a context with every call, so threads take turns.
struct Ready(Mutex<Context>);

impl Ready {
    fn with(&self, work: impl FnOnce(&mut Context) -> Result<(), Failed>) -> Result<(), Failed> {
        // A panic in between leaves a context that the next `begin` sets anew.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Key for Ready {
    fn seal(
        &self,
        nonce: &[u8; NONCE],
        plain: &[u8],
        text: &mut [u8],
        tag: &mut [u8; TAG],
    ) -> Result<(), Failed> {
        self.with(|context| {
            context.begin(nonce, Direction::Seal)?;
            context.update(plain, text)?;
            context.end()?;
            context.control(GET_TAG, tag)
        })
    }

    fn open(
        &self,
        nonce: &[u8; NONCE],
        text: &[u8],
        tag: &[u8; TAG],
        plain: &mut [u8],
    ) -> Result<(), Failed> {
        self.with(|context| {
            context.begin(nonce, Direction::Open)?;
            context.control(SET_TAG, &mut { *tag })?;
            context.update(text, plain)?;
            context.end()
        })
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Open = 0,
    Seal = 1,
}

#[expect(unsafe_code, reason = "calls into the library")]
impl Context {
    /// A new message under the key that the context holds.
    fn begin(&mut self, nonce: &[u8; NONCE], direction: Direction) -> Result<(), Failed> {
        // SAFETY: cipher and key are set; the nonce has the cipher's default length, 12.
        let done = unsafe {
            (self.library.functions.init)(
                self.handle,
                null_mut(),
                null(),
                nonce.as_ptr(),
                direction as c_int,
                null(),
            )
        };
        succeeded(done)
    }

    fn update(&mut self, from: &[u8], to: &mut [u8]) -> Result<(), Failed> {
        let length = c_int::try_from(from.len()).map_err(|_| Failed)?;
        // INVARIANT (as long): the library writes as many bytes as it reads, and asks for no bound.
        if from.len() != to.len() {
            return Err(Failed);
        }
        if from.is_empty() {
            return Ok(());
        }
        let mut written: c_int = 0;
        // SAFETY: both have `length` bytes, and as `to` is borrowed alone they do not overlap.
        let done = unsafe {
            (self.library.functions.update)(
                self.handle,
                to.as_mut_ptr(),
                &raw mut written,
                from.as_ptr(),
                length,
            )
        };
        succeeded(done)?;
        if written == length { Ok(()) } else { Err(Failed) }
    }

    /// Ends the message; when opening, compares the tag.
    fn end(&mut self) -> Result<(), Failed> {
        // A stream cipher has nothing left to write; the room is there in case a library thinks otherwise.
        let (mut rest, mut written) = ([0u8; 64], 0 as c_int);
        // SAFETY: more room than any block of the cipher.
        let done = unsafe { (self.library.functions.end)(self.handle, rest.as_mut_ptr(), &raw mut written) };
        succeeded(done)?;
        if written == 0 { Ok(()) } else { Err(Failed) }
    }

    fn control(&mut self, what: c_int, tag: &mut [u8; TAG]) -> Result<(), Failed> {
        // SAFETY: both uses read or write exactly `TAG` bytes.
        let done = unsafe {
            (self.library.functions.control)(self.handle, what, TAG_LENGTH, tag.as_mut_ptr().cast())
        };
        succeeded(done)
    }
}

fn succeeded(done: c_int) -> Result<(), Failed> {
    if done == 1 { Ok(()) } else { Err(Failed) }
}
