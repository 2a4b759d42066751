//! A question to the person at the terminal, answered with yes or not.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::sync::oneshot;

/// Whether there is somebody to ask: question and answer both go over a terminal.
pub fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error; everything but `y` and `yes` is no.
///
/// It waits in a thread of its own, which a signal does not have to wait for.
pub async fn is_yes(question: &str) -> bool {
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let (say, said) = oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        // Nobody may wait any more.
        let _ = say.send(read.map(|_| answer).unwrap_or_default());
    });
    let answer = said.await.unwrap_or_default();
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}
