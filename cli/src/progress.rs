//! What the person at the bench sees while the station works: one line with the step and the time.
//!
//! Only on a terminal; in a pipe, with `--json` or `--quiet` nothing is drawn and, by the same switch,
//! no stream of steps is asked for.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// One line on stderr, gone when the command ends without success.
pub struct Progress {
    line: Option<ProgressBar>,
}

impl Progress {
    /// A line that is drawn from now on, if `drawn`.
    pub fn start(drawn: bool) -> Self {
        let line = drawn.then(|| {
            let line = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                line.set_style(style);
            }
            line.set_message(said("waiting"));
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        Self { line }
    }

    /// The station has come to this step: `waiting`, `signing` or `injecting`.
    pub fn step(&self, step: &str) {
        if let Some(line) = &self.line {
            line.set_message(said(step));
        }
    }

    /// The device has its identity: a last line that stays.
    pub fn done(self) {
        if let Some(line) = &self.line {
            let seconds = line.elapsed().as_secs_f64();
            line.finish_and_clear();
            crate::trace::note(&format!("done in {seconds:.1} s"));
        }
    }
}

/// The step in words; one that this version does not know is shown as the station says it.
fn said(step: &str) -> String {
    match step {
        "waiting" => "waiting for the station".to_owned(),
        "signing" => "signing the certificate".to_owned(),
        "injecting" => "injecting into the device".to_owned(),
        other => crate::failure::one_line(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_when_nobody_looks() {
        let progress = Progress::start(false);
        progress.step("signing");
        assert!(progress.line.is_none());
        progress.done();
    }

    #[test]
    fn steps_are_words() {
        assert_eq!(said("injecting"), "injecting into the device");
        assert_eq!(said("of\x1b[2Jtomorrow"), "of [2Jtomorrow");
    }
}
