//! `cast-votes`: puts votes into the table `votes` at a steady rate over the DynamoDB API.
//!
//! A client like any other: it knows the HTTP API and nothing of the server's rooms. What a vote looks like lives in
//! `voters`, how it gets there in `client`, what is said about it in `report`.

mod client;
mod options;
mod report;
mod run;
mod sign;
mod voters;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let options = options::Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime on this thread needs nothing but memory");
    match runtime.block_on(run::run(options)) {
        Ok(outcome) if outcome.errors == 0 => std::process::ExitCode::SUCCESS,
        Ok(_) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
