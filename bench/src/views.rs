//! Changes on their way into a view: how many a second, and how long one takes to the view's row.

use crate::config::Config;
use std::io::Result;

pub fn run(_config: &Config) -> Result<()> {
    Ok(())
}
