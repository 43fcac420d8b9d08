//! The program from outside: its real commands and its socket, on sites of their own.
//!
//! * `site`: a site for a test, a copy of the one on which the whole story was told
//! * `http`: one request over a site's socket
//! * `story`: the whole story; what it finds in made reads
//! * `real`: what it finds in real reads
//! * `matrix`, `question`: every route as every role, and what each call leaves in the ledger
//! * `archive`: holds, floors, damage found and named
//! * `backup`: made, killed, checked, put back
//! * `closed`: no record, no act
//! * `erasure`: words end with the keys that sealed them, and the record stays
//! * `lent`: what one project lends another, and how that ends
//! * `keys`: what the site is sealed under, and its keys
//! * `guide`: the transcripts of a guide are what the program prints
//! * `browser`: the pages in a real browser
//! * `oidc`: sign-in through a real provider, in a real browser
//! * `bucket`: a site whose bodies lie in a bucket
//! * `canary`: words that tell of a person, looked for on every channel to others
//! * `clear`: nothing lies in clear
//! * `door`: the contract over HTTPS: TLS, limits, what is written, work that goes over it
//! * `controls`: every promise, by `controls run`
//! * `replica`: a ledger copied elsewhere, and sites that were put back
//! * `trail`: what searches show, prove and keep back
//! * `witness`: a witness on loopback, and sites that were put back
//! * `outward`: streams and exports, and what receivers can prove
//! * `service`: a program that acts for a person
//! * `visas`: a passport from elsewhere becomes a role that ends
//! * `secrets`: secrets stand in no output, log, argument, environment, core or error
//! * `record`: proofs for a second program, and the end of the ledger as it grows
//! * `start`: what refuses to start, and what a killed process leaves

// Tells clippy that the helpers are tests too.
#![cfg(test)]

mod archive;
mod backup;
mod browser;
mod bucket;
mod canary;
mod clear;
mod closed;
mod controls;
mod database;
mod door;
mod erasure;
mod guide;
mod http;
mod identities;
mod keys;
mod lent;
mod matrix;
mod mistakes;
mod mounted;
mod notified;
mod oidc;
mod outward;
mod password;
mod question;
mod real;
mod record;
mod recovered;
mod replica;
mod screened;
mod secrets;
mod service;
mod site;
mod start;
mod story;
mod trail;
mod visas;
mod witness;
