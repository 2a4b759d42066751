//! `pep completions`: the shell's knowledge of this command line.

use clap::{Args, Command};
use clap_complete::Shell;

use super::Done;

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

/// The completions of the chosen shell for `command`.
pub fn run(options: &Options, mut command: Command) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "pep", &mut script);
    Done::printed(String::from_utf8_lossy(&script).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Arguments;
    use clap::CommandFactory as _;

    #[test]
    fn every_shell_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let done = run(&Options { shell }, Arguments::command());
            for command in ["get-one-identity", "export", "list-enrollment-ids"] {
                assert!(done.stdout.contains(command), "{shell} {command}");
            }
        }
    }
}
