//! A resolver under the control of a test.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use tower_dcr::fetch::Resolver;

/// Answers each lookup with the next list of addresses; the last list is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Names(Arc<Mutex<Script>>);

#[derive(Debug)]
struct Script {
    answers: VecDeque<Vec<IpAddr>>,
    asked: Vec<String>,
}

impl Names {
    /// Every name resolves to loopback.
    pub(crate) fn loopback() -> Self {
        Self::script([vec!["127.0.0.1"]])
    }

    pub(crate) fn script<const N: usize>(answers: [Vec<&str>; N]) -> Self {
        let parse = |answer: Vec<&str>| answer.iter().map(|address| address.parse().unwrap()).collect();
        let answers = answers.into_iter().map(parse).collect();
        Self(Arc::new(Mutex::new(Script { answers, asked: Vec::new() })))
    }

    /// Every name that was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }
}

impl Resolver for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(host.to_owned());
        if script.answers.len() > 1 {
            return Ok(script.answers.pop_front().unwrap());
        }
        script.answers.front().cloned().ok_or_else(|| io::Error::other("no such name"))
    }
}
