//! The clinic server's program: reads the command line, and hands over.

use clap::Parser;
use clinic_server::{
    commands,
    config::{Args, Variables},
};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let variables = Variables::of_process().with_files(".");
    match commands::run(Args::parse(), &variables).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("clinic-server: {error}");
            ExitCode::from(2)
        }
    }
}
