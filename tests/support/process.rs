//! A program that runs beside a test: the bridge itself, or a real tool.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener};
use std::panic::Location;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::PATIENCE;

/// How often a program that has no way to call us is asked again.
pub const ASK_AGAIN: Duration = Duration::from_millis(20);

/// How long a killed program may take to be gone. The system's doing, and a matter of milliseconds.
const DEATH: Duration = Duration::from_secs(5);

/// A program to start, in an environment that holds only what is given here.
pub struct Program {
    name: String,
    command: Command,
    stdin: String,
}

/// A running program. Killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    output: watch::Sender<Output>,
    readers: Vec<JoinHandle<()>>,
}

/// What a program has written, line by line.
#[derive(Debug, Default, Clone)]
pub struct Output {
    /// The lines of standard output.
    pub stdout: Vec<String>,
    /// The lines of standard error.
    pub stderr: Vec<String>,
}

/// A program that has ended by itself or on a signal.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// All that it wrote.
    pub output: Output,
    /// How long it took to end, from when we began to wait.
    pub took: Duration,
}

/// The bridge, as it was built for this test.
pub fn bridge() -> Program {
    Program::new(Path::new(env!("CARGO_BIN_EXE_gitlab-metrics-bridge")))
}

/// The bridge with its outputs led somewhere by a shell, such as `>/dev/full`.
pub fn bridge_with_streams(redirection: &str) -> Program {
    let bridge = env!("CARGO_BIN_EXE_gitlab-metrics-bridge");
    Program::new(Path::new("/bin/bash")).args([
        "-c",
        &format!("exec \"$0\" \"$@\" {redirection}"),
        bridge,
    ])
}

/// `N` loopback ports that were free just now, no two the same.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N]
        .map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port"));
    held.map(|listener| {
        listener
            .local_addr()
            .expect("a bound socket has an address")
            .port()
    })
}

/// A client for loopback addresses, which takes no proxy and does not wait for ever.
pub fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .expect("a plain client")
}

