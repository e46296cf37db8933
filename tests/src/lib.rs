//! Whole-system tests live in the test targets of this package; here is what other packages' tests use
//! too.

pub mod forge;
