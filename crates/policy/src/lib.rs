//! Pure authorisation: a request and its facts go in, allow or deny with reasons comes out.
