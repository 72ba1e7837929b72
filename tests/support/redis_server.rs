//! A Redis server of a test's own, on a free port of loopback. It ends with the value.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct RedisServer {
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
    tls: bool,
    process: Option<Child>,
}

impl RedisServer {
    /// A server that writes every acknowledged change to disk.
    pub(crate) fn durable() -> Self {
        Self::start(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// A server with these options.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::begin(options, false)
    }

    /// A server that speaks TLS alone, with these options.
    #[allow(dead_code, reason = "not every test that has servers needs TLS")]
    pub(crate) fn with_tls(options: &[&str]) -> Self {
        Self::begin(options, true)
    }

    fn begin(options: &[&str], tls: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tower-dcr-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let options = options.iter().map(ToString::to_string).collect();
        let mut server = Self { port: 0, folder, options, tls, process: None };
        // Another process may take the port between the search and the start.
        for _ in 0..10 {
            server.port = free_port();
            if server.run() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it without a shutdown, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again with the data that it has.
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.run(), "redis-server does not start again");
    }

    /// Starts the process and waits until it accepts connections.
    fn run(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        let port = self.port.to_string();
        match self.tls {
            true => command.args(["--port", "0", "--tls-port", &port]),
            false => command.args(["--port", &port]),
        };
        command.args(["--bind", "127.0.0.1", "--save", "", "--dir"]);
        command.arg(&self.folder).args(&self.options).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("redis-server is needed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("Ready to accept connections"));
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
        if !ready {
            self.kill();
        }
        ready
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
