//! Runs on a real spine, with the real tools behind real walls, on an invented case.

mod damage;
mod germline;
mod places;
mod site;
mod stops;
mod tools;
