//! The `usher` binary: reads the command line and hands over.

use std::io::stdout;
use std::process::ExitCode;

use clap::Parser;
use usher::cli::{self, Cli};

fn main() -> anyhow::Result<ExitCode> {
    let loaded = Cli::parse().load_config();
    let valid = cli::check_config(&loaded, &mut stdout())?;
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
