//! `pep completions`: the shell's knowledge of this command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Done;
use crate::args::Arguments;

/// The options of `completions`.
#[derive(Args)]
#[command(
    long_about = "Print a shell's completions for this command line.",
    after_long_help = "\
Examples:
  pep completions bash > /etc/bash_completion.d/pep
  pep completions zsh > \"${fpath[1]}/_pep\"
  pep completions fish > ~/.config/fish/completions/pep.fish"
)]
pub struct Options {
    /// The shell
    shell: Shell,
}

/// The completions of the chosen shell.
pub fn run(options: &Options) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "pep", &mut script);
    Done::printed(String::from_utf8_lossy(&script).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let done = run(&Options { shell });
            for command in ["get-one-identity", "export", "list-enrollment-ids"] {
                assert!(done.stdout.contains(command), "{shell} {command}");
            }
        }
    }
}
