//! Real programs: found, started, watched, ended.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);
const BLINK: Duration = Duration::from_millis(5);

/// Where one of our programs is: beside `pep`.
pub fn binary(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_pep")).with_file_name(name);
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build --workspace --bins` first",
        path.display()
    );
    path
}

/// How a program that was run to its end did.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// Its working folder.
    pub folder: TempDir,
}

impl Done {
    /// The two lines of a failure: what stands behind `error: ` and behind `hint: `.
    pub fn two_lines(&self) -> (&str, &str) {
        let lines: Vec<_> = self.stderr.lines().collect();
        let [error, hint] = lines[..] else { panic!("not two lines: {:?}", self.stderr) };
        let error = error.strip_prefix("error: ").unwrap_or_else(|| panic!("{error}"));
        (error, hint.strip_prefix("hint: ").unwrap_or_else(|| panic!("{hint}")))
    }

    /// Asserts that it failed as a program should: this exit code, nothing on stdout, two lines.
    pub fn failed_with(&self, code: i32) -> (&str, &str) {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert_eq!(self.stdout, "");
        self.two_lines()
    }

    /// Asserts that it worked, and gives what it printed.
    pub fn worked(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.stderr);
        &self.stdout
    }

    /// A file it left in its working folder.
    pub fn file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of all files in its working folder.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Runs a program to its end in a fresh working folder.
pub fn run(mut command: Command, prepare: impl FnOnce(&mut Command, &Path)) -> Done {
    let folder = tempfile::tempdir().unwrap();
    command.current_dir(folder.path());
    prepare(&mut command, folder.path());
    let running = Running::start(command);
    let deadline = Instant::now() + PATIENCE;
    let (code, stderr) = running.ended_before(deadline);
    Done { code, stdout: running.printed(), stderr, folder }
}

/// A program that runs, its output in files, so that no full pipe can block it.
pub struct Running {
    child: Mutex<Child>,
    output: TempDir,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name| File::create(output.path().join(name)).unwrap();
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child: child.into(), output }
    }

    /// Its standard output so far.
    pub fn printed(&self) -> String {
        self.read("stdout")
    }

    /// Its standard error so far.
    pub fn written(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> String {
        let mut bytes = Vec::new();
        File::open(self.output.path().join(name)).unwrap().read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a whole line with `words` in it, on either stream.
    pub fn line_with(&self, words: &str) -> String {
        let found = || {
            let all = self.printed() + &self.written();
            let whole = all.rfind('\n').map_or("", |end| &all[..end]);
            whole.lines().find(|line| line.contains(words)).map(str::to_owned)
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let over = self.code().is_some() || Instant::now() > deadline;
            if let Some(line) = found() {
                return line;
            }
            assert!(!over, "no line with {words:?}: {}{}", self.printed(), self.written());
            std::thread::sleep(BLINK);
        }
    }

    pub fn id(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Its exit code, once it has one; ended by a signal it is -1.
    pub fn code(&self) -> Option<i32> {
        let status = self.child.lock().unwrap().try_wait().unwrap()?;
        Some(status.code().unwrap_or(-1))
    }

    /// Waits for its end: exit code and standard error.
    pub fn ended(self, patience: Duration) -> (i32, String) {
        self.ended_before(Instant::now() + patience)
    }

    fn ended_before(&self, deadline: Instant) -> (i32, String) {
        loop {
            if let Some(code) = self.code() {
                return (code, self.written());
            }
            let (printed, written) = (self.printed(), self.written());
            assert!(Instant::now() < deadline, "it does not end: {printed}{written}");
            std::thread::sleep(BLINK);
        }
    }

    /// `kill -9`; gives its standard error.
    pub fn kill(self) -> String {
        self.end();
        self.written()
    }

    fn end(&self) {
        let Ok(mut child) = self.child.lock() else { return };
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never came about: {what}");
        std::thread::sleep(BLINK);
    }
}

/// Says in one line why a test cannot be told here. Under `CI` that is a failure.
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "skipped: {why}");
    // Not `eprintln!`, which a passing test's output is hidden with.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
