//! A server that waits for its database still obeys a signal.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::examples::path;

#[test]
fn a_signal_ends_a_start_that_waits_for_its_database() {
    for signal in ["TERM", "INT"] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = format!("postgres://postgres@{}/postgres", silent.local_addr().unwrap());
        let mut command = Command::new(path("server"));
        command.args(["--listen", "127.0.0.1:0", "--secrets", "hashed", "--store", &store]);
        let server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The server has connected, so it waits for an answer that does not come.
        let _connection = silent.accept().unwrap();
        let begun = Instant::now();
        let kill = Command::new("kill").args(["-s", signal, &server.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let output = server.wait_with_output().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{signal}: it ends before the database is given up");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("a signal ended the server"), "{signal}: {said}");
        assert!(output.stdout.is_empty(), "{signal}: it never said that it serves");
    }
}
