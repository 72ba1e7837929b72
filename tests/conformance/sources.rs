//! The test functions of the sources, by file and name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::path;

/// Every test that the harness runs, as `tests/protocol/lifecycle.rs::name`.
pub(crate) fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for root in ["src", "tests"] {
        walk(&path(root), root, &mut tests);
    }
    assert!(tests.len() > 100, "the walk through the sources found only {} tests", tests.len());
    tests
}

fn walk(directory: &Path, below: &str, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let below = format!("{below}/{name}");
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &below, tests);
        } else if name.ends_with(".rs") && is_compiled(&below) {
            let source = fs::read_to_string(entry.path()).unwrap();
            tests.extend(tests_in(&source).map(|test| format!("{below}::{test}")));
        }
    }
}

/// Whether the file that is responsible for a file declares it; a file without a declaration is never compiled.
fn is_compiled(file: &str) -> bool {
    let (directory, name) = file.rsplit_once('/').unwrap();
    let stem = name.strip_suffix(".rs").unwrap();
    // A test target of another package is `tests/interop/interop.rs`.
    let is_target = directory == "tests" || directory == format!("tests/{stem}");
    if matches!(stem, "lib" | "main") || is_target {
        return true;
    }
    let (parent, module) = match stem {
        "mod" => directory.rsplit_once('/').unwrap(),
        _ => (directory, stem),
    };
    let owners = ["mod.rs", "main.rs", "lib.rs"].map(|owner| format!("{parent}/{owner}"));
    let target = parent.rsplit('/').next().map(|name| format!("{parent}/{name}.rs"));
    let owners = owners.into_iter().chain([format!("{parent}.rs")]).chain(target);
    let declares = |source: String| source.lines().any(|line| line.trim().ends_with(&format!("mod {module};")));
    owners.filter_map(|owner| fs::read_to_string(path(&owner)).ok()).any(declares)
}

/// The names of the functions under `#[test]` or `#[tokio::test]` that are not ignored.
fn tests_in(source: &str) -> impl Iterator<Item = &str> {
    let (mut is_test, mut is_ignored) = (false, false);
    source.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with("#[") || line.starts_with("//") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            is_ignored |= line.starts_with("#[ignore");
            return None;
        }
        let runs = is_test && !is_ignored;
        (is_test, is_ignored) = (false, false);
        let (_, name) = line.split_once("fn ").filter(|_| runs)?;
        name.split_once('(').map(|(name, _)| name)
    })
}

#[test]
fn only_functions_that_run_are_tests() {
    let source = "
        #[test]
        fn plain() {}
        #[tokio::test(flavor = \"multi_thread\")]
        #[cfg(feature = \"x\")]
        async fn with_attributes() {}
        fn helper() {}
        #[test]
        #[ignore = \"slow\"]
        fn ignored() {}
        // #[test]
        // fn commented_out() {}
        #[test]
        // a remark
        fn with_a_remark() {}
    ";
    assert_eq!(Vec::from_iter(tests_in(source)), ["plain", "with_attributes", "with_a_remark"]);
}
