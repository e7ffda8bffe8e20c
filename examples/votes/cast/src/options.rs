//! The command line of `cast-votes`, parsed into values that cannot be wrong. Knows nothing of HTTP.

use clap::Parser;
use std::time::Duration;

/// Casts votes at a steady rate, from a distribution like a real one: regions of unequal size that favour different
/// improvements, and waves of popularity that come and go.
#[derive(Clone, Debug, Parser)]
#[command(name = "cast-votes", version)]
pub struct Options {
    /// Votes a second; 0 casts as fast as the server takes them
    #[arg(long, default_value_t = 100.0, value_parser = rate)]
    pub rate: f64,
    /// Stop after this many (otherwise until Ctrl-C)
    #[arg(long)]
    pub count: Option<u64>,
    /// Stop after this long: 90s, 5m, 1h
    #[arg(long, value_parser = duration, conflicts_with = "count")]
    pub duration: Option<Duration>,
    /// Where the server is
    #[arg(long, env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:8000", value_parser = endpoint)]
    pub endpoint: Endpoint,
    /// Table to cast into
    #[arg(long, default_value = "votes")]
    pub table: String,
    /// Share of the operations that change a vote cast earlier: 2% or 0.02
    #[arg(long, default_value = "2%", value_parser = share)]
    pub changes: f64,
    /// Share of the operations that delete a vote cast earlier
    #[arg(long, default_value = "1%", value_parser = share)]
    pub deletes: f64,
    /// Connections kept open
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,
    /// Dice: the same seed casts the same votes (their ids aside)
    #[arg(long)]
    pub seed: Option<u64>,
    /// Region in the signature
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    #[arg(long, env = "AWS_ACCESS_KEY_ID", default_value = "local", hide = true)]
    pub access_key: String,
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", default_value = "local", hide = true, hide_env_values = true)]
    pub secret_key: String,
}

/// Host and port of an `http://` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

impl Endpoint {
    /// `host:port`, as in the `Host` header.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Host without the brackets of an IPv6 address, as the resolver wants it.
    pub fn resolvable(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    let rest = text.strip_prefix("http://").ok_or("an address like http://127.0.0.1:8000 is wanted")?;
    let authority = rest.trim_end_matches('/');
    if authority.is_empty() || authority.contains(['/', '?', '@']) {
        return Err("an address like http://127.0.0.1:8000 is wanted".to_owned());
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let port = port.parse().map_err(|_| format!("`{port}` is not a port"))?;
            Ok(Endpoint { host: host.to_owned(), port })
        }
        _ => Ok(Endpoint { host: authority.to_owned(), port: 80 }),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=10_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("votes a second, from 0 to 10000000".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let (number, divisor) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..=0.5).contains(&(number / divisor)) => Ok(number / divisor),
        _ => Err("a share like 2% or 0.02, at most 50%".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("`{unit}` is not one of ms, s, m, h")),
    };
    match digits.parse::<f64>() {
        Ok(number) if number > 0.0 && number * seconds < 1e9 => Ok(Duration::from_secs_f64(number * seconds)),
        _ => Err("a time like 90s or 5m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_people_write_them() {
        assert_eq!(share("2%"), Ok(0.02));
        assert_eq!(share("0.02"), Ok(0.02));
        assert!(share("80%").is_err() && share("-1%").is_err() && share("many").is_err());
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("5 fortnights").is_err() && duration("-5s").is_err() && duration("").is_err());
        assert_eq!(endpoint("http://localhost:8000/"), Ok(Endpoint { host: "localhost".into(), port: 8000 }));
        assert_eq!(endpoint("http://[::1]:80"), Ok(Endpoint { host: "[::1]".into(), port: 80 }));
        assert_eq!(endpoint("http://[::1]"), Ok(Endpoint { host: "[::1]".into(), port: 80 }));
        assert!(endpoint("https://amazonaws.com").is_err() && endpoint("http://a/b").is_err());
    }
}
