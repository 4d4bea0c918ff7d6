//! A real redis-server for one test, which is killed, stopped, wiped and promoted as the test likes.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{ConnectionLike, FromRedisValue};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is run, unless the variable names another one: a Valkey, or another version.
const PROGRAM: &str = "redis-server";
const VARIABLE: &str = "REDIS_SERVER";

/// A running redis-server that keeps nothing on disk unless it is told to.
pub struct RedisServer {
    child: Child,
    port: u16,
    arguments: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts one on a free port, and waits until it answers.
    pub fn start() -> RedisServer {
        RedisServer::start_with(&[])
    }

    /// Starts one with further options, as on its command line.
    pub fn start_with(options: &[&str]) -> RedisServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let mut arguments: Vec<String> =
            ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
                .map(str::to_owned)
                .into();
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let child = run(port, &arguments, folder.path());
        let server = RedisServer {
            child,
            port,
            arguments,
            folder,
        };
        server.wait_until_up();
        server
    }

    /// Starts a Sentinel with these lines in its configuration, and waits until it answers.
    pub fn start_sentinel(lines: &[&str]) -> RedisServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        let text = lines.join("\n") + "\n";
        std::fs::write(&file, text).expect("a file in an own folder can be written");
        let arguments = vec![file.display().to_string(), "--sentinel".to_owned()];
        let child = run(port, &arguments, folder.path());
        let server = RedisServer {
            child,
            port,
            arguments,
            folder,
        };
        server.wait_until_up();
        server
    }

    /// The port that it listens on without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, for a setting.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The folder that it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }

    /// Starts it again on its port, with what it has on disk: nothing, unless it was told otherwise.
    pub fn start_again(&mut self) {
        self.kill();
        self.child = run(self.port, &self.arguments, self.folder.path());
        self.wait_until_up();
    }

    /// Holds it: it stays connected and does nothing.
    pub fn hold(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Forgets everything.
    pub fn wipe(&self) {
        self.command::<()>(&["FLUSHALL"]);
    }

    /// Sends a command as the default user.
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words)
            .unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Sends a command as the default user, which may fail.
    pub fn try_command<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_connection_with_timeout(PATIENCE)?;
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(word);
        });
        let answer = connection.req_command(&command)?;
        Ok(redis::from_redis_value(answer)?)
    }

    /// The name of the life of the server, which is another one after each start.
    pub fn run_id(&self) -> String {
        let info: String = self.command(&["INFO", "server"]);
        let line = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        line.expect("a server says its run_id").to_owned()
    }

    fn wait_until_up(&self) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.try_command::<String>(&["PING"]) {
            // It is up if it asks for a password.
            if error.to_string().contains("NOAUTH") {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "redis-server does not answer: {error}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process has a number"), signal).expect("it is our child");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn run(port: u16, arguments: &[String], folder: &Path) -> Child {
    let program = std::env::var_os(VARIABLE).unwrap_or_else(|| PROGRAM.into());
    let mut command = Command::new(&program);
    command
        // A file with a configuration stands first.
        .args(arguments)
        .args(["--port", &port.to_string()])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = command.spawn();
    started.unwrap_or_else(|error| {
        panic!(
            "{}: {error}: apt-get install redis-server",
            program.display()
        )
    })
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
