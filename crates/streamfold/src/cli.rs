//! The command line and its environment variables, parsed into values that cannot be wrong.

use crate::units;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A DynamoDB-compatible database whose tables stream their changes into views and dashboards.
#[derive(Debug, Parser)]
#[command(name = "streamfold", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create what a template names, and run it
    Up(Up),
    /// Run a data directory as it is, without a template
    Serve(Serve),
    /// Say what is wrong with a template, and nothing more
    Check(Template),
    /// Call a function of a running server, and print its answer
    Invoke(Invoke),
    /// Print what a function of a running server logs
    Logs(Logs),
    /// Look at records that are parked, and let them go
    Quarantine(Quarantine),
    /// Look at executions of exports, and decide about them
    Exports(Exports),
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    pub template: Template,
    /// Where the data lives [default: .streamfold beside the template]
    #[arg(long, env = "STREAMFOLD_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Restart a function when a file of its code changes
    #[arg(long, env = "STREAMFOLD_WATCH")]
    pub watch: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Where a running server is.
#[derive(Debug, Args)]
pub struct Running {
    /// The running server
    #[arg(long, env = "STREAMFOLD_URL", default_value = "http://127.0.0.1:8000")]
    pub url: String,
}

#[derive(Debug, Args)]
pub struct Invoke {
    /// The function's name; with --from-quarantine, the trigger says
    #[arg(required_unless_present = "from_quarantine")]
    pub function: Option<String>,
    /// JSON, @FILE, or - for standard input
    #[arg(long, default_value = "{}", conflicts_with = "from_quarantine")]
    pub payload: String,
    /// Call with the parked records of this key, which stay parked: for a debugger
    #[arg(long, value_name = "ID")]
    pub from_quarantine: Option<String>,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Args)]
pub struct Logs {
    pub function: String,
    /// Go on with what comes
    #[arg(long, short)]
    pub follow: bool,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Args)]
pub struct Quarantine {
    #[command(subcommand)]
    pub what: Parked,
}

#[derive(Debug, Subcommand)]
pub enum Parked {
    /// All parked keys
    List(Running),
    /// The records of a key, in full
    Show(ParkedKey),
    /// Call the function with the key's records again, in order
    Retry(ParkedKey),
    /// Give up the record that failed, and deliver what waits behind it
    Drop(ParkedKey),
}

#[derive(Debug, Args)]
pub struct ParkedKey {
    /// As `list` shows it
    pub id: String,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Args)]
pub struct Exports {
    #[command(subcommand)]
    pub what: Executions,
}

#[derive(Debug, Subcommand)]
pub enum Executions {
    /// Executions, newest first
    List(ListedExecutions),
    /// One execution: its steps, what it found, why it is held
    Show(ShownExecution),
    /// Try a failed one again, with its objects as they are now
    Retry(OneExecution),
    /// Have a held one publish what it found
    Release(OneExecution),
    /// Give one up that has not begun to publish
    Reject(OneExecution),
}

#[derive(Debug, Args)]
pub struct ListedExecutions {
    /// Only those of TENANT/TABLE
    pub table: Option<String>,
    /// So many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub most: u16,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Args)]
pub struct ShownExecution {
    #[command(flatten)]
    pub execution: OneExecution,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Go on until it is at its end, held or failed
    #[arg(long, short, conflicts_with = "json")]
    pub follow: bool,
}

#[derive(Debug, Args)]
pub struct OneExecution {
    /// TENANT/TABLE/VERSION, as `list` shows it
    #[arg(value_parser = units::execution)]
    pub execution: String,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Where the data lives
    #[arg(long, env = "STREAMFOLD_DATA", value_name = "DIR")]
    pub data: PathBuf,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Debug, Args)]
pub struct Template {
    /// A SAM/CloudFormation template, or the folder that holds one
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// A parameter of the template, as in --parameter Stage=prod (or STREAMFOLD_PARAMETER_Stage=prod)
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = units::parameter)]
    pub parameters: Vec<(String, String)>,
    #[command(flatten)]
    pub place: Place,
}

/// Where AWS would be.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Region, as in ARNs and `AWS::Region`
    #[arg(long, env = "STREAMFOLD_REGION", default_value = "us-east-1", value_parser = units::region)]
    pub region: String,
    /// Account, as in ARNs and `AWS::AccountId`
    #[arg(long, env = "STREAMFOLD_ACCOUNT", default_value = "000000000000", value_parser = units::account)]
    pub account: String,
}

