//! The `usher` binary: reads the command line and hands over.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use usher::cli::{self, Cli, Command, TokenArgs};
use usher::clock::{Clock, SystemClock};
use usher::config::Config;
use usher::{app, db, lifecycle, telemetry};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // One line per fault, without a backtrace: most errors here are settings to mend.
            if writeln!(stderr(), "{error:#}").is_err() {
                return ExitCode::from(2);
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let loaded = cli.load_config();
    if matches!(cli.command(), Command::CheckConfig) {
        let keys = loaded.as_ref().map_or(Ok(()), app::check_keys);
        let valid = cli::check_config(&loaded, &keys, &mut stdout())?;
        return Ok(if valid {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let config = loaded?;
    telemetry::init(&config.log)?;
    match cli.command() {
        Command::Serve => lifecycle::run(&config, || cli.load_config())?,
        Command::Migrate => migrate(&config)?,
        Command::Token(request) => print_token(&config, request)?,
        Command::CheckConfig => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn migrate(config: &Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(db::migrate(&app::db_options(config)))
        .context("migrating the database")
}

fn print_token(config: &Config, request: &TokenArgs) -> anyhow::Result<()> {
    let now = SystemClock.now().0 / 1000;
    writeln!(stdout(), "{}", cli::token(config, request, now)?)?;
    Ok(())
}
