//! A PostgreSQL server of a test's own with TLS, on a free port of loopback. It ends with the value.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::redis_server::free_port;

pub(crate) struct PostgresServer {
    folder: PathBuf,
    port: u16,
}

impl PostgresServer {
    /// A server that refuses plain text, with this certificate and private key.
    pub(crate) fn with_tls(name: &str, (certificate, key): &(String, String)) -> Self {
        let mut server = Self { folder: std::env::temp_dir().join(name), port: 0 };
        let data = server.folder.to_str().unwrap().to_owned();
        server.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-N"]);
        server.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n");
        server.write("server.crt", certificate);
        server.write("server.key", key);
        // Another process may take the port between the search and the start.
        for _ in 0..10 {
            server.port = free_port();
            let log = format!("{data}/log");
            let options = format!(
                "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c ssl=on -c fsync=off",
                server.port
            );
            if server.try_run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"]).status.success() {
                return server;
            }
        }
        panic!("postgres does not start: {}", fs::read_to_string(server.folder.join("log")).unwrap_or_default());
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Writes a file of the server's own, which only the server may read.
    fn write(&self, name: &str, text: &str) {
        let (path, owner) = (self.folder.join(name), fs::metadata(&self.folder).unwrap());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.try_run(program, arguments);
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// PostgreSQL does not run with the rights of the administrator.
    fn try_run(&self, program: &str, arguments: &[&str]) -> Output {
        let is_administrator = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let program = installed(program);
        let mut command = match is_administrator {
            true => Command::new("runuser"),
            false => Command::new(&program),
        };
        if is_administrator {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        let command = command.args(arguments).current_dir(std::env::temp_dir()).stdin(Stdio::null());
        // The server would keep a pipe open that it inherits.
        let command =
            if program.ends_with("pg_ctl") { command.stdout(Stdio::null()).stderr(Stdio::null()) } else { command };
        command.output().unwrap_or_else(|error| panic!("{}: {error}", program.display()))
    }
}

/// Where a program of the server is: Debian has a folder for each version.
fn installed(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin").join(program)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| program.into())
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let data = self.folder.to_str().unwrap_or_default();
        let _ = self.try_run("pg_ctl", &["-D", data, "-m", "immediate", "-w", "stop"]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}
