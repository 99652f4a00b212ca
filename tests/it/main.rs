//! Integration tests: one binary, one module per subject.
#![cfg(test)]

mod architecture;
mod engine;
mod store;
mod support;
mod wire;
// mod directory;
mod docs;
