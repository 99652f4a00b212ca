//! Integration tests: one binary, one module per subject.
#![cfg(test)]

mod architecture;
mod directory;
mod docs;
mod engine;
mod sessions;
mod store;
mod support;
mod wire;
