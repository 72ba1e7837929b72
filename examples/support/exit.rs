//! How an example ends: a failure is printed with its causes, as text and not as the value that `main` would print.

use std::error::Error;
use std::process::ExitCode;

/// The exit code of the example with this name. A failure is printed to standard error.
pub(crate) fn code(name: &str, outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// A failure with all its causes, the nearest first. A cause that the text before it repeats is left out.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
