//! `ristourne completions SHELL`: what a shell completes, on stdout.

use crate::app::{failure::Failure, serve::say};
use clap_complete::Shell;

const HELP: &str = "\
Examples:
  ristourne completions bash > ~/.local/share/bash-completion/completions/ristourne
  ristourne completions zsh > ~/.zfunc/_ristourne          with fpath+=~/.zfunc before compinit in ~/.zshrc
  ristourne completions fish > ~/.config/fish/completions/ristourne.fish";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args, mut command: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "ristourne", &mut script);
    say(&String::from_utf8_lossy(&script))?;
    Ok(())
}
