//! Passwords with a second factor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A new second factor's secret. It is shown once.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactor {
    /// The name that the answer must bring.
    pub ceremony: String,
    /// The secret in base32, as programs that show codes take it.
    pub secret: String,
    /// The same as an `otpauth://` address.
    pub url: String,
}

/// `password set`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The second factor's name.
    pub ceremony: String,
    /// The password.
    pub password: String,
    /// A code that the second factor shows.
    pub code: String,
}

/// `password login`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The sign-in name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The code that the second factor shows.
    pub code: String,
}

/// `confirm password`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The password.
    pub password: String,
    /// The code that the second factor shows.
    pub code: String,
}