#[derive(Debug, Args)]
pub struct Server {
    /// Port to listen on; 0 takes a free one
    #[arg(long, env = "STREAMFOLD_PORT", default_value_t = 8000)]
    pub port: u16,
    /// Address to listen on; beyond loopback, a --key is required
    #[arg(long, env = "STREAMFOLD_HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Bytes for write buffers and caches together
    #[arg(long, env = "STREAMFOLD_MEMORY", default_value = "1G", value_parser = units::memory, value_name = "SIZE")]
    pub memory: usize,
    /// Size of a log segment; tests make it small
    #[arg(long, env = "STREAMFOLD_SEGMENT_BYTES", default_value = "64M", value_parser = units::bytes, hide = true)]
    pub segment_bytes: usize,
    /// When a write is answered
    #[arg(long, env = "STREAMFOLD_DURABILITY", default_value = "durable")]
    pub durability: Durability,
    /// How long changes can be read from a stream: 24h, 7d, forever
    #[arg(long, env = "STREAMFOLD_RETENTION", default_value = "24h", value_parser = units::period_ms)]
    pub retention: u64,
    /// How long after its time an item with a time to live is deleted: 0, 90s, 48h; at AWS it may be two days
    #[arg(long, env = "STREAMFOLD_TTL_DELAY", default_value = "0", value_parser = units::delay_ms, value_name = "TIME")]
    pub ttl_delay: u64,
    /// Of a hundred transactions, cancel so many with a TransactionConflict, to see retries at work
    #[arg(
        long,
        env = "STREAMFOLD_INJECT_CONFLICTS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u8).range(0..=100),
        value_name = "PERCENT"
    )]
    pub inject_conflicts: u8,
    /// An access key that requests must be signed with; may be given several times
    #[arg(
        long = "key",
        env = "STREAMFOLD_KEY",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = units::key,
        value_name = "ID:SECRET"
    )]
    pub keys: Vec<(String, String)>,
    /// An access key that may read and not write; may be given several times
    #[arg(
        long = "read-only-key",
        env = "STREAMFOLD_READ_ONLY_KEY",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = units::key,
        value_name = "ID:SECRET"
    )]
    pub read_only_keys: Vec<(String, String)>,
    /// A name under which browsers may open the pages, beside loopback and --host; `*` allows any
    #[arg(long = "page-host", env = "STREAMFOLD_PAGE_HOST", value_delimiter = ',', value_name = "NAME")]
    pub page_hosts: Vec<String>,
    /// Connections served at once; further ones wait until one is closed
    #[arg(
        long,
        env = "STREAMFOLD_CONNECTIONS",
        value_name = "N",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub connections: u32,
    /// The Python 3 that runs functions of every python3.x
    #[arg(long, env = "STREAMFOLD_PYTHON", value_name = "FILE", default_value = "python3")]
    pub python: PathBuf,
    /// The Node.js that runs functions of every nodejs
    #[arg(long, env = "STREAMFOLD_NODE", value_name = "FILE", default_value = "node")]
    pub node: PathBuf,
    /// Processes of functions at once, over all of them
    #[arg(
        long,
        env = "STREAMFOLD_PROCESSES",
        value_name = "N",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub processes: u16,
    /// Threads that serve HTTP (one a core, eight at most)
    #[arg(long, env = "STREAMFOLD_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// After it is on disk
    Durable,
    /// At once; a power loss may take the last 50 ms
    Relaxed,
}

impl Server {
    /// All access keys, and whether each may only read; the first to be shown to people comes first.
    pub fn all_keys(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        let keys = self.keys.iter().map(|key| (key, false));
        let all = keys.chain(self.read_only_keys.iter().map(|key| (key, true)));
        all.map(|((id, secret), read_only)| (id.as_str(), secret.as_str(), read_only))
    }
}

impl Template {
    /// Parameters from the environment (`STREAMFOLD_PARAMETER_Stage`), then those of the command line, which win.
    pub fn all_parameters(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = std::env::vars()
            .filter_map(|(name, value)| Some((name.strip_prefix("STREAMFOLD_PARAMETER_")?.to_owned(), value)))
            .filter(|(name, _)| !self.parameters.iter().any(|(given, _)| given == name))
            .collect();
        all.extend(self.parameters.iter().cloned());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_of_the_server_has_an_environment_variable() {
        let up = Cli::command();
        let up = up.find_subcommand("up").expect("there is `up`");
        let without: Vec<&str> = up
            .get_arguments()
            .filter(|argument| argument.get_long().is_some() && argument.get_env().is_none())
            .map(|argument| argument.get_id().as_str())
            .collect();
        assert_eq!(without, ["parameters"], "parameters have a variable each");
    }
}
