//! The metric cases of `cases/cases.json`, natively. `tests/wasm` runs the same ones in wasm.
#![allow(missing_docs)]

mod cases;

#[test]
fn every_metric_case_holds() {
    match cases::run() {
        Ok(count) => assert!(count > 40, "only {count} cases were found"),
        Err(failures) => panic!("{}", failures.join("\n")),
    }
}