impl Program {
    /// A program without arguments and with an empty environment.
    pub fn new(path: &Path) -> Self {
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        let mut command = Command::new(path);
        command
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self {
            name,
            command,
            stdin: String::new(),
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets its working directory.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it something to read; otherwise its standard input is empty.
    pub fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Process {
        let name = self.name;
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("starting {name}: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A program may end without reading it; that is its own affair.
        tokio::spawn(async move { stdin.write_all(self.stdin.as_bytes()).await });
        let output = watch::Sender::new(Output::default());
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let readers = vec![
            tokio::spawn(read_lines(stdout, output.clone(), |output| {
                &mut output.stdout
            })),
            tokio::spawn(read_lines(stderr, output.clone(), |output| {
                &mut output.stderr
            })),
        ];
        Process {
            name,
            child,
            output,
            readers,
        }
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn finish(self) -> impl Future<Output = Finished> {
        self.start().finish_within(PATIENCE)
    }
}

impl Process {
    /// What it has written so far.
    pub fn output(&self) -> Output {
        self.output.borrow().clone()
    }

    /// Waits for a line that contains the text, on either output, and returns it. Panics when the
    /// program ends first.
    #[track_caller]
    pub fn wait_for_line(&mut self, text: &str) -> impl Future<Output = String> {
        let caller = Location::caller();
        let find = move |output: &Output| {
            let mut lines = output.stdout.iter().chain(&output.stderr);
            lines.find(|line| line.contains(text)).cloned()
        };
        let mut output = self.output.subscribe();
        async move {
            let found = async {
                tokio::select! {
                    written = output.wait_for(|output| find(output).is_some()) => written.is_ok(),
                    _ = self.ended() => false,
                }
            };
            let in_time = timeout(PATIENCE, found).await.is_ok();
            let output = self.output();
            find(&output).unwrap_or_else(|| {
                let reason = if in_time {
                    "it ended"
                } else {
                    "it did not come in time"
                };
                panic!(
                    "{caller}: waiting for {text:?} from {}: {reason}: {output:#?}",
                    self.name
                )
            })
        }
    }

    /// Waits until a GET is answered with success, and returns the body. Panics when the program
    /// ends first.
    #[track_caller]
    pub fn wait_for_http(&mut self, url: &str) -> impl Future<Output = String> {
        self.wait_for_body(url, |_| true)
    }

    /// Waits until a GET is answered with success and a body that meets the condition, and returns
    /// the body.
    #[track_caller]
    pub fn wait_for_body(
        &mut self,
        url: &str,
        condition: impl Fn(&str) -> bool,
    ) -> impl Future<Output = String> {
        let caller = Location::caller();
        async move {
            let client = http_client();
            let deadline = Instant::now() + PATIENCE;
            loop {
                let problem = match get(&client, url).await {
                    Ok(body) if condition(&body) => return body,
                    Ok(body) => format!("not yet the right body:\n{body}"),
                    Err(error) => format!("{error:?}"),
                };
                let ended = self.child.try_wait().expect("asking for our own child");
                if ended.is_some() || Instant::now() > deadline {
                    let output = self.output();
                    panic!(
                        "{caller}: waiting for {url} from {} ({ended:?}): {problem} {output:#?}",
                        self.name
                    );
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }

    /// Its number among the processes.
    pub fn id(&self) -> u32 {
        let id = self.child.id();
        id.unwrap_or_else(|| panic!("{} has ended already", self.name))
    }

    /// Sends a signal: `TERM`, `HUP`, `INT`, `KILL`.
    pub fn signal(&self, signal: &str) {
        let pid = self.id();
        // The shell has `kill` built in, so no other program is needed.
        let sent = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{signal} {pid}"))
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "sending {signal} to {}",
            self.name
        );
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub fn terminate_within(self, limit: Duration) -> impl Future<Output = Finished> {
        self.signal("TERM");
        self.finish_within(limit)
    }

    /// Waits for the end and for all output; panics when it takes longer.
    #[track_caller]
    pub fn finish_within(mut self, limit: Duration) -> impl Future<Output = Finished> {
        let caller = Location::caller();
        let began = Instant::now();
        async move {
            let Ok(status) = timeout(limit, self.ended()).await else {
                panic!(
                    "{caller}: {} still runs after {limit:?}: {:#?}",
                    self.name,
                    self.output()
                );
            };
            Finished {
                status,
                output: self.output(),
                took: began.elapsed(),
            }
        }
    }

    /// The end of the program and of its output.
    async fn ended(&mut self) -> ExitStatus {
        let status = self.child.wait().await.expect("waiting for our own child");
        // One by one and in place: whoever waits may give up in between, and another one wait
        // again.
        while let Some(reader) = self.readers.last_mut() {
            reader.await.expect("reading lines does not panic");
            self.readers.pop();
        }
        status
    }
}

impl Drop for Process {
    /// Kills it and sees it gone, so that it neither writes into a folder being removed nor stays
    /// as a zombie.
    fn drop(&mut self) {
        let _ = self.child.start_kill(); // an error says that it has ended already
        let began = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) && began.elapsed() < DEATH
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Finished {
    /// Its exit code; panics when a signal ended it.
    #[track_caller]
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by a signal: {self:#?}"))
    }

    /// All of standard output, as one text.
    pub fn stdout(&self) -> String {
        self.output
            .stdout
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// All of standard error, as one text.
    pub fn stderr(&self) -> String {
        self.output
            .stderr
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }
}

async fn read_lines(
    pipe: impl AsyncRead + Unpin,
    output: watch::Sender<Output>,
    lines: fn(&mut Output) -> &mut Vec<String>,
) {
    let mut pipe = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = pipe.next_segment().await {
        let line = String::from_utf8_lossy(&line).into_owned();
        output.send_modify(|output| lines(output).push(line));
    }
}

async fn get(client: &reqwest::Client, url: &str) -> reqwest::Result<String> {
    client
        .get(url)
        .send()
        .await?
        .error_for_status()?
        .text()
        .await
}
